//! Requests that are sent at the same time.

use std::collections::BTreeMap;
use std::sync::Barrier;

use recto_testkit::server::Answer;

use super::assertions::assert_problem;

/// Runs all of these at the same moment; the answers, in their order.
pub(crate) fn at_once<'s, F: Fn() -> Answer + Send + 's>(requests: Vec<F>) -> Vec<Answer> {
    let start = Barrier::new(requests.len());
    std::thread::scope(|scope| {
        let running: Vec<_> = requests
            .into_iter()
            .map(|request| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    request()
                })
            })
            .collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

/// How many answers have each status; refusals must be whole problems.
pub(crate) fn tally(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut statuses = BTreeMap::new();
    for answer in answers {
        *statuses.entry(answer.status).or_default() += 1;
        if answer.status >= 400 {
            assert_problem(answer);
        }
    }
    statuses
}
