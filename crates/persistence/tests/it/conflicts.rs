//! Errors for data that the databases refuse.

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use recto_domain::{
    Account, Book, BookId, Clock as _, Conflict, Email, PasswordHash, Review, Role, Tag, TagName,
    User, UserId, Username,
};
use recto_persistence::identity::account;
use recto_persistence::{Connection, DatabaseFailure, Error, Recto, Stored, WorkError as _, write};
use recto_relations::Include;
use recto_testkit::both_engines;
use recto_testkit::database::{Engine, FreshDatabase};
use recto_testkit::ids::SequentialIds;

use crate::support::catalogue::Catalogue;

both_engines!(
    duplicate_is_a_conflict,
    dangling_foreign_key_is_refused,
    check_constraints_refuse_invalid_values,
    corrupt_value_is_located,
    deletes_follow_declared_rules,
);

fn stored(database: &FreshDatabase) -> (Catalogue, Connection) {
    let c = Catalogue::small();
    let mut conn = database.connection();
    c.store(&mut conn);
    (c, conn)
}

fn conflict<T: std::fmt::Debug>(result: Result<T, Error>) -> Conflict {
    match result {
        Err(Error::Conflict(conflict)) => conflict,
        other => panic!("a conflict was expected, not {other:?}"),
    }
}

fn new_account(user: UserId, email: &str) -> Account {
    Account::new(user, Email::parse(email).unwrap(), Role::User)
}

fn duplicate_is_a_conflict(database: &FreshDatabase) {
    let (c, mut conn) = stored(database);
    let conn = &mut conn;

    // Names differ only in case.
    let bob = User::new(c.new_id(), Username::parse("bOB").unwrap(), None, None);
    assert_eq!(conflict(conn.insert(bob.clone())), Conflict::UsernameTaken);
    let mut ada = c.users[0].clone();
    ada.username = Username::parse("BOB").unwrap();
    assert_eq!(conflict(conn.update(&ada)), Conflict::UsernameTaken);

    let tag = Tag::new(c.new_id(), TagName::parse("ÉTÉ").unwrap());
    // Without a check before, the existing one is not known; it is if the work runs again.
    assert!(conn.insert(tag.clone()).unwrap_err().failure().unwrap().is_transient());
    let mut classic = c.tags[0].clone();
    classic.name = TagName::parse("sf").unwrap();
    assert!(conn.update(&classic).unwrap_err().failure().unwrap().is_transient());

    let mut again = c.reviews[0].clone();
    again.uid = recto_domain::ReviewId::from_uuid(c.new_id().uid());
    let existing = Conflict::AlreadyReviewed(c.reviews[0].uid);
    assert_eq!(conflict(write::create(conn, again)), existing);

    let (hash, at) = (PasswordHash("$argon2id$".to_owned()), c.new_id().at());
    account::insert(conn, &new_account(c.users[0].uid, "a@example.org"), &hash, at).unwrap();
    let same = new_account(c.users[1].uid, "A@Example.org");
    assert_eq!(conflict(account::insert(conn, &same, &hash, at)), Conflict::EmailTaken);
}

fn dangling_foreign_key_is_refused(database: &FreshDatabase) {
    let (c, mut conn) = stored(database);
    let mut review = c.reviews[0].clone();
    review.uid = recto_domain::ReviewId::from_uuid(c.new_id().uid());
    review.book_uid = BookId::from_uuid(c.new_id().uid());
    let error = conn.insert(review.clone()).unwrap_err();
    match (database.engine(), &error) {
        (Engine::Postgres, Error::MissingReference { field, entity }) => {
            assert_eq!((*field, entity.name), ("book_uid", "Book"));
        }
        // SQLite does not report the key.
        (
            Engine::Sqlite,
            Error::Failure(DatabaseFailure::Query(DieselError::DatabaseError(kind, _))),
        ) => {
            assert!(matches!(kind, DatabaseErrorKind::ForeignKeyViolation), "{error:?}");
        }
        _ => panic!("{error:?}"),
    }
    let include = Include::nothing();
    assert!(conn.find::<Review>(review.uid, &include).unwrap().is_none());
}

fn check_constraints_refuse_invalid_values(database: &FreshDatabase) {
    let (_, _conn) = stored(database);
    for statement in [
        "UPDATE reviews SET rating = 6",
        "UPDATE reviews SET rating = 0",
        "UPDATE books SET title = ''",
        "UPDATE books SET author = ''",
        "UPDATE books SET page_count = 0",
        "UPDATE books SET isbn = '978123456789X'",
        "UPDATE books SET published_date = 99991232",
        "UPDATE users SET username = ''",
        "UPDATE tags SET name = ''",
        "INSERT INTO accounts SELECT uid, 'a@b.c', 'a@b.c', '', 'root', TRUE, FALSE,
             created_at, updated_at FROM users WHERE username = 'ada'",
    ] {
        let error = database.execute(statement).unwrap_err();
        let said = Error::from(error);
        let Error::Failure(DatabaseFailure::Query(DieselError::DatabaseError(kind, _))) = &said
        else {
            panic!("{statement}: {said:?}");
        };
        assert!(matches!(kind, DatabaseErrorKind::CheckViolation), "{statement}: {said:?}");
        assert!(!said.failure().unwrap().is_transient());
    }
}

/// Sets a column of all rows without checks.
fn corrupt(database: &FreshDatabase, table: &str, column: &str, value: &str) {
    let bypass = match database.engine() {
        Engine::Sqlite => "PRAGMA ignore_check_constraints = ON".to_owned(),
        Engine::Postgres => {
            format!("ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {table}_{column}_check")
        }
    };
    database.execute(&format!("{bypass}; UPDATE {table} SET {column} = {value}")).unwrap();
}

fn corrupt_value_is_located(database: &FreshDatabase) {
    fn read<E: Stored<Recto>>(conn: &mut Connection, key: E::Key) -> Error {
        conn.find::<E>(key, &Include::nothing()).unwrap_err()
    }
    let (c, mut conn) = stored(database);
    let conn = &mut conn;
    let user = c.users[0].uid;
    let (hash, at) = (PasswordHash(String::new()), SequentialIds::new().now());
    account::insert(conn, &new_account(user, "a@example.org"), &hash, at).unwrap();

    let check = |error: &Error, table: &str, column: &str, row: &str| {
        let said = error.to_string();
        let begin = format!("corrupt data in {table}.{column} of row {row}: ");
        assert!(said.starts_with(&begin) && said.len() > begin.len(), "{said}");
        assert!(matches!(error, Error::Failure(DatabaseFailure::Corrupt(_))));
    };

    let (book, row) = (c.books[0].uid, c.books[0].uid.to_string());
    for (column, value, valid) in [
        ("title", "''", "'T'"),
        ("author", "' '", "'A'"),
        ("publisher", "''", "NULL"),
        ("published_date", "19991399", "NULL"),
        ("page_count", "0", "NULL"),
        ("language", "'?'", "NULL"),
        // A wrong check digit.
        ("isbn", "'9780000000000'", "NULL"),
    ] {
        corrupt(database, "books", column, value);
        check(&read::<Book>(conn, book), "books", column, &row);
        corrupt(database, "books", column, valid);
    }
    conn.find::<Book>(book, &Include::nothing()).unwrap();

    let review = c.reviews[0].uid;
    corrupt(database, "reviews", "rating", "6");
    check(&read::<Review>(conn, review), "reviews", "rating", &review.to_string());

    let tag = c.tags[0].uid;
    corrupt(database, "tags", "name", "''");
    check(&read::<Tag>(conn, tag), "tags", "name", &tag.to_string());

    corrupt(database, "users", "first_name", "''");
    check(&read::<User>(conn, user), "users", "first_name", &user.to_string());

    corrupt(database, "accounts", "role", "'root'");
    let error = account::of_user(conn, user).unwrap_err();
    check(&error, "accounts", "role", &user.to_string());
}

fn deletes_follow_declared_rules(database: &FreshDatabase) {
    let (c, mut conn) = stored(database);
    let conn = &mut conn;
    let (ada, dune) = (c.users[0].uid, c.titled("Dune"));
    let none = Include::nothing();

    assert!(conn.delete::<User>(ada).unwrap());
    assert!(!conn.delete::<User>(ada).unwrap());
    let orphan = conn.find::<Book>(dune.uid, &none).unwrap().unwrap();
    assert_eq!(orphan.as_slice()[0].user_uid, None);
    let review = c.reviews.iter().find(|review| review.user_uid == Some(ada)).unwrap();
    let review = conn.find::<Review>(review.uid, &none).unwrap().unwrap();
    assert_eq!(review.as_slice()[0].user_uid, None);

    assert!(conn.delete::<Book>(dune.uid).unwrap());
    for review in c.reviews.iter().filter(|review| review.book_uid == dune.uid) {
        assert!(conn.find::<Review>(review.uid, &none).unwrap().is_none());
    }
    let tagged = Include::parse(<Tag as recto_relations::Entity>::INFO, "books").unwrap();
    let sf = c.tags.iter().find(|tag| tag.name.as_str() == "SF").unwrap();
    let sf = conn.find::<Tag>(sf.uid, &tagged).unwrap().unwrap();
    assert_eq!(sf.view(0).unwrap().get(recto_domain::TagBooks).unwrap().len(), 0);

    let classic = c.tags[0].uid;
    assert!(conn.delete::<Tag>(classic).unwrap());
    assert!(conn.find::<Book>(c.titled("Émile").uid, &none).unwrap().is_some());
}
