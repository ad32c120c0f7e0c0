//! The own fields of items that a response shows.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::json;

use crate::support::accounts::Clients;
use crate::support::assertions::{Expect as _, field_names, text, uid};
use crate::support::fixtures::{add_book, tag_book};
use crate::support::samples::{Samples, entity_types, item_template};

both_servers!(
    each_field_can_be_chosen,
    chosen_fields_leave_relations,
    pages_show_tags,
    odd_fields_are_refused,
);

fn each_field_can_be_chosen(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let samples = Samples::of(&ada);
    for entity in entity_types() {
        let path = samples.fill(&item_template(entity.name));
        let plain = ada.get(&path);
        let whole = plain.expect_status(200);
        for field in entity.fields {
            let chosen = ada.get(&format!("{path}?fields={}", field.name));
            let shown = chosen.expect_status(200).as_object().unwrap();
            let mut names = vec![entity.key, field.name];
            names.sort_unstable();
            names.dedup();
            assert_eq!(field_names(&chosen.json), names, "{path}");
            assert!(shown.iter().all(|(name, value)| &whole[name] == value), "{path}");
        }
    }
}

fn chosen_fields_leave_relations(server: &TestServer) {
    let Clients { ada, admin, .. } = Clients::create(server);
    let book = tag_book(&ada, &add_book(&ada, "Emma"), &["classics"]);
    let path = format!("/books/{}", uid(&book));
    let query = "include=tags,user&count=reviews";
    let chosen = ada.get(&format!("{path}?{query}&fields=title&fields=author,title"));
    let chosen = chosen.expect_status(200);
    let names = ["author", "reviews_count", "tags", "title", "uid", "user"];
    assert_eq!(field_names(chosen), names);
    let whole = ada.get(&format!("{path}?{query}"));
    for name in names {
        assert_eq!(chosen[name], whole.json[name]);
    }
    // The account is no own field of the user.
    let profile = admin.get(&format!("/users/{}?fields=username", ada.uid));
    assert_eq!(field_names(profile.expect_status(200)), ["uid", "username"]);
    let user = ada.get(&format!("{path}/user?fields=username"));
    assert_eq!(user.expect_status(200), &json!({"uid": ada.uid, "username": "ada"}));
}

fn pages_show_tags(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    for title in ["Emma", "Persuasion", "Sanditon"] {
        add_book(&ada, title);
    }
    let first = ada.get("/books?limit=2&fields=title,etag&sort=title");
    for item in first.expect_items() {
        assert_eq!(field_names(item), ["etag", "title", "uid"]);
        let alone = ada.get(&format!("/books/{}", uid(item)));
        assert_eq!(alone.header("etag"), Some(text(item, "etag")));
    }
    // The fields may change from page to page.
    let next = first.next_page().unwrap().replace("fields=title%2Cetag&", "");
    let next = ada.get(next.trim_start_matches("/api/v1"));
    assert_eq!(text(&next.expect_items()[0], "title"), "Sanditon");
}

fn odd_fields_are_refused(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let path = format!("/books/{}", uid(&add_book(&ada, "Emma")));
    for wrong in ["", "titel", "title,", "tags", "title_key", "title;author", "*"] {
        for path in [path.as_str(), "/books"] {
            let response = ada.get(&format!("{path}?fields={wrong}"));
            let problem = response.expect_problem("invalid-parameter");
            let detail = text(problem, "detail");
            assert!(detail.starts_with("fields: ") && detail.contains("page_count"), "{detail}");
        }
    }
}
