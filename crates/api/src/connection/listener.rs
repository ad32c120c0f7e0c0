//! The sockets that a server listens on.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use tokio::net::TcpSocket;

/// The connections that the system accepts before the server does.
const BACKLOG: u32 = 1024;

/// Listens on all addresses that a host and port resolve to.
///
/// # Errors
/// None of them can be bound. The message names the host and port.
pub(crate) fn bind(listen: &str) -> io::Result<Vec<TcpListener>> {
    bind_any(listen).map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {listen}: {error}"))
    })
}

/// Makes the system ignore attempts to connect to these sockets, as if their packets were lost, and
/// returns whether it does. Clients try again a second later. Connections that the system has
/// already accepted remain.
///
/// A socket that is closed resets the connections that the server has not accepted yet; with this,
/// it has time to accept them all before. Linux only.
#[cfg(target_os = "linux")]
pub(crate) fn ignore_new(listeners: &[TcpListener]) -> bool {
    use socket2::{SockFilter, SockRef};

    /// Instructions and flags of BPF and TCP, as in `linux/filter.h` and RFC 9293.
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_SET: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    let accept_all_but_syn = [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(JUMP_IF_SET, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ];
    let mut filtered =
        listeners.iter().map(|one| SockRef::from(one).attach_filter(&accept_all_but_syn));
    filtered.all(|result| result.is_ok())
}

/// Returns that this system cannot ignore attempts to connect.
#[cfg(not(target_os = "linux"))]
pub(crate) fn ignore_new(_: &[TcpListener]) -> bool {
    false
}

fn bind_any(listen: &str) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    let mut failed = None;
    for address in listen.to_socket_addrs()? {
        match bind_address(address) {
            Ok(listener) => listeners.push(listener),
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        Some(error) if listeners.is_empty() => Err(error),
        _ => Ok(listeners),
    }
}

fn bind_address(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A server that was just stopped can start again. On Windows, this would allow two servers.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}
