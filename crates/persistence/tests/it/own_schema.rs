//! The relation layer on other tables: two foreign keys to one parent, a relation of a table to
//! itself, and link data.

#![expect(unreachable_pub, reason = "relations are public types, and so is what they lead to")]

use diesel::prelude::*;
use recto_relations::relations;
use recto_relations::{
    AnyEntities as _, Entity, EntityInfo, Filter, Include, Key, LinkData, NotLoaded, PageRequest,
    PageStart, Relation, Sort, SortField, SortValue, View, paths,
};
use recto_relations_diesel::{
    Corrupt, HasMany, ManyToMany, MappedMany, Page, SameTable, SortColumn, Stored, map_relations,
};
use recto_testkit::both_engines;
use recto_testkit::database::FreshDatabase;
use serde::Serialize;

both_engines!(
    two_keys_make_two_relations,
    self_reference_is_navigable_both_ways,
    link_data_is_on_both_sides,
    relations_are_counted,
    relations_are_paged,
    each_edge_takes_one_statement,
    unloaded_relation_is_an_error,
);

diesel::table! {
    people (id) {
        id -> BigInt,
        name -> Text,
    }
}

diesel::table! {
    messages (id) {
        id -> BigInt,
        body -> Text,
        sender_id -> BigInt,
        recipient_id -> Nullable<BigInt>,
        answers_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    circles (id) {
        id -> BigInt,
        name -> Text,
    }
}

diesel::table! {
    memberships (person_id, circle_id) {
        person_id -> BigInt,
        circle_id -> BigInt,
        duty -> Text,
    }
}

// Diesel allows one join for two tables; relations use their own keys.
diesel::joinable!(messages -> people (sender_id));
diesel::joinable!(memberships -> people (person_id));
diesel::joinable!(memberships -> circles (circle_id));
diesel::allow_tables_to_appear_in_same_query!(circles, memberships, messages, people);

const TABLES: &str = "
    CREATE TABLE people (id BIGINT PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE messages (
        id BIGINT PRIMARY KEY,
        body TEXT NOT NULL,
        sender_id BIGINT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
        recipient_id BIGINT REFERENCES people (id) ON DELETE SET NULL,
        answers_id BIGINT REFERENCES messages (id) ON DELETE SET NULL
    );
    CREATE TABLE circles (id BIGINT PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE memberships (
        person_id BIGINT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
        circle_id BIGINT NOT NULL REFERENCES circles (id) ON DELETE CASCADE,
        duty TEXT NOT NULL,
        PRIMARY KEY (person_id, circle_id)
    );
    INSERT INTO people VALUES (1, 'Ada'), (2, 'Bob'), (3, 'Cleo');
    INSERT INTO messages VALUES
        (10, 'Hello', 1, 2, NULL),
        (11, 'Hello yourself', 2, 1, 10),
        (12, 'Hello from me, too', 3, 1, 10),
        (13, 'To nobody', 1, NULL, NULL),
        (14, 'To myself', 1, 1, 13);
    INSERT INTO circles VALUES (20, 'Readers'), (21, 'Writers');
    INSERT INTO memberships VALUES
        (1, 20, 'chair'), (1, 21, 'guest'), (2, 20, 'member'), (3, 20, 'treasurer');
";

/// Defines an entity and its mapping to a row.
macro_rules! entity {
    ($entity:ident, $row:ident in $table:ident { $($member:ident: $type:ty),+ } sorts [$($sort:ident)?]) => {
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
        pub struct $entity {
            pub id: i64,
            $(pub $member: $type,)+
        }

        impl Entity for $entity {
            type Key = i64;

            const INFO: &'static EntityInfo = &EntityInfo {
                name: stringify!($entity),
                collection: stringify!($table),
                key: "id",
                fields: &[],
                sorts: &[$(SortField::text(stringify!($sort)),)? SortField::creation()],
                weight: 1,
                module: <Self as recto_relations::InModule>::module,
            };

            fn key(&self) -> i64 {
                self.id
            }

            fn sort_value(&self, field: &SortField) -> SortValue {
                match field.name {
                    $(stringify!($sort) => SortValue::Text(self.$sort.clone()),)?
                    _ => SortValue::Empty,
                }
            }
        }

        impl TryFrom<$row> for $entity {
            type Error = Error;

            fn try_from(row: $row) -> Result<Self, Error> {
                Ok(Self { id: row.id, $($member: row.$member),+ })
            }
        }

        impl Stored<PostOffice> for $entity {
            type Row = $row;
            type Filter = ();
            const SORTS: &'static [SortColumn] =
                &[$(SortColumn::new(stringify!($sort), &$table::$sort))?];
        }
    };
}

entity!(Person, PersonRow in people { name: String } sorts [name]);
entity!(Message, MessageRow in messages { body: String, sender_id: i64, recipient_id: Option<i64>, answers_id: Option<i64> } sorts [body]);
entity!(Circle, CircleRow in circles { name: String } sorts []);

/// The data of a membership.
#[derive(Clone, Debug, Hash, Serialize)]
pub struct Membership {
    duty: String,
}

impl LinkData for Membership {}

#[derive(Queryable, Selectable, Identifiable)]
#[diesel(table_name = people)]
pub struct PersonRow {
    id: i64,
    name: String,
}

/// People as those who receive a message.
#[derive(Identifiable)]
#[diesel(table_name = people)]
pub struct RecipientRow {
    id: i64,
}

#[derive(Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = messages)]
#[diesel(belongs_to(PersonRow, foreign_key = sender_id))]
#[diesel(belongs_to(RecipientRow, foreign_key = recipient_id))]
#[diesel(belongs_to(MessageRow, foreign_key = answers_id))]
pub struct MessageRow {
    id: i64,
    body: String,
    sender_id: i64,
    recipient_id: Option<i64>,
    answers_id: Option<i64>,
}

#[derive(Queryable, Selectable, Identifiable)]
#[diesel(table_name = circles)]
pub struct CircleRow {
    id: i64,
    name: String,
}

#[derive(Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = memberships, primary_key(person_id, circle_id))]
#[diesel(belongs_to(PersonRow, foreign_key = person_id))]
#[diesel(belongs_to(CircleRow, foreign_key = circle_id))]
pub struct MembershipRow {
    person_id: i64,
    circle_id: i64,
    duty: String,
}

impl From<MembershipRow> for Membership {
    fn from(row: MembershipRow) -> Self {
        Self { duty: row.duty }
    }
}

relations! {
    /// Letters, and who writes to whom.
    pub static POST_OFFICE = "post_office": Person, Message, Circle;

    /// The messages of a sender, and the sender of a message.
    PersonSent = Person.sent: Many <=> MessageSender = Message.sender: One(sender_id), on delete Cascade;
    /// The messages of a recipient, and the recipient of a message.
    PersonReceived = Person.received: Many <=> MessageRecipient = Message.recipient: Optional(recipient_id), on delete SetNull;
    /// The answers to a message, and the message that it answers.
    MessageAnswers = Message.answers: Many <=> MessageQuestion = Message.question: Optional(answers_id), on delete SetNull;
    /// The circles somebody is in, and who is in a circle.
    PersonCircles = Person.circles: Many <=> CircleMembers = Circle.members: Many, through memberships(person_id, circle_id) with Membership { duty }, on delete Cascade;
}

pub enum PostOffice {}

type Connection = recto_relations_diesel::Connection<PostOffice>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Database(#[from] diesel::result::Error),
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    #[error(transparent)]
    Never(#[from] std::convert::Infallible),
}

map_relations! { PostOffice, Error;
    PersonSent <=> MessageSender: HasMany<PersonRow, MessageRow>;
    PersonReceived <=> MessageRecipient: HasMany<RecipientRow, MessageRow>;
    MessageAnswers <=> MessageQuestion: HasMany<MessageRow, MessageRow, SameTable>;
    PersonCircles <=> CircleMembers: ManyToMany<PersonRow, MembershipRow, CircleRow>;
}

const ADA: i64 = 1;
const BOB: i64 = 2;
const HELLO: i64 = 10;
const READERS: i64 = 20;

fn post_office(database: &FreshDatabase) -> Connection {
    database.execute(TABLES).unwrap();
    database.connection_of()
}

fn everybody(conn: &mut Connection, include: &str) -> Page<Person> {
    let include = Include::parse(Person::INFO, include).unwrap();
    conn.page::<Person>(&(), &Filter::everything(), &PageRequest::newest(100), &include).unwrap()
}

/// Returns the keys of related entities.
fn keys<'g, E: Entity<Key = i64>>(views: impl Iterator<Item = View<'g, E>>) -> Vec<i64> {
    views.map(|view| view.key()).collect()
}

fn two_keys_make_two_relations(database: &FreshDatabase) {
    let mut conn = post_office(database);

    let everybody = everybody(&mut conn, "sent.recipient,received(sort:body).sender");
    let letters = |person: View<'_, Person>| -> Result<(Vec<i64>, Vec<i64>), NotLoaded> {
        Ok((keys(person.get(PersonSent)?), keys(person.get(PersonReceived)?)))
    };
    let letters: Vec<_> = everybody.entities.iter().map(|p| letters(p).unwrap()).collect();
    let expected = [(vec![12], vec![]), (vec![11], vec![10]), (vec![14, 13, 10], vec![12, 11, 14])];
    assert_eq!(letters, expected, "of Cleo, Bob and Ada");

    let ada = everybody.entities.iter().find(|person| person.id == ADA).unwrap();
    let recipients: Vec<Option<i64>> = ada
        .get(PersonSent)
        .unwrap()
        .map(|message| message.get(MessageRecipient).unwrap().map(|person| person.id))
        .collect();
    assert_eq!(recipients, [Some(ADA), None, Some(BOB)]);
    let senders = ada.get(PersonReceived).unwrap().map(|m| m.get(MessageSender).unwrap().id);
    assert_eq!(senders.collect::<Vec<_>>(), [3, BOB, ADA]);

    let none = Include::nothing();
    let sender = conn.related_one::<MessageSender>(12, &none).unwrap().unwrap();
    assert_eq!(sender.unwrap().as_slice()[0].name, "Cleo");
    assert!(conn.related_one::<MessageRecipient>(13, &none).unwrap().unwrap().is_none());
}

fn self_reference_is_navigable_both_ways(database: &FreshDatabase) {
    let mut conn = post_office(database);
    let include = Include::parse(Message::INFO, "answers.question,question").unwrap();

    let found = conn.find::<Message>(HELLO, &include).unwrap().unwrap();
    let hello = found.view(0).unwrap();
    assert!(hello.get(MessageQuestion).unwrap().is_none());
    assert_eq!(keys(hello.get(MessageAnswers).unwrap()), [12, 11]);
    for answer in hello.get(MessageAnswers).unwrap() {
        assert_eq!(answer.get(MessageQuestion).unwrap().unwrap().entity(), hello.entity());
    }
}

fn link_data_is_on_both_sides(database: &FreshDatabase) {
    let mut conn = post_office(database);

    let everybody = everybody(&mut conn, "circles.members");
    let ada = everybody.entities.iter().find(|person| person.id == ADA).unwrap();
    let duties = |person: &View<'_, Person>| -> Result<Vec<(String, String)>, NotLoaded> {
        person
            .get(PersonCircles)?
            .map(|c| Ok((c.name.clone(), c.link(PersonCircles)?.duty.clone())))
            .collect()
    };
    let expected = [("Writers", "guest"), ("Readers", "chair")];
    assert_eq!(duties(&ada).unwrap(), expected.map(|(name, duty)| (name.into(), duty.into())));

    let readers = ada.get(PersonCircles).unwrap().find(|circle| circle.id == READERS).unwrap();
    let members: Vec<_> = readers
        .get(CircleMembers)
        .unwrap()
        .map(|m| (m.entity().name.as_str(), m.link(CircleMembers).unwrap().duty.as_str()))
        .collect();
    assert_eq!(members, [("Cleo", "treasurer"), ("Bob", "member"), ("Ada", "chair")]);
    assert!(ada.link(CircleMembers).is_err(), "Ada was not reached over a circle");
}

fn relations_are_counted(database: &FreshDatabase) {
    let mut conn = post_office(database);
    let mut include = Include::nothing();
    include.count(Person::INFO, "sent,received,circles").unwrap();

    let (everybody, statements) = conn.recording(|conn| {
        conn.page::<Person>(&(), &Filter::everything(), &PageRequest::newest(100), &include)
            .unwrap()
    });
    assert_eq!(statements.len(), 4, "{statements:#?}");
    let counts: Vec<_> =
        everybody.entities.counts().iter().map(|c| (c.relation.name, c.numbers.clone())).collect();
    let expected =
        [("sent", vec![1, 1, 3]), ("received", vec![0, 1, 3]), ("circles", vec![1, 1, 2])];
    assert_eq!(counts, expected, "of Cleo, Bob and Ada");
}

/// Returns the keys of all pages of a relation.
fn walk<R>(conn: &mut Connection, parent: i64, limit: u32, sort: &Sort) -> Vec<i64>
where
    R: MappedMany<PostOffice, From: Entity<Key = i64>, To: Entity<Key = i64>>,
{
    let mut request = PageRequest { limit, sort: sort.clone(), start: PageStart::First };
    let mut walked = Vec::new();
    loop {
        let page = conn.related::<R>(parent, &request, &Include::nothing()).unwrap().unwrap();
        walked.extend(page.entities.as_slice().iter().map(Entity::key));
        if !page.has_next {
            return walked;
        }
        let last = page.entities.iter().last().unwrap().position(sort);
        request.start = PageStart::After(last);
    }
}

fn relations_are_paged(database: &FreshDatabase) {
    let mut conn = post_office(database);
    let (newest, by_body) = (Sort::default(), Sort::parse(Message::INFO, "body").unwrap());

    for limit in 1..=4 {
        assert_eq!(walk::<PersonSent>(&mut conn, ADA, limit, &newest), [14, 13, 10]);
        assert_eq!(walk::<PersonReceived>(&mut conn, ADA, limit, &by_body), [12, 11, 14]);
        assert_eq!(walk::<MessageAnswers>(&mut conn, HELLO, limit, &newest), [12, 11]);
        assert_eq!(walk::<CircleMembers>(&mut conn, READERS, limit, &newest), [3, 2, 1]);
    }
    let everybody = everybody(&mut conn, "received(limit:2,sort:-body)");
    let ada = everybody.entities.iter().find(|person| person.id == ADA).unwrap();
    let received = ada.get(PersonReceived).unwrap();
    assert!(received.more());
    assert_eq!(keys(received), [14, 11]);
}

fn each_edge_takes_one_statement(database: &FreshDatabase) {
    fn all<E>(conn: &mut Connection)
    where
        E: Stored<PostOffice, Filter = (), Key: Key>,
    {
        for path in paths(E::INFO, 3) {
            let include = Include::parse(E::INFO, &path).unwrap();
            let (found, statements) = conn.recording(|conn| {
                conn.page::<E>(&(), &Filter::everything(), &PageRequest::newest(100), &include)
            });
            assert!(!found.unwrap().entities.as_slice().is_empty());
            assert_eq!(statements.len(), 1 + include.relation_count(), "{}: {path}", E::INFO.name);
        }
    }
    let mut conn = post_office(database);
    // A thread for every path to have related entities: empty keys take no statement.
    let thread = "INSERT INTO messages VALUES
        (15, 'a', 1, 2, 14), (16, 'b', 2, 1, 15), (17, 'c', 1, 2, 16)";
    database.execute(thread).unwrap();
    all::<Person>(&mut conn);
    all::<Message>(&mut conn);
    all::<Circle>(&mut conn);
}

fn unloaded_relation_is_an_error(database: &FreshDatabase) {
    let mut conn = post_office(database);

    // Cleo received nothing: an empty list if it was included, otherwise an error.
    let included = everybody(&mut conn, "received");
    let cleo = included.entities.view(0).unwrap();
    assert_eq!(cleo.get(PersonReceived).unwrap().len(), 0);
    let not_loaded = |relation: &'static str| NotLoaded { entity: "Person", relation };
    assert_eq!(cleo.get(PersonSent).unwrap_err(), not_loaded(PersonSent::INFO.name));

    let not_included = everybody(&mut conn, "sent");
    let cleo = not_included.entities.view(0).unwrap();
    assert_eq!(cleo.get(PersonReceived).unwrap_err(), not_loaded("received"));
    assert_eq!(
        cleo.get(PersonReceived).unwrap_err().to_string(),
        "Person.received was not loaded: include \"received\" when loading Person"
    );
    let message = cleo.get(PersonSent).unwrap().next().unwrap();
    assert!(message.get(MessageSender).is_err(), "nor is the entity that it was reached from");
}
