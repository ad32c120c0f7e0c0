//! A relation is followed from the wrong entity.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

use recto_relations::{NotLoaded, View, relations};

entity!(Author in authors { name: String });
entity!(Article in articles { title: String, author_id: i64 });

relations! {
    pub static MAGAZINE = "magazine": Author, Article;

    AuthorArticles = Author.articles: Many <=> ArticleAuthor = Article.author: One(author_id), on delete Restrict;
}

pub fn titles(article: View<'_, Article>) -> Result<Vec<String>, NotLoaded> {
    Ok(article.get(AuthorArticles)?.map(|article| article.title.clone()).collect())
}

fn main() {}
