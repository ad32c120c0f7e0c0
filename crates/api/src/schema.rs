//! The entities and relations as JSON.

mod diagram;

use serde::Serialize;

use recto_relations::{Cardinality, EntityInfo, Field, Module, OnDelete, RelationInfo, Storage};

use crate::paths;

/// Entities and the relations between them, as data and as diagrams.
///
/// ```
/// use recto_api::SchemaDescription;
/// use recto_domain::{BLOG, MODULES};
///
/// let blog = SchemaDescription::of(&[&BLOG]);
/// assert!(blog.mermaid().contains(r#"Post ||--o{ Comment : "Post.comments / Comment.post""#));
/// assert!(SchemaDescription::of(&MODULES).relations.len() > blog.relations.len());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = Schema, description = "Entities and the relations between them.")]
pub struct SchemaDescription {
    /// The entities, grouped by module.
    pub entities: Vec<EntityDescription>,
    /// Both directions of every relation.
    pub relations: Vec<RelationDescription>,
}

/// An entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = SchemaEntity)]
pub struct EntityDescription {
    /// The name, such as `Book`.
    pub name: &'static str,
    /// The module, such as `catalog`.
    pub module: &'static str,
    /// The collection in paths, which is also the table, such as `books`.
    pub collection: &'static str,
    /// The path of an item below the base path, such as `/books/{uid}`.
    pub path: String,
    /// The field with the key, such as `uid`.
    pub key: &'static str,
    /// The fields that pages can be sorted by.
    pub sorts: Vec<&'static str>,
    /// The fields, in the order of the JSON object.
    pub fields: Vec<FieldDescription>,
}

/// A field of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = SchemaField)]
pub struct FieldDescription {
    /// The name, such as `published_date`.
    pub name: &'static str,
    /// The Rust type of the value, such as `PublishedDate`.
    #[serde(rename = "type")]
    pub type_name: &'static str,
    /// Whether the value may be `null`.
    pub optional: bool,
}

/// One direction of a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = SchemaRelation)]
pub struct RelationDescription {
    /// The entity that the relation starts at, such as `Book`.
    pub from: &'static str,
    /// The name, such as `reviews`.
    pub name: &'static str,
    /// The entity that the relation leads to, such as `Review`.
    pub to: &'static str,
    /// The name of the inverse relation, such as `book`.
    pub inverse: &'static str,
    /// The number of entities that the relation leads to.
    pub cardinality: Cardinality,
    /// The delete rule; `null` for a relation through another entity.
    #[schema(required)]
    pub on_delete: Option<OnDelete>,
    /// The columns of the relation.
    pub storage: Storage,
    /// The path below the base path, such as `/books/{uid}/reviews`.
    pub path: String,
}

impl SchemaDescription {
    /// Returns the entities and relations of modules, in declaration order.
    pub fn of(modules: &[&'static Module]) -> Self {
        let entities = modules.iter().flat_map(|module| module.entities.iter().copied());
        let relations = modules.iter().flat_map(|module| module.relations);
        Self {
            entities: entities.map(EntityDescription::of).collect(),
            relations: relations.map(|relation| RelationDescription::of(relation)).collect(),
        }
    }

    /// Returns each relation once, in the direction that was declared first.
    pub fn pairs(&self) -> impl Iterator<Item = &RelationDescription> {
        let is_second = move |(index, relation): &(usize, &RelationDescription)| {
            self.relations[..*index].iter().any(|earlier| earlier.is_inverse_of(relation))
        };
        let relations = self.relations.iter().enumerate();
        relations.filter(move |relation| !is_second(relation)).map(|(_, relation)| relation)
    }

    /// Returns the cardinality of the inverse of a relation.
    pub fn inverse_cardinality(&self, relation: &RelationDescription) -> Option<Cardinality> {
        let inverse = self.relations.iter().find(|other| other.is_inverse_of(relation));
        inverse.map(|inverse| inverse.cardinality)
    }

    /// Returns indented JSON.
    pub fn json(&self) -> String {
        // Serializing strings, flags and lists of them cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl RelationDescription {
    fn of(relation: &RelationInfo) -> Self {
        Self {
            from: relation.from.name,
            name: relation.name,
            to: relation.to.name,
            inverse: relation.inverse,
            cardinality: relation.cardinality,
            on_delete: relation.on_delete,
            storage: relation.storage,
            path: paths::relation(relation),
        }
    }

    /// Returns both names with their entities, such as `Book.reviews / Review.book`.
    pub fn both_names(&self) -> String {
        format!("{}.{} / {}.{}", self.from, self.name, self.to, self.inverse)
    }

    fn is_inverse_of(&self, other: &Self) -> bool {
        (self.from, self.name) == (other.to, other.inverse)
    }

    fn is_through(&self) -> bool {
        matches!(self.storage, Storage::Through { .. })
    }
}

impl EntityDescription {
    fn of(entity: &EntityInfo) -> Self {
        Self {
            name: entity.name,
            module: (entity.module)().name,
            collection: entity.collection,
            path: paths::item(entity),
            key: entity.key,
            sorts: entity.sorts.iter().map(|field| field.name).collect(),
            fields: entity.fields.iter().map(FieldDescription::of).collect(),
        }
    }
}

impl FieldDescription {
    fn of(field: &Field) -> Self {
        Self { name: field.name, type_name: field.type_name(), optional: field.is_optional() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use recto_domain::{BLOG, MODULES, ORG, SCHOOL};

    use super::*;

    #[test]
    fn json_has_every_relation_property() {
        let blog: Value = serde_json::from_str(&SchemaDescription::of(&[&BLOG]).json()).unwrap();
        let storage = json!({"kind": "foreign_key", "table": "comments", "column": "post_id"});
        assert_eq!(
            blog["relations"],
            json!([
                {
                    "from": "Post", "name": "comments", "to": "Comment", "inverse": "post",
                    "cardinality": "many", "on_delete": "cascade", "storage": storage,
                    "path": "/blog/posts/{id}/comments",
                },
                {
                    "from": "Comment", "name": "post", "to": "Post", "inverse": "comments",
                    "cardinality": "one", "on_delete": "cascade", "storage": storage,
                    "path": "/blog/comments/{id}/post",
                },
            ])
        );
        assert_eq!(
            blog["entities"][1],
            json!({
                "name": "Comment", "module": "blog", "collection": "comments",
                "path": "/blog/comments/{id}", "key": "id", "sorts": ["created_at"],
                "fields": [
                    {"name": "id", "type": "CommentId", "optional": false},
                    {"name": "text", "type": "CommentText", "optional": false},
                    {"name": "post_id", "type": "PostId", "optional": false},
                    {"name": "created_at", "type": "DateTime", "optional": false},
                    {"name": "updated_at", "type": "DateTime", "optional": false},
                ],
            })
        );
    }

    #[test]
    fn storage_lists_columns_and_intermediate_relations() {
        let school = serde_json::to_value(SchemaDescription::of(&[&SCHOOL])).unwrap();
        assert_eq!(
            school["relations"][1]["storage"],
            json!({
                "kind": "link", "table": "student_courses", "from": "course_id",
                "to": "student_id", "data": ["enrolled_at"],
            })
        );
        let org = serde_json::to_value(SchemaDescription::of(&[&ORG])).unwrap();
        assert_eq!(
            org["relations"][6]["storage"],
            json!({"kind": "through", "first": "departments", "second": "employees"})
        );
        assert_eq!(org["relations"][6]["on_delete"], Value::Null);
    }

    #[test]
    fn optional_relations_have_optional_keys() {
        for relation in MODULES.iter().flat_map(|module| module.relations) {
            let Storage::ForeignKey { column, .. } = relation.storage else { continue };
            let field = relation.from.fields.iter().find(|field| field.name == column);
            if relation.cardinality != Cardinality::Many {
                let optional = relation.cardinality == Cardinality::Optional;
                assert_eq!(field.map(Field::is_optional), Some(optional), "{}", relation.name);
            }
        }
    }
}
