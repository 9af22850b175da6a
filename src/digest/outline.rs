//! The Markdown of a digest as a tree of headings, each with the blocks below it.
//!
//! Everything that tells sections from items works on this tree, never on lines: a `#` in a fence or a comment is no
//! heading. The tree holds positions into one list of events; nothing is copied.

use std::ops::Range;

use pulldown_cmark::{BrokenLink, CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

use super::text::{cut_line, into_line, is_cjk, one_line};
use super::{emphasis, inline};

/// A Markdown event and the bytes of the text it came from.
pub type Spanned<'a> = (Event<'a>, Range<usize>);

/// The longest heading, in characters.
pub const MAX_HEADING_CHARS: usize = 500;

/// What a top-level block is, as far as sections and items care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A heading and its level, 1 to 6.
    Heading(usize),
    /// A paragraph.
    Paragraph,
    /// A list, ordered or not.
    List,
    /// A list that says of what stands above it where it comes from and the like ([`super::fields`]).
    Fields,
    /// Raw HTML and nothing else.
    Html,
    /// A comment: nothing at all.
    Comment,
    /// A table.
    Table,
    /// A thematic break.
    Break,
    /// Code.
    Code,
    /// A quote.
    Quote,
    /// The text of a footnote.
    Footnote,
    /// Anything else.
    Other,
}

/// One top-level block: its events, with start and end, and its bytes.
#[derive(Debug, Clone)]
pub struct Block {
    /// What it is.
    pub kind: Kind,
    /// Its events in [`Outline::events`].
    pub events: Range<usize>,
    /// Its bytes in the text.
    pub span: Range<usize>,
}

/// A heading with what stands below it, up to the next heading of its level.
#[derive(Debug, Default)]
pub struct Node {
    /// The heading's position in [`Outline::blocks`]; `None` for the root.
    pub heading: Option<usize>,
    /// 1 to 6; 0 for the root.
    pub level: usize,
    /// The blocks between the heading and the next one of any level.
    pub body: Range<usize>,
    /// The headings below it.
    pub children: Vec<Node>,
}

impl Node {
    /// The blocks of the body and of everything below, headings included.
    pub fn whole_body(&self) -> Range<usize> {
        self.body.start..self.children.last().map_or(self.body.end, |last| last.whole_body().end)
    }
}

/// A parsed text.
#[derive(Debug)]
pub struct Outline<'a> {
    /// All events in order.
    pub events: Vec<Spanned<'a>>,
    /// The top-level blocks in order.
    pub blocks: Vec<Block>,
    /// The first event that was nested too deep, by its bytes; such events are left out, their text stays.
    pub too_deep: Option<Range<usize>>,
    /// Where the first raw tag stands that has so many attributes that it is a text.
    pub crowded: Option<usize>,
    text: &'a str,
    text_start: usize,
}

/// CommonMark with what digests use besides.
const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_FOOTNOTES)
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_HEADING_ATTRIBUTES);

impl<'a> Outline<'a> {
    /// Parses CommonMark with tables, footnotes, strikethrough, task lists and heading ids. `text_start` is the offset of
    /// `text` in its file, so that every range is one of the file. Containers deeper than `max_nesting` are flattened,
    /// because what comes later is quadratic in depth.
    pub fn parse(text: &'a str, text_start: usize, max_nesting: usize) -> Outline<'a> {
        let undefined = |link: BrokenLink<'a>| undefined_reference(&link, text);
        let parsed = Parser::new_with_broken_link_callback(text, OPTIONS, Some(undefined)).into_offset_iter();
        let parsed = parsed.map(|(event, span)| (event, span.start + text_start..span.end + text_start));
        let parsed = emphasis::mend(inline::join(parsed, text, text_start), text, text_start);
        let (parsed, crowded) = inline::without_crowded_tags(with_raw_blocks(parsed));
        let parsed = inline::with_addresses(inline::without_raw_tags(parsed));
        Outline { crowded, ..Outline::of_events(parsed, text, text_start, max_nesting) }
    }

    /// Parses the same way as far as top-level blocks go; only headings, lists and raw HTML have events in them, and these are
    /// as the parser left them.
    pub fn skim(text: &'a str, text_start: usize, max_nesting: usize) -> Outline<'a> {
        let mut events: Vec<Spanned<'a>> = Vec::with_capacity(inline::likely_events(text));
        let (mut depth, mut is_looked_into) = (0_usize, false);
        for (event, span) in Parser::new_ext(text, OPTIONS).into_offset_iter() {
            depth -= usize::from(matches!(event, Event::End(_)));
            if depth == 0
                && let Event::Start(tag) = &event
            {
                is_looked_into = matches!(kind(tag), Kind::Heading(_) | Kind::List | Kind::Html);
            }
            let begins = usize::from(matches!(event, Event::Start(_)));
            if depth == 0 || is_looked_into {
                events.push((event, span.start + text_start..span.end + text_start));
            }
            depth += begins;
        }
        Outline::of_events(with_raw_blocks(events), text, text_start, max_nesting)
    }

    fn of_events(events: Vec<Spanned<'a>>, text: &'a str, text_start: usize, max_nesting: usize) -> Outline<'a> {
        let mut outline = Outline { events, blocks: Vec::new(), too_deep: None, crowded: None, text, text_start };
        outline.flatten(max_nesting);
        let mut depth = 0_usize;
        for (at, (event, span)) in outline.events.iter().enumerate() {
            match event {
                Event::Start(tag) => {
                    depth += 1;
                    if depth == 1 {
                        outline.blocks.push(Block { kind: kind(tag), events: at..at, span: span.clone() });
                    }
                }
                Event::End(_) => depth -= 1,
                Event::Rule if depth == 0 => {
                    outline.blocks.push(Block { kind: Kind::Break, events: at..at, span: span.clone() });
                }
                _ => {}
            }
            if let Some(block) = outline.blocks.last_mut() {
                block.events.end = at + 1;
            }
        }
        for at in 0..outline.blocks.len() {
            if outline.blocks[at].kind == Kind::Html && is_comment(outline.of(at)) {
                outline.blocks[at].kind = Kind::Comment;
            }
        }
        outline
    }

    /// Takes the containers away that are nested too deep; their text stays.
    fn flatten(&mut self, max_nesting: usize) {
        let mut depth = 0_usize;
        let mut is_too_deep = |event: &Event<'_>| match event {
            Event::Start(_) => {
                depth += 1;
                depth > max_nesting
            }
            Event::End(_) => {
                depth -= 1;
                depth + 1 > max_nesting
            }
            _ => false,
        };
        let Some(first) = self.events.iter().position(|(event, _)| is_too_deep(event)) else { return };
        self.too_deep = Some(self.events[first].1.clone());
        let mut at = 0;
        self.events.retain(|(event, _)| {
            at += 1;
            at <= first || !(at == first + 1 || is_too_deep(event))
        });
    }

    /// The tree of the headings.
    pub fn tree(&self) -> Node {
        let mut open = vec![Node::default()];
        for (at, block) in self.blocks.iter().enumerate() {
            if let Kind::Heading(level) = block.kind {
                close_down_to(&mut open, level);
                open.push(Node { heading: Some(at), level, body: at + 1..at + 1, children: Vec::new() });
            } else if let Some(node) = open.last_mut() {
                if node.heading.is_none() && node.body.is_empty() {
                    node.body.start = at;
                }
                node.body.end = at + 1;
            }
        }
        close_down_to(&mut open, 1);
        open.pop().unwrap_or_default()
    }

    /// The events of a block.
    pub fn of(&self, block: usize) -> &[Spanned<'a>] {
        &self.events[self.blocks[block].events.clone()]
    }

    /// The events of some blocks, one after the other.
    pub fn events_of(&self, blocks: impl Iterator<Item = usize> + Clone) -> Vec<Spanned<'a>> {
        let mut events = Vec::with_capacity(blocks.clone().map(|at| self.blocks[at].events.len()).sum());
        blocks.for_each(|at| events.extend_from_slice(self.of(at)));
        events
    }

    /// The texts at the beginning, enough to tell the language.
    pub fn sample(&self) -> String {
        const ENOUGH_CHARS: usize = 4 * 1024;
        plain_start(&self.events, ENOUGH_CHARS)
    }

    /// The source of a block.
    pub fn source_of(&self, block: usize) -> &'a str {
        let span = &self.blocks[block].span;
        self.text.get(span.start - self.text_start..span.end - self.text_start).unwrap_or_default()
    }

    /// The plain text of a heading on one line, or the beginning of one that is no heading any more but a text.
    pub fn text_of(&self, block: usize) -> String {
        cut_line(into_line(plain(self.of(block))), MAX_HEADING_CHARS)
    }

    /// The id an author gave a heading: `### Title {#id}`.
    pub fn id_of(&self, block: usize) -> Option<&str> {
        match self.of(block).first() {
            Some((Event::Start(Tag::Heading { id: Some(id), .. }), _)) if !id.is_empty() => Some(id),
            _ => None,
        }
    }
}

/// What the target of a link begins with whose reference is defined nowhere: `[#123][issue]`, often from an include.
pub const UNDEFINED: &str = "undefined-reference:";

/// A link whose reference is defined nowhere is a link all the same: it is an item's title, and its brackets are no text.
///
/// `a[i][j]` and citations such as `[1][2]` are none; nor are tags before a link, `[draft][Title](url)` and
/// `[video][en] [Title](url)`, nor brackets in the text of one.
fn undefined_reference<'a>(link: &BrokenLink<'a>, text: &'a str) -> Option<(CowStr<'a>, CowStr<'a>)> {
    if is_beside_a_link(&link.span, text) {
        return None;
    }
    let is_reference = matches!(link.link_type, LinkType::Reference | LinkType::Collapsed);
    let follows_word = text[..link.span.start].ends_with(|c: char| (c.is_alphanumeric() && !is_cjk(c)) || c == ']');
    let shown = text[link.span.clone()].split(']').next().unwrap_or_default();
    let has_word = shown.chars().filter(|c| c.is_alphabetic()).count() > 1 || shown.contains('#');
    (is_reference && !follows_word && has_word)
        .then(|| (format!("{UNDEFINED}{}", link.reference).into(), CowStr::Borrowed("")))
}

fn is_beside_a_link(brackets: &Range<usize>, text: &str) -> bool {
    /// The text of a link is seldom longer, in bytes.
    const NEAR: usize = 240;
    let after = &text[brackets.end..];
    let after = &after[..after.floor_char_boundary(NEAR)];
    let follows = after.trim_start_matches([' ', '[']);
    let is_tag = after.starts_with(" [") && follows.split_once(']').is_some_and(|(_, rest)| rest.starts_with('('));
    let before = &text[text.floor_char_boundary(brackets.start.saturating_sub(NEAR))..brackets.start];
    let line = before.rsplit('\n').next().unwrap_or_default();
    let is_inside = line.matches('[').count() > line.matches(']').count();
    after.starts_with('(') || is_tag || (is_inside && after.lines().next().is_some_and(|line| line.contains("](")))
}

fn is_comment(html: &[Spanned<'_>]) -> bool {
    let text = html_of(html);
    let text = text.trim();
    text.starts_with("<!--") && text.find("-->").is_none_or(|end| end + 3 == text.len())
}

/// Blocks of raw HTML that are one `<h1>` to `<h6>` become headings, those that are one link paragraphs.
fn with_raw_blocks(events: Vec<Spanned<'_>>) -> Vec<Spanned<'_>> {
    let opens =
        |event: &Event<'_>| matches!(event, Event::Html(line) if raw_level(line).is_some() || is_raw_link(line));
    if !events.iter().any(|(event, _)| opens(event)) {
        return events;
    }
    let mut result: Vec<Spanned<'_>> = Vec::with_capacity(events.len() + 8);
    let mut at = 0;
    while at < events.len() {
        if matches!(events[at].0, Event::Start(Tag::HtmlBlock)) && events.get(at + 1).is_some_and(|(e, _)| opens(e)) {
            let end = super::html::end_of(&events, at);
            let block = &events[at..(end + 1).min(events.len())];
            if let Some(mended) = raw_heading(block).or_else(|| raw_link(block)) {
                result.extend(mended);
                at = end + 1;
                continue;
            }
        }
        result.push(events[at].clone());
        at += 1;
    }
    result
}

fn raw_level(html: &str) -> Option<usize> {
    let [b'<', b'h' | b'H', level @ b'1'..=b'6', b' ' | b'>' | b'\n' | b'\t', ..] = html.trim_start().as_bytes() else {
        return None;
    };
    Some(usize::from(level - b'0'))
}

fn is_raw_link(html: &str) -> bool {
    let html = html.trim_start();
    html.starts_with("<Link ") || html.starts_with("<a ")
}

fn raw_link<'a>(block: &[Spanned<'a>]) -> Option<Vec<Spanned<'a>>> {
    let span = block.first()?.1.clone();
    let html = html_of(block);
    let html = html.trim();
    let is_one = is_raw_link(html) && (html.ends_with("</Link>") || html.ends_with("</a>"));
    let other_blocks = ["<p", "<div", "<table", "<ul", "<ol", "<h"].iter().any(|tag| html.contains(tag));
    if !is_one || other_blocks {
        return None;
    }
    let mut paragraph = vec![(Event::Start(Tag::Paragraph), span.clone())];
    paragraph.extend(inline_of(html, &span));
    paragraph.push((Event::End(TagEnd::Paragraph), span));
    Some(paragraph)
}

fn html_of(block: &[Spanned<'_>]) -> String {
    let lines = block.iter().filter_map(|(event, _)| if let Event::Html(line) = event { Some(line) } else { None });
    lines.map(|line| &**line).collect()
}

/// Raw HTML read as the inline content of Markdown: on one line, and not at its beginning, a raw tag is inline.
fn inline_of<'a>(html: &str, span: &Range<usize>) -> Vec<Spanned<'a>> {
    let line = format!("\u{200B}{}", one_line(html));
    let inner = Parser::new(&line).map(Event::into_static);
    let inline = inner.filter(|event| !matches!(event, Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph)));
    inline.map(|event| (event, span.clone())).collect()
}

fn raw_heading<'a>(block: &[Spanned<'a>]) -> Option<Vec<Spanned<'a>>> {
    let span = block.first()?.1.clone();
    let html = html_of(block);
    let level = raw_level(&html)?;
    let (tag, inner) = html.trim().split_once('>')?;
    let end = inner.len().checked_sub("</h1>".len())?;
    let is_closed = inner.get(end..)?.eq_ignore_ascii_case(&format!("</h{level}>"));
    if !is_closed || inner[..end].to_ascii_lowercase().contains("</h") {
        return None;
    }
    let id = inline::attribute(tag, "id").map(CowStr::from);
    let level = HeadingLevel::try_from(level).ok()?;
    let start = Tag::Heading { level, id, classes: Vec::new(), attrs: Vec::new() };
    let mut heading = vec![(Event::Start(start), span.clone())];
    heading.extend(inline_of(&inner[..end], &span));
    heading.push((Event::End(TagEnd::Heading(level)), span));
    Some(heading)
}

fn close_down_to(open: &mut Vec<Node>, level: usize) {
    while open.last().is_some_and(|node| node.heading.is_some() && node.level >= level) {
        if let Some(closed) = open.pop()
            && let Some(parent) = open.last_mut()
        {
            parent.children.push(closed);
        }
    }
}

fn kind(tag: &Tag<'_>) -> Kind {
    match tag {
        Tag::Heading { level, .. } => Kind::Heading(match level {
            HeadingLevel::H1 => 1,
            HeadingLevel::H2 => 2,
            HeadingLevel::H3 => 3,
            HeadingLevel::H4 => 4,
            HeadingLevel::H5 => 5,
            HeadingLevel::H6 => 6,
        }),
        Tag::Paragraph => Kind::Paragraph,
        Tag::List(_) => Kind::List,
        Tag::HtmlBlock => Kind::Html,
        Tag::Table(_) => Kind::Table,
        Tag::CodeBlock(_) => Kind::Code,
        Tag::BlockQuote(_) => Kind::Quote,
        Tag::FootnoteDefinition(_) => Kind::Footnote,
        _ => Kind::Other,
    }
}

/// The text of some events: what a reader would read aloud. Blocks end with a line; raw HTML, images and footnote marks say nothing.
///
/// Lines of Chinese and Japanese are joined without a space.
pub fn plain(events: &[Spanned<'_>]) -> String {
    plain_start(events, usize::MAX)
}

/// The beginning of that text: `min_chars` or a little more, if there is so much.
pub fn plain_start(events: &[Spanned<'_>], min_chars: usize) -> String {
    plain_of(events.iter(), min_chars)
}

/// The beginning of the text of chosen events.
pub fn plain_of<'e, 'a: 'e>(events: impl Iterator<Item = &'e Spanned<'a>>, min_chars: usize) -> String {
    let mut text = String::with_capacity(min_chars.min(500) + 8);
    let mut chars = 0_usize;
    let mut in_image = 0_usize;
    let mut pending_break = false;
    for (event, _) in events {
        if chars > min_chars {
            break;
        }
        match event {
            Event::Start(Tag::Image { .. }) => in_image += 1,
            Event::End(TagEnd::Image) => in_image -= 1,
            _ if in_image > 0 => {}
            Event::Text(part) | Event::Code(part) | Event::InlineMath(part) | Event::DisplayMath(part) => {
                if pending_break && !joins_without_space(&text, part) {
                    text.push(' ');
                }
                pending_break = false;
                chars += part.chars().count();
                text.push_str(part);
            }
            Event::SoftBreak => pending_break = true,
            Event::HardBreak => text.push('\n'),
            Event::End(
                TagEnd::Paragraph
                | TagEnd::Heading(_)
                | TagEnd::Item
                | TagEnd::TableCell
                | TagEnd::CodeBlock
                | TagEnd::TableHead
                | TagEnd::TableRow,
            ) => {
                pending_break = false;
                text.push('\n');
            }
            _ => {}
        }
    }
    text
}

fn joins_without_space(before: &str, after: &str) -> bool {
    before.chars().next_back().is_some_and(is_cjk) && after.chars().next().is_some_and(is_cjk)
}

/// A text event that stands for nothing in the file.
pub fn text_event<'a>(text: impl Into<CowStr<'a>>, at: usize) -> Spanned<'a> {
    (Event::Text(text.into()), at..at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch(outline: &Outline<'_>, node: &Node) -> String {
        let heading = node.heading.map_or_else(String::new, |at| outline.text_of(at));
        let children: Vec<String> = node.children.iter().map(|child| sketch(outline, child)).collect();
        format!("{heading}:{}[{}]", node.body.len(), children.join(" "))
    }

    #[test]
    fn headings_hold_what_follows_them() {
        let outline =
            Outline::parse("> q\n\n# T\n\n## A\n\n### a\n\ntext\n\n- l\n\n### b\n\n## B\n\n```\n# no\n```\n", 0, 32);
        assert_eq!(sketch(&outline, &outline.tree()), ":1[T:0[A:0[a:2[] b:0[]] B:1[]]]");
    }

    #[test]
    fn lines_of_chinese_are_joined_without_a_space() {
        assert_eq!(
            one_line(&plain(&Outline::parse("旧水塔\n变成图书馆\n\nold\ntower", 0, 32).events)),
            "旧水塔变成图书馆 old tower"
        );
    }

    #[test]
    fn what_is_nested_too_deep_is_flattened_and_its_text_stays() {
        let text = format!("{} deep", ">".repeat(5000));
        let outline = Outline::parse(&text, 0, 8);
        assert!(outline.too_deep.is_some());
        let depth = outline.events.iter().filter(|(event, _)| matches!(event, Event::Start(_))).count();
        assert_eq!(depth, 8);
        assert_eq!(one_line(&plain(&outline.events)), "deep");
    }
}
