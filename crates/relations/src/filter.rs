//! Filters on entities and their related entities.

use std::borrow::Cow;

use crate::{EntityInfo, RelationInfo, SortField, SortKind, excerpt, text_key};

/// A condition on an entity: a tree of comparisons of its fields and of conditions on related
/// entities.
///
/// No comparison matches an empty value. [`parse`](Self::parse) parses the conditions of a request;
/// other trees are built as values.
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
    /// Every condition holds. An empty list matches every entity.
    And(Vec<Filter>),
    /// At least one condition holds.
    Or(Vec<Filter>),
    /// The condition does not hold.
    Not(Box<Filter>),
    /// A field of the entity matches.
    Compare(Comparison),
    /// At least one related entity matches.
    Related {
        /// A relation that starts at the entity.
        relation: &'static RelationInfo,
        /// The condition on the related entities.
        filter: Box<Filter>,
    },
}

/// A comparison of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The field: one of those that the entity can be sorted by.
    pub field: &'static SortField,
    /// The values that match.
    pub test: Test,
}

/// The values that match a [`Comparison`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// Texts with this [key](text_key).
    Text(String),
    /// Integers from the first to the last, both included; `None` for an open end.
    Range(Option<i64>, Option<i64>),
}

/// How many of the related entities must match.
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

    /// Returns the name: `some`, `none` or `only`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Some => "some",
            Self::None => "none",
            Self::Only => "only",
        }
    }
}

impl Filter {
    /// Returns the filter that matches every entity.
    pub const fn everything() -> Self {
        Self::And(Vec::new())
    }

    /// Parses `relation`, or `relation(field:value,field:from..to)`.
    ///
    /// Text comparison ignores case. A text in double quotes may contain commas; a quote inside it
    /// is doubled. Numbers and dates are single values or ranges, of which one end may be omitted.
    ///
    /// # Errors
    /// [`FilterError`] for an unknown relation or field, a malformed value, or
    /// [`Quantifier::Only`] without a condition.
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
                    .ok_or_else(|| FilterError::Malformed { filter: excerpt(raw) })?;
                (name.trim(), Some(inner))
            }
        };
        let relation = entity.relation(name).ok_or_else(|| FilterError::UnknownRelation {
            name: excerpt(name),
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
        let malformed = || FilterError::Malformed { filter: excerpt(raw) };
        let (name, value) = raw.split_once(':').ok_or_else(malformed)?;
        let (name, value) = (name.trim(), value.trim());
        let comparable = |field: &&SortField| !field.follows_key();
        let field = entity
            .sorts
            .iter()
            .filter(comparable)
            .find(|field| field.name == name)
            .ok_or_else(|| FilterError::UnknownField {
                name: excerpt(name),
                entity: entity.name,
                known: match entity.sorts.iter().filter(comparable).collect::<Vec<_>>().as_slice() {
                    [] => "(none)".to_owned(),
                    fields => fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", "),
                },
            })?;
        let test = Test::parse(field.kind, value)
            .ok_or_else(|| FilterError::Value { name: excerpt(name), value: excerpt(value) })?;
        if matches!(test, Test::Range(Some(from), Some(to)) if from > to) {
            return Err(FilterError::EmptyRange { name: excerpt(name), range: excerpt(value) });
        }
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

    /// Parses a single value, or `from..to` of which one end may be omitted.
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

/// Splits at commas outside double quotes.
fn split_outside_quotes(raw: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    raw.split(move |c| {
        // A doubled quote toggles twice.
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

/// Removes the double quotes around a text, if any; `None` if they do not match.
fn unquoted(raw: &str) -> Option<Cow<'_, str>> {
    let Some(rest) = raw.strip_prefix('"') else { return Some(raw.into()) };
    let inner = rest.strip_suffix('"')?;
    let paired = inner.split("\"\"").all(|part| !part.contains('"'));
    paired.then(|| inner.replace("\"\"", "\"").into())
}

/// The error of parsing a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// An unknown relation.
    #[error("\"{name}\" is not a relation; the relations are {known}")]
    UnknownRelation {
        /// The name.
        name: String,
        /// The names of the known relations.
        known: String,
    },
    /// An unknown field, or one that cannot be compared.
    #[error("\"{name}\" is not a field of {entity} that can be compared; the fields are {known}")]
    UnknownField {
        /// The name.
        name: String,
        /// The entity.
        entity: &'static str,
        /// The names of the fields that can be compared.
        known: String,
    },
    /// A value that is not valid for the field.
    #[error("\"{value}\" is not a value of \"{name}\" or a range of values such as 1..5")]
    Value {
        /// The field.
        name: String,
        /// The value.
        value: String,
    },
    /// A range whose end is before its start, which would match nothing.
    #[error("the range \"{range}\" of \"{name}\" ends before it starts")]
    EmptyRange {
        /// The field.
        name: String,
        /// The range.
        range: String,
    },
    /// A filter that does not have the form `relation(field:value)`.
    #[error("\"{filter}\" does not have the form relation(field:value)")]
    Malformed {
        /// The filter.
        filter: String,
    },
    /// `only` without a condition, which would match every entity.
    #[error("a condition is required, such as reviews(rating:5)")]
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
    fn none_and_only_are_negations() {
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
    fn long_values_are_cut() {
        let error = parse(&format!("books(published:{})", "9".repeat(9_000))).unwrap_err();
        assert!(error.to_string().len() < 200, "{error}");
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
            "books(published:1820..1810)",
            "books(published:1820..1810s)",
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
        fn arbitrary_input_does_not_panic(raw in "[a-z.,():0-9 ]{0,40}|.{0,30}") {
            let _ = parse(&raw);
            let _ = Filter::parse(Book::INFO, Quantifier::Only, &raw);
        }
    }
}
