//! Parsing of includes and counts.

use super::{Include, IncludeError, IncludedRelation, MAX_DEPTH, paths};
use crate::{Cardinality, EntityInfo, Sort, excerpt};

impl Include {
    /// Parses a list of paths that start at `entity`: `books(limit:5).readers,author`.
    ///
    /// Paths with a common prefix are merged: `books,books.readers` loads the books once.
    ///
    /// # Errors
    /// [`IncludeError`] for an unknown relation, a path that is too long, or malformed options.
    pub fn parse(entity: &'static EntityInfo, raw: &str) -> Result<Self, IncludeError> {
        let mut include = Self::default();
        for path in split_outside_parentheses(raw, ',') {
            include.add(entity, path)?;
        }
        include.divide_entities();
        Ok(include)
    }

    /// Adds relations to count: `tags,reviews.user.books`. The relations before the last dot must
    /// be included already.
    ///
    /// # Errors
    /// [`IncludeError`] for an unknown relation, a to-one relation, or a path that is not included.
    pub fn count(&mut self, entity: &'static EntityInfo, raw: &str) -> Result<(), IncludeError> {
        for path in raw.split(',').map(str::trim) {
            self.add_count(entity, path)?;
        }
        self.divide_entities();
        Ok(())
    }

    fn add_count(&mut self, entity: &'static EntityInfo, path: &str) -> Result<(), IncludeError> {
        let mut level = self;
        let mut from = entity;
        let (parents, name) = path.rsplit_once('.').unzip();
        for step in parents.into_iter().flat_map(|parents| parents.split('.')) {
            let included =
                level.relations.iter_mut().find(|included| included.relation.name == step);
            let included = included.ok_or_else(|| IncludeError::CountOfUnloaded {
                path: excerpt(path),
                parents: excerpt(parents.unwrap_or_default()),
            })?;
            from = included.relation.to;
            level = &mut included.nested;
        }
        let relation = from
            .relation(name.unwrap_or(path))
            .filter(|relation| relation.cardinality == Cardinality::Many)
            .ok_or_else(|| IncludeError::Uncountable {
                path: excerpt(path),
                known: from
                    .relations()
                    .filter(|relation| relation.cardinality == Cardinality::Many)
                    .map(|relation| relation.name)
                    .collect::<Vec<_>>()
                    .join(", "),
            })?;
        if !level.counts.contains(&relation) {
            level.counts.push(relation);
        }
        Ok(())
    }

    fn add(&mut self, entity: &'static EntityInfo, path: &str) -> Result<(), IncludeError> {
        let mut level = self;
        let mut from = entity;
        for (depth, step) in split_outside_parentheses(path, '.').enumerate() {
            if depth == MAX_DEPTH {
                return Err(IncludeError::TooDeep { path: excerpt(path) });
            }
            let (name, options) = split_options(step.trim())
                .ok_or_else(|| IncludeError::Malformed { path: excerpt(path) })?;
            let relation = from.relation(name).ok_or_else(|| IncludeError::Unknown {
                path: excerpt(path),
                known: paths(entity, MAX_DEPTH).join(", "),
            })?;
            let position =
                level.relations.iter().position(|included| included.relation == relation);
            let included = if let Some(position) = position {
                &mut level.relations[position]
            } else {
                level.relations.push(IncludedRelation::new(relation));
                let last = level.relations.len() - 1;
                &mut level.relations[last]
            };
            if let Some(options) = options {
                included.set_options(options)?;
            }
            from = relation.to;
            level = &mut included.nested;
        }
        Ok(())
    }
}

impl IncludedRelation {
    fn set_options(&mut self, options: &str) -> Result<(), IncludeError> {
        let name = self.relation.name.to_owned();
        if self.relation.cardinality != Cardinality::Many {
            return Err(IncludeError::OptionOfOne { name });
        }
        let mut parsed = Self::new(self.relation);
        let mut sort: Option<String> = None;
        let mut limited = false;
        for option in options.split(',').map(str::trim) {
            match option.split_once(':') {
                Some(("limit", limit)) if !std::mem::replace(&mut limited, true) => {
                    let limit = limit.trim();
                    parsed.limit = parse_limit(limit).ok_or_else(|| IncludeError::Limit {
                        name: name.clone(),
                        is_integer: limit.parse::<i64>().is_ok(),
                    })?;
                }
                Some(("sort", by)) if sort.is_none() => sort = Some(by.to_owned()),
                // Another field of the sort, as in `(sort:-rating,created_at)`.
                None if sort.is_some() && !option.is_empty() => {
                    sort.as_mut().into_iter().for_each(|sort| {
                        sort.push(',');
                        sort.push_str(option);
                    });
                }
                _ => {
                    return Err(IncludeError::UnknownOption { name, option: excerpt(option) });
                }
            }
        }
        if let Some(sort) = sort {
            parsed.sort = Sort::parse_along(self.relation, &sort)?;
        }
        if self.has_options && (self.limit != parsed.limit || self.sort != parsed.sort) {
            return Err(IncludeError::Contradiction { name });
        }
        self.limit = parsed.limit;
        self.sort = parsed.sort;
        self.has_options = true;
        Ok(())
    }
}

/// Parses an integer of at least 1. Larger values than 32 bits hold are clamped.
fn parse_limit(raw: &str) -> Option<u32> {
    if raw.is_empty() || !raw.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let limit = raw.parse().unwrap_or(u32::MAX);
    (limit > 0).then_some(limit)
}

/// Splits `name(options)` or `name`; `None` if the parentheses do not match.
fn split_options(step: &str) -> Option<(&str, Option<&str>)> {
    match step.split_once('(') {
        None => (!step.is_empty() && !step.contains(')')).then_some((step, None)),
        Some((name, rest)) => {
            let options = rest.strip_suffix(')')?;
            let valid = !name.is_empty() && !options.contains(['(', ')']);
            valid.then_some((name.trim_end(), Some(options)))
        }
    }
}

fn split_outside_parentheses(raw: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    raw.split(move |c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == separator && depth == 0
    })
    .map(str::trim)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Entity as _;
    use crate::library::{Author, Book, Reader};

    #[test]
    fn unknown_path_lists_valid_ones() {
        let error = Include::parse(Reader::INFO, "books.tags").unwrap_err().to_string();
        assert!(error.contains("\"books.tags\""), "{error}");
        assert!(error.contains("books.author.books"), "{error}");
    }

    #[test]
    fn common_prefixes_are_merged() {
        let include = Include::parse(Book::INFO, "readers,readers.books,author,readers").unwrap();
        assert_eq!(include.relations().len(), 2);
        assert_eq!(include.relation_count(), 3);
    }

    #[test]
    fn options_are_parsed() {
        let raw = "readers( limit:7, sort:-name,created_at ).books";
        let include = Include::parse(Book::INFO, raw).unwrap();
        assert_eq!(include.relations()[0].limit, 7);
        assert_eq!(include.relations()[0].sort.to_string(), "-name,created_at");
    }

    #[test]
    fn malformed_includes_are_refused() {
        for wrong in [
            "readers(limit:0)",
            "readers(limit:-1)",
            "readers(limit:1e3)",
            "readers(limit:)",
            "readers(limit)",
            "readers(sort:)",
            "readers(sort:published)",
            "readers(page:2)",
            "readers(",
            "readers)",
            "readers()",
            "author(limit:2)",
            "readers(limit:2),readers(limit:3)",
            "",
            ",",
            "readers.",
            ".readers",
            "readers.books.readers.books",
        ] {
            assert!(Include::parse(Book::INFO, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn counts_need_included_parents() {
        let mut include = Include::parse(Book::INFO, "author").unwrap();
        include.count(Book::INFO, "readers,author.books").unwrap();
        assert_eq!(include.counts().len(), 1);
        assert_eq!(include.relations()[0].nested.counts().len(), 1);
        assert!(include.count(Book::INFO, "author").is_err());
        assert!(include.count(Book::INFO, "readers.books").is_err());
        assert!(include.count(Book::INFO, "").is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_input_does_not_panic(raw in "[a-z.,():\\-0-9 ]{0,60}|.{0,40}") {
            let _ = Include::parse(Author::INFO, &raw);
            let _ = Include::nothing().count(Author::INFO, &raw);
        }
    }
}
