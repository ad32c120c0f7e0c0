//! The order of a page, and a place in it.

use serde::{Deserialize, Serialize};

use super::{EntityInfo, RelationInfo};

/// A member that pages of an entity may be sorted by.
#[derive(Debug, PartialEq, Eq)]
pub struct SortField {
    /// Its name in `sort=…`.
    pub name: &'static str,
    /// What its values are.
    pub kind: SortKind,
    /// Whether it may be empty; empty values come last in either direction.
    pub nullable: bool,
    /// Whether the link has it over which an entity is reached, and not the entity.
    pub of_link: bool,
}

/// What a field is compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKind {
    /// A [text key](crate::text_key), byte by byte.
    Text,
    /// A whole number.
    Integer,
    /// The entity's key, as for `created_at`.
    Key,
}

impl SortField {
    /// A field of text that every entity has.
    pub const fn text(name: &'static str) -> Self {
        Self { name, kind: SortKind::Text, nullable: false, of_link: false }
    }

    /// A field with a whole number that every entity has.
    pub const fn integer(name: &'static str) -> Self {
        Self { name, kind: SortKind::Integer, nullable: false, of_link: false }
    }

    /// The time of creation, whose order is the key's.
    pub const fn creation() -> Self {
        Self { name: "created_at", kind: SortKind::Key, nullable: false, of_link: false }
    }

    /// The same field where it may be empty.
    #[must_use]
    pub const fn or_empty(self) -> Self {
        Self { nullable: true, ..self }
    }

    /// The same field as one of a link.
    #[must_use]
    pub const fn of_link(self) -> Self {
        Self { of_link: true, ..self }
    }

    /// Whether its order is the order of the key.
    pub fn follows_key(&self) -> bool {
        self.kind == SortKind::Key
    }

    /// Whether a value can be one of this field's.
    pub fn admits(&self, value: &SortValue) -> bool {
        match value {
            SortValue::Integer(_) => self.kind == SortKind::Integer,
            SortValue::Text(_) => self.kind == SortKind::Text,
            SortValue::Empty => self.nullable,
        }
    }
}

/// A field and a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortTerm {
    /// What to sort by.
    pub field: &'static SortField,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// The order of a page: its terms, and then the key, which breaks ties.
///
/// Without terms the newest come first. The key runs in the direction of the
/// last term, so that one index serves both.
///
/// ```
/// use recto_domain::{Book, relation::{Entity, Sort}};
///
/// let sort = Sort::parse(Book::INFO, "-published_date,title")?;
/// assert_eq!(sort.to_string(), "-published_date,title");
/// assert!(Sort::parse(Book::INFO, "price").is_err());
/// # Ok::<(), recto_domain::relation::SortError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sort {
    terms: Vec<SortTerm>,
    key_ascending: bool,
}

impl Sort {
    /// Reads `field,-field,…` against the fields that `entity` offers.
    ///
    /// # Errors
    /// An unknown field, with the ones that are known; a field named twice.
    pub fn parse(entity: &EntityInfo, raw: &str) -> Result<Self, SortError> {
        Self::read(entity.sorts, None, raw)
    }

    /// Reads `field,-field,…` against what a page of `relation` can be sorted by:
    /// the fields of the entities, and the one that orders its links.
    ///
    /// # Errors
    /// As with [`parse`](Self::parse).
    pub fn parse_along(relation: &RelationInfo, raw: &str) -> Result<Self, SortError> {
        Self::read(relation.to.sorts, relation.order, raw)
    }

    /// The order that `relation` has unless asked otherwise: that of its links
    /// where they have one, and else the newest first.
    ///
    /// ```
    /// use recto_domain::{BookContributors, BookReviews, relation::{Relation, Sort}};
    ///
    /// assert_eq!(Sort::along(BookContributors::INFO).to_string(), "position");
    /// assert_eq!(Sort::along(BookReviews::INFO), Sort::default());
    /// ```
    pub fn along(relation: &RelationInfo) -> Self {
        relation.order.map_or_else(Self::default, |field| Self {
            terms: vec![SortTerm { field, descending: false }],
            key_ascending: true,
        })
    }

    fn read(
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

    /// The terms that decide before the key does: those up to the first that
    /// follows the key, after which nothing is left to decide.
    pub fn terms(&self) -> &[SortTerm] {
        let end = self.terms.iter().position(|term| term.field.follows_key());
        &self.terms[..end.unwrap_or(self.terms.len())]
    }

    /// Whether the key, which breaks ties, ascends.
    pub fn key_ascending(&self) -> bool {
        match self.terms.iter().find(|term| term.field.follows_key()) {
            Some(term) => !term.descending,
            None => self.key_ascending,
        }
    }

    /// Whether this is the order that pages have unless asked otherwise.
    pub fn is_newest_first(&self) -> bool {
        self.terms().is_empty() && !self.key_ascending()
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

/// What an entity is sorted by.
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

/// A place in an order: just behind the entity whose values these are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position<K> {
    /// A value for each of the [terms](Sort::terms).
    pub values: Vec<SortValue>,
    /// The key.
    pub key: K,
}

/// A `sort` that names what cannot be sorted by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SortError {
    /// No such field.
    #[error("cannot sort by \"{name}\"; the fields are {known}")]
    Unknown {
        /// The field that was asked for.
        name: String,
        /// The fields there are.
        known: String,
    },
    /// The same field again.
    #[error("\"{name}\" is named twice")]
    Twice {
        /// The field.
        name: String,
    },
}
