//! A link table with a foreign key to either side.

use std::marker::PhantomData;

use diesel::expression::Expression;
use diesel::query_source::Column;
use recto_relations::{One, Relation, Seek, Sort};

use super::{
    Association, ChildrenWithParent, Counts, ForeignKey, Invert, LinkedChildren, PrimaryKey, RowOf,
    TableOf, ToKey, ToManyAssociation, conditions_and_order, counts, key_from,
};
use crate::bounds::{BelongsToParent, HasId, Rows, Selected};
use crate::check::{ForeignKeyType, Joinable, LinkOrder, PairOf, Unordered};
use crate::connection::Connection;
use crate::key::{KeyValue, Keys};
use crate::mapping::{IdOf, Mapping, Stored, columns, entity};
use crate::query::{Children, FirstPerParent, Join, OfOneParent, Select, SortColumns, Via};
use crate::sql::sql;

/// Rows are linked by the rows of a link table, whose primary key is the pair of its foreign keys.
///
/// `ManyToMany<BookRow, LoanRow, ReaderRow>`, or `ManyToMany<BookRow, LoanRow, ReaderRow,
/// loans::turn>` if the readers of a book are ordered by that column.
#[derive(Debug)]
pub struct ManyToMany<A, Link, B, Order = Unordered>(PhantomData<fn() -> (A, Link, B, Order)>);

impl<A, L, B, O> Invert for ManyToMany<A, L, B, O> {
    type Inverse = ManyToMany<B, L, A>;
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
        // Sorted by the foreign key of the link, which is in the index of the link table.
        let key = sql::<ForeignKey<L, B>>();
        SortColumns { key, link_order: O::column(), ..columns::<M, R::To>() }
    }

    fn page_for_parent(
        conn: &mut Connection<M>,
        parent: A::Id,
        sort: &Sort,
        seek: &Seek<'_, ToKey<R>>,
    ) -> Result<LinkedChildren<R>, M::Error> {
        let columns = <Self as ToManyAssociation<M, R>>::columns();
        let (conditions, order) = conditions_and_order::<M, R::To, ()>(columns, sort, seek);
        let children = <Self as ToManyAssociation<M, R>>::children();
        let rest =
            OfOneParent { children, parent, conditions, order, limit: i64::from(seek.limit) };
        let selection = (L::selection(), RowOf::<M, R::To>::selection());
        let rows = conn.load(Select { selection, rest: Box::new(rest) })?;
        rows.into_iter()
            .map(|(link, row)| Ok((entity::<M, R::To>(row)?, R::Data::try_from(link)?)))
            .collect()
    }

    fn first_per_parent(
        conn: &mut Connection<M>,
        query: FirstPerParent<A::Id>,
    ) -> Result<ChildrenWithParent<R>, M::Error> {
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
