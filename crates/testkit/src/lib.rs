//! Disposable databases and servers of Recto for integration tests, on SQLite and PostgreSQL.

pub mod database;
pub mod ids;
pub mod postgres;
pub mod server;

// Runs the Rust code of the documents as doctests.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../ARCHITECTURE.md")]
    struct Architecture;
    #[doc = include_str!("../../../docs/api-conventions.md")]
    struct ApiConventions;
    #[doc = include_str!("../../../docs/guide/introduction.md")]
    struct Introduction;
    #[doc = include_str!("../../../docs/guide/bidirectional.md")]
    struct Bidirectional;
    #[doc = include_str!("../../../docs/guide/foreign-key.md")]
    struct ForeignKey;
    #[doc = include_str!("../../../docs/guide/optional.md")]
    struct Optional;
    #[doc = include_str!("../../../docs/guide/one-to-many.md")]
    struct OneToMany;
    #[doc = include_str!("../../../docs/guide/triangle.md")]
    struct Triangle;
    #[doc = include_str!("../../../docs/guide/many-to-many.md")]
    struct ManyToMany;
    #[doc = include_str!("../../../docs/guide/links-with-data.md")]
    struct LinksWithData;
    #[doc = include_str!("../../../docs/guide/several-levels.md")]
    struct SeveralLevels;
    #[doc = include_str!("../../../docs/guide/self-reference.md")]
    struct SelfReference;
    #[doc = include_str!("../../../docs/guide/two-keys.md")]
    struct TwoKeys;
    #[doc = include_str!("../../../docs/guide/recursion.md")]
    struct Recursion;
    #[doc = include_str!("../../../docs/guide/n-plus-one.md")]
    struct NPlusOne;
    #[doc = include_str!("../../../docs/guide/loading.md")]
    struct Loading;
    #[doc = include_str!("../../../docs/guide/response-models.md")]
    struct ResponseModels;
    #[doc = include_str!("../../../docs/guide/one-place.md")]
    struct OnePlace;
    #[doc = include_str!("../../../docs/guide/migrations.md")]
    struct Migrations;
    #[doc = include_str!("../../../docs/guide/comparison.md")]
    struct Comparison;
}
