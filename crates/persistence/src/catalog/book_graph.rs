//! Books with their tags and contributors.

use recto_domain::{Book, BookPatch, Contributors, NewBookGraph, TagId, TagName};

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

/// Adds tags to a locked book, and increments its version if it did not have all of them.
pub fn add_tags(
    conn: &mut Connection,
    creator: &Creator<'_>,
    book: Book,
    names: &[TagName],
) -> Result<Book, Error> {
    let changed = book_tag::add(conn, creator, book.uid, names)?;
    advance_if(conn, book, changed)
}

/// Sets the tags of a locked book, and increments its version if it had others.
pub fn set_tags(
    conn: &mut Connection,
    creator: &Creator<'_>,
    book: Book,
    names: &[TagName],
) -> Result<Book, Error> {
    let changed = book_tag::set(conn, creator, book.uid, names)?;
    advance_if(conn, book, changed)
}

/// Adds a tag to a locked book, and increments its version if it did not have the tag. Returns
/// `None` if the tag does not exist.
pub fn add_tag(conn: &mut Connection, book: Book, tag: TagId) -> Result<Option<Book>, Error> {
    match book_tag::add_one(conn, book.uid, tag)? {
        Some(changed) => advance_if(conn, book, changed).map(Some),
        None => Ok(None),
    }
}

/// Removes a tag from a locked book, and increments its version if it had the tag.
pub fn remove_tag(conn: &mut Connection, book: Book, tag: TagId) -> Result<Book, Error> {
    let changed = book_tag::remove_one(conn, book.uid, tag)?;
    advance_if(conn, book, changed)
}

fn advance_if(conn: &mut Connection, book: Book, changed: bool) -> Result<Book, Error> {
    if changed { write::advance(conn, book) } else { Ok(book) }
}
