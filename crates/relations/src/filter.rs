//! Filters on what entities are related to.

use std::borrow::Cow;

use crate::{EntityInfo, RelationInfo, SortField, SortKind, text_key};

/// A condition on an entity: a tree of comparisons of its fields and conditions on related entities.
///
/// An empty value meets no comparison. [`parse`](Self::parse) reads the conditions that a request
/// can state; other trees are built as values.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/library/model.rs"));
/// # fn main() -> Result<(), recto_relations::FilterError> {
/// use recto_relations::{Filter, Quantifier};
///
/// let borrowed = Filter::parse(Author::INFO, Quantifier::Some, "books(published:1810s)")?;
/// let unread = Filter::parse(Author::INFO, Quantifier::None, "books")?;
/// assert!(matches!(borrowed, Filter::Related { .. }));
/// assert!(matches!(unread, Filter::Not(_)));
/// let either = Filter::Or(vec![borrowed, unread]);
/// # let _ = either;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of them hold. Without any, it holds for every entity.
    And(Vec<Filter>),
    /// At least one of them holds.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// A field of the entity has a value.
    Compare(Comparison),
    /// At least one related entity meets the filter.
    Related {
        /// The relation, which starts at the entity.
        relation: &'static RelationInfo,
        /// The condition on the entities that it leads to.
        filter: Box<Filter>,
    },
}

/// A comparison of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The field, one that its entity can be sorted by.
    pub field: &'static SortField,
    /// The values it may have.
    pub test: Test,
}

/// The values that meet a [`Comparison`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// The texts with this [key](text_key).
    Text(String),
    /// The numbers from the first to the last, both included; `None` leaves an end open.
    Range(Option<i64>, Option<i64>),
}

/// How many related entities must meet a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    /// At least one.
    Some,
    /// None.
    None,
    /// All of them, if there are any.
    Only,
}

impl Quantifier {
    /// Every quantifier.
    pub const ALL: [Self; 3] = [Self::Some, Self::None, Self::Only];

    /// Returns its name: `some`, `none` or `only`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Some => "some",
            Self::None => "none",
            Self::Only => "only",
        }
    }
}

impl Filter {
    /// Returns the filter that every entity meets.
    pub const fn everything() -> Self {
        Self::And(Vec::new())
    }

    /// Parses `relation`, or `relation(field:value,field:from..to)`.
    ///
    /// Texts are compared without regard to case. A text in double quotes may contain commas; a
    /// quote inside it is doubled. Numbers and dates are single values or ranges whose ends may be
    /// left out.
    ///
    /// # Errors
    /// [`FilterError`]: an unknown relation or field, with those there are; a malformed value;
    /// [`Quantifier::Only`] without a condition, which would always hold.
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
            .map(|raw| Comparison::parse(relation.to, raw.trim()).map(Self::Compare))
            .collect::<Result<Vec<_>, _>>()?;
        if quantifier == Quantifier::Only && conditions.is_empty() {
            return Err(FilterError::OnlyWithoutCondition);
        }
        let related = |filter| Self::Related { relation, filter: Box::new(filter) };
        let all = Self::And(conditions);
        Ok(match quantifier {
            Quantifier::Some => related(all),
            Quantifier::None => Self::Not(Box::new(related(all))),
            Quantifier::Only => Self::Not(Box::new(related(Self::Not(Box::new(all))))),
        })
    }
}

impl Comparison {
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
        let test = Test::parse(field.kind, value)
            .ok_or_else(|| FilterError::Value { name: name.to_owned(), value: value.to_owned() })?;
        Ok(Self { field, test })
    }
}

impl Test {
    fn parse(kind: SortKind, raw: &str) -> Option<Self> {
        match kind {
            SortKind::Text => {
                let text = unquoted(raw)?;
                (!text.is_empty()).then(|| Self::Text(text_key(&text)))
            }
            SortKind::Integer => {
                Self::parse_range(raw, |number| number.parse().ok().map(|n: i64| (n, n)))
            }
            SortKind::Range(parse) => Self::parse_range(raw, parse),
            SortKind::Key => None,
        }
    }

    /// A single value, or `from..to` with one end or the other left out.
    fn parse_range(raw: &str, parse: impl Fn(&str) -> Option<(i64, i64)>) -> Option<Self> {
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

/// The parts between commas that are not within double quotes.
fn split_outside_quotes(raw: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    raw.split(move |c| {
        // A doubled quote closes and opens again.
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

/// The text without the double quotes around it, if it has them.
fn unquoted(raw: &str) -> Option<Cow<'_, str>> {
    let Some(rest) = raw.strip_prefix('"') else { return Some(raw.into()) };
    let inner = rest.strip_suffix('"')?;
    let paired = inner.split("\"\"").all(|part| !part.contains('"'));
    paired.then(|| inner.replace("\"\"", "\"").into())
}

/// The error of a filter that cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// No such relation.
    #[error("\"{name}\" is not a relation; the relations are {known}")]
    UnknownRelation {
        /// The name.
        name: String,
        /// The names of the relations there are.
        known: String,
    },
    /// No such field, or none that can be compared.
    #[error("\"{name}\" is nothing to compare of a {entity}; what can be compared is {known}")]
    UnknownField {
        /// The name.
        name: String,
        /// The entity.
        entity: &'static str,
        /// The names of the fields that can be compared.
        known: String,
    },
    /// A value that the field cannot have.
    #[error("\"{value}\" is not a value of \"{name}\", nor a range of values as in 1..5")]
    Value {
        /// The field.
        name: String,
        /// The value.
        value: String,
    },
    /// Not of the form `relation(field:value)`.
    #[error("\"{filter}\" is not of the form relation(field:value)")]
    Malformed {
        /// The filter.
        filter: String,
    },
    /// `only` without a condition, which would hold for every entity.
    #[error("needs a condition, as in reviews(rating:5)")]
    OnlyWithoutCondition,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Entity as _;
    use crate::library::{Author, Book};

    fn parse(raw: &str) -> Result<Filter, FilterError> {
        Filter::parse(Author::INFO, Quantifier::Some, raw)
    }

    /// The tests of the comparisons in `books(…)`.
    fn tests(raw: &str) -> Vec<Test> {
        let Ok(Filter::Related { filter, .. }) = parse(raw) else { panic!("{raw}") };
        let Filter::And(all) = *filter else { panic!("{raw}") };
        let test = |filter| match filter {
            Filter::Compare(Comparison { test, .. }) => test,
            other => panic!("{other:?}"),
        };
        all.into_iter().map(test).collect()
    }

    #[test]
    fn conditions_are_parsed() {
        assert_eq!(tests("books(published:1810..1820)"), [Test::Range(Some(1810), Some(1820))]);
        assert_eq!(tests("books(published:1810s)"), [Test::Range(Some(1810), Some(1819))]);
        assert_eq!(tests("books(published:..1810s)"), [Test::Range(None, Some(1819))]);
        assert_eq!(tests("books(published:1,published:..3)").len(), 2);
        assert!(tests("books").is_empty());
        for (raw, key) in [
            ("books(title:Science Fiction)", "science fiction"),
            (r#"books(title:"King, Jr.")"#, "king, jr."),
            (r#"books(title:"Ada ""the Countess"" L.")"#, r#"ada "the countess" l."#),
            (r#"books(title:a "b" c)"#, r#"a "b" c"#),
            ("books(title:The (first))", "the (first)"),
        ] {
            assert_eq!(tests(raw), [Test::Text(key.to_owned())], "{raw}");
        }
    }

    #[test]
    fn quantifiers_are_negations() {
        let some = parse("books(title:Emma)").unwrap();
        let none = Filter::parse(Author::INFO, Quantifier::None, "books(title:Emma)").unwrap();
        assert_eq!(none, Filter::Not(Box::new(some)));
        let only = Filter::parse(Author::INFO, Quantifier::Only, "books(title:Emma)").unwrap();
        let Filter::Not(only) = only else { panic!("{only:?}") };
        assert!(
            matches!(*only, Filter::Related { filter, .. } if matches!(*filter, Filter::Not(_)))
        );
        let error = Filter::parse(Author::INFO, Quantifier::Only, "books").unwrap_err();
        assert_eq!(error, FilterError::OnlyWithoutCondition);
    }

    #[test]
    fn malformed_filters_are_refused() {
        for wrong in [
            "",
            "writers",
            "books(",
            "books(title)",
            "books(title:)",
            "books(colour:red)",
            "books()",
            "books(published:early)",
            "books(published:..)",
            "books(created_at:2020)",
            r#"books(title:"a)"#,
            r#"books(title:"a"b")"#,
            r#"books(title:"")"#,
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(raw in "[a-z.,():0-9 ]{0,40}|.{0,30}") {
            let _ = parse(&raw);
            let _ = Filter::parse(Book::INFO, Quantifier::Only, &raw);
        }
    }
}
