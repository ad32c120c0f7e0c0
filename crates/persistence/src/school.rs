//! The room `school`: students, courses and who takes which.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use recto_domain::{CourseId, CourseStudents, Enrolment, StudentCourses, StudentId};

use crate::connection::on_engine;
use crate::numbered::numbered;
use crate::query::SqlKey as _;
use crate::relation::map_relations;
use crate::schema::{courses, student_courses, students};
use crate::sql_types::InstantValue;
use crate::{Connection, Error};

map_relations! {
    /// The edges between the entities of the school.
    pub(crate) static EDGES;

    StudentCourses <=> CourseStudents: student_courses(student_id -> students.id as StudentRow, course_id -> courses.id as CourseRow) as StudentCourseRow;
}

/// That a student takes a course, and since when.
#[derive(Debug, Clone, Copy, Queryable, Selectable, Insertable, Identifiable)]
#[diesel(table_name = student_courses, primary_key(student_id, course_id))]
pub(crate) struct StudentCourseRow {
    student_id: i64,
    course_id: i64,
    enrolled_at: InstantValue,
}

impl From<StudentCourseRow> for Enrolment {
    fn from(row: StudentCourseRow) -> Self {
        Self { enrolled_at: row.enrolled_at.0 }
    }
}

numbered! {
    Student(StudentId) in students as StudentRow, edges: EDGES, new: NewStudent, patch: StudentPatch,
    text name [name_key],
}

numbered! {
    Course(CourseId) in courses as CourseRow, edges: EDGES, new: NewCourse, patch: CoursePatch,
    text title [title_key],
}

/// Enrols a student in a course; one who takes it already stays enrolled since
/// then. Both must be known to exist, and be locked.
///
/// # Errors
/// A failing database.
pub fn enrol(
    conn: &mut Connection,
    student: StudentId,
    course: CourseId,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let row = StudentCourseRow {
        student_id: student.value(),
        course_id: course.value(),
        enrolled_at: InstantValue(at),
    };
    on_engine!(conn, c => {
        diesel::insert_into(student_courses::table).values(row).on_conflict_do_nothing().execute(c)?
    });
    Ok(())
}

/// Takes a student out of a course.
///
/// # Errors
/// A failing database.
pub fn withdraw(conn: &mut Connection, student: StudentId, course: CourseId) -> Result<(), Error> {
    let key = (student.value(), course.value());
    on_engine!(conn, c => diesel::delete(student_courses::table.find(key)).execute(c)?);
    Ok(())
}
