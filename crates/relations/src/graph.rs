//! Loaded entities and the relations between them, in columns.
//!
//! [`Entities`] holds all entities that were reached over one path, and for each relation loaded
//! from there an [`Edge`] to the next [`Entities`]. An entity that many others point at is held
//! once. Nothing is copied per parent and nothing is allocated per entity.

use std::any::Any;
use std::fmt::Debug;

use crate::{
    Entity, EntityInfo, KeysetPosition, Kind, LinkData, Many, One, Optional, Relation,
    RelationInfo, RelationOf, Sort, SortField, SortValue,
};

/// The entities of one type that were reached over one path, and what was loaded from them.
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

/// A loaded relation: the entities it leads to, and which of them belong to which parent.
#[derive(Debug)]
pub struct Edge {
    /// The relation.
    pub relation: &'static RelationInfo,
    /// The order of the children of each parent.
    pub sort: Sort,
    /// The most children that were loaded for each parent.
    pub limit: u32,
    adjacency: Adjacency,
    target: Box<dyn AnyEntities>,
}

/// For each parent the entities that a relation leads to, by index.
#[derive(Debug)]
pub enum Adjacency {
    /// At most one each.
    One(Vec<Option<u32>>),
    /// A run each.
    Many(Vec<Span>),
}

/// A run of entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// The index of the first.
    pub start: u32,
    /// The index after the last.
    pub end: u32,
    /// Whether there are more than were loaded.
    pub more: bool,
}

/// How many entities a to-many relation leads to from each parent.
#[derive(Debug)]
pub struct Counted {
    /// The relation.
    pub relation: &'static RelationInfo,
    /// A number for each parent, in the parents' order.
    pub numbers: Vec<u64>,
}

/// The error that a relation is read which was not loaded. It is never mistaken for an empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{entity}.{relation} was not loaded: include \"{relation}\" when loading {entity}")]
pub struct NotLoaded {
    /// The entity that was read.
    pub entity: &'static str,
    /// The relation that was not loaded.
    pub relation: &'static str,
}

/// The error that a count is read of a relation which was not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{entity}.{relation} was not counted: count \"{relation}\" when loading {entity}")]
pub struct NotCounted {
    /// The entity that was read.
    pub entity: &'static str,
    /// The relation that was not counted.
    pub relation: &'static str,
}

impl<E: Entity> Entities<E> {
    /// Returns entities that each occur once and have no relations loaded.
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

    /// Attaches the data of the links over which the entities were reached.
    ///
    /// # Panics
    /// If the data is not of one link for each entity, which is a mistake of the loader.
    pub fn attach_link_data<D: LinkData>(&mut self, data: Vec<D>) {
        if D::PRESENT {
            assert_eq!(data.len(), self.items.len(), "a link for every entity");
            self.link_data = Some(Box::new(data));
        }
    }

    /// Attaches a loaded relation.
    ///
    /// # Panics
    /// If the relation was not loaded for each of these entities, which is a mistake of the loader.
    pub fn attach(&mut self, edge: Edge) {
        let parents = match &edge.adjacency {
            Adjacency::One(links) => links.len(),
            Adjacency::Many(spans) => spans.len(),
        };
        assert_eq!(parents, self.items.len(), "an adjacency for every entity");
        self.edges.push(edge);
    }

    /// Attaches the numbers of a counted relation.
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

    /// Returns a view of the entity at `index`, if there is one.
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
    /// Returns a loaded relation: how many children each parent could have and in which order,
    /// which of them belong to which parent, and the children.
    pub fn new(
        relation: &'static RelationInfo,
        (limit, sort): (u32, Sort),
        adjacency: Adjacency,
        target: Box<dyn AnyEntities>,
    ) -> Self {
        Self { relation, sort, limit, adjacency, target }
    }

    /// Returns which entities belong to which parent.
    pub fn adjacency(&self) -> &Adjacency {
        &self.adjacency
    }

    /// Returns the entities that the relation leads to.
    pub fn target(&self) -> &dyn AnyEntities {
        &*self.target
    }

    fn entities<E: Entity>(&self) -> &Entities<E> {
        self.target
            .as_any()
            .downcast_ref()
            .expect("an edge is made by the loader of its relation, whose target type this is")
    }

    fn optional<E: Entity>(&self, parent: usize) -> Option<View<'_, E>> {
        match &self.adjacency {
            Adjacency::One(links) => {
                links[parent].map(|index| View { entities: self.entities(), index: index as usize })
            }
            Adjacency::Many(_) => None,
        }
    }
}

/// The type of value that following a loaded relation of this [`Kind`] returns.
pub trait Follow: Kind {
    /// A [`RelatedIter`], an `Option` of a [`View`], or a [`View`].
    type Loaded<'g, E: Entity>;

    /// Follows `edge` from the parent at an index.
    #[doc(hidden)]
    fn follow<E: Entity>(edge: &Edge, parent: usize) -> Self::Loaded<'_, E>;
}

impl Follow for Many {
    type Loaded<'g, E: Entity> = RelatedIter<'g, E>;

    fn follow<E: Entity>(edge: &Edge, parent: usize) -> RelatedIter<'_, E> {
        let span = match &edge.adjacency {
            Adjacency::Many(spans) => spans[parent],
            Adjacency::One(_) => Span::default(),
        };
        RelatedIter {
            entities: edge.entities(),
            start: span.start as usize,
            end: span.end as usize,
            more: span.more,
        }
    }
}

impl Follow for Optional {
    type Loaded<'g, E: Entity> = Option<View<'g, E>>;

    fn follow<E: Entity>(edge: &Edge, parent: usize) -> Option<View<'_, E>> {
        edge.optional(parent)
    }
}

impl Follow for One {
    type Loaded<'g, E: Entity> = View<'g, E>;

    fn follow<E: Entity>(edge: &Edge, parent: usize) -> View<'_, E> {
        edge.optional(parent).expect("the loader refuses a required key that leads nowhere")
    }
}

/// [`Entities`] of any type: all that is needed to serialize them or to load more.
pub trait AnyEntities: Any + Debug + Send + Sync {
    /// Returns itself, to be downcast to [`Entities`] of a type.
    fn as_any(&self) -> &dyn Any;
    /// Returns the description of the entity type.
    fn info(&self) -> &'static EntityInfo;
    /// Returns how often each entity occurs in the loaded tree: its parents' occurrences, added up.
    fn occurrences(&self) -> &[u32];
    /// Returns the relations loaded from them.
    fn edges(&self) -> &[Edge];
    /// Returns the relations counted from them.
    fn counts(&self) -> &[Counted];
    /// Returns the key of the entity at `index`, as text.
    fn key(&self, index: usize) -> String;
    /// Returns the values by which the entity at `index` is sorted.
    fn sort_values(&self, index: usize, sort: &Sort) -> Vec<SortValue>;
    /// Appends the fields of the entity at `index` as a JSON object.
    ///
    /// # Errors
    /// When the entity's own serialization fails.
    fn write_json(&self, index: usize, out: &mut Vec<u8>) -> serde_json::Result<()>;
    /// Appends the data of the link to the entity at `index` as a JSON object and returns `true`;
    /// does nothing and returns `false` where links have no data.
    ///
    /// # Errors
    /// When the link's own serialization fails.
    fn write_link_json(&self, index: usize, out: &mut Vec<u8>) -> serde_json::Result<bool>;
}

/// The data of links of any type, one for each entity.
trait AnyLinkData: Any + Debug + Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn write_json(&self, index: usize, out: &mut Vec<u8>) -> serde_json::Result<()>;
    fn sort_value(&self, index: usize, field: &SortField) -> SortValue;
}

impl<D: LinkData> AnyLinkData for Vec<D> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn write_json(&self, index: usize, out: &mut Vec<u8>) -> serde_json::Result<()> {
        serde_json::to_writer(out, &self[index])
    }

    fn sort_value(&self, index: usize, field: &SortField) -> SortValue {
        self[index].sort_value(field)
    }
}

impl<E: Entity> AnyEntities for Entities<E> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn info(&self) -> &'static EntityInfo {
        E::INFO
    }

    fn occurrences(&self) -> &[u32] {
        &self.occurrences
    }

    fn edges(&self) -> &[Edge] {
        &self.edges
    }

    fn counts(&self) -> &[Counted] {
        &self.counts
    }

    fn key(&self, index: usize) -> String {
        self.items[index].key().to_string()
    }

    fn sort_values(&self, index: usize, sort: &Sort) -> Vec<SortValue> {
        let entity = &self.items[index];
        let value = |field: &SortField| match &self.link_data {
            Some(data) if field.of_link => data.sort_value(index, field),
            _ => entity.sort_value(field),
        };
        sort.terms().iter().map(|term| value(term.field)).collect()
    }

    fn write_json(&self, index: usize, out: &mut Vec<u8>) -> serde_json::Result<()> {
        serde_json::to_writer(out, &self.items[index])
    }

    fn write_link_json(&self, index: usize, out: &mut Vec<u8>) -> serde_json::Result<bool> {
        match &self.link_data {
            Some(data) => data.write_json(index, out).map(|()| true),
            None => Ok(false),
        }
    }
}

/// An entity together with what was loaded from it.
///
/// Dereferences to the entity; [`get`](View::get) follows a relation.
#[derive(Debug)]
pub struct View<'g, E> {
    entities: &'g Entities<E>,
    index: usize,
}

impl<'g, E: Entity> View<'g, E> {
    /// Follows a loaded relation. Returns a [`RelatedIter`] for a to-many relation, a view for a
    /// required one and an `Option` of a view for an optional one.
    ///
    /// # Errors
    /// [`NotLoaded`] when the relation was not included.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/library/model.rs"));
    /// use recto_relations::{NotLoaded, View};
    ///
    /// fn titles(author: View<'_, Author>) -> Result<Vec<String>, NotLoaded> {
    ///     Ok(author.get(AuthorBooks)?.map(|book| book.title.clone()).collect())
    /// }
    /// # fn main() {}
    /// ```
    pub fn get<R>(&self, _: R) -> Result<<R::Kind as Follow>::Loaded<'g, R::To>, NotLoaded>
    where
        R: RelationOf<E> + Relation<Kind: Follow>,
    {
        self.entities
            .edges
            .iter()
            .find(|edge| edge.relation == R::INFO)
            .map(|edge| R::Kind::follow(edge, self.index))
            .ok_or(NotLoaded { entity: E::INFO.name, relation: R::INFO.name })
    }

    /// Returns how many entities a relation leads to, whether or not they were loaded.
    ///
    /// # Errors
    /// [`NotCounted`] when it was not [asked for](crate::Include::count).
    pub fn count<R: RelationOf<E>>(&self, _: R) -> Result<u64, NotCounted> {
        self.entities
            .counts
            .iter()
            .find(|counted| counted.relation == R::INFO)
            .and_then(|counted| counted.numbers.get(self.index).copied())
            .ok_or(NotCounted { entity: E::INFO.name, relation: R::INFO.name })
    }

    /// Returns the data of the link over which the entity was reached.
    ///
    /// # Errors
    /// [`NotLoaded`] when the entity was not reached over that relation.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/library/model.rs"));
    /// use recto_relations::{NotLoaded, View};
    ///
    /// fn due_days(book: View<'_, Book>) -> Result<Vec<i64>, NotLoaded> {
    ///     book.get(BookReaders)?.map(|reader| Ok(reader.link(BookReaders)?.due_day)).collect()
    /// }
    /// # fn main() {}
    /// ```
    pub fn link<R: Relation<To = E>>(&self, _: R) -> Result<&'g R::Data, NotLoaded> {
        self.entities
            .link_data
            .as_ref()
            .and_then(|data| data.as_any().downcast_ref::<Vec<R::Data>>())
            .and_then(|data| data.get(self.index))
            .ok_or(NotLoaded { entity: R::INFO.from.name, relation: R::INFO.name })
    }

    /// Returns the position just after the entity in an order, where the next page begins.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/library/model.rs"));
    /// use recto_relations::{Entities, PageRequest};
    ///
    /// fn next_page(page: &Entities<Author>, mut request: PageRequest<i64>) -> PageRequest<i64> {
    ///     request.after = page.iter().last().map(|author| author.position(&request.sort));
    ///     request
    /// }
    /// # fn main() {}
    /// ```
    pub fn position(&self, sort: &Sort) -> KeysetPosition<E::Key> {
        let values = AnyEntities::sort_values(self.entities, self.index, sort);
        KeysetPosition { values, key: self.entity().key() }
    }

    /// Returns the entity, which lives as long as the [`Entities`].
    pub fn entity(&self) -> &'g E {
        &self.entities.items[self.index]
    }
}

impl<E: Entity> std::ops::Deref for View<'_, E> {
    type Target = E;

    fn deref(&self) -> &E {
        self.entity()
    }
}

impl<E> Clone for View<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for View<'_, E> {}

/// An iterator over views of the entities that a to-many relation leads to, in order.
#[derive(Debug)]
pub struct RelatedIter<'g, E> {
    entities: &'g Entities<E>,
    start: usize,
    end: usize,
    more: bool,
}

impl<E> RelatedIter<'_, E> {
    /// Returns whether the database has more of them than were loaded.
    pub fn more(&self) -> bool {
        self.more
    }
}

impl<'g, E: Entity> Iterator for RelatedIter<'g, E> {
    type Item = View<'g, E>;

    fn next(&mut self) -> Option<View<'g, E>> {
        let index = self.start;
        (index < self.end).then(|| {
            self.start += 1;
            View { entities: self.entities, index }
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end - self.start;
        (left, Some(left))
    }
}

impl<E: Entity> ExactSizeIterator for RelatedIter<'_, E> {}
