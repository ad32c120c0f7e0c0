//! Mailed links: requesting and using them, without revealing who has an account.

use std::time::Duration;

use recto_domain::Role;
use recto_testkit::both_servers;
use recto_testkit::server::{PASSWORD, Response, TestServer};
use serde_json::json;

use crate::support::accounts::{OTHER_PASSWORD, TestAccount, create_account};
use crate::support::assertions::{Expect as _, comparable, uid};
use crate::support::mailbox::{mails, wait_for_mail};

const HOUR: Duration = Duration::from_hours(1);

fn sign_up(server: &TestServer) {
    let body = json!({"username": "ada", "email": "ada@example.org", "password": PASSWORD});
    server.anonymous().post("/auth/signup", &body).expect_status(201);
}

fn verify(server: &TestServer, token: &str) -> Response {
    let body = json!({"token": token, "password": PASSWORD});
    server.anonymous().post("/auth/verify", &body)
}

fn request(server: &TestServer, what: &str, email: &str) -> Response {
    let response = server.anonymous().post(&format!("/auth/{what}"), &json!({"email": email}));
    assert_eq!((response.status, response.body.len()), (202, 0), "{}", response.text());
    response
}

fn reset(server: &TestServer, token: &str, password: &str) -> Response {
    let body = json!({"token": token, "new_password": password, "confirm_new_password": password});
    server.anonymous().post("/auth/password-reset-confirm", &body)
}

fn login(server: &TestServer, password: &str) -> u16 {
    let body = json!({"email": "ada@example.org", "password": password});
    server.anonymous().post("/auth/login", &body).status
}

fn verification_permits_writing(server: &TestServer) {
    sign_up(server);
    let ada = server.sign_in("ada@example.org");
    let book = json!({"title": "Emma", "author": "Jane Austen"});
    assert_eq!(ada.get("/auth/me").expect_status(200)["verified"], false);
    ada.post("/books", &book).expect_problem("forbidden");
    let mail = wait_for_mail(server, "ada@example.org", 1);
    assert!(mail.text.contains(&format!("http://{}/verify#", server.address())), "{mail:?}");
    let verified = verify(server, &mail.token());
    assert_eq!(uid(verified.expect_status(200)), ada.uid);
    assert_eq!(verified.json["verified"], true);
    ada.post("/books", &book).expect_status(201);
    verify(server, &mail.token()).expect_problem("not-found");
}

fn verification_link_expires_and_is_replaced(server: &TestServer) {
    sign_up(server);
    let first = wait_for_mail(server, "ada@example.org", 1).token();
    // A recent link is sent again, so that requests of others cannot invalidate it.
    request(server, "verify-request", "ADA@example.org");
    assert_eq!(wait_for_mail(server, "ada@example.org", 2).token(), first);
    server.clock().advance(13 * HOUR);
    request(server, "verify-request", "ada@example.org");
    let second = wait_for_mail(server, "ada@example.org", 3).token();
    verify(server, &first).expect_problem("not-found");
    server.clock().advance(24 * HOUR);
    verify(server, &second).expect_problem("not-found");
    request(server, "verify-request", "ada@example.org");
    let third = wait_for_mail(server, "ada@example.org", 4).token();
    server.clock().advance(23 * HOUR);
    verify(server, &third).expect_status(200);
    // A verified account gets no more of these links.
    request(server, "verify-request", "ada@example.org");
    request(server, "password-reset-request", "ada@example.org");
    assert_eq!(wait_for_mail(server, "ada@example.org", 5).subject, "Choose a new password");
}

fn reset_link_changes_password_once(server: &TestServer) {
    create_account(server, "ada", Role::User);
    let session = server.sign_in("ada@example.org");
    request(server, "password-reset-request", "ada@example.org");
    let mailed = wait_for_mail(server, "ada@example.org", 1);
    assert!(mailed.text.contains("/reset-password#"), "{mailed:?}");
    let token = mailed.token();
    // Failed attempts do not use up the token, and it has one purpose.
    assert_eq!(reset(server, &token, "short").violations(), ["/new_password"]);
    assert_eq!(reset(server, &token, "not ada@example.org").violations(), ["/new_password"]);
    let differing =
        json!({"token": token, "new_password": OTHER_PASSWORD, "confirm_new_password": PASSWORD});
    let differing = server.anonymous().post("/auth/password-reset-confirm", &differing);
    assert_eq!(differing.violations(), ["/confirm_new_password"]);
    verify(server, &token).expect_problem("not-found");
    session.get("/auth/me").expect_status(200);

    reset(server, &token, OTHER_PASSWORD).expect_status(204);
    session.get("/auth/me").expect_problem("unauthenticated");
    assert_eq!((login(server, PASSWORD), login(server, OTHER_PASSWORD)), (401, 200));
    reset(server, &token, PASSWORD).expect_problem("not-found");
    let notice = wait_for_mail(server, "ada@example.org", 2);
    assert_eq!(notice.subject, "Your password was changed");
    assert!(!notice.text.contains(OTHER_PASSWORD));
}

fn reset_link_expires_and_is_replaced(server: &TestServer) {
    create_account(server, "ada", Role::User);
    request(server, "password-reset-request", "ada@example.org");
    let first = wait_for_mail(server, "ada@example.org", 1).token();
    request(server, "password-reset-request", "ada@example.org");
    assert_eq!(wait_for_mail(server, "ada@example.org", 2).token(), first);
    server.clock().advance(HOUR / 2);
    request(server, "password-reset-request", "ada@example.org");
    let second = wait_for_mail(server, "ada@example.org", 3).token();
    reset(server, &first, OTHER_PASSWORD).expect_problem("not-found");
    server.clock().advance(HOUR);
    reset(server, &second, OTHER_PASSWORD).expect_problem("not-found");
    assert_eq!(login(server, PASSWORD), 200);
}

fn concurrent_uses_of_link_succeed_once(server: &TestServer) {
    let database = server.database().open();
    for _ in 0..4 {
        let ada = TestAccount::create(server, &database, Role::User);
        let token = ada.reset_token.expose();
        let (one, other) = std::thread::scope(|scope| {
            let one = scope.spawn(|| reset(server, token, OTHER_PASSWORD).status);
            (reset(server, token, PASSWORD).status, one.join().unwrap())
        });
        assert!(matches!((one, other), (204, 404) | (404, 204)), "{one} {other}");
    }
}

/// Returns the body for an address, and its media type.
type Body = fn(&str) -> (String, &'static str);

fn requests_do_not_reveal_accounts(server: &TestServer) {
    create_account(server, "ada", Role::User);
    server.sign_up_unverified("bob");
    wait_for_mail(server, "bob@example.org", 1);
    let cleo = create_account(server, "cleo", Role::User);
    let disable = "UPDATE accounts SET disabled = TRUE WHERE email = 'cleo@example.org'";
    server.database().execute(disable).unwrap();
    drop(cleo);
    let bodies: [(&str, Body); 4] = [
        ("/auth/login", |email| {
            (
                json!({"email": email, "password": "not the password"}).to_string(),
                "application/json",
            )
        }),
        ("/auth/token", |email| {
            let email = email.replace('@', "%40");
            (
                format!("grant_type=password&username={email}&password=not+it"),
                "application/x-www-form-urlencoded",
            )
        }),
        ("/auth/password-reset-request", |email| {
            (json!({"email": email}).to_string(), "application/json")
        }),
        ("/auth/verify-request", |email| (json!({"email": email}).to_string(), "application/json")),
    ];
    for (path, body) in bodies {
        let mut responses = Vec::new();
        // Verified, unverified, disabled, unknown.
        for name in ["ada", "bob", "cleo", "eve"] {
            let (body, media_type) = body(&format!("{name}@example.org"));
            let hashes = server.hashes_done();
            let headers = [("content-type", media_type)];
            let response = server.anonymous().send("POST", path, &headers, Some(body.as_bytes()));
            responses.push((name, comparable(&response), server.hashes_done() - hashes));
        }
        for (name, response, hashes) in &responses {
            assert_eq!(response, &responses[3].1, "{path} {name}");
            assert_eq!(*hashes, responses[3].2, "{path} {name}");
        }
        let expected = u64::from(path == "/auth/login" || path == "/auth/token");
        assert_eq!(responses[3].2, expected, "{path}");
    }
    // Only eligible accounts got mail.
    wait_for_mail(server, "ada@example.org", 1);
    wait_for_mail(server, "bob@example.org", 3);
    assert_eq!(mails(server).len(), 4, "{:?}", mails(server));
}

both_servers!(
    verification_permits_writing,
    verification_link_expires_and_is_replaced,
    reset_link_changes_password_once,
    reset_link_expires_and_is_replaced,
    concurrent_uses_of_link_succeed_once,
    requests_do_not_reveal_accounts,
);
