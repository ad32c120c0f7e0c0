//! Loading entities with included relations: contents, order and number of statements.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use recto_domain::{
    Book, BookId, BookReviews, BookTags, BookUser, CATALOG, ReviewUser, Tag, TagBooks, User,
    UserBooks, UserReviews,
};
use recto_persistence::catalog::{BookFilter, import};
use recto_persistence::{Connection, PageRequest, Recto, Stored, SystemIds};
use recto_relations::{Entity as _, EntityInfo, Filter, Include, MAX_DEPTH, Sort, paths};
use recto_relations_diesel::CHUNK;
use recto_testkit::both_engines;
use recto_testkit::database::{Engine, FreshDatabase, fresh, run};
use serde_json::json;

use crate::support::catalogue::Catalogue;
use crate::support::fixture::Fixture;
use crate::support::generate::{include_options, includes};
use crate::support::json::{lines, text};
use crate::support::model::Model;
use crate::support::visit::{EntityVisitor, entities, visit_entity};

both_engines!(
    each_edge_takes_one_statement,
    loaded_entities_match_the_model,
    random_catalogues_match_the_model,
    each_count_takes_one_statement,
    empty_keys_take_no_statement,
    many_keys_are_loaded_in_chunks,
    cap_counts_every_occurrence,
    includes_are_loaded_in_one_snapshot,
    unloaded_relation_is_an_error,
    to_one_returns_entity_or_none,
);

/// The limit of a page with all entities.
const ALL: u32 = 100;

/// Loads every path from a page and from one connected entity, asserts the number of statements,
/// and returns what was loaded.
struct EveryPath<'a> {
    conn: &'a mut Connection,
    connected_key: &'a str,
}

impl EntityVisitor for EveryPath<'_> {
    type Output = String;

    fn visit<E: Stored<Recto, Filter: Default>>(self) -> String {
        let Self { conn, connected_key } = self;
        let key: E::Key = connected_key.parse().ok().unwrap();
        let mut loaded = String::new();
        for path in paths(E::INFO, MAX_DEPTH) {
            let include = Include::parse(E::INFO, &path).unwrap();
            let cost = 1 + include.relation_count();

            let (found, statements) = conn.recording(|conn| {
                let (filter, all) = (E::Filter::default(), PageRequest::newest(ALL));
                conn.page::<E>(&filter, &Filter::everything(), &all, &include)
            });
            let found = found.unwrap();
            assert_eq!(statements.len(), cost, "page of {}?include={path}", E::INFO.collection);
            writeln!(loaded, "{path} more: {}\n{}", found.has_next, text(&found.entities)).unwrap();

            let (found, statements) = conn.recording(|conn| conn.find::<E>(key, &include));
            assert_eq!(statements.len(), cost, "one of {}?include={path}", E::INFO.collection);
            writeln!(loaded, "{path}: {}", text(&found.unwrap().unwrap())).unwrap();
        }
        loaded
    }
}

fn every_path(database: &FreshDatabase) -> String {
    let conn = &mut database.connection();
    let fixture = Fixture::store(conn);
    let every_path = |entity: &EntityInfo| {
        let connected_key = &fixture.connected_key(entity);
        visit_entity(entity, EveryPath { conn, connected_key })
    };
    entities().map(every_path).collect()
}

fn each_edge_takes_one_statement(database: &FreshDatabase) {
    assert!(!every_path(database).is_empty());
}

#[test]
fn engines_load_identical_bytes() {
    run(Engine::Postgres, "engines_load_identical_bytes", |postgres| {
        let sqlite = fresh(Engine::Sqlite).unwrap();
        let (sqlite, postgres) = (every_path(&sqlite), every_path(postgres));
        for (sqlite, postgres) in sqlite.lines().zip(postgres.lines()) {
            assert_eq!(sqlite, postgres);
        }
        assert_eq!(sqlite.len(), postgres.len());
    });
}

/// Compares all entities with the model, loaded together and one by one.
struct Compare<'a> {
    conn: &'a mut Connection,
    model: &'a Model,
    include: &'a Include,
}

impl EntityVisitor for Compare<'_> {
    type Output = ();

    fn visit<E: Stored<Recto, Filter: Default>>(self) {
        let Self { conn, model, include } = self;
        let all = model.all(E::INFO, &Sort::default());
        let (filter, request) = (E::Filter::default(), PageRequest::newest(ALL));
        let loaded = conn.page::<E>(&filter, &Filter::everything(), &request, include).unwrap();
        let case = format!("{}?include={include}", E::INFO.collection);
        let expected = model.expected(&all, include);
        assert_eq!(loaded.entities.as_slice().len(), expected.len(), "page of {case}");
        for (loaded, expected) in lines(&loaded.entities).iter().zip(&expected) {
            assert_eq!(loaded, expected, "page of {case}");
        }
        for node in all.into_iter().step_by(3) {
            let key: E::Key = node.key().parse().ok().unwrap();
            let loaded = conn.find::<E>(key, include).unwrap().unwrap();
            assert_eq!(lines(&loaded), model.expected(&[node], include), "{key} of {case}");
        }
    }
}

fn loaded_entities_match_the_model(database: &FreshDatabase) {
    let conn = &mut database.connection();
    let Fixture { model, .. } = &Fixture::store(conn);
    for entity in entities() {
        for include in &includes(entity) {
            visit_entity(entity, Compare { conn, model, include });
        }
    }
}

fn random_catalogues_match_the_model(database: &FreshDatabase) {
    let conn = &mut database.connection();
    for seed in 0..4 {
        let c = Catalogue::random(seed);
        c.replace(database, conn);
        let model = &c.model();
        for entity in CATALOG.entities {
            for raw in include_options(entity) {
                let include = &Include::parse(entity, &raw).unwrap();
                visit_entity(entity, Compare { conn, model, include });
            }
        }
    }
}

fn each_count_takes_one_statement(database: &FreshDatabase) {
    let c = Catalogue::small();
    let mut conn = database.connection();
    c.store(&mut conn);
    let mut include = Include::parse(Book::INFO, "user").unwrap();
    include.count(Book::INFO, "tags,reviews,user.books").unwrap();

    let (books, statements) = conn.recording(|conn| {
        conn.page::<Book>(
            &BookFilter::default(),
            &Filter::everything(),
            &PageRequest::newest(ALL),
            &include,
        )
    });
    assert_eq!(statements.len(), 5, "{statements:#?}");
    let model = c.model();
    let expected = model.expected(&model.all(Book::INFO, &Sort::default()), &include);
    assert_eq!(lines(&books.unwrap().entities), expected);
}

fn empty_keys_take_no_statement(database: &FreshDatabase) {
    let c = Catalogue::small();
    let mut conn = database.connection();
    c.store(&mut conn);
    let zebra = c.titled("zebra").uid;
    let include = Include::parse(Book::INFO, "user.books,tags.books,reviews.user").unwrap();

    let (book, statements) = conn.recording(|conn| conn.find::<Book>(zebra, &include));
    // The book, its tags and its reviews; the key of its user is empty.
    assert_eq!(statements.len(), 3, "{statements:#?}");
    let json = text(&book.unwrap().unwrap());
    assert!(json.trim_end().ends_with(r#""user":null,"tags":[],"reviews":[]}"#), "{json}");

    let (missing, statements) =
        conn.recording(|conn| conn.find::<Book>(BookId::from_uuid(c.new_id().uid()), &include));
    assert!(missing.unwrap().is_none());
    assert_eq!(statements.len(), 1, "{statements:#?}");
}

fn many_keys_are_loaded_in_chunks(database: &FreshDatabase) {
    let mut c = Catalogue::empty();
    let tag = c.tag("many");
    for number in 0..=CHUNK {
        let owner = c.user(&format!("u{number}"));
        let book = c.book(&json!({"title": format!("{number}"), "author": "A"}), Some(owner));
        c.taggings.insert((book, tag));
    }
    let mut conn = database.connection();
    let origin = |number: usize| format!("test:{number}");
    conn.transaction(|conn| {
        let users: Vec<_> =
            c.users.iter().cloned().enumerate().map(|(n, user)| (origin(n), user)).collect();
        let books: Vec<_> =
            c.books.iter().cloned().enumerate().map(|(n, book)| (origin(n), book)).collect();
        import::readers(conn, &users)?;
        import::books(conn, &SystemIds, &books)?;
        import::tags(conn, &c.tags)?;
        import::taggings(conn, &c.taggings.iter().copied().collect::<Vec<_>>())?;
        Ok::<_, recto_persistence::Error>(())
    })
    .unwrap();

    let everything = PageRequest::newest(10_000);
    let include = Include::parse(Book::INFO, "user,tags").unwrap();
    let (books, statements) = conn.recording(|conn| {
        conn.page::<Book>(&BookFilter::default(), &Filter::everything(), &everything, &include)
    });
    assert_eq!(statements.len(), 1 + 2 + 2);
    let found = books.unwrap().entities;
    assert_eq!(found.as_slice().len(), CHUNK + 1);
    for book in &found {
        assert_eq!(book.get(BookUser).unwrap().map(|user| user.uid), book.user_uid);
        assert_eq!(book.get(BookTags).unwrap().len(), 1);
    }

    let include = Include::parse(Tag::INFO, "books(limit:100)").unwrap();
    let tagged = conn.find::<Tag>(tag, &include).unwrap().unwrap();
    let books = tagged.view(0).unwrap().get(TagBooks).unwrap();
    assert_eq!((books.len(), books.more()), (100, true));
}

/// A user of six hundred books counts as six hundred parents.
fn cap_counts_every_occurrence(database: &FreshDatabase) {
    let mut c = Catalogue::empty();
    let owner = c.user("owner");
    for number in 0..600 {
        c.book(&json!({"title": format!("{number}"), "author": "A"}), Some(owner));
    }
    let mut conn = database.connection();
    c.store(&mut conn);
    let include = Include::parse(Book::INFO, "user.books(limit:100)").unwrap();
    let books = conn
        .page::<Book>(
            &BookFilter::default(),
            &Filter::everything(),
            &PageRequest::newest(600),
            &include,
        )
        .unwrap();
    let found = books.entities;
    let user = found.view(0).unwrap().get(BookUser).unwrap().unwrap();
    let shown = user.get(UserBooks).unwrap();
    assert_eq!((shown.len(), shown.more()), (10_000 / 600, true));
}

fn includes_are_loaded_in_one_snapshot(database: &FreshDatabase) {
    let mut c = Catalogue::empty();
    let uid = c.book(&json!({"title": "T", "author": "A"}), None);
    let owner = c.user("owner");
    c.store(&mut database.connection());
    let mut book = c.books[0].clone();
    book.user_uid = Some(owner);

    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut conn = database.connection();
            for _ in 0..200 {
                conn.update(&book).unwrap();
                conn.delete::<User>(owner).unwrap();
                conn.insert(c.users[0].clone()).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        let mut conn = database.connection();
        let include = Include::parse(Book::INFO, "user").unwrap();
        while !done.load(Ordering::Relaxed) {
            let book = conn.find::<Book>(uid, &include).unwrap().unwrap();
            let book = book.view(0).unwrap();
            assert_eq!(book.get(BookUser).unwrap().map(|user| user.uid), book.user_uid);
        }
    });
}

fn unloaded_relation_is_an_error(database: &FreshDatabase) {
    let c = Catalogue::small();
    let mut conn = database.connection();
    c.store(&mut conn);
    let include = Include::parse(Book::INFO, "reviews(limit:5,sort:-rating).user").unwrap();
    let found = conn.find::<Book>(c.titled("Dune").uid, &include).unwrap().unwrap();
    let dune = found.view(0).unwrap();

    let reviews = dune.get(BookReviews).unwrap();
    assert!(reviews.more() && reviews.len() == 5);
    for review in dune.get(BookReviews).unwrap() {
        assert_eq!(review.rating.get(), 5);
        let reader = review.get(ReviewUser).unwrap();
        assert_eq!(reader.map(|user| user.uid), review.user_uid);
    }
    let unloaded = dune.get(BookTags).unwrap_err();
    assert_eq!(
        unloaded.to_string(),
        "Book.tags was not loaded: include \"tags\" when loading Book"
    );
    let nested = dune.get(BookReviews).unwrap().next().unwrap();
    let reader = nested.get(ReviewUser).unwrap().unwrap();
    assert!(reader.get(UserBooks).is_err() && reader.get(UserReviews).is_err());
}

fn to_one_returns_entity_or_none(database: &FreshDatabase) {
    let c = Catalogue::small();
    let mut conn = database.connection();
    c.store(&mut conn);
    let none = Include::nothing();
    let (dune, zebra) = (c.titled("Dune"), c.titled("zebra"));

    let owner = conn.related_one::<BookUser>(dune.uid, &none).unwrap().unwrap().unwrap();
    assert_eq!(owner.into_vec(), [c.users[0].clone()]);
    assert!(conn.related_one::<BookUser>(zebra.uid, &none).unwrap().unwrap().is_none());
    let missing = BookId::from_uuid(c.new_id().uid());
    assert!(conn.related_one::<BookUser>(missing, &none).unwrap().is_none());

    let include = Include::parse(User::INFO, "books").unwrap();
    let owner = conn.related_one::<BookUser>(dune.uid, &include).unwrap().unwrap().unwrap();
    assert_eq!(owner.view(0).unwrap().get(UserBooks).unwrap().len(), 3);
}
