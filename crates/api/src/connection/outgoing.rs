//! The body of a response, in pieces whose memory is accounted for.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;

use super::state::ConnectionState;
use super::{PIECE, UNCOUNTED};

/// The size from which the rest of a body is copied, so that the part that was sent is freed.
const SHRINKING: usize = 4 * PIECE;

/// The bytes that a response reserves which is produced while it is sent: its largest part.
const STREAMED: usize = 4 << 20;

/// The body of a response, in pieces whose memory is accounted for.
///
/// Memory is accounted for until the client has read the last piece. When half of a large body
/// is sent, the rest is copied and the original freed; so again with the copy.
pub(crate) struct OutgoingBody {
    size: BodySize,
    rest: Bytes,
    /// The size of the allocation that `rest` is a part of.
    held: usize,
    /// The source of further parts, if the body is produced while it is sent.
    source: Option<BoxBody>,
    connection: Option<Rc<ConnectionState>>,
}

/// The error that all responses under way would hold too much memory.
#[derive(Debug)]
pub(crate) struct TooManyResponses;

impl OutgoingBody {
    /// Returns the body, or the error that all responses under way would hold too much memory. The
    /// body is dropped then.
    pub(crate) fn new(
        body: BoxBody,
        connection: Option<&Rc<ConnectionState>>,
    ) -> Result<Self, TooManyResponses> {
        let reserved = match body.size() {
            BodySize::None => 0,
            BodySize::Sized(size) => usize::try_from(size).unwrap_or(usize::MAX),
            BodySize::Stream => STREAMED,
        };
        if reserved > UNCOUNTED
            && connection.is_some_and(|connection| !connection.begin_response(reserved))
        {
            return Err(TooManyResponses);
        }
        Ok(Self::unlimited(body, connection))
    }

    /// Returns the body of an error, which is sent even if responses hold too much memory.
    pub(crate) fn unlimited(body: BoxBody, connection: Option<&Rc<ConnectionState>>) -> Self {
        let size = body.size();
        let (rest, source) = match body.try_into_bytes() {
            Ok(rest) => (rest, None),
            Err(source) => (Bytes::new(), Some(source)),
        };
        if let Some(connection) = connection {
            connection.body_begins();
        }
        Self { size, held: rest.len(), rest, source, connection: connection.cloned() }
    }

    /// Returns the whole body, unless it is produced while it is sent. Nothing was sent yet.
    pub(crate) fn whole(&self) -> Option<&Bytes> {
        self.source.is_none().then_some(&self.rest)
    }

    /// Replaces the whole body by another form of it, which has about as many bytes or less.
    pub(crate) fn replace(&mut self, body: Bytes) {
        if self.held > UNCOUNTED
            && let Some(connection) = &self.connection
        {
            connection.give_back(self.held.saturating_sub(body.len()));
        }
        self.size = BodySize::Sized(body.len() as u64);
        self.held = body.len();
        self.rest = body;
    }

    /// Returns the next piece of `rest`, which is not empty.
    fn piece(&mut self) -> Bytes {
        if self.rest.len() <= PIECE {
            return std::mem::take(&mut self.rest);
        }
        let piece = self.rest.split_to(PIECE);
        if self.source.is_none() && self.held >= SHRINKING && self.rest.len() <= self.held / 2 {
            self.rest = Bytes::copy_from_slice(&self.rest);
            if let Some(connection) = &self.connection {
                connection.give_back(self.held - self.rest.len());
            }
            self.held = self.rest.len();
        }
        piece
    }
}

impl MessageBody for OutgoingBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if this.rest.is_empty() {
            let Some(source) = &mut this.source else { return Poll::Ready(None) };
            match ready!(Pin::new(source).poll_next(cx)) {
                Some(Ok(part)) => this.rest = part,
                ended => return Poll::Ready(ended),
            }
        }
        Poll::Ready(Some(Ok(this.piece())))
    }
}

impl Drop for OutgoingBody {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            connection.body_ends();
        }
    }
}
