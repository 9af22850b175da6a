//! One item from its heading and blocks: title, link, body, summary.
//!
//! Where an item begins and ends was decided before ([`super::section`]); here is only what stands in it.

use std::borrow::Cow;
use std::sync::Arc;

use pulldown_cmark::{CowStr, Event, LinkType, Tag, TagEnd};

use super::html::{Renderer, Target, complaint, end_of, is_of_another_network, target};
use super::outline::{MAX_HEADING_CHARS, Spanned, plain, plain_of, plain_start, text_event};
use super::source::Source;
use super::split::{has_link, is_all_emphasis};
use super::text::{
    SUMMARY_MAX_CHARS, cut, cut_line, first_sentence, into_line, is_blank, is_cjk, is_sign, keycaps, normalized,
    one_line,
};
use super::why::{ItemWhy, LinkWhy};
use super::{Item, Rules};
use crate::finding::{Code, Finding};

/// The longest title made from a text that has none, in characters.
const TITLE_MAX_CHARS: usize = 100;

/// Labels that are a sign and no word: an arrow, a chain.
const SIGNS: [&str; 7] = ["↗", "→", "»", "›", ">", ">>", "🔗"];

/// Where a link leads, and the byte where it stands.
type LinkAt<'a> = (CowStr<'a>, usize);

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
    /// The rule that made it an item.
    pub why: ItemWhy,
}

impl<'a> Draft<'a> {
    /// An item that has no heading of its own.
    pub fn new(body: Vec<Spanned<'a>>, offset: usize, why: ItemWhy) -> Draft<'a> {
        Draft { heading: None, body, offset, id: None, categories: Vec::new(), why }
    }
}

/// What every item of a digest is read with.
pub struct Reader<'r, 'a> {
    /// The file.
    pub source: &'r Source,
    /// How this publication writes.
    pub rules: &'r Rules,
    /// Makes HTML of bodies.
    pub renderer: &'r Renderer<'a>,
    path: Arc<str>,
}

impl<'r, 'a> Reader<'r, 'a> {
    /// A reader for the items of one file.
    pub fn new(source: &'r Source, rules: &'r Rules, renderer: &'r Renderer<'a>) -> Reader<'r, 'a> {
        Reader { source, rules, renderer, path: source.path.as_str().into() }
    }

    /// The item, or `None` when there is no text to call it by; what is wrong is a finding.
    pub fn read(&self, draft: Draft<'a>, findings: &mut Vec<Finding>) -> Option<Item> {
        let Draft { heading, mut body, offset, id, categories, why } = draft;
        if why == ItemWhy::Numbered {
            take_number(&mut body);
        }
        let has_heading = heading.is_some();
        let labelled = self.take_label_link(&mut body, findings).or_else(|| self.labelled_before(&body));
        let labelled = labelled.or_else(|| if has_heading { None } else { self.take_leading_label(&mut body) });
        let mut in_heading = None;
        let (title, covering) = match heading {
            Some(heading) => {
                heading.iter().for_each(|event| self.renderer.look(event));
                in_heading =
                    links(&heading).find_map(|(start, _)| self.web_target(&heading[start].0)).map(Cow::into_owned);
                (clean_title(plain(&heading)), leading_link(&heading))
            }
            None => self.take_title(&mut body),
        };
        let title = if title.is_empty() { sentence_title(&body) } else { title };
        let mut title = if title.is_empty() { picture_title(&body) } else { title };
        if title.is_empty() || (why == ItemWhy::ListEntry && title.contains("://") && self.is_home_page_only(&body)) {
            let message = "an item without a title is left out";
            let remedy = "write a heading, or text that can serve as one";
            findings.push(self.source.finding(offset, Code::ItemWithoutTitle, message, remedy));
            return None;
        }
        // A title that links to itself says nothing of its story.
        let covering = covering.filter(|(destination, _)| !destination.starts_with('#'));
        let leads_nowhere = covering.is_some();
        let covering = covering.and_then(|link| self.web(&link, has_heading, findings));
        let (link, link_why) = match (labelled, covering) {
            (Some(link), _) => (Some(link), LinkWhy::Label),
            (None, Some(link)) => (Some(link), LinkWhy::CoversTitle),
            // The story is what the title links to; another link is not, even when that one cannot be followed.
            (None, None) if leads_nowhere => (None, LinkWhy::None),
            (None, None) => match (in_heading, self.best_link(&body)) {
                // A heading shows no link of its own, so it would be lost.
                (Some(link), _) => (Some(link), LinkWhy::CoversTitle),
                (None, best) => best,
            },
        };
        if link.is_none()
            && title.contains(char::is_alphabetic)
            && !leads_nowhere
            && !has_link(&body)
            && !is_all_emphasis(&body)
        {
            let remedy =
                "end it with [Read more](https://…), or leave it: the entry then leads to its place on your page";
            findings.push(self.source.finding(offset, Code::ItemWithoutLink, format!("`{title}` has no link"), remedy));
        }
        let text = into_line(plain_start(&body, SUMMARY_MAX_CHARS * 3 / 2));
        // A text that only says the title again is none, unless it leads to more places.
        let leads_on = || {
            let mut urls = links(&body).filter_map(|(start, _)| self.web_target(&body[start].0));
            urls.any(|url| Some(&*url) != link.as_deref())
        };
        let repeats_title = text.len() <= title.len() + 32 && normalized(&text) == normalized(&title) && !leads_on();
        // Rendered all the same, because links that lead nowhere are told there.
        let html = Some(self.renderer.render(body, findings)).filter(|_| !repeats_title).unwrap_or_default();
        let mut summary = if repeats_title { String::new() } else { cut_line(text, SUMMARY_MAX_CHARS) };
        // Items stay, and the room to make them is not kept.
        title.shrink_to_fit();
        summary.shrink_to_fit();
        let line = self.source.line(offset);
        let path = self.path.clone();
        Some(Item { path, title, link, html, summary, line, id, retracted: None, categories, why, link_why })
    }

    /// Whether an entry is nothing but the address of a home page: a source, a way to follow, no story.
    fn is_home_page_only(&self, body: &[Spanned<'_>]) -> bool {
        let mut links = links(body).filter_map(|(start, _)| self.web_target(&body[start].0));
        let (Some(url), None) = (links.next(), links.next()) else { return false };
        let text = one_line(&plain(body));
        is_home_page(&url) && text.trim_end_matches('/') == url.trim_end_matches('/')
    }

    /// The link whose label stands before it as text: `Link: https://…`, `来源：[某报](…)`, `**Source**: [name](…)`.
    fn labelled_before(&self, body: &[Spanned<'_>]) -> Option<String> {
        links(body).find_map(|(start, _)| {
            let before = text_right_before(&body[..start]);
            let before = before.trim_end().strip_suffix([':', '：'])?;
            let label = before.rsplit(['|', '｜', '·', '，', ',', '。', '(', '（']).next().unwrap_or(before);
            if !self.rules.labels.contain(label) {
                return None;
            }
            self.web_target(&body[start].0).map(Cow::into_owned)
        })
    }

    fn web_target<'e>(&self, event: &'e Event<'_>) -> Option<Cow<'e, str>> {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => match target(dest_url, self.rules.base.as_ref()) {
                Target::Web(url) => Some(url),
                _ => None,
            },
            _ => None,
        }
    }

    /// Takes the link out that only says "read the original", and gives where it leads.
    fn take_label_link(&self, body: &mut Vec<Spanned<'a>>, findings: &mut Vec<Finding>) -> Option<String> {
        let last = links(body).filter(|(_, end)| is_last_in_its_block(body, *end));
        let (start, end) = last.filter(|(start, end)| self.is_label(&body[*start..*end])).last()?;
        let (Event::Start(Tag::Link { dest_url, .. }), span) = &body[start] else { return None };
        let (destination, offset) = (dest_url.to_string(), span.start);
        let found = match target(&destination, self.rules.base.as_ref()) {
            Target::Web(url) => Some(url.into_owned()),
            other => {
                findings.extend(complaint(self.source, &other, &destination, offset));
                None
            }
        };
        remove_with_space_before(body, start, end);
        found
    }

    /// Takes such a link out that a text without a heading begins with. Where a sentence goes on after it, it is a part of
    /// that: `[Source](…) of the leak was a valve`.
    fn take_leading_label(&self, body: &mut Vec<Spanned<'a>>) -> Option<String> {
        let start = title_start(body)?;
        let end = end_of(body, start);
        let found = self.web_target(&body[start].0).filter(|_| self.is_label(&body[start..end]))?.into_owned();
        if let Some((Event::Text(text), _)) = body.get(end + 1)
            && text.trim_start().starts_with(char::is_lowercase)
        {
            return None;
        }
        body.drain(start..(end + 1).min(body.len()));
        trim_leading_punctuation(body, start);
        Some(found)
    }

    /// Whether a link only says "read the original".
    pub fn is_label(&self, link: &[Spanned<'_>]) -> bool {
        let length = |event: &Event<'_>| if let Event::Text(text) = event { text.len() } else { 0 };
        if link.iter().map(|(event, _)| length(event)).sum::<usize>() > self.rules.labels.longest() {
            return false;
        }
        let text = into_line(plain(link));
        SIGNS.contains(&text.as_str()) || self.rules.labels.contain(&text)
    }

    /// A link that covers a title; a heading's own is looked at only here, so what is wrong with it is told here. So is one to
    /// another network, which is no fault elsewhere.
    fn web(&self, (destination, offset): &LinkAt<'a>, tell: bool, findings: &mut Vec<Finding>) -> Option<String> {
        match target(destination, self.rules.base.as_ref()) {
            Target::Web(url) => Some(url.into_owned()),
            other => {
                if tell || is_of_another_network(destination) {
                    findings.extend(complaint(self.source, &other, destination, *offset));
                }
                None
            }
        }
    }

    /// The link of a text whose title has none: alone below the title, the only one, or the first that is a story.
    fn best_link(&self, body: &[Spanned<'_>]) -> (Option<String>, LinkWhy) {
        if let Some(start) = link_below_title(body)
            && let Some(url) = self.web_target(&body[start].0)
        {
            return (Some(url.into_owned()), LinkWhy::BelowTitle);
        }
        let with_text = |(start, end): &(usize, usize)| !is_blank(&plain(&body[*start..*end]));
        let urls: Vec<Cow<'_, str>> =
            links(body).filter(with_text).filter_map(|(start, _)| self.web_target(&body[start].0)).collect();
        let (url, why) = match urls.as_slice() {
            [] => (None, LinkWhy::None),
            [only] => (Some(only), LinkWhy::Only),
            several => {
                let story = several.iter().find(|url| !is_home_page(url) && !is_profile(url));
                (story.or(several.first()), LinkWhy::First)
            }
        };
        (url.cloned().map(Cow::into_owned), why)
    }

    /// The title of an item that has no heading: the link or the bold text it begins with. Bold text leaves the body, for the
    /// title says it. What only begins a sentence is no title: a name in bold, the profile of who did it.
    fn take_title(&self, body: &mut Vec<Spanned<'a>>) -> (String, Option<LinkAt<'a>>) {
        let Some(start) = title_start(body) else { return (String::new(), None) };
        let end = end_of(body, start);
        let inner = &body[start..(end + 1).min(body.len())];
        let title = clean_title(plain(inner));
        match &body[start].0 {
            Event::Start(Tag::Link { dest_url, link_type, .. }) => {
                let is_address = *link_type == LinkType::Autolink;
                let goes_on = goes_on(body, end);
                if goes_on
                    && links(&body[end..]).next().is_some()
                    && let Some(url) = self.web_target(&body[start].0)
                    && (is_profile(&url) || is_home_page(&url))
                {
                    return (String::new(), None);
                }
                let link = Some((dest_url.clone(), body[start].1.start));
                let is_no_title = (goes_on && is_a_word(&title))
                    || (is_address && (goes_on || says_more(&body[end..])))
                    || self.is_label(&body[start..end]);
                if is_no_title { (String::new(), link) } else { (title, link) }
            }
            Event::Start(Tag::Strong) if !goes_on(body, end) || title_ends(&plain(inner)) => {
                let link = leading_link(inner);
                let at = body[start].1.start;
                // A sign before a title that is gone leads to nothing.
                let has_sign = matches!(&body[..start], [.., (Event::Text(sign), _)] if is_sign(sign));
                let first = start - usize::from(has_sign);
                body.splice(first..(end + 1).min(body.len()), [text_event("", at)]);
                trim_leading_punctuation(body, first + 1);
                (title, link)
            }
            Event::Start(Tag::Strong) => (String::new(), leading_link(inner)),
            _ => (String::new(), None),
        }
    }
}

/// The text that some events end with, and the bold text before it if only a colon stands between.
fn text_right_before<'e>(events: &'e [Spanned<'_>]) -> Cow<'e, str> {
    match events {
        [.., (Event::Text(bold), _), (Event::End(TagEnd::Strong), _)] => Cow::Borrowed(&**bold),
        [.., (Event::Text(bold), _), (Event::End(TagEnd::Strong), _), (Event::Text(text), _)]
            if matches!(text.trim(), "" | ":" | "：") =>
        {
            Cow::Owned(format!("{bold}{text}"))
        }
        [.., (Event::Text(text), _)] => Cow::Borrowed(&**text),
        _ => Cow::Borrowed(""),
    }
}

/// Where the title of a text without a heading would begin: the first event that says anything.
fn title_start(body: &[Spanned<'_>]) -> Option<usize> {
    body.iter().position(|(event, _)| match event {
        Event::Start(Tag::Paragraph) | Event::TaskListMarker(_) => false,
        Event::Text(text) => text.chars().any(char::is_alphanumeric) && !is_sign(text),
        _ => true,
    })
}

/// Whether a sentence goes on after the element that ends at `end`: a word follows on the same line, no colon and no dash.
fn goes_on(body: &[Spanned<'_>], end: usize) -> bool {
    match body.get(end + 1) {
        Some((Event::Text(text), _)) => {
            let text = text.trim_start();
            text.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '(' | '（' | '’' | '\'' | '“' | '"' | '《'))
                || (text.is_empty() && goes_on(body, end + 1))
        }
        Some((Event::Start(_) | Event::Code(_) | Event::InlineHtml(_), _)) => true,
        _ => false,
    }
}

/// Whether words follow that are no list.
fn says_more(events: &[Spanned<'_>]) -> bool {
    let mut words = events.iter().take_while(|(event, _)| !matches!(event, Event::Start(Tag::List(_))));
    words.any(|(event, _)| matches!(event, Event::Text(text) if text.contains(char::is_alphabetic)))
}

/// Whether a text is so short that it is no title where a sentence goes on: `[Revert](…) what broke the tests`, `[#12](…)`.
fn is_a_word(text: &str) -> bool {
    const CJK_CHARS: usize = 4;
    if text.contains(is_cjk) {
        return text.chars().count() <= CJK_CHARS;
    }
    text.split_whitespace().filter(|word| !word.contains(|c: char| c.is_ascii_digit())).count() <= 1
}

fn title_ends(text: &str) -> bool {
    text.trim_end().ends_with([':', '：', '.', '。', '!', '！', '?', '？'])
}

/// The link that stands alone on the line after the first.
fn link_below_title(body: &[Spanned<'_>]) -> Option<usize> {
    let first = body.iter().position(|(event, _)| matches!(event, Event::SoftBreak | Event::HardBreak))?;
    let start = first + 1;
    let ends_first_paragraph = body[..first].iter().any(|(event, _)| matches!(event, Event::End(TagEnd::Paragraph)));
    let is_link = matches!(body.get(start), Some((Event::Start(Tag::Link { .. }), _)));
    if ends_first_paragraph || !is_link {
        return None;
    }
    let after = body.get(end_of(body, start) + 1).map(|(event, _)| event);
    matches!(after, Some(Event::SoftBreak | Event::HardBreak | Event::End(TagEnd::Paragraph)) | None).then_some(start)
}

fn is_home_page(url: &str) -> bool {
    url.split_once("://").is_some_and(|(_, rest)| rest.find('/').is_none_or(|slash| slash + 1 == rest.len()))
}

/// Whether an address is that of a person or an account.
pub fn is_profile(url: &str) -> bool {
    const NETWORKS: [&str; 13] = [
        "meetup.com",
        "github.com",
        "gitlab.com",
        "twitter.com",
        "x.com",
        "weibo.com",
        "t.me",
        "bsky.app",
        "linkedin.com",
        "instagram.com",
        "facebook.com",
        "reddit.com",
        "keybase.io",
    ];
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.trim_start_matches("www.");
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).take(3).collect();
    match parts.as_slice() {
        [account] => account.starts_with('@') || NETWORKS.contains(&host),
        ["in" | "u" | "user" | "profile", _] => NETWORKS.contains(&host),
        _ => false,
    }
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
fn leading_link<'a>(events: &[Spanned<'a>]) -> Option<LinkAt<'a>> {
    for (event, span) in events {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => return Some((dest_url.clone(), span.start)),
            Event::Text(text) if text.chars().any(char::is_alphabetic) => return None,
            Event::Code(_) => return None,
            _ => {}
        }
    }
    None
}

/// `**Title**: text` goes on after the colon.
fn trim_leading_punctuation(body: &mut [Spanned<'_>], at: usize) {
    if let Some((Event::Text(text), _)) = body.get_mut(at) {
        let rest = text
            .trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '：' | '-' | '–' | '—' | '.' | '|'));
        *text = rest.to_owned().into();
    }
}

/// The characters that a first sentence is looked for in.
const ENOUGH_CHARS: usize = 400;

/// A title made of a text: its first sentence, cut. Addresses that stand in it as they are say nothing, and a mark in the
/// text of a link or in code ends no sentence.
fn sentence_title(body: &[Spanned<'_>]) -> String {
    let mut inside = false;
    let spoken = body.iter().filter(|(event, _)| {
        match event {
            Event::Start(Tag::Link { link_type: LinkType::Autolink, .. }) => inside = true,
            Event::End(TagEnd::Link) if inside => inside = false,
            _ => return !inside,
        }
        false
    });
    let first: Vec<&Spanned<'_>> =
        spoken.take_while(|(event, _)| !matches!(event, Event::Start(Tag::List(_)))).take(ENOUGH_CHARS).collect();
    // What leads on from an address leads from nothing now.
    let follows_address = begins_with_address(body);
    let start_of =
        |text: &str| first_paragraph(if follows_address { text.trim_start_matches(is_separator) } else { text });
    let text = start_of(&plain_of(first.iter().copied(), ENOUGH_CHARS));
    if text.is_empty() {
        return cut(first_sentence(&first_paragraph(&plain_start(body, ENOUGH_CHARS))), TITLE_MAX_CHARS);
    }
    let sentence = first_sentence(&text);
    if sentence.len() == text.len()
        || !first.iter().any(|(event, _)| matches!(event, Event::Code(_) | Event::Start(Tag::Link { .. })))
    {
        return cut(sentence, TITLE_MAX_CHARS);
    }
    let masked = without_inner_marks(&first);
    let masked = start_of(&plain_of(masked.iter(), ENOUGH_CHARS));
    let end = text.char_indices().nth(first_sentence(&masked).chars().count()).map_or(text.len(), |(end, _)| end);
    cut(&text[..end], TITLE_MAX_CHARS)
}

/// What the first picture shows, where there is no other text.
fn picture_title(body: &[Spanned<'_>]) -> String {
    let start = body.iter().position(|(event, _)| matches!(event, Event::Start(Tag::Image { .. })));
    start.map_or_else(String::new, |start| clean_title(plain(&body[start + 1..end_of(body, start)])))
}

/// Whether an address as it stands is what a text begins with.
fn begins_with_address(body: &[Spanned<'_>]) -> bool {
    let start = title_start(body).map(|start| &body[start].0);
    matches!(start, Some(Event::Start(Tag::Link { link_type: LinkType::Autolink, .. })))
}

/// White space and what stands between an address and a text.
fn is_separator(character: char) -> bool {
    character.is_whitespace() || "，,、：:-–—|".contains(character)
}

fn first_paragraph(text: &str) -> String {
    let paragraph = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    // What led to an address leads to nothing now.
    let paragraph = paragraph.trim_end_matches(is_separator);
    clean_title(paragraph.to_owned())
}

/// Events with every mark that could end a sentence within a link or code made one that cannot.
fn without_inner_marks<'a>(events: &[&Spanned<'a>]) -> Vec<Spanned<'a>> {
    let masked = |text: &CowStr<'_>| CowStr::from(text.replace(['.', '!', '?', '。', '！', '？', '।', '؟', '۔'], "_"));
    let mut links = 0_usize;
    let mask = |(event, span): &&Spanned<'a>| {
        match event {
            Event::Start(Tag::Link { .. }) => links += 1,
            Event::End(TagEnd::Link) => links = links.saturating_sub(1),
            _ => {}
        }
        let event = match event {
            Event::Text(text) if links > 0 => Event::Text(masked(text)),
            Event::Code(text) => Event::Code(masked(text)),
            other => other.clone(),
        };
        (event, span.clone())
    };
    events.iter().map(mask).collect()
}

/// A title on one line, without the asterisks of bold that did not work out, numbering, and a colon at its end.
fn clean_title(text: String) -> String {
    let text = if text.contains("**") { text.replace("**", "") } else { text };
    let line = cut_line(into_line(text), MAX_HEADING_CHARS);
    let title = without_numbering(&line).trim_end_matches([':', '：']).trim();
    if title.len() == line.len() { line } else { title.to_owned() }
}

/// The text without a leading `1. `, `2、`, `3）` or `4)`; `3.5 billion` and `2025` are no numbering.
pub fn without_numbering(text: &str) -> &str {
    let kept = numbering(text).map_or(text, |(_, length)| text[length..].trim_start());
    if kept.is_empty() { text } else { kept }
}

/// The mark of a number in a key: `1️⃣`.
pub const KEYCAP: char = '\u{20E3}';

/// The mark after the number that a text begins with, and the bytes up to and with it.
pub fn numbering(text: &str) -> Option<(char, usize)> {
    let trimmed = text.trim_start();
    let before = text.len() - trimmed.len();
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let mut characters = trimmed[digits..].chars();
    let mark = match characters.next()? {
        mark @ ('.' | '、' | '．' | '）' | ')') => mark,
        '\u{FE0F}' | KEYCAP if digits > 0 => {
            return Some((KEYCAP, before + keycaps(trimmed))).filter(|(_, length)| *length > before);
        }
        _ => return None,
    };
    let is_number = (1..=3).contains(&digits) && !characters.as_str().starts_with(|c: char| c.is_ascii_digit());
    is_number.then(|| (mark, before + digits + mark.len_utf8()))
}

/// Takes the number away that a text begins with.
fn take_number(body: &mut [Spanned<'_>]) {
    if let Some((Event::Text(text), span)) = body.get_mut(1)
        && let Some((_, length)) = numbering(text)
    {
        let rest = text[length..].trim_start().to_owned();
        *span = span.end.saturating_sub(rest.len()).max(span.start)..span.end;
        *text = rest.into();
    }
}
