//! The entity's member may be empty; the relation says `one`.

use recto_domain::relations;
use recto_proof::entity;

entity!(Author in authors { name: String });
entity!(Article in articles { title: String, author_id: Option<i64> });

relations! {
    pub static ROOM = "magazine" at "/magazine";

    AuthorArticles = Author.articles: many <=> ArticleAuthor = Article.author: one(author_id), on delete Restrict;
}

fn main() {}
