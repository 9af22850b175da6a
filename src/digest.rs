//! A digest: one dated Markdown file, understood as sections of items.
//!
//! [`parse`] is pure: a [`Digest`] is determined by path, bytes and [`Rules`]. It knows neither ids nor moments (the ledger
//! gives those) nor feeds. What a newcomer gets wrong: wrong content is a finding, never an error.

pub mod date;
mod delimiter;
mod emphasis;
mod fields;
mod front_matter;
mod heading;
pub mod html;
mod inline;
mod item;
pub mod learnt;
mod lint;
pub mod name;
mod outline;
mod retraction;
pub mod rules;
mod section;
mod source;
mod split;
mod stripped;
pub mod text;
pub mod volume;
pub mod why;

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::Arc;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::finding::{Code, Finding, Place};
use front_matter::{Beginning, FrontMatter};
use heading::{Context, Issue, MOST_OF_ONE_DATE};
use outline::{Kind, Outline};
use section::Gatherer;
use source::Source;

pub use learnt::{Headings, Learnt, Lesson, Tally};
pub use name::{check_rules, comparable, slug_of};
pub use rules::{DateRules, DateSource, Dedupe, IssueDates, ItemForm, Labels, Prose, Rules, SectionRule, Unknown};
pub use volume::Volume;
pub use why::{ItemWhy, LinkWhy, SectionWhy};

/// A digest with its name in URLs, which is unique in its library. Libraries order them by [`Digest::key`].
pub type Keyed = (Arc<str>, Arc<Volume>);

/// A digest as its author wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// The file, relative to the content folder, with `/`.
    pub path: String,
    /// Its name in URLs and ids: the date, and the language when the path says one (`2025-05-22-en`).
    pub key: String,
    /// Its calendar date.
    pub date: NaiveDate,
    /// Front matter title, else the first heading, else the date.
    pub title: String,
    /// A BCP 47 tag, if anything told it.
    pub language: Option<String>,
    /// What the author says about it, on one line.
    pub description: Option<String>,
    /// Names.
    pub authors: Vec<String>,
    /// Tags of the whole digest.
    pub tags: Vec<String>,
    /// What stands before the first section, as clean HTML.
    pub preamble: String,
    /// The sections in file order; items that stand under none are in one with an empty slug.
    pub sections: Vec<Section>,
    /// Whether the file is one item, so that the files of a day are one digest.
    pub is_one_story: bool,
    /// Whether its date is only the day on which it was first seen.
    pub is_undated: bool,
    /// A number that is another when its author wrote anything else.
    pub source: u64,
}

impl Digest {
    /// The digest of a day whose files are one item each.
    ///
    /// # Panics
    /// Without any part.
    pub fn of_stories(parts: &[Arc<Digest>]) -> Digest {
        let first = &parts[0];
        let items: Vec<Item> = parts.iter().flat_map(|part| part.items().map(|(_, item)| item.clone())).collect();
        let why = SectionWhy::Unnamed;
        let sources: Vec<u64> = parts.iter().map(|part| part.source).collect();
        Digest {
            source: number_of(&sources),
            title: first.date.to_string(),
            description: None,
            preamble: String::new(),
            sections: vec![Section { slug: String::new(), title: String::new(), items, line: 1, why }],
            ..(**first).clone()
        }
    }

    /// The language that its path says: what recurs is counted for each alone.
    pub fn group(&self) -> String {
        group_of(&self.path)
    }

    /// The number of items in all sections.
    pub fn len(&self) -> usize {
        self.sections.iter().map(|section| section.items.len()).sum()
    }

    /// Whether it has no items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every item with its section, in file order.
    pub fn items(&self) -> impl Iterator<Item = (&Section, &Item)> {
        self.sections.iter().flat_map(|section| section.items.iter().map(move |item| (section, item)))
    }
}

fn number_of(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A section of one digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Its name in URLs; empty for items that stand under no section.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// Its items in file order.
    pub items: Vec<Item>,
    /// The line of its heading, from 1.
    pub line: usize,
    /// The rule that made it a section.
    pub why: SectionWhy,
}

/// An item as its author wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The file it stands in, relative to the content folder.
    pub path: Arc<str>,
    /// Plain text on one line; never empty.
    pub title: String,
    /// The story, an absolute http(s) URL.
    pub link: Option<String>,
    /// The body as clean HTML without the title; may be empty.
    pub html: String,
    /// The beginning of the body as plain text, at most [`text::SUMMARY_MAX_CHARS`] characters.
    pub summary: String,
    /// The line it begins on, from 1.
    pub line: usize,
    /// The id its author fixed: `### Title {#id}`.
    pub id: Option<String>,
    /// Why its author takes it back; may be empty.
    pub retracted: Option<String>,
    /// The headings between its section and itself.
    pub categories: Vec<String>,
    /// The rule that made it an item.
    pub why: ItemWhy,
    /// The rule that chose its link.
    pub link_why: LinkWhy,
}

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// One digest or several, each with its date, perhaps with findings.
    Digests(Vec<Digest>),
    /// A digest that its author holds back.
    Draft,
    /// Not a digest, or one that cannot be read; what was published of this file stays.
    Unusable,
}

/// What is known of a file beside its text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings<'s> {
    /// What recurs over its folder.
    pub learnt: Option<&'s Learnt>,
    /// The day it was first seen: its date, when it has no other.
    pub first_seen: Option<NaiveDate>,
}

/// A file's text, ready to be understood.
#[derive(Debug)]
pub struct Text {
    source: Source,
    front_matter: FrontMatter,
    text_start: usize,
    findings: Vec<Finding>,
    /// Why it is no digest, when that is known already.
    refused: Option<Outcome>,
}

/// Understands one file as if it were alone. `path` is relative to the content folder and uses `/`.
pub fn parse(path: &str, bytes: &[u8], rules: &Rules) -> (Outcome, Vec<Finding>) {
    Text::prepare(path, bytes).understand(rules, Surroundings::default())
}

/// The lines of a file as their author wrote them and as places count them.
pub fn lines_of(bytes: &[u8]) -> Vec<String> {
    source::written_lines(bytes)
}

impl Text {
    /// Decodes a file and reads its front matter.
    pub fn prepare(path: &str, bytes: &[u8]) -> Text {
        let (source, findings) = Source::prepare(path, bytes);
        let is_utf8 = findings.iter().all(|finding| finding.code != Code::NotUtf8);
        let mut text = Text { source, front_matter: FrontMatter::default(), text_start: 0, findings, refused: None };
        if text.source.text.trim().is_empty() {
            let remedy = "write the digest, or delete the file to withdraw it";
            text.refuse(Outcome::Unusable, Some((Code::FileEmpty, "the file is empty", remedy)));
        } else if !is_utf8 && source::is_garbled(bytes) {
            let remedy = "save the file as UTF-8; a running server keeps its last good version until then";
            text.refuse(Outcome::Unusable, Some((Code::Garbled, "the file is not UTF-8 text", remedy)));
        } else {
            match front_matter::read(&text.source, &mut text.findings) {
                Beginning::Text => {}
                Beginning::FrontMatter(read, start) => {
                    if read.draft {
                        text.refuse(Outcome::Draft, None);
                    }
                    (text.front_matter, text.text_start) = (read, start);
                }
                Beginning::Unreadable => text.refuse(Outcome::Unusable, None),
            }
        }
        text
    }

    fn refuse(&mut self, outcome: Outcome, why: Option<(Code, &str, &str)>) {
        let path = &self.source.path;
        self.findings
            .extend(why.map(|(code, message, remedy)| Finding::new(path, Place::START, code, message, remedy)));
        self.refused = Some(outcome);
    }

    fn outline(&self, rules: &Rules) -> Outline<'_> {
        Outline::parse(&self.source.text[self.text_start..], self.text_start, rules.max_nesting)
    }

    /// Whether somebody who writes sees a draft, where others see nothing.
    fn is_shown_draft(&self, rules: &Rules) -> bool {
        rules.shows_drafts && self.refused == Some(Outcome::Draft)
    }

    /// What the file teaches about its folder; `None` when it is no digest.
    pub fn lesson(&self, rules: &Rules) -> Option<(Lesson, Headings)> {
        if self.refused.is_some() && !self.is_shown_draft(rules) {
            return None;
        }
        let (in_path, rest) = dated_path(&self.source.path, rules);
        let group = language_in(&rest).unwrap_or_default();
        let day = self.front_matter.date.or(in_path).map(|date| format!("{date} {group}"));
        let outline = Outline::skim(&self.source.text[self.text_start..], self.text_start, rules.max_nesting);
        Some(Lesson::of(&outline, group, day))
    }

    /// Understands the text.
    pub fn understand(mut self, rules: &Rules, surroundings: Surroundings<'_>) -> (Outcome, Vec<Finding>) {
        if self.is_shown_draft(rules) {
            let (message, remedy) =
                ("a draft: readers do not see it", "take `draft` out of the front matter to publish it");
            self.findings.push(Finding::new(&self.source.path, Place::START, Code::Draft, message, remedy));
        } else if let Some(outcome) = self.refused {
            return (outcome, self.findings);
        }
        let mut outline = self.outline(rules);
        let nothing = Learnt::default();
        let (in_path, rest) = dated_path(&self.source.path, rules);
        let file = File {
            rules,
            source: &self.source,
            front_matter: &self.front_matter,
            text_start: self.text_start,
            in_path,
            said: language_in(&rest),
            rest,
            learnt: surroundings.learnt.unwrap_or(&nothing),
            first_seen: surroundings.first_seen,
        };
        if rules.items != ItemForm::List {
            let group = file.said.as_deref().unwrap_or_default();
            fields::mark(&mut outline, |label, heading| file.learnt.is_field(group, label, heading));
        }
        let mut findings = Vec::new();
        let digests = file.read(&outline, &mut findings);
        findings.extend(self.findings);
        lint::join_alike(&mut findings);
        findings.sort_by_key(|finding| (finding.line, finding.column));
        // A picture that links to itself has one address.
        findings
            .dedup_by(|one, other| one.line == other.line && one.code == other.code && one.message == other.message);
        lint::cut_short(&mut findings);
        (if digests.is_empty() { Outcome::Unusable } else { Outcome::Digests(digests) }, findings)
    }
}

struct File<'f> {
    rules: &'f Rules,
    source: &'f Source,
    front_matter: &'f FrontMatter,
    text_start: usize,
    in_path: Option<NaiveDate>,
    /// The path without its date and ending.
    rest: String,
    /// The language that the path says.
    said: Option<String>,
    learnt: &'f Learnt,
    first_seen: Option<NaiveDate>,
}

impl<'f> File<'f> {
    fn read(&self, outline: &Outline<'f>, findings: &mut Vec<Finding>) -> Vec<Digest> {
        let root = outline.tree();
        let group = self.said.clone().unwrap_or_default();
        let date = self.date_without_headings();
        let context = Context::new(outline, self.rules, self.learnt, &group, date);
        let layout = context.layout(&root);
        let one = layout.issues.len() == 1;
        // The headline of a story may name any day.
        let is_headline = date.is_some() && context.is_one_story(&layout);
        let heading = layout.title.filter(|_| !is_headline).map(|block| (outline, block));
        let date = if one { self.date(heading, findings) } else { date };
        let date_told = date;
        let is_page = self.in_path.is_none() && is_companion(&self.source.path);
        let is_page = is_page && (self.front_matter.date.is_none() || !is_index(&self.source.path));
        if is_page || (one && date.is_none() && !self.may_be_dated_today()) {
            self.tell_no_date(findings);
            return Vec::new();
        }
        if let Some(span) = &outline.too_deep {
            let message = format!("nesting deeper than {} is flattened", self.rules.max_nesting);
            let remedy = "nest quotes and lists less deeply, or raise content.max_nesting";
            findings.push(self.source.finding(span.start, Code::NestingTooDeep, message, remedy));
        }
        if let Some(offset) = outline.crowded {
            let message = "a tag here has so many attributes that it is shown as text";
            let remedy = "if it is meant as text, write &lt; for the sign <; else leave the attributes out";
            findings.push(self.source.finding(offset, Code::HtmlStripped, message, remedy));
        }
        let renderer = html::Renderer::new(self.source, outline, self.rules.base.as_ref());
        let reader = item::Reader::new(self.source, self.rules, &renderer);
        findings.extend(lint::of_text(outline, self.source));
        for (heading, date) in &layout.repeated {
            let message =
                format!("more than {MOST_OF_ONE_DATE} headings with the date {date}; from here on all are one digest");
            let remedy = "write one heading for a date, or one file for each digest";
            let offset = outline.blocks[*heading].span.start;
            findings.push(self.source.finding(offset, Code::DateShared, message, remedy));
        }
        let language = self.language(outline);
        // It is that of the whole file, which may hold thousands of digests.
        let source = number_of(&self.source.text);
        let mut digests: Vec<Digest> = Vec::new();
        for issue in &layout.issues {
            let mut gatherer = Gatherer::new(&context, &reader);
            let is_file = context.is_one_story(&layout);
            let first_item = if is_file {
                gatherer.gather_file(layout.title);
                Some(0)
            } else {
                gatherer.gather(issue)
            };
            gatherer.settle_doubles();
            gatherer.keep_exceptions();
            let unread = if is_file || self.front_matter.draft { None } else { gatherer.text_without_items(issue) };
            let Gatherer { sections, findings: found, .. } = gatherer;
            findings.extend(found);
            let heading = issue.dated.map(|(heading, _)| heading).filter(|_| !one).or(layout.title);
            let heading = heading.map(|block| outline.text_of(block)).filter(|text| !text.is_empty());
            let Some(date) = (if one { date.or(self.first_seen) } else { issue.dated.map(|(_, date)| date) }) else {
                continue;
            };
            let said = self.said.as_ref().map_or_else(String::new, |tag| format!("-{}", text::slug(tag)));
            let undated = one && date_told.is_none();
            let key = if undated { self.undated_key() } else { format!("{date}{said}") };
            let title = self.front_matter.title.clone().filter(|_| one).or(heading);
            let before = first_item.unwrap_or(usize::MAX);
            let preamble = self.preamble(outline, issue, before, &renderer, findings);
            if undated && sections.iter().all(|section| section.items.is_empty()) {
                self.tell_no_date(findings);
                continue;
            }
            if let Some(offset) = unread {
                let message = "nothing in this text was taken for an item";
                let remedy = "write the items as a list or below headings of their own, or set items.form";
                findings.push(self.source.finding(offset, Code::NoItems, message, remedy));
            }
            if undated {
                let message =
                    format!("no date anywhere; {date}, the day on which the file was first seen, is its date");
                let remedy =
                    "name the file 2025-05-22.md, write date: 2025-05-22 into its front matter, or set dates.issue";
                findings.push(Finding::new(&self.source.path, Place::START, Code::DateGuessed, message, remedy));
            }
            digests.push(Digest {
                path: self.source.path.clone(),
                key,
                date,
                title: title.unwrap_or_else(|| date.to_string()),
                language: language.clone(),
                description: self.front_matter.description.clone(),
                authors: self.front_matter.authors.clone(),
                tags: self.front_matter.tags.clone(),
                preamble,
                sections,
                is_one_story: is_file,
                is_undated: undated,
                source,
            });
        }
        findings.extend(renderer.into_findings());
        retraction::mark(&mut digests, outline, self.source, self.front_matter.retracted.as_ref(), findings);
        digests
    }

    /// What stands before the first section, and before the first item.
    fn preamble(
        &self,
        outline: &Outline<'f>,
        issue: &Issue<'_>,
        first_item: usize,
        renderer: &html::Renderer<'f>,
        findings: &mut Vec<Finding>,
    ) -> String {
        let is_before = |at: &&usize| outline.blocks[**at].span.end <= first_item;
        let blocks = issue.lead.iter().filter(is_before).filter(|at| outline.blocks[**at].kind != Kind::Footnote);
        let mut told = Vec::new();
        let html = renderer.render(outline.events_of(blocks.copied()), &mut told);
        // Ways around the author's own site are no stories.
        findings.extend(told.into_iter().filter(|finding| finding.code != Code::LinkRelative));
        html
    }

    fn date_without_headings(&self) -> Option<NaiveDate> {
        self.rules.dates.sources.iter().find_map(|source| match source {
            DateSource::FrontMatter => self.front_matter.date,
            DateSource::Path => self.in_path,
            DateSource::Heading | DateSource::Title => None,
        })
    }

    /// Whether a file without a date is a digest all the same: it has the number of an issue.
    fn may_be_dated_today(&self) -> bool {
        let name = self.rest.rsplit('/').next().unwrap_or(&self.rest);
        self.first_seen.is_some() && !is_companion(&self.source.path) && name.contains(|c: char| c.is_ascii_digit())
    }

    fn undated_key(&self) -> String {
        let key = text::slug(&self.rest);
        if key.is_empty() { "digest".to_owned() } else { key }
    }

    fn tell_no_date(&self, findings: &mut Vec<Finding>) {
        let remedy = "name the file 2025-05-22.md, or begin it with front matter that has a date";
        let path = &self.source.path;
        if !is_companion(path) && !self.front_matter.is_page {
            findings.push(Finding::new(path, Place::START, Code::DateMissing, "no date, so not a digest", remedy));
        }
    }

    /// The date of a file that is one digest.
    fn date(&self, heading: Option<(&Outline<'_>, usize)>, findings: &mut Vec<Finding>) -> Option<NaiveDate> {
        let head = &self.source.text[..self.text_start];
        let in_heading = heading.and_then(|(outline, block)| date::in_text(&outline.text_of(block)));
        let in_title = self.front_matter.title.as_deref().and_then(date::in_text);
        let sources = self.rules.dates.sources.iter().map(|source| match source {
            DateSource::FrontMatter => ("the front matter", self.front_matter.date),
            DateSource::Path => ("the path", self.in_path),
            DateSource::Heading => ("the heading", in_heading),
            DateSource::Title => ("the title", in_title),
        });
        let offset = |place: &str, date: NaiveDate| match place {
            "the front matter" => front_matter::place_of_date(head, &front_matter::DATE_KEYS, date),
            "the title" => front_matter::place_of_date(head, &["title"], date),
            "the heading" => heading.map(|(outline, block)| {
                let span = outline.blocks[block].span.clone();
                span.start + date::find(&self.source.text[span], date).unwrap_or_default()
            }),
            _ => None,
        };
        let mut told = sources.filter_map(|(place, date)| Some((place, date?)));
        let (place, date) = told.next()?;
        // A moment is when it was published, and a week's digest is named after the week's end.
        let tolerance = if self.front_matter.has_time { 7 } else { 1 };
        for (other_place, other) in told {
            if (other - date).num_days().abs() > tolerance {
                let message = format!("{place} says {date}, but {other_place} says {other}");
                let remedy = format!("correct one of them; {date} is what is published");
                // A path has no place in the file.
                let offset = offset(other_place, other).or_else(|| offset(place, date)).unwrap_or_default();
                findings.push(self.source.finding(offset, Code::DateDisagrees, message, remedy));
            }
        }
        Some(date)
    }

    fn language(&self, outline: &Outline<'_>) -> Option<String> {
        let told =
            self.front_matter.language.clone().or_else(|| self.said.clone()).or_else(|| self.rules.language.clone());
        // ASCII is the script of many languages.
        let is_telling = !self.source.text.is_ascii();
        told.or_else(|| is_telling.then(|| text::language_of(&outline.sample())).flatten().map(str::to_owned))
    }
}

/// Files that stand beside digests and are none, by their usual names.
fn is_companion(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.split('.').next().unwrap_or(name).to_ascii_lowercase();
    ["readme", "_index", "index", "about", "contact", "license", "contributing", "template"].contains(&stem.as_str())
}

/// `index.md` in a folder of its own is a digest of many generators.
fn is_index(path: &str) -> bool {
    path.contains('/') && path.rsplit('/').next().is_some_and(|name| name.starts_with("index."))
}

/// The language that a path says; nothing for most.
pub fn group_of(path: &str) -> String {
    language_in(&date_in_path(path).1).unwrap_or_default()
}

/// The date of a path, from its name or its folders, and the path without the date and the ending.
fn date_in_path(path: &str) -> (Option<NaiveDate>, String) {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    if let Some((date, rest)) = date::in_name(stem) {
        return (Some(date), format!("{folders}/{rest}"));
    }
    let components: Vec<&str> = folders.split('/').filter(|part| !part.is_empty()).chain([stem]).collect();
    if let Some(date) = date::in_folders(&components) {
        return (Some(date), format!("{folders}/{stem}"));
    }
    let is_date = |folder: &str| date::in_name(folder).filter(|(_, rest)| rest.is_empty()).map(|(date, _)| date);
    let found =
        components[..components.len() - 1].iter().enumerate().rev().find_map(|(at, it)| Some((at, is_date(it)?)));
    let Some((at, date)) = found else { return (None, format!("{folders}/{stem}")) };
    let others = [&components[..at], &components[at + 1..]].concat();
    (Some(date), others.join("/"))
}

/// The date of a path, also in the ways that only this publication has, and the path without what the usual ways found.
pub fn dated_path(path: &str, rules: &Rules) -> (Option<NaiveDate>, String) {
    let (date, rest) = date_in_path(path);
    (date.or_else(|| rules.dates.of_path(&rest)), rest)
}

/// What a path says besides its date and ending: tells the files of one date apart.
pub fn name_besides_date(path: &str) -> String {
    text::slug(&date_in_path(path).1)
}

/// The language that a path names with a folder or a last part of the name: `en/2025-05-22.md`, `2025-05-22.zh-CN.md`.
fn language_in(path_without_date: &str) -> Option<String> {
    let parts = path_without_date.split(['/', '.']).filter(|part| !part.is_empty());
    parts.rev().find(|part| is_language_tag(part)).map(str::to_owned)
}

/// Two letters, perhaps with a script or a region: `en`, `zh-Hant`, `pt-BR`.
fn is_language_tag(part: &str) -> bool {
    const LANGUAGES: [&str; 40] = [
        "ar", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi", "hr", "hu",
        "id", "it", "ja", "ko", "lt", "lv", "nb", "nl", "nn", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "th",
        "tr", "uk", "vi", "zh",
    ];
    let (language, region) =
        part.split_once(['-', '_']).map_or((part, None), |(language, region)| (language, Some(region)));
    let region_fits = region.is_none_or(|region| {
        (region.len() == 2 || region.len() == 4) && region.chars().all(|c| c.is_ascii_alphabetic())
    });
    region_fits && LANGUAGES.contains(&language.to_ascii_lowercase().as_str())
}
