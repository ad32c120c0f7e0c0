//! The stream of a connection, below actix's HTTP.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::PIECE;
use super::admission::Connections;
use super::counters::Refusal;
use super::state::{ConnectionState, Expired};

/// The longest time between two looks at the deadlines. The one timer of a connection runs all the
/// time, so that requests need not set it.
const TICK: Duration = Duration::from_millis(500);

/// The maximum number of bytes that are read at once. The dispatcher reads until there is nothing
/// left before it handles what it has read; without this its buffers would grow to several times
/// this size.
const READ_AT_ONCE: usize = 16 << 10;

/// The response to a head that was not received in time. There is no path and no id to describe it
/// with, so it has no body, like other responses of the HTTP parser.
const LATE_HEAD: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// The stream of a connection, with time limits for the client.
#[derive(Debug)]
pub(crate) struct ClientStream {
    io: TcpStream,
    peer: SocketAddr,
    state: Rc<ConnectionState>,
    timer: Pin<Box<Sleep>>,
    /// The bytes read since there was nothing to read.
    read_at_once: usize,
    /// Set while the client does not read the response.
    blocked: Option<Blocked>,
}

/// The progress of a client that does not read everything at once.
#[derive(Debug)]
struct Blocked {
    deadline: Instant,
    taken: usize,
}

impl ClientStream {
    /// Returns the stream of an accepted connection, or `None` if there are too many.
    pub(crate) fn accept(io: TcpStream, connections: &Arc<Connections>) -> Option<Self> {
        let peer = io.peer_addr().ok()?;
        let admitted = connections.admit(peer)?;
        // A response is written in few large pieces, which need not wait for each other.
        let _ = io.set_nodelay(true);
        let state = Rc::new(ConnectionState::new(admitted));
        let timer = Box::pin(sleep_until(next_look(Instant::now(), &state, None)));
        Some(Self { io, peer, state, timer, read_at_once: 0, blocked: None })
    }

    /// Returns the address of the client.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Returns the state that the middleware needs.
    pub(crate) fn state(&self) -> Rc<ConnectionState> {
        Rc::clone(&self.state)
    }

    /// Returns whether the client has closed the connection, although it sent more than was read.
    fn has_left(&self, cx: &mut Context<'_>) -> bool {
        let ready = pin!(self.io.ready(Interest::READABLE));
        matches!(ready.poll(cx), Poll::Ready(Ok(ready)) if ready.is_read_closed())
    }

    /// Looks at the deadlines if the timer has fired, and returns whether to close the connection.
    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if self.blocked.as_ref().is_some_and(|blocked| now >= blocked.deadline) {
                self.state.connections().refuse(Refusal::SlowReader);
                return Err(io::ErrorKind::TimedOut.into());
            }
            if self.state.expire(now) == Expired::LateHead && self.blocked.is_none() {
                // If it does not fit, the client gets none.
                let _ = self.io.try_write(LATE_HEAD);
            }
            self.timer.as_mut().reset(next_look(now, &self.state, self.blocked.as_ref()));
        }
        Ok(self.state.is_closed())
    }
}

/// Returns when to look at the deadlines again.
fn next_look(now: Instant, state: &ConnectionState, blocked: Option<&Blocked>) -> Instant {
    let limits = state.connections().limits();
    // A deadline that is set later is no earlier than this.
    let tick = TICK.min(limits.idle).min(limits.request).min(limits.write);
    let deadlines = [state.deadline(), blocked.map(|blocked| blocked.deadline)];
    deadlines.into_iter().flatten().fold(now + tick, Instant::min)
}

fn read_at_most(
    bytes: usize,
    io: Pin<&mut TcpStream>,
    cx: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    if buffer.remaining() <= bytes {
        return io.poll_read(cx, buffer);
    }
    let mut part = ReadBuf::new(buffer.initialize_unfilled_to(bytes));
    let read = io.poll_read(cx, &mut part);
    let received = part.filled().len();
    buffer.advance(received);
    read
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = if this.state.pauses(cx) {
            if this.has_left(cx) { Poll::Ready(Ok(())) } else { Poll::Pending }
        } else if this.read_at_once >= READ_AT_ONCE {
            cx.waker().wake_by_ref();
            Poll::Pending
        } else {
            read_at_most(READ_AT_ONCE - this.read_at_once, Pin::new(&mut this.io), cx, buffer)
        };
        let received = buffer.filled().len() - before;
        this.read_at_once = if read.is_pending() { 0 } else { this.read_at_once + received };
        if received > 0 {
            this.state.bytes_received(received);
        }
        if this.poll_deadlines(cx)? {
            // The end of the input makes the dispatcher close the connection.
            buffer.set_filled(before);
            return Poll::Ready(Ok(()));
        }
        read
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write(cx, bytes);
        let limit = this.state.connections().limits().write;
        match (&written, &mut this.blocked) {
            (Poll::Pending, None) => {
                this.blocked = Some(Blocked { deadline: Instant::now() + limit, taken: 0 });
            }
            (Poll::Ready(Ok(written)), Some(blocked)) => {
                blocked.taken += written;
                if blocked.taken >= PIECE {
                    *blocked = Blocked { deadline: Instant::now() + limit, taken: 0 };
                }
            }
            (Poll::Pending, Some(_)) | (Poll::Ready(_), _) => {}
        }
        if written.is_pending() {
            this.poll_deadlines(cx)?;
        }
        written
    }

    /// The dispatcher calls this when the system has accepted everything that it had to write.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.blocked = None;
        this.state.flushed();
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
