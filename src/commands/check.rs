//! `feedmill check`: what is wrong in digests.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::Utc;
use serde::Serialize;

use super::{named, options_to_read};
use crate::cli::{Check, Format};
use crate::config::Options;
use crate::digest::{Digest, Outcome};
use crate::finding::{Finding, Severity};
use crate::ledger::{Ledger, Waiting};
use crate::library::{self, Library};

#[derive(Serialize)]
struct Line<'f> {
    path: &'f str,
    #[serde(flatten)]
    finding: &'f Finding,
}

pub(super) fn run(arguments: &Check) -> anyhow::Result<ExitCode> {
    let options = options_to_read(&arguments.common)?;
    let paths = if arguments.paths.is_empty() {
        vec![options.content.clone().context("nothing to check; name files or folders, or set content.folder")?]
    } else {
        arguments.paths.clone()
    };
    let findings = all_findings(&paths, &options)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut print = |finding: &Finding| match arguments.format {
        Format::Text => writeln!(out, "{finding}"),
        Format::Json => {
            let line = serde_json::to_string(&Line { path: &finding.path, finding })?;
            writeln!(out, "{line}")
        }
    };
    let printed = findings.iter().try_for_each(&mut print);
    super::ignore_closed_pipe(printed.and_then(|()| out.flush()))?;
    let errors = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if errors { ExitCode::from(1) } else { ExitCode::SUCCESS })
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
    let (outcome, mut findings) = library::read_file(path, &options.library, &options.site.rules)?;
    if let Outcome::Digest(digest) = outcome {
        findings.extend(of_dates(&[(digest.key.clone(), Arc::new(*digest))], options));
    }
    Ok(findings)
}

/// What the present moment makes of the dates.
fn of_dates(digests: &[(String, Arc<Digest>)], options: &Options) -> Vec<Finding> {
    let settlement = Ledger::default().settle(digests, Utc::now(), &options.site.ids);
    settlement.waiting.iter().map(Waiting::finding).collect()
}

fn of_folder(folder: &Path, options: &Options) -> anyhow::Result<Vec<Finding>> {
    let mut library = Library::new(folder, options.library.clone(), options.site.rules.clone());
    library.refresh(&HashSet::new())?;
    let findings = library.findings().into_iter().chain(of_dates(library.digests(), options));
    let mut findings: Vec<Finding> =
        findings.map(|finding| Finding { path: named(folder, &finding.path), ..finding }).collect();
    findings.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(findings)
}
