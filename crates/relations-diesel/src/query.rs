//! Parts of queries that Diesel's query builder lacks.

mod children;
mod conditions;
mod filter;
mod order;
mod select;

pub(crate) use children::{
    Children, ChildrenOf, CountPerParent, CountedRows, FirstPerParent, Join, Matching, OfOneParent,
    ParentsOf, Via,
};
pub use conditions::{Conditions, KeyIn};
pub(crate) use filter::{Correlation, ResolvedFilter};
pub(crate) use order::{FromPosition, SortColumns};
pub use order::{OrderBy, SortColumn, newest_first};
pub(crate) use select::{Count, Limited, ParentKey, Select, Typed};
pub use select::{Lock, Locked};

/// Implements Diesel's traits for an expression that has a SQL type, is not an aggregate, is valid
/// in queries on any table, and is not cached by its Rust type.
macro_rules! expression {
    ([$($parameters:tt)*] $type:ty: $sql_type:ty) => {
        impl<$($parameters)*> diesel::expression::Expression for $type {
            type SqlType = $sql_type;
        }

        impl<$($parameters)*> diesel::expression::ValidGrouping<()> for $type {
            type IsAggregate = diesel::expression::is_aggregate::No;
        }

        impl<$($parameters)* QS> diesel::expression::AppearsOnTable<QS> for $type {}

        impl<$($parameters)* QS> diesel::expression::SelectableExpression<QS> for $type {}

        impl<$($parameters)*> diesel::query_builder::QueryId for $type {
            type QueryId = ();

            const HAS_STATIC_QUERY_ID: bool = false;
        }
    };
}
pub(crate) use expression;
