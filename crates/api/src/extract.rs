//! What handlers take out of a request; each refuses with a [`Problem`](crate::Problem).

mod body;
mod caller;
mod key;
mod query;

pub(crate) use body::{Body, Form};
pub(crate) use caller::{Caller, MaybeCaller};
pub(crate) use key::{Keys2, PathKey, no_such};
pub(crate) use query::{All, Filtered, ItemQuery, NoQuery, OfParent, PageQuery};
