//! A lending library on tables of its own: follows every kind of relation, and prints what is found.
//!
//! The tables, entities, relations and rows are in `model.rs`.

#![expect(unreachable_pub, reason = "relations are public types, and so are their entities")]

mod model;

use std::error::Error;
use std::io::Write;

use diesel as _;
use model::{
    Author, AuthorBooks, AuthorReviews, Book, BookEditor, BookGenres, BookReaders, Connection,
    EditorBooks, GenreBooks, Reader, ReaderGuests, ReaderHost, ReviewAuthor,
};
use recto_relations::{
    Comparison, Entity as _, Filter, Include, PageRequest, Quantifier, Relation as _, Sort, Test,
};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result {
    run(&mut std::io::stdout())
}

/// Runs all of it. A test does, too, and compares what is printed with the README.
pub fn run(out: &mut impl Write) -> Result {
    let mut conn = model::connection();
    one_to_many(&mut conn, out)?;
    many_to_many(&mut conn, out)?;
    links_with_data_in_an_order(&mut conn, out)?;
    a_table_and_itself(&mut conn, out)?;
    two_keys_to_one_parent(&mut conn, out)?;
    one_relation_after_another(&mut conn, out)?;
    filters(&mut conn, out)?;
    pages(&mut conn, out)?;
    writing(&mut conn, out)
}

/// The first book of every author by title, and how many there are, in three statements.
fn one_to_many(conn: &mut Connection, out: &mut impl Write) -> Result {
    let mut include = Include::parse(Author::INFO, "books(limit:1,sort:title)")?;
    include.count(Author::INFO, "books")?;
    let (page, statements) = conn.recording(|conn| {
        conn.page::<Author>(&(), &Filter::everything(), &PageRequest::newest(20), &include)
    });
    writeln!(out, "{} statements", statements.len())?;
    for author in &page?.entities {
        let books = author.get(AuthorBooks)?;
        let more = if books.more() { " and more" } else { "" };
        let titles: Vec<&str> = books.map(|book| book.entity().title.as_str()).collect();
        let count = author.count(AuthorBooks)?;
        writeln!(out, "{} wrote {count}: {}{more}", author.name, titles.join(", "))?;
    }
    Ok(())
}

/// The books that share a genre with Emma: from a book to its genres, and back.
fn many_to_many(conn: &mut Connection, out: &mut impl Write) -> Result {
    let include = Include::parse(Book::INFO, "genres(sort:name).books(sort:title)")?;
    let emma = conn.find::<Book>(7, &include)?.ok_or("there is no such book")?;
    for genre in emma.view(0).ok_or("it was found")?.get(BookGenres)? {
        let books = genre.get(GenreBooks)?.map(|book| book.title.clone());
        writeln!(out, "{}: {}", genre.name, books.collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}

/// The readers of Emma in the order of their turns, which is data of the links.
fn links_with_data_in_an_order(conn: &mut Connection, out: &mut impl Write) -> Result {
    let request = PageRequest { sort: Sort::along(BookReaders::INFO), ..PageRequest::newest(20) };
    let page = conn.related::<BookReaders>(7, &request, &Include::nothing())?;
    for reader in &page.ok_or("there is no such book")?.entities {
        let loan = reader.link(BookReaders)?;
        writeln!(out, "turn {}: {}, due {}", loan.turn, reader.name, loan.due)?;
    }
    Ok(())
}

/// Who brought whom: both directions of a relation of a table to itself.
fn a_table_and_itself(conn: &mut Connection, out: &mut impl Write) -> Result {
    let include = Include::parse(Reader::INFO, "guests(sort:name).host")?;
    let ada = conn.find::<Reader>(1, &include)?.ok_or("there is no such reader")?;
    for guest in ada.view(0).ok_or("it was found")?.get(ReaderGuests)? {
        if let Some(host) = guest.get(ReaderHost)? {
            writeln!(out, "{} is a guest of {}", guest.name, host.name)?;
        }
    }
    Ok(())
}

/// What Verne wrote and what he edited, over two keys of the same two tables.
fn two_keys_to_one_parent(conn: &mut Connection, out: &mut impl Write) -> Result {
    let include = Include::parse(Author::INFO, "books,edited.editor")?;
    let verne = conn.find::<Author>(2, &include)?.ok_or("there is no such author")?;
    let verne = verne.view(0).ok_or("it was found")?;
    for book in verne.get(AuthorBooks)? {
        writeln!(out, "{} wrote {}", verne.name, book.title)?;
    }
    for book in verne.get(EditorBooks)? {
        let editor = book.get(BookEditor)?.map_or("nobody", |editor| &editor.entity().name);
        writeln!(out, "{editor} edited {}", book.title)?;
    }
    Ok(())
}

/// The reviews of all books of an author, and back, without the books in between.
fn one_relation_after_another(conn: &mut Connection, out: &mut impl Write) -> Result {
    let include = Include::parse(Author::INFO, "reviews(sort:-stars).author")?;
    let austen = conn.find::<Author>(1, &include)?.ok_or("there is no such author")?;
    for review in austen.view(0).ok_or("it was found")?.get(AuthorReviews)? {
        writeln!(out, "{} stars for {}", review.stars, review.get(ReviewAuthor)?.name)?;
    }
    Ok(())
}

/// Books by Verne, or with a review of five stars and without a reader named Bob.
fn filters(conn: &mut Connection, out: &mut impl Write) -> Result {
    let by_verne = Filter::parse(Book::INFO, Quantifier::Some, "author(name:verne)")?;
    let praised = Filter::parse(Book::INFO, Quantifier::Some, "reviews(stars:5)")?;
    let read_by_bob = Filter::parse(Book::INFO, Quantifier::Some, "readers(name:bob)")?;
    let filter =
        Filter::Or(vec![by_verne, Filter::And(vec![praised, Filter::Not(Box::new(read_by_bob))])]);
    print_books(conn, out, "by Verne, or praised", &filter)?;

    // Over two relations: books whose author has edited a book that has a reader.
    let edited_and_lent = Filter::Related {
        relation: EditorBooks::INFO,
        filter: Box::new(Filter::parse(Book::INFO, Quantifier::Some, "readers")?),
    };
    let author_of = Book::INFO.relation("author").ok_or("it is declared")?;
    let filter = Filter::Related { relation: author_of, filter: Box::new(edited_and_lent) };
    print_books(conn, out, "by an editor of a book that is read", &filter)?;

    // A field of the entity itself.
    let title = Book::INFO.sorts.iter().find(|field| field.name == "title");
    let title = title.ok_or("it is declared")?;
    let filter = Filter::Compare(Comparison { field: title, test: Test::Text("emma".to_owned()) });
    print_books(conn, out, "called Emma", &filter)
}

fn print_books(conn: &mut Connection, out: &mut impl Write, what: &str, filter: &Filter) -> Result {
    let request =
        PageRequest { sort: Sort::parse(Book::INFO, "title")?, ..PageRequest::newest(20) };
    let page = conn.page::<Book>(&(), filter, &request, &Include::nothing())?;
    let titles: Vec<&str> = page.entities.as_slice().iter().map(|book| &*book.title).collect();
    writeln!(out, "{what}: {}", titles.join(", "))?;
    Ok(())
}

/// All books, one to a page; each page begins after the last book of the one before.
fn pages(conn: &mut Connection, out: &mut impl Write) -> Result {
    let sort = Sort::parse(Book::INFO, "-title")?;
    let mut request = PageRequest { sort, ..PageRequest::newest(1) };
    loop {
        let page = conn.page::<Book>(&(), &Filter::everything(), &request, &Include::nothing())?;
        let Some(last) = page.entities.iter().last() else { return Ok(()) };
        writeln!(out, "page with {}", last.title)?;
        if !page.more {
            return Ok(());
        }
        request.after = Some(last.position(&request.sort));
    }
}

/// A new book, changed and deleted again.
fn writing(conn: &mut Connection, out: &mut impl Write) -> Result {
    let new = Book { id: 0, title: "Mathias".to_owned(), author_id: 2, editor_id: None };
    let mut book = conn.insert(new)?;
    "Mathias Sandorf".clone_into(&mut book.title);
    conn.update(&book)?;
    writeln!(out, "book {} is {}", book.id, book.title)?;
    conn.delete::<Book>(book.id)?;
    Ok(())
}
