//! The interface from outside: a real server, a real socket, both engines.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

mod arbitrary_input;
mod assertions;
mod audit;
mod auth;
mod authors;
mod blog;
mod bodies;
mod books;
mod browser;
mod canaries;
mod diagram;
mod documents;
mod filters;
mod fixtures;
mod graphs;
mod headers;
mod include;
mod keys;
mod leaving;
mod links;
mod mailbox;
mod mailed_pages;
mod matrix;
mod openapi;
mod org;
mod pages;
mod parameters;
mod people;
mod problems;
mod races;
mod raw_http;
mod related;
mod reviews;
mod roles;
mod rooms;
mod schema;
mod school;
mod sessions;
mod swagger;
mod tags;
mod throttle;
mod users;
