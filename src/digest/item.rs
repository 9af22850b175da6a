//! One item from its heading and blocks: title, link, body, summary.
//!
//! Where an item begins and ends was decided before ([`super::section`]); here is only what stands in it.

use std::collections::HashSet;

use pulldown_cmark::{Event, Tag, TagEnd};
use url::Url;

use super::html::{Renderer, Target, complaint, end_of, target};
use super::outline::{MAX_HEADING_CHARS, Spanned, plain, text_event};
use super::source::Source;
use super::text::{SUMMARY_MAX_CHARS, cut, first_sentence, normalized, one_line};
use super::{Item, Rules};
use crate::finding::{Code, Finding};

/// The longest title made from a text that has none, in characters.
const TITLE_MAX_CHARS: usize = 100;

/// Labels that are a sign and no word: an arrow, a chain.
const SIGNS: [&str; 7] = ["↗", "→", "»", "›", ">", ">>", "🔗"];

/// The events of an item, before they are understood.
pub struct Draft<'a> {
    /// The inline events of its heading, if it has one.
    pub heading: Option<Vec<Spanned<'a>>>,
    /// The events of its blocks.
    pub body: Vec<Spanned<'a>>,
    /// The byte where it begins.
    pub offset: usize,
    /// The id an author gave it.
    pub id: Option<String>,
    /// The headings between its section and itself.
    pub categories: Vec<String>,
}

/// What every item of a digest is read with.
pub struct Reader<'r, 'a> {
    /// The file.
    pub source: &'r Source,
    /// How this publication writes.
    pub rules: &'r Rules,
    /// Makes HTML of bodies.
    pub renderer: &'r Renderer<'a>,
    /// The labels of [`Rules`], normalized.
    labels: HashSet<String>,
}

impl<'r, 'a> Reader<'r, 'a> {
    /// A reader for the items of one file.
    pub fn new(source: &'r Source, rules: &'r Rules, renderer: &'r Renderer<'a>) -> Reader<'r, 'a> {
        let labels = rules.labels.iter().map(|label| normalized(label)).collect();
        Reader { source, rules, renderer, labels }
    }

    /// The item, or `None` when there is no text to call it by; what is wrong is a finding.
    pub fn read(&self, draft: Draft<'a>, findings: &mut Vec<Finding>) -> Option<Item> {
        let Draft { heading, mut body, offset, id, categories } = draft;
        let labelled = self.take_label_link(&mut body, findings);
        let has_heading = heading.is_some();
        let (title, covering) = match heading {
            Some(heading) => (clean_title(&plain(&heading)), leading_link(&heading)),
            None => take_title(&mut body),
        };
        let title = if title.is_empty() { sentence_title(&body) } else { title };
        if title.is_empty() {
            findings.push(self.source.finding(
                offset,
                Code::ItemWithoutTitle,
                "an item without a title is left out",
                "write a heading, or text that can serve as one",
            ));
            return None;
        }
        let covering = covering.and_then(|link| self.web(&link, has_heading, findings));
        let link = labelled.or(covering).or_else(|| self.only_link(&body));
        if link.is_none() {
            let remedy =
                "end it with [Read more](https://…), or leave it: the entry then leads to its place on your page";
            findings.push(self.source.finding(offset, Code::ItemWithoutLink, format!("`{title}` has no link"), remedy));
        }
        let text = one_line(&plain(&body));
        let repeats_title = normalized(&text) == normalized(&title);
        let html = if repeats_title { String::new() } else { self.renderer.render(&body, findings) };
        let summary = if repeats_title { String::new() } else { cut(&text, SUMMARY_MAX_CHARS) };
        let line = self.source.line(offset);
        Some(Item { title, link: link.map(String::from), html, summary, line, id, categories })
    }

    /// Takes the link out that only says "read the original", and gives where it leads.
    fn take_label_link(&self, body: &mut Vec<Spanned<'a>>, findings: &mut Vec<Finding>) -> Option<Url> {
        let labels = links(body).filter(|(start, end)| self.is_label(&body[*start..*end]));
        let (start, end) = labels.filter(|(_, end)| is_last_in_its_block(body, *end)).last()?;
        let (Event::Start(Tag::Link { dest_url, .. }), span) = &body[start] else { return None };
        let (destination, offset) = (dest_url.to_string(), span.start);
        let found = match target(&destination, self.rules.base.as_ref()) {
            Target::Web(url) => Some(url),
            other => {
                findings.extend(complaint(self.source, &other, &destination, offset));
                None
            }
        };
        remove_with_space_before(body, start, end);
        found
    }

    /// Whether a link only says "read the original".
    pub fn is_label(&self, link: &[Spanned<'_>]) -> bool {
        let text = one_line(&plain(link));
        let word = normalized(&text);
        if word.is_empty() {
            return SIGNS.contains(&text.as_str());
        }
        self.labels.contains(&word)
    }

    /// A link that covers a title; a heading's own is looked at only here, so what is wrong with it is told here.
    fn web(&self, (destination, offset): &(String, usize), tell: bool, findings: &mut Vec<Finding>) -> Option<Url> {
        match target(destination, self.rules.base.as_ref()) {
            Target::Web(url) => Some(url),
            other => {
                if tell {
                    findings.extend(complaint(self.source, &other, destination, *offset));
                }
                None
            }
        }
    }

    /// The only external link of a text, else the first that is more than somebody's home page.
    fn only_link(&self, body: &[Spanned<'_>]) -> Option<Url> {
        let urls: Vec<Url> = links(body)
            .filter_map(|(start, _)| match &body[start].0 {
                Event::Start(Tag::Link { dest_url, .. }) => Some(target(dest_url, self.rules.base.as_ref())),
                _ => None,
            })
            .filter_map(|target| if let Target::Web(url) = target { Some(url) } else { None })
            .collect();
        match urls.as_slice() {
            [] => None,
            [only] => Some(only.clone()),
            several => several.iter().find(|url| !is_home_page(url)).cloned(),
        }
    }
}

fn is_home_page(url: &Url) -> bool {
    url.path() == "/" && url.query().is_none()
}

/// The positions of each link's start and end.
fn links<'e>(events: &'e [Spanned<'_>]) -> impl Iterator<Item = (usize, usize)> + 'e {
    let starts = events.iter().enumerate().filter(|(_, (event, _))| matches!(event, Event::Start(Tag::Link { .. })));
    starts.map(|(start, _)| (start, end_of(events, start)))
}

/// Whether nothing but white space and punctuation follows a link before its block ends.
fn is_last_in_its_block(events: &[Spanned<'_>], link_end: usize) -> bool {
    for (event, _) in &events[link_end + 1..] {
        match event {
            Event::End(TagEnd::Strong | TagEnd::Emphasis | TagEnd::Strikethrough) => {}
            Event::SoftBreak | Event::HardBreak => {}
            Event::Text(text) if !text.chars().any(char::is_alphanumeric) => {}
            Event::Start(Tag::List(_)) | Event::End(_) => return true,
            _ => return false,
        }
    }
    true
}

/// Removes a link, the white space before it, and the paragraph when nothing else was in it.
fn remove_with_space_before(events: &mut Vec<Spanned<'_>>, start: usize, end: usize) {
    events.drain(start..(end + 1).min(events.len()));
    let mut at = start;
    while at > 0 {
        match &events[at - 1].0 {
            Event::SoftBreak | Event::HardBreak => {}
            Event::Text(text) => {
                let kept = text.trim_end_matches(is_lead_in).len();
                let opened = text[kept..].contains(['(', '（', '[', '【']);
                if opened && let Some((Event::Text(after), _)) = events.get_mut(at) {
                    *after = after.trim_start_matches([')', '）', ']', '】']).to_owned().into();
                }
                let Event::Text(text) = &mut events[at - 1].0 else { break };
                if kept > 0 {
                    *text = text[..kept].to_owned().into();
                    break;
                }
            }
            _ => break,
        }
        events.remove(at - 1);
        at -= 1;
    }
    let around = at.checked_sub(1).map(|before| (&events[before].0, events.get(at).map(|(event, _)| event)));
    if let Some((Event::Start(Tag::Paragraph), Some(Event::End(TagEnd::Paragraph)))) = around {
        events.drain(at - 1..=at);
    }
}

/// What leads to a label and means nothing without it: white space, a bar, an arrow, an opening bracket.
fn is_lead_in(character: char) -> bool {
    character.is_whitespace() || matches!(character, '|' | '｜' | '·' | '•' | '→' | '(' | '（' | '[' | '【')
}

/// Where the link leads that begins a heading, if only signs stand before it.
fn leading_link(events: &[Spanned<'_>]) -> Option<(String, usize)> {
    for (event, span) in events {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => return Some((dest_url.to_string(), span.start)),
            Event::Text(text) if text.chars().any(char::is_alphabetic) => return None,
            Event::Code(_) => return None,
            _ => {}
        }
    }
    None
}

/// The title of a list entry: the link or the bold text it begins with. Bold text leaves the body, for the title says it.
fn take_title(body: &mut Vec<Spanned<'_>>) -> (String, Option<(String, usize)>) {
    let begins = body.iter().position(|(event, _)| match event {
        Event::Start(Tag::Paragraph) | Event::TaskListMarker(_) => false,
        Event::Text(text) => text.chars().any(char::is_alphanumeric),
        _ => true,
    });
    let Some(start) = begins else { return (String::new(), None) };
    let end = end_of(body, start);
    let inner = &body[start..(end + 1).min(body.len())];
    let title = clean_title(&plain(inner));
    match &body[start].0 {
        Event::Start(Tag::Link { dest_url, .. }) => (title, Some((dest_url.to_string(), body[start].1.start))),
        Event::Start(Tag::Strong) => {
            let link = leading_link(inner);
            let at = body[start].1.start;
            body.splice(start..(end + 1).min(body.len()), [text_event("", at)]);
            trim_leading_punctuation(body, start + 1);
            (title, link)
        }
        _ => (String::new(), None),
    }
}

/// `**Title**: text` goes on after the colon.
fn trim_leading_punctuation(body: &mut [Spanned<'_>], at: usize) {
    if let Some((Event::Text(text), _)) = body.get_mut(at) {
        let rest =
            text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '：' | '-' | '–' | '—' | '.'));
        *text = rest.to_owned().into();
    }
}

/// A title made of a text: its first sentence, cut.
fn sentence_title(body: &[Spanned<'_>]) -> String {
    let text = plain(body);
    let paragraph = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    cut(first_sentence(&clean_title(paragraph)), TITLE_MAX_CHARS)
}

/// A title on one line, without the asterisks of bold that did not work out, numbering, and a colon at its end.
pub fn clean_title(text: &str) -> String {
    let line = cut(&one_line(&text.replace("**", "")), MAX_HEADING_CHARS);
    let title = without_numbering(&line);
    title.trim_end_matches([':', '：']).trim().to_owned()
}

/// The text without a leading `1. `, `2、`, `3）` or `4)`; `3.5 billion` and `2025` are no numbering.
pub fn without_numbering(text: &str) -> &str {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &text[digits..];
    let mut characters = rest.chars();
    let mark = characters.next();
    let numbered = (1..=3).contains(&digits)
        && mark.is_some_and(|mark| matches!(mark, '.' | '、' | '．' | '）' | ')'))
        && !characters.as_str().starts_with(|c: char| c.is_ascii_digit());
    let kept = characters.as_str().trim_start();
    if numbered && !kept.is_empty() { kept } else { text }
}
