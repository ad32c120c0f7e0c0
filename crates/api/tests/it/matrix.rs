//! Who may do what: every operation of the document by everybody, against one table.
//!
//! What a call uses up is made anew for each, so that it would succeed but for who calls.

use std::collections::BTreeSet;

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::Value;

use crate::support::json_schema::Schemas;
use crate::support::matrix::{Caller, Row, Scene, rows};
use crate::support::operations::{document, encode_body, example_body};

#[test]
fn every_operation_has_a_line() {
    let document = document();
    let described: BTreeSet<(String, String)> =
        operations(&document).map(|(method, template, _)| (method, template.to_owned())).collect();
    let listed: BTreeSet<(String, String)> =
        rows().iter().map(|row| (row.method.to_owned(), row.template.to_owned())).collect();
    let missing: Vec<_> = described.difference(&listed).collect();
    assert!(missing.is_empty(), "nobody has said who may: {missing:?}");
    let gone: Vec<_> = listed.difference(&described).collect();
    assert!(gone.is_empty(), "there is no such operation any more: {gone:?}");
    assert_eq!(rows().len(), listed.len(), "an operation is there twice");
}

/// Method, path below the base path and description.
fn operations(document: &Value) -> impl Iterator<Item = (String, &str, &Value)> {
    document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        let template = path.strip_prefix("/api/v1").unwrap();
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, described)| (method.to_uppercase(), template, described))
    })
}

/// Whether the same call would not do as well a second time.
fn is_used_up(method: &str, template: &str) -> bool {
    let once = ["/auth/", "/users/", "/tags"].iter().any(|room| template.starts_with(room));
    method == "DELETE" || method != "GET" && (once || template == "/books/{uid}/reviews")
}

/// The status that a caller gets; `example` is the body's media type and content.
fn status(
    scene: &Scene<'_>,
    row: &Row<'_>,
    example: Option<(String, Value)>,
    caller: Caller,
) -> u16 {
    let Row { method, template, statuses } = *row;
    // Where the owner may not, an administrator is meant to.
    let by_admin = statuses[Caller::Owner as usize] == 403;
    let client = scene.call(caller, by_admin);
    let path = scene.path(template);
    let answer = match example {
        None => client.send(method, &path, &[], None),
        Some((media_type, example)) => {
            let body = scene.body(method, template, caller).unwrap_or(example);
            let body = encode_body(&media_type, &body);
            client.send(method, &path, &[("content-type", &media_type)], Some(body.as_bytes()))
        }
    };
    scene.leave(caller, by_admin);
    answer.status
}

fn everybody_may_what_the_table_says(server: &TestServer) {
    let database = server.database().open();
    let document = document();
    let schemas = Schemas::of(&document);
    let mut wrong = Vec::new();
    // Reading changes nothing, so all of it is done in one place.
    let read = Scene::set(server, &database, "GET", "");
    for row in rows() {
        let Row { method, template, .. } = row;
        let described = operations(&document).find(|one| (&one.0[..], one.1) == (method, template));
        let Some((.., described)) = described else { continue };
        let body = described.get("requestBody").map(|_| example_body(described, &schemas));
        let set = || Scene::set(server, &database, method, template);
        let lasting = (method != "GET").then(set);
        let got = Caller::ALL.map(|caller| {
            let own = is_used_up(method, template).then(set);
            let scene = own.as_ref().or(lasting.as_ref()).unwrap_or(&read);
            status(scene, &row, body.clone(), caller)
        });
        if got != row.statuses {
            let got = got.map(|status| status.to_string()).join(" ");
            wrong.push(format!("{method} {template} {got}"));
        }
    }
    assert!(wrong.is_empty(), "it is otherwise:\n{}", wrong.join("\n"));
}

both_servers!(everybody_may_what_the_table_says);
