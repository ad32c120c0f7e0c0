//! Sign-up, login and access tokens.

use recto_domain::{Clock as _, IdGenerator as _, NewId, UserId};
use recto_identity::secret::Secrets;
use recto_identity::token::Tokens;
use recto_persistence::SystemIds;
use recto_testkit::both_servers;
use recto_testkit::server::{PASSWORD, SECRET, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::{Clients, request_token};
use crate::support::assertions::{Expect as _, all_items, comparable, field_names, text, uid};
use crate::support::fixtures::{add_book, add_review};
use crate::support::operations::operations;

fn sign_up_creates_unverified_account(server: &TestServer) {
    let body = json!({
        "username": "ada", "email": "ada@example.org", "password": PASSWORD, "first_name": "Ada",
    });
    let response = server.anonymous().post("/auth/signup", &body);
    let user = response.expect_status(201);
    let public = ["created_at", "first_name", "last_name", "uid", "updated_at", "username"];
    assert_eq!(field_names(user), public);
    assert_eq!((text(user, "username"), text(user, "first_name")), ("ada", "Ada"));
    assert_eq!(user["last_name"], Value::Null);
    assert!(text(user, "created_at").ends_with('Z'));

    let location = response.header("location").unwrap();
    assert_eq!(location, format!("/api/v1/users/{}", uid(user)));
    assert_eq!(server.get(location).expect_status(200), user);
    let account = server.sign_in("ada@example.org").get(location);
    let account = account.expect_status(200);
    assert_eq!(account["email"], "ada@example.org");
    assert_eq!(account["role"], "user");
    assert_eq!(account["verified"], false);
    assert_eq!(account["disabled"], false);
}

fn names_and_addresses_ignore_case(server: &TestServer) {
    server.sign_up("ada");
    let sign_up = |username: &str, email: &str| {
        let body = json!({"username": username, "email": email, "password": PASSWORD});
        server.anonymous().post("/auth/signup", &body)
    };
    sign_up("ADA", "other@example.org").expect_problem("username-taken");
    sign_up("other", "Ada@Example.ORG").expect_problem("email-taken");
    // Neither refusal wrote a part of the account.
    sign_up("other", "other@example.org").expect_status(201);
}

fn sign_up_reports_all_violations(server: &TestServer) {
    let body = json!({
        "username": "-", "email": "nobody", "password": "short", "first_name": 7, "last_name": "",
        "role": "admin",
    });
    let response = server.anonymous().post("/auth/signup", &body);
    assert_eq!(
        response.violations(),
        ["/email", "/first_name", "/last_name", "/password", "/role", "/username"]
    );
    assert!(!response.text().contains("short"), "the response contains the password");
    let response = server.anonymous().post("/auth/signup", &json!({}));
    assert_eq!(response.violations(), ["/email", "/password", "/username"]);
}

fn login_response_is_not_cacheable(server: &TestServer) {
    let ada = server.sign_up("ada");
    // Addresses are compared without regard to case.
    let body = json!({"email": "ADA@example.org", "password": PASSWORD});
    let response = server.anonymous().post("/auth/login", &body);
    let session = response.expect_status(200);
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(
        field_names(session),
        ["access_token", "expires_in", "refresh_token", "token_type", "user"]
    );
    assert_eq!((&session["token_type"], &session["expires_in"]), (&json!("Bearer"), &json!(900)));
    let user = json!({
        "uid": ada.uid, "username": "ada", "email": "ada@example.org", "role": "user",
    });
    assert_eq!(session["user"], user);
    let me = server.bearer(text(session, "access_token")).get("/auth/me");
    assert_eq!(uid(me.expect_status(200)), ada.uid);
}

fn login_does_not_reveal_accounts(server: &TestServer) {
    server.sign_up("ada");
    let attempts = [
        ("ada@example.org", "not the password"),
        ("eve@example.org", PASSWORD),
        // A password that breaks the rules is refused like any other.
        ("ada@example.org", "x"),
    ];
    let mut responses = Vec::new();
    for (email, password) in attempts {
        let before = server.hashes_done();
        let body = json!({"email": email, "password": password});
        let response = server.anonymous().post("/auth/login", &body);
        response.expect_problem("wrong-credentials");
        responses.push((comparable(&response), server.hashes_done() - before));
    }
    assert_eq!(responses[0].1, 1, "one hash is computed");
    assert_eq!(responses[0], responses[1]);
    assert_eq!(responses[0], responses[2]);
}

fn password_grant_returns_access_token(server: &TestServer) {
    let ada = server.sign_up("ada");
    let password = PASSWORD.replace(' ', "+");
    let body = format!("grant_type=password&username=ada%40example.org&password={password}");
    // TestClient credentials are ignored.
    let requests = [
        (&[][..], ""),
        (&[("authorization", "Basic c3dhZ2dlcjp1aQ==")][..], ""),
        (&[][..], "&client_id=swagger&client_secret=ui&scope="),
    ];
    for (headers, more) in requests {
        let mut headers = headers.to_vec();
        headers.push(("content-type", "application/x-www-form-urlencoded"));
        let form = format!("{body}{more}");
        let anonymous = server.anonymous();
        let response = anonymous.send("POST", "/auth/token", &headers, Some(form.as_bytes()));
        let token = response.expect_status(200);
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(field_names(token), ["access_token", "expires_in", "token_type"]);
        let me = server.bearer(text(token, "access_token")).get("/auth/me");
        assert_eq!(uid(me.expect_status(200)), ada.uid);
    }
}

fn token_errors_follow_oauth(server: &TestServer) {
    server.sign_up("ada");
    let grant = "grant_type=password&username=ada%40example.org";
    let cases = [
        (String::new(), "invalid_request"),
        ("grant_type=password".to_owned(), "invalid_request"),
        (grant.to_owned(), "invalid_request"),
        (format!("{grant}&password="), "invalid_request"),
        ("username=ada%40example.org&password=x".to_owned(), "invalid_request"),
        (format!("{grant}&grant_type=password&password=x"), "invalid_request"),
        ("grant_type=refresh_token&refresh_token=x".to_owned(), "unsupported_grant_type"),
        (format!("{grant}&password=not+it"), "invalid_grant"),
        ("grant_type=password&username=eve&password=x".to_owned(), "invalid_grant"),
        (
            "grant_type=password&username=eve%40example.org&password=not+it".to_owned(),
            "invalid_grant",
        ),
    ];
    for (body, error) in cases {
        let response = request_token(server, &body);
        let problem = response.expect_problem("invalid-grant");
        assert_eq!(problem["error"], error, "{body}");
        assert!(!text(problem, "error_description").is_empty());
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }
    let json = json!({"grant_type": "password", "username": "ada@example.org", "password": "x"});
    server.anonymous().post("/auth/token", &json).expect_problem("unsupported-media-type");
}

fn token_endpoint_does_not_reveal_accounts(server: &TestServer) {
    server.sign_up("ada");
    let mut responses = Vec::new();
    for address in ["ada%40example.org", "eve%40example.org", "nobody"] {
        let before = server.hashes_done();
        let body = format!("grant_type=password&username={address}&password=not+it");
        let response = request_token(server, &body);
        responses.push((comparable(&response), server.hashes_done() - before));
    }
    assert_eq!(responses[0], responses[1]);
    assert_eq!(responses[0], responses[2]);
}

fn me_has_account_books_and_reviews(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    server.get("/auth/me").expect_problem("unauthenticated");
    let me = ada.get("/auth/me");
    let me = me.expect_status(200);
    assert_eq!(uid(me), ada.uid);
    assert_eq!(me["email"], "ada@example.org");
    assert_eq!(me["role"], "user");
    assert_eq!(me["verified"], true);
    assert_eq!(me["disabled"], false);
    assert_eq!((&me["books"], &me["reviews"]), (&json!([]), &json!([])));

    let books: Vec<_> = (0..22).map(|number| add_book(&ada, &format!("Volume {number}"))).collect();
    let review = add_review(&ada, &books[0], 4);
    let me = ada.get("/auth/me");
    let me = me.expect_status(200);
    assert_eq!(me["reviews"], json!([review]));
    let mut shown = me["books"].as_array().unwrap().clone();
    assert_eq!(shown.len(), 20);
    shown.extend(all_items(&anonymous, text(me, "books_next")));
    shown.reverse();
    assert_eq!(shown, books);
}

fn invalid_tokens_are_refused(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let good = ada.token.clone().unwrap();
    let user: UserId = ada.uid.parse().unwrap();
    let issue = |secret: &[u8], new_id: NewId| {
        Tokens::new(&Secrets::new(secret, None).unwrap())
            .issue(user, new_id.at(), new_id.uid())
            .access_token
    };
    let hour = 3_600_000;
    let now = u64::try_from(SystemIds.now().timestamp_millis()).unwrap();
    let expired = issue(SECRET, NewId::new(now - hour, [1; 10]));
    let early = issue(SECRET, NewId::new(now + hour, [1; 10]));
    let forged = issue(b"a secret that the server does not have", SystemIds.new_id());
    let (head, signature) = good.rsplit_once('.').unwrap();
    let flipped = format!("{head}.{}", signature.chars().rev().collect::<String>());
    let unsigned = format!("{head}.");

    let refused = [&expired, &early, &forged, &flipped, &unsigned, "garbage", "a.b.c"];
    let bearer = |token: &str| format!("Bearer {token}");
    let mut values: Vec<String> = refused.iter().map(|token| bearer(token)).collect();
    values.extend(["Basic YWRhOnB3".to_owned(), good.clone(), "Bearer".to_owned(), String::new()]);
    for value in values {
        let authorization = [("authorization", value.as_str())];
        // Where a token is required, and where it is optional.
        for path in ["/auth/me", &format!("/users/{}", ada.uid)] {
            anonymous.send("GET", path, &authorization, None).expect_problem("unauthenticated");
        }
        let response = anonymous.send("POST", "/books", &authorization, Some(b"{}"));
        response.expect_problem("unauthenticated");
    }
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let value = format!("{scheme} {good}");
        anonymous.send("GET", "/auth/me", &[("authorization", &value)], None).expect_status(200);
    }
}

fn deleted_users_token_is_refused(server: &TestServer) {
    let Clients { ada, admin, bob, .. } = Clients::create(server);
    admin.delete(&format!("/users/{}", ada.uid)).expect_status(204);
    ada.get("/auth/me").expect_problem("unauthenticated");
    let body = json!({"title": "Ghosts", "author": "Henrik Ibsen"});
    ada.post("/books", &body).expect_problem("unauthenticated");
    ada.get(&format!("/users/{}", bob.uid)).expect_problem("unauthenticated");
}

fn authentication_precedes_all_other_checks(server: &TestServer) {
    let clients = Clients::create(server);
    for operation in operations(&clients).iter().filter(|one| one.requires_sign_in()) {
        let placeholder =
            |part: &str| if part.starts_with('{') { "not-a-key" } else { part }.to_owned();
        let parts: Vec<_> = operation.template.split('/').map(placeholder).collect();
        for path in [format!("{}?nonsense=1", operation.path), parts.join("/")] {
            let response = clients.anonymous.send(&operation.method, &path, &[], Some(b"not json"));
            response.expect_problem("unauthenticated");
        }
    }
}

fn unverified_reads_and_disabled_does_not(server: &TestServer) {
    let Clients { ada, bob, .. } = Clients::create(server);
    let book = add_book(&bob, "Emma");
    let review = format!("/books/{}/reviews", uid(&book));
    server
        .database()
        .execute("UPDATE accounts SET verified = FALSE WHERE role <> 'admin'")
        .unwrap();
    assert_eq!(ada.get("/auth/me").expect_status(200)["verified"], false);
    ada.get(&format!("/users/{}", bob.uid)).expect_status(200);
    ada.post("/books", &json!({})).expect_problem("forbidden");
    ada.post(&review, &json!({"rating": 9})).expect_problem("forbidden");
    ada.post("/tags", &json!({"name": "Classics"})).expect_problem("forbidden");
    bob.delete(&format!("/books/{}", uid(&book))).expect_problem("forbidden");
    let profile = format!("/users/{}", ada.uid);
    ada.patch(&profile, &json!({"first_name": "Ada"})).expect_problem("forbidden");

    let login = |password: &str| {
        let body = json!({"email": "ada@example.org", "password": password});
        server.anonymous().post("/auth/login", &body)
    };
    login(PASSWORD).expect_status(200);
    server.database().execute("UPDATE accounts SET disabled = TRUE WHERE role <> 'admin'").unwrap();
    for path in ["/auth/me", &profile] {
        ada.get(path).expect_problem("unauthenticated");
    }
    ada.post("/tags", &json!({"name": "Classics"})).expect_problem("unauthenticated");
    let (right, wrong) = (login(PASSWORD), login("not the password"));
    right.expect_problem("wrong-credentials");
    assert_eq!(comparable(&right), comparable(&wrong));
}

both_servers!(
    unverified_reads_and_disabled_does_not,
    sign_up_creates_unverified_account,
    names_and_addresses_ignore_case,
    sign_up_reports_all_violations,
    login_response_is_not_cacheable,
    login_does_not_reveal_accounts,
    password_grant_returns_access_token,
    token_errors_follow_oauth,
    token_endpoint_does_not_reveal_accounts,
    me_has_account_books_and_reviews,
    invalid_tokens_are_refused,
    deleted_users_token_is_refused,
    authentication_precedes_all_other_checks,
);
