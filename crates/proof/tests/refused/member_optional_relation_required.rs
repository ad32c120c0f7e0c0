//! The entity's member may be empty; the relation says `one`.

use recto_relations::relations;
use recto_proof::entity;

entity!(Author in authors { name: String });
entity!(Article in articles { title: String, author_id: Option<i64> });

relations! {
    pub static ROOM = "magazine": Author, Article;

    AuthorArticles = Author.articles: Many <=> ArticleAuthor = Article.author: One(author_id), on delete Restrict;
}

fn main() {}
