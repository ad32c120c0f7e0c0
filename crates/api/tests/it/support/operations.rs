//! The OpenAPI document and its operations.

use recto_testkit::server::{Response, TestClient};
use serde_json::{Value, json};

use super::accounts::Clients;
use super::assertions::{Expect as _, text};
use super::json_schema::Schemas;
use super::matrix::{Caller, rows};
use super::samples::Samples;

/// An operation of the document, with a path at which it exists.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) method: String,
    /// The path in the document, without the base path.
    pub(crate) template: String,
    /// The same with the base path and with keys of entities.
    pub(crate) path: String,
    pub(crate) described: Value,
    /// The least privileged caller that may send it, from the authorization matrix.
    pub(crate) permitted: Caller,
}

/// Returns the document.
pub(crate) fn document() -> Value {
    serde_json::from_str(&recto_api::openapi_json()).expect("the document is JSON")
}

/// Returns a value of the document in which all references but those to schemas are replaced by
/// what they refer to.
fn resolved(document: &Value, value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let reference = object.get("$ref").and_then(Value::as_str);
            let reference =
                reference.filter(|reference| !reference.starts_with("#/components/schemas/"));
            if let Some(reference) = reference {
                let referred = document.pointer(&reference[1..]).expect("it resolves");
                return resolved(document, referred);
            }
            let fields = object.iter();
            fields.map(|(name, value)| (name.clone(), resolved(document, value))).collect()
        }
        Value::Array(items) => items.iter().map(|item| resolved(document, item)).collect(),
        other => other.clone(),
    }
}

/// Returns the method, the path without the base path, and the description of every operation.
pub(crate) fn described(document: &Value) -> impl Iterator<Item = (String, &str, Value)> {
    document["paths"].as_object().unwrap().iter().flat_map(move |(path, item)| {
        let template = path.strip_prefix(recto_api::BASE_PATH).unwrap();
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, described)| {
            (method.to_uppercase(), template, resolved(document, described))
        })
    })
}

/// Returns every operation. The entities are Ada's, the session and the API key the
/// administrator's.
pub(crate) fn operations(clients: &Clients<'_>) -> Vec<Operation> {
    let samples = Samples::of(&clients.ada);
    let session = clients.admin.get("/auth/sessions").expect_status(200)["items"][0].clone();
    let new_key = json!({"name": "nightly", "scopes": ["read"]});
    let api_key = clients.admin.post("/auth/keys", &new_key).expect_status(201).clone();
    let rows = rows();
    let operation = |(method, template, described): (String, &str, Value)| {
        let mut path = match template {
            at if at.starts_with("/auth/sessions") => at.replace("{id}", text(&session, "id")),
            at if at.starts_with("/auth/keys") => at.replace("{id}", text(&api_key, "id")),
            at => samples.fill(at),
        };
        let mut rows = rows.iter();
        let row = rows.find(|row| row.method == method && row.template == template);
        let permitted = row.expect("the matrix has all operations").permitted();
        if permitted == Caller::Admin && described.get("requestBody").is_some() {
            // Ada's account stays as it is.
            path = path.replace(&clients.ada.uid, &clients.bob.uid);
        }
        assert!(!path.contains('{'), "{path}");
        path.insert_str(0, recto_api::BASE_PATH);
        let template = template.to_owned();
        Operation { method, template, path, described, permitted }
    };
    described(&document()).map(operation).collect()
}

impl Operation {
    /// Returns the names of its query parameters.
    pub(crate) fn query_parameters(&self) -> Vec<&str> {
        let parameters = self.described["parameters"].as_array().into_iter().flatten();
        parameters.filter(|one| one["in"] == "query").map(|one| text(one, "name")).collect()
    }

    /// Returns whether it needs an access token.
    pub(crate) fn requires_sign_in(&self) -> bool {
        let schemes = self.described["security"].as_array().expect("it is declared");
        !schemes.is_empty() && !schemes.contains(&json!({}))
    }

    /// Returns whether it has a body.
    pub(crate) fn has_body(&self) -> bool {
        self.described.get("requestBody").is_some()
    }

    /// Returns the documented status of success.
    pub(crate) fn success(&self) -> u16 {
        let mut statuses = self.described["responses"].as_object().unwrap().keys();
        let status = statuses.find(|status| status.starts_with('2')).expect("a status of success");
        status.parse().expect("a number")
    }

    /// Returns whether it has a JSON body.
    pub(crate) fn has_json_body(&self) -> bool {
        self.described.pointer("/requestBody/content/application~1json").is_some()
    }

    /// Returns the client that may send it.
    pub(crate) fn client<'c, 's>(&self, clients: &'c Clients<'s>) -> &'c TestClient<'s> {
        match self.permitted {
            Caller::Anonymous => &clients.anonymous,
            Caller::Admin => &clients.admin,
            _ => &clients.ada,
        }
    }

    /// Sends it with a JSON body, as the client that may.
    pub(crate) fn send(&self, clients: &Clients<'_>, body: &[u8]) -> Response {
        let headers = [("content-type", "application/json")];
        self.client(clients).send(&self.method, &self.path, &headers, Some(body))
    }
}

/// Returns the valid include paths of a GET, which the problem for an invalid one lists.
pub(crate) fn include_paths(client: &TestClient<'_>, path: &str) -> Vec<String> {
    let response = client.get(&format!("{path}?include=nonsense"));
    let detail = text(response.expect_problem("invalid-parameter"), "detail");
    let (_, paths) = detail.split_once("the valid ones are ").expect("the paths are listed");
    paths.split(", ").map(str::to_owned).collect()
}

/// Returns the media type and the example of the body of an operation.
pub(crate) fn example_body(described: &Value, schemas: &Schemas<'_>) -> (String, Value) {
    let content = described["requestBody"]["content"].as_object().unwrap();
    let (media_type, body) = content.iter().next().unwrap();
    let schema = schemas.resolve(&body["schema"]);
    let example = schema.get("examples").map_or_else(
        || {
            let properties = schema["properties"].as_object().unwrap().iter();
            let example = |property: &Value| property["examples"][0].clone();
            properties.map(|(name, property)| (name.clone(), example(property))).collect()
        },
        |examples| examples[0].clone(),
    );
    (media_type.clone(), example)
}

/// Encodes a body as its media type.
pub(crate) fn encode_body(media_type: &str, body: &Value) -> String {
    if !media_type.contains("form") {
        return body.to_string();
    }
    let pairs = body.as_object().unwrap().iter();
    let pairs = pairs.map(|(name, value)| format!("{name}={}", value.as_str().unwrap()));
    pairs.collect::<Vec<_>>().join("&").replace(' ', "+").replace('@', "%40")
}
