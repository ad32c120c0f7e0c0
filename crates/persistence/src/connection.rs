//! The mapping of this crate, and the connection that it belongs to.

/// The tables, entities and relations of Recto.
///
/// Entities are `Stored<Recto>` in the files of their modules; `relations.rs` maps the relations.
#[derive(Debug)]
pub enum Recto {}

/// A connection to Recto's database, on either engine.
pub type Connection = recto_relations_diesel::Connection<Recto>;
