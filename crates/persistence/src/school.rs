//! The school: students, courses and enrolments.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use recto_domain::{Course, CourseId, Enrolment, Student, StudentId, text_key};
use recto_relations_diesel::{SortColumn, Stored, Writable};

use crate::row::RowContext;
use crate::schema::{courses, student_courses, students};
use crate::sql_types::InstantValue;
use crate::{Connection, Error, Recto, Rules};

/// A row of `students`.
#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = students, check_for_backend(Sqlite, Pg))]
pub struct StudentRow {
    id: i64,
    name: String,
    created_at: InstantValue,
    updated_at: InstantValue,
    version: i64,
}

impl TryFrom<StudentRow> for Student {
    type Error = Error;

    fn try_from(row: StudentRow) -> Result<Self, Error> {
        let context = RowContext { table: "students", row: &row.id };
        Ok(Self {
            id: context.column("id", row.id)?,
            name: context.column("name", row.name)?,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            version: row.version.into(),
        })
    }
}

/// The written columns of a student.
#[derive(Debug, Insertable, AsChangeset)]
// Needed to insert several rows in one statement on SQLite.
#[diesel(
    table_name = students,
    treat_none_as_null = true,
    treat_none_as_default_value = false
)]
pub struct StudentRecord<'a> {
    name: &'a str,
    name_key: String,
    created_at: InstantValue,
    updated_at: InstantValue,
    version: i64,
}

impl<'a> From<&'a Student> for StudentRecord<'a> {
    fn from(student: &'a Student) -> Self {
        Self {
            name: student.name.as_str(),
            name_key: text_key(student.name.as_str()),
            created_at: InstantValue(student.created_at),
            updated_at: InstantValue(student.updated_at),
            version: student.version.into(),
        }
    }
}

impl Stored<Recto> for Student {
    type Row = StudentRow;
    type Filter = ();
    const SORTS: &'static [SortColumn] = &[SortColumn::new("name", &students::name_key)];
}

impl Writable<Recto> for Student {
    type Record<'a> = StudentRecord<'a>;
}

impl Rules for Student {
    type References = ();
}

/// A row of `courses`.
#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = courses, check_for_backend(Sqlite, Pg))]
pub struct CourseRow {
    id: i64,
    title: String,
    created_at: InstantValue,
    updated_at: InstantValue,
    version: i64,
}

impl TryFrom<CourseRow> for Course {
    type Error = Error;

    fn try_from(row: CourseRow) -> Result<Self, Error> {
        let context = RowContext { table: "courses", row: &row.id };
        Ok(Self {
            id: context.column("id", row.id)?,
            title: context.column("title", row.title)?,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            version: row.version.into(),
        })
    }
}

/// The written columns of a course.
#[derive(Debug, Insertable, AsChangeset)]
// Needed to insert several rows in one statement on SQLite.
#[diesel(
    table_name = courses,
    treat_none_as_null = true,
    treat_none_as_default_value = false
)]
pub struct CourseRecord<'a> {
    title: &'a str,
    title_key: String,
    created_at: InstantValue,
    updated_at: InstantValue,
    version: i64,
}

impl<'a> From<&'a Course> for CourseRecord<'a> {
    fn from(course: &'a Course) -> Self {
        Self {
            title: course.title.as_str(),
            title_key: text_key(course.title.as_str()),
            created_at: InstantValue(course.created_at),
            updated_at: InstantValue(course.updated_at),
            version: course.version.into(),
        }
    }
}

impl Stored<Recto> for Course {
    type Row = CourseRow;
    type Filter = ();
    const SORTS: &'static [SortColumn] = &[SortColumn::new("title", &courses::title_key)];
}

impl Writable<Recto> for Course {
    type Record<'a> = CourseRecord<'a>;
}

impl Rules for Course {
    type References = ();
}

/// The link between a student and a course.
#[derive(Debug, Clone, Copy, Queryable, Selectable, Insertable, Identifiable, Associations)]
#[diesel(table_name = student_courses, primary_key(student_id, course_id))]
#[diesel(check_for_backend(Sqlite, Pg))]
#[diesel(belongs_to(StudentRow, foreign_key = student_id))]
#[diesel(belongs_to(CourseRow, foreign_key = course_id))]
pub struct StudentCourseRow {
    student_id: i64,
    course_id: i64,
    enrolled_at: InstantValue,
}

impl From<StudentCourseRow> for Enrolment {
    fn from(row: StudentCourseRow) -> Self {
        Self { enrolled_at: row.enrolled_at.0 }
    }
}

/// Enrols a student in a course, unless the student is enrolled already. Both must exist and be
/// locked.
pub fn enrol(
    conn: &mut Connection,
    student: StudentId,
    course: CourseId,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let row = StudentCourseRow {
        student_id: student.get(),
        course_id: course.get(),
        enrolled_at: InstantValue(at),
    };
    let insert = diesel::insert_into(student_courses::table).values(row);
    conn.execute(insert.on_conflict_do_nothing())?;
    Ok(())
}

/// Withdraws a student from a course.
pub fn withdraw(conn: &mut Connection, student: StudentId, course: CourseId) -> Result<(), Error> {
    let link = student_courses::table.find((student.get(), course.get()));
    conn.execute(diesel::delete(link))?;
    Ok(())
}
