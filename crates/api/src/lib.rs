//! Recto's REST interface: thin actix-web handlers, and their OpenAPI document.
//!
//! `routes` declares each path once: who may call it, its handler, and its documentation. A handler
//! takes a context and extractors, works in a transaction, and returns a response. Errors are
//! returned as `application/problem+json` (RFC 9457).

mod allowance;
mod audit_log;
mod audit_queue;
mod catalog;
mod components;
mod compression;
mod conditional;
mod connection;
mod context;
mod cors;
mod cors_origins;
mod crud;
mod cursor;
mod document;
mod endpoint;
mod error;
mod extract;
mod fields;
mod headers;
mod html_pages;

mod idempotency;
mod identity;
mod meta;
mod metrics;
mod negotiation;
mod org;
mod page_fields;
mod parameters;
mod paths;
mod present;
mod problem;
mod proxies;
mod request;
mod request_id;
mod response;
mod routes;
mod schema;
mod school;
mod server;
mod settings;
mod shutdown;
mod state;
mod statements;
mod stored_responses;
mod table;

pub use connection::{ConnectionCounters, ConnectionLimits, Connections, RefusalCount};
pub use cors_origins::{CorsOrigins, InvalidOrigin};
pub use document::openapi_json;
pub use problem::ProblemType;
pub use proxies::{InvalidProxy, TrustedProxies};
pub use schema::SchemaDescription;
pub use server::{app, bind, serve};
pub use settings::{DemoLogin, Settings};
pub use state::State;

/// The path below which all operations are.
pub const BASE_PATH: &str = "/api/v1";
