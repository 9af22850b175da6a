//! What is wrong in a text whatever its sections and items are: headings and emphasis that will not be what was meant.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pulldown_cmark::{Event, LinkType, Tag, TagEnd};

use super::outline::{Block, Kind, Outline};
use super::source::Source;
use super::text::{cut, one_line};
use crate::finding::{Code, Finding};

/// Everything that is wrong in a text.
pub fn of_text(outline: &Outline<'_>, source: &Source) -> Vec<Finding> {
    let mut findings = unspaced_headings(outline, source);
    findings.extend(skipping_headings(outline, source));
    findings.extend(broken_emphasis(outline, source));
    findings.extend(broken_links(outline, source));
    findings
}

/// `##News` is a paragraph in CommonMark, and its section or item is lost; `#123` is the number of an issue.
fn unspaced_headings(outline: &Outline<'_>, source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for block in outline.blocks.iter().filter(|block| block.kind == Kind::Paragraph) {
        let line = source.text[block.span.clone()].lines().next().unwrap_or_default();
        let marks = line.bytes().take_while(|byte| *byte == b'#').count();
        if (1..=6).contains(&marks) && line[marks..].starts_with(char::is_alphabetic) {
            let message = format!("`{}` is no heading", cut(line, 40));
            let remedy = format!("put a space after the {}", &line[..marks]);
            findings.push(source.finding(block.span.start, Code::HeadingUnspaced, message, remedy));
        }
    }
    findings
}

/// The one heading of a file that leaves a level out; where several do, their author means it.
fn skipping_headings(outline: &Outline<'_>, source: &Source) -> Vec<Finding> {
    /// So many headings one level below another make it an exception.
    const REGULAR: usize = 4;
    let mut open: Vec<usize> = Vec::new();
    let (mut regular, mut skipping) = (0, Vec::new());
    for block in &outline.blocks {
        let Kind::Heading(level) = block.kind else { continue };
        while open.last().is_some_and(|outer| *outer >= level) {
            open.pop();
        }
        match open.last() {
            Some(outer) if level > outer + 1 => skipping.push((block, *outer)),
            Some(_) => regular += 1,
            None => {}
        }
        open.push(level);
    }
    if skipping.len() != 1 || regular < REGULAR {
        return Vec::new();
    }
    let tell = |(block, outer): (&Block, usize)| {
        let marks = "#".repeat(outer + 1);
        let message = format!("a heading of level {} below one of level {outer}", heading_level(block));
        let remedy = format!("write {marks}, or the level of the headings beside it");
        source.finding(block.span.start, Code::HeadingSkips, message, remedy)
    };
    skipping.into_iter().map(tell).collect()
}

fn heading_level(block: &Block) -> usize {
    if let Kind::Heading(level) = block.kind { level } else { 0 }
}

/// So many findings of one kind about links are told one by one.
const MOST_ALIKE: usize = 3;

/// A file whose links all miss the same include or base says so once.
pub fn join_alike(findings: &mut Vec<Finding>) {
    for (code, what, remedy) in [
        (Code::LinkUndefined, "link references are defined nowhere in this file", "add their definitions to the file"),
        (
            Code::LinkRelative,
            "links are relative and work on your own site only",
            "write whole addresses, or set links.base, such as https://www.example.org/",
        ),
        (
            Code::LinkUnusable,
            "links cannot be followed from a feed reader",
            "write addresses that begin with https://; nobody fills in placeholders here",
        ),
    ] {
        let count = findings.iter().filter(|finding| finding.code == code).count();
        if count > MOST_ALIKE
            && let Some(first) = findings.iter().position(|finding| finding.code == code)
        {
            let mut joined = findings[first].clone();
            let example = joined.message.split('`').nth(1).unwrap_or_default();
            joined.message = format!("{count} {what}, the first is `{example}`");
            remedy.clone_into(&mut joined.remedy);
            findings.retain(|finding| finding.code != code);
            findings.push(joined);
        }
    }
}

/// So many findings of one kind are told of a file; nobody reads more, and logs and memory have to hold them.
const MOST_OF_A_KIND: usize = 100;

/// The first of each kind, of which the last says how many are left out.
pub fn cut_short(findings: &mut Vec<Finding>) {
    let mut counts: BTreeMap<Code, usize> = BTreeMap::new();
    findings.iter().for_each(|finding| *counts.entry(finding.code).or_default() += 1);
    counts.retain(|_, count| *count > MOST_OF_A_KIND);
    if counts.is_empty() {
        return;
    }
    let mut told: BTreeMap<Code, usize> = BTreeMap::new();
    findings.retain_mut(|finding| {
        let Some(count) = counts.get(&finding.code) else { return true };
        let told = told.entry(finding.code).or_default();
        *told += 1;
        if *told == MOST_OF_A_KIND {
            let _ = write!(finding.message, "; of {count} such findings in this file, the others are left out");
        }
        *told <= MOST_OF_A_KIND
    });
}

/// Asterisks that stand in a text as they are: ` ** bold**`, or one half of a pair.
fn broken_emphasis(outline: &Outline<'_>, source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut in_code = false;
    for (event, span) in &outline.events {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Text(text) if !in_code => {
                let Some(at) = unpaired(text) else { continue };
                // An escape is longer than what it stands for, and meant.
                if span.len() != text.len() {
                    continue;
                }
                let around = cut(&one_line(&text[at..]), 30);
                let message = format!("the asterisks of `{around}` are shown as they are");
                let remedy = "write **text** without a space inside the asterisks, or \\*\\* if they are meant";
                findings.push(source.finding(span.start + at, Code::EmphasisBroken, message, remedy));
            }
            _ => {}
        }
    }
    findings
}

/// `[text] (https://…)`, or an address with a space or a line end in it: the brackets are shown, and the address beside them.
fn broken_links(outline: &Outline<'_>, source: &Source) -> Vec<Finding> {
    let is_address = |event: &Event<'_>| matches!(event, Event::Start(Tag::Link { link_type: LinkType::Autolink, .. }));
    let mut findings = Vec::new();
    for pair in outline.events.windows(2) {
        let [(Event::Text(text), span), (next, address)] = pair else { continue };
        let Some(before) = text.strip_suffix('(').filter(|_| is_address(next) && span.end == address.start) else {
            continue;
        };
        let Some(before) = before.trim_end().strip_suffix(']') else { continue };
        // Without an opening one in this line it stands in one above.
        let at = before.rfind('[').unwrap_or_default();
        if !before[at..].contains(char::is_alphabetic) {
            continue;
        }
        // An escaped bracket is meant.
        if span.len() != text.len() || text[..at].ends_with('\\') {
            continue;
        }
        let message =
            format!("`{}](https://…` is no link, and its brackets are shown", cut(&one_line(&before[at..]), 40));
        let remedy = "write [text](https://…) without a space between, and the address on one line";
        findings.push(source.finding(span.start + at, Code::LinkBroken, message, remedy));
    }
    findings
}

/// Two asterisks that stand next to a word on one side: `2 ** 3` is meant.
fn unpaired(text: &str) -> Option<usize> {
    if !text.as_bytes().contains(&b'*') {
        return None;
    }
    let has_pair = text.matches("**").nth(1).is_some();
    text.match_indices("**").map(|(at, _)| at).find(|at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + 2..].chars().next();
        let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        // `0.25**i` is a power.
        let is_power = !has_pair && is_latin(before) && is_latin(after);
        let opens_badly =
            after == Some(' ') && before.is_none_or(char::is_whitespace) && is_word(text[at + 3..].chars().next());
        !is_power
            && before != Some('*')
            && after != Some('*')
            && (is_word(before) || is_word(after) || (opens_badly && has_pair))
    })
}

fn is_latin(character: Option<char>) -> bool {
    character.is_some_and(|c| c.is_ascii_alphanumeric())
}
