//! A generated catalogue in the goodbooks format.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const BOOKS: usize = 10_000;
const TAGS: usize = 2_000;
const READERS: usize = 5_000;

/// Writes the four files, with tags and ratings unevenly distributed, like real ones.
pub(crate) fn write(directory: &Path) -> PathBuf {
    let mut books = String::from(
        "book_id,goodreads_book_id,isbn,authors,original_publication_year,title,language_code\n",
    );
    let mut tags = String::from("tag_id,tag_name\n");
    let mut taggings = String::from("goodreads_book_id,tag_id,count\n");
    let mut ratings = String::from("user_id,book_id,rating\n");
    for tag in 0..TAGS {
        let _ = writeln!(tags, "{tag},tag-{tag}");
    }
    for book in 1..=BOOKS {
        let year = 1800 + book % 220;
        let _ = writeln!(
            books,
            "{book},{book},,\"Author {}, Translator {}\",{year}.0,Title number {book},eng",
            book % 700,
            book % 90
        );
        for step in 0..30 {
            let tag = (step * step * 3 + book % 50 * step) % TAGS;
            let _ = writeln!(taggings, "{book},{tag},1");
        }
        for step in 0..25 {
            let reader = (book * 31 + step * 197) % READERS + 1;
            let _ = writeln!(ratings, "{reader},{book},{}", (book + step) % 5 + 1);
        }
    }
    for (name, text) in [
        ("books.csv", books),
        ("tags.csv", tags),
        ("book_tags.csv", taggings),
        ("ratings.csv", ratings),
    ] {
        std::fs::write(directory.join(name), text).expect("the directory can be written to");
    }
    directory.to_owned()
}
