//! The SQL of queries, and the indexes that the engines use for it.

use std::fmt::Write as _;

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use diesel::{Connection as _, PgConnection, RunQueryDsl as _};
use recto_domain::{Book, Company, Employee, Student, TagBooks};
use recto_persistence::catalog::BookFilter;
use recto_persistence::{Connection, PageRequest, Recto, Stored};
use recto_relations::{
    Entity, Filter, Include, KeysetPosition, PageStart, RelationInfo, Sort, SortField, Storage,
};
use recto_testkit::both_engines;
use recto_testkit::database::{Engine, FreshDatabase};

use crate::support::catalogue::Catalogue;
use crate::support::fixture::Fixture;
use crate::support::introspection::tables;
use crate::support::model::Model;
use crate::support::modules::Modules;
use crate::support::visit::{EntityVisitor, entities, to_many_relations, visit_entity};

both_engines!(
    book_sorts_use_indexes,
    children_use_the_foreign_key_index,
    page_sql_matches_snapshot,
    include_sql_matches_snapshot,
    module_sql_matches_snapshot,
);

/// Returns the statements that `work` sends, without bound values.
fn statements<T>(conn: &mut Connection, work: impl FnOnce(&mut Connection) -> T) -> Vec<String> {
    let (_, statements) = conn.recording(work);
    let sql = |statement: &String| statement.split(" -- binds:").next().unwrap().to_owned();
    statements.iter().map(sql).collect()
}

/// Returns the query plan of a statement for any values.
fn plan(database: &FreshDatabase, sql: &str) -> String {
    match database.engine() {
        Engine::Sqlite => plan_of_sqlite(database, sql),
        Engine::Postgres => plan_of_postgres(database, sql),
    }
}

fn plan_of_sqlite(database: &FreshDatabase, sql: &str) -> String {
    #[derive(diesel::QueryableByName)]
    struct Step {
        #[diesel(sql_type = Text)]
        detail: String,
    }
    let url = database.url();
    let file = url.path().unwrap().to_str().unwrap();
    let mut conn = diesel::SqliteConnection::establish(file).unwrap();
    let steps: Vec<Step> =
        diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load(&mut conn).unwrap();
    steps.iter().map(|step| step.detail.as_str()).collect::<Vec<_>>().join("\n")
}

/// PostgreSQL would scan and sort such small tables. The settings show whether it can avoid that.
fn plan_of_postgres(database: &FreshDatabase, sql: &str) -> String {
    #[derive(diesel::QueryableByName)]
    struct Step {
        #[diesel(sql_type = Text)]
        step: String,
    }
    let mut conn = PgConnection::establish(&database.url().to_string()).unwrap();
    // The statement does not contain the type of a list of keys.
    let mut integer_keyed = entities().filter(|entity| entity.key == "id");
    let is_integer_keyed = integer_keyed.any(|entity| {
        sql.starts_with(&format!("SELECT \"{}\"", entity.collection))
            || sql.contains(&format!("\"{}\".\"id\"", entity.collection))
    });
    let list = if is_integer_keyed { "$1::bigint[]" } else { "$1::uuid[]" };
    let sql = sql
        .replace("unnest($1)", &format!("unnest({list})"))
        .replace("ANY($1)", &format!("ANY({list})"));
    let values = (1..100).take_while(|number| sql.contains(&format!("${number}"))).count();
    let values =
        if values == 0 { String::new() } else { format!("({})", vec!["NULL"; values].join(", ")) };
    conn.batch_execute(&format!(
        "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;
         SET enable_incremental_sort = off; SET plan_cache_mode = force_generic_plan;
         CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS
         $$BEGIN RETURN QUERY EXECUTE query; END$$;
         PREPARE statement AS {sql};"
    ))
    .unwrap_or_else(|error| panic!("{error}: {sql}"));
    let steps: Vec<Step> = diesel::sql_query(format!(
        "SELECT step FROM pg_temp.plan('EXPLAIN (COSTS OFF) EXECUTE statement{values}') AS step"
    ))
    .load(&mut conn)
    .unwrap();
    steps.iter().map(|step| step.step.as_str()).collect::<Vec<_>>().join("\n")
}

fn has_sort_step(plan: &str) -> bool {
    plan.contains("USE TEMP B-TREE") || plan.contains("Sort Key")
}

fn stored(database: &FreshDatabase) -> (Catalogue, Connection) {
    let c = Catalogue::small();
    let mut conn = database.connection();
    c.store(&mut conn);
    (c, conn)
}

/// Returns the statements of the first page of books, of those around `book`, and of the last.
fn book_pages(conn: &mut Connection, book: &Book, raw: &str) -> [String; 4] {
    let sort = if raw.is_empty() { Sort::default() } else { Sort::parse(Book::INFO, raw).unwrap() };
    let values = sort.terms().iter().map(|term| book.sort_value(term.field)).collect();
    let at = KeysetPosition { values, key: book.uid };
    let before = PageStart::Before(at.clone());
    [PageStart::First, PageStart::After(at), before, PageStart::Last].map(|start| {
        let request = PageRequest { limit: 20, sort: sort.clone(), start };
        let sent = statements(conn, |conn| {
            conn.page::<Book>(
                &BookFilter::default(),
                &Filter::everything(),
                &request,
                &Include::nothing(),
            )
            .unwrap()
        });
        assert_eq!(sent.len(), 1);
        sent.concat()
    })
}

/// Returns the index for sorting books by a field.
fn book_index(engine: Engine, field: &SortField, descending: bool) -> String {
    let direction = if descending { "desc" } else { "asc" };
    match (field.follows_key(), engine) {
        (true, Engine::Sqlite) => "sqlite_autoindex_books_1".to_owned(),
        (true, Engine::Postgres) => "books_pkey".to_owned(),
        (false, _) if field.nullable => format!("books_{}_{direction}_idx", field.name),
        (false, _) => format!("books_{}_idx", field.name),
    }
}

fn book_sorts_use_indexes(database: &FreshDatabase) {
    let (c, mut conn) = stored(database);
    let engine = database.engine();
    let mut cases = vec![(String::new(), book_index(engine, &SortField::creation(), true))];
    for field in Book::INFO.sorts {
        cases.push((field.name.to_owned(), book_index(engine, field, false)));
        cases.push((format!("-{}", field.name), book_index(engine, field, true)));
    }
    for (sort, index) in &cases {
        // A page after a book with all values, and one after a book without optional values.
        for title in ["Dune", "zebra"] {
            for sql in book_pages(&mut conn, c.titled(title), sort) {
                let plan = plan(database, &sql);
                assert!(plan.contains(index), "sort={sort}\n{sql}\n{plan}");
                assert!(!has_sort_step(&plan), "sort={sort}\n{sql}\n{plan}");
                let is_later_page = sql.contains(" >= (") || sql.contains(" <= (");
                let seeks = match engine {
                    Engine::Sqlite => plan.contains("SEARCH books"),
                    Engine::Postgres => plan.contains("Index Cond"),
                };
                assert_eq!(is_later_page, seeks, "sort={sort}\n{sql}\n{plan}");
            }
        }
    }
}

/// Returns the statements that load a relation of several parents, and of one.
struct ChildStatements<'a> {
    conn: &'a mut Connection,
    relation: &'static RelationInfo,
}

impl EntityVisitor for ChildStatements<'_> {
    type Output = [String; 2];

    fn visit<E: Stored<Recto, Filter: Default>>(self) -> [String; 2] {
        let Self { conn, relation } = self;
        let (filter, everything) = (E::Filter::default(), Filter::everything());
        let include = Include::parse(E::INFO, relation.name).unwrap();
        let per_parent = statements(conn, |conn| {
            conn.page::<E>(&filter, &everything, &PageRequest::newest(20), &include).unwrap()
        });
        let newest = PageRequest::newest(1);
        let parent = conn.page::<E>(&filter, &everything, &newest, &Include::nothing()).unwrap();
        let parent = parent.entities.as_slice()[0].key();
        let for_one = statements(conn, |conn| conn.find::<E>(parent, &include).unwrap());
        [per_parent, for_one].map(|mut statements| {
            assert_eq!(statements.len(), 2);
            statements.pop().unwrap()
        })
    }
}

/// Returns a part of the query plan for each index that loads the children of a relation, and
/// whether the index is in order.
fn child_indexes(database: &FreshDatabase, relation: &RelationInfo) -> (Vec<String>, bool) {
    match relation.storage {
        Storage::ForeignKey { table, column } => (vec![format!("{table}_{column}_idx")], true),
        Storage::Link { table, from, .. } => {
            let columns = &tables(database)[table];
            let begins_key = columns.iter().any(|column| column.name == from && column.key == 1);
            let index = match (database.engine(), relation.order, begins_key) {
                // The index of the second constraint, which is unique.
                (Engine::Sqlite, Some(_), _) => format!("sqlite_autoindex_{table}_2 ({from}=?)"),
                (Engine::Postgres, Some(order), _) => format!("{table}_{from}_{}_key", order.name),
                (Engine::Sqlite, None, true) => format!("USING PRIMARY KEY ({from}=?)"),
                (Engine::Postgres, None, true) => format!("{table}_pkey"),
                (_, None, false) => format!("{table}_{from}_idx"),
            };
            (vec![index], true)
        }
        Storage::Through { first, second } => {
            let first = relation.from.relation(first).unwrap();
            let second = first.to.relation(second).unwrap();
            let (mut indexes, _) = child_indexes(database, first);
            indexes.extend(child_indexes(database, second).0);
            (indexes, false)
        }
    }
}

fn children_use_the_foreign_key_index(database: &FreshDatabase) {
    let conn = &mut database.connection();
    Fixture::store(conn);
    for relation in to_many_relations() {
        let name = format!("{}.{}", relation.from.name, relation.name);
        let (indexes, in_order) = child_indexes(database, relation);
        // PostgreSQL, which must not sort here, uses another plan.
        if !in_order && database.engine() == Engine::Postgres {
            continue;
        }
        for sql in visit_entity(relation.from, ChildStatements { conn, relation }) {
            let plan = plan(database, &sql);
            for index in &indexes {
                assert!(plan.contains(index), "{name} without {index}\n{sql}\n{plan}");
            }
            assert!(!in_order || !has_sort_step(&plan), "{name}\n{sql}\n{plan}");
        }
    }
}

fn page_sql_matches_snapshot(database: &FreshDatabase) {
    let (c, mut conn) = stored(database);
    let mut sql = String::new();
    for sort in ["", "title", "-published_date", "-published_date,title"] {
        let [first, next, ..] = book_pages(&mut conn, c.titled("Dune"), sort);
        writeln!(sql, "sort={sort}\n{first}\nafter Dune\n{next}").unwrap();
    }
    let [_, next, ..] = book_pages(&mut conn, c.titled("zebra"), "published_date");
    writeln!(sql, "sort=published_date, after a book without a date\n{next}").unwrap();
    let tag = c.tags[0].uid;
    let sort = Sort::parse(Book::INFO, "title").unwrap();
    let request = PageRequest { limit: 7, sort, start: PageStart::First };
    let for_one = statements(&mut conn, |conn| {
        conn.related::<TagBooks>(tag, &request, &Include::nothing()).unwrap()
    });
    write!(sql, "books of a tag, seven by title\n{}", for_one.join("\n")).unwrap();
    insta::assert_snapshot!(format!("pages_{}", database.engine()), sql);
}

fn include_sql_matches_snapshot(database: &FreshDatabase) {
    let (_, mut conn) = stored(database);
    let mut sql = String::new();
    for include in ["user", "reviews", "tags", "tags(limit:5,sort:name)", "reviews(sort:-rating)"] {
        let parsed = Include::parse(Book::INFO, include).unwrap();
        let sent = statements(&mut conn, |conn| {
            conn.page::<Book>(
                &BookFilter::default(),
                &Filter::everything(),
                &PageRequest::newest(20),
                &parsed,
            )
            .unwrap()
        });
        writeln!(sql, "{include}\n{}", sent[1]).unwrap();
    }
    let mut counts = Include::nothing();
    counts.count(Book::INFO, "reviews,tags").unwrap();
    let sent = statements(&mut conn, |conn| {
        conn.page::<Book>(
            &BookFilter::default(),
            &Filter::everything(),
            &PageRequest::newest(20),
            &counts,
        )
        .unwrap()
    });
    write!(sql, "counts\n{}", sent[1..].join("\n")).unwrap();
    insta::assert_snapshot!(format!("includes_{}", database.engine()), sql);
}

fn module_sql_matches_snapshot(database: &FreshDatabase) {
    fn add<E: Stored<Recto, Filter: Default>>(
        conn: &mut Connection,
        sql: &mut String,
        includes: &[&str],
    ) {
        for include in includes {
            let parsed = Include::parse(E::INFO, include).unwrap();
            let sent = statements(conn, |conn| {
                conn.page::<E>(
                    &E::Filter::default(),
                    &Filter::everything(),
                    &PageRequest::newest(20),
                    &parsed,
                )
                .unwrap()
            });
            writeln!(sql, "{}: {include}\n{}", E::INFO.name, sent[1]).unwrap();
        }
    }
    let conn = &mut database.connection();
    let modules = Modules::store(conn, &mut Model::default());
    let mut sql = String::new();
    add::<Student>(conn, &mut sql, &["courses", "courses(limit:5,sort:title)"]);
    add::<Company>(conn, &mut sql, &["employees", "employees(limit:5,sort:name)"]);
    add::<Employee>(conn, &mut sql, &["company", "manager", "reports"]);
    let include = Include::parse(Company::INFO, "employees").unwrap();
    let for_one = statements(conn, |conn| conn.find::<Company>(modules.company, &include).unwrap());
    writeln!(sql, "one Company: employees\n{}", for_one[1]).unwrap();
    let mut counts = Include::nothing();
    counts.count(Company::INFO, "departments,employees").unwrap();
    let counted = statements(conn, |conn| {
        conn.page::<Company>(&(), &Filter::everything(), &PageRequest::newest(20), &counts).unwrap()
    });
    write!(sql, "Company: counts\n{}", counted[1..].join("\n")).unwrap();
    insta::assert_snapshot!(format!("modules_{}", database.engine()), sql);
}
