//! The foreign key is gone from the entity; the relation still names it.

use recto_relations::relations;
use recto_proof::entity;

entity!(Author in authors { name: String });
entity!(Article in articles { title: String });

relations! {
    pub static ROOM = "magazine": Author, Article;

    AuthorArticles = Author.articles: Many <=> ArticleAuthor = Article.author: One(author_id), on delete Restrict;
}

fn main() {}
