-- The database generates ascending keys and never reuses one.

CREATE TABLE posts (
    id INTEGER NOT NULL CONSTRAINT posts_pkey PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL CONSTRAINT posts_title_check CHECK (length(title) BETWEEN 1 AND 300),
    title_key TEXT NOT NULL,
    content TEXT NOT NULL CONSTRAINT posts_content_check CHECK (length(content) BETWEEN 1 AND 100000),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX posts_title_idx ON posts (title_key, id);

CREATE TABLE comments (
    id INTEGER NOT NULL CONSTRAINT comments_pkey PRIMARY KEY AUTOINCREMENT,
    text TEXT NOT NULL CONSTRAINT comments_text_check CHECK (length(text) BETWEEN 1 AND 10000),
    post_id INTEGER NOT NULL CONSTRAINT comments_post_id_fkey REFERENCES posts (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX comments_post_id_idx ON comments (post_id, id);
