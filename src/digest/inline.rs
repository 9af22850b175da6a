//! What authors write beside Markdown in a line of text: raw `<a>`, `<br>`, `<img>`, and addresses that are no links yet.
//!
//! Made into the events that Markdown itself would give, so that everything later (titles, links, safe HTML) knows one form
//! only. Tags with another meaning stay raw HTML, for the sanitizer.

use std::borrow::Cow;
use std::ops::Range;

use linkify::{LinkFinder, LinkKind};
use pulldown_cmark::{CowStr, Event, LinkType, Tag, TagEnd};

use super::outline::Spanned;

/// About how many events a text has: so much room is made at once.
pub(super) fn likely_events(text: &str) -> usize {
    const BYTES_PER_EVENT: usize = 16;
    text.len() / BYTES_PER_EVENT + 16
}

/// Texts that follow each other in the source as one: the parser gives each sign that could have been Markdown by itself.
pub(super) fn join<'a>(
    events: impl Iterator<Item = Spanned<'a>>,
    text: &'a str,
    text_start: usize,
) -> Vec<Spanned<'a>> {
    let mut joined: Vec<Spanned<'a>> = Vec::with_capacity(likely_events(text));
    events.for_each(|event| push_joined(&mut joined, event, text, text_start));
    joined
}

/// Adds an event; a text that follows another in the source goes on with it.
///
/// Entities and escapes make a text differ from its source; such texts stay apart, for their signs are meant as signs.
pub(super) fn push_joined<'a>(
    joined: &mut Vec<Spanned<'a>>,
    (event, span): Spanned<'a>,
    text: &'a str,
    text_start: usize,
) {
    let source = |start: usize, end: usize| text.get(start - text_start..end - text_start);
    if let (Event::Text(part), Some((Event::Text(before), place))) = (&event, joined.last_mut())
        && place.end == span.start
        && source(span.start, span.end).is_some_and(|source| is_same(source, part))
        && source(place.start, place.end).is_some_and(|source| is_same(source, before))
        && let Some(whole) = source(place.start, span.end)
    {
        *before = whole.into();
        place.end = span.end;
    } else {
        joined.push((event, span));
    }
}

/// Whether two texts are the very same bytes in memory; comparing their contents would be quadratic over a long line.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    std::ptr::eq(one, other)
}

/// The most attributes of a raw tag: the sanitizer compares each with every one before it.
const MAX_ATTRIBUTES: usize = 500;

/// Makes texts of raw tags with more attributes than [`MAX_ATTRIBUTES`], over however many lines they stand; and where the first
/// of them begins.
pub(super) fn without_crowded_tags(mut events: Vec<Spanned<'_>>) -> (Vec<Spanned<'_>>, Option<usize>) {
    let mut crowded: Vec<Range<usize>> = Vec::new();
    let mut open: Option<(usize, Attributes)> = None;
    for (at, (event, _)) in events.iter().enumerate() {
        let (Event::Html(html) | Event::InlineHtml(html)) = event else { continue };
        let bytes = html.as_bytes();
        for (position, byte) in bytes.iter().enumerate() {
            let begins = || *byte == b'<' && bytes.get(position + 1).is_some_and(u8::is_ascii_alphabetic);
            let Some((begin, attributes)) = &mut open else {
                open = begins().then(|| (at, Attributes::default()));
                continue;
            };
            if attributes.ends_with(*byte) {
                crowded.extend((attributes.number > MAX_ATTRIBUTES).then_some(*begin..at + 1));
                open = None;
            }
        }
    }
    let unclosed = open.filter(|(_, attributes)| attributes.number > MAX_ATTRIBUTES);
    crowded.extend(unclosed.map(|(begin, _)| begin..events.len()));
    let first = crowded.first().map(|crowded| events[crowded.start].1.start);
    for at in crowded.into_iter().flatten() {
        let event = &mut events[at].0;
        if let Event::Html(html) | Event::InlineHtml(html) = event {
            *event = Event::Text(std::mem::replace(html, "".into()));
        }
    }
    (events, first)
}

/// Counts the attributes of a raw tag as HTML does: a quotation mark quotes only behind `=`.
#[derive(Default)]
struct Attributes {
    /// How many began; of `a = b` each part counts.
    number: usize,
    in_word: bool,
    quote: Option<u8>,
    /// The last byte that is no white space.
    last: u8,
}

impl Attributes {
    /// Takes in the next byte; whether it ends the tag.
    fn ends_with(&mut self, byte: u8) -> bool {
        match (self.quote, byte) {
            (Some(quote), _) if quote != byte => return false,
            (Some(_), _) => (self.quote, self.in_word) = (None, false),
            (None, b'>') => return true,
            (None, b'"' | b'\'') if self.last == b'=' => self.quote = Some(byte),
            (None, b'/') => self.in_word = false,
            (None, byte) if byte.is_ascii_whitespace() => {
                self.in_word = false;
                return false;
            }
            (None, _) => {
                self.number += usize::from(!self.in_word);
                self.in_word = true;
            }
        }
        self.last = byte;
        false
    }
}

/// What a raw tag means in Markdown.
enum Meaning {
    Link(String),
    Strong,
    Emphasis,
    Break,
    Image { destination: String, alt: String },
    Nothing,
    End(&'static str),
}

/// The names of tags that are only there for looks: their text stays, they go.
const LOOKS: [&str; 5] = ["span", "font", "center", "small", "big"];

/// Makes Markdown of raw tags that have one meaning there: links, line breaks, images, strong, emphasis.
pub(super) fn without_raw_tags(events: Vec<Spanned<'_>>) -> Vec<Spanned<'_>> {
    if !events.iter().any(|(event, _)| matches!(event, Event::InlineHtml(_))) {
        return events;
    }
    let mut replaced: Vec<(usize, Option<Vec<Event<'_>>>)> = Vec::new();
    // Per container of Markdown the raw elements that are open in it: position, name, and what it would begin and end.
    let mut open: Vec<Vec<(usize, &'static str, Event<'_>, TagEnd)>> = vec![Vec::new()];
    let mut in_link = 0_usize;
    for (at, (event, _)) in events.iter().enumerate() {
        match event {
            Event::Start(tag) => {
                // A link in a link is none; and where a block begins, what was open in an entry ends.
                let is_inline = matches!(tag, Tag::Strong | Tag::Emphasis | Tag::Strikethrough | Tag::Image { .. });
                if !is_inline && let Some(elements) = open.last_mut() {
                    elements.clear();
                }
                in_link += usize::from(matches!(tag, Tag::Link { .. }));
                open.push(Vec::new());
            }
            Event::End(tag) => {
                in_link -= usize::from(matches!(tag, TagEnd::Link) && in_link > 0);
                open.pop();
            }
            Event::InlineHtml(html) => {
                let Some(meaning) = meaning(html) else { continue };
                let Some(elements) = open.last_mut() else { continue };
                match meaning {
                    Meaning::Link(_) if in_link > 0 => {}
                    Meaning::Link(destination) => {
                        let dest_url = destination.into();
                        let (title, id) = ("".into(), "".into());
                        let start = Tag::Link { link_type: LinkType::Inline, dest_url, title, id };
                        elements.push((at, "a", Event::Start(start), TagEnd::Link));
                    }
                    Meaning::Strong => elements.push((at, "b", Event::Start(Tag::Strong), TagEnd::Strong)),
                    Meaning::Emphasis => elements.push((at, "i", Event::Start(Tag::Emphasis), TagEnd::Emphasis)),
                    Meaning::Break => replaced.push((at, Some(vec![Event::HardBreak]))),
                    Meaning::Image { destination, alt } => {
                        let (title, id) = ("".into(), "".into());
                        let start = Tag::Image { link_type: LinkType::Inline, dest_url: destination.into(), title, id };
                        let image = [Event::Start(start), Event::Text(alt.into()), Event::End(TagEnd::Image)];
                        replaced.push((at, Some(image.into())));
                    }
                    Meaning::Nothing => replaced.push((at, None)),
                    Meaning::End(name) => {
                        if elements.last().is_some_and(|(_, opened, _, _)| *opened == name)
                            && let Some((from, _, start, end)) = elements.pop()
                        {
                            replaced.push((from, Some(vec![start])));
                            replaced.push((at, Some(vec![Event::End(end)])));
                        }
                    }
                }
            }
            _ => {}
        }
    }
    if replaced.is_empty() {
        return events;
    }
    replaced.sort_by_key(|(at, _)| *at);
    let mut result = Vec::with_capacity(events.len() + 2 * replaced.len());
    let mut replaced = replaced.into_iter().peekable();
    for (at, (event, span)) in events.into_iter().enumerate() {
        match replaced.next_if(|(replaced, _)| *replaced == at) {
            Some((_, Some(with))) => result.extend(with.into_iter().map(|event| (event, span.clone()))),
            Some((_, None)) => result.push((Event::Text("".into()), span)),
            None => result.push((event, span)),
        }
    }
    result
}

fn meaning(html: &str) -> Option<Meaning> {
    if html.starts_with("<!--") {
        return Some(Meaning::Nothing);
    }
    let inner = html.strip_prefix('<')?.strip_suffix('>')?;
    let (inner, ends) = inner.strip_prefix('/').map_or((inner, false), |inner| (inner, true));
    let name_end = inner.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(inner.len());
    let name = inner[..name_end].to_ascii_lowercase();
    let attributes = &inner[name_end..];
    Some(match name.as_str() {
        "a" | "link" if ends => Meaning::End("a"),
        "b" | "strong" if ends => Meaning::End("b"),
        "i" | "em" if ends => Meaning::End("i"),
        // Docusaurus and its like write `<Link href>` in MDX.
        "a" | "link" => Meaning::Link(attribute(attributes, "href")?),
        "b" | "strong" => Meaning::Strong,
        "i" | "em" => Meaning::Emphasis,
        "br" => Meaning::Break,
        "img" if !ends => Meaning::Image {
            destination: attribute(attributes, "src")?,
            alt: attribute(attributes, "alt").unwrap_or_default(),
        },
        name if LOOKS.contains(&name) => Meaning::Nothing,
        _ => return None,
    })
}

/// The value of an attribute, with its entities read; `None` when it is missing or not quoted.
pub(super) fn attribute(attributes: &str, name: &str) -> Option<String> {
    let mut rest = attributes;
    while let Some(equals) = rest.find('=') {
        let key = rest[..equals].trim_end();
        let key = key.rsplit(|c: char| c.is_whitespace() || c == '/').next().unwrap_or(key);
        let value = rest[equals + 1..].trim_start();
        let quote = value.chars().next()?;
        let (value, after) = if matches!(quote, '"' | '\'') {
            value[1..].split_once(quote)?
        } else {
            value.split_at(value.find(char::is_whitespace).unwrap_or(value.len()))
        };
        if key.eq_ignore_ascii_case(name) {
            return Some(decoded(value.trim()).into_owned());
        }
        rest = after;
    }
    None
}

/// The five entities that attributes are written with; others are left as they are.
fn decoded(value: &str) -> Cow<'_, str> {
    if !value.contains('&') {
        return Cow::Borrowed(value);
    }
    let entities = [("&quot;", "\""), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    let value = entities.into_iter().fold(value.to_owned(), |value, (entity, sign)| value.replace(entity, sign));
    Cow::Owned(value)
}

/// Makes links of the http and https addresses that stand in a text as they are.
///
/// An address ends before white space, before punctuation that belongs to the sentence, and before the first character that is
/// not ASCII: in `https://example.org/a，` the comma is the sentence's.
pub(super) fn with_addresses<'a>(events: Vec<Spanned<'a>>) -> Vec<Spanned<'a>> {
    // Most texts have not even the colon.
    let has_address = |text: &str| memchr::memchr(b':', text.as_bytes()).is_some_and(|at| text[at..].contains("://"));
    if !events.iter().any(|(event, _)| matches!(event, Event::Text(text) if has_address(text))) {
        return events;
    }
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]).url_must_have_scheme(true).url_can_be_iri(false);
    let mut linked = Vec::with_capacity(events.len() + 8);
    let mut inside = 0_usize;
    for (event, span) in events {
        match &event {
            Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::CodeBlock(_)) => inside += 1,
            Event::End(TagEnd::Link | TagEnd::Image | TagEnd::CodeBlock) => inside = inside.saturating_sub(1),
            Event::Text(text) if inside == 0 && has_address(text) => {
                push_linked(&mut linked, &finder, text, &span);
                continue;
            }
            _ => {}
        }
        linked.push((event, span));
    }
    linked
}

fn push_linked<'a>(linked: &mut Vec<Spanned<'a>>, finder: &LinkFinder, text: &CowStr<'a>, span: &Range<usize>) {
    // A text with entities is shorter than its source; then places are those of the whole text.
    let exact = span.len() == text.len();
    let place = |start: usize, end: usize| if exact { span.start + start..span.start + end } else { span.clone() };
    let mut done = 0;
    for link in finder.links(text).filter(|link| is_web(link.as_str())) {
        if link.start() > done {
            linked.push((Event::Text(part(text, done, link.start())), place(done, link.start())));
        }
        let (dest_url, place) = (part(text, link.start(), link.end()), place(link.start(), link.end()));
        let (title, id) = ("".into(), "".into());
        let start = Tag::Link { link_type: LinkType::Autolink, dest_url: dest_url.clone(), title, id };
        linked.push((Event::Start(start), place.clone()));
        linked.push((Event::Text(dest_url), place.clone()));
        linked.push((Event::End(TagEnd::Link), place));
        done = link.end();
    }
    if done < text.len() {
        linked.push((Event::Text(part(text, done, text.len())), place(done, text.len())));
    }
}

fn is_web(address: &str) -> bool {
    let scheme = address.split("://").next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

/// A part of a text, borrowed where the text is.
fn part<'a>(text: &CowStr<'a>, start: usize, end: usize) -> CowStr<'a> {
    match text {
        CowStr::Borrowed(text) => CowStr::Borrowed(&text[start..end]),
        text => text[start..end].to_owned().into(),
    }
}
