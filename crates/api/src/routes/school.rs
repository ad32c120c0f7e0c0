//! The routes of the module `school`.

use recto_domain::{Course, CourseStudents, Student, StudentCourses};
use recto_identity::Access;

use super::{add_collection, add_items, add_many};
use crate::school;
use crate::table::{Operation, RouteTable};

pub(super) fn add(table: &mut RouteTable) {
    table.group("school");
    add_collection::<Student>(table, ["List students", "Create a student"]);
    add_items::<Student>(
        table,
        ["Get a student", "Update a student", "Delete a student"],
        "Deletes the student and the enrolments.",
    );
    add_collection::<Course>(table, ["List courses", "Create a course"]);
    add_items::<Course>(
        table,
        ["Get a course", "Update a course", "Delete a course"],
        "Deletes the course and the enrolments.",
    );
    add_many::<StudentCourses>(table, "List a student's courses");
    add_many::<CourseStudents>(table, "List a course's students");
    table
        .at("/school/students/{id}/courses/{course_id}")
        .put(
            school::enrol,
            Operation::new(
                "Enrol a student in a course",
                "Succeeds without a change if the student is already enrolled; `enrolled_at` remains.",
            )
            .unconditional()
            .requires(Access::Verified),
        )
        .delete(
            school::withdraw,
            Operation::new(
                "Withdraw a student from a course",
                "Succeeds without a change if the student is not enrolled.",
            )
            .unconditional()
            .requires(Access::Verified),
        );
}
