//! Fixtures, a model of the relations in memory, and introspection of the databases.

pub(crate) mod blocked;
pub(crate) mod catalogue;
pub(crate) mod faults;
pub(crate) mod fixture;
pub(crate) mod generate;
pub(crate) mod identity;
pub(crate) mod introspection;
pub(crate) mod json;
pub(crate) mod model;
pub(crate) mod modules;
pub(crate) mod requests;
pub(crate) mod visit;
