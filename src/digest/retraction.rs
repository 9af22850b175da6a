//! What an author takes back: `<!-- retracted: why -->` in an item, or `retracted` in the front matter.

use std::collections::HashMap;

use pulldown_cmark::Event;

use super::front_matter::Retraction;
use super::outline::Outline;
use super::source::Source;
use super::text::{normalized, one_line};
use super::{Digest, Item};
use crate::finding::{Code, Finding, Place};

/// What a comment begins with that takes an item back.
const MARK: &str = "retracted";

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
    let headings: Vec<usize> = digests.iter().flat_map(|digest| &digest.sections).map(|section| section.line).collect();
    let mut items: Vec<&mut Item> =
        digests.iter_mut().flat_map(|digest| &mut digest.sections).flat_map(|section| &mut section.items).collect();
    match in_front_matter {
        None => {}
        // One item, without the brackets.
        Some(Retraction::All(name)) if mark_named(&mut items, std::slice::from_ref(name)).is_empty() => {}
        Some(Retraction::All(reason)) => items.iter_mut().for_each(|item| item.retracted = Some(reason.clone())),
        Some(Retraction::Named(names)) => {
            for name in mark_named(&mut items, names) {
                let message = format!("`retracted` names `{name}`, which is no item of this file");
                let remedy = "give the item's link, its title, or the id behind its heading";
                findings.push(Finding::new(&source.path, Place::START, Code::RetractionUnknown, message, remedy));
            }
        }
    }
    items.sort_by_key(|item| item.line);
    for (offset, reason) in comments(outline, source) {
        let line = source.line(offset);
        let at = items.partition_point(|item| item.line <= line).checked_sub(1);
        // Between a section's heading and its first item it is in none, and above a heading it may be meant for the next.
        let is_inside = |at: &usize| !headings.iter().any(|heading| (items[*at].line + 1..=line).contains(heading));
        match at.filter(is_inside).filter(|_| !stands_above_heading(source, offset)) {
            Some(at) => items[at].retracted = Some(reason),
            None => {
                let message = "it is not clear which item this takes back, so it takes back none";
                let remedy = "write it into the item, below its title and with an empty line before the next heading";
                findings.push(source.finding(offset, Code::RetractionUnknown, message, remedy));
            }
        }
    }
}

/// Whether the line after a comment is a heading.
fn stands_above_heading(source: &Source, offset: usize) -> bool {
    let comment = source.text[offset..].find("-->").map_or(offset, |end| offset + end);
    source.text[comment..].split_once('\n').is_some_and(|(_, next)| next.trim_start_matches(' ').starts_with('#'))
}

/// Marks the items that go by some names, each a link, a title, or the id an author gave; gives the names of none.
fn mark_named<'n>(items: &mut [&mut Item], names: &'n [String]) -> Vec<&'n String> {
    let link = |link: &str| link.trim_end_matches('/').to_owned();
    let mut known: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, item) in items.iter().enumerate() {
        let title = Some(normalized(&item.title)).filter(|title| !title.is_empty());
        for name in [item.link.as_deref().map(link), title, item.id.clone()].into_iter().flatten() {
            known.entry(name).or_default().push(at);
        }
    }
    let mut unknown = Vec::new();
    for name in names {
        let wanted = [link(name), normalized(name), name.trim_start_matches('#').to_owned()];
        let Some(found) = wanted.iter().find_map(|name| known.get(name)) else {
            unknown.push(name);
            continue;
        };
        found.iter().for_each(|at| items[*at].retracted = Some(String::new()));
    }
    unknown
}

/// The comments that take something back: where they stand, and why.
fn comments(outline: &Outline<'_>, source: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (offset, start) in source.text.match_indices("<!--") {
        let inner = source.text[offset + start.len()..].trim_start();
        let is_marked = inner.get(..MARK.len()).is_some_and(|word| word.eq_ignore_ascii_case(MARK));
        let Some(rest) = inner.get(MARK.len()..).filter(|_| is_marked) else { continue };
        let rest = &rest[..rest.floor_char_boundary(MAX_REASON)];
        let rest = rest.split_once("-->").map_or(rest, |(rest, _)| rest);
        if rest.trim().is_empty() || rest.starts_with([':', '：', ' ', '\n']) {
            found.push((offset, one_line(rest.trim_start_matches([':', '：', ' ']))));
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
        let first = found.partition_point(|(offset, _)| *offset < span.start);
        let inside = found[first..].iter().take_while(|(offset, _)| *offset < span.end).count();
        is_comment[first..first + inside].fill(true);
    }
    let mut is_comment = is_comment.into_iter();
    found.retain(|_| is_comment.next().unwrap_or_default());
    found
}
