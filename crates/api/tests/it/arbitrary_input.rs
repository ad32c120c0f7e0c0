//! Property tests: whatever a client sends, the response is documented and no thread panics.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::TcpStream;

use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
use proptest::test_runner::{Config, TestRunner};
use recto_domain::MODULES;
use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::{Value, json};

use crate::support::accounts::Clients;
use crate::support::assertions::{array, assert_healthy, assert_problem};
use crate::support::fixtures::create_varied_books;
use crate::support::json_schema::Schemas;
use crate::support::operations::{Operation, document, operations};
use crate::support::samples::{collection_path, entity_types};

fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
}

/// Sends a body and asserts that the response is no failure of the server.
fn send(operation: &Operation, clients: &Clients<'_>, body: &[u8]) {
    let response = operation.send(clients, body);
    assert!(response.status < 500, "{} {}: {response:?}", operation.method, operation.path);
    if response.status >= 400 {
        assert_problem(&response);
    }
}

fn arbitrary_bytes_are_handled(server: &TestServer) {
    let clients = Clients::create(server);
    let mut operations = operations(&clients);
    operations.retain(Operation::has_json_body);
    let bytes = prop_oneof![
        vec(any::<u8>(), 0..200),
        "[{}\\[\\]\",:0-9a-z \\\\]{0,80}".prop_map(String::into_bytes),
    ];
    runner(400)
        .run(&(0..operations.len(), bytes), |(index, body)| {
            send(&operations[index], &clients, &body);
            Ok(())
        })
        .unwrap();
    assert_healthy(server);
}

/// Generates JSON values, among them many that are nearly valid.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-2..8_i64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z@.]{1,12}".prop_map(Value::from),
        "-?[0-9]{4}(-[0-9]{2}){0,2}".prop_map(Value::from),
        "[0-9]{9}[0-9X]".prop_map(Value::from),
        Just(json!("user")),
        Just(json!([{"name": "a"}, {"name": "\u{0}"}])),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            hash_map("[a-z/~]{0,5}", inner, 0..4).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

/// Returns the names of the fields of a body, and one that it does not have.
fn field_names_of(operation: &Operation, schemas: &Schemas<'_>) -> Vec<String> {
    let body = &operation.described["requestBody"]["content"]["application/json"];
    let properties = schemas.resolve(&body["schema"])["properties"].as_object();
    let names = properties.expect("the body is an object").keys().cloned();
    names.chain(["nonsense".to_owned()]).collect()
}

fn arbitrary_fields_are_handled(server: &TestServer) {
    let clients = Clients::create(server);
    let mut operations = operations(&clients);
    operations.retain(Operation::has_json_body);
    let document = document();
    let schemas = Schemas::of(&document);
    let names: Vec<_> = operations.iter().map(|one| field_names_of(one, &schemas)).collect();
    let body = (0..operations.len()).prop_flat_map(|index| {
        (Just(index), hash_map(select(names[index].clone()), values(), 0..5))
    });
    runner(600)
        .run(&body, |(index, body)| {
            send(&operations[index], &clients, json!(body).to_string().as_bytes());
            Ok(())
        })
        .unwrap();
    assert_healthy(server);
}

/// Generates queries: any text, each parameter of the document, and includes of each module.
fn queries(operations: &[Operation]) -> impl Strategy<Value = String> + use<> {
    let in_query: BTreeSet<_> = operations.iter().flat_map(Operation::query_parameters).collect();
    let names = Vec::from_iter(in_query).join("|");
    let mut regexes =
        vec!["[a-z=&%+0-9(),:.-]{0,60}".to_owned(), format!("({names})=[a-z%+0-9(),:._-]{{0,30}}")];
    for module in MODULES {
        let relations: Vec<_> = module.relations.iter().map(|relation| relation.name).collect();
        let names = relations.join("|");
        let options = "\\((limit:[0-9]{1,3})?,?(sort:-?[a-z]{1,6})?\\)";
        regexes.push(format!("include=({names})(\\.({names})){{0,3}}({options})?(,({names}))?"));
    }
    let strategy = |regex: &String| proptest::string::string_regex(regex).unwrap().boxed();
    Union::new(regexes.iter().map(strategy).collect::<Vec<_>>())
}

fn arbitrary_paths_and_queries_are_handled(server: &TestServer) {
    let clients = Clients::create(server);
    create_varied_books(&clients.ada, &clients.bob);
    let operations = operations(&clients);
    let collections: Vec<_> = entity_types().map(|entity| collection_path(entity.name)).collect();
    let part = "[a-zA-Z0-9._~!$'()*,;:@%/-]{0,20}";
    runner(600)
        .run(&(select(collections), part, queries(&operations)), |(collection, part, query)| {
            for path in [format!("{collection}?{query}"), format!("{collection}/{part}?{query}")] {
                let response = clients.admin.get(&path);
                prop_assert!(response.status < 500, "{}: {:?}", path, response);
                if response.status >= 400 {
                    assert_problem(&response);
                }
            }
            Ok(())
        })
        .unwrap();
    assert_healthy(server);
}

fn disconnecting_client_harms_no_other(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let token = ada.token.as_deref().unwrap();
    let requests = [
        "GET /api/v1/books?include=reviews".to_owned(),
        "GET /api/v1/books HTTP/1.1\r\nhost: x\r\n\r\n".repeat(20),
        format!(
            "POST /api/v1/books HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: 1000\r\n\r\n{{\"title\":"
        ),
        format!(
            "POST /api/v1/tags HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: 17\r\n\r\n{{\"name\":\"Desert\"}}"
        ),
    ];
    for request in requests.iter().cycle().take(40) {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
    }
    assert_healthy(server);
    let tags = array(&server.get("/tags").json, "items").len();
    assert!(tags <= 1, "{tags}");
}

both_servers!(
    arbitrary_bytes_are_handled,
    arbitrary_fields_are_handled,
    arbitrary_paths_and_queries_are_handled,
    disconnecting_client_harms_no_other,
);
