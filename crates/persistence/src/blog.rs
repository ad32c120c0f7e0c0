//! The blog: posts and comments.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use recto_domain::{Comment, Post, text_key};
use recto_relations_diesel::{SortColumn, Stored, Writable};

use crate::row::RowContext;
use crate::schema::{comments, posts};
use crate::sql_types::InstantValue;
use crate::{Error, Recto, Rules};

/// A row of `posts`.
#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = posts, check_for_backend(Sqlite, Pg))]
pub struct PostRow {
    id: i64,
    title: String,
    content: String,
    created_at: InstantValue,
    updated_at: InstantValue,
    version: i64,
}

impl TryFrom<PostRow> for Post {
    type Error = Error;

    fn try_from(row: PostRow) -> Result<Self, Error> {
        let context = RowContext { table: "posts", row: &row.id };
        Ok(Self {
            id: context.column("id", row.id)?,
            title: context.column("title", row.title)?,
            content: context.column("content", row.content)?,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            version: row.version.into(),
        })
    }
}

/// The written columns of a post.
#[derive(Debug, Insertable, AsChangeset)]
// Needed to insert several rows in one statement on SQLite.
#[diesel(
    table_name = posts,
    treat_none_as_null = true,
    treat_none_as_default_value = false
)]
pub struct PostRecord<'a> {
    title: &'a str,
    title_key: String,
    content: &'a str,
    created_at: InstantValue,
    updated_at: InstantValue,
    version: i64,
}

impl<'a> From<&'a Post> for PostRecord<'a> {
    fn from(post: &'a Post) -> Self {
        Self {
            title: post.title.as_str(),
            title_key: text_key(post.title.as_str()),
            content: post.content.as_str(),
            created_at: InstantValue(post.created_at),
            updated_at: InstantValue(post.updated_at),
            version: post.version.into(),
        }
    }
}

impl Stored<Recto> for Post {
    type Row = PostRow;
    type Filter = ();
    const SORTS: &'static [SortColumn] = &[SortColumn::new("title", &posts::title_key)];
}

impl Writable<Recto> for Post {
    type Record<'a> = PostRecord<'a>;
}

impl Rules for Post {
    type References = ();
}

/// A row of `comments`.
#[derive(Debug, Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = comments, check_for_backend(Sqlite, Pg))]
#[diesel(belongs_to(PostRow, foreign_key = post_id))]
pub struct CommentRow {
    id: i64,
    text: String,
    post_id: i64,
    created_at: InstantValue,
    updated_at: InstantValue,
    version: i64,
}

impl TryFrom<CommentRow> for Comment {
    type Error = Error;

    fn try_from(row: CommentRow) -> Result<Self, Error> {
        let context = RowContext { table: "comments", row: &row.id };
        Ok(Self {
            id: context.column("id", row.id)?,
            text: context.column("text", row.text)?,
            post_id: context.column("post_id", row.post_id)?,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            version: row.version.into(),
        })
    }
}

/// The written columns of a comment.
#[derive(Debug, Insertable, AsChangeset)]
// Needed to insert several rows in one statement on SQLite.
#[diesel(
    table_name = comments,
    treat_none_as_null = true,
    treat_none_as_default_value = false
)]
pub struct CommentRecord<'a> {
    text: &'a str,
    post_id: i64,
    created_at: InstantValue,
    updated_at: InstantValue,
    version: i64,
}

impl<'a> From<&'a Comment> for CommentRecord<'a> {
    fn from(comment: &'a Comment) -> Self {
        Self {
            text: comment.text.as_str(),
            post_id: comment.post_id.get(),
            created_at: InstantValue(comment.created_at),
            updated_at: InstantValue(comment.updated_at),
            version: comment.version.into(),
        }
    }
}

impl Stored<Recto> for Comment {
    type Row = CommentRow;
    type Filter = ();
    const SORTS: &'static [SortColumn] = &[];
}

impl Writable<Recto> for Comment {
    type Record<'a> = CommentRecord<'a>;
}

impl Rules for Comment {
    type References = ();
}
