//! Filters on what entities are related to: `some=tags(name:latin)`.

use std::borrow::Cow;

use super::{EntityInfo, RelationInfo, SortField, SortKind};
use crate::{PublishedDate, text_key};

/// How many of the related must meet the conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    /// One at least.
    Some,
    /// Not one.
    None,
    /// All there are, if there are any.
    Only,
}

impl Quantifier {
    /// Every quantifier.
    pub const ALL: [Self; 3] = [Self::Some, Self::None, Self::Only];

    /// Its name as a parameter.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Some => "some",
            Self::None => "none",
            Self::Only => "only",
        }
    }
}

/// What must hold of the entities that a relation leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct RelationFilter {
    /// How many of them.
    pub quantifier: Quantifier,
    /// Which relation.
    pub relation: &'static RelationInfo,
    /// What each must meet.
    pub conditions: Vec<Condition>,
}

/// What a member must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The member, one that its entity can be sorted by.
    pub field: &'static SortField,
    /// What it must be.
    pub matching: Matching,
}

/// What a value must be; one that is empty matches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matching {
    /// The text with this [key](text_key).
    Text(String),
    /// A number from and to, either end open where it is not given.
    Range(Option<i64>, Option<i64>),
}

impl RelationFilter {
    /// Reads `relation`, or `relation(field:value,field:from..to)`.
    ///
    /// Texts are equal without regard to case; one in double quotes may have
    /// commas, and a quote in it is written twice. Numbers and dates are given
    /// alone or as a range whose ends may be left open.
    ///
    /// # Errors
    /// An unknown relation or field, with those there are; a malformed value;
    /// `only` without a condition, which would always hold.
    ///
    /// ```
    /// use recto_domain::Book;
    /// use recto_domain::relation::{Entity, Quantifier, RelationFilter};
    ///
    /// let filter = RelationFilter::parse(Book::INFO, Quantifier::Only, "reviews(rating:4..)")?;
    /// assert_eq!(filter.conditions.len(), 1);
    /// assert!(RelationFilter::parse(Book::INFO, Quantifier::Some, "authors").is_err());
    /// # Ok::<(), recto_domain::relation::FilterError>(())
    /// ```
    pub fn parse(
        entity: &EntityInfo,
        quantifier: Quantifier,
        raw: &str,
    ) -> Result<Self, FilterError> {
        let (name, conditions) = match raw.split_once('(') {
            None => (raw.trim(), None),
            Some((name, rest)) => {
                let inner = rest
                    .trim_end()
                    .strip_suffix(')')
                    .ok_or_else(|| FilterError::Malformed { filter: raw.to_owned() })?;
                (name.trim(), Some(inner))
            }
        };
        let relation = entity.relation(name).ok_or_else(|| FilterError::UnknownRelation {
            name: name.to_owned(),
            known: entity.relations().map(|relation| relation.name).collect::<Vec<_>>().join(", "),
        })?;
        let conditions = conditions
            .into_iter()
            .flat_map(split_outside_quotes)
            .map(|condition| Condition::parse(relation.to, condition.trim()))
            .collect::<Result<Vec<_>, _>>()?;
        if quantifier == Quantifier::Only && conditions.is_empty() {
            return Err(FilterError::OnlyWhat);
        }
        Ok(Self { quantifier, relation, conditions })
    }
}

impl Condition {
    fn parse(entity: &EntityInfo, raw: &str) -> Result<Self, FilterError> {
        let malformed = || FilterError::Malformed { filter: raw.to_owned() };
        let (name, value) = raw.split_once(':').ok_or_else(malformed)?;
        let (name, value) = (name.trim(), value.trim());
        let comparable = |field: &&SortField| !field.follows_key();
        let field = entity
            .sorts
            .iter()
            .filter(comparable)
            .find(|field| field.name == name)
            .ok_or_else(|| FilterError::UnknownField {
                name: name.to_owned(),
                entity: entity.name,
                known: match entity.sorts.iter().filter(comparable).collect::<Vec<_>>().as_slice() {
                    [] => "nothing".to_owned(),
                    fields => fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", "),
                },
            })?;
        let matching = Matching::parse(field.kind, value)
            .ok_or_else(|| FilterError::Value { name: name.to_owned(), value: value.to_owned() })?;
        Ok(Self { field, matching })
    }
}

impl Matching {
    fn parse(kind: SortKind, raw: &str) -> Option<Self> {
        match kind {
            SortKind::Text => {
                let text = unquoted(raw)?;
                (!text.is_empty()).then(|| Self::Text(text_key(&text)))
            }
            SortKind::Integer => Self::range(raw, |n| n.parse().ok().map(|n: i64| (n, n))),
            SortKind::Date => Self::range(raw, |date| {
                let date: PublishedDate = date.parse().ok()?;
                Some((date.sort_key().into(), date.last_sort_key().into()))
            }),
            SortKind::Key => None,
        }
    }

    /// A single value, or `from..to` with an end or the other left out.
    fn range(raw: &str, parse: impl Fn(&str) -> Option<(i64, i64)>) -> Option<Self> {
        let Some((from, to)) = raw.split_once("..") else {
            let (from, to) = parse(raw)?;
            return Some(Self::Range(Some(from), Some(to)));
        };
        let end = |end: &str| match end {
            "" => Some(None),
            end => parse(end).map(Some),
        };
        let (from, to) = (end(from)?, end(to)?);
        (from.is_some() || to.is_some())
            .then(|| Self::Range(from.map(|(first, _)| first), to.map(|(_, last)| last)))
    }
}

/// The parts between commas, those within double quotes left alone.
fn split_outside_quotes(raw: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    raw.split(move |c| {
        // A quote that is written twice closes and opens again.
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

/// A text as it was meant: in double quotes, or as it stands.
fn unquoted(raw: &str) -> Option<Cow<'_, str>> {
    let Some(rest) = raw.strip_prefix('"') else { return Some(raw.into()) };
    let inner = rest.strip_suffix('"')?;
    let paired = inner.split("\"\"").all(|part| !part.contains('"'));
    paired.then(|| inner.replace("\"\"", "\"").into())
}

/// A filter on relations that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// No such relation.
    #[error("\"{name}\" is not a relation; the relations are {known}")]
    UnknownRelation {
        /// What was asked for.
        name: String,
        /// The relations there are.
        known: String,
    },
    /// No such field, or none to compare.
    #[error("\"{name}\" is nothing to compare of a {entity}; what can be compared is {known}")]
    UnknownField {
        /// What was asked for.
        name: String,
        /// The entity.
        entity: &'static str,
        /// What it can be compared by.
        known: String,
    },
    /// A value that the field cannot have.
    #[error("\"{value}\" is not a value of \"{name}\", nor a range of values as in 1..5")]
    Value {
        /// The field.
        name: String,
        /// What was written.
        value: String,
    },
    /// Not of the form at all.
    #[error("\"{filter}\" is not of the form relation(field:value)")]
    Malformed {
        /// What was written.
        filter: String,
    },
    /// `only` holds of everything without a condition.
    #[error("needs a condition, as in reviews(rating:5)")]
    OnlyWhat,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Book;
    use crate::relation::Entity;

    fn parse(raw: &str) -> Result<RelationFilter, FilterError> {
        RelationFilter::parse(Book::INFO, Quantifier::Some, raw)
    }

    #[test]
    fn conditions_are_read() {
        let filter = parse("reviews(rating:2..4)").unwrap();
        assert_eq!(filter.conditions[0].matching, Matching::Range(Some(2), Some(4)));
        let filter = parse("tags(name:Science Fiction)").unwrap();
        assert_eq!(filter.conditions[0].matching, Matching::Text("science fiction".to_owned()));
        assert!(parse("user").unwrap().conditions.is_empty());
        for (raw, key) in [
            (r#"contributors(name:"King, Jr.")"#, "king, jr."),
            (r#"contributors(name:"Ada ""the Countess"" L.")"#, r#"ada "the countess" l."#),
            (r#"contributors(name:a "b" c)"#, r#"a "b" c"#),
            ("contributors(name:The (first))", "the (first)"),
        ] {
            let filter = parse(raw).unwrap();
            assert_eq!(filter.conditions.len(), 1, "{raw}");
            assert_eq!(filter.conditions[0].matching, Matching::Text(key.to_owned()), "{raw}");
        }
        let filter = parse("reviews(rating:2,rating:..3)").unwrap();
        assert_eq!(filter.conditions.len(), 2);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for wrong in [
            "",
            "authors",
            "tags(",
            "tags(name)",
            "tags(name:)",
            "tags(colour:red)",
            "reviews()",
            "reviews(rating:high)",
            "reviews(rating:..)",
            "reviews(created_at:2020)",
            r#"tags(name:"a)"#,
            r#"tags(name:"a"b")"#,
            r#"tags(name:"")"#,
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(RelationFilter::parse(Book::INFO, Quantifier::Only, "tags").is_err());
    }

    proptest! {
        #[test]
        fn no_string_panics(raw in "[a-z.,():0-9 ]{0,40}|.{0,30}") {
            let _ = parse(&raw);
        }
    }
}
