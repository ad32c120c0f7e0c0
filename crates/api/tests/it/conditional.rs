//! Versions, entity tags and conditional requests.

use recto_domain::Role;
use recto_relations::Cardinality;
use recto_testkit::both_servers;
use recto_testkit::server::{PASSWORD, Response, TestClient, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::{Clients, OTHER_PASSWORD, create_account};
use crate::support::assertions::{Expect as _, uid};
use crate::support::fixtures::{UNKNOWN_UID, add_book, add_review, add_tag, tag_book, tags_body};
use crate::support::mailbox::wait_for_mail;
use crate::support::raw_http;
use crate::support::samples::{Samples, entity_types, item_template};

both_servers!(
    tag_follows_the_response,
    known_responses_are_not_sent_again,
    each_change_increments_the_version,
    other_changes_leave_the_version,
    deleted_owner_increments_versions,
    account_changes_increment_the_version,
    stale_changes_are_refused,
    stale_links_and_deletes_are_refused,
    precondition_has_its_place,
    odd_conditions_are_answered,
    enrolments_ignore_conditions,
    head_and_options_are_answered,
);

/// The entity tag of a response.
#[track_caller]
fn tag(response: &Response) -> String {
    response.header("etag").unwrap_or_else(|| panic!("no tag: {response:?}")).to_owned()
}

/// The version part of the entity tag of a response.
#[track_caller]
fn version(response: &Response) -> String {
    let tag = tag(response);
    let (version, hash) = tag.trim_matches('"').split_once('.').unwrap();
    assert_eq!(hash.len(), 16, "{tag}");
    version.to_owned()
}

/// Sends JSON under a condition.
fn send_if(
    client: &TestClient<'_>,
    method: &str,
    path: &str,
    tags: &str,
    body: &Value,
) -> Response {
    let headers = [("content-type", "application/json"), ("if-match", tags)];
    client.send(method, path, &headers, Some(body.to_string().as_bytes()))
}

fn delete_if(client: &TestClient<'_>, path: &str, tags: &str) -> Response {
    client.send("DELETE", path, &[("if-match", tags)], None)
}

/// The body that changes a sample of each entity.
fn patch_of(entity: &str) -> Option<Value> {
    Some(match entity {
        "User" => json!({"first_name": "Augusta"}),
        "Book" | "Post" | "Course" => json!({"title": "Another"}),
        "Review" => json!({"rating": 1}),
        "Comment" => json!({"text": "Another"}),
        "Student" | "Company" | "Department" | "Employee" => json!({"name": "Another"}),
        "Tag" | "Author" => return None,
        other => panic!("no body of {other}"),
    })
}

fn tag_follows_the_response(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let samples = Samples::of(&ada);
    for entity in entity_types() {
        let path = samples.fill(&item_template(entity.name));
        let plain = ada.get(&path);
        let mut queries = vec![String::new()];
        for relation in entity.relations() {
            queries.push(format!("?include={}", relation.name));
            if relation.cardinality == Cardinality::Many {
                queries.push(format!("?count={}", relation.name));
            }
        }
        for query in queries {
            let path = format!("{path}{query}");
            let (first, second) = (ada.get(&path), ada.get(&path));
            assert_eq!(tag(&first), tag(&second), "{path}");
            assert_eq!(version(&first), version(&plain), "{path}");
            assert_eq!(first.body == plain.body, tag(&first) == tag(&plain), "{path}");
        }
    }
}

fn known_responses_are_not_sent_again(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let book = format!("/books/{}", uid(&add_book(&ada, "Emma")));
    for path in [book.as_str(), "/books?limit=1", "/authors"] {
        let known = tag(&anonymous.get(path));
        let unchanged = anonymous.send("GET", path, &[("if-none-match", &known)], None);
        assert_eq!((unchanged.status, unchanged.body.as_slice()), (304, &[][..]), "{path}");
        assert_eq!(tag(&unchanged), known);
        assert_eq!(unchanged.header("cache-control"), Some("no-cache"));
        assert_eq!(unchanged.header("content-type"), None);
        let weak = format!("\"x\", W/{known}");
        assert_eq!(anonymous.send("GET", path, &[("if-none-match", &weak)], None).status, 304);
    }
    let known = tag(&anonymous.get(&book));
    let changed = ada.patch(&book, &json!({"page_count": 474}));
    let fresh = anonymous.send("GET", &book, &[("if-none-match", &known)], None);
    fresh.expect_status(200);
    assert_eq!(tag(&fresh), tag(&changed), "the response to a change is that of the next GET");
    // All of the entity tag counts: the version alone is not the response.
    let with_reviews = anonymous.get(&format!("{book}?include=reviews"));
    let condition = [("if-none-match", tag(&with_reviews))];
    let condition = condition.each_ref().map(|(name, tag)| (*name, tag.as_str()));
    anonymous.send("GET", &book, &condition, None).expect_status(200);
    anonymous
        .send("GET", &format!("/books/{UNKNOWN_UID}"), &[("if-none-match", "*")], None)
        .expect_problem("not-found");
}

fn each_change_increments_the_version(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let samples = Samples::of(&ada);
    for entity in entity_types() {
        let Some(body) = patch_of(entity.name) else { continue };
        let path = samples.fill(&item_template(entity.name));
        let before = ada.get(&path);
        let changed = ada.patch(&path, &body);
        changed.expect_status(200);
        assert_ne!(version(&changed), version(&before), "{path}");
        assert_eq!(tag(&ada.get(&path)), tag(&changed), "{path}");
        // A body that changes nothing.
        assert_eq!(tag(&ada.patch(&path, &body)), tag(&changed), "{path}");
    }
    let book = add_book(&ada, "Emma");
    let path = format!("/books/{}", uid(&book));
    let tag = format!("{path}/tags/{}", uid(&add_tag(&ada, "novel")));
    let contributors =
        |role: &str| json!({"contributors": [{"name": "Jane Austen", "role": role}]});
    let contributors_path = format!("{path}/contributors");
    let increments = |change: &dyn Fn() -> Response| {
        let before = version(&ada.get(&path));
        let status = change().status;
        assert!(status == 200 || status == 204, "{status}");
        version(&ada.get(&path)) != before
    };
    let add = || ada.post(&format!("{path}/tags"), &tags_body(&["classics"]));
    let set = || ada.put(&format!("{path}/tags"), &tags_body(&["classics", "irony"]));
    let set_one = || ada.send("PUT", &tag, &[], None);
    let remove_one = || ada.delete(&tag);
    let author = || ada.put(&contributors_path, &contributors("author"));
    let editor = || ada.put(&contributors_path, &contributors("editor"));
    for change in [&add as &dyn Fn() -> Response, &set, &set_one, &remove_one, &editor, &author] {
        assert!(increments(change));
        assert!(!increments(change), "the second time it changes nothing");
    }
}

fn other_changes_leave_the_version(server: &TestServer) {
    let Clients { ada, bob, admin, .. } = Clients::create(server);
    let book = add_book(&ada, "Emma");
    let path = format!("/books/{}", uid(&book));
    let tagged = tag_book(&ada, &book, &["classics", "irony"]);
    let tag_path = |index: usize| format!("/tags/{}", uid(&tagged["tags"][index]));
    let before = version(&ada.get(&path));
    let shown = tag(&ada.get(&format!("{path}?include=tags")));
    admin.put(&tag_path(0), &json!({"name": "old books"})).expect_status(200);
    assert_ne!(tag(&ada.get(&format!("{path}?include=tags"))), shown, "the response changed");
    admin.delete(&tag_path(1)).expect_status(204);
    add_review(&bob, &book, 4);
    assert_eq!(version(&ada.get(&path)), before);
}

fn deleted_owner_increments_versions(server: &TestServer) {
    let Clients { ada, admin, .. } = Clients::create(server);
    let cleo = create_account(server, "cleo", Role::User);
    let book = add_book(&cleo, "Emma");
    let review = add_review(&cleo, &add_book(&ada, "Persuasion"), 4);
    let book = format!("/books/{}", uid(&book));
    let review = format!("/reviews/{}", uid(&review));
    let before = [&book, &review].map(|path| version(&admin.get(path)));
    admin.delete(&format!("/users/{}", cleo.uid)).expect_status(204);
    for (path, before) in [&book, &review].into_iter().zip(before) {
        assert_ne!(version(&admin.get(path)), before, "{path}");
    }
    // The manager of an employee.
    let samples = Samples::of(&ada);
    let employee = samples.fill("/org/employees/{id}");
    let report = format!("/org/employees/{}", samples.key("Report"));
    let before = version(&ada.get(&report));
    admin.delete(&employee).expect_status(204);
    assert_ne!(version(&ada.get(&report)), before);
}

/// The account is shown with the user to administrators.
fn account_changes_increment_the_version(server: &TestServer) {
    let Clients { admin, .. } = Clients::create(server);
    let cleo = server.sign_up_unverified("cleo");
    let user = format!("/users/{}", cleo.uid);
    let increments = |change: &dyn Fn() -> Response| {
        let before = tag(&admin.get(&user));
        assert!([200, 204].contains(&change().status));
        let (disabled, off) = (format!("{user}/disabled"), json!({"disabled": false}));
        let stale = send_if(&admin, "PUT", &disabled, &before, &off);
        if stale.status == 200 {
            return false;
        }
        stale.expect_problem("precondition-failed");
        true
    };
    let post = |path: &str, body: Value| server.anonymous().post(path, &body);
    let link = wait_for_mail(server, "cleo@example.org", 1).token();
    let verify = || post("/auth/verify", json!({"token": link, "password": PASSWORD}));
    assert!(increments(&verify));
    let email = "new@example.org";
    let request = json!({"password": PASSWORD, "new_email": email});
    assert_eq!(cleo.put("/auth/email", &request).status, 202);
    let link = wait_for_mail(server, email, 1).token();
    assert!(increments(&|| post("/auth/email-confirm", json!({"token": link}))));
    let reset = |mails: usize| {
        post("/auth/password-reset-request", json!({ "email": email }));
        let (token, new) = (wait_for_mail(server, email, mails).token(), OTHER_PASSWORD);
        let body = json!({"token": token, "new_password": new, "confirm_new_password": new});
        post("/auth/password-reset-confirm", body)
    };
    assert!(!increments(&|| reset(2)), "a password is not shown");
    wait_for_mail(server, email, 3);
    // The link of a reset also verifies the address.
    let unverify = "UPDATE accounts SET verified = FALSE WHERE role = 'user'";
    server.database().execute(unverify).unwrap();
    assert!(increments(&|| reset(4)));
}

fn stale_changes_are_refused(server: &TestServer) {
    let Clients { ada, admin, bob, .. } = Clients::create(server);
    let samples = Samples::of(&ada);
    for entity in entity_types() {
        let path = samples.fill(&item_template(entity.name));
        let Some(body) = patch_of(entity.name) else { continue };
        let before = tag(&ada.get(&path));
        let changed = send_if(&ada, "PATCH", &path, &before, &body);
        changed.expect_status(200);
        let stale = send_if(&ada, "PATCH", &path, &before, &body);
        stale.expect_problem("precondition-failed");
        assert_eq!(tag(&ada.get(&path)), tag(&changed), "nothing changed: {path}");
        // A tag of any response about the entity will do.
        let relation = entity.relations().next().unwrap().name;
        let other = tag(&ada.get(&format!("{path}?include={relation}")));
        let both = format!("{before}, {other}");
        send_if(&ada, "PATCH", &path, &both, &body).expect_status(200);
        send_if(&ada, "PATCH", &path, "*", &body).expect_status(200);
        delete_if(&admin, &path, &before).expect_problem("precondition-failed");
    }
    // Below a book it is the book's version, and at an account the user's.
    let book = format!("/books/{}", uid(&add_book(&ada, "Emma")));
    let before = tag(&ada.get(&book));
    let tags = format!("{book}/tags");
    send_if(&ada, "PUT", &tags, &before, &tags_body(&["classics"])).expect_status(200);
    send_if(&ada, "PUT", &tags, &before, &tags_body(&[])).expect_problem("precondition-failed");
    let contributors = json!({"contributors": [{"name": "Jane Austen", "role": "author"}]});
    send_if(&ada, "PUT", &format!("{book}/contributors"), &before, &contributors)
        .expect_problem("precondition-failed");
    let user = format!("/users/{}", ada.uid);
    let current = tag(&ada.get(&user));
    let (disabled, off) = (format!("{user}/disabled"), json!({"disabled": false}));
    send_if(&admin, "PUT", &disabled, &current, &off).expect_status(200);
    send_if(&admin, "PUT", &disabled, &before, &off).expect_problem("precondition-failed");
    // Another administrator has decided already.
    let user = format!("/users/{}", bob.uid);
    let put = |path: &str, tag: &str, body: Value| {
        send_if(&admin, "PUT", &format!("{user}/{path}"), tag, &body)
    };
    let first = tag(&bob.get(&user));
    let promoted = tag(&put("role", &first, json!({"role": "admin"})));
    put("role", &first, json!({"role": "user"})).expect_problem("precondition-failed");
    put("disabled", &first, json!({"disabled": true})).expect_problem("precondition-failed");
    put("disabled", &promoted, json!({"disabled": true})).expect_status(200);
    put("disabled", &promoted, json!({"disabled": false})).expect_problem("precondition-failed");
    let tag_path = format!("/tags/{}", uid(&add_tag(&ada, "novel")));
    let before = tag(&ada.get(&tag_path));
    let rename = json!({"name": "novels"});
    send_if(&ada, "PUT", &tag_path, &before, &rename).expect_status(200);
    send_if(&ada, "PUT", &tag_path, &before, &rename).expect_problem("precondition-failed");
    delete_if(&admin, &tag_path, &before).expect_problem("precondition-failed");
    let current = tag(&ada.get(&tag_path));
    delete_if(&admin, &tag_path, &current).expect_status(204);
    delete_if(&admin, &tag_path, &current).expect_problem("not-found");
}

fn stale_links_and_deletes_are_refused(server: &TestServer) {
    let Clients { ada, admin, .. } = Clients::create(server);
    let book = format!("/books/{}", uid(&add_book(&ada, "Emma")));
    let tag_path = format!("{book}/tags/{}", uid(&add_tag(&ada, "novel")));
    for method in ["PUT", "DELETE"] {
        let before = tag(&ada.get(&book));
        let change = |tags: &str| ada.send(method, &tag_path, &[("if-match", tags)], None);
        change(&before).expect_status(204);
        change(&before).expect_problem("precondition-failed");
        change("*").expect_status(204);
    }
    assert_eq!(ada.get(&format!("{book}/tags")).expect_items().len(), 0);
    let author = admin.get("/authors?name=jane+austen");
    let author = format!("/authors/{}", uid(&author.expect_items()[0]));
    ada.delete(&book).expect_status(204);
    let before = tag(&admin.get(&author));
    let rename = json!({"name": "J. Austen"});
    send_if(&admin, "PATCH", &author, &before, &rename).expect_status(200);
    send_if(&admin, "PATCH", &author, &before, &rename).expect_problem("precondition-failed");
    let user = format!("/users/{}", ada.uid);
    let first = tag(&admin.get(&user));
    ada.patch(&user, &json!({"first_name": "Augusta"})).expect_status(200);
    for (path, stale) in [(&author, &before), (&user, &first)] {
        delete_if(&admin, path, stale).expect_problem("precondition-failed");
        let current = tag(&admin.get(path));
        delete_if(&admin, path, &current).expect_status(204);
    }
}

fn precondition_has_its_place(server: &TestServer) {
    let Clients { ada, bob, admin, anonymous } = Clients::create(server);
    let book = format!("/books/{}", uid(&add_book(&ada, "Emma")));
    let (stale, body) = ("\"0-0000.0\"", json!({"title": "Sanditon"}));
    send_if(&anonymous, "PATCH", &book, stale, &body).expect_problem("unauthenticated");
    send_if(&bob, "PATCH", &book, stale, &body).expect_problem("forbidden");
    let unknown = format!("/books/{UNKNOWN_UID}");
    send_if(&ada, "PATCH", &unknown, "*", &body).expect_problem("not-found");
    let text = [("content-type", "text/plain"), ("if-match", stale)];
    ada.send("PATCH", &book, &text, Some(b"{}")).expect_problem("unsupported-media-type");
    let invalid = json!({"title": ""});
    send_if(&ada, "PATCH", &book, stale, &invalid).expect_problem("precondition-failed");
    send_if(&ada, "PATCH", &book, "*", &invalid).expect_problem("invalid-body");
    let tag_path = format!("/tags/{}", uid(&add_tag(&ada, "novel")));
    add_tag(&ada, "classics");
    let taken = json!({"name": "classics"});
    send_if(&ada, "PUT", &tag_path, stale, &taken).expect_problem("precondition-failed");
    send_if(&ada, "PUT", &tag_path, "*", &taken).expect_problem("tag-exists");
    let samples = Samples::of(&ada);
    let company = samples.fill("/org/companies/{id}");
    samples.key("Department");
    delete_if(&admin, &company, stale).expect_problem("precondition-failed");
    delete_if(&admin, &company, "*").expect_problem("still-referenced");
}

fn odd_conditions_are_answered(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let [emma, persuasion] = ["Emma", "Persuasion"].map(|title| add_book(&ada, title));
    let [emma, persuasion] = [&emma, &persuasion].map(|book| format!("/books/{}", uid(book)));
    let body = json!({"page_count": 474});
    let current = tag(&ada.get(&emma));
    for refused in [
        format!("W/{current}"),
        tag(&ada.get(&persuasion)),
        "\"\"".to_owned(),
        "\"9999999999999999999999\"".to_owned(),
    ] {
        let response = send_if(&ada, "PATCH", &emma, &refused, &body);
        response.expect_problem("precondition-failed");
    }
    for malformed in ["", ",", "x", "\"x", "* , \"x\"", "\"x\" \"y\"", "w/\"x\""] {
        let response = send_if(&ada, "PATCH", &emma, malformed, &body);
        let problem = response.expect_problem("malformed-request");
        assert!(problem["detail"].as_str().unwrap().starts_with("If-Match"), "{malformed}");
        let malformed = [("if-none-match", malformed)];
        ada.send("GET", &emma, &malformed, None).expect_status(200);
    }
    let list = format!(", \"x\",, {current}");
    send_if(&ada, "PATCH", &emma, &list, &body).expect_status(200);
    // Several lines are one list, and an entity tag may have bytes beyond ASCII.
    let current = tag(&ada.get(&emma));
    for (lines, slug) in [
        (["\"x\"", "\"y\""], Some("precondition-failed")),
        (["\"é\"", &current], None),
        (["\"é\"", "W/\"é\""], Some("precondition-failed")),
        (["\"x\"", "é"], Some("malformed-request")),
        (["\"x\"", "*"], Some("malformed-request")),
    ] {
        let [first, second] = lines.map(|line| ("if-match", line));
        let headers = [("content-type", "application/json"), first, second];
        let response = ada.send("PATCH", &emma, &headers, Some(body.to_string().as_bytes()));
        match slug {
            Some(slug) => _ = response.expect_problem(slug),
            None => _ = response.expect_status(200),
        }
    }
    let head = format!(
        "DELETE /api/v1{emma} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n",
        ada.token.as_ref().unwrap(),
    );
    let not_utf8 = [head.as_bytes(), b"if-match: \"\xff\"\r\n\r\n"].concat();
    raw_http::send_bytes(server, &not_utf8).unwrap().expect_problem("precondition-failed");
    // Of other methods it is ignored.
    for stale in ["\"0\"", "malformed"] {
        send_if(&ada, "POST", &format!("{emma}/tags"), stale, &tags_body(&["sea"]))
            .expect_status(200);
    }
}

fn enrolments_ignore_conditions(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let samples = Samples::of(&ada);
    let [student, course] = ["Student", "Course"].map(|entity| samples.key(entity));
    let path = format!("/school/students/{student}/courses/{course}");
    delete_if(&ada, &path, "\"0\"").expect_status(204);
    let condition = [("if-match", "nonsense")];
    ada.send("PUT", &path, &condition, None).expect_status(204);
    ada.send("GET", "/auth/me", &condition, None).expect_status(200);
}

fn head_and_options_are_answered(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let book = format!("/books/{}", uid(&add_book(&ada, "Emma")));
    for path in [book.as_str(), "/books?limit=1", "/openapi.json"] {
        let get = anonymous.get(path);
        let head = anonymous.send("HEAD", path, &[], None);
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        for name in ["content-length", "content-type", "etag", "link"] {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
    }
    let known = tag(&anonymous.get(&book));
    let unchanged = anonymous.send("HEAD", &book, &[("if-none-match", &known)], None);
    assert_eq!(unchanged.status, 304);
    assert_eq!(anonymous.send("HEAD", "/auth/me", &[], None).status, 401);
    assert_eq!(anonymous.send("HEAD", "/auth/login", &[], None).status, 405);
    let options = anonymous.send("OPTIONS", &book, &[], None);
    assert_eq!(options.status, 204);
    assert_eq!(options.header("allow"), Some("GET, HEAD, PATCH, DELETE, OPTIONS"));
    assert_eq!(anonymous.delete("/books").header("allow"), Some("GET, HEAD, POST, OPTIONS"));
}
