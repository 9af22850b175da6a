//! What an author takes back: `<!-- retracted: why -->` in an item, or `retracted` in the front matter.

use std::collections::HashMap;

use pulldown_cmark::Event;

use super::front_matter::{Retracted, Retraction};
use super::outline::Outline;
use super::section::are_alike;
use super::source::Source;
use super::text::{normalized, one_line};
use super::{Digest, Item};
use crate::finding::{Code, Finding};

/// What a comment begins with that takes an item back.
const MARK: &str = "retracted";

/// What is written in its place.
const MISTAKEN: [&str; 3] = ["retract", "retraction", "retracts"];

/// The longest reason, in bytes.
const MAX_REASON: usize = 2_000;

/// Marks the items of a file that its author takes back; what marks none is told.
pub(super) fn mark(
    digests: &mut [Digest],
    outline: &Outline<'_>,
    source: &Source,
    in_front_matter: Option<&Retraction>,
    findings: &mut Vec<Finding>,
) {
    let mut headings: Vec<usize> =
        digests.iter().flat_map(|digest| &digest.sections).map(|section| section.line).collect();
    headings.sort_unstable();
    let mut items: Vec<&mut Item> =
        digests.iter_mut().flat_map(|digest| &mut digest.sections).flat_map(|section| &mut section.items).collect();
    items.sort_by_key(|item| item.line);
    if let Some(Retraction { offset, of }) = in_front_matter {
        for name in mark_said(&mut items, of) {
            let message = format!("`retracted` names `{name}`, which is no item of this file");
            let remedy = "give the item's link or title as they stand there; `true`, or a reason of several words, takes all items back";
            findings.push(source.finding(*offset, Code::RetractionUnknown, message, remedy));
        }
    }
    for Comment { offset, is_mistaken, reason } in comments(outline, source) {
        let place = Place::of(source, offset);
        let line = source.line(offset);
        let at = match place {
            Place::BeginsEntry => items.binary_search_by_key(&line, |item| item.line).ok(),
            Place::Alone { indent } => before(&items, line).filter(|_| {
                let (start, next) = next_line(source, offset);
                let text = next.trim_start_matches(' ');
                let is_inside_entry = indent > next.len() - text.len();
                let begins_item = items.binary_search_by_key(&source.line(start), |item| item.line).is_ok();
                !text.starts_with('#') && (is_inside_entry || !begins_item)
            }),
            Place::AfterText => before(&items, line),
        };
        // Between a section's heading and its first item it is in none.
        let is_inside = |at: &usize| {
            let above = headings.partition_point(|heading| *heading <= line).checked_sub(1);
            above.is_none_or(|above| headings[above] <= items[*at].line)
        };
        let (message, remedy) = match (at.filter(is_inside), place) {
            _ if is_mistaken => ("this comment takes nothing back", "begin it with `retracted`"),
            (Some(at), _) => {
                items[at].retracted = Some(reason);
                continue;
            }
            (None, Place::BeginsEntry) => (
                "a line that begins with a comment is HTML as a whole, so there is no item that this takes back",
                "write the comment at the end of the line",
            ),
            (None, _) => (
                "it is not clear which item this takes back, so it takes back none",
                "write it into the item, below its title and with an empty line before the next heading",
            ),
        };
        findings.push(source.finding(offset, Code::RetractionUnknown, message, remedy));
    }
}

/// The last item that begins above a line or on it.
fn before(items: &[&mut Item], line: usize) -> Option<usize> {
    items.partition_point(|item| item.line <= line).checked_sub(1)
}

/// Where a comment stands in its line.
#[derive(Clone, Copy)]
enum Place {
    /// Right after the mark of a list entry.
    BeginsEntry,
    /// There is nothing before it but so many spaces.
    Alone { indent: usize },
    /// After text.
    AfterText,
}

impl Place {
    fn of(source: &Source, offset: usize) -> Place {
        let start = source.text[..offset].rfind('\n').map_or(0, |end| end + 1);
        let before = &source.text[start..offset];
        let is_mark = |word: &str| {
            let number = word.trim_end_matches(['.', ')']);
            matches!(word, "-" | "*" | "+" | ">")
                || (number.len() < word.len() && number.bytes().all(|byte| byte.is_ascii_digit()))
        };
        match before.trim() {
            "" => Place::Alone { indent: before.len() },
            text if text.split_whitespace().all(is_mark) => Place::BeginsEntry,
            _ => Place::AfterText,
        }
    }
}

/// The line below a comment, and where it begins.
fn next_line(source: &Source, offset: usize) -> (usize, &str) {
    let end = source.text[offset..].find("-->").map_or(offset, |end| offset + end);
    let start = source.text[end..].find('\n').map_or(source.text.len(), |length| end + length + 1);
    (start, source.text[start..].split('\n').next().unwrap_or_default())
}

/// Marks what the front matter takes back; gives the names of no item.
fn mark_said<'n>(items: &mut [&mut Item], of: &'n Retracted) -> Vec<&'n str> {
    let all = |items: &mut [&mut Item], why: &str| items.iter_mut().for_each(|it| it.retracted = Some(why.to_owned()));
    match of {
        Retracted::All => all(items, ""),
        Retracted::Named(named) => return mark_named(items, named.iter().map(|(name, why)| (&**name, &**why))),
        Retracted::Text(text) => {
            let unknown = mark_named(items, [(text.as_str(), "")].into_iter());
            if unknown.is_empty() {
                return unknown;
            }
            // What is one word, or nearly a title, was meant as a name: a mistake there must not take everything back.
            let is_word = text.is_ascii() && !text.contains(' ');
            if is_word || text.contains("://") || items.iter().any(|item| are_alike(&item.title, text)) {
                return unknown;
            }
            all(items, text);
        }
    }
    Vec::new()
}

/// Marks the items that go by some names, each a link, a title, or the id an author gave, with why they are taken back;
/// gives the names of none.
fn mark_named<'n>(items: &mut [&mut Item], names: impl Iterator<Item = (&'n str, &'n str)>) -> Vec<&'n str> {
    let link = |link: &str| link.trim_end_matches('/').to_owned();
    let mut known: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, item) in items.iter().enumerate() {
        let title = Some(normalized(&item.title)).filter(|title| !title.is_empty());
        for name in [item.link.as_deref().map(link), title, item.id.clone()].into_iter().flatten() {
            known.entry(name).or_default().push(at);
        }
    }
    let mut unknown = Vec::new();
    for (name, reason) in names {
        let wanted = [link(name), normalized(name), name.trim_start_matches('#').to_owned()];
        let Some(found) = wanted.iter().find_map(|name| known.get(name)) else {
            unknown.push(name);
            continue;
        };
        found.iter().for_each(|at| items[*at].retracted = Some(reason.to_owned()));
    }
    unknown
}

/// A comment that takes something back, or seems to be meant so.
struct Comment {
    /// Where it stands.
    offset: usize,
    /// Whether it begins with another word than the one that counts.
    is_mistaken: bool,
    reason: String,
}

/// The comments of a text that take something back.
fn comments(outline: &Outline<'_>, source: &Source) -> Vec<Comment> {
    let mut found = Vec::new();
    for (offset, start) in source.text.match_indices("<!--") {
        let inner = source.text[offset + start.len()..].trim_start();
        let (word, rest) = inner.split_at(inner.bytes().take_while(u8::is_ascii_alphabetic).count());
        let rest = &rest[..rest.floor_char_boundary(MAX_REASON)];
        let rest = rest.split_once("-->").map_or(rest, |(rest, _)| rest).trim_end();
        let is = |mark: &&str| word.eq_ignore_ascii_case(mark);
        let is_mistaken = MISTAKEN.iter().any(is);
        let is_mark = rest.is_empty() || rest.starts_with([':', '：']) || (is(&MARK) && rest.starts_with([' ', '\n']));
        if is_mark && (is_mistaken || is(&MARK)) {
            let reason = one_line(rest.trim_start_matches([':', '：', ' ']));
            found.push(Comment { offset, is_mistaken, reason });
        }
    }
    if found.is_empty() {
        return found;
    }
    // What stands in code is about comments; one in a text has become nothing by now.
    let spans = outline.events.iter().filter_map(|(event, span)| match event {
        Event::Html(_) | Event::InlineHtml(_) => Some(span),
        Event::Text(text) if text.is_empty() => Some(span),
        _ => None,
    });
    let mut is_comment = vec![false; found.len()];
    for span in spans {
        let first = found.partition_point(|comment| comment.offset < span.start);
        let inside = found[first..].iter().take_while(|comment| comment.offset < span.end).count();
        is_comment[first..first + inside].fill(true);
    }
    let mut is_comment = is_comment.into_iter();
    found.retain(|_| is_comment.next().unwrap_or_default());
    found
}
