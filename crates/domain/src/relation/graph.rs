//! Loaded entities and the relations between them, in columns.
//!
//! A [`Level`] holds all entities that were reached over one path, and for each
//! relation loaded from there an [`Edge`] to the next level. An entity that
//! many others point at is held once. Nothing is copied per parent and nothing
//! is allocated per entity.

use std::any::Any;
use std::fmt::Debug;

use super::{Entity, EntityInfo, LinkData, Relation, RelationInfo, Sort, SortField, SortValue};

/// The entities reached over one path, and what was loaded from them.
#[derive(Debug)]
pub struct Level<E> {
    entities: Vec<E>,
    occurrences: Vec<u32>,
    links: Option<Box<dyn AnyLinkData>>,
    edges: Vec<Edge>,
    counts: Vec<Counted>,
}

/// A loaded relation: which entities of the next level belong to which of this.
#[derive(Debug)]
pub struct Edge {
    /// The relation.
    pub relation: &'static RelationInfo,
    /// In which order the many stand.
    pub sort: Sort,
    /// How many of them a parent could carry.
    pub limit: u32,
    links: Links,
    target: Box<dyn AnyLevel>,
}

/// For each entity of a level its neighbours in the next, by index.
#[derive(Debug)]
pub enum Links {
    /// At most one each.
    One(Vec<Option<u32>>),
    /// A run each.
    Many(Vec<Span>),
}

/// A run of entities in a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Index of the first.
    pub start: u32,
    /// Index behind the last.
    pub end: u32,
    /// Whether there are more than were loaded.
    pub more: bool,
}

/// How many a to-many relation leads to from each entity of a level.
#[derive(Debug)]
pub struct Counted {
    /// The relation.
    pub relation: &'static RelationInfo,
    /// The numbers, in the order of the level.
    pub numbers: Vec<u64>,
}

/// The relation was not loaded, so nothing is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{entity}.{relation} was not loaded: include \"{relation}\" when loading {entity}")]
pub struct NotLoaded {
    /// The entity that was asked.
    pub entity: &'static str,
    /// The relation that was asked for.
    pub relation: &'static str,
}

impl<E: Entity> Level<E> {
    /// A first level: entities that each occur once.
    pub fn root(entities: Vec<E>) -> Self {
        let occurrences = vec![1; entities.len()];
        Self { entities, occurrences, links: None, edges: Vec::new(), counts: Vec::new() }
    }

    /// The level that `links` lead to from `parents`.
    pub fn reached(entities: Vec<E>, parents: &dyn AnyLevel, links: &Links) -> Self {
        let mut occurrences = vec![0; entities.len()];
        let weights = parents.occurrences().iter().copied();
        match links {
            Links::One(links) => {
                for (weight, link) in weights.zip(links) {
                    if let Some(index) = link {
                        occurrences[*index as usize] += weight;
                    }
                }
            }
            Links::Many(spans) => {
                for (weight, span) in weights.zip(spans) {
                    for occurrence in &mut occurrences[span.start as usize..span.end as usize] {
                        *occurrence += weight;
                    }
                }
            }
        }
        Self { entities, occurrences, links: None, edges: Vec::new(), counts: Vec::new() }
    }

    /// Adds what the links say over which the entities were reached.
    ///
    /// # Panics
    /// If there is not one for each entity, which is a mistake of the loader.
    pub fn attach_links<D: LinkData>(&mut self, links: Vec<D>) {
        if D::PRESENT {
            assert_eq!(links.len(), self.entities.len(), "a link for every entity");
            self.links = Some(Box::new(links));
        }
    }

    /// The entities, in order.
    pub fn entities(&self) -> &[E] {
        &self.entities
    }

    /// A view of the entity at `index`, if there is one.
    pub fn view(&self, index: usize) -> Option<View<'_, E>> {
        (index < self.entities.len()).then_some(View { level: self, index })
    }

    /// Views of all entities, in order.
    pub fn views(&self) -> Views<'_, E> {
        Views { level: self, start: 0, end: self.entities.len(), more: false }
    }

    /// Adds what was loaded over a relation.
    ///
    /// # Panics
    /// If the edge does not have a link for every entity of the level, which
    /// is a mistake of the loader.
    pub fn attach(&mut self, edge: Edge) {
        let links = match &edge.links {
            Links::One(links) => links.len(),
            Links::Many(spans) => spans.len(),
        };
        assert_eq!(links, self.entities.len(), "a link for every entity of the level");
        self.edges.push(edge);
    }

    /// Adds the numbers of a counted relation.
    pub fn attach_counts(&mut self, counted: Counted) {
        self.counts.push(counted);
    }

    /// Gives the entities back, without their relations.
    pub fn into_entities(self) -> Vec<E> {
        self.entities
    }
}

impl Edge {
    /// A loaded relation.
    pub fn new(
        relation: &'static RelationInfo,
        (limit, sort): (u32, Sort),
        links: Links,
        target: Box<dyn AnyLevel>,
    ) -> Self {
        Self { relation, sort, limit, links, target }
    }

    /// Which entities belong to which.
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// The level that the relation leads to.
    pub fn target(&self) -> &dyn AnyLevel {
        &*self.target
    }

    fn level<E: Entity>(&self) -> &Level<E> {
        self.target
            .as_any()
            .downcast_ref()
            .expect("an edge is made by the loader of its relation, whose target type this is")
    }

    #[doc(hidden)]
    pub fn many<E: Entity>(&self, index: usize) -> Views<'_, E> {
        let span = match &self.links {
            Links::Many(spans) => spans[index],
            Links::One(_) => Span::default(),
        };
        Views {
            level: self.level(),
            start: span.start as usize,
            end: span.end as usize,
            more: span.more,
        }
    }

    #[doc(hidden)]
    pub fn optional<E: Entity>(&self, index: usize) -> Option<View<'_, E>> {
        match &self.links {
            Links::One(links) => {
                links[index].map(|index| View { level: self.level(), index: index as usize })
            }
            Links::Many(_) => None,
        }
    }

    #[doc(hidden)]
    pub fn one<E: Entity>(&self, index: usize) -> View<'_, E> {
        self.optional(index).expect("the loader refuses a required key that leads nowhere")
    }
}

/// A level of some entity or other: what a presenter needs to know of it.
pub trait AnyLevel: Any + Debug + Send + Sync {
    /// For reading it as the level it is.
    fn as_any(&self) -> &dyn Any;
    /// What it holds.
    fn info(&self) -> &'static EntityInfo;
    /// How often each entity occurs: its parents' occurrences, added up.
    fn occurrences(&self) -> &[u32];
    /// The relations loaded from it.
    fn edges(&self) -> &[Edge];
    /// The relations counted from it.
    fn counts(&self) -> &[Counted];
    /// The key of the entity at `index`.
    fn key(&self, index: usize) -> String;
    /// What the entity at `index` is sorted by under `sort`.
    fn sort_values(&self, index: usize, sort: &Sort) -> Vec<SortValue>;
    /// Appends the members of the entity at `index` as a JSON object.
    ///
    /// # Errors
    /// When an entity's own serialization fails.
    fn write_json(&self, index: usize, out: &mut Vec<u8>) -> serde_json::Result<()>;
    /// Appends what the link to the entity at `index` says as a JSON object,
    /// if links here say anything; tells whether they do.
    ///
    /// # Errors
    /// When the link's own serialization fails.
    fn write_link_json(&self, index: usize, out: &mut Vec<u8>) -> serde_json::Result<bool>;
}

/// What links say, one for each entity of a level.
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

impl<E: Entity> AnyLevel for Level<E> {
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
        self.entities[index].key().to_string()
    }

    fn sort_values(&self, index: usize, sort: &Sort) -> Vec<SortValue> {
        let entity = &self.entities[index];
        let value = |field: &SortField| match &self.links {
            Some(links) if field.of_link => links.sort_value(index, field),
            _ => entity.sort_value(field),
        };
        sort.terms().iter().map(|term| value(term.field)).collect()
    }

    fn write_json(&self, index: usize, out: &mut Vec<u8>) -> serde_json::Result<()> {
        serde_json::to_writer(out, &self.entities[index])
    }

    fn write_link_json(&self, index: usize, out: &mut Vec<u8>) -> serde_json::Result<bool> {
        match &self.links {
            Some(links) => links.write_json(index, out).map(|()| true),
            None => Ok(false),
        }
    }
}

/// An entity and what was loaded from it.
///
/// Dereferences to the entity; [`get`](View::get) follows a relation.
#[derive(Debug)]
pub struct View<'g, E> {
    level: &'g Level<E>,
    index: usize,
}

impl<'g, E: Entity> View<'g, E> {
    /// Follows a relation that was loaded: a [`Views`] for to-many, a view for
    /// one, an `Option` of a view for an optional one.
    ///
    /// # Errors
    /// [`NotLoaded`] when the relation was not asked for.
    ///
    /// ```
    /// use recto_domain::{Book, BookReviews, relation::{NotLoaded, View}};
    ///
    /// fn ratings(book: View<'_, Book>) -> Result<Vec<u8>, NotLoaded> {
    ///     Ok(book.get(BookReviews)?.map(|review| review.rating.get()).collect())
    /// }
    /// ```
    pub fn get<R: Relation<From = E>>(&self, _: R) -> Result<R::Loaded<'g>, NotLoaded> {
        self.level
            .edges
            .iter()
            .find(|edge| edge.relation == R::INFO)
            .map(|edge| R::read(edge, self.index))
            .ok_or(NotLoaded { entity: E::INFO.name, relation: R::INFO.name })
    }

    /// What the link says over which the entity was reached.
    ///
    /// # Errors
    /// [`NotLoaded`] when the entity was not reached over that relation.
    ///
    /// ```
    /// use recto_domain::relation::{NotLoaded, View};
    /// use recto_domain::{Student, StudentCourses};
    ///
    /// fn first_enrolment(student: View<'_, Student>) -> Result<Option<String>, NotLoaded> {
    ///     let since = |link: &recto_domain::Enrolment| link.enrolled_at.to_rfc3339();
    ///     student.get(StudentCourses)?.next().map(|course| course.link(StudentCourses).map(since)).transpose()
    /// }
    /// ```
    pub fn link<R: Relation<To = E>>(&self, _: R) -> Result<&'g R::Data, NotLoaded> {
        self.level
            .links
            .as_ref()
            .and_then(|links| links.as_any().downcast_ref::<Vec<R::Data>>())
            .and_then(|links| links.get(self.index))
            .ok_or(NotLoaded { entity: R::INFO.from.name, relation: R::INFO.name })
    }

    /// The entity, for as long as the graph lives.
    pub fn entity(&self) -> &'g E {
        &self.level.entities[self.index]
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

/// The entities that a to-many relation leads to, in order.
#[derive(Debug)]
pub struct Views<'g, E> {
    level: &'g Level<E>,
    start: usize,
    end: usize,
    more: bool,
}

impl<E> Views<'_, E> {
    /// Whether there are more in the database than were loaded.
    pub fn more(&self) -> bool {
        self.more
    }
}

impl<'g, E: Entity> Iterator for Views<'g, E> {
    type Item = View<'g, E>;

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.start;
        (index < self.end).then(|| {
            self.start += 1;
            View { level: self.level, index }
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end - self.start;
        (left, Some(left))
    }
}

impl<E: Entity> ExactSizeIterator for Views<'_, E> {}
