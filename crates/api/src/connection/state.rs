//! The state of one connection, shared by its stream, the middleware and the body of the response.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use actix_web::HttpRequest;
use tokio::time::Instant;

use super::admission::{Admitted, Connections};
use super::counters::Refusal;
use super::{PIECE, UNCOUNTED};

/// The time that a client has to stop sending after the response to its late body, and the time
/// that an idle connection has once the server accepts no more.
const LINGER: Duration = Duration::from_millis(500);

/// The maximum number of bytes of a response that the dispatcher has copied and not yet written:
/// those that it collects before it writes, and one piece more.
const WRITE_BUFFER: usize = (32 << 10) + PIECE;

/// How far the current request of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The client has not begun the next request.
    Idle,
    /// The head of a request is being received.
    Head,
    /// The head was received, but not the whole body. A handler may be working.
    Body,
    /// The request was received. There is no deadline for reading.
    Received,
    /// The response was sent, but the body of the request was not read to its end.
    Unread,
    /// The body was not received in time. The handler is about to respond to this.
    Late,
    /// The connection is closed once the client has stopped sending.
    Closing,
    /// The connection is to be closed.
    Closed,
}

/// The action of a stream after a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expired {
    /// None: no deadline has passed, or the handler responds to the late body.
    Nothing,
    /// Close the connection.
    Close,
    /// Respond that the head of a request is late, and close the connection.
    LateHead,
}

/// The state of one connection, shared by its stream, the middleware and the body of the response.
#[derive(Debug)]
pub(crate) struct ConnectionState {
    admitted: Admitted,
    phase: Cell<Phase>,
    /// The end of the phase, unless the phase has none.
    deadline: Cell<Instant>,
    /// The bytes of responses that this connection has taken from the budget.
    reserved: Cell<usize>,
    /// Whether a body has still parts to send.
    has_body: Cell<bool>,
    /// The bytes that were received while a request was worked on.
    pipelined: Cell<usize>,
    /// Wakes the stream after the response, if it has stopped reading.
    paused: RefCell<Option<Waker>>,
}

impl ConnectionState {
    pub(super) fn new(admitted: Admitted) -> Self {
        let idle = admitted.connections().limits().idle;
        Self {
            admitted,
            phase: Cell::new(Phase::Idle),
            deadline: Cell::new(Instant::now() + idle),
            reserved: Cell::new(0),
            has_body: Cell::new(false),
            pipelined: Cell::new(0),
            paused: RefCell::new(None),
        }
    }

    /// Returns the state of the connection of a request.
    pub(crate) fn of(request: &HttpRequest) -> Option<&Rc<Self>> {
        request.conn_data()
    }

    pub(crate) fn connections(&self) -> &Arc<Connections> {
        self.admitted.connections()
    }

    /// Records that the stream has received bytes.
    pub(super) fn bytes_received(&self, bytes: usize) {
        match self.phase.get() {
            Phase::Idle => {
                self.pipelined.set(0);
                self.enter(Phase::Head, self.connections().limits().request);
            }
            Phase::Received => self.pipelined.set(self.pipelined.get() + bytes),
            _ => {}
        }
    }

    /// Returns whether the stream has to stop reading until the response to the current request.
    ///
    /// The dispatcher reads on while a handler works, to notice that the client has gone. If its
    /// buffer is full of further requests, it would poll without end.
    pub(super) fn pauses(&self, cx: &Context<'_>) -> bool {
        let pauses = self.phase.get() == Phase::Received && self.pipelined.get() >= UNCOUNTED;
        if pauses {
            *self.paused.borrow_mut() = Some(cx.waker().clone());
        }
        pauses
    }

    /// Records that the head of a request was received.
    pub(crate) fn head_received(&self, has_body: bool) {
        match (has_body, self.phase.get()) {
            (false, _) => self.phase.set(Phase::Received),
            (true, Phase::Head) => self.phase.set(Phase::Body),
            // The first byte arrived with an earlier request.
            (true, _) => self.enter(Phase::Body, self.connections().limits().request),
        }
    }

    /// Records that the body of a request was received to its end.
    pub(crate) fn body_received(&self) {
        self.phase.set(Phase::Received);
    }

    /// Returns whether the body of the current request was not received in time.
    pub(crate) fn is_late(&self) -> bool {
        self.phase.get() == Phase::Late
    }

    /// Returns whether the connection is closed after the current response.
    pub(crate) fn is_last_response(&self) -> bool {
        self.is_late() || self.connections().is_stopping()
    }

    /// Records that there is a response, with a body that reserves so many bytes.
    ///
    /// Returns `false` if all responses under way would hold too much.
    #[must_use]
    pub(super) fn begin_response(&self, bytes: usize) -> bool {
        let granted = self.connections().responses().take(bytes);
        if granted {
            self.reserved.set(self.reserved.get() + bytes);
        } else {
            self.connections().refuse(Refusal::Responses);
        }
        granted
    }

    /// Records that the stream receives the parts of a response.
    pub(super) fn body_begins(&self) {
        self.has_body.set(true);
    }

    /// Records that the memory of a response has shrunk.
    pub(super) fn give_back(&self, bytes: usize) {
        let bytes = bytes.min(self.reserved.get());
        self.reserved.set(self.reserved.get() - bytes);
        self.connections().responses().give_back(bytes);
    }

    /// Records that the last part of a response was passed on.
    pub(crate) fn body_ends(&self) {
        self.has_body.set(false);
        self.give_back(self.reserved.get().saturating_sub(WRITE_BUFFER));
        if let Some(paused) = self.paused.take() {
            paused.wake();
        }
        match self.phase.get() {
            Phase::Body => self.phase.set(Phase::Unread),
            Phase::Late => self.enter(Phase::Closing, LINGER),
            Phase::Unread | Phase::Closing | Phase::Closed => {}
            Phase::Idle | Phase::Head | Phase::Received => {
                self.enter(Phase::Idle, self.connections().limits().idle);
            }
        }
    }

    /// Records that the system has accepted all bytes of the response.
    pub(super) fn flushed(&self) {
        if self.reserved.get() > 0 && !self.has_body.get() {
            self.give_back(self.reserved.get());
        }
    }

    /// Returns whether the stream is to be closed.
    pub(super) fn is_closed(&self) -> bool {
        self.phase.get() == Phase::Closed
    }

    /// Returns the time of the next deadline, if there is one.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase.get() {
            Phase::Received | Phase::Late | Phase::Closed => None,
            Phase::Idle => Some(self.idle_deadline()),
            Phase::Head | Phase::Body | Phase::Unread | Phase::Closing => Some(self.deadline.get()),
        }
    }

    /// Ends a phase whose deadline has passed.
    pub(super) fn expire(&self, now: Instant) -> Expired {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Expired::Nothing;
        }
        match self.phase.get() {
            Phase::Received | Phase::Late | Phase::Closed => Expired::Nothing,
            Phase::Body => {
                self.connections().refuse(Refusal::LateBody);
                self.phase.set(Phase::Late);
                Expired::Nothing
            }
            Phase::Head => {
                self.connections().refuse(Refusal::LateHead);
                self.phase.set(Phase::Closed);
                Expired::LateHead
            }
            Phase::Idle | Phase::Unread | Phase::Closing => {
                self.phase.set(Phase::Closed);
                Expired::Close
            }
        }
    }

    fn enter(&self, phase: Phase, limit: Duration) {
        self.phase.set(phase);
        self.deadline.set(Instant::now() + limit);
    }

    /// Returns when an idle connection is closed, which is earlier once the server stops.
    fn idle_deadline(&self) -> Instant {
        let deadline = self.deadline.get();
        self.connections().closed_at().map_or(deadline, |closed| deadline.min(closed + LINGER))
    }
}

impl Drop for ConnectionState {
    fn drop(&mut self) {
        self.give_back(self.reserved.get());
    }
}
