//! Sessions: refreshing them, and everything that ends them.

use std::time::Duration;

use recto_api::Settings;
use recto_domain::Role;
use recto_testkit::both_servers;
use recto_testkit::server::{PASSWORD, Response, TestClient, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::{OTHER_PASSWORD, TestAccount, create_account, request_token};
use crate::support::assertions::{Expect as _, text};

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

fn refresh(server: &TestServer, token: &str) -> Response {
    server.anonymous().post("/auth/refresh", &json!({"refresh_token": token}))
}

/// Refreshes, and returns the new access token and the new refresh token.
#[track_caller]
fn refreshed(server: &TestServer, token: &str) -> (String, String) {
    let response = refresh(server, token);
    pair(response.expect_status(200))
}

fn pair(session: &Value) -> (String, String) {
    (text(session, "access_token").to_owned(), text(session, "refresh_token").to_owned())
}

fn signed_in(server: &TestServer) -> (String, String) {
    create_account(server, "ada", Role::User);
    let body = json!({"email": "ada@example.org", "password": PASSWORD});
    pair(server.anonymous().post("/auth/login", &body).expect_status(200))
}

#[track_caller]
fn is_accepted(server: &TestServer, access: &str) -> bool {
    let status = server.bearer(access).get("/auth/me").status;
    assert!([200, 401].contains(&status), "{status}");
    status == 200
}

fn refresh_returns_a_new_pair(server: &TestServer) {
    let (access, token) = signed_in(server);
    let (next_access, next_token) = refreshed(server, &token);
    assert!(next_token.starts_with("recto_rt_") && next_token != token && next_access != access);
    assert!(is_accepted(server, &next_access));
    let (last, _) = refreshed(server, &next_token);
    let sessions = server.bearer(&last).get("/auth/sessions");
    let current: Vec<_> =
        sessions.expect_items().iter().filter(|one| one["current"] == true).collect();
    assert_eq!(current.len(), 1);
    assert!(text(current[0], "last_used_at") > text(current[0], "created_at"));
    for token in ["", "recto_rt_", "recto_rt_AAAA", &token.to_lowercase()] {
        let refused = refresh(server, token);
        assert!([401, 422].contains(&refused.status), "{token}");
    }
    assert!(is_accepted(server, &last));
}

fn reused_refresh_token_ends_session(server: &TestServer) {
    let (first, token) = signed_in(server);
    let (second, next) = refreshed(server, &token);
    server.clock().advance(Duration::from_secs(31));
    refresh(server, &token).expect_problem("unauthenticated");
    for access in [&first, &second] {
        assert!(!is_accepted(server, access));
    }
    refresh(server, &next).expect_problem("unauthenticated");
}

fn refreshes_of_session_are_limited(server: &TestServer) {
    let (_, token) = signed_in(server);
    server.database().execute("UPDATE token_pairs SET generation = 501").unwrap();
    let refused = refresh(server, &token);
    refused.expect_problem("too-many-requests");
    let seconds: i64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    server.clock().advance(Duration::from_mins(1));
    refreshed(server, &token);
}

fn retry_in_grace_period_succeeds_once(server: &TestServer) {
    let (_, token) = signed_in(server);
    let (lost, lost_token) = refreshed(server, &token);
    server.clock().advance(Duration::from_secs(29));
    // The client did not receive the response and retries.
    let (access, next) = refreshed(server, &token);
    assert!(!is_accepted(server, &lost), "the retry has revoked the first successor");
    assert!(is_accepted(server, &access));
    let (access, _) = refreshed(server, &next);
    assert!(is_accepted(server, &access));
    // The token of the lost response counts as stolen.
    refresh(server, &lost_token).expect_problem("unauthenticated");
    assert!(!is_accepted(server, &access), "the session has ended");
}

fn further_retries_end_the_session(server: &TestServer) {
    let (_, token) = signed_in(server);
    refreshed(server, &token);
    let (access, _) = refreshed(server, &token);
    refresh(server, &token).expect_problem("unauthenticated");
    assert!(!is_accepted(server, &access));

    let body = json!({"email": "ada@example.org", "password": PASSWORD});
    let (_, token) = pair(server.anonymous().post("/auth/login", &body).expect_status(200));
    let (_, next) = refreshed(server, &token);
    let (access, _) = refreshed(server, &next);
    refresh(server, &token).expect_problem("unauthenticated");
    assert!(!is_accepted(server, &access));
}

fn two_refreshes_leave_one_active_pair(server: &TestServer) {
    let database = server.database().open();
    let other = server.another(TestServer::settings());
    for round in 0..6 {
        let ada = TestAccount::create(server, &database, Role::User);
        let token = ada.refresh_token.expose();
        let (one, two) = std::thread::scope(|scope| {
            let one = scope.spawn(|| refresh(server, token));
            // Every other round uses a second server.
            let two = refresh(if round % 2 == 0 { server } else { &other }, token);
            (one.join().unwrap(), two)
        });
        let pairs: Vec<_> = [&one, &two]
            .into_iter()
            .filter(|one| one.status == 200)
            .map(|one| pair(&one.json))
            .collect();
        assert!(!pairs.is_empty(), "{one:?} {two:?}");
        let active = pairs.iter().filter(|(access, _)| is_accepted(server, access)).count();
        assert_eq!(active, 1, "{pairs:?}");
        let active = format!(
            "SELECT '1' AS line FROM token_pairs p JOIN sessions s ON s.uid = p.session_uid \
             JOIN accounts a ON a.user_uid = s.user_uid \
             WHERE a.email = '{}' AND p.refresh_hash IS NOT NULL AND p.used_at IS NULL \
             AND NOT p.revoked",
            ada.email
        );
        assert_eq!(server.database().rows(&active).len(), 1);
    }
}

fn many_concurrent_refreshes_end_session(server: &TestServer) {
    let database = server.database().open();
    for _ in 0..3 {
        let ada = TestAccount::create(server, &database, Role::User);
        let token = ada.refresh_token.expose();
        let responses: Vec<_> = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..5).map(|_| scope.spawn(|| refresh(server, token))).collect();
            tries.into_iter().map(|one| one.join().unwrap()).collect()
        });
        // The third refresh counts as theft and ends the session.
        let good: Vec<_> = responses.iter().filter(|one| one.status == 200).collect();
        assert_eq!(good.len(), 2);
        assert!(good.iter().all(|one| !is_accepted(server, &pair(&one.json).0)));
        assert!(!is_accepted(server, ada.client.token.as_deref().unwrap()));
    }
}

/// Ends the session of the account.
type Ending = fn(server: &TestServer, ada: &TestAccount<'_>, admin: &TestClient<'_>);

fn ended_session_ends_on_every_server(server: &TestServer) {
    let endings: [(&str, Ending); 7] = [
        ("sign-out", |_, ada, _| {
            ada.client.send("POST", "/auth/logout", &[], None).expect_status(204);
        }),
        ("revocation", |_, ada, _| {
            let path = format!("/auth/sessions/{}", ada.session);
            ada.client.delete(&path).expect_status(204);
        }),
        ("password change", |server, ada, _| {
            let body = json!({"current_password": PASSWORD, "new_password": OTHER_PASSWORD});
            server.sign_in(&ada.email).put("/auth/password", &body).expect_status(204);
        }),
        ("password reset", |server, ada, _| {
            let body = json!({
                "token": ada.reset_token.expose(),
                "new_password": OTHER_PASSWORD,
                "confirm_new_password": OTHER_PASSWORD,
            });
            server.anonymous().post("/auth/password-reset-confirm", &body).expect_status(204);
        }),
        ("disabling", |_, ada, admin| {
            let path = format!("/users/{}/disabled", ada.client.uid);
            assert_eq!(
                admin.put(&path, &json!({"disabled": true})).expect_status(200)["disabled"],
                true
            );
        }),
        ("deletion by an administrator", |_, ada, admin| {
            admin.delete(&format!("/users/{}", ada.client.uid)).expect_status(204);
        }),
        ("deletion", |_, ada, _| {
            let body = json!({"password": PASSWORD, "reviews": "keep"});
            ada.client.send_json("DELETE", "/auth/me", &body).expect_status(204);
        }),
    ];
    let database = server.database().open();
    let other = server.another(TestServer::settings());
    let admin = create_account(server, "root", Role::Admin);
    for (what, end) in endings {
        let ada = TestAccount::create(server, &database, Role::User);
        let access = ada.client.token.as_deref().unwrap();
        assert!(is_accepted(&other, access), "{what}");
        end(server, &ada, &admin);
        assert!(!is_accepted(&other, access), "{what}");
        assert!(!is_accepted(server, access), "{what}");
        other.bearer(access).post("/books", &json!({})).expect_problem("unauthenticated");
        refresh(&other, ada.refresh_token.expose()).expect_problem("unauthenticated");
        let by_key = other.bearer(ada.full_key.1.expose()).get("/auth/me").status;
        // The others leave the API keys valid.
        let blocks_keys =
            ["password reset", "disabling", "deletion by an administrator", "deletion"];
        let expected = if blocks_keys.contains(&what) { 401 } else { 200 };
        assert_eq!(by_key, expected, "{what}");
    }
}

fn password_change_ends_other_sessions(server: &TestServer) {
    let database = server.database().open();
    let ada = TestAccount::create(server, &database, Role::User);
    let body = json!({"current_password": "not it, but long", "new_password": OTHER_PASSWORD});
    ada.client.put("/auth/password", &body).expect_problem("wrong-password");
    let body = json!({"current_password": PASSWORD, "new_password": OTHER_PASSWORD});
    let other = server.sign_in(&ada.email);
    ada.client.put("/auth/password", &body).expect_status(204);
    ada.client.get("/auth/me").expect_status(200);
    other.get("/auth/me").expect_problem("unauthenticated");
    // Links that were requested before are revoked.
    let body = json!({
        "token": ada.reset_token.expose(), "new_password": PASSWORD, "confirm_new_password": PASSWORD,
    });
    server.anonymous().post("/auth/password-reset-confirm", &body).expect_problem("not-found");
}

fn enabling_does_not_restore_sessions(server: &TestServer) {
    let database = server.database().open();
    let admin = create_account(server, "root", Role::Admin);
    let ada = TestAccount::create(server, &database, Role::User);
    let path = format!("/users/{}/disabled", ada.client.uid);
    admin.put(&path, &json!({"disabled": true})).expect_status(200);
    admin.put(&path, &json!({"disabled": false})).expect_status(200);
    ada.client.get("/auth/me").expect_problem("unauthenticated");
    ada.client_with(&ada.full_key).get("/auth/me").expect_status(200);
}

fn demotion_applies_on_every_server(server: &TestServer) {
    let database = server.database().open();
    let other = server.another(TestServer::settings());
    let admin = create_account(server, "root", Role::Admin);
    let eve = TestAccount::create(server, &database, Role::Admin);
    let tokens = [eve.client.token.as_deref().unwrap(), eve.full_key.1.expose()];
    for token in tokens {
        other.bearer(token).get("/reviews").expect_status(200);
    }
    admin
        .put(&format!("/users/{}/role", eve.client.uid), &json!({"role": "user"}))
        .expect_status(200);
    for token in tokens {
        other.bearer(token).get("/reviews").expect_problem("forbidden");
    }
}

fn secret_rotation_keeps_sessions(server: &TestServer) {
    let (access, token) = signed_in(server);
    let new = b"another secret, which has replaced the first".to_vec();
    let both = Settings { previous_secret: Some(server_secret()), ..with_secret(&new) };
    let rotated = server.another(both);
    assert!(is_accepted(&rotated, &access));
    let (access, token) = refreshed(&rotated, &token);
    assert!(is_accepted(&rotated, &access));
    assert!(!is_accepted(server, &access), "the old server does not have the new secret");
    let without = server.another(with_secret(&new));
    assert!(is_accepted(&without, &access));
    refreshed(&without, &token);
}

fn with_secret(secret: &[u8]) -> Settings {
    Settings { secret: secret.to_vec(), ..TestServer::settings() }
}

fn server_secret() -> Vec<u8> {
    recto_testkit::server::SECRET.to_vec()
}

fn tokens_and_sessions_expire(server: &TestServer) {
    let (access, mut token) = signed_in(server);
    server.clock().advance(14 * MINUTE);
    assert!(is_accepted(server, &access));
    server.clock().advance(MINUTE + MINUTE);
    assert!(!is_accepted(server, &access));
    // Refreshing extends a session to 90 days at most.
    for _ in 0..3 {
        server.clock().advance(29 * DAY);
        token = refreshed(server, &token).1;
    }
    server.clock().advance(4 * DAY);
    refresh(server, &token).expect_problem("unauthenticated");

    let body = json!({"email": "ada@example.org", "password": PASSWORD});
    let (_, token) = pair(server.anonymous().post("/auth/login", &body).expect_status(200));
    server.clock().advance(30 * DAY + MINUTE);
    refresh(server, &token).expect_problem("unauthenticated");
}

fn password_grant_session_expires_with_token(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    let form = format!(
        "grant_type=password&username=ada%40example.org&password={}",
        PASSWORD.replace(' ', "+")
    );
    let response = request_token(server, &form);
    let access = text(response.expect_status(200), "access_token").to_owned();
    assert!(response.json.get("refresh_token").is_none());
    let count = |client: &TestClient<'_>| client.get("/auth/sessions").expect_items().len();
    assert_eq!(count(&ada), 2);
    server.clock().advance(16 * MINUTE);
    assert!(!is_accepted(server, &access));
    assert_eq!(count(&server.sign_in("ada@example.org")), 2, "those of create_account and sign_in");
}

both_servers!(
    refresh_returns_a_new_pair,
    reused_refresh_token_ends_session,
    refreshes_of_session_are_limited,
    retry_in_grace_period_succeeds_once,
    further_retries_end_the_session,
    two_refreshes_leave_one_active_pair,
    many_concurrent_refreshes_end_session,
    ended_session_ends_on_every_server,
    password_change_ends_other_sessions,
    enabling_does_not_restore_sessions,
    demotion_applies_on_every_server,
    secret_rotation_keeps_sessions,
    tokens_and_sessions_expire,
    password_grant_session_expires_with_token,
);
