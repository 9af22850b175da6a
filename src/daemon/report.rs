//! What operators are told of the daemon: kept up to date by the loop, after each turn, and as the one line that
//! `systemctl status` shows.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use chrono::{SubsecRound as _, Utc};
use sd_notify::NotifyState;
use tokio::sync::watch;

use super::mill::{Outcome, Verdict};
use super::{Options, summary, tell_service_manager};
use crate::finding::Counts;
use crate::http::metrics::Meters;
use crate::http::status::{Change, Findings, HeldBack, Look, SiteStatus, Status};
use crate::ledger::Held;
use crate::site::Site;

/// The newest status, and the meters.
pub struct Report {
    status: watch::Sender<Arc<Status>>,
    meters: Meters,
    /// What the service manager was told last.
    told: String,
    /// Whether a first look was; what it finds is no change.
    has_begun: bool,
}

/// So many bytes of held entries are told to the service manager, which drops what has more than 4 096 (`sd_notify(3)`). The
/// log and the state folder tell of all.
const MOST_TOLD: usize = 3_000;

/// So many bytes the whole line has at most.
const LONGEST: usize = 4_000;

impl Report {
    /// One of a daemon that begins.
    pub fn new(options: &Options) -> Report {
        let now = Utc::now();
        let status = Status {
            version: env!("CARGO_PKG_VERSION"),
            started: now,
            site: site_status(options),
            look: Look { at: now, instant: Instant::now(), interval: options.watch.interval },
            change: None,
            findings: Findings::default(),
            held: None,
            watch: None,
            failing: None,
            unwritten: None,
        };
        Report {
            status: watch::channel(Arc::new(status)).0,
            meters: Meters::default(),
            told: String::new(),
            has_begun: false,
        }
    }

    /// For those who tell operators.
    pub fn subscribe(&self) -> (watch::Receiver<Arc<Status>>, Meters) {
        (self.status.subscribe(), self.meters.clone())
    }

    /// Tells the service manager, if anything is another than before.
    pub fn tell(&mut self) {
        let line = line(&self.status.borrow());
        if line != self.told {
            tell_service_manager(&[NotifyState::Status(&line)]);
            self.told = line;
        }
    }

    fn change(&self, change: impl FnOnce(&mut Status)) {
        self.status.send_modify(|status| change(Arc::make_mut(status)));
    }

    /// Goes on with other options.
    pub fn reload(&self, options: &Options) {
        self.change(|status| {
            status.look.interval = options.watch.interval;
            status.site.title.clone_from(&options.mill.site.feeds.title);
            status.site.base_url.clone_from(&options.mill.site.feeds.base_url);
        });
    }

    /// What a turn found and what it took, whatever readers see of it.
    pub fn found(&mut self, outcome: &Outcome) {
        let now = Utc::now();
        match &outcome.unwritten {
            Some(_) => drop(self.meters.ledger_failures.inc()),
            None if outcome.is_kept => drop(self.meters.ledger_writes.inc()),
            None => {}
        }
        let is_shown = matches!(outcome.verdict, Verdict::Site(_));
        if is_shown {
            self.meters.rebuilds.observe(outcome.elapsed.as_secs_f64());
        }
        let is_change = std::mem::replace(&mut self.has_begun, true) && is_shown && outcome.changes.any();
        self.change(|status| {
            status.look.at = now;
            status.look.instant = Instant::now();
            status.failing = None;
            status.unwritten.clone_from(&outcome.unwritten);
            let (counts, worst) = (outcome.findings, outcome.worst.clone());
            status.findings = Findings { errors: counts.errors, warnings: counts.warnings, notes: counts.notes, worst };
            if is_change {
                let (changed, removed) = (summary(&outcome.changes.changed), summary(&outcome.changes.removed));
                let took_ms = u64::try_from(outcome.elapsed.as_millis()).unwrap_or(u64::MAX);
                status.change = Some(Change { at: now, changed, removed, took_ms });
            }
        });
    }

    /// What readers see now, perhaps of a file that was changed a moment ago.
    pub fn shows(&self, site: &Site, changed: Option<SystemTime>) {
        if let Some(since) = changed.and_then(|changed| changed.elapsed().ok()) {
            self.meters.visible.observe(since.as_secs_f64());
        }
        self.change(|status| {
            status.held = None;
            let SiteStatus { title, base_url, .. } = std::mem::take(&mut status.site);
            status.site = SiteStatus {
                title,
                base_url,
                digests: site.digests,
                items: site.items,
                feeds: site.shown.len(),
                newest: site.newest,
                is_whole: !site.is_partial,
            };
        });
    }

    /// A change waits for somebody to confirm it.
    pub fn is_held(&self, held: &Held) {
        self.change(|status| {
            status.held = Some(HeldBack {
                summary: held.to_string(),
                entries: held.entries.iter().map(ToString::to_string).collect(),
            })
        });
    }

    /// A turn failed, and what was shown before stays.
    pub fn failed(&self, reason: &str) {
        self.change(|status| status.failing = Some(reason.to_owned()));
    }

    /// The folder can be watched, or only be looked at.
    pub fn watches(&self, obstacle: Option<&str>) {
        let obstacle = obstacle.map(str::to_owned);
        self.change(|status| status.watch = obstacle);
    }
}

/// How the daemon fares, on one line whatever files are called: what stands on the next is another message to the service
/// manager.
fn line(status: &Status) -> String {
    let Status { site, findings, change, failing, unwritten, held, .. } = status;
    let mut line = String::new();
    if let Some(reason) = failing {
        let _ = write!(line, "the old site stays: {reason}; ");
    }
    if let Some(held) = held {
        let _ = write!(line, "{}; ", held_line(held));
    }
    if let Some(reason) = unwritten {
        let _ = write!(line, "the ledger cannot be written: {reason}; ");
    }
    if site.is_whole {
        let _ = write!(line, "{} digests, {} items; ", site.digests, site.items);
    }
    match change {
        Some(change) => drop(write!(line, "last change {}: {}", change.at.trunc_subsecs(0), names(change))),
        None => line.push_str("unchanged since the start"),
    }
    let Findings { errors, warnings, notes, .. } = *findings;
    let _ = write!(line, "; {}", Counts { errors, warnings, notes });
    let mut line = line.replace(char::is_control, " ");
    line.truncate(line.floor_char_boundary(LONGEST));
    line
}

fn names(change: &Change) -> String {
    match (change.changed.as_str(), change.removed.as_str()) {
        (changed, "none") => changed.to_owned(),
        ("none", removed) => format!("removed {removed}"),
        (changed, removed) => format!("{changed}, removed {removed}"),
    }
}

/// What is held back, and which entries, as far as the service manager takes it.
fn held_line(held: &HeldBack) -> String {
    let mut line = format!("held back: {}", held.summary);
    for (told, entry) in held.entries.iter().enumerate() {
        let entry = format!("; {entry}");
        if line.len() + entry.len() > MOST_TOLD {
            let _ = write!(line, "; and {} more, see `feedmill confirm --list`", held.entries.len() - told);
            break;
        }
        line.push_str(&entry);
    }
    line
}

fn site_status(options: &Options) -> SiteStatus {
    let feeds = &options.mill.site.feeds;
    SiteStatus { title: feeds.title.clone(), base_url: feeds.base_url.clone(), ..SiteStatus::default() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::DateTime;

    use super::*;

    fn status() -> Status {
        let now = DateTime::UNIX_EPOCH;
        Status {
            version: "1",
            started: now,
            site: SiteStatus { digests: 2, items: 30, is_whole: true, ..SiteStatus::default() },
            look: Look { at: now, instant: Instant::now(), interval: Duration::from_secs(30) },
            change: None,
            findings: Findings::default(),
            held: None,
            watch: None,
            failing: None,
            unwritten: None,
        }
    }

    fn change(changed: &str, removed: &str) -> Option<Change> {
        Some(Change { at: DateTime::UNIX_EPOCH, changed: changed.to_owned(), removed: removed.to_owned(), took_ms: 1 })
    }

    #[test]
    fn the_line_tells_what_is_shown_what_changed_and_what_is_wrong() {
        assert_eq!(line(&status()), "2 digests, 30 items; unchanged since the start; no findings");
        let wrong = Status {
            change: change("2026-03-03.md", "none"),
            findings: Findings { errors: 1, notes: 2, ..Findings::default() },
            unwritten: Some("disk full".to_owned()),
            failing: Some("no such folder".to_owned()),
            ..status()
        };
        assert_eq!(
            line(&wrong),
            "the old site stays: no such folder; the ledger cannot be written: disk full; 2 digests, 30 items; \
             last change 1970-01-01 00:00:00 UTC: 2026-03-03.md; findings: 1 error, 2 notes"
        );
        let held = HeldBack { summary: "6 of 20".to_owned(), entries: vec!["vanishes: a".to_owned()] };
        let at_start = Status { held: Some(held), site: SiteStatus::default(), ..status() };
        assert_eq!(line(&at_start), "held back: 6 of 20; vanishes: a; unchanged since the start; no findings");
        assert!(line(&Status { change: change("none", "a.md"), ..status() }).contains(": removed a.md;"));
    }

    #[test]
    fn no_name_of_a_file_makes_a_second_line_or_one_that_is_dropped() {
        let name = format!("x\nREADY=1\r{}.md", "长".repeat(2_000));
        let line = line(&Status { change: change(&name, "none"), ..status() });
        assert!(line.contains("x READY=1 长") && !line.contains(char::is_control), "{line}");
        assert!(line.len() <= LONGEST, "{}", line.len());
    }
}
