//! Whatever is sent, the answer is the contract's and no worker panics.

use std::io::Write as _;
use std::net::TcpStream;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use recto_testkit::both_servers;
use recto_testkit::server::{Client, TestServer};
use serde_json::{Value, json};

use crate::bodies::takers;
use crate::support::accounts::Clients;
use crate::support::assertions::{assert_healthy, assert_problem};

fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
}

fn send(to: &(&str, String, &Client<'_>), body: &[u8]) {
    let (method, path, client) = to;
    let answer = client.send(method, path, &[("content-type", "application/json")], Some(body));
    assert!(answer.status < 500, "{method} {path}: {answer:?}");
    if answer.status >= 400 {
        assert_problem(&answer);
    }
}

fn bytes_of_any_kind_are_answered(server: &TestServer) {
    let clients = Clients::create(server);
    let takers = takers(&clients);
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        "[{}\\[\\]\",:0-9a-z \\\\]{0,80}".prop_map(String::into_bytes),
    ];
    runner(300)
        .run(&(0..takers.len(), bytes), |(to, body)| {
            send(&takers[to], &body);
            Ok(())
        })
        .unwrap();
    assert_healthy(server);
}

/// Values of any kind, those among them that nearly fit.
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
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map("[a-z/~]{0,5}", inner, 0..4)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn members_of_any_kind_are_answered(server: &TestServer) {
    let clients = Clients::create(server);
    let takers = takers(&clients);
    let names = [
        "title",
        "author",
        "publisher",
        "published_date",
        "page_count",
        "language",
        "isbn",
        "rating",
        "review_text",
        "tags",
        "name",
        "username",
        "first_name",
        "email",
        "role",
        "content",
        "text",
        "company_id",
        "department_id",
        "manager_id",
        "nonsense",
    ];
    let body =
        proptest::collection::hash_map(proptest::sample::select(names.to_vec()), values(), 0..5);
    runner(400)
        .run(&(0..takers.len(), body), |(to, body)| {
            send(&takers[to], json!(body).to_string().as_bytes());
            Ok(())
        })
        .unwrap();
    assert_healthy(server);
}

fn paths_and_queries_of_any_kind_are_answered(server: &TestServer) {
    let clients = Clients::create(server);
    crate::support::fixtures::create_varied_books(&clients);
    crate::support::samples::Rooms::filled(&clients.ada);
    let rooms = [
        "books",
        "tags",
        "users",
        "reviews",
        "blog/posts",
        "school/students",
        "org/companies",
        "org/employees",
    ];
    let part = "[a-zA-Z0-9._~!$'()*,;:@%/-]{0,20}";
    let query = prop_oneof![
        "[a-z=&%+0-9(),:.-]{0,60}".boxed(),
        "(include|count|sort|cursor|limit|author|tag|isbn|language|published_from)=[a-z%+0-9(),:._-]{0,30}".boxed(),
        "include=(manager|reports|company|departments|employees|courses|comments)(\\.(manager|reports|employees|students|post)){0,3}(\\((limit:[0-9]{1,3})?,?(sort:-?[a-z]{1,6})?\\))?".boxed(),
        "include=(user|reviews|tags|books)(\\.(user|reviews|tags|books|book)){0,3}(\\((limit:[0-9]{1,3})?,?(sort:-?[a-z]{1,6})?\\))?(,tags)?".boxed(),
    ];
    runner(400)
        .run(&(proptest::sample::select(rooms.to_vec()), part, query), |(room, part, query)| {
            for path in [format!("/{room}?{query}"), format!("/{room}/{part}?{query}")] {
                let answer = clients.admin.get(&path);
                prop_assert!(answer.status < 500, "{}: {:?}", path, answer);
                if answer.status >= 400 {
                    assert_problem(&answer);
                }
            }
            Ok(())
        })
        .unwrap();
    assert_healthy(server);
}

fn a_client_that_hangs_up_harms_nobody(server: &TestServer) {
    let clients = Clients::create(server);
    let token = clients.ada.token.as_deref().unwrap();
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
    let tags = server.get("/tags").json["items"].as_array().unwrap().len();
    assert!(tags <= 1, "{tags}");
}

both_servers!(
    a_client_that_hangs_up_harms_nobody,
    bytes_of_any_kind_are_answered,
    members_of_any_kind_are_answered,
    paths_and_queries_of_any_kind_are_answered,
);
