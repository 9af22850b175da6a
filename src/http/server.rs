//! The server: accepts connections, answers each request from the newest site, stops gracefully.
//!
//! One task per connection. A response under way keeps the page it began with; the next request on the same connection sees
//! the newest site.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::respond::{self, respond};
use crate::site::Site;

/// Limits, so that no client can hold the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long a client may take for a request's head, and how long an idle connection is kept.
    pub header_timeout: Duration,
    /// How long a client may leave sent bytes unacknowledged.
    pub stall_timeout: Duration,
    /// How long a stop waits for responses under way.
    pub drain_timeout: Duration,
    /// The most connections at once; further ones wait to be accepted.
    pub max_connections: usize,
    /// What responses say.
    pub respond: respond::Options,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            header_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            max_connections: 10_000,
            respond: respond::Options::default(),
        }
    }
}

/// The longest request head, in bytes; longer ones get 431.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// The most headers of a request; more get 431.
const MAX_HEADERS: usize = 64;

/// How long accepting pauses after an error: usually there are no file descriptors, and asking again at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` is cancelled and the responses under way are done, or the drain time is over.
pub async fn serve(
    listener: TcpListener,
    site: watch::Receiver<Arc<Site>>,
    options: watch::Receiver<Options>,
    stop: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(options.borrow().max_connections));
    loop {
        let permit = tokio::select! {
            permit = permits.clone().acquire_owned() => permit,
            () = stop.cancelled() => break,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (site, options) = (site.clone(), options.clone());
        let limits = options.borrow().clone();
        limit_stalling(&stream, limits.stall_timeout);
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let (head, _) = request.into_parts();
            // Cloned so that the lock of the channel is not held while a page is compressed.
            let newest = site.borrow().clone();
            let answer = respond(&head, &newest, &options.borrow().respond);
            async move { Ok::<_, Infallible>(answer) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A client that breaks off or sends nonsense concerns nobody else.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    let drain_timeout = options.borrow().drain_timeout;
    if tokio::time::timeout(drain_timeout, graceful.shutdown()).await.is_err() {
        tracing::warn!(seconds = drain_timeout.as_secs(), "closed connections that were still busy");
    }
}

/// hyper has no write timeout; the kernel closes a connection whose bytes nobody takes.
fn limit_stalling(stream: &TcpStream, timeout: Duration) {
    let socket = socket2::SockRef::from(stream);
    let limited = socket.set_tcp_user_timeout(Some(timeout)).and_then(|()| stream.set_nodelay(true));
    if let Err(error) = limited {
        tracing::debug!(%error, "a connection without limits");
    }
}
