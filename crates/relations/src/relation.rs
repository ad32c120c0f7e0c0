//! Entities and relations as types.

use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::str::FromStr;

use serde::Serialize;

use crate::{Cardinality, EntityInfo, Module, RelationInfo, SortField, SortValue, Version};

/// The key of an entity.
///
/// Keys must ascend with time: an entity created later has a greater key, so that "newest first"
/// is "greatest key first". Implemented for every type that meets the bounds.
pub trait Key: Copy + Eq + Ord + Hash + Debug + Display + FromStr + Send + Sync + 'static {}

impl<T> Key for T where T: Copy + Eq + Ord + Hash + Debug + Display + FromStr + Send + Sync + 'static
{}

/// A type that is listed in a [`Module`].
///
/// Implemented by [`relations!`](crate::relations) for the entities that it lists.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not in a module",
    label = "not listed as an entity",
    note = "list it in `relations!`: `pub static LIBRARY = \"library\": Author, Book;`"
)]
pub trait InModule {
    /// Returns the module.
    fn module() -> &'static Module;
}

/// A type with a key, a collection and relations.
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
pub trait Entity: InModule + Clone + Debug + Hash + Serialize + Send + Sync + 'static {
    /// The type of the key.
    type Key: Key;

    /// The description.
    const INFO: &'static EntityInfo;

    /// Returns the key.
    fn key(&self) -> Self::Key;

    /// Returns the version, if the entity has versions.
    fn version(&self) -> Option<Version> {
        None
    }

    /// Returns the value of `field`, which is one of [`EntityInfo::sorts`].
    ///
    /// Not called for a field that [follows the key](SortField::follows_key).
    fn sort_value(&self, field: &SortField) -> SortValue {
        let _ = field;
        SortValue::Empty
    }
}

/// One direction of a relation, as a type.
///
/// Implemented by [`relations!`](crate::relations) for both directions, each the
/// [`Inverse`](Relation::Inverse) of the other. A relation without an inverse does not compile.
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
    type Cardinality: CardinalityType;
    /// The data of the links; `()` for none.
    type Data: LinkData;

    /// The description.
    const INFO: &'static RelationInfo;
}

/// A relation that starts at the entity `E`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a relation of `{E}`",
    label = "starts at another entity"
)]
pub trait RelationOf<E: Entity>: Relation<From = E> {}

#[diagnostic::do_not_recommend]
impl<E: Entity, R: Relation<From = E>> RelationOf<E> for R {}

/// How many entities a relation leads to, as a type.
pub trait CardinalityType: Send + Sync + 'static {
    /// The cardinality as a value.
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

impl CardinalityType for Many {
    const CARDINALITY: Cardinality = Cardinality::Many;
}

impl CardinalityType for Optional {
    const CARDINALITY: Cardinality = Cardinality::Optional;
}

impl CardinalityType for One {
    const CARDINALITY: Cardinality = Cardinality::One;
}

/// A relation whose cardinality is [`Many`].
pub trait ToMany: Relation<Cardinality = Many> {}

impl<R: Relation<Cardinality = Many>> ToMany for R {}

/// A relation that follows a foreign key of the entity it starts at.
pub trait ToOne: Relation {
    /// Returns the foreign key; `None` if it is empty.
    fn foreign_key(from: &Self::From) -> Option<<Self::To as Entity>::Key>;
}

/// A to-many relation that consists of two others, followed one after the other.
pub trait Through: ToMany {
    /// The first relation; its inverse is [`One`].
    type First: ToMany<From = Self::From, Inverse: Relation<Cardinality = One>>;
    /// The second relation; its inverse is [`One`].
    type Second: ToMany<
            From = <Self::First as Relation>::To,
            To = Self::To,
            Inverse: Relation<Cardinality = One>,
        >;
}

/// The data of a link between two entities, such as the date of an enrolment.
///
/// Serialized as an object, whose fields are shown with those of the linked entity.
pub trait LinkData: Clone + Debug + Hash + Serialize + Send + Sync + 'static {
    /// Whether the links have data.
    const PRESENT: bool = true;

    /// Returns the value of `field`, which belongs to [the link](SortField::of_link).
    fn sort_value(&self, field: &SortField) -> SortValue {
        let _ = field;
        SortValue::Empty
    }
}

/// Links without data.
impl LinkData for () {
    const PRESENT: bool = false;
}

/// The type of a field that can hold the foreign key of the to-one relation `R`.
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` cannot be the foreign key of the relation `{R}`",
    label = "`One` or `Optional` does not match the type of the field",
    note = "`One(…)` requires a field of type `{K}`, `Optional(…)` one of type `Option<{K}>`"
)]
pub trait KeyField<R, C, K> {
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

/// Returns the foreign key of `R` from a field. Called by [`relations!`](crate::relations).
#[doc(hidden)]
pub fn foreign_key_of<R: ToOne, F>(field: F) -> Option<<R::To as Entity>::Key>
where
    F: KeyField<R, R::Cardinality, <R::To as Entity>::Key>,
{
    field.key()
}
