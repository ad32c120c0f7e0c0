//! The foreign key is a 32-bit integer; the referenced key is a 64-bit integer.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

use diesel::prelude::*;
use recto_relations::relations;
use recto_relations_diesel::{HasMany, SameTable, map_relations};
use support::{Error, Magazine};

diesel::table! {
    articles (id) { id -> BigInt, title -> Text, series_id -> Integer }
}

entity!(Article in articles { title: String, series_id: i64 });

relations! {
    pub static MAGAZINE = "magazine": Article;

    ArticleParts = Article.parts: Many <=> ArticleSeries = Article.series: One(series_id), on delete Restrict;
}

#[derive(Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = articles, belongs_to(ArticleRow, foreign_key = series_id))]
pub struct ArticleRow {
    id: i64,
    title: String,
    series_id: i32,
}

stored!(ArticleRow as Article { title, series_id });

map_relations! { Magazine, Error;
    ArticleParts <=> ArticleSeries: HasMany<ArticleRow, ArticleRow, SameTable>;
}

fn main() {}
