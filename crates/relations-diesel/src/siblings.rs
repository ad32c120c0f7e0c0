//! Sorting loaded children and grouping them by parent.

use std::cmp::Reverse;
use std::collections::HashMap;

use recto_relations::{Adjacency, Entity, IncludedRelation, LinkData, Sort, SortValue, Span};

use crate::resolve::to_index;

/// Children grouped by parent.
pub(crate) struct Grouped<C, D> {
    pub(crate) children: Vec<C>,
    pub(crate) link_data: Vec<D>,
    pub(crate) adjacency: Adjacency,
}

/// Groups the children of one parent. `found` has up to `limit` + 1 of them.
pub(crate) fn group_one_parent<C, D>(mut found: Vec<(C, D)>, limit: u32) -> Grouped<C, D> {
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let span = Span { start: 0, end: to_index(found.len()), more };
    let (children, link_data) = found.into_iter().unzip();
    Grouped { children, link_data, adjacency: Adjacency::Many(vec![span]) }
}

/// Groups the children of many parents.
///
/// The result of a join has no guaranteed order, so the children are sorted here, by the same
/// values that SQL compared to limit them.
pub(crate) fn group_many_parents<P: Entity, C: Entity, D: LinkData>(
    parents: &[P],
    mut found: Vec<(P::Key, C, D)>,
    included: &IncludedRelation,
    limit: u32,
) -> Grouped<C, D> {
    let sort = &included.sort;
    if sort.terms().is_empty() {
        found.sort_unstable_by(|(a_parent, a, _), (b_parent, b, _)| {
            let (a, b) = (a.key(), b.key());
            let by_key = if sort.key_ascending() { a.cmp(&b) } else { b.cmp(&a) };
            a_parent.cmp(b_parent).then(by_key)
        });
    } else {
        found.sort_by_cached_key(|(parent, child, data)| (*parent, Rank::of(child, data, sort)));
    }
    group_sorted(parents, found, limit)
}

/// Groups children that are sorted by parent.
fn group_sorted<P: Entity, C, D>(
    parents: &[P],
    found: Vec<(P::Key, C, D)>,
    limit: u32,
) -> Grouped<C, D> {
    let mut spans: HashMap<P::Key, Span> = HashMap::with_capacity(parents.len());
    let mut children: Vec<C> = Vec::with_capacity(found.len());
    let mut link_data: Vec<D> = Vec::with_capacity(found.len());
    let mut current: Option<(P::Key, Span)> = None;
    for (parent, child, data) in found {
        if current.is_none_or(|(key, _)| key != parent) {
            spans.extend(current);
            let start = to_index(children.len());
            current = Some((parent, Span { start, end: start, more: false }));
        }
        if let Some((_, span)) = &mut current {
            if span.end - span.start == limit {
                span.more = true;
            } else {
                span.end += 1;
                children.push(child);
                link_data.push(data);
            }
        }
    }
    spans.extend(current);
    let span = |parent: &P| spans.get(&parent.key()).copied().unwrap_or_default();
    let adjacency = Adjacency::Many(parents.iter().map(span).collect());
    Grouped { children, link_data, adjacency }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank<K: Ord> {
    values: Vec<Directed<SortValue>>,
    key: Directed<K>,
}

impl<K: Ord> Rank<K> {
    fn of<E: Entity<Key = K>>(child: &E, data: &impl LinkData, sort: &Sort) -> Self {
        let values = sort.terms().iter().map(|term| {
            let field = term.field;
            let value =
                if field.of_link { data.sort_value(field) } else { child.sort_value(field) };
            match value {
                SortValue::Empty => Directed::Last,
                value => Directed::new(value, term.descending),
            }
        });
        Self { values: values.collect(), key: Directed::new(child.key(), !sort.key_ascending()) }
    }
}

/// A value to sort in a direction. Empty values are last in both directions.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Directed<T> {
    Ascending(T),
    Descending(Reverse<T>),
    Last,
}

impl<T> Directed<T> {
    fn new(value: T, descending: bool) -> Self {
        if descending { Self::Descending(Reverse(value)) } else { Self::Ascending(value) }
    }
}
