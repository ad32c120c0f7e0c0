//! The tables, for both engines.
//!
//! Printed by Diesel's command line from the PostgreSQL migrations, with the types of
//! [`sql_types`](crate::sql_types), as `diesel.toml` describes. Tests compare this file with the
//! migrated databases of both engines. Generated columns, which are used only in `ORDER BY` and
//! `WHERE`, are left out.

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

    api_keys (uid) {
        uid -> Uid,
        user_uid -> Uid,
        name -> Text,
        hash -> Binary,
        hint -> Text,
        scopes -> Text,
        created_at -> Instant,
        expires_at -> Nullable<Instant>,
        last_used_at -> Nullable<Instant>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    audit (uid) {
        uid -> Uid,
        action -> Text,
        actor_uid -> Nullable<Uid>,
        subject_uid -> Nullable<Uid>,
        address -> Nullable<Text>,
        request_id -> Nullable<Text>,
        detail -> Nullable<Text>,
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
        creator_uid -> Nullable<Uid>,
        version -> BigInt,
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
        version -> BigInt,
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
        version -> BigInt,
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
        version -> BigInt,
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
        version -> BigInt,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    creation_windows (user_uid) {
        user_uid -> Uid,
        ends_at -> Instant,
        used -> Integer,
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
        version -> BigInt,
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
        version -> BigInt,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    idempotency_keys (user_uid, key) {
        user_uid -> Uid,
        key -> Text,
        request -> Binary,
        created_at -> Instant,
        status -> SmallInt,
        location -> Nullable<Text>,
        etag -> Nullable<Text>,
        body -> Nullable<Binary>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    known_devices (user_uid, fingerprint) {
        user_uid -> Uid,
        fingerprint -> Binary,
        last_used_at -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    leases (name) {
        name -> Text,
        holder -> Uid,
        until -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    mail_requests (uid) {
        uid -> Uid,
        kind -> Text,
        recipient -> Text,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    mailed_tokens (uid) {
        uid -> Uid,
        user_uid -> Uid,
        purpose -> Text,
        hash -> Binary,
        expires_at -> Instant,
        created_at -> Instant,
        new_email -> Nullable<Text>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    mails (uid) {
        uid -> Uid,
        user_uid -> Uid,
        kind -> Text,
        token_uid -> Nullable<Uid>,
        recipient -> Text,
        created_at -> Instant,
        attempts -> Integer,
        next_attempt_at -> Instant,
        sent_at -> Nullable<Instant>,
        failed_at -> Nullable<Instant>,
        detail -> Nullable<Text>,
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
        version -> BigInt,
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
        version -> BigInt,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    sessions (uid) {
        uid -> Uid,
        user_uid -> Uid,
        created_at -> Instant,
        last_used_at -> Instant,
        expires_at -> Instant,
        address -> Nullable<Text>,
        agent -> Nullable<Text>,
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
        version -> BigInt,
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
        creator_uid -> Nullable<Uid>,
        version -> BigInt,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::sql_types::*;

    token_pairs (uid) {
        uid -> Uid,
        session_uid -> Uid,
        generation -> Integer,
        refresh_hash -> Nullable<Binary>,
        issued_at -> Instant,
        used_at -> Nullable<Instant>,
        retried -> Bool,
        revoked -> Bool,
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
        version -> BigInt,
    }
}

joinable!(accounts -> users (user_uid));
joinable!(api_keys -> users (user_uid));
joinable!(authors -> users (creator_uid));
joinable!(book_contributors -> authors (author_id));
joinable!(book_contributors -> books (book_id));
joinable!(book_tags -> books (book_id));
joinable!(book_tags -> tags (tag_id));
joinable!(books -> users (user_uid));
joinable!(comments -> posts (post_id));
joinable!(creation_windows -> users (user_uid));
joinable!(departments -> companies (company_id));
joinable!(employees -> departments (department_id));
joinable!(known_devices -> users (user_uid));
joinable!(mailed_tokens -> users (user_uid));
joinable!(mails -> users (user_uid));
joinable!(reviews -> books (book_uid));
joinable!(reviews -> users (user_uid));
joinable!(sessions -> users (user_uid));
joinable!(student_courses -> courses (course_id));
joinable!(student_courses -> students (student_id));
joinable!(tags -> users (creator_uid));
joinable!(token_pairs -> sessions (session_uid));

allow_tables_to_appear_in_same_query!(
    accounts,
    api_keys,
    audit,
    authors,
    book_contributors,
    book_tags,
    books,
    comments,
    companies,
    courses,
    creation_windows,
    departments,
    employees,
    idempotency_keys,
    known_devices,
    leases,
    mail_requests,
    mailed_tokens,
    mails,
    posts,
    reviews,
    sessions,
    student_courses,
    students,
    tags,
    token_pairs,
    users,
);
