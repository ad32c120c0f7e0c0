//! Throttling as clients see it; what is counted is tested beside the code. The database has no
//! part in it, so one of them is enough.

use std::num::NonZeroU32;
use std::time::Duration;

use recto_api::throttle::{Limit, Limits};
use recto_testkit::database::{Engine, fresh};
use recto_testkit::server::{Answer, PASSWORD, TestServer};
use serde_json::json;

use crate::answers::Told as _;

/// Two of each at once, and then none for an hour.
fn throttled() -> TestServer {
    let database = fresh(Engine::Sqlite).unwrap();
    let limit = Some(Limit::new(NonZeroU32::new(2).unwrap(), Duration::from_hours(1)));
    let limits = Limits { sign_in: limit, sign_in_place: None, sign_up: limit, mail: limit };
    let trusted_proxies = "127.0.0.1".parse().unwrap();
    TestServer::with(
        database,
        recto_api::Settings { limits, trusted_proxies, ..TestServer::settings() },
    )
}

/// Signs in by way of a proxy.
fn sign_in(server: &TestServer, from: &str, password: &str) -> Answer {
    let headers = [("content-type", "application/json"), ("x-forwarded-for", from)];
    let body = json!({"email": "ada@example.org", "password": password}).to_string();
    server.anonymous().send("POST", "/auth/login", &headers, Some(body.as_bytes()))
}

#[test]
fn failed_sign_ins_are_throttled_by_place_and_account() {
    let server = throttled();
    server.sign_up("ada");
    let hashes = server.hashes_done();
    let first = sign_in(&server, "192.0.2.1", "not the password");
    first.refused("wrong-credentials");
    assert_eq!(first.header("ratelimit-policy"), Some("\"sign-in\";q=2;w=7200"));
    assert_eq!(first.header("ratelimit"), Some("\"sign-in\";r=1;t=3600"));
    // A good one costs nothing.
    let good = sign_in(&server, "192.0.2.1", PASSWORD);
    assert_eq!((good.status, good.header("ratelimit")), (200, Some("\"sign-in\";r=1;t=3600")));
    sign_in(&server, "192.0.2.1", "not the password").refused("wrong-credentials");
    assert_eq!(server.hashes_done() - hashes, 3);
    // Not even the right password helps now, and nothing is hashed any more.
    let refused = sign_in(&server, "198.51.100.1, 192.0.2.1", PASSWORD);
    refused.refused("too-many-requests");
    let seconds: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((3590..=3600).contains(&seconds), "{seconds}");
    assert!(refused.header("ratelimit").unwrap().starts_with("\"sign-in\";r=0;t=3"));
    assert_eq!(server.hashes_done() - hashes, 3);
    // The owner is elsewhere.
    assert_eq!(sign_in(&server, "192.0.2.2", PASSWORD).status, 200);
}

#[test]
fn sign_ups_are_throttled_by_place() {
    let server = throttled();
    let sign_up = |name: &str| {
        let email = format!("{name}@example.org");
        let body = json!({"username": name, "email": email, "password": PASSWORD});
        server.anonymous().post("/auth/signup", &body)
    };
    assert_eq!(sign_up("ada").status, 201);
    // What breaks a rule is told so, and costs nothing.
    sign_up("").refused("invalid-body");
    sign_up("ada").refused("username-taken");
    let refused = sign_up("bob");
    refused.refused("too-many-requests");
    assert_eq!(refused.header("ratelimit-policy"), Some("\"sign-up\";q=2;w=7200"));
    // Nothing else is throttled, nor headed so.
    let page = server.get("/books");
    assert_eq!((page.status, page.header("ratelimit")), (200, None));
}

#[test]
fn the_password_grant_can_be_turned_off() {
    let settings = recto_api::Settings { password_grant: false, ..TestServer::settings() };
    let server = TestServer::with(fresh(Engine::Sqlite).unwrap(), settings);
    server.sign_up("ada");
    let password = PASSWORD.replace(' ', "+");
    let body = format!("grant_type=password&username=ada%40example.org&password={password}");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = server.anonymous().send("POST", "/auth/token", &form, Some(body.as_bytes()));
    assert_eq!(answer.refused("invalid-grant")["error"], "unsupported_grant_type");
}
