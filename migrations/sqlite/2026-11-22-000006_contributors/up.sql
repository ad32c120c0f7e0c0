CREATE TABLE authors (
    uid BLOB NOT NULL CONSTRAINT authors_pkey PRIMARY KEY
        CONSTRAINT authors_uid_check CHECK (length(uid) = 16),
    name TEXT NOT NULL CONSTRAINT authors_name_check CHECK (length(name) BETWEEN 1 AND 1000),
    name_key TEXT NOT NULL CONSTRAINT authors_name_key_key UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- A link table with an order and data: the position in the credit line and the role.
CREATE TABLE book_contributors (
    book_id BLOB NOT NULL CONSTRAINT book_contributors_book_id_fkey REFERENCES books (uid) ON DELETE CASCADE,
    author_id BLOB NOT NULL CONSTRAINT book_contributors_author_id_fkey REFERENCES authors (uid) ON DELETE CASCADE,
    position INTEGER NOT NULL CONSTRAINT book_contributors_position_check CHECK (position >= 1),
    role TEXT NOT NULL CONSTRAINT book_contributors_role_check CHECK (role IN
        ('author', 'editor', 'translator', 'illustrator', 'photographer', 'narrator', 'foreword',
         'introduction', 'afterword', 'other')),
    CONSTRAINT book_contributors_pkey PRIMARY KEY (book_id, author_id),
    CONSTRAINT book_contributors_book_id_position_key UNIQUE (book_id, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX book_contributors_author_id_idx ON book_contributors (author_id, book_id);

-- Contributors of existing books are the names in their credit lines. Case folding does not change
-- commas and spaces, so the parts of a line correspond to the parts of its key.
CREATE TEMP TABLE credited AS
WITH RECURSIVE
    blank (chars) AS (
        SELECT ' ' || char(133, 160, 5760, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202,
            8232, 8233, 8239, 8287, 12288)
    ),
    part (book_id, place, name, name_key, names, name_keys) AS (
        SELECT uid, 0, NULL, NULL, author || ', ', author_key || ', ' FROM books
        UNION ALL
        SELECT book_id, place + 1,
            substr(names, 1, instr(names, ', ') - 1), substr(name_keys, 1, instr(name_keys, ', ') - 1),
            substr(names, instr(names, ', ') + 2), substr(name_keys, instr(name_keys, ', ') + 2)
        FROM part WHERE names <> ''
    )
SELECT book_id, place, trim(name, chars) AS name, trim(name_key, chars) AS name_key
FROM part, blank WHERE place > 0 AND trim(name, chars) <> '';

-- Keys are UUIDv7: the current time in milliseconds and random bits.
INSERT INTO authors (uid, name, name_key, created_at, updated_at)
SELECT
    unhex(printf('%012x', ms) || '7' || substr(hex(randomblob(2)), 2)
        || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || hex(randomblob(6))),
    name, name_key, ms * 1000, ms * 1000
FROM (
    SELECT name, name_key, row_number() OVER (PARTITION BY name_key ORDER BY book_id, place) AS nth
    FROM credited
), (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS ms)
WHERE nth = 1;

INSERT INTO book_contributors (book_id, author_id, position, role)
SELECT book_id, authors.uid, row_number() OVER (PARTITION BY book_id ORDER BY place), 'author'
FROM (SELECT book_id, name_key, min(place) AS place FROM credited GROUP BY book_id, name_key) AS named
JOIN authors USING (name_key);

DROP TABLE credited;
