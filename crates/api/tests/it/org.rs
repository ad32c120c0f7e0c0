//! Companies, departments, employees and their managers.

use std::collections::BTreeMap;

use recto_testkit::both_servers;
use recto_testkit::server::{TestClient, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::Clients;
use crate::support::assertions::{
    Expect as _, all_items, array, assert_healthy, field_names, id, text, texts,
};
use crate::support::fixtures::{add_department, add_employee, create};
use crate::support::parallel::{Requests, count_statuses, send_at_once};

/// Two companies, one of them with two departments and three employees.
struct Org {
    engines: Value,
    empty: Value,
    cards: Value,
    mill: Value,
    ada: Value,
    charles: Value,
    luigi: Value,
}

fn create_org(client: &TestClient<'_>) -> Org {
    let [engines, empty] =
        ["Engines", "Empty"].map(|name| create(client, "/org/companies", &json!({"name": name})));
    let [cards, mill] = ["Cards", "Mill"].map(|name| add_department(client, name, &engines));
    let ada = add_employee(client, "Ada", &cards, None);
    let charles = add_employee(client, "Charles", &mill, Some(&ada));
    let luigi = add_employee(client, "Luigi", &cards, Some(&charles));
    Org { engines, empty, cards, mill, ada, charles, luigi }
}

fn employee(one: &Value) -> String {
    format!("/org/employees/{}", id(one))
}

fn department(one: &Value) -> String {
    format!("/org/departments/{}", id(one))
}

fn company(one: &Value) -> String {
    format!("/org/companies/{}", id(one))
}

fn foreign_keys_must_exist(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let org = create_org(&ada);
    assert_eq!(
        field_names(&org.charles),
        ["created_at", "department_id", "id", "manager_id", "name", "updated_at"]
    );
    assert_eq!(org.ada.get("manager_id"), Some(&Value::Null));
    let orphan = json!({"name": "Orphan", "company_id": 99});
    anonymous.post("/org/departments", &orphan).expect_problem("unauthenticated");
    assert_eq!(ada.post("/org/departments", &orphan).violations(), ["/company_id"]);
    let orphan = json!({"name": "Orphan", "department_id": 99, "manager_id": 99});
    assert_eq!(ada.post("/org/employees", &orphan).violations(), ["/department_id", "/manager_id"]);
    let orphan = json!({"name": "", "department_id": 99});
    assert_eq!(
        ada.post("/org/employees", &orphan).violations(),
        ["/name"],
        "foreign keys are checked last"
    );
    assert_eq!(ada.post("/org/employees", &json!({"name": "x"})).violations(), ["/department_id"]);
    assert_eq!(ada.post("/org/departments", &json!({"name": "x"})).violations(), ["/company_id"]);
    for key in
        [json!(0), json!(-1), json!(1.5), json!("1"), json!([1]), json!(9_007_199_254_740_992_u64)]
    {
        let body = json!({"name": "x", "department_id": key, "manager_id": key});
        assert_eq!(
            ada.post("/org/employees", &body).violations(),
            ["/department_id", "/manager_id"],
            "{key}"
        );
        let body = json!({"company_id": key});
        assert_eq!(
            ada.patch(&department(&org.cards), &body).violations(),
            ["/company_id"],
            "{key}"
        );
    }
    let path = employee(&org.luigi);
    for (body, wrong) in [
        (json!({"department_id": 99}), "/department_id"),
        (json!({"department_id": null}), "/department_id"),
        (json!({"manager_id": 99}), "/manager_id"),
        (json!({"company_id": 1}), "/company_id"),
    ] {
        assert_eq!(ada.patch(&path, &body).violations(), [wrong], "{body}");
    }
    assert_eq!(
        ada.patch(&department(&org.cards), &json!({"company_id": null})).violations(),
        ["/company_id"]
    );
    assert_eq!(server.get(&path).expect_status(200), &org.luigi, "nothing was written");

    // The manager may be absent, `null`, or cleared.
    let body = json!({"name": "x", "department_id": org.cards["id"]});
    assert_eq!(ada.post("/org/employees", &body).expect_status(201)["manager_id"], Value::Null);
    assert_eq!(
        ada.patch(&path, &json!({"manager_id": null})).expect_status(200)["manager_id"],
        Value::Null
    );
    assert_eq!(server.get(&format!("{path}/manager")).expect_status(200), &Value::Null);
}

fn still_referenced_names_and_counts_children(server: &TestServer) {
    let Clients { ada, admin, bob, .. } = Clients::create(server);
    let org = create_org(&ada);
    let refused = |path: &str| {
        text(admin.delete(path).expect_problem("still-referenced"), "detail").to_owned()
    };
    ada.delete(&company(&org.engines)).expect_problem("forbidden");
    assert_eq!(refused(&company(&org.engines)), "still referenced by its departments (2)");
    assert_eq!(refused(&department(&org.cards)), "still referenced by its employees (2)");
    server.get(&company(&org.engines)).expect_status(200);
    admin.delete(&company(&org.empty)).expect_status(204);

    // Employees that move or are deleted no longer block.
    let moved = json!({"department_id": org.mill["id"]});
    bob.patch(&employee(&org.ada), &moved).expect_status(200);
    admin.delete(&employee(&org.luigi)).expect_status(204);
    admin.delete(&department(&org.cards)).expect_status(204);
    admin.delete(&department(&org.cards)).expect_problem("not-found");
    assert_eq!(refused(&company(&org.engines)), "still referenced by its departments (1)");
    for path in
        [employee(&org.ada), employee(&org.charles), department(&org.mill), company(&org.engines)]
    {
        admin.delete(&path).expect_status(204);
        server.get(&path).expect_problem("not-found");
    }
    assert_healthy(server);
}

fn company_employees_come_through_departments(server: &TestServer) {
    let Clients { ada, anonymous, bob, .. } = Clients::create(server);
    let org = create_org(&ada);
    let of = |path: String| server.get(&path).expect_items().to_vec();
    let one = |path: String| server.get(&path).expect_status(200).clone();
    let engines = company(&org.engines);
    assert_eq!(of(format!("{engines}/departments")), [org.mill.clone(), org.cards.clone()]);
    let all = [org.luigi.clone(), org.charles.clone(), org.ada.clone()];
    assert_eq!(of(format!("{engines}/employees")), all);
    assert!(of(format!("{}/employees", company(&org.empty))).is_empty());
    assert_eq!(
        of(format!("{}/employees", department(&org.mill))),
        std::slice::from_ref(&org.charles)
    );
    assert_eq!(one(format!("{}/company", department(&org.mill))), org.engines);
    assert_eq!(one(format!("{}/department", employee(&org.charles))), org.mill);
    assert_eq!(one(format!("{}/company", employee(&org.charles))), org.engines);
    let walked = all_items(&anonymous, &format!("{engines}/employees?sort=name&limit=1"));
    assert_eq!(texts(&walked, "name"), ["Ada", "Charles", "Luigi"]);

    // Includes follow both routes to the employees, and back.
    let include = "departments.employees.company,employees(limit:2,sort:name)";
    let loaded = one(format!("{engines}?include={include}&count=employees,departments.employees"));
    assert_eq!(loaded["employees_count"], 3);
    assert_eq!(array(&loaded, "employees"), [org.ada.clone(), org.charles.clone()]);
    let rest = all_items(&anonymous, text(&loaded, "employees_next"));
    assert_eq!(rest, std::slice::from_ref(&org.luigi));
    for department in array(&loaded, "departments") {
        let employees = array(department, "employees");
        assert_eq!(department["employees_count"], employees.len());
        assert!(!employees.is_empty());
        assert!(employees.iter().all(|employee| employee["company"] == org.engines));
    }
    // The employees of a department that moves belong to the new company.
    let moved = json!({"company_id": org.empty["id"]});
    bob.patch(&department(&org.cards), &moved).expect_status(200);
    assert_eq!(one(format!("{}/company", employee(&org.ada))), org.empty);
    assert_eq!(of(format!("{engines}/employees")), std::slice::from_ref(&org.charles));
    let page = server.get("/org/employees?include=company&sort=name");
    let companies: Vec<_> =
        page.expect_items().iter().map(|one| text(&one["company"], "name")).collect();
    assert_eq!(companies, ["Empty", "Engines", "Empty"]);
}

fn manager_and_reports_are_inverse(server: &TestServer) {
    let Clients { ada, admin, bob, .. } = Clients::create(server);
    let org = create_org(&ada);
    let reports =
        |of: &Value| server.get(&format!("{}/reports", employee(of))).expect_items().to_vec();
    let manager =
        |of: &Value| server.get(&format!("{}/manager", employee(of))).expect_status(200).clone();
    assert_eq!((manager(&org.ada), manager(&org.charles)), (Value::Null, org.ada.clone()));
    assert_eq!((reports(&org.ada), reports(&org.luigi)), (vec![org.charles.clone()], vec![]));
    let include = "manager.manager,reports.reports";
    let loaded = server.get(&format!("{}?include={include}", employee(&org.charles)));
    let loaded = loaded.expect_status(200);
    assert_eq!(loaded["manager"]["manager"], Value::Null);
    assert_eq!(loaded["reports"][0]["id"], org.luigi["id"]);
    assert_eq!(loaded["reports"][0]["reports"], json!([]));

    // Deleting a manager clears both directions.
    admin.delete(&employee(&org.charles)).expect_status(204);
    let left = server.get(&employee(&org.luigi)).expect_status(200).clone();
    assert_eq!((&left["manager_id"], manager(&org.luigi)), (&Value::Null, Value::Null));
    assert!(reports(&org.ada).is_empty());
    let changed = json!({"manager_id": org.ada["id"]});
    let changed = bob.patch(&employee(&org.luigi), &changed).expect_status(200).clone();
    assert_eq!((reports(&org.ada), manager(&org.luigi)), (vec![changed], org.ada.clone()));
}

fn reporting_cycles_are_refused(server: &TestServer) {
    let Clients { ada, bob, .. } = Clients::create(server);
    let org = create_org(&ada);
    let by = |who: &Value, manager: &Value| {
        bob.patch(&employee(who), &json!({"manager_id": manager["id"]}))
    };
    for below in [&org.ada, &org.charles, &org.luigi] {
        by(&org.ada, below).expect_problem("reporting-cycle");
    }
    by(&org.charles, &org.luigi).expect_problem("reporting-cycle");
    assert_eq!(server.get(&employee(&org.ada)).expect_status(200), &org.ada, "nothing was written");
    by(&org.luigi, &org.ada).expect_status(200);
    by(&org.charles, &org.luigi).expect_status(200);
    by(&org.luigi, &org.charles).expect_problem("reporting-cycle");

    // Either change alone would be valid.
    let fresh = |name: &str| add_employee(&ada, name, &org.cards, None);
    for round in 0..5 {
        let (one, other) = (fresh(&format!("one {round}")), fresh(&format!("other {round}")));
        let (one, other) = (&one, &other);
        let requests: Requests<'_> = vec![Box::new(|| by(one, other)), Box::new(|| by(other, one))];
        assert_eq!(count_statuses(&send_at_once(requests)), BTreeMap::from([(200, 1), (409, 1)]));
    }
    assert_healthy(server);
}

fn company_deletion_races_with_new_departments(server: &TestServer) {
    let Clients { ada, admin, .. } = Clients::create(server);
    for round in 0..4 {
        let doomed = create(&ada, "/org/companies", &json!({"name": format!("{round}")}));
        let body = json!({"name": "Cards", "company_id": doomed["id"]});
        let path = company(&doomed);
        let mut requests: Requests<'_> = Vec::new();
        for _ in 0..6 {
            requests.push(Box::new(|| ada.post("/org/departments", &body)));
        }
        requests.push(Box::new(|| admin.delete(&path)));
        let responses = send_at_once(requests);
        let deleted = responses.last().unwrap().status == 204;
        let made = responses.iter().filter(|response| response.status == 201).count();
        for response in &responses[..6] {
            match response.status {
                201 => {}
                _ => assert_eq!(response.violations(), ["/company_id"]),
            }
        }
        if deleted {
            assert_eq!(made, 0, "the company had no departments");
            server.get(&path).expect_problem("not-found");
        } else {
            responses.last().unwrap().expect_problem("still-referenced");
            assert_eq!(made, 6);
            let there = server.get(&format!("{path}/departments"));
            assert_eq!(there.expect_items().len(), 6);
        }
    }
    assert_healthy(server);
}

both_servers!(
    foreign_keys_must_exist,
    still_referenced_names_and_counts_children,
    company_employees_come_through_departments,
    manager_and_reports_are_inverse,
    reporting_cycles_are_refused,
    company_deletion_races_with_new_departments,
);
