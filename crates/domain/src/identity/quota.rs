//! The kinds of items that an account may own in a limited number.

use std::fmt;

use recto_relations::{Entity as _, EntityInfo};

use crate::{Author, Book, Review, Tag};

/// A kind of item that an account may own in a limited number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QuotaItem {
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

impl QuotaItem {
    /// Returns the item for an entity; `None` if accounts may own any number.
    ///
    /// ```
    /// use recto_domain::{Book, Post, QuotaItem};
    /// use recto_relations::Entity as _;
    ///
    /// assert_eq!(QuotaItem::of(Book::INFO), Some(QuotaItem::Books));
    /// assert_eq!(QuotaItem::of(Post::INFO), None);
    /// ```
    pub fn of(entity: &EntityInfo) -> Option<Self> {
        let kinds = [
            (Book::INFO, Self::Books),
            (Review::INFO, Self::Reviews),
            (Tag::INFO, Self::Tags),
            (Author::INFO, Self::Authors),
        ];
        kinds.into_iter().find(|(info, _)| *info == entity).map(|(_, kind)| kind)
    }

    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Books, Self::Reviews, Self::Tags, Self::Authors, Self::ApiKeys];
}

impl fmt::Display for QuotaItem {
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
