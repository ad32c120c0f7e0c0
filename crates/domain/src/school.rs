//! The room `school`: students and courses, many-to-many through a link with data of its own.

use chrono::{DateTime, Utc};

use crate::record::{numbered, object};
use crate::text::line;
use crate::value::text_value;
use recto_relations::{LinkData, relations};

text_value! {
    /// What a student is called.
    StudentName, 1..=200, line, "Sofia Kovalevskaya"
}

text_value! {
    /// What a course is called.
    CourseTitle, 1..=200, line, "Partial differential equations"
}

object! {
    /// What a link between a student and a course says besides that it is there.
    pub struct Enrolment {
        /// Since when the student takes the course, in UTC.
        pub enrolled_at: DateTime<Utc>,
    }
}

impl LinkData for Enrolment {}

relations! {
    /// The school.
    pub static SCHOOL = "school": Student, Course;

    /// The courses that a student takes, and the students of a course.
    StudentCourses = Student.courses: Many <=> CourseStudents = Course.students: Many,
        through student_courses(student_id, course_id) with Enrolment { enrolled_at }, on delete Cascade;
}

numbered! {
    /// Somebody who takes courses.
    pub struct Student(StudentId) in "students" {
        /// What the student is called.
        pub name: StudentName,
    }
    under {}
    /// A student to enter.
    new NewStudent;
    /// What is to change about a student.
    patch StudentPatch;
    sorts [name: StudentName]
}

numbered! {
    /// Something that students take.
    pub struct Course(CourseId) in "courses" {
        /// What the course is called.
        pub title: CourseTitle,
    }
    under {}
    /// A course to offer.
    new NewCourse;
    /// What is to change about a course.
    patch CoursePatch;
    sorts [title: CourseTitle]
}
