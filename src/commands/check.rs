//! `feedmill check`: what is wrong in digests.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;

use super::{named, options_to_read};
use crate::cli::{Check, Format};
use crate::config::Options;
use crate::finding::{Finding, Severity};
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
            findings.extend(library::read_file(path, &options.library, &options.site.rules)?.1);
        }
    }
    Ok(findings)
}

fn of_folder(folder: &Path, options: &Options) -> anyhow::Result<Vec<Finding>> {
    let mut library = Library::new(folder, options.library.clone(), options.site.rules.clone());
    library.refresh(&HashSet::new())?;
    let named = library.findings().into_iter().map(|finding| Finding { path: named(folder, &finding.path), ..finding });
    Ok(named.collect())
}
