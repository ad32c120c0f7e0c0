//! Requests whose responses are lost or late.

use std::time::{Duration, Instant};

use recto_client::{Error, Method};
use recto_domain::{Book, BookId, Tag};
use serde_json::Value;

use crate::support::fake_server::{FakeServer, response};
use crate::support::fixtures::{new_tag, run, status};

const EMPTY: &str = r#"{"items": []}"#;

fn tag(name: &str) -> String {
    let uid = "0198c5a2-1f60-7de9-84c7-0ab35e9f62d1";
    let at = "2026-01-01T00:00:00Z";
    format!(r#"{{"uid": "{uid}", "name": "{name}", "created_at": "{at}", "updated_at": "{at}"}}"#)
}

fn key() -> BookId {
    "0198c5a1-02d4-7f10-8a6e-51c0d93b7e22".parse().unwrap()
}

/// Returns a server that sends these responses in turn, and the last of them from then on.
fn in_turn(responses: Vec<Option<String>>) -> FakeServer {
    FakeServer::start(move |index, _| responses[index.min(responses.len() - 1)].clone())
}

#[test]
fn retry_repeats_the_idempotency_key() {
    let server = FakeServer::start(|index, request| {
        assert_eq!(request.line, "POST /api/v1/tags");
        assert_eq!(request.body, r#"{"name":"engines"}"#);
        (index > 0).then(|| response(201, &[], &tag("engines")))
    });
    run(async {
        let client = server.client();
        let created = client.create::<Tag>(&new_tag("engines")).await.unwrap();
        assert_eq!(created.name.as_str(), "engines");
        client.create::<Tag>(&new_tag("engines")).await.unwrap();
    });
    let keys = server.header("idempotency-key");
    assert_eq!(keys.len(), 3);
    assert_eq!(keys[0].len(), 36);
    assert_eq!(keys[0], keys[1], "the same request");
    assert_ne!(keys[1], keys[2], "another request");
}

#[test]
fn truncated_response_is_read_again() {
    let broken = response(200, &[], EMPTY).replace("Content-Length: 13", "Content-Length: 99");
    let server = in_turn(vec![Some(broken), Some(response(200, &[], EMPTY))]);
    run(async { server.client().list::<Book>().await.unwrap() });
    assert_eq!(server.received().len(), 2);
    assert_eq!(server.header("idempotency-key"), ["-", "-"]);
    assert_eq!(server.header("accept"), ["application/json"; 2]);
    let agent = concat!("recto-client/", env!("CARGO_PKG_VERSION"));
    assert_eq!(server.header("user-agent"), [agent, agent]);
}

#[test]
fn client_waits_as_long_as_asked() {
    for status in [503, 429] {
        let server = in_turn(vec![
            Some(response(status, &["Retry-After: 1"], "")),
            Some(response(200, &[], EMPTY)),
        ]);
        let started = Instant::now();
        run(async { server.client().list::<Book>().await.unwrap() });
        assert!(started.elapsed() >= Duration::from_secs(1));
        assert_eq!(server.received().len(), 2);
    }
}

#[test]
fn number_of_retries_is_bounded() {
    let server = in_turn(vec![Some(response(502, &[], ""))]);
    let client = server.builder().retries(2).build().unwrap();
    assert_eq!(run(async { status(client.list::<Book>().await) }), 502);
    assert_eq!(server.received().len(), 3);
}

#[test]
fn wait_beyond_timeout_is_not_begun() {
    let later = r#"{"type": "/problems/too-many-requests", "title": "Too many requests"}"#;
    let server = in_turn(vec![Some(response(429, &["Retry-After: 3600"], later))]);
    let started = Instant::now();
    let error =
        run(async { server.client().create::<Tag>(&new_tag("engines")).await.unwrap_err() });
    assert!(started.elapsed() < Duration::from_secs(10));
    let problem = error.problem().unwrap();
    assert_eq!(problem.slug(), "too-many-requests");
    assert_eq!(problem.retry_after, Some(Duration::from_hours(1)));
    assert_eq!(server.received().len(), 1);
}

#[test]
fn call_has_a_timeout() {
    let server = FakeServer::start(|_, _| {
        std::thread::sleep(Duration::from_secs(5));
        None
    });
    let client = server.builder().timeout(Duration::from_millis(200)).build().unwrap();
    let started = Instant::now();
    let error = run(async { client.list::<Book>().await.unwrap_err() });
    assert!(matches!(error, Error::TimedOut), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[test]
fn requests_below_auth_are_sent_once() {
    let server = FakeServer::start(|_, _| None);
    run(async {
        let client = server.client();
        let failed = |error| matches!(error, Error::Connection(_));
        assert!(failed(client.sign_in("ada@example.org", "secret").await.unwrap_err()));
        assert!(failed(client.change_password("secret", "another secret").await.unwrap_err()));
        assert!(failed(client.sign_up("ada", "ada@example.org", "secret").await.unwrap_err()));
    });
    let lines: Vec<_> = server.received().into_iter().map(|request| request.line).collect();
    let expected =
        ["POST /api/v1/auth/login", "PUT /api/v1/auth/password", "POST /api/v1/auth/signup"];
    assert_eq!(lines, expected);
    assert_eq!(server.header("idempotency-key"), ["-"; 3]);
}

#[test]
fn refused_request_is_sent_once() {
    for status_sent in [400, 403, 409, 422, 500] {
        let server = in_turn(vec![Some(response(status_sent, &[], ""))]);
        let sent = run(async { status(server.client().create::<Tag>(&new_tag("x")).await) });
        assert_eq!((sent, server.received().len()), (status_sent, 1));
    }
}

#[test]
fn request_in_progress_is_waited_for() {
    let in_progress =
        r#"{"type": "/problems/request-in-progress", "title": "Request in progress"}"#;
    let server = in_turn(vec![
        Some(response(409, &["Retry-After: 0"], in_progress)),
        Some(response(201, &[], &tag("engines"))),
    ]);
    run(async { server.client().create::<Tag>(&new_tag("engines")).await.unwrap() });
    let keys = server.header("idempotency-key");
    assert!(keys.len() == 2 && keys[0] == keys[1], "{keys:?}");
}

#[test]
fn missing_after_retry_counts_as_deleted() {
    let missing = || Some(response(404, &[], ""));
    for (first, is_deleted) in [
        (None, true),
        (Some(response(503, &["Retry-After: 0"], "")), true),
        (Some(response(429, &["Retry-After: 0"], "")), false),
    ] {
        let server = in_turn(vec![first, missing()]);
        let deleted = run(async { server.client().delete_unconditionally::<Book>(key()).await });
        assert_eq!(server.received().len(), 2);
        match deleted {
            Ok(()) => assert!(is_deleted),
            Err(error) => assert!(!is_deleted && error.is_not_found(), "{error:?}"),
        }
    }
    let server = in_turn(vec![missing()]);
    let error = run(async { server.client().delete_unconditionally::<Book>(key()).await });
    assert!(error.unwrap_err().is_not_found());
    // It is an error for all other methods.
    let server = in_turn(vec![None, missing()]);
    assert_eq!(run(async { status(server.client().get::<Book>(key()).await) }), 404);
}

#[test]
fn other_operations_are_repeated_alike() {
    let server = in_turn(vec![None, Some(response(204, &[], ""))]);
    run(async {
        server.client().call::<()>(Method::PATCH, "/books/x", Some(&Value::Null)).await.unwrap();
    });
    let keys = server.header("idempotency-key");
    assert!(keys.len() == 2 && keys[0] == keys[1] && keys[0] != "-", "{keys:?}");
}
