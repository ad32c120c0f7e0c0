//! What handlers take out of a request; each refuses with a [`Problem`](crate::Problem).

mod body;
mod caller;
mod client;
mod key;
mod list;
mod query;

pub(crate) use body::{Body, Form};
pub(crate) use caller::{Caller, MaybeCaller, RequestOrigin, ResolvedUser, verified};
pub(crate) use client::client;
pub(crate) use key::{Key, Keys2, PathKey, no_such};
pub(crate) use list::{ListPlace, ListQuery, Narrowed};
pub(crate) use query::{All, Filtered, ItemQuery, NoQuery, OfParent, PageQuery};
