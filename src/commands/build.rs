//! `feedmill build`: the site as files.

use std::collections::HashSet;
use std::process::ExitCode;

use anyhow::Context as _;
use chrono::Utc;

use super::{content_of, options_for};
use crate::cli::Build;
use crate::deliver::folder;
use crate::ledger::Ledger;
use crate::library::Library;
use crate::site::Site;

pub(super) fn run(arguments: &Build) -> anyhow::Result<ExitCode> {
    let mut options = options_for(&arguments.making, None)?;
    let content = content_of(&options)?;
    if options.site.feeds.base_url.is_empty() {
        options.site.feeds.base_url = format!("http://{}/", options.listen);
        tracing::warn!(base_url = %options.site.feeds.base_url, "no public address; set it with --base-url or site.base_url");
    }
    let now = arguments.now.unwrap_or_else(Utc::now);
    let ids = &options.site.ids;
    let state = options.state.as_deref();
    let mut ledger = state.map_or_else(|| Ok(Ledger::default()), |state| Ledger::open(state, ids))?;
    let mut library = Library::new(&content, options.library, options.site.rules.clone());
    library.recall(ledger.memory().clone());
    let changes = library.refresh(&HashSet::new(), options.site.ids.today(now))?;
    for finding in changes.new_findings.iter().filter(|finding| finding.severity > crate::finding::Severity::Note) {
        tracing::warn!(path = %finding.path, line = finding.line, message = %finding.message, remedy = %finding.remedy, "finding");
    }
    ledger.remember(library.memory());
    let settlement = ledger.settle(library.digests(), now, &options.site.ids);
    let site = Site::build(&settlement.digests, &options.site, None, now);
    // What the ledger says is what was published, so it is written first.
    ledger.write().and_then(|()| folder::write(&site, &arguments.output, &content)).context("nothing was published")?;
    let folder = arguments.output.display();
    tracing::info!(digests = site.digests, items = site.items, files = site.pages.len() + 1, %folder, "site written");
    Ok(ExitCode::SUCCESS)
}
