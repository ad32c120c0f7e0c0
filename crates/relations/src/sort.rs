//! The order of pages, and positions in it.

use serde::{Deserialize, Serialize};

use crate::{EntityInfo, RelationInfo, SortField, SortKind, excerpt};

/// A field to sort by, and its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortTerm {
    /// The field.
    pub field: &'static SortField,
    /// Whether the greatest value is first.
    pub descending: bool,
}

/// The order of a page: the terms, then the key as a tie-breaker.
///
/// Without terms the order is newest first. The key has the direction of the last term, so that
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
    /// Parses `field,-field,…` with the fields of `entity`.
    ///
    /// # Errors
    /// [`SortError`] for an unknown or repeated field.
    pub fn parse(entity: &EntityInfo, raw: &str) -> Result<Self, SortError> {
        Self::parse_with(entity.sorts, None, raw)
    }

    /// Parses `field,-field,…` with the fields that pages of `relation` can be
    /// [sorted by](RelationInfo::sorts).
    ///
    /// # Errors
    /// [`SortError`] for an unknown or repeated field.
    pub fn parse_along(relation: &RelationInfo, raw: &str) -> Result<Self, SortError> {
        Self::parse_with(relation.to.sorts, relation.order, raw)
    }

    /// Returns the default order of `relation`: the order of its links if they have one, else
    /// newest first.
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
                SortError::Unknown { name: excerpt(name), known: known.join(", ") }
            })?;
            if sort.terms.iter().any(|term| term.field == field) {
                return Err(SortError::Twice { name: excerpt(name) });
            }
            sort.terms.push(SortTerm { field, descending });
        }
        sort.key_ascending = sort.terms.last().is_some_and(|term| !term.descending);
        Ok(sort)
    }

    /// Returns the terms to compare before the key: those before the first term that
    /// [follows the key](SortField::follows_key), since keys are unique.
    pub fn terms(&self) -> &[SortTerm] {
        let end = self.terms.iter().position(|term| term.field.follows_key());
        &self.terms[..end.unwrap_or(self.terms.len())]
    }

    /// Returns whether the key is compared in ascending order.
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
    /// An integer.
    Integer(i64),
    /// A [text key](crate::text_key), compared bytewise.
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

/// The position in an order of the entity with these values and this key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysetPosition<K> {
    /// The value of each [term](Sort::terms).
    pub values: Vec<SortValue>,
    /// The key.
    pub key: K,
}

/// The error of parsing a `sort`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SortError {
    /// An unknown field.
    #[error("cannot sort by \"{name}\"; the fields are {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The names of the known fields.
        known: String,
    },
    /// A repeated field.
    #[error("\"{name}\" occurs twice")]
    Twice {
        /// The field.
        name: String,
    },
}
