//! Requests that are sent at the same time.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread::ScopedJoinHandle;

use recto_testkit::database::{Engine, FreshDatabase};
use recto_testkit::server::Response;

use super::assertions::assert_problem;

/// Requests of different types, for [`send_at_once`].
pub(crate) type Requests<'s> = Vec<Box<dyn Fn() -> Response + Send + 's>>;

/// Sends all requests at the same moment and returns the responses in the same order.
pub(crate) fn send_at_once<'s, F: Fn() -> Response + Send + 's>(requests: Vec<F>) -> Vec<Response> {
    let barrier = Barrier::new(requests.len());
    std::thread::scope(|scope| {
        let senders: Vec<_> = requests
            .into_iter()
            .map(|request| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    request()
                })
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    })
}

/// Counts the responses by status. Every error must be a complete problem.
pub(crate) fn count_statuses(responses: &[Response]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for response in responses {
        *counts.entry(response.status).or_default() += 1;
        if response.status >= 400 {
            assert_problem(response);
        }
    }
    counts
}

/// Waits until a request is blocked by the open transaction of a test, or has ended. On SQLite, a
/// write waits for the transaction before it begins.
pub(crate) fn wait_until_blocked<T>(database: &FreshDatabase, request: &ScopedJoinHandle<'_, T>) {
    let waiting = "SELECT '1' AS line FROM pg_stat_activity \
                   WHERE wait_event_type = 'Lock' AND datname = current_database()";
    while database.engine() == Engine::Postgres
        && !request.is_finished()
        && database.rows(waiting).is_empty()
    {
        std::thread::yield_now();
    }
}
