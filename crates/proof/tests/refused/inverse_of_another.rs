//! A direction whose way back comes from somewhere else.

use recto_domain::relation::{
    Cardinality, Edge, OnDelete, Relation, RelationInfo, Room, Storage, Views,
};
use recto_proof::entity;

static ROOM: Room =
    Room { name: "magazine", path: "/magazine", relations: &[AuthorArticles::INFO] };

entity!(Author in authors { name: String });
entity!(Article in articles { title: String, author_id: i64 });

#[derive(Debug, Clone, Copy, Default)]
pub struct AuthorArticles;

impl Relation for AuthorArticles {
    type From = Author;
    type To = Article;
    type Inverse = recto_domain::ReviewBook;
    type Loaded<'g> = Views<'g, Article>;
    type Data = ();

    const INFO: &'static RelationInfo = &RelationInfo {
        name: "articles",
        from: <Author as recto_domain::relation::Entity>::INFO,
        to: <Article as recto_domain::relation::Entity>::INFO,
        inverse: "author",
        cardinality: Cardinality::Many,
        on_delete: Some(OnDelete::Restrict),
        storage: Storage::ForeignKey { table: "articles", column: "author_id" },
    };

    fn read(edge: &Edge, index: usize) -> Views<'_, Article> {
        edge.many(index)
    }
}

fn main() {}
