//! Entities and relations as types.

use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::str::FromStr;

use serde::Serialize;

use crate::{Cardinality, EntityInfo, Module, RelationInfo, SortField, SortValue};

/// The key of an entity: small, copyable, and ascending with time.
///
/// An entity made later has a greater key, so "newest first" is "greatest key first".
/// Implemented for every type that has the bounds.
pub trait Key: Copy + Eq + Ord + Hash + Debug + Display + FromStr + Send + Sync + 'static {}

impl<T> Key for T where T: Copy + Eq + Ord + Hash + Debug + Display + FromStr + Send + Sync + 'static
{}

/// A type with a place in a [`Module`]. Implemented by [`relations!`](crate::relations) for the
/// entities that it lists.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is in no module",
    label = "not listed as an entity",
    note = "list it in `relations!`: `pub static LIBRARY = \"library\": Author, Book;`"
)]
pub trait InModule {
    /// Returns the module.
    fn module() -> &'static Module;
}

/// Something with a key, a collection and relations.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/library/model.rs"));
/// # fn main() {
/// let book = Book { id: 7, title: "Emma".to_owned(), author_id: Some(1), editor_id: None, published: 1815 };
/// assert_eq!(book.key(), 7);
/// assert_eq!(Book::INFO.collection, "books");
/// let names: Vec<_> = Book::INFO.relations().map(|relation| relation.name).collect();
/// assert_eq!(names, ["author", "editor", "readers"]);
/// # }
/// ```
pub trait Entity: InModule + Clone + Debug + Serialize + Send + Sync + 'static {
    /// The type of its key.
    type Key: Key;

    /// Its description.
    const INFO: &'static EntityInfo;

    /// Returns its key.
    fn key(&self) -> Self::Key;

    /// Returns its value of `field`, one of [`EntityInfo::sorts`].
    ///
    /// Not called for a field that [follows the key](SortField::follows_key).
    fn sort_value(&self, field: &SortField) -> SortValue {
        let _ = field;
        SortValue::Empty
    }
}

/// One direction of a relation, as a type.
///
/// Implemented by [`relations!`](crate::relations) only: both directions at once, each the
/// other's [`Inverse`](Relation::Inverse). A relation that can be followed one way only cannot be
/// written.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/library/model.rs"));
/// # fn main() {
/// use recto_relations::Relation;
///
/// fn both_names<R: Relation>() -> (&'static str, &'static str) {
///     (R::INFO.name, <R::Inverse as Relation>::INFO.name)
/// }
/// assert_eq!(both_names::<AuthorBooks>(), ("books", "author"));
/// assert_eq!(both_names::<BookAuthor>(), ("author", "books"));
/// # }
/// ```
pub trait Relation: Copy + Default + Debug + Send + Sync + 'static {
    /// The entity it starts at.
    type From: Entity;
    /// The entity it leads to.
    type To: Entity;
    /// The opposite direction.
    type Inverse: Relation<From = Self::To, To = Self::From, Inverse = Self>;
    /// How many entities it leads to: [`Many`], [`Optional`] or [`One`].
    type Kind: Kind;
    /// The data of its links; `()` without any.
    type Data: LinkData;

    /// Its description.
    const INFO: &'static RelationInfo;
}

/// A relation that starts at the entity `E`. Implemented for every relation that does.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a relation of `{E}`",
    label = "starts at another entity"
)]
pub trait RelationOf<E: Entity>: Relation<From = E> {}

#[diagnostic::do_not_recommend]
impl<E: Entity, R: Relation<From = E>> RelationOf<E> for R {}

/// How many entities a relation leads to, as a type.
pub trait Kind: Send + Sync + 'static {
    /// The same as a value.
    const CARDINALITY: Cardinality;
}

/// Leads to any number of entities.
#[derive(Debug, Clone, Copy)]
pub struct Many;

/// Leads to one entity or none: the foreign key may be empty.
#[derive(Debug, Clone, Copy)]
pub struct Optional;

/// Leads to exactly one entity: the foreign key is required.
#[derive(Debug, Clone, Copy)]
pub struct One;

impl Kind for Many {
    const CARDINALITY: Cardinality = Cardinality::Many;
}

impl Kind for Optional {
    const CARDINALITY: Cardinality = Cardinality::Optional;
}

impl Kind for One {
    const CARDINALITY: Cardinality = Cardinality::One;
}

/// A relation that leads to any number of entities.
pub trait ToMany: Relation<Kind = Many> {}

impl<R: Relation<Kind = Many>> ToMany for R {}

/// A relation that follows a foreign key of the entity it starts at.
pub trait ToOne: Relation {
    /// Returns the key that it follows; `None` if it is empty.
    fn foreign_key(from: &Self::From) -> Option<<Self::To as Entity>::Key>;
}

/// A to-many relation that is one to-many relation after another.
pub trait Through: ToMany {
    /// The relation from where it starts, whose inverse leads to exactly one.
    type First: ToMany<From = Self::From, Inverse: Relation<Kind = One>>;
    /// The relation to where it leads, whose inverse leads to exactly one.
    type Second: ToMany<From = <Self::First as Relation>::To, To = Self::To, Inverse: Relation<Kind = One>>;
}

/// The data of a link between two entities, such as the date of an enrolment.
///
/// Serialized as an object whose fields are shown with those of the entity that is reached over
/// the link.
pub trait LinkData: Clone + Debug + Serialize + Send + Sync + 'static {
    /// Whether links have data at all.
    const PRESENT: bool = true;

    /// Returns the link's value of `field`, which is one [of the link](SortField::of_link).
    fn sort_value(&self, field: &SortField) -> SortValue {
        let _ = field;
        SortValue::Empty
    }
}

/// Links without data.
impl LinkData for () {
    const PRESENT: bool = false;
}

/// A type of field that can hold the key of the to-one relation `R`.
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` cannot be the key of the relation `{R}`",
    label = "in here `{R}` is declared `One` and its key is an `Option`, or `Optional` and its key is none",
    note = "a relation `One(…)` needs a field of type `{K}`, a relation `Optional(…)` one of type `Option<{K}>`"
)]
pub trait KeyField<R, Kind, K> {
    /// Returns the key, if there is one.
    fn key(self) -> Option<K>;
}

impl<R, K: Key> KeyField<R, One, K> for K {
    fn key(self) -> Option<K> {
        Some(self)
    }
}

impl<R, K: Key> KeyField<R, Optional, K> for Option<K> {
    fn key(self) -> Self {
        self
    }
}

/// Reads the key of `R` from a field. Called by [`relations!`](crate::relations).
#[doc(hidden)]
pub fn foreign_key_of<R: ToOne, F>(field: F) -> Option<<R::To as Entity>::Key>
where
    F: KeyField<R, R::Kind, <R::To as Entity>::Key>,
{
    field.key()
}
