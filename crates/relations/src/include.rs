//! The relations to load and to count with an entity: `user,reviews(limit:5,sort:-rating).user`.

mod error;
mod parse;

pub use error::IncludeError;

use crate::{EntityInfo, Relation, RelationInfo, Sort};

/// The maximum number of relations in a path.
pub const MAX_DEPTH: usize = 3;

/// The default number of entities that a to-many relation loads for each parent.
pub const DEFAULT_PER_PARENT: u32 = 20;

/// The maximum number of entities that a to-many relation loads for each parent.
const MAX_PER_PARENT: u32 = 100;

/// The maximum number of entities that one relation loads for all parents.
const MAX_PER_RELATION: u32 = 10_000;

/// The maximum number of entities that all relations of a request load.
const MAX_PER_REQUEST: u32 = 30_000;

/// The number of relations whose share of [`MAX_PER_REQUEST`] a count uses.
const RELATIONS_PER_COUNT: usize = 3;

/// A tree of relations to load and to count, starting at an entity.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/library/model.rs"));
/// # fn main() -> Result<(), recto_relations::IncludeError> {
/// use recto_relations::Include;
///
/// let mut include = Include::parse(Author::INFO, "books(limit:5,sort:-published).readers")?;
/// include.count(Author::INFO, "books.readers")?;
/// assert_eq!(include.relation_count(), 2);
/// assert_eq!(include.relations()[0].limit, 5);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Include {
    relations: Vec<IncludedRelation>,
    counts: Vec<&'static RelationInfo>,
}

/// A relation to load, and the relations to load from there.
#[derive(Debug, Clone, PartialEq)]
pub struct IncludedRelation {
    /// The relation.
    pub relation: &'static RelationInfo,
    /// The maximum number of entities for each parent; unused for a to-one relation.
    pub limit: u32,
    /// The order for each parent; unused for a to-one relation.
    pub sort: Sort,
    /// The relations to load and to count from the loaded entities.
    pub nested: Include,
    has_options: bool,
    /// The maximum number of entities for all parents.
    max_entities: u32,
}

impl Include {
    /// Returns an include without relations.
    pub const fn nothing() -> Self {
        Self { relations: Vec::new(), counts: Vec::new() }
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
        let has_options = limit != DEFAULT_PER_PARENT;
        let requested =
            IncludedRelation { limit, nested, has_options, ..IncludedRelation::new(R::INFO) };
        self.relations.push(requested);
        self.divide_entities();
        self
    }

    /// Returns the relations to load.
    pub fn relations(&self) -> &[IncludedRelation] {
        &self.relations
    }

    /// Returns the relations to count without loading them.
    pub fn counts(&self) -> &[&'static RelationInfo] {
        &self.counts
    }

    /// Returns whether there is no relation to load or to count.
    pub fn is_empty(&self) -> bool {
        self.relations.is_empty() && self.counts.is_empty()
    }

    /// Returns the number of relations to load, including nested ones.
    pub fn relation_count(&self) -> usize {
        self.relations.iter().map(|included| 1 + included.nested.relation_count()).sum()
    }

    fn counted_relations(&self) -> usize {
        let nested = self.relations.iter().map(|included| included.nested.counted_relations());
        self.counts.len() + nested.sum::<usize>()
    }

    /// Divides the entities that a request may load among its relations.
    fn divide_entities(&mut self) {
        let shares = self.relation_count() + RELATIONS_PER_COUNT * self.counted_relations();
        let shares = u32::try_from(shares).unwrap_or(u32::MAX);
        self.set_max_entities(MAX_PER_RELATION.min(MAX_PER_REQUEST / shares.max(1)));
    }

    fn set_max_entities(&mut self, max: u32) {
        for included in &mut self.relations {
            included.max_entities = max;
            included.nested.set_max_entities(max);
        }
    }
}

impl IncludedRelation {
    fn new(relation: &'static RelationInfo) -> Self {
        Self {
            relation,
            limit: DEFAULT_PER_PARENT,
            sort: Sort::along(relation),
            nested: Include::nothing(),
            has_options: false,
            max_entities: MAX_PER_RELATION,
        }
    }

    /// Returns the maximum number of entities to load for each parent. `parents` is the number of
    /// parents, counting repeated occurrences.
    ///
    /// This is the limit, but at most min(100, ⌊10,000 ÷ parents⌋) and at least 1. Requests with
    /// more than three relations, or with counts, divide 30,000 entities among them instead.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/library/model.rs"));
    /// # fn main() -> Result<(), recto_relations::IncludeError> {
    /// use recto_relations::Include;
    ///
    /// let include = Include::parse(Author::INFO, "books(limit:50).readers")?;
    /// let books = &include.relations()[0];
    /// assert_eq!(books.per_parent(1), 50);
    /// assert_eq!(books.per_parent(1_000), 10);
    /// assert_eq!(books.nested.relations()[0].per_parent(1), 20);
    /// # Ok(())
    /// # }
    /// ```
    pub fn per_parent(&self, parents: u32) -> u32 {
        self.limit.min(MAX_PER_PARENT).min((self.max_entities / parents.max(1)).max(1))
    }
}

impl std::fmt::Display for Include {
    /// Writes a list of paths that parses as the same tree, without counts.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        fn walk(
            include: &Include,
            prefix: &str,
            first: &mut bool,
            f: &mut std::fmt::Formatter<'_>,
        ) -> std::fmt::Result {
            for included in &include.relations {
                let comma = if std::mem::take(first) { "" } else { "," };
                write!(f, "{comma}{prefix}{}", included.relation.name)?;
                if included.has_options {
                    write!(f, "(limit:{}", included.limit)?;
                    if included.sort != Sort::along(included.relation) {
                        write!(f, ",sort:{}", included.sort)?;
                    }
                    f.write_str(")")?;
                }
                walk(&included.nested, &format!("{prefix}{}.", included.relation.name), first, f)?;
            }
            Ok(())
        }
        walk(self, "", &mut true, f)
    }
}

/// Returns every path of at most `depth` relations that starts at `entity`.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Entity as _;
    use crate::library::Book;

    #[test]
    fn huge_limit_is_clamped() {
        let include = Include::parse(Book::INFO, "readers(limit:99999999999999999999)").unwrap();
        assert_eq!(include.relations()[0].per_parent(1), 100);
    }

    #[test]
    fn relations_and_counts_divide_the_total() {
        let per_parent = |raw: &str, counts: &str| {
            let mut include = Include::parse(Book::INFO, raw).unwrap();
            if !counts.is_empty() {
                include.count(Book::INFO, counts).unwrap();
            }
            include.relations()[0].per_parent(100)
        };
        assert_eq!(per_parent("readers(limit:100)", ""), 100);
        assert_eq!(per_parent("readers(limit:100).books,author", ""), 100);
        assert_eq!(per_parent("readers(limit:100).books.author,author", ""), 75);
        let counts = "readers,readers.books,readers.books.readers";
        assert_eq!(per_parent("readers(limit:100).books", counts), 27);
        let include = Include::parse(Book::INFO, "readers(limit:100)").unwrap();
        assert_eq!(include.relations()[0].per_parent(1_000_000), 1);
    }

    #[test]
    fn display_parses_as_the_same_tree() {
        for raw in ["author", "readers(limit:5,sort:-name,created_at).books.author,author"] {
            let include = Include::parse(Book::INFO, raw).unwrap();
            assert_eq!(Include::parse(Book::INFO, &include.to_string()).unwrap(), include);
        }
    }
}
