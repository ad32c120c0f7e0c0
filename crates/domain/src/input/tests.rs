use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    BookPatch, Login, NewBook, NewReview, NewTag, Rating, ReviewPatch, RoleChange, SignUp,
    TagNames, Title, UserPatch,
};

fn refusals<T: Input>(value: &Value) -> Vec<(String, String)> {
    let wrong = T::parse(value).err().expect("the document is refused").into_vec();
    wrong.into_iter().map(|v| (v.pointer, v.detail.into_owned())).collect()
}

fn refusal<T: Input>(value: &Value) -> String {
    let [(pointer, detail)] = <[_; 1]>::try_from(refusals::<T>(value)).unwrap();
    assert_eq!(pointer, "");
    detail
}

#[test]
fn all_violations_are_reported() {
    let body = json!({
        "title": "", "publisher": 3, "published_date": "1999-02-30", "page_count": 4.5,
        "language": "en_GB", "isbn": "9780099284094", "a/b": 1,
    });
    let pointers: Vec<_> = refusals::<NewBook>(&body).into_iter().map(|(at, _)| at).collect();
    assert_eq!(
        pointers,
        [
            "/title",
            "/author",
            "/publisher",
            "/published_date",
            "/page_count",
            "/language",
            "/isbn",
            "/a~1b",
        ]
    );
}

fn codes<T: Input>(value: &Value) -> Vec<(String, Code)> {
    let wrong = T::parse(value).err().expect("the document is refused").into_vec();
    wrong.into_iter().map(|v| (v.pointer, v.code)).collect()
}

#[test]
fn violations_have_codes() {
    let body = json!({
        "title": "", "publisher": 3, "published_date": "1999-02-30", "page_count": 0,
        "language": "en_GB", "isbn": "9780099284094", "pages": 1,
    });
    let expected = [
        ("/title", Code::Length),
        ("/author", Code::Required),
        ("/publisher", Code::Type),
        ("/published_date", Code::Range),
        ("/page_count", Code::Range),
        ("/language", Code::Format),
        ("/isbn", Code::Format),
        ("/pages", Code::Unknown),
    ];
    assert_eq!(codes::<NewBook>(&body), expected.map(|(at, code)| (at.to_owned(), code)));
    for (value, code) in [
        (json!(null), Code::Required),
        (json!("5"), Code::Type),
        (json!(4.5), Code::Type),
        (json!(6), Code::Range),
        (json!(u64::MAX), Code::Range),
    ] {
        let body = json!({"rating": value, "review_text": ""});
        assert_eq!(codes::<NewReview>(&body), [("/rating".to_owned(), code)], "{value}");
    }
    let body = json!({"role": "owner"});
    assert_eq!(codes::<RoleChange>(&body), [("/role".to_owned(), Code::Range)]);
    let body = json!({
        "username": "root", "email": "ada", "password": "12345678", "first_name": "a\u{0}",
    });
    let expected = [
        ("/username", Code::Range),
        ("/email", Code::Format),
        ("/password", Code::Range),
        ("/first_name", Code::Format),
    ];
    assert_eq!(codes::<SignUp>(&body), expected.map(|(at, code)| (at.to_owned(), code)));
    let body = json!({"username": "lovelace", "email": "a@b.org", "password": "lovelace1"});
    assert_eq!(codes::<SignUp>(&body), [("/password".to_owned(), Code::Conflict)]);
}

#[test]
fn long_names_are_cut() {
    let body = json!({"name": "x", "n".repeat(9_000): 1});
    let [(pointer, _)] = <[_; 1]>::try_from(refusals::<NewTag>(&body)).unwrap();
    assert_eq!(pointer, format!("/{}…", "n".repeat(40)));
}

#[test]
fn body_must_be_an_object() {
    for value in [json!(null), json!([]), json!("x"), json!(1), json!(true)] {
        assert_eq!(refusal::<NewBook>(&value), "must be an object");
    }
}

#[test]
fn missing_required_field_is_refused() {
    assert_eq!(
        refusals::<NewReview>(&json!({"rating": null})),
        [
            ("/rating".into(), "must not be null".into()),
            ("/review_text".into(), "is required".into()),
        ]
    );
}

#[test]
fn optional_fields_accept_absence_and_null() {
    let bare = NewBook::parse(&json!({"title": "Emma", "author": "Jane Austen"})).unwrap();
    let nulls = json!({"title": "Emma", "author": "Jane Austen", "isbn": null, "language": null});
    assert_eq!(NewBook::parse(&nulls).unwrap(), bare);
}

#[test]
fn unknown_fields_are_listed_and_counted() {
    assert_eq!(
        refusals::<NewTag>(&json!({"name": "x", "Name": "y"})),
        [("/Name".into(), "is not a known field; known are: name".into())]
    );
    let mut crowd: Map<String, Value> = (0..1000).map(|n| (n.to_string(), json!(n))).collect();
    crowd.insert("name".into(), json!("x"));
    let refused = refusals::<NewTag>(&Value::Object(crowd));
    assert_eq!(refused.len(), 51);
    assert_eq!(refused[50], (String::new(), "has 950 more unknown fields".into()));
}

#[test]
fn patches_keep_clear_or_set() {
    let patch = BookPatch::parse(&json!({"title": "Persuasion", "isbn": null})).unwrap();
    assert_eq!(patch.title, Change::Set(Title::parse("Persuasion").unwrap()));
    assert_eq!((patch.isbn, patch.author), (Change::Set(None), Change::Keep));
    assert_eq!(
        refusals::<BookPatch>(&json!({"title": null})),
        [("/title".into(), "must not be null".into())]
    );
}

#[test]
fn inputs_round_trip() {
    let patch = json!({"title": "Persuasion", "isbn": null});
    let read = BookPatch::parse(&patch).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), patch);
    assert_eq!(serde_json::from_value::<BookPatch>(patch).unwrap(), read);
    let bad = serde_json::from_value::<NewTag>(json!({})).unwrap_err();
    assert_eq!(bad.to_string(), "/name is required");
}

#[test]
fn whole_numbers_may_have_zero_fraction() {
    for good in [json!(5), json!(5.0), json!(0.5e1)] {
        assert_eq!(<Rating as Input>::parse(&good).unwrap().get(), 5);
    }
    for bad in [
        json!(0),
        json!(6),
        json!(4.5),
        json!("5"),
        json!(-1),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1e300),
        json!(-1e300),
        json!([5]),
        json!(true),
    ] {
        assert_eq!(refusal::<Rating>(&bad), "must be a whole number from 1 to 5", "{bad}");
    }
}

#[test]
fn array_violations_have_indexes() {
    assert_eq!(
        refusals::<TagNames>(&json!({"tags": [{"name": "x"}, null, {"name": 1}, {"x": 2}]})),
        [
            ("/tags/1".into(), "must be an object".into()),
            ("/tags/2/name".into(), "must be a string".into()),
            ("/tags/3/name".into(), "is required".into()),
            ("/tags/3/x".into(), "is not a known field; known are: name".into()),
        ]
    );
    assert_eq!(
        refusals::<TagNames>(&json!({"tags": {}})),
        [("/tags".into(), "must be an array".into())]
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "-?[0-9]{4}(-[0-9]{2}){0,2}".prop_map(Value::from),
    ];
    let name = prop_oneof![
        "title|author|publisher|published_date|page_count|language|isbn",
        "rating|review_text|name|tags|username|email|password|first_name|last_name|role",
        any::<String>(),
    ];
    leaf.prop_recursive(4, 64, 12, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..12)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_json_does_not_panic(value in any_json()) {
        let _ = NewBook::parse(&value);
        let _ = BookPatch::parse(&value);
        let _ = NewReview::parse(&value);
        let _ = ReviewPatch::parse(&value);
        let _ = TagNames::parse(&value);
        let _ = UserPatch::parse(&value);
        let _ = SignUp::parse(&value);
        let _ = Login::parse(&value);
        let _ = RoleChange::parse(&value);
    }

    #[test]
    fn pointers_exist_in_the_document(value in any_json()) {
        if let Err(wrong) = NewBook::parse(&value) {
            for violation in wrong.as_slice().iter().filter(|v| v.detail != "is required") {
                prop_assert!(value.pointer(&violation.pointer).is_some(), "{}", violation);
            }
        }
    }
}
