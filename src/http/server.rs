//! The server: accepts connections, answers each request from the newest site, stops gracefully.
//!
//! A thread per core, each with its own runtime, and one task per connection. A response under way keeps the page it began with; the next request on the same connection sees
//! the newest site.

use std::convert::Infallible;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::{NaiveDate, Utc};
use chrono_tz::Tz;
use http_body_util::Either;
use hyper::StatusCode;
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::access::{Line, Log};
use super::admin::Desk;
use super::client;
use super::limit::{self, Limiter};
use super::preview::{self, Body};
use super::respond::{self, respond};
use super::socket::{self, Socket};
use super::traffic::Traffic;
use crate::readership::{self, Day};
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
    /// The file that has a line for each answer.
    pub access_log: Option<PathBuf>,
    /// How readers are counted.
    pub readers: Readership,
    /// Whether operators ask elsewhere, so that nothing is for them here.
    pub has_admin: bool,
}

/// How readers are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readership {
    /// Where days are kept.
    pub state: Option<PathBuf>,
    /// Where the publication is, for the beginning of a day.
    pub timezone: Tz,
    /// For how many days they are kept.
    pub keep_days: u32,
}

impl Readership {
    fn today(&self) -> NaiveDate {
        Utc::now().with_timezone(&self.timezone).date_naive()
    }

    /// Counts of a day that goes on, if another process has begun it.
    pub fn traffic(&self) -> Traffic {
        let today = self.today();
        Traffic::new(today, self.state.as_deref().and_then(|state| readership::earlier(state, today)))
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            header_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            max_head_bytes: 16 * 1024,
            max_headers: HYPERS_MOST_HEADERS,
            max_connections: 10_000,
            connections_per_address: 100,
            trusted_proxies: Vec::new(),
            limit: limit::Options::default(),
            respond: respond::Options::default(),
            is_preview: false,
            access_log: None,
            readers: Readership { state: None, timezone: Tz::UTC, keep_days: 400 },
            has_admin: false,
        }
    }
}

/// How often the numbers of readers are kept.
const KEEPING_INTERVAL: Duration = Duration::from_secs(300);

/// So many headers hyper takes of itself; more get 431.
const HYPERS_MOST_HEADERS: usize = 100;

/// So many operators ask at once.
const MOST_OPERATORS: usize = 64;

/// Where requests come from.
#[derive(Debug)]
pub struct Listeners {
    /// For everybody.
    pub public: TcpListener,
    /// For operators.
    pub admin: Option<AdminListener>,
}

/// Where operators ask.
#[derive(Debug)]
pub enum AdminListener {
    /// Over the network.
    Tcp(TcpListener),
    /// On this machine.
    Unix(UnixListener),
}

impl From<TcpListener> for Listeners {
    fn from(public: TcpListener) -> Listeners {
        Listeners { public, admin: None }
    }
}

/// How long accepting pauses after an error: usually there are no file descriptors, and asking again at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// So long a stop goes on to accept, for the kernel has connections that have not spoken yet ([`socket::arrange`]); and as long
/// it then hears what those ask that were accepted last, which would be closed without an answer.
const LAST_WORDS: Duration = Duration::from_millis(200);

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
    desk: Desk,
    log: Log,
    stop: CancellationToken,
}

/// Serves until `stop` is cancelled and the responses under way are done, or the drain time is over.
///
/// Each core has a thread with a runtime of its own, so that a connection stays where it was accepted and no thread waits for
/// another. All accept from one listener: whoever has a permit takes the next connection, so none waits at a thread that is
/// busy, and a listener that somebody else has opened serves as well.
///
/// # Errors
/// When it cannot begin.
pub async fn serve(
    listeners: Listeners,
    site: watch::Receiver<Arc<Site>>,
    mut options: watch::Receiver<Options>,
    desk: Desk,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let Listeners { public: listener, admin } = listeners;
    let limiter = Limiter::new(&options.borrow().limit);
    let permits = Arc::new(Semaphore::new(options.borrow().max_connections));
    let log = Log::new()?;
    log.open(options.borrow_and_update().access_log.as_deref());
    let (own, seats) = (options.clone(), Seats::new());
    let shared = Arc::new(Shared { site, options: own, limiter, permits, seats, desk, log, stop });
    if let Some(admin) = admin {
        tokio::spawn(attend_operators(admin, shared.clone()));
    }
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
    let mut keep = tokio::time::interval_at(tokio::time::Instant::now() + KEEPING_INTERVAL, KEEPING_INTERVAL);
    loop {
        tokio::select! {
            _ = all_ended.recv() => break,
            Ok(()) = options.changed() => shared.log.open(options.borrow_and_update().access_log.as_deref()),
            _ = tidy.tick() => {
                shared.limiter.tidy();
                shared.begin_day();
            }
            _ = keep.tick() => drop(shared.keep_readers(shared.desk.traffic.day())),
        }
    }
    if shared.keep_readers(shared.desk.traffic.day()).await.is_err() {
        tracing::error!("keeping the numbers of readers broke off; please report this as a bug");
    }
    Ok(())
}

impl Shared {
    /// Another day has begun somewhere; what was counted of the one before is kept as it is.
    fn begin_day(&self) {
        let today = self.options.borrow().readers.today();
        if let Some(over) = self.desk.traffic.turn(today) {
            drop(self.keep_readers(over));
        }
    }

    /// Beside the loop, which must not wait for a disk.
    fn keep_readers(&self, day: Day) -> JoinHandle<()> {
        let Readership { state, keep_days, .. } = self.options.borrow().readers.clone();
        tokio::task::spawn_blocking(move || {
            let Some(state) = state.filter(|_| !day.feeds.is_empty()) else { return };
            if let Err(error) = readership::keep(&state, &day, keep_days) {
                tracing::warn!(reason = format!("{error:#}"), "the numbers of readers cannot be kept");
            }
        })
    }
}

/// Answers operators on their own address until the server stops. Whoever waits there holds up nothing: it ends with the runtime.
async fn attend_operators(listener: AdminListener, shared: Arc<Shared>) {
    let permits = Arc::new(Semaphore::new(MOST_OPERATORS));
    while let Ok(permit) = permits.clone().acquire_owned().await {
        let shared = shared.clone();
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.stop.cancelled() => return,
        };
        match accepted {
            Ok(Either::Left(stream)) => drop(tokio::spawn(attend_operator(stream, shared, permit))),
            Ok(Either::Right(stream)) => drop(tokio::spawn(attend_operator(stream, shared, permit))),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection for operators");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn attend_operator<S>(stream: S, shared: Arc<Shared>, permit: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limits = shared.options.borrow().clone();
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let (head, _) = request.into_parts();
        let answer = shared.desk.answer(head.uri.path(), &head);
        let missing =
            || respond::plain(StatusCode::NOT_FOUND, "404: there is /status, /healthz, /readyz and /metrics\n");
        std::future::ready(Ok::<_, Infallible>(answer.unwrap_or_else(missing)))
    });
    if let Err(error) = bounded(&limits).serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "an operator's connection ended early");
    }
    drop(permit);
}

impl AdminListener {
    async fn accept(&self) -> std::io::Result<Either<TcpStream, UnixStream>> {
        match self {
            AdminListener::Tcp(listener) => Ok(Either::Left(listener.accept().await?.0)),
            AdminListener::Unix(listener) => Ok(Either::Right(listener.accept().await?.0)),
        }
    }
}

/// One thread: accepts and answers until the server stops, then lets responses under way end.
async fn accept(listener: std::net::TcpListener, shared: &Arc<Shared>) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let graceful = GracefulShutdown::new();
    let mut options = shared.options.clone();
    let mut builder = arrange(&listener, &options.borrow_and_update());
    let mut stopped = std::pin::pin!(async {
        shared.stop.cancelled().await;
        tokio::time::sleep(LAST_WORDS).await;
    });
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
        shared.desk.traffic.comes();
        let own = shared.clone();
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let (head, _) = request.into_parts();
            // Cloned so that the lock of the channel is not held while a page is compressed.
            let newest = own.site.borrow().clone();
            let options = own.options.borrow();
            let answer = match options.is_preview {
                false => own.answer(&head, peer, &newest, &options).map(Body::Left),
                true => preview_answer(&head, &newest, &options, &own),
            };
            std::future::ready(Ok::<_, Infallible>(answer))
        });
        let traffic = shared.desk.traffic.clone();
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(Socket(stream)), service));
        tokio::spawn(async move {
            // A client that breaks off or sends nonsense concerns nobody else.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            traffic.goes();
            drop((seat, permit));
        });
    }
    drop(listener);
    if graceful.count() > 0 {
        tokio::time::sleep(LAST_WORDS).await;
    }
    let drain_timeout = options.borrow().drain_timeout;
    if tokio::time::timeout(drain_timeout, graceful.shutdown()).await.is_err() {
        tracing::warn!(seconds = drain_timeout.as_secs(), "closed connections that were still busy");
    }
    Ok(())
}

/// What every connection accepted from now on is subject to.
fn arrange(listener: &TcpListener, limits: &Options) -> http1::Builder {
    socket::arrange(listener, limits.stall_timeout);
    bounded(limits)
}

fn bounded(limits: &Options) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // Who has said all and waits has not gone away.
        .half_close(true)
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.max_head_bytes);
    // A number of its own hyper takes dearly: with that it fills the room for so many headers at each request.
    if limits.max_headers != HYPERS_MOST_HEADERS {
        builder.max_headers(limits.max_headers);
    }
    builder
}

impl Shared {
    fn answer(&self, head: &Parts, peer: IpAddr, site: &Site, options: &Options) -> respond::Answer {
        let begun = Instant::now();
        let client = client::address(peer, &head.headers, &options.trusted_proxies);
        let route = site.without_root(head.uri.path());
        if !options.has_admin
            && let Some(answer) = self.desk.answer_beside_the_site(route, peer, head)
        {
            return answer;
        }
        let answer = respond(head, site, &options.respond);
        let answer = match client::is_one(client, &options.trusted_proxies) {
            true => self.limiter.judge(client, head, answer),
            false => answer,
        };
        self.desk.traffic.count(client, route, head, &answer, begun.elapsed());
        if self.log.is_open() {
            self.log.tell(&Line { client, at: Utc::now(), request: head, answer: &answer });
        }
        answer
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
