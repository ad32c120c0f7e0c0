DROP TABLE book_contributors;
DROP TABLE authors;
