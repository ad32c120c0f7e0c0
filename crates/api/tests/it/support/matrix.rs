//! The authorization matrix, and what one request of it needs.

use recto_domain::Role;
use recto_persistence::Database;
use recto_testkit::server::{PASSWORD, TestClient, TestServer};
use serde_json::{Value, json};

use super::accounts::{OTHER_PASSWORD, TestAccount};
use super::samples::Samples;

const TABLE: &str = include_str!("../matrix.txt");

/// A line of the table: an operation, and the status that each caller gets.
pub(crate) struct Row {
    pub(crate) method: &'static str,
    pub(crate) template: &'static str,
    pub(crate) statuses: [u16; 10],
}

/// Returns the lines of the table.
pub(crate) fn rows() -> Vec<Row> {
    let lines = TABLE.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(Row::parse).collect()
}

impl Row {
    fn parse(line: &'static str) -> Self {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [method, template, statuses @ ..] = words.as_slice() else { panic!("{line}") };
        let statuses: Vec<u16> = statuses.iter().map(|word| word.parse().unwrap()).collect();
        Self {
            method,
            template,
            statuses: statuses.try_into().unwrap_or_else(|_| panic!("{line}")),
        }
    }

    /// Returns the status that a caller gets.
    pub(crate) fn status(&self, caller: Caller) -> u16 {
        self.statuses[caller as usize]
    }

    /// Returns the least privileged caller that may send the request.
    pub(crate) fn permitted(&self) -> Caller {
        let mut callers = [Caller::Anonymous, Caller::Owner].into_iter();
        callers.find(|caller| self.status(*caller) < 300).unwrap_or(Caller::Admin)
    }

    /// Returns whether the request changes what other callers need, so that each needs its own
    /// entities.
    pub(crate) fn is_consuming(&self) -> bool {
        let unique =
            ["/auth/", "/users/", "/tags"].iter().any(|part| self.template.starts_with(part));
        self.method == "DELETE"
            || self.method != "GET" && (unique || self.template == "/books/{uid}/reviews")
    }
}

/// The columns of the table. The unverified and disabled accounts, the earlier session and the API
/// keys for reading and writing are the owner's, or an administrator's where the owner may not send
/// the request. The administrator's key has all scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    Anonymous,
    Unverified,
    Owner,
    Other,
    Admin,
    Disabled,
    EarlierSession,
    ReadKey,
    WriteKey,
    AdminKey,
}

impl Caller {
    pub(crate) const ALL: [Self; 10] = [
        Self::Anonymous,
        Self::Unverified,
        Self::Owner,
        Self::Other,
        Self::Admin,
        Self::Disabled,
        Self::EarlierSession,
        Self::ReadKey,
        Self::WriteKey,
        Self::AdminKey,
    ];
}

/// Three accounts, and the entities of the first.
pub(crate) struct MatrixFixture<'s> {
    server: &'s TestServer,
    owner: TestAccount<'s>,
    other: TestAccount<'s>,
    admin: TestAccount<'s>,
    samples: Samples<'s>,
}

impl<'s> MatrixFixture<'s> {
    pub(crate) fn create(server: &'s TestServer, database: &Database) -> Self {
        let create = |role| TestAccount::create(server, database, role);
        let (owner, other, admin) = (create(Role::User), create(Role::User), create(Role::Admin));
        let samples = Samples::of(&owner.client);
        Self { server, owner, other, admin, samples }
    }

    /// Returns the path of an operation on what the owner owns.
    pub(crate) fn path(&self, template: &str) -> String {
        let id = match template {
            path if path.starts_with("/auth/sessions") => self.owner.session.to_string(),
            path if path.starts_with("/auth/keys") => self.owner.read_key.0.to_string(),
            _ => return self.samples.fill(template),
        };
        template.replace("{id}", &id)
    }

    /// Prepares the account of a caller, sends a request as that caller, and restores the account.
    pub(crate) fn send_as(
        &self,
        caller: Caller,
        row: &Row,
        send: impl Fn(&TestClient<'s>) -> u16,
    ) -> u16 {
        let account = self.account(caller, row.status(Caller::Owner) == 403);
        match caller {
            Caller::Anonymous => send(&self.server.anonymous()),
            Caller::EarlierSession => send(&account.earlier_client),
            Caller::AdminKey => send(&account.client_with(&account.full_key)),
            Caller::ReadKey => send(&account.client_with(&account.read_key)),
            Caller::WriteKey => send(&account.client_with(&account.write_key)),
            Caller::Owner | Caller::Other | Caller::Admin => send(&account.client),
            Caller::Unverified | Caller::Disabled => {
                let is_verified = caller != Caller::Unverified;
                self.update(account, is_verified, caller == Caller::Disabled);
                let status = send(&account.client);
                self.update(account, true, false);
                status
            }
        }
    }

    fn account(&self, caller: Caller, is_for_admins: bool) -> &TestAccount<'s> {
        match caller {
            Caller::Other => &self.other,
            Caller::Admin | Caller::AdminKey => &self.admin,
            Caller::Owner | Caller::Anonymous => &self.owner,
            _ if is_for_admins => &self.admin,
            _ => &self.owner,
        }
    }

    fn update(&self, account: &TestAccount<'_>, verified: bool, disabled: bool) {
        let statement = format!(
            "UPDATE accounts SET verified = {verified}, disabled = {disabled} WHERE email = '{}'",
            account.email
        );
        self.server.database().execute(&statement).unwrap();
    }

    /// Returns the body of a request where the example of the document is not valid here.
    /// Credentials are the caller's.
    pub(crate) fn body(&self, row: &Row, caller: Caller) -> Option<Value> {
        let account = self.account(caller, false);
        let email = &account.email;
        let new_body = |entity| self.samples.creation(entity).map(|(_, body)| body);
        Some(match (row.method, row.template) {
            ("POST", "/auth/signup") => json!({
                "username": format!("new.{}", &self.owner.client.uid),
                "email": format!("new.{email}"),
                "password": PASSWORD,
            }),
            ("POST", "/auth/verify") => {
                json!({"token": account.verify_token.expose(), "password": PASSWORD})
            }
            ("POST", "/auth/verify-reject") => json!({"token": account.verify_token.expose()}),
            ("PUT", "/auth/email") => {
                json!({"password": PASSWORD, "new_email": format!("other.{email}")})
            }
            ("POST", "/auth/email-confirm") => json!({"token": account.email_token.expose()}),
            ("POST", "/auth/verify-request" | "/auth/password-reset-request") => {
                json!({"email": email})
            }
            ("POST", "/auth/login") => json!({"email": email, "password": PASSWORD}),
            ("POST", "/auth/token") => {
                json!({"grant_type": "password", "username": email, "password": PASSWORD})
            }
            ("POST", "/auth/refresh") => json!({"refresh_token": account.refresh_token.expose()}),
            ("POST", "/auth/password-reset-confirm") => json!({
                "token": account.reset_token.expose(),
                "new_password": OTHER_PASSWORD,
                "confirm_new_password": OTHER_PASSWORD,
            }),
            ("PUT", "/auth/password") => json!({
                "current_password": PASSWORD,
                "new_password": OTHER_PASSWORD,
            }),
            ("DELETE", "/auth/me") => json!({"password": PASSWORD, "reviews": "erase"}),
            ("POST", "/auth/keys") => json!({"name": "nightly", "scopes": ["read", "write"]}),
            ("POST", "/tags") | ("PUT", "/tags/{uid}") => {
                json!({"name": format!("Other tag of {}", self.owner.client.uid)})
            }
            ("PATCH", "/users/{uid}" | "/auth/me") => json!({"first_name": "Ada"}),
            ("POST", "/org/departments") => return new_body("Department"),
            ("POST", "/org/employees") => return new_body("Employee"),
            ("PATCH", "/org/departments/{id}" | "/org/employees/{id}") => {
                json!({"name": "Another"})
            }
            _ => return None,
        })
    }
}
