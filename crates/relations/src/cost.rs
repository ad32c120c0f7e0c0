//! The cost of a query, known before it runs.

use std::iter::Sum;
use std::ops::Add;

use crate::{
    Cardinality, EntityInfo, Filter, Include, IncludedRelation, PageRequest, RelationInfo, Sort,
};

/// An estimate of the work of a query, in small entities that are read.
///
/// The limits of pages and includes bound the entities that are loaded. A count, a sort without an
/// index or a filter may read a whole table: it costs [`SCAN`](Self::SCAN).
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/library/model.rs"));
/// # fn main() -> Result<(), recto_relations::IncludeError> {
/// use recto_relations::{Cost, Entity as _, Include, PageRequest};
///
/// let include = Include::parse(Author::INFO, "books(limit:10).readers(limit:5)")?;
/// let page = PageRequest::<i64>::newest(20);
/// // 20 authors, 10 books of each and 5 readers of each book.
/// assert_eq!(page.cost(Author::INFO, None) + include.cost(20), Cost::of_entities(20 + 200 + 1_000));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Cost(u64);

impl Cost {
    /// The cost of a count, a condition or an order for which a database may read a whole table.
    pub const SCAN: Self = Self(10_000);

    /// Returns the cost of reading a number of entities without long texts.
    pub const fn of_entities(number: u32) -> Self {
        Self(number as u64)
    }

    /// Returns the cost of reading a number of entities of a type.
    pub const fn of(entity: &EntityInfo, number: u32) -> Self {
        Self(entity.weight as u64 * number as u64)
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), Self::add)
    }
}

impl Include {
    /// Returns the cost of loading and counting from a number of entities.
    pub fn cost(&self, parents: u32) -> Cost {
        let counts = scan_if(!self.counts().is_empty());
        counts + self.relations().iter().map(|included| included.cost(parents)).sum()
    }
}

impl IncludedRelation {
    fn cost(&self, parents: u32) -> Cost {
        if self.relation.cardinality != Cardinality::Many {
            return Cost::of(self.relation.to, parents) + self.nested.cost(parents);
        }
        let loaded = parents.saturating_mul(self.per_parent(parents));
        let order = scan_if(sorts_all(self.relation, &self.sort));
        Cost::of(self.relation.to, loaded) + order + self.nested.cost(loaded)
    }
}

impl<K> PageRequest<K> {
    /// Returns the cost of a page without its includes: the cost of its entities and, for an order
    /// without an index, of reading all of them. The page is one of `relation`, or of all entities
    /// if that is `None`.
    pub fn cost(&self, entity: &EntityInfo, relation: Option<&RelationInfo>) -> Cost {
        let order = match relation {
            None => self.sort.terms().len() > 1,
            Some(relation) => sorts_all(relation, &self.sort),
        };
        Cost::of(entity, self.limit) + scan_if(order)
    }
}

/// Returns whether all that `relation` leads to from one parent is read to sort it.
fn sorts_all(relation: &RelationInfo, sort: &Sort) -> bool {
    let has_index = sort.terms().is_empty() || *sort == Sort::along(relation);
    !has_index || relation.is_through_others()
}

fn scan_if(scans: bool) -> Cost {
    if scans { Cost::SCAN } else { Cost::default() }
}

impl Filter {
    /// Returns the cost of a filter of a page: reading all entities, except for a filter that
    /// matches every entity.
    pub fn cost(&self) -> Cost {
        scan_if(*self != Self::everything())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::{Author, AuthorBooks, Book};
    use crate::{Entity as _, Quantifier, Relation as _};

    fn cost(entity: &'static EntityInfo, include: &str, counts: &str, parents: u32) -> Cost {
        let mut parsed = Include::nothing();
        if !include.is_empty() {
            parsed = Include::parse(entity, include).unwrap();
        }
        if !counts.is_empty() {
            parsed.count(entity, counts).unwrap();
        }
        parsed.cost(parents)
    }

    #[test]
    fn relations_cost_what_they_load() {
        assert_eq!(cost(Book::INFO, "", "", 20), Cost(0));
        assert_eq!(cost(Book::INFO, "author", "", 20), Cost(20));
        assert_eq!(cost(Book::INFO, "readers", "", 20), Cost(400));
        assert_eq!(cost(Author::INFO, "books(limit:5).author", "", 2), Cost(20));
        // The limits of a request apply.
        assert_eq!(cost(Book::INFO, "readers(limit:100)", "", 100), Cost(10_000));
        assert_eq!(cost(Book::INFO, "readers(limit:100)", "", 10_000), Cost(10_000));
    }

    #[test]
    fn related_counts_and_sorts_scan() {
        assert_eq!(cost(Book::INFO, "", "readers", 3), Cost::SCAN);
        assert_eq!(cost(Book::INFO, "readers(limit:1,sort:turn)", "", 3), Cost(3));
        assert_eq!(cost(Author::INFO, "books(sort:-created_at)", "", 1), Cost(20));
        let sorted = cost(Author::INFO, "books(limit:1,sort:-published)", "", 3);
        assert_eq!(sorted, Cost(3) + Cost::SCAN);
    }

    #[test]
    fn page_sorts_and_filters_may_scan() {
        let mut page = PageRequest::<i64>::newest(20);
        let books = AuthorBooks::INFO;
        assert_eq!(page.cost(Book::INFO, None), Cost(20));
        assert_eq!(page.cost(Book::INFO, Some(books)), Cost(20));
        page.sort = Sort::parse(Book::INFO, "published").unwrap();
        assert_eq!(page.cost(Book::INFO, None), Cost(20));
        assert_eq!(page.cost(Book::INFO, Some(books)), Cost(20) + Cost::SCAN);
        page.sort = Sort::parse(Book::INFO, "published,title").unwrap();
        assert_eq!(page.cost(Book::INFO, None), Cost(20) + Cost::SCAN);
        assert_eq!(Filter::everything().cost(), Cost(0));
        let filter = Filter::parse(Book::INFO, Quantifier::Some, "readers").unwrap();
        assert_eq!(filter.cost(), Cost::SCAN);
    }
}
