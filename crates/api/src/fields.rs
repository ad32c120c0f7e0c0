//! The fields of items that a response shows, without relations.

use recto_domain::{Code, Invalid};
use recto_relations::{AnyEntities, EntityInfo, excerpt};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::conditional;

/// The field with the entity tag of an item, which is shown only if it is requested.
pub(crate) const TAG: &str = "etag";

/// The fields of items that a response shows: those that `fields` names and the id, or all.
#[derive(Debug, Default)]
pub(crate) struct SelectedFields(Option<Vec<&'static str>>);

impl SelectedFields {
    /// Parses `title,author`.
    ///
    /// # Errors
    /// A field that the entity does not have. The message lists those that it has.
    pub(crate) fn parse(entity: &EntityInfo, raw: &str) -> Result<Self, Invalid> {
        let known = || entity.fields.iter().map(|field| field.name).chain([TAG]);
        let mut chosen = vec![entity.key];
        for name in raw.split(',').map(str::trim) {
            let field = known().find(|known| *known == name).ok_or_else(|| {
                let known = known().collect::<Vec<_>>().join(", ");
                let name = excerpt(name);
                let detail = format!("there is no field \"{name}\"; the fields are {known}");
                Invalid::new(Code::Unknown, detail)
            })?;
            if !chosen.contains(&field) {
                chosen.push(field);
            }
        }
        Ok(Self(Some(chosen)))
    }

    /// Returns whether all fields are shown.
    pub(crate) fn is_all(&self) -> bool {
        self.0.is_none()
    }

    /// Appends the chosen fields of the entity at `index` as a JSON object.
    ///
    /// # Errors
    /// If the serialization of the entity fails.
    pub(crate) fn write(
        &self,
        entities: &dyn AnyEntities,
        index: usize,
        out: &mut Vec<u8>,
    ) -> serde_json::Result<()> {
        let Some(chosen) = &self.0 else { return entities.write_json(index, out) };
        let mut all = Vec::with_capacity(512);
        entities.write_json(index, &mut all)?;
        let mut joint = b'{';
        let mut add = |name: &str, value: &str| {
            out.push(joint);
            joint = b',';
            out.extend_from_slice(format!("\"{name}\":{value}").as_bytes());
        };
        for (name, value) in serde_json::from_slice::<Object<'_>>(&all)?.0 {
            if chosen.contains(&name) {
                add(name, value.get());
            }
        }
        if chosen.contains(&TAG)
            && let Some(tag) = conditional::tag_of_item(
                entities,
                index,
                conditional::hash_of_fields(entities, index),
            )
        {
            add(TAG, &serde_json::to_string(&ItemETag(tag))?);
        }
        out.push(b'}');
        Ok(())
    }
}

/// The `ETag` of the item. Present if `fields` names it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ItemETag(String);

/// The fields of a JSON object, in order.
struct Object<'j>(Vec<(&'j str, &'j RawValue)>);

impl<'j> Deserialize<'j> for Object<'j> {
    fn deserialize<D: Deserializer<'j>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;

        impl<'j> Visitor<'j> for ObjectVisitor {
            type Value = Object<'j>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'j>>(self, mut map: A) -> Result<Object<'j>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Object(fields))
            }
        }

        deserializer.deserialize_map(ObjectVisitor)
    }
}
