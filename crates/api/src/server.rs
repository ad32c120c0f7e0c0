//! The application and the server.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{Extensions, HttpService, KeepAlive, Protocol};
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use actix_web::rt::task::JoinHandle;
use actix_web::web::Data;
use actix_web::{App, Error, web};
use recto_mail::Worker;
use recto_persistence::Database;

use crate::connection::{self, ClientStream, Connections};
use crate::identity::pruning;
use crate::meta::OpenApiDocument;
use crate::problem::Problem;
use crate::settings::Settings;
use crate::shutdown::{self, StopSignals};
use crate::{State, document, error, html_pages, request, routes};

/// The seconds after which a worker stops even if connections are open, where nobody drops the
/// server earlier as [`serve`] does.
const WORKER_TIMEOUT: u64 = 30;

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
    let monitoring_apart = state.monitoring_apart;
    application(state, move |config| {
        routes::table().configure(config);
        html_pages::configure(config);
        if !monitoring_apart {
            html_pages::configure_monitoring(config);
        }
    })
}

/// Returns an application with these routes.
fn application(
    state: Data<State>,
    routes: impl FnOnce(&mut web::ServiceConfig),
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
        .configure(routes)
        .default_service(web::to(|| async {
            Err::<actix_web::HttpResponse, _>(error::Error::from(Problem::not_found("path")))
        }))
        .wrap(from_fn(request::middleware))
}

/// Binds the address and starts to serve. Returns the addresses, with the port that was found, and
/// a future that ends when the server has stopped.
///
/// This thread's runtime sends mails until
/// [`MailWorkerHandle::stop`](recto_mail::MailWorkerHandle::stop); other background work ends with
/// the runtime. Signals are left to the caller; [`serve`] handles them.
///
/// # Errors
/// An address that cannot be bound; TLS for mails that cannot be set up.
pub fn bind(
    state: State,
    settings: &Settings,
) -> std::io::Result<(Vec<SocketAddr>, actix_web::dev::Server)> {
    let Started { addresses, server, .. } = start(state, settings)?;
    Ok((addresses, server))
}

/// The time for waiting audit entries to be stored when the server stops.
const AUDITING: Duration = Duration::from_secs(2);

/// A server that has started.
struct Started {
    addresses: Vec<SocketAddr>,
    server: actix_web::dev::Server,
    /// Duplicates of the listening sockets.
    listeners: Vec<TcpListener>,
    /// The background tasks.
    background: [JoinHandle<()>; 3],
}

fn start(state: State, settings: &Settings) -> std::io::Result<Started> {
    let listeners = connection::bind(&settings.listen)?;
    let addresses: Vec<_> =
        listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
    let monitoring_listeners = match &settings.metrics_listen {
        Some(address) => connection::bind(address)?,
        None => Vec::new(),
    };
    if let Some(listener) = monitoring_listeners.first() {
        tracing::info!(address = %listener.local_addr()?, "serving metrics and health checks");
    }
    let duplicates = listeners.iter().map(TcpListener::try_clone).collect::<Result<_, _>>()?;
    let state = Data::new(state);
    let mut server =
        actix_server::Server::build().disable_signals().shutdown_timeout(WORKER_TIMEOUT);
    if let Some(workers) = settings.workers {
        server = server.workers(workers);
    }
    for listener in listeners {
        let state = state.clone();
        server = server.listen("recto", listener, move || {
            http(state.connections.clone(), app(state.clone()))
        })?;
    }
    for listener in monitoring_listeners {
        let state = state.clone();
        let service = move || {
            let monitoring = application(state.clone(), html_pages::configure_monitoring);
            http(state.connections.clone(), monitoring)
        };
        server = server.listen("recto-monitoring", listener, service)?;
    }
    if let Some(address) = addresses.first() {
        start_mail(&state, settings, *address)?;
    }
    let (database, ids) = (&state.database, &state.ids);
    let background = [
        actix_web::rt::spawn(state.key_usage.clone().record(database.clone(), ids.clone())),
        actix_web::rt::spawn(state.audit_queue.clone().store(database.clone())),
        actix_web::rt::spawn(pruning::run(database.clone(), ids.clone(), settings.retention)),
    ];
    Ok(Started { addresses, server: server.run(), listeners: duplicates, background })
}

/// Returns the service of a listening socket: from a connection to the application.
///
/// This is what `HttpServer` builds, with a stream of ours, which has the time limits. Those of
/// actix are off.
fn http<F, B>(
    connections: Arc<Connections>,
    app: App<F>,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
where
    F: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    let app = app.into_factory().map_err(|error| error.error_response());
    let http = HttpService::build()
        // Without a time limit.
        .keep_alive(KeepAlive::Os)
        .client_request_timeout(Duration::ZERO)
        // The time that a client has to read a response to a request that was not read to its end.
        .client_disconnect_timeout(Duration::from_secs(1))
        // A client that has closed the connection does not wait for a response.
        .h1_allow_half_closed(false)
        .on_connect_ext(|stream: &ClientStream, data: &mut Extensions| {
            data.insert(stream.state());
        })
        // Nothing reads the host name of this configuration.
        .finish(map_config(app, |()| AppConfig::default()));
    fn_service(move |io| {
        let accepted = ClientStream::accept(io, &connections);
        async move {
            let stream = accepted.ok_or(DispatchError::Io(ErrorKind::ConnectionRefused.into()))?;
            let peer = stream.peer();
            Ok((stream, Protocol::Http1, Some(peer)))
        }
    })
    .and_then(http)
}

/// Starts to send the mails of the outbox, with links to the public URL, or to `address`.
fn start_mail(state: &State, settings: &Settings, address: SocketAddr) -> std::io::Result<()> {
    let (database, ids) = (state.database.clone(), state.ids.clone());
    let (tokens, mail_worker) = (state.mailed_tokens.clone(), state.mail.clone());
    let throttle = state.throttle.clone();
    let here = || format!("http://{address}");
    let public_url = settings.public_url.clone().unwrap_or_else(here);
    Worker::new(database, ids, tokens, throttle, mail_worker, &settings.mail, &public_url)?.start();
    Ok(())
}

/// Serves a database until SIGTERM or SIGINT, and then finishes the requests under way, within 30
/// seconds. Calls `on_listening` with the address once connections are accepted.
///
/// # Errors
/// An address that cannot be bound; a secret that is too short.
pub async fn serve(
    database: Database,
    mut settings: Settings,
    on_listening: impl FnOnce(SocketAddr),
) -> std::io::Result<()> {
    let limits = &mut settings.connections;
    limits.connections = connection::connections_within_limit(limits.connections);
    let state = State::new(database.clone(), &settings).map_err(std::io::Error::other)?;
    let (mail_worker, audit_queue) = (state.mail.clone(), state.audit_queue.clone());
    let connections = Arc::clone(&state.connections);
    let Started { addresses, server, listeners, background } = start(state, &settings)?;
    // Before the address is announced, since a signal may follow at once.
    let signals = StopSignals::listen()?;
    if let Some(address) = addresses.first() {
        on_listening(*address);
    }
    let delay = settings.drain_delay;
    let result = shutdown::run(server, listeners, signals, &connections, &mail_worker, delay).await;
    if !audit_queue.flush(AUDITING).await {
        tracing::error!("stopped before all audit entries were stored; the log has them");
    }
    for task in background {
        task.abort();
        // The only error is that it was aborted.
        let _ = task.await;
    }
    // The process may end after this, and a connection that is cut off leaves its write-ahead log.
    if !database.close(CLOSING) {
        tracing::warn!("the database was not closed in time");
    }
    result
}
