//! SQL that Diesel's query builder has no words for, as parts of its queries.
//!
//! Each part is written once, with the words of either engine where they
//! differ, and joins typed Diesel queries as an expression or wraps one.

mod keys;
mod limited;
mod order;
mod per_parent;
mod related;

pub use keys::{KeyIn, Keys, SqlKey};
pub use limited::Limited;
pub use order::{After, OrderBy, SortColumns};
pub use per_parent::{Children, CountPerParent, Join, Keyed, PerParent, Telling, Way};
pub use related::{Correlation, Resolved};
