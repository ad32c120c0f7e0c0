//! Diesel was not told that the tables can be joined.

use recto_relations::relations;
use recto_persistence::map_relations;
use recto_proof::{entity, row};

diesel::table! {
    authors (id) {
        id -> BigInt,
        name -> Text,
    }
}

diesel::table! {
    articles (id) {
        id -> BigInt,
        title -> Text,
        author_id -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(articles, authors);

entity!(Author in authors { name: String });
entity!(Article in articles { title: String, author_id: i64 });

relations! {
    pub static ROOM = "magazine": Author, Article;

    AuthorArticles = Author.articles: Many <=> ArticleAuthor = Article.author: One(author_id), on delete Restrict;
}

row!(AuthorRow of Author in authors { name: String });
row!(ArticleRow of Article in articles { title: String, author_id: i64 });

map_relations! {
    static EDGES;

    AuthorArticles <=> ArticleAuthor: articles.author_id -> authors.id as ArticleRow;
}

fn main() {}
