//! Recto's REST interface: thin actix-web handlers, and their OpenAPI document.
//!
//! A handler extracts, authorises, calls the persistence floor and presents.
//! Routes and their documentation come from one table; every error
//! passes through one [`Problem`] and leaves as `application/problem+json`.

mod allowance;
mod answer;
mod catalog;
mod components;
mod context;
mod cursor;
mod document;
mod endpoint;
mod error;
mod extract;
mod headers;
mod identity;
mod meta;
mod org;
mod pages;
mod parameters;
mod paths;
mod present;
mod problem;
mod proxies;
mod read;
mod request;
mod routes;
mod schema;
mod school;
mod server;
mod state;
mod table;
mod write;

pub use document::openapi_json;
pub use problem::{Problem, ProblemType};
pub use proxies::{InvalidProxy, TrustedProxies};
pub use schema::Description;
pub use server::{Settings, app, bind, serve};
pub use state::State;

/// Where all of the interface lives.
pub const BASE_PATH: &str = "/api/v1";
