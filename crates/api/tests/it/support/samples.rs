//! One entity of each type, created when a test first asks for it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use recto_api::SchemaDescription;
use recto_domain::MODULES;
use recto_relations::EntityInfo;
use recto_testkit::server::TestClient;
use serde_json::{Value, json};

use super::assertions::{Expect as _, uid};
use super::fixtures::create;

/// Returns all entity types.
pub(crate) fn entity_types() -> impl Iterator<Item = &'static EntityInfo> {
    MODULES.into_iter().flat_map(|module| module.entities).copied()
}

/// Returns the template of the path of an entity, such as `/books/{uid}`.
pub(crate) fn item_template(entity: &str) -> String {
    let mut entities = SchemaDescription::of(&MODULES).entities.into_iter();
    entities.find(|one| one.name == entity).expect("an entity type").path
}

/// Returns the path of the collection of an entity, such as `/books`.
pub(crate) fn collection_path(entity: &str) -> String {
    let item = item_template(entity);
    item[..item.rfind('/').expect("the key is a segment")].to_owned()
}

/// The entities of one client, by name of their type; `Manager` and `Report` are those of
/// `Employee`.
pub(crate) struct Samples<'s> {
    client: TestClient<'s>,
    keys: RefCell<BTreeMap<String, String>>,
}

impl<'s> Samples<'s> {
    /// Returns samples that the client will create.
    pub(crate) fn of(client: &TestClient<'s>) -> Self {
        Self { client: client.clone(), keys: RefCell::default() }
    }

    /// Returns the path and the body of the POST that creates an entity; `None` for types that
    /// have no such POST. A new entity type needs an arm here.
    pub(crate) fn creation(&self, entity: &str) -> Option<(String, Value)> {
        let path = match entity {
            "Review" => format!("/books/{}/reviews", self.key("Book")),
            "Comment" => format!("/blog/posts/{}/comments", self.key("Post")),
            "Manager" | "Report" => collection_path("Employee"),
            _ => collection_path(entity),
        };
        let body = match entity {
            "Book" => json!({"title": "Emma", "author": "Jane Austen"}),
            "Review" => json!({"rating": 4, "review_text": ""}),
            "Tag" => json!({"name": format!("Tag of {}", self.client.uid)}),
            "Post" => json!({"title": "Zero", "content": "Distances."}),
            "Comment" => json!({"text": "So."}),
            "Student" => json!({"name": "Sofia"}),
            "Course" => json!({"title": "Equations"}),
            "Company" => json!({"name": "Engines"}),
            "Department" => json!({"name": "Cards", "company_id": self.id("Company")}),
            "Manager" => json!({"name": "Top", "department_id": self.id("Department")}),
            "Employee" | "Report" => {
                let manager = if entity == "Employee" { "Manager" } else { "Employee" };
                json!({
                    "name": "Ada", "department_id": self.id("Department"),
                    "manager_id": self.id(manager),
                })
            }
            _ => return None,
        };
        Some((path, body))
    }

    /// Relates a new entity to others, so that its relations lead somewhere.
    fn relate(&self, entity: &str) {
        match entity {
            "Tag" => self.link("/books/{uid}/tags/{tag_uid}"),
            "Course" => self.link("/school/students/{id}/courses/{course_id}"),
            "Employee" => _ = self.key("Report"),
            _ => {}
        }
    }

    fn link(&self, template: &str) {
        self.client.send("PUT", &self.fill(template), &[], None).expect_status(204);
    }

    /// Returns the key of an entity.
    #[track_caller]
    pub(crate) fn key(&self, entity: &str) -> String {
        let known = self.keys.borrow().get(entity).cloned();
        known.unwrap_or_else(|| {
            let key = self.create(entity);
            self.keys.borrow_mut().insert(entity.to_owned(), key.clone());
            self.relate(entity);
            key
        })
    }

    #[track_caller]
    fn create(&self, entity: &str) -> String {
        if let Some((path, body)) = self.creation(entity) {
            let created = create(&self.client, &path, &body);
            return created["uid"].as_str().map_or_else(|| created["id"].to_string(), Into::into);
        }
        match entity {
            "User" => self.client.uid.clone(),
            "Author" => {
                let path = format!("/books/{}/contributors", self.key("Book"));
                uid(&self.client.get(&path).expect_items()[0]).to_owned()
            }
            _ => panic!("no sample of {entity}"),
        }
    }

    /// Returns the key of an entity with an integer key.
    #[track_caller]
    pub(crate) fn id(&self, entity: &str) -> u64 {
        self.key(entity).parse().expect("an integer key")
    }

    /// Returns the path of an entity.
    #[track_caller]
    pub(crate) fn path(&self, entity: &str) -> String {
        self.fill(&item_template(entity))
    }

    /// Replaces the placeholders of a template, such as `/books/{uid}/tags/{tag_uid}`, with keys.
    #[track_caller]
    pub(crate) fn fill(&self, template: &str) -> String {
        let mut path = template.to_owned();
        let mut types = entity_types();
        let is_below = |item: &str| {
            template.strip_prefix(item).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if let Some(entity) = types.find(|entity| is_below(&item_template(entity.name))) {
            path = path.replace(&format!("{{{}}}", entity.key), &self.key(entity.name));
        }
        for entity in entity_types() {
            let placeholder = format!("{{{}_{}}}", entity.name.to_lowercase(), entity.key);
            if path.contains(&placeholder) {
                path = path.replace(&placeholder, &self.key(entity.name));
            }
        }
        path
    }
}
