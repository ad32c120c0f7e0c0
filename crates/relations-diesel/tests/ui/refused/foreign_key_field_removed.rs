//! The entity has no foreign key; the relation names one.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

use recto_relations::relations;

entity!(Author in authors { name: String });
entity!(Article in articles { title: String });

relations! {
    pub static MAGAZINE = "magazine": Author, Article;

    AuthorArticles = Author.articles: Many <=> ArticleAuthor = Article.author: One(author_id), on delete Restrict;
}

fn main() {}
