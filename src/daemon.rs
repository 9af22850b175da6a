//! The daemon: owns library, ledger and the current site, and builds the site again when something changed.
//!
//! One loop, four events: the folder changed, a waiting digest's moment came, a new configuration, stop; a fifth that ends
//! it as a failure, when nothing answers any more; and between them the loop tells that it is alive. Connections see only
//! the newest finished site. A look or a build that fails keeps the old site and is told once.

pub mod mill;
pub mod preview;
mod status;
mod watchdog;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::finding::{Finding, Severity};
use crate::http::server;
use crate::ledger::{self, Held, hold};
use crate::library;
use crate::library::watch::Watch;
use crate::pulse::Pulse;
use crate::site::Site;
use mill::{Mill, Outcome, Reason, Verdict};
use status::Status;
use watchdog::Watchdog;

/// How often a confirmation is looked for while a change is held back.
const CONFIRMATION_INTERVAL: Duration = Duration::from_secs(1);

/// What a daemon needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// What a turn works with.
    pub mill: mill::Options,
    /// How the folder is watched.
    pub watch: library::watch::Options,
    /// How the server answers.
    pub server: server::Options,
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
    ServerEnded,
    SignDue,
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
    /// A build has failed, so the next look builds whatever the folder says.
    must_build: bool,
    /// The fingerprint of a change that waits to be confirmed.
    held: Option<String>,
    /// The file that confirms it.
    confirmation: Option<PathBuf>,
    watchdog: Watchdog,
    status: Status,
}

/// Opens library and ledger. A daemon that cannot write its ledger still serves, with what it can read of it or else with
/// derived ids and times; one that would share it with another does not, nor one whose ledger is broken: other ids could not
/// be taken back.
fn open(options: mill::Options, pulse: &Pulse) -> anyhow::Result<Mill> {
    if options.state.is_none() {
        tracing::info!("no state folder: times of corrections and of late items last until the next start only");
    }
    let mut mill = match Mill::open(options.clone()) {
        Err(error) if ledger::is_of_the_disk(&error) => reading_only(options, &error),
        opened => opened?,
    };
    mill.set_pulse(pulse);
    Ok(mill)
}

fn reading_only(options: mill::Options, error: &anyhow::Error) -> Mill {
    tracing::error!(
        reason = format!("{error:#}"),
        "nothing new is kept; ids and times are those that the ledger holds"
    );
    Mill::reading_only(options)
}

impl Daemon {
    /// Looks at the folder, builds the first site and begins to accept connections.
    ///
    /// # Errors
    /// When the content folder cannot be listed.
    pub async fn start(options: Options, listener: TcpListener) -> anyhow::Result<Daemon> {
        // Armed before the first look, so that nothing falls between.
        let watch = Watch::new(&options.mill.content, options.watch.clone());
        let server_options = options.server.clone();
        let mut watchdog = Watchdog::of_a_start();
        let pulse = watchdog.pulse().clone();
        let first = tokio::task::spawn_blocking(move || {
            let mut mill = open(options.mill, &pulse)?;
            let outcome = mill.turn(&HashSet::new(), &Reason::Always, None, Utc::now())?;
            anyhow::Ok((mill, outcome))
        });
        let (mill, outcome) = watchdog.attend(first).await.context("the first build broke off")??;
        let stop = CancellationToken::new();
        let nothing = Site::restored(Vec::new(), &mill.options().site);
        let (site, newest) = watch::channel(Arc::new(nothing));
        let (server_options, limits) = watch::channel(server_options);
        let mut daemon = Daemon {
            confirmation: mill.ledger().folder().map(hold::confirmation),
            mill: Some(mill),
            watch,
            site,
            server_options,
            server: tokio::spawn(server::serve(listener, newest, limits, stop.clone())),
            stop,
            next_moment: None,
            failing: None,
            must_build: false,
            held: None,
            watchdog,
            status: Status::default(),
        };
        daemon.watch.looked();
        daemon.publish(outcome);
        daemon.keep_shown().await;
        Ok(daemon)
    }

    /// Runs until it is asked to stop, or nobody can ask any more.
    ///
    /// # Errors
    /// When nothing answers requests: whoever started the daemon may start it again.
    pub async fn run(mut self, mut requests: mpsc::Receiver<Request>) -> anyhow::Result<()> {
        tell_service_manager(&[NotifyState::Ready]);
        self.watchdog.ready();
        loop {
            match self.event(&mut requests).await {
                Event::FolderChanged => {
                    let reason = self.watch.files().map_or(Reason::Changes, Reason::Files);
                    self.turn(reason).await;
                }
                Event::Tick => self.turn(Reason::Always).await,
                Event::Reload(options) => self.reload(*options).await,
                Event::Stop => break,
                Event::SignDue => self.watchdog.give_sign(),
                Event::ServerEnded => anyhow::bail!("the server broke off: none of its threads runs"),
            }
        }
        tracing::info!("stopping");
        tell_service_manager(&[NotifyState::Stopping]);
        self.stop.cancel();
        self.server.await.context("the server broke off")
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
        let confirmation = self.confirmation.clone().filter(|_| self.held.is_some());
        let confirmed = async {
            let Some(file) = confirmation else { return std::future::pending().await };
            // Asked after the wait, so that a file which cannot be taken away costs a look at times and no more.
            loop {
                tokio::time::sleep(CONFIRMATION_INTERVAL).await;
                if file.exists() {
                    return;
                }
            }
        };
        tokio::select! {
            request = requests.recv() => match request {
                Some(Request::Reload(options)) => Event::Reload(options),
                Some(Request::Stop) | None => Event::Stop,
            },
            // It ends by itself only when it cannot go on.
            _ = &mut self.server => Event::ServerEnded,
            () = self.watch.due() => Event::FolderChanged,
            () = self.watchdog.due() => Event::SignDue,
            () = confirmed => Event::Tick,
            () = tick => if self.next_moment.is_some_and(|moment| moment <= Utc::now()) { Event::Tick } else { Event::FolderChanged },
        }
    }

    async fn turn(&mut self, reason: Reason) {
        let reason = if self.must_build { Reason::Always } else { reason };
        let busy = self.watch.busy();
        let previous = self.site.borrow().clone();
        let outcome = self.work(move |mill| mill.turn(&busy, &reason, Some(&previous), Utc::now())).await;
        self.watch.looked();
        if let Some(reason) = self.watch.complaint() {
            tracing::warn!(%reason, "the folder cannot be watched; it is looked at regularly instead");
        }
        self.must_build = outcome.is_err();
        match outcome {
            Ok(outcome) => self.publish(outcome),
            Err(error) => self.tell_failure(&error),
        }
        self.keep_shown().await;
    }

    /// Has the ledger keep what readers see since the last turn.
    async fn keep_shown(&mut self) {
        let site = self.site.borrow().clone();
        if let Err(error) = self.work(move |mill| mill.keep_shown(&site)).await {
            let reason = format!("{error:#}");
            tracing::warn!(reason, "what is shown cannot be kept; tried again with the next look");
        }
    }

    /// Has library and ledger do something beside the loop. A panic must not take them with it.
    async fn work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Mill) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let mut mill = self.mill.take().context("library and ledger are lost; start again")?;
        let worked = tokio::task::spawn_blocking(move || {
            let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&mut mill)));
            (mill, worked)
        });
        let (mill, worked) = self.watchdog.attend(worked).await?;
        self.mill = Some(mill);
        worked.unwrap_or_else(|_| Err(anyhow::anyhow!("the build broke off; please report this as a bug")))
    }

    fn publish(&mut self, outcome: Outcome) {
        if self.failing.take().is_some() {
            tracing::info!("the content folder can be read again");
        }
        tell(&outcome);
        self.status.found(&outcome, Utc::now());
        match outcome.verdict {
            Verdict::Same => {}
            Verdict::Site(site) => {
                if self.held.take().is_some() {
                    tracing::info!("nothing is held back any more");
                }
                self.status.shows(site.digests, site.items);
                self.next_moment = outcome.next;
                self.site.send_replace(Arc::from(site));
            }
            Verdict::Held(held) => {
                // What readers had is shown until the change is confirmed.
                if let Some(restored) = outcome.restored {
                    self.site.send_replace(Arc::from(restored));
                }
                self.status.is_held(&held);
                self.tell_held(held);
            }
        }
        self.status.tell();
    }

    /// Says what is held back, once for each change.
    fn tell_held(&mut self, held: Held) {
        // The same moment is not waited for again and again.
        self.next_moment = None;
        if self.held.as_ref() == Some(&held.fingerprint) {
            return;
        }
        let way_out = match self.confirmation.as_deref().and_then(Path::parent) {
            Some(state) => format!("feedmill confirm --state {}", state.display()),
            None => "start again (without state.folder nothing else can confirm it)".to_owned(),
        };
        for entry in &held.entries {
            tracing::error!("held back: {entry}");
        }
        tracing::error!("the old site stays: {held}. Mend the digests, or let it through: {way_out}");
        self.held = Some(held.fingerprint);
    }

    fn tell_failure(&mut self, error: &anyhow::Error) {
        let reason = format!("{error:#}");
        // Not at once again: what waits is asked for with the next look.
        self.next_moment = self.next_moment.map(|moment| moment.max(Utc::now() + chrono::TimeDelta::seconds(60)));
        self.status.failed(&reason);
        self.status.tell();
        if self.failing.as_ref() != Some(&reason) {
            tracing::error!(%reason, "the old site stays");
            self.failing = Some(reason);
        }
    }

    async fn reload(&mut self, options: Options) {
        self.server_options.send_replace(options.server.clone());
        if self.mill.as_ref().is_some_and(|mill| mill.options().content != options.mill.content) {
            self.watch = Watch::new(&options.mill.content, options.watch.clone());
        }
        self.mill = self.mill.take().map(|mill| mill.reload(options.mill));
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
    let Verdict::Site(site) = &outcome.verdict else { return };
    let Site { digests, items, .. } = &**site;
    let (changed, removed) = (summary(&outcome.changes.changed), summary(&outcome.changes.removed));
    let elapsed_ms = outcome.elapsed.as_millis();
    match outcome.next {
        None => tracing::info!(digests, items, %changed, %removed, elapsed_ms, "site built"),
        Some(next) => {
            tracing::info!(digests, items, %changed, %removed, elapsed_ms, %next, "site built; it changes by itself at that moment")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Overrides};

    #[tokio::test]
    async fn a_daemon_whose_server_broke_off_ends_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let overrides = Overrides { base_url: Some("https://example.org/".to_owned()), ..Overrides::default() };
        let config::Options { library, watch, site, guard, server, state, .. } =
            config::load(None, [], &overrides).unwrap();
        let mill = mill::Options { content: folder.path().to_owned(), library, site, guard, state };
        let options = Options { mill, watch, server };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let daemon = Daemon::start(options, listener).await.unwrap();
        daemon.stop.cancel();
        let (_asks, requests) = mpsc::channel(1);
        let error = daemon.run(requests).await.unwrap_err();
        assert!(error.to_string().contains("the server broke off"), "{error}");
    }
}
