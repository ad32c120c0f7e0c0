//! One entity of each kind in the modules blog, school and org.

use recto_testkit::server::Client;
use serde_json::{Value, json};

use super::assertions::Told as _;

/// One of each, belonging together; the keys as they stand in paths.
pub(crate) struct Rooms {
    pub(crate) post: String,
    pub(crate) comment: String,
    pub(crate) student: String,
    pub(crate) course: String,
    pub(crate) company: String,
    pub(crate) department: String,
    pub(crate) employee: String,
}

impl Rooms {
    /// Makes one of each; the employee has a manager and one to manage.
    #[track_caller]
    pub(crate) fn filled(client: &Client<'_>) -> Self {
        let post = add(client, "/blog/posts", &json!({"title": "Zero", "content": "Distances."}));
        let comments = format!("/blog/posts/{}/comments", id(&post));
        let comment = add(client, &comments, &json!({"text": "So."}));
        let student = add(client, "/school/students", &json!({"name": "Sofia"}));
        let course = add(client, "/school/courses", &json!({"title": "Equations"}));
        enrol(client, &student, &course);
        let company = add(client, "/org/companies", &json!({"name": "Engines"}));
        let department = add_department(client, "Cards", &company);
        let top = add_employee(client, "Top", &department, None);
        let employee = add_employee(client, "Ada", &department, Some(&top));
        add_employee(client, "Charles", &department, Some(&employee));
        Self {
            post: id(&post),
            comment: id(&comment),
            student: id(&student),
            course: id(&course),
            company: id(&company),
            department: id(&department),
            employee: id(&employee),
        }
    }

    /// The collections that take new items, and the key of one there.
    pub(crate) fn collections(&self) -> [(&'static str, &str); 6] {
        [
            ("/blog/posts", &self.post),
            ("/school/students", &self.student),
            ("/school/courses", &self.course),
            ("/org/companies", &self.company),
            ("/org/departments", &self.department),
            ("/org/employees", &self.employee),
        ]
    }

    /// Every entity by name, and where it is.
    pub(crate) fn entities(&self) -> [(&'static str, String); 7] {
        [
            ("Post", format!("/blog/posts/{}", self.post)),
            ("Comment", format!("/blog/comments/{}", self.comment)),
            ("Student", format!("/school/students/{}", self.student)),
            ("Course", format!("/school/courses/{}", self.course)),
            ("Company", format!("/org/companies/{}", self.company)),
            ("Department", format!("/org/departments/{}", self.department)),
            ("Employee", format!("/org/employees/{}", self.employee)),
        ]
    }

    /// What `{id}` stands for in a path; nothing outside of these rooms.
    pub(crate) fn key_below(&self, path: &str) -> Option<&str> {
        match path {
            path if path.starts_with("/blog/comments/") => Some(&self.comment),
            path => {
                let mut collections = self.collections().into_iter();
                collections.find(|(at, _)| path.starts_with(at)).map(|(_, key)| key)
            }
        }
    }
}

/// The key of an item, as it stands in a path.
#[track_caller]
pub(crate) fn id(value: &Value) -> String {
    value["id"].as_u64().unwrap_or_else(|| panic!("no id in {value}")).to_string()
}

/// Makes an item.
#[track_caller]
pub(crate) fn add(client: &Client<'_>, path: &str, body: &Value) -> Value {
    client.post(path, body).gives(201).clone()
}

/// Makes a department of a company.
#[track_caller]
pub(crate) fn add_department(client: &Client<'_>, name: &str, company: &Value) -> Value {
    add(client, "/org/departments", &json!({"name": name, "company_id": company["id"]}))
}

/// Makes an employee of a department.
#[track_caller]
pub(crate) fn add_employee(
    client: &Client<'_>,
    name: &str,
    department: &Value,
    manager: Option<&Value>,
) -> Value {
    let manager = manager.map(|manager| &manager["id"]);
    let body = json!({"name": name, "department_id": department["id"], "manager_id": manager});
    add(client, "/org/employees", &body)
}

/// Enrols a student.
#[track_caller]
pub(crate) fn enrol(client: &Client<'_>, student: &Value, course: &Value) {
    let path = format!("/school/students/{}/courses/{}", id(student), id(course));
    client.send("PUT", &path, &[], None).gives(204);
}
