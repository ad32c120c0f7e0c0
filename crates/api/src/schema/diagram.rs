//! The entities and relations as diagrams for Mermaid and Graphviz.

use std::fmt::Write as _;

use recto_relations::{Cardinality, Storage};

use super::{EntityDescription, FieldDescription, RelationDescription, SchemaDescription};

impl SchemaDescription {
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

    use recto_domain::{MODULES, ORG, SCHOOL};
    use serde_json::Value;

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
        assert_eq!(SchemaDescription::of(&[&SCHOOL]).mermaid(), SCHOOL_MERMAID);
    }

    #[test]
    fn keys_and_derived_relations_are_drawn() {
        let org = SchemaDescription::of(&[&ORG]);
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
    fn every_format_has_every_relation_once() {
        let all = SchemaDescription::of(&MODULES);
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
        let all = SchemaDescription::of(&MODULES);
        let names: BTreeSet<_> = all.entities.iter().map(|entity| entity.name).collect();
        assert_eq!(names.len(), all.entities.len());
        for entity in &all.entities {
            let key = entity.fields.iter().find(|field| field.name == entity.key);
            assert!(key.is_some_and(|key| !key.optional), "{}", entity.name);
            assert!(all.mermaid().contains(&format!("\n    {} {{\n", entity.name)));
            assert!(all.dot().contains(&format!("\n        {} [label", entity.name)));
        }
    }
}
