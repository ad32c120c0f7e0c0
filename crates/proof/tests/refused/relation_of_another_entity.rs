//! An article is asked for the articles of an author.

use recto_relations::{NotLoaded, View};
use recto_relations::relations;
use recto_proof::entity;

entity!(Author in authors { name: String });
entity!(Article in articles { title: String, author_id: i64 });

relations! {
    pub static ROOM = "magazine": Author, Article;

    AuthorArticles = Author.articles: Many <=> ArticleAuthor = Article.author: One(author_id), on delete Restrict;
}

pub fn titles(article: View<'_, Article>) -> Result<Vec<String>, NotLoaded> {
    Ok(article.get(AuthorArticles)?.map(|article| article.title.clone()).collect())
}

fn main() {}
