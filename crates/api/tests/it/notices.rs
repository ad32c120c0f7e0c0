//! Mails about events in an account.

use recto_domain::Role;
use recto_testkit::both_servers;
use recto_testkit::server::{PASSWORD, TestServer};
use serde_json::json;

use crate::support::accounts::{Clients, OTHER_PASSWORD, create_account};
use crate::support::assertions::{Expect as _, text};
use crate::support::mailbox::{mails, wait_for_mail};

const ADA: &str = "ada@example.org";

/// Signs in with a user agent, and returns the access token.
fn sign_in(server: &TestServer, agent: &str, password: &str) -> String {
    let headers = [("content-type", "application/json"), ("user-agent", agent)];
    let body = json!({"email": ADA, "password": password}).to_string();
    let login = server.anonymous().send("POST", "/auth/login", &headers, Some(body.as_bytes()));
    text(login.expect_status(200), "access_token").to_owned()
}

fn new_device_is_reported_once(server: &TestServer) {
    create_account(server, "ada", Role::User);
    // The device of the tests is known.
    server.sign_in(ADA);
    sign_in(server, "Firefox/140.0", PASSWORD);
    let mail = wait_for_mail(server, ADA, 1);
    assert_eq!(mail.subject, "New sign-in to your account");
    assert!(mail.text.contains("Firefox/140.0, at the IP address 127.0.0.1."), "{mail:?}");
    assert!(mail.text.contains("/reset-password"), "{mail:?}");
    let token = sign_in(server, "Firefox/141.0.2", PASSWORD);
    server.bearer(&token).send("POST", "/auth/logout", &[], None).expect_status(204);
    sign_in(server, "Firefox/141.0.2", PASSWORD);
    sign_in(server, "Chrome/140", PASSWORD);
    assert!(wait_for_mail(server, ADA, 2).text.contains("Chrome/140"));
}

fn new_password_forgets_other_devices(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    sign_in(server, "Firefox/140.0", PASSWORD);
    wait_for_mail(server, ADA, 1);
    let change = json!({"current_password": PASSWORD, "new_password": OTHER_PASSWORD});
    ada.put("/auth/password", &change).expect_status(204);
    assert_eq!(wait_for_mail(server, ADA, 2).subject, "Your password was changed");
    sign_in(server, "Firefox/140.0", OTHER_PASSWORD);
    assert_eq!(wait_for_mail(server, ADA, 3).subject, "New sign-in to your account");
    let body = json!({"email": ADA, "password": OTHER_PASSWORD});
    server.anonymous().post("/auth/login", &body).expect_status(200);
    assert_eq!(mails(server).len(), 3, "the device of the change is known");
}

fn signing_up_makes_the_device_known(server: &TestServer) {
    server.sign_up("ada");
    server.sign_in(ADA);
    server.sign_in(ADA);
    wait_for_mail(server, ADA, 1);
    assert_eq!(mails(server)[0].subject, "Verify your e-mail address");
}

fn changes_to_an_account_are_reported(server: &TestServer) {
    let Clients { ada, admin, .. } = Clients::create(server);
    let key = json!({"name": "nightly export", "scopes": ["read", "write"]});
    ada.post("/auth/keys", &key).expect_status(201);
    let at = |what: &str| format!("/users/{}/{what}", ada.uid);
    admin.put(&at("role"), &json!({"role": "admin"})).expect_status(200);
    // Without a change there is no mail.
    admin.put(&at("role"), &json!({"role": "admin"})).expect_status(200);
    admin.put(&at("disabled"), &json!({"disabled": true})).expect_status(200);
    admin.put(&at("disabled"), &json!({"disabled": false})).expect_status(200);
    wait_for_mail(server, ADA, 4);
    let expected = [
        ("An API key was created", "nightly export (read write)"),
        ("Your role was changed", "user to admin"),
        ("Your account was disabled", "disabled your account"),
        ("Your account was enabled", "enabled your account"),
    ];
    let mails = mails(server);
    assert_eq!(mails.len(), expected.len());
    for (mail, (subject, detail)) in mails.iter().zip(expected) {
        assert_eq!((&*mail.to, &*mail.subject), (ADA, subject));
        assert!(mail.text.starts_with("Hello ada,") && mail.text.contains(detail), "{mail:?}");
        assert!(mail.text.contains("On 20") && mail.text.contains(" UTC, "), "{mail:?}");
        assert!(mail.text.contains("If "), "what to do: {mail:?}");
    }
}

both_servers!(
    new_device_is_reported_once,
    new_password_forgets_other_devices,
    signing_up_makes_the_device_known,
    changes_to_an_account_are_reported,
);
