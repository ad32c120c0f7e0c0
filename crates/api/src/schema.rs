//! The relation catalogue as data that can be shown: JSON, and two languages of diagrams.

use std::fmt::Write as _;

use serde::Serialize;

use recto_relations::{Cardinality, EntityInfo, Field, Module, OnDelete, RelationInfo, Storage};

use crate::paths;

/// Entities and the relations between them, ready to be written out.
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
#[schema(as = Schema, description = "Entities, and the relations between them.")]
pub struct Description {
    /// The entities, room by room.
    pub entities: Vec<EntityDescription>,
    /// The relations, each of the two directions by itself.
    pub relations: Vec<RelationDescription>,
}

/// A kind of entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = SchemaEntity)]
pub struct EntityDescription {
    /// Its name in the singular: `Book`.
    pub name: &'static str,
    /// The room it belongs to: `catalog`.
    pub room: &'static str,
    /// The table it is stored in, and the segment of its path: `books`.
    pub collection: &'static str,
    /// Where one of them is, below the base path: `/books/{uid}`.
    pub path: String,
    /// The member that holds its key: `uid`.
    pub key: &'static str,
    /// What its pages may be sorted by.
    pub sorts: Vec<&'static str>,
    /// Its own members, in the order in which they are shown.
    pub members: Vec<MemberDescription>,
}

/// A member of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = SchemaMember)]
pub struct MemberDescription {
    /// Its name: `published_date`.
    pub name: &'static str,
    /// The type of its value in the domain: `PublishedDate`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Whether it may be `null`.
    pub optional: bool,
}

/// One direction of a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = SchemaRelation)]
pub struct RelationDescription {
    /// The entity it starts at: `Book`.
    pub from: &'static str,
    /// Its name there: `reviews`.
    pub name: &'static str,
    /// The entity it leads to: `Review`.
    pub to: &'static str,
    /// The name of the way back, which starts at `to`: `book`.
    pub inverse: &'static str,
    /// How many it leads to.
    pub cardinality: Cardinality,
    /// What happens to the many when the one is deleted; `null` where that follows from the
    /// relations it goes through.
    #[schema(required)]
    pub on_delete: Option<OnDelete>,
    /// The columns behind it.
    pub storage: Storage,
    /// Where it is read, below the base path: `/books/{uid}/reviews`.
    pub path: String,
}

impl Description {
    /// The entities and relations of these rooms, in the order of declaration.
    pub fn of(rooms: &[&'static Module]) -> Self {
        let entities = rooms.iter().flat_map(|room| room.entities.iter().copied());
        let relations = rooms.iter().flat_map(|room| room.relations);
        Self {
            entities: entities.map(EntityDescription::of).collect(),
            relations: relations.map(|relation| RelationDescription::of(relation)).collect(),
        }
    }

    /// The relations, each once: the direction that was declared first.
    pub fn pairs(&self) -> impl Iterator<Item = &RelationDescription> {
        let before = |index: usize| &self.relations[..index];
        self.relations
            .iter()
            .enumerate()
            .filter(move |(index, relation)| !before(*index).iter().any(|r| r.leads_back(relation)))
            .map(|(_, relation)| relation)
    }

    /// How many the way back of a relation leads to.
    pub fn way_back(&self, relation: &RelationDescription) -> Option<Cardinality> {
        self.relations.iter().find(|r| r.leads_back(relation)).map(|back| back.cardinality)
    }

    /// As indented JSON.
    pub fn json(&self) -> String {
        // Names, flags and lists of them cannot fail to be written.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// As an entity-relationship diagram in the language of Mermaid.
    ///
    /// A line bears both names. It is dashed where a relation goes through others.
    pub fn mermaid(&self) -> String {
        let mut out = "erDiagram\n".to_owned();
        for entity in &self.entities {
            line(&mut out, format_args!("    {} {{", entity.name));
            for member in &entity.members {
                let role = match self.role(entity, member) {
                    Role::Key => " PK",
                    Role::ForeignKey => " FK",
                    Role::Value => "",
                };
                let optional = if member.optional { " \"optional\"" } else { "" };
                let (kind, name) = (member.kind, member.name);
                line(&mut out, format_args!("        {kind} {name}{role}{optional}"));
            }
            line(&mut out, format_args!("    }}"));
        }
        for relation in self.pairs() {
            let left = match self.way_back(relation) {
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

    /// As a graph in the language of Graphviz, a cluster a room.
    ///
    /// A line bears both names. It is dashed where a relation goes through others.
    pub fn dot(&self) -> String {
        let mut out = "digraph recto {\n    rankdir=LR;\n    node [shape=record];\n".to_owned();
        for of_room in self.entities.chunk_by(|one, next| one.room == next.room) {
            let room = of_room.first().map_or("", |entity| entity.room);
            line(&mut out, format_args!("    subgraph \"cluster_{room}\" {{"));
            line(&mut out, format_args!("        label=\"{room}\";"));
            for entity in of_room {
                let members = entity.members.iter().map(|member| {
                    let optional = if member.optional { "?" } else { "" };
                    format!("{}: {}{optional}\\l", member.name, member.kind)
                });
                let (name, members) = (entity.name, members.collect::<String>());
                line(&mut out, format_args!("        {name} [label=\"{{{name}|{members}}}\"];"));
            }
            line(&mut out, format_args!("    }}"));
        }
        for relation in self.pairs() {
            let tail = self.way_back(relation).map_or("none", crows_foot);
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

    fn role(&self, entity: &EntityDescription, member: &MemberDescription) -> Role {
        let follows = |relation: &RelationDescription| {
            relation.from == entity.name
                && relation.cardinality != Cardinality::Many
                && matches!(relation.storage, Storage::ForeignKey { column, .. } if column == member.name)
        };
        if member.name == entity.key {
            Role::Key
        } else if self.relations.iter().any(follows) {
            Role::ForeignKey
        } else {
            Role::Value
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

    /// Both names, each with where it starts: `Book.reviews / Review.book`.
    pub fn both_names(&self) -> String {
        format!("{}.{} / {}.{}", self.from, self.name, self.to, self.inverse)
    }

    fn leads_back(&self, other: &Self) -> bool {
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
            room: (entity.module)().name,
            collection: entity.collection,
            path: paths::item(entity),
            key: entity.key,
            sorts: entity.sorts.iter().map(|field| field.name).collect(),
            members: entity.fields.iter().map(MemberDescription::of).collect(),
        }
    }
}

impl MemberDescription {
    fn of(member: &Field) -> Self {
        Self { name: member.name, kind: member.type_name(), optional: member.is_optional() }
    }
}

/// What a member is to its entity.
enum Role {
    Key,
    ForeignKey,
    Value,
}

/// The arrow of Graphviz that says how many are at its end.
fn crows_foot(cardinality: Cardinality) -> &'static str {
    match cardinality {
        Cardinality::One => "teetee",
        Cardinality::Optional => "teeodot",
        Cardinality::Many => "crowodot",
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("a string takes all that is written");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use recto_domain::{BLOG, MODULES, ORG, SCHOOL};

    use super::*;

    const LINKED: &str = r#"erDiagram
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

    const ORGANISED: &str = r#"digraph recto {
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
    fn a_link_is_one_line_between_two_entities() {
        assert_eq!(Description::of(&[&SCHOOL]).mermaid(), LINKED);
    }

    #[test]
    fn keys_self_reference_and_detours_are_drawn() {
        let org = Description::of(&[&ORG]);
        assert_eq!(org.dot(), ORGANISED);
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
    fn json_says_all_that_is_known_of_a_relation() {
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
                "name": "Comment", "room": "blog", "collection": "comments",
                "path": "/blog/comments/{id}", "key": "id", "sorts": ["created_at"],
                "members": [
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
    fn a_link_names_its_data_and_a_detour_its_ways() {
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
    fn every_format_has_every_relation_with_both_names_once() {
        let all = Description::of(&MODULES);
        let directions: usize = MODULES.iter().map(|room| room.relations.len()).sum();
        assert_eq!(all.relations.len(), directions);
        assert_eq!(all.pairs().count() * 2, directions);
        for drawing in [all.mermaid(), all.dot()] {
            for room in MODULES {
                for relation in room.relations {
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
    fn every_entity_is_there_once_with_its_key_among_its_members() {
        let all = Description::of(&MODULES);
        let names: BTreeSet<_> = all.entities.iter().map(|entity| entity.name).collect();
        assert_eq!(names.len(), all.entities.len());
        for entity in &all.entities {
            let key = entity.members.iter().find(|member| member.name == entity.key);
            assert!(key.is_some_and(|key| !key.optional), "{}", entity.name);
            assert!(all.mermaid().contains(&format!("\n    {} {{\n", entity.name)));
            assert!(all.dot().contains(&format!("\n        {} [label", entity.name)));
        }
    }

    #[test]
    fn optional_means_the_same_in_a_member_and_in_its_relation() {
        for relation in MODULES.iter().flat_map(|room| room.relations) {
            let Storage::ForeignKey { column, .. } = relation.storage else { continue };
            let member = relation.from.fields.iter().find(|member| member.name == column);
            if relation.cardinality != Cardinality::Many {
                let optional = relation.cardinality == Cardinality::Optional;
                assert_eq!(member.map(Field::is_optional), Some(optional), "{}", relation.name);
            }
        }
    }
}
