//! Which relations to load: `user,reviews(limit:5,sort:-rating).user`.

use crate::{Cardinality, EntityInfo, Relation, RelationInfo, Sort, SortError};

/// The most relations that a path may have.
pub const MAX_DEPTH: usize = 3;

/// How many entities a to-many relation loads for each parent by default.
pub const DEFAULT_PER_PARENT: u32 = 20;

/// The most entities that a to-many relation loads for each parent.
const MAX_PER_PARENT: u32 = 100;

/// The most entities that one relation loads for all parents together.
const MAX_PER_EDGE: u32 = 10_000;

/// The most entities that all relations of a request load together.
const MAX_TOGETHER: u32 = 30_000;

/// A tree of relations to load and to count, starting at an entity.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/library/model.rs"));
/// # fn main() -> Result<(), recto_relations::IncludeError> {
/// use recto_relations::Include;
///
/// let mut include = Include::parse(Author::INFO, "books(limit:5,sort:-published).readers")?;
/// include.count(Author::INFO, "books.readers")?;
/// assert_eq!(include.edge_count(), 2);
/// assert_eq!(include.edges()[0].limit, 5);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Include {
    edges: Vec<Requested>,
    counts: Vec<&'static RelationInfo>,
}

/// A relation to load, and what to load from there.
#[derive(Debug, Clone, PartialEq)]
pub struct Requested {
    /// The relation.
    pub relation: &'static RelationInfo,
    /// The most entities for each parent; without meaning for a to-one relation.
    pub limit: u32,
    /// The order for each parent; without meaning for a to-one relation.
    pub sort: Sort,
    /// What to load from the entities that it leads to.
    pub nested: Include,
    customised: bool,
    /// The most entities for all parents together.
    most: u32,
}

impl Include {
    /// Returns the tree without relations: the entity alone.
    pub const fn nothing() -> Self {
        Self { edges: Vec::new(), counts: Vec::new() }
    }

    /// Parses a list of paths that start at `entity`: `books(limit:5).readers,author`.
    ///
    /// Paths that begin alike are merged: `books,books.readers` loads the books once.
    ///
    /// # Errors
    /// [`IncludeError`]: an unknown relation (with the valid paths), a path that is too long, or
    /// options that are malformed.
    pub fn parse(entity: &'static EntityInfo, raw: &str) -> Result<Self, IncludeError> {
        let mut include = Self::default();
        for path in split_outside_parentheses(raw, ',') {
            include.add(entity, path)?;
        }
        include.share();
        Ok(include)
    }

    /// Returns this tree with one relation more: up to `limit` entities of it for each parent, and
    /// what `nested` loads from them.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/library/model.rs"));
    /// # fn main() -> Result<(), recto_relations::IncludeError> {
    /// use recto_relations::Include;
    ///
    /// let include = Include::nothing().with::<AuthorBooks>(5, Include::nothing());
    /// assert_eq!(include, Include::parse(Author::INFO, "books(limit:5)")?);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with<R: Relation>(mut self, limit: u32, nested: Self) -> Self {
        let customised = limit != DEFAULT_PER_PARENT;
        let requested = Requested { limit, nested, customised, ..Requested::new(R::INFO) };
        self.edges.push(requested);
        self.share();
        self
    }

    /// Divides what a request may load among its relations. A count takes three shares, since it
    /// is computed, and shown, for each parent.
    fn share(&mut self) {
        let shares = u32::try_from(self.edge_count() + 3 * self.count_count()).unwrap_or(u32::MAX);
        self.allow(MAX_PER_EDGE.min(MAX_TOGETHER / shares.max(1)));
    }

    fn allow(&mut self, most: u32) {
        for edge in &mut self.edges {
            edge.most = most;
            edge.nested.allow(most);
        }
    }

    fn count_count(&self) -> usize {
        let below = self.edges.iter().map(|edge| edge.nested.count_count());
        self.counts.len() + below.sum::<usize>()
    }

    /// Returns the relations to load.
    pub fn edges(&self) -> &[Requested] {
        &self.edges
    }

    /// Returns the relations to count without loading them.
    pub fn counts(&self) -> &[&'static RelationInfo] {
        &self.counts
    }

    /// Returns whether there is nothing to load or to count.
    pub fn is_empty(&self) -> bool {
        self.edges.is_empty() && self.counts.is_empty()
    }

    /// Returns how many relations are to be loaded, at every level.
    pub fn edge_count(&self) -> usize {
        self.edges.iter().map(|edge| 1 + edge.nested.edge_count()).sum()
    }

    /// Adds relations to count: `tags,reviews.user.books`. The relations before the last dot must
    /// be included already.
    ///
    /// # Errors
    /// [`IncludeError`]: an unknown relation, one that is not to-many, or a path that is not
    /// included.
    pub fn count(&mut self, entity: &'static EntityInfo, raw: &str) -> Result<(), IncludeError> {
        for path in raw.split(',').map(str::trim) {
            let (level, from, name) = match path.rsplit_once('.') {
                None => (&mut *self, entity, path),
                Some((parents, name)) => {
                    let mut level = &mut *self;
                    let mut from = entity;
                    for step in parents.split('.') {
                        let edge = level.edges.iter_mut().find(|edge| edge.relation.name == step);
                        let edge = edge.ok_or_else(|| IncludeError::CountOfUnloaded {
                            path: path.to_owned(),
                            parents: parents.to_owned(),
                        })?;
                        from = edge.relation.to;
                        level = &mut edge.nested;
                    }
                    (level, from, name)
                }
            };
            let relation = from
                .relation(name)
                .filter(|relation| relation.cardinality == Cardinality::Many)
                .ok_or_else(|| IncludeError::Uncountable {
                    path: path.to_owned(),
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
        }
        self.share();
        Ok(())
    }

    fn add(&mut self, entity: &'static EntityInfo, path: &str) -> Result<(), IncludeError> {
        let mut level = self;
        let mut from = entity;
        for (depth, step) in split_outside_parentheses(path, '.').enumerate() {
            if depth == MAX_DEPTH {
                return Err(IncludeError::TooDeep { path: path.to_owned() });
            }
            let (name, options) = split_options(step.trim())
                .ok_or_else(|| IncludeError::Malformed { path: path.to_owned() })?;
            let relation = from.relation(name).ok_or_else(|| IncludeError::Unknown {
                path: path.to_owned(),
                known: paths(entity, MAX_DEPTH).join(", "),
            })?;
            let position = level.edges.iter().position(|edge| edge.relation == relation);
            let edge = if let Some(position) = position {
                &mut level.edges[position]
            } else {
                level.edges.push(Requested::new(relation));
                let last = level.edges.len() - 1;
                &mut level.edges[last]
            };
            if let Some(options) = options {
                edge.customise(options)?;
            }
            from = relation.to;
            level = &mut edge.nested;
        }
        Ok(())
    }
}

impl Requested {
    fn new(relation: &'static RelationInfo) -> Self {
        Self {
            relation,
            limit: DEFAULT_PER_PARENT,
            sort: Sort::along(relation),
            nested: Include::nothing(),
            customised: false,
            most: MAX_PER_EDGE,
        }
    }

    /// Returns the most entities for each of `parents`, where a parent that occurs several times
    /// counts as often.
    ///
    /// That is the limit, but at most min(100, ⌊10,000 ÷ parents⌋) and at least one. More than
    /// three relations, and counts, share 30,000 entities.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/library/model.rs"));
    /// # fn main() -> Result<(), recto_relations::IncludeError> {
    /// use recto_relations::Include;
    ///
    /// let include = Include::parse(Author::INFO, "books(limit:50).readers")?;
    /// let books = &include.edges()[0];
    /// assert_eq!(books.per_parent(1), 50);
    /// assert_eq!(books.per_parent(1_000), 10);
    /// assert_eq!(books.nested.edges()[0].per_parent(1), 20);
    /// # Ok(())
    /// # }
    /// ```
    pub fn per_parent(&self, parents: u32) -> u32 {
        self.limit.min(MAX_PER_PARENT).min((self.most / parents.max(1)).max(1))
    }

    fn customise(&mut self, options: &str) -> Result<(), IncludeError> {
        let name = self.relation.name.to_owned();
        if self.relation.cardinality != Cardinality::Many {
            return Err(IncludeError::OptionOfOne { name });
        }
        let mut read = Self::new(self.relation);
        let mut sort: Option<String> = None;
        let mut limited = false;
        for option in options.split(',').map(str::trim) {
            match option.split_once(':') {
                Some(("limit", limit)) if !std::mem::replace(&mut limited, true) => {
                    read.limit = parse_limit(limit.trim())
                        .ok_or_else(|| IncludeError::Limit { name: name.clone() })?;
                }
                Some(("sort", by)) if sort.is_none() => sort = Some(by.to_owned()),
                // A further field of a sort: `(sort:-rating,created_at)`.
                None if sort.is_some() && !option.is_empty() => {
                    sort.as_mut().into_iter().for_each(|sort| {
                        sort.push(',');
                        sort.push_str(option);
                    });
                }
                _ => {
                    return Err(IncludeError::UnknownOption { name, option: option.to_owned() });
                }
            }
        }
        if let Some(sort) = sort {
            read.sort = Sort::parse_along(self.relation, &sort)?;
        }
        if self.customised && (self.limit != read.limit || self.sort != read.sort) {
            return Err(IncludeError::Contradiction { name });
        }
        self.limit = read.limit;
        self.sort = read.sort;
        self.customised = true;
        Ok(())
    }
}

impl std::fmt::Display for Include {
    /// Writes the list of paths that parses as this tree. Counts are left out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        fn walk(
            include: &Include,
            prefix: &str,
            first: &mut bool,
            f: &mut std::fmt::Formatter<'_>,
        ) -> std::fmt::Result {
            for edge in &include.edges {
                let comma = if std::mem::take(first) { "" } else { "," };
                write!(f, "{comma}{prefix}{}", edge.relation.name)?;
                if edge.customised {
                    write!(f, "(limit:{}", edge.limit)?;
                    if edge.sort != Sort::along(edge.relation) {
                        write!(f, ",sort:{}", edge.sort)?;
                    }
                    f.write_str(")")?;
                }
                walk(&edge.nested, &format!("{prefix}{}.", edge.relation.name), first, f)?;
            }
            Ok(())
        }
        walk(self, "", &mut true, f)
    }
}

/// Returns every path of relations that starts at `entity`, with at most `depth` relations.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/library/model.rs"));
/// # fn main() {
/// use recto_relations::paths;
///
/// assert_eq!(paths(Book::INFO, 1), ["author", "editor", "readers"]);
/// # }
/// ```
pub fn paths(entity: &'static EntityInfo, depth: usize) -> Vec<String> {
    let mut all = Vec::new();
    let mut level = vec![(String::new(), entity)];
    for _ in 0..depth {
        let mut next = Vec::new();
        for (prefix, from) in level {
            for relation in from.relations() {
                let dot = if prefix.is_empty() { "" } else { "." };
                let path = format!("{prefix}{dot}{}", relation.name);
                all.push(path.clone());
                next.push((path, relation.to));
            }
        }
        level = next;
    }
    all
}

/// The error of an `include` or a `count` that cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IncludeError {
    /// A path with a step that is no relation.
    #[error("\"{path}\" is not a path of relations; the valid ones are {known}")]
    Unknown {
        /// The path.
        path: String,
        /// The valid paths.
        known: String,
    },
    /// More steps than [`MAX_DEPTH`].
    #[error("\"{path}\" has more than {MAX_DEPTH} levels")]
    TooDeep {
        /// The path.
        path: String,
    },
    /// Parentheses that do not match, or an empty step.
    #[error("\"{path}\" is not of the form relation(limit:5,sort:-field).relation")]
    Malformed {
        /// The path.
        path: String,
    },
    /// A limit that is not a whole number above zero.
    #[error("the limit of \"{name}\" must be a whole number from 1")]
    Limit {
        /// The relation.
        name: String,
    },
    /// An unknown option.
    #[error("\"{option}\" is not an option of \"{name}\"; the options are limit:N and sort:FIELD")]
    UnknownOption {
        /// The relation.
        name: String,
        /// The option.
        option: String,
    },
    /// Options of a relation that leads to one entity.
    #[error("\"{name}\" leads to one, so it takes no limit and no sort")]
    OptionOfOne {
        /// The relation.
        name: String,
    },
    /// Two different sets of options for one relation.
    #[error("\"{name}\" is given two different limits or sorts")]
    Contradiction {
        /// The relation.
        name: String,
    },
    /// A sort that the relation does not offer.
    #[error(transparent)]
    Sort(#[from] SortError),
    /// A count of something other than a to-many relation.
    #[error("\"{path}\" cannot be counted; what can be counted is {known}")]
    Uncountable {
        /// The path.
        path: String,
        /// The relations that can be counted there.
        known: String,
    },
    /// A count from a relation that is not included.
    #[error("\"{path}\" can be counted only where \"{parents}\" is included")]
    CountOfUnloaded {
        /// The path.
        path: String,
        /// The relations before its last dot.
        parents: String,
    },
}

/// A whole number from 1; what exceeds 32 bits is as good as the largest.
fn parse_limit(raw: &str) -> Option<u32> {
    if raw.is_empty() || !raw.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let limit = raw.parse().unwrap_or(u32::MAX);
    (limit > 0).then_some(limit)
}

/// `name(options)` or `name`; `None` when the parentheses do not match.
fn split_options(step: &str) -> Option<(&str, Option<&str>)> {
    match step.split_once('(') {
        None => (!step.is_empty() && !step.contains(')')).then_some((step, None)),
        Some((name, rest)) => {
            let options = rest.strip_suffix(')')?;
            let clean = !name.is_empty() && !options.contains(['(', ')']);
            clean.then_some((name.trim_end(), Some(options)))
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
    fn paths_that_begin_alike_are_merged() {
        let include = Include::parse(Book::INFO, "readers,readers.books,author,readers").unwrap();
        assert_eq!(include.edges().len(), 2);
        assert_eq!(include.edge_count(), 3);
    }

    #[test]
    fn options_are_parsed() {
        let raw = "readers( limit:7, sort:-name,created_at ).books";
        let include = Include::parse(Book::INFO, raw).unwrap();
        assert_eq!(include.edges()[0].limit, 7);
        assert_eq!(include.edges()[0].sort.to_string(), "-name,created_at");
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
    fn huge_limit_is_clamped() {
        let include = Include::parse(Book::INFO, "readers(limit:99999999999999999999)").unwrap();
        assert_eq!(include.edges()[0].per_parent(1), 100);
    }

    #[test]
    fn many_relations_share_the_total() {
        let per_parent = |raw: &str, counts: &str| {
            let mut include = Include::parse(Book::INFO, raw).unwrap();
            if !counts.is_empty() {
                include.count(Book::INFO, counts).unwrap();
            }
            include.edges()[0].per_parent(100)
        };
        assert_eq!(per_parent("readers(limit:100)", ""), 100);
        assert_eq!(per_parent("readers(limit:100).books,author", ""), 100);
        assert_eq!(per_parent("readers(limit:100).books.author,author", ""), 75);
        let counts = "readers,readers.books,readers.books.readers";
        assert_eq!(per_parent("readers(limit:100).books", counts), 27);
        let include = Include::parse(Book::INFO, "readers(limit:100)").unwrap();
        assert_eq!(include.edges()[0].per_parent(1_000_000), 1);
    }

    #[test]
    fn display_parses_as_the_same_tree() {
        for raw in ["author", "readers(limit:5,sort:-name,created_at).books.author,author"] {
            let include = Include::parse(Book::INFO, raw).unwrap();
            assert_eq!(Include::parse(Book::INFO, &include.to_string()).unwrap(), include);
        }
    }

    #[test]
    fn counts_need_included_parents() {
        let mut include = Include::parse(Book::INFO, "author").unwrap();
        include.count(Book::INFO, "readers,author.books").unwrap();
        assert_eq!(include.counts().len(), 1);
        assert_eq!(include.edges()[0].nested.counts().len(), 1);
        assert!(include.count(Book::INFO, "author").is_err());
        assert!(include.count(Book::INFO, "readers.books").is_err());
        assert!(include.count(Book::INFO, "").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(raw in "[a-z.,():\\-0-9 ]{0,60}|.{0,40}") {
            let _ = Include::parse(Author::INFO, &raw);
            let _ = Include::nothing().count(Author::INFO, &raw);
        }
    }
}
