//! Connections below actix's HTTP: their number, the time limits of clients, and the memory that
//! requests and responses under way hold.
//!
//! actix-web has no time limit for the body of a request or for reading a response, and no bound on
//! the memory of either. A [`ClientStream`] between it and the socket enforces the times. It shares
//! a [`ConnectionState`] with the middleware, the body extractor and the [`OutgoingBody`], which
//! report how far the current request is.

mod admission;
mod budget;
mod counters;
mod limits;
mod listener;
mod open_files;
mod outgoing;
mod state;
mod stream;

pub use admission::Connections;
pub(crate) use budget::ReservedBytes;
pub(crate) use counters::Refusal;
pub use counters::{ConnectionCounters, RefusalCount};
pub use limits::ConnectionLimits;
pub(crate) use listener::{bind, ignore_new};
pub(crate) use open_files::connections_within_limit;
pub(crate) use outgoing::OutgoingBody;
pub(crate) use state::ConnectionState;
pub(crate) use stream::ClientStream;

/// The number of bytes that a client must read within [`ConnectionLimits::write`]. Bodies are
/// passed on in pieces of this size, because the dispatcher copies each.
const PIECE: usize = 64 << 10;

/// The bytes of a request body or a response that are not counted. A connection's own buffers are
/// of the same size, so the number of connections bounds them.
pub(crate) const UNCOUNTED: usize = 16 << 10;
