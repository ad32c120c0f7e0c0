//! Rate limits and their responses; the counting is tested in `recto-identity`.

use std::sync::atomic::{AtomicUsize, Ordering};

use recto_api::Settings;
use recto_identity::throttle::Limits;
use recto_testkit::database::Engine;
use recto_testkit::server::{PASSWORD, Response, TestServer};
use serde_json::json;

use crate::support::accounts::{OTHER_PASSWORD, request_token};
use crate::support::assertions::{Expect as _, text};
use crate::support::limits::{hourly, server_with, server_with_limits};

/// Starts a server that permits two requests of each kind and trusts the test as a proxy.
fn limited_server() -> TestServer {
    let limit = Some(hourly(2));
    let limits = Limits {
        sign_in: limit,
        sign_up: limit,
        mail: limit,
        mailbox: limit,
        export: limit,
        ..Limits::none()
    };
    let trusted_proxies = "127.0.0.1".parse().unwrap();
    server_with(Settings { limits, trusted_proxies, ..TestServer::settings() })
}

/// Signs in from an address, as a proxy reports it.
fn sign_in(server: &TestServer, from: &str, password: &str) -> Response {
    let headers = [("content-type", "application/json"), ("x-forwarded-for", from)];
    let body = json!({"email": "ada@example.org", "password": password}).to_string();
    server.anonymous().send("POST", "/auth/login", &headers, Some(body.as_bytes()))
}

#[test]
fn failed_logins_limit_address_and_account() {
    let server = limited_server();
    server.sign_up("ada");
    let hashes = server.hashes_done();
    let first = sign_in(&server, "192.0.2.1", "not the password");
    first.expect_problem("wrong-credentials");
    assert_eq!(first.header("ratelimit-policy"), Some("\"sign-in\";q=2;w=7200"));
    assert_eq!(first.header("ratelimit"), Some("\"sign-in\";r=1;t=3600"));
    // A successful login does not count.
    let good = sign_in(&server, "192.0.2.1", PASSWORD);
    assert_eq!((good.status, good.header("ratelimit")), (200, Some("\"sign-in\";r=1;t=3600")));
    sign_in(&server, "192.0.2.1", "not the password").expect_problem("wrong-credentials");
    assert_eq!(server.hashes_done() - hashes, 3);
    // The right password is refused, too, without computing a hash.
    let refused = sign_in(&server, "198.51.100.1, 192.0.2.1", PASSWORD);
    refused.expect_problem("too-many-requests");
    let seconds: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((3590..=3600).contains(&seconds), "{seconds}");
    assert!(refused.header("ratelimit").unwrap().starts_with("\"sign-in\";r=0;t=3"));
    assert_eq!(server.hashes_done() - hashes, 3);
    // Other addresses are not limited.
    assert_eq!(sign_in(&server, "192.0.2.2", PASSWORD).status, 200);
}

#[test]
fn account_limit_exempts_known_networks() {
    let limits = Limits { sign_in_account: Some(hourly(3)), ..Limits::none() };
    let trusted_proxies = "127.0.0.1".parse().unwrap();
    let server = server_with(Settings { limits, trusted_proxies, ..TestServer::settings() });
    server.sign_up("ada");
    let home = "2001:db8::1";
    assert_eq!(sign_in(&server, home, PASSWORD).status, 200);
    for attacker in 1..=3 {
        let from = format!("198.51.100.{attacker}");
        let response = sign_in(&server, &from, "not the password");
        response.expect_problem("wrong-credentials");
        assert_eq!(response.header("ratelimit"), None, "others' attempts are not revealed");
    }
    let hashes = server.hashes_done();
    let refused = sign_in(&server, "198.51.100.4", PASSWORD);
    refused.expect_problem("too-many-requests");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(server.hashes_done(), hashes);
    // The owner signs in from known networks, here a /64, and changes the password.
    let response = sign_in(&server, "2001:db8::2", PASSWORD);
    let owner = server.bearer(text(response.expect_status(200), "access_token"));
    let change = json!({"current_password": "not it", "new_password": OTHER_PASSWORD});
    owner.put("/auth/password", &change).expect_problem("wrong-password");
    // An unknown account is refused in the same way.
    let login = |from: &str| {
        let headers = [("content-type", "application/json"), ("x-forwarded-for", from)];
        let body = json!({"email": "nobody@example.org", "password": PASSWORD}).to_string();
        server.anonymous().send("POST", "/auth/login", &headers, Some(body.as_bytes()))
    };
    for attacker in 1..=3 {
        login(&format!("198.51.100.{attacker}")).expect_problem("wrong-credentials");
    }
    login("198.51.100.4").expect_problem("too-many-requests");
}

#[test]
fn sign_ups_are_limited_by_address() {
    let server = limited_server();
    let sign_up = |name: &str| {
        let email = format!("{name}@example.org");
        let body = json!({"username": name, "email": email, "password": PASSWORD});
        server.anonymous().post("/auth/signup", &body)
    };
    assert_eq!(sign_up("ada").status, 201);
    // Invalid bodies do not count.
    sign_up("").expect_problem("invalid-body");
    sign_up("ada").expect_problem("username-taken");
    let refused = sign_up("bob");
    refused.expect_problem("too-many-requests");
    assert_eq!(refused.header("ratelimit-policy"), Some("\"sign-up\";q=2;w=7200"));
    // Nothing else is limited or has the headers.
    let page = server.get("/books");
    assert_eq!((page.status, page.header("ratelimit")), (200, None));
}

#[test]
fn mail_requests_are_limited_by_address() {
    let server = limited_server();
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
        assert_eq!((second.status, second.header("ratelimit")), (202, Some("\"mail\";r=0;t=3600")));
        let refused = ask("password-reset-request", from, email);
        refused.expect_problem("too-many-requests");
        assert!(refused.header("retry-after").is_some());
        assert_eq!(refused.header("ratelimit-policy"), Some("\"mail\";q=2;w=7200"));
    }
    // The budgets are separate.
    assert_eq!(sign_in(&server, "192.0.2.1", PASSWORD).status, 200);
}

#[test]
fn exports_are_limited_by_account() {
    let server = server_with_limits(Limits { export: Some(hourly(2)), ..Limits::none() });
    let (ada, bob) = (server.sign_up("ada"), server.sign_up("bob"));
    for left in [1, 0] {
        let response = ada.get("/auth/me/export");
        response.expect_status(200);
        let expected = format!("\"export\";r={left};");
        assert!(response.header("ratelimit").unwrap().starts_with(&expected), "{response:?}");
    }
    let refused = ada.get("/auth/me/export");
    refused.expect_problem("too-many-requests");
    assert!(refused.header("retry-after").is_some());
    bob.get("/auth/me/export").expect_status(200);
}

/// More logins at once than run and wait for a hash; there are no limits here.
#[test]
fn flood_of_logins_blocks_nothing_else() {
    const FLOOD: usize = 160;
    let server = TestServer::start(Engine::Sqlite).unwrap();
    let ada = server.sign_up("ada");
    let (started, finished) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let flood: Vec<_> = (0..FLOOD)
            .map(|number| {
                let (server, started, finished) = (&server, &started, &finished);
                scope.spawn(move || {
                    let body = json!({"email": format!("{number}@example.org"), "password": "?"});
                    started.fetch_add(1, Ordering::SeqCst);
                    let response = server.anonymous().post("/auth/login", &body);
                    finished.fetch_add(1, Ordering::SeqCst);
                    response
                })
            })
            .collect();
        while started.load(Ordering::SeqCst) < FLOOD {
            std::thread::yield_now();
        }
        server.get("/books").expect_status(200);
        ada.get("/auth/me").expect_status(200);
        ada.post("/tags", &json!({"name": "meanwhile"})).expect_status(201);
        assert!(finished.load(Ordering::SeqCst) < FLOOD, "logins are still waiting");
        for response in flood.into_iter().map(|one| one.join().unwrap()) {
            if response.status == 401 {
                response.expect_problem("wrong-credentials");
            } else {
                response.expect_problem("overloaded");
                assert!(response.header("retry-after").is_some());
            }
        }
    });
}

#[test]
fn only_trusted_proxies_set_the_address() {
    let server = server_with_limits(Limits { sign_in: Some(hourly(2)), ..Limits::none() });
    server.sign_up("ada");
    for from in ["192.0.2.1", "192.0.2.2"] {
        sign_in(&server, from, "not the password").expect_problem("wrong-credentials");
    }
    sign_in(&server, "192.0.2.3", PASSWORD).expect_problem("too-many-requests");
}

#[test]
fn every_password_check_is_limited() {
    let server = limited_server();
    let ada = server.sign_up("ada");
    let change = json!({"current_password": "not it", "new_password": "quite another password"});
    let deletion = json!({"password": "not it", "reviews": "keep"});
    ada.put("/auth/password", &change).expect_problem("wrong-password");
    ada.send_json("DELETE", "/auth/me", &deletion).expect_problem("wrong-password");
    let form = "grant_type=password&username=ada%40example.org&password=not+it";
    request_token(&server, form).expect_problem("too-many-requests");
    ada.put("/auth/password", &change).expect_problem("too-many-requests");
    // Requests without a password are not limited.
    for _ in 0..20 {
        let (me, books) = (ada.get("/auth/me"), server.get("/books"));
        assert_eq!((me.status, me.header("ratelimit")), (200, None));
        assert_eq!((books.status, books.header("ratelimit")), (200, None));
        assert_eq!(ada.post("/tags", &json!({"name": ""})).status, 422);
    }
}

#[test]
fn failed_logins_are_limited_across_accounts() {
    let server = server_with_limits(Limits { sign_in_network: Some(hourly(3)), ..Limits::none() });
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
fn password_grant_can_be_disabled() {
    let server = server_with(Settings { password_grant: false, ..TestServer::settings() });
    server.sign_up("ada");
    let password = PASSWORD.replace(' ', "+");
    let body = format!("grant_type=password&username=ada%40example.org&password={password}");
    let response = request_token(&server, &body);
    assert_eq!(response.expect_problem("invalid-grant")["error"], "unsupported_grant_type");
}
