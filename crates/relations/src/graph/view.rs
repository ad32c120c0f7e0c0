//! Following loaded relations.

use super::{Adjacency, AnyEntities, Edge, Entities, Span};
use crate::{
    CardinalityType, Entity, KeysetPosition, Many, One, Optional, Relation, RelationOf, Sort,
};

/// An entity together with its loaded relations.
///
/// Dereferences to the entity; [`get`](View::get) follows a relation.
#[derive(Debug)]
pub struct View<'g, E> {
    pub(super) entities: &'g Entities<E>,
    pub(super) index: usize,
}

/// An iterator over views of the entities that a to-many relation leads to, in order.
#[derive(Debug)]
pub struct RelatedIter<'g, E> {
    pub(super) entities: &'g Entities<E>,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) more: bool,
}

/// The error of following a relation that was not loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{entity}.{relation} was not loaded: include \"{relation}\" when loading {entity}")]
pub struct NotLoaded {
    /// The entity.
    pub entity: &'static str,
    /// The relation.
    pub relation: &'static str,
}

/// The error of reading the count of a relation that was not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{entity}.{relation} was not counted: count \"{relation}\" when loading {entity}")]
pub struct NotCounted {
    /// The entity.
    pub entity: &'static str,
    /// The relation.
    pub relation: &'static str,
}

impl<'g, E: Entity> View<'g, E> {
    /// Follows a loaded relation. Returns a [`RelatedIter`] for a to-many relation, a view for a
    /// required one and an `Option` of a view for an optional one.
    ///
    /// # Errors
    /// [`NotLoaded`] if the relation was not included.
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
    pub fn get<R>(&self, _: R) -> Result<<R::Cardinality as Follow>::Loaded<'g, R::To>, NotLoaded>
    where
        R: RelationOf<E> + Relation<Cardinality: Follow>,
    {
        self.entities
            .edges
            .iter()
            .find(|edge| edge.relation == R::INFO)
            .map(|edge| R::Cardinality::follow(edge, self.index))
            .ok_or(NotLoaded { entity: E::INFO.name, relation: R::INFO.name })
    }

    /// Returns the number of entities that a relation leads to, including those not loaded.
    ///
    /// # Errors
    /// [`NotCounted`] if the relation was not [counted](crate::Include::count).
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
    /// [`NotLoaded`] if the entity was not reached over the relation.
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

    /// Returns the position of the entity in an order, after which the next page begins.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/library/model.rs"));
    /// use recto_relations::{Entities, PageStart, Sort};
    ///
    /// fn next_page(page: &Entities<Author>, sort: &Sort) -> Option<PageStart<i64>> {
    ///     page.iter().last().map(|author| PageStart::After(author.position(sort)))
    /// }
    /// # fn main() {}
    /// ```
    pub fn position(&self, sort: &Sort) -> KeysetPosition<E::Key> {
        let values = AnyEntities::sort_values(self.entities, self.index, sort);
        KeysetPosition { values, key: self.entity().key() }
    }

    /// Returns the entity with the lifetime of the [`Entities`].
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

impl<E> RelatedIter<'_, E> {
    /// Returns whether the database has more entities than were loaded.
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

/// The type that [`View::get`] returns for a relation of this [`CardinalityType`].
pub trait Follow: CardinalityType {
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
            entities: children(edge),
            start: span.start as usize,
            end: span.end as usize,
            more: span.more,
        }
    }
}

impl Follow for Optional {
    type Loaded<'g, E: Entity> = Option<View<'g, E>>;

    fn follow<E: Entity>(edge: &Edge, parent: usize) -> Option<View<'_, E>> {
        match &edge.adjacency {
            Adjacency::One(links) => {
                links[parent].map(|index| View { entities: children(edge), index: index as usize })
            }
            Adjacency::Many(_) => None,
        }
    }
}

impl Follow for One {
    type Loaded<'g, E: Entity> = View<'g, E>;

    fn follow<E: Entity>(edge: &Edge, parent: usize) -> View<'_, E> {
        Optional::follow(edge, parent).expect("the loader refuses dangling required keys")
    }
}

fn children<E: Entity>(edge: &Edge) -> &Entities<E> {
    edge.target
        .as_any()
        .downcast_ref()
        .expect("the loader of a relation creates an edge to its entity type")
}
