//! The foreign key is gone from the entity; the relation still names it.

use recto_domain::relations;
use recto_proof::entity;

entity!(Author in authors { name: String });
entity!(Article in articles { title: String });

relations! {
    pub static ROOM = "magazine" at "/magazine";

    AuthorArticles = Author.articles: many <=> ArticleAuthor = Article.author: one(author_id), on delete Restrict;
}

fn main() {}
