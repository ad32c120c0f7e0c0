//! A foreign key in the table of the children.

use std::marker::PhantomData;

use diesel::expression::Expression;
use diesel::query_source::Column;
use recto_relations::{Relation, Seek, Sort, ToOne};

use super::{
    Association, ChildrenWithParent, Counts, ForeignKey, Invert, LinkedChildren, PrimaryKey, RowOf,
    TableOf, ToKey, ToManyAssociation, ToOneAssociation, conditions_and_order, counts, key_from,
};
use crate::bounds::{BelongsToParent, Child, HasId, Row, Rows};
use crate::check::{ForeignKeyType, JoinedAs, TwoTables};
use crate::connection::Connection;
use crate::key::{KeyValue, Keys};
use crate::mapping::{IdOf, Mapping, Stored, entity};
use crate::query::{Children, FirstPerParent, Via};
use crate::resolve::{self, Resolved};
use crate::sql::{Sql, sql};

/// A parent has many children, each with a foreign key to the parent.
///
/// `HasMany<AuthorRow, BookRow>`, where `BookRow` has `#[diesel(belongs_to(AuthorRow))]`. For a
/// table that refers to itself, `HasMany<EmployeeRow, EmployeeRow, SameTable>`.
#[derive(Debug)]
pub struct HasMany<Parent, C, Tables = TwoTables>(PhantomData<fn() -> (Parent, C, Tables)>);

/// A child belongs to a parent: the inverse of [`HasMany`].
#[derive(Debug)]
pub struct BelongsToOne<C, Parent>(PhantomData<fn() -> (C, Parent)>);

impl<P, C, T> Invert for HasMany<P, C, T> {
    type Inverse = BelongsToOne<C, P>;
}

impl<R, P, C, T> Association<R> for HasMany<P, C, T>
where
    R: Relation,
    P: HasId,
    C: BelongsToParent<
            P,
            Key: Expression<
                SqlType: ForeignKeyType<
                    <R::Inverse as Relation>::Cardinality,
                    <P::Id as KeyValue>::SqlType,
                >,
            >,
        >,
    TableOf<C>: JoinedAs<T, TableOf<P>>,
{
    const COLUMN: Option<&'static str> = Some(<ForeignKey<C, P> as Column>::NAME);
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
        sort: &Sort,
        seek: &Seek<'_, ToKey<R>>,
    ) -> Result<LinkedChildren<R>, M::Error> {
        let columns = <Self as ToManyAssociation<M, R>>::columns();
        let (conditions, order) = conditions_and_order::<M, R::To, _>(columns, sort, seek);
        let rows = conn.load(C::of_parent(parent, conditions, order, i64::from(seek.limit)))?;
        rows.into_iter().map(|row| Ok((entity(row)?, ()))).collect()
    }

    fn first_per_parent(
        conn: &mut Connection<M>,
        query: FirstPerParent<P::Id>,
    ) -> Result<ChildrenWithParent<R>, M::Error> {
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
