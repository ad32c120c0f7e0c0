//! Loading relations: by batch, the same on both engines, and right.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use recto_domain::{
    Author, Book, BookId, BookReviews, BookTags, BookUser, Comment, Company, Course, Department,
    Employee, Post, Review, ReviewUser, Student, Tag, TagBooks, User, UserBooks, UserReviews,
};
use recto_persistence::catalog::{BookFilter, import};
use recto_persistence::{Connection, PageRequest, Recto, Stored, SystemIds};
use recto_relations::{Entity as _, Filter, Include, MAX_DEPTH, Sort, paths};
use recto_relations_diesel::CHUNK;
use recto_testkit::both_engines;
use recto_testkit::database::{Engine, Fresh, fresh, run};
use serde_json::json;

use crate::catalogue::Catalogue;
use crate::model::{Modelled, expected, in_order};
use crate::present::present;
use crate::rooms::Rooms;

both_engines!(
    every_path_costs_one_statement_an_edge,
    what_is_loaded_is_what_there_is,
    random_catalogues_are_loaded_right,
    counts_cost_a_statement_each,
    nothing_to_follow_costs_nothing,
    many_keys_are_looked_for_in_chunks,
    the_cap_falls_with_every_occurrence,
    what_is_loaded_together_is_of_one_state,
    views_read_what_was_loaded_and_nothing_else,
    one_leads_to_one_or_none,
);

/// Everything on a page.
const ALL: u32 = 100;

/// Include trees with orders and limits of their own.
const BOOKS: &[&str] = &[
    "reviews(limit:3,sort:-rating)",
    "reviews(limit:3,sort:-rating).user",
    "tags(sort:name)",
    "tags(sort:-name).books(limit:2,sort:title)",
    "reviews(limit:1),tags,user.books(sort:-published_date,title)",
    "contributors(limit:2),contributors.books.contributors(limit:1,sort:-position)",
    "user.books(sort:page_count,-title).tags(limit:1,sort:-created_at)",
    "reviews(sort:created_at,limit:2).user.reviews(limit:2,sort:rating)",
];
const AUTHORS: &[&str] = &[
    "books(sort:title).contributors(limit:2)",
    "books.contributors(sort:-position,limit:3).books(limit:1)",
    "books.contributors(sort:name)",
];
const TAGS: &[&str] = &[
    "books(limit:2,sort:published_date)",
    "books(limit:3,sort:-published_date,title).reviews(limit:2,sort:rating)",
    "books(sort:-author,created_at)",
    "books(sort:-page_count)",
];
const USERS: &[&str] = &[
    "books(sort:page_count),reviews(sort:rating,-created_at,limit:100).book.tags(sort:name)",
    "books(limit:1,sort:-title)",
];

/// Loads every path from a page of all `E` and from one that has all relations,
/// and gives what was loaded. Asserts how many statements each took.
fn every_path_of<E: Stored<Recto>>(
    conn: &mut Connection,
    filter: &E::Filter,
    rich: E::Key,
) -> String {
    let mut loaded = String::new();
    for path in paths(E::INFO, MAX_DEPTH) {
        let include = Include::parse(E::INFO, &path).unwrap();
        let cost = 1 + include.edge_count();

        let (found, statements) = conn.recording(|conn| {
            conn.page::<E>(filter, &Filter::everything(), &PageRequest::newest(ALL), &include)
        });
        let found = found.unwrap();
        assert_eq!(statements.len(), cost, "page of {}?include={path}", E::INFO.collection);
        writeln!(loaded, "{path} more: {}\n{}", found.more, present(&found.entities)).unwrap();

        let (found, statements) = conn.recording(|conn| conn.find::<E>(rich, &include));
        assert_eq!(statements.len(), cost, "one of {}?include={path}", E::INFO.collection);
        writeln!(loaded, "{path}: {}", present(&found.unwrap().unwrap())).unwrap();
    }
    loaded
}

fn every_path(database: &Fresh) -> String {
    let c = Catalogue::small();
    let mut conn = database.connection();
    c.store(&mut conn);
    let dune = c.titled("Dune").uid;
    every_path_of::<User>(&mut conn, &(), c.users[0].uid)
        + &every_path_of::<Book>(&mut conn, &BookFilter::default(), dune)
        + &every_path_of::<Review>(&mut conn, &(), c.reviews[0].uid)
        + &every_path_of::<Tag>(&mut conn, &(), c.tags[0].uid)
        + &every_path_of::<Author>(&mut conn, &(), c.authors[0].uid)
        + &every_path_of_the_rooms(&mut conn)
}

fn every_path_of_the_rooms(conn: &mut Connection) -> String {
    let rooms = Rooms::stored(conn);
    every_path_of::<Post>(conn, &(), rooms.post)
        + &every_path_of::<Comment>(conn, &(), rooms.comment)
        + &every_path_of::<Student>(conn, &(), rooms.student)
        + &every_path_of::<Course>(conn, &(), rooms.course)
        + &every_path_of::<Company>(conn, &(), rooms.company)
        + &every_path_of::<Department>(conn, &(), rooms.department)
        + &every_path_of::<Employee>(conn, &(), rooms.employee)
}

fn every_path_costs_one_statement_an_edge(database: &Fresh) {
    assert!(!every_path(database).is_empty());
}

#[test]
fn both_engines_load_the_same_byte_for_byte() {
    run(Engine::Postgres, "both_engines_load_the_same_byte_for_byte", |postgres| {
        let sqlite = fresh(Engine::Sqlite).unwrap();
        let (sqlite, postgres) = (every_path(&sqlite), every_path(postgres));
        for (sqlite, postgres) in sqlite.lines().zip(postgres.lines()) {
            assert_eq!(sqlite, postgres);
        }
        assert_eq!(sqlite.len(), postgres.len());
    });
}

/// Compares what is loaded from all `E`, together and one by one, with the model.
fn loads_right<E: Stored<Recto> + Modelled>(
    c: &Catalogue,
    conn: &mut Connection,
    filter: &E::Filter,
    include: &str,
) {
    let parsed = Include::parse(E::INFO, include).unwrap();
    let all = in_order::<E>(c, &Sort::default(), |_| true);
    let nodes: Vec<_> = all.iter().map(|entity| entity.node()).collect();
    let loaded =
        conn.page::<E>(filter, &Filter::everything(), &PageRequest::newest(ALL), &parsed).unwrap();
    let model = expected(c, &nodes, &parsed);
    for (loaded, model) in present(&loaded.entities).lines().zip(&model) {
        assert_eq!(loaded, model, "page of {}?include={include}", E::INFO.collection);
    }
    assert_eq!(loaded.entities.as_slice().len(), model.len());

    for (entity, node) in all.into_iter().zip(nodes).take(12) {
        let loaded = conn.find::<E>(entity.key(), &parsed).unwrap().unwrap();
        assert_eq!(
            present(&loaded).trim_end(),
            expected(c, &[node], &parsed).concat(),
            "{}/{}?include={include}",
            E::INFO.collection,
            entity.key()
        );
    }
}

fn what_is_loaded_is_what_there_is(database: &Fresh) {
    let c = Catalogue::small();
    let mut conn = database.connection();
    c.store(&mut conn);
    let all = BookFilter::default();
    for path in paths(User::INFO, MAX_DEPTH).iter().map(String::as_str).chain(USERS.iter().copied())
    {
        loads_right::<User>(&c, &mut conn, &(), path);
    }
    for path in paths(Book::INFO, MAX_DEPTH).iter().map(String::as_str).chain(BOOKS.iter().copied())
    {
        loads_right::<Book>(&c, &mut conn, &all, path);
    }
    for path in paths(Review::INFO, MAX_DEPTH) {
        loads_right::<Review>(&c, &mut conn, &(), &path);
    }
    for path in paths(Tag::INFO, MAX_DEPTH).iter().map(String::as_str).chain(TAGS.iter().copied()) {
        loads_right::<Tag>(&c, &mut conn, &(), path);
    }
    let paths = paths(Author::INFO, MAX_DEPTH);
    for path in paths.iter().map(String::as_str).chain(AUTHORS.iter().copied()) {
        loads_right::<Author>(&c, &mut conn, &(), path);
    }
}

fn random_catalogues_are_loaded_right(database: &Fresh) {
    let mut conn = database.connection();
    for seed in 0..8 {
        let c = Catalogue::random(seed);
        c.replace(database, &mut conn);
        let all = BookFilter::default();
        for include in BOOKS {
            loads_right::<Book>(&c, &mut conn, &all, include);
        }
        for include in AUTHORS {
            loads_right::<Author>(&c, &mut conn, &(), include);
        }
        for include in TAGS {
            loads_right::<Tag>(&c, &mut conn, &(), include);
        }
        for include in USERS {
            loads_right::<User>(&c, &mut conn, &(), include);
        }
        loads_right::<Review>(&c, &mut conn, &(), "user.books,book.tags.books");
    }
}

fn counts_cost_a_statement_each(database: &Fresh) {
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
    let all = in_order::<Book>(&c, &Sort::default(), |_| true);
    let nodes: Vec<_> = all.into_iter().map(Modelled::node).collect();
    let model = expected(&c, &nodes, &include).join("\n");
    assert_eq!(present(&books.unwrap().entities).trim_end(), model);
}

fn nothing_to_follow_costs_nothing(database: &Fresh) {
    let c = Catalogue::small();
    let mut conn = database.connection();
    c.store(&mut conn);
    let zebra = c.titled("zebra").uid;
    let include = Include::parse(Book::INFO, "user.books,tags.books,reviews.user").unwrap();

    let (book, statements) = conn.recording(|conn| conn.find::<Book>(zebra, &include));
    // The book, its tags and its reviews: there is no key of a user to look for.
    assert_eq!(statements.len(), 3, "{statements:#?}");
    let json = present(&book.unwrap().unwrap());
    assert!(json.trim_end().ends_with(r#""user":null,"tags":[],"reviews":[]}"#), "{json}");

    let (nobody, statements) =
        conn.recording(|conn| conn.find::<Book>(BookId::from_uuid(c.new_id().uid()), &include));
    assert!(nobody.unwrap().is_none());
    assert_eq!(statements.len(), 1, "{statements:#?}");
}

fn many_keys_are_looked_for_in_chunks(database: &Fresh) {
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

    // However many there are, one of them each may carry.
    let include = Include::parse(Tag::INFO, "books(limit:100)").unwrap();
    let tagged = conn.find::<Tag>(tag, &include).unwrap().unwrap();
    let books = tagged.view(0).unwrap().get(TagBooks).unwrap();
    assert_eq!((books.len(), books.more()), (100, true));
}

/// One user who is shown six hundred times counts as six hundred parents.
fn the_cap_falls_with_every_occurrence(database: &Fresh) {
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

/// An owner who comes and goes is either there or not, never half.
fn what_is_loaded_together_is_of_one_state(database: &Fresh) {
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

fn views_read_what_was_loaded_and_nothing_else(database: &Fresh) {
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

fn one_leads_to_one_or_none(database: &Fresh) {
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
