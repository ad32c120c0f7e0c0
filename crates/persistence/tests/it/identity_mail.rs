//! Mailed tokens and the outbox.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

use chrono::{DateTime, Utc};
use recto_domain::{
    Email, IdGenerator as _, MailDetail, MailId, MailKind, MailRequestId, MailedPurpose,
    MailedTokenId, ReviewsOnDeletion, Role, SecretHash, UserId,
};
use recto_persistence::identity::account;
use recto_persistence::identity::mail_request::{self, MailRequest};
use recto_persistence::identity::mailed_token::{self, NewMailedToken};
use recto_persistence::identity::outbox::{self, NewMail};
use recto_persistence::{Connection, migrations};
use recto_testkit::both_engines;
use recto_testkit::database::FreshDatabase;
use recto_testkit::ids::SequentialIds;

use crate::support::identity::{count, email, noon, person, seconds};

both_engines!(
    migration_keeps_mails_and_tokens,
    finding_user_leaves_token_valid,
    token_has_purpose_and_expiry,
    newer_token_replaces_older,
    email_change_token_has_new_address,
    request_is_taken_with_its_repetitions,
    concurrent_takes_share_no_request,
    concurrent_uses_succeed_once,
    claimed_mail_is_complete,
    mail_retries_back_off_and_end,
    finished_mail_is_not_claimed_again,
    concurrent_claims_share_no_mail,
    deleting_user_deletes_mail,
);

fn issue(
    conn: &mut Connection,
    ids: &SequentialIds,
    user: UserId,
    purpose: MailedPurpose,
) -> (MailedTokenId, SecretHash) {
    let hash = SecretHash::from_bytes(ids.random());
    let id = MailedTokenId::from_uuid(ids.new_id().uid());
    mailed_token::issue(conn, &NewMailedToken { id, user, purpose, hash, at: noon() }).unwrap();
    (id, hash)
}

fn enqueue(
    conn: &mut Connection,
    ids: &SequentialIds,
    user: UserId,
    kind: MailKind,
    token: Option<MailedTokenId>,
) -> MailId {
    let id = MailId::from_uuid(ids.new_id().uid());
    let recipient = &email("ada");
    let detail = Some(&"a detail".parse().unwrap());
    outbox::enqueue(conn, &NewMail { id, user, kind, token, recipient, detail, at: noon() })
        .unwrap();
    id
}

fn claimed(conn: &mut Connection, now: DateTime<Utc>) -> Vec<MailId> {
    outbox::claim(conn, 10, now).unwrap().into_iter().map(|mail| mail.id).collect()
}

fn migration_keeps_mails_and_tokens(database: &FreshDatabase) {
    const MIGRATION: &str = "2026-11-28-000001_account_mails";
    let (mut conn, ids) = (database.connection(), SequentialIds::new());
    let ada = person(&mut conn, &ids, "ada", Role::User);
    let (token, _) = issue(&mut conn, &ids, ada, MailedPurpose::Reset);
    enqueue(&mut conn, &ids, ada, MailKind::PasswordReset, Some(token));
    enqueue(&mut conn, &ids, ada, MailKind::NewDevice, None);
    let hash = SecretHash::from_bytes(ids.random());
    let id = MailedTokenId::from_uuid(ids.new_id().uid());
    let purpose = MailedPurpose::ChangeEmail;
    let new = NewMailedToken { id, user: ada, purpose, hash, at: noon() };
    mailed_token::issue_email_change(&mut conn, &new, &email("new")).unwrap();
    // Statements that were prepared for the former tables are not used again.
    drop(conn);
    let conn = &mut database.connection();
    while migrations::revert(conn).unwrap() != MIGRATION {}
    assert_eq!((count(database, "mails"), count(database, "mailed_tokens")), (1, 1));
    migrations::apply(conn).unwrap();
    let mails = outbox::claim(&mut database.connection(), 10, noon()).unwrap();
    let [mail] = &mails[..] else { panic!("{mails:?}") };
    assert_eq!(
        (mail.kind, mail.token, &mail.detail),
        (MailKind::PasswordReset, Some(token), &None)
    );
    assert!(mail.token_hash.is_some());
}

fn finding_user_leaves_token_valid(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let (_, hash) = issue(conn, ids, ada, MailedPurpose::Reset);
    for _ in 0..2 {
        let user = mailed_token::find_user(conn, MailedPurpose::Reset, &hash, noon()).unwrap();
        assert_eq!(user, Some(ada));
    }
    assert_eq!(
        mailed_token::consume(conn, MailedPurpose::Reset, &hash, noon()).unwrap(),
        Some(ada)
    );
    assert_eq!(mailed_token::consume(conn, MailedPurpose::Reset, &hash, noon()).unwrap(), None);
    assert_eq!(mailed_token::find_user(conn, MailedPurpose::Reset, &hash, noon()).unwrap(), None);
}

fn token_has_purpose_and_expiry(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    for (purpose, other) in [
        (MailedPurpose::Verify, MailedPurpose::Reset),
        (MailedPurpose::Reset, MailedPurpose::Verify),
    ] {
        let (_, hash) = issue(conn, ids, ada, purpose);
        let end = noon() + purpose.lifetime();
        assert_eq!(mailed_token::consume(conn, other, &hash, noon()).unwrap(), None);
        assert_eq!(mailed_token::find_user(conn, purpose, &hash, end).unwrap(), None);
        assert_eq!(mailed_token::consume(conn, purpose, &hash, end).unwrap(), None);
        assert_eq!(
            mailed_token::consume(conn, purpose, &hash, end - seconds(1)).unwrap(),
            Some(ada)
        );
    }
}

fn newer_token_replaces_older(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let [ada, bob] = ["ada", "bob"].map(|name| person(conn, ids, name, Role::User));
    let (_, older) = issue(conn, ids, ada, MailedPurpose::Verify);
    let (_, reset) = issue(conn, ids, ada, MailedPurpose::Reset);
    let (_, his) = issue(conn, ids, bob, MailedPurpose::Verify);
    let (_, newer) = issue(conn, ids, ada, MailedPurpose::Verify);
    assert_eq!(mailed_token::consume(conn, MailedPurpose::Verify, &older, noon()).unwrap(), None);
    assert_eq!(
        mailed_token::consume(conn, MailedPurpose::Verify, &newer, noon()).unwrap(),
        Some(ada)
    );
    assert_eq!(
        mailed_token::consume(conn, MailedPurpose::Verify, &his, noon()).unwrap(),
        Some(bob)
    );
    assert_eq!(
        mailed_token::consume(conn, MailedPurpose::Reset, &reset, noon()).unwrap(),
        Some(ada)
    );
}

fn email_change_token_has_new_address(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let issue_change = |conn: &mut Connection, to: &Email| {
        let hash = SecretHash::from_bytes(ids.random());
        let id = MailedTokenId::from_uuid(ids.new_id().uid());
        let purpose = MailedPurpose::ChangeEmail;
        let new = NewMailedToken { id, user: ada, purpose, hash, at: noon() };
        mailed_token::issue_email_change(conn, &new, to).unwrap();
        hash
    };
    let end = noon() + MailedPurpose::ChangeEmail.lifetime();
    let first = issue_change(conn, &email("first"));
    let second = issue_change(conn, &email("second"));
    let mut consume = |hash, now| mailed_token::consume_email_change(conn, hash, now).unwrap();
    assert_eq!(consume(&first, noon()), None, "the second has replaced it");
    assert_eq!(consume(&second, end), None);
    assert_eq!(consume(&second, end - seconds(1)), Some(email("second")));
    assert_eq!(consume(&second, noon()), None);
    let (_, reset) = issue(conn, ids, ada, MailedPurpose::Reset);
    assert_eq!(mailed_token::consume_email_change(conn, &reset, noon()).unwrap(), None);
    // The databases refuse a token without its e-mail address.
    let hash = SecretHash::from_bytes(ids.random());
    let id = MailedTokenId::from_uuid(ids.new_id().uid());
    let purpose = MailedPurpose::ChangeEmail;
    let without = NewMailedToken { id, user: ada, purpose, hash, at: noon() };
    assert!(mailed_token::issue(conn, &without).is_err());
}

/// Stores a request for a password reset.
fn request(conn: &mut Connection, ids: &SequentialIds, name: &str) -> MailRequest {
    let id = MailRequestId::from_uuid(ids.new_id().uid());
    let request = MailRequest { id, kind: MailKind::PasswordReset, recipient: email(name) };
    mail_request::insert(conn, &request).unwrap();
    request
}

fn request_is_taken_with_its_repetitions(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    assert!(!mail_request::any(conn).unwrap());
    let first = request(conn, ids, "ada");
    let second = request(conn, ids, "bob");
    request(conn, ids, "ada");
    let verification = MailRequest {
        id: MailRequestId::from_uuid(ids.new_id().uid()),
        kind: MailKind::Verification,
        recipient: email("ada"),
    };
    mail_request::insert(conn, &verification).unwrap();
    assert!(mail_request::any(conn).unwrap());
    for expected in [first, second, verification] {
        assert_eq!(mail_request::take(conn).unwrap(), Some(expected));
    }
    assert_eq!(mail_request::take(conn).unwrap(), None);
}

fn concurrent_takes_share_no_request(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let names: Vec<String> = (0..40).map(|number| format!("user{number}")).collect();
    let all: BTreeSet<MailRequestId> =
        names.iter().map(|name| request(conn, ids, name).id).collect();
    let start = Barrier::new(2);
    let taken: Vec<MailRequestId> = thread::scope(|scope| {
        let taking = [(); 2].map(|()| {
            let (start, mut conn) = (&start, database.connection());
            scope.spawn(move || {
                start.wait();
                let mut take = || conn.transaction(mail_request::take).unwrap();
                let taken = std::iter::from_fn(|| take().map(|request| request.id));
                taken.collect::<Vec<_>>()
            })
        });
        taking.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(taken.len(), all.len(), "each once");
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>(), all);
}

fn concurrent_uses_succeed_once(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    for _ in 0..10 {
        let (_, hash) = issue(conn, ids, ada, MailedPurpose::Reset);
        let start = Barrier::new(2);
        let consumed: Vec<_> = thread::scope(|scope| {
            let consuming = [(); 2].map(|()| {
                let (start, mut conn) = (&start, database.connection());
                scope.spawn(move || {
                    start.wait();
                    mailed_token::consume(&mut conn, MailedPurpose::Reset, &hash, noon()).unwrap()
                })
            });
            consuming.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(consumed, [ada]);
    }
}

fn claimed_mail_is_complete(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    assert_eq!(outbox::next_due(conn).unwrap(), None);
    let (token, hash) = issue(conn, ids, ada, MailedPurpose::Reset);
    let reset = enqueue(conn, ids, ada, MailKind::PasswordReset, Some(token));
    let notice = enqueue(conn, ids, ada, MailKind::PasswordChanged, None);
    assert_eq!(outbox::next_due(conn).unwrap(), Some(noon()));
    assert!(claimed(conn, noon() - seconds(1)).is_empty());

    let mails = outbox::claim(conn, 10, noon()).unwrap();
    let [first, second] = &mails[..] else { panic!("{mails:?}") };
    assert_eq!((first.id, first.user, first.kind), (reset, ada, MailKind::PasswordReset));
    assert_eq!((first.username.as_str(), &first.recipient), ("ada", &email("ada")));
    assert_eq!((first.created_at, first.attempt), (noon(), 1));
    assert_eq!(first.detail.as_ref().map(MailDetail::as_str), Some("a detail"));
    assert_eq!((first.token, first.token_hash), (Some(token), Some(hash)));
    assert_eq!((second.id, second.token, second.token_hash), (notice, None, None));
    assert_eq!(outbox::next_due(conn).unwrap(), Some(noon() + seconds(10)));

    // A used token has no hash.
    mailed_token::consume(conn, MailedPurpose::Reset, &hash, noon()).unwrap();
    let mails = outbox::claim(conn, 10, noon() + seconds(10)).unwrap();
    assert_eq!((mails[0].attempt, mails[0].token, mails[0].token_hash), (2, Some(token), None));
    let (token, _) = issue(conn, ids, ada, MailedPurpose::Reset);
    let late = enqueue(conn, ids, ada, MailKind::PasswordReset, Some(token));
    let mails = outbox::claim(conn, 10, noon() + MailedPurpose::Reset.lifetime()).unwrap();
    let late = mails.iter().find(|mail| mail.id == late).unwrap();
    assert_eq!(late.token_hash, None, "it has expired");
}

fn mail_retries_back_off_and_end(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let mail = enqueue(conn, ids, ada, MailKind::PasswordChanged, None);
    let mut now = noon();
    for attempt in 1..=outbox::MAX_ATTEMPTS {
        assert!(claimed(conn, now - seconds(1)).is_empty(), "attempt {attempt}");
        assert_eq!(claimed(conn, now), [mail], "attempt {attempt}");
        now += outbox::retry_delay(attempt);
    }
    assert_eq!(count(database, "mails WHERE failed_at IS NOT NULL"), 0);
    assert!(claimed(conn, now).is_empty());
    assert_eq!(count(database, "mails WHERE failed_at IS NOT NULL"), 1);
    assert_eq!(outbox::next_due(conn).unwrap(), None);
}

fn finished_mail_is_not_claimed_again(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let [sent, given_up, discarded] =
        [(); 3].map(|()| enqueue(conn, ids, ada, MailKind::PasswordChanged, None));
    assert_eq!(claimed(conn, noon()).len(), 3);
    outbox::mark_sent(conn, sent, noon()).unwrap();
    outbox::mark_failed(conn, given_up, noon()).unwrap();
    outbox::delete(conn, discarded).unwrap();
    assert!(claimed(conn, noon() + seconds(9999)).is_empty());
    assert_eq!(count(database, "mails"), 2);
    assert_eq!(count(database, "mails WHERE sent_at IS NOT NULL"), 1);
}

fn concurrent_claims_share_no_mail(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let all: BTreeSet<MailId> =
        (0..40).map(|_| enqueue(conn, ids, ada, MailKind::PasswordChanged, None)).collect();
    let start = Barrier::new(2);
    let claimed: Vec<MailId> = thread::scope(|scope| {
        let claiming = [(); 2].map(|()| {
            let (start, mut conn) = (&start, database.connection());
            scope.spawn(move || {
                start.wait();
                let claim = |_| outbox::claim(&mut conn, 3, noon()).unwrap();
                (0..20).flat_map(claim).map(|mail| mail.id).collect::<Vec<_>>()
            })
        });
        claiming.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(claimed.len(), all.len(), "each once");
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>(), all);
}

fn deleting_user_deletes_mail(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let (token, _) = issue(conn, ids, ada, MailedPurpose::Verify);
    enqueue(conn, ids, ada, MailKind::Verification, Some(token));
    account::delete(conn, ada, ReviewsOnDeletion::Keep).unwrap();
    assert_eq!((count(database, "mails"), count(database, "mailed_tokens")), (0, 0));
}
