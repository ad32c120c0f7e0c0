//! `recto serve`.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;

use recto_persistence::{Database, DatabaseUrl, Options};

use crate::cli::ServeOptions;
use crate::database::{self, DatabaseError, IfBehind};
use crate::demo::{self, DemoError, SignIn};
use crate::secret::{Secret, SecretError};

/// Why the server did not start, or ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The key that signs tokens.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The demo's library.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// The directory of the demo's database.
    #[error("a temporary directory for the demo: {0}")]
    Directory(io::Error),
    /// The network.
    #[error("serving on {listen}: {source}")]
    Network {
        /// The address that was asked for.
        listen: String,
        /// What went wrong.
        source: io::Error,
    },
}

/// Serves until told to stop, on the given database or on a demo's own.
pub(super) fn run(url: &DatabaseUrl, options: ServeOptions) -> Result<(), ServeError> {
    if !options.demo {
        let database = prepare(url, &options)?;
        return serve(database, options, Vec::new());
    }
    let directory =
        tempfile::Builder::new().prefix("recto-demo-").tempdir().map_err(ServeError::Directory)?;
    let database = prepare(&DatabaseUrl::file(directory.path().join("recto.db")), &options)?;
    let sign_ins = demo::library().write(&database)?;
    // The directory goes when the server has stopped.
    serve(database, options, sign_ins)
}

fn prepare(url: &DatabaseUrl, options: &ServeOptions) -> Result<Database, ServeError> {
    Secret::demand(options.secret.as_ref(), url)?;
    let mut database = Options::default();
    if let Some(connections) =
        options.database_connections.and_then(|n| NonZeroUsize::new(n.into()))
    {
        database.connections = connections;
    }
    let if_behind = if options.migrate { IfBehind::Migrate } else { IfBehind::Refuse };
    Ok(database::open(url, database, if_behind)?)
}

fn serve(
    database: Database,
    options: ServeOptions,
    sign_ins: Vec<SignIn>,
) -> Result<(), ServeError> {
    let secret = Secret::resolve(options.secret, database.url())?;
    let listen = options.listen.to_string();
    let settings = recto_api::Settings {
        listen: listen.clone(),
        workers: options.workers.map(usize::from),
        secret: secret.as_bytes().to_vec(),
        public_url: None,
        mail: recto_api::mail::Settings::default(),
    };
    actix_web::rt::System::new()
        .block_on(recto_api::serve(database, settings, move |address| announce(address, &sign_ins)))
        .map_err(|source| ServeError::Network { listen, source })
}

/// Tells whoever started the server that it accepts connections, and where.
fn announce(address: SocketAddr, sign_ins: &[SignIn]) {
    let lines =
        sign_ins.iter().map(ToString::to_string).chain([format!("listening on http://{address}")]);
    for line in lines {
        if let Err(error) = super::print(&line) {
            // The server is of use all the same.
            tracing::warn!(%error, "standard output cannot be written to");
        }
    }
}
