//! The tour of README.md shows what the page says.

use recto_testkit::both_engines;
use recto_testkit::database::Fresh;

use crate::page::{blocks, fenced, follow, path};

both_engines!(the_tour_shows_what_the_page_says);

fn the_tour_shows_what_the_page_says(database: &Fresh) {
    let page = std::fs::read_to_string(path("README.md")).unwrap();
    let (_, tour) = page.split_once("\n## A five-minute tour\n").unwrap();
    let tour = tour.split("\n## ").next().unwrap();
    for fenced in fenced(tour) {
        assert!(matches!(fenced.language, "sh" | "json"), "the tour has {:?}", fenced.language);
    }
    let blocks = blocks(tour);
    assert!(blocks.len() >= 8, "the tour has {} blocks", blocks.len());
    follow(database, &blocks);
}
