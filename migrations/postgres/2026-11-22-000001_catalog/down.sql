DROP TABLE book_tags;
DROP TABLE tags;
DROP TABLE reviews;
DROP TABLE books;
DROP TABLE users;
