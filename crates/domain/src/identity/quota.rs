//! The kinds of items that an account may own in a limited number.

use std::fmt;

/// A kind of item that an account may own in a limited number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owned {
    /// Books of the user.
    Books,
    /// Reviews by the user.
    Reviews,
    /// Tags that the user created.
    Tags,
    /// Authors that the user created.
    Authors,
    /// API keys of the account.
    ApiKeys,
}

impl Owned {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Books, Self::Reviews, Self::Tags, Self::Authors, Self::ApiKeys];
}

impl fmt::Display for Owned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Books => "books",
            Self::Reviews => "reviews",
            Self::Tags => "tags",
            Self::Authors => "authors",
            Self::ApiKeys => "API keys",
        })
    }
}
