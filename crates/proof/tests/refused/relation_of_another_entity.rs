//! An article is asked for the articles of an author.

use recto_domain::relation::{NotLoaded, View};
use recto_domain::relations;
use recto_proof::entity;

entity!(Author in authors { name: String });
entity!(Article in articles { title: String, author_id: i64 });

relations! {
    pub static ROOM = "magazine" at "/magazine";

    AuthorArticles = Author.articles: many <=> ArticleAuthor = Article.author: one(author_id), on delete Restrict;
}

pub fn titles(article: View<'_, Article>) -> Result<Vec<String>, NotLoaded> {
    Ok(article.get(AuthorArticles)?.map(|article| article.title.clone()).collect())
}

fn main() {}
