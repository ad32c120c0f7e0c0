//! Students, courses and enrolments.

use std::collections::BTreeMap;

use recto_testkit::both_servers;
use recto_testkit::server::{TestClient, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::Clients;
use crate::support::assertions::{
    Expect as _, all_items, array, assert_healthy, field_names, id, text, texts,
};
use crate::support::fixtures::{create, enrol};
use crate::support::parallel::{Requests, count_statuses, send_at_once};

fn student(client: &TestClient<'_>, name: &str) -> Value {
    create(client, "/school/students", &json!({"name": name}))
}

fn course(client: &TestClient<'_>, title: &str) -> Value {
    create(client, "/school/courses", &json!({"title": title}))
}

fn link(student: &Value, course: &Value) -> String {
    format!("/school/students/{}/courses/{}", id(student), id(course))
}

/// Returns the entity with the data of the link.
fn with_link(entity: &Value, link: &Value) -> Value {
    let mut entity = entity.clone();
    entity["enrolled_at"] = link["enrolled_at"].clone();
    entity
}

fn enrolling_and_withdrawing_are_idempotent(server: &TestServer) {
    let Clients { ada, admin, anonymous, bob } = Clients::create(server);
    let (sofia, equations) = (student(&ada, "Sofia"), course(&ada, "Equations"));
    let path = link(&sofia, &equations);
    let courses = format!("/school/students/{}/courses", id(&sofia));
    anonymous.send("PUT", &path, &[], None).expect_problem("unauthenticated");
    assert_eq!(server.get(&courses).expect_status(200), &json!({"items": []}));
    ada.send("PUT", &path, &[], None).expect_status(204);
    let first = server.get(&courses).expect_items()[0].clone();
    assert!(text(&first, "enrolled_at") > text(&sofia, "created_at"));
    for client in [&bob, &ada, &admin] {
        client.send("PUT", &path, &[], None).expect_status(204);
        assert_eq!(
            server.get(&courses).expect_status(200),
            &json!({"items": [first]}),
            "enrolled_at stays"
        );
    }
    anonymous.delete(&path).expect_problem("unauthenticated");
    // Any verified account may withdraw a student.
    for client in [&bob, &ada] {
        client.delete(&path).expect_status(204);
        assert_eq!(server.get(&courses).expect_status(200), &json!({"items": []}));
    }
    ada.send("PUT", &path, &[], None).expect_status(204);
    let again = server.get(&courses).expect_items()[0].clone();
    assert!(text(&again, "enrolled_at") > text(&first, "enrolled_at"));
    // An enrolment cannot be read by itself.
    ada.get(&path).expect_problem("method-not-allowed");

    let (sofia, equations) = (id(&sofia), id(&equations));
    for path in [
        format!("/school/students/99/courses/{equations}"),
        format!("/school/students/{sofia}/courses/99"),
        format!("/school/students/{sofia}/courses/0"),
        format!("/school/students/{sofia}/courses/-1"),
        format!("/school/students/{sofia}/courses/1e3"),
        format!("/school/students/x/courses/{equations}"),
        format!("/school/students/{sofia}/courses/99999999999999999999"),
    ] {
        ada.send("PUT", &path, &[], None).expect_problem("not-found");
    }
    ada.delete(&format!("/school/students/99/courses/{equations}")).expect_problem("not-found");
    ada.delete(&format!("/school/students/{sofia}/courses/99")).expect_status(204);
}

fn enrolled_at_is_shown_both_ways(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let [sofia, emmy] = ["Sofia", "Emmy"].map(|name| student(&ada, name));
    let [equations, rings] = ["Equations", "Rings"].map(|title| course(&ada, title));
    for (student, course) in [(&sofia, &rings), (&emmy, &rings), (&sofia, &equations)] {
        enrol(&ada, student, course);
    }
    let of_sofia = server.get(&format!("/school/students/{}/courses", id(&sofia)));
    let courses = of_sofia.expect_items();
    assert_eq!(texts(courses, "title"), ["Rings", "Equations"]);
    assert_eq!(
        field_names(&courses[0]),
        ["created_at", "enrolled_at", "id", "title", "updated_at"]
    );
    assert_eq!(with_link(&rings, &courses[0]), courses[0], "its own fields are unchanged");
    let of_rings = server.get(&format!("/school/courses/{}/students", id(&rings)));
    let students = of_rings.expect_items();
    assert_eq!(texts(students, "name"), ["Emmy", "Sofia"]);
    assert_eq!(students[1]["enrolled_at"], courses[0]["enrolled_at"], "it is the same link");
    assert_eq!(with_link(&sofia, &students[1]), students[1]);

    // Includes show it at every level below the first.
    let include = format!("/school/students/{}?include=courses.students", id(&sofia));
    let loaded = server.get(&include).expect_status(200).clone();
    assert_eq!(loaded.get("enrolled_at"), None);
    for (shown, expected) in array(&loaded, "courses").iter().zip(courses) {
        assert_eq!(shown["enrolled_at"], expected["enrolled_at"]);
        let path = format!("/school/courses/{}/students", id(shown));
        assert_eq!(&shown["students"], &server.get(&path).expect_status(200)["items"]);
    }
    let page = server.get("/school/courses?include=students(sort:name)&count=students");
    let rings_shown = &page.expect_items()[0];
    assert_eq!(rings_shown["students_count"], 2);
    assert_eq!(rings_shown["students"], of_rings.json["items"]);
    // A course by itself has no link.
    let alone = server.get(&format!("/school/courses/{}", id(&rings)));
    assert_eq!(alone.expect_status(200), &rings);
}

fn students_next_also_has_enrolled_at(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let rings = course(&ada, "Rings");
    for number in 0..23 {
        enrol(&ada, &student(&ada, &format!("{number:02}")), &rings);
    }
    let path = format!("/school/courses/{}", id(&rings));
    let loaded = server.get(&format!("{path}?include=students(limit:5,sort:-name).courses"));
    let loaded = loaded.expect_status(200);
    let first = array(loaded, "students").to_vec();
    let rest = all_items(&anonymous, text(loaded, "students_next"));
    let all = all_items(&anonymous, &format!("{path}/students?sort=-name&include=courses&limit=4"));
    assert_eq!([first, rest].concat(), all);
    assert_eq!(all.len(), 23);
    for student in &all {
        let [shown] = array(student, "courses") else { panic!("one course: {student}") };
        assert_eq!(shown["enrolled_at"], student["enrolled_at"]);
    }
}

fn deleting_either_side_deletes_enrolments(server: &TestServer) {
    let Clients { ada, admin, .. } = Clients::create(server);
    let [sofia, emmy] = ["Sofia", "Emmy"].map(|name| student(&ada, name));
    let [equations, rings] = ["Equations", "Rings"].map(|title| course(&ada, title));
    for (student, course) in [(&sofia, &rings), (&emmy, &rings), (&sofia, &equations)] {
        enrol(&ada, student, course);
    }
    admin.delete(&format!("/school/courses/{}", id(&equations))).expect_status(204);
    let left = server.get(&format!("/school/students/{}/courses", id(&sofia)));
    assert_eq!(texts(left.expect_items(), "title"), ["Rings"]);
    admin.delete(&format!("/school/students/{}", id(&emmy))).expect_status(204);
    let left = server.get(&format!("/school/courses/{}/students", id(&rings)));
    assert_eq!(texts(left.expect_items(), "name"), ["Sofia"]);
    server.get(&format!("/school/students/{}/courses", id(&emmy))).expect_problem("not-found");
}

fn concurrent_enrolments_create_one_link(server: &TestServer) {
    let Clients { ada, admin, anonymous, bob } = Clients::create(server);
    let sofia = student(&ada, "Sofia");
    for round in 0..3 {
        let rings = course(&ada, &format!("Rings {round}"));
        let path = link(&sofia, &rings);
        let put = || ada.send("PUT", &path, &[], None);
        assert_eq!(count_statuses(&send_at_once(vec![put; 16])), BTreeMap::from([(204, 16)]));
        let there = server.get(&format!("/school/courses/{}/students", id(&rings)));
        assert_eq!(there.expect_items().len(), 1);
        // A course that is deleted meanwhile leaves no enrolments.
        let gone = format!("/school/courses/{}", id(&rings));
        let mut requests: Requests<'_> = Vec::new();
        for _ in 0..6 {
            requests.push(Box::new(put));
            requests.push(Box::new(|| bob.delete(&path)));
        }
        requests.push(Box::new(|| admin.delete(&gone)));
        for status in count_statuses(&send_at_once(requests)).keys() {
            assert!([204, 404].contains(status), "{status}");
        }
        let left = all_items(&anonymous, &format!("/school/students/{}/courses", id(&sofia)));
        assert!(left.is_empty(), "{left:?}");
    }
    assert_healthy(server);
}

both_servers!(
    enrolling_and_withdrawing_are_idempotent,
    enrolled_at_is_shown_both_ways,
    students_next_also_has_enrolled_at,
    deleting_either_side_deletes_enrolments,
    concurrent_enrolments_create_one_link,
);
