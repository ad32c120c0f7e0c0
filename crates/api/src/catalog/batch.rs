//! Many books at once.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use recto_domain::{BookBatch, BookOutcomes};
use recto_persistence::catalog::batch;

use crate::extract::{Body, Caller, NoQuery};
use crate::present;
use crate::problem::Problem;
use crate::state::Shared;

/// `POST /books/batch`
pub(crate) async fn upsert(
    state: Shared,
    caller: Caller,
    _: NoQuery,
    body: Body<BookBatch>,
) -> Result<HttpResponse, Problem> {
    let ids = state.ids.clone();
    let items = state
        .database
        .write(move |conn| {
            let account = caller.verified(conn)?;
            let batch = body.checked()?.into_books();
            Ok::<_, Problem>(batch::upsert(conn, &*ids, &account, batch)?)
        })
        .await?;
    present::document(StatusCode::OK, &BookOutcomes { items })
}
