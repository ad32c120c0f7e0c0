//! The OpenAPI document: well formed, and equal to what the server does.

use std::collections::{BTreeMap, BTreeSet};

use recto_api::{ProblemType, Settings};
use recto_identity::quota::Quotas;
use recto_identity::throttle::Limits;
use recto_testkit::both_servers;
use recto_testkit::server::{Response, TestClient, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::Clients;
use crate::support::assertions::{Expect as _, text};
use crate::support::fixtures::create_varied_books;
use crate::support::json_schema::Schemas;
use crate::support::limits::{hourly, server_with};
use crate::support::operations::{
    Operation, described, document, encode_body, example_body, include_paths, operations,
};

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"];

#[test]
fn document_matches_its_snapshot() {
    insta::with_settings!({prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("openapi", recto_api::openapi_json());
    });
}

#[test]
fn served_document_is_small() {
    let bytes = document().to_string().len();
    assert!(bytes < 300_000, "{bytes} bytes; shorten texts that many operations repeat");
}

/// Texts that are made of the names of entities must not say "a employee".
#[test]
fn articles_fit_their_nouns() {
    let document = recto_api::openapi_json();
    let words: Vec<&str> = document.split([' ', '"']).collect();
    for pair in words.windows(2) {
        let (article, noun) = (pair[0].to_lowercase(), pair[1]);
        let vowel = noun.starts_with(|c: char| "AEIOaeio".contains(c)) && !noun.starts_with("on");
        assert!(article != "a" || !vowel, "{pair:?}");
        let consonant = noun.starts_with(|c: char| "bcdgjklpqtvwyz".contains(c));
        assert!(article != "an" || !consonant, "{pair:?}");
    }
}

#[test]
fn descriptions_have_no_links_of_rustdoc() {
    assert!(!recto_api::openapi_json().contains("[`"));
}

/// Calls `visit` with the pointer and the value of every object.
fn visit_objects(
    value: &Value,
    at: &str,
    visit: &mut impl FnMut(&str, &serde_json::Map<String, Value>),
) {
    match value {
        Value::Object(object) => {
            visit(at, object);
            for (name, field) in object {
                visit_objects(field, &format!("{at}/{}", name.replace('/', "~1")), visit);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                visit_objects(item, &format!("{at}/{index}"), visit);
            }
        }
        _ => {}
    }
}

#[test]
fn references_resolve_and_components_are_used() {
    let document = document();
    assert!(text(&document, "openapi").starts_with("3.1"));
    for field in ["title", "version", "description"] {
        assert!(!text(&document["info"], field).is_empty());
    }
    let mut used = BTreeSet::new();
    visit_objects(&document, "", &mut |at, object| {
        if let Some(Value::String(reference)) = object.get("$ref") {
            let pointer = reference.strip_prefix('#').expect("references stay in the document");
            assert!(document.pointer(pointer).is_some(), "{at}: {reference}");
            used.insert(pointer.rsplit('/').next().unwrap().to_owned());
        }
    });
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut unused: BTreeSet<String> = schemas.keys().cloned().collect();
    unused.retain(|name| !used.contains(name));
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn every_operation_is_documented() {
    let document = document();
    let tags: BTreeSet<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| text(tag, "name")).collect();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in described(&document) {
        let at = format!("{method} {path}");
        assert!(!text(&operation, "summary").is_empty(), "{at}");
        assert!(!text(&operation, "description").is_empty(), "{at}");
        assert!(ids.insert(text(&operation, "operationId").to_owned()), "{at}");
        for tag in operation["tags"].as_array().unwrap() {
            assert!(tags.contains(tag.as_str().unwrap()), "{at}");
        }
        assert_parameters(&at, path, &operation);
        assert_responses(&at, path, &operation);
    }
    assert!(ids.len() > 30);
    for id in ["listBooks", "getBook", "createReview", "updateBook", "deleteTag", "listBookTags"] {
        assert!(ids.contains(id), "{ids:?}");
    }
}

fn assert_parameters(at: &str, path: &str, operation: &Value) {
    let mut in_path: BTreeSet<&str> =
        path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
    let mut names = BTreeSet::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = text(parameter, "name");
        assert!(names.insert(name), "{at}: {name} twice");
        let description = text(parameter, "description");
        assert!(!description.contains(": ."), "{at}: {name}: {description}");
        assert!(parameter["schema"]["type"].is_string(), "{at}: {name}");
        if parameter["in"] == "path" {
            assert_eq!(parameter["required"], true, "{at}: {name}");
            assert!(in_path.remove(name), "{at}: {name}");
        }
    }
    assert!(in_path.is_empty(), "{at}: undescribed {in_path:?}");
}

fn assert_responses(at: &str, path: &str, operation: &Value) {
    let responses = operation["responses"].as_object().unwrap();
    let statuses: BTreeSet<&str> = responses.keys().map(String::as_str).collect();
    let needs = |status: &str| assert!(statuses.contains(status), "{at} may answer {status}");
    assert_eq!(statuses.iter().filter(|status| status.starts_with('2')).count(), 1, "{at}");
    for status in ["400", "500", "503"] {
        needs(status);
    }
    if path.contains('{') {
        needs("404");
    }
    if let Some(body) = operation.get("requestBody") {
        for status in ["413", "415"] {
            needs(status);
        }
        // Violations point at JSON fields, which forms do not have.
        let media_types = body["content"].as_object().unwrap();
        assert_eq!(media_types.len(), 1, "{at}: generated clients send one media type");
        let takes_json = media_types.contains_key("application/json");
        assert_eq!(statuses.contains("422"), takes_json, "{at}");
        assert_eq!(operation["requestBody"]["required"], true, "{at}");
    }
    let security = operation["security"].as_array().unwrap();
    if !security.is_empty() {
        needs("401");
        for scheme in ["bearer", "password"] {
            assert!(security.iter().any(|one| one.get(scheme).is_some()), "{at}: {scheme}");
        }
    }
    for (status, response) in responses {
        assert!(!text(response, "description").is_empty(), "{at} {status}");
        let content = response.get("content").and_then(Value::as_object);
        match status.as_bytes()[0] {
            b'2' if ["202", "204"].contains(&status.as_str()) => assert_eq!(content, None, "{at}"),
            b'2' => {
                assert!(content.unwrap().contains_key("application/json"), "{at}");
                let location = response.pointer("/headers/Location");
                assert_eq!(location.is_some(), status == "201", "{at}");
            }
            b'3' => assert_eq!(content, None, "{at}"),
            _ => {
                let problem = &content.unwrap()["application/problem+json"];
                assert_eq!(problem["schema"]["$ref"], "#/components/schemas/Problem", "{at}");
                let examples = problem_examples(problem);
                assert!(!examples.is_empty(), "{at}");
                for example in examples {
                    assert_eq!(example["status"].to_string(), *status, "{at}");
                    assert_example_fits(at, path, operation, example);
                }
            }
        }
    }
}

fn problem_examples(content: &Value) -> Vec<&Value> {
    let several = content["examples"].as_object().into_iter().flat_map(|all| all.values());
    content.get("example").into_iter().chain(several.map(|one| &one["value"])).collect()
}

/// Asserts that the example of a problem is about the operation, or about none.
fn assert_example_fits(at: &str, path: &str, operation: &Value, example: &Value) {
    let instance = text(example, "instance").strip_prefix(recto_api::BASE_PATH).unwrap();
    let is_of_path = instance == "/..."
        || path
            .split('/')
            .zip(instance.split('/'))
            .all(|(part, shown)| part == shown || part.starts_with('{'));
    assert!(is_of_path, "{at}: {instance}");
    let parameters: Vec<_> = operation["parameters"].as_array().into_iter().flatten().collect();
    for error in example["errors"].as_array().into_iter().flatten() {
        if let Some(parameter) = error.get("parameter") {
            let is_known = parameters.iter().any(|one| one["name"] == *parameter);
            assert!(is_known != (error["code"] == "unknown"), "{at}: {parameter}");
        }
        if let Some(pointer) = error.get("pointer").and_then(Value::as_str) {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let (document, reference) = (document(), text(schema, "$ref"));
            let properties = &document.pointer(&reference[1..]).unwrap()["properties"];
            assert!(properties.get(&pointer[1..]).is_some(), "{at}: {pointer}");
        }
    }
}

#[test]
fn every_problem_type_is_documented() {
    let document = document();
    let responses = described(&document).flat_map(|(.., operation)| {
        let responses = operation["responses"].as_object().unwrap().values();
        responses.map(|response| text(response, "description").to_owned()).collect::<Vec<_>>()
    });
    let responses: BTreeSet<_> = responses.collect();
    for problem_type in ProblemType::ALL {
        let mut titles = responses.iter().flat_map(|one| one.trim_end_matches('.').split("; "));
        let is_documented = titles.any(|title| title == problem_type.title());
        // An operation has one method.
        assert_eq!(
            is_documented,
            *problem_type != ProblemType::MethodNotAllowed,
            "{problem_type:?}"
        );
    }
}

#[test]
fn both_security_schemes_are_documented() {
    let schemes = &document()["components"]["securitySchemes"];
    assert_eq!(
        (&schemes["bearer"]["type"], &schemes["bearer"]["scheme"]),
        (&json!("http"), &json!("bearer"))
    );
    let flow = &schemes["password"]["flows"]["password"];
    assert_eq!(schemes["password"]["type"], "oauth2");
    assert_eq!(flow["tokenUrl"], "/api/v1/auth/token");
    assert!(flow["scopes"].is_object());
}

#[test]
fn examples_match_their_schemas() {
    let document = document();
    let schemas = Schemas::of(&document);
    let mut checked = 0;
    visit_objects(&document, "", &mut |at, object| {
        let Some(Value::Array(examples)) = object.get("examples") else { return };
        let schema = Value::Object(object.clone());
        for example in examples {
            schemas.check(&schema, example, &format!("{at}/examples"));
            checked += 1;
        }
    });
    assert!(checked > 40, "{checked}");
}

fn document_is_served(server: &TestServer) {
    let response = server.get("/openapi.json");
    assert_eq!(response.expect_status(200), &document());
}

fn served_operations_match_the_document(server: &TestServer) {
    let clients = Clients::create(server);
    let mut methods_of: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for operation in operations(&clients) {
        let Operation { method, template, path, described, .. } = &operation;
        let response = clients.anonymous.send(method, path, &[], None);
        let expected = match (operation.requires_sign_in(), operation.has_body()) {
            (true, _) => 401,
            (false, true) => 415,
            (false, false) => 200,
        };
        assert_eq!(response.status, expected, "{method} {path}: {}", response.text());
        assert!(described["responses"].get(expected.to_string()).is_some(), "{method} {template}");
        methods_of.entry(path.clone()).or_default().push(method.clone());
    }
    for (path, mut methods) in methods_of {
        methods.sort_unstable();
        for method in METHODS.iter().filter(|method| !methods.contains(&(**method).to_owned())) {
            let response = clients.admin.send(method, &path, &[], None);
            response.expect_problem("method-not-allowed");
            let mut allow: Vec<_> = response.header("allow").unwrap().split(", ").collect();
            assert_eq!(allow.pop(), Some("OPTIONS"));
            assert_eq!(allow.contains(&"HEAD"), allow.contains(&"GET"));
            allow.retain(|method| *method != "HEAD");
            allow.sort_unstable();
            assert_eq!(allow, methods, "{method} {path}");
        }
    }
}

fn responses_match_their_schemas(server: &TestServer) {
    let clients = Clients::create(server);
    let document = document();
    let schemas = Schemas::of(&document);
    let operations = operations(&clients);
    create_varied_books(&clients.ada, &clients.bob);
    let mut checked = 0;
    for operation in operations.iter().filter(|operation| operation.method == "GET") {
        let parameters = operation.query_parameters();
        let mut queries = vec![String::new()];
        if parameters.contains(&"include") {
            let paths = include_paths(&clients.admin, &operation.path);
            queries.extend(paths.iter().map(|path| format!("?include={path}")));
        }
        if parameters.contains(&"limit") {
            queries.push("?limit=1".to_owned());
        }
        for query in queries {
            let response = clients.admin.get(&format!("{}{query}", operation.path));
            let content = &operation.described["responses"]["200"]["content"];
            let schema = &content["application/json"]["schema"];
            schemas.check(
                schema,
                response.expect_status(200),
                &format!("GET {}{query}", operation.template),
            );
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked}");
    let refused = clients.anonymous.get("/auth/me");
    let problem = json!({"$ref": "#/components/schemas/Problem"});
    schemas.check(&problem, refused.expect_problem("unauthenticated"), "a problem");
}

/// Asserts that the response has the documented headers. A page may have no `Link`, and an absent
/// item has no entity tag.
#[track_caller]
fn check_headers(described: &Value, response: &Response) {
    let documented = &described["responses"][&response.status.to_string()]["headers"];
    for name in ["ETag", "Link", "Location", "RateLimit", "RateLimit-Policy"] {
        let is_sent = response.header(&name.to_lowercase()).is_some();
        let is_documented = documented.get(name).is_some();
        let may_be_absent = name == "Link" || response.json.is_null();
        let at = &described["operationId"];
        assert!(is_sent == is_documented || (!is_sent && may_be_absent), "{at}: {name}");
    }
}

#[test]
fn responses_have_their_headers() {
    let server = server_with(Settings {
        limits: Limits { sign_up: Some(hourly(100)), ..Limits::default() },
        quotas: Some(Quotas::default()),
        ..TestServer::settings()
    });
    let clients = Clients::create(&server);
    let document = document();
    let schemas = Schemas::of(&document);
    let mut operations = operations(&clients);
    let ends = |operation: &Operation| {
        operation.method == "DELETE" || operation.template == "/auth/logout"
    };
    operations.sort_by_key(ends);
    let mut checked = 0;
    for operation in operations {
        let Operation { method, path, described, .. } = &operation;
        let client = operation.client(&clients);
        let body = operation.has_body().then(|| example_body(described, &schemas));
        let response = match body {
            Some((media_type, example)) => {
                let body = encode_body(&media_type, &example);
                client.send(method, path, &[("content-type", &media_type)], Some(body.as_bytes()))
            }
            None => client.send(method, path, &[], None),
        };
        if response.status == operation.success() {
            check_headers(described, &response);
            checked += 1;
        }
    }
    assert!(checked > 80, "{checked}");
}

/// Sends the example of a body, checks the response against its schema, and returns the status.
fn send_example(
    client: &TestClient<'_>,
    (method, path): (&str, &str),
    described: &Value,
    schemas: &Schemas<'_>,
) -> u16 {
    let (media_type, example) = example_body(described, schemas);
    let body = encode_body(&media_type, &example);
    let headers = [("content-type", media_type.as_str())];
    let response = client.send(method, path, &headers, Some(body.as_bytes()));
    if response.status < 300 {
        let content = &described["responses"][&response.status.to_string()]["content"];
        let at = format!("{method} {path}");
        schemas.check(&content["application/json"]["schema"], &response.json, &at);
    }
    response.status
}

fn auth_examples_are_accepted(server: &TestServer) {
    let document = document();
    let schemas = Schemas::of(&document);
    let find = |path| described(&document).find(|one| (&*one.0, one.1) == ("POST", path)).unwrap();
    // The account of a demo.
    let (_, mut account) = example_body(&find("/auth/login").2, &schemas);
    account["username"] = json!("reader");
    server.anonymous().post("/auth/signup", &account).expect_status(201);
    for (path, status) in [("/auth/signup", 201), ("/auth/login", 200), ("/auth/token", 200)] {
        let (.., described) = find(path);
        let sent = send_example(&server.anonymous(), ("POST", path), &described, &schemas);
        assert_eq!(sent, status, "{path}");
    }
}

fn body_examples_are_accepted(server: &TestServer) {
    let clients = Clients::create(server);
    let document = document();
    let schemas = Schemas::of(&document);
    let mut operations = operations(&clients);
    operations.retain(|operation| operation.has_body() && !operation.path.contains("/auth/"));
    // Users are last: their examples rename and disable the clients.
    operations.sort_by(|one, next| one.template.cmp(&next.template));
    for operation in operations {
        let Operation { method, template, .. } = &operation;
        let client = match template.as_str() {
            // Ada has reviewed the book.
            "/books/{uid}/reviews" => &clients.bob,
            _ => operation.client(&clients),
        };
        let expected = match template.as_str() {
            // An earlier example has created a tag of that name, and the manager of the example
            // reports to this employee.
            "/tags" | "/tags/{uid}" | "/org/employees/{id}" => 409,
            _ => operation.success(),
        };
        let status =
            send_example(client, (method, &operation.path), &operation.described, &schemas);
        assert_eq!(status, expected, "{method} {template}");
    }
}

both_servers!(
    document_is_served,
    served_operations_match_the_document,
    responses_match_their_schemas,
    auth_examples_are_accepted,
    body_examples_are_accepted,
);
