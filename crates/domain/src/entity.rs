//! Traits of entities that clients create and change.

use chrono::{DateTime, Utc};
use recto_relations::Entity;

use crate::{Input, NewId, UserId};

/// An entity that clients create.
pub trait Create: Entity {
    /// The input that describes it.
    type New: Input + Clone + Send + 'static;
    /// The key of the parent, such as the post of a comment; `()` if there is none.
    type Parent: Copy + Send + 'static;

    /// Returns the entity that `new` describes, created by `user` with `new_id`.
    ///
    /// Its key is that of `new_id`, or [`UNASSIGNED`](crate::PostId::UNASSIGNED) if the database
    /// assigns the keys.
    fn create(new_id: NewId, new: Self::New, parent: Self::Parent, user: UserId) -> Self;
}

/// An entity with a version.
pub trait Versioned: Entity {
    /// Increments the version.
    fn advance(&mut self);
}

/// An entity that clients change.
pub trait Update: Entity {
    /// The input that describes the changes.
    type Patch: Input + Clone + Send + 'static;

    /// Applies a patch and returns whether it changed anything. If it did, `updated_at` is later
    /// than before.
    fn apply(&mut self, patch: Self::Patch, now: DateTime<Utc>) -> bool;
}
