//! The application and the server.

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::rt::task::JoinHandle;
use actix_web::web::Data;
use actix_web::{App, Error, HttpServer, web};
use recto_mail::Worker;
use recto_persistence::Database;

use crate::identity::pruning;
use crate::meta::OpenApiDocument;
use crate::problem::Problem;
use crate::settings::Settings;
use crate::{State, document, error, pages, request, routes};

/// The time that the database's connections may take to close.
const CLOSING: Duration = Duration::from_secs(5);

/// Returns the application.
pub fn app(
    state: Data<State>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new()
        .app_data(state)
        .app_data(Data::new(OpenApiDocument(&document::JSON)))
        .configure(|config| routes::table().configure(config))
        .configure(pages::configure)
        .default_service(web::to(|| async {
            Err::<actix_web::HttpResponse, _>(error::Error::from(Problem::not_found("path")))
        }))
        .wrap(from_fn(request::middleware))
}

/// Binds the address and starts to serve. Returns the addresses, with the port that was found, and
/// a future that ends when the server has stopped.
///
/// This thread's runtime sends mails until [`Outbox::stop`](recto_mail::Outbox::stop); other
/// background work ends with the runtime. Signals are left to the caller; [`serve`] handles them.
///
/// # Errors
/// An address that cannot be bound; TLS for mails that cannot be set up.
pub fn bind(
    state: State,
    settings: &Settings,
) -> std::io::Result<(Vec<SocketAddr>, actix_web::dev::Server)> {
    let (addresses, server, _) = start(state, settings)?;
    Ok((addresses, server))
}

/// The tasks that run beside the requests.
type Background = [JoinHandle<()>; 2];

fn start(
    state: State,
    settings: &Settings,
) -> std::io::Result<(Vec<SocketAddr>, actix_web::dev::Server, Background)> {
    let state = Data::new(state);
    let shared = state.clone();
    let mut server =
        HttpServer::new(move || app(shared.clone())).disable_signals().shutdown_timeout(30);
    if let Some(workers) = settings.workers {
        server = server.workers(workers);
    }
    let server = server.bind(&settings.listen)?;
    let addresses = server.addrs();
    if let Some(address) = addresses.first() {
        start_mail(&state, settings, *address)?;
    }
    let (database, ids) = (&state.database, &state.ids);
    let background = [
        actix_web::rt::spawn(state.key_usage.clone().record(database.clone(), ids.clone())),
        actix_web::rt::spawn(pruning::run(database.clone(), ids.clone(), settings.retention)),
    ];
    Ok((addresses, server.run(), background))
}

/// Starts to send the mails of the outbox, with links to the public URL, or to `address`.
fn start_mail(state: &State, settings: &Settings, address: SocketAddr) -> std::io::Result<()> {
    let (database, ids) = (state.database.clone(), state.ids.clone());
    let (tokens, outbox) = (state.mailed_tokens.clone(), state.mail.clone());
    let throttle = state.throttle.clone();
    let here = || format!("http://{address}");
    let public_url = settings.public_url.clone().unwrap_or_else(here);
    Worker::new(database, ids, tokens, throttle, outbox, &settings.mail, &public_url)?.start();
    Ok(())
}

/// Serves a database until SIGTERM or SIGINT, and then finishes the requests under way. Calls
/// `on_listening` with the address once connections are accepted.
///
/// # Errors
/// An address that cannot be bound; a secret that is too short.
pub async fn serve(
    database: Database,
    settings: Settings,
    on_listening: impl FnOnce(SocketAddr),
) -> std::io::Result<()> {
    let state = State::new(database.clone(), &settings).map_err(std::io::Error::other)?;
    let outbox = state.mail.clone();
    let (addresses, server, background) = start(state, &settings)?;
    // Before the address is announced, since a signal may follow at once. (actix-web's own
    // handlers start later, and its SIGINT cuts connections off.)
    let signal = stop_signal()?;
    let (handle, stopping) = (server.handle(), outbox.clone());
    actix_web::rt::spawn(async move {
        signal.await;
        // Together, since both hold the database.
        futures_util::future::join(handle.stop(true), stopping.stop()).await;
    });
    if let Some(address) = addresses.first() {
        on_listening(*address);
    }
    let result = server.await;
    outbox.stop().await;
    for task in background {
        task.abort();
        // The only error is that it was aborted.
        let _ = task.await;
    }
    // The process may end after this, and a connection that is cut off leaves its journal file.
    if !database.close(CLOSING) {
        tracing::warn!("the database was not closed in time");
    }
    result
}

/// Returns a future that ends at the first SIGTERM or SIGINT after this call.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use std::task::Poll;

    use actix_web::rt::signal::unix::{SignalKind, signal};

    let mut signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    Ok(std::future::poll_fn(move |context| {
        let received = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if received { Poll::Ready(()) } else { Poll::Pending }
    }))
}

/// Returns a future that ends at Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        if actix_web::rt::signal::ctrl_c().await.is_err() {
            // Without the handler only a kill stops the server.
            std::future::pending::<()>().await;
        }
    })
}
