//! Filters of books, alone and combined, with special characters of SQL.

use recto_domain::{Book, Isbn, Language, PublishedDate, TagName, UserId, text_key};
use recto_persistence::PageRequest;
use recto_persistence::catalog::BookFilter;
use recto_relations::{Entity as _, Filter, Include, PageStart, Sort};
use recto_testkit::both_engines;
use recto_testkit::database::FreshDatabase;
use serde_json::json;

use crate::support::catalogue::Catalogue;

both_engines!(filters_match_the_model);

fn passes(c: &Catalogue, filter: &BookFilter, book: &Book) -> bool {
    let author = filter
        .author
        .as_deref()
        .is_none_or(|author| text_key(book.author.as_str()).contains(&text_key(author)));
    let tagged = |name: &TagName| {
        c.tags
            .iter()
            .any(|tag| tag.name.key() == name.key() && c.taggings.contains(&(book.uid, tag.uid)))
    };
    let date = book.published_date.map(PublishedDate::sort_key);
    author
        && filter.tags.iter().all(tagged)
        && filter.language.as_ref().is_none_or(|language| book.language.as_ref() == Some(language))
        && filter.isbn.as_ref().is_none_or(|isbn| book.isbn.as_ref() == Some(isbn))
        && filter.user_uid.is_none_or(|user| book.user_uid == Some(user))
        && filter.published_from.is_none_or(|from| date >= Some(from.sort_key()))
        && filter.published_to.is_none_or(|to| date.is_some_and(|date| date <= to.last_sort_key()))
}

fn catalogue() -> Catalogue {
    let mut c = Catalogue::small();
    let owner = c.users[1].uid;
    let more = [
        json!({"title": "a", "author": "100% Proof", "language": "en", "isbn": "0-09-928409-X"}),
        json!({"title": "b", "author": "under_score", "language": "en-GB", "isbn": "9780099284093"}),
        json!({"title": "c", "author": r"back\slash", "language": "fr", "published_date": "0000"}),
        json!({"title": "d", "author": "O'Brien; DROP", "published_date": "0001-01-01"}),
        json!({"title": "e", "author": "1000 Proofs", "published_date": "-0001-12-31"}),
        json!({"title": "f", "author": "underscore", "published_date": "1999-12-31"}),
    ];
    for new in &more {
        let book = c.book(new, Some(owner));
        let tag = c.tags[0].uid;
        c.taggings.insert((book, tag));
    }
    c
}

fn filters(c: &Catalogue) -> Vec<(BookFilter, usize)> {
    let none = BookFilter::default;
    let author = |author: &str| BookFilter { author: Some(author.to_owned()), ..none() };
    let tags = |names: &[&str]| BookFilter {
        tags: names.iter().map(|name| TagName::parse(name).unwrap()).collect(),
        ..none()
    };
    let date = |raw: &str| Some(raw.parse::<PublishedDate>().unwrap());
    let from = |raw| BookFilter { published_from: date(raw), ..none() };
    let to = |raw| BookFilter { published_to: date(raw), ..none() };
    let language = |raw| BookFilter { language: Some(Language::parse(raw).unwrap()), ..none() };
    let user_uid = |uid: UserId| BookFilter { user_uid: Some(uid), ..none() };
    let isbn = Some(Isbn::parse("0-09-928409-X").unwrap());
    vec![
        (none(), 14),
        (author("ZOË strasse"), 2),
        (author("straße"), 2),
        (author("名"), 1),
        (author("%"), 1),
        (author("100%"), 1),
        (author("r_s"), 1),
        (author("_"), 1),
        (author(r"\"), 1),
        (author("'"), 1),
        (author("nobody"), 0),
        (author(""), 14),
        (tags(&["CLASSIC"]), 11),
        (tags(&["classic", "été"]), 2),
        (tags(&["classic", "été", "sf"]), 1),
        (tags(&["unused"]), 0),
        (tags(&["no such tag"]), 0),
        (tags(&["classic", "no such tag"]), 0),
        (from("1999-07"), 3),
        (from("1999-07-08"), 2),
        (from("-0001"), 10),
        (from("0000"), 9),
        (to("-0749"), 1),
        (to("-0001"), 2),
        (to("-0001-12"), 2),
        (to("-0001-12-30"), 1),
        (to("0000"), 3),
        (to("1999-06"), 8),
        (to("1999-07"), 10),
        (to("1999"), 11),
        (BookFilter { published_to: date("1999"), ..from("1999") }, 4),
        (BookFilter { published_to: date("1998"), ..from("1999") }, 0),
        (language("en"), 1),
        (language("EN-gb"), 1),
        (BookFilter { isbn, ..none() }, 2),
        (user_uid(c.users[0].uid), 3),
        (user_uid(c.users[2].uid), 0),
        (BookFilter { tags: tags(&["classic"]).tags, ..author("proof") }, 2),
        (BookFilter { user_uid: Some(c.users[1].uid), ..from("1999") }, 3),
    ]
}

fn filters_match_the_model(database: &FreshDatabase) {
    let c = catalogue();
    let mut conn = database.connection();
    c.store(&mut conn);
    let model = c.model();
    for (filter, count) in filters(&c) {
        for raw in ["title", "-published_date"] {
            let sort = Sort::parse(Book::INFO, raw).unwrap();
            let passing = |key: &String| {
                let book = c.books.iter().find(|book| book.uid.to_string() == *key).unwrap();
                passes(&c, &filter, book)
            };
            let expected = model.all(Book::INFO, &sort).into_iter().map(|node| node.key());
            let expected: Vec<String> = expected.filter(passing).collect();
            let request = PageRequest { limit: 100, sort, start: PageStart::First };
            let found = conn
                .page::<Book>(&filter, &Filter::everything(), &request, &Include::nothing())
                .unwrap();
            let found: Vec<String> =
                found.entities.as_slice().iter().map(|book| book.uid.to_string()).collect();
            assert_eq!(found, expected, "{filter:?}");
            assert_eq!(found.len(), count, "{filter:?}: {found:?}");
        }
    }
}
