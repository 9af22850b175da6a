//! A digest: one dated Markdown file, understood as sections of items.
//!
//! [`parse`] is pure: a [`Digest`] is determined by path, bytes and [`Rules`]. It knows neither ids nor moments (the ledger
//! gives those) nor feeds. What a newcomer gets wrong: wrong content is a finding, never an error.

pub mod date;
mod emphasis;
mod front_matter;
pub mod html;
mod item;
mod outline;
mod section;
mod source;
pub mod text;

use chrono::NaiveDate;
use url::Url;

use crate::finding::{Code, Finding, Place, Severity};
use front_matter::{Beginning, FrontMatter};
use outline::Outline;
use section::Gatherer;
use source::Source;

pub use section::{check_rules, comparable, slug_of};

/// How a publication writes its digests.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The texts of links that only say "read the original".
    pub labels: Vec<String>,
    /// Against what relative links are resolved; without it they lead nowhere.
    pub base: Option<Url>,
    /// The sections the publisher named, in their order.
    pub sections: Vec<SectionRule>,
    /// What becomes of a heading that is none of them.
    pub unknown: Unknown,
    /// The language of digests that do not say theirs, as a BCP 47 tag.
    pub language: Option<String>,
    /// The most items of one digest; what follows is left out, with a finding.
    pub max_items: usize,
    /// How deep quotes and lists may nest before they are flattened.
    pub max_nesting: usize,
}

/// A section that the configuration names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SectionRule {
    /// Its name in URLs: lower case ASCII.
    pub slug: String,
    /// Its title in feeds and pages; else the heading's.
    pub title: Option<String>,
    /// What its feed says of itself.
    pub description: Option<String>,
    /// The headings that belong to it, beside its title; compared without case, digits and signs.
    pub headings: Vec<String>,
}

/// What becomes of a heading that the configuration does not name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    /// It is a section of its own.
    Own,
    /// Its items go into the one section for the rest, with a finding.
    Rest {
        /// The slug of the rest.
        slug: String,
        /// The title of the rest.
        title: String,
    },
}

impl Default for Rules {
    fn default() -> Rules {
        let labels = [
            "阅读原文",
            "原文",
            "查看原文",
            "原文链接",
            "来源",
            "来源链接",
            "链接",
            "更多详情",
            "阅读全文",
            "查看全文",
            "查看详情",
            "閱讀原文",
            "続きを読む",
            "원문 보기",
            "Read more",
            "Read the original",
            "Original",
            "Source",
            "Link",
            "More details",
            "Continue reading",
            "Full story",
            "Lire la suite",
            "En savoir plus",
            "Weiterlesen",
            "Leer más",
        ];
        Rules {
            labels: labels.map(str::to_owned).to_vec(),
            base: None,
            sections: Vec::new(),
            unknown: Unknown::Own,
            language: None,
            max_items: 5000,
            max_nesting: 32,
        }
    }
}

/// A digest as its author wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

impl Digest {
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

/// A section of one digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its name in URLs; empty for items that stand under no section.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// Its items in file order.
    pub items: Vec<Item>,
    /// The line of its heading, from 1.
    pub line: usize,
}

/// An item as its author wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
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
    /// The headings between its section and itself.
    pub categories: Vec<String>,
}

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A digest, perhaps with findings.
    Digest(Box<Digest>),
    /// A digest that its author holds back.
    Draft,
    /// Not a digest, or one that cannot be read; what was published of this file stays.
    Unusable,
}

/// Understands one file. `path` is relative to the content folder and uses `/`.
pub fn parse(path: &str, bytes: &[u8], rules: &Rules) -> (Outcome, Vec<Finding>) {
    let (source, mut findings) = Source::prepare(path, bytes);
    if source.text.trim().is_empty() {
        let remedy = "write the digest, or delete the file to withdraw it";
        findings.push(Finding::new(path, Place::START, Code::FileEmpty, "the file is empty", remedy));
        return (Outcome::Unusable, findings);
    }
    if source::is_garbled(bytes) {
        let remedy = "save the file as UTF-8; a running server keeps its last good version until then";
        findings.push(Finding::new(path, Place::START, Code::Garbled, "the file is not UTF-8 text", remedy));
        return (Outcome::Unusable, findings);
    }
    let (front_matter, text_start) = match front_matter::read(&source, &mut findings) {
        Beginning::Text => (FrontMatter::default(), 0),
        Beginning::FrontMatter(front_matter, text_start) => (front_matter, text_start),
        Beginning::Unreadable => return (Outcome::Unusable, findings),
    };
    if front_matter.draft {
        return (Outcome::Draft, findings);
    }
    let outline = Outline::parse(&source.text[text_start..], text_start, rules.max_nesting);
    let file = File { path, rules, source: &source, front_matter };
    let outcome =
        file.read(&outline, &mut findings).map_or(Outcome::Unusable, |digest| Outcome::Digest(Box::new(digest)));
    findings.sort_by_key(|finding| (finding.line, finding.column));
    (outcome, findings)
}

struct File<'f> {
    path: &'f str,
    rules: &'f Rules,
    source: &'f Source,
    front_matter: FrontMatter,
}

impl<'f> File<'f> {
    fn read(self, outline: &Outline<'f>, findings: &mut Vec<Finding>) -> Option<Digest> {
        let root = outline.tree();
        let parts = section::parts(outline, &root);
        let heading = parts.title.map(|block| outline.text_of(block));
        let (date, rest) = self.date(parts.title.map(|block| (outline, block)), findings)?;
        if let Some(span) = &outline.too_deep {
            let message = format!("nesting deeper than {} is flattened", self.rules.max_nesting);
            let remedy = "nest quotes and lists less deeply, or raise content.max_nesting";
            findings.push(self.source.finding(span.start, Code::NestingTooDeep, message, remedy));
        }
        let renderer = html::Renderer::new(self.source, outline, self.rules.base.as_ref());
        let reader = item::Reader::new(self.source, self.rules, &renderer);
        let mut gatherer = Gatherer::new(outline, reader);
        gatherer.gather(&parts);
        let Gatherer { sections, findings: found, .. } = gatherer;
        findings.extend(found);
        let preamble = if parts.nodes.is_empty() && !sections.is_empty() {
            String::new()
        } else {
            let blocks = parts.lead.iter().filter(|at| outline.blocks[**at].kind != outline::Kind::Footnote);
            let lead: Vec<_> = blocks.flat_map(|at| outline.of(*at).iter().cloned()).collect();
            renderer.render(&lead, findings)
        };
        let language = self.language(&rest, outline);
        let said = language_in(&rest).map(|tag| format!("-{}", text::slug(&tag)));
        let FrontMatter { title, description, authors, tags, .. } = self.front_matter;
        let title = title.or(heading.filter(|text| !text.is_empty())).unwrap_or_else(|| date.to_string());
        let key = format!("{date}{}", said.unwrap_or_default());
        Some(Digest {
            path: self.path.to_owned(),
            key,
            date,
            title,
            language,
            description,
            authors,
            tags,
            preamble,
            sections,
        })
    }

    /// The date, and what the path says besides.
    fn date(&self, heading: Option<(&Outline<'_>, usize)>, findings: &mut Vec<Finding>) -> Option<(NaiveDate, String)> {
        let (in_path, rest) = date_in_path(self.path);
        let offset = heading.map_or(0, |(outline, block)| outline.blocks[block].span.start);
        let in_heading = heading.and_then(|(outline, block)| date::in_text(&outline.text_of(block)));
        let sources = [
            ("the front matter", self.front_matter.date, 0),
            ("the path", in_path, 0),
            ("the heading", in_heading, offset),
        ];
        let mut told = sources.into_iter().filter_map(|(place, date, offset)| Some((place, date?, offset)));
        let Some((place, date, _)) = told.next() else {
            let remedy = "name the file 2025-05-22.md, or begin it with front matter that has a date";
            let mut finding =
                Finding::new(self.path, Place::START, Code::DateMissing, "no date, so not a digest", remedy);
            if is_companion(self.path) {
                finding.severity = Severity::Note;
            }
            findings.push(finding);
            return None;
        };
        for (other_place, other, offset) in told {
            if (other - date).num_days().abs() > 1 {
                let message = format!("{place} says {date}, but {other_place} says {other}");
                let remedy = format!("correct one of them; {date} is what is published");
                findings.push(self.source.finding(offset, Code::DateDisagrees, message, remedy));
            }
        }
        Some((date, rest))
    }

    fn language(&self, rest: &str, outline: &Outline<'_>) -> Option<String> {
        let told =
            self.front_matter.language.clone().or_else(|| language_in(rest)).or_else(|| self.rules.language.clone());
        told.or_else(|| text::language_of(&outline::plain(&outline.events)).map(str::to_owned))
    }
}

/// Files that stand beside digests and are none, by their usual names.
fn is_companion(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.split('.').next().unwrap_or(name).to_ascii_lowercase();
    ["readme", "_index", "index", "about", "license", "contributing", "template"].contains(&stem.as_str())
}

/// The date of a path, from its name or its folders, and the path without the date and the ending.
fn date_in_path(path: &str) -> (Option<NaiveDate>, String) {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    if let Some((date, rest)) = date::in_name(stem) {
        return (Some(date), format!("{folders}/{rest}"));
    }
    let components: Vec<&str> = folders.split('/').filter(|part| !part.is_empty()).chain([stem]).collect();
    (date::in_folders(&components), format!("{folders}/{stem}"))
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
