//! The mapping of each relation: one line for both directions.

use recto_domain::{
    AuthorBooks, BookContributors, BookReviews, BookTags, BookUser, CommentPost,
    CompanyDepartments, CompanyEmployees, CourseStudents, DepartmentCompany, DepartmentEmployees,
    EmployeeCompany, EmployeeDepartment, EmployeeManager, EmployeeReports, PostComments,
    ReviewBook, ReviewUser, StudentCourses, TagBooks, UserBooks, UserReviews,
};
use recto_relations_diesel::{HasMany, HasManyThrough, ManyToMany, SameTable, map_relations};

use crate::blog::{CommentRow, PostRow};
use crate::catalog::author::AuthorRow;
use crate::catalog::book::BookRow;
use crate::catalog::book_contributor::BookContributorRow;
use crate::catalog::book_tag::BookTagRow;
use crate::catalog::review::ReviewRow;
use crate::catalog::tag::TagRow;
use crate::catalog::user::UserRow;
use crate::org::{CompanyRow, DepartmentRow, EmployeeRow};
use crate::schema::book_contributors;
use crate::school::{CourseRow, StudentCourseRow, StudentRow};
use crate::{Error, Recto};

map_relations! { Recto, Error;
    UserBooks <=> BookUser: HasMany<UserRow, BookRow>;
    UserReviews <=> ReviewUser: HasMany<UserRow, ReviewRow>;
    BookReviews <=> ReviewBook: HasMany<BookRow, ReviewRow>;
    BookTags <=> TagBooks: ManyToMany<BookRow, BookTagRow, TagRow>;
    BookContributors <=> AuthorBooks: ManyToMany<BookRow, BookContributorRow, AuthorRow, book_contributors::position>;

    PostComments <=> CommentPost: HasMany<PostRow, CommentRow>;

    StudentCourses <=> CourseStudents: ManyToMany<StudentRow, StudentCourseRow, CourseRow>;

    CompanyDepartments <=> DepartmentCompany: HasMany<CompanyRow, DepartmentRow>;
    DepartmentEmployees <=> EmployeeDepartment: HasMany<DepartmentRow, EmployeeRow>;
    EmployeeReports <=> EmployeeManager: HasMany<EmployeeRow, EmployeeRow, SameTable>;
    CompanyEmployees <=> EmployeeCompany: HasManyThrough<CompanyRow, DepartmentRow, EmployeeRow>;
}
