//! Two foreign keys, one after the other.

use std::marker::PhantomData;

use recto_relations::{Entity, Relation, Seek, Sort};

use super::{
    Association, ChildrenWithParent, Counts, ForeignKey, Invert, LinkedChildren, PrimaryKey,
    TableOf, ToKey, ToManyAssociation, ToOneAssociation, conditions_and_order, counts, key_from,
};
use crate::bounds::{BelongsToParent, HasId, Row, Rows};
use crate::check::Joinable;
use crate::connection::Connection;
use crate::key::{KeyValue, Keys};
use crate::mapping::{Mapping, Stored, entity, key_list};
use crate::query::{
    Children, FirstPerParent, Join, OfOneParent, ParentKey, ParentsOf, Select, Typed, Via,
};
use crate::resolve::{self, Resolved};
use crate::sql::{Sql, sql};

/// A parent has many intermediate rows, and each of these has many children.
///
/// `HasManyThrough<CompanyRow, DepartmentRow, EmployeeRow>`.
#[derive(Debug)]
pub struct HasManyThrough<Parent, Intermediate, C>(PhantomData<fn() -> (Parent, Intermediate, C)>);

/// A child belongs to an intermediate row, which belongs to a parent: the inverse of
/// [`HasManyThrough`].
#[derive(Debug)]
pub struct BelongsToOneThrough<C, Intermediate, Parent>(
    PhantomData<fn() -> (C, Intermediate, Parent)>,
);

impl<P, I, C> Invert for HasManyThrough<P, I, C> {
    type Inverse = BelongsToOneThrough<C, I, P>;
}

impl<R, P, I, C> Association<R> for HasManyThrough<P, I, C>
where
    R: Relation,
    P: HasId,
    I: BelongsToParent<P> + HasId,
    C: BelongsToParent<I>,
    TableOf<I>: Joinable<TableOf<P>>,
    TableOf<C>: Joinable<TableOf<I>>,
{
}

impl<M, R, P, I, C> ToManyAssociation<M, R> for HasManyThrough<P, I, C>
where
    M: Mapping,
    R: Relation<Data = (), From: Stored<M, Row = P>, To: Stored<M, Row = C>>,
    P: HasId,
    I: BelongsToParent<P> + Row,
    C: BelongsToParent<I> + Row,
    Select<(ParentKey<P::Id>, C::Selection)>: Rows<'static, (P::Id, C)>,
    Counts<P::Id>: Rows<'static, (P::Id, i64)>,
{
    fn children() -> Children {
        let join = Join {
            table: sql::<TableOf<I>>(),
            from: sql::<PrimaryKey<I>>(),
            to: sql::<ForeignKey<C, I>>(),
        };
        Children {
            table: sql::<TableOf<C>>(),
            parent_key: sql::<ForeignKey<I, P>>(),
            via: Via::Through(join),
        }
    }

    fn page_for_parent(
        conn: &mut Connection<M>,
        parent: P::Id,
        sort: &Sort,
        seek: &Seek<'_, ToKey<R>>,
    ) -> Result<LinkedChildren<R>, M::Error> {
        let columns = <Self as ToManyAssociation<M, R>>::columns();
        let (conditions, order) = conditions_and_order::<M, R::To, ()>(columns, sort, seek);
        let children = <Self as ToManyAssociation<M, R>>::children();
        let limit = i64::from(seek.limit);
        let rows =
            conn.load(C::select(OfOneParent { children, parent, conditions, order, limit }))?;
        rows.into_iter().map(|row| Ok((entity(row)?, ()))).collect()
    }

    fn first_per_parent(
        conn: &mut Connection<M>,
        query: FirstPerParent<P::Id>,
    ) -> Result<ChildrenWithParent<R>, M::Error> {
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

impl<M, R, C, I, P> ToOneAssociation<M, R> for BelongsToOneThrough<C, I, P>
where
    M: Mapping,
    R: Relation<From: Stored<M, Row = C>, To: Stored<M, Row = P>>,
    C: BelongsToParent<I> + Row,
    I: BelongsToParent<P> + Row,
    P: Row,
    Select<(Typed<<C::Id as KeyValue>::SqlType>, P::Selection)>: Rows<'static, (C::Id, P)>,
{
    fn parents() -> (Children, &'static dyn Sql) {
        let join = Join {
            table: sql::<TableOf<I>>(),
            from: sql::<ForeignKey<I, P>>(),
            to: sql::<PrimaryKey<P>>(),
        };
        let parents = Children {
            table: sql::<TableOf<P>>(),
            parent_key: sql::<PrimaryKey<I>>(),
            via: Via::Through(join),
        };
        (parents, sql::<ForeignKey<C, I>>())
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
            let selection = (Typed::new(child_id), P::selection());
            for (child, row) in conn.load(Select { selection, rest: Box::new(rest) })? {
                pairs.push((key_from::<M, R>(Some(child))?, entity(row)?));
            }
        }
        resolve::by_pairs::<M, R>(children, pairs)
    }
}
