//! A relation that is declared and mapped correctly.

#[macro_use]
#[path = "support/mod.rs"]
mod support;

use diesel::prelude::*;
use recto_relations::relations;
use recto_relations_diesel::{HasMany, map_relations};
use support::{Error, Magazine};

diesel::table! {
    authors (id) { id -> BigInt, name -> Text }
}

diesel::table! {
    articles (id) { id -> BigInt, title -> Text, author_id -> BigInt }
}

diesel::joinable!(articles -> authors (author_id));
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

#[derive(Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = articles, belongs_to(AuthorRow, foreign_key = author_id))]
pub struct ArticleRow {
    id: i64,
    title: String,
    author_id: i64,
}

stored!(AuthorRow as Author { name });
stored!(ArticleRow as Article { title, author_id });

map_relations! { Magazine, Error;
    AuthorArticles <=> ArticleAuthor: HasMany<AuthorRow, ArticleRow>;
}

pub fn titles(author: recto_relations::View<'_, Author>) -> Result<Vec<String>, recto_relations::NotLoaded> {
    Ok(author.get(AuthorArticles)?.map(|article| article.title.clone()).collect())
}

fn main() {}
