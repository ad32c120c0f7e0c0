//! How relations are stored, in terms of Diesel's associations.

#![expect(clippy::type_complexity, reason = "associations have as many parameters as rows")]

use std::marker::PhantomData;

use diesel::associations::HasTable;
use diesel::expression::Expression;
use diesel::query_source::{Column, Table};
use diesel::sql_types::BigInt;
use recto_relations::{Entity, One, PageRequest, Relation, Sort, Storage, ToOne, same};

use crate::bounds::{BelongsToParent, Child, HasId, Row, Rows, Selected};
use crate::check::{ForeignKeyType, Joinable, JoinedAs, LinkOrder, PairOf, TwoTables, Unordered};
use crate::connection::Connection;
use crate::key::{Id, KeyValue, Keys};
use crate::mapping::{Corrupt, IdOf, Mapping, Stored, columns, entity, key_list};
use crate::query::{
    AfterPosition, Children, Conditions, Count, CountPerParent, FirstPerParent, Join, Named,
    OfOneParent, OrderBy, ParentKey, ParentsOf, Select, SortColumns, Via,
};
use crate::resolve::{self, Resolved};
use crate::sql::{Sql, sql};

/// A parent has many rows with a foreign key to it.
///
/// `HasMany<AuthorRow, BookRow>`, where `BookRow` has `#[diesel(belongs_to(AuthorRow))]`. A table
/// that refers to itself is `HasMany<EmployeeRow, EmployeeRow, SameTable>`.
#[derive(Debug)]
pub struct HasMany<Parent, C, Tables = TwoTables>(PhantomData<fn() -> (Parent, C, Tables)>);

/// A row belongs to a parent: the inverse of [`HasMany`].
#[derive(Debug)]
pub struct BelongsToOne<C, Parent>(PhantomData<fn() -> (C, Parent)>);

/// Rows are linked by rows of a link table, whose primary key is the pair of their keys.
///
/// `ManyToMany<BookRow, LoanRow, ReaderRow>`, or `ManyToMany<BookRow, LoanRow, ReaderRow,
/// loans::turn>` where the readers of a book have an order.
#[derive(Debug)]
pub struct ManyToMany<A, Link, B, Order = Unordered>(PhantomData<fn() -> (A, Link, B, Order)>);

/// A parent has many rows, which have many rows themselves.
///
/// `HasManyThrough<CompanyRow, DepartmentRow, EmployeeRow>`.
#[derive(Debug)]
pub struct HasManyThrough<Parent, Between, C>(PhantomData<fn() -> (Parent, Between, C)>);

/// A row belongs to a parent over a row between: the inverse of [`HasManyThrough`].
#[derive(Debug)]
pub struct BelongsToOneThrough<C, Between, Parent>(PhantomData<fn() -> (C, Between, Parent)>);

/// An association that can store the relation `R`: its bounds are what is demanded of the schema.
#[diagnostic::on_unimplemented(
    message = "`{R}` cannot be stored as `{Self}`",
    label = "does not store `{R}`"
)]
pub trait Association<R: Relation> {
    /// The foreign-key column, where it is one.
    const COLUMN: Option<&'static str> = None;
    /// The columns of the link table that refer to where the relation starts and leads.
    const LINK: Option<(&'static str, &'static str)> = None;
    /// The column that orders the links, where one does.
    const LINK_ORDER: Option<&'static str> = None;
}

/// An association that can be seen from the other end.
pub trait Invert {
    /// The same association, seen from there.
    type Inverse;
}

impl<P, C, T> Invert for HasMany<P, C, T> {
    type Inverse = BelongsToOne<C, P>;
}

impl<A, L, B, O> Invert for ManyToMany<A, L, B, O> {
    type Inverse = ManyToMany<B, L, A>;
}

impl<P, W, C> Invert for HasManyThrough<P, W, C> {
    type Inverse = BelongsToOneThrough<C, W, P>;
}

type TableOf<R> = <R as HasTable>::Table;
type PrimaryKey<R> = <TableOf<R> as Table>::PrimaryKey;
type ForeignKey<C, P> = <C as BelongsToParent<P>>::Key;
type RowOf<M, E> = <E as Stored<M>>::Row;
type FromKey<R> = <<R as Relation>::From as Entity>::Key;
type ToKey<R> = <<R as Relation>::To as Entity>::Key;
type Counts<V> = Select<(Named<<V as KeyValue>::SqlType>, Named<BigInt>)>;

impl<R, P, C, T> Association<R> for HasMany<P, C, T>
where
    R: Relation,
    P: HasId,
    C: BelongsToParent<
            P,
            Key: Expression<
                SqlType: ForeignKeyType<
                    <R::Inverse as Relation>::Kind,
                    <P::Id as KeyValue>::SqlType,
                >,
            >,
        >,
    TableOf<C>: JoinedAs<T, TableOf<P>>,
{
    const COLUMN: Option<&'static str> = Some(<ForeignKey<C, P> as Column>::NAME);
}

impl<R, A, L, B, O> Association<R> for ManyToMany<A, L, B, O>
where
    R: Relation,
    A: HasId,
    B: HasId,
    O: LinkOrder,
    L: BelongsToParent<
            A,
            Key: Expression<SqlType: ForeignKeyType<One, <A::Id as KeyValue>::SqlType>>,
        >,
    L: BelongsToParent<
            B,
            Key: Expression<SqlType: ForeignKeyType<One, <B::Id as KeyValue>::SqlType>>,
        >,
    TableOf<L>: Joinable<TableOf<A>> + Joinable<TableOf<B>>,
    PrimaryKey<L>: PairOf<ForeignKey<L, A>, ForeignKey<L, B>>,
{
    const LINK: Option<(&'static str, &'static str)> =
        Some((<ForeignKey<L, A> as Column>::NAME, <ForeignKey<L, B> as Column>::NAME));
    const LINK_ORDER: Option<&'static str> = O::NAME;
}

impl<R, P, W, C> Association<R> for HasManyThrough<P, W, C>
where
    R: Relation,
    P: HasId,
    W: BelongsToParent<P> + HasId,
    C: BelongsToParent<W>,
    TableOf<W>: Joinable<TableOf<P>>,
    TableOf<C>: Joinable<TableOf<W>>,
{
}

/// Checks at compile time that a relation is mapped to the columns, and to the order, that it
/// declares. What types can say is in the bounds of [`Association`].
///
/// # Panics
/// If it is not, when the constant that calls it is evaluated by the compiler.
pub(crate) const fn check_declared<R: Relation, A: Association<R>>() {
    if let (Storage::ForeignKey { column, .. }, Some(mapped)) = (R::INFO.storage, A::COLUMN) {
        assert!(
            same(mapped, column),
            "the row belongs to its parent by another column than the relation declares; of \
             several keys to one parent, each needs a struct of its own to belong to"
        );
    }
    if let (Storage::Link { from, to, .. }, Some(mapped)) = (R::INFO.storage, A::LINK) {
        assert!(
            same(mapped.0, from) && same(mapped.1, to),
            "the link refers to its ends by other columns than the relation declares"
        );
    }
    match (R::INFO.order, A::LINK_ORDER) {
        (None, None) => {}
        (Some(field), Some(column)) if same(field.name, column) => {}
        (Some(_), _) => panic!(
            "the relation is declared `Many by …`, so its links must be mapped in that order: \
             `ManyToMany<_, _, _, table::column>`"
        ),
        (None, _) => panic!(
            "the links are mapped in an order, so the relation must be declared `Many by` the same"
        ),
    }
}

/// Children of one parent, with the data of their links.
pub(crate) type Linked<R> = Vec<(<R as Relation>::To, <R as Relation>::Data)>;

/// Children with their parent's key and the data of their links.
pub(crate) type Keyed<R> = Vec<(FromKey<R>, <R as Relation>::To, <R as Relation>::Data)>;

/// An association that leads to many.
pub trait ToManyAssociation<M: Mapping, R: Relation<From: Stored<M>, To: Stored<M>>> {
    /// Returns where the children are.
    fn children() -> Children;

    /// Returns the columns that they are sorted by.
    fn columns() -> SortColumns {
        columns::<M, R::To>()
    }

    /// Loads a page of the children of one parent, and one child more if there is a next page.
    fn page_for_parent(
        conn: &mut Connection<M>,
        parent: IdOf<M, R::From>,
        request: &PageRequest<ToKey<R>>,
    ) -> Result<Linked<R>, M::Error>;

    /// Loads the first children of each of many parents, in no particular order.
    fn first_per_parent(
        conn: &mut Connection<M>,
        query: FirstPerParent<IdOf<M, R::From>>,
    ) -> Result<Keyed<R>, M::Error>;

    /// Counts the children of each of many parents, without the parents that have none.
    fn counts(
        conn: &mut Connection<M>,
        parents: Keys<IdOf<M, R::From>>,
    ) -> Result<Vec<(IdOf<M, R::From>, i64)>, M::Error>;
}

/// An association that leads to one, or none.
pub trait ToOneAssociation<M: Mapping, R: Relation<From: Stored<M>, To: Stored<M>>> {
    /// Returns where the parents are, and the column of the children that refers to them.
    fn parents() -> (Children, &'static dyn Sql);

    /// Loads the parents of some children, each once.
    fn resolve_parents(
        conn: &mut Connection<M>,
        children: &[R::From],
    ) -> Result<Resolved<R::To>, M::Error>;
}

/// Returns the query for the first children of some parents.
pub(crate) fn first_per_parent<M, R, A>(
    parents: &[FromKey<R>],
    sort: &Sort,
    limit: i64,
) -> FirstPerParent<IdOf<M, R::From>>
where
    M: Mapping,
    R: Relation<From: Stored<M>, To: Stored<M>>,
    A: ToManyAssociation<M, R>,
{
    let order = OrderBy { columns: A::columns(), sort: sort.clone() };
    FirstPerParent {
        children: A::children(),
        parents: key_list::<M, R::From>(parents),
        order,
        limit,
    }
}

/// One row more than a page shows, which tells whether there is a next page.
pub(crate) fn one_more<K>(request: &PageRequest<K>) -> i64 {
    i64::from(request.limit) + 1
}

/// Returns the condition and the order of a page.
fn page_parts<M: Mapping, E: Stored<M>, T>(
    columns: SortColumns,
    request: &PageRequest<E::Key>,
) -> (Conditions<T>, OrderBy) {
    let mut conditions = Conditions::new();
    if let Some(position) = &request.after {
        conditions.push(AfterPosition::<IdOf<M, E>>::new(columns, &request.sort, position));
    }
    (conditions, OrderBy { columns, sort: request.sort.clone() })
}

fn counts<M: Mapping, V: Id>(
    conn: &mut Connection<M>,
    children: Children,
    parents: Keys<V>,
) -> Result<Vec<(V, i64)>, M::Error>
where
    Counts<V>: Rows<'static, (V, i64)>,
{
    conn.load(Select {
        selection: (Named::new(children.parent_key), Named::new(&Count)),
        rest: Box::new(CountPerParent { children, parents }),
    })
}

/// The key of an entity that `R` starts at, from a value in the database.
fn key_from<M: Mapping, R: Relation<From: Stored<M>>>(
    value: Option<IdOf<M, R::From>>,
) -> Result<FromKey<R>, M::Error> {
    let corrupt = |reason: String| {
        let (table, column) = match R::INFO.storage {
            Storage::ForeignKey { table, column } => (table, column),
            Storage::Link { table, from, .. } => (table, from),
            Storage::Through { .. } => (R::INFO.from.collection, R::INFO.from.key),
        };
        Corrupt { table, column, row: "unknown".to_owned(), reason }
    };
    let value = value.ok_or_else(|| corrupt("it is empty".to_owned()))?;
    Ok(value.try_into().map_err(|reason| corrupt(reason.to_string()))?)
}

impl<M, R, P, C, T> ToManyAssociation<M, R> for HasMany<P, C, T>
where
    M: Mapping,
    R: Relation<Data = (), From: Stored<M>, To: Stored<M, Row = C>>,
    P: HasId<Id = IdOf<M, R::From>, Table = TableOf<RowOf<M, R::From>>>,
    C: Child<P>,
    Counts<P::Id>: Rows<'static, (P::Id, i64)>,
{
    fn children() -> Children {
        Children {
            table: sql::<TableOf<C>>(),
            parent_key: sql::<ForeignKey<C, P>>(),
            via: Via::ForeignKey,
        }
    }

    fn page_for_parent(
        conn: &mut Connection<M>,
        parent: P::Id,
        request: &PageRequest<ToKey<R>>,
    ) -> Result<Linked<R>, M::Error> {
        let columns = <Self as ToManyAssociation<M, R>>::columns();
        let (conditions, order) = page_parts::<M, R::To, _>(columns, request);
        let rows = conn.load(C::of_parent(parent, conditions, order, one_more(request)))?;
        rows.into_iter().map(|row| Ok((entity(row)?, ()))).collect()
    }

    fn first_per_parent(
        conn: &mut Connection<M>,
        query: FirstPerParent<P::Id>,
    ) -> Result<Keyed<R>, M::Error> {
        let keyed = |row: C| {
            let parent = key_from::<M, R>(BelongsToParent::<P>::parent(&row))?;
            Ok((parent, entity(row)?, ()))
        };
        conn.load(C::select(query))?.into_iter().map(keyed).collect()
    }

    fn counts(
        conn: &mut Connection<M>,
        parents: Keys<P::Id>,
    ) -> Result<Vec<(P::Id, i64)>, M::Error> {
        counts(conn, <Self as ToManyAssociation<M, R>>::children(), parents)
    }
}

impl<M, R, C, P> ToOneAssociation<M, R> for BelongsToOne<C, P>
where
    M: Mapping,
    R: ToOne<From: Stored<M, Row = C>, To: Stored<M>>,
    C: Row + BelongsToParent<P>,
    P: HasId<Id = IdOf<M, R::To>, Table = TableOf<RowOf<M, R::To>>>,
{
    fn parents() -> (Children, &'static dyn Sql) {
        let parents = Children {
            table: sql::<P::Table>(),
            parent_key: sql::<PrimaryKey<RowOf<M, R::To>>>(),
            via: Via::ForeignKey,
        };
        (parents, sql::<ForeignKey<C, P>>())
    }

    fn resolve_parents(
        conn: &mut Connection<M>,
        children: &[R::From],
    ) -> Result<Resolved<R::To>, M::Error> {
        resolve::by_foreign_key::<M, R>(conn, children)
    }
}

/// The query for links and what they lead to.
type LinkSelect<M, L, E> =
    Select<(<L as Selected>::Selection, <RowOf<M, E> as Selected>::Selection)>;

impl<M, R, A, L, B, O> ToManyAssociation<M, R> for ManyToMany<A, L, B, O>
where
    M: Mapping<Error: From<<R::Data as TryFrom<L>>::Error>>,
    R: Relation<Data: TryFrom<L>, From: Stored<M>, To: Stored<M>>,
    A: HasId<Id = IdOf<M, R::From>, Table = TableOf<RowOf<M, R::From>>>,
    B: HasId<Id = IdOf<M, R::To>, Table = TableOf<RowOf<M, R::To>>>,
    L: BelongsToParent<A> + BelongsToParent<B>,
    O: LinkOrder,
    LinkSelect<M, L, R::To>: Rows<'static, (L, RowOf<M, R::To>)>,
    Counts<A::Id>: Rows<'static, (A::Id, i64)>,
{
    fn children() -> Children {
        let join = Join {
            table: sql::<TableOf<L>>(),
            from: sql::<ForeignKey<L, B>>(),
            to: sql::<PrimaryKey<RowOf<M, R::To>>>(),
        };
        Children {
            table: sql::<B::Table>(),
            parent_key: sql::<ForeignKey<L, A>>(),
            via: Via::Link(join),
        }
    }

    fn columns() -> SortColumns {
        // Sorted by the link's key instead of the child's: the index of the links has that order.
        let key = sql::<ForeignKey<L, B>>();
        SortColumns { key, link_order: O::column(), ..columns::<M, R::To>() }
    }

    fn page_for_parent(
        conn: &mut Connection<M>,
        parent: A::Id,
        request: &PageRequest<ToKey<R>>,
    ) -> Result<Linked<R>, M::Error> {
        let columns = <Self as ToManyAssociation<M, R>>::columns();
        let (conditions, order) = page_parts::<M, R::To, ()>(columns, request);
        let children = <Self as ToManyAssociation<M, R>>::children();
        let rest = OfOneParent { children, parent, conditions, order, limit: one_more(request) };
        let selection = (L::selection(), RowOf::<M, R::To>::selection());
        let rows = conn.load(Select { selection, rest: Box::new(rest) })?;
        rows.into_iter()
            .map(|(link, row)| Ok((entity::<M, R::To>(row)?, R::Data::try_from(link)?)))
            .collect()
    }

    fn first_per_parent(
        conn: &mut Connection<M>,
        query: FirstPerParent<A::Id>,
    ) -> Result<Keyed<R>, M::Error> {
        let selection = (L::selection(), RowOf::<M, R::To>::selection());
        let keyed = |(link, row)| {
            let parent = key_from::<M, R>(BelongsToParent::<A>::parent(&link))?;
            Ok((parent, entity::<M, R::To>(row)?, R::Data::try_from(link)?))
        };
        conn.load(Select { selection, rest: Box::new(query) })?.into_iter().map(keyed).collect()
    }

    fn counts(
        conn: &mut Connection<M>,
        parents: Keys<A::Id>,
    ) -> Result<Vec<(A::Id, i64)>, M::Error> {
        counts(conn, <Self as ToManyAssociation<M, R>>::children(), parents)
    }
}

impl<M, R, P, W, C> ToManyAssociation<M, R> for HasManyThrough<P, W, C>
where
    M: Mapping,
    R: Relation<Data = (), From: Stored<M, Row = P>, To: Stored<M, Row = C>>,
    P: HasId,
    W: BelongsToParent<P> + Row,
    C: BelongsToParent<W> + Row,
    Select<(ParentKey<P::Id>, C::Selection)>: Rows<'static, (P::Id, C)>,
    Counts<P::Id>: Rows<'static, (P::Id, i64)>,
{
    fn children() -> Children {
        let join = Join {
            table: sql::<TableOf<W>>(),
            from: sql::<PrimaryKey<W>>(),
            to: sql::<ForeignKey<C, W>>(),
        };
        Children {
            table: sql::<TableOf<C>>(),
            parent_key: sql::<ForeignKey<W, P>>(),
            via: Via::Through(join),
        }
    }

    fn page_for_parent(
        conn: &mut Connection<M>,
        parent: P::Id,
        request: &PageRequest<ToKey<R>>,
    ) -> Result<Linked<R>, M::Error> {
        let columns = <Self as ToManyAssociation<M, R>>::columns();
        let (conditions, order) = page_parts::<M, R::To, ()>(columns, request);
        let children = <Self as ToManyAssociation<M, R>>::children();
        let limit = one_more(request);
        let rows =
            conn.load(C::select(OfOneParent { children, parent, conditions, order, limit }))?;
        rows.into_iter().map(|row| Ok((entity(row)?, ()))).collect()
    }

    fn first_per_parent(
        conn: &mut Connection<M>,
        query: FirstPerParent<P::Id>,
    ) -> Result<Keyed<R>, M::Error> {
        let selection = (ParentKey::new(), C::selection());
        let keyed = |(parent, row)| Ok((key_from::<M, R>(Some(parent))?, entity(row)?, ()));
        conn.load(Select { selection, rest: Box::new(query) })?.into_iter().map(keyed).collect()
    }

    fn counts(
        conn: &mut Connection<M>,
        parents: Keys<P::Id>,
    ) -> Result<Vec<(P::Id, i64)>, M::Error> {
        counts(conn, <Self as ToManyAssociation<M, R>>::children(), parents)
    }
}

impl<M, R, C, W, P> ToOneAssociation<M, R> for BelongsToOneThrough<C, W, P>
where
    M: Mapping,
    R: Relation<From: Stored<M, Row = C>, To: Stored<M, Row = P>>,
    C: BelongsToParent<W> + Row,
    W: BelongsToParent<P> + Row,
    P: Row,
    Select<(Named<<C::Id as KeyValue>::SqlType>, P::Selection)>: Rows<'static, (C::Id, P)>,
{
    fn parents() -> (Children, &'static dyn Sql) {
        let join = Join {
            table: sql::<TableOf<W>>(),
            from: sql::<ForeignKey<W, P>>(),
            to: sql::<PrimaryKey<P>>(),
        };
        let parents = Children {
            table: sql::<TableOf<P>>(),
            parent_key: sql::<PrimaryKey<W>>(),
            via: Via::Through(join),
        };
        (parents, sql::<ForeignKey<C, W>>())
    }

    fn resolve_parents(
        conn: &mut Connection<M>,
        children: &[R::From],
    ) -> Result<Resolved<R::To>, M::Error> {
        let (parents, child_key) = <Self as ToOneAssociation<M, R>>::parents();
        let child_id = sql::<PrimaryKey<C>>();
        let mut pairs = Vec::with_capacity(children.len());
        for chunk in children.chunks(resolve::CHUNK) {
            let chunk: Vec<_> = chunk.iter().map(Entity::key).collect();
            let keys = key_list::<M, R::From>(&chunk);
            let child = sql::<TableOf<C>>();
            let rest = ParentsOf { parents, child, child_key, child_id, keys };
            let selection = (Named::new(child_id), P::selection());
            for (child, row) in conn.load(Select { selection, rest: Box::new(rest) })? {
                pairs.push((key_from::<M, R>(Some(child))?, entity(row)?));
            }
        }
        resolve::by_pairs::<M, R>(children, pairs)
    }
}
