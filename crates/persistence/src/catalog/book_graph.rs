//! Books with their tags and contributors.

use recto_domain::{Book, BookPatch, Contributors, NewBookGraph};

use super::creator::Creator;
use super::{author, book_tag};
use crate::{Connection, Error, write};

/// Inserts a book of its creator with its tags and contributors, by default the names in `author`.
pub fn create(
    conn: &mut Connection,
    creator: &Creator<'_>,
    new: NewBookGraph,
) -> Result<Book, Error> {
    let NewBookGraph { book, tags, contributors } = new;
    let book = conn.insert(Book::new(creator.ids.new_id(), book, creator.user))?;
    match contributors {
        Some(contributors) => {
            author::add_contributors(conn, creator, &[(book.uid, &contributors)])?;
        }
        None => author::add_from_credit_lines(conn, creator, [&book])?,
    }
    if let Some(tags) = tags {
        book_tag::add(conn, creator, book.uid, &tags.into_names())?;
    }
    Ok(book)
}

/// Applies a patch to a locked book. If `author` changes, the contributors become the names in it.
pub fn change(
    conn: &mut Connection,
    creator: &Creator<'_>,
    book: Book,
    patch: BookPatch,
) -> Result<Book, Error> {
    let before = book.author.clone();
    let book = write::change(conn, book, patch, creator.ids.now())?;
    if book.author != before {
        author::set_from_credit_lines(conn, creator, std::slice::from_ref(&book))?;
    }
    Ok(book)
}

/// Sets the contributors of a locked book, and `author` to their names.
pub fn set_contributors(
    conn: &mut Connection,
    creator: &Creator<'_>,
    mut book: Book,
    contributors: &Contributors,
) -> Result<Book, Error> {
    let before = author::contributors(conn, book.uid)?;
    author::set_contributors(conn, creator, book.uid, contributors)?;
    if book.credit(contributors.line().clone(), creator.ids.now()) {
        conn.update(&book)?;
    } else if author::contributors(conn, book.uid)? != before {
        return write::advance(conn, book);
    }
    Ok(book)
}
