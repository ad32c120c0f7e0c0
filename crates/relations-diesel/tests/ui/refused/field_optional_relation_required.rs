//! The field of the entity is an `Option`; the relation is `One`.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

use recto_relations::relations;

entity!(Author in authors { name: String });
entity!(Article in articles { title: String, author_id: Option<i64> });

relations! {
    pub static MAGAZINE = "magazine": Author, Article;

    AuthorArticles = Author.articles: Many <=> ArticleAuthor = Article.author: One(author_id), on delete Restrict;
}

fn main() {}
