//! The entity's member is never empty; the relation says `optional`.

use recto_relations::relations;
use recto_proof::entity;

entity!(Author in authors { name: String });
entity!(Article in articles { title: String, author_id: i64 });

relations! {
    pub static ROOM = "magazine": Author, Article;

    AuthorArticles = Author.articles: Many <=> ArticleAuthor = Article.author: Optional(author_id), on delete SetNull;
}

fn main() {}
