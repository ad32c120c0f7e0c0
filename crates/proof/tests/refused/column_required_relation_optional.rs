//! The column is never empty; the relation says that an article may lack an author.

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

diesel::joinable!(articles -> authors (author_id));
diesel::allow_tables_to_appear_in_same_query!(articles, authors);

entity!(Author in authors { name: String });
entity!(Article in articles { title: String, author_id: Option<i64> });

relations! {
    pub static ROOM = "magazine": Author, Article;

    AuthorArticles = Author.articles: Many <=> ArticleAuthor = Article.author: Optional(author_id), on delete SetNull;
}

row!(AuthorRow of Author in authors { name: String });
row!(ArticleRow of Article in articles { title: String, author_id: i64 });

map_relations! {
    static EDGES;

    AuthorArticles <=> ArticleAuthor: articles.author_id -> authors.id as ArticleRow;
}

fn main() {}
