//! Traits that bundle bounds on Diesel's types.
//!
//! Each has a blanket implementation. Generic code uses these traits instead of repeating Diesel's
//! bounds.

use diesel::associations::{BelongsTo, HasTable, Identifiable};
use diesel::dsl::{Eq, Filter, Find, Order, Returning, Select as DieselSelect};
use diesel::expression::{AsExpression, Expression};
use diesel::pg::Pg;
use diesel::query_builder::{
    AsChangeset, AsQuery, DeleteStatement, InsertStatement, IntoUpdateTarget, Query,
    UpdateStatement,
};
use diesel::query_dsl::methods::{ExecuteDsl, FilterDsl, FindDsl, LoadQuery, OrderDsl, SelectDsl};
use diesel::query_source::{Column, Table};
use diesel::sql_types::SqlType;
use diesel::sqlite::Sqlite;
use diesel::{
    ExpressionMethods, Insertable, PgConnection, QuerySource, RunQueryDsl, Selectable,
    SqliteConnection,
};

use crate::key::{Id, Keys};
use crate::query::{Conditions, KeyIn, Limited, Lock, Locked, OrderBy, Select};
use crate::sql::{Sql, sql};

/// A query that both engines can run, with rows that are read as `U`.
pub trait Rows<'q, U>: LoadQuery<'q, SqliteConnection, U> + LoadQuery<'q, PgConnection, U> {}

impl<'q, U, Q> Rows<'q, U> for Q where
    Q: LoadQuery<'q, SqliteConnection, U> + LoadQuery<'q, PgConnection, U>
{
}

/// A statement that both engines can run.
pub trait Statement:
    ExecuteDsl<SqliteConnection>
    + ExecuteDsl<PgConnection>
    + RunQueryDsl<SqliteConnection>
    + RunQueryDsl<PgConnection>
{
}

impl<S> Statement for S where
    S: ExecuteDsl<SqliteConnection>
        + ExecuteDsl<PgConnection>
        + RunQueryDsl<SqliteConnection>
        + RunQueryDsl<PgConnection>
{
}

/// A struct with `#[derive(Queryable, Selectable)]` that both engines can read.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a row that both engines can read",
    note = "derive `Queryable` and `Selectable` with `#[diesel(table_name = …, check_for_backend(Sqlite, Pg))]`, which reports fields of the wrong type"
)]
pub trait Selected: Sized + Send + 'static {
    /// The columns.
    type Selection: Expression + Sql + 'static;

    /// Returns the columns to select, like Diesel's `as_select` but for both engines.
    fn selection() -> Self::Selection;

    /// Returns the query that selects these columns and continues with `rest`.
    #[doc(hidden)]
    fn select(rest: impl Sql + 'static) -> impl Rows<'static, Self>;
}

#[diagnostic::do_not_recommend]
impl<R, S> Selected for R
where
    R: Selectable<Sqlite, SelectExpression = S>
        + Selectable<Pg, SelectExpression = S>
        + Send
        + 'static,
    S: Expression + Sql + 'static,
    Select<S>: Rows<'static, R>,
{
    type Selection = S;

    fn selection() -> S {
        <R as Selectable<Sqlite>>::construct_selection()
    }

    fn select(rest: impl Sql + 'static) -> impl Rows<'static, R> {
        Select { selection: Self::selection(), rest: Box::new(rest) }
    }
}

/// A struct with `#[derive(Identifiable)]` and a primary key of one column.
pub trait HasId: HasTable<Table: Table + Sql + Default + 'static> + 'static {
    /// The type of the key.
    type Id: Id;
}

#[diagnostic::do_not_recommend]
impl<R, V: Id> HasId for R
where
    R: HasTable<Table: Table + Sql + Default + 'static> + 'static,
    for<'a> &'a R: Identifiable<Id = &'a V>,
{
    type Id = V;
}

/// The row of an entity: a struct with `#[derive(Queryable, Selectable, Identifiable)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the row of an entity",
    note = "derive `Queryable`, `Selectable` and `Identifiable`, with a primary key of one column"
)]
pub trait Row: Selected + HasId<Table: Table<PrimaryKey: Sql + Default + 'static>> {
    /// Returns the query for the row with this key.
    #[doc(hidden)]
    fn by_key(key: Self::Id) -> impl Rows<'static, Self>;
    /// Returns the query that locks the row with this key.
    #[doc(hidden)]
    fn locked(key: Self::Id, lock: Lock) -> impl Rows<'static, Self>;
    /// Returns the query for a key alone, to check whether it exists.
    #[doc(hidden)]
    fn key_only(key: Self::Id) -> impl Rows<'static, Self::Id>;
    /// Returns the query for the rows with these keys.
    #[doc(hidden)]
    fn by_keys(keys: Keys<Self::Id>) -> impl Rows<'static, Self>;
    /// Returns the query for a page of rows.
    #[doc(hidden)]
    fn page(
        conditions: Conditions<Self::Table>,
        order: OrderBy,
        limit: i64,
    ) -> impl Rows<'static, Self>;
    /// Returns the statement that deletes the row with this key.
    #[doc(hidden)]
    fn delete(key: Self::Id) -> impl Statement;
}

type ByKey<R> =
    DieselSelect<Find<<R as HasTable>::Table, <R as HasId>::Id>, <R as Selected>::Selection>;
type KeyOnly<R> = DieselSelect<
    Find<<R as HasTable>::Table, <R as HasId>::Id>,
    <<R as HasTable>::Table as Table>::PrimaryKey,
>;
type ByKeys<R> = DieselSelect<
    Filter<<R as HasTable>::Table, KeyIn<<R as HasId>::Id>>,
    <R as Selected>::Selection,
>;
type Page<R> = Limited<
    DieselSelect<
        Order<Filter<<R as HasTable>::Table, Conditions<<R as HasTable>::Table>>, OrderBy>,
        <R as Selected>::Selection,
    >,
>;

#[diagnostic::do_not_recommend]
impl<R, T, W> Row for R
where
    R: Selected + HasId + HasTable<Table = T>,
    T: Table<PrimaryKey: Sql + Default + 'static> + Sql + Default + 'static,
    T: FindDsl<
            R::Id,
            Output: SelectDsl<R::Selection>
                        + SelectDsl<T::PrimaryKey>
                        + HasTable<Table = T>
                        + IntoUpdateTarget<WhereClause = W>,
        >,
    T: FilterDsl<KeyIn<R::Id>, Output: SelectDsl<R::Selection>>,
    T: FilterDsl<Conditions<T>, Output: OrderDsl<OrderBy, Output: SelectDsl<R::Selection>>>,
    ByKey<R>: Rows<'static, R>,
    Locked<ByKey<R>>: Rows<'static, R>,
    KeyOnly<R>: Rows<'static, R::Id>,
    ByKeys<R>: Rows<'static, R>,
    Page<R>: Rows<'static, R>,
    DeleteStatement<T, W>: Statement,
{
    fn by_key(key: R::Id) -> impl Rows<'static, R> {
        SelectDsl::select(R::table().find(key), R::selection())
    }

    fn locked(key: R::Id, lock: Lock) -> impl Rows<'static, R> {
        Locked::new(SelectDsl::select(R::table().find(key), R::selection()), lock)
    }

    fn key_only(key: R::Id) -> impl Rows<'static, R::Id> {
        SelectDsl::select(R::table().find(key), T::PrimaryKey::default())
    }

    fn by_keys(keys: Keys<R::Id>) -> impl Rows<'static, R> {
        let among = KeyIn::of(sql::<T::PrimaryKey>(), keys);
        SelectDsl::select(FilterDsl::filter(R::table(), among), R::selection())
    }

    fn page(conditions: Conditions<T>, order: OrderBy, limit: i64) -> impl Rows<'static, R> {
        let query = OrderDsl::order(FilterDsl::filter(R::table(), conditions), order);
        Limited { query: SelectDsl::select(query, R::selection()), limit }
    }

    fn delete(key: R::Id) -> impl Statement {
        diesel::delete(R::table().find(key))
    }
}

/// A row with `#[diesel(belongs_to(…))]` to a parent.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not belong to `{P}`",
    label = "no `belongs_to({P})` on `{Self}`",
    note = "derive `Associations` with `#[diesel(belongs_to({P}, foreign_key = …))]`"
)]
pub trait BelongsToParent<P: HasId>:
    Selected + HasTable<Table: Table + Sql + Default + 'static>
{
    /// The foreign key.
    type Key: Column<Table = Self::Table> + Expression + Sql + Default + 'static;

    /// Returns the key of the parent; `None` if it is empty.
    fn parent(&self) -> Option<P::Id>;
}

#[diagnostic::do_not_recommend]
impl<C, P: HasId> BelongsToParent<P> for C
where
    C: Selected
        + HasTable<Table: Table + Sql + Default + 'static>
        + BelongsTo<
            P,
            ForeignKey = P::Id,
            ForeignKeyColumn: Column<Table = C::Table> + Sql + Default + 'static,
        >,
{
    type Key = C::ForeignKeyColumn;

    fn parent(&self) -> Option<P::Id> {
        self.foreign_key().copied()
    }
}

/// The row of an entity that belongs to a parent.
pub trait Child<P: HasId>: Row + BelongsToParent<P> {
    /// Returns the query for a page of the children of a parent, like Diesel's `belonging_to` but
    /// by key.
    #[doc(hidden)]
    fn of_parent(
        parent: P::Id,
        conditions: Conditions<Self::Table>,
        order: OrderBy,
        limit: i64,
    ) -> impl Rows<'static, Self>;
}

type OfParent<C, P> =
    Filter<<C as HasTable>::Table, Eq<<C as BelongsToParent<P>>::Key, <P as HasId>::Id>>;

#[diagnostic::do_not_recommend]
impl<C, P: HasId> Child<P> for C
where
    C: Row + BelongsToParent<P, Key: ExpressionMethods + Expression<SqlType: SqlType>>,
    P::Id: AsExpression<<<C as BelongsToParent<P>>::Key as Expression>::SqlType>,
    C::Table: FilterDsl<Eq<<C as BelongsToParent<P>>::Key, P::Id>>,
    OfParent<C, P>:
        FilterDsl<Conditions<C::Table>, Output: OrderDsl<OrderBy, Output: SelectDsl<C::Selection>>>,
    Limited<
        DieselSelect<Order<Filter<OfParent<C, P>, Conditions<C::Table>>, OrderBy>, C::Selection>,
    >: Rows<'static, C>,
{
    fn of_parent(
        parent: P::Id,
        conditions: Conditions<C::Table>,
        order: OrderBy,
        limit: i64,
    ) -> impl Rows<'static, C> {
        let key = <C as BelongsToParent<P>>::Key::default();
        let children = FilterDsl::filter(C::table(), key.eq(parent));
        let query = OrderDsl::order(FilterDsl::filter(children, conditions), order);
        Limited { query: SelectDsl::select(query, C::selection()), limit }
    }
}

/// A struct with `#[derive(Insertable, AsChangeset)]` for the table of the row `R`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written to the table of `{R}`",
    note = "derive `Insertable` and `AsChangeset` with `#[diesel(table_name = …, treat_none_as_null = true, treat_none_as_default_value = false)]`"
)]
pub trait Record<'a, R: Row>: Sized {
    /// Returns the statement that inserts the record.
    #[doc(hidden)]
    fn insert(self) -> impl Statement;
    /// Returns the statement that inserts the record and returns the stored row.
    #[doc(hidden)]
    fn insert_returning(self) -> impl Rows<'a, R>;
    /// Returns the statement that inserts records and returns the stored rows.
    #[doc(hidden)]
    fn insert_all_returning(records: Vec<Self>) -> impl Rows<'a, R>;
    /// Returns the statement that updates the row with this key.
    #[doc(hidden)]
    fn update(self, key: R::Id) -> impl Statement;
}

type Insert<C, T> = InsertStatement<T, <C as Insertable<T>>::Values>;

#[diagnostic::do_not_recommend]
impl<'a, C, R, T, W> Record<'a, R> for C
where
    R: Row + HasTable<Table = T>,
    T: Table
        + QuerySource
        + FindDsl<R::Id, Output: HasTable<Table = T> + IntoUpdateTarget<WhereClause = W>>,
    C: Insertable<T> + AsChangeset<Target = T>,
    Vec<C>: Insertable<T>,
    Insert<C, T>: Statement,
    Returning<Insert<C, T>, R::Selection>: Query + Rows<'a, R>,
    Returning<Insert<Vec<C>, T>, R::Selection>: Query + Rows<'a, R>,
    UpdateStatement<T, W, <C as AsChangeset>::Changeset>: Statement + AsQuery,
{
    fn insert(self) -> impl Statement {
        diesel::insert_into(R::table()).values(self)
    }

    fn insert_returning(self) -> impl Rows<'a, R> {
        diesel::insert_into(R::table()).values(self).returning(R::selection())
    }

    fn insert_all_returning(records: Vec<Self>) -> impl Rows<'a, R> {
        diesel::insert_into(R::table()).values(records).returning(R::selection())
    }

    fn update(self, key: R::Id) -> impl Statement {
        diesel::update(R::table().find(key)).set(self)
    }
}
