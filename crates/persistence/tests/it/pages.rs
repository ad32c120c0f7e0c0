//! Pages: put end to end they are everything, once, in order.

use recto_domain::{
    Book, BookId, BookReviews, BookTags, Review, Tag, TagBooks, TagId, User, UserBooks, UserId,
    UserReviews,
};
use recto_persistence::catalog::BookFilter;
use recto_persistence::{Connection, MappedMany, Page, PageRequest, Recto, Stored};
use recto_relations::{Entity, Filter, Include, KeysetPosition, Sort};
use recto_testkit::both_engines;
use recto_testkit::database::Fresh;

use crate::catalogue::Catalogue;
use crate::model::{Modelled, in_order};

both_engines!(
    pages_put_together_are_everything_in_order,
    pages_of_children_put_together_are_all_children_in_order,
    random_pages_are_in_order,
    a_page_begins_behind_what_has_been_deleted,
    a_parent_that_is_missing_has_no_page,
);

pub(crate) const LIMITS: [u32; 5] = [1, 2, 3, 7, 20];

const BOOK_SORTS: [&str; 16] = [
    "created_at",
    "-created_at",
    "title",
    "-title",
    "author",
    "-author",
    "published_date",
    "-published_date",
    "page_count",
    "-page_count",
    "-published_date,title",
    "page_count,-title",
    "author,-page_count,-published_date",
    "-page_count,-published_date",
    "title,created_at",
    "author,-created_at",
];

pub(crate) fn sorts<E: Entity>(raw: &[&str]) -> Vec<Sort> {
    let parsed = raw.iter().map(|raw| Sort::parse(E::INFO, raw).unwrap());
    std::iter::once(Sort::default()).chain(parsed).collect()
}

/// Turns pages to the end and gives all that was on them.
pub(crate) fn walk<E: Stored<Recto>>(
    sort: &Sort,
    limit: u32,
    mut turn: impl FnMut(&PageRequest<E::Key>) -> Page<E>,
) -> Vec<E> {
    let mut request = PageRequest { limit, sort: sort.clone(), after: None };
    let mut all: Vec<E> = Vec::new();
    loop {
        let Page { entities, more } = turn(&request);
        assert!(entities.as_slice().len() <= limit as usize);
        all.extend_from_slice(entities.as_slice());
        if !more {
            return all;
        }
        assert_eq!(entities.as_slice().len(), limit as usize, "a page before the last is full");
        request.after = entities.iter().last().map(|last| last.position(sort));
        assert!(all.len() < 1_000, "the pages of {sort} have no end");
    }
}

fn keys<'e, E: Entity>(entities: impl IntoIterator<Item = &'e E>) -> Vec<E::Key> {
    entities.into_iter().map(Entity::key).collect()
}

fn walks_all<E: Stored<Recto> + Modelled>(
    c: &Catalogue,
    conn: &mut Connection,
    filter: &E::Filter,
    raw: &[&str],
) {
    for sort in sorts::<E>(raw) {
        let model = keys(in_order::<E>(c, &sort, |_| true));
        for limit in LIMITS {
            let walked = walk::<E>(&sort, limit, |request| {
                conn.page(filter, &Filter::everything(), request, &Include::nothing()).unwrap()
            });
            assert_eq!(keys(&walked), model, "sort={sort}&limit={limit}");
        }
    }
}

fn walks_children<R: MappedMany<Recto, To: Modelled>>(
    c: &Catalogue,
    conn: &mut Connection,
    parent: <R::From as Entity>::Key,
    raw: &[&str],
    belongs: impl Fn(&R::To) -> bool,
) {
    for sort in sorts::<R::To>(raw) {
        let model = keys(in_order::<R::To>(c, &sort, &belongs));
        for limit in LIMITS {
            let walked = walk::<R::To>(&sort, limit, |request| {
                conn.related::<R>(parent, request, &Include::nothing()).unwrap().unwrap()
            });
            assert_eq!(keys(&walked), model, "{}?sort={sort}&limit={limit}", R::INFO.name);
        }
    }
}

fn all_children(c: &Catalogue, conn: &mut Connection) {
    for user in &c.users {
        let owner = Some(user.uid);
        walks_children::<UserBooks>(c, conn, user.uid, &BOOK_SORTS, |b| b.user_uid == owner);
        walks_children::<UserReviews>(c, conn, user.uid, &["rating", "-rating"], |review| {
            review.user_uid == owner
        });
    }
    for book in &c.books {
        let sorts = ["rating", "-rating,created_at", "-rating", "created_at"];
        walks_children::<BookReviews>(c, conn, book.uid, &sorts, |r| r.book_uid == book.uid);
        let sorts = ["name", "-name", "created_at"];
        walks_children::<BookTags>(c, conn, book.uid, &sorts, |tag| {
            c.taggings.contains(&(book.uid, tag.uid))
        });
    }
    for tag in &c.tags {
        walks_children::<TagBooks>(c, conn, tag.uid, &BOOK_SORTS, |book| {
            c.taggings.contains(&(book.uid, tag.uid))
        });
    }
}

fn pages_put_together_are_everything_in_order(database: &Fresh) {
    let c = Catalogue::small();
    let mut conn = database.connection();
    c.store(&mut conn);
    walks_all::<Book>(&c, &mut conn, &BookFilter::default(), &BOOK_SORTS);
    walks_all::<User>(&c, &mut conn, &(), &["username", "-username", "created_at"]);
    walks_all::<Tag>(&c, &mut conn, &(), &["name", "-name", "created_at"]);
    walks_all::<Review>(&c, &mut conn, &(), &["rating", "-rating", "rating,-created_at"]);
}

fn pages_of_children_put_together_are_all_children_in_order(database: &Fresh) {
    let mut c = Catalogue::small();
    // The crowd has a review each; a few of them are enough.
    c.users.truncate(6);
    c.reviews.retain(|review| {
        review.user_uid.is_none_or(|uid| c.users.iter().any(|user| user.uid == uid))
    });
    let mut conn = database.connection();
    c.store(&mut conn);
    all_children(&c, &mut conn);
}

fn random_pages_are_in_order(database: &Fresh) {
    let mut conn = database.connection();
    for seed in 100..106 {
        let c = Catalogue::random(seed);
        c.replace(database, &mut conn);
        walks_all::<Book>(&c, &mut conn, &BookFilter::default(), &BOOK_SORTS);
        walks_all::<Review>(&c, &mut conn, &(), &["rating", "-rating", "rating,-created_at"]);
        for tag in &c.tags {
            walks_children::<TagBooks>(&c, &mut conn, tag.uid, &BOOK_SORTS, |book| {
                c.taggings.contains(&(book.uid, tag.uid))
            });
        }
    }
}

fn a_page_begins_behind_what_has_been_deleted(database: &Fresh) {
    let c = Catalogue::small();
    let mut conn = database.connection();
    c.store(&mut conn);
    for raw in ["title", "-published_date", "created_at"] {
        let sort = Sort::parse(Book::INFO, raw).unwrap();
        let order = in_order::<Book>(&c, &sort, |_| true);
        let gone = order[2];
        let values =
            sort.terms().iter().map(|term| gone.sort_value(term.field)).collect::<Vec<_>>();
        let after = Some(KeysetPosition { values, key: gone.uid });
        conn.delete::<Book>(gone.uid).unwrap();
        let request = PageRequest { limit: 100, sort, after };
        let rest = conn
            .page::<Book>(
                &BookFilter::default(),
                &Filter::everything(),
                &request,
                &Include::nothing(),
            )
            .unwrap();
        assert_eq!(keys(rest.entities.as_slice()), keys(order[3..].iter().copied()), "{raw}");
        conn.insert(gone.clone()).unwrap();
    }
}

fn a_parent_that_is_missing_has_no_page(database: &Fresh) {
    let c = Catalogue::small();
    let mut conn = database.connection();
    c.store(&mut conn);
    let (request, none) = (PageRequest::newest(5), Include::nothing());
    let nobody = UserId::from_uuid(c.new_id().uid());
    assert!(conn.related::<UserBooks>(nobody, &request, &none).unwrap().is_none());
    let dora = c.users[3].uid;
    let empty = conn.related::<UserBooks>(dora, &request, &none).unwrap().unwrap();
    assert!(empty.entities.as_slice().is_empty() && !empty.more);

    let request = PageRequest::newest(5);
    let no_book = BookId::from_uuid(c.new_id().uid());
    assert!(conn.related::<BookTags>(no_book, &request, &none).unwrap().is_none());
    let request = PageRequest::newest(5);
    let no_tag = TagId::from_uuid(c.new_id().uid());
    assert!(conn.related::<TagBooks>(no_tag, &request, &none).unwrap().is_none());
}
