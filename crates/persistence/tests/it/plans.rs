//! How the engines go about the queries: the SQL there is, and that an index
//! gives the order where one is meant to.

use std::fmt::Write as _;

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use diesel::{Connection as _, PgConnection, RunQueryDsl as _};
use recto_domain::{
    AuthorBooks, Book, BookContributors, BookReviews, BookTags, Company, CompanyDepartments,
    CompanyEmployees, CourseStudents, DepartmentEmployees, Employee, EmployeeReports, PostComments,
    Student, StudentCourses, TagBooks, UserBooks, UserReviews,
};
use recto_persistence::catalog::BookFilter;
use recto_persistence::{Connection, MappedMany, PageRequest, Recto, Stored};
use recto_relations::{Entity, Filter, Include, KeysetPosition, Sort};
use recto_testkit::both_engines;
use recto_testkit::database::{Engine, Fresh};

use crate::catalogue::Catalogue;
use crate::rooms::{MODULES, Rooms};

both_engines!(
    each_sort_of_books_is_an_index,
    children_come_from_the_index_under_their_key,
    the_sql_of_pages_is_known,
    the_sql_of_includes_is_known,
    the_rooms_come_from_the_index_under_their_key,
    the_sql_of_the_rooms_is_known,
);

/// The statements that `work` sends, without the values bound to them.
fn statements<T>(conn: &mut Connection, work: impl FnOnce(&mut Connection) -> T) -> Vec<String> {
    let (_, statements) = conn.recording(work);
    let sql = |statement: &String| statement.split(" -- binds:").next().unwrap().to_owned();
    statements.iter().map(sql).collect()
}

/// How the engine would run a statement, whatever the values.
fn plan(database: &Fresh, sql: &str) -> String {
    match database.engine() {
        Engine::Sqlite => plan_of_sqlite(database, sql),
        Engine::Postgres => plan_of_postgres(database, sql),
    }
}

fn plan_of_sqlite(database: &Fresh, sql: &str) -> String {
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

/// The tables are small, so that PostgreSQL would read them whole and sort;
/// what is asked here is whether it can do without.
fn plan_of_postgres(database: &Fresh, sql: &str) -> String {
    #[derive(diesel::QueryableByName)]
    struct Step {
        #[diesel(sql_type = Text)]
        step: String,
    }
    let mut conn = PgConnection::establish(&database.url().to_string()).unwrap();
    // The binder, not the text, knows that this one is a list of keys.
    let integer_keyed = MODULES[1..].iter().flat_map(|room| room.relations);
    let is_integer_keyed = integer_keyed.into_iter().any(|relation| {
        sql.starts_with(&format!("SELECT \"{}\"", relation.to.collection))
            || sql.contains(&format!("\"{}\".\"id\"", relation.to.collection))
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
         PREPARE asked AS {sql};"
    ))
    .unwrap_or_else(|error| panic!("{error}: {sql}"));
    let steps: Vec<Step> = diesel::sql_query(format!(
        "SELECT step FROM pg_temp.plan('EXPLAIN (COSTS OFF) EXECUTE asked{values}') AS step"
    ))
    .load(&mut conn)
    .unwrap();
    steps.iter().map(|step| step.step.as_str()).collect::<Vec<_>>().join("\n")
}

fn sorts_by_itself(plan: &str) -> bool {
    plan.contains("USE TEMP B-TREE") || plan.contains("Sort Key")
}

fn stored(database: &Fresh) -> (Catalogue, Connection) {
    let c = Catalogue::small();
    let mut conn = database.connection();
    c.store(&mut conn);
    (c, conn)
}

/// The first page of books in that order, and the one behind the book `after`.
fn book_pages(conn: &mut Connection, after: &Book, raw: &str) -> [String; 2] {
    let sort = if raw.is_empty() { Sort::default() } else { Sort::parse(Book::INFO, raw).unwrap() };
    let values = sort.terms().iter().map(|term| after.sort_value(term.field)).collect();
    let position = KeysetPosition { values, key: after.uid };
    [None, Some(position)].map(|after| {
        let request = PageRequest { limit: 20, sort: sort.clone(), after };
        let asked = statements(conn, |conn| {
            conn.page::<Book>(
                &BookFilter::default(),
                &Filter::everything(),
                &request,
                &Include::nothing(),
            )
            .unwrap()
        });
        assert_eq!(asked.len(), 1);
        asked.concat()
    })
}

fn each_sort_of_books_is_an_index(database: &Fresh) {
    let (c, mut conn) = stored(database);
    let key = match database.engine() {
        Engine::Sqlite => "sqlite_autoindex_books_1",
        Engine::Postgres => "books_pkey",
    };
    for (sort, index) in [
        ("", key),
        ("created_at", key),
        ("-created_at", key),
        ("title", "books_title_idx"),
        ("-title", "books_title_idx"),
        ("author", "books_author_idx"),
        ("-author", "books_author_idx"),
        ("published_date", "books_published_date_asc_idx"),
        ("-published_date", "books_published_date_desc_idx"),
        ("page_count", "books_page_count_asc_idx"),
        ("-page_count", "books_page_count_desc_idx"),
    ] {
        // One behind a book that has a value, one behind a book that has none.
        for title in ["Dune", "zebra"] {
            for sql in book_pages(&mut conn, c.titled(title), sort) {
                let plan = plan(database, &sql);
                assert!(plan.contains(index), "sort={sort}\n{sql}\n{plan}");
                assert!(!sorts_by_itself(&plan), "sort={sort}\n{sql}\n{plan}");
                let behind = sql.contains(" > (") || sql.contains(" < (");
                let begins_there = match database.engine() {
                    Engine::Sqlite => plan.contains("SEARCH books"),
                    Engine::Postgres => plan.contains("Index Cond"),
                };
                assert_eq!(behind, begins_there, "sort={sort}\n{sql}\n{plan}");
            }
        }
    }
}

/// The statement that loads a relation of several parents, and of one.
fn children<R: MappedMany<Recto>>(
    conn: &mut Connection,
    filter: &<R::From as Stored<Recto>>::Filter,
) -> [String; 2] {
    let include = Include::parse(R::From::INFO, R::INFO.name).unwrap();
    let per_parent = statements(conn, |conn| {
        conn.page::<R::From>(filter, &Filter::everything(), &PageRequest::newest(20), &include)
            .unwrap()
    });
    let parent = conn
        .page::<R::From>(
            filter,
            &Filter::everything(),
            &PageRequest::newest(1),
            &Include::nothing(),
        )
        .unwrap();
    let parent = parent.entities.as_slice()[0].key();
    let for_one = statements(conn, |conn| conn.find::<R::From>(parent, &include).unwrap());
    [per_parent, for_one].map(|mut statements| {
        assert_eq!(statements.len(), 2);
        statements.pop().unwrap()
    })
}

fn children_come_from_the_index_under_their_key(database: &Fresh) {
    let (_, mut conn) = stored(database);
    let (conn, all) = (&mut conn, BookFilter::default());
    let (books_by_tag, tags_by_book) = match database.engine() {
        Engine::Sqlite => ("book_tags_tag_id_idx", "USING PRIMARY KEY (book_id=?)"),
        Engine::Postgres => ("book_tags_tag_id_idx", "book_tags_pkey"),
    };
    // In SQLite's words the unique index is that of the second constraint.
    let in_order = match database.engine() {
        Engine::Sqlite => "sqlite_autoindex_book_contributors_2 (book_id=?)",
        Engine::Postgres => "book_contributors_book_id_position_key",
    };
    for (relation, index, statements) in [
        ("User.books", "books_user_uid_idx", children::<UserBooks>(conn, &())),
        ("User.reviews", "reviews_user_uid_idx", children::<UserReviews>(conn, &())),
        ("Book.reviews", "reviews_book_uid_idx", children::<BookReviews>(conn, &all)),
        ("Book.tags", tags_by_book, children::<BookTags>(conn, &all)),
        ("Tag.books", books_by_tag, children::<TagBooks>(conn, &())),
        ("Book.contributors", in_order, children::<BookContributors>(conn, &all)),
        ("Author.books", "book_contributors_author_id_idx", children::<AuthorBooks>(conn, &())),
    ] {
        for sql in statements {
            let plan = plan(database, &sql);
            assert!(plan.contains(index), "{relation}\n{sql}\n{plan}");
            assert!(!sorts_by_itself(&plan), "{relation}\n{sql}\n{plan}");
        }
    }
}

fn the_sql_of_pages_is_known(database: &Fresh) {
    let (c, mut conn) = stored(database);
    let mut known = String::new();
    for sort in ["", "title", "-published_date", "-published_date,title"] {
        let [first, next] = book_pages(&mut conn, c.titled("Dune"), sort);
        writeln!(known, "sort={sort}\n{first}\nbehind Dune\n{next}").unwrap();
    }
    let [_, next] = book_pages(&mut conn, c.titled("zebra"), "published_date");
    writeln!(known, "sort=published_date, behind a book without a date\n{next}").unwrap();
    let tag = c.tags[0].uid;
    let sort = Sort::parse(Book::INFO, "title").unwrap();
    let request = PageRequest { limit: 7, sort, after: None };
    let for_one = statements(&mut conn, |conn| {
        conn.related::<TagBooks>(tag, &request, &Include::nothing()).unwrap()
    });
    write!(known, "books of a tag, seven by title\n{}", for_one.join("\n")).unwrap();
    insta::assert_snapshot!(format!("pages_{}", database.engine()), known);
}

fn the_sql_of_includes_is_known(database: &Fresh) {
    let (_, mut conn) = stored(database);
    let mut known = String::new();
    for include in ["user", "reviews", "tags", "tags(limit:5,sort:name)", "reviews(sort:-rating)"] {
        let parsed = Include::parse(Book::INFO, include).unwrap();
        let asked = statements(&mut conn, |conn| {
            conn.page::<Book>(
                &BookFilter::default(),
                &Filter::everything(),
                &PageRequest::newest(20),
                &parsed,
            )
            .unwrap()
        });
        writeln!(known, "{include}\n{}", asked[1]).unwrap();
    }
    let mut counts = Include::nothing();
    counts.count(Book::INFO, "reviews,tags").unwrap();
    let asked = statements(&mut conn, |conn| {
        conn.page::<Book>(
            &BookFilter::default(),
            &Filter::everything(),
            &PageRequest::newest(20),
            &counts,
        )
        .unwrap()
    });
    write!(known, "counts\n{}", asked[1..].join("\n")).unwrap();
    insta::assert_snapshot!(format!("includes_{}", database.engine()), known);
}

fn the_rooms_come_from_the_index_under_their_key(database: &Fresh) {
    let conn = &mut database.connection();
    Rooms::stored(conn);
    let courses_of = match database.engine() {
        Engine::Sqlite => "USING PRIMARY KEY (student_id=?)",
        Engine::Postgres => "student_courses_pkey",
    };
    for (relation, index, statements) in [
        ("Post.comments", "comments_post_id_idx", children::<PostComments>(conn, &())),
        ("Student.courses", courses_of, children::<StudentCourses>(conn, &())),
        ("Course.students", "student_courses_course_id_idx", children::<CourseStudents>(conn, &())),
        (
            "Company.departments",
            "departments_company_id_idx",
            children::<CompanyDepartments>(conn, &()),
        ),
        (
            "Department.employees",
            "employees_department_id_idx",
            children::<DepartmentEmployees>(conn, &()),
        ),
        ("Employee.reports", "employees_manager_id_idx", children::<EmployeeReports>(conn, &())),
    ] {
        for sql in statements {
            let plan = plan(database, &sql);
            assert!(plan.contains(index), "{relation}\n{sql}\n{plan}");
            assert!(!sorts_by_itself(&plan), "{relation}\n{sql}\n{plan}");
        }
    }
    // Those of several departments have to be put in order, but none else is
    // looked at. PostgreSQL, which is forbidden to sort here, goes another way.
    for sql in children::<CompanyEmployees>(conn, &()) {
        let plan = plan(database, &sql);
        if database.engine() == Engine::Postgres {
            continue;
        }
        for index in ["departments_company_id_idx", "employees_department_id_idx"] {
            assert!(plan.contains(index), "{sql}\n{plan}");
        }
    }
}

fn the_sql_of_the_rooms_is_known(database: &Fresh) {
    fn known<E: Stored<Recto, Filter = ()>>(
        conn: &mut Connection,
        known: &mut String,
        includes: &[&str],
    ) {
        for include in includes {
            let parsed = Include::parse(E::INFO, include).unwrap();
            let asked = statements(conn, |conn| {
                conn.page::<E>(&(), &Filter::everything(), &PageRequest::newest(20), &parsed)
                    .unwrap()
            });
            writeln!(known, "{}: {include}\n{}", E::INFO.name, asked[1]).unwrap();
        }
    }
    let conn = &mut database.connection();
    let rooms = Rooms::stored(conn);
    let mut sql = String::new();
    known::<Student>(conn, &mut sql, &["courses", "courses(limit:5,sort:title)"]);
    known::<Company>(conn, &mut sql, &["employees", "employees(limit:5,sort:name)"]);
    known::<Employee>(conn, &mut sql, &["company", "manager", "reports"]);
    let include = Include::parse(Company::INFO, "employees").unwrap();
    let for_one = statements(conn, |conn| conn.find::<Company>(rooms.company, &include).unwrap());
    writeln!(sql, "one Company: employees\n{}", for_one[1]).unwrap();
    let mut counts = Include::nothing();
    counts.count(Company::INFO, "departments,employees").unwrap();
    let counted = statements(conn, |conn| {
        conn.page::<Company>(&(), &Filter::everything(), &PageRequest::newest(20), &counts).unwrap()
    });
    write!(sql, "Company: counts\n{}", counted[1..].join("\n")).unwrap();
    insta::assert_snapshot!(format!("rooms_{}", database.engine()), sql);
}
