#![doc = include_str!("../README.md")]

mod cost;
mod declare;
mod filter;
mod graph;
mod include;
mod info;
mod page;
mod relation;
mod sort;
mod text;
mod version;

pub use cost::Cost;
pub use filter::{Comparison, Filter, FilterError, Quantifier, Test};
pub use graph::{
    Adjacency, AnyEntities, ContentHasher, Counted, Edge, Entities, Follow, NotCounted, NotLoaded,
    RelatedIter, Span, View,
};
pub use include::{DEFAULT_PER_PARENT, Include, IncludeError, IncludedRelation, MAX_DEPTH, paths};
#[doc(hidden)]
pub use info::same;
pub use info::{
    Cardinality, EntityInfo, Field, Module, OnDelete, RelationInfo, SortField, SortKind, Storage,
};
pub use page::{PageRequest, PageStart, Paged, Seek};
#[doc(hidden)]
pub use relation::foreign_key_of;
pub use relation::{
    CardinalityType, Entity, InModule, Key, KeyField, LinkData, Many, One, Optional, Relation,
    RelationOf, Through, ToMany, ToOne,
};
pub use sort::{KeysetPosition, Sort, SortError, SortTerm, SortValue};
pub use text::{excerpt, text_key};
pub use version::Version;

// The sample entities import this crate by its name.
#[cfg(test)]
extern crate self as recto_relations;

#[cfg(test)]
#[expect(unreachable_pub, reason = "relations are public types, and so are their entities")]
#[path = "../examples/library/model.rs"]
mod library;

#[cfg(test)]
mod tests {
    #[test]
    fn readme_shows_the_example() {
        let readme = include_str!("../README.md");
        let (_, shown) = readme.split_once("```rust,ignore\n").unwrap();
        let (shown, _) = shown.split_once("```").unwrap();
        assert!(include_str!("../examples/library/model.rs").contains(shown));
    }
}
