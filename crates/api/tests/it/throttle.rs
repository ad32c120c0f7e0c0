//! Throttling as clients see it; what is counted is tested beside the code. The database has no
//! part in it, so one of them is enough.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use recto_identity::throttle::{Limit, Limits};
use recto_testkit::database::{Engine, fresh};
use recto_testkit::server::{Answer, PASSWORD, TestServer};
use serde_json::json;

use crate::support::assertions::Expect as _;

/// Two of each at once, and then none for an hour.
fn throttled() -> TestServer {
    let database = fresh(Engine::Sqlite).unwrap();
    let limit = Some(Limit::new(NonZeroU32::new(2).unwrap(), Duration::from_hours(1)));
    let limits =
        Limits { sign_in: limit, sign_in_place: None, sign_up: limit, mail: limit, mailbox: limit };
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
    first.expect_problem("wrong-credentials");
    assert_eq!(first.header("ratelimit-policy"), Some("\"sign-in\";q=2;w=7200"));
    assert_eq!(first.header("ratelimit"), Some("\"sign-in\";r=1;t=3600"));
    // A good one costs nothing.
    let good = sign_in(&server, "192.0.2.1", PASSWORD);
    assert_eq!((good.status, good.header("ratelimit")), (200, Some("\"sign-in\";r=1;t=3600")));
    sign_in(&server, "192.0.2.1", "not the password").expect_problem("wrong-credentials");
    assert_eq!(server.hashes_done() - hashes, 3);
    // Not even the right password helps now, and nothing is hashed any more.
    let refused = sign_in(&server, "198.51.100.1, 192.0.2.1", PASSWORD);
    refused.expect_problem("too-many-requests");
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
    sign_up("").expect_problem("invalid-body");
    sign_up("ada").expect_problem("username-taken");
    let refused = sign_up("bob");
    refused.expect_problem("too-many-requests");
    assert_eq!(refused.header("ratelimit-policy"), Some("\"sign-up\";q=2;w=7200"));
    // Nothing else is throttled, nor headed so.
    let page = server.get("/books");
    assert_eq!((page.status, page.header("ratelimit")), (200, None));
}

#[test]
fn mails_are_throttled_by_place_whether_or_not_any_is_sent() {
    let server = throttled();
    server.sign_up("ada");
    let ask = |what: &str, from: &str, email: &str| {
        let headers = [("content-type", "application/json"), ("x-forwarded-for", from)];
        let body = json!({ "email": email }).to_string();
        let path = format!("/auth/{what}");
        server.anonymous().send("POST", &path, &headers, Some(body.as_bytes()))
    };
    for (from, email) in [("192.0.2.1", "ada@example.org"), ("192.0.2.2", "eve@example.org")] {
        assert_eq!(ask("password-reset-request", from, email).status, 202);
        let second = ask("verify-request", from, email);
        assert_eq!((second.status, second.header("ratelimit")), (202, Some("\"mail\";r=0;t=7200")));
        let refused = ask("password-reset-request", from, email);
        refused.expect_problem("too-many-requests");
        assert!(refused.header("retry-after").is_some());
        assert_eq!(refused.header("ratelimit-policy"), Some("\"mail\";q=2;w=7200"));
    }
    // What has been used up there leaves signing in as it was.
    assert_eq!(sign_in(&server, "192.0.2.1", PASSWORD).status, 200);
}

/// More at once than are hashed, or may wait for it; nobody is throttled here.
#[test]
fn a_flood_of_sign_ins_keeps_nobody_from_anything_else() {
    const FLOOD: usize = 160;
    let server = TestServer::start(Engine::Sqlite).unwrap();
    let ada = server.sign_up("ada");
    let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let flood: Vec<_> = (0..FLOOD)
            .map(|number| {
                let (server, begun, ended) = (&server, &begun, &ended);
                scope.spawn(move || {
                    let body = json!({"email": format!("{number}@example.org"), "password": "?"});
                    begun.fetch_add(1, Ordering::SeqCst);
                    let answer = server.anonymous().post("/auth/login", &body);
                    ended.fetch_add(1, Ordering::SeqCst);
                    answer
                })
            })
            .collect();
        while begun.load(Ordering::SeqCst) < FLOOD {
            std::thread::yield_now();
        }
        server.get("/books").expect_status(200);
        ada.get("/auth/me").expect_status(200);
        ada.post("/tags", &json!({"name": "meanwhile"})).expect_status(201);
        assert!(ended.load(Ordering::SeqCst) < FLOOD, "all of that while they wait");
        for answer in flood.into_iter().map(|one| one.join().unwrap()) {
            if answer.status == 401 {
                answer.expect_problem("wrong-credentials");
            } else {
                answer.expect_problem("overloaded");
                assert!(answer.header("retry-after").is_some());
            }
        }
    });
}

#[test]
fn nobody_but_a_proxy_is_believed() {
    let limit = Some(Limit::new(NonZeroU32::new(2).unwrap(), Duration::from_hours(1)));
    let limits = Limits { sign_in: limit, ..Limits::none() };
    let settings = recto_api::Settings { limits, ..TestServer::settings() };
    let server = TestServer::with(fresh(Engine::Sqlite).unwrap(), settings);
    server.sign_up("ada");
    for from in ["192.0.2.1", "192.0.2.2"] {
        sign_in(&server, from, "not the password").expect_problem("wrong-credentials");
    }
    sign_in(&server, "192.0.2.3", PASSWORD).expect_problem("too-many-requests");
}

#[test]
fn guessing_is_throttled_wherever_a_password_is_asked_for() {
    let server = throttled();
    let ada = server.sign_up("ada");
    let change = json!({"current_password": "not it", "new_password": "quite another password"});
    let leaving = json!({"password": "not it", "reviews": "keep"});
    ada.put("/auth/password", &change).expect_problem("wrong-password");
    ada.send_json("DELETE", "/auth/me", &leaving).expect_problem("wrong-password");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = "grant_type=password&username=ada%40example.org&password=not+it";
    let answer = server.anonymous().send("POST", "/auth/token", &form, Some(body.as_bytes()));
    answer.expect_problem("too-many-requests");
    ada.put("/auth/password", &change).expect_problem("too-many-requests");
    // Nothing that takes no password is held up, not even there.
    for _ in 0..20 {
        let (me, books) = (ada.get("/auth/me"), server.get("/books"));
        assert_eq!((me.status, me.header("ratelimit")), (200, None));
        assert_eq!((books.status, books.header("ratelimit")), (200, None));
        assert_eq!(ada.post("/tags", &json!({"name": ""})).status, 422);
    }
}

#[test]
fn a_place_may_fail_only_so_often_altogether() {
    let limit = Some(Limit::new(NonZeroU32::new(3).unwrap(), Duration::from_hours(1)));
    let limits = Limits { sign_in_place: limit, ..Limits::none() };
    let settings = recto_api::Settings { limits, ..TestServer::settings() };
    let server = TestServer::with(fresh(Engine::Sqlite).unwrap(), settings);
    let login = |name: &str| {
        let body = json!({"email": format!("{name}@example.org"), "password": "not it"});
        server.anonymous().post("/auth/login", &body)
    };
    for name in ["ada", "bob", "cleo"] {
        login(name).expect_problem("wrong-credentials");
    }
    login("dora").expect_problem("too-many-requests");
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
    assert_eq!(answer.expect_problem("invalid-grant")["error"], "unsupported_grant_type");
}
