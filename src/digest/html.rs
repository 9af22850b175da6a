//! Item HTML: absolute links, nothing that a reader must not get.
//!
//! Markdown is rendered from events whose links were checked one by one; only where an author wrote raw HTML does the
//! sanitizer read the result again.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use ammonia::UrlRelative;
use pulldown_cmark::{CowStr, Event, LinkType, Tag, TagEnd, html::push_html};
use pulldown_cmark_escape::{escape_href, escape_html};
use url::Url;

use super::outline::{Outline, Spanned, UNDEFINED, plain};
use super::source::Source;
use super::stripped::Stripped;
use super::text::{into_line, is_cjk, line_of, xml_safe};
use crate::finding::{Code, Finding};

/// Raw HTML nested deeper than this is shown as text: the sanitizer is quadratic in depth (19 s for 50 KB, measured).
const MAX_RAW_NESTING: usize = 64;

/// Bytes of a body times its nesting; an item of 100 KB may nest 40 deep.
const MAX_RAW_WORK: usize = 4_000_000;

/// The same for all bodies of a file: under a second.
const MAX_FILE_RAW_WORK: usize = 6_000_000;

/// The footnotes shown with all items of a file have at most so many times its bytes.
const FOOTNOTE_REPEATS: usize = 4;

/// What a link target turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target<'d> {
    /// An absolute http or https URL, borrowed when it is written as the URL standard writes it.
    Web(Cow<'d, str>),
    /// `mailto:`: fine in a text, not what an item leads to.
    Mail(String),
    /// `#…`: a place in the same file.
    Fragment,
    /// Relative, and there is no base.
    Relative,
    /// No URL, or of a scheme that readers do not follow.
    Unusable,
}

impl Target<'_> {
    /// Whether a link in a text can lead there.
    fn is_usable(&self) -> bool {
        matches!(self, Target::Web(_) | Target::Mail(_))
    }
}

/// Resolves a link target as WHATWG URL does; only http, https and mailto pass.
pub fn target<'d>(destination: &'d str, base: Option<&Url>) -> Target<'d> {
    let destination = destination.trim();
    if is_canonical(destination) {
        return Target::Web(Cow::Borrowed(destination));
    }
    if destination.starts_with('#') {
        return Target::Fragment;
    }
    // What a generator would have filled in stays unknown whatever the base is.
    let is_template = destination.starts_with("@/") || destination.starts_with("{{");
    if destination.is_empty() || is_template || lacks_scheme(destination) {
        return Target::Unusable;
    }
    let parsed = match Url::parse(destination) {
        Err(url::ParseError::RelativeUrlWithoutBase) => match base {
            Some(base) => base.join(destination),
            None if destination.starts_with("//") => Url::parse(&format!("https:{destination}")),
            None => return Target::Relative,
        },
        parsed => parsed,
    };
    match parsed {
        Ok(url) if matches!(url.host_str(), Some("http" | "https")) => Target::Unusable,
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            Target::Web(String::from(strict(url)).into())
        }
        Ok(url) if url.scheme() == "mailto" => Target::Mail(url.into()),
        _ => Target::Unusable,
    }
}

/// Whether an address is that of a site without `https://`: `example.com/a` is no file.
fn lacks_scheme(destination: &str) -> bool {
    const DOMAINS: [&str; 8] = ["com", "org", "net", "io", "dev", "app", "edu", "gov"];
    let host = destination.split(['/', '?', '#']).next().unwrap_or_default();
    let is_name = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    host.rsplit_once('.').is_some_and(|(name, domain)| DOMAINS.contains(&domain) && name.split('.').all(is_name))
}

/// Whether an address is written as the URL standard and RFC 3986 write it, so that parsing would give it back: most are.
fn is_canonical(address: &str) -> bool {
    let Some(rest) = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://")) else { return false };
    let rest = rest.as_bytes();
    let (mut labels, mut start, mut is_word) = (0, 0, true);
    for (at, byte) in rest.iter().enumerate() {
        match byte {
            b'a'..=b'z' => {}
            b'0'..=b'9' | b'-' => is_word = false,
            b'.' | b'/' => {
                let label = &rest[start..at];
                let ends = label.starts_with(b"-") || label.ends_with(b"-") || label.starts_with(b"xn--");
                if ends || label.is_empty() {
                    return false;
                }
                labels += 1;
                if *byte == b'/' {
                    // The last label of a name is a word; a number would be an IPv4 address.
                    return labels > 1 && is_word && is_canonical_path(&rest[at..]);
                }
                (start, is_word) = (at + 1, true);
            }
            _ => return false,
        }
    }
    false
}

/// Path, query and fragment, without segments that parsing would resolve.
fn is_canonical_path(path: &[u8]) -> bool {
    let mut fragments = 0;
    path.iter().enumerate().all(|(at, byte)| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' => true,
        b'.' => path[at - 1] != b'/',
        b'%' => match path.get(at + 1..at + 3) {
            Some(b"2e" | b"2E") | None => false,
            Some(hex) => hex.iter().all(u8::is_ascii_hexdigit),
        },
        b'#' => {
            fragments += 1;
            fragments < 2
        }
        byte => b"~!$&()*+,;=:@?".contains(byte),
    })
}

/// The URL with what RFC 3986 (section 2) forbids percent-encoded: browsers take `|`, `^`, `[` and the like, validators do not.
fn strict(mut url: Url) -> Url {
    const FORBIDDEN: [char; 8] = ['|', '^', '[', ']', '{', '}', '`', '\\'];
    let encoded = |part: &str| -> Option<String> {
        part.contains(FORBIDDEN).then(|| {
            let encode =
                |c: char| if FORBIDDEN.contains(&c) { format!("%{:02X}", u32::from(c)) } else { c.to_string() };
            part.chars().map(encode).collect()
        })
    };
    if let Some(path) = encoded(url.path()) {
        url.set_path(&path);
    }
    if let Some(query) = url.query().and_then(encoded) {
        url.set_query(Some(&query));
    }
    if let Some(fragment) = url.fragment().and_then(encoded) {
        url.set_fragment(Some(&fragment));
    }
    url
}

/// Renders the bodies of one digest.
pub struct Renderer<'a> {
    source: &'a Source,
    base: Option<&'a Url>,
    footnotes: HashMap<String, (usize, Vec<Spanned<'a>>)>,
    /// How many bytes of footnotes may still be shown: every item repeats those it refers to, and notes may refer to notes.
    footnote_bytes: Cell<usize>,
    /// How much more the sanitizer may do for this file.
    raw_work: Cell<usize>,
    sanitizer: OnceCell<ammonia::Builder<'static>>,
    /// What readers miss of the raw HTML.
    stripped: Stripped,
    /// The room that the events of the last body took.
    room: Cell<Vec<Event<'a>>>,
}

impl<'a> Renderer<'a> {
    /// A renderer that knows the file's footnotes; relative links are resolved against `base`.
    pub fn new(source: &'a Source, outline: &Outline<'a>, base: Option<&'a Url>) -> Renderer<'a> {
        let definitions = outline.blocks.iter().map(|block| &outline.events[block.events.clone()]);
        let footnotes = definitions.filter_map(|events| match events {
            [(Event::Start(Tag::FootnoteDefinition(name)), span), body @ .., _] => {
                Some((name.to_string(), (span.len(), body.to_vec())))
            }
            _ => None,
        });
        let footnote_bytes = Cell::new(source.text.len().saturating_mul(FOOTNOTE_REPEATS));
        Renderer {
            source,
            base,
            footnotes: footnotes.collect(),
            footnote_bytes,
            raw_work: Cell::new(MAX_FILE_RAW_WORK),
            sanitizer: OnceCell::new(),
            stripped: Stripped::default(),
            room: Cell::default(),
        }
    }

    /// The HTML of some events. Links and images that lead nowhere leave their text, with a finding.
    pub fn render(&self, events: Vec<Spanned<'a>>, findings: &mut Vec<Finding>) -> String {
        let mut body = Body {
            renderer: self,
            findings,
            events: self.room.take(),
            raw: None,
            notes: Vec::new(),
            numbers: HashMap::new(),
        };
        body.walk(balanced(events));
        body.append_notes();
        let Body { mut events, raw, findings, .. } = body;
        let bytes: usize = events.iter().map(|event| if let Event::Text(text) = event { text.len() } else { 16 }).sum();
        let too_deep = raw.filter(|_| !self.may_sanitize(&events));
        let mut html = String::with_capacity(bytes + bytes / 2);
        if let Some(begin) = too_deep {
            let message = "the raw HTML from here on is nested too deep, and its tags are shown as text";
            let remedy = "write it in Markdown, or nest it less deeply";
            findings.push(self.source.finding(begin, Code::HtmlStripped, message, remedy));
            push_html(&mut html, events.drain(..).map(raw_as_text));
        } else {
            push_html(&mut html, events.drain(..));
        }
        self.room.set(events);
        if raw.is_some() && too_deep.is_none() {
            html = self.sanitize(&html);
        }
        html.truncate(html.trim_end().len());
        xml_safe(if html.starts_with(char::is_whitespace) { html.trim_start().to_owned() } else { html })
    }

    /// Looks for raw HTML in what is shown in a title, and rendered nowhere.
    pub fn look(&self, event: &Spanned<'_>) {
        self.stripped.look(event, self.source);
    }

    /// What was stripped of everything that was rendered, each kind once.
    pub fn into_findings(self) -> Vec<Finding> {
        self.stripped.findings(self.source)
    }

    /// Whether the sanitizer may read some events: each body and each file has only so much of its work.
    fn may_sanitize(&self, events: &[Event<'_>]) -> bool {
        let work = raw_work(events).filter(|work| *work <= MAX_RAW_WORK);
        let left = work.and_then(|work| self.raw_work.get().checked_sub(work));
        left.is_some_and(|left| {
            self.raw_work.set(left);
            true
        })
    }

    fn sanitize(&self, html: &str) -> String {
        self.sanitizer.get_or_init(|| sanitizer(self.base)).clean(html).to_string()
    }

    /// The URL of a link in a text; what is wrong with it is a finding.
    fn resolve(&self, destination: CowStr<'a>, offset: usize, findings: &mut Vec<Finding>) -> Option<CowStr<'a>> {
        let written_otherwise = match target(&destination, self.base) {
            Target::Web(url) if url == *destination => None,
            Target::Web(url) => Some(url.into_owned()),
            Target::Mail(url) => Some(url),
            Target::Fragment => return None,
            other => {
                if !is_of_another_network(&destination) {
                    findings.extend(complaint(self.source, &other, &destination, offset));
                }
                return None;
            }
        };
        Some(written_otherwise.map_or(destination, CowStr::from))
    }
}

/// Whether an address is meant for another program than a browser: in the middle of a text there is nothing to mend.
pub fn is_of_another_network(destination: &str) -> bool {
    const SCHEMES: [&str; 16] = [
        "irc",
        "ircs",
        "magnet",
        "mumble",
        "xmpp",
        "matrix",
        "tel",
        "sms",
        "sip",
        "ftp",
        "nntp",
        "gopher",
        "gemini",
        "webcal",
        "bitcoin",
        "lightning",
    ];
    destination.split_once(':').is_some_and(|(scheme, _)| SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()))
}

/// The finding for a target that leads nowhere.
pub fn complaint(source: &Source, target: &Target<'_>, destination: &str, offset: usize) -> Option<Finding> {
    let destination = line_of(destination);
    if let Some(reference) = destination.strip_prefix(UNDEFINED) {
        let message = format!("the link reference `[{reference}]` is defined nowhere in this file");
        let remedy = format!("add a line `[{reference}]: https://…`, or write the address in place");
        return Some(source.finding(offset, Code::LinkUndefined, message, remedy));
    }
    if destination.contains("{{") || destination.contains("%7B%7B") {
        let message = format!("the address `{destination}` has a placeholder that nobody fills in here");
        return Some(source.finding(offset, Code::LinkUnusable, message, "write the whole address"));
    }
    let (code, message, remedy) = match target {
        Target::Web(_) => return None,
        _ if lacks_scheme(&destination) => (
            Code::LinkUnusable,
            format!("the link `{destination}` has no https:// before it, so it leads nowhere"),
            "write https:// before it",
        ),
        Target::Mail(_) | Target::Unusable if destination.is_empty() => {
            (Code::LinkUnusable, "a link has no address".to_owned(), "write an address that begins with https://")
        }
        Target::Relative | Target::Fragment => (
            Code::LinkRelative,
            format!("the link `{destination}` works on your own site only"),
            "write the whole address, or set links.base in the configuration",
        ),
        Target::Mail(_) | Target::Unusable => (
            Code::LinkUnusable,
            format!("the link `{destination}` cannot be followed from a feed reader"),
            "write an address that begins with https://",
        ),
    };
    Some(source.finding(offset, code, message, remedy))
}

struct Body<'r, 'a> {
    renderer: &'r Renderer<'a>,
    findings: &'r mut Vec<Finding>,
    events: Vec<Event<'a>>,
    /// Where raw HTML begins, if there is any.
    raw: Option<usize>,
    /// The footnotes in the order of their first mention, and the number of each.
    notes: Vec<String>,
    numbers: HashMap<String, usize>,
}

impl<'a> Body<'_, 'a> {
    fn walk(&mut self, events: Vec<Spanned<'a>>) {
        let mut open_links = Vec::new();
        let mut events = events.into_iter();
        while let Some(spanned) = events.next() {
            self.renderer.look(&spanned);
            let (event, span) = spanned;
            match event {
                Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                    let is_mail = link_type == LinkType::Email;
                    let destination = if is_mail { format!("mailto:{dest_url}").into() } else { dest_url };
                    let url = self.renderer.resolve(destination, span.start, self.findings);
                    open_links.push(url.is_some());
                    if let Some(dest_url) = url {
                        // The renderer would put a second `mailto:` before the address of a mail autolink.
                        let link_type = if is_mail { LinkType::Autolink } else { link_type };
                        self.events.push(Event::Start(Tag::Link { link_type, dest_url, title, id }));
                    }
                }
                Event::End(TagEnd::Link) => {
                    if open_links.pop().unwrap_or(false) {
                        self.events.push(event);
                    }
                }
                Event::Start(Tag::Image { dest_url, .. }) => {
                    let mut depth = 1_usize;
                    let is_inside = |(event, _): &Spanned<'_>| {
                        match event {
                            Event::Start(_) => depth += 1,
                            Event::End(_) => depth -= 1,
                            _ => {}
                        }
                        depth > 0
                    };
                    let alt: Vec<Spanned<'a>> = events.by_ref().take_while(is_inside).collect();
                    self.image(dest_url, &alt, span.start);
                }
                Event::Start(Tag::Heading { level, .. }) => {
                    let (id, classes, attrs) = (None, Vec::new(), Vec::new());
                    self.events.push(Event::Start(Tag::Heading { level, id, classes, attrs }));
                }
                Event::FootnoteReference(name) => self.note(&name),
                // One within a list or quote is no note of the file. Its words stay where they stand, without an id that its author
                // could choose to be that of something else on the page.
                Event::Start(Tag::FootnoteDefinition(_)) | Event::End(TagEnd::FootnoteDefinition) => {}
                // A box that no reader can tick; as a sign it is the same everywhere.
                Event::TaskListMarker(done) => self.events.push(Event::Text(if done { "☑ " } else { "☐ " }.into())),
                Event::SoftBreak if self.between_cjk(events.as_slice()) => {}
                Event::Html(ref html) | Event::InlineHtml(ref html) => {
                    self.raw_html(html, span.start);
                    self.events.push(event);
                }
                _ => self.events.push(event),
            }
        }
    }

    fn image(&mut self, destination: CowStr<'a>, alt: &[Spanned<'a>], offset: usize) {
        let alt = into_line(plain(alt));
        match self.renderer.resolve(destination, offset, self.findings) {
            Some(url) => self.events.push(Event::InlineHtml(image_tag(&url, &alt).into())),
            None => self.events.push(Event::Text(alt.into())),
        }
    }

    fn note(&mut self, name: &CowStr<'a>) {
        let Some((bytes, _)) = self.renderer.footnotes.get(&**name) else { return };
        let number = match self.numbers.get(&**name) {
            Some(number) => *number,
            None => {
                let Some(left) = self.renderer.footnote_bytes.get().checked_sub(*bytes) else { return };
                self.renderer.footnote_bytes.set(left);
                self.notes.push(name.to_string());
                self.numbers.insert(name.to_string(), self.notes.len());
                self.notes.len()
            }
        };
        self.events.push(Event::InlineHtml(format!("<sup>{number}</sup>").into()));
    }

    /// The footnotes that were referred to, as a numbered list. A note that refers to others adds them behind.
    fn append_notes(&mut self) {
        let mut number = 0;
        while let Some(name) = self.notes.get(number).cloned() {
            if number == 0 {
                self.events.push(Event::Start(Tag::List(Some(1))));
            }
            self.events.push(Event::Start(Tag::Item));
            let (_, definition) = self.renderer.footnotes.get(&name).cloned().unwrap_or_default();
            self.walk(definition);
            self.events.push(Event::End(TagEnd::Item));
            number += 1;
        }
        if number > 0 {
            self.events.push(Event::End(TagEnd::List(true)));
        }
    }

    fn raw_html(&mut self, html: &str, offset: usize) {
        self.raw.get_or_insert(offset);
        let source = self.renderer.source;
        for destination in addresses(html) {
            let target = target(destination, self.renderer.base);
            if target != Target::Fragment {
                self.findings.extend(complaint(source, &target, destination, offset).filter(|_| !target.is_usable()));
            }
        }
    }

    /// Whether a line ends and the next begins with a character that has no space beside it.
    fn between_cjk(&self, next: &[Spanned<'_>]) -> bool {
        let before = self.events.iter().rev().find_map(visible).and_then(|text| text.chars().next_back());
        before.is_some_and(is_cjk)
            && next
                .iter()
                .map(|(event, _)| event)
                .find_map(visible)
                .and_then(|text| text.chars().next())
                .is_some_and(is_cjk)
    }
}

/// What an event shows in its line; `None` when that depends on what stands beside it.
fn visible<'e>(event: &'e Event<'_>) -> Option<&'e str> {
    match event {
        Event::Text(text) | Event::Code(text) => Some(&**text).filter(|text| !text.is_empty()),
        Event::Start(Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Link { .. }) => None,
        Event::End(TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link) => None,
        _ => Some(""),
    }
}

/// The position of the event that ends the element begun at `start`; an event that begins nothing ends itself.
pub fn end_of(events: &[Spanned<'_>], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, (event, _)) in events.iter().enumerate().skip(start) {
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    events.len()
}

/// Events of which every beginning has its end and every end its beginning: where a text is divided into items within an emphasis,
/// each has half of it.
fn balanced(events: Vec<Spanned<'_>>) -> Vec<Spanned<'_>> {
    let mut open: Vec<TagEnd> = Vec::new();
    let is_whole = events.iter().all(|(event, _)| match event {
        Event::Start(tag) => {
            open.push(tag.to_end());
            true
        }
        Event::End(end) => open.pop().is_some_and(|expected| expected == *end),
        _ => true,
    });
    if is_whole && open.is_empty() {
        return events;
    }
    open.clear();
    let mut whole = Vec::with_capacity(events.len());
    let end_of_all = events.last().map_or(0..0, |(_, span)| span.end..span.end);
    for (event, span) in events {
        match &event {
            Event::Start(tag) => open.push(tag.to_end()),
            Event::End(end) => {
                let Some(at) = open.iter().rposition(|expected| expected == end) else { continue };
                let inner = open.drain(at + 1..).rev();
                whole.extend(inner.map(|end| (Event::End(end), span.clone())));
                open.pop();
            }
            _ => {}
        }
        whole.push((event, span));
    }
    whole.extend(open.into_iter().rev().map(|end| (Event::End(end), end_of_all.clone())));
    whole
}

/// An image that tells its own host nothing about the reader's page.
fn image_tag(url: &str, alt: &str) -> String {
    let mut tag = String::from("<img src=\"");
    // Writing to a string cannot fail.
    let _ = escape_href(&mut tag, url);
    tag.push_str("\" alt=\"");
    let _ = escape_html(&mut tag, alt);
    tag.push_str("\" loading=\"lazy\" referrerpolicy=\"no-referrer\">");
    tag
}

/// The quoted addresses in raw HTML, as far as a finding needs them; the sanitizer reads the HTML properly.
fn addresses(html: &str) -> impl Iterator<Item = &str> {
    let names = [" href=", " src=", " poster="];
    let starts = names.into_iter().flat_map(move |name| html.match_indices(name).map(|(at, name)| at + name.len()));
    starts.filter_map(move |start| {
        let quote = html[start..].chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let rest = &html[start + 1..];
        rest.find(quote).map(|end| &rest[..end])
    })
}

fn raw_as_text(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Html(html) | Event::InlineHtml(html) => Event::Text(html),
        other => other,
    }
}

/// What the sanitizer would have to do, if it is not too deep: bytes times nesting, for an open `<b>` is opened again in every
/// paragraph.
fn raw_work(events: &[Event<'_>]) -> Option<usize> {
    let texts = events.iter().map(|event| match event {
        Event::Text(text) | Event::Code(text) | Event::Html(text) | Event::InlineHtml(text) => text.len(),
        _ => 1,
    });
    let nesting = raw_nesting(events);
    (nesting <= MAX_RAW_NESTING).then(|| texts.sum::<usize>().saturating_mul(nesting))
}

/// The deepest nesting that the raw tags could have: an end tag closes one of its own name and nothing else.
fn raw_nesting(events: &[Event<'_>]) -> usize {
    const VOID: [&str; 9] = ["br", "img", "hr", "input", "source", "wbr", "meta", "link", "col"];
    let mut open: HashMap<String, usize> = HashMap::new();
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    for event in events {
        let (Event::Html(html) | Event::InlineHtml(html)) = event else { continue };
        for (at, _) in html.match_indices('<') {
            let rest = &html[at + 1..];
            let (closes, rest) = rest.strip_prefix('/').map_or((false, rest), |rest| (true, rest));
            let name: String =
                rest.chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
            if name.is_empty() || VOID.contains(&name.as_str()) {
                continue;
            }
            let count = open.entry(name).or_default();
            if !closes {
                *count += 1;
                depth += 1;
                deepest = deepest.max(depth);
            } else if *count > 0 {
                *count -= 1;
                depth -= 1;
            }
        }
    }
    deepest
}

/// A short text of the publisher's own in Markdown, as clean HTML: paragraphs with links and emphasis.
pub fn note(markdown: &str) -> String {
    let mut html = String::new();
    push_html(&mut html, pulldown_cmark::Parser::new(markdown));
    let mut builder = ammonia::Builder::empty();
    builder
        .tags(HashSet::from(["p", "a", "em", "strong", "br", "span"]))
        .tag_attributes(HashMap::from([("a", HashSet::from(["href", "rel"]))]))
        .generic_attributes(HashSet::from(["lang", "dir"]))
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .link_rel(None)
        .url_relative(UrlRelative::PassThrough);
    builder.clean(&html).to_string()
}

/// What the W3C validator accepts without a warning: no scripts, frames, forms, no style but `text-align`.
pub(super) fn sanitizer(base: Option<&Url>) -> ammonia::Builder<'static> {
    let mut builder = ammonia::Builder::default();
    builder
        .add_tags(["video", "audio", "source", "picture"])
        .add_tag_attributes("img", ["loading", "referrerpolicy"])
        .add_tag_attributes("video", ["src", "controls", "width", "height", "preload"])
        .add_tag_attributes("audio", ["src", "controls", "preload"])
        .add_tag_attributes("source", ["src", "type"])
        .add_tag_attributes("details", ["open"])
        .add_tag_attributes("code", ["class"])
        .set_tag_attribute_value("img", "referrerpolicy", "no-referrer")
        .add_generic_attributes(["style", "dir"])
        .attribute_filter(|_, name, value| if name == "style" { alignment(value) } else { Some(value.into()) })
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .link_rel(None)
        .url_relative(base.map_or(UrlRelative::Deny, |base| UrlRelative::RewriteWithBase(base.clone())));
    builder
}

/// The one declaration of a style attribute that every reader and the validator take.
pub(super) fn alignment(style: &str) -> Option<Cow<'_, str>> {
    let mut declarations = style.split(';').filter_map(|declaration| declaration.split_once(':'));
    let value = declarations.find(|(name, _)| name.trim().eq_ignore_ascii_case("text-align"))?.1.trim();
    let known = ["left", "right", "center", "justify", "start", "end"].contains(&value);
    known.then(|| format!("text-align:{value}").into())
}

/// Escapes a text for HTML.
pub fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    // Writing to a string cannot fail.
    let _ = escape_html(&mut html, text);
    html
}

/// A paragraph that is one link.
pub fn link_paragraph(url: &str, text: &str) -> String {
    let mut html = String::from("<p><a href=\"");
    let _ = escape_href(&mut html, url);
    let _ = write!(html, "\">{}</a></p>", escaped(text));
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render_with(markdown: &str, base: Option<&str>) -> (String, Vec<Finding>) {
        let (source, mut findings) = Source::prepare("a.md", markdown.as_bytes());
        let outline = Outline::parse(&source.text, 0, 32);
        let base = base.map(|base| Url::parse(base).unwrap());
        let renderer = Renderer::new(&source, &outline, base.as_ref());
        let end = outline.blocks.iter().find(|b| b.kind == super::super::outline::Kind::Footnote);
        let end = end.map_or(outline.events.len(), |block| block.events.start);
        let html = renderer.render(outline.events[..end].to_vec(), &mut findings);
        (html, findings)
    }

    fn render(markdown: &str) -> String {
        render_with(markdown, None).0
    }

    #[test]
    fn links_that_a_reader_cannot_follow_leave_their_text() {
        for link in ["javascript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "ht tp://x"] {
            assert_eq!(render(&format!("[a](<{link}>)")), "<p>a</p>", "{link}");
        }
        assert_eq!(render("[a](#top) [b](x.md)"), "<p>a b</p>");
        assert_eq!(render("<a href=\"javascript:alert(1)\">a</a> <a href=x>b</a>"), "<p>a b</p>");
    }

    #[test]
    fn addresses_are_strict() {
        let Target::Web(url) = target("https://example.org/a|b/[c]?q={x}^|[1]#`y`&z=%7C", None) else {
            panic!("no address")
        };
        assert_eq!(url, "https://example.org/a%7Cb/%5Bc%5D?q=%7Bx%7D%5E%7C%5B1%5D#%60y%60&z=%7C");
    }

    #[test]
    fn what_is_canonical_is_what_parsing_gives_back() {
        for address in [
            "https://example.org/",
            "http://a-b.example.org/x/y.html?q=1&r=%E4%B8%80#f(1)",
            "https://example.org//x/y../~z/@u:v;w=*,!$",
        ] {
            assert!(is_canonical(address), "{address}");
            assert_eq!(Url::parse(address).unwrap().as_str(), address);
        }
        for address in [
            "https://example.org",
            "https://Example.org/",
            "https://1.2.3.4/",
            "https://example.org:443/",
            "https://u@example.org/",
            "https://xn--a.example/",
            "https://example.org/a/../b",
            "https://example.org/%zz",
            "https://example.org/'",
            "https://example.org/一",
            "https://example.org/a b",
            "https://example.org/#a#b",
            "https://localhost/",
            "https://a..org/",
        ] {
            assert!(!is_canonical(address), "{address}");
        }
    }

    #[test]
    fn relative_links_are_resolved_against_the_base() {
        let (html, findings) =
            render_with("[b](x.md) ![i](/i.png) <a href=\"y\">y</a>", Some("https://example.org/a/"));
        assert_eq!(
            html,
            "<p><a href=\"https://example.org/a/x.md\">b</a> <img src=\"https://example.org/i.png\" alt=\"i\" loading=\"lazy\" referrerpolicy=\"no-referrer\"> <a href=\"https://example.org/a/y\">y</a></p>"
        );
        assert_eq!(findings, []);
    }

    #[test]
    fn a_relative_link_without_a_base_is_told_with_its_place() {
        let (_, findings) = render_with("text\n新闻 [b](x.md)", None);
        assert_eq!((findings[0].line, findings[0].column, findings[0].code), (2, 4, Code::LinkRelative));
    }

    #[test]
    fn raw_html_is_sanitized() {
        assert_eq!(render("a <script>alert(1)</script> b"), "<p>a  b</p>");
        assert_eq!(
            render("<p style=\"text-align: center; max-width: 8px\" onclick=\"x()\">a</p>"),
            "<p style=\"text-align:center\">a</p>"
        );
        assert_eq!(render("<iframe src=\"https://example.org\"></iframe>"), "");
        assert!(render("<details><summary>s</summary>\n\n**b**\n\n</details>").contains("<strong>b</strong>"));
    }

    #[test]
    fn deep_raw_html_costs_nothing_and_shows_as_text() {
        let html = render(&"<div>".repeat(20_000));
        assert!(html.starts_with("&lt;div&gt;"), "{}", &html[..40]);
    }

    #[test]
    fn end_tags_of_nothing_do_not_hide_the_depth() {
        let (html, _) = render_with(&"<b></x>".repeat(200), None);
        assert!(html.contains("&lt;b&gt;"), "{html}");
        let (html, _) = render_with(&"<u>x</u> <kbd>y</kbd> ".repeat(200), None);
        assert!(html.contains("<u>x</u>"), "{html}");
    }

    #[test]
    fn footnotes_that_many_items_share_do_not_multiply_without_end() {
        let note = "long ".repeat(2000);
        let markdown = format!("# T\n\n## S\n\n{}[^n]: {note}\n", "### a\n\nx[^n]\n\n".repeat(500));
        let (outcome, _) = crate::digest::parse("2025-05-22.md", markdown.as_bytes(), &crate::digest::Rules::default());
        let crate::digest::Outcome::Digests(digests) = outcome else { panic!("no digest") };
        let [digest] = digests.as_slice() else { panic!("not one digest") };
        let bytes: usize = digest.items().map(|(_, item)| item.html.len()).sum();
        assert!(digest.items().next().is_some_and(|(_, item)| item.html.contains("long long")));
        assert!(bytes < markdown.len() * 6, "{bytes} of {}", markdown.len());
    }

    #[test]
    fn footnotes_become_a_list_behind_the_text() {
        assert_eq!(
            render("a[^1] b\n\n[^1]: note [x](https://example.org/)\n"),
            "<p>a<sup>1</sup> b</p>\n<ol>\n<li>\n<p>note <a href=\"https://example.org/\">x</a></p>\n</li>\n</ol>"
        );
    }

    #[test]
    fn lines_of_chinese_are_joined() {
        assert_eq!(render("旧水塔\n变成图书馆"), "<p>旧水塔变成图书馆</p>");
        assert_eq!(render("old\ntower"), "<p>old\ntower</p>");
    }

    #[test]
    fn lines_of_chinese_are_joined_beside_inline_markup() {
        for (markdown, expected) in [
            ("中[文](https://e.org/x)\n后", "中<a href=\"https://e.org/x\">文</a>后"),
            ("中\n[文](https://e.org/x)后", "中<a href=\"https://e.org/x\">文</a>后"),
            ("中[文](x.md)\n后", "中文后"),
            ("中**粗。**\n后", "中<strong>粗。</strong>后"),
            ("**前**\n*~~后~~*", "<strong>前</strong><em><del>后</del></em>"),
            ("中`码`\n后", "中<code>码</code>后"),
            ("中`x`\n后", "中<code>x</code>\n后"),
            ("中**b**\n**后**", "中<strong>b</strong>\n<strong>后</strong>"),
            (
                "中\n![图](https://e.org/x)",
                "中\n<img src=\"https://e.org/x\" alt=\"图\" loading=\"lazy\" referrerpolicy=\"no-referrer\">",
            ),
            ("**한국어**\n**한국어**", "<strong>한국어</strong>\n<strong>한국어</strong>"),
        ] {
            assert_eq!(render(markdown), format!("<p>{expected}</p>"), "{markdown}");
        }
    }
}
