//! The server: accepts connections, answers each request from the newest site, stops gracefully.
//!
//! One task per connection. A response under way keeps the page it began with; the next request on the same connection sees
//! the newest site.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::client;
use super::limit::{self, Limiter};
use super::respond::{self, respond};
use crate::site::Site;

/// Limits, so that no client can hold the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long a client may take for a request's head, and how long an idle connection is kept: hyper has one timer for both.
    pub header_timeout: Duration,
    /// How long a client may leave sent bytes unacknowledged.
    pub stall_timeout: Duration,
    /// How long a stop waits for responses under way.
    pub drain_timeout: Duration,
    /// The longest request head, in bytes, 8192 at least; longer ones get 431.
    pub max_head_bytes: usize,
    /// The most headers of a request; more get 431.
    pub max_headers: usize,
    /// The most connections at once; further ones wait to be accepted.
    pub max_connections: usize,
    /// The most connections at once of one address; further ones are closed.
    pub connections_per_address: usize,
    /// Whose word on the client's address counts. The connections of these are not counted by address.
    pub trusted_proxies: Vec<IpNet>,
    /// How often a client may fetch a feed whole.
    pub limit: limit::Options,
    /// What responses say.
    pub respond: respond::Options,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            header_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            max_head_bytes: 16 * 1024,
            max_headers: 64,
            max_connections: 10_000,
            connections_per_address: 100,
            trusted_proxies: Vec::new(),
            limit: limit::Options::default(),
            respond: respond::Options::default(),
        }
    }
}

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
    let max_connections = options.borrow().max_connections;
    let permits = Arc::new(Semaphore::new(max_connections));
    let limiter = Arc::new(Limiter::new(&options.borrow().limit));
    let mut seats = Seats::new(max_connections);
    let mut tidy = tokio::time::interval(limit::TIDY_INTERVAL);
    loop {
        let permit = tokio::select! {
            permit = permits.clone().acquire_owned() => permit,
            () = stop.cancelled() => break,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = tidy.tick() => {
                limiter.tidy();
                continue;
            }
            () = stop.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => (stream, peer.ip().to_canonical()),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let seat = match seats.take(peer, &options.borrow()) {
            Ok(seat) => seat,
            Err(Full) => {
                tracing::debug!(%peer, "closed a connection: its address has as many as it may");
                continue;
            }
        };
        let (site, limiter, own_options) = (site.clone(), limiter.clone(), options.clone());
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let (head, _) = request.into_parts();
            // Cloned so that the lock of the channel is not held while a page is compressed.
            let newest = site.borrow().clone();
            let answer = answer(&head, peer, &newest, &own_options.borrow(), &limiter);
            async move { Ok::<_, Infallible>(answer) }
        });
        let connection = builder(&stream, &options.borrow()).serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A client that breaks off or sends nonsense concerns nobody else.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(seat);
            drop(permit);
        });
    }
    drop(listener);
    let drain_timeout = options.borrow().drain_timeout;
    if tokio::time::timeout(drain_timeout, graceful.shutdown()).await.is_err() {
        tracing::warn!(seconds = drain_timeout.as_secs(), "closed connections that were still busy");
    }
}

fn builder(stream: &TcpStream, limits: &Options) -> http1::Builder {
    limit_stalling(stream, limits.stall_timeout);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(limits.max_headers)
        .max_buf_size(limits.max_head_bytes);
    builder
}

fn answer(head: &Parts, peer: IpAddr, site: &Site, options: &Options, limiter: &Limiter) -> respond::Answer {
    let answer = respond(head, site, &options.respond);
    let client = client::address(peer, &head.headers, &options.trusted_proxies);
    match client::is_one(client, &options.trusted_proxies) {
        true => limiter.judge(client, head, answer),
        false => answer,
    }
}

/// How many connections each address has. Only the accepting loop counts; a connection that ends tells it.
struct Seats {
    taken: HashMap<IpAddr, usize>,
    left: mpsc::Receiver<IpAddr>,
    leave: mpsc::Sender<IpAddr>,
}

/// An address has as many connections as it may.
struct Full;

/// The place of one connection; nothing when its address is not counted.
struct Seat(Option<(IpAddr, mpsc::Sender<IpAddr>)>);

impl Seats {
    fn new(max_connections: usize) -> Seats {
        // As many as can leave between two that come, so that nobody who leaves must wait.
        let (leave, left) = mpsc::channel(max_connections + 1);
        Seats { taken: HashMap::new(), left, leave }
    }

    fn take(&mut self, address: IpAddr, limits: &Options) -> Result<Seat, Full> {
        while let Ok(gone) = self.left.try_recv() {
            if let Entry::Occupied(mut count) = self.taken.entry(gone) {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                }
            }
        }
        if !client::is_one(address, &limits.trusted_proxies) {
            return Ok(Seat(None));
        }
        let count = self.taken.entry(address).or_default();
        if *count >= limits.connections_per_address {
            return Err(Full);
        }
        *count += 1;
        Ok(Seat(Some((address, self.leave.clone()))))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some((address, leave)) = self.0.take() {
            // It cannot be full, and when nobody listens any more the server stops.
            let _ = leave.try_send(address);
        }
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
