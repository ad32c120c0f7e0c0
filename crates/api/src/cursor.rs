//! Cursors: opaque strings for the start of the next page, or the end of the previous one.
//!
//! A cursor is a [`PageStart`] and a fingerprint of the query: path, filters and sort. It has no
//! data that the page does not show, so it is not signed; it is parsed as strictly as other input.

use std::fmt::Display;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use recto_domain::{Code, Invalid};
use recto_relations::{KeysetPosition, PageStart, Sort, SortField, SortValue};
use sha2::{Digest as _, Sha256};

use crate::parameters::ParameterError;

/// Parameters that are not part of the fingerprint: they do not filter, or, like `sort`, are hashed
/// separately.
const NOT_BOUND: [&str; 7] = ["count", "cursor", "fields", "include", "limit", "sort", "total"];

/// The fingerprint of the query that a cursor belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueryFingerprint {
    bytes: [u8; Self::BYTES],
}

/// The error of a string that is not a cursor of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CursorError {
    /// It is not a cursor.
    #[error("is not a cursor; copy it unchanged from next_cursor or prev_cursor")]
    Malformed,
    /// It is a cursor of another path, other filters or another sort.
    #[error("belongs to another query: its path, filters and sort must stay the same")]
    Foreign,
}

impl QueryFingerprint {
    /// The bytes of a fingerprint: enough to detect mistakes of clients.
    const BYTES: usize = 8;

    /// Returns the fingerprint of a query. The order of parameters does not matter; parameters that
    /// are not filters are left out.
    pub(crate) fn new(path: &str, parameters: &[(String, String)], sort: &Sort) -> Self {
        let pairs = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut filters: Vec<_> = pairs.filter(|(name, _)| !NOT_BOUND.contains(name)).collect();
        filters.sort_unstable();
        let mut hash = Sha256::new();
        let order = sort.to_string();
        let parts = filters.into_iter().flat_map(|(name, value)| [name, value]);
        for part in [path, &order].into_iter().chain(parts) {
            // The length before each part keeps two different lists of parts apart.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut fingerprint = [0; Self::BYTES];
        fingerprint.copy_from_slice(&hash.finalize()[..Self::BYTES]);
        Self { bytes: fingerprint }
    }
}

/// A cursor as JSON: its position (`null` for the start or end of the order), and whether the page
/// ends at it.
type CursorParts<V> = (Option<(String, V)>, bool);

/// Returns the cursor of a page of a query.
pub(crate) fn encode<K: Display>(fingerprint: &QueryFingerprint, start: &PageStart<K>) -> String {
    let parts: CursorParts<&[SortValue]> = match start {
        PageStart::First => (None, false),
        PageStart::After(at) => (Some((at.key.to_string(), &at.values)), false),
        PageStart::Before(at) => (Some((at.key.to_string(), &at.values)), true),
        PageStart::Last => (None, true),
    };
    let mut bytes = fingerprint.bytes.to_vec();
    serde_json::to_writer(&mut bytes, &parts)
        .expect("strings and whole numbers are always written, and a vector takes all of them");
    BASE64URL_NOPAD.encode(&bytes)
}

/// Parses a cursor of a query, whose pages have the order `sort`.
///
/// # Errors
/// [`CursorError`].
pub(crate) fn decode<K: FromStr>(
    fingerprint: &QueryFingerprint,
    sort: &Sort,
    raw: &str,
) -> Result<PageStart<K>, CursorError> {
    let bytes = BASE64URL_NOPAD.decode(raw.as_bytes()).map_err(|_| CursorError::Malformed)?;
    let (found, json) =
        bytes.split_first_chunk::<{ QueryFingerprint::BYTES }>().ok_or(CursorError::Malformed)?;
    let (position, is_end): CursorParts<Vec<SortValue>> =
        serde_json::from_slice(json).map_err(|_| CursorError::Malformed)?;
    if *found != fingerprint.bytes {
        return Err(CursorError::Foreign);
    }
    let Some((key, values)) = position else {
        return Ok(if is_end { PageStart::Last } else { PageStart::First });
    };
    if !fits(sort, &values) {
        return Err(CursorError::Malformed);
    }
    let key = key.parse().map_err(|_| CursorError::Malformed)?;
    let position = KeysetPosition { values, key };
    Ok(if is_end { PageStart::Before(position) } else { PageStart::After(position) })
}

impl From<CursorError> for Vec<ParameterError> {
    fn from(error: CursorError) -> Self {
        vec![ParameterError::new("cursor", Invalid::new(Code::Cursor, error.to_string()))]
    }
}

/// Returns whether there is a value of the right type for each term: the database could not
/// compare others with its columns.
fn fits(sort: &Sort, values: &[SortValue]) -> bool {
    let terms = sort.terms();
    terms.len() == values.len()
        && terms.iter().zip(values).all(|(term, value)| is_of(term.field, value))
}

fn is_of(field: &SortField, value: &SortValue) -> bool {
    // Texts in PostgreSQL cannot contain NUL.
    let storable = !matches!(value, SortValue::Text(text) if text.contains('\0'));
    storable && value.fits(field)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use recto_domain::{
        Book, BookId, Input, NewBook, NewId, NewReview, Review, Tag, User, UserId, Username,
    };
    use recto_relations::Entity;
    use serde_json::json;

    use super::*;

    const PATH: &str = "/api/v1/books";
    const KEY: &str = "0198c5a1-02d4-7f10-8a6e-51c0d93b7e22";

    /// A query of books.
    struct Query {
        fingerprint: QueryFingerprint,
        sort: Sort,
    }

    impl Query {
        fn new(path: &str, filters: &[(&str, &str)], by: &str) -> Self {
            let sort = match by {
                "" => Sort::default(),
                by => Sort::parse(Book::INFO, by).unwrap(),
            };
            let filters: Vec<_> =
                filters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            Self { fingerprint: QueryFingerprint::new(path, &filters, &sort), sort }
        }

        fn by(sort: &str) -> Self {
            Self::new(PATH, &[], sort)
        }

        fn write(&self, values: Vec<SortValue>) -> String {
            encode(&self.fingerprint, &PageStart::After(KeysetPosition { values, key: KEY }))
        }

        fn forge(&self, json: &serde_json::Value) -> String {
            let mut bytes = self.fingerprint.bytes.to_vec();
            bytes.extend(json.to_string().bytes());
            BASE64URL_NOPAD.encode(&bytes)
        }

        fn read(&self, raw: &str) -> Result<PageStart<BookId>, CursorError> {
            decode(&self.fingerprint, &self.sort, raw)
        }
    }

    #[test]
    fn only_filters_bind_in_any_order() {
        let of = |pairs: &[_]| Query::new(PATH, pairs, "-title").fingerprint;
        let one = of(&[("tag", "a"), ("author", "x"), ("tag", "b")]);
        let other = of(&[
            ("limit", "5"),
            ("author", "x"),
            ("tag", "b"),
            ("include", "tags"),
            ("tag", "a"),
            ("count", "tags"),
            ("cursor", "c"),
        ]);
        assert_eq!(one, other);
    }

    #[test]
    fn other_path_filter_sort_is_foreign() {
        let home = Query::new(PATH, &[("author", "x")], "title");
        let cursor = home.write(vec![SortValue::Text("dune".to_owned())]);
        assert!(home.read(&cursor).is_ok());
        for other in [
            Query::new("/api/v1/tags", &[("author", "x")], "title"),
            Query::new(PATH, &[("author", "y")], "title"),
            Query::new(PATH, &[("autho", "rx")], "title"),
            Query::new(PATH, &[("tag", "x")], "title"),
            Query::new(PATH, &[("author", "x"), ("tag", "x")], "title"),
            Query::new(PATH, &[("author", "x")], "-title"),
            Query::new(PATH, &[("author", "x")], "author"),
            Query::by("title"),
        ] {
            assert_eq!(other.read(&cursor), Err(CursorError::Foreign), "{:?}", other.sort);
        }
    }

    #[test]
    fn arbitrary_text_is_malformed() {
        let newest = Query::by("");
        for raw in ["", "a", "====", "AAAA", "AAAAAAAAAAA", "AAAAAAAAAAAAAAAA", "é", "null", "[]"]
        {
            assert_eq!(newest.read(raw), Err(CursorError::Malformed), "{raw}");
        }
        let whole = newest.write(vec![]);
        assert!(newest.read(&whole).is_ok());
        assert_eq!(newest.read(&whole[..whole.len() - 3]), Err(CursorError::Malformed));
        assert_eq!(newest.read(&format!("{whole}=")), Err(CursorError::Malformed));
    }

    #[test]
    fn values_must_fit_the_sort() {
        let cases = [
            ("title", json!([KEY, [null]])),
            ("title", json!([KEY, [5]])),
            ("title", json!([KEY, ["a\0b"]])),
            ("title", json!([KEY, [{"a": 1}]])),
            ("title", json!([KEY, [true]])),
            ("title", json!([KEY, []])),
            ("title", json!([KEY, ["a", "b"]])),
            ("title", json!([KEY, ["a"], 1])),
            ("title", json!([7, ["a"]])),
            ("title", json!(["not a key", ["a"]])),
            ("page_count", json!([KEY, ["5"]])),
            ("page_count", json!([KEY, [1.5]])),
            ("page_count", json!([KEY, [9_223_372_036_854_775_808_u64]])),
            ("-published_date,title", json!([KEY, ["a", 5]])),
            ("created_at", json!([KEY, [5]])),
        ];
        for (by, forged) in cases {
            let home = Query::by(by);
            let raw = home.forge(&json!([forged, true]));
            assert_eq!(home.read(&raw), Err(CursorError::Malformed), "{by} {forged}");
        }
        let home = Query::by("page_count");
        assert!(home.read(&home.forge(&json!([[KEY, [null]], true]))).is_ok());
        for forged in
            [json!([KEY, [null]]), json!([[KEY, [null]]]), json!([null]), json!([null, 1])]
        {
            assert_eq!(home.read(&home.forge(&forged)), Err(CursorError::Malformed), "{forged}");
        }
    }

    /// Cursors that the service returns must not be refused.
    #[test]
    fn entity_sort_values_are_accepted() {
        fn check<E: Entity>(entity: &E) {
            for field in E::INFO.sorts.iter().filter(|field| !field.follows_key()) {
                let value = entity.sort_value(field);
                assert_ne!(value, SortValue::Empty, "{} has a sample value", field.name);
                assert!(is_of(field, &value), "{}.{}: {value:?}", E::INFO.name, field.name);
            }
        }
        let new_id = NewId::new(1_767_225_600_000, [1; 10]);
        let new = json!({"title": "T", "author": "A", "published_date": "1999", "page_count": 9});
        let book = Book::new(new_id, NewBook::parse(&new).unwrap(), None);
        let reader = UserId::from_uuid(new_id.uid());
        let new = NewReview::parse(&json!({"rating": 5, "review_text": ""})).unwrap();
        check(&Review::new(new_id, new, reader, book.uid));
        check(&book);
        check(&Tag::new(new_id, "poetry".parse().unwrap()));
        check(&User::new(new_id, Username::parse("ada").unwrap(), None, None));
    }

    fn optional_integer() -> impl Strategy<Value = SortValue> {
        prop_oneof![any::<i64>().prop_map(SortValue::Integer), Just(SortValue::Empty)]
    }

    #[test]
    fn ends_round_trip() {
        let home = Query::by("title");
        for start in [PageStart::<BookId>::First, PageStart::Last] {
            assert_eq!(home.read(&encode(&home.fingerprint, &start)), Ok(start));
        }
    }

    proptest! {
        #[test]
        fn positions_round_trip(
            date in optional_integer(),
            title in "[^\0]{0,30}",
            descending: bool,
            key: i64,
            is_end: bool,
        ) {
            let by = if descending { "-published_date,-title" } else { "published_date,title" };
            let home = Query::by(by);
            let position = KeysetPosition { values: vec![date, SortValue::Text(title)], key };
            let start =
                if is_end { PageStart::Before(position) } else { PageStart::After(position) };
            let raw = encode(&home.fingerprint, &start);
            prop_assert!(
                raw.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            );
            prop_assert_eq!(decode(&home.fingerprint, &home.sort, &raw), Ok(start));
        }

        #[test]
        fn arbitrary_input_does_not_panic(raw in "[A-Za-z0-9_-]{0,80}|.{0,40}", json in ".{0,40}") {
            let home = Query::by("title");
            let _ = home.read(&raw);
            let _ = home.read(&home.forge(&json!(json)));
        }
    }
}
