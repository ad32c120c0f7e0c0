//! Changing the address of an account.

use std::time::Duration;

use recto_domain::{Clock as _, PasswordHash, Role};
use recto_persistence::identity::account;
use recto_persistence::{Error, SystemIds};
use recto_testkit::both_servers;
use recto_testkit::server::{PASSWORD, Response, TestClient, TestServer};
use serde_json::json;

use crate::support::accounts::{OTHER_PASSWORD, create_account};
use crate::support::assertions::{Expect as _, comparable};
use crate::support::mailbox::{Mail, mails, wait_for_mail};
use crate::support::parallel::wait_until_blocked;

const OLD: &str = "ada@example.org";
const NEW: &str = "lovelace@example.org";

fn request(client: &TestClient<'_>, email: &str) -> Response {
    client.put("/auth/email", &json!({"password": PASSWORD, "new_email": email}))
}

/// Requests a change and returns the mail to the new address, which has that many by then.
fn requested(server: &TestServer, client: &TestClient<'_>, email: &str, count: usize) -> Mail {
    let response = request(client, email);
    assert_eq!((response.status, response.body.len()), (202, 0), "{}", response.text());
    wait_for_mail(server, email, count)
}

fn confirm(server: &TestServer, token: &str) -> Response {
    server.anonymous().post("/auth/email-confirm", &json!({"token": token}))
}

fn login(server: &TestServer, email: &str) -> u16 {
    let body = json!({"email": email, "password": PASSWORD});
    server.anonymous().post("/auth/login", &body).status
}

fn link_changes_the_address(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    let mail = requested(server, &ada, NEW, 1);
    assert_eq!(mail.subject, "Confirm your new e-mail address");
    assert!(mail.text.contains("/confirm-email#") && mail.text.contains("\"ada\""), "{mail:?}");
    let notice = wait_for_mail(server, OLD, 1);
    assert_eq!(notice.subject, "A new e-mail address was requested");
    // Nothing has changed yet.
    assert_eq!(ada.get("/auth/me").expect_status(200)["email"], OLD);
    assert_eq!((login(server, OLD), login(server, NEW)), (200, 401));

    confirm(server, &mail.token()).expect_status(204);
    let me = ada.get("/auth/me").expect_status(200).clone();
    assert_eq!((&me["email"], &me["verified"]), (&json!(NEW), &json!(true)));
    assert_eq!((login(server, OLD), login(server, NEW)), (401, 200));
    assert_eq!(wait_for_mail(server, OLD, 2).subject, "Your e-mail address was changed");
    confirm(server, &mail.token()).expect_problem("not-found");
    // The former address is free.
    let body = json!({"username": "bob", "email": OLD, "password": PASSWORD});
    server.anonymous().post("/auth/signup", &body).expect_status(201);
}

fn change_needs_session_and_password(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    request(&server.anonymous(), NEW).expect_problem("unauthenticated");
    let wrong = json!({"password": "not the password", "new_email": NEW});
    ada.put("/auth/email", &wrong).expect_problem("wrong-password");
    let invalid = json!({"password": PASSWORD, "new_email": "lovelace"});
    assert_eq!(ada.put("/auth/email", &invalid).violations(), ["/new_email"]);
    confirm(server, "unknown").expect_problem("not-found");
    assert!(mails(server).is_empty());
}

fn request_does_not_reveal_taken_address(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    create_account(server, "bob", Role::User);
    let taken = request(&ada, "BOB@example.org");
    let free = request(&ada, NEW);
    assert_eq!(comparable(&taken), comparable(&free));
    // The second link has replaced the first, which Bob would not have been sent anyway.
    let mail = wait_for_mail(server, NEW, 1);
    wait_for_mail(server, OLD, 2);
    assert_eq!(mails(server).len(), 3, "{:?}", mails(server));
    // Taken meanwhile: only the holder of the link learns it, and the link stays valid.
    let body = json!({"username": "cleo", "email": NEW, "password": PASSWORD});
    server.anonymous().post("/auth/signup", &body).expect_status(201);
    confirm(server, &mail.token()).expect_problem("email-taken");
    assert_eq!(ada.get("/auth/me").expect_status(200)["email"], OLD);
    server.database().execute("DELETE FROM users WHERE username = 'cleo'").unwrap();
    confirm(server, &mail.token()).expect_status(204);
}

fn newer_request_replaces_link(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    let first = requested(server, &ada, "first@example.org", 1).token();
    let second = requested(server, &ada, "second@example.org", 1).token();
    confirm(server, &first).expect_problem("not-found");
    confirm(server, &second).expect_status(204);
    assert_eq!(ada.get("/auth/me").expect_status(200)["email"], "second@example.org");
    let ada = server.sign_in("second@example.org");
    let third = requested(server, &ada, "third@example.org", 1).token();
    server.clock().advance(Duration::from_hours(24));
    confirm(server, &third).expect_problem("not-found");
}

fn new_password_cancels_the_change(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    let token = requested(server, &ada, NEW, 1).token();
    let change = json!({"current_password": PASSWORD, "new_password": OTHER_PASSWORD});
    ada.put("/auth/password", &change).expect_status(204);
    confirm(server, &token).expect_problem("not-found");
}

/// Otherwise somebody who knows the former password could ask for another address just before the
/// owner's new password takes effect.
fn new_password_meanwhile_refuses_the_request(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    let user = ada.uid.parse().unwrap();
    let hash = PasswordHash("$argon2id$ of another".to_owned());
    let hashes = server.hashes_done();
    std::thread::scope(|scope| {
        let mut conn = server.database().connection();
        let asked = conn.transaction(|conn| {
            account::lock_with_password(conn, user)?;
            let asked = scope.spawn(|| request(&ada, NEW).status);
            // The former password has been checked.
            while server.hashes_done() == hashes {
                std::thread::yield_now();
            }
            wait_until_blocked(server.database(), &asked);
            account::set_password(conn, user, &hash, None, None, SystemIds.now())?;
            Ok::<_, Error>(asked)
        });
        assert!([401, 403].contains(&asked.unwrap().join().unwrap()));
    });
    assert!(server.database().rows("SELECT '1' AS line FROM mailed_tokens").is_empty());
}

fn new_address_revokes_old_links(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    let reset_request = json!({"email": OLD});
    server.anonymous().post("/auth/password-reset-request", &reset_request);
    let reset = wait_for_mail(server, OLD, 1).token();
    let token = requested(server, &ada, NEW, 1).token();
    confirm(server, &token).expect_status(204);
    let body = json!({
        "token": reset, "new_password": OTHER_PASSWORD, "confirm_new_password": OTHER_PASSWORD,
    });
    server.anonymous().post("/auth/password-reset-confirm", &body).expect_problem("not-found");
}

/// Otherwise the owner of an address could be made to verify another person's account.
fn unverified_account_still_needs_its_password(server: &TestServer) {
    let ada = server.sign_up_unverified("ada");
    let token = requested(server, &ada, NEW, 1).token();
    confirm(server, &token).expect_status(204);
    assert_eq!(ada.get("/auth/me").expect_status(200)["verified"], false);
    let verification = wait_for_mail(server, NEW, 2);
    assert_eq!(verification.subject, "Verify your e-mail address");
    let verify = |password: &str| {
        let body = json!({"token": verification.token(), "password": password});
        server.anonymous().post("/auth/verify", &body)
    };
    verify("not the password").expect_problem("wrong-password");
    verify(PASSWORD).expect_status(200);
    assert_eq!(wait_for_mail(server, OLD, 1).subject, "Verify your e-mail address");
}

fn disabled_account_keeps_its_address(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    let token = requested(server, &ada, NEW, 1).token();
    server.database().execute("UPDATE accounts SET disabled = TRUE").unwrap();
    confirm(server, &token).expect_problem("not-found");
}

both_servers!(
    link_changes_the_address,
    change_needs_session_and_password,
    request_does_not_reveal_taken_address,
    newer_request_replaces_link,
    new_password_cancels_the_change,
    new_password_meanwhile_refuses_the_request,
    new_address_revokes_old_links,
    unverified_account_still_needs_its_password,
    disabled_account_keeps_its_address,
);
