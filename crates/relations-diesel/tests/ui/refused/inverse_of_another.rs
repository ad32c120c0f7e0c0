//! A direction with the inverse of another relation.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

use recto_relations::{
    Cardinality, Entity as _, Many, OnDelete, Relation, RelationInfo, Storage, relations,
};

entity!(Author in authors { name: String });
entity!(Article in articles { title: String, author_id: i64 });

entity!(Photo in photos { article_id: i64 });

relations! {
    pub static MAGAZINE = "magazine": Author, Article, Photo;

    ArticlePhotos = Article.photos: Many <=> PhotoArticle = Photo.article: One(article_id), on delete Cascade;
}

#[derive(Debug, Clone, Copy, Default)]
pub struct AuthorArticles;

impl Relation for AuthorArticles {
    type From = Author;
    type To = Article;
    type Inverse = PhotoArticle;
    type Cardinality = Many;
    type Data = ();

    const INFO: &'static RelationInfo = &RelationInfo {
        name: "articles",
        from: Author::INFO,
        to: Article::INFO,
        inverse: "author",
        cardinality: Cardinality::Many,
        on_delete: Some(OnDelete::Restrict),
        storage: Storage::ForeignKey { table: "articles", column: "author_id" },
        order: None,
    };
}

fn main() {}
