//! The room `school`: students and courses, many-to-many through a link with data of its own.

use chrono::{DateTime, Utc};

use crate::id::moved_on;
use crate::record::{entity, input, object};
use crate::text::line;
use crate::value::text_value;
use crate::{Change, CourseId, Create, NewId, StudentId, Update, UserId};
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

entity! {
    /// Somebody who takes courses.
    pub struct Student in "students", key id: StudentId, sorts [name: StudentName] {
        /// The key.
        pub id: StudentId,
        /// What the student is called.
        pub name: StudentName,
        /// When it was created, in UTC.
        pub created_at: DateTime<Utc>,
        /// When it last changed, in UTC.
        pub updated_at: DateTime<Utc>,
    }
}

input! {
    /// A student to enter.
    pub struct NewStudent {
        /// What the student is called.
        pub name: StudentName,
    }
}

input! {
    /// What is to change about a student.
    pub struct StudentPatch {
        /// What the student is called.
        pub name: Change<StudentName>,
    }
}

impl Student {
    /// Returns the student that `new` describes, without a key.
    pub fn new(at: DateTime<Utc>, new: NewStudent) -> Self {
        let NewStudent { name } = new;
        Self { id: StudentId::UNASSIGNED, name, created_at: at, updated_at: at }
    }
}

impl Create for Student {
    type New = NewStudent;
    type Parent = ();

    fn create(new_id: NewId, new: NewStudent, (): (), _: UserId) -> Self {
        Self::new(new_id.at(), new)
    }
}

impl Update for Student {
    type Patch = StudentPatch;

    fn apply(&mut self, patch: StudentPatch, now: DateTime<Utc>) -> bool {
        let StudentPatch { name } = patch;
        let changed = name.apply_to(&mut self.name);
        if changed {
            self.updated_at = moved_on(self.updated_at, now);
        }
        changed
    }
}

entity! {
    /// Something that students take.
    pub struct Course in "courses", key id: CourseId, sorts [title: CourseTitle] {
        /// The key.
        pub id: CourseId,
        /// What the course is called.
        pub title: CourseTitle,
        /// When it was created, in UTC.
        pub created_at: DateTime<Utc>,
        /// When it last changed, in UTC.
        pub updated_at: DateTime<Utc>,
    }
}

input! {
    /// A course to offer.
    pub struct NewCourse {
        /// What the course is called.
        pub title: CourseTitle,
    }
}

input! {
    /// What is to change about a course.
    pub struct CoursePatch {
        /// What the course is called.
        pub title: Change<CourseTitle>,
    }
}

impl Course {
    /// Returns the course that `new` describes, without a key.
    pub fn new(at: DateTime<Utc>, new: NewCourse) -> Self {
        let NewCourse { title } = new;
        Self { id: CourseId::UNASSIGNED, title, created_at: at, updated_at: at }
    }
}

impl Create for Course {
    type New = NewCourse;
    type Parent = ();

    fn create(new_id: NewId, new: NewCourse, (): (), _: UserId) -> Self {
        Self::new(new_id.at(), new)
    }
}

impl Update for Course {
    type Patch = CoursePatch;

    fn apply(&mut self, patch: CoursePatch, now: DateTime<Utc>) -> bool {
        let CoursePatch { title } = patch;
        let changed = title.apply_to(&mut self.title);
        if changed {
            self.updated_at = moved_on(self.updated_at, now);
        }
        changed
    }
}
