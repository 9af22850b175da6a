//! A preview: drafts and digests of days to come are seen, findings stand beside the items, and nothing is kept.
//!
//! What a newcomer gets wrong: the ledger lasts as long as the process, so a preview never touches what readers were told.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

use super::Options;
use crate::digest::Keyed;
use crate::http::respond;
use crate::ledger::{Settlement, Waiting, guard};
use crate::library::Library;
use crate::site;

/// The options of a server that previews.
pub fn of(mut options: Options) -> Options {
    let mill = &mut options.mill;
    mill.state = None;
    options.server.readers.state = None;
    options.server.access_log = None;
    // What is being written may change as a whole.
    mill.guard = guard::Options { share_percent: 100, ..mill.guard };
    mill.site.rules.shows_drafts = true;
    mill.site.preview = Some([].into());
    options.server.is_preview = true;
    // Style and feeds as they are now.
    options.server.respond = respond::Options::new(0);
    options
}

/// A moment at which every digest is published.
pub(super) fn moment(digests: &[Keyed], now: DateTime<Utc>) -> DateTime<Utc> {
    let last = digests.iter().map(|(_, digest)| digest.date).max();
    // In every zone the day is over then.
    let after = last.and_then(|date| date.checked_add_days(Days::new(2)));
    after.map_or(now, |date| now.max(date.and_time(NaiveTime::MIN).and_utc()))
}

/// Site options with what stands beside digests: what is wrong in them, and which are still to come.
pub(super) fn with_findings(
    options: &site::Options,
    library: &Library,
    settlement: &Settlement,
    today: NaiveDate,
) -> site::Options {
    let early = settlement.digests.iter().filter(|settled| settled.digest.date > today);
    let waiting =
        early.map(|settled| Waiting { digest: settled.digest.clone(), moment: settled.identity.published }.finding());
    let findings = waiting.chain(library.findings()).collect();
    site::Options { preview: Some(findings), ..options.clone() }
}
