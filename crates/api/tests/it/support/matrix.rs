//! The table of the authorization matrix, and the people and things of one call.

use recto_domain::Role;
use recto_persistence::Database;
use recto_testkit::server::{Client, PASSWORD, TestServer};
use serde_json::{Value, json};

use super::accounts::TestAccount;
use super::assertions::{Expect as _, uid};
use super::fixtures::{add_book, add_review};
use super::samples::Rooms;

/// A line each operation: the status that each caller gets.
const TABLE: &str = include_str!("../matrix.txt");

/// A line of the table.
pub(crate) struct Row<'t> {
    pub(crate) method: &'t str,
    pub(crate) template: &'t str,
    pub(crate) statuses: [u16; 8],
}

pub(crate) fn rows() -> Vec<Row<'static>> {
    let lines = TABLE.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(row).collect()
}

fn row(line: &'static str) -> Row<'static> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [method, template, statuses @ ..] = words.as_slice() else { panic!("{line}") };
    let statuses: Vec<u16> = statuses.iter().map(|word| word.parse().unwrap()).collect();
    Row { method, template, statuses: statuses.try_into().unwrap_or_else(|_| panic!("{line}")) }
}

/// Who calls. Those that are not verified, that are disabled and that send keys are whoever may
/// otherwise: the owner, or an administrator where the owner may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    Anonymous,
    Unverified,
    Owner,
    Other,
    Admin,
    Disabled,
    ReadKey,
    WriteKey,
}

impl Caller {
    pub(crate) const ALL: [Self; 8] = [
        Self::Anonymous,
        Self::Unverified,
        Self::Owner,
        Self::Other,
        Self::Admin,
        Self::Disabled,
        Self::ReadKey,
        Self::WriteKey,
    ];
}

/// Three people, and something of the owner's in each room that is needed.
pub(crate) struct Scene<'s> {
    server: &'s TestServer,
    owner: TestAccount<'s>,
    other: TestAccount<'s>,
    admin: TestAccount<'s>,
    book: String,
    review: String,
    tag: String,
    author: String,
    rooms: Option<Rooms>,
}

impl<'s> Scene<'s> {
    /// Makes what that operation needs; all of it for no operation in particular.
    pub(crate) fn set(
        server: &'s TestServer,
        database: &Database,
        method: &str,
        template: &str,
    ) -> Self {
        let enter = |role| TestAccount::create(server, database, role);
        let (owner, other, admin) = (enter(Role::User), enter(Role::User), enter(Role::Admin));
        let mut scene = Self {
            server,
            owner,
            other,
            admin,
            book: String::new(),
            review: String::new(),
            tag: String::new(),
            author: String::new(),
            rooms: None,
        };
        let needs = |rooms: &[&str]| {
            template.is_empty() || rooms.iter().any(|room| template.starts_with(room))
        };
        if needs(&["/books", "/reviews", "/tags"]) {
            scene.fill_catalogue((method, template) != ("POST", "/books/{uid}/reviews"));
        }
        if needs(&["/blog", "/school", "/org"]) {
            scene.rooms = Some(Rooms::filled(&scene.owner.client));
        }
        if method == "DELETE" && template.starts_with("/org") {
            scene.bare_rooms();
        }
        scene
    }

    fn fill_catalogue(&mut self, reviewed: bool) {
        let client = &self.owner.client;
        let book = add_book(client, "Emma");
        uid(&book).clone_into(&mut self.book);
        let tags = json!({"tags": [{"name": self.unique("Tag")}]});
        let tagged = client.post(&format!("/books/{}/tags", self.book), &tags);
        uid(&tagged.expect_status(200)["tags"][0]).clone_into(&mut self.tag);
        if reviewed {
            uid(&add_review(client, &book, 4)).clone_into(&mut self.review);
        }
        let authors = client.get("/authors?limit=1");
        uid(&authors.expect_status(200)["items"][0]).clone_into(&mut self.author);
    }

    /// Nothing stands in the way of deleting these.
    fn bare_rooms(&mut self) {
        let client = &self.owner.client;
        let add =
            |path: &str, body: &Value| client.post(path, body).expect_status(201)["id"].to_string();
        let Some(rooms) = &mut self.rooms else { return };
        let company = json!(rooms.company.parse::<u32>().unwrap());
        let department = json!({"name": "Bare", "company_id": company});
        let full = json!(rooms.department.parse::<u32>().unwrap());
        let employee = json!({"name": "Bare", "department_id": full});
        rooms.department = add("/org/departments", &department);
        rooms.employee = add("/org/employees", &employee);
        rooms.company = add("/org/companies", &json!({"name": "Bare"}));
    }

    /// A name that nothing else has.
    fn unique(&self, what: &str) -> String {
        format!("{what} {}", self.owner.client.uid)
    }

    /// The path of an operation on what is the owner's.
    pub(crate) fn path(&self, template: &str) -> String {
        let id = match template {
            path if path.starts_with("/auth/sessions") => self.owner.session.to_string(),
            path if path.starts_with("/auth/keys") => self.owner.read_key.0.to_string(),
            path => {
                let rooms = self.rooms.as_ref();
                rooms.and_then(|rooms| rooms.key_below(path)).unwrap_or_default().to_owned()
            }
        };
        let key = match template.split('/').nth(1) {
            Some("books") => &self.book,
            Some("reviews") => &self.review,
            Some("tags") => &self.tag,
            Some("authors") => &self.author,
            _ => &self.owner.client.uid,
        };
        let course = self.rooms.as_ref().map_or("", |rooms| &rooms.course);
        template
            .replace("{uid}", key)
            .replace("{tag_uid}", &self.tag)
            .replace("{id}", &id)
            .replace("{course_id}", course)
    }

    /// The one as whom a caller comes.
    fn person(&self, caller: Caller, by_admin: bool) -> &TestAccount<'s> {
        match caller {
            Caller::Other => &self.other,
            Caller::Admin => &self.admin,
            Caller::Owner | Caller::Anonymous => &self.owner,
            _ if by_admin => &self.admin,
            _ => &self.owner,
        }
    }

    /// The caller, ready to call.
    pub(crate) fn call(&self, caller: Caller, by_admin: bool) -> Client<'s> {
        let person = self.person(caller, by_admin);
        match caller {
            Caller::Anonymous => self.server.anonymous(),
            Caller::ReadKey => person.client_with(&person.read_key),
            Caller::WriteKey => person.client_with(&person.write_key),
            _ => {
                self.mark(person, caller);
                person.client.clone()
            }
        }
    }

    /// Those who were made something else for a call are themselves again.
    pub(crate) fn leave(&self, caller: Caller, by_admin: bool) {
        if matches!(caller, Caller::Unverified | Caller::Disabled) {
            self.mark(self.person(caller, by_admin), Caller::Owner);
        }
    }

    fn mark(&self, person: &TestAccount<'_>, caller: Caller) {
        let (verified, disabled) = (caller != Caller::Unverified, caller == Caller::Disabled);
        let statement = format!(
            "UPDATE accounts SET verified = {verified}, disabled = {disabled} WHERE email = '{}'",
            person.email
        );
        if caller != Caller::Other && caller != Caller::Admin {
            self.server.database().execute(&statement).unwrap();
        }
    }

    /// What is sent, where the example will not do. What shows who somebody is is the caller's.
    pub(crate) fn body(&self, method: &str, template: &str, caller: Caller) -> Option<Value> {
        let person = self.person(caller, false);
        let email = &person.email;
        Some(match (method, template) {
            ("POST", "/auth/signup") => json!({
                "username": format!("new.{}", &self.owner.client.uid),
                "email": format!("new.{email}"),
                "password": PASSWORD,
            }),
            ("POST", "/auth/verify") => json!({"token": person.verify_token.expose()}),
            ("POST", "/auth/verify-request" | "/auth/password-reset-request") => {
                json!({"email": email})
            }
            ("POST", "/auth/login") => json!({"email": email, "password": PASSWORD}),
            ("POST", "/auth/token") => {
                json!({"grant_type": "password", "username": email, "password": PASSWORD})
            }
            ("POST", "/auth/refresh") => json!({"refresh_token": person.refresh_token.expose()}),
            ("POST", "/auth/password-reset-confirm") => json!({
                "token": person.reset_token.expose(),
                "new_password": "another password, quite as long",
                "confirm_new_password": "another password, quite as long",
            }),
            ("PUT", "/auth/password") => json!({
                "current_password": PASSWORD,
                "new_password": "another password, quite as long",
            }),
            ("DELETE", "/auth/me") => json!({"password": PASSWORD, "reviews": "erase"}),
            ("POST", "/auth/keys") => json!({"name": "nightly", "scopes": ["read", "write"]}),
            ("POST", "/tags") | ("PUT", "/tags/{uid}") => json!({"name": self.unique("Other")}),
            ("PATCH", "/users/{uid}") => json!({"first_name": "Ada"}),
            ("POST", "/org/departments") => self.department(),
            ("POST", "/org/employees") => self.employee(),
            ("PATCH", "/org/departments/{id}" | "/org/employees/{id}") => {
                json!({"name": "Another"})
            }
            _ => return None,
        })
    }

    fn department(&self) -> Value {
        let company = self.rooms.as_ref().unwrap().company.parse::<u32>().unwrap();
        json!({"name": "New", "company_id": company})
    }

    fn employee(&self) -> Value {
        let department = self.rooms.as_ref().unwrap().department.parse::<u32>().unwrap();
        json!({"name": "New", "department_id": department})
    }
}
