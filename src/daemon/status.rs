//! How the daemon fares, on the one line that `systemctl status` shows.

use std::fmt::{self, Write as _};

use chrono::{DateTime, SubsecRound as _, Utc};
use sd_notify::NotifyState;

use super::mill::Outcome;
use super::{summary, tell_service_manager};
use crate::finding::Counts;
use crate::ledger::Held;

/// So many bytes of held entries are told to the service manager, which drops what has more than 4 096 (`sd_notify(3)`). The
/// log and the state folder tell of all.
const MOST_TOLD: usize = 3_000;

/// So many bytes the whole line has at most.
const LONGEST: usize = 4_000;

/// What is told, and was told last.
#[derive(Default)]
pub struct Status {
    told: String,
    /// Why the last turn failed.
    failing: Option<String>,
    /// What waits to be confirmed.
    held: Option<String>,
    unwritten: Option<String>,
    /// Digests and items that readers see; none yet, when the first site was held back.
    shown: Option<(usize, usize)>,
    /// Whether a first look was; what it finds is no change.
    has_begun: bool,
    changed: Option<(DateTime<Utc>, String)>,
    findings: Counts,
}

impl Status {
    /// What a turn found, whatever became of it.
    pub fn found(&mut self, outcome: &Outcome, now: DateTime<Utc>) {
        self.failing = None;
        self.unwritten.clone_from(&outcome.unwritten);
        self.findings = outcome.findings;
        let names: Vec<String> = outcome.changes.changed.iter().chain(&outcome.changes.removed).cloned().collect();
        if std::mem::replace(&mut self.has_begun, true) && !names.is_empty() {
            self.changed = Some((now.trunc_subsecs(0), summary(&names)));
        }
    }

    /// What readers see now.
    pub fn shows(&mut self, digests: usize, items: usize) {
        self.held = None;
        self.shown = Some((digests, items));
    }

    /// A change waits for somebody to confirm it.
    pub fn is_held(&mut self, held: &Held) {
        self.held = Some(held_line(held));
    }

    /// A turn failed, and what was shown before stays.
    pub fn failed(&mut self, reason: &str) {
        self.failing = Some(format!("the old site stays: {reason}"));
    }

    /// Tells the service manager, if anything is another than before.
    pub fn tell(&mut self) {
        let line = self.line();
        if line != self.told {
            tell_service_manager(&[NotifyState::Status(&line)]);
            self.told = line;
        }
    }

    /// One line whatever files are called: what stands on the next is another message to the service manager.
    fn line(&self) -> String {
        let mut line = self.to_string().replace(char::is_control, " ");
        line.truncate(line.floor_char_boundary(LONGEST));
        line
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for trouble in self.failing.iter().chain(&self.held) {
            write!(formatter, "{trouble}; ")?;
        }
        if let Some(reason) = &self.unwritten {
            write!(formatter, "the ledger cannot be written: {reason}; ")?;
        }
        if let Some((digests, items)) = self.shown {
            write!(formatter, "{digests} digests, {items} items; ")?;
        }
        match &self.changed {
            Some((at, what)) => write!(formatter, "last change {at}: {what}")?,
            None => write!(formatter, "unchanged since the start")?,
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::daemon::mill::Verdict;
    use crate::library::Changes;

    #[test]
    fn the_status_tells_what_is_shown_what_changed_and_what_is_wrong() {
        let mut status = Status { shown: Some((2, 30)), ..Status::default() };
        assert_eq!(status.line(), "2 digests, 30 items; unchanged since the start; no findings");
        status.changed = Some((DateTime::UNIX_EPOCH, "2026-03-03.md".to_owned()));
        status.findings = Counts { errors: 1, warnings: 0, notes: 2 };
        status.unwritten = Some("disk full".to_owned());
        status.failed("no such folder");
        assert_eq!(
            status.line(),
            "the old site stays: no such folder; the ledger cannot be written: disk full; 2 digests, 30 items; \
             last change 1970-01-01 00:00:00 UTC: 2026-03-03.md; findings: 1 error, 2 notes"
        );
    }

    #[test]
    fn what_is_held_back_is_told_until_a_site_is_shown() {
        let mut status = Status { held: Some("held back: 6 of 20".to_owned()), ..Status::default() };
        status.failed("no such folder");
        status.found(&nothing_new(), DateTime::UNIX_EPOCH);
        assert_eq!(status.line(), "held back: 6 of 20; unchanged since the start; no findings");
        status.shows(2, 30);
        assert_eq!(status.line(), "2 digests, 30 items; unchanged since the start; no findings");
    }

    fn nothing_new() -> Outcome {
        Outcome {
            changes: Changes::default(),
            verdict: Verdict::Same,
            restored: None,
            next: None,
            findings: Counts::default(),
            unwritten: None,
            elapsed: Duration::ZERO,
        }
    }

    #[test]
    fn no_name_of_a_file_makes_a_second_line_or_one_that_is_dropped() {
        let name = format!("x\nREADY=1\r{}.md", "长".repeat(2_000));
        let status = Status { changed: Some((DateTime::UNIX_EPOCH, name)), ..Status::default() };
        let line = status.line();
        assert!(line.contains("x READY=1 长") && !line.contains(char::is_control), "{line}");
        assert!(line.len() <= LONGEST, "{}", line.len());
    }
}
