//! Extractors: the inputs of handlers, parsed from a request.

mod body;
mod cost;
mod json_size;
mod key;
mod list;
mod query;
mod relations;

pub(crate) use body::{Body, Form};
pub(crate) use cost::QueryCost;
pub(crate) use key::{PathId, PathKey, PathKeys};
pub(crate) use list::{ListFilter, ListQuery};
pub(crate) use query::{All, Filtered, ItemQuery, OfParent, PageQuery};
