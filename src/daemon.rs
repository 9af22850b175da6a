//! The daemon: owns library, ledger and the current site, and builds the site again when something changed.
//!
//! One loop, four events: the folder changed, a waiting digest's moment came, a new configuration, stop. Connections see only
//! the newest finished site. A look or a build that fails keeps the old site and is told once.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::finding::{Finding, Severity};
use crate::http::server;
use crate::ledger::Ledger;
use crate::library::watch::Watch;
use crate::library::{self, Changes, Library};
use crate::site::{self, Site};

/// What a daemon needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// The content folder, absolute.
    pub content: PathBuf,
    /// Which files are read.
    pub library: library::Options,
    /// How the folder is watched.
    pub watch: library::watch::Options,
    /// How the site is made.
    pub site: site::Options,
    /// How the server answers.
    pub server: server::Options,
    /// Where the ledger is kept; without it, times are derived anew at each start.
    pub state: Option<PathBuf>,
}

/// What can be asked of a running daemon.
#[derive(Debug)]
pub enum Request {
    /// Go on with other options.
    Reload(Box<Options>),
    /// Finish the responses under way and end.
    Stop,
}

/// What wakes the loop.
enum Event {
    FolderChanged,
    Tick,
    Reload(Box<Options>),
    Stop,
}

/// A daemon that serves, and is about to run its loop.
pub struct Daemon {
    mill: Option<Mill>,
    watch: Watch,
    site: watch::Sender<Arc<Site>>,
    server_options: watch::Sender<server::Options>,
    server: JoinHandle<()>,
    stop: CancellationToken,
    next_moment: Option<DateTime<Utc>>,
    failing: Option<String>,
    /// A build that was due whatever the folder says has failed so far.
    must_build: bool,
}

/// What a build works on; it moves into a blocking task and back, so there is no lock.
struct Mill {
    options: Options,
    library: Library,
    ledger: Ledger,
}

/// What came out of a look at the folder.
struct Outcome {
    changes: Changes,
    /// A new site, if anything changed.
    site: Option<Site>,
    next_moment: Option<DateTime<Utc>>,
    elapsed: Duration,
}

/// Why a site is built.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// Only if the folder changed.
    Changes,
    /// In any case: the options or the time are others.
    Always,
}

impl Mill {
    fn new(options: Options) -> Mill {
        let library = Library::new(&options.content, options.library.clone(), options.site.rules.clone());
        Mill { options, library, ledger: Ledger::default() }
    }

    /// Opens the ledger. A daemon without one still serves: ids come out the same, times of corrections are lost.
    fn open_ledger(&mut self) {
        let Some(folder) = &self.options.state else {
            tracing::info!("no state folder: times of corrections and of late items last until the next start only");
            return;
        };
        match Ledger::open(folder, &self.options.site.ids) {
            Ok(ledger) => {
                self.library.recall(ledger.memory().clone());
                self.ledger = ledger;
            }
            Err(error) => tracing::error!(reason = format!("{error:#}"), "serving with derived ids and times"),
        }
    }

    fn turn(&mut self, busy: &HashSet<PathBuf>, reason: Reason, previous: Option<&Site>) -> anyhow::Result<Outcome> {
        let begun = Instant::now();
        let now = Utc::now();
        let today = self.options.site.ids.today(now);
        let changes = self.library.refresh(busy, today)?;
        if reason == Reason::Changes && !changes.any() {
            return Ok(Outcome { changes, site: None, next_moment: None, elapsed: begun.elapsed() });
        }
        self.ledger.remember(self.library.memory());
        let settlement = self.ledger.settle(self.library.digests(), now, &self.options.site.ids);
        if let Err(error) = self.ledger.write() {
            tracing::error!(
                reason = format!("{error:#}"),
                "the ledger cannot be written; tried again with the next change"
            );
        }
        let site = Site::build(&settlement.digests, &self.options.site, previous, now);
        let next_moment = settlement.waiting.first().map(|waiting| waiting.moment.to_utc());
        Ok(Outcome { changes, site: Some(site), next_moment, elapsed: begun.elapsed() })
    }
}

impl Daemon {
    /// Looks at the folder, builds the first site and begins to accept connections.
    ///
    /// # Errors
    /// When the content folder cannot be listed.
    pub async fn start(options: Options, listener: TcpListener) -> anyhow::Result<Daemon> {
        // Armed before the first look, so that nothing falls between.
        let mut watch = Watch::new(&options.content, options.watch.clone());
        let server_options = options.server.clone();
        let mut mill = Mill::new(options);
        let (mill, outcome) = tokio::task::spawn_blocking(move || {
            mill.open_ledger();
            let outcome = mill.turn(&HashSet::new(), Reason::Always, None);
            (mill, outcome)
        })
        .await
        .context("the first build broke off")?;
        let outcome = outcome?;
        watch.looked();
        tell(&outcome);
        let first = Arc::new(outcome.site.context("the first build made no site")?);
        let stop = CancellationToken::new();
        let (site, newest) = watch::channel(first);
        let (server_options, limits) = watch::channel(server_options);
        let server = tokio::spawn(server::serve(listener, newest, limits, stop.clone()));
        let next_moment = outcome.next_moment;
        Ok(Daemon {
            mill: Some(mill),
            watch,
            site,
            server_options,
            server,
            stop,
            next_moment,
            failing: None,
            must_build: false,
        })
    }

    /// Runs until it is asked to stop, or nobody can ask any more.
    pub async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        tell_service_manager(&[NotifyState::Ready]);
        loop {
            match self.event(&mut requests).await {
                Event::FolderChanged => self.turn(Reason::Changes).await,
                Event::Tick => self.turn(Reason::Always).await,
                Event::Reload(options) => self.reload(*options).await,
                Event::Stop => break,
            }
        }
        tracing::info!("stopping");
        tell_service_manager(&[NotifyState::Stopping]);
        self.stop.cancel();
        if let Err(error) = self.server.await {
            tracing::error!(%error, "the server broke off");
        }
    }

    /// The newest site, for whoever wants to wait for the next.
    pub fn site(&self) -> watch::Receiver<Arc<Site>> {
        self.site.subscribe()
    }

    async fn event(&mut self, requests: &mut mpsc::Receiver<Request>) -> Event {
        let until_moment = self.next_moment.map(|moment| (moment - Utc::now()).to_std().unwrap_or_default());
        let tick = async {
            match until_moment {
                // Clocks are set; asking again every minute finds the moment all the same.
                Some(wait) => tokio::time::sleep(wait.min(Duration::from_secs(60))).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            request = requests.recv() => match request {
                Some(Request::Reload(options)) => Event::Reload(options),
                Some(Request::Stop) | None => Event::Stop,
            },
            () = self.watch.due() => Event::FolderChanged,
            () = tick => if self.next_moment.is_some_and(|moment| moment <= Utc::now()) { Event::Tick } else { Event::FolderChanged },
        }
    }

    async fn turn(&mut self, reason: Reason) {
        let reason = if self.must_build { Reason::Always } else { reason };
        let Some(mut mill) = self.mill.take() else { return };
        let busy = self.watch.busy();
        let previous = self.site.borrow().clone();
        let turned = tokio::task::spawn_blocking(move || {
            // A panic must not take the library and the ledger with it.
            let turn = std::panic::AssertUnwindSafe(|| mill.turn(&busy, reason, Some(&previous)));
            let outcome = std::panic::catch_unwind(turn);
            (mill, outcome)
        });
        let outcome = match turned.await {
            Ok((mill, outcome)) => {
                self.mill = Some(mill);
                outcome.unwrap_or_else(|_| Err(anyhow::anyhow!("the build broke off; please report this as a bug")))
            }
            Err(error) => Err(error.into()),
        };
        self.watch.looked();
        if let Some(reason) = self.watch.complaint() {
            tracing::warn!(%reason, "the folder cannot be watched; it is looked at regularly instead");
        }
        self.must_build = reason == Reason::Always && outcome.is_err();
        match outcome {
            Ok(outcome) => self.publish(outcome),
            Err(error) => self.tell_failure(&error),
        }
    }

    fn publish(&mut self, outcome: Outcome) {
        if self.failing.take().is_some() {
            tracing::info!("the content folder can be read again");
        }
        tell(&outcome);
        let Some(site) = outcome.site else { return };
        tell_service_manager(&[NotifyState::Status(&format!("{} digests, {} items", site.digests, site.items))]);
        self.next_moment = outcome.next_moment;
        self.site.send_replace(Arc::new(site));
    }

    fn tell_failure(&mut self, error: &anyhow::Error) {
        let reason = format!("{error:#}");
        // Not at once again: what waits is asked for with the next look.
        self.next_moment = self.next_moment.map(|moment| moment.max(Utc::now() + chrono::TimeDelta::seconds(60)));
        if self.failing.as_ref() != Some(&reason) {
            tracing::error!(%reason, "the old site stays");
            self.failing = Some(reason);
        }
    }

    async fn reload(&mut self, options: Options) {
        self.server_options.send_replace(options.server.clone());
        if self.mill.as_ref().is_some_and(|mill| mill.options.content != options.content) {
            self.watch = Watch::new(&options.content, options.watch.clone());
        }
        if let Some(mill) = self.mill.take() {
            // Ids, times and last good versions stay what they were; the files are read again, for the rules may be others.
            let Mill { options: before, mut library, ledger } = mill;
            self.mill = Some(if before.content == options.content {
                library.set_rules(options.library.clone(), options.site.rules.clone());
                Mill { options, library, ledger }
            } else {
                let mut mill = Mill::new(options);
                mill.library.recall(ledger.memory().clone());
                Mill { ledger, ..mill }
            });
        }
        self.turn(Reason::Always).await;
        tracing::info!("configuration reloaded");
        tell_service_manager(&[NotifyState::Ready]);
    }
}

/// Tells systemd, if it started us and listens (`sd_notify(3)`).
pub fn tell_service_manager(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

/// What a look found and what was built of it, for the log.
fn tell(outcome: &Outcome) {
    for Finding { path, line, column, severity, message, remedy, .. } in &outcome.changes.new_findings {
        match severity {
            Severity::Error => tracing::error!(%path, line, column, %message, %remedy, "finding"),
            Severity::Warning => tracing::warn!(%path, line, column, %message, %remedy, "finding"),
            Severity::Note => tracing::debug!(%path, line, column, %message, %remedy, "finding"),
        }
    }
    let Some(Site { digests, items, .. }) = &outcome.site else { return };
    let (changed, removed) = (summary(&outcome.changes.changed), summary(&outcome.changes.removed));
    let elapsed_ms = outcome.elapsed.as_millis();
    match outcome.next_moment {
        None => tracing::info!(digests, items, %changed, %removed, elapsed_ms, "site built"),
        Some(next) => {
            tracing::info!(digests, items, %changed, %removed, elapsed_ms, %next, "site built; a digest waits")
        }
    }
}

/// A few names, or how many there are.
fn summary(paths: &[String]) -> String {
    const FEW: usize = 5;
    match paths {
        [] => "none".to_owned(),
        few if few.len() <= FEW => few.join(", "),
        many => format!("{} files", many.len()),
    }
}
