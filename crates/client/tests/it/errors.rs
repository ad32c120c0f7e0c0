//! Problems of the server, and settings that are not valid.

use std::io::Read as _;
use std::net::TcpListener;

use recto_client::{Client, Error, Method, StatusCode, reqwest};
use recto_domain::{Book, Input as _, Tag, TagNames};
use recto_testkit::{both_servers, server::TestServer};
use serde_json::{Value, json};

use crate::support::fake_server::{FakeServer, response};
use crate::support::fixtures::{new_tag, run, signed_in, status};

fn problem_has_its_fields(server: &TestServer) {
    run(async {
        let ada = signed_in(server, "ada").await;
        let body = json!({"title": "Sketch", "author": "Ada", "page_count": 0, "stars": 5});
        let error = ada.call::<Value>(Method::POST, "/books", Some(&body)).await.unwrap_err();
        let problem = error.problem().unwrap();
        assert_eq!(
            (problem.status, problem.slug()),
            (StatusCode::UNPROCESSABLE_ENTITY, "invalid-body")
        );
        let rules: Vec<_> = problem
            .errors
            .iter()
            .map(|rule| (rule.pointer.as_deref(), rule.code.as_str()))
            .collect();
        assert_eq!(rules, [(Some("/page_count"), "range"), (Some("/stars"), "unknown")]);
        assert!(problem.request_id.is_some());
        assert_eq!(
            error.to_string(),
            "422 Invalid body: the body breaks 2 rules; /page_count must be a whole number from 1 to 1000000; \
             /stars is not a known field; known are: author, contributors, isbn, language, page_count, \
             published_date, publisher, tags, title"
        );

        let error = ada.list::<Book>().filter("colour", "red").await.unwrap_err();
        let rule = &error.problem().unwrap().errors[0];
        assert_eq!((rule.parameter.as_deref(), rule.code.as_str()), (Some("colour"), "unknown"));
    });
}

fn conflict_names_the_existing_item(server: &TestServer) {
    run(async {
        let ada = signed_in(server, "ada").await;
        let tag = ada.create::<Tag>(&new_tag("engines")).await.unwrap();
        let error = ada.create::<Tag>(&new_tag("ENGINES")).await.unwrap_err();
        let problem = error.problem().unwrap();
        assert_eq!(problem.slug(), "tag-exists");
        assert_eq!(problem.existing.as_deref(), Some(&*format!("/api/v1/tags/{}", tag.uid)));
    });
}

fn anonymous_write_is_refused(server: &TestServer) {
    run(async {
        let names = TagNames::parse(&json!({"tags": []})).unwrap();
        let book = "0198c5a1-02d4-7f10-8a6e-51c0d93b7e22".parse().unwrap();
        assert_eq!(status(server.client().add_tags(book, &names).await), 401);
    });
}

both_servers!(problem_has_its_fields, conflict_names_the_existing_item, anonymous_write_is_refused);

#[test]
fn proxy_error_has_no_problem_type() {
    let server = FakeServer::start(|_, _| Some(response(413, &[], "<h1>Too large</h1>")));
    let error = run(async { server.client().list::<Book>().await.unwrap_err() });
    let problem = error.problem().unwrap();
    assert_eq!(problem.type_uri, "about:blank");
    assert_eq!(error.to_string(), "413 Payload Too Large");
}

#[test]
fn unexpected_body_is_an_error() {
    let server = FakeServer::start(|_, _| Some(response(200, &[], r#"{"items": [{"uid": 7}]}"#)));
    let error = run(async { server.client().list::<Book>().await.unwrap_err() });
    assert!(matches!(error, Error::Json(_)), "{error:?}");
}

#[test]
fn redirect_is_not_followed() {
    let server = FakeServer::start(|_, _| Some(response(302, &["Location: /elsewhere"], "")));
    let client = server.builder().token("secret").build().unwrap();
    assert_eq!(run(async { status(client.list::<Book>().await) }), 302);
    assert_eq!(server.received().len(), 1);
}

#[test]
fn settings_are_checked() {
    for base in ["", "books.example", "ftp://books.example", "http://books.example?x=1"] {
        assert!(matches!(Client::new(base), Err(Error::Settings(_))), "{base}");
    }
    let client = Client::builder("http://books.example/recto/").token("canary").build().unwrap();
    assert_eq!(format!("{client:?}"), r#"Client { base: "http://books.example/recto", .. }"#);
    let builder = Client::builder("http://books.example").token("canary\n");
    assert!(!format!("{builder:?}").contains("canary"));
    let error = builder.build().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"));
}

#[test]
fn https_begins_with_a_handshake() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("https://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let mut first = [0];
        listener.accept().unwrap().0.read_exact(&mut first).unwrap();
        first[0]
    });
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]);
    let client = Client::builder(base).http(http).retries(0).build().unwrap();
    let error = run(async { client.list::<Book>().await.unwrap_err() });
    assert!(matches!(error, Error::Connection(_)), "{error:?}");
    // The type of a TLS record.
    assert_eq!(server.join().unwrap(), 22);
}
