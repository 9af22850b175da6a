//! `feedmill check`: what is wrong in digests.

mod sarif;
mod snippet;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::Utc;
use serde::Serialize;

use super::{named, options_to_read};
use crate::cli::{Check, CheckFormat, FailOn};
use crate::config::Options;
use crate::digest::{Keyed, Outcome, lines_of};
use crate::feed::{self, Feeds};
use crate::finding::{Code, Finding, Place, Severity, effect, explanation};
use crate::ledger::{Change, Held, Ledger, Opened, Published, Settled, Waiting};
use crate::library::{self, Library};

#[derive(Serialize)]
struct Line<'f> {
    path: &'f str,
    #[serde(flatten)]
    finding: &'f Finding,
    effect: String,
}

pub(super) fn run(arguments: &Check) -> anyhow::Result<ExitCode> {
    if let Some(code) = &arguments.explain {
        return explain(code);
    }
    let mut options = options_to_read(&arguments.common)?;
    // The configured folder may be that of a server elsewhere.
    options.state.clone_from(&arguments.state);
    let paths = if arguments.paths.is_empty() {
        vec![options.content.clone().context("nothing to check; name files or folders, or set content.folder")?]
    } else {
        arguments.paths.clone()
    };
    let findings = all_findings(&paths, &options)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut lines = Lines::default();
    let printed = match arguments.format {
        CheckFormat::Text => snippet::print(&mut out, &findings, &mut lines),
        CheckFormat::Short => findings.iter().try_for_each(|finding| writeln!(out, "{finding}")),
        CheckFormat::Json => findings.iter().try_for_each(|finding| {
            let line = serde_json::to_string(&Line { path: &finding.path, finding, effect: effect(finding.code) })?;
            writeln!(out, "{line}")
        }),
        CheckFormat::Sarif => sarif::print(&mut out, &findings, &mut lines),
    };
    super::ignore_closed_pipe(printed.and_then(|()| out.flush()))?;
    let fails = findings.iter().any(|finding| finding.severity >= least(arguments.fail_on));
    Ok(if fails { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// The least severity that makes the command fail.
fn least(fail_on: FailOn) -> Severity {
    match fail_on {
        FailOn::Note => Severity::Note,
        FailOn::Warning => Severity::Warning,
        FailOn::Error => Severity::Error,
    }
}

/// Prints what a code means.
fn explain(code: &str) -> anyhow::Result<ExitCode> {
    let found = Code::all().find(|known| known.to_string() == code);
    let Some(found) = found else {
        let known: Vec<String> = Code::all().map(|code| code.to_string()).collect();
        anyhow::bail!("there is no code `{code}`; known are {}", known.join(", "));
    };
    let mut out = io::stdout().lock();
    let text = format!("{found} ({})\n\n{}\n", found.severity(), explanation(found).trim());
    super::ignore_closed_pipe(out.write_all(text.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}

/// The lines of the files that findings are about, each file read once.
#[derive(Default)]
struct Lines {
    of: HashMap<String, Vec<String>>,
}

impl Lines {
    /// A line, from 1, as places count it.
    fn of(&mut self, path: &str, line: usize) -> Option<String> {
        let lines = self.of.entry(path.to_owned()).or_insert_with(|| {
            // A pipe would be waited for.
            let is_file = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
            let bytes = if is_file { std::fs::read(path).unwrap_or_default() } else { Vec::new() };
            // A fault of ours was told as a finding already; here it costs the lines only.
            std::panic::catch_unwind(|| lines_of(&bytes)).unwrap_or_default()
        });
        lines.get(line - 1).cloned()
    }
}

fn all_findings(paths: &[PathBuf], options: &Options) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in paths {
        if path.is_dir() {
            findings.extend(of_folder(path, options)?);
        } else {
            findings.extend(of_file(path, options)?);
        }
    }
    Ok(findings)
}

fn of_file(path: &Path, options: &Options) -> anyhow::Result<Vec<Finding>> {
    let today = options.site.ids.today(Utc::now());
    let (outcome, mut findings) = library::read_file(path, &options.library, &options.site.rules, today)?;
    if let Outcome::Digests(digests) = outcome {
        let keyed = digests.into_iter().map(|digest| (digest.key.as_str().into(), Arc::new(digest.into())));
        findings.extend(of_dates(&keyed.collect::<Vec<_>>(), options));
    }
    Ok(findings)
}

/// What the present moment makes of the dates.
fn of_dates(digests: &[Keyed], options: &Options) -> Vec<Finding> {
    let (settlement, _) = Ledger::default().settle(digests, Utc::now(), &options.site.ids);
    settlement.waiting.iter().map(Waiting::finding).collect()
}

fn of_folder(folder: &Path, options: &Options) -> anyhow::Result<Vec<Finding>> {
    let mut library = Library::new(folder, options.library.clone(), options.site.rules.clone());
    let mut site = options.site.clone();
    let state = options.state.as_deref();
    let mut ledger = state.map_or_else(|| Ok(Ledger::default()), |state| Ledger::open_to_read(state, &site.ids))?;
    ledger.pin(&mut site.ids);
    library.recall(ledger.memory());
    let now = Utc::now();
    library.refresh(&HashSet::new(), site.ids.today(now))?;
    let (settlement, changes) = ledger.settle(library.digests(), now, &site.ids);
    let (feeds, _) = feed::gather(&settlement.digests, &site.rules, &site.feeds, &site.ids, None);
    let findings = library.findings().into_iter().chain(settlement.waiting.iter().map(Waiting::finding));
    let findings =
        findings.chain(changed_ids(&settlement.digests, &ledger.reidentified(&changes, &site.ids)?, &ledger)?);
    let held = ledger.judge(&settlement, &changes, &feeds.shown(), &options.guard, &site.ids)?.held;
    let findings = findings.chain(held.iter().map(held_back));
    let findings = findings.chain(feeds_that_overflow(&settlement.digests, &feeds, options));
    let mut findings: Vec<Finding> =
        findings.map(|finding| Finding { path: named(folder, &finding.path), ..finding }).collect();
    findings.sort_by(|one, other| one.path.cmp(&other.path));
    join_standing(&mut findings, library.digests().len());
    Ok(findings)
}

/// What many files say in the same way is one thing to mend: dates that are nowhere, an include that is missing, an address
/// that is not set. The first of them tells of all.
fn join_standing(findings: &mut Vec<Finding>, digests: usize) {
    /// Fewer files with one address are told one by one.
    const SAME_FILES: usize = 3;
    /// Fewer files with one kind of finding are told one by one.
    const MANY_FILES: usize = 10;
    /// And when they are fewer than one in so many.
    const ONE_IN: usize = 5;
    let standing = [Code::DateGuessed, Code::LinkUndefined, Code::LinkRelative, Code::LinkUnusable];
    let kind = |finding: &Finding| standing.contains(&finding.code).then_some((finding.code, String::new()));
    join(findings, MANY_FILES.max(digests.div_ceil(ONE_IN)), kind);
    join(findings, SAME_FILES, |finding| {
        let address = finding.message.split('`').nth(1).filter(|_| standing.contains(&finding.code))?;
        // `{{site}}/a` and `{{site}}/b` miss one thing, and so do two channels of one network.
        let cause = address.split_inclusive("}}").next().unwrap_or(address);
        let cause = cause.split_once("://").map_or(cause, |(scheme, _)| scheme);
        // All that begin at the root of a site, or in the manner of Zola, miss the same base.
        let cause = ["/", "@/"].into_iter().find(|root| cause.starts_with(root)).unwrap_or(cause);
        Some((finding.code, cause.to_owned()))
    });
}

/// Of findings with one cause in so many files or more only the first stays, and says so.
fn join(findings: &mut Vec<Finding>, least_files: usize, cause: impl Fn(&Finding) -> Option<(Code, String)>) {
    let mut files: HashMap<(Code, String), BTreeSet<String>> = HashMap::new();
    for finding in findings.iter() {
        if let Some(cause) = cause(finding) {
            files.entry(cause).or_default().insert(finding.path.clone());
        }
    }
    files.retain(|_, files| files.len() >= least_files);
    let mut told = HashSet::new();
    findings.retain_mut(|finding| {
        let Some((cause, files)) = cause(finding).and_then(|cause| files.get_key_value(&cause)) else { return true };
        let is_first = told.insert(cause.clone());
        if is_first {
            finding.message = format!("{}; so it is in {} more files", finding.message, files.len() - 1);
        }
        is_first
    });
}

/// Items that are published under another id, so that every subscriber would see them again as new.
fn changed_ids(
    digests: &[Arc<Settled>],
    reidentified: &HashMap<String, &Change>,
    ledger: &Ledger,
) -> anyhow::Result<Vec<Finding>> {
    let before: HashMap<&str, &String> = reidentified.iter().map(|(old, change)| (change.id.as_str(), old)).collect();
    let mut findings = Vec::new();
    if before.is_empty() {
        return Ok(findings);
    }
    let opened: Vec<Opened> = digests.iter().map(|settled| settled.open()).collect();
    let identified = opened.iter().flat_map(|opened| opened.digest.items().zip(opened.items.iter()));
    for ((_, item), identity) in identified {
        let Some(old) = before.get(identity.id.as_str()) else { continue };
        let Some(Published { title, link, .. }) = ledger.published(old)? else { continue };
        let link = link.as_deref().unwrap_or("no link");
        let message =
            format!("`{}` was published as `{title}` with {link}; every subscriber would see it as new", item.title);
        let remedy = "change one of the two, and the other after it is published; leave it if it is another story";
        let place = Place { line: item.line, column: 1 };
        findings.push(Finding::new(&item.path, place, Code::IdChanges, message, remedy));
    }
    Ok(findings)
}

/// What a server would not show before it is confirmed, with every entry on a line of its own.
fn held_back(held: &Held) -> Finding {
    let entries: Vec<String> = held.entries.iter().map(|entry| format!("\n{entry}")).collect();
    let message = format!("a server would not show this: {held}{}", entries.concat());
    let remedy =
        "mend the digests; or publish it, and run `feedmill confirm` on the server (`--list` tells of each entry)";
    Finding::new("", Place::START, Code::HeldBack, message, remedy)
}

/// Feeds into which the newest digest does not fit whole.
fn feeds_that_overflow(digests: &[Arc<Settled>], feeds: &Feeds, options: &Options) -> Vec<Finding> {
    let Some(newest) = digests.first() else { return Vec::new() };
    let opened = newest.open();
    let sections = feeds.sections.iter().chain([&feeds.all]);
    let overflows = sections.filter_map(|feed| {
        let is_in = |slug: &str| feed.route == "/" || feed.route == format!("/{slug}/");
        let sections = opened.sections().filter(|(section, _)| is_in(&section.slug));
        let written: usize = sections.map(|(_, items)| items.len()).sum();
        let shown = feed.entries.iter().filter(|entry| *entry.digest == *newest.key).count();
        (shown < written).then(|| {
            let bytes = options.site.feeds.max_bytes;
            let message = format!(
                "{} of its {written} items do not fit into the feed {} of {bytes} bytes",
                written - shown,
                feed.route
            );
            let remedy = "raise feeds.max_bytes, or write shorter items";
            Finding::new(&newest.digest.path, Place::START, Code::FeedTooLarge, message, remedy)
        })
    });
    overflows.collect()
}
