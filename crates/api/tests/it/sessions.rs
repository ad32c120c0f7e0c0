//! Sessions: how they are kept alive, and what ends them.

use std::time::Duration;

use recto_api::Settings;
use recto_domain::Role;
use recto_testkit::both_servers;
use recto_testkit::server::{Answer, Client, PASSWORD, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::{TestAccount, create_account};
use crate::support::assertions::{Expect as _, text};

const ANOTHER: &str = "another password, quite as long";
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

fn refresh(server: &TestServer, token: &str) -> Answer {
    server.anonymous().post("/auth/refresh", &json!({"refresh_token": token}))
}

/// The next pair for a token: to access with, and to refresh with.
#[track_caller]
fn renewed(server: &TestServer, token: &str) -> (String, String) {
    let answer = refresh(server, token);
    pair(answer.expect_status(200))
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
fn is_alive(server: &TestServer, access: &str) -> bool {
    let status = server.bearer(access).get("/auth/me").status;
    assert!([200, 401].contains(&status), "{status}");
    status == 200
}

fn refreshing_gives_the_next_pair(server: &TestServer) {
    let (access, token) = signed_in(server);
    let (next_access, next_token) = renewed(server, &token);
    assert!(next_token.starts_with("recto_rt_") && next_token != token && next_access != access);
    assert!(is_alive(server, &next_access));
    let (last, _) = renewed(server, &next_token);
    let sessions = server.bearer(&last).get("/auth/sessions");
    let current: Vec<_> =
        sessions.expect_items().iter().filter(|one| one["current"] == true).collect();
    assert_eq!(current.len(), 1);
    assert!(text(current[0], "last_used_at") > text(current[0], "created_at"));
    for token in ["", "recto_rt_", "recto_rt_AAAA", &token.to_lowercase()] {
        let refused = refresh(server, token);
        assert!([401, 422].contains(&refused.status), "{token}");
    }
    assert!(is_alive(server, &last));
}

fn a_token_that_comes_again_ends_the_session(server: &TestServer) {
    let (first, token) = signed_in(server);
    let (second, next) = renewed(server, &token);
    server.clock().advance(Duration::from_secs(31));
    refresh(server, &token).expect_problem("unauthenticated");
    for access in [&first, &second] {
        assert!(!is_alive(server, access));
    }
    refresh(server, &next).expect_problem("unauthenticated");
}

fn mercy_is_had_once_and_in_time(server: &TestServer) {
    let (_, token) = signed_in(server);
    let (lost, lost_token) = renewed(server, &token);
    server.clock().advance(Duration::from_secs(29));
    // The answer did not arrive: once more.
    let (access, next) = renewed(server, &token);
    assert!(!is_alive(server, &lost), "the successor has died");
    assert!(is_alive(server, &access));
    let (access, _) = renewed(server, &next);
    assert!(is_alive(server, &access));
    // Whoever has the answer after all has no business with it.
    refresh(server, &lost_token).expect_problem("unauthenticated");
    assert!(!is_alive(server, &access), "and all of it ends");
}

fn there_is_no_mercy_twice_nor_once_the_next_was_used(server: &TestServer) {
    let (_, token) = signed_in(server);
    renewed(server, &token);
    let (access, _) = renewed(server, &token);
    refresh(server, &token).expect_problem("unauthenticated");
    assert!(!is_alive(server, &access));

    let body = json!({"email": "ada@example.org", "password": PASSWORD});
    let (_, token) = pair(server.anonymous().post("/auth/login", &body).expect_status(200));
    let (_, next) = renewed(server, &token);
    let (access, _) = renewed(server, &next);
    refresh(server, &token).expect_problem("unauthenticated");
    assert!(!is_alive(server, &access));
}

fn two_at_once_leave_one_pair_at_most(server: &TestServer) {
    let database = server.database().open();
    let other = server.another(TestServer::settings());
    for round in 0..6 {
        let ada = TestAccount::create(server, &database, Role::User);
        let token = ada.refresh_token.expose();
        let (one, two) = std::thread::scope(|scope| {
            let one = scope.spawn(|| refresh(server, token));
            // In every other round by way of another copy of the server.
            let two = refresh(if round % 2 == 0 { server } else { &other }, token);
            (one.join().unwrap(), two)
        });
        let pairs: Vec<_> = [&one, &two]
            .into_iter()
            .filter(|one| one.status == 200)
            .map(|one| pair(&one.json))
            .collect();
        assert!(!pairs.is_empty(), "{one:?} {two:?}");
        let alive = pairs.iter().filter(|(access, _)| is_alive(server, access)).count();
        assert_eq!(alive, 1, "{pairs:?}");
        let alive = format!(
            "SELECT '1' AS line FROM token_pairs p JOIN sessions s ON s.uid = p.session_uid \
             JOIN accounts a ON a.user_uid = s.user_uid \
             WHERE a.email = '{}' AND p.spent_at IS NULL AND NOT p.dead",
            ada.email
        );
        assert_eq!(server.database().rows(&alive).len(), 1);
    }
}

fn many_at_once_leave_one_pair_at_most(server: &TestServer) {
    let database = server.database().open();
    for _ in 0..3 {
        let ada = TestAccount::create(server, &database, Role::User);
        let token = ada.refresh_token.expose();
        let answers: Vec<_> = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..5).map(|_| scope.spawn(|| refresh(server, token))).collect();
            tries.into_iter().map(|one| one.join().unwrap()).collect()
        });
        // The third is one too many: whoever has the token, the session is over.
        let good: Vec<_> = answers.iter().filter(|one| one.status == 200).collect();
        assert_eq!(good.len(), 2);
        assert!(good.iter().all(|one| !is_alive(server, &pair(&one.json).0)));
        assert!(!is_alive(server, ada.client.token.as_deref().unwrap()));
    }
}

/// What ends the sessions of `ada`, told by a second one of hers, or by an administrator.
type Ending = fn(&TestServer, &TestAccount<'_>, &Client<'_>);

fn what_ends_a_session_ends_it_at_once_on_every_copy(server: &TestServer) {
    let endings: [(&str, Ending); 7] = [
        ("signing out", |_, ada, _| {
            ada.client.send("POST", "/auth/logout", &[], None).expect_status(204);
        }),
        ("revoking", |_, ada, _| {
            let path = format!("/auth/sessions/{}", ada.session);
            ada.client.delete(&path).expect_status(204);
        }),
        ("another password", |server, ada, _| {
            let body = json!({"current_password": PASSWORD, "new_password": ANOTHER});
            server.sign_in(&ada.email).put("/auth/password", &body).expect_status(204);
        }),
        ("resetting the password", |server, ada, _| {
            let body = json!({
                "token": ada.reset_token.expose(),
                "new_password": ANOTHER,
                "confirm_new_password": ANOTHER,
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
        ("deleting", |_, ada, admin| {
            admin.delete(&format!("/users/{}", ada.client.uid)).expect_status(204);
        }),
        ("leaving", |_, ada, _| {
            let body = json!({"password": PASSWORD, "reviews": "keep"});
            ada.client.send_json("DELETE", "/auth/me", &body).expect_status(204);
        }),
    ];
    let database = server.database().open();
    let copy = server.another(TestServer::settings());
    let admin = create_account(server, "root", Role::Admin);
    for (what, end) in endings {
        let ada = TestAccount::create(server, &database, Role::User);
        let access = ada.client.token.as_deref().unwrap();
        assert!(is_alive(&copy, access), "{what}");
        end(server, &ada, &admin);
        assert!(!is_alive(&copy, access), "{what}");
        assert!(!is_alive(server, access), "{what}");
        copy.bearer(access).post("/books", &json!({})).expect_problem("unauthenticated");
        refresh(&copy, ada.refresh_token.expose()).expect_problem("unauthenticated");
        // Keys go when somebody gets the account back, and stay when only a session ends.
        let by_key = copy.bearer(ada.full_key.1.expose()).get("/auth/me").status;
        let expected =
            if ["disabling", "deleting", "leaving", "resetting the password"].contains(&what) {
                401
            } else {
                200
            };
        assert_eq!(by_key, expected, "{what}");
    }
}

fn whoever_changes_the_password_stays_and_is_enabled_again_without_sessions(server: &TestServer) {
    let database = server.database().open();
    let admin = create_account(server, "root", Role::Admin);
    let ada = TestAccount::create(server, &database, Role::User);
    let body = json!({"current_password": "not it, but long", "new_password": ANOTHER});
    ada.client.put("/auth/password", &body).expect_problem("wrong-password");
    let body = json!({"current_password": PASSWORD, "new_password": ANOTHER});
    ada.client.put("/auth/password", &body).expect_status(204);
    ada.client.get("/auth/me").expect_status(200);
    // A link that was asked for before is void.
    let body = json!({
        "token": ada.reset_token.expose(), "new_password": PASSWORD, "confirm_new_password": PASSWORD,
    });
    server.anonymous().post("/auth/password-reset-confirm", &body).expect_problem("not-found");

    let path = format!("/users/{}/disabled", ada.client.uid);
    admin.put(&path, &json!({"disabled": true})).expect_status(200);
    admin.put(&path, &json!({"disabled": false})).expect_status(200);
    ada.client.get("/auth/me").expect_problem("unauthenticated");
    ada.client_with(&ada.full_key).get("/auth/me").expect_status(200);
}

fn a_demotion_takes_effect_on_every_copy(server: &TestServer) {
    let database = server.database().open();
    let copy = server.another(TestServer::settings());
    let admin = create_account(server, "root", Role::Admin);
    let eve = TestAccount::create(server, &database, Role::Admin);
    let tokens = [eve.client.token.as_deref().unwrap(), eve.read_key.1.expose()];
    for token in tokens {
        copy.bearer(token).get("/reviews").expect_status(200);
    }
    admin
        .put(&format!("/users/{}/role", eve.client.uid), &json!({"role": "user"}))
        .expect_status(200);
    for token in tokens {
        copy.bearer(token).get("/reviews").expect_problem("forbidden");
    }
}

fn a_new_secret_signs_nobody_out(server: &TestServer) {
    let (access, token) = signed_in(server);
    let new = b"another secret, which has replaced the first".to_vec();
    let both = Settings { previous_secret: Some(server_secret()), ..with_secret(&new) };
    let rotated = server.another(both);
    assert!(is_alive(&rotated, &access));
    let (access, token) = renewed(&rotated, &token);
    assert!(is_alive(&rotated, &access));
    assert!(!is_alive(server, &access), "the old copy does not know the new secret");
    let without = server.another(with_secret(&new));
    assert!(is_alive(&without, &access));
    renewed(&without, &token);
}

fn with_secret(secret: &[u8]) -> Settings {
    Settings { secret: secret.to_vec(), ..TestServer::settings() }
}

fn server_secret() -> Vec<u8> {
    recto_testkit::server::SECRET.to_vec()
}

fn tokens_and_sessions_end_in_time(server: &TestServer) {
    let (access, mut token) = signed_in(server);
    server.clock().advance(14 * MINUTE);
    assert!(is_alive(server, &access));
    server.clock().advance(MINUTE + MINUTE);
    assert!(!is_alive(server, &access));
    // Whoever comes in time stays, but not for ever.
    for _ in 0..3 {
        server.clock().advance(29 * DAY);
        token = renewed(server, &token).1;
    }
    server.clock().advance(4 * DAY);
    refresh(server, &token).expect_problem("unauthenticated");

    let body = json!({"email": "ada@example.org", "password": PASSWORD});
    let (_, token) = pair(server.anonymous().post("/auth/login", &body).expect_status(200));
    server.clock().advance(30 * DAY + MINUTE);
    refresh(server, &token).expect_problem("unauthenticated");
}

fn the_password_grant_opens_a_session_that_ends_with_its_token(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    let form = format!(
        "grant_type=password&username=ada%40example.org&password={}",
        PASSWORD.replace(' ', "+")
    );
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = server.anonymous().send("POST", "/auth/token", &headers, Some(form.as_bytes()));
    let access = text(answer.expect_status(200), "access_token").to_owned();
    assert!(answer.json.get("refresh_token").is_none());
    let count = |client: &Client<'_>| client.get("/auth/sessions").expect_items().len();
    assert_eq!(count(&ada), 2);
    server.clock().advance(16 * MINUTE);
    assert!(!is_alive(server, &access));
    assert_eq!(count(&server.sign_in("ada@example.org")), 2, "the fixture's, and the new one");
}

both_servers!(
    refreshing_gives_the_next_pair,
    a_token_that_comes_again_ends_the_session,
    mercy_is_had_once_and_in_time,
    there_is_no_mercy_twice_nor_once_the_next_was_used,
    two_at_once_leave_one_pair_at_most,
    many_at_once_leave_one_pair_at_most,
    what_ends_a_session_ends_it_at_once_on_every_copy,
    whoever_changes_the_password_stays_and_is_enabled_again_without_sessions,
    a_demotion_takes_effect_on_every_copy,
    a_new_secret_signs_nobody_out,
    tokens_and_sessions_end_in_time,
    the_password_grant_opens_a_session_that_ends_with_its_token,
);
