//! The OpenAPI document and its operations.

use serde_json::{Value, json};

use super::accounts::Clients;
use super::assertions::{Expect as _, text, uid};
use super::fixtures::{add_book, add_review, add_tag};
use super::json_schema::Schemas;
use super::samples::Rooms;

/// An operation of the document, at a path where it finds something.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) method: String,
    pub(crate) template: String,
    pub(crate) path: String,
    pub(crate) described: Value,
}

/// The document as it is printed.
pub(crate) fn document() -> Value {
    serde_json::from_str(&recto_api::openapi_json()).expect("the document is JSON")
}

/// Every operation of the document. What users have of their own is the administrator's.
pub(crate) fn operations(clients: &Clients<'_>) -> Vec<Operation> {
    let book = add_book(&clients.ada, "Emma");
    let review = add_review(&clients.ada, &book, 4);
    let tag = add_tag(&clients.ada, "Classics");
    let authors = clients.anonymous.get("/authors").expect_status(200).clone();
    let rooms = Rooms::filled(&clients.ada);
    let session = clients.admin.get("/auth/sessions").expect_status(200)["items"][0].clone();
    let new_key = json!({"name": "nightly", "scopes": ["read"]});
    let api_key = clients.admin.post("/auth/keys", &new_key).expect_status(201).clone();
    let mut all = Vec::new();
    for (template, item) in document()["paths"].as_object().unwrap() {
        let below = template.strip_prefix("/api/v1").unwrap();
        let key = match below.split('/').nth(1) {
            Some("books") => uid(&book),
            Some("reviews") => uid(&review),
            Some("tags") => uid(&tag),
            Some("authors") => uid(&authors["items"][0]),
            _ => &clients.ada.uid,
        };
        let path = template.replace("{uid}", key).replace("{tag_uid}", uid(&tag));
        let path = match below {
            below if below.starts_with("/auth/sessions") => {
                path.replace("{id}", text(&session, "id"))
            }
            below if below.starts_with("/auth/keys") => path.replace("{id}", text(&api_key, "id")),
            below => match rooms.key_below(below) {
                Some(id) => path.replace("{id}", id).replace("{course_id}", &rooms.course),
                None => path,
            },
        };
        assert!(!path.contains('{'), "{path}");
        for (method, described) in item.as_object().unwrap() {
            let (method, template) = (method.to_uppercase(), template.clone());
            let (path, described) = (path.clone(), described.clone());
            all.push(Operation { method, template, path, described });
        }
    }
    all
}

/// The body of an operation as its example has it, and its media type.
pub(crate) fn example_body(described: &Value, schemas: &Schemas<'_>) -> (String, Value) {
    let content = described["requestBody"]["content"].as_object().unwrap();
    let (media_type, body) = content.iter().next().unwrap();
    let schema = schemas.resolve(&body["schema"]);
    let example = schema.get("examples").map_or_else(
        || {
            let members = schema["properties"].as_object().unwrap().iter();
            members.map(|(name, member)| (name.clone(), member["examples"][0].clone())).collect()
        },
        |examples| examples[0].clone(),
    );
    (media_type.clone(), example)
}

/// A body as a client sends it.
pub(crate) fn encode_body(media_type: &str, body: &Value) -> String {
    if !media_type.contains("form") {
        return body.to_string();
    }
    let pairs = body.as_object().unwrap().iter();
    let pairs = pairs.map(|(name, value)| format!("{name}={}", value.as_str().unwrap()));
    pairs.collect::<Vec<_>>().join("&").replace(' ', "+").replace('@', "%40")
}
