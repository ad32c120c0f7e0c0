CREATE TABLE authors (
    uid UUID NOT NULL CONSTRAINT authors_pkey PRIMARY KEY,
    name TEXT NOT NULL CONSTRAINT authors_name_check CHECK (length(name) BETWEEN 1 AND 1000),
    name_key TEXT COLLATE "C" NOT NULL CONSTRAINT authors_name_key_key UNIQUE,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

-- A link table with an order and data: the position in the credit line and the role.
CREATE TABLE book_contributors (
    book_id UUID NOT NULL CONSTRAINT book_contributors_book_id_fkey REFERENCES books (uid) ON DELETE CASCADE,
    author_id UUID NOT NULL CONSTRAINT book_contributors_author_id_fkey REFERENCES authors (uid) ON DELETE CASCADE,
    position INTEGER NOT NULL CONSTRAINT book_contributors_position_check CHECK (position >= 1),
    role TEXT COLLATE "C" NOT NULL CONSTRAINT book_contributors_role_check CHECK (role IN
        ('author', 'editor', 'translator', 'illustrator', 'photographer', 'narrator', 'foreword',
         'introduction', 'afterword', 'other')),
    CONSTRAINT book_contributors_pkey PRIMARY KEY (book_id, author_id),
    CONSTRAINT book_contributors_book_id_position_key UNIQUE (book_id, position)
);

CREATE INDEX book_contributors_author_id_idx ON book_contributors (author_id, book_id);

-- Contributors of existing books are the names in their credit lines. Case folding does not change
-- commas and spaces, so the parts of a line correspond to the parts of its key.
CREATE TEMPORARY TABLE credited ON COMMIT DROP AS
SELECT book_id, place,
    btrim(name, U&' \0085\00A0\1680\2002\2003\2004\2005\2006\2007\2008\2009\200A\2028\2029\202F\205F\3000') AS name,
    btrim(name_key, U&' \0085\00A0\1680\2002\2003\2004\2005\2006\2007\2008\2009\200A\2028\2029\202F\205F\3000') AS name_key
FROM (
    SELECT books.uid AS book_id, part.name, part.name_key COLLATE "C" AS name_key, part.place
    FROM books, unnest(string_to_array(author, ', '), string_to_array(author_key, ', '))
        WITH ORDINALITY AS part (name, name_key, place)
) AS part;

DELETE FROM credited WHERE name = '';

-- Keys are UUIDv7: the current time in milliseconds and random bits.
INSERT INTO authors (uid, name, name_key, created_at, updated_at)
SELECT
    (lpad(to_hex(floor(extract(epoch FROM now()) * 1000)::BIGINT), 12, '0')
        || '7' || substr(replace(gen_random_uuid()::TEXT, '-', ''), 14))::UUID,
    name, name_key, date_trunc('milliseconds', now()), date_trunc('milliseconds', now())
FROM (SELECT DISTINCT ON (name_key) name, name_key FROM credited ORDER BY name_key, book_id, place) AS first;

INSERT INTO book_contributors (book_id, author_id, position, role)
SELECT book_id, authors.uid, row_number() OVER (PARTITION BY book_id ORDER BY place), 'author'
FROM (SELECT book_id, name_key, min(place) AS place FROM credited GROUP BY book_id, name_key) AS named
JOIN authors USING (name_key);
