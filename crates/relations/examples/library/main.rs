//! Prints the relations of a lending library, parses an include and a filter, and follows loaded
//! relations.

#![expect(unreachable_pub, reason = "relations are public types, and so are their entities")]

mod model;

use model::{Author, AuthorBooks, Book, BookAuthor, LIBRARY};
use recto_relations::{
    Adjacency, Edge, Entities, Entity as _, Filter, Include, Quantifier, Relation as _, Sort, Span,
    paths,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for relation in LIBRARY.relations {
        let (from, to) = (relation.from.name, relation.to.name);
        println!("{from}.{} leads to {to}, {to}.{} back", relation.name, relation.inverse);
    }

    println!("\nan author can include {}", paths(Author::INFO, 3).join(", "));
    let mut include =
        Include::parse(Author::INFO, "books(limit:5,sort:-published).readers,edited.author")?;
    include.count(Author::INFO, "edited")?;
    println!("{include} loads {} relations", include.relation_count());

    let early = Filter::parse(Author::INFO, Quantifier::Some, "books(published:..1815)")?;
    let unedited = Filter::parse(Author::INFO, Quantifier::None, "edited")?;
    println!("authors with {:?}", Filter::Or(vec![early, Filter::Not(Box::new(unedited))]));

    // Built by hand here; recto-relations-diesel loads them from a database.
    let austen = Author { id: 1, name: "Jane Austen".to_owned() };
    let book = |id, title: &str, published| Book {
        id,
        title: title.to_owned(),
        author_id: Some(austen.id),
        editor_id: None,
        published,
    };
    let books = vec![book(8, "Persuasion", 1817), book(7, "Emma", 1815)];
    let mut authors = Entities::new(vec![austen.clone()]);
    let adjacency = Adjacency::Many(vec![Span { start: 0, end: 2, more: false }]);
    let books = Entities::reached(books, &authors, &adjacency);
    authors.attach(Edge::new(AuthorBooks::INFO, (5, Sort::default()), adjacency, Box::new(books)));

    println!();
    for author in &authors {
        for book in author.get(AuthorBooks)? {
            println!("{} wrote {}", author.name, book.title);
            // The author was not loaded from here: an error, not "no author".
            assert!(book.get(BookAuthor).is_err());
        }
    }
    Ok(())
}
