//! Disposable databases and servers of Recto for integration tests, on SQLite and PostgreSQL.

pub mod browser;
pub mod database;
pub mod ids;
pub mod postgres;
pub mod server;
pub mod statements;

// Runs the Rust code of the documents as doctests.
#[cfg(doctest)]
mod documents {
    macro_rules! documents {
        ($($name:ident $path:literal)*) => {
            $(#[doc = include_str!(concat!("../../../", $path))] struct $name;)*
        };
    }

    documents! {
        Libraries "docs/libraries.md"
        Architecture "ARCHITECTURE.md"
        ApiConventions "docs/api-conventions.md"
        Introduction "docs/guide/introduction.md"
        Bidirectional "docs/guide/bidirectional.md"
        ForeignKey "docs/guide/foreign-key.md"
        Optional "docs/guide/optional.md"
        OneToMany "docs/guide/one-to-many.md"
        Triangle "docs/guide/triangle.md"
        ManyToMany "docs/guide/many-to-many.md"
        LinksWithData "docs/guide/links-with-data.md"
        SeveralLevels "docs/guide/several-levels.md"
        SelfReference "docs/guide/self-reference.md"
        TwoKeys "docs/guide/two-keys.md"
        Recursion "docs/guide/recursion.md"
        NPlusOne "docs/guide/n-plus-one.md"
        Loading "docs/guide/loading.md"
        ResponseModels "docs/guide/response-models.md"
        OnePlace "docs/guide/one-place.md"
        Migrations "docs/guide/migrations.md"
        Comparison "docs/guide/comparison.md"
    }
}
