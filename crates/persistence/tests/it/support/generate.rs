//! Sorts, include trees and pages, generated from the declarations.

use recto_persistence::{Page, PageRequest, Recto, Stored};
use recto_relations::{
    Cardinality, EntityInfo, Include, MAX_DEPTH, PageStart, RelationInfo, Sort, SortField, paths,
};

/// Page lengths.
pub(crate) const LIMITS: [u32; 5] = [1, 2, 3, 7, 20];

/// Returns the default order, each field in both directions, and combinations of fields.
pub(crate) fn sorts(entity: &EntityInfo) -> Vec<Sort> {
    let parse = |raw: String| Sort::parse(entity, &raw).unwrap();
    let sorts = combinations(entity.sorts.iter()).into_iter().map(parse);
    std::iter::once(Sort::default()).chain(sorts).collect()
}

/// As [`sorts`], for the pages of a relation.
pub(crate) fn sorts_along(relation: &RelationInfo) -> Vec<Sort> {
    let parse = |raw: String| Sort::parse_along(relation, &raw).unwrap();
    let sorts = combinations(relation.sorts()).into_iter().map(parse);
    std::iter::once(Sort::along(relation)).chain(sorts).collect()
}

fn combinations<'f>(fields: impl Iterator<Item = &'f SortField>) -> Vec<String> {
    let names: Vec<&str> = fields.map(|field| field.name).collect();
    let mut all: Vec<String> =
        names.iter().flat_map(|name| [(*name).to_owned(), format!("-{name}")]).collect();
    for pair in names.windows(2) {
        all.push(format!("{},-{}", pair[0], pair[1]));
        all.push(format!("-{},{}", pair[0], pair[1]));
    }
    if names.len() > 2 {
        all.push(format!("-{}", names.join(",-")));
    }
    all
}

/// Returns include trees with every path, with limits and sorts, and with counts.
pub(crate) fn includes(entity: &'static EntityInfo) -> Vec<Include> {
    let mut all = paths(entity, MAX_DEPTH);
    all.extend(include_options(entity));
    let parse = |raw: String| Include::parse(entity, &raw).unwrap();
    let mut all: Vec<Include> = all.into_iter().map(parse).collect();
    all.push(counts(entity));
    all
}

/// Returns include paths with limits and sorts.
pub(crate) fn include_options(entity: &'static EntityInfo) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut together = Vec::new();
    for relation in entity.relations() {
        let own = options(relation);
        together.push(own[own.len() / 2].clone());
        let nested = relation.to.relations().flat_map(options);
        all.extend(own.iter().cycle().zip(nested).map(|(own, nested)| format!("{own}.{nested}")));
        all.extend(own);
    }
    all.push(together.join(","));
    all
}

/// Returns the relation with each sort and a limit, if it is a to-many relation.
fn options(relation: &RelationInfo) -> Vec<String> {
    let name = relation.name;
    if relation.cardinality != Cardinality::Many {
        return vec![name.to_owned()];
    }
    let sorts = combinations(relation.sorts()).into_iter().zip((1..=4).cycle());
    sorts.map(|(sort, limit)| format!("{name}(limit:{limit},sort:{sort})")).collect()
}

/// Counts all to-many relations of an entity and of those that its to-one relations lead to.
fn counts(entity: &'static EntityInfo) -> Include {
    let many = |entity: &EntityInfo| {
        let relations = entity.relations();
        let relations = relations.filter(|relation| relation.cardinality == Cardinality::Many);
        relations.map(|relation| relation.name).collect::<Vec<_>>()
    };
    let mut counts: Vec<String> = many(entity).into_iter().map(str::to_owned).collect();
    let mut to_one = Vec::new();
    for relation in entity.relations() {
        if relation.cardinality != Cardinality::Many {
            to_one.push(relation.name);
            counts
                .extend(many(relation.to).iter().map(|count| format!("{}.{count}", relation.name)));
        }
    }
    let mut include = match to_one[..] {
        [] => Include::nothing(),
        _ => Include::parse(entity, &to_one.join(",")).unwrap(),
    };
    include.count(entity, &counts.join(",")).unwrap();
    include
}

/// Requests all pages, from the first and then from the last, and returns the entities of all.
pub(crate) fn walk<E: Stored<Recto>>(
    sort: &Sort,
    limit: u32,
    mut page: impl FnMut(&PageRequest<E::Key>) -> Page<E>,
) -> Vec<E> {
    let mut request = PageRequest { limit, sort: sort.clone(), start: PageStart::First };
    let mut all: Vec<E> = Vec::new();
    loop {
        let Page { entities, has_previous, has_next } = page(&request);
        assert_eq!(has_previous, !all.is_empty());
        assert!(entities.as_slice().len() <= limit as usize);
        all.extend_from_slice(entities.as_slice());
        if !has_next {
            break;
        }
        assert_eq!(entities.as_slice().len(), limit as usize, "a page before the last is full");
        let last = entities.iter().last().map(|last| last.position(sort));
        request.start = PageStart::After(last.expect("the page is not empty"));
        assert!(all.len() < 1_000, "the pages of {sort} have no end");
    }
    let mut left = all.len();
    request.start = PageStart::Last;
    loop {
        let Page { entities, has_previous, has_next } = page(&request);
        assert_eq!(has_next, left < all.len(), "{sort}");
        let end = left;
        left -= entities.as_slice().len();
        let same = entities.as_slice().iter().zip(&all[left..end]);
        assert!(same.into_iter().all(|(one, other)| one.key() == other.key()), "{sort}, backward");
        assert_eq!(has_previous, left > 0, "{sort}");
        let Some(first) = entities.iter().next().filter(|_| has_previous) else { break };
        assert_eq!(entities.as_slice().len(), limit as usize, "a page after the first is full");
        request.start = PageStart::Before(first.position(sort));
    }
    assert_eq!(left, 0);
    all
}
