//! The application, and serving it.

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::rt::task::JoinHandle;
use actix_web::web::Data;
use actix_web::{App, Error, HttpServer, web};
use chrono::TimeDelta;
use recto_identity::throttle::Limits;
use recto_mail::Worker;
use recto_persistence::Database;
use recto_persistence::identity::prune;

use crate::identity::pruning;
use crate::meta::OpenApiDocument;
use crate::proxies::TrustedProxies;
use crate::{Problem, State, document, error, pages, request, routes};

/// How long the database's connections may take to close.
const CLOSING: Duration = Duration::from_secs(5);

/// How to serve.
#[derive(Clone)]
pub struct Settings {
    /// Host and port to listen on; port 0 picks a free one.
    pub listen: String,
    /// What access tokens are signed with, at least 32 bytes.
    pub secret: Vec<u8>,
    /// What they were signed with before, and are still good with: at least 32 bytes, too.
    pub previous_secret: Option<Vec<u8>>,
    /// How many threads serve requests; as many as there are processors where
    /// it is not said.
    pub workers: Option<usize>,
    /// The address that links begin with, without a slash at its end; the one that is listened on
    /// where it is not said. With `https`, browsers are told to come by TLS only.
    pub public_url: Option<String>,
    /// How mail is sent.
    pub mail: recto_mail::Settings,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// How often a client may try what tempts.
    pub limits: Limits,
    /// Whether `/auth/token` takes passwords.
    pub password_grant: bool,
    /// For how long mails, entries of the audit and API keys that have ended are kept.
    pub kept: TimeDelta,
}

impl Settings {
    /// What is usual for everything but the address and the secret.
    ///
    /// ```
    /// use recto_api::Settings;
    ///
    /// let settings = Settings::new("127.0.0.1:0", b"a secret of thirty-two bytes, ok");
    /// assert!(settings.password_grant && settings.previous_secret.is_none());
    /// ```
    pub fn new(listen: impl Into<String>, secret: impl Into<Vec<u8>>) -> Self {
        Self {
            listen: listen.into(),
            secret: secret.into(),
            previous_secret: None,
            workers: None,
            public_url: None,
            mail: recto_mail::Settings::default(),
            trusted_proxies: TrustedProxies::default(),
            limits: Limits::default(),
            password_grant: true,
            kept: prune::KEPT,
        }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("listen", &self.listen)
            .field("workers", &self.workers)
            .field("public_url", &self.public_url)
            .field("trusted_proxies", &self.trusted_proxies)
            .field("limits", &self.limits)
            .field("password_grant", &self.password_grant)
            .field("mail", &self.mail)
            .finish_non_exhaustive()
    }
}

/// The application: what the binary serves is what tests test.
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
        .wrap(from_fn(request::finish))
}

/// Takes the address and starts to serve on it; gives the address with the
/// port that was found, and what to await until the server has stopped.
///
/// Mail is sent from then on, by this thread's runtime, until
/// [`Outbox::stop`](recto_mail::Outbox::stop); what else is done in the background ends with the runtime.
///
/// It does not listen for signals, which are the whole process's business;
/// [`serve`] does.
///
/// # Errors
/// An address that cannot be had; mail that cannot be sent as the settings say.
pub fn bind(
    state: State,
    settings: &Settings,
) -> std::io::Result<(Vec<SocketAddr>, actix_web::dev::Server)> {
    let (addresses, server, _) = start(state, settings)?;
    Ok((addresses, server))
}

/// What is done now and again beside the requests.
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
        actix_web::rt::spawn(pruning::keep(database.clone(), ids.clone(), settings.kept)),
    ];
    Ok((addresses, server.run(), background))
}

/// Starts to send the mails of the outbox, with links to the public URL, or to `address`.
fn start_mail(state: &State, settings: &Settings, address: SocketAddr) -> std::io::Result<()> {
    let (database, ids) = (state.database.clone(), state.ids.clone());
    let (tokens, outbox) = (state.mailed_tokens.clone(), state.mail.clone());
    let here = || format!("http://{address}");
    let public_url = settings.public_url.clone().unwrap_or_else(here);
    Worker::new(database, ids, tokens, outbox, &settings.mail, &public_url)?.start();
    Ok(())
}

/// Serves a database until a signal stops it; `on_listening` is told the
/// address once connections are accepted.
///
/// At SIGTERM or SIGINT no more connections are taken, and what is in flight is
/// finished.
///
/// # Errors
/// An address that cannot be had; a secret that is too short.
pub async fn serve(
    database: Database,
    settings: Settings,
    on_listening: impl FnOnce(SocketAddr),
) -> std::io::Result<()> {
    let state = State::new(database.clone(), &settings).map_err(std::io::Error::other)?;
    let outbox = state.mail.clone();
    let (addresses, server, background) = start(state, &settings)?;
    // Before anybody is told: whoever reads the address may send a signal at
    // once. (actix-web's own handling starts later, and SIGINT makes it cut
    // connections off.)
    let told = stop_signal()?;
    let (handle, stopping) = (server.handle(), outbox.clone());
    actix_web::rt::spawn(async move {
        told.await;
        // At once, so that neither waits for the other to let go of the database.
        futures_util::future::join(handle.stop(true), stopping.stop()).await;
    });
    if let Some(address) = addresses.first() {
        on_listening(*address);
    }
    let result = server.await;
    outbox.stop().await;
    for task in background {
        task.abort();
        // That it was aborted is no news.
        let _ = task.await;
    }
    // The process may end with this; a connection that is cut off leaves its journal behind.
    if !database.close(CLOSING) {
        tracing::warn!("the database was not closed in time");
    }
    result
}

/// Resolves at the first SIGTERM or SIGINT after this call.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use std::task::Poll;

    use actix_web::rt::signal::unix::{SignalKind, signal};

    let mut signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    Ok(std::future::poll_fn(move |context| {
        let told = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if told { Poll::Ready(()) } else { Poll::Pending }
    }))
}

/// Resolves at Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        if actix_web::rt::signal::ctrl_c().await.is_err() {
            // Then only a kill ends the server.
            std::future::pending::<()>().await;
        }
    })
}
