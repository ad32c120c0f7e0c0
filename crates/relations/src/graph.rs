//! Loaded entities and the relations between them.
//!
//! [`Entities`] stores all entities that were reached over one path of relations, and for each
//! relation that was loaded from there an [`Edge`] to the next [`Entities`]. An entity with several
//! parents is stored once.

mod any;
mod hasher;
mod view;

pub use any::AnyEntities;
pub use hasher::ContentHasher;
pub use view::{Follow, NotCounted, NotLoaded, RelatedIter, View};

use any::AnyLinkData;

use crate::{Entity, LinkData, RelationInfo, Sort};

/// The entities of one type that were reached over one path, with the relations loaded from them.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/library/model.rs"));
/// # fn main() -> Result<(), recto_relations::NotLoaded> {
/// use recto_relations::{Adjacency, Edge, Entities, Relation as _, Sort, Span};
///
/// let author = Author { id: 1, name: "Austen".to_owned() };
/// let book = Book { id: 7, title: "Emma".to_owned(), author_id: Some(1), editor_id: None, published: 1815 };
///
/// let mut authors = Entities::new(vec![author]);
/// let adjacency = Adjacency::Many(vec![Span { start: 0, end: 1, more: false }]);
/// let books = Entities::reached(vec![book], &authors, &adjacency);
/// authors.attach(Edge::new(AuthorBooks::INFO, (20, Sort::default()), adjacency, Box::new(books)));
///
/// let austen = authors.iter().next().expect("there is one");
/// let titles: Vec<_> = austen.get(AuthorBooks)?.map(|book| book.title.clone()).collect();
/// assert_eq!(titles, ["Emma"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Entities<E> {
    items: Vec<E>,
    occurrences: Vec<u32>,
    link_data: Option<Box<dyn AnyLinkData>>,
    edges: Vec<Edge>,
    counts: Vec<Counted>,
}

/// A loaded relation: the entities it leads to, and the parents they belong to.
#[derive(Debug)]
pub struct Edge {
    /// The relation.
    pub relation: &'static RelationInfo,
    /// The order of the children of each parent.
    pub sort: Sort,
    /// The maximum number of children that were loaded for each parent.
    pub limit: u32,
    adjacency: Adjacency,
    target: Box<dyn AnyEntities>,
}

/// The indices of the entities that a relation leads to, for each parent.
#[derive(Debug)]
pub enum Adjacency {
    /// At most one entity for each parent.
    One(Vec<Option<u32>>),
    /// A range of entities for each parent.
    Many(Vec<Span>),
}

/// A range of entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// The index of the first.
    pub start: u32,
    /// The index after the last.
    pub end: u32,
    /// Whether the database has more entities than were loaded.
    pub more: bool,
}

/// The number of entities that a to-many relation leads to from each parent.
#[derive(Debug)]
pub struct Counted {
    /// The relation.
    pub relation: &'static RelationInfo,
    /// The number for each parent, in the order of the parents.
    pub numbers: Vec<u64>,
}

impl<E: Entity> Entities<E> {
    /// Returns entities that occur once each, without loaded relations.
    pub fn new(items: Vec<E>) -> Self {
        let occurrences = vec![1; items.len()];
        Self { items, occurrences, link_data: None, edges: Vec::new(), counts: Vec::new() }
    }

    /// Returns the entities that a relation leads to from `parents`.
    pub fn reached(items: Vec<E>, parents: &dyn AnyEntities, adjacency: &Adjacency) -> Self {
        let mut occurrences = vec![0; items.len()];
        let weights = parents.occurrences().iter().copied();
        match adjacency {
            Adjacency::One(links) => {
                for (weight, link) in weights.zip(links) {
                    if let Some(index) = link {
                        occurrences[*index as usize] += weight;
                    }
                }
            }
            Adjacency::Many(spans) => {
                for (weight, span) in weights.zip(spans) {
                    for occurrence in &mut occurrences[span.start as usize..span.end as usize] {
                        *occurrence += weight;
                    }
                }
            }
        }
        Self { items, occurrences, link_data: None, edges: Vec::new(), counts: Vec::new() }
    }

    /// Attaches the data of the link to each entity.
    ///
    /// # Panics
    /// If the number of links is not the number of entities.
    pub fn attach_link_data<D: LinkData>(&mut self, data: Vec<D>) {
        if D::PRESENT {
            assert_eq!(data.len(), self.items.len(), "a link for every entity");
            self.link_data = Some(Box::new(data));
        }
    }

    /// Attaches a loaded relation.
    ///
    /// # Panics
    /// If the number of parents in the adjacency is not the number of entities.
    pub fn attach(&mut self, edge: Edge) {
        let parents = match &edge.adjacency {
            Adjacency::One(links) => links.len(),
            Adjacency::Many(spans) => spans.len(),
        };
        assert_eq!(parents, self.items.len(), "an adjacency for every entity");
        self.edges.push(edge);
    }

    /// Attaches the counts of a relation.
    pub fn attach_counts(&mut self, counted: Counted) {
        self.counts.push(counted);
    }

    /// Returns the entities, in order.
    pub fn as_slice(&self) -> &[E] {
        &self.items
    }

    /// Returns the entities without their relations.
    pub fn into_vec(self) -> Vec<E> {
        self.items
    }

    /// Returns a view of the entity at `index`; `None` if the index is out of range.
    pub fn view(&self, index: usize) -> Option<View<'_, E>> {
        (index < self.items.len()).then_some(View { entities: self, index })
    }

    /// Returns views of all entities, in order.
    pub fn iter(&self) -> RelatedIter<'_, E> {
        RelatedIter { entities: self, start: 0, end: self.items.len(), more: false }
    }
}

impl<'g, E: Entity> IntoIterator for &'g Entities<E> {
    type Item = View<'g, E>;
    type IntoIter = RelatedIter<'g, E>;

    fn into_iter(self) -> RelatedIter<'g, E> {
        self.iter()
    }
}

impl Edge {
    /// Returns a loaded relation from the maximum number of children for each parent, their order,
    /// the children of each parent, and all children.
    pub fn new(
        relation: &'static RelationInfo,
        (limit, sort): (u32, Sort),
        adjacency: Adjacency,
        target: Box<dyn AnyEntities>,
    ) -> Self {
        Self { relation, sort, limit, adjacency, target }
    }

    /// Returns the children of each parent.
    pub fn adjacency(&self) -> &Adjacency {
        &self.adjacency
    }

    /// Returns the entities that the relation leads to.
    pub fn target(&self) -> &dyn AnyEntities {
        &*self.target
    }
}
