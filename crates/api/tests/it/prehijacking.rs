//! Accounts that somebody creates with the address of another person.

use std::time::Duration;

use recto_domain::{Clock as _, Role};
use recto_identity::throttle::Limits;
use recto_persistence::Error;
use recto_persistence::identity::prune::{RETENTION, prune, prune_unverified};
use recto_persistence::identity::{api_key, session};
use recto_testkit::both_servers;
use recto_testkit::server::{PASSWORD, Response, TestClient, TestServer};
use serde_json::json;

use crate::support::accounts::{OTHER_PASSWORD, create_account};
use crate::support::assertions::{Expect as _, text};
use crate::support::limits::{hourly, server_with_limits};
use crate::support::mailbox::{Mail, mails, wait_for_mail};
use crate::support::parallel::wait_until_blocked;

const VICTIM: &str = "victim@example.org";

/// Signs up with the victim's address, signs in, and returns the session and the mail.
fn create_as_attacker(server: &TestServer) -> (TestClient<'_>, Mail) {
    let body = json!({"username": "mallory", "email": VICTIM, "password": PASSWORD});
    server.anonymous().post("/auth/signup", &body).expect_status(201);
    (server.sign_in(VICTIM), wait_for_mail(server, VICTIM, 1))
}

fn verify(server: &TestServer, token: &str, password: &str) -> Response {
    let body = json!({"token": token, "password": password});
    server.anonymous().post("/auth/verify", &body)
}

fn reject(server: &TestServer, token: &str) -> Response {
    server.anonymous().post("/auth/verify-reject", &json!({"token": token}))
}

fn login(server: &TestServer, password: &str) -> Response {
    let body = json!({"email": VICTIM, "password": password});
    server.anonymous().post("/auth/login", &body)
}

fn reset(server: &TestServer, token: &str) -> Response {
    let body = json!({
        "token": token, "new_password": OTHER_PASSWORD, "confirm_new_password": OTHER_PASSWORD,
    });
    server.anonymous().post("/auth/password-reset-confirm", &body)
}

fn link_alone_does_not_verify(server: &TestServer) {
    let (attacker, mail) = create_as_attacker(server);
    assert!(mail.text.contains("\"mallory\""), "the username warns the victim: {mail:?}");
    let without = json!({"token": mail.token()});
    assert_eq!(server.anonymous().post("/auth/verify", &without).violations(), ["/password"]);
    for _ in 0..2 {
        verify(server, &mail.token(), "the victim's guess").expect_problem("wrong-password");
    }
    assert_eq!(attacker.get("/auth/me").expect_status(200)["verified"], false);
    // The token is still valid with the password.
    assert_eq!(verify(server, &mail.token(), PASSWORD).expect_status(200)["verified"], true);
    verify(server, &mail.token(), PASSWORD).expect_problem("not-found");
    verify(server, "unknown", PASSWORD).expect_problem("not-found");
}

#[test]
fn wrong_passwords_with_link_are_limited() {
    let server = server_with_limits(Limits { sign_in: Some(hourly(2)), ..Limits::none() });
    let (_, mail) = create_as_attacker(&server);
    for _ in 0..2 {
        verify(&server, &mail.token(), "not the password").expect_problem("wrong-password");
    }
    let refused = verify(&server, &mail.token(), PASSWORD);
    refused.expect_problem("too-many-requests");
    assert!(refused.header("retry-after").is_some());
}

fn rejection_deletes_the_account(server: &TestServer) {
    let admin = create_account(server, "root", Role::Admin);
    let (attacker, mail) = create_as_attacker(server);
    reject(server, "unknown").expect_problem("not-found");
    reject(server, &mail.token()).expect_status(204);
    attacker.get("/auth/me").expect_problem("unauthenticated");
    server.get(&format!("/users/{}", attacker.uid)).expect_problem("not-found");
    reject(server, &mail.token()).expect_problem("not-found");
    verify(server, &mail.token(), PASSWORD).expect_problem("not-found");
    let page = admin.get("/audit?action=account.deleted");
    let entry = &page.expect_items()[0];
    assert_eq!(entry["subject_uid"], attacker.uid.as_str());
    assert_eq!(text(entry, "detail"), "rejected by the holder of its e-mail address");
    // Name and address are free again.
    let body = json!({"username": "mallory", "email": VICTIM, "password": OTHER_PASSWORD});
    server.anonymous().post("/auth/signup", &body).expect_status(201);
    let again = wait_for_mail(server, VICTIM, 2);
    verify(server, &again.token(), OTHER_PASSWORD).expect_status(200);
}

fn verified_account_is_not_rejected(server: &TestServer) {
    let (owner, mail) = create_as_attacker(server);
    let verified = "UPDATE accounts SET verified = TRUE WHERE email = 'victim@example.org'";
    server.database().execute(verified).unwrap();
    reject(server, &mail.token()).expect_problem("not-found");
    owner.get("/auth/me").expect_status(200);
}

fn reset_restores_account_to_owner(server: &TestServer) {
    let (attacker, verification) = create_as_attacker(server);
    let change = json!({"password": PASSWORD, "new_email": "mallory@example.org"});
    assert_eq!(attacker.put("/auth/email", &change).status, 202);
    let pending = wait_for_mail(server, "mallory@example.org", 1);
    let session = login(server, PASSWORD).expect_status(200).clone();

    let request = json!({"email": VICTIM});
    assert_eq!(server.anonymous().post("/auth/password-reset-request", &request).status, 202);
    let mail = wait_for_mail(server, VICTIM, 2);
    reset(server, &mail.token()).expect_status(204);

    let owner = login(server, OTHER_PASSWORD).expect_status(200).clone();
    let owner = server.bearer(text(&owner, "access_token"));
    assert_eq!(owner.get("/auth/me").expect_status(200)["verified"], true);
    // Nothing remains with the attacker.
    attacker.get("/auth/me").expect_problem("unauthenticated");
    let refresh = json!({"refresh_token": session["refresh_token"]});
    server.anonymous().post("/auth/refresh", &refresh).expect_problem("unauthenticated");
    login(server, PASSWORD).expect_problem("wrong-credentials");
    let confirmation = json!({"token": pending.token()});
    server.anonymous().post("/auth/email-confirm", &confirmation).expect_problem("not-found");
    verify(server, &verification.token(), PASSWORD).expect_problem("not-found");
    assert_eq!(owner.get("/auth/sessions").expect_items().len(), 1);
}

fn reset_revokes_keys_and_email_change(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    let key = ada.post("/auth/keys", &json!({"name": "nightly", "scopes": ["read"]}));
    let key = text(key.expect_status(201), "key").to_owned();
    let change = json!({"password": PASSWORD, "new_email": "mallory@example.org"});
    assert_eq!(ada.put("/auth/email", &change).status, 202);
    let pending = wait_for_mail(server, "mallory@example.org", 1);
    let request = json!({"email": "ada@example.org"});
    server.anonymous().post("/auth/password-reset-request", &request);
    // After the notices of the key and of the new address.
    let mail = wait_for_mail(server, "ada@example.org", 3);
    reset(server, &mail.token()).expect_status(204);
    server.bearer(&key).get("/auth/me").expect_problem("unauthenticated");
    let confirmation = json!({"token": pending.token()});
    server.anonymous().post("/auth/email-confirm", &confirmation).expect_problem("not-found");
}

/// Otherwise a key that is created while the password is reset would outlive the reset.
fn key_created_during_reset_is_refused(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    let user = ada.uid.parse().unwrap();
    std::thread::scope(|scope| {
        let mut conn = server.database().connection();
        // A reset without the change of the password.
        let asked = conn.transaction(|conn| {
            session::end_others(conn, user, None)?;
            api_key::delete_all(conn, user)?;
            let key = json!({"name": "nightly", "scopes": ["read"]});
            let asked = scope.spawn(move || ada.post("/auth/keys", &key).status);
            wait_until_blocked(server.database(), &asked);
            Ok::<_, Error>(asked)
        });
        assert_eq!(asked.unwrap().join().unwrap(), 401);
    });
    assert!(server.database().rows("SELECT '1' AS line FROM api_keys").is_empty());
}

fn unverified_address_gets_no_notices(server: &TestServer) {
    let (attacker, _) = create_as_attacker(server);
    let headers = [("content-type", "application/json"), ("user-agent", "another browser")];
    let body = json!({"email": VICTIM, "password": PASSWORD}).to_string();
    for _ in 0..3 {
        let login = server.anonymous().send("POST", "/auth/login", &headers, Some(body.as_bytes()));
        login.expect_status(200);
    }
    let change = json!({"current_password": PASSWORD, "new_password": OTHER_PASSWORD});
    attacker.put("/auth/password", &change).expect_status(204);
    let change = json!({"password": OTHER_PASSWORD, "new_email": "mallory@example.org"});
    assert_eq!(attacker.put("/auth/email", &change).status, 202);
    wait_for_mail(server, "mallory@example.org", 1);
    assert_eq!(mails(server).len(), 2, "the verification and the change: {:?}", mails(server));
}

/// The periodic task is tested in the crate; this is the effect of what it does.
fn address_of_unverified_account_becomes_free(server: &TestServer) {
    let (attacker, _) = create_as_attacker(server);
    server.clock().advance(Duration::from_hours(24 * 7));
    let now = server.clock().now();
    let deleted = server.database().open().write_blocking(move |conn| {
        // Its session goes first.
        assert!(prune_unverified(conn, now, 10)?.is_empty());
        prune(conn, now, RETENTION, 10)?;
        prune_unverified(conn, now, 10)
    });
    assert_eq!(deleted.unwrap().len(), 1);
    attacker.get("/auth/me").expect_problem("unauthenticated");
    let body = json!({"username": "victim", "email": VICTIM, "password": OTHER_PASSWORD});
    server.anonymous().post("/auth/signup", &body).expect_status(201);
    let mail = wait_for_mail(server, VICTIM, 2);
    verify(server, &mail.token(), OTHER_PASSWORD).expect_status(200);
}

both_servers!(
    link_alone_does_not_verify,
    rejection_deletes_the_account,
    verified_account_is_not_rejected,
    reset_restores_account_to_owner,
    reset_revokes_keys_and_email_change,
    key_created_during_reset_is_refused,
    unverified_address_gets_no_notices,
    address_of_unverified_account_becomes_free,
);
