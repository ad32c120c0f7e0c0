//! Support code of the tests.

pub(crate) mod messages;
pub(crate) mod outbox;
pub(crate) mod smtp_server;

use std::time::Duration;

use recto_mail::{Delivery, Message, SendError, Sender, Transport};

/// The public URL of the server that sends the mail.
pub(crate) const SITE: &str = "https://books.example.org";

/// Runs a future to its end on a runtime of its own.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(future)
}

/// Sends a message to the SMTP server at a URL.
pub(crate) async fn send(url: &str, message: Message) -> Result<(), SendError> {
    let delivery = Delivery::Smtp(url.parse().unwrap());
    let transport = Transport::new(&delivery, &Sender::of_site(SITE)).unwrap();
    transport.send(message, Duration::from_secs(20)).await
}

/// Returns a port that nothing listens on.
pub(crate) fn unused_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
