//! Which heading is a section, which an item, and where the items of a section begin and end.
//!
//! Rules in the order they are tried, each on the tree of headings of one file. What recurs over a folder is not known here.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use pulldown_cmark::{Event, Tag};
use sha2::{Digest as _, Sha256};

use super::html::{Target, end_of, target};
use super::item::{Draft, Reader, without_numbering};
use super::outline::{Kind, Node, Outline, Spanned};
use super::text::{cut, normalized, one_line, slug};
use super::{Item, Rules, Section, date};
use crate::finding::{Code, Finding};

/// The parts of a file: its title, what stands before the first section, and the nodes below the title.
pub struct Parts<'n> {
    /// The heading that is the document's title, if there is one.
    pub title: Option<usize>,
    /// The blocks before the first section or item.
    pub lead: Vec<usize>,
    /// The headings that are sections or items.
    pub nodes: Vec<&'n Node>,
}

/// Finds the headings that are neither section nor item: the title, and headings that hold a date. Their children move up.
pub fn parts<'n>(outline: &Outline<'_>, root: &'n Node) -> Parts<'n> {
    let h1s = root.children.iter().filter(|node| node.level == 1).count();
    let only = root.children.len() == 1;
    let mut parts = Parts { title: None, lead: root.body.clone().collect(), nodes: Vec::new() };
    for node in &root.children {
        let Some(heading) = node.heading else { continue };
        let dated = date::in_text(&outline.text_of(heading)).is_some();
        let sole_h1 = node.level == 1 && h1s == 1;
        // A lone `##` over plain items is the day's one section; over sections it is the title.
        let holds_all = only && node.children.iter().filter(|child| !child.children.is_empty()).count() > 0;
        if dated || sole_h1 || holds_all {
            parts.title = parts.title.or(Some(heading));
            parts.lead.extend(node.body.clone());
            parts.nodes.extend(&node.children);
        } else {
            parts.nodes.push(node);
        }
    }
    parts
}

/// Reads every section and item of a file.
pub struct Gatherer<'r, 'a> {
    /// The parsed file.
    pub outline: &'r Outline<'a>,
    /// Reads single items.
    pub reader: Reader<'r, 'a>,
    /// What was found so far, in file order.
    pub sections: Vec<Section>,
    /// What is wrong so far.
    pub findings: Vec<Finding>,
    items: usize,
    /// The sections by slug and by what their headings have in common.
    opened: HashMap<(String, String), usize>,
    slugs: HashSet<String>,
}

impl<'r, 'a> Gatherer<'r, 'a> {
    /// A gatherer that has found nothing yet.
    pub fn new(outline: &'r Outline<'a>, reader: Reader<'r, 'a>) -> Gatherer<'r, 'a> {
        Gatherer {
            outline,
            reader,
            sections: Vec::new(),
            findings: Vec::new(),
            items: 0,
            opened: HashMap::new(),
            slugs: HashSet::new(),
        }
    }

    /// Takes in everything below the title.
    pub fn gather(&mut self, parts: &Parts<'_>) {
        if parts.nodes.is_empty()
            && let Some(entries) = self.list_entries(&parts.lead)
        {
            for entry in entries {
                self.add(UNNAMED, entry);
            }
        }
        self.siblings(&parts.nodes, None, &[]);
        self.tell_unspaced_headings();
        for section in self.sections.iter().filter(|section| section.items.is_empty()) {
            let message = format!("the section `{}` has no items", section.title);
            let place = crate::finding::Place { line: section.line, column: 1 };
            let remedy = "leave the heading out on such a day, or write its items as deeper headings or a list";
            self.findings.push(Finding::new(&self.reader.source.path, place, Code::SectionEmpty, message, remedy));
        }
    }

    /// `##News` is a paragraph in CommonMark, and its section or item is lost.
    fn tell_unspaced_headings(&mut self) {
        for block in self.outline.blocks.iter().filter(|block| block.kind == Kind::Paragraph) {
            let line = self.reader.source.text[block.span.clone()].lines().next().unwrap_or_default();
            let marks = line.bytes().take_while(|byte| *byte == b'#').count();
            if (1..=6).contains(&marks) && line[marks..].starts_with(|c: char| c.is_alphanumeric()) {
                let message = format!("`{}` is no heading", cut(line, 40));
                let remedy = format!("put a space after the {}", &line[..marks]);
                self.findings.push(self.reader.source.finding(
                    block.span.start,
                    Code::HeadingUnspaced,
                    message,
                    remedy,
                ));
            }
        }
    }

    fn siblings(&mut self, nodes: &[&Node], section: Option<usize>, categories: &[String]) {
        let among_sections = nodes.iter().any(|node| !node.children.is_empty() || self.body_is_list(node));
        for node in nodes {
            let Some(heading) = node.heading else { continue };
            if self.is_section(heading, node, among_sections, section.is_some()) {
                self.section(heading, node, section, categories);
            } else {
                let index = section.unwrap_or(UNNAMED);
                let draft = self.heading_item(heading, node, categories);
                self.add(index, draft);
            }
        }
    }

    fn is_section(&self, heading: usize, node: &Node, among_sections: bool, inside: bool) -> bool {
        if inside && node.children.is_empty() && !self.body_is_list(node) {
            return false;
        }
        if self.known(&self.outline.text_of(heading)).is_some() {
            return true;
        }
        if self.is_linked(heading) {
            return false;
        }
        if inside {
            // Below an item heading, a list or a deeper heading belongs to the item's body.
            return !has_prose(self.outline, node);
        }
        !node.children.is_empty() || self.body_is_list(node) || (among_sections && node.body.is_empty())
    }

    fn section(&mut self, heading: usize, node: &Node, outer: Option<usize>, categories: &[String]) {
        let title = section_title(&self.outline.text_of(heading));
        let (index, categories) = match outer {
            Some(index) => (index, [categories, &[title]].concat()),
            None => (self.open(heading, &title), Vec::new()),
        };
        let children: Vec<&Node> = node.children.iter().collect();
        if children.is_empty() {
            let blocks: Vec<usize> = node.body.clone().collect();
            let entries = self.list_entries(&blocks).unwrap_or_default();
            for mut entry in entries {
                entry.categories.clone_from(&categories);
                self.add(index, entry);
            }
        }
        self.siblings(&children, Some(index), &categories);
    }

    /// The section of a heading: the one it was before in this file, or a new one.
    fn open(&mut self, heading: usize, title: &str) -> usize {
        let rules = self.reader.rules;
        let offset = self.outline.blocks[heading].span.start;
        let known = self.known(title);
        let (slug, title) = match (known, &rules.unknown) {
            (Some(known), _) => (known.slug.clone(), known.title.clone().unwrap_or_else(|| title.to_owned())),
            (None, super::Unknown::Rest { slug, title: rest }) => {
                let message = format!("`{title}` is none of the configured sections; its items go into `{rest}`");
                let remedy = "add it to the headings of a section in the configuration, or correct it";
                self.findings.push(self.reader.source.finding(offset, Code::SectionUnknown, message, remedy));
                (slug.clone(), rest.clone())
            }
            (None, super::Unknown::Own) => (slug_of(title), title.to_owned()),
        };
        let key = (slug, comparable(&title));
        if let Some(index) = self.opened.get(&key) {
            return *index;
        }
        // Another heading has the slug already: 公式 and 公事 are read alike.
        let slug =
            if self.slugs.contains(&key.0) { format!("{}-{}", key.0, short_hash(&key.1)) } else { key.0.clone() };
        self.slugs.insert(slug.clone());
        self.opened.insert(key, self.sections.len());
        let line = self.reader.source.line(offset);
        self.sections.push(Section { slug, title, items: Vec::new(), line });
        self.sections.len() - 1
    }

    fn known(&self, heading: &str) -> Option<&'r super::SectionRule> {
        let name = comparable(heading);
        let mut rules = self.reader.rules.sections.iter();
        rules.find(|rule| rule.headings.iter().chain(&rule.title).any(|heading| comparable(heading) == name))
    }

    fn add(&mut self, index: usize, draft: Draft<'a>) {
        self.items += 1;
        if self.items > self.reader.rules.max_items {
            if self.items == self.reader.rules.max_items + 1 {
                let message = format!("more than {} items; the rest is left out", self.reader.rules.max_items);
                let remedy = "split the digest, or raise content.max_items";
                self.findings.push(self.reader.source.finding(draft.offset, Code::TooManyItems, message, remedy));
            }
            return;
        }
        let Some(item) = self.reader.read(draft, &mut self.findings) else { return };
        self.section_at(index).push(item);
    }

    fn section_at(&mut self, index: usize) -> &mut Vec<Item> {
        let index = if index == UNNAMED { self.unnamed() } else { index };
        &mut self.sections[index].items
    }

    /// The section without a name, made when the first item needs it.
    fn unnamed(&mut self) -> usize {
        let next = self.sections.len();
        let index = *self.opened.entry((String::new(), String::new())).or_insert(next);
        if index == next {
            self.sections.push(Section { slug: String::new(), title: String::new(), items: Vec::new(), line: 1 });
        }
        index
    }

    fn heading_item(&self, heading: usize, node: &Node, categories: &[String]) -> Draft<'a> {
        let events = self.outline.of(heading);
        let blocks = self.item_blocks(node.whole_body());
        Draft {
            heading: Some(events[1..events.len().saturating_sub(1).max(1)].to_vec()),
            body: blocks.flat_map(|block| self.outline.of(block).iter().cloned()).collect(),
            offset: self.outline.blocks[heading].span.start,
            id: self.outline.id_of(heading).map(str::to_owned),
            categories: categories.to_vec(),
        }
    }

    /// The blocks of an item: up to a thematic break; at the end of the file without the trailer.
    fn item_blocks(&self, body: Range<usize>) -> impl Iterator<Item = usize> + use<'_, 'r, 'a> {
        let blocks = &self.outline.blocks;
        let mut end = body.clone().find(|at| blocks[*at].kind == Kind::Break).unwrap_or(body.end);
        if body.end == blocks.len() {
            while end > body.start + 1 && self.is_trailer(end - 1) {
                end -= 1;
            }
        }
        (body.start..end).filter(|at| blocks[*at].kind != Kind::Footnote)
    }

    /// Raw HTML that closes a file, or a paragraph that is one link and no label: an advert, a way home.
    fn is_trailer(&self, block: usize) -> bool {
        match (self.outline.blocks[block].kind, self.outline.of(block)) {
            (Kind::Html | Kind::Footnote, _) => true,
            (Kind::Paragraph, events @ [_, (Event::Start(Tag::Link { .. }), _), ..]) => {
                let end = end_of(events, 1);
                end + 2 == events.len() && !self.reader.is_label(&events[1..=end])
            }
            _ => false,
        }
    }

    fn is_linked(&self, heading: usize) -> bool {
        let events = self.outline.of(heading);
        events.iter().any(|(event, _)| match event {
            Event::Start(Tag::Link { dest_url, .. }) => {
                matches!(target(dest_url, self.reader.rules.base.as_ref()), Target::Web(_))
            }
            _ => false,
        })
    }

    fn body_is_list(&self, node: &Node) -> bool {
        node.children.is_empty() && is_mostly_list(self.outline, node.body.clone())
    }

    /// The top-level entries of the lists among some blocks, when lists are at least half of their text.
    fn list_entries(&self, blocks: &[usize]) -> Option<Vec<Draft<'a>>> {
        if !is_mostly_list(self.outline, blocks.iter().copied()) {
            return None;
        }
        let lists = blocks.iter().filter(|at| self.outline.blocks[**at].kind == Kind::List);
        Some(lists.flat_map(|at| entries(self.outline.of(*at))).collect())
    }
}

/// Items that stand under no section.
const UNNAMED: usize = usize::MAX;

/// Whether a heading begins with prose: inside a section that is an item, whatever lists and headings follow.
fn has_prose(outline: &Outline<'_>, node: &Node) -> bool {
    node.body.clone().any(|at| outline.blocks[at].kind == Kind::Paragraph)
}

fn is_mostly_list(outline: &Outline<'_>, blocks: impl Iterator<Item = usize>) -> bool {
    let (mut list, mut all) = (0_usize, 0_usize);
    for block in blocks.map(|at| &outline.blocks[at]).filter(|block| block.kind != Kind::Footnote) {
        all += block.span.len();
        if block.kind == Kind::List {
            list += block.span.len();
        }
    }
    list > 0 && list * 2 >= all
}

fn entries<'a>(list: &[Spanned<'a>]) -> Vec<Draft<'a>> {
    let mut drafts = Vec::new();
    let mut at = 1;
    while at + 1 < list.len() {
        let end = end_of(list, at);
        if matches!(list[at].0, Event::Start(Tag::Item)) {
            let body = list[at + 1..end.min(list.len())].to_vec();
            let offset = list[at].1.start;
            drafts.push(Draft { heading: None, body: as_blocks(body), offset, id: None, categories: Vec::new() });
        }
        at = end + 1;
    }
    drafts
}

/// The inline events that begin a tight list entry, as a paragraph, so that the entry stands alone as HTML.
fn as_blocks(mut body: Vec<Spanned<'_>>) -> Vec<Spanned<'_>> {
    let is_block = |event: &Event<'_>| {
        matches!(
            event,
            Event::Start(
                Tag::Paragraph
                    | Tag::List(_)
                    | Tag::BlockQuote(_)
                    | Tag::CodeBlock(_)
                    | Tag::HtmlBlock
                    | Tag::Table(_)
                    | Tag::Heading { .. }
            ) | Event::Rule
        )
    };
    let inline = body.iter().position(|(event, _)| is_block(event)).unwrap_or(body.len());
    if inline > 0 {
        let at = body[0].1.start;
        body.insert(inline, (Event::End(pulldown_cmark::TagEnd::Paragraph), at..at));
        body.insert(0, (Event::Start(Tag::Paragraph), at..at));
    }
    body
}

/// A heading as the title of a section: without numbering, leading signs, and a count at its end.
pub fn section_title(text: &str) -> String {
    let line = one_line(text);
    let bare = line.trim_start_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '「' | '《' | '“' | '"' | '('));
    let bare = without_numbering(bare).trim_end_matches([':', '：']).trim();
    let counted = bare.strip_suffix([')', '）']).and_then(|rest| rest.rsplit_once(['(', '（']));
    let title = match counted {
        Some((title, count)) if count.chars().all(|c| c.is_ascii_digit()) => title.trim(),
        _ => bare,
    };
    if title.is_empty() { line.clone() } else { title.to_owned() }
}

/// What two headings of one section have in common: letters, not digits, signs or case.
pub fn comparable(heading: &str) -> String {
    let name = normalized(&section_title(heading).replace('+', "plus").replace('#', "sharp"));
    let letters: String = name.chars().filter(|c| !c.is_numeric()).collect();
    if letters.is_empty() { name } else { letters }
}

/// Names of routes that no section can have.
const RESERVED: [&str; 12] =
    ["all", "archive", "assets", "digests", "feed", "feeds", "healthz", "metrics", "readyz", "rss", "atom", "status"];

/// The slug of a section that the configuration does not name.
pub fn slug_of(title: &str) -> String {
    match slug(title) {
        empty if empty.is_empty() => format!("section-{}", short_hash(&one_line(title))),
        taken if RESERVED.contains(&taken.as_str()) => format!("{taken}-section"),
        free => free,
    }
}

fn short_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(3).map(|byte| format!("{byte:02x}")).collect()
}

/// Rules that were checked against each other: what the configuration says of sections.
pub fn check_rules(rules: &Rules) -> Result<(), String> {
    let rest = match &rules.unknown {
        super::Unknown::Rest { slug, .. } => Some(slug),
        super::Unknown::Own => None,
    };
    let known = rules.sections.iter().map(|rule| &rule.slug);
    let mut seen = HashSet::new();
    for name in known {
        check_slug(name)?;
        if !seen.insert(name) {
            return Err(format!("two sections have the slug `{name}`"));
        }
    }
    rest.map_or(Ok(()), |name| check_slug(name))
}

fn check_slug(name: &str) -> Result<(), String> {
    if name != slug(name) || name.is_empty() {
        return Err(format!("the slug `{name}` of a section is not lower case ASCII; try `{}`", slug_of(name)));
    }
    if RESERVED.contains(&name) {
        return Err(format!("the slug `{name}` of a section is the name of a route; choose another"));
    }
    Ok(())
}
