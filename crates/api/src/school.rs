//! The room `school`: who takes which course. All else is
//! [`read`](crate::read)'s and [`write`](crate::write)'s.

use actix_web::HttpResponse;
use recto_domain::{Course, Student};
use recto_persistence::school;

use crate::extract::{Caller, Keys2, NoQuery};
use crate::present;
use crate::problem::Problem;
use crate::state::Shared;
use crate::write::lock;

/// `PUT /school/students/{id}/courses/{course_id}`
pub(crate) async fn enrol(
    state: Shared,
    caller: Caller,
    keys: Keys2<Student, Course>,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    let ids = state.ids.clone();
    state
        .database
        .write(move |conn| {
            caller.verified(conn)?;
            let student = lock::<Student>(conn, keys.0)?;
            let course = lock::<Course>(conn, keys.1)?;
            Ok::<_, Problem>(school::enrol(conn, student.id, course.id, ids.now())?)
        })
        .await?;
    Ok(present::no_content())
}

/// `DELETE /school/students/{id}/courses/{course_id}`
pub(crate) async fn withdraw(
    state: Shared,
    caller: Caller,
    keys: Keys2<Student, Course>,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    state
        .database
        .write(move |conn| {
            caller.verified(conn)?;
            let student = lock::<Student>(conn, keys.0)?;
            Ok::<_, Problem>(school::withdraw(conn, student.id, keys.1)?)
        })
        .await?;
    Ok(present::no_content())
}
