//! What readers miss of raw HTML: the tags and attributes that the sanitizer takes away, each kind told once a file.
//!
//! What it keeps is asked of the sanitizer itself. Of what goes, much was never seen (`class`, `id`, `target`) or has its like in
//! every reader (`<center>`, `<section>`); that is not told.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::LazyLock;

use pulldown_cmark::{Event, Tag};

use super::html::{alignment, sanitizer};
use super::outline::Spanned;
use super::source::Source;
use super::text::{cut, one_line};
use crate::finding::{Code, Finding};

/// Elements that only arrange what is in them, or say what it is.
const PLAIN: [&str; 11] =
    ["address", "big", "body", "head", "html", "label", "link", "main", "meta", "nobr", "section"];

/// Attributes that change what is seen. All others that go are for scripts, style sheets and windows of a site.
const SEEN: [&str; 6] = ["background", "bgcolor", "color", "face", "hidden", "style"];

/// How the declarations begin that change what a text looks like, and do not only arrange it.
const LOOKS: [&str; 9] = [
    "background",
    "color",
    "font",
    "list-style",
    "opacity",
    "text-decoration",
    "text-transform",
    "visibility",
    "white-space",
];

/// What the sanitizer keeps.
struct Kept {
    tags: HashSet<&'static str>,
    attributes: HashMap<&'static str, HashSet<&'static str>>,
    of_all: HashSet<&'static str>,
    /// Elements that go with all they hold.
    emptied: HashSet<&'static str>,
}

static KEPT: LazyLock<Kept> = LazyLock::new(|| {
    let sanitizer = sanitizer(None);
    Kept {
        tags: sanitizer.clone_tags(),
        attributes: sanitizer.clone_tag_attributes(),
        of_all: sanitizer.clone_generic_attributes(),
        emptied: sanitizer.clone_clean_content_tags(),
    }
});

/// The raw HTML of a file that readers miss.
#[derive(Debug, Default)]
pub struct Stripped {
    /// By what is told of it, where each stands.
    places: RefCell<BTreeMap<What, BTreeSet<usize>>>,
    /// The elements that end somewhere.
    ended: RefCell<HashSet<String>>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Tag {
        name: String,
        /// `<T>` as it stands in `Vec<T>`, or `<your name>`.
        is_bare: bool,
    },
    Attribute(String),
}

impl Stripped {
    /// Looks at an event that may have been raw HTML.
    pub fn look(&self, (event, span): &Spanned<'_>, source: &Source) {
        let is_block = matches!(event, Event::Start(Tag::HtmlBlock));
        // Tags that have a meaning in Markdown are its events by now, and those for looks are empty texts.
        let is_inline = match event {
            Event::InlineHtml(_) | Event::HardBreak => true,
            Event::Text(text) => text.is_empty(),
            Event::Start(tag) => {
                matches!(tag, Tag::Link { .. } | Tag::Image { .. } | Tag::Strong | Tag::Emphasis)
            }
            _ => false,
        };
        let html = source.text.get(span.clone()).unwrap_or_default();
        if is_block || (is_inline && html.starts_with('<')) {
            tags(html).for_each(|tag| self.note(&tag, span.start));
        }
    }

    fn note(&self, tag: &RawTag<'_>, offset: usize) {
        let name = tag.name.to_ascii_lowercase();
        if tag.is_end {
            self.ended.borrow_mut().insert(name);
            return;
        }
        let mut places = self.places.borrow_mut();
        let mut note = |what: What, at: usize| places.entry(what).or_default().insert(offset + at);
        let is_plain = PLAIN.contains(&name.as_str());
        if !is_plain && !KEPT.tags.contains(name.as_str()) {
            let is_bare = !tag.attributes.contains('=');
            note(What::Tag { name: tag.name.to_owned(), is_bare }, tag.place.start);
            return;
        }
        for (attribute, value) in attributes(tag.attributes) {
            let attribute = attribute.to_ascii_lowercase();
            let is_kept = KEPT.of_all.contains(attribute.as_str())
                || KEPT.attributes.get(name.as_str()).is_some_and(|kept| kept.contains(attribute.as_str()));
            let is_missed = match attribute.as_str() {
                "style" => changes_looks(value),
                _ => !is_kept && (SEEN.contains(&attribute.as_str()) || attribute.starts_with("on")),
            };
            if is_missed {
                note(What::Attribute(attribute), tag.place.start);
            }
        }
    }

    /// What readers miss, at the first place of each kind.
    pub fn findings(self, source: &Source) -> Vec<Finding> {
        let ended = self.ended.into_inner();
        let tell = |(what, places): (What, BTreeSet<usize>)| {
            let first = places.first().copied().unwrap_or_default();
            let (mut message, remedy) = match &what {
                What::Tag { name, .. } if KEPT.emptied.contains(name.to_ascii_lowercase().as_str()) => {
                    (format!("`<{name}>` is stripped with all it holds"), "leave it out, or use plain Markdown")
                }
                What::Tag { name, is_bare: true } if !ended.contains(&name.to_ascii_lowercase()) => (
                    format!("`<{name}>` is taken for HTML, and readers do not see it"),
                    "write it between backticks, or &lt; for the sign <",
                ),
                What::Tag { name, .. } => (
                    format!("`<{name}>` is stripped: feed readers refuse it"),
                    "link to it, or use plain Markdown; a text in it stays",
                ),
                What::Attribute(name) => (
                    format!("`{}` is stripped", written(name, first, source)),
                    "say it in words or in Markdown; readers have their own colours, fonts and no scripts",
                ),
            };
            if places.len() > 1 {
                message = format!("{message}; {} more of its kind", places.len() - 1);
            }
            source.finding(first, Code::HtmlStripped, message, remedy)
        };
        self.places.into_inner().into_iter().map(tell).collect()
    }
}

/// An attribute of the tag that begins at `at`, with its value.
fn written(name: &str, at: usize, source: &Source) -> String {
    let tag = tags(&source.text[at..]).next();
    let value = tag.and_then(|tag| attributes(tag.attributes).find(|(key, _)| key.eq_ignore_ascii_case(name)));
    match value.map(|(_, value)| one_line(value)) {
        Some(value) if !value.is_empty() => format!("{name}=\"{}\"", cut(&value, 40)),
        _ => name.to_owned(),
    }
}

/// Whether a text with this style looks otherwise than without it.
fn changes_looks(style: &str) -> bool {
    let mut declarations = style.split(';').filter_map(|declaration| declaration.split_once(':'));
    declarations.any(|(name, value)| {
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_ascii_lowercase());
        LOOKS.iter().any(|property| name.starts_with(property))
            || (name == "display" && value == "none")
            || (name == "text-align" && alignment(style).is_none())
    })
}

/// A raw tag, as far as a finding needs it; the sanitizer reads the HTML properly.
struct RawTag<'t> {
    name: &'t str,
    is_end: bool,
    /// What stands between its name and its end.
    attributes: &'t str,
    place: Range<usize>,
}

/// The tags in raw HTML, but those in comments, scripts and style sheets.
fn tags(html: &str) -> impl Iterator<Item = RawTag<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + memchr::memchr(b'<', html.as_bytes().get(at..)?)?;
            let rest = &html[start + 1..];
            if rest.starts_with("!--") {
                at = start + 1 + rest.find("-->")?;
                continue;
            }
            at = start + 1;
            let (is_end, inner) = rest.strip_prefix('/').map_or((false, rest), |inner| (true, inner));
            let length = inner.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '.' | ':' | '_')));
            let (name, inner) = inner.split_at(length.unwrap_or(inner.len()));
            // `<https://…>` is a link.
            if name.ends_with(':') {
                continue;
            }
            let goes_on = inner.starts_with(|c: char| c.is_whitespace() || matches!(c, '/' | '>'));
            if !goes_on || !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
                continue;
            }
            let length = tag_end(inner)?;
            let end = html.len() - inner.len() + length;
            at = end;
            let holds_code = !is_end && KEPT.emptied.contains(name.to_ascii_lowercase().as_str());
            if holds_code {
                at += html[end..].find("</").unwrap_or(html.len() - end);
            }
            return Some(RawTag { name, is_end, attributes: &inner[..length], place: start..end });
        }
    })
}

/// Where the tag ends: at the first `>` that is not quoted.
fn tag_end(attributes: &str) -> Option<usize> {
    let mut quote = None;
    attributes.bytes().position(|byte| {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
        quote.is_none() && byte == b'>'
    })
}

/// The attributes of a tag with their values, which may be empty.
fn attributes(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '=' | '/' | '>')).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let Some(value) = after.trim_start().strip_prefix('=').map(str::trim_start) else {
            rest = after;
            return (!name.is_empty()).then_some((name, ""));
        };
        let quoted = value.chars().next().filter(|quote| matches!(quote, '"' | '\''));
        let (value, after) = match quoted.and_then(|quote| value[1..].split_once(quote)) {
            Some(parts) => parts,
            None => value.split_at(value.find(char::is_whitespace).unwrap_or(value.len())),
        };
        rest = after;
        Some((name, value))
    })
}
