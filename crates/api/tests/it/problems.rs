//! Error responses.

use recto_api::ProblemType;
use recto_domain::Code;
use recto_testkit::both_servers;
use recto_testkit::database::Engine;
use recto_testkit::server::{Response, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::Clients;
use crate::support::assertions::{
    Expect as _, assert_healthy, assert_problem, field_names, text, uid,
};
use crate::support::fixtures::{UNKNOWN_UID, add_book, add_review, add_tag, create};
use crate::support::raw_http;
use crate::support::samples::{Samples, entity_types, item_template};

/// Returns the problem as text, without its request id.
fn redacted(response: &Response) -> String {
    assert_problem(response);
    let mut problem = response.json.clone();
    problem["request_id"] = json!("[request id]");
    if let Some(existing) = problem.get_mut("existing") {
        let (path, _) = existing.as_str().unwrap().rsplit_once('/').unwrap();
        *existing = json!(format!("{path}/[uid]"));
    }
    serde_json::to_string_pretty(&problem).unwrap()
}

fn problems_match_their_snapshots(server: &TestServer) {
    let clients = Clients::create(server);
    server.sign_up("cleo");
    let (ada, admin, anonymous) = (&clients.ada, &clients.admin, &clients.anonymous);
    let book = add_book(ada, "Emma");
    add_review(ada, &book, 4);
    add_tag(ada, "Classics");
    create(ada, "/books", &json!({"title": "Shirley", "author": "Brontë"}));
    let authors = server.get("/authors?name=jane+austen");
    let austen = format!("/authors/{}", uid(&authors.expect_items()[0]));
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let json_body = [("content-type", "application/json")];
    let reviews = format!("/books/{}/reviews", uid(&book));
    let review = json!({"rating": 4, "review_text": ""});
    let sign_up = |username: &str, email: &str| {
        let body = json!({"username": username, "email": email, "password": "long enough"});
        anonymous.post("/auth/signup", &body)
    };
    let wrong = json!({"email": "cleo@example.org", "password": "not it"});
    let deletion = json!({"password": "not it", "reviews": "keep"});
    let large = vec![b' '; (1 << 20) + 1];
    let samples = Samples::of(ada);
    let (employee, company) = (samples.path("Employee"), samples.path("Company"));
    let itself = json!({"manager_id": samples.id("Employee")});
    let responses = [
        ("malformed-json", ada.send("POST", "/books", &json_body, Some(b"{\"title\": "))),
        ("invalid-parameter", anonymous.get("/books?autor=austen")),
        ("invalid-grant", anonymous.send("POST", "/auth/token", &form, Some(b"grant_type=x"))),
        ("unauthenticated", anonymous.get("/auth/me")),
        ("wrong-credentials", anonymous.post("/auth/login", &wrong)),
        ("wrong-password", admin.send_json("DELETE", "/auth/me", &deletion)),
        ("forbidden", ada.get("/reviews")),
        ("not-found", anonymous.get(&format!("/books/{UNKNOWN_UID}"))),
        ("method-not-allowed", anonymous.delete("/books")),
        ("not-acceptable", anonymous.send("GET", "/books", &[("accept", "text/html")], None)),
        ("username-taken", sign_up("cleo", "other@example.org")),
        ("email-taken", sign_up("other", "cleo@example.org")),
        ("tag-exists", ada.post("/tags", &json!({"name": "classics"}))),
        ("author-exists", admin.patch(&austen, &json!({"name": "BRONTË"}))),
        ("already-reviewed", ada.post(&reviews, &review)),
        ("reporting-cycle", ada.patch(&employee, &itself)),
        ("still-referenced", admin.delete(&company)),
        ("last-admin", admin.put(&format!("/users/{}/role", admin.uid), &json!({"role": "user"}))),
        (
            "precondition-failed",
            ada.send(
                "PATCH",
                &format!("/books/{}", uid(&book)),
                &[("content-type", "application/json"), ("if-match", "\"0-0000.0\"")],
                Some(b"{\"title\": \"Sanditon\"}"),
            ),
        ),
        ("too-large", ada.send("POST", "/books", &json_body, Some(&large))),
        ("unsupported-media-type", ada.send("POST", "/books", &[], Some(b"{}"))),
        ("invalid-body", ada.post("/books", &json!({"title": "", "autor": "x"}))),
    ];
    for (slug, response) in &responses {
        response.expect_problem(slug);
        let problem = redacted(response)
            .replace(uid(&book), "[book]")
            .replace(&admin.uid, "[admin]")
            .replace(&austen, "/authors/[author]");
        insta::with_settings!({prepend_module_to_snapshot => false, snapshot_path => "snapshots/problems"}, {
            insta::assert_snapshot!(*slug, problem);
        });
    }
    for (slug, response) in &responses {
        let (head, example) = example(&server.get(&format!("/problems/{slug}")));
        assert_eq!(field_names(&example), field_names(&response.json), "{slug}");
        for header in ["www-authenticate", "allow", "retry-after"] {
            let shown = head.lines().any(|line| line.starts_with(&format!("{header}: ")));
            assert_eq!(shown, response.header(header).is_some(), "{slug}: {header}");
        }
    }
    let with_existing: Vec<_> = responses
        .iter()
        .filter(|(_, response)| response.json.get("existing").is_some())
        .map(|(slug, _)| *slug)
        .collect();
    assert_eq!(with_existing, ["tag-exists", "author-exists", "already-reviewed"]);
    // The rest needs malformed HTTP, a later time, quotas, limits or a failing server.
    let provoked: Vec<_> = responses.iter().map(|(slug, _)| *slug).collect();
    let rest: Vec<_> = ProblemType::ALL
        .iter()
        .map(|one| one.slug())
        .filter(|slug| !provoked.contains(slug))
        .collect();
    let not_here = [
        "malformed-request",
        "sign-in-too-old",
        "request-timeout",
        "quota-exceeded",
        "request-in-progress",
        "idempotency-key-reused",
        "too-many-requests",
        "internal",
        "overloaded",
        "timed-out",
        "unavailable",
    ];
    assert_eq!(rest, not_here);
}

fn every_problem_type_has_a_page(server: &TestServer) {
    let list = server.get("/problems/").text();
    for problem_type in ProblemType::ALL {
        let (slug, title) = (problem_type.slug(), problem_type.title());
        assert!(list.contains(&format!("<a href=\"{slug}\">{title}</a>")), "{slug}");
        let page = server.get(&format!("/problems/{slug}"));
        assert_eq!(page.status, 200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(page.text().contains(&format!("<h1>{title}</h1>")), "{}", page.text());
        let (head, example) = example(&page);
        assert_eq!(head.lines().next(), Some(&*format!("HTTP/1.1 {}", problem_type.status())));
        assert_eq!(example["type"], format!("/problems/{slug}"));
        assert_eq!(example["status"], problem_type.status().as_u16());
    }
    for code in Code::ALL {
        assert!(list.contains(&format!("<code>{}</code>", code.as_str())), "{code:?}");
    }
    server.get("/problems/nonsense").expect_problem("not-found");
}

/// Returns the headers and the body of the example on a page.
fn example(page: &Response) -> (String, Value) {
    let html = page.text();
    let (_, example) = html.split_once("<pre class=\"example\"><code>").unwrap();
    let (example, _) = example.split_once("</code></pre>").unwrap();
    let example = example.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">");
    let example = example.replace("&amp;", "&");
    let (head, body) = example.split_once("\n\n").unwrap();
    (head.to_owned(), serde_json::from_str(body).unwrap())
}

fn valid_request_id_is_echoed(server: &TestServer) {
    let first = server.get("/nowhere");
    let second = server.get("/nowhere");
    assert_ne!(
        first.expect_problem("not-found")["request_id"],
        second.expect_problem("not-found")["request_id"]
    );
    assert!(server.get("/livez").header("x-request-id").is_some());
    let id = "7f2a.1c90-0000:002a_x";
    let response = server.anonymous().send("GET", "/nowhere", &[("x-request-id", id)], None);
    assert_eq!(response.expect_problem("not-found")["request_id"], id);
    for invalid in ["a b", "<script>", "\"", &"x".repeat(65)] {
        let response =
            server.anonymous().send("GET", "/nowhere", &[("x-request-id", invalid)], None);
        assert_ne!(response.expect_problem("not-found")["request_id"], invalid);
    }
}

fn unknown_paths_are_not_found(server: &TestServer) {
    Clients::create(server);
    for path in [
        "/nonsense",
        "/books/",
        "//books",
        "/books//reviews",
        "/books/x/y/z",
        "/api/v2/books",
        "/api/v1",
        "/api/v1/",
        "/api",
        "/docsx",
        "/livez/",
        "/readyz/x",
        "/Books",
        "/.",
        "/..",
        "/api/v1/books/%2e%2e/users",
        "/books/%ff",
        "/books/%00",
        "/books/%zz",
        "/books/%",
        "/tags/%F0%9F%92%A5",
        "/users/..%2f..%2fetc%2fpasswd",
        "/reviews/{uid}",
        "/books/*",
    ] {
        let response = server.get(path);
        let problem = response.expect_problem("not-found");
        assert!(server.url(path).ends_with(text(problem, "instance")), "{path}: {problem}");
    }
    for uid in ["x", "0", "-1", "0190b4a0-0000-7000-8000-00000000000", "' OR 1=1 --", "null"] {
        for entity in entity_types().filter(|entity| entity.key == "uid") {
            let path = item_template(entity.name).replace("{uid}", &uid.replace(' ', "%20"));
            server.get(&path).expect_problem("not-found");
        }
    }
    assert_healthy(server);
}

fn wrong_method_error_lists_allowed_methods(server: &TestServer) {
    for (method, path, allow) in [
        ("DELETE", "/books", "GET, HEAD, POST, OPTIONS"),
        ("POST", "/auth/me", "GET, HEAD, PATCH, DELETE, OPTIONS"),
        ("PUT", "/livez", "GET, HEAD, OPTIONS"),
        ("DELETE", "/docs/", "GET, HEAD, OPTIONS"),
        ("POST", "/problems/not-found", "GET, HEAD, OPTIONS"),
        ("BREW", "/books", "GET, HEAD, POST, OPTIONS"),
        ("PROPFIND", "/tags/x", "GET, HEAD, PUT, DELETE, OPTIONS"),
        ("TRACE", "/books", "GET, HEAD, POST, OPTIONS"),
    ] {
        let response = server.anonymous().send(method, path, &[], None);
        response.expect_problem("method-not-allowed");
        assert_eq!(response.header("allow"), Some(allow), "{method} {path}");
    }
    // The response to HEAD has no body.
    let head = server.anonymous().send("HEAD", "/auth/login", &[], None);
    assert_eq!((head.status, head.body.len()), (405, 0));
    assert_eq!(head.header("allow"), Some("POST, OPTIONS"));
    server.anonymous().send("BREW", "/coffee", &[], None).expect_problem("not-found");
}

fn malformed_http_is_refused(server: &TestServer) {
    Clients::create(server);
    let long = "x".repeat(8_000);
    let response = raw_http::send_line(server, "GET", &format!("/api/v1/books?{long}=1")).unwrap();
    assert_eq!(response.query_errors(), [(format!("{}…", "x".repeat(40)).as_str(), "unknown")]);
    assert!(response.body.len() < 1_000, "{response:?}");
    let response = raw_http::send_line(server, "GET", &format!("/api/v1/books/{long}")).unwrap();
    response.expect_problem("not-found");
    raw_http::send_line(server, "GET", "/api/v1/books/%zz").unwrap().expect_problem("not-found");
    raw_http::send_line(server, "GET", "/api/v1/books?author=%zz")
        .unwrap()
        .expect_problem("invalid-parameter");
    raw_http::send_line(server, "GET", "/api/v1/nowhere%").unwrap().expect_problem("not-found");

    // Bytes that are no request get a 4xx or no response, and harm no worker.
    let endless = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(200_000));
    let headers = format!("GET /livez HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(200_000));
    let many = format!("GET /livez HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(500));
    for request in [
        "nonsense\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "\u{0}\u{1}\u{2}\r\n\r\n",
        "GET /\u{0} HTTP/1.1\r\n\r\n",
        &endless,
        &headers,
        &many,
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        "POST /api/v1/auth/login HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-type: application/json\r\n\r\nzz\r\n",
        "POST / HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc",
    ] {
        if let Some(response) = raw_http::send_bytes(server, request.as_bytes()) {
            assert!((400..500).contains(&response.status), "{request:.60}: {response:?}");
        }
    }
    assert_healthy(server);
}

fn non_ascii_headers_are_refused(server: &TestServer) {
    let request = b"GET /api/v1/auth/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer \xff\xfe\r\n\r\n";
    raw_http::send_bytes(server, request).unwrap().expect_problem("unauthenticated");
    let request = b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: \xff\r\ncontent-length: 2\r\n\r\n{}";
    raw_http::send_bytes(server, request).unwrap().expect_problem("unsupported-media-type");
}

fn database_errors_are_not_exposed(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let tables = ["book_tags", "reviews", "books", "tags", "accounts", "users"];
    for table in tables {
        server.database().execute(&format!("ALTER TABLE {table} RENAME TO gone_{table}")).unwrap();
    }
    for path in ["/books", "/tags", "/auth/me"] {
        let response = ada.get(path);
        let problem = response.expect_problem("internal");
        // The cause is only logged.
        for leak in ["books", "table", "relation", "SQL", "sql", "column"] {
            assert!(!text(problem, "detail").contains(leak), "{problem}");
        }
        assert_eq!(problem.get("cause"), None);
    }
    for table in tables {
        server.database().execute(&format!("ALTER TABLE gone_{table} RENAME TO {table}")).unwrap();
    }
    ada.get("/auth/me").expect_status(200);
    assert_eq!(anonymous.get("/books").expect_status(200), &json!({"items": Value::Array(vec![])}));
    assert_healthy(server);
}

fn lost_database_connections_are_replaced(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    if server.database().engine() == Engine::Sqlite {
        return; // SQLite has no connections that can be lost.
    }
    for _ in 0..3 {
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        server.database().execute(others).unwrap();
        // A request on a lost connection may fail with 503.
        for path in ["/books", "/auth/me", "/tags", "/readyz"] {
            let response = ada.get(path);
            match response.status {
                200 => {}
                503 => assert_problem(&response),
                status => panic!("{status}: {response:?}"),
            }
        }
        let written = ada.post("/books", &json!({"title": "Emma", "author": "x"}));
        assert!([201, 503].contains(&written.status), "{written:?}");
        for _ in 0..20 {
            ada.get("/readyz");
        }
        add_book(&ada, "Persuasion");
        ada.get("/books?include=user,tags").expect_status(200);
        assert_healthy(server);
    }
}

both_servers!(
    lost_database_connections_are_replaced,
    problems_match_their_snapshots,
    every_problem_type_has_a_page,
    valid_request_id_is_echoed,
    unknown_paths_are_not_found,
    wrong_method_error_lists_allowed_methods,
    malformed_http_is_refused,
    non_ascii_headers_are_refused,
    database_errors_are_not_exposed,
);
