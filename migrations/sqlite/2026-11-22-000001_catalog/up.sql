-- Keys are UUIDv7 of 16 bytes; times are microseconds since 1970 in UTC.
-- *_key columns contain case-folded NFC text for sorting and comparing.
-- origin is the source of an imported row and its key there.

CREATE TABLE users (
    uid BLOB NOT NULL CONSTRAINT users_pkey PRIMARY KEY
        CONSTRAINT users_uid_check CHECK (length(uid) = 16),
    username TEXT NOT NULL CONSTRAINT users_username_check CHECK (length(username) BETWEEN 1 AND 50),
    username_key TEXT NOT NULL CONSTRAINT users_username_key_key UNIQUE,
    first_name TEXT CONSTRAINT users_first_name_check CHECK (length(first_name) BETWEEN 1 AND 100),
    last_name TEXT CONSTRAINT users_last_name_check CHECK (length(last_name) BETWEEN 1 AND 100),
    origin TEXT CONSTRAINT users_origin_key UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE books (
    uid BLOB NOT NULL CONSTRAINT books_pkey PRIMARY KEY
        CONSTRAINT books_uid_check CHECK (length(uid) = 16),
    title TEXT NOT NULL CONSTRAINT books_title_check CHECK (length(title) BETWEEN 1 AND 500),
    title_key TEXT NOT NULL,
    author TEXT NOT NULL CONSTRAINT books_author_check CHECK (length(author) BETWEEN 1 AND 1000),
    author_key TEXT NOT NULL,
    publisher TEXT CONSTRAINT books_publisher_check CHECK (length(publisher) BETWEEN 1 AND 200),
    -- year * 10000 + month * 100 + day; an unknown month or day is 0
    published_date INTEGER CONSTRAINT books_published_date_check
        CHECK (published_date BETWEEN -99990000 AND 99991231),
    page_count INTEGER CONSTRAINT books_page_count_check CHECK (page_count BETWEEN 1 AND 1000000),
    language TEXT CONSTRAINT books_language_check CHECK (length(language) > 0),
    isbn TEXT CONSTRAINT books_isbn_check CHECK (length(isbn) = 13 AND isbn NOT GLOB '*[^0-9]*'),
    user_uid BLOB CONSTRAINT books_user_uid_fkey REFERENCES users (uid) ON DELETE SET NULL,
    origin TEXT CONSTRAINT books_origin_key UNIQUE,
    -- Sort keys of nullable columns: empty values come last in both directions.
    published_date_asc INTEGER NOT NULL GENERATED ALWAYS AS (coalesce(published_date, 2147483647)) VIRTUAL,
    published_date_desc INTEGER NOT NULL GENERATED ALWAYS AS (coalesce(published_date, -2147483648)) VIRTUAL,
    page_count_asc INTEGER NOT NULL GENERATED ALWAYS AS (coalesce(page_count, 2147483647)) VIRTUAL,
    page_count_desc INTEGER NOT NULL GENERATED ALWAYS AS (coalesce(page_count, -2147483648)) VIRTUAL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX books_user_uid_idx ON books (user_uid, uid);
CREATE INDEX books_title_idx ON books (title_key, uid);
CREATE INDEX books_author_idx ON books (author_key, uid);
CREATE INDEX books_isbn_idx ON books (isbn, uid);
CREATE INDEX books_language_idx ON books (language, uid);
CREATE INDEX books_published_date_asc_idx ON books (published_date_asc, uid);
CREATE INDEX books_published_date_desc_idx ON books (published_date_desc, uid);
CREATE INDEX books_page_count_asc_idx ON books (page_count_asc, uid);
CREATE INDEX books_page_count_desc_idx ON books (page_count_desc, uid);

CREATE TABLE reviews (
    uid BLOB NOT NULL CONSTRAINT reviews_pkey PRIMARY KEY
        CONSTRAINT reviews_uid_check CHECK (length(uid) = 16),
    rating INTEGER NOT NULL CONSTRAINT reviews_rating_check CHECK (rating BETWEEN 1 AND 5),
    review_text TEXT NOT NULL CONSTRAINT reviews_review_text_check CHECK (length(review_text) <= 20000),
    user_uid BLOB CONSTRAINT reviews_user_uid_fkey REFERENCES users (uid) ON DELETE SET NULL,
    book_uid BLOB NOT NULL CONSTRAINT reviews_book_uid_fkey REFERENCES books (uid) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT reviews_user_uid_book_uid_key UNIQUE (user_uid, book_uid)
) STRICT;

CREATE INDEX reviews_user_uid_idx ON reviews (user_uid, uid);
CREATE INDEX reviews_book_uid_idx ON reviews (book_uid, uid);
CREATE INDEX reviews_rating_idx ON reviews (rating, uid);

CREATE TABLE tags (
    uid BLOB NOT NULL CONSTRAINT tags_pkey PRIMARY KEY
        CONSTRAINT tags_uid_check CHECK (length(uid) = 16),
    name TEXT NOT NULL CONSTRAINT tags_name_check CHECK (length(name) BETWEEN 1 AND 100),
    name_key TEXT NOT NULL CONSTRAINT tags_name_key_key UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE book_tags (
    book_id BLOB NOT NULL CONSTRAINT book_tags_book_id_fkey REFERENCES books (uid) ON DELETE CASCADE,
    tag_id BLOB NOT NULL CONSTRAINT book_tags_tag_id_fkey REFERENCES tags (uid) ON DELETE CASCADE,
    CONSTRAINT book_tags_pkey PRIMARY KEY (book_id, tag_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX book_tags_tag_id_idx ON book_tags (tag_id, book_id);
