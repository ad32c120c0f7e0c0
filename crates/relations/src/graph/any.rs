//! Entities and link data without their type.

use std::any::Any;
use std::fmt::Debug;

use super::{ContentHasher, Counted, Edge, Entities};
use crate::{Entity, EntityInfo, LinkData, Sort, SortField, SortValue, Version};

/// [`Entities`] of any type, for serialization and for loading their relations.
pub trait AnyEntities: Any + Debug + Send + Sync {
    /// Returns itself, to be downcast to [`Entities`].
    fn as_any(&self) -> &dyn Any;
    /// Returns the description of the entity type.
    fn info(&self) -> &'static EntityInfo;
    /// Returns how often each entity occurs in the loaded tree: the sum of the occurrences of its
    /// parents.
    fn occurrences(&self) -> &[u32];
    /// Returns the loaded relations.
    fn edges(&self) -> &[Edge];
    /// Returns the counted relations.
    fn counts(&self) -> &[Counted];
    /// Returns the key of the entity at `index`, as text.
    fn key(&self, index: usize) -> String;
    /// Returns the version of the entity at `index`, if it has versions.
    fn version(&self, index: usize) -> Option<Version>;
    /// Returns the values by which `sort` orders the entity at `index`.
    fn sort_values(&self, index: usize, sort: &Sort) -> Vec<SortValue>;
    /// Appends the fields of the entity at `index` as a JSON object.
    ///
    /// # Errors
    /// If the serialization of the entity fails.
    fn write_json(&self, index: usize, out: &mut Vec<u8>) -> serde_json::Result<()>;
    /// Feeds the entity at `index` to a hasher.
    fn hash(&self, index: usize, state: &mut ContentHasher);
    /// Feeds the data of the link to the entity at `index`, if there are any, to a hasher.
    fn hash_link(&self, index: usize, state: &mut ContentHasher);
    /// Appends the data of the link to the entity at `index` as a JSON object and returns `true`,
    /// or returns `false` if links have no data.
    ///
    /// # Errors
    /// If the serialization of the link fails.
    fn write_link_json(&self, index: usize, out: &mut Vec<u8>) -> serde_json::Result<bool>;
}

/// Link data of any type, one for each entity.
pub(super) trait AnyLinkData: Any + Debug + Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn write_json(&self, index: usize, out: &mut Vec<u8>) -> serde_json::Result<()>;
    fn hash(&self, index: usize, state: &mut ContentHasher);
    fn sort_value(&self, index: usize, field: &SortField) -> SortValue;
}

impl<D: LinkData> AnyLinkData for Vec<D> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn write_json(&self, index: usize, out: &mut Vec<u8>) -> serde_json::Result<()> {
        serde_json::to_writer(out, &self[index])
    }

    fn hash(&self, index: usize, state: &mut ContentHasher) {
        self[index].hash(state);
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

    fn version(&self, index: usize) -> Option<Version> {
        self.items[index].version()
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

    fn hash(&self, index: usize, state: &mut ContentHasher) {
        self.items[index].hash(state);
    }

    fn hash_link(&self, index: usize, state: &mut ContentHasher) {
        if let Some(data) = &self.link_data {
            data.hash(index, state);
        }
    }

    fn write_link_json(&self, index: usize, out: &mut Vec<u8>) -> serde_json::Result<bool> {
        match &self.link_data {
            Some(data) => data.write_json(index, out).map(|()| true),
            None => Ok(false),
        }
    }
}
