//! The behaviour that all entities with integer keys share.

use recto_api::SchemaDescription;
use recto_domain::MODULES;
use recto_relations::EntityInfo;
use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::{Value, json};

use crate::support::accounts::Clients;
use crate::support::assertions::{
    Expect as _, all_items, assert_healthy, field_names, id, texts, timestamp,
};
use crate::support::fixtures::{UNKNOWN_UID, create};
use crate::support::samples::{Samples, collection_path, entity_types, item_template};

/// A collection that accepts new items.
struct Collection {
    entity: &'static str,
    path: String,
    /// A valid body.
    body: Value,
    /// The field with the name or title.
    name: &'static str,
}

/// Returns the collections of entities with integer keys that accept new items.
fn collections(samples: &Samples<'_>) -> Vec<Collection> {
    let collection = |entity: &'static EntityInfo| {
        let (path, body) = samples.creation(entity.name)?;
        let name = entity.fields.iter().find(|field| field.name != entity.key)?.name;
        let is_own = path == collection_path(entity.name);
        is_own.then_some(Collection { entity: entity.name, path, body, name })
    };
    entity_types().filter(|entity| entity.key == "id").filter_map(collection).collect()
}

fn each_entity_supports_crud(server: &TestServer) {
    let Clients { ada, admin, anonymous, bob } = Clients::create(server);
    let samples = Samples::of(&ada);
    for Collection { path: collection, body, name, entity } in collections(&samples) {
        samples.key(entity);
        anonymous.post(&collection, &body).expect_problem("unauthenticated");
        let response = ada.post(&collection, &body);
        let created = response.expect_status(201).clone();
        let mut names: Vec<&str> = field_names(&body);
        names.extend(["id", "created_at", "updated_at"]);
        names.sort_unstable();
        assert_eq!(field_names(&created), names);
        for (name, value) in body.as_object().unwrap() {
            assert_eq!(&created[name], value);
        }
        let path = format!("{collection}/{}", id(&created));
        assert_eq!(response.header("location"), Some(format!("/api/v1{path}").as_str()));
        assert_eq!(created["created_at"], created["updated_at"]);
        assert_eq!(server.get(&path).expect_status(200), &created);
        assert_eq!(server.get(&collection).expect_items()[0], created, "the newest comes first");
        let page = server.get(&format!("{collection}?limit=1"));
        assert_eq!(page.expect_items(), std::slice::from_ref(&created));
        assert!(page.next_page().is_some());

        // It has no owner, so any verified account may change it.
        let change = json!({name: "Other"});
        anonymous.patch(&path, &change).expect_problem("unauthenticated");
        let changed = bob.patch(&path, &change).expect_status(200).clone();
        assert_eq!(changed[name], "Other");
        assert!(timestamp(&changed, "updated_at") > timestamp(&created, "updated_at"));
        assert_eq!(changed["created_at"], created["created_at"]);
        assert_eq!(server.get(&path).expect_status(200), &changed);
        assert_eq!(ada.patch(&path, &json!({})).expect_status(200), &changed);
        assert_eq!(
            ada.patch(&path, &change).expect_status(200),
            &changed,
            "an equal value changes nothing"
        );

        anonymous.delete(&path).expect_problem("unauthenticated");
        bob.delete(&path).expect_problem("forbidden");
        admin.delete(&path).expect_status(204);
        admin.delete(&path).expect_problem("not-found");
        server.get(&path).expect_problem("not-found");
        ada.patch(&path, &json!({name: 1})).expect_problem("not-found");
        // Keys are not reused.
        let next = ada.post(&collection, &body).expect_status(201).clone();
        assert!(next["id"].as_u64() > created["id"].as_u64());
    }
    assert_healthy(server);
}

fn violations_point_at_the_field(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let samples = Samples::of(&ada);
    for Collection { path: collection, body, name, entity } in collections(&samples) {
        let pointer = format!("/{name}");
        let path = samples.path(entity);
        for value in [json!(""), json!("  "), json!(null), json!(7), json!("a\u{0}b")] {
            let mut wrong = body.clone();
            wrong[name] = value.clone();
            assert_eq!(ada.post(&collection, &wrong).violations(), [&pointer], "{wrong}");
            let response = ada.patch(&path, &json!({name: value}));
            assert_eq!(response.violations(), [&pointer], "{wrong}");
        }
        let mut missing = body.clone();
        missing.as_object_mut().unwrap().remove(name);
        assert_eq!(ada.post(&collection, &missing).violations(), [&pointer]);
        // Clients cannot set generated fields.
        let mut more = body.clone();
        more["id"] = json!(1);
        more["created_at"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(ada.post(&collection, &more).violations(), ["/created_at", "/id"]);
        assert_eq!(ada.patch(&path, &json!({"id": 1})).violations(), ["/id"]);
    }
}

fn malformed_key_is_not_found(server: &TestServer) {
    let Clients { ada, admin, .. } = Clients::create(server);
    let samples = Samples::of(&ada);
    for entity in entity_types().filter(|entity| entity.key == "id") {
        server.get(&samples.path(entity.name)).expect_status(200);
        for key in [
            "0",
            "-1",
            "1e3",
            "1.0",
            "+1",
            "01",
            "%31%20",
            "1%00",
            "x",
            "9999999",
            "9007199254740991",
            "9007199254740992",
            "9223372036854775808",
            "99999999999999999999",
            UNKNOWN_UID,
        ] {
            let path = item_template(entity.name).replace("{id}", key);
            server.get(&path).expect_problem("not-found");
            ada.patch(&path, &json!({})).expect_problem("not-found");
            admin.delete(&path).expect_problem("not-found");
        }
    }
    for relation in SchemaDescription::of(&MODULES).relations {
        for key in ["0", "-1", "1e3", "99999999999999999999", "9999999"] {
            let path = relation.path.replace("{id}", key).replace("{uid}", key);
            server.get(&path).expect_problem("not-found");
        }
    }
    assert_healthy(server);
}

fn unverified_account_writes_nothing(server: &TestServer) {
    let Clients { ada, admin, .. } = Clients::create(server);
    let samples = Samples::of(&ada);
    for entity in entity_types() {
        samples.key(entity.name);
    }
    let unverify = "UPDATE accounts SET verified = FALSE";
    server.database().execute(unverify).unwrap();
    for Collection { path: collection, body, name, entity } in collections(&samples) {
        ada.post(&collection, &body).expect_problem("forbidden");
        let path = samples.path(entity);
        ada.patch(&path, &json!({name: "Other"})).expect_problem("forbidden");
        admin.delete(&path).expect_problem("forbidden");
        ada.get(&path).expect_status(200);
    }
    let comments = samples.fill("/blog/posts/{id}/comments");
    ada.post(&comments, &json!({"text": "So."})).expect_problem("forbidden");
    let link = samples.fill("/school/students/{id}/courses/{course_id}");
    ada.send("PUT", &link, &[], None).expect_problem("forbidden");
    ada.delete(&link).expect_problem("forbidden");
}

fn pages_sort_by_name(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    for name in ["zebra", "Émile", "apple", "Apple", "日本"] {
        create(&ada, "/org/companies", &json!({"name": name}));
        create(&ada, "/school/courses", &json!({"title": name}));
    }
    for (path, field) in [("/org/companies", "name"), ("/school/courses", "title")] {
        let up = all_items(&anonymous, &format!("{path}?sort={field}&limit=2"));
        assert_eq!(texts(&up, field), ["apple", "Apple", "zebra", "Émile", "日本"]);
        let down = all_items(&anonymous, &format!("{path}?sort=-{field}&limit=2"));
        assert!(down.iter().eq(up.iter().rev()));
        server.get(&format!("{path}?sort=content")).expect_problem("invalid-parameter");
    }
    server.get("/blog/posts?sort=content").expect_problem("invalid-parameter");
    server.get("/org/employees?author=x").expect_problem("invalid-parameter");
}

both_servers!(
    each_entity_supports_crud,
    violations_point_at_the_field,
    malformed_key_is_not_found,
    unverified_account_writes_nothing,
    pages_sort_by_name,
);
