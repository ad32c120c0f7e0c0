//! A direction whose way back comes from somewhere else.

use recto_relations::{
    Cardinality, InModule, Many, Module, OnDelete, Relation, RelationInfo, Storage,
};
use recto_proof::entity;

static ROOM: Module = Module {
    name: "magazine",
    entities: &[<Author as recto_relations::Entity>::INFO, <Article as recto_relations::Entity>::INFO],
    relations: &[AuthorArticles::INFO],
};

impl InModule for Author {
    fn module() -> &'static Module {
        &ROOM
    }
}

impl InModule for Article {
    fn module() -> &'static Module {
        &ROOM
    }
}

entity!(Author in authors { name: String });
entity!(Article in articles { title: String, author_id: i64 });

#[derive(Debug, Clone, Copy, Default)]
pub struct AuthorArticles;

impl Relation for AuthorArticles {
    type From = Author;
    type To = Article;
    type Inverse = recto_domain::ReviewBook;
    type Kind = Many;
    type Data = ();

    const INFO: &'static RelationInfo = &RelationInfo {
        name: "articles",
        from: <Author as recto_relations::Entity>::INFO,
        to: <Article as recto_relations::Entity>::INFO,
        inverse: "author",
        cardinality: Cardinality::Many,
        on_delete: Some(OnDelete::Restrict),
        storage: Storage::ForeignKey { table: "articles", column: "author_id" },
        order: None,
    };
}

fn main() {}
