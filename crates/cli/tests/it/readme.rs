//! The tour of README.md prints the output that the page quotes.

use recto_testkit::both_engines;
use recto_testkit::database::Fresh;

use crate::support::documents::{command_blocks, fenced_blocks, repository_file, run_and_compare};

both_engines!(tour_prints_quoted_output);

fn tour_prints_quoted_output(database: &Fresh) {
    let page = std::fs::read_to_string(repository_file("README.md")).unwrap();
    let (_, tour) = page.split_once("\n## A five-minute tour\n").unwrap();
    let tour = tour.split("\n## ").next().unwrap();
    for block in fenced_blocks(tour) {
        assert!(matches!(block.language, "sh" | "json"), "the tour has {:?}", block.language);
    }
    let blocks = command_blocks(tour);
    assert!(blocks.len() >= 8, "the tour has {} blocks", blocks.len());
    run_and_compare(database, &blocks);
}
