//! The fixtures of all modules together.

use recto_persistence::Connection;
use recto_relations::EntityInfo;

use super::catalogue::Catalogue;
use super::model::Model;
use super::modules::Modules;

/// Stored entities of all modules.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) catalogue: Catalogue,
    pub(crate) modules: Modules,
    pub(crate) model: Model,
}

impl Fixture {
    /// Stores [`Catalogue::small`] and [`Modules`].
    pub(crate) fn store(conn: &mut Connection) -> Self {
        let catalogue = Catalogue::small();
        catalogue.store(conn);
        let mut model = catalogue.model();
        let modules = Modules::store(conn, &mut model);
        Self { catalogue, modules, model }
    }

    /// Returns the key of an entity that has related entities along all paths.
    pub(crate) fn connected_key(&self, entity: &EntityInfo) -> String {
        let Self { catalogue: c, modules: m, .. } = self;
        match entity.name {
            "User" => c.users[0].uid.to_string(),
            "Book" => c.titled("Dune").uid.to_string(),
            "Review" => c.reviews[0].uid.to_string(),
            "Tag" => c.tags[0].uid.to_string(),
            "Author" => c.authors[0].uid.to_string(),
            "Post" => m.post.to_string(),
            "Comment" => m.comment.to_string(),
            "Student" => m.student.to_string(),
            "Course" => m.course.to_string(),
            "Company" => m.company.to_string(),
            "Department" => m.department.to_string(),
            "Employee" => m.employee.to_string(),
            other => panic!("the fixture lacks {other}"),
        }
    }
}
