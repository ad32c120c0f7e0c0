#![doc = include_str!("../README.md")]

mod association;
mod bounds;
pub mod check;
mod connection;
mod engine;
mod key;
mod limits;
mod load;
mod mapping;
mod page;
mod query;
mod resolve;
mod siblings;
mod sql;
mod write;

pub use association::{
    Association, BelongsToOne, BelongsToOneThrough, HasMany, HasManyThrough, Invert, ManyToMany,
};
pub use bounds::{BelongsToParent, Child, HasId, Record, Row, Rows, Selected, Statement};
pub use check::{SameTable, TwoTables, Unordered};
pub use connection::{Connection, RawConnection};
pub use engine::Engine;
pub use key::{Id, KeySource, KeyValue, Keys};
pub use limits::{Interrupted, Timeouts, WorkLimits};
pub use load::{AnyEdge, Mapped, MappedMany, MappedOne, MappedRelations, unmapped};
#[doc(hidden)]
pub use load::{MappedLine, check_line, edge};
pub use mapping::{Corrupt, Mapping, Stored, Writable};
pub use page::Page;
pub use query::{Conditions, KeyIn, Lock, Locked, OrderBy, SortColumn, newest_first};
pub use resolve::CHUNK;
pub use sql::Sql;
pub use write::restricting;
