//! How the daemon fares, for those who operate it: a value that is replaced after each turn.
//!
//! What a newcomer gets wrong: it is no page. It says what is so; how that is told stands elsewhere.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use crate::finding::Finding;

/// How the daemon fares.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Of the program.
    pub version: &'static str,
    /// When the process began to serve.
    pub started: DateTime<Utc>,
    /// What is served.
    pub site: SiteStatus,
    /// The last look at the folder that succeeded.
    pub look: Look,
    /// What readers got last.
    pub change: Option<Change>,
    /// What is wrong in the digests.
    pub findings: Findings,
    /// A change that waits to be confirmed.
    pub held: Option<HeldBack>,
    /// Why the folder is only looked at regularly; nothing when the system tells of changes.
    pub watch: Option<String>,
    /// Why the folder cannot be looked at, or no site be built of it.
    pub failing: Option<String>,
    /// Why nothing new is kept in the ledger.
    pub unwritten: Option<String>,
}

/// What is served.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SiteStatus {
    /// Its title.
    pub title: String,
    /// Its public address.
    pub base_url: String,
    /// How many digests it has.
    pub digests: usize,
    /// How many items.
    pub items: usize,
    /// How many feeds, each in three formats.
    pub feeds: usize,
    /// When the newest digest was published.
    pub newest: Option<DateTime<Utc>>,
    /// Whether all of it can be shown.
    pub is_whole: bool,
}

/// A look at the folder.
#[derive(Debug, Clone, Serialize)]
pub struct Look {
    /// By the clock.
    pub at: DateTime<Utc>,
    /// By a clock that nobody sets.
    #[serde(skip)]
    pub instant: Instant,
    /// The longest time until the next.
    #[serde(skip)]
    pub interval: Duration,
}

/// What readers got.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// When.
    pub at: DateTime<Utc>,
    /// Files that became others, or some words on how many.
    pub changed: String,
    /// Files that went.
    pub removed: String,
    /// How long the turn took, in milliseconds.
    pub took_ms: u64,
}

/// What is wrong in the digests.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Findings {
    /// How many errors.
    pub errors: usize,
    /// How many warnings.
    pub warnings: usize,
    /// How many notes.
    pub notes: usize,
    /// The worst of them, errors first; not all when they are many.
    #[serde(serialize_with = "with_paths")]
    pub worst: Vec<Finding>,
}

/// A change that waits to be confirmed.
#[derive(Debug, Clone, Serialize)]
pub struct HeldBack {
    /// In one sentence.
    pub summary: String,
    /// Which entries.
    pub entries: Vec<String>,
}

fn with_paths<S: Serializer>(findings: &[Finding], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Named<'f> {
        path: &'f str,
        #[serde(flatten)]
        finding: &'f Finding,
    }
    serializer.collect_seq(findings.iter().map(|finding| Named { path: &finding.path, finding }))
}

impl Status {
    /// Whether a reader gets what is in the folder: a whole site is served, and the folder was looked at not long ago. If not, why.
    ///
    /// # Errors
    /// With the reason.
    pub fn readiness(&self) -> Result<(), String> {
        let since = self.look.instant.elapsed();
        let longest = self.look.interval * 2 + GRACE;
        if let Some(reason) = &self.failing {
            return Err(reason.clone());
        }
        if since > longest {
            return Err(format!("the folder was last looked at {} seconds ago", since.as_secs()));
        }
        if !self.site.is_whole {
            return Err("what was shown last is not complete, and the change to it is held back".to_owned());
        }
        Ok(())
    }
}

/// For how long a turn may go on beyond the time for two looks.
const GRACE: Duration = Duration::from_secs(30);
