//! Companies that are created with departments and employees.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::{Value, json};

use crate::support::accounts::Clients;
use crate::support::assertions::{
    Expect as _, all_items, array, assert_healthy, field_names, texts,
};

/// Returns the company with its departments and employees, in the order of creation.
fn stored(server: &TestServer, company: &Value) -> Value {
    let tree = "departments(sort:created_at,limit:100).employees(sort:created_at,limit:100)";
    let path = format!("/org/companies/{}?include={tree}", company["id"]);
    server.get(&path).expect_status(200).clone()
}

fn nested_company_is_created_in_order(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let body = json!({"name": "Analytical Engines Ltd", "departments": [
        {"name": "Store"},
        {"name": "Mill", "employees": [{"name": "Zoë"}, {"name": "Ada"}, {"name": "Ada"}]},
        {"name": "Mill", "employees": [{"name": "Babbage"}]},
        {"name": "Attic", "employees": []},
    ]});
    let response = ada.post("/org/companies", &body);
    let company = response.expect_status(201);
    let location = format!("/api/v1/org/companies/{}", company["id"]);
    assert_eq!(response.header("location"), Some(location.as_str()));
    assert_eq!(field_names(company), ["created_at", "departments", "id", "name", "updated_at"]);
    let departments = array(company, "departments");
    assert_eq!(texts(departments, "name"), ["Store", "Mill", "Mill", "Attic"]);
    let staff: Vec<_> =
        departments.iter().map(|one| texts(array(one, "employees"), "name")).collect();
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
    assert_eq!(texts(through.expect_items(), "name"), ["Ada", "Ada", "Babbage", "Zoë"]);
}

fn nested_lists_are_optional(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    for body in [json!({"name": "Acme"}), json!({"name": "Acme", "departments": null})] {
        let response = ada.post("/org/companies", &body);
        assert_eq!(
            field_names(response.expect_status(201)),
            ["created_at", "id", "name", "updated_at"]
        );
    }
    let response = ada.post("/org/companies", &json!({"name": "Acme", "departments": []}));
    assert_eq!(response.expect_status(201)["departments"], json!([]));
    assert_eq!(all_items(&anonymous, "/org/companies").len(), 3);
}

/// Returns a body with that many departments, each with that many employees.
fn company(departments: usize, employees: usize) -> Value {
    let staff: Vec<_> = (0..employees).map(|n| json!({"name": format!("E{n}")})).collect();
    let department = |n| json!({"name": format!("D{n}"), "employees": staff});
    let departments: Vec<_> = (0..departments).map(department).collect();
    json!({"name": "Acme", "departments": departments})
}

fn thousand_nested_entities_are_created(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let wide = ada.post("/org/companies", &company(999, 0)).expect_status(201).clone();
    assert_eq!(array(&wide, "departments").len(), 999);
    let deep = ada.post("/org/companies", &company(9, 110)).expect_status(201).clone();
    assert_eq!(array(&deep, "departments").len(), 9);
    for department in array(&deep, "departments") {
        let expected: Vec<_> = (0..110).map(|n| format!("E{n}")).collect();
        assert_eq!(texts(array(department, "employees"), "name"), expected);
        let path =
            format!("/org/departments/{}/employees?limit=100&sort=created_at", department["id"]);
        assert_eq!(all_items(&anonymous, &path), array(department, "employees"));
    }
    let path = format!("/org/companies/{}/departments?limit=100&sort=created_at", wide["id"]);
    let names = texts(array(&wide, "departments"), "name");
    assert_eq!(texts(&all_items(&anonymous, &path), "name"), names);
}

fn invalid_nested_company_writes_nothing(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let body = json!({"name": "Acme", "departments": [
        {"name": "Mill", "employees": [{"name": "Ada"}, {"name": ""}, {"name": "Bob", "id": 1}]},
        {"name": "Store", "company_id": 7},
        {"employees": [{}, {}, {}, {"name": "x".repeat(201)}]},
        "Attic",
    ]});
    anonymous.post("/org/companies", &body).expect_problem("unauthenticated");
    assert_eq!(
        ada.post("/org/companies", &body).violations(),
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
        let response = ada.post("/org/companies", &company(departments, employees));
        assert_eq!(response.violations(), ["/departments"]);
    }
    let long = json!({"name": "x".repeat(1 << 20)});
    ada.post("/org/companies", &long).expect_problem("too-large");
    for path in ["/org/companies", "/org/departments", "/org/employees"] {
        assert_eq!(server.get(path).expect_status(200), &json!({"items": []}));
    }
    // A thousand violations are all reported.
    let empty: Vec<_> = (0..999).map(|_| json!({"x": 1})).collect();
    let response = ada.post("/org/companies", &json!({"name": "A", "departments": empty}));
    assert_eq!(response.violations().len(), 1_001);
    assert_healthy(server);
}

both_servers!(
    nested_company_is_created_in_order,
    nested_lists_are_optional,
    thousand_nested_entities_are_created,
    invalid_nested_company_writes_nothing,
);
