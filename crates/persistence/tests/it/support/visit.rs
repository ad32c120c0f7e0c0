//! From the description of an entity or a relation to its type.

use recto_domain::{
    Author, AuthorBooks, Book, BookContributors, BookReviews, BookTags, Comment, Company,
    CompanyDepartments, CompanyEmployees, Course, CourseStudents, Department, DepartmentEmployees,
    Employee, EmployeeReports, MODULES, Post, PostComments, Review, Student, StudentCourses, Tag,
    TagBooks, User, UserBooks, UserReviews,
};
use recto_persistence::{MappedMany, Recto, Stored};
use recto_relations::{Cardinality, Entity, EntityInfo, Relation, RelationInfo};

/// Returns the entities of all modules.
pub(crate) fn entities() -> impl Iterator<Item = &'static EntityInfo> {
    MODULES.into_iter().flat_map(|module| module.entities.iter().copied())
}

/// Returns both directions of the relations of all modules.
pub(crate) fn relations() -> impl Iterator<Item = &'static RelationInfo> {
    MODULES.into_iter().flat_map(|module| module.relations.iter().copied())
}

/// Returns the to-many directions of the relations of all modules.
pub(crate) fn to_many_relations() -> impl Iterator<Item = &'static RelationInfo> {
    relations().filter(|relation| relation.cardinality == Cardinality::Many)
}

/// A function of an entity type.
pub(crate) trait EntityVisitor {
    type Output;
    fn visit<E: Stored<Recto, Filter: Default>>(self) -> Self::Output;
}

/// A function of a to-many relation type.
pub(crate) trait RelationVisitor {
    type Output;
    fn visit<R>(self) -> Self::Output
    where
        R: MappedMany<Recto, From: Stored<Recto, Filter: Default>>;
}

macro_rules! visit {
    ($info:ident, $visitor:ident, $type:ident in [$($each:ident),+ $(,)?]) => {
        $(if $info == <$each as $type>::INFO {
            return $visitor.visit::<$each>();
        })+
    };
}

/// Calls a visitor with the type of an entity.
///
/// # Panics
/// If the list below lacks the entity.
pub(crate) fn visit_entity<V: EntityVisitor>(info: &EntityInfo, visitor: V) -> V::Output {
    visit!(info, visitor, Entity in [
        User, Book, Review, Tag, Author,
        Post, Comment,
        Student, Course,
        Company, Department, Employee,
    ]);
    panic!("`visit_entity` lacks {}", info.name);
}

/// Calls a visitor with the type of a to-many relation.
///
/// # Panics
/// If the list below lacks the relation.
pub(crate) fn visit_to_many<V: RelationVisitor>(info: &RelationInfo, visitor: V) -> V::Output {
    visit!(info, visitor, Relation in [
        UserBooks, UserReviews, BookReviews, BookTags, TagBooks, BookContributors, AuthorBooks,
        PostComments,
        StudentCourses, CourseStudents,
        CompanyDepartments, DepartmentEmployees, EmployeeReports, CompanyEmployees,
    ]);
    panic!("`visit_to_many` lacks {}.{}", info.from.name, info.name);
}
