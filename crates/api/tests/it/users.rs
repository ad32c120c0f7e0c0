//! Profiles, and what becomes of what somebody leaves behind.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::{Value, json};

use crate::support::assertions::{Told as _, each, items, members, moment, text, uid, walk};
use crate::support::fixtures::{Library, NOBODY, add_book, add_review, reader};

const PUBLIC: [&str; 6] =
    ["created_at", "first_name", "last_name", "uid", "updated_at", "username"];
const WITH_ACCOUNT: [&str; 10] = [
    "created_at",
    "disabled",
    "email",
    "first_name",
    "last_name",
    "role",
    "uid",
    "updated_at",
    "username",
    "verified",
];

fn a_profile_is_public_and_an_account_is_not(server: &TestServer) {
    let library = Library::on(server);
    let path = format!("/users/{}", library.ada.uid);
    for (name, client) in library.everybody() {
        let answer = client.get(&path);
        let expected = match name {
            "ada" | "admin" => &WITH_ACCOUNT[..],
            _ => &PUBLIC[..],
        };
        assert_eq!(members(answer.gives(200)), expected, "{name}");
    }
    // An account is never in an include, not even for those who may see it.
    let book = add_book(&library.ada, "Emma");
    let book = library.admin.get(&format!("/books/{}?include=user", uid(&book)));
    assert_eq!(members(&book.gives(200)["user"]), PUBLIC);
    let path = format!("/books/{}/user", uid(&book.json));
    assert_eq!(members(library.admin.get(&path).gives(200)), PUBLIC);
}

fn users_are_listed_for_administrators(server: &TestServer) {
    let library = Library::on(server);
    library.anyone.get("/users").refused("unauthenticated");
    library.ada.get("/users").refused("forbidden");
    let imported = reader(server, "goodbooks.17").to_string();
    let page = library.admin.get("/users?sort=username&include=books&count=reviews");
    let rows = items(page.gives(200));
    assert_eq!(each(rows, "username"), ["ada", "bob", "goodbooks.17", "root"]);
    for row in rows {
        let mut expected = WITH_ACCOUNT.to_vec();
        expected.extend(["books", "reviews_count"]);
        expected.sort_unstable();
        assert_eq!(members(row), expected);
        let is_imported = uid(row) == imported;
        assert_eq!(row["email"].is_null() && row["role"].is_null(), is_imported, "{row}");
    }
    assert_eq!(walk(&library.admin, "/users?limit=3").len(), 4);
}

fn a_profile_is_changed_by_its_user_alone(server: &TestServer) {
    let library = Library::on(server);
    let path = format!("/users/{}", library.ada.uid);
    library.anyone.patch(&path, &json!({})).refused("unauthenticated");
    // Who is not allowed is told that, whatever else is wrong.
    library.bob.patch(&path, &json!({"username": 7})).refused("forbidden");
    library.admin.patch(&path, &json!({"first_name": "Eve"})).refused("forbidden");
    library.ada.patch(&format!("/users/{NOBODY}"), &json!({})).refused("not-found");
    library.ada.patch("/users/me", &json!({})).refused("not-found");

    let change = json!({"first_name": "Ada", "last_name": "Lovelace"});
    let changed = library.ada.patch(&path, &change).gives(200).clone();
    assert_eq!(members(&changed), WITH_ACCOUNT);
    assert_eq!((text(&changed, "first_name"), text(&changed, "last_name")), ("Ada", "Lovelace"));
    assert!(moment(&changed, "updated_at") > moment(&changed, "created_at"));
    assert_eq!(library.ada.get(&path).gives(200), &changed);

    // Absent keeps, null clears; either media type will do.
    let merge = [("content-type", "application/merge-patch+json; charset=utf-8")];
    let body = br#"{"last_name":null}"#;
    let changed = library.ada.send("PATCH", &path, &merge, Some(body)).gives(200).clone();
    assert_eq!((&changed["first_name"], &changed["last_name"]), (&json!("Ada"), &Value::Null));
    let same = library.ada.patch(&path, &json!({})).gives(200).clone();
    assert_eq!(same, changed);

    let body = json!({"username": null, "first_name": "", "email": "other@example.org"});
    assert_eq!(library.ada.patch(&path, &body).wrong(), ["/email", "/first_name", "/username"]);
}

fn another_username_must_be_free(server: &TestServer) {
    let library = Library::on(server);
    let path = format!("/users/{}", library.ada.uid);
    library.ada.patch(&path, &json!({"username": "BOB"})).refused("username-taken");
    assert_eq!(text(library.ada.get(&path).gives(200), "username"), "ada");
    let changed = library.ada.patch(&path, &json!({"username": "Ada"})).gives(200).clone();
    assert_eq!(text(&changed, "username"), "Ada");
    library.ada.patch(&path, &json!({"username": "countess"})).gives(200);
    let bob = format!("/users/{}", library.bob.uid);
    library.bob.patch(&bob, &json!({"username": "ada"})).gives(200);
}

fn deleting_a_user_leaves_books_and_reviews(server: &TestServer) {
    let library = Library::on(server);
    let book = add_book(&library.ada, "Emma");
    let review = add_review(&library.ada, &book, 5);
    let path = format!("/users/{}", library.ada.uid);
    library.anyone.delete(&path).refused("unauthenticated");
    library.ada.delete(&path).refused("forbidden");
    library.admin.delete(&format!("/users/{NOBODY}")).refused("not-found");
    library.admin.delete(&path).gives(204);
    library.admin.delete(&path).refused("not-found");
    for path in [path.clone(), format!("{path}/books"), format!("{path}/reviews")] {
        server.get(&path).refused("not-found");
    }

    let book_path = format!("/books/{}", uid(&book));
    let left = server.get(&format!("{book_path}?include=user,reviews.user"));
    let left = left.gives(200);
    assert_eq!((&left["user_uid"], &left["user"]), (&Value::Null, &Value::Null));
    let expected = json!({"user_uid": null, "user": null});
    for (member, value) in expected.as_object().unwrap() {
        assert_eq!(&left["reviews"][0][member], value, "{member}");
    }
    assert_eq!(server.get(&format!("{book_path}/user")).gives(200), &Value::Null);
    let review_path = format!("/reviews/{}", uid(&review));
    assert_eq!(server.get(&review_path).gives(200)["user_uid"], Value::Null);
    assert_eq!(server.get(&format!("{review_path}/user")).gives(200), &Value::Null);
    assert_eq!(uid(server.get(&format!("{review_path}/book")).gives(200)), uid(&book));

    // What nobody owns is the administrators' to change.
    library.bob.patch(&book_path, &json!({"title": "Mine"})).refused("forbidden");
    library.admin.patch(&book_path, &json!({"title": "Ours"})).gives(200);
    library.bob.patch(&review_path, &json!({"rating": 1})).refused("forbidden");
    library.admin.patch(&review_path, &json!({"rating": 1})).refused("forbidden");
}

fn what_belongs_to_a_user_is_a_page(server: &TestServer) {
    let library = Library::on(server);
    let emma = add_book(&library.ada, "Emma");
    let other = add_book(&library.bob, "Dune");
    let persuasion = add_book(&library.ada, "Persuasion");
    let review = add_review(&library.ada, &other, 2);
    let path = format!("/users/{}", library.ada.uid);
    let books = server.get(&format!("{path}/books"));
    assert_eq!(books.gives(200), &json!({"items": [persuasion, emma]}));
    let reviews = server.get(&format!("{path}/reviews?include=book"));
    let mut expected = review;
    expected["book"] = other;
    assert_eq!(reviews.gives(200), &json!({"items": [expected]}));
    let nothing = server.get(&format!("/users/{}/books", library.admin.uid));
    assert_eq!(nothing.gives(200), &json!({"items": []}));
    for path in [format!("/users/{NOBODY}/books"), "/users/x/reviews".to_owned()] {
        server.get(&path).refused("not-found");
    }
}

both_servers!(
    a_profile_is_public_and_an_account_is_not,
    users_are_listed_for_administrators,
    a_profile_is_changed_by_its_user_alone,
    another_username_must_be_free,
    deleting_a_user_leaves_books_and_reviews,
    what_belongs_to_a_user_is_a_page,
);
