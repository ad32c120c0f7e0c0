//! Who administers, and that somebody always does.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::json;

use crate::support::assertions::{Told as _, assert_sound};
use crate::support::fixtures::{Library, NOBODY, reader};

fn a_role_takes_effect_with_the_next_request(server: &TestServer) {
    let library = Library::on(server);
    let path = format!("/users/{}/role", library.ada.uid);
    library.ada.get("/reviews").refused("forbidden");
    let changed = library.admin.put(&path, &json!({"role": "admin"}));
    assert_eq!(changed.gives(200)["role"], "admin");
    assert_eq!(changed.json["uid"], library.ada.uid);
    library.ada.get("/reviews").gives(200);
    library.admin.put(&path, &json!({"role": "user"})).gives(200);
    library.ada.get("/reviews").refused("forbidden");
    // Saying it again changes nothing.
    library.admin.put(&path, &json!({"role": "user"})).gives(200);
}

fn roles_are_for_administrators_to_give(server: &TestServer) {
    let library = Library::on(server);
    let path = format!("/users/{}/role", library.ada.uid);
    let admin = json!({"role": "admin"});
    library.anyone.put(&path, &admin).refused("unauthenticated");
    library.ada.put(&path, &admin).refused("forbidden");
    library.ada.put(&path, &json!({"role": 7})).refused("forbidden");
    library.admin.put(&format!("/users/{NOBODY}/role"), &admin).refused("not-found");
    library.admin.put("/users/x/role", &admin).refused("not-found");
    let imported = reader(server, "goodbooks.17");
    library.admin.put(&format!("/users/{imported}/role"), &admin).refused("not-found");
    for body in [json!({"role": "root"}), json!({"role": null}), json!({"role": 1}), json!({})] {
        assert_eq!(library.admin.put(&path, &body).wrong(), ["/role"], "{body}");
    }
    assert_eq!(library.admin.put(&path, &json!([])).wrong(), [""]);
}

fn the_last_administrator_stays(server: &TestServer) {
    let library = Library::on(server);
    let path = format!("/users/{}", library.admin.uid);
    let demote = json!({"role": "user"});
    library.admin.put(&format!("{path}/role"), &demote).refused("last-admin");
    library.admin.delete(&path).refused("last-admin");
    library.admin.get("/reviews").gives(200);

    let ada = format!("/users/{}/role", library.ada.uid);
    library.admin.put(&ada, &json!({"role": "admin"})).gives(200);
    library.ada.put(&format!("{path}/role"), &demote).gives(200);
    library.ada.put(&ada, &demote).refused("last-admin");
    library.ada.delete(&path).gives(204);
}

fn who_is_not_verified_administers_nothing(server: &TestServer) {
    let library = Library::on(server);
    let eve = server.sign_up_unverified("eve");
    let role = format!("/users/{}/role", eve.uid);
    library.admin.put(&role, &json!({"role": "admin"})).gives(200);
    eve.get("/users").refused("forbidden");
    let ada = eve.get(&format!("/users/{}", library.ada.uid));
    assert_eq!(ada.gives(200).get("email"), None, "the account is not shown");
    // Nobody would be left who can.
    let path = format!("/users/{}", library.admin.uid);
    library.admin.delete(&path).refused("last-admin");
    library
        .admin
        .put(&format!("{path}/disabled"), &json!({"disabled": true}))
        .refused("last-admin");
}

fn two_administrators_cannot_remove_each_other_at_once(server: &TestServer) {
    for round in 0..4 {
        let one = crate::support::fixtures::member(
            server,
            &format!("one{round}"),
            recto_domain::Role::Admin,
        );
        let other = crate::support::fixtures::member(
            server,
            &format!("other{round}"),
            recto_domain::Role::Admin,
        );
        let demotion = format!("/users/{}/role", other.uid);
        let deletion = format!("/users/{}", one.uid);
        let (first, second) = std::thread::scope(|scope| {
            let first = scope.spawn(|| one.put(&demotion, &json!({"role": "user"})).status);
            let second = other.delete(&deletion).status;
            (first.join().unwrap(), second)
        });
        // Whoever came second had been demoted, or deleted, or was the last.
        assert!(matches!((first, second), (200, 403 | 409) | (401 | 409, 204)), "{first} {second}");
        let survivor = if first == 200 { &one } else { &other };
        survivor.get("/reviews").gives(200);
        // The next round starts without anybody.
        server.database().execute("DELETE FROM accounts").unwrap();
    }
    assert_sound(server);
}

both_servers!(
    a_role_takes_effect_with_the_next_request,
    roles_are_for_administrators_to_give,
    the_last_administrator_stays,
    who_is_not_verified_administers_nothing,
    two_administrators_cannot_remove_each_other_at_once,
);
