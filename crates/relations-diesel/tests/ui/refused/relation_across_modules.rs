//! A relation with an entity of another module.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

use recto_relations::relations;

entity!(Author in authors { name: String });
entity!(Article in articles { title: String, author_id: i64 });

relations! {
    pub static PEOPLE = "people": Author;
}

relations! {
    pub static MAGAZINE = "magazine": Article;

    AuthorArticles = Author.articles: Many <=> ArticleAuthor = Article.author: One(author_id), on delete Restrict;
}

fn main() {}
