//! An SMTP server for one test: `mailin` implements the protocol; sockets and TLS are here.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mailin::response::{AUTH_OK, OK};
use mailin::{Action, AuthMechanism, Handler, Response, Session, SessionBuilder};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// A server on a free local port, stopped when dropped.
pub(crate) struct SmtpServer {
    address: SocketAddr,
    mailbox: Arc<Mailbox>,
    accepting: JoinHandle<()>,
}

/// When TLS starts.
#[derive(Clone)]
pub(crate) enum Tls {
    Never,
    /// With STARTTLS.
    Offered(Arc<ServerConfig>),
    /// With the connection.
    Always(Arc<ServerConfig>),
}

/// How the server treats a message that it does not simply accept.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verdict {
    /// Refuses the recipient with this code.
    RefuseRecipient(u16),
    /// Refuses the content with this code.
    RefuseContent(u16),
    /// Accepts the message but never replies.
    NoReply,
    /// Accepts the message and replies half a second later.
    LateReply,
}

/// An accepted message.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) content: Vec<u8>,
    pub(crate) tls: bool,
    /// User and password.
    pub(crate) login: Option<(String, String)>,
}

#[derive(Default)]
struct Mailbox {
    received: Mutex<Vec<Received>>,
    verdicts: Mutex<VecDeque<Verdict>>,
    arrived: Notify,
}

impl SmtpServer {
    /// Starts a server that does not ask for a password.
    pub(crate) async fn start(tls: Tls) -> Self {
        Self::listen(tls, false).await
    }

    /// Starts a server that requires a login and accepts any.
    pub(crate) async fn start_with_login(tls: Tls) -> Self {
        Self::listen(tls, true).await
    }

    async fn listen(tls: Tls, login: bool) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mailbox = Arc::new(Mailbox::default());
        let accepting = tokio::spawn({
            let mailbox = mailbox.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    // A broken connection is the client's to report.
                    tokio::spawn(serve(stream, tls.clone(), login, mailbox.clone()));
                }
            }
        });
        Self { address, mailbox, accepting }
    }

    /// Returns the port it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns its URL, without TLS.
    pub(crate) fn url(&self) -> String {
        format!("smtp://localhost:{}", self.port())
    }

    /// Sets the verdict on the next message that has none yet.
    pub(crate) fn set_verdict(&self, verdict: Verdict) {
        self.mailbox.verdicts.lock().unwrap().push_back(verdict);
    }

    /// Returns the messages accepted so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.mailbox.received.lock().unwrap().clone()
    }

    /// Waits until the server has accepted that many messages, and returns them.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Received> {
        let enough = async {
            while self.received().len() < count {
                self.mailbox.arrived.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), enough).await.expect("messages arrive");
        self.received()
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The state of one connection, driven by `mailin`.
struct Reception {
    mailbox: Arc<Mailbox>,
    connection: Arc<ConnectionState>,
    message: Received,
    verdict: Option<Verdict>,
}

/// State shared by [`Reception`] and the socket.
#[derive(Default)]
struct ConnectionState {
    tls: AtomicBool,
    no_reply: AtomicBool,
    late_reply: AtomicBool,
    /// Set after refused content: `mailin` would read the next commands as content, so the server
    /// closes the connection.
    close: AtomicBool,
}

impl Handler for Reception {
    fn auth_plain(&mut self, _: &str, user: &str, password: &str) -> Response {
        self.message.login = Some((user.to_owned(), password.to_owned()));
        AUTH_OK
    }

    fn mail(&mut self, _: IpAddr, _: &str, from: &str) -> Response {
        let login = self.message.login.take();
        let tls = self.connection.tls.load(Ordering::Relaxed);
        self.message =
            Received { from: from.to_owned(), to: Vec::new(), content: Vec::new(), tls, login };
        self.verdict = self.mailbox.verdicts.lock().unwrap().pop_front();
        OK
    }

    fn rcpt(&mut self, to: &str) -> Response {
        if let Some(Verdict::RefuseRecipient(code)) = self.verdict {
            return Response::custom(code, "recipient refused".to_owned());
        }
        self.message.to.push(to.to_owned());
        OK
    }

    fn data(&mut self, buffer: &[u8]) -> io::Result<()> {
        self.message.content.extend_from_slice(buffer);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        if let Some(Verdict::RefuseContent(code)) = self.verdict {
            self.connection.close.store(true, Ordering::Relaxed);
            return Response::custom(code, "content refused".to_owned());
        }
        let (no_reply, late_reply) = (&self.connection.no_reply, &self.connection.late_reply);
        no_reply.store(matches!(self.verdict, Some(Verdict::NoReply)), Ordering::Relaxed);
        late_reply.store(matches!(self.verdict, Some(Verdict::LateReply)), Ordering::Relaxed);
        self.mailbox.received.lock().unwrap().push(self.message.clone());
        self.mailbox.arrived.notify_one();
        OK
    }
}

async fn serve(stream: TcpStream, tls: Tls, login: bool, mailbox: Arc<Mailbox>) -> io::Result<()> {
    let connection = Arc::new(ConnectionState::default());
    let mut builder = SessionBuilder::new("mail.test");
    if login {
        builder.enable_auth(AuthMechanism::Plain);
    }
    if matches!(tls, Tls::Offered(_)) {
        builder.enable_start_tls();
    }
    let message =
        Received { from: String::new(), to: vec![], content: vec![], tls: false, login: None };
    let reception = Reception { mailbox, connection: connection.clone(), message, verdict: None };
    let mut session = builder.build(IpAddr::V4(Ipv4Addr::LOCALHOST), reception);
    let greeting = session.greeting();

    let config = match tls {
        Tls::Never => {
            converse(stream, &mut session, Some(greeting), &connection).await?;
            return Ok(());
        }
        Tls::Always(config) => {
            let stream = TlsAcceptor::from(config).accept(stream).await?;
            connection.tls.store(true, Ordering::Relaxed);
            session.tls_active();
            converse(stream, &mut session, Some(greeting), &connection).await?;
            return Ok(());
        }
        Tls::Offered(config) => config,
    };
    if let Some(stream) = converse(stream, &mut session, Some(greeting), &connection).await? {
        let stream = TlsAcceptor::from(config).accept(stream).await?;
        connection.tls.store(true, Ordering::Relaxed);
        session.tls_active();
        converse(stream, &mut session, None, &connection).await?;
    }
    Ok(())
}

/// Responds to commands until either side closes. Returns the stream after STARTTLS.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    session: &mut Session<Reception>,
    greeting: Option<Response>,
    connection: &ConnectionState,
) -> io::Result<Option<S>> {
    let mut stream = BufReader::new(stream);
    if let Some(greeting) = greeting {
        write(&mut stream, &greeting).await?;
    }
    let mut command = Vec::new();
    while stream.read_until(b'\n', &mut command).await? > 0 {
        let response = session.process(&command);
        command.clear();
        if connection.no_reply.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if connection.late_reply.swap(false, Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        write(&mut stream, &response).await?;
        match response.action {
            Action::Close => break,
            _ if connection.close.load(Ordering::Relaxed) => break,
            Action::UpgradeTls => return Ok(Some(stream.into_inner())),
            Action::NoReply | Action::Reply => {}
        }
    }
    Ok(None)
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), response: &Response) -> io::Result<()> {
    let mut bytes = Vec::new();
    response.write_to(&mut bytes)?;
    stream.write_all(&bytes).await?;
    stream.flush().await
}
