//! Pages: complete, without repetition and in order.

use recto_domain::{Book, BookId, BookTags, CATALOG, TagBooks, TagId, UserBooks, UserId};
use recto_persistence::catalog::BookFilter;
use recto_persistence::{Connection, MappedMany, PageRequest, Recto, Stored};
use recto_relations::{Entity, Filter, Include, KeysetPosition, PageStart, RelationInfo, Sort};
use recto_testkit::both_engines;
use recto_testkit::database::FreshDatabase;
use serde_json::Value;

use crate::support::catalogue::Catalogue;
use crate::support::fixture::Fixture;
use crate::support::generate::{LIMITS, sorts, sorts_along, walk};
use crate::support::json::lines;
use crate::support::model::{Model, Node};
use crate::support::visit::{
    EntityVisitor, RelationVisitor, entities, to_many_relations, visit_entity, visit_to_many,
};

both_engines!(
    entity_pages_are_complete_and_ordered,
    relation_pages_are_complete_and_ordered,
    random_catalogue_pages_are_ordered,
    page_continues_after_deleted_entity,
    missing_parent_has_no_page,
);

fn json(nodes: &[Node<'_>]) -> Vec<Value> {
    nodes.iter().map(Node::json).collect()
}

/// Compares the pages of an entity with the model, in each order.
struct EntityPages<'a> {
    conn: &'a mut Connection,
    model: &'a Model,
}

impl EntityVisitor for EntityPages<'_> {
    type Output = ();

    fn visit<E: Stored<Recto, Filter: Default>>(self) {
        let filter = E::Filter::default();
        for sort in sorts(E::INFO) {
            let expected = json(&self.model.all(E::INFO, &sort));
            for limit in LIMITS {
                let mut seen = Vec::new();
                walk::<E>(&sort, limit, |request| {
                    let (related, none) = (Filter::everything(), Include::nothing());
                    let page = self.conn.page(&filter, &related, request, &none).unwrap();
                    seen.extend(lines(&page.entities));
                    page
                });
                // The lines of the pages backward follow.
                seen.truncate(expected.len());
                assert_eq!(seen, expected, "{}?sort={sort}&limit={limit}", E::INFO.collection);
            }
        }
    }
}

/// Compares the pages of a relation from one entity with the model, in each order.
struct RelationPages<'a> {
    conn: &'a mut Connection,
    model: &'a Model,
    from: Node<'a>,
}

impl RelationVisitor for RelationPages<'_> {
    type Output = ();

    fn visit<R>(self)
    where
        R: MappedMany<Recto, From: Stored<Recto, Filter: Default>>,
    {
        let key: <R::From as Entity>::Key = self.from.key().parse().ok().unwrap();
        for sort in sorts_along(R::INFO) {
            let expected = json(&self.model.related(R::INFO, self.from, &sort));
            for limit in LIMITS {
                let mut seen = Vec::new();
                walk::<R::To>(&sort, limit, |request| {
                    let page = self.conn.related::<R>(key, request, &Include::nothing());
                    let page = page.unwrap().unwrap();
                    seen.extend(lines(&page.entities));
                    page
                });
                let name = format!("{}.{}", R::From::INFO.name, R::INFO.name);
                seen.truncate(expected.len());
                assert_eq!(seen, expected, "{name} of {key}?sort={sort}&limit={limit}");
            }
        }
    }
}

/// Returns entities with different numbers of related entities.
fn parents<'m>(model: &'m Model, relation: &RelationInfo) -> Vec<Node<'m>> {
    let size = |from: &Node<'_>| model.related(relation, *from, &Sort::default()).len();
    let mut parents = model.all(relation.from, &Sort::default());
    parents.sort_by_key(size);
    parents.dedup_by_key(|from| size(from));
    parents
}

fn entity_pages_are_complete_and_ordered(database: &FreshDatabase) {
    let conn = &mut database.connection();
    let Fixture { model, .. } = &Fixture::store(conn);
    for entity in entities() {
        visit_entity(entity, EntityPages { conn, model });
    }
}

fn relation_pages_are_complete_and_ordered(database: &FreshDatabase) {
    let conn = &mut database.connection();
    let Fixture { model, .. } = &Fixture::store(conn);
    for relation in to_many_relations() {
        let parents = parents(model, relation);
        assert!(parents.len() > 1, "{}.{}", relation.from.name, relation.name);
        for from in parents {
            visit_to_many(relation, RelationPages { conn, model, from });
        }
    }
}

fn random_catalogue_pages_are_ordered(database: &FreshDatabase) {
    let conn = &mut database.connection();
    let is_in_catalogue = |relation: &&RelationInfo| CATALOG.entities.contains(&relation.from);
    for seed in 100..103 {
        let c = Catalogue::random(seed);
        c.replace(database, conn);
        let model = &c.model();
        for entity in CATALOG.entities {
            visit_entity(entity, EntityPages { conn, model });
        }
        for relation in to_many_relations().filter(is_in_catalogue) {
            for from in parents(model, relation) {
                visit_to_many(relation, RelationPages { conn, model, from });
            }
        }
    }
}

fn page_continues_after_deleted_entity(database: &FreshDatabase) {
    let c = Catalogue::small();
    let mut conn = database.connection();
    c.store(&mut conn);
    for raw in ["title", "-published_date", "created_at"] {
        let sort = Sort::parse(Book::INFO, raw).unwrap();
        let model = c.model();
        let order: Vec<BookId> = model
            .all(Book::INFO, &sort)
            .iter()
            .map(|node| node.key().parse().ok().unwrap())
            .collect();
        let deleted = c.books.iter().find(|book| book.uid == order[2]).unwrap();
        let values = sort.terms().iter().map(|term| deleted.sort_value(term.field)).collect();
        let deleted_at = KeysetPosition { values, key: deleted.uid };
        conn.delete::<Book>(deleted.uid).unwrap();
        let mut page = |start| {
            let request = PageRequest { limit: 100, sort: sort.clone(), start };
            let (filter, all) = (BookFilter::default(), Filter::everything());
            let page = conn.page::<Book>(&filter, &all, &request, &Include::nothing()).unwrap();
            let keys: Vec<_> = page.entities.as_slice().iter().map(|book| book.uid).collect();
            (keys, page.has_previous, page.has_next)
        };
        let after = page(PageStart::After(deleted_at.clone()));
        assert_eq!(after, (order[3..].to_vec(), true, false), "{raw}");
        let before = page(PageStart::Before(deleted_at));
        assert_eq!(before, (order[..2].to_vec(), false, true), "{raw}");
        conn.insert(deleted.clone()).unwrap();
    }
}

fn missing_parent_has_no_page(database: &FreshDatabase) {
    let c = Catalogue::small();
    let mut conn = database.connection();
    c.store(&mut conn);
    let (request, none) = (PageRequest::newest(5), Include::nothing());
    let missing = UserId::from_uuid(c.new_id().uid());
    assert!(conn.related::<UserBooks>(missing, &request, &none).unwrap().is_none());
    let dora = c.users[3].uid;
    let empty = conn.related::<UserBooks>(dora, &request, &none).unwrap().unwrap();
    assert!(empty.entities.as_slice().is_empty() && !empty.has_next);

    let request = PageRequest::newest(5);
    let missing = BookId::from_uuid(c.new_id().uid());
    assert!(conn.related::<BookTags>(missing, &request, &none).unwrap().is_none());
    let request = PageRequest::newest(5);
    let missing = TagId::from_uuid(c.new_id().uid());
    assert!(conn.related::<TagBooks>(missing, &request, &none).unwrap().is_none());
}
