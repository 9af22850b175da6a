//! `feedmill show`: how files are understood, for people and as JSON.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use chrono::Utc;
use serde::Serialize;

use super::{named, options_to_read};
use crate::cli::{Format, Show};
use crate::config::Options;
use crate::digest::{Digest, ItemWhy, LinkWhy, Outcome, SectionWhy, Volume, comparable};
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
    line: usize,
    /// The rule that made it a section.
    rule: SectionWhy,
    /// In how many digests of how many its heading stands.
    heads: Option<(usize, usize)>,
    items: Vec<ShownItem<'d>>,
}

#[derive(Serialize)]
struct ShownItem<'d> {
    id: String,
    title: &'d str,
    link: Option<&'d str>,
    line: usize,
    categories: &'d [String],
    /// The rule that made it an item.
    rule: ItemWhy,
    /// The rule that chose its link.
    link_rule: LinkWhy,
    /// Why its author takes it back, if so; may be empty.
    retracted: Option<&'d str>,
    summary: &'d str,
    html: &'d str,
}

pub(super) fn run(arguments: &Show) -> anyhow::Result<ExitCode> {
    let options = options_to_read(&arguments.common)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    for path in &arguments.paths {
        let printed = if path.is_dir() {
            show_folder(path, None, &options, arguments.format, &mut out)
        } else if let Some((folder, file)) = in_content(path, &options) {
            show_folder(&folder, Some(&file), &options, arguments.format, &mut out)
        } else {
            show_file(path, &options, arguments.format, &mut out)
        };
        printed?;
    }
    super::ignore_closed_pipe(out.flush())?;
    Ok(ExitCode::SUCCESS)
}

/// The content folder of the configuration, and the name in it of a file that lies there: such a file is shown as it is served.
fn in_content(path: &Path, options: &Options) -> Option<(PathBuf, String)> {
    let folder = options.content.clone()?;
    let (file, root) = (path.canonicalize().ok()?, folder.canonicalize().ok()?);
    let inside = file.strip_prefix(&root).ok()?.to_str()?.to_owned();
    Some((folder, inside))
}

/// Shows the files of a folder, or one of them, with what recurs over the folder.
fn show_folder(
    folder: &Path,
    only: Option<&str>,
    options: &Options,
    format: Format,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut library = Library::new(folder, options.library.clone(), options.site.rules.clone());
    library.refresh(&HashSet::new(), options.site.ids.today(Utc::now()))?;
    let findings = library.findings();
    let mut ids = ledger::derived_ids(library.digests(), &options.site.ids);
    let mut keys: HashMap<(&str, &str), &str> = HashMap::new();
    let mut id_of: HashMap<(Arc<str>, usize), Vec<String>> = HashMap::new();
    for (key, digest) in library.digests() {
        keys.insert((&digest.path, &digest.key), key);
        let ids = ids.remove(&**key).unwrap_or_default();
        for ((_, item), id) in digest.open().items().zip(ids) {
            id_of.entry((item.path.clone(), item.line)).or_default().push(id);
        }
    }
    for (path, digests) in library.files().filter(|(path, _)| only.is_none_or(|only| *path == only)) {
        let name = named(folder, path);
        let mut own: Vec<Finding> = findings.iter().filter(|finding| finding.path == path).cloned().collect();
        own.iter_mut().for_each(|finding| finding.path.clone_from(&name));
        if digests.is_empty() {
            super::ignore_closed_pipe(print_nothing(out, &name, &own, format))?;
        }
        for digest in digests {
            let key = keys.get(&(path, digest.key.as_str())).copied().unwrap_or(&digest.key);
            let digest = digest.open();
            let ids = digest.items().map(|(_, item)| {
                let ids = id_of.get_mut(&(item.path.clone(), item.line)).filter(|ids| !ids.is_empty());
                ids.map_or_else(String::new, |ids| ids.remove(0))
            });
            let ids = ids.collect();
            let shown = shown(name.clone(), key, &digest, std::mem::take(&mut own), ids, Some(&library));
            super::ignore_closed_pipe(print(out, &shown, format))?;
        }
    }
    Ok(())
}

fn show_file(path: &Path, options: &Options, format: Format, out: &mut impl Write) -> anyhow::Result<()> {
    let today = options.site.ids.today(Utc::now());
    let (outcome, mut findings) = library::read_file(path, &options.library, &options.site.rules, today)?;
    let name = path.to_string_lossy().into_owned();
    let printed = match outcome {
        Outcome::Digests(digests) => digests.into_iter().try_for_each(|digest| {
            let volume = Arc::new(Volume::from(digest));
            let alone = [(volume.key.as_str().into(), volume)];
            let ids = ledger::derived_ids(&alone, &options.site.ids).into_values().flatten().collect();
            let [(key, volume)] = &alone;
            print(out, &shown(name.clone(), key, &volume.open(), std::mem::take(&mut findings), ids, None), format)
        }),
        Outcome::Draft if format == Format::Text => writeln!(out, "{name}: a draft, not published"),
        Outcome::Draft | Outcome::Unusable => print_nothing(out, &name, &findings, format),
    };
    super::ignore_closed_pipe(printed)
}

fn print_nothing(out: &mut impl Write, name: &str, findings: &[Finding], format: Format) -> io::Result<()> {
    if format == Format::Text {
        writeln!(out, "{name}: not published")?;
        return findings.iter().try_for_each(|finding| writeln!(out, "{finding}"));
    }
    let nothing: Option<()> = None;
    let line = serde_json::json!({ "path": name, "key": nothing, "sections": [], "findings": findings });
    writeln!(out, "{line}")
}

fn shown<'d>(
    path: String,
    key: &'d str,
    digest: &'d Digest,
    findings: Vec<Finding>,
    ids: Vec<String>,
    library: Option<&Library>,
) -> Shown<'d> {
    let mut ids = ids.into_iter();
    let heads = |title: &str| {
        let (heads, digests) = library?.tally().heads(&digest.group(), &comparable(title));
        (heads > 0).then_some((heads, digests))
    };
    let sections = digest.sections.iter().map(|section| ShownSection {
        slug: &section.slug,
        title: &section.title,
        line: section.line,
        rule: section.why,
        heads: heads(&section.title),
        items: section
            .items
            .iter()
            .map(|item| ShownItem {
                id: ids.next().unwrap_or_default(),
                title: &item.title,
                link: item.link.as_deref(),
                line: item.line,
                categories: &item.categories,
                rule: item.why,
                link_rule: item.link_why,
                retracted: item.retracted.as_deref(),
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
        let heads = section.heads.map_or(String::new(), |(heads, all)| format!("; heads {heads} of {all} digests"));
        writeln!(out, "\n  {title} /{}/ {} items", section.slug, section.items.len())?;
        writeln!(out, "         section: {}{heads}", section.rule)?;
        for item in &section.items {
            writeln!(out, "  {:>5}  {}\n         {}", item.line, item.title, item.link.unwrap_or("(no link)"))?;
            writeln!(out, "         item: {}; link: {}", item.rule, item.link_rule)?;
            if let Some(reason) = item.retracted {
                writeln!(
                    out,
                    "         taken back: {}",
                    if reason.is_empty() { "no reason is given" } else { reason }
                )?;
            }
        }
    }
    if !shown.findings.is_empty() {
        writeln!(out)?;
    }
    shown.findings.iter().try_for_each(|finding| writeln!(out, "{finding}"))?;
    writeln!(out)
}
