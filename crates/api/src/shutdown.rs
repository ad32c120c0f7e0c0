//! The signals that stop a server, and the time that it takes to finish requests.

use std::io;
use std::net::TcpListener;
use std::pin::pin;
use std::time::Duration;

use actix_web::dev::Server;
use futures_util::future::{Either, join, select};
use recto_mail::MailWorkerHandle;
use tokio::time::{Instant, sleep, timeout_at};

use crate::connection::{self, Connections};

/// The time from the signal in which requests under way are finished. With the time to close the
/// database, the server ends within 30 seconds.
const FINISHING: Duration = Duration::from_secs(22);

/// The minimum time after the drain delay in which requests under way are finished.
const LEAST_FINISHING: Duration = Duration::from_secs(5);

/// The time for the mail worker to end after a second signal, which an idle one needs too.
const LAST_MAIL: Duration = Duration::from_millis(200);

/// The time to accept the connections that the system has accepted, before the server stops
/// listening.
const ACCEPTING: Duration = Duration::from_millis(200);

/// The signals that stop a server: SIGTERM and SIGINT, or Ctrl-C.
pub(crate) struct StopSignals {
    #[cfg(unix)]
    signals: [actix_web::rt::signal::unix::Signal; 2],
}

impl StopSignals {
    /// Starts to listen: a signal after this call is received.
    ///
    /// # Errors
    /// A signal that cannot be handled.
    #[cfg(unix)]
    pub(crate) fn listen() -> io::Result<Self> {
        use actix_web::rt::signal::unix::{SignalKind, signal};

        Ok(Self { signals: [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?] })
    }

    /// Waits for the next signal.
    #[cfg(unix)]
    async fn next(&mut self) {
        use std::task::Poll;

        std::future::poll_fn(|context| {
            let received = self.signals.iter_mut().any(|one| one.poll_recv(context).is_ready());
            if received { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Starts to listen.
    ///
    /// # Errors
    /// None on this system.
    #[cfg(not(unix))]
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next Ctrl-C.
    #[cfg(not(unix))]
    async fn next(&mut self) {
        if actix_web::rt::signal::ctrl_c().await.is_err() {
            // Without the handler only a kill stops the server.
            std::future::pending::<()>().await;
        }
    }
}

/// Runs a server until a signal, and then until the requests under way are finished, their time is
/// over, or there is a second signal. After the last two, the connections are cut off and the mail
/// worker is aborted.
///
/// For `delay` after the signal the server still accepts connections, but is not ready.
/// `listeners` are duplicates of its sockets.
///
/// # Errors
/// The error of the server.
pub(crate) async fn run(
    mut server: Server,
    listeners: Vec<TcpListener>,
    mut signals: StopSignals,
    connections: &Connections,
    mail_worker: &MailWorkerHandle,
    delay: Duration,
) -> io::Result<()> {
    if let Either::Left((result, _)) = select(&mut server, pin!(signals.next())).await {
        mail_worker.stop(Instant::now() + FINISHING).await;
        return result;
    }
    tracing::info!("stopping");
    connections.stop();
    let deadline = Instant::now() + FINISHING.max(delay + LEAST_FINISHING);
    let finished = async {
        let drained = async {
            sleep(delay).await;
            if connection::ignore_new(&listeners) {
                sleep(ACCEPTING).await;
            }
            drop(listeners);
        };
        // The server does its own work only while it is polled.
        if let Either::Left((result, _)) = select(&mut server, pin!(drained)).await {
            return Some(result);
        }
        connections.close();
        // The server ends when it has processed the stop command.
        drop(server.handle().stop(true));
        // Together, since both hold the database.
        let (result, ()) =
            join(timeout_at(deadline, &mut server), mail_worker.stop(deadline)).await;
        result.ok()
    };
    let result = match select(Box::pin(finished), pin!(signals.next())).await {
        Either::Left((result, _)) => result,
        Either::Right(((), finished)) => {
            drop(finished);
            mail_worker.stop(Instant::now() + LAST_MAIL).await;
            None
        }
    };
    result.unwrap_or_else(|| {
        let open = connections.counters().open;
        if open > 0 {
            tracing::warn!(connections = open, "connections were cut off");
        }
        Ok(())
    })
}
