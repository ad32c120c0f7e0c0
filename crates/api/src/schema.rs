//! The entities and relations as JSON, and as diagrams for Mermaid and Graphviz.

use std::fmt::Write as _;

use serde::Serialize;

use recto_relations::{Cardinality, EntityInfo, Field, Module, OnDelete, RelationInfo, Storage};

use crate::paths;

/// Entities and the relations between them, as data and as diagrams.
///
/// ```
/// use recto_api::Description;
/// use recto_domain::{BLOG, MODULES};
///
/// let blog = Description::of(&[&BLOG]);
/// assert!(blog.mermaid().contains(r#"Post ||--o{ Comment : "Post.comments / Comment.post""#));
/// assert!(Description::of(&MODULES).relations.len() > blog.relations.len());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = Schema, description = "Entities and the relations between them.")]
pub struct Description {
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

impl Description {
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

    /// Returns an entity-relationship diagram for Mermaid.
    ///
    /// A line has both names of its relation. It is dashed for a relation through another entity.
    pub fn mermaid(&self) -> String {
        let mut out = "erDiagram\n".to_owned();
        for entity in &self.entities {
            line(&mut out, format_args!("    {} {{", entity.name));
            for field in &entity.fields {
                let role = match self.role(entity, field) {
                    FieldRole::Key => " PK",
                    FieldRole::ForeignKey => " FK",
                    FieldRole::Value => "",
                };
                let optional = if field.optional { " \"optional\"" } else { "" };
                let (type_name, name) = (field.type_name, field.name);
                line(&mut out, format_args!("        {type_name} {name}{role}{optional}"));
            }
            line(&mut out, format_args!("    }}"));
        }
        for relation in self.pairs() {
            let left = match self.inverse_cardinality(relation) {
                Some(Cardinality::One) => "||",
                Some(Cardinality::Optional) => "|o",
                Some(Cardinality::Many) | None => "}o",
            };
            let right = match relation.cardinality {
                Cardinality::One => "||",
                Cardinality::Optional => "o|",
                Cardinality::Many => "o{",
            };
            let stroke = if relation.is_through() { ".." } else { "--" };
            let (from, to, names) = (relation.from, relation.to, relation.both_names());
            line(&mut out, format_args!("    {from} {left}{stroke}{right} {to} : \"{names}\""));
        }
        out
    }

    /// Returns a graph for Graphviz, with a cluster for each module.
    ///
    /// A line has both names of its relation. It is dashed for a relation through another entity.
    pub fn dot(&self) -> String {
        let mut out = "digraph recto {\n    rankdir=LR;\n    node [shape=record];\n".to_owned();
        for entities in self.entities.chunk_by(|one, next| one.module == next.module) {
            let module = entities.first().map_or("", |entity| entity.module);
            line(&mut out, format_args!("    subgraph \"cluster_{module}\" {{"));
            line(&mut out, format_args!("        label=\"{module}\";"));
            for entity in entities {
                let fields = entity.fields.iter().map(|field| {
                    let optional = if field.optional { "?" } else { "" };
                    format!("{}: {}{optional}\\l", field.name, field.type_name)
                });
                let (name, fields) = (entity.name, fields.collect::<String>());
                line(&mut out, format_args!("        {name} [label=\"{{{name}|{fields}}}\"];"));
            }
            line(&mut out, format_args!("    }}"));
        }
        for relation in self.pairs() {
            let tail = self.inverse_cardinality(relation).map_or("none", crows_foot);
            let head = crows_foot(relation.cardinality);
            let style = if relation.is_through() { ", style=dashed" } else { "" };
            let (from, to, names) = (relation.from, relation.to, relation.both_names());
            line(
                &mut out,
                format_args!(
                    "    {from} -> {to} [dir=both, arrowtail={tail}, arrowhead={head}{style}, label=\"{names}\"];"
                ),
            );
        }
        out.push_str("}\n");
        out
    }

    fn role(&self, entity: &EntityDescription, field: &FieldDescription) -> FieldRole {
        let is_its_key = |relation: &RelationDescription| {
            relation.from == entity.name
                && relation.cardinality != Cardinality::Many
                && matches!(relation.storage, Storage::ForeignKey { column, .. } if column == field.name)
        };
        if field.name == entity.key {
            FieldRole::Key
        } else if self.relations.iter().any(is_its_key) {
            FieldRole::ForeignKey
        } else {
            FieldRole::Value
        }
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

/// The role of a field in its entity.
enum FieldRole {
    Key,
    ForeignKey,
    Value,
}

/// Returns the Graphviz arrow for a cardinality.
fn crows_foot(cardinality: Cardinality) -> &'static str {
    match cardinality {
        Cardinality::One => "teetee",
        Cardinality::Optional => "teeodot",
        Cardinality::Many => "crowodot",
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use recto_domain::{BLOG, MODULES, ORG, SCHOOL};

    use super::*;

    const SCHOOL_MERMAID: &str = r#"erDiagram
    Student {
        StudentId id PK
        StudentName name
        DateTime created_at
        DateTime updated_at
    }
    Course {
        CourseId id PK
        CourseTitle title
        DateTime created_at
        DateTime updated_at
    }
    Student }o--o{ Course : "Student.courses / Course.students"
"#;

    const ORG_DOT: &str = r#"digraph recto {
    rankdir=LR;
    node [shape=record];
    subgraph "cluster_org" {
        label="org";
        Company [label="{Company|id: CompanyId\lname: CompanyName\lcreated_at: DateTime\lupdated_at: DateTime\l}"];
        Department [label="{Department|id: DepartmentId\lname: DepartmentName\lcompany_id: CompanyId\lcreated_at: DateTime\lupdated_at: DateTime\l}"];
        Employee [label="{Employee|id: EmployeeId\lname: EmployeeName\ldepartment_id: DepartmentId\lmanager_id: EmployeeId?\lcreated_at: DateTime\lupdated_at: DateTime\l}"];
    }
    Company -> Department [dir=both, arrowtail=teetee, arrowhead=crowodot, label="Company.departments / Department.company"];
    Department -> Employee [dir=both, arrowtail=teetee, arrowhead=crowodot, label="Department.employees / Employee.department"];
    Employee -> Employee [dir=both, arrowtail=teeodot, arrowhead=crowodot, label="Employee.reports / Employee.manager"];
    Company -> Employee [dir=both, arrowtail=teetee, arrowhead=crowodot, style=dashed, label="Company.employees / Employee.company"];
}
"#;

    #[test]
    fn link_table_is_one_line() {
        assert_eq!(Description::of(&[&SCHOOL]).mermaid(), SCHOOL_MERMAID);
    }

    #[test]
    fn keys_and_derived_relations_are_drawn() {
        let org = Description::of(&[&ORG]);
        assert_eq!(org.dot(), ORG_DOT);
        let mermaid = org.mermaid();
        for line in [
            "        DepartmentId department_id FK",
            "        EmployeeId manager_id FK \"optional\"",
            "    Employee |o--o{ Employee : \"Employee.reports / Employee.manager\"",
            "    Company ||..o{ Employee : \"Company.employees / Employee.company\"",
        ] {
            assert!(mermaid.lines().any(|drawn| drawn == line), "{line}\n{mermaid}");
        }
    }

    #[test]
    fn json_has_every_relation_property() {
        let blog: Value = serde_json::from_str(&Description::of(&[&BLOG]).json()).unwrap();
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
        let school = serde_json::to_value(Description::of(&[&SCHOOL])).unwrap();
        assert_eq!(
            school["relations"][1]["storage"],
            json!({
                "kind": "link", "table": "student_courses", "from": "course_id",
                "to": "student_id", "data": ["enrolled_at"],
            })
        );
        let org = serde_json::to_value(Description::of(&[&ORG])).unwrap();
        assert_eq!(
            org["relations"][6]["storage"],
            json!({"kind": "through", "first": "departments", "second": "employees"})
        );
        assert_eq!(org["relations"][6]["on_delete"], Value::Null);
    }

    #[test]
    fn every_format_has_every_relation_once() {
        let all = Description::of(&MODULES);
        let directions: usize = MODULES.iter().map(|module| module.relations.len()).sum();
        assert_eq!(all.relations.len(), directions);
        assert_eq!(all.pairs().count() * 2, directions);
        for drawing in [all.mermaid(), all.dot()] {
            for module in MODULES {
                for relation in module.relations {
                    let there = format!("{}.{}", relation.from.name, relation.name);
                    let back = format!("{}.{}", relation.to.name, relation.inverse);
                    let labels = [format!("\"{there} / {back}\""), format!("\"{back} / {there}\"")];
                    let drawn = drawing
                        .lines()
                        .filter(|line| labels.iter().any(|label| line.contains(label)));
                    assert_eq!(drawn.count(), 1, "{there} in\n{drawing}");
                }
            }
        }
        let json: Value = serde_json::from_str(&all.json()).unwrap();
        assert_eq!(json["relations"].as_array().unwrap().len(), directions);
    }

    #[test]
    fn every_entity_has_its_key_field() {
        let all = Description::of(&MODULES);
        let names: BTreeSet<_> = all.entities.iter().map(|entity| entity.name).collect();
        assert_eq!(names.len(), all.entities.len());
        for entity in &all.entities {
            let key = entity.fields.iter().find(|field| field.name == entity.key);
            assert!(key.is_some_and(|key| !key.optional), "{}", entity.name);
            assert!(all.mermaid().contains(&format!("\n    {} {{\n", entity.name)));
            assert!(all.dot().contains(&format!("\n        {} [label", entity.name)));
        }
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
