//! `feedmill new`: the next digest's file, with the sections used so far, named as the others are.
//!
//! What a newcomer gets wrong: the file is a draft, for a folder that is being served would publish it half-written.

mod naming;

use std::cmp::Reverse;
use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use chrono::{NaiveDate, Utc};

use crate::cli::New;
use crate::config::{self, Overrides};
use crate::digest::{Digest, Rules, Volume, group_of, lines_of, name_besides_date};
use crate::library::Library;
use crate::site::Rhythm;
use naming::redated;

/// The sections of so many of the newest digests are used.
const NEWEST: usize = 10;

/// Of fewer digests than these, every section is used; else one that stands in a single digest is not.
const ENOUGH: usize = 3;

pub(super) fn run(arguments: &New) -> anyhow::Result<ExitCode> {
    let overrides = Overrides { content: arguments.content.clone(), ..Overrides::default() };
    let mut options = config::load(arguments.common.config.as_deref(), config::environment(), &overrides)?;
    // What was begun counts as well.
    options.site.rules.shows_drafts = true;
    let folder = options.content.context("no content folder; name it with --content, or set content.folder")?;
    let today = options.site.ids.today(Utc::now());
    let mut library = Library::new(&folder, options.library, options.site.rules.clone());
    library.refresh(&HashSet::new(), today)?;
    let past = past(&library);
    let date = arguments.date.unwrap_or_else(|| next(&past, today));
    if let Some(there) = past.iter().find(|digest| digest.date == date) {
        bail!("there is a digest of {date} already: {}; name another date", folder.join(&there.path).display());
    }
    let path = folder.join(naming::path_for(date, &past, &options.site.rules)?);
    let text = text_for(date, &past, &folder, &path, &options.site.rules)?;
    write(&path, &text)?;
    super::ignore_closed_pipe(writeln!(std::io::stdout().lock(), "{}", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The digests that the next one follows, newest first: those in the language of the newest, of several the plainest path's.
fn past(library: &Library) -> Vec<Arc<Volume>> {
    let mut all: Vec<Arc<Volume>> = library.files().flat_map(|(_, digests)| digests).cloned().collect();
    all.retain(|digest| !digest.is_undated);
    all.sort_by_key(|digest| (Reverse(digest.date), name_besides_date(&digest.path).len(), digest.path.clone()));
    let group = all.first().map(|newest| group_of(&newest.path));
    all.retain(|digest| Some(group_of(&digest.path)) == group);
    all
}

/// When the next is expected, and not before today. Without a rhythm that is today, or the day after the newest.
fn next(past: &[Arc<Volume>], today: NaiveDate) -> NaiveDate {
    let Some(newest) = past.first() else { return today };
    let Some(rhythm) = Rhythm::of(past.iter().map(|digest| digest.date)) else {
        return today.max(newest.date.succ_opt().unwrap_or(newest.date));
    };
    let expected = std::iter::successors(rhythm.next(newest.date), |date| rhythm.next(*date));
    expected.into_iter().find(|date| *date >= today).unwrap_or(today)
}

/// Nothing is overwritten, not even what appears in this moment.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let parent = path.parent().unwrap_or(path);
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let made = std::fs::File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    made.with_context(|| format!("cannot write {}; nothing is overwritten", path.display()))
}

/// A digest's file as its author wrote it.
struct Written {
    digest: Arc<Digest>,
    lines: Vec<String>,
}

fn text_for(
    date: NaiveDate,
    past: &[Arc<Volume>],
    folder: &Path,
    path: &Path,
    rules: &Rules,
) -> anyhow::Result<String> {
    let mut written = Vec::new();
    for volume in past.iter().take(NEWEST) {
        let file = folder.join(&volume.path);
        let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        written.push(Written { digest: volume.open(), lines: lines_of(&bytes) });
    }
    let mut text = front_matter(date, &written);
    let name = path.strip_prefix(folder).unwrap_or(path).to_string_lossy();
    if crate::digest::dated_path(&name, rules).0.is_none() && !text.contains(&date.to_string()) {
        // Nothing else says the date.
        text = text.replacen('\n', &format!("\ndate: {date}\n"), 1);
    }
    text.extend(title(date, &written).map(|line| format!("\n{line}\n")));
    text.extend(sections(&written).iter().map(|heading| format!("\n{heading}\n")));
    Ok(text)
}

/// What the newest and the one before say alike, the date, an empty title where they have one, and that this is a draft.
fn front_matter(date: NaiveDate, written: &[Written]) -> String {
    let blocks = |written: &Written| (written.digest.date, fields(&written.lines));
    let Some((old, newest)) = written.first().map(blocks).filter(|(_, fields)| !fields.is_empty()) else {
        return "---\ndraft: true\n---\n".to_owned();
    };
    let before = written.get(1).map(blocks).map(|(_, fields)| fields);
    let toml = written[0].lines[0].trim_end() == "+++";
    let (mark, sign) = if toml { ("+++", " =") } else { ("---", ":") };
    let mut text = format!("{mark}\n");
    for field in newest {
        let key = key_of(&field).to_ascii_lowercase();
        let is_alike = before.as_ref().is_some_and(|before| before.contains(&field));
        if key == "draft" {
            continue;
        } else if let Some(field) = redated(&field, old, date) {
            text.push_str(&field);
        } else if is_alike || STANDING.contains(&key.as_str()) {
            text.push_str(&field);
        } else if key == "title" {
            text.push_str(if toml { "title = \"\"\n" } else { "title:\n" });
        }
    }
    format!("{text}draft{sign} true\n{mark}\n")
}

/// Keys of front matter whose values are those of a whole publication.
const STANDING: [&str; 6] = ["language", "lang", "author", "authors", "layout", "type"];

/// The fields of a file's front matter, each with all its lines.
fn fields(lines: &[String]) -> Vec<String> {
    let Some(mark) = lines.first().map(|line| line.trim_end()).filter(|line| ["---", "+++"].contains(line)) else {
        return Vec::new();
    };
    let mut fields: Vec<String> = Vec::new();
    for line in lines[1..].iter().take_while(|line| line.trim_end() != mark) {
        let begins = line.starts_with(|c: char| c.is_alphanumeric() || c == '"' || c == '\'');
        match fields.last_mut().filter(|_| !begins) {
            Some(field) => *field += &format!("{line}\n"),
            None => fields.push(format!("{line}\n")),
        }
    }
    fields.retain(|field| !key_of(field).is_empty());
    fields
}

fn key_of(field: &str) -> &str {
    field.split([':', '=']).next().unwrap_or_default().trim().trim_matches(['"', '\''])
}

/// The heading that names the date, or that the newest and the one before have alike.
fn title(date: NaiveDate, written: &[Written]) -> Option<String> {
    let heading = |written: &Written| {
        let first = written.digest.sections.iter().find(|section| !section.title.is_empty());
        let most = first.map_or(written.lines.len(), |section| section.line - 1);
        written.lines[..most.min(written.lines.len())].iter().find(|line| line.starts_with("# ")).cloned()
    };
    let newest = heading(written.first()?)?;
    let before = written.get(1).and_then(heading);
    redated(&newest, written[0].digest.date, date).or_else(|| Some(newest).filter(|line| Some(line) == before.as_ref()))
}

/// The headings of sections as their author wrote them last, each after the one it follows.
fn sections(written: &[Written]) -> Vec<String> {
    let mut found: Vec<(&str, String, usize)> = Vec::new();
    for Written { digest, lines } in written {
        let mut at = 0;
        for section in digest.sections.iter().filter(|section| !section.title.is_empty()) {
            if let Some(known) = found.iter().position(|(slug, ..)| *slug == section.slug) {
                found[known].2 += 1;
                at = known + 1;
            } else {
                let line = lines.get(section.line - 1).filter(|line| line.starts_with('#'));
                let heading = line.map_or_else(|| format!("## {}", section.title), |line| line.trim_end().to_owned());
                found.insert(at, (&section.slug, heading, 1));
                at += 1;
            }
        }
    }
    let is_used = |(_, _, uses): &(&str, String, usize)| *uses > 1 || written.len() < ENOUGH;
    found.into_iter().filter(is_used).map(|(_, heading, _)| heading).collect()
}
