//! Classes of queries, and the time of a request.

use std::time::Duration;

use recto_persistence::{Error, Options};
use recto_testkit::both_engines;
use recto_testkit::database::{Engine, FreshDatabase, fresh};
use recto_testkit::server::TestServer;
use serde_json::json;

use crate::support::accounts::Clients;
use crate::support::assertions::{Expect as _, uid};
use crate::support::fixtures::add_book;

both_engines!(expensive_queries_have_own_threads, late_write_is_a_timeout);

fn server(database: FreshDatabase, request_timeout: Duration) -> TestServer {
    let options = Options { request_timeout, ..Options::default() };
    TestServer::with_options(database, options, TestServer::settings())
}

fn expensive_queries_have_own_threads(database: &FreshDatabase) {
    let server = server(fresh(database.engine()).unwrap(), Duration::from_mins(1));
    let Clients { ada, admin, .. } = Clients::create(&server);
    let book = add_book(&ada, "Emma");
    let book = format!("/books/{}", uid(&book));
    let is_expensive = |path: &str| {
        let before = server.database_statistics();
        admin.get(path).expect_status(200);
        let after = server.database_statistics();
        let cheap = after.reads.started - before.reads.started;
        let expensive = after.expensive_reads.started - before.expensive_reads.started;
        assert_eq!(cheap + expensive, 1, "{path}");
        expensive == 1
    };
    let reviews = format!("{book}/reviews");
    for cheap in [
        &book,
        &format!("{book}?include=user,reviews,tags,contributors"),
        &reviews,
        &format!("{reviews}?limit=30"),
        "/books?sort=title&limit=100",
        "/books?limit=100",
        "/books?language=en",
    ] {
        assert!(!is_expensive(cheap), "{cheap}");
    }
    for expensive in [
        "/books?limit=7&include=tags",
        "/books?limit=100&include=user",
        // Their texts may be long.
        "/blog/posts?limit=2",
        "/blog/posts?limit=1&include=comments(limit:3)",
        &format!("{reviews}?limit=32"),
        "/books?include=reviews.user.books",
        "/books?author=austen",
        "/books?language=en&tag=classics",
        "/books?sort=author,title",
        "/books?language=en&sort=title",
        "/books?some=reviews(rating:5)",
        "/users?none=reviews",
        // However few there are from one parent.
        "/users?limit=1&count=books",
        &format!("{book}?include=tags(limit:100).books(limit:100)"),
        &format!("{book}?count=reviews"),
        &format!("{book}?include=reviews(limit:1,sort:-rating)"),
        &format!("{reviews}?limit=1&sort=-rating"),
    ] {
        assert!(is_expensive(expensive), "{expensive}");
    }
}

fn late_write_is_a_timeout(database: &FreshDatabase) {
    let server = server(fresh(database.engine()).unwrap(), Duration::from_millis(1_500));
    let ada = Clients::create(&server).ada;
    let mut other = server.database().connection();
    let refused = other.transaction(|conn| {
        // On SQLite the transaction itself locks.
        if server.database().engine() == Engine::Postgres {
            conn.execute_batch("LOCK TABLE tags IN ACCESS EXCLUSIVE MODE")?;
        }
        let book =
            json!({"title": "Emma", "author": "Jane Austen", "tags": [{"name": "classics"}]});
        Ok::<_, Error>(ada.post("/books", &book))
    });
    let refused = refused.unwrap();
    match (server.database().engine(), refused.json["type"].as_str()) {
        // SQLite reports that the database is locked, unless the time is over.
        (Engine::Sqlite, Some("/problems/overloaded")) => refused.expect_problem("overloaded"),
        _ => refused.expect_problem("timed-out"),
    };
    assert_eq!(refused.header("retry-after"), Some("1"));
}
