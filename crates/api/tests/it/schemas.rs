//! The schemas of the OpenAPI document, against the types that they describe.

use std::collections::BTreeSet;

use recto_domain::{
    Account, AccountDeletion, ApiKey, AuditEntry, Author, AuthorPatch, Book, BookBatch, BookPatch,
    Comment, CommentPatch, Company, CompanyPatch, Contributors, Course, CoursePatch, Department,
    DepartmentPatch, Disabling, Email, EmailChange, EmailConfirmation, EmailRequest, Employee,
    EmployeePatch, Input, Language, Login, NewApiKey, NewBookGraph, NewComment, NewCompanyGraph,
    NewCourse, NewDepartment, NewEmployee, NewPost, NewReview, NewStudent, NewTag, Password,
    PasswordAttempt, PasswordChange, PasswordReset, Post, PostPatch, Refresh, Review, ReviewPatch,
    RoleChange, Secret, Session, SignUp, Student, StudentPatch, Tag, TagNames, User, UserPatch,
    Verification, VerificationRejection,
};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Returns the schema of a type.
fn schema<T: ToSchema>() -> Value {
    let name = T::name();
    let document: Value = serde_json::from_str(&recto_api::openapi_json()).unwrap();
    let schema = &document["components"]["schemas"][&*name];
    assert!(schema.is_object(), "{name}");
    schema.clone()
}

fn assert_input<T: Input + ToSchema>() {
    let schema = schema::<T>();
    let example = &schema["examples"][0];
    assert!(T::parse(example).is_ok(), "{example}");
    assert_eq!(schema["additionalProperties"], json!(false));
}

fn assert_entity<T: ToSchema + serde::Serialize + serde::de::DeserializeOwned>() {
    let example = &schema::<T>()["examples"][0];
    let entity: T = serde_json::from_value(example.clone()).unwrap();
    assert_eq!(&serde_json::to_value(entity).unwrap(), example);
}

/// Calls a check for each type, and returns the names of their schemas.
macro_rules! for_each {
    ($check:ident: $($type:ty),+) => {{
        $($check::<$type>();)+
        BTreeSet::from([$(<$type>::name().into_owned()),+])
    }};
}

/// Returns the names of the schemas of all request bodies.
fn body_names() -> BTreeSet<String> {
    let document: Value = serde_json::from_str(&recto_api::openapi_json()).unwrap();
    let operations = document["paths"].as_object().unwrap().values();
    let operations = operations.flat_map(|methods| methods.as_object().unwrap().values());
    let schemas = operations.filter_map(|operation| {
        operation.pointer("/requestBody/content/application~1json/schema/$ref")?.as_str()
    });
    schemas.map(|schema| schema.rsplit('/').next().unwrap().to_owned()).collect()
}

#[test]
fn input_examples_are_valid() {
    let checked = for_each!(
        assert_input:
        AccountDeletion, AuthorPatch, BookBatch, BookPatch, CommentPatch, CompanyPatch,
        Contributors, CoursePatch, DepartmentPatch, Disabling, EmailChange, EmailConfirmation,
        EmailRequest, EmployeePatch, Login, NewApiKey, NewBookGraph, NewComment, NewCompanyGraph,
        NewCourse, NewDepartment, NewEmployee, NewPost, NewReview, NewStudent, NewTag,
        PasswordChange, PasswordReset, PostPatch, Refresh, ReviewPatch, RoleChange, SignUp,
        StudentPatch, TagNames, UserPatch, Verification, VerificationRejection
    );
    assert_eq!(checked, body_names());
}

#[test]
fn entity_examples_are_valid() {
    let _ = for_each!(
        assert_entity:
        User, Book, Review, Tag, Author, Post, Comment, Student, Course, Company, Department,
        Employee, Session, ApiKey, AuditEntry
    );
}

#[test]
fn bounds_are_those_of_the_types() {
    fn assert_bound<T: ToSchema>(pointer: &str, bound: usize) {
        assert_eq!(schema::<T>().pointer(pointer), Some(&json!(bound)), "{pointer}");
    }
    assert_bound::<SignUp>("/properties/email/maxLength", Email::MAX_CHARS);
    assert_bound::<SignUp>("/properties/password/minLength", Password::MIN_CHARS);
    assert_bound::<SignUp>("/properties/password/maxLength", Password::MAX_CHARS);
    assert_bound::<Login>("/properties/password/maxLength", PasswordAttempt::MAX_CHARS);
    assert_bound::<Refresh>("/properties/refresh_token/maxLength", Secret::MAX_CHARS);
    assert_bound::<NewBookGraph>("/properties/language/maxLength", Language::MAX_CHARS);
    assert_bound::<NewBookGraph>("/properties/tags/maxItems", TagNames::MAX);
    assert_bound::<NewBookGraph>("/properties/contributors/maxItems", Contributors::MAX);
    assert_bound::<TagNames>("/properties/tags/maxItems", TagNames::MAX);
    assert_bound::<Contributors>("/properties/contributors/maxItems", Contributors::MAX);
    assert_bound::<BookBatch>("/properties/books/maxItems", BookBatch::MAX);
    let departments = "/properties/departments";
    for list in [departments, &format!("{departments}/items/properties/employees")] {
        assert_bound::<NewCompanyGraph>(&format!("{list}/maxItems"), NewCompanyGraph::MAX - 1);
    }
}

#[test]
fn required_fields_are_listed() {
    assert_eq!(schema::<NewBookGraph>()["required"], json!(["title"]));
    assert_eq!(schema::<BookPatch>()["required"], Value::Null);
    let account = schema::<Account>();
    assert_eq!(account["required"], json!(["email", "role", "verified", "disabled"]));
}

#[test]
fn optional_fields_may_be_null() {
    let book = schema::<Book>();
    assert_eq!(
        book["properties"]["publisher"],
        json!({
            "type": ["string", "null"],
            "description": "The publisher; `null` if unknown.",
            "minLength": 1, "maxLength": 200,
            "pattern": r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$",
        })
    );
    assert_eq!(book["required"].as_array().unwrap().len(), 11);
    let contributors = &schema::<NewBookGraph>()["properties"]["contributors"];
    let roles = contributors["items"]["properties"]["role"]["enum"].as_array().unwrap();
    assert_eq!(roles.last(), Some(&Value::Null));
}
