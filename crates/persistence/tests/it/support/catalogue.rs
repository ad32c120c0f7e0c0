//! Fixtures for the catalogue, in memory and stored.

use std::collections::{BTreeMap, BTreeSet};

use recto_domain::{
    Author, Book, BookId, Contributors, IdGenerator as _, Input as _, NewBook, NewId, NewReview,
    Review, Tag, TagId, TagName, User, UserId, Username,
};
use recto_persistence::catalog::Creator;
use recto_persistence::{Connection, PageRequest, catalog};
use recto_relations::{Filter, Include};
use recto_testkit::database::FreshDatabase;
use recto_testkit::ids::SequentialIds;
use serde_json::{Value, json};

use super::model::Model;

/// A catalogue, in order of creation.
#[derive(Debug)]
pub(crate) struct Catalogue {
    pub(crate) users: Vec<User>,
    pub(crate) books: Vec<Book>,
    pub(crate) reviews: Vec<Review>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) taggings: BTreeSet<(BookId, TagId)>,
    pub(crate) authors: Vec<Author>,
    pub(crate) credits: BTreeMap<BookId, Contributors>,
    ids: SequentialIds,
}

/// The number of extra reviews of one book, more than the default page has.
const CROWD: usize = 25;

impl Catalogue {
    /// Returns an empty catalogue.
    pub(crate) fn empty() -> Self {
        Self {
            users: Vec::new(),
            books: Vec::new(),
            reviews: Vec::new(),
            tags: Vec::new(),
            taggings: BTreeSet::new(),
            authors: Vec::new(),
            credits: BTreeMap::new(),
            ids: SequentialIds::new(),
        }
    }

    /// Returns a catalogue with the edge cases of loading: books without an owner, reviews, tags or
    /// contributors; users without books or reviews; a review without a user; an unused tag; a book
    /// with more than a page of reviews; contributors that are ordered neither by name nor by key.
    pub(crate) fn small() -> Self {
        let mut c = Self::empty();
        let [ada, bob, cleo, _dora] = ["ada", "Bob", "cleo", "Dora"].map(|name| c.user(name));
        let shelf = [
            ("Émile", "Jean-Jacques Rousseau", Some("1762"), Some(512), Some(ada)),
            ("zebra", "Anonymous", None, None, None),
            ("Apple", "Zoë Straße", Some("-0749"), Some(12), Some(ada)),
            ("apple", "zoë STRASSE", Some("1999-07"), Some(12), Some(bob)),
            ("ﬀ and so on", "O. Ligature", Some("1999-07-08"), None, None),
            ("日本", "名無し", Some("1999"), Some(300), Some(bob)),
            ("Dune", "Frank Herbert", Some("1965-08-01"), Some(612), Some(ada)),
            ("Emma", "Jane Austen", Some("1815-12-23"), Some(474), None),
        ];
        let books = shelf.map(|(title, author, date, pages, owner)| {
            c.book(
                &json!({"title": title, "author": author, "published_date": date, "page_count": pages}),
                owner,
            )
        });
        let tags = ["classic", "SF", "été", "Zoology", "bronze-age", "unused"].map(|n| c.tag(n));
        for (book, tag) in
            [(0, 0), (0, 2), (2, 4), (2, 0), (3, 3), (5, 0), (6, 0), (6, 1), (6, 2), (7, 0), (7, 3)]
        {
            c.taggings.insert((books[book], tags[tag]));
        }
        for (book, credited) in [
            (0, json!([{"name": "Rousseau"}, {"name": "Émile Zola", "role": "foreword"}])),
            (2, json!([{"name": "zoë"}])),
            (
                4,
                json!([{"name": "Émile Zola"}, {"name": "Zoë"}, {"name": "Ada", "role": "editor"}]),
            ),
            (5, json!([{"name": "Ada"}, {"name": "Rousseau", "role": "translator"}])),
            (6, json!([{"name": "b"}, {"name": "Ada"}, {"name": "A"}, {"name": "ZOË"}])),
        ] {
            c.credit(books[book], &credited);
        }
        for (reader, book, rating) in [
            (ada, 6, 5),
            (bob, 6, 3),
            (cleo, 6, 5),
            (cleo, 0, 4),
            (ada, 7, 2),
            (bob, 2, 1),
            (ada, 2, 4),
            (cleo, 5, 3),
            (ada, 0, 5),
        ] {
            c.review(rating, reader, books[book]);
        }
        for number in 0..CROWD {
            let reader = c.user(&format!("reader-{number:02}"));
            c.review(1 + i64::try_from(number % 5).unwrap(), reader, books[6]);
        }
        c.reviews[4].user_uid = None;
        c
    }

    /// Returns a pseudorandom catalogue, the same for the same seed.
    pub(crate) fn random(seed: u64) -> Self {
        const TITLES: [&str; 10] =
            ["Émile", "emile", "zebra", "Zebra", "Apple", "apple", "ﬀ", "ff", "日本", "_%\\ it's"];
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let mut c = Self::empty();
        let users: Vec<_> = (0..=dice.roll(6)).map(|n| c.user(&format!("u{n}"))).collect();
        let books: Vec<_> = (0..=dice.roll(18))
            .map(|_| {
                let owner = Some(dice.pick(&users)).filter(|_| dice.roll(3) > 0);
                let title = dice.pick(&TITLES);
                let date = [None, Some("-0749"), Some("1999"), Some("1999-07"), Some("1999-07-08")];
                let pages = [None, Some(1), Some(2), Some(1_000_000)];
                let new = json!({
                    "title": title, "author": dice.pick(&TITLES),
                    "published_date": dice.pick(&date), "page_count": dice.pick(&pages),
                });
                c.book(&new, owner)
            })
            .collect();
        let tags: Vec<_> = (0..dice.roll(6)).map(|n| c.tag(&format!("{}{n}", TITLES[n]))).collect();
        let people = ["Zoë", "ada", "Bob", "ﬀ"];
        for (book, first) in books.iter().zip(0..) {
            let credited: Vec<_> = (0..dice.roll(4))
                .map(|next| json!({"name": people[(first + next) % people.len()]}))
                .collect();
            if !credited.is_empty() {
                c.credit(*book, &Value::Array(credited));
            }
        }
        for book in &books {
            c.taggings.extend(tags.iter().filter(|_| dice.roll(2) > 0).map(|tag| (*book, *tag)));
            for user in &users {
                if dice.roll(2) > 0 {
                    c.review(1 + i64::try_from(dice.roll(5)).unwrap(), *user, *book);
                }
            }
        }
        for review in c.reviews.iter_mut().filter(|_| dice.roll(5) == 0) {
            review.user_uid = None;
        }
        c
    }

    /// Adds a user.
    pub(crate) fn user(&mut self, name: &str) -> UserId {
        let name = Username::parse(name).unwrap();
        self.users.push(User::new(self.ids.new_id(), name, None, None));
        self.users[self.users.len() - 1].uid
    }

    /// Adds a book.
    pub(crate) fn book(&mut self, new: &Value, owner: Option<UserId>) -> BookId {
        let new = NewBook::parse(new).unwrap();
        self.books.push(Book::new(self.ids.new_id(), new, owner));
        self.books[self.books.len() - 1].uid
    }

    /// Adds a tag.
    pub(crate) fn tag(&mut self, name: &str) -> TagId {
        self.tags.push(Tag::new(self.ids.new_id(), TagName::parse(name).unwrap()));
        self.tags[self.tags.len() - 1].uid
    }

    /// Sets the contributors of a book and adds new authors.
    pub(crate) fn credit(&mut self, book: BookId, credited: &Value) {
        let credited = Contributors::parse(&json!({"contributors": credited})).unwrap();
        for one in credited.as_slice() {
            if self.authors.iter().all(|author| author.name.key() != one.name.key()) {
                self.authors.push(Author::new(self.ids.new_id(), one.name.clone()));
            }
        }
        self.credits.insert(book, credited);
    }

    /// Adds a review.
    pub(crate) fn review(&mut self, rating: i64, reader: UserId, book: BookId) {
        let new = NewReview::parse(&json!({"rating": rating, "review_text": "So."})).unwrap();
        self.reviews.push(Review::new(self.ids.new_id(), new, reader, book));
    }

    /// Returns the next id.
    pub(crate) fn new_id(&self) -> NewId {
        self.ids.new_id()
    }

    /// Returns a new tag that is not part of the catalogue.
    pub(crate) fn new_tag(&self, name: &str) -> Tag {
        Tag::new(self.new_id(), TagName::parse(name).unwrap())
    }

    /// Stores the catalogue.
    pub(crate) fn store(&self, conn: &mut Connection) {
        conn.transaction(|conn| {
            for user in &self.users {
                conn.insert(user.clone())?;
            }
            for book in &self.books {
                conn.insert(book.clone())?;
            }
            for tag in &self.tags {
                conn.insert(tag.clone())?;
            }
            let taggings: Vec<_> = self.taggings.iter().copied().collect();
            catalog::import::taggings(conn, &taggings)?;
            catalog::author::insert_all(conn, &self.authors, None)?;
            let credits: Vec<_> = self.credits.iter().map(|(book, who)| (*book, who)).collect();
            catalog::author::add_contributors(conn, &Creator::nobody(&self.ids), &credits)?;
            for review in &self.reviews {
                conn.insert(review.clone())?;
            }
            Ok::<_, recto_persistence::Error>(())
        })
        .unwrap();
    }

    /// Replaces the stored catalogue.
    pub(crate) fn replace(&self, database: &FreshDatabase, conn: &mut Connection) {
        database
            .execute(
                "DELETE FROM book_contributors; DELETE FROM authors;
                 DELETE FROM book_tags; DELETE FROM reviews; DELETE FROM accounts;
                 DELETE FROM tags; DELETE FROM books; DELETE FROM users;",
            )
            .unwrap();
        self.store(conn);
    }

    /// Returns the catalogue as a model.
    pub(crate) fn model(&self) -> Model {
        let mut model = Model::default();
        model.add(&self.users);
        model.add(&self.books);
        model.add(&self.reviews);
        model.add(&self.tags);
        model.add(&self.authors);
        let tagging = |(book, tag): &(BookId, TagId)| json!({"book_id": book, "tag_id": tag});
        model.add_links("book_tags", self.taggings.iter().map(tagging).collect());
        let contributions = self.credits.iter().flat_map(|(book, credited)| {
            (1..).zip(credited.as_slice()).map(move |(position, one): (u32, _)| {
                let is_credited = |author: &&Author| author.name.key() == one.name.key();
                let author = self.authors.iter().find(is_credited).unwrap();
                json!({
                    "book_id": book, "author_id": author.uid,
                    "position": position, "role": one.role.unwrap_or_default(),
                })
            })
        });
        model.add_links("book_contributors", contributions.collect());
        model
    }

    /// Returns the book with a title.
    pub(crate) fn titled(&self, title: &str) -> &Book {
        self.books.iter().find(|book| book.title.as_str() == title).unwrap()
    }
}

/// Returns the names of the stored tags, newest first.
pub(crate) fn tag_names(conn: &mut Connection) -> Vec<String> {
    let all = conn
        .page::<Tag>(&None, &Filter::everything(), &PageRequest::newest(1_000), &Include::nothing())
        .unwrap();
    all.entities.as_slice().iter().map(|tag| tag.name.to_string()).collect()
}

/// A pseudorandom number generator.
struct Dice(u64);

impl Dice {
    /// Returns a number less than `sides`.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.roll(values.len())]
    }
}
