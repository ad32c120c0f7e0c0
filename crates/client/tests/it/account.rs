//! Accounts, API keys and administration.

use std::time::Duration;

use recto_client::Client;
use recto_domain::{
    ApiKeyName, AuditAction, Change, NewApiKey, PersonName, Role, Scopes, User, UserPatch,
};
use recto_testkit::server::PASSWORD;
use recto_testkit::{both_servers, server::TestServer};

use crate::support::fixtures::{add_book, administrator, new_book, run, signed_in, status};

fn account_is_created_and_changed(server: &TestServer) {
    run(async {
        let client = server.client();
        let user = client.sign_up("ada", "ada@example.org", PASSWORD).await.unwrap();
        let signed_in = client.sign_in("ada@example.org", PASSWORD).await.unwrap();
        assert_eq!((signed_in.uid, signed_in.role), (user.uid, Role::User));
        let me = client.me().await.unwrap();
        assert!(!me.account().unwrap().unwrap().verified);
        assert_eq!(user.account().unwrap(), None);
        assert_eq!(status(client.verify("unknown", PASSWORD).await), 404);

        client.change_password(PASSWORD, "another long password").await.unwrap();
        let wrong = client.sign_in("ada@example.org", PASSWORD).await;
        assert_eq!(status(wrong), 401);
        client.me().await.unwrap();
    });
}

fn profile_is_changed_by_its_user(server: &TestServer) {
    run(async {
        let ada = signed_in(server, "ada").await;
        let me = ada.me().await.unwrap();
        let name = PersonName::parse("Ada").unwrap();
        let patch = UserPatch { first_name: Change::Set(Some(name)), ..UserPatch::default() };
        let changed = ada.update(&me, &patch).await.unwrap();
        assert_eq!(changed.first_name.as_ref().unwrap().as_str(), "Ada");
        assert!(changed.account().unwrap().is_some());
    });
}

fn mailed_links_are_used(server: &TestServer) {
    run(async {
        let (client, email, password) = (server.client(), "ada@example.org", "another password");
        client.sign_up("ada", email, PASSWORD).await.unwrap();
        let token = mailed_token(server, "/verify#").await;
        assert!(client.verify(&token, PASSWORD).await.unwrap().account().unwrap().is_some());

        client.request_password_reset(email).await.unwrap();
        let token = mailed_token(server, "/reset-password#").await;
        client.reset_password(&token, password).await.unwrap();
        client.sign_in(email, password).await.unwrap();

        client.request_email_change(password, "ada@example.com").await.unwrap();
        let token = mailed_token(server, "/confirm-email#").await;
        client.confirm_email_change(&token).await.unwrap();
        let export = client.export().await.unwrap();
        assert_eq!(export["account"]["email"], "ada@example.com");
    });
}

fn unverified_account_is_rejected(server: &TestServer) {
    run(async {
        let client = server.client();
        client.sign_up("ada", "ada@example.org", PASSWORD).await.unwrap();
        client.request_verification("ada@example.org").await.unwrap();
        let token = mailed_token(server, "/verify#").await;
        client.reject_account(&token).await.unwrap();
        assert_eq!(status(client.sign_in("ada@example.org", PASSWORD).await), 401);
    });
}

/// Waits for a mail with a link to that page, and returns the token of the link.
async fn mailed_token(server: &TestServer, page: &str) -> String {
    for _ in 0..2_000 {
        for entry in std::fs::read_dir(server.mail_directory()).unwrap() {
            // A mail has another name while it is written.
            let mail = std::fs::read_to_string(entry.unwrap().path()).unwrap_or_default();
            if let Some((_, token)) = mail.split_once(page) {
                return token.lines().next().unwrap().to_owned();
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no mail with a link to {page}");
}

fn script_uses_an_api_key(server: &TestServer) {
    run(async {
        let ada = signed_in(server, "ada").await;
        let new = NewApiKey {
            name: ApiKeyName::parse("nightly export").unwrap(),
            scopes: Scopes::READ,
            expires_at: Change::Keep,
        };
        let created = ada.create_api_key(&new).await.unwrap();
        assert!(!format!("{created:?}").contains(&created.key));
        let script = Client::builder(server.url("/")).token(&created.key).build().unwrap();
        assert_eq!(script.me().await.unwrap().username.as_str(), "ada");
        let refused = script.create_book(new_book("Sketch")).await;
        assert_eq!(status(refused), 403);

        let listed = ada.api_keys().await.unwrap().items;
        assert_eq!(listed[0].id, created.entry.id);
        ada.revoke_api_key(created.entry.id).await.unwrap();
        assert_eq!(status(script.me().await), 401);
    });
}

fn administrator_manages_accounts(server: &TestServer) {
    run(async {
        let (grace, ada) = (administrator(server).await, signed_in(server, "ada").await);
        let user = ada.me().await.unwrap().uid;
        let changed = grace.set_role(user, Role::Admin).await.unwrap();
        assert_eq!(changed.account().unwrap().unwrap().role, Role::Admin);
        let users = ada.list::<User>().filter("username", "ada").await.unwrap();
        assert_eq!(users.items[0].account().unwrap().unwrap().email.as_str(), "ada@example.org");

        let disabled = grace.set_disabled(user, true).await.unwrap();
        assert!(disabled.account().unwrap().unwrap().disabled);
        let log = grace.audit_log().filter("action", &AuditAction::AccountDisabled).await.unwrap();
        assert_eq!(log.items[0].subject_uid, Some(user));
    });
}

fn others_books_are_not_changed(server: &TestServer) {
    run(async {
        let (ada, mary) = (signed_in(server, "ada").await, signed_in(server, "mary").await);
        let book = add_book(&ada, "Sketch").await;
        assert_eq!(status(mary.delete(&book).await), 403);
    });
}

both_servers!(
    account_is_created_and_changed,
    profile_is_changed_by_its_user,
    mailed_links_are_used,
    unverified_account_is_rejected,
    script_uses_an_api_key,
    administrator_manages_accounts,
    others_books_are_not_changed,
);
