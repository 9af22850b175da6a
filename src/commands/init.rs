//! `feedmill init`: looks at a folder and writes a configuration with what it recognised, to be corrected.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::Utc;

use crate::cli::Init;
use crate::config::{self, Overrides};
use crate::digest::{Digest, comparable};
use crate::finding::Code;
use crate::library::Library;

/// A section that heads fewer digests than one in so many is only mentioned.
const SELDOM_ONE_IN: usize = 20;

/// So many of the seldom ones are mentioned.
const MENTIONED: usize = 12;

pub(super) fn run(arguments: &Init) -> anyhow::Result<ExitCode> {
    let options = config::load(None, config::environment(), &Overrides::default())?;
    let folder = arguments.folder.clone();
    let mut library = Library::new(&folder, options.library.clone(), options.site.rules.clone());
    library.refresh(&HashSet::new(), options.site.ids.today(Utc::now()))?;
    let text = configuration(&library, &arguments.output);
    config::parse(&text).map_err(|message| anyhow::anyhow!("the configuration made is none: {message}"))?;
    if arguments.output.as_os_str() == "-" {
        super::ignore_closed_pipe(std::io::stdout().lock().write_all(text.as_bytes()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let made = std::fs::File::create_new(&arguments.output).and_then(|mut file| file.write_all(text.as_bytes()));
    let output = arguments.output.display();
    made.with_context(|| format!("cannot write {output}; name another file with --output"))?;
    let said = format!(
        "wrote {output}; correct it, then try: feedmill show --config {output} {folder}\n",
        folder = folder.display()
    );
    super::ignore_closed_pipe(std::io::stdout().lock().write_all(said.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}

/// A section over all digests.
struct Seen<'d> {
    title: &'d str,
    slug: &'d str,
    digests: usize,
    items: usize,
    /// Where it stands among the sections of its first digest.
    position: usize,
}

fn configuration(library: &Library, output: &Path) -> String {
    let opened: Vec<Arc<Digest>> = library.digests().iter().map(|(_, digest)| digest.open()).collect();
    let digests: Vec<&Digest> = opened.iter().map(|digest| &**digest).collect();
    let mut text = String::from(
        "# What was recognised, to be corrected. A key that is left out has its default, so delete what is right.\n\
         # config/feedmill.yaml of the distribution explains every key; `feedmill show` tells the rule behind each guess.\n",
    );
    // Writing to a string cannot fail.
    let _ = writeln!(text, "#\n# {}", overview(&digests));
    text.push_str("\nsite:\n");
    let title = common_title(&digests);
    let _ = writeln!(text, "  title: {}", yaml(title.as_deref().unwrap_or("Digest")));
    match common_language(&digests) {
        Some(language) => drop(writeln!(text, "  language: {}", yaml(language))),
        None => text.push_str("  # language: en\n"),
    }
    text.push_str("  # base_url: https://news.example.org/\n\n# ids:\n#   authority: example.org   # a domain of yours; set it before the first subscriber\n");
    let folder = relative(library.root(), output);
    let _ = writeln!(text, "\ncontent:\n  folder: {}", yaml(&folder));
    push_passed_over(&mut text, library);
    push_dates(&mut text, library, &digests);
    push_sections(&mut text, &digests);
    push_items(&mut text, &digests);
    text
}

fn overview(digests: &[&Digest]) -> String {
    let dates = || digests.iter().map(|digest| digest.date);
    let items: usize = digests.iter().map(|digest| digest.len()).sum();
    match (dates().min(), dates().max()) {
        (Some(first), Some(last)) => format!("{} digests of {first} to {last} with {items} items.", digests.len()),
        _ => "No digest was found: name files 2025-05-22.md, or give them front matter with a date.".to_owned(),
    }
}

/// What most titles have in common.
fn common_title(digests: &[&Digest]) -> Option<String> {
    let mut counts: BTreeMap<String, (usize, &str)> = BTreeMap::new();
    for digest in digests {
        let name = comparable(&digest.title);
        if !name.is_empty() && name.chars().any(char::is_alphabetic) {
            counts.entry(name).or_insert((0, &digest.title)).0 += 1;
        }
    }
    let (_, (count, title)) = counts.into_iter().max_by_key(|(_, (count, _))| *count)?;
    let is_common = count * 2 > digests.len() && count > 1;
    let letters = title.trim_matches(|c: char| !c.is_alphabetic());
    is_common.then(|| letters.to_owned()).filter(|title| !title.is_empty())
}

fn common_language<'d>(digests: &[&'d Digest]) -> Option<&'d str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    digests.iter().filter_map(|d| d.language.as_deref()).for_each(|tag| *counts.entry(tag).or_default() += 1);
    let (tag, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    (count * 2 > digests.len()).then_some(tag)
}

fn relative(folder: &Path, output: &Path) -> String {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (folder, beside) = (absolute(folder), absolute(output));
    let beside = beside.parent().unwrap_or(Path::new("/"));
    folder.strip_prefix(beside).unwrap_or(&folder).to_string_lossy().into_owned()
}

fn push_passed_over(text: &mut String, library: &Library) {
    let passed: Vec<&str> = library.files().filter(|(_, digests)| digests.is_empty()).map(|(path, _)| path).collect();
    if !passed.is_empty() {
        let names: Vec<String> = passed.iter().take(MENTIONED).map(|path| yaml(path)).collect();
        let _ = writeln!(text, "  # {} files are no digests: {}", passed.len(), names.join(", "));
        text.push_str("  # ignore: [drafts/*]\n");
    }
}

fn push_dates(text: &mut String, library: &Library, digests: &[&Digest]) {
    let undated = digests.iter().filter(|digest| digest.is_undated).count();
    let disagree = library.findings().iter().filter(|finding| finding.code == Code::DateDisagrees).count();
    if undated > 0 {
        let _ = writeln!(
            text,
            "\ndates:\n  # {undated} files have no date. If issues come in equal steps, one of them dates all:"
        );
        text.push_str("  # issue: {number: 1, date: 2018-04-20, days: 7}\n  # Or say how their paths spell it:\n  # pattern: \"%d.%m.%y\"\n");
    } else if disagree > 0 {
        let _ = writeln!(
            text,
            "\ndates:\n  # In {disagree} files two places name different dates. The first of these counts:"
        );
        text.push_str("  sources: [front-matter, path, heading, title]\n");
    }
}

fn push_sections(text: &mut String, digests: &[&Digest]) {
    let mut seen: BTreeMap<&str, Seen<'_>> = BTreeMap::new();
    for digest in digests {
        for (position, section) in digest.sections.iter().enumerate().filter(|(_, section)| !section.slug.is_empty()) {
            let entry = seen.entry(&section.slug).or_insert(Seen {
                title: &section.title,
                slug: &section.slug,
                digests: 0,
                items: 0,
                position,
            });
            entry.digests += 1;
            entry.items += section.items.len();
        }
    }
    let (mut often, mut seldom): (Vec<Seen<'_>>, Vec<Seen<'_>>) = seen
        .into_values()
        .partition(|seen| seen.digests * SELDOM_ONE_IN >= digests.len() && (seen.digests > 1 || digests.len() < 3));
    often.sort_by_key(|seen| (seen.position, std::cmp::Reverse(seen.digests)));
    seldom.sort_by_key(|seen| std::cmp::Reverse(seen.digests));
    text.push_str("\nsections:\n");
    if often.is_empty() {
        text.push_str("  known: []\n");
    } else {
        text.push_str("  known:\n");
    }
    for section in &often {
        let _ = writeln!(text, "    - slug: {}", yaml(section.slug));
        let of = format!("heads {} of {} digests, {} items", section.digests, digests.len(), section.items);
        let _ = writeln!(text, "      title: {}   # {of}", yaml(section.title));
    }
    if !seldom.is_empty() {
        let names: Vec<String> = seldom.iter().take(MENTIONED).map(|section| yaml(section.title)).collect();
        let _ = writeln!(text, "  # Seen in few digests; each is a section of its own: {}", names.join(", "));
        text.push_str("  # If one is another spelling of a section above, add it there: headings: [...]\n");
        text.push_str("  # unknown: {slug: misc, title: Misc}   # or put all of them together\n");
    }
    text.push_str("  # skip: [Jobs]   # headings to pass over with everything below them\n");
}

fn push_items(text: &mut String, digests: &[&Digest]) {
    let mut forms: BTreeMap<String, usize> = BTreeMap::new();
    let (mut linked, mut all) = (0, 0);
    for (_, item) in digests.iter().flat_map(|digest| digest.items()) {
        *forms.entry(item.why.to_string()).or_default() += 1;
        all += 1;
        linked += usize::from(item.link.is_some());
    }
    let mut forms: Vec<(String, usize)> = forms.into_iter().collect();
    forms.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let forms: Vec<String> = forms.into_iter().map(|(form, count)| format!("{count} {form}")).collect();
    let _ = writeln!(text, "\nitems:\n  form: auto   # {}; {linked} of {all} have a link", forms.join(", "));
    text.push_str("  # prose: skip   # if a section that is one text is no item\n");
}

/// A text as a YAML scalar.
fn yaml(text: &str) -> String {
    serde_yaml::to_string(text).map(|yaml| yaml.trim_end().to_owned()).unwrap_or_default()
}
