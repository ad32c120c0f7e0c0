//! The tables, for both engines at once.
//!
//! Printed by Diesel's command line from the PostgreSQL migrations and patched
//! to the types of [`sql_types`](crate::sql_types); `diesel.toml` says how. A
//! test compares it with the migrated databases of both engines. Columns that
//! the database generates to sort by are left out: nothing reads or writes them.

use diesel::{allow_tables_to_appear_in_same_query, joinable, table};

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    accounts (user_uid) {
        user_uid -> Uid,
        email -> Text,
        email_key -> Text,
        password_hash -> Text,
        role -> Text,
        verified -> Bool,
        disabled -> Bool,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    authors (uid) {
        uid -> Uid,
        name -> Text,
        name_key -> Text,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    book_contributors (book_id, author_id) {
        book_id -> Uid,
        author_id -> Uid,
        position -> Integer,
        role -> Text,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    book_tags (book_id, tag_id) {
        book_id -> Uid,
        tag_id -> Uid,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    books (uid) {
        uid -> Uid,
        title -> Text,
        title_key -> Text,
        author -> Text,
        author_key -> Text,
        publisher -> Nullable<Text>,
        published_date -> Nullable<Integer>,
        page_count -> Nullable<Integer>,
        language -> Nullable<Text>,
        isbn -> Nullable<Text>,
        user_uid -> Nullable<Uid>,
        origin -> Nullable<Text>,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    comments (id) {
        id -> BigInt,
        text -> Text,
        post_id -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    companies (id) {
        id -> BigInt,
        name -> Text,
        name_key -> Text,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    courses (id) {
        id -> BigInt,
        title -> Text,
        title_key -> Text,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    departments (id) {
        id -> BigInt,
        name -> Text,
        name_key -> Text,
        company_id -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    employees (id) {
        id -> BigInt,
        name -> Text,
        name_key -> Text,
        department_id -> BigInt,
        manager_id -> Nullable<BigInt>,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    posts (id) {
        id -> BigInt,
        title -> Text,
        title_key -> Text,
        content -> Text,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    reviews (uid) {
        uid -> Uid,
        rating -> SmallInt,
        review_text -> Text,
        user_uid -> Nullable<Uid>,
        book_uid -> Uid,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    student_courses (student_id, course_id) {
        student_id -> BigInt,
        course_id -> BigInt,
        enrolled_at -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    students (id) {
        id -> BigInt,
        name -> Text,
        name_key -> Text,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    tags (uid) {
        uid -> Uid,
        name -> Text,
        name_key -> Text,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    users (uid) {
        uid -> Uid,
        username -> Text,
        username_key -> Text,
        first_name -> Nullable<Text>,
        last_name -> Nullable<Text>,
        origin -> Nullable<Text>,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

joinable!(accounts -> users (user_uid));
joinable!(book_contributors -> authors (author_id));
joinable!(book_contributors -> books (book_id));
joinable!(book_tags -> books (book_id));
joinable!(book_tags -> tags (tag_id));
joinable!(books -> users (user_uid));
joinable!(comments -> posts (post_id));
joinable!(departments -> companies (company_id));
joinable!(employees -> departments (department_id));
joinable!(reviews -> books (book_uid));
joinable!(reviews -> users (user_uid));
joinable!(student_courses -> courses (course_id));
joinable!(student_courses -> students (student_id));

allow_tables_to_appear_in_same_query!(
    accounts,
    authors,
    book_contributors,
    book_tags,
    books,
    comments,
    companies,
    courses,
    departments,
    employees,
    posts,
    reviews,
    student_courses,
    students,
    tags,
    users,
);
