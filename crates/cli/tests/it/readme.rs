//! The tours of README.md and docs/tour.md print the output that the pages quote.

use recto_testkit::both_engines;
use recto_testkit::database::FreshDatabase;

use crate::support::documents::{
    command_blocks, compare_output, fenced_blocks, repository_file, run_and_compare,
};
use crate::support::program::Program;

#[test]
fn short_tour_prints_quoted_output() {
    let page = std::fs::read_to_string(repository_file("README.md")).unwrap();
    let (_, tour) = page.split_once("\n## A short tour\n").unwrap();
    let blocks = command_blocks(tour.split("\n## ").next().unwrap());
    assert!(blocks.len() >= 4, "the tour has {} blocks", blocks.len());
    let program = Program::new();
    let mut server = program.serve(&["--demo"]);
    // The accounts.
    let _ = [server.line(), server.line()];
    compare_output(&program, &server.address(), &blocks);
}

both_engines!(tour_prints_quoted_output);

fn tour_prints_quoted_output(database: &FreshDatabase) {
    let tour = std::fs::read_to_string(repository_file("docs/tour.md")).unwrap();
    for block in fenced_blocks(&tour) {
        assert!(matches!(block.language, "sh" | "json"), "the tour has {:?}", block.language);
    }
    let blocks = command_blocks(&tour);
    assert!(blocks.len() >= 8, "the tour has {} blocks", blocks.len());
    run_and_compare(database, &blocks);
}
