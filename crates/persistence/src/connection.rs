//! The marker type of Recto's mapping, and its connection type.

/// The marker type of Recto's mapping.
///
/// Entities implement `Stored<Recto>` in their modules; `relations.rs` maps the relations.
#[derive(Debug)]
pub enum Recto {}

/// A connection to Recto's database, on either engine.
pub type Connection = recto_relations_diesel::Connection<Recto>;
