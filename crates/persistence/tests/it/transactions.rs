//! Transactions: rollback, snapshots and concurrency.

use std::sync::Barrier;
use std::thread;

use recto_domain::{
    Account, Book, BookId, BookTags, Clock as _, Conflict, Email, PasswordHash, Role, TagName,
    UserId,
};
use recto_persistence::catalog::{Creator, book_tag};
use recto_persistence::identity::account;
use recto_persistence::{Connection, Error, Lock, SystemIds};
use recto_relations::{Entity as _, Include};
use recto_testkit::both_engines;
use recto_testkit::database::FreshDatabase;
use serde_json::json;

use crate::support::catalogue::{Catalogue, tag_names};

both_engines!(
    failed_write_is_rolled_back,
    nested_transaction_rolls_back_alone,
    snapshot_sees_one_state,
    concurrent_writers_insert_one_tag,
    mutual_demotion_leaves_one_admin,
);

fn failed_write_is_rolled_back(fresh: &FreshDatabase) {
    let (c, database) = (Catalogue::empty(), fresh.open());
    let (kept, undone) = (c.new_tag("kept"), c.new_tag("undone"));
    let result: Result<(), Error> = database.write_blocking(move |conn| {
        conn.insert(undone.clone())?;
        Err(Conflict::LastAdmin.into())
    });
    assert!(matches!(result, Err(Error::Conflict(Conflict::LastAdmin))));
    database.write_blocking(move |conn| conn.insert(kept.clone())).unwrap();
    assert_eq!(tag_names(&mut fresh.connection()), ["kept"]);
}

fn nested_transaction_rolls_back_alone(fresh: &FreshDatabase) {
    let (c, database) = (Catalogue::empty(), fresh.open());
    let (outer, inner) = (c.new_tag("outer"), c.new_tag("inner"));
    database
        .write_blocking(move |conn| {
            conn.insert(outer.clone())?;
            let undone: Result<(), Error> = conn.transaction(|conn| {
                conn.insert(inner.clone())?;
                // On PostgreSQL the error would abort the whole transaction.
                conn.insert(inner.clone()).map(|_| ())
            });
            assert!(undone.is_err());
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(tag_names(&mut fresh.connection()), ["outer"]);
}

fn snapshot_sees_one_state(fresh: &FreshDatabase) {
    let c = Catalogue::empty();
    let mut reader = fresh.connection();
    let mut writer = fresh.connection();
    writer.insert(c.new_tag("before")).unwrap();
    reader
        .snapshot(|conn| {
            assert_eq!(tag_names(conn), ["before"]);
            writer.insert(c.new_tag("meanwhile")).unwrap();
            assert_eq!(tag_names(conn), ["before"]);
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(tag_names(&mut reader), ["meanwhile", "before"]);
}

fn concurrent_writers_insert_one_tag(fresh: &FreshDatabase) {
    let mut c = Catalogue::empty();
    // Writers of one book wait for each other; writers of different books do not.
    let books = ["a", "b", "c", "d", "e"]
        .map(|title| c.book(&json!({"title": title, "author": "A"}), None));
    let mut conn = fresh.connection();
    c.store(&mut conn);
    let database = fresh.open();
    let start = Barrier::new(50);
    thread::scope(|scope| {
        for number in 0..50 {
            let (database, start, uid) = (&database, &start, books[number % books.len()]);
            scope.spawn(move || {
                let name = if number % 2 == 0 { "new" } else { "NEW" };
                let names = [TagName::parse(name).unwrap()];
                start.wait();
                database.write_blocking(move |conn| put_tags(conn, uid, &names)).unwrap();
            });
        }
    });
    assert_eq!(tag_names(&mut conn).len(), 1);
    let include = Include::parse(Book::INFO, "tags").unwrap();
    for uid in books {
        let book = conn.find::<Book>(uid, &include).unwrap().unwrap();
        assert_eq!(book.view(0).unwrap().get(BookTags).unwrap().len(), 1);
    }
}

/// Adds tags to a book as a request does.
fn put_tags(conn: &mut Connection, uid: BookId, names: &[TagName]) -> Result<(), Error> {
    assert!(conn.lock::<Book>(uid, Lock::Update)?.is_some());
    book_tag::add(conn, &Creator::nobody(&SystemIds), uid, names).map(|_| ())
}

fn mutual_demotion_leaves_one_admin(fresh: &FreshDatabase) {
    let c = Catalogue::small();
    let mut conn = fresh.connection();
    c.store(&mut conn);
    let admins: Vec<Account> = c.users[..2]
        .iter()
        .zip(["a@example.org", "b@example.org"])
        .map(|(user, email)| {
            Account::new_verified(user.uid, Email::parse(email).unwrap(), Role::Admin)
        })
        .collect();
    let (hash, at) = (PasswordHash(String::new()), c.new_id().at());
    for admin in &admins {
        account::insert(&mut conn, admin, &hash, at).unwrap();
    }
    let database = fresh.open();
    for _ in 0..10 {
        let start = Barrier::new(2);
        let results: Vec<Result<(), Error>> = thread::scope(|scope| {
            let demoting: Vec<_> = admins
                .iter()
                .map(|admin| {
                    let (database, start, admin) = (&database, &start, admin.clone());
                    scope.spawn(move || {
                        start.wait();
                        database.write_blocking(move |conn| {
                            account::set_role(conn, &admin, Role::User, SystemIds.now())
                        })
                    })
                })
                .collect();
            demoting.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let refused = results
            .iter()
            .filter(|result| matches!(result, Err(Error::Conflict(Conflict::LastAdmin))))
            .count();
        assert_eq!((refused, results.iter().filter(|result| result.is_ok()).count()), (1, 1));
        for admin in &admins {
            account::set_role(&mut conn, admin, Role::Admin, at).unwrap();
        }
    }
    // The last administrator cannot leave in another way either.
    account::set_role(&mut conn, &admins[0], Role::User, at).unwrap();
    let last: UserId = admins[1].user_uid;
    assert!(matches!(
        account::refuse_last_admin(&mut conn, last),
        Err(Error::Conflict(Conflict::LastAdmin))
    ));
    account::refuse_last_admin(&mut conn, admins[0].user_uid).unwrap();
}
