//! The Markdown of a digest as a tree of headings, each with the blocks below it.
//!
//! Everything that tells sections from items works on this tree, never on lines: a `#` in a fence or a comment is no
//! heading. The tree holds positions into one list of events; nothing is copied.

use std::ops::Range;

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::emphasis;
use super::text::{cut, is_cjk, one_line};

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
    /// Raw HTML and nothing else.
    Html,
    /// A thematic break.
    Break,
    /// The text of a footnote.
    Footnote,
    /// A quote, a table, code and the like.
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
}

impl<'a> Outline<'a> {
    /// Parses CommonMark with tables, footnotes, strikethrough, task lists and heading ids. `text_start` is the offset of
    /// `text` in its file, so that every range is one of the file. Containers deeper than `max_nesting` are flattened,
    /// because what comes later is quadratic in depth.
    pub fn parse(text: &'a str, text_start: usize, max_nesting: usize) -> Outline<'a> {
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_FOOTNOTES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_HEADING_ATTRIBUTES;
        let mut outline = Outline { events: Vec::new(), blocks: Vec::new(), too_deep: None };
        let mut depth = 0_usize;
        let parsed = Parser::new_ext(text, options).into_offset_iter();
        let parsed = parsed.map(|(event, span)| (event, span.start + text_start..span.end + text_start)).collect();
        for (event, span) in emphasis::mend(parsed, text, text_start) {
            match &event {
                Event::Start(_) => depth += 1,
                Event::End(_) => depth -= 1,
                _ => {}
            }
            let nesting = depth + usize::from(matches!(event, Event::End(_)));
            if nesting > max_nesting && matches!(event, Event::Start(_) | Event::End(_)) {
                outline.too_deep.get_or_insert(span);
                continue;
            }
            let at = outline.events.len();
            match (&event, depth) {
                (Event::Start(tag), 1) => {
                    outline.blocks.push(Block { kind: kind(tag), events: at..at + 1, span: span.clone() });
                }
                (Event::Rule, 0) => {
                    outline.blocks.push(Block { kind: Kind::Break, events: at..at + 1, span: span.clone() });
                }
                _ => {}
            }
            if let Some(block) = outline.blocks.last_mut() {
                block.events.end = at + 1;
            }
            outline.events.push((event, span));
        }
        outline
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

    /// The plain text of a heading on one line, or the beginning of one that is no heading any more but a text.
    pub fn text_of(&self, block: usize) -> String {
        cut(&one_line(&plain(self.of(block))), MAX_HEADING_CHARS)
    }

    /// The id an author gave a heading: `### Title {#id}`.
    pub fn id_of(&self, block: usize) -> Option<&str> {
        match self.of(block).first() {
            Some((Event::Start(Tag::Heading { id: Some(id), .. }), _)) if !id.is_empty() => Some(id),
            _ => None,
        }
    }
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
        Tag::FootnoteDefinition(_) => Kind::Footnote,
        _ => Kind::Other,
    }
}

/// The text of some events: what a reader would read aloud. Blocks end with a line; raw HTML, images and footnote marks say nothing.
///
/// Lines of Chinese and Japanese are joined without a space.
pub fn plain(events: &[Spanned<'_>]) -> String {
    let mut text = String::new();
    let mut in_image = 0_usize;
    let mut pending_break = false;
    for (event, _) in events {
        match event {
            Event::Start(Tag::Image { .. }) => in_image += 1,
            Event::End(TagEnd::Image) => in_image -= 1,
            _ if in_image > 0 => {}
            Event::Text(part) | Event::Code(part) | Event::InlineMath(part) | Event::DisplayMath(part) => {
                if pending_break && !joins_without_space(&text, part) {
                    text.push(' ');
                }
                pending_break = false;
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
