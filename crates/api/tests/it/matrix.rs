//! The authorization matrix: every operation, sent by every caller.
//!
//! Every request is valid, so only the caller decides the status. Each caller gets new entities if
//! the request changes or deletes them.

use std::collections::BTreeSet;

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::Value;

use crate::support::json_schema::Schemas;
use crate::support::matrix::{Caller, MatrixFixture, Row, rows};
use crate::support::operations::{described, document, encode_body, example_body};

#[test]
fn every_operation_is_in_the_matrix() {
    let document = document();
    let operations: BTreeSet<(String, &str)> =
        described(&document).map(|(method, template, _)| (method, template)).collect();
    let listed: BTreeSet<(String, &str)> =
        rows().iter().map(|row| (row.method.to_owned(), row.template)).collect();
    assert_eq!(operations, listed);
    assert_eq!(rows().len(), listed.len(), "an operation has two lines");
}

/// Sends a request and returns the status; `example` is the media type and content of its body.
fn status(
    fixture: &MatrixFixture<'_>,
    row: &Row,
    example: Option<&(String, Value)>,
    caller: Caller,
) -> u16 {
    let path = fixture.path(row.template);
    let body = example.map(|(media_type, example)| {
        let body = fixture.body(row, caller).unwrap_or_else(|| example.clone());
        (media_type.as_str(), encode_body(media_type, &body))
    });
    fixture.send_as(caller, row, |client| {
        let response = match &body {
            None => client.send(row.method, &path, &[], None),
            Some((media_type, body)) => {
                let headers = [("content-type", *media_type)];
                client.send(row.method, &path, &headers, Some(body.as_bytes()))
            }
        };
        response.status
    })
}

fn responses_match_the_matrix(server: &TestServer) {
    let database = server.database().open();
    let document = document();
    let schemas = Schemas::of(&document);
    let create = || MatrixFixture::create(server, &database);
    let mut wrong = Vec::new();
    // Reads change nothing, so they share one fixture.
    let for_reads = create();
    for row in rows() {
        let (method, template) = (row.method, row.template);
        let (.., described) =
            described(&document).find(|one| (&*one.0, one.1) == (method, template)).unwrap();
        let example = described.get("requestBody").map(|_| example_body(&described, &schemas));
        let shared = (method != "GET").then(create);
        let statuses = Caller::ALL.map(|caller| {
            let own = row.is_consuming().then(create);
            let fixture = own.as_ref().or(shared.as_ref()).unwrap_or(&for_reads);
            status(fixture, &row, example.as_ref(), caller)
        });
        if statuses != row.statuses {
            let statuses = statuses.map(|status| status.to_string()).join(" ");
            wrong.push(format!("{method} {template} {statuses}"));
        }
    }
    assert!(wrong.is_empty(), "these lines are different:\n{}", wrong.join("\n"));
}

both_servers!(responses_match_the_matrix);
