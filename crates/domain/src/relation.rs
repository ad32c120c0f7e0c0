//! Relations between entities, each declared once and walked from both sides.
//!
//! A relation has two names: `User.books` and `Book.user` are one fact seen
//! from its two ends. The [`relations!`](crate::relations) macro declares both
//! ends together and the [`Relation`] trait ties each to its inverse, so a
//! relation that can be walked one way only cannot be written.
//!
//! ```
//! use recto_domain::{relation::Relation, BookReviews, ReviewBook};
//!
//! fn there_and_back<R: Relation>() -> (&'static str, &'static str) {
//!     (R::INFO.name, <R::Inverse as Relation>::INFO.name)
//! }
//! assert_eq!(there_and_back::<BookReviews>(), ("reviews", "book"));
//! assert_eq!(there_and_back::<ReviewBook>(), ("book", "reviews"));
//! ```
//!
//! What has been loaded of a relation is held by a [`Level`], and read through
//! a [`View`]; what has not been loaded is [`NotLoaded`], never an empty list.

mod declare;
mod describe;
mod filter;
mod graph;
mod include;
mod sort;

use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::str::FromStr;

use serde::Serialize;

pub use describe::{Description, EntityDescription, MemberDescription, RelationDescription};
pub use filter::{Condition, FilterError, Matching, Quantifier, RelationFilter};
pub use graph::{AnyLevel, Counted, Edge, Level, Links, NotLoaded, Span, View, Views};
pub use include::{DEFAULT_PER_PARENT, Include, IncludeError, MAX_DEPTH, Requested, paths};
pub use sort::{Position, Sort, SortError, SortField, SortKind, SortTerm, SortValue};

/// What identifies an entity: small, copyable, and ordered by age.
///
/// A later entity has a greater key, so "newest first" is "greatest key first".
pub trait Key: Copy + Eq + Ord + Hash + Debug + Display + FromStr + Send + Sync + 'static {}

impl<T> Key for T where T: Copy + Eq + Ord + Hash + Debug + Display + FromStr + Send + Sync + 'static
{}

/// Something with an identity, a collection it lives in, and relations.
pub trait Entity: Clone + Debug + Serialize + Send + Sync + 'static {
    /// The type of its key.
    type Key: Key;

    /// What is known of the entity without having one.
    const INFO: &'static EntityInfo;

    /// Its key.
    fn key(&self) -> Self::Key;

    /// What it is sorted by under `field`, one of [`EntityInfo::sorts`].
    ///
    /// Fields that [follow the key](SortField::follows_key) are never asked for.
    fn sort_value(&self, field: &SortField) -> SortValue;
}

/// What is known of a kind of entity.
#[derive(Debug)]
pub struct EntityInfo {
    /// Its name in the singular, as documentation has it: `Book`.
    pub name: &'static str,
    /// Its collection: the table, and the last segment of its path: `books`.
    pub collection: &'static str,
    /// The member that holds its key: `uid`.
    pub key: &'static str,
    /// What its pages may be sorted by.
    pub sorts: &'static [SortField],
    /// Its own members, in the order in which they are shown.
    pub members: &'static [Member],
    /// The room it belongs to.
    pub room: fn() -> &'static Room,
}

/// A member of an entity, as it was declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its name: `user_uid`.
    pub name: &'static str,
    /// Its type, as it was written: `Option<UserId>`.
    pub declared: &'static str,
}

/// Entities that belong together, and the relations between them.
#[derive(Debug)]
pub struct Room {
    /// Its name: `catalog`.
    pub name: &'static str,
    /// Where its collections are below the base path: nothing, or `/blog`.
    pub path: &'static str,
    /// Its relations, both directions of each.
    pub relations: &'static [&'static RelationInfo],
}

impl Member {
    /// The name of its type, without the path to it and without what it is a type of: `UserId`.
    ///
    /// ```
    /// use recto_domain::{Book, relation::Entity};
    ///
    /// let key = Book::INFO.members.iter().find(|member| member.name == "user_uid");
    /// assert!(key.is_some_and(|key| key.kind() == "UserId" && key.is_optional()));
    /// ```
    pub fn kind(&self) -> &'static str {
        let inner = self.declared.strip_prefix("Option<").unwrap_or(self.declared);
        let path = inner.split(['<', '>']).next().unwrap_or(inner);
        path.rsplit("::").next().unwrap_or(path).trim()
    }

    /// Whether it may have no value.
    pub fn is_optional(&self) -> bool {
        self.declared.starts_with("Option<")
    }
}

impl Room {
    /// Its entities: those that its relations start at, in the order of declaration.
    pub fn entities(&self) -> impl Iterator<Item = &'static EntityInfo> + use<> {
        let relations = self.relations;
        let ends = relations.iter().map(|relation| relation.from);
        ends.enumerate()
            .filter(|(index, entity)| !relations[..*index].iter().any(|r| r.from == *entity))
            .map(|(_, entity)| entity)
    }
}

impl EntityInfo {
    /// Where one of them is, below the base path: `/books/{uid}`.
    pub fn item_path(&self) -> String {
        format!("{}/{}/{{{}}}", (self.room)().path, self.collection, self.key)
    }

    /// The relations that start at this entity, in the order of declaration.
    pub fn relations(&self) -> impl Iterator<Item = &'static RelationInfo> + use<> {
        let name = self.name;
        (self.room)().relations.iter().copied().filter(move |relation| relation.from.name == name)
    }

    /// The relation of that name that starts here.
    pub fn relation(&self, name: &str) -> Option<&'static RelationInfo> {
        self.relations().find(|relation| relation.name == name)
    }
}

impl PartialEq for EntityInfo {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// How many entities a relation leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Cardinality {
    /// Any number.
    Many,
    /// One or none: the key may be empty.
    Optional,
    /// Exactly one: the key is required.
    One,
}

/// What becomes of the many when the one they point at is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum OnDelete {
    /// They go with it.
    Cascade,
    /// They stay, and their key becomes empty.
    SetNull,
    /// They stand in its way: it cannot be deleted.
    Restrict,
}

/// The columns that store a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Storage {
    /// A foreign key in the table of the many.
    ForeignKey {
        /// The table that has the column.
        table: &'static str,
        /// The foreign-key column.
        column: &'static str,
    },
    /// A link table with a foreign key to either side.
    Link {
        /// The link table.
        table: &'static str,
        /// Its key to the entity the relation starts at.
        from: &'static str,
        /// Its key to the entity the relation leads to.
        to: &'static str,
        /// What else it holds: `enrolled_at`.
        data: &'static [&'static str],
    },
    /// No columns of its own: one relation after another.
    Through {
        /// The first relation on the way.
        first: &'static str,
        /// The second.
        second: &'static str,
    },
}

/// One direction of a relation, as data.
#[derive(Debug)]
pub struct RelationInfo {
    /// Its name, and the last segment of its path: `reviews`.
    pub name: &'static str,
    /// The entity it starts at.
    pub from: &'static EntityInfo,
    /// The entity it leads to.
    pub to: &'static EntityInfo,
    /// The name of the way back.
    pub inverse: &'static str,
    /// How many it leads to.
    pub cardinality: Cardinality,
    /// What happens to the many when the one is deleted; `None` where that
    /// follows from the relations it goes through.
    pub on_delete: Option<OnDelete>,
    /// The columns behind it.
    pub storage: Storage,
    /// What its links are ordered by; the newest come first where it is `None`.
    pub order: Option<&'static SortField>,
}

impl RelationInfo {
    /// What its pages may be sorted by: the fields of the entities that it
    /// leads to, and the one that orders its links.
    pub fn sorts(&self) -> impl Iterator<Item = &'static SortField> + use<> {
        self.to.sorts.iter().chain(self.order)
    }
}

impl RelationInfo {
    /// Where it is read, below the base path: `/books/{uid}/reviews`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.from.item_path(), self.name)
    }
}

impl PartialEq for RelationInfo {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.from == other.from
    }
}

/// One direction of a relation, as a type.
///
/// Implemented by [`relations!`](crate::relations) alone: both directions at
/// once, each the other's [`Inverse`](Relation::Inverse).
pub trait Relation: Copy + Default + Debug + Send + Sync + 'static {
    /// The entity it starts at.
    type From: Entity;
    /// The entity it leads to.
    type To: Entity;
    /// The way back.
    type Inverse: Relation<From = Self::To, To = Self::From, Inverse = Self>;
    /// What reading it gives: [`Views`], `Option<`[`View`]`>` or a [`View`].
    type Loaded<'g>;

    /// What a link says besides that it is there; `()` where it says nothing.
    type Data: LinkData;

    /// The direction as data.
    const INFO: &'static RelationInfo;

    /// Reads the relation of the entity at `index` from a loaded edge.
    #[doc(hidden)]
    fn read(edge: &Edge, index: usize) -> Self::Loaded<'_>;
}

/// A direction that leads to any number of entities.
pub trait ToMany: Relation {}

/// A to-many direction that is one to-many direction after another.
pub trait Through: ToMany {
    /// From where it starts.
    type First: ToMany<From = Self::From>;
    /// To where it leads.
    type Second: ToMany<From = <Self::First as Relation>::To, To = Self::To>;
}

/// What a link between two entities says besides that it is there.
///
/// Serialized as an object, whose members are shown beside those of the entity
/// that is reached over the link.
pub trait LinkData: Clone + Debug + Serialize + Send + Sync + 'static {
    /// Whether there is anything to say.
    const PRESENT: bool = true;

    /// What a link is sorted by under `field`, which is one [of links](SortField::of_link).
    fn sort_value(&self, field: &SortField) -> SortValue {
        let _ = field;
        SortValue::Empty
    }

    /// The schema of that object, if there is anything to say.
    #[cfg(feature = "openapi")]
    fn described() -> Option<utoipa::openapi::RefOr<utoipa::openapi::Schema>> {
        None
    }
}

impl LinkData for () {
    const PRESENT: bool = false;
}

/// The foreign key may be empty: the way back leads to one or none.
#[derive(Debug, Clone, Copy)]
pub struct OptionalKey;

/// The foreign key is always there: the way back leads to exactly one.
#[derive(Debug, Clone, Copy)]
pub struct RequiredKey;

/// A member of an entity that can hold the key of a to-one relation.
#[diagnostic::on_unimplemented(
    message = "a member of type `{Self}` cannot be the key of the relation `{R}`",
    label = "in here `{R}` is declared `one` and its key is an `Option`, or `optional` and its key is none",
    note = "a relation `one(…)` needs a member of type `{K}`, a relation `optional(…)` one of type `Option<{K}>`"
)]
pub trait KeyMember<R, Presence, K> {
    /// The key, if there is one.
    fn key(self) -> Option<K>;
}

impl<R, K: Key> KeyMember<R, RequiredKey, K> for K {
    fn key(self) -> Option<K> {
        Some(self)
    }
}

impl<R, K: Key> KeyMember<R, OptionalKey, K> for Option<K> {
    fn key(self) -> Self {
        self
    }
}

#[doc(hidden)]
pub fn held_key<R: ToOne, M>(member: M) -> Option<<R::To as Entity>::Key>
where
    M: KeyMember<R, R::Presence, <R::To as Entity>::Key>,
{
    member.key()
}

/// A direction that follows a foreign key of the entity it starts at.
pub trait ToOne: Relation {
    /// Whether the key may be empty: [`OptionalKey`] or [`RequiredKey`].
    type Presence;

    /// The key it follows; `None` where an optional key is empty.
    fn foreign_key(from: &Self::From) -> Option<<Self::To as Entity>::Key>;
}
