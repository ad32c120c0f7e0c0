//! How a catalogue ought to be ordered and loaded: the plainest way there is,
//! in memory, one entity after the other.

use std::cmp::Ordering;
use std::fmt::Write as _;

use recto_domain::{Author, Book, Contribution, Review, Tag, User};
use recto_relations::{
    Cardinality, Entity, Include, LinkData as _, RelationInfo, Sort, SortField, SortValue,
};
use serde_json::to_string;

use crate::catalogue::Catalogue;

/// Some entity of a catalogue.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Node<'c> {
    User(&'c User),
    Book(&'c Book),
    Review(&'c Review),
    Tag(&'c Tag),
    Author(&'c Author),
    /// An author reached from a book.
    Contributor(&'c Author, Contribution),
    /// A book reached from an author.
    Credited(&'c Book, Contribution),
}

/// Entities that can stand anywhere in a tree.
pub(crate) trait Modelled: Entity {
    /// All of them.
    fn all(catalogue: &Catalogue) -> &[Self];
    /// One of them.
    fn node(&self) -> Node<'_>;
}

macro_rules! modelled {
    ($($entity:ident in $member:ident),+) => {$(
        impl Modelled for $entity {
            fn all(catalogue: &Catalogue) -> &[Self] {
                &catalogue.$member
            }

            fn node(&self) -> Node<'_> {
                Node::$entity(self)
            }
        }
    )+};
}

modelled!(User in users, Book in books, Review in reviews, Tag in tags, Author in authors);

/// The entities that pass, in order.
pub(crate) fn in_order<'c, E: Modelled>(
    catalogue: &'c Catalogue,
    sort: &Sort,
    passes: impl Fn(&E) -> bool,
) -> Vec<&'c E> {
    let mut all: Vec<&E> = E::all(catalogue).iter().filter(|entity| passes(entity)).collect();
    all.sort_by(|a, b| compare(*a, *b, sort));
    all
}

fn compare<E: Entity>(a: &E, b: &E, sort: &Sort) -> Ordering {
    compare_by(a, b, sort, E::sort_value)
}

fn compare_by<E: Entity>(
    a: &E,
    b: &E,
    sort: &Sort,
    value: impl Fn(&E, &SortField) -> SortValue,
) -> Ordering {
    for term in sort.terms() {
        let order = match (value(a, term.field), value(b, term.field)) {
            (SortValue::Empty, SortValue::Empty) => Ordering::Equal,
            (SortValue::Empty, _) => Ordering::Greater,
            (_, SortValue::Empty) => Ordering::Less,
            (a, b) if term.descending => b.cmp(&a),
            (a, b) => a.cmp(&b),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    if sort.key_ascending() { a.key().cmp(&b.key()) } else { b.key().cmp(&a.key()) }
}

/// What `present` writes of these entities with what is included.
pub(crate) fn expected(
    catalogue: &Catalogue,
    nodes: &[Node<'_>],
    include: &Include,
) -> Vec<String> {
    let mut written: Vec<String> = nodes.iter().map(|node| members(*node)).collect();
    for relation in include.counts() {
        for (node, text) in nodes.iter().zip(&mut written) {
            let count = many(catalogue, *node, relation, &Sort::default()).len();
            write!(text, r#","{}_count":{count}"#, relation.name).unwrap();
        }
    }
    for edge in include.edges() {
        let to_many = edge.relation.cardinality == Cardinality::Many;
        let limit = edge.per_parent(u32::try_from(nodes.len()).unwrap()) as usize;
        let families: Vec<Vec<Node<'_>>> =
            nodes.iter().map(|node| many(catalogue, *node, edge.relation, &edge.sort)).collect();
        let loaded: Vec<Node<'_>> =
            families.iter().flat_map(|family| family.iter().take(limit).copied()).collect();
        let mut loaded = expected(catalogue, &loaded, &edge.nested).into_iter();
        for (family, text) in families.iter().zip(&mut written) {
            let shown: Vec<String> = loaded.by_ref().take(family.len().min(limit)).collect();
            let more = if family.len() > limit { r#","more""# } else { "" };
            let shown = if to_many {
                format!("[{}{more}]", shown.join(","))
            } else {
                shown.into_iter().next().unwrap_or_else(|| "null".to_owned())
            };
            write!(text, r#","{}":{shown}"#, edge.relation.name).unwrap();
        }
    }
    written.into_iter().map(|text| text + "}").collect()
}

/// The members of an entity, the closing brace left out.
fn members(node: Node<'_>) -> String {
    let mut json = match node {
        Node::User(user) => to_string(user),
        Node::Book(book) | Node::Credited(book, _) => to_string(book),
        Node::Review(review) => to_string(review),
        Node::Tag(tag) => to_string(tag),
        Node::Author(author) | Node::Contributor(author, _) => to_string(author),
    }
    .unwrap();
    json.pop();
    if let Node::Contributor(_, link) | Node::Credited(_, link) = node {
        let Contribution { position, role } = link;
        write!(json, r#","position":{position},"role":"{role}""#).unwrap();
    }
    json
}

/// What the book says of the author, if it credits them.
fn contribution(c: &Catalogue, book: &Book, author: &Author) -> Option<Contribution> {
    let credited = c.credits.get(&book.uid)?.as_slice();
    let place = credited.iter().position(|one| one.name.key() == author.name.key())?;
    let position = u32::try_from(place + 1).unwrap();
    Some(Contribution { position, role: credited[place].role.unwrap_or_default() })
}

/// Whom a book credits, in order.
fn contributors<'c>(c: &'c Catalogue, book: &Book, sort: &Sort) -> Vec<Node<'c>> {
    let link = |author: &Author| contribution(c, book, author);
    let mut all: Vec<&Author> = c.authors.iter().filter(|author| link(author).is_some()).collect();
    all.sort_by(|a, b| {
        compare_by(*a, *b, sort, |author, field| match link(author) {
            Some(link) if field.of_link => link.sort_value(field),
            _ => author.sort_value(field),
        })
    });
    all.into_iter().map(|author| Node::Contributor(author, link(author).unwrap())).collect()
}

/// All that a relation leads to from there, in order.
fn many<'c>(
    c: &'c Catalogue,
    from: Node<'_>,
    relation: &RelationInfo,
    sort: &Sort,
) -> Vec<Node<'c>> {
    fn nodes<E: Modelled>(entities: Vec<&E>) -> Vec<Node<'_>> {
        entities.into_iter().map(Modelled::node).collect()
    }
    let from = match from {
        Node::Contributor(author, _) => Node::Author(author),
        Node::Credited(book, _) => Node::Book(book),
        other => other,
    };
    match (from, relation.name) {
        (Node::Book(book), "contributors") => contributors(c, book, sort),
        (Node::Author(author), "books") => {
            let link = |book: &Book| contribution(c, book, author);
            let books = in_order::<Book>(c, sort, |book| link(book).is_some());
            books.into_iter().map(|book| Node::Credited(book, link(book).unwrap())).collect()
        }
        (Node::User(user), "books") => {
            nodes(in_order::<Book>(c, sort, |book| book.user_uid == Some(user.uid)))
        }
        (Node::User(user), "reviews") => {
            nodes(in_order::<Review>(c, sort, |review| review.user_uid == Some(user.uid)))
        }
        (Node::Book(book), "reviews") => {
            nodes(in_order::<Review>(c, sort, |review| review.book_uid == book.uid))
        }
        (Node::Book(book), "tags") => {
            nodes(in_order::<Tag>(c, sort, |tag| c.taggings.contains(&(book.uid, tag.uid))))
        }
        (Node::Tag(tag), "books") => {
            nodes(in_order::<Book>(c, sort, |book| c.taggings.contains(&(book.uid, tag.uid))))
        }
        (Node::Book(book), "user") => {
            nodes(in_order::<User>(c, sort, |user| book.user_uid == Some(user.uid)))
        }
        (Node::Review(review), "user") => {
            nodes(in_order::<User>(c, sort, |user| review.user_uid == Some(user.uid)))
        }
        (Node::Review(review), "book") => {
            nodes(in_order::<Book>(c, sort, |book| review.book_uid == book.uid))
        }
        (from, name) => panic!("the model knows no {name} of {from:?}"),
    }
}
