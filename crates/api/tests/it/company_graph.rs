//! A company with all that it begins with.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::{Value, json};

use crate::support::assertions::{Told as _, array, assert_sound, each, items, members, walk};
use crate::support::fixtures::Library;

/// The company as it is stored, in the order in which everything was sent.
fn stored(server: &TestServer, company: &Value) -> Value {
    let tree = "departments(sort:created_at,limit:100).employees(sort:created_at,limit:100)";
    let path = format!("/org/companies/{}?include={tree}", company["id"]);
    server.get(&path).gives(200).clone()
}

fn a_company_begins_with_departments_and_employees(server: &TestServer) {
    let library = Library::on(server);
    let body = json!({"name": "Analytical Engines Ltd", "departments": [
        {"name": "Store"},
        {"name": "Mill", "employees": [{"name": "Zoë"}, {"name": "Ada"}, {"name": "Ada"}]},
        {"name": "Mill", "employees": [{"name": "Babbage"}]},
        {"name": "Attic", "employees": []},
    ]});
    let answer = library.ada.post("/org/companies", &body);
    let company = answer.gives(201);
    let location = format!("/api/v1/org/companies/{}", company["id"]);
    assert_eq!(answer.header("location"), Some(location.as_str()));
    assert_eq!(members(company), ["created_at", "departments", "id", "name", "updated_at"]);
    let departments = array(company, "departments");
    assert_eq!(each(departments, "name"), ["Store", "Mill", "Mill", "Attic"]);
    let staff: Vec<_> =
        departments.iter().map(|one| each(array(one, "employees"), "name")).collect();
    assert_eq!(staff, [vec![], vec!["Zoë", "Ada", "Ada"], vec!["Babbage"], vec![]]);
    for department in departments {
        assert_eq!(department["company_id"], company["id"]);
        for employee in array(department, "employees") {
            assert_eq!(employee["department_id"], department["id"]);
            assert_eq!(employee["manager_id"], Value::Null);
        }
    }
    assert_eq!(&stored(server, company), company);
    let through = server.get(&format!("/org/companies/{}/employees?sort=name", company["id"]));
    assert_eq!(each(items(through.gives(200)), "name"), ["Ada", "Ada", "Babbage", "Zoë"]);
}

fn a_company_may_begin_with_nothing(server: &TestServer) {
    let library = Library::on(server);
    for body in [json!({"name": "Acme"}), json!({"name": "Acme", "departments": null})] {
        let answer = library.ada.post("/org/companies", &body);
        assert_eq!(members(answer.gives(201)), ["created_at", "id", "name", "updated_at"]);
    }
    let answer = library.ada.post("/org/companies", &json!({"name": "Acme", "departments": []}));
    assert_eq!(answer.gives(201)["departments"], json!([]));
    assert_eq!(walk(&library.anyone, "/org/companies").len(), 3);
}

/// A company of that many departments, each of that many employees.
fn company(departments: usize, employees: usize) -> Value {
    let staff: Vec<_> = (0..employees).map(|n| json!({"name": format!("E{n}")})).collect();
    let department = |n| json!({"name": format!("D{n}"), "employees": staff});
    let departments: Vec<_> = (0..departments).map(department).collect();
    json!({"name": "Acme", "departments": departments})
}

fn a_thousand_objects_are_written_at_once(server: &TestServer) {
    let library = Library::on(server);
    let wide = library.ada.post("/org/companies", &company(999, 0)).gives(201).clone();
    assert_eq!(array(&wide, "departments").len(), 999);
    let deep = library.ada.post("/org/companies", &company(9, 110)).gives(201).clone();
    assert_eq!(array(&deep, "departments").len(), 9);
    for department in array(&deep, "departments") {
        let expected: Vec<_> = (0..110).map(|n| format!("E{n}")).collect();
        assert_eq!(each(array(department, "employees"), "name"), expected);
        let path =
            format!("/org/departments/{}/employees?limit=100&sort=created_at", department["id"]);
        assert_eq!(walk(&library.anyone, &path), array(department, "employees"));
    }
    let path = format!("/org/companies/{}/departments?limit=100&sort=created_at", wide["id"]);
    let names = each(array(&wide, "departments"), "name");
    assert_eq!(each(&walk(&library.anyone, &path), "name"), names);
}

fn a_company_is_written_whole_or_not_at_all(server: &TestServer) {
    let library = Library::on(server);
    let body = json!({"name": "Acme", "departments": [
        {"name": "Mill", "employees": [{"name": "Ada"}, {"name": ""}, {"name": "Bob", "id": 1}]},
        {"name": "Store", "company_id": 7},
        {"employees": [{}, {}, {}, {"name": "x".repeat(201)}]},
        "Attic",
    ]});
    library.anyone.post("/org/companies", &body).refused("unauthenticated");
    assert_eq!(
        library.ada.post("/org/companies", &body).wrong(),
        [
            "/departments/0/employees/1/name",
            "/departments/0/employees/2/id",
            "/departments/1/company_id",
            "/departments/2/employees/0/name",
            "/departments/2/employees/1/name",
            "/departments/2/employees/2/name",
            "/departments/2/employees/3/name",
            "/departments/2/name",
            "/departments/3",
        ]
    );
    for (departments, employees) in [(1_000, 0), (10, 99), (1, 999)] {
        let answer = library.ada.post("/org/companies", &company(departments, employees));
        assert_eq!(answer.wrong(), ["/departments"]);
    }
    let long = json!({"name": "x".repeat(1 << 20)});
    library.ada.post("/org/companies", &long).refused("too-large");
    for path in ["/org/companies", "/org/departments", "/org/employees"] {
        assert_eq!(server.get(path).gives(200), &json!({"items": []}));
    }
    // What is wrong in a thousand places is told of the first, and counted.
    let empty: Vec<_> = (0..999).map(|_| json!({"x": 1})).collect();
    let answer = library.ada.post("/org/companies", &json!({"name": "A", "departments": empty}));
    assert_eq!(answer.wrong().len(), 1_001);
    assert_sound(server);
}

both_servers!(
    a_company_begins_with_departments_and_employees,
    a_company_may_begin_with_nothing,
    a_thousand_objects_are_written_at_once,
    a_company_is_written_whole_or_not_at_all,
);
