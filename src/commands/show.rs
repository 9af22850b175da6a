//! `feedmill show`: how files are understood, for people and as JSON.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::{named, options_to_read};
use crate::cli::{Format, Show};
use crate::config::Options;
use crate::digest::{Digest, Outcome};
use crate::finding::Finding;
use crate::ledger;
use crate::library::{self, Library};

/// One line of `show --format json`.
#[derive(Serialize)]
struct Shown<'d> {
    path: String,
    key: &'d str,
    date: String,
    title: &'d str,
    language: Option<&'d str>,
    sections: Vec<ShownSection<'d>>,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct ShownSection<'d> {
    slug: &'d str,
    title: &'d str,
    items: Vec<ShownItem<'d>>,
}

#[derive(Serialize)]
struct ShownItem<'d> {
    id: String,
    title: &'d str,
    link: Option<&'d str>,
    line: usize,
    summary: &'d str,
    html: &'d str,
}

pub(super) fn run(arguments: &Show) -> anyhow::Result<ExitCode> {
    let options = options_to_read(&arguments.common)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    for path in &arguments.paths {
        if path.is_dir() {
            let mut library = Library::new(path, options.library.clone(), options.site.rules.clone());
            library.refresh(&HashSet::new())?;
            let findings = library.findings();
            let mut ids = ledger::derived_ids(library.digests(), &options.site.ids);
            for (key, digest) in library.digests() {
                let name = named(path, &digest.path);
                let own = findings.iter().filter(|finding| finding.path == digest.path);
                let own = own.map(|finding| Finding { path: name.clone(), ..finding.clone() }).collect();
                let shown = shown(name, key, digest, own, ids.remove(key).unwrap_or_default());
                super::ignore_closed_pipe(print(&mut out, &shown, arguments.format))?;
            }
        } else {
            show_file(path, &options, arguments.format, &mut out)?;
        }
    }
    super::ignore_closed_pipe(out.flush())?;
    Ok(ExitCode::SUCCESS)
}

fn show_file(path: &Path, options: &Options, format: Format, out: &mut impl Write) -> anyhow::Result<()> {
    let (outcome, findings) = library::read_file(path, &options.library, &options.site.rules)?;
    let name = path.to_string_lossy().into_owned();
    let printed = match outcome {
        Outcome::Digest(digest) => {
            let alone = [(digest.key.clone(), Arc::new(*digest))];
            let ids = ledger::derived_ids(&alone, &options.site.ids).into_values().flatten().collect();
            let [(key, digest)] = &alone;
            print(out, &shown(name, key, digest, findings, ids), format)
        }
        Outcome::Draft if format == Format::Text => writeln!(out, "{name}: a draft, not published"),
        Outcome::Unusable if format == Format::Text => {
            writeln!(out, "{name}: not published").and_then(|()| findings.iter().try_for_each(|f| writeln!(out, "{f}")))
        }
        Outcome::Draft | Outcome::Unusable => {
            let nothing: Option<()> = None;
            let line = serde_json::json!({ "path": name, "key": nothing, "sections": [], "findings": findings });
            writeln!(out, "{line}")
        }
    };
    super::ignore_closed_pipe(printed)
}

fn shown<'d>(path: String, key: &'d str, digest: &'d Digest, findings: Vec<Finding>, ids: Vec<String>) -> Shown<'d> {
    let mut ids = ids.into_iter();
    let sections = digest.sections.iter().map(|section| ShownSection {
        slug: &section.slug,
        title: &section.title,
        items: section
            .items
            .iter()
            .map(|item| ShownItem {
                id: ids.next().unwrap_or_default(),
                title: &item.title,
                link: item.link.as_deref(),
                line: item.line,
                summary: &item.summary,
                html: &item.html,
            })
            .collect(),
    });
    let sections = sections.collect();
    let language = digest.language.as_deref();
    Shown { path, key, date: digest.date.to_string(), title: &digest.title, language, sections, findings }
}

fn print(out: &mut impl Write, shown: &Shown<'_>, format: Format) -> io::Result<()> {
    if format == Format::Json {
        let line = serde_json::to_string(shown)?;
        return writeln!(out, "{line}");
    }
    let language = shown.language.map_or(String::new(), |language| format!(" [{language}]"));
    writeln!(out, "{}\n  {} {}{language}", shown.path, shown.key, shown.title)?;
    for section in &shown.sections {
        let title = if section.title.is_empty() { "(no section)" } else { section.title };
        writeln!(out, "\n  {title} /{}/ {} items", section.slug, section.items.len())?;
        for item in &section.items {
            writeln!(out, "  {:>5}  {}\n         {}", item.line, item.title, item.link.unwrap_or("(no link)"))?;
        }
    }
    if !shown.findings.is_empty() {
        writeln!(out)?;
    }
    shown.findings.iter().try_for_each(|finding| writeln!(out, "{finding}"))?;
    writeln!(out)
}
