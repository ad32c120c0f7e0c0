//! The limit: a server with the same workers that responds from memory.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};

use crate::recto_server::RectoServer;
use crate::workload::Workload;

/// A server that stores the responses to a workload.
pub(crate) struct LimitServer {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

type Responses = Arc<HashMap<String, Bytes>>;

impl LimitServer {
    /// Sends each request once to the real server, and stores the response. Of requests that create
    /// something, only the last is sent, and its response is used for all.
    pub(crate) fn of(server: &RectoServer, load: &Workload) -> Self {
        let mut responses = HashMap::new();
        let mut status = StatusCode::OK;
        let last = load.requests.last().filter(|request| request.method == "POST");
        let created = last.map(|request| server.response(request));
        for request in &load.requests {
            let (found, body) = created.clone().unwrap_or_else(|| server.response(request));
            (status, _) = (found, responses.insert(request.path.clone(), body));
        }
        let responses: Responses = Arc::new(responses);
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    App::new()
                        .app_data(Data::from(Arc::clone(&responses)))
                        .app_data(Data::new(status))
                        .default_service(web::to(respond))
                })
                .bind("127.0.0.1:0")
                .expect("a port is free");
                let address = server.addrs()[0];
                let server = server.run();
                sender.send((address, server.handle())).expect("the receiver waits");
                server.await.expect("it runs until it is stopped");
            });
        });
        let (address, handle) = receiver.recv().expect("it starts");
        Self { address, handle, thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for LimitServer {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads the body, as a server must, and responds.
async fn respond(
    request: HttpRequest,
    _body: Bytes,
    responses: Data<HashMap<String, Bytes>>,
    status: Data<StatusCode>,
) -> HttpResponse {
    let path = request.uri().path_and_query().map_or("", |path| path.as_str());
    match responses.get(path) {
        Some(bytes) => {
            HttpResponse::build(**status).content_type("application/json").body(bytes.clone())
        }
        None => HttpResponse::NotFound().finish(),
    }
}
