//! Follows every kind of relation of a lending library, and prints the results.
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
    Comparison, Entity as _, Filter, Include, PageRequest, PageStart, Quantifier, Relation as _,
    Sort, Test,
};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result {
    run(&mut std::io::stdout())
}

/// Runs the example. A test compares the output with the README.
pub fn run(out: &mut impl Write) -> Result {
    let mut conn = model::connection();
    one_to_many(&mut conn, out)?;
    many_to_many(&mut conn, out)?;
    ordered_links_with_data(&mut conn, out)?;
    self_reference(&mut conn, out)?;
    two_keys_to_one_parent(&mut conn, out)?;
    through_another_relation(&mut conn, out)?;
    filters(&mut conn, out)?;
    pages(&mut conn, out)?;
    writing(&mut conn, out)
}

/// Prints the first book of every author and the number of books, with three statements.
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

/// Prints the books of each genre of Emma: from a book to its genres, and back.
fn many_to_many(conn: &mut Connection, out: &mut impl Write) -> Result {
    let include = Include::parse(Book::INFO, "genres(sort:name).books(sort:title)")?;
    let emma = conn.find::<Book>(7, &include)?.ok_or("there is no such book")?;
    for genre in emma.view(0).ok_or("it was found")?.get(BookGenres)? {
        let books = genre.get(GenreBooks)?.map(|book| book.title.clone());
        writeln!(out, "{}: {}", genre.name, books.collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}

/// Prints the readers of Emma, ordered by the turn of their loans.
fn ordered_links_with_data(conn: &mut Connection, out: &mut impl Write) -> Result {
    let request = PageRequest { sort: Sort::along(BookReaders::INFO), ..PageRequest::newest(20) };
    let page = conn.related::<BookReaders>(7, &request, &Include::nothing())?;
    for reader in &page.ok_or("there is no such book")?.entities {
        let loan = reader.link(BookReaders)?;
        writeln!(out, "turn {}: {}, due {}", loan.turn, reader.name, loan.due)?;
    }
    Ok(())
}

/// Prints guests and their host: both directions of a relation of a table to itself.
fn self_reference(conn: &mut Connection, out: &mut impl Write) -> Result {
    let include = Include::parse(Reader::INFO, "guests(sort:name).host")?;
    let ada = conn.find::<Reader>(1, &include)?.ok_or("there is no such reader")?;
    for guest in ada.view(0).ok_or("it was found")?.get(ReaderGuests)? {
        if let Some(host) = guest.get(ReaderHost)? {
            writeln!(out, "{} is a guest of {}", guest.name, host.name)?;
        }
    }
    Ok(())
}

/// Prints the books that Verne wrote and those that he edited, over two foreign keys.
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

/// Prints the reviews of all books of an author, without loading the books.
fn through_another_relation(conn: &mut Connection, out: &mut impl Write) -> Result {
    let include = Include::parse(Author::INFO, "reviews(sort:-stars).author")?;
    let austen = conn.find::<Author>(1, &include)?.ok_or("there is no such author")?;
    for review in austen.view(0).ok_or("it was found")?.get(AuthorReviews)? {
        writeln!(out, "{} stars for {}", review.stars, review.get(ReviewAuthor)?.name)?;
    }
    Ok(())
}

/// Prints books that match filters on related entities and on their own fields.
fn filters(conn: &mut Connection, out: &mut impl Write) -> Result {
    // Books by Verne, or with a review of five stars and without a reader named Bob.
    let by_verne = Filter::parse(Book::INFO, Quantifier::Some, "author(name:verne)")?;
    let praised = Filter::parse(Book::INFO, Quantifier::Some, "reviews(stars:5)")?;
    let read_by_bob = Filter::parse(Book::INFO, Quantifier::Some, "readers(name:bob)")?;
    let filter =
        Filter::Or(vec![by_verne, Filter::And(vec![praised, Filter::Not(Box::new(read_by_bob))])]);
    print_books(conn, out, "by Verne, or praised", &filter)?;

    // Over two relations: books whose author has edited a book with readers.
    let edited_and_lent = Filter::Related {
        relation: EditorBooks::INFO,
        filter: Box::new(Filter::parse(Book::INFO, Quantifier::Some, "readers")?),
    };
    let author_of = Book::INFO.relation("author").ok_or("it is declared")?;
    let filter = Filter::Related { relation: author_of, filter: Box::new(edited_and_lent) };
    print_books(conn, out, "by an editor of a book that is read", &filter)?;

    // On a field of the entity.
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

/// Prints all books in pages of one.
fn pages(conn: &mut Connection, out: &mut impl Write) -> Result {
    let sort = Sort::parse(Book::INFO, "-title")?;
    let mut request = PageRequest { sort, ..PageRequest::newest(1) };
    loop {
        let page = conn.page::<Book>(&(), &Filter::everything(), &request, &Include::nothing())?;
        let Some(last) = page.entities.iter().last() else { return Ok(()) };
        writeln!(out, "page with {}", last.title)?;
        if !page.has_next {
            return Ok(());
        }
        request.start = PageStart::After(last.position(&request.sort));
    }
}

/// Inserts, updates and deletes a book.
fn writing(conn: &mut Connection, out: &mut impl Write) -> Result {
    let new = Book { id: 0, title: "Mathias".to_owned(), author_id: 2, editor_id: None };
    let mut book = conn.insert(new)?;
    "Mathias Sandorf".clone_into(&mut book.title);
    conn.update(&book)?;
    writeln!(out, "book {} is {}", book.id, book.title)?;
    conn.delete::<Book>(book.id)?;
    Ok(())
}
