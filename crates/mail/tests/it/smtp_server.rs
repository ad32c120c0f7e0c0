//! An SMTP server for one test: `mailin` speaks the protocol, the sockets and TLS are here.

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

/// A server on a free port of this machine, gone when dropped.
pub(super) struct SmtpServer {
    address: SocketAddr,
    mailbox: Arc<Mailbox>,
    accepting: JoinHandle<()>,
}

/// When TLS begins.
#[derive(Clone)]
pub(super) enum Tls {
    Never,
    /// When the client asks for it.
    Offered(Arc<ServerConfig>),
    /// At once.
    Always(Arc<ServerConfig>),
}

/// What becomes of a message that is not simply taken.
#[derive(Debug, Clone, Copy)]
pub(super) enum Verdict {
    /// Its recipient is answered with this code.
    Recipient(u16),
    /// Its content is.
    Content(u16),
    /// It is taken, but the client is never told.
    Silence,
    /// It is taken, and the client is told half a second later.
    Hesitation,
}

/// A message that was taken.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) content: Vec<u8>,
    pub(super) tls: bool,
    /// User and password.
    pub(super) login: Option<(String, String)>,
}

#[derive(Default)]
struct Mailbox {
    received: Mutex<Vec<Received>>,
    verdicts: Mutex<VecDeque<Verdict>>,
    arrived: Notify,
}

impl SmtpServer {
    /// Starts a server that serves everybody.
    pub(super) async fn start(tls: Tls) -> Self {
        Self::listen(tls, false).await
    }

    /// Starts a server that serves those who sign in, with any password.
    pub(super) async fn start_for_members(tls: Tls) -> Self {
        Self::listen(tls, true).await
    }

    async fn listen(tls: Tls, members: bool) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mailbox = Arc::new(Mailbox::default());
        let accepting = tokio::spawn({
            let mailbox = mailbox.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    // A client that breaks off is its own affair.
                    tokio::spawn(serve(stream, tls.clone(), members, mailbox.clone()));
                }
            }
        });
        Self { address, mailbox, accepting }
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// What becomes of the next message that has no verdict yet.
    pub(super) fn judge(&self, verdict: Verdict) {
        self.mailbox.verdicts.lock().unwrap().push_back(verdict);
    }

    /// What has been taken so far.
    pub(super) fn received(&self) -> Vec<Received> {
        self.mailbox.received.lock().unwrap().clone()
    }

    /// Waits until so many messages have been taken.
    pub(super) async fn wait_for(&self, messages: usize) -> Vec<Received> {
        let enough = async {
            while self.received().len() < messages {
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

/// One client's session, as the protocol's machine sees it.
struct Reception {
    mailbox: Arc<Mailbox>,
    line: Arc<Line>,
    message: Received,
    verdict: Option<Verdict>,
}

/// What the machine and its sockets tell each other.
#[derive(Default)]
struct Line {
    tls: AtomicBool,
    silent: AtomicBool,
    slow: AtomicBool,
    /// The machine takes all that follows a content it has refused for content, so there the
    /// server hangs up.
    over: AtomicBool,
}

impl Handler for Reception {
    fn auth_plain(&mut self, _: &str, user: &str, password: &str) -> Response {
        self.message.login = Some((user.to_owned(), password.to_owned()));
        AUTH_OK
    }

    fn mail(&mut self, _: IpAddr, _: &str, from: &str) -> Response {
        let login = self.message.login.take();
        let tls = self.line.tls.load(Ordering::Relaxed);
        self.message =
            Received { from: from.to_owned(), to: Vec::new(), content: Vec::new(), tls, login };
        self.verdict = self.mailbox.verdicts.lock().unwrap().pop_front();
        OK
    }

    fn rcpt(&mut self, to: &str) -> Response {
        if let Some(Verdict::Recipient(code)) = self.verdict {
            return Response::custom(code, "not this one".to_owned());
        }
        self.message.to.push(to.to_owned());
        OK
    }

    fn data(&mut self, buffer: &[u8]) -> io::Result<()> {
        self.message.content.extend_from_slice(buffer);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        if let Some(Verdict::Content(code)) = self.verdict {
            self.line.over.store(true, Ordering::Relaxed);
            return Response::custom(code, "not like this".to_owned());
        }
        let (silent, slow) = (&self.line.silent, &self.line.slow);
        silent.store(matches!(self.verdict, Some(Verdict::Silence)), Ordering::Relaxed);
        slow.store(matches!(self.verdict, Some(Verdict::Hesitation)), Ordering::Relaxed);
        self.mailbox.received.lock().unwrap().push(self.message.clone());
        self.mailbox.arrived.notify_one();
        OK
    }
}

async fn serve(
    stream: TcpStream,
    tls: Tls,
    members: bool,
    mailbox: Arc<Mailbox>,
) -> io::Result<()> {
    let line = Arc::new(Line::default());
    let mut builder = SessionBuilder::new("mail.test");
    if members {
        builder.enable_auth(AuthMechanism::Plain);
    }
    if matches!(tls, Tls::Offered(_)) {
        builder.enable_start_tls();
    }
    let message =
        Received { from: String::new(), to: vec![], content: vec![], tls: false, login: None };
    let reception = Reception { mailbox, line: line.clone(), message, verdict: None };
    let mut session = builder.build(IpAddr::V4(Ipv4Addr::LOCALHOST), reception);
    let greeting = session.greeting();

    let config = match tls {
        Tls::Never => {
            converse(stream, &mut session, Some(greeting), &line).await?;
            return Ok(());
        }
        Tls::Always(config) => {
            let stream = TlsAcceptor::from(config).accept(stream).await?;
            line.tls.store(true, Ordering::Relaxed);
            session.tls_active();
            converse(stream, &mut session, Some(greeting), &line).await?;
            return Ok(());
        }
        Tls::Offered(config) => config,
    };
    if let Some(stream) = converse(stream, &mut session, Some(greeting), &line).await? {
        let stream = TlsAcceptor::from(config).accept(stream).await?;
        line.tls.store(true, Ordering::Relaxed);
        session.tls_active();
        converse(stream, &mut session, None, &line).await?;
    }
    Ok(())
}

/// Talks until somebody hangs up, or gives the stream back where TLS is to begin.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    session: &mut Session<Reception>,
    greeting: Option<Response>,
    line: &Line,
) -> io::Result<Option<S>> {
    let mut stream = BufReader::new(stream);
    if let Some(greeting) = greeting {
        say(&mut stream, &greeting).await?;
    }
    let mut command = Vec::new();
    while stream.read_until(b'\n', &mut command).await? > 0 {
        let response = session.process(&command);
        command.clear();
        if line.silent.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if line.slow.swap(false, Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        say(&mut stream, &response).await?;
        match response.action {
            Action::Close => break,
            _ if line.over.load(Ordering::Relaxed) => break,
            Action::UpgradeTls => return Ok(Some(stream.into_inner())),
            Action::NoReply | Action::Reply => {}
        }
    }
    Ok(None)
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), response: &Response) -> io::Result<()> {
    let mut words = Vec::new();
    response.write_to(&mut words)?;
    stream.write_all(&words).await?;
    stream.flush().await
}
