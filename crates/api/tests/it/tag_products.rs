//! Entity tags of every entity, with each relation and with parts of its fields, before and after
//! changes of everything around it.

use std::collections::{BTreeMap, BTreeSet};

use recto_relations::{Cardinality, EntityInfo};
use recto_testkit::both_servers;
use recto_testkit::server::{Response, TestClient, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::Clients;
use crate::support::fixtures::tags_body;
use crate::support::samples::{Samples, entity_types, item_template};

both_servers!(tags_follow_responses_and_versions);

/// Returns the queries of an entity: relations and counts, each with parts of the fields.
fn queries(entity: &EntityInfo) -> Vec<String> {
    let fields = ["", "&fields=etag", "&fields=updated_at"];
    let with_fields = |query: String| fields.map(|fields| format!("?{query}{fields}"));
    let mut queries = with_fields(String::new()).to_vec();
    for relation in entity.relations() {
        queries.extend(with_fields(format!("include={}", relation.name)));
        if relation.cardinality == Cardinality::Many {
            queries.extend(with_fields(format!("count={}", relation.name)));
        }
        let further = relation.to.relations();
        queries.extend(further.map(|next| format!("?include={}.{}", relation.name, next.name)));
    }
    queries.extend(entity.fields.iter().map(|field| format!("?fields={}", field.name)));
    queries
}

/// The tag of a response, in its two parts, and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    tag: String,
    version: String,
    hash: String,
    body: Vec<u8>,
}

impl Shown {
    fn of(response: &Response) -> Self {
        let tag = response.header("etag").unwrap_or_else(|| panic!("{response:?}")).to_owned();
        let (version, hash) = tag.trim_matches('"').split_once('.').unwrap();
        let (version, hash) = (version.to_owned(), hash.to_owned());
        Self { tag, version, hash, body: response.body.clone() }
    }
}

/// All responses about the samples that exist, by entity and query.
type Responses = BTreeMap<&'static str, Vec<(String, Shown)>>;

struct World<'s> {
    clients: Clients<'s>,
    /// The paths of the samples, by entity.
    paths: BTreeMap<&'static str, String>,
}

impl World<'_> {
    fn path(&self, entity: &str) -> &str {
        &self.paths[entity]
    }

    fn responses(&self) -> Responses {
        let mut responses = Responses::new();
        for entity in entity_types() {
            let path = self.path(entity.name);
            if self.clients.anonymous.get(path).status == 404 {
                continue;
            }
            let shown = queries(entity).into_iter().map(|query| {
                let shown = Shown::of(&self.clients.anonymous.get(&format!("{path}{query}")));
                (query, shown)
            });
            responses.insert(entity.name, shown.collect());
        }
        responses
    }

    /// Sends a change of a sample that leaves it as it is, under a condition.
    fn change_nothing_if(&self, entity: &str, tag: &str) -> Response {
        let path = self.path(entity);
        let (client, method, body) = match entity {
            "Tag" => {
                let name = self.clients.anonymous.get(path).json["name"].clone();
                (&self.clients.ada, "PUT", json!({"name": name}))
            }
            "Author" => (&self.clients.admin, "PATCH", json!({})),
            _ => (&self.clients.ada, "PATCH", json!({})),
        };
        let headers = [("content-type", "application/json"), ("if-match", tag)];
        client.send(method, path, &headers, Some(body.to_string().as_bytes()))
    }
}

/// A change, and the samples whose version it increments.
struct Change<'s> {
    client: TestClient<'s>,
    method: &'static str,
    path: String,
    body: Value,
    moves: &'static [&'static str],
}

fn changes<'s>(world: &World<'s>) -> Vec<Change<'s>> {
    let Clients { admin, ada, bob, .. } = &world.clients;
    let path = |entity: &str, rest: &str| format!("{}{rest}", world.path(entity));
    let mut changes = Vec::new();
    let mut add = |client: &TestClient<'s>, method, path, body, moves| {
        changes.push(Change { client: client.clone(), method, path, body, moves });
    };
    for (entity, body) in [
        ("User", json!({"first_name": "Augusta"})),
        ("Book", json!({"page_count": 474})),
        ("Review", json!({"review_text": "Again."})),
        ("Post", json!({"title": "One"})),
        ("Comment", json!({"text": "Then."})),
        ("Student", json!({"name": "Maria"})),
        ("Course", json!({"title": "Curves"})),
        ("Company", json!({"name": "Machines"})),
        ("Department", json!({"name": "Wheels"})),
        ("Employee", json!({"name": "Charles"})),
    ] {
        let moved: &'static [&'static str] = match entity_types().find(|one| one.name == entity) {
            Some(found) => std::slice::from_ref(&found.name),
            None => panic!("{entity}"),
        };
        add(ada, "PATCH", path(entity, ""), body.clone(), moved);
        add(ada, "PATCH", path(entity, ""), body, &[]);
    }
    add(ada, "PUT", path("Tag", ""), json!({"name": "renamed"}), &["Tag"]);
    add(admin, "PATCH", path("Author", ""), json!({"name": "J. Austen"}), &["Author"]);
    let none = Value::Null;
    let contributors = json!({"contributors": [{"name": "J. Austen", "role": "editor"}]});
    add(ada, "PUT", path("Book", "/contributors"), contributors.clone(), &["Book"]);
    add(ada, "PUT", path("Book", "/contributors"), contributors, &[]);
    add(ada, "POST", path("Book", "/tags"), tags_body(&["another"]), &["Book"]);
    add(ada, "PUT", path("Book", "/tags"), tags_body(&["renamed"]), &["Book"]);
    let tag = world.path("Tag").rsplit_once('/').unwrap().1.to_owned();
    let linked = path("Book", &format!("/tags/{tag}"));
    add(ada, "DELETE", linked.clone(), none.clone(), &["Book"]);
    add(ada, "PUT", linked, none.clone(), &["Book"]);
    let review = json!({"rating": 1, "review_text": "Long."});
    add(bob, "POST", path("Book", "/reviews"), review, &[]);
    add(bob, "POST", path("Post", "/comments"), json!({"text": "So?"}), &[]);
    let course = world.path("Course").rsplit_once('/').unwrap().1.to_owned();
    let enrolment = path("Student", &format!("/courses/{course}"));
    add(ada, "DELETE", enrolment.clone(), none.clone(), &[]);
    add(ada, "PUT", enrolment, none.clone(), &[]);
    let department = world.path("Department").rsplit_once('/').unwrap().1.parse::<i64>().unwrap();
    let employee = json!({"name": "Babbage", "department_id": department});
    add(ada, "POST", "/org/employees".to_owned(), employee, &[]);
    add(admin, "DELETE", path("Comment", ""), none.clone(), &[]);
    add(admin, "DELETE", path("Tag", ""), none.clone(), &[]);
    add(admin, "DELETE", path("User", ""), none, &["Book", "Review"]);
    changes
}

fn tags_follow_responses_and_versions(server: &TestServer) {
    let clients = Clients::create(server);
    let samples = Samples::of(&clients.ada);
    for entity in entity_types() {
        samples.key(entity.name);
    }
    let paths = entity_types().map(|one| (one.name, samples.fill(&item_template(one.name))));
    let world = World { paths: paths.collect(), clients };
    let mut before = world.responses();
    for (number, change) in changes(&world).into_iter().enumerate() {
        let Change { client, method, path, body, moves } = &change;
        let name = format!("{method} {path} {body}");
        let response = match body {
            Value::Null => client.send(method, path, &[], None),
            body => client.send_json(method, path, body),
        };
        assert!((200..300).contains(&response.status), "{name}: {}", response.text());
        let after = world.responses();
        let mut moved = BTreeSet::new();
        for (entity, shown) in &after {
            let former = &before[entity];
            for ((query, one), (_, other)) in shown.iter().zip(former) {
                let at = format!("{name}: {entity}{query}");
                assert_eq!(one.hash == other.hash, one.body == other.body, "{at}");
                assert_eq!(one.version, shown[0].1.version, "{at}");
                assert_eq!(
                    one.tag == other.tag,
                    (&one.version, &one.body) == (&other.version, &other.body),
                    "{at}"
                );
            }
            let has_moved = shown[0].1.version != former[0].1.version;
            if has_moved {
                moved.insert(*entity);
            }
            // The owner is gone after the last change.
            if !before.contains_key("User") || !after.contains_key("User") {
                continue;
            }
            // A tag of any of the queries.
            let (query, stale) = &former[number % former.len()];
            let response = world.change_nothing_if(entity, &stale.tag);
            let expected = if has_moved { 412 } else { 200 };
            assert_eq!(response.status, expected, "{name}: {entity}{query}: {}", response.text());
        }
        assert_eq!(moved, moves.iter().copied().collect(), "{name}");
        assert_eq!(
            world.responses(),
            after,
            "the conditional requests have changed nothing: {name}"
        );
        before = after;
    }
}
