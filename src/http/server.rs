//! The server: accepts connections, answers each request from the newest site, stops gracefully.
//!
//! A thread per core, each with its own runtime, and one task per connection. A response under way keeps the page it began with; the next request on the same connection sees
//! the newest site.

use std::convert::Infallible;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::client;
use super::limit::{self, Limiter};
use super::preview::{self, Body};
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
    /// Whether pages look again by themselves, for those who write them on this machine.
    pub is_preview: bool,
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
            is_preview: false,
        }
    }
}

/// How long accepting pauses after an error: usually there are no file descriptors, and asking again at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long a thread is silent about such errors after it has told of one.
const ACCEPT_SILENCE: Duration = Duration::from_secs(60);

/// The most threads that answer. Each is told of every connection that comes, and one of them takes it; so beyond some, more
/// threads cost more than they answer.
const MOST_THREADS: usize = 8;

/// What all threads share.
struct Shared {
    site: watch::Receiver<Arc<Site>>,
    options: watch::Receiver<Options>,
    limiter: Limiter,
    permits: Arc<Semaphore>,
    seats: Seats,
    stop: CancellationToken,
}

/// Serves until `stop` is cancelled and the responses under way are done, or the drain time is over.
///
/// Each core has a thread with a runtime of its own, so that a connection stays where it was accepted and no thread waits for
/// another. All accept from one listener: whoever has a permit takes the next connection, so none waits at a thread that is
/// busy, and a listener that somebody else has opened serves as well.
pub async fn serve(
    listener: TcpListener,
    site: watch::Receiver<Arc<Site>>,
    options: watch::Receiver<Options>,
    stop: CancellationToken,
) {
    let limiter = Limiter::new(&options.borrow().limit);
    let permits = Arc::new(Semaphore::new(options.borrow().max_connections));
    let shared = Arc::new(Shared { site, options, limiter, permits, seats: Seats::new(), stop });
    let (ended, mut all_ended) = mpsc::channel::<Infallible>(1);
    let listener = listener.into_std();
    for _ in 0..std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS) {
        let (shared, ended) = (shared.clone(), ended.clone());
        let own = listener.as_ref().map_err(|error| error.kind().into()).and_then(std::net::TcpListener::try_clone);
        let begun = own.and_then(|own| {
            std::thread::Builder::new().name("http".to_owned()).spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                if let Err(error) = runtime.and_then(|runtime| runtime.block_on(accept(own, &shared))) {
                    tracing::error!(%error, "a thread of the server cannot start");
                }
                drop(ended);
            })
        });
        if let Err(error) = begun {
            tracing::error!(%error, "a thread of the server cannot start");
        }
    }
    // With it the port is free as soon as the threads have stopped to accept.
    drop((listener, ended));
    let mut tidy = tokio::time::interval(limit::TIDY_INTERVAL);
    loop {
        tokio::select! {
            _ = all_ended.recv() => break,
            _ = tidy.tick() => shared.limiter.tidy(),
        }
    }
}

/// One thread: accepts and answers until the server stops, then lets responses under way end.
async fn accept(listener: std::net::TcpListener, shared: &Arc<Shared>) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let graceful = GracefulShutdown::new();
    let mut options = shared.options.clone();
    let mut builder = arrange(&listener, &options.borrow_and_update());
    let mut stopped = std::pin::pin!(shared.stop.cancelled());
    let mut told: Option<Instant> = None;
    loop {
        let permit = tokio::select! {
            permit = shared.permits.clone().acquire_owned() => permit,
            () = &mut stopped => break,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stopped => break,
        };
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => (stream, peer.ip().to_canonical()),
            Err(error) => {
                if told.is_none_or(|told| told.elapsed() > ACCEPT_SILENCE) {
                    told = Some(Instant::now());
                    tracing::warn!(%error, "cannot accept connections; those who come have to wait");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if options.has_changed().unwrap_or(false) {
            builder = arrange(&listener, &options.borrow_and_update());
        }
        let Ok(seat) = Seat::take(shared, peer, &options.borrow()) else {
            tracing::debug!(%peer, "closed a connection: its address has as many as it may");
            continue;
        };
        let own = shared.clone();
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let (head, _) = request.into_parts();
            // Cloned so that the lock of the channel is not held while a page is compressed.
            let newest = own.site.borrow().clone();
            let options = own.options.borrow();
            let answer = match options.is_preview {
                false => answer(&head, peer, &newest, &options, &own.limiter).map(Body::Left),
                true => preview_answer(&head, &newest, &options, &own),
            };
            std::future::ready(Ok::<_, Infallible>(answer))
        });
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // A client that breaks off or sends nonsense concerns nobody else.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop((seat, permit));
        });
    }
    drop(listener);
    let drain_timeout = options.borrow().drain_timeout;
    if tokio::time::timeout(drain_timeout, graceful.shutdown()).await.is_err() {
        tracing::warn!(seconds = drain_timeout.as_secs(), "closed connections that were still busy");
    }
    Ok(())
}

/// What every connection accepted from now on is subject to.
fn arrange(listener: &TcpListener, limits: &Options) -> http1::Builder {
    limit_stalling(listener, limits.stall_timeout);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // Who has said all and waits has not gone away.
        .half_close(true)
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

/// The answer of a preview; events go on in a task of their own.
fn preview_answer(head: &Parts, site: &Site, options: &Options, shared: &Shared) -> hyper::Response<Body> {
    let Some(path) = preview::asks_for_events(head, site) else {
        return preview::answer(head, site, &options.respond).map(Body::Left);
    };
    let (sender, answer) = preview::events();
    tokio::spawn(preview::tell(sender, shared.site.clone(), path, shared.stop.clone()));
    answer.map(Body::Right)
}

/// So many counts of connections.
const SEATS: usize = 1 << 16;

/// How many connections each address has, by a hash that nobody can foresee. Addresses whose hashes meet share a count; among
/// so many counts that concerns nobody who is not near the limit.
struct Seats {
    hasher: RandomState,
    taken: Box<[AtomicUsize]>,
}

/// An address has as many connections as it may.
struct Full;

/// The place of one connection, with its count; nothing when its address is not counted.
struct Seat(Option<(Arc<Shared>, usize)>);

impl Seats {
    fn new() -> Seats {
        Seats { hasher: RandomState::new(), taken: (0..SEATS).map(|_| AtomicUsize::new(0)).collect() }
    }

    fn of(&self, address: IpAddr) -> usize {
        (self.hasher.hash_one(address) % SEATS as u64) as usize
    }
}

impl Seat {
    fn take(shared: &Arc<Shared>, address: IpAddr, limits: &Options) -> Result<Seat, Full> {
        if !client::is_one(address, &limits.trusted_proxies) {
            return Ok(Seat(None));
        }
        let at = shared.seats.of(address);
        let before = shared.seats.taken[at].fetch_add(1, Ordering::Relaxed);
        // One that is refused leaves at once.
        let seat = Seat(Some((shared.clone(), at)));
        if before < limits.connections_per_address { Ok(seat) } else { Err(Full) }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some((shared, at)) = &self.0 {
            shared.seats.taken[*at].fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// hyper has no write timeout; the kernel closes a connection whose bytes nobody takes. A connection has from its listener what
/// is set there, so this costs no call for each.
fn limit_stalling(listener: &TcpListener, timeout: Duration) {
    let socket = socket2::SockRef::from(listener);
    let limited = socket.set_tcp_user_timeout(Some(timeout)).and_then(|()| socket.set_tcp_nodelay(true));
    if let Err(error) = limited {
        tracing::debug!(%error, "connections without limits");
    }
}
