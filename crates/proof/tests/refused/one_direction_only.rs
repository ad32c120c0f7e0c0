//! A relation with one name: from an author to the articles, and no way back.

use recto_relations::relations;
use recto_proof::entity;

entity!(Author in authors { name: String });
entity!(Article in articles { title: String, author_id: i64 });

relations! {
    pub static ROOM = "magazine": Author, Article;

    AuthorArticles = Author.articles: Many, on delete Restrict;
}

fn main() {}
