//! How the daemon fares, on the one line that `systemctl status` shows.

use std::fmt::{self, Write as _};

use chrono::{DateTime, SubsecRound as _, Utc};
use sd_notify::NotifyState;

use super::mill::Outcome;
use super::{summary, tell_service_manager};
use crate::finding::Counts;
use crate::ledger::Held;
use crate::site::Site;

/// So many bytes of held entries are told to the service manager, which drops what has more than 4 096 (`sd_notify(3)`). The
/// log and the state folder tell of all.
const MOST_TOLD: usize = 3_000;

/// What is told, and was told last.
#[derive(Default)]
pub struct Status {
    told: String,
    /// What keeps the newest digests from being shown.
    trouble: Option<String>,
    unwritten: Option<String>,
    digests: usize,
    items: usize,
    /// Whether a first look was; what it finds is no change.
    has_begun: bool,
    changed: Option<(DateTime<Utc>, String)>,
    findings: Counts,
}

impl Status {
    /// What a turn found, whatever became of it.
    pub fn found(&mut self, outcome: &Outcome, now: DateTime<Utc>) {
        self.trouble = None;
        self.unwritten.clone_from(&outcome.unwritten);
        self.findings = outcome.findings;
        let names: Vec<String> = outcome.changes.changed.iter().chain(&outcome.changes.removed).cloned().collect();
        if std::mem::replace(&mut self.has_begun, true) && !names.is_empty() {
            self.changed = Some((now.trunc_subsecs(0), summary(&names)));
        }
    }

    /// What readers see now.
    pub fn shows(&mut self, site: &Site) {
        (self.digests, self.items) = (site.digests, site.items);
    }

    /// A change waits for somebody to confirm it.
    pub fn is_held(&mut self, held: &Held) {
        self.trouble = Some(held_line(held));
    }

    /// A turn failed, and what was shown before stays.
    pub fn failed(&mut self, reason: &str) {
        self.trouble = Some(format!("the old site stays: {reason}"));
    }

    /// Tells the service manager, if anything is another than before.
    pub fn tell(&mut self) {
        let line = self.to_string();
        if line != self.told {
            tell_service_manager(&[NotifyState::Status(&line)]);
            self.told = line;
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(trouble) = &self.trouble {
            write!(formatter, "{trouble}; ")?;
        }
        if let Some(reason) = &self.unwritten {
            write!(formatter, "the ledger cannot be written: {reason}; ")?;
        }
        write!(formatter, "{} digests, {} items", self.digests, self.items)?;
        match &self.changed {
            Some((at, what)) => write!(formatter, "; last change {at}: {what}")?,
            None => write!(formatter, "; unchanged since the start")?,
        }
        write!(formatter, "; {}", self.findings)
    }
}

/// What is held back, and which entries, on one line that the service manager takes.
fn held_line(held: &Held) -> String {
    let mut status = format!("held back: {held}");
    for (told, entry) in held.entries.iter().enumerate() {
        let entry = format!("; {entry}");
        if status.len() + entry.len() > MOST_TOLD {
            let _ = write!(status, "; and {} more, see `feedmill confirm --list`", held.entries.len() - told);
            break;
        }
        status.push_str(&entry);
    }
    status
}
