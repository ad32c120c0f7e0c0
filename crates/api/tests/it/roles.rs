//! Roles, and the last administrator.

use recto_domain::Role;
use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::json;

use crate::support::accounts::{Clients, create_account, create_user};
use crate::support::assertions::{Expect as _, assert_healthy};
use crate::support::fixtures::UNKNOWN_UID;

fn role_change_applies_to_next_request(server: &TestServer) {
    let Clients { ada, admin, .. } = Clients::create(server);
    let path = format!("/users/{}/role", ada.uid);
    ada.get("/reviews").expect_problem("forbidden");
    let changed = admin.put(&path, &json!({"role": "admin"}));
    assert_eq!(changed.expect_status(200)["role"], "admin");
    assert_eq!(changed.json["uid"], ada.uid);
    ada.get("/reviews").expect_status(200);
    admin.put(&path, &json!({"role": "user"})).expect_status(200);
    ada.get("/reviews").expect_problem("forbidden");
    // Setting the same role again is no error.
    admin.put(&path, &json!({"role": "user"})).expect_status(200);
}

fn only_administrators_set_roles(server: &TestServer) {
    let clients = Clients::create(server);
    let path = format!("/users/{}/role", clients.ada.uid);
    let admin = json!({"role": "admin"});
    clients.anonymous.put(&path, &admin).expect_problem("unauthenticated");
    clients.ada.put(&path, &admin).expect_problem("forbidden");
    clients.ada.put(&path, &json!({"role": 7})).expect_problem("forbidden");
    clients.admin.put(&format!("/users/{UNKNOWN_UID}/role"), &admin).expect_problem("not-found");
    clients.admin.put("/users/x/role", &admin).expect_problem("not-found");
    let imported = create_user(server, "goodbooks.17");
    clients.admin.put(&format!("/users/{imported}/role"), &admin).expect_problem("not-found");
    for body in [json!({"role": "root"}), json!({"role": null}), json!({"role": 1}), json!({})] {
        assert_eq!(clients.admin.put(&path, &body).violations(), ["/role"], "{body}");
    }
    assert_eq!(clients.admin.put(&path, &json!([])).violations(), [""]);
}

fn last_administrator_cannot_be_removed(server: &TestServer) {
    let clients = Clients::create(server);
    let path = format!("/users/{}", clients.admin.uid);
    let demote = json!({"role": "user"});
    clients.admin.put(&format!("{path}/role"), &demote).expect_problem("last-admin");
    clients.admin.delete(&path).expect_problem("last-admin");
    clients.admin.get("/reviews").expect_status(200);

    let ada = format!("/users/{}/role", clients.ada.uid);
    clients.admin.put(&ada, &json!({"role": "admin"})).expect_status(200);
    clients.ada.put(&format!("{path}/role"), &demote).expect_status(200);
    clients.ada.put(&ada, &demote).expect_problem("last-admin");
    clients.ada.delete(&path).expect_status(204);
}

fn unverified_administrator_has_no_permissions(server: &TestServer) {
    let clients = Clients::create(server);
    let eve = server.sign_up_unverified("eve");
    let role = format!("/users/{}/role", eve.uid);
    clients.admin.put(&role, &json!({"role": "admin"})).expect_status(200);
    eve.get("/users").expect_problem("forbidden");
    let ada = eve.get(&format!("/users/{}", clients.ada.uid));
    assert_eq!(ada.expect_status(200).get("email"), None, "the account is not shown");
    // An unverified administrator does not count.
    let path = format!("/users/{}", clients.admin.uid);
    clients.admin.delete(&path).expect_problem("last-admin");
    clients
        .admin
        .put(&format!("{path}/disabled"), &json!({"disabled": true}))
        .expect_problem("last-admin");
}

fn concurrent_removals_leave_one_administrator(server: &TestServer) {
    for round in 0..4 {
        let one = create_account(server, &format!("one{round}"), Role::Admin);
        let other = create_account(server, &format!("other{round}"), Role::Admin);
        let demotion = format!("/users/{}/role", other.uid);
        let deletion = format!("/users/{}", one.uid);
        let (first, second) = std::thread::scope(|scope| {
            let first = scope.spawn(|| one.put(&demotion, &json!({"role": "user"})).status);
            let second = other.delete(&deletion).status;
            (first.join().unwrap(), second)
        });
        // The second request comes from a demoted or deleted account, or removes the last one.
        assert!(matches!((first, second), (200, 403 | 409) | (401 | 409, 204)), "{first} {second}");
        let survivor = if first == 200 { &one } else { &other };
        survivor.get("/reviews").expect_status(200);
        // The next round starts without accounts.
        server.database().execute("DELETE FROM accounts").unwrap();
    }
    assert_healthy(server);
}

both_servers!(
    role_change_applies_to_next_request,
    only_administrators_set_roles,
    last_administrator_cannot_be_removed,
    unverified_administrator_has_no_permissions,
    concurrent_removals_leave_one_administrator,
);
