//! Diesel's own associations on mapped rows.

use std::collections::BTreeMap;

use diesel::prelude::*;
use recto_domain::{Book, BookId, User, UserBooks, UserId};
use recto_persistence::catalog::UserFilter;
use recto_persistence::catalog::book::BookRow;
use recto_persistence::catalog::user::UserRow;
use recto_persistence::schema::users;
use recto_relations::{Entity as _, Filter, Include, PageRequest};
use recto_relations_diesel::Selected as _;
use recto_testkit::both_engines;
use recto_testkit::database::FreshDatabase;

use crate::support::catalogue::Catalogue;

both_engines!(books_are_grouped_by_user);

fn books_are_grouped_by_user(database: &FreshDatabase) {
    let mut conn = database.connection();
    Catalogue::random(17).store(&mut conn);

    let users: Vec<UserRow> = conn.load(users::table.select(UserRow::selection())).unwrap();
    let of_users = BookRow::belonging_to(&users).select(BookRow::selection());
    let books: Vec<BookRow> = conn.load(of_users).unwrap();
    let mut grouped: BTreeMap<UserId, Vec<BookId>> = BTreeMap::new();
    let books = books.grouped_by(&users);
    for (user, books) in users.into_iter().zip(books) {
        let user = User::try_from(user).unwrap();
        let books = books.into_iter().map(|book| Book::try_from(book).unwrap().uid);
        grouped.insert(user.uid, books.collect());
    }

    let include = Include::parse(User::INFO, "books(limit:100)").unwrap();
    let everybody = PageRequest::newest(100);
    let page = conn
        .page::<User>(&UserFilter::default(), &Filter::everything(), &everybody, &include)
        .unwrap();
    let mut related: BTreeMap<UserId, Vec<BookId>> = BTreeMap::new();
    for user in &page.entities {
        related.insert(user.uid, user.get(UserBooks).unwrap().map(|book| book.uid).collect());
    }
    for books in grouped.values_mut().chain(related.values_mut()) {
        books.sort();
    }
    assert!(grouped.values().any(|books| books.len() > 1), "{grouped:?}");
    assert_eq!(grouped, related);
}
