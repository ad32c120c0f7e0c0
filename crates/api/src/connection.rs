//! Connections below actix's HTTP: how many there are, how long a client may take, and the memory
//! that requests and responses under way hold.
//!
//! actix-web has no time limit for the body of a request or for taking a response, and no bound on
//! the memory of either. A [`ClientStream`] between it and the socket enforces the times. It shares
//! a [`ConnectionState`] with the middleware, the body extractor and the [`OutgoingBody`], which
//! report how far the present request is.

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

/// The bytes that a client has to take in the time of [`ConnectionLimits::write`], and the size of
/// the pieces in which the dispatcher gets a body, since it copies each.
const PIECE: usize = 64 << 10;

/// The bytes of a request body or a response that are not counted. A connection's own buffers are
/// of the same size, so the number of connections bounds them.
pub(crate) const UNCOUNTED: usize = 16 << 10;
