//! Errors of includes.

use super::MAX_DEPTH;
use crate::SortError;

/// The error of parsing an `include` or a `count`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IncludeError {
    /// A path with an unknown relation.
    #[error("\"{path}\" is not a path of relations; the valid ones are {known}")]
    Unknown {
        /// The path.
        path: String,
        /// The valid paths.
        known: String,
    },
    /// A path of more than [`MAX_DEPTH`] relations.
    #[error("\"{path}\" has more than {MAX_DEPTH} relations")]
    TooDeep {
        /// The path.
        path: String,
    },
    /// A path with unmatched parentheses or without a relation between two dots.
    #[error("\"{path}\" does not have the form relation(limit:5,sort:-field).relation")]
    Malformed {
        /// The path.
        path: String,
    },
    /// A limit that is not an integer of at least 1.
    #[error("the limit of \"{name}\" must be a whole number of at least 1")]
    Limit {
        /// The relation.
        name: String,
        /// Whether it is an integer.
        is_integer: bool,
    },
    /// An unknown or repeated option.
    #[error("\"{option}\" is not an option of \"{name}\"; the options are limit:N and sort:FIELD")]
    UnknownOption {
        /// The relation.
        name: String,
        /// The option.
        option: String,
    },
    /// Options of a to-one relation.
    #[error("\"{name}\" leads to a single entity and has no limit or sort")]
    OptionOfOne {
        /// The relation.
        name: String,
    },
    /// Different options for one relation.
    #[error("\"{name}\" has two different limits or sorts")]
    Contradiction {
        /// The relation.
        name: String,
    },
    /// A sort that is not valid for the relation.
    #[error(transparent)]
    Sort(#[from] SortError),
    /// A count of something other than a to-many relation.
    #[error("\"{path}\" cannot be counted; the relations that can be counted are {known}")]
    Uncountable {
        /// The path.
        path: String,
        /// The to-many relations of the same entity.
        known: String,
    },
    /// A count from a relation that is not included.
    #[error("\"{path}\" can be counted only if \"{parents}\" is included")]
    CountOfUnloaded {
        /// The path.
        path: String,
        /// The relations before the last dot.
        parents: String,
    },
}
