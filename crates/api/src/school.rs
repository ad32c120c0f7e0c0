//! The module `school`: enrolment. All else is done by the generic handlers of
//! [`crud`](crate::crud).

use recto_domain::{Course, Student};
use recto_persistence::school;

use crate::context::Context;
use crate::error::Error;
use crate::extract::PathKeys;
use crate::response::{NoContent, Rendered};

/// `PUT /school/students/{id}/courses/{course_id}`
pub(crate) async fn enrol(
    ctx: Context,
    keys: PathKeys<Student, Course>,
) -> Result<Rendered, Error> {
    ctx.write(move |tx| {
        let student = tx.locked::<Student>(keys.0)?;
        let course = tx.locked::<Course>(keys.1)?;
        let now = tx.now();
        school::enrol(tx, student.id, course.id, now)?;
        Ok(NoContent)
    })
    .await
}

/// `DELETE /school/students/{id}/courses/{course_id}`
pub(crate) async fn withdraw(
    ctx: Context,
    keys: PathKeys<Student, Course>,
) -> Result<Rendered, Error> {
    ctx.write(move |tx| {
        let student = tx.locked::<Student>(keys.0)?;
        school::withdraw(tx, student.id, keys.1)?;
        Ok(NoContent)
    })
    .await
}
