//! A relation with a single direction.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

use recto_relations::relations;

entity!(Author in authors { name: String });
entity!(Article in articles { title: String, author_id: i64 });

relations! {
    pub static MAGAZINE = "magazine": Author, Article;

    AuthorArticles = Author.articles: Many, on delete Restrict;
}

fn main() {}
