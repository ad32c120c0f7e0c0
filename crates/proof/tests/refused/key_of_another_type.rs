//! The key is a number of 32 bits, the key that it points at one of 64.

use recto_relations::relations;
use recto_persistence::map_relations;
use recto_proof::{entity, row};

diesel::table! {
    articles (id) {
        id -> BigInt,
        title -> Text,
        series_id -> Integer,
    }
}

entity!(Article in articles { title: String, series_id: i64 });

relations! {
    pub static ROOM = "magazine": Article;

    ArticleParts = Article.parts: Many <=> ArticleSeries = Article.series: One(series_id), on delete Restrict;
}

row!(ArticleRow of Article in articles { title: String, series_id: i32 });

map_relations! {
    static EDGES;

    ArticleParts <=> ArticleSeries: articles.series_id -> self.id as ArticleRow;
}

fn main() {}
