//! The order of a page, and positions in it.

use serde::{Deserialize, Serialize};

use crate::{EntityInfo, RelationInfo, SortField, SortKind};

/// A field and a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortTerm {
    /// The field.
    pub field: &'static SortField,
    /// Whether the greatest value comes first.
    pub descending: bool,
}

/// The order of a page: its terms, and then the key, which breaks ties.
///
/// Without terms the newest come first. The key runs in the direction of the last term, so that
/// one index serves both.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/library/model.rs"));
/// # fn main() -> Result<(), recto_relations::SortError> {
/// use recto_relations::Sort;
///
/// let sort = Sort::parse(Book::INFO, "-published,title")?;
/// assert_eq!(sort.to_string(), "-published,title");
/// assert!(Sort::parse(Book::INFO, "price").is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sort {
    terms: Vec<SortTerm>,
    key_ascending: bool,
}

impl Sort {
    /// Parses `field,-field,…` with the fields that `entity` offers.
    ///
    /// # Errors
    /// [`SortError`]: an unknown field, or a field named twice.
    pub fn parse(entity: &EntityInfo, raw: &str) -> Result<Self, SortError> {
        Self::parse_with(entity.sorts, None, raw)
    }

    /// Parses `field,-field,…` with the fields that a page of `relation` offers: those of the
    /// entities it leads to, and the one that orders its links.
    ///
    /// # Errors
    /// As for [`parse`](Self::parse).
    pub fn parse_along(relation: &RelationInfo, raw: &str) -> Result<Self, SortError> {
        Self::parse_with(relation.to.sorts, relation.order, raw)
    }

    /// Returns the default order of `relation`: that of its links where they have one, else newest
    /// first.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/library/model.rs"));
    /// # fn main() {
    /// use recto_relations::{Relation as _, Sort};
    ///
    /// assert_eq!(Sort::along(BookReaders::INFO).to_string(), "turn");
    /// assert_eq!(Sort::along(AuthorBooks::INFO), Sort::default());
    /// # }
    /// ```
    pub fn along(relation: &RelationInfo) -> Self {
        relation.order.map_or_else(Self::default, |field| Self {
            terms: vec![SortTerm { field, descending: false }],
            key_ascending: true,
        })
    }

    fn parse_with(
        own: &'static [SortField],
        order: Option<&'static SortField>,
        raw: &str,
    ) -> Result<Self, SortError> {
        let mut sort = Self::default();
        for part in raw.split(',').map(str::trim) {
            let (name, descending) = match part.strip_prefix('-') {
                Some(name) => (name, true),
                None => (part, false),
            };
            let mut fields = own.iter().chain(order);
            let field = fields.find(|field| field.name == name).ok_or_else(|| {
                let known: Vec<_> = own.iter().chain(order).map(|field| field.name).collect();
                SortError::Unknown { name: name.to_owned(), known: known.join(", ") }
            })?;
            if sort.terms.iter().any(|term| term.field == field) {
                return Err(SortError::Twice { name: name.to_owned() });
            }
            sort.terms.push(SortTerm { field, descending });
        }
        sort.key_ascending = sort.terms.last().is_some_and(|term| !term.descending);
        Ok(sort)
    }

    /// Returns the terms that decide before the key does: those up to the first that follows the
    /// key, after which there are no ties.
    pub fn terms(&self) -> &[SortTerm] {
        let end = self.terms.iter().position(|term| term.field.follows_key());
        &self.terms[..end.unwrap_or(self.terms.len())]
    }

    /// Returns whether the key, which breaks ties, ascends.
    pub fn key_ascending(&self) -> bool {
        match self.terms.iter().find(|term| term.field.follows_key()) {
            Some(term) => !term.descending,
            None => self.key_ascending,
        }
    }
}

impl std::fmt::Display for Sort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let minus = if term.descending { "-" } else { "" };
            write!(f, "{comma}{minus}{}", term.field.name)?;
        }
        Ok(())
    }
}

/// A value that an entity or a link is sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SortValue {
    /// A whole number.
    Integer(i64),
    /// A [text key](crate::text_key), compared byte by byte.
    Text(String),
    /// No value.
    Empty,
}

impl SortValue {
    /// Returns whether `field` can have this value.
    pub fn fits(&self, field: &SortField) -> bool {
        match self {
            Self::Integer(_) => matches!(field.kind, SortKind::Integer | SortKind::Range(_)),
            Self::Text(_) => matches!(field.kind, SortKind::Text),
            Self::Empty => field.nullable,
        }
    }
}

/// A position in an order: just after the entity that has these values and this key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysetPosition<K> {
    /// A value for each of the [terms](Sort::terms).
    pub values: Vec<SortValue>,
    /// The key.
    pub key: K,
}

/// Which part of an order a page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// The most entities, from 1.
    pub limit: u32,
    /// The order.
    pub sort: Sort,
    /// The position after which the page begins; `None` is the beginning.
    pub after: Option<KeysetPosition<K>>,
}

impl<K> PageRequest<K> {
    /// Requests the newest `limit` entities.
    pub fn newest(limit: u32) -> Self {
        Self { limit, sort: Sort::default(), after: None }
    }
}

/// The error of a `sort` that cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SortError {
    /// No such field.
    #[error("cannot sort by \"{name}\"; the fields are {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The names of the fields there are.
        known: String,
    },
    /// A field named twice.
    #[error("\"{name}\" is named twice")]
    Twice {
        /// The field.
        name: String,
    },
}
