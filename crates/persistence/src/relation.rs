//! Relations on Diesel: each mapped once, loaded by batch in both directions.
//!
//! [`map_relations!`] says which columns back the relations that the domain
//! declares. It refuses to compile where the schema does not agree (see
//! [`check`]), tells Diesel who belongs to whom, and gives every direction the
//! few queries that include trees are walked with.

pub mod check;
mod load;
mod map;

use diesel::Identifiable;
use diesel::associations::HasTable;
use diesel::result::Error as DieselError;
pub use recto_relations::PageRequest;
use recto_relations::{Entities, Entity, Filter, Include, Relation, Sort, ToMany};

pub use load::{AnyEdge, CHUNK};
#[doc(hidden)]
pub use load::{Many, One, by_foreign_key, linked_to, resolve};
pub use map::{map_relations, stored};

use crate::query::{Children, Keys, OrderBy, SortColumns, SqlKey};
use crate::{Connection, Error};

/// One more than fit, which tells whether there are more.
#[doc(hidden)]
pub fn one_more<K>(window: &PageRequest<K>) -> i64 {
    i64::from(window.limit) + 1
}

/// A page of entities and what was loaded along.
#[derive(Debug)]
pub struct Page<E> {
    /// The entities, in order.
    pub entities: Entities<E>,
    /// Whether more come behind them.
    pub more: bool,
}

/// An entity that has a table. Implemented by [`stored!`].
pub trait Stored: Entity<Key: SqlKey> {
    /// What a page of all of them can be narrowed by.
    type Filter: Send + 'static;

    /// The columns to sort by.
    #[doc(hidden)]
    const SORT_COLUMNS: SortColumns;

    /// The relations that can be followed from here.
    #[doc(hidden)]
    fn edges() -> &'static [&'static dyn AnyEdge];

    /// The one with that key.
    #[doc(hidden)]
    fn by_key(conn: &mut Connection, key: Self::Key) -> Result<Option<Self>, Error>;

    /// Those with any of these keys, in no particular order.
    #[doc(hidden)]
    fn by_keys(conn: &mut Connection, keys: &Keys<Self::Key>) -> Result<Vec<Self>, Error>;

    /// One more than a window shows of those that pass the filter.
    #[doc(hidden)]
    fn select(
        conn: &mut Connection,
        filter: &Self::Filter,
        related: &Filter,
        window: &PageRequest<Self::Key>,
    ) -> Result<Vec<Self>, Error>;
}

/// The key of what a relation starts at.
pub type FromKey<R> = <<R as Relation>::From as Entity>::Key;

/// The value of that key in the database.
#[doc(hidden)]
pub type ValueOf<R> = <FromKey<R> as SqlKey>::Value;

/// The key of what a relation leads to.
pub type ToKey<R> = <<R as Relation>::To as Entity>::Key;

/// Children with what their links say; `()` where there is nothing to say.
#[doc(hidden)]
pub type Linked<R> = Vec<(<R as Relation>::To, <R as Relation>::Data)>;

/// Children with their parent's key and what their links say.
#[doc(hidden)]
pub type Keyed<R> = Vec<(FromKey<R>, <R as Relation>::To, <R as Relation>::Data)>;

/// A to-many direction whose columns are known. Implemented by [`map_relations!`].
pub trait MappedMany: ToMany<From: Stored, To: Stored> {
    /// Where the children are.
    #[doc(hidden)]
    const CHILDREN: Children;

    /// One more than a window shows of the children of one parent.
    #[doc(hidden)]
    fn of_one(
        conn: &mut Connection,
        parent: FromKey<Self>,
        window: &PageRequest<ToKey<Self>>,
    ) -> Result<Linked<Self>, Error>;

    /// The first `limit` children of each parent, in no particular order.
    #[doc(hidden)]
    #[expect(clippy::type_complexity, reason = "a parent's key, a child and its link")]
    fn of_each(
        conn: &mut Connection,
        parents: &Keys<FromKey<Self>>,
        sort: &Sort,
        limit: i64,
    ) -> Result<Vec<(FromKey<Self>, Self::To, Self::Data)>, Error>;

    /// How many children each parent has, those without left out.
    #[doc(hidden)]
    fn counts(
        conn: &mut Connection,
        parents: &Keys<FromKey<Self>>,
    ) -> Result<Vec<(FromKey<Self>, i64)>, Error>;
}

/// A to-one direction whose columns are known. Implemented by [`map_relations!`].
pub trait MappedOne: Relation<From: Stored, To: Stored> {
    /// Where the one is, and the column that leads there.
    #[doc(hidden)]
    const PARENT: (Children, &'static str);

    /// What these entities lead to, each once, and where in there each leads.
    #[doc(hidden)]
    #[expect(clippy::type_complexity, reason = "parents, and an index for each child")]
    fn of_all(
        conn: &mut Connection,
        children: &[Self::From],
    ) -> Result<(Vec<Self::To>, Vec<Option<u32>>), Error>;
}

/// The entity with that key, and what `include` asks for.
///
/// # Errors
/// A failing database.
pub fn find<E: Stored>(
    conn: &mut Connection,
    key: E::Key,
    include: &Include,
) -> Result<Option<Entities<E>>, Error> {
    consistently(conn, include, |conn| {
        let Some(entity) = E::by_key(conn, key)? else { return Ok(None) };
        load::level(conn, vec![entity], include).map(Some)
    })
}

/// A page of all entities that pass the filter.
///
/// # Errors
/// A failing database.
pub fn page<E: Stored>(
    conn: &mut Connection,
    filter: &E::Filter,
    window: &PageRequest<E::Key>,
    include: &Include,
) -> Result<Page<E>, Error> {
    page_where(conn, filter, &Filter::everything(), window, include)
}

/// A page of all entities that pass the filter, and all filters on what they
/// are related to.
///
/// # Errors
/// A failing database.
pub fn page_where<E: Stored>(
    conn: &mut Connection,
    filter: &E::Filter,
    related: &Filter,
    window: &PageRequest<E::Key>,
    include: &Include,
) -> Result<Page<E>, Error> {
    consistently(conn, include, |conn| {
        let entities = E::select(conn, filter, related, window)?;
        load::page(conn, entities, window, include)
    })
}

/// A page of the children of one parent; `None` when there is no such parent.
///
/// # Errors
/// A failing database.
pub fn related<R: MappedMany>(
    conn: &mut Connection,
    parent: FromKey<R>,
    window: &PageRequest<ToKey<R>>,
    include: &Include,
) -> Result<Option<Page<R::To>>, Error> {
    consistently(conn, include, |conn| {
        let children = R::of_one(conn, parent, window)?;
        // Children prove their parent, so it is looked for only without them.
        if children.is_empty() && R::From::by_key(conn, parent)?.is_none() {
            return Ok(None);
        }
        load::linked_page(conn, children, window, include).map(Some)
    })
}

/// What a key of an entity leads to: `None` when there is no such entity, and
/// an inner `None` when its key is empty.
///
/// # Errors
/// A failing database.
pub fn related_one<R: MappedOne>(
    conn: &mut Connection,
    child: FromKey<R>,
    include: &Include,
) -> Result<Option<Option<Entities<R::To>>>, Error> {
    conn.snapshot(|conn| {
        let Some(child) = R::From::by_key(conn, child)? else { return Ok(None) };
        let (found, _) = R::of_all(conn, std::slice::from_ref(&child))?;
        if found.is_empty() {
            return Ok(Some(None));
        }
        load::level(conn, found, include).map(|level| Some(Some(level)))
    })
}

/// A single statement is consistent by itself; several need a snapshot.
fn consistently<T>(
    conn: &mut Connection,
    include: &Include,
    work: impl FnOnce(&mut Connection) -> Result<T, Error>,
) -> Result<T, Error> {
    if include.is_empty() { work(conn) } else { conn.snapshot(work) }
}

/// The parent's end of a relation, as Diesel's `belonging_to` wants it.
///
/// Named by the relation and not by the parent's row, so that two keys to one
/// parent are two different ends: `#[derive(Associations)]` implements
/// `BelongsTo` once per pair of tables, and a second key is error E0119.
#[derive(Debug)]
#[doc(hidden)]
pub struct ParentOf<R: Relation<From: Stored>> {
    #[doc(hidden)]
    pub key: <<R::From as Entity>::Key as SqlKey>::Value,
}

impl<R: Relation<From: Stored>> ParentOf<R> {
    #[doc(hidden)]
    pub fn new(key: <R::From as Entity>::Key) -> Self {
        Self { key: key.value() }
    }
}

/// In which table the parents of a to-many direction are.
#[doc(hidden)]
pub trait HasParents: Relation<From: Stored> {
    /// The table.
    type Table: diesel::Table + Default;
}

impl<R: HasParents> HasTable for ParentOf<R> {
    type Table = R::Table;

    fn table() -> R::Table {
        R::Table::default()
    }
}

impl<'a, R: HasParents> Identifiable for &'a ParentOf<R> {
    type Id = &'a ValueOf<R>;

    fn id(self) -> Self::Id {
        &self.key
    }
}

#[doc(hidden)]
pub fn order<E: Stored>(sort: &Sort) -> OrderBy<'_> {
    OrderBy { columns: E::SORT_COLUMNS, sort }
}

/// Turns rows into entities.
#[doc(hidden)]
pub fn entities<R, E>(rows: Vec<R>) -> Result<Vec<E>, Error>
where
    E: TryFrom<R, Error = Error>,
{
    rows.into_iter().map(E::try_from).collect()
}

/// An absent row is an answer, not an error.
#[doc(hidden)]
pub fn optional<T>(result: Result<T, DieselError>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(DieselError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
