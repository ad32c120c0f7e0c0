//! The field of the entity is not an `Option`; the relation is `Optional`.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

use recto_relations::relations;

entity!(Author in authors { name: String });
entity!(Article in articles { title: String, author_id: i64 });

relations! {
    pub static MAGAZINE = "magazine": Author, Article;

    AuthorArticles = Author.articles: Many <=> ArticleAuthor = Article.author: Optional(author_id), on delete SetNull;
}

fn main() {}
