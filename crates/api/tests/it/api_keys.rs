//! API keys.

use std::time::Duration;

use recto_domain::{Clock as _, Role};
use recto_testkit::both_servers;
use recto_testkit::server::{PASSWORD, Response, TestClient, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::{OTHER_PASSWORD, create_account};
use crate::support::assertions::{Expect as _, field_names, text, timestamp, uid};
use crate::support::fixtures::add_book;

/// Creates a key with these scopes.
#[track_caller]
fn new_key(client: &TestClient<'_>, scopes: &Value) -> Value {
    client
        .post("/auth/keys", &json!({"name": "nightly", "scopes": scopes}))
        .expect_status(201)
        .clone()
}

fn key_is_shown_once(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    let response = ada.post("/auth/keys", &json!({"name": "nightly", "scopes": ["read"]}));
    let created = response.expect_status(201);
    let shown = ["created_at", "expires_at", "hint", "id", "key", "last_used_at", "name", "scopes"];
    assert_eq!(field_names(created), shown);
    let secret = text(created, "key");
    assert!(secret.starts_with("recto_key_") && secret.ends_with(text(created, "hint")));
    let path = response.header("location").unwrap();
    assert_eq!(path, format!("/api/v1/auth/keys/{}", text(created, "id")));
    let mut later = created.clone();
    later.as_object_mut().unwrap().remove("key");
    assert_eq!(ada.get(path).expect_status(200), &later);
    assert_eq!(ada.get("/auth/keys").expect_items(), [later]);
    for (body, pointer) in [
        (json!({"name": "", "scopes": ["read"]}), "/name"),
        (json!({"name": "x", "scopes": []}), "/scopes"),
        (json!({"name": "x", "scopes": ["root"]}), "/scopes/0"),
        (
            json!({"name": "x", "scopes": ["read"], "expires_at": "2001-01-01T00:00:00Z"}),
            "/expires_at",
        ),
    ] {
        assert_eq!(ada.post("/auth/keys", &body).violations(), [pointer]);
    }
}

fn scopes_limit_a_key(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    let book = json!({"title": "Emma", "author": "Jane Austen"});
    for (scopes, reads, writes) in [
        (json!(["read"]), true, false),
        (json!(["write"]), false, true),
        (json!(["read", "write"]), true, true),
    ] {
        let key = new_key(&ada, &scopes);
        let script = server.bearer(text(&key, "key"));
        for (response, may, good) in
            [(script.get("/auth/me"), reads, 200), (script.post("/books", &book), writes, 201)]
        {
            if may {
                response.expect_status(good);
            } else {
                response.expect_problem("forbidden");
                let challenge = response.header("www-authenticate").unwrap();
                assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
            }
        }
    }
}

fn key_cannot_manage_the_account(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    let key = new_key(&ada, &json!(["read", "write"]));
    let script = server.bearer(text(&key, "key"));
    let change = json!({"current_password": PASSWORD, "new_password": OTHER_PASSWORD});
    let deletion = json!({"password": PASSWORD, "reviews": "erase"});
    let own = format!("/auth/keys/{}", text(&key, "id"));
    for (method, path, body) in [
        ("GET", "/auth/sessions", Value::Null),
        ("GET", "/auth/keys", Value::Null),
        ("GET", &own, Value::Null),
        ("DELETE", &own, Value::Null),
        ("POST", "/auth/keys", json!({"name": "more", "scopes": ["write"]})),
        ("PUT", "/auth/password", change),
        ("DELETE", "/auth/me", deletion),
        ("GET", "/auth/me/export", Value::Null),
        ("POST", "/auth/logout", Value::Null),
    ] {
        let response = match body {
            Value::Null => script.send(method, path, &[], None),
            body => script.send_json(method, path, &body),
        };
        response.expect_problem("forbidden");
    }
    ada.get("/auth/me").expect_status(200);
}

fn expired_and_revoked_keys_are_refused(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    let other = server.another(TestServer::settings());
    let end = server.clock().now() + chrono::TimeDelta::minutes(5);
    let body = json!({"name": "short", "scopes": ["read"], "expires_at": end.to_rfc3339()});
    let short = ada.post("/auth/keys", &body).expect_status(201).clone();
    assert_eq!(timestamp(&short, "expires_at"), end);
    let lasting = new_key(&ada, &json!(["read"]));
    let works = |server: &TestServer, key: &Value| {
        server.bearer(text(key, "key")).get("/auth/me").status == 200
    };
    assert!(works(&other, &short) && works(&other, &lasting));
    server.clock().advance(Duration::from_secs(5 * 60 + 1));
    assert!(!works(&other, &short) && works(&other, &lasting));
    let path = format!("/auth/keys/{}", text(&lasting, "id"));
    let ada = server.sign_in("ada@example.org");
    create_account(server, "bob", Role::User).delete(&path).expect_problem("not-found");
    assert!(works(&other, &lasting));
    ada.delete(&path).expect_status(204);
    assert!(!works(&other, &lasting) && !works(server, &lasting));
    ada.delete(&path).expect_problem("not-found");
}

fn default_key_expires_after_a_year(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    let key = new_key(&ada, &json!(["read"]));
    let lifetime = timestamp(&key, "expires_at") - timestamp(&key, "created_at");
    assert_eq!(lifetime, chrono::TimeDelta::days(365));
    let body = json!({"name": "lasting", "scopes": ["read"], "expires_at": null});
    let lasting = ada.post("/auth/keys", &body).expect_status(201)["expires_at"].clone();
    assert_eq!(lasting, Value::Null);
}

/// Checks that a request was refused because the sign-in is too old.
#[track_caller]
fn expect_sign_in_too_old(response: &Response) {
    response.expect_problem("sign-in-too-old");
    assert_eq!(
        response.header("www-authenticate"),
        Some("Bearer realm=\"recto\", error=\"insufficient_user_authentication\", max_age=600")
    );
}

fn step_up_needs_recent_password(server: &TestServer) {
    create_account(server, "root", Role::Admin);
    let ada = create_account(server, "ada", Role::User);
    let admin_key = json!({"name": "operator", "scopes": ["admin"]});
    ada.post("/auth/keys", &admin_key).expect_problem("forbidden");
    let login = json!({"email": "root@example.org", "password": PASSWORD});
    let signed_in = server.anonymous().post("/auth/login", &login).expect_status(200).clone();
    let root = server.bearer(text(&signed_in, "access_token"));
    let at = |what: &str| format!("/users/{}/{what}", ada.uid);
    root.put(&at("disabled"), &json!({"disabled": false})).expect_status(200);
    root.post("/auth/keys", &admin_key).expect_status(201);

    server.clock().advance(Duration::from_secs(10 * 60 + 1));
    expect_sign_in_too_old(&root.put(&at("role"), &json!({"role": "admin"})));
    expect_sign_in_too_old(&root.put(&at("disabled"), &json!({"disabled": true})));
    expect_sign_in_too_old(&root.post("/auth/keys", &admin_key));
    // Refreshing sends no password.
    let refresh = json!({"refresh_token": text(&signed_in, "refresh_token")});
    let pair = server.anonymous().post("/auth/refresh", &refresh).expect_status(200).clone();
    let root = server.bearer(text(&pair, "access_token"));
    expect_sign_in_too_old(&root.put(&at("role"), &json!({"role": "admin"})));
    // Everything else works.
    root.get("/users").expect_status(200);
    root.post("/auth/keys", &json!({"name": "x", "scopes": ["write"]})).expect_status(201);
    let root = server.sign_in("root@example.org");
    root.put(&at("role"), &json!({"role": "admin"})).expect_status(200);
}

fn administrators_key_needs_scope_admin(server: &TestServer) {
    let root = create_account(server, "root", Role::Admin);
    let ada = create_account(server, "ada", Role::User);
    let book = add_book(&ada, "Emma");
    let path = format!("/books/{}", uid(&book));
    let role = format!("/users/{}/role", ada.uid);
    let account = format!("/users/{}", ada.uid);
    let change = json!({"title": "Persuasion"});
    let script = |scopes: Value| server.bearer(text(&new_key(&root, &scopes), "key"));

    let ordinary = script(json!(["read", "write"]));
    ordinary.patch(&path, &change).expect_problem("forbidden");
    ordinary.delete(&path).expect_problem("forbidden");
    assert_eq!(ordinary.get(&account).expect_status(200).get("email"), None);
    let response = ordinary.put(&role, &json!({"role": "user"}));
    response.expect_problem("forbidden");
    let challenge = response.header("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    // It is still the administrator's own.
    assert_eq!(ordinary.get("/auth/me").expect_status(200)["role"], "admin");

    let operator = script(json!(["admin"]));
    server.clock().advance(Duration::from_hours(1));
    operator.put(&role, &json!({"role": "user"})).expect_status(200);
    operator.get("/audit").expect_status(200);
    operator.patch(&path, &change).expect_problem("forbidden");
    let root = server.sign_in("root@example.org");
    let all = new_key(&root, &json!(["read", "write", "admin"]));
    let all = server.bearer(text(&all, "key"));
    all.patch(&path, &change).expect_status(200);
    assert_eq!(all.get(&account).expect_status(200)["email"], "ada@example.org");
    all.post("/auth/keys", &json!({"name": "x", "scopes": ["admin"]})).expect_problem("forbidden");
}

fn last_use_is_recorded_per_minute(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    let key = new_key(&ada, &json!(["read"]));
    let script = server.bearer(text(&key, "key"));
    let path = format!("/auth/keys/{}", text(&key, "id"));
    let used = || ada.get(&path).expect_status(200)["last_used_at"].clone();
    assert_eq!(used(), Value::Null);
    let recorded_after = |before: Value| {
        for _ in 0..500 {
            script.get("/auth/me").expect_status(200);
            let now = used();
            if now != before {
                return now;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("no use was recorded after {before}");
    };
    let first = recorded_after(Value::Null);
    script.get("/auth/me").expect_status(200);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(used(), first, "the time is not written at each use");
    server.clock().advance(Duration::from_secs(61));
    recorded_after(first);
}

both_servers!(
    key_is_shown_once,
    scopes_limit_a_key,
    key_cannot_manage_the_account,
    expired_and_revoked_keys_are_refused,
    default_key_expires_after_a_year,
    step_up_needs_recent_password,
    administrators_key_needs_scope_admin,
    last_use_is_recorded_per_minute,
);
