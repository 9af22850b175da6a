//! One turn: from the folder to a site that may be shown, with the ledger brought up to date.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::preview;
use crate::finding::{Counts, Finding};
use crate::ledger::{self, Held, Judgement, Ledger, Snapshot, guard, hold};
use crate::library::{self, Changes, Library};
use crate::pulse::Pulse;
use crate::site::{self, Site};

/// What a turn works with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The content folder, absolute.
    pub content: PathBuf,
    /// Which files are read.
    pub library: library::Options,
    /// How the site is made.
    pub site: site::Options,
    /// When a change is held back.
    pub guard: guard::Options,
    /// Where the ledger is kept; without it, times are derived anew at each start.
    pub state: Option<PathBuf>,
}

/// Library and ledger; in a daemon they move into a blocking task and back, so there is no lock.
pub struct Mill {
    options: Options,
    library: Library,
    ledger: Ledger,
    /// Why the ledger could not be written the last time.
    unwritten: Option<String>,
    /// A beat for each step of a turn that takes long.
    pulse: Pulse,
}

/// What came out of a turn.
pub struct Outcome {
    /// What the look at the folder found.
    pub changes: Changes,
    /// What is to be shown.
    pub verdict: Verdict,
    /// What an earlier process showed, where a change is held back and no whole site can go on being shown.
    pub restored: Option<Box<Site>>,
    /// When another turn would show something else without any file changing.
    pub next: Option<DateTime<Utc>>,
    /// How much is wrong in the digests.
    pub findings: Counts,
    /// The worst of it.
    pub worst: Vec<Finding>,
    /// Why the ledger cannot be written.
    pub unwritten: Option<String>,
    /// Whether the change is in a ledger that outlasts the process.
    pub is_kept: bool,
    /// How long it took.
    pub elapsed: Duration,
}

/// So many findings are told to operators.
const MOST_TOLD: usize = 100;

/// What is to be shown.
pub enum Verdict {
    /// What was shown before.
    Same,
    /// A new site.
    Site(Box<Site>),
    /// What was shown before, until somebody confirms the change.
    Held(Held),
}

/// Why a site is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Only if the folder changed.
    Changes,
    /// Only if one of these files changed; the others are not looked at.
    Files(HashSet<PathBuf>),
    /// In any case: the options or the time are others.
    Always,
}

impl Mill {
    /// Opens the ledger, and goes on from what it knows.
    ///
    /// # Errors
    /// When there is a state folder whose ledger cannot be used.
    pub fn open(options: Options) -> anyhow::Result<Mill> {
        let ledger = match &options.state {
            Some(folder) => Ledger::open(folder, &options.site.ids)?,
            None => Ledger::default(),
        };
        let ids = &options.site.ids;
        if let Some(folder) = ledger.folder().filter(|_| ledger.is_new() && ids.authority == ledger::NOBODY) {
            tracing::warn!(
                "neither ids.authority nor site.base_url is set, so that all ids begin with {} for good; to have others, \
                 set one of them and start again without {}",
                ids.tag(""),
                folder.display()
            );
        }
        Ok(Mill::with_ledger(options, ledger))
    }

    /// One that goes on from what can be read of its ledger, and keeps nothing.
    pub fn reading_only(options: Options) -> Mill {
        let folder = options.state.as_deref();
        let read = folder.map(|folder| Ledger::open_to_read(folder, &options.site.ids));
        let ledger = read.and_then(|read| {
            read.inspect_err(|error| {
                let reason = format!("{error:#}");
                tracing::error!(
                    reason,
                    "nothing can be read of it either: ids and times are made of the digests alone"
                );
            })
            .ok()
        });
        Mill::with_ledger(options, ledger.unwrap_or_default())
    }

    fn with_ledger(mut options: Options, mut ledger: Ledger) -> Mill {
        if let Some(wanted) = ledger.pin(&mut options.site.ids) {
            let site::Options { ids, .. } = &options.site;
            tracing::warn!(
                "ids stay those of {},{}, with which this publication began, not {wanted}; set ids.authority and ids.date to them",
                ids.authority,
                ids.authority_date
            );
        }
        let mut library = Library::new(&options.content, options.library.clone(), options.site.rules.clone());
        library.recall(ledger.memory());
        match ledger.spool() {
            Some(spool) => library.lay_aside(spool.clone()),
            None => tracing::warn!(
                "neither the state folder nor that of temporary files takes a file: texts stay in memory"
            ),
        }
        Mill { options, library, ledger, unwritten: None, pulse: Pulse::default() }
    }

    /// Tells somebody how far a turn has come.
    pub fn set_pulse(&mut self, pulse: &Pulse) {
        self.library.set_pulse(pulse.clone());
        self.pulse = pulse.clone();
    }

    /// The options it works with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Goes on with other options: ids, times and last good versions stay what they were; the files are read again, for the
    /// rules may be others.
    pub fn reload(self, options: Options) -> Mill {
        let Mill { options: before, mut library, ledger, pulse, .. } = self;
        let same_folder = before.content == options.content;
        let mut mill = Mill::with_ledger(options, ledger);
        if same_folder {
            library.set_rules(mill.options.library.clone(), mill.options.site.rules.clone());
            mill.library = library;
        }
        mill.set_pulse(&pulse);
        mill
    }

    /// Looks at the folder, and builds a site if there is reason to. What it shows is in the ledger before anybody sees it.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn turn(
        &mut self,
        busy: &HashSet<PathBuf>,
        reason: &Reason,
        previous: Option<&Site>,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Outcome> {
        let begun = Instant::now();
        let Options { site: options, guard, .. } = &self.options;
        let today = options.ids.today(now);
        let changes = match reason {
            Reason::Files(files) => self.library.refresh_files(files, busy, today)?,
            Reason::Changes | Reason::Always => self.library.refresh(busy, today)?,
        };
        // Findings may be others although no digest is.
        let is_preview = options.preview.is_some();
        if *reason != Reason::Always && !changes.any() && !is_preview {
            let written = self.ledger.write_again();
            self.tell_written(&written);
            return Ok(Outcome {
                changes,
                verdict: Verdict::Same,
                restored: None,
                next: None,
                findings: self.library.counts(),
                worst: self.library.worst(MOST_TOLD),
                unwritten: self.unwritten.clone(),
                is_kept: false,
                elapsed: begun.elapsed(),
            });
        }
        let seen_at = if is_preview { preview::moment(self.library.digests(), now) } else { now };
        self.ledger.begin(self.library.digests(), self.library.memory(), seen_at, &options.ids, &self.pulse);
        let (settlement, change) = self.ledger.settle(self.library.digests(), seen_at, &options.ids);
        let previewed = is_preview.then(|| preview::with_findings(options, &self.library, &settlement, today));
        let options = previewed.as_ref().unwrap_or(options);
        let site = Site::build(&settlement.digests, options, previous, self.ledger.validators(), now);
        let next = settlement.next.map(|moment| moment.to_utc()).into_iter().chain(site.next).min();
        let Judgement { held, losses } = self.ledger.judge(&settlement, &change, &site.shown, guard, &options.ids)?;
        let is_confirmed = self.is_confirmed(held.as_ref());
        let held = held.filter(|_| !is_confirmed);
        self.tell_state_folder(held.as_ref());
        let mut restored = None;
        let verdict = match held {
            Some(held) => {
                let written = self.ledger.commit_waiting(&change);
                self.tell_written(&written);
                if previous.is_none_or(|previous| previous.is_partial) {
                    let last = self.last_shown()?.with_untouched(&site, &settlement.digests, &change);
                    restored = Some(Box::new(last));
                }
                Verdict::Held(held)
            }
            None => {
                // What was confirmed counts no more.
                let losses = Some(losses).filter(|_| !is_confirmed);
                let snapshot = Snapshot { losses, ..site.snapshot() };
                let written = self.ledger.commit(change, self.library.memory(), snapshot);
                self.tell_written(&written);
                Verdict::Site(Box::new(site))
            }
        };
        let (findings, unwritten) = (self.library.counts(), self.unwritten.clone());
        let worst = self.library.worst(MOST_TOLD);
        let is_kept = self.ledger.folder().is_some() && unwritten.is_none();
        Ok(Outcome { changes, verdict, restored, next, findings, worst, unwritten, is_kept, elapsed: begun.elapsed() })
    }

    /// Keeps what is shown now, so that it can be shown when the next start is held back; after readers can see it.
    ///
    /// # Errors
    /// When the ledger cannot be written; it is tried again with the next site.
    pub fn keep_shown(&mut self, site: &Site) -> anyhow::Result<()> {
        self.ledger.keep_pages(|route| Some(site.pages.get(route)?.body().clone()))
    }

    /// What was shown last, as far as the ledger kept it: what is made with the site.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn last_shown(&self) -> anyhow::Result<Site> {
        Ok(Site::restored(self.ledger.pages()?, &self.options.site))
    }

    /// Whether somebody let a change through; that counts once.
    fn is_confirmed(&self, held: Option<&Held>) -> bool {
        let Some(folder) = self.ledger.folder() else { return false };
        match (hold::take_confirmation(folder, held), held) {
            (Ok(None), _) => false,
            (Ok(Some(true)), Some(held)) => {
                tracing::info!("confirmed: {held}");
                true
            }
            (Ok(Some(_)), Some(_)) => {
                tracing::warn!("what was confirmed is not what is held back; see `feedmill confirm --list`");
                false
            }
            (Ok(Some(_)), None) => {
                tracing::warn!(
                    "a confirmation was there, but nothing is held back; it is removed and counts for nothing"
                );
                false
            }
            (Err(error), _) => {
                tracing::error!(
                    reason = format!("{error:#}"),
                    "the confirmation cannot be taken, so it does not count"
                );
                false
            }
        }
    }

    /// Writes down what is held back, for whoever is to confirm it.
    fn tell_state_folder(&self, held: Option<&Held>) {
        let Some(folder) = self.ledger.folder() else { return };
        if let Err(error) = hold::write(folder, held) {
            tracing::error!(reason = format!("{error:#}"), "what is held back cannot be written down");
        }
    }

    /// Tells once that the ledger cannot be written, and once that it can again; neither keeps a site from being shown.
    fn tell_written(&mut self, written: &anyhow::Result<()>) {
        let reason = written.as_ref().err().map(|error| format!("{error:#}"));
        match (&reason, &self.unwritten) {
            (None, Some(_)) => tracing::info!("the ledger is written again"),
            (Some(reason), None) => {
                tracing::error!(reason, "the ledger cannot be written; tried again with each look");
            }
            _ => {}
        }
        self.unwritten = reason;
    }
}
