//! The REST interface, tested over a socket on both engines.

#![expect(clippy::unwrap_used, reason = "in a test, an unexpected error is a failure")]

mod account_deletion;
mod api_keys;
mod arbitrary_input;
mod audit;
mod auth;
mod authors;
mod blog;
mod bodies;
mod book_batch;
mod books;
mod company_graph;
mod concurrency;
mod connections;
mod diagram;
mod email_change;
mod entities;
mod filters;
mod headers;
mod health;
mod include;
mod load;
mod mailed_links;
mod mailed_pages;
mod matrix;
mod notices;
mod openapi;
mod org;
mod pages;
mod parameters;
mod prehijacking;
mod problems;
mod relation_filters;
mod reviews;
mod roles;
mod schemas;
mod school;
mod secrets;
mod sessions;
mod statements;
mod support;
mod swagger_ui;
mod tags;
mod throttle;
mod users;
