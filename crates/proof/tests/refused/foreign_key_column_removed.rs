//! The foreign key is gone from the table and from its row; the mapping still names it.

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
#[derive(diesel::Queryable, diesel::Selectable, diesel::Identifiable)]
#[diesel(table_name = articles)]
struct ArticleRow {
    id: i64,
    title: String,
}

impl TryFrom<ArticleRow> for Article {
    type Error = recto_persistence::Error;

    fn try_from(row: ArticleRow) -> Result<Self, recto_persistence::Error> {
        Ok(Self { id: row.id, title: row.title, author_id: 1 })
    }
}

recto_persistence::stored!(Article, ArticleRow, articles.id, edges: EDGES, sorts: []);

map_relations! {
    static EDGES;

    AuthorArticles <=> ArticleAuthor: articles.author_id -> authors.id as ArticleRow;
}

fn main() {}
