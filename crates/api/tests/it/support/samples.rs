//! One entity of each kind in the modules blog, school and org.

use recto_testkit::server::Client;
use serde_json::json;

use super::assertions::id;
use super::fixtures::{add_department, add_employee, create, enrol};

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
        let post =
            create(client, "/blog/posts", &json!({"title": "Zero", "content": "Distances."}));
        let comments = format!("/blog/posts/{}/comments", id(&post));
        let comment = create(client, &comments, &json!({"text": "So."}));
        let student = create(client, "/school/students", &json!({"name": "Sofia"}));
        let course = create(client, "/school/courses", &json!({"title": "Equations"}));
        enrol(client, &student, &course);
        let company = create(client, "/org/companies", &json!({"name": "Engines"}));
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
