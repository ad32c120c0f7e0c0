//! The table and its row have no foreign key, and the row no `belongs_to`.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

use diesel::prelude::*;
use recto_relations::relations;
use recto_relations_diesel::{HasMany, map_relations};
use support::{Error, Magazine};

diesel::table! {
    authors (id) { id -> BigInt, name -> Text }
}

diesel::table! {
    articles (id) { id -> BigInt, title -> Text }
}

diesel::allow_tables_to_appear_in_same_query!(articles, authors);

entity!(Author in authors { name: String });
entity!(Article in articles { title: String, author_id: i64 });

relations! {
    pub static MAGAZINE = "magazine": Author, Article;

    AuthorArticles = Author.articles: Many <=> ArticleAuthor = Article.author: One(author_id), on delete Restrict;
}

#[derive(Queryable, Selectable, Identifiable)]
#[diesel(table_name = authors)]
pub struct AuthorRow {
    id: i64,
    name: String,
}

#[derive(Queryable, Selectable, Identifiable)]
#[diesel(table_name = articles)]
pub struct ArticleRow {
    id: i64,
    title: String,
}

stored!(AuthorRow as Author { name });

impl TryFrom<ArticleRow> for Article {
    type Error = Error;

    fn try_from(row: ArticleRow) -> Result<Self, Error> {
        Ok(Self { id: row.id, title: row.title, author_id: 1 })
    }
}

impl recto_relations_diesel::Stored<Magazine> for Article {
    type Row = ArticleRow;
    type Filter = ();
    const SORTS: &'static [recto_relations_diesel::SortColumn] = &[];
}

map_relations! { Magazine, Error;
    AuthorArticles <=> ArticleAuthor: HasMany<AuthorRow, ArticleRow>;
}

fn main() {}
