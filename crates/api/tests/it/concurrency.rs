//! Many at once: the answers are the contract's, and the database stays whole.

use std::collections::BTreeMap;

use recto_domain::Role;
use recto_testkit::both_servers;
use recto_testkit::server::{Answer, Client, TestServer};
use serde_json::{Value, json};

use crate::support::assertions::{Told as _, assert_sound, each, items, uid, walk};
use crate::support::fixtures::{Library, add_book, add_tag, member, tags};
use crate::support::parallel::{at_once, tally};

fn count(server: &TestServer, table: &str) -> u64 {
    let line = match server.database().engine() {
        recto_testkit::database::Engine::Sqlite => "json_array(count(*))",
        recto_testkit::database::Engine::Postgres => "json_build_array(count(*))::text",
    };
    let rows = server.database().rows(&format!("SELECT {line} AS line FROM {table}"));
    rows[0][0].as_u64().unwrap()
}

fn one_reader_reviews_a_book_once_however_often_at_once(server: &TestServer) {
    let library = Library::on(server);
    for round in 0..3 {
        let book = add_book(&library.ada, &format!("Volume {round}"));
        let path = format!("/books/{}/reviews", uid(&book));
        let body = json!({"rating": 3, "review_text": "Again!"});
        let requests = (0..16).map(|_| || library.bob.post(&path, &body)).collect();
        assert_eq!(tally(&at_once(requests)), BTreeMap::from([(201, 1), (409, 15)]));
        assert_eq!(items(server.get(&path).gives(200)).len(), 1);
    }
    assert_sound(server);
}

fn a_tag_that_fifty_add_at_once_is_one(server: &TestServer) {
    let library = Library::on(server);
    let book = add_book(&library.ada, "Dune");
    let path = format!("/books/{}/tags", uid(&book));
    let spellings = ["Desert", "desert", "DESERT", "deserT"];
    let requests = (0..50)
        .map(|n| {
            let (path, client) = (&path, &library.ada);
            move || client.post(path, &tags(&[spellings[n % 4]]))
        })
        .collect();
    assert_eq!(tally(&at_once(requests)), BTreeMap::from([(200, 50)]));
    let tag = items(server.get("/tags").gives(200)).to_vec();
    assert_eq!(tag.len(), 1);
    assert_eq!(items(server.get(&path).gives(200)), tag);
    assert_eq!((count(server, "book_tags"), count(server, "tags")), (1, 1));

    // By its key, and as a tag of its own.
    let one = format!("{path}/{}", uid(&tag[0]));
    library.ada.delete(&one).gives(204);
    let requests = (0..50).map(|_| || library.ada.send("PUT", &one, &[], None)).collect();
    assert_eq!(tally(&at_once(requests)), BTreeMap::from([(204, 50)]));
    assert_eq!(count(server, "book_tags"), 1);
    let body = json!({"name": "Spice"});
    let requests = (0..50).map(|_| || library.bob.post("/tags", &body)).collect();
    assert_eq!(tally(&at_once(requests)), BTreeMap::from([(201, 1), (409, 49)]));
    assert_sound(server);
}

fn many_books_take_many_tags_in_any_order(server: &TestServer) {
    let library = Library::on(server);
    let names: Vec<String> = (0..12).map(|n| format!("tag {n}")).collect();
    let books: Vec<Value> =
        (0..12).map(|n| add_book(&library.ada, &format!("Volume {n}"))).collect();
    let requests = books
        .iter()
        .enumerate()
        .map(|(turn, book)| {
            let (names, client) = (&names, &library.ada);
            move || {
                // Each begins with another name: whoever locked in that order would wait in a ring.
                let mut turned: Vec<&str> = names.iter().map(String::as_str).collect();
                turned.rotate_left(turn);
                client.put(&format!("/books/{}/tags", uid(book)), &tags(&turned))
            }
        })
        .collect();
    assert_eq!(tally(&at_once(requests)), BTreeMap::from([(200, 12)]));
    assert_eq!(count(server, "tags"), 12);
    assert_eq!(count(server, "book_tags"), 144);
    assert_sound(server);
}

fn a_book_is_deleted_while_others_write_to_it(server: &TestServer) {
    let library = Library::on(server);
    let readers: Vec<Client<'_>> =
        (0..12).map(|n| member(server, &format!("reader{n}"), Role::User)).collect();
    let tag = add_tag(&library.ada, "Doomed");
    for round in 0..4 {
        let book = add_book(&library.ada, &format!("Volume {round}"));
        let path = format!("/books/{}", uid(&book));
        let one = format!("{path}/tags/{}", uid(&tag));
        let mut requests: Vec<Box<dyn Fn() -> Answer + Send + '_>> = Vec::new();
        for reader in &readers {
            let path = format!("{path}/reviews");
            let body = json!({"rating": 1, "review_text": ""});
            requests.push(Box::new(move || reader.post(&path, &body)));
        }
        requests.push(Box::new(|| library.ada.delete(&path)));
        requests.push(Box::new(|| library.admin.delete(&path)));
        requests.push(Box::new(|| library.ada.patch(&path, &json!({"title": "Changed"}))));
        requests.push(Box::new(|| library.ada.post(&format!("{path}/tags"), &tags(&["New"]))));
        requests.push(Box::new(|| library.admin.send("PUT", &one, &[], None)));
        requests.push(Box::new(|| library.anyone.get(&format!("{path}?include=reviews.user"))));
        let answers = at_once(requests);
        let (reviews, others) = answers.split_at(readers.len());
        for status in tally(reviews).keys() {
            assert!([201, 404].contains(status), "{status}");
        }
        assert_eq!(tally(&others[..2]), BTreeMap::from([(204, 1), (404, 1)]));
        for status in tally(&others[2..]).keys() {
            assert!([200, 204, 404].contains(status), "{status}");
        }
        library.anyone.get(&path).refused("not-found");
    }
    assert_eq!((count(server, "reviews"), count(server, "book_tags")), (0, 0));
    assert_eq!(walk(&library.admin, "/reviews").len(), 0);
    assert_sound(server);
}

fn a_tag_is_deleted_while_books_take_it(server: &TestServer) {
    let library = Library::on(server);
    for round in 0..4 {
        let book = add_book(&library.ada, &format!("Volume {round}"));
        let tag = add_tag(&library.ada, "Doomed");
        let path = format!("/tags/{}", uid(&tag));
        let by_key = format!("/books/{}/tags/{}", uid(&book), uid(&tag));
        let by_name = format!("/books/{}/tags", uid(&book));
        let mut requests: Vec<Box<dyn Fn() -> Answer + Send + '_>> = Vec::new();
        for _ in 0..6 {
            requests.push(Box::new(|| library.ada.send("PUT", &by_key, &[], None)));
            requests.push(Box::new(|| library.ada.post(&by_name, &tags(&["Doomed"]))));
            requests.push(Box::new(|| library.bob.put(&path, &json!({"name": "doomed"}))));
        }
        requests.push(Box::new(|| library.admin.delete(&path)));
        for status in tally(&at_once(requests)).keys() {
            // Once it is gone, somebody may have made another of that name.
            assert!([200, 204, 404].contains(status), "{status}");
        }
        library.anyone.get(&path).refused("not-found");
        let left = walk(&library.anyone, &by_name);
        assert!(left.len() <= 1, "{left:?}");
        let all = walk(&library.anyone, "/tags");
        assert!(left.iter().all(|tag| all.contains(tag)));
        for tag in all {
            library.admin.delete(&format!("/tags/{}", uid(&tag))).gives(204);
        }
    }
    assert_eq!((count(server, "tags"), count(server, "book_tags")), (0, 0));
    assert_sound(server);
}

fn a_user_is_deleted_while_writing(server: &TestServer) {
    let library = Library::on(server);
    let book = add_book(&library.bob, "Dune");
    for round in 0..3 {
        let writer = member(server, &format!("writer{round}"), Role::User);
        let review = format!("/books/{}/reviews", uid(&book));
        let path = format!("/users/{}", writer.uid);
        let body = json!({"title": "Ghosts", "author": "Henrik Ibsen"});
        let mut requests: Vec<Box<dyn Fn() -> Answer + Send + '_>> = Vec::new();
        for _ in 0..5 {
            requests.push(Box::new(|| writer.post("/books", &body)));
            requests.push(Box::new(|| writer.patch(&path, &json!({"first_name": "Gone"}))));
        }
        requests.push(Box::new(|| writer.post(&review, &json!({"rating": 5, "review_text": ""}))));
        requests.push(Box::new(|| library.admin.delete(&path)));
        let answers = at_once(requests);
        for status in tally(&answers).keys() {
            assert!([200, 201, 204, 401, 404].contains(status), "{status}");
        }
        // Who is gone is not signed in; nothing but the profile itself is not found.
        for answer in answers.iter().filter(|answer| answer.status == 404) {
            assert!(answer.json["instance"].as_str().unwrap().ends_with(&path), "{answer:?}");
        }
        library.anyone.get(&path).refused("not-found");
    }
    for book in walk(&library.anyone, "/books?include=user,reviews.user") {
        assert_eq!(book["user_uid"].is_null(), book["user"].is_null());
        assert_eq!(book["title"] == "Ghosts", book["user"].is_null());
    }
    assert_sound(server);
}

fn one_name_is_signed_up_once(server: &TestServer) {
    let sign_up = |n: usize| {
        let body = json!({
            "username": (["ada", "Ada"][n % 2]), "email": format!("ada{n}@example.org"),
            "password": recto_testkit::server::PASSWORD,
        });
        move || server.anonymous().post("/auth/signup", &body)
    };
    let answers = at_once((0..8).map(sign_up).collect());
    assert_eq!(tally(&answers), BTreeMap::from([(201, 1), (409, 7)]));
    assert_eq!((count(server, "users"), count(server, "accounts")), (1, 1));
    assert_sound(server);
}

fn readers_see_whole_pages_while_others_write(server: &TestServer) {
    let library = Library::on(server);
    let titles: Vec<String> = (0..40).map(|n| format!("Volume {n:02}")).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for title in &titles {
                let book = add_book(&library.ada, title);
                let path = format!("/books/{}/tags", uid(&book));
                library.ada.post(&path, &tags(&["one", "two"])).gives(200);
            }
        });
        for _ in 0..20 {
            let walked = walk(&library.anyone, "/books?sort=title&limit=7&include=tags,user");
            let seen = each(&walked, "title");
            assert!(seen.is_sorted(), "{seen:?}");
            for book in &walked {
                let tags = book["tags"].as_array().unwrap().len();
                // Both of a book's tags are put on it in one go.
                assert!([0, 2].contains(&tags), "{book}");
            }
        }
    });
    assert_eq!(walk(&library.anyone, "/books").len(), 40);
    assert_sound(server);
}

both_servers!(
    one_reader_reviews_a_book_once_however_often_at_once,
    a_tag_that_fifty_add_at_once_is_one,
    many_books_take_many_tags_in_any_order,
    a_book_is_deleted_while_others_write_to_it,
    a_tag_is_deleted_while_books_take_it,
    a_user_is_deleted_while_writing,
    one_name_is_signed_up_once,
    readers_see_whole_pages_while_others_write,
);
