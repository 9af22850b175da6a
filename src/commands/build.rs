//! `feedmill build`: the site as files.

use std::collections::HashSet;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use chrono::Utc;

use super::{content_of, mill_options, options_for};
use crate::cli::Build;
use crate::daemon::mill::{Mill, Reason, Verdict};
use crate::deliver::folder;
use crate::finding::{Finding, Severity};

pub(super) fn run(arguments: &Build) -> anyhow::Result<ExitCode> {
    let mut options = options_for(&arguments.making, None)?;
    let content = content_of(&options)?;
    if options.site.feeds.base_url.is_empty() {
        options.site.feeds.base_url = format!("http://{}/", options.listen);
        tracing::warn!(base_url = %options.site.feeds.base_url, "no public address; set it with --base-url or site.base_url");
    }
    let now = arguments.now.unwrap_or_else(Utc::now);
    // Before the ledger takes anything for published.
    folder::usable(&arguments.output, &content).context("nothing was published")?;
    let mut mill = Mill::open(mill_options(options, content.clone())).context("nothing was published")?;
    let outcome = mill.turn(&HashSet::new(), &Reason::Always, None, now)?;
    let above_notes = |finding: &&Finding| finding.severity > Severity::Note;
    for finding in outcome.changes.new_findings.iter().filter(above_notes) {
        tracing::warn!(path = %finding.path, line = finding.line, message = %finding.message, remedy = %finding.remedy, "finding");
    }
    let site = match outcome.verdict {
        Verdict::Site(site) => site,
        Verdict::Same => bail!("nothing was built"),
        Verdict::Held(held) => {
            held.entries.iter().for_each(|entry| tracing::error!("held back: {entry}"));
            bail!(
                "nothing was published: {held}. Mend the digests, or run `feedmill confirm --state DIR` and build again"
            )
        }
    };
    if let Err(error) = mill.keep_shown(&site) {
        tracing::warn!(reason = format!("{error:#}"), "what is shown cannot be kept for a start that is held back");
    }
    folder::write(&site, &arguments.output, &content).context("nothing was published")?;
    let folder = arguments.output.display();
    tracing::info!(digests = site.digests, items = site.items, files = site.pages.size() + 1, %folder, "site written");
    Ok(ExitCode::SUCCESS)
}
