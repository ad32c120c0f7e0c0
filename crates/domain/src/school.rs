//! The module `school`: students and courses, a many-to-many relation with data on the link.

use chrono::{DateTime, Utc};

use crate::id::later_than;
use crate::record::{entity, input, object};
use crate::text::LINE;
use crate::value::text_value;
use crate::{Change, CourseId, Create, NewId, StudentId, Update, UserId};
use recto_relations::{LinkData, Version, relations};

text_value! {
    /// The name of a student.
    StudentName, 1..=200, LINE, "Sofia Kovalevskaya"
}

text_value! {
    /// The title of a course.
    CourseTitle, 1..=200, LINE, "Partial differential equations"
}

object! {
    /// The data of the link between a student and a course.
    pub struct Enrolment {
        /// The time of enrolment, in UTC.
        pub enrolled_at: DateTime<Utc>,
    }
}

impl LinkData for Enrolment {}

relations! {
    /// The school.
    pub static SCHOOL = "school": Student, Course;

    /// The courses of a student, and the students of a course.
    StudentCourses = Student.courses: Many <=> CourseStudents = Course.students: Many,
        through student_courses(student_id, course_id) with Enrolment { enrolled_at }, on delete Cascade;
}

entity! {
    /// A student.
    pub struct Student in "students", key id: StudentId, sorts [name: StudentName] {
        /// The id.
        pub id: StudentId,
        /// The name.
        pub name: StudentName,
    }
}

input! {
    /// A student to create.
    pub struct NewStudent {
        /// The name.
        pub name: StudentName,
    }
}

input! {
    /// Changes to a student. Absent fields stay as they are.
    pub struct StudentPatch {
        /// The new name.
        pub name: Change<StudentName>,
    }
}

impl Student {
    /// Returns the student that `new` describes, without a key.
    pub fn new(at: DateTime<Utc>, new: NewStudent) -> Self {
        let NewStudent { name } = new;
        Self {
            id: StudentId::UNASSIGNED,
            name,
            created_at: at,
            updated_at: at,
            version: Version::FIRST,
        }
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
            self.updated_at = later_than(self.updated_at, now);
            self.version.advance();
        }
        changed
    }
}

entity! {
    /// A course.
    pub struct Course in "courses", key id: CourseId, sorts [title: CourseTitle] {
        /// The id.
        pub id: CourseId,
        /// The title.
        pub title: CourseTitle,
    }
}

input! {
    /// A course to create.
    pub struct NewCourse {
        /// The title.
        pub title: CourseTitle,
    }
}

input! {
    /// Changes to a course. Absent fields stay as they are.
    pub struct CoursePatch {
        /// The new title.
        pub title: Change<CourseTitle>,
    }
}

impl Course {
    /// Returns the course that `new` describes, without a key.
    pub fn new(at: DateTime<Utc>, new: NewCourse) -> Self {
        let NewCourse { title } = new;
        Self {
            id: CourseId::UNASSIGNED,
            title,
            created_at: at,
            updated_at: at,
            version: Version::FIRST,
        }
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
            self.updated_at = later_than(self.updated_at, now);
            self.version.advance();
        }
        changed
    }
}
