//! `feedmill serve`: the daemon, with the process's signals and standard output around it.

use std::io::{ErrorKind, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::{content_of, mill_options, options_for};
use crate::cli::Serve;
use crate::config;
use crate::daemon::{self, Daemon, Request, preview};
use crate::http::admin::Address;
use crate::http::server::{AdminListener, Listeners};

/// The exit code after a second signal: responses under way were cut off.
const CUT_SHORT: u8 = 130;

pub(super) fn run(arguments: &Serve) -> anyhow::Result<ExitCode> {
    // For the daemon's loop alone: what takes long runs beside it, and the server has threads of its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let code = runtime.block_on(serve(arguments))?;
    // Waits for nothing: a look at a dead network folder must not hold the stop.
    runtime.shutdown_background();
    Ok(code)
}

async fn serve(arguments: &Serve) -> anyhow::Result<ExitCode> {
    let options = options_for(&arguments.making, arguments.listen)?;
    let given = given_listener()?;
    let listen = match &given {
        Some(listener) => listener.local_addr().context("the socket of the service manager has no address")?,
        None => options.listen,
    };
    ensure!(
        !arguments.preview || listen.ip().is_loopback(),
        "a preview shows drafts, so it listens on this machine alone, and {listen} can be reached from others; write --listen 127.0.0.1:8080"
    );
    // Fails early, before the port is taken.
    content_of(&options)?;
    let is_given = given.is_some();
    let listener = match given {
        Some(listener) => TcpListener::from_std(listener),
        None => TcpListener::bind(listen).await,
    };
    let listener = listener.with_context(|| format!("cannot listen on {listen}"))?;
    // A preview may run beside the service, whose that address is.
    let admin = match options.admin.as_ref().filter(|_| !arguments.preview) {
        Some(admin) => Some(listen_for_operators(admin).await?),
        None => None,
    };
    let address = listener.local_addr().context("the listener has no address")?;
    let place = Place { address, is_given, begun_with: options.clone() };
    let signals = Signals::new()?;
    let listeners = Listeners { public: listener, admin };
    let daemon = Daemon::start(daemon_options(options, arguments, address)?, listeners).await?;
    let mut out = std::io::stdout();
    // Whoever started us may have closed it; that is no reason to stop.
    let _ = writeln!(out, "listening on http://{address}/").and_then(|()| out.flush());
    let (requests, receiver) = mpsc::channel(4);
    tokio::select! {
        ended = daemon.run(receiver) => ended.map(|()| ExitCode::SUCCESS),
        () = signals.ask(requests, arguments, &place) => Ok(ExitCode::from(CUT_SHORT)),
    }
}

/// The socket that the service manager holds for us (`feedmill.socket`): it stays open while we are started again, so that
/// nobody is refused meanwhile.
fn given_listener() -> anyhow::Result<Option<std::net::TcpListener>> {
    let mut given = ListenFd::from_env();
    ensure!(given.len() < 2, "the service manager hands over {} sockets, and one can be served", given.len());
    let listener = given.take_tcp_listener(0).context("the service manager hands over no socket for TCP")?;
    if let Some(listener) = &listener {
        listener.set_nonblocking(true).context("the socket of the service manager cannot be used")?;
        tracing::info!("the service manager holds the socket; server.listen counts for nothing");
    }
    Ok(listener)
}

/// Where the server listens, and what else lasts until it is started again.
struct Place {
    address: SocketAddr,
    /// Whether the service manager chose it.
    is_given: bool,
    begun_with: config::Options,
}

impl Place {
    /// Newer options, as far as they take effect now. What does not is told.
    fn reloaded(&self, newer: config::Options) -> config::Options {
        let keys = self.begun_with.at_next_start(&newer);
        for key in keys.iter().filter(|key| !(self.is_given && **key == "server.listen")) {
            tracing::warn!("{key} is another now; it takes effect with the next start");
        }
        self.begun_with.reloaded(newer)
    }
}

fn daemon_options(
    mut options: config::Options,
    arguments: &Serve,
    address: SocketAddr,
) -> anyhow::Result<daemon::Options> {
    let content = content_of(&options)?;
    // What a preview leads to is the preview's.
    if options.site.feeds.base_url.is_empty() || arguments.preview {
        options.site.feeds.base_url = own_address(address);
    }
    let (watch, server) = (options.watch.clone(), options.server.clone());
    let options = daemon::Options { mill: mill_options(options, content), watch, server };
    Ok(if arguments.preview { preview::of(options) } else { options })
}

/// Where the server can be reached from this machine; nobody else's idea of it is known.
fn own_address(address: SocketAddr) -> String {
    match address.ip() {
        ip if ip.is_unspecified() => format!("http://localhost:{}/", address.port()),
        IpAddr::V6(_) | IpAddr::V4(_) => format!("http://{address}/"),
    }
}

/// Opens the address for operators. A socket that an earlier process left behind is taken away; one that somebody answers is not.
async fn listen_for_operators(address: &Address) -> anyhow::Result<AdminListener> {
    let bound = match address {
        Address::Tcp(address) => TcpListener::bind(address).await.map(AdminListener::Tcp),
        Address::Unix(path) => {
            if std::os::unix::net::UnixStream::connect(path)
                .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
            {
                std::fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
            }
            UnixListener::bind(path).map(AdminListener::Unix)
        }
    };
    bound.with_context(|| format!("admin.listen: cannot listen on {address}"))
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Signals> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Signals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// Turns signals into requests; done at the second signal to stop.
    async fn ask(mut self, requests: mpsc::Sender<Request>, arguments: &Serve, place: &Place) {
        loop {
            let request = tokio::select! {
                _ = self.terminate.recv() => Some(Request::Stop),
                _ = self.interrupt.recv() => Some(Request::Stop),
                _ = self.hang_up.recv() => reload(arguments, place),
            };
            let Some(request) = request else { continue };
            let stop = matches!(request, Request::Stop);
            let taken = requests.send(request).await.is_ok();
            if stop || !taken {
                break;
            }
        }
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        tracing::warn!("second signal: leaving at once");
    }
}

/// The options of the configuration as it is now; a wrong one is told, and the old one stays.
fn reload(arguments: &Serve, place: &Place) -> Option<Request> {
    daemon::tell_service_manager(&[NotifyState::Reloading]);
    let newer = options_for(&arguments.making, arguments.listen).map(|newer| place.reloaded(newer));
    match newer.and_then(|options| daemon_options(options, arguments, place.address)) {
        Ok(options) => Some(Request::Reload(Box::new(options))),
        Err(error) => {
            tracing::error!(reason = format!("{error:#}"), "the new configuration is refused; the old one stays");
            daemon::tell_service_manager(&[NotifyState::Ready]);
            None
        }
    }
}
