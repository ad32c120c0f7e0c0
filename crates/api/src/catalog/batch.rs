//! Many books at once.

use recto_domain::{
    AuditAction, AuditDetail, BatchOutcome, BookBatch, BookOutcome, BookOutcomes, QuotaItem,
};
use recto_identity::access::may;
use recto_persistence::catalog::batch;

use crate::context::Context;
use crate::error::Error;
use crate::extract::Body;
use crate::response::{Json, Rendered};

/// `POST /books/batch`
pub(crate) async fn upsert(ctx: Context, body: Body<BookBatch>) -> Result<Rendered, Error> {
    ctx.write(move |tx| {
        let caller = tx.caller()?;
        let (owner, of_others) = (caller.user_uid, may::edit_books_of_others(caller));
        let books = body.checked()?.into_books();
        tx.count_items(books.len());
        let (conn, creator) = tx.with_creator()?;
        let done = batch::upsert(conn, &creator, owner, of_others, books)?;
        let is_created = |one: &&BookOutcome| one.outcome == BatchOutcome::Created;
        tx.check_quota(QuotaItem::Books, done.outcomes.iter().filter(is_created).count())?;
        tx.check_creator(&creator)?;
        if done.of_others > 0 {
            let detail = format!("{} books in a batch", done.of_others);
            tx.audit(AuditAction::ContentChanged).detail = AuditDetail::parse(&detail).ok();
        }
        Ok(Json(BookOutcomes { items: done.outcomes }))
    })
    .await
}
