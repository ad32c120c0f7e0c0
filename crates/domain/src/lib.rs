//! Recto's domain: entities, validated values, inputs, and the relations between entities.
//!
//! This crate does no I/O and has neither clock nor randomness: ids and times are passed in
//! ([`NewId`], [`IdGenerator`]). Values are newtypes with private fields and fallible constructors,
//! so every [`Title`] and every [`Isbn`] is valid.
//!
//! ```
//! use recto_domain::{Book, BookPatch, Input, NewBook, NewId, Update};
//! use serde_json::json;
//!
//! let new = NewBook::parse(&json!({
//!     "title": "Voyage au centre de la Terre",
//!     "author": "Jules Verne",
//!     "published_date": "1864-11-25",
//!     "isbn": "2-253-01254-8",
//! }))?;
//! let mut book = Book::new(NewId::new(1_767_225_600_000, [1; 10]), new, None);
//! assert_eq!(book.isbn.as_ref().map(AsRef::as_ref), Some("9782253012542"));
//!
//! let patch = BookPatch::parse(&json!({"language": "fr", "isbn": null}))?;
//! assert!(book.apply(patch, book.created_at));
//! assert!(book.isbn.is_none());
//! # Ok::<(), recto_domain::Violations>(())
//! ```
//!
//! # Features
//!
//! - `openapi`: `utoipa::ToSchema` for ids, values, entities and inputs.

pub mod blog;
pub mod catalog;
pub mod conflict;
pub mod entity;
pub mod id;
pub mod identity;
pub mod input;
pub mod org;
pub mod school;
pub mod text;
pub mod violation;

mod record;
mod time;
mod value;

pub use blog::*;
pub use catalog::*;
pub use conflict::Conflict;
pub use entity::{Create, Update, Versioned};
pub use id::{
    ApiKeyId, AuditId, AuthorId, BookId, Clock, CommentId, CompanyId, CourseId, DepartmentId,
    EmployeeId, IdGenerator, MailId, MailRequestId, MailedTokenId, NewId, PostId, ReviewId,
    SessionId, StudentId, TagId, TokenPairId, UserId,
};
pub use identity::*;
pub use input::{Change, Input};
pub use org::*;
pub use recto_relations::{Version, text_key};
pub use school::*;
pub use violation::{Code, Invalid, Violation, Violations};

/// All modules, in display order.
pub static MODULES: [&recto_relations::Module; 4] = [&CATALOG, &BLOG, &SCHOOL, &ORG];
