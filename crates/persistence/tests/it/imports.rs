//! Bulk imports, also repeated.

use std::collections::HashMap;

use recto_domain::{Book, BookId, Tag, TagId, TagName, User, Username};
use recto_persistence::catalog::BookFilter;
use recto_persistence::catalog::import::{self, Origin};
use recto_persistence::{Connection, DatabaseFailure, Error, PageRequest, SystemIds};
use recto_relations::{Entity as _, Filter, Include};
use recto_testkit::both_engines;
use recto_testkit::database::FreshDatabase;

use crate::support::catalogue::Catalogue;

both_engines!(
    second_import_adds_nothing,
    new_taggings_increment_versions,
    tag_names_ignore_case,
    reader_with_taken_name_is_skipped,
    failed_batch_is_rolled_back,
    large_batch_is_inserted_in_chunks,
);

/// Imports a catalogue and returns the number of new rows of each kind.
fn import(conn: &mut Connection, c: &Catalogue) -> [usize; 5] {
    fn from<T: Clone>(all: &[T]) -> Vec<(Origin, T)> {
        all.iter().cloned().enumerate().map(|(n, row)| (format!("test:{n}"), row)).collect()
    }
    let readers = import::readers(conn, &from::<User>(&c.users)).unwrap();
    let books = import::books(conn, &SystemIds, &from::<Book>(&c.books)).unwrap();
    let tags = import::tags(conn, &c.tags).unwrap();
    // Existing rows keep their keys.
    assert_eq!(keys(&readers.keys), keys_of(&c.users, |user| user.uid));
    assert_eq!(keys(&books.keys), keys_of(&c.books, |book| book.uid));
    assert_eq!(keys(&tags.keys), keys_of(&c.tags, |tag| tag.uid));
    let taggings: Vec<(BookId, TagId)> = c.taggings.iter().copied().collect();
    [
        readers.added,
        books.added,
        tags.added,
        import::taggings(conn, &taggings).unwrap(),
        import::reviews(conn, &c.reviews).unwrap(),
    ]
}

fn keys<K: Copy>(keys: &[Option<K>]) -> Vec<K> {
    keys.iter().map(|key| key.unwrap()).collect()
}

fn keys_of<E, K>(entities: &[E], key: impl Fn(&E) -> K) -> Vec<K> {
    entities.iter().map(key).collect()
}

fn second_import_adds_nothing(database: &FreshDatabase) {
    let mut c = Catalogue::small();
    // A review without a user has no unique pair, so it would be new each time.
    c.reviews.retain(|review| review.user_uid.is_some());
    let mut conn = database.connection();
    let all = [c.users.len(), c.books.len(), c.tags.len(), c.taggings.len(), c.reviews.len()];
    assert_eq!(import(&mut conn, &c), all);
    assert_eq!(import(&mut conn, &c), [0; 5]);

    // Another import generates other keys for the same rows; the stored keys are returned.
    let mut again = Catalogue::small();
    for (book, number) in again.books.iter_mut().zip(0..) {
        book.uid = BookId::from_uuid(c.new_id().uid());
        assert_ne!(book.uid, c.books[number].uid);
    }
    let batch: Vec<_> =
        again.books.into_iter().enumerate().map(|(n, book)| (format!("test:{n}"), book)).collect();
    let written = import::books(&mut conn, &SystemIds, &batch).unwrap();
    assert_eq!(keys(&written.keys), keys_of(&c.books, |book| book.uid));
    assert_eq!(written.added, 0);
}

fn new_taggings_increment_versions(database: &FreshDatabase) {
    let c = Catalogue::small();
    let mut conn = database.connection();
    import(&mut conn, &c);
    let versions = |conn: &mut Connection| -> HashMap<BookId, i64> {
        let (all, none) = (PageRequest::newest(100), Include::nothing());
        let page = conn.page::<Book>(&BookFilter::default(), &Filter::everything(), &all, &none);
        let entities = page.unwrap().entities;
        entities.as_slice().iter().map(|book| (book.uid, book.version().unwrap().into())).collect()
    };
    let before = versions(&mut conn);
    let is_new = |tagging: &(BookId, TagId)| !c.taggings.contains(tagging);
    let mut all = c.books.iter().flat_map(|book| c.tags.iter().map(|tag| (book.uid, tag.uid)));
    let new = all.find(is_new).unwrap();
    let batch: Vec<_> = c.taggings.iter().copied().chain([new, new]).collect();
    assert_eq!(import::taggings(&mut conn, &batch).unwrap(), 1);
    for (book, version) in versions(&mut conn) {
        assert_eq!(version, before[&book] + i64::from(book == new.0), "{book}");
    }
}

fn tag_names_ignore_case(database: &FreshDatabase) {
    let c = Catalogue::empty();
    let tag = |name: &str| Tag::new(c.new_id(), TagName::parse(name).unwrap());
    let batch = [tag("Fantasy"), tag("fantasy"), tag("FANTASY"), tag("Poetry")];
    let mut conn = database.connection();
    let written = import::tags(&mut conn, &batch).unwrap();
    let first = Some(batch[0].uid);
    assert_eq!(written.added, 2);
    assert_eq!(written.keys, [first, first, first, Some(batch[3].uid)]);
}

fn reader_with_taken_name_is_skipped(database: &FreshDatabase) {
    let c = Catalogue::empty();
    let named = |name: &str| User::new(c.new_id(), Username::parse(name).unwrap(), None, None);
    let mut conn = database.connection();
    conn.insert(named("reader-1").clone()).unwrap();
    let batch =
        [("test:1".to_owned(), named("Reader-1")), ("test:2".to_owned(), named("reader-2"))];
    let written = import::readers(&mut conn, &batch).unwrap();
    assert_eq!(written.keys, [None, Some(batch[1].1.uid)]);
    assert_eq!(written.added, 1);
}

fn failed_batch_is_rolled_back(database: &FreshDatabase) {
    let c = Catalogue::small();
    let mut conn = database.connection();
    let failed = conn.transaction(|conn| {
        import::tags(conn, &c.tags)?;
        let nowhere = (BookId::from_uuid(c.new_id().uid()), c.tags[0].uid);
        import::taggings(conn, &[nowhere])
    });
    let error = failed.unwrap_err();
    assert!(
        matches!(error, Error::MissingReference { .. } | Error::Failure(DatabaseFailure::Query(_))),
        "{error:?}"
    );
    let tags = conn
        .page::<Tag>(&None, &Filter::everything(), &PageRequest::newest(5), &Include::nothing())
        .unwrap();
    assert!(tags.entities.as_slice().is_empty());
}

fn large_batch_is_inserted_in_chunks(database: &FreshDatabase) {
    let mut c = Catalogue::empty();
    for number in 0..9_001 {
        c.tag(&format!("tag {number}"));
    }
    let mut conn = database.connection();
    let written = conn.transaction(|conn| import::tags(conn, &c.tags)).unwrap();
    assert_eq!(written.added, 9_001);
    assert_eq!(keys(&written.keys), keys_of(&c.tags, |tag| tag.uid));
    let none = Include::nothing();
    let books = conn
        .page::<Book>(&BookFilter::default(), &Filter::everything(), &PageRequest::newest(5), &none)
        .unwrap();
    assert!(books.entities.as_slice().is_empty());
}
