//! Gathers the sections and items of one digest.
//!
//! What is a section and what an item was decided by [`super::heading`] and [`super::split`]; here sections get their names and
//! items find their section.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use pulldown_cmark::{Event, Tag};

use super::heading::{Context, Issue, Role};
use super::html::end_of;
use super::item::{Draft, Reader, is_profile};
use super::name::{comparable, section_title, short_hash, slug_of};
use super::outline::{Kind, Node, Outline, plain};
use super::split::{self, Shape, has_link};
use super::text::{cut, is_cjk, normalized, one_line};
use super::why::{ItemWhy, LinkWhy, SectionWhy};
use super::{Dedupe, Item, ItemForm, Prose, Section, Unknown};
use crate::finding::{Code, Finding, Place};

/// A text without a link is an item when it has so many characters; shorter ones say that there is nothing today.
const PROSE_CHARS: usize = 160;

/// Reads every section and item of a digest.
pub struct Gatherer<'r, 'a> {
    context: &'r Context<'r, 'a>,
    reader: &'r Reader<'r, 'a>,
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
    pub fn new(context: &'r Context<'r, 'a>, reader: &'r Reader<'r, 'a>) -> Gatherer<'r, 'a> {
        Gatherer {
            context,
            reader,
            sections: Vec::new(),
            findings: Vec::new(),
            items: 0,
            opened: HashMap::new(),
            slugs: HashSet::new(),
        }
    }

    fn outline(&self) -> &'r Outline<'a> {
        self.context.outline
    }

    /// Takes in everything of a digest. The answer is where the first item before the first heading begins, if there is one.
    pub fn gather(&mut self, issue: &Issue<'_>) -> Option<usize> {
        let lead = self.visible(issue.lead.iter().copied());
        let drafts = self.lead_drafts(&lead, issue);
        let first = drafts.first().map(|draft| draft.offset);
        drafts.into_iter().for_each(|draft| self.add(UNNAMED, draft));
        self.siblings(&issue.nodes, None, &[]);
        first
    }

    /// The items of the blocks before the first heading.
    fn lead_drafts(&self, lead: &[usize], issue: &Issue<'_>) -> Vec<Draft<'a>> {
        let shape = self.shape(lead);
        let is_entries = match shape {
            Shape::Empty | Shape::Prose => false,
            _ if issue.nodes.is_empty() => true,
            Shape::List => self.holds_most_links(lead),
            Shape::Bold => split::has_bold_titles(self.outline(), lead),
            shape => shape == Shape::Addresses,
        };
        if is_entries { self.drafts(lead, shape) } else { Vec::new() }
    }

    /// Takes in a whole file as one item. `title` is its heading.
    pub fn gather_file(&mut self, title: Option<usize>) {
        let blocks = self.visible(0..self.outline().blocks.len()).into_iter().filter(|at| Some(*at) != title);
        let body = self.outline().events_of(blocks);
        let offset = title.map_or(0, |at| self.outline().blocks[at].span.start);
        let heading = title.map(|at| self.inline_of(at));
        self.add(UNNAMED, Draft { heading, ..Draft::new(body, offset, ItemWhy::File) });
    }

    /// Where a text begins of which no item was made, although it says more than that there is nothing today.
    pub fn text_without_items(&self, issue: &Issue<'_>) -> Option<usize> {
        let is_heading = |at: &usize| matches!(self.outline().blocks[*at].kind, Kind::Heading(_));
        let nodes = issue.nodes.iter().filter(|node| !self.context.is_skipped(node));
        let below = nodes.flat_map(|node| node.whole_body());
        let blocks = self.visible(issue.lead.iter().copied().chain(below).filter(|at| !is_heading(at)));
        let first = blocks.first().filter(|_| self.items == 0 && self.is_story(&blocks))?;
        Some(self.outline().blocks[*first].span.start)
    }

    fn siblings(&mut self, nodes: &[&Node], section: Option<usize>, categories: &[String]) {
        let roles = self.context.roles(nodes, section.is_some());
        for (node, role) in nodes.iter().zip(roles) {
            let Some(heading) = node.heading else { continue };
            match role {
                Role::Skipped => {}
                Role::Section(why) => self.section(heading, node, why, section, categories),
                Role::Item(why) => {
                    let draft = self.heading_item(heading, node, categories, why);
                    self.add(section.unwrap_or(UNNAMED), draft);
                }
            }
        }
    }

    fn section(&mut self, heading: usize, node: &Node, why: SectionWhy, outer: Option<usize>, categories: &[String]) {
        let title = section_title(&self.outline().text_of(heading));
        let (index, categories) = match outer {
            Some(index) => (index, [categories, &[title]].concat()),
            None => (self.open(heading, &title, why), Vec::new()),
        };
        let before = self.items;
        let blocks = self.visible(node.body.clone());
        let mut shape = self.shape(&blocks);
        if shape == Shape::Paragraphs && self.context.is_form(self.context.name(node), &blocks) {
            shape = Shape::Prose;
        }
        let is_introduction = !node.children.is_empty() && shape == Shape::Prose;
        if !is_introduction && (shape != Shape::Prose || self.is_story(&blocks)) {
            for mut draft in self.drafts(&blocks, shape) {
                draft.categories.splice(..0, categories.iter().cloned());
                self.add(index, draft);
            }
        }
        let children: Vec<&Node> = node.children.iter().collect();
        self.siblings(&children, Some(index), &categories);
        let says_nothing = node.body.clone().all(|at| matches!(self.outline().blocks[at].kind, Kind::Break));
        if self.items == before && says_nothing {
            self.tell_empty(heading, node, outer.is_some());
        }
    }

    /// That a section has no items, unless its heading leads to them elsewhere. A group within one is not missed.
    fn tell_empty(&mut self, heading: usize, node: &Node, is_group: bool) {
        let blocks = &self.outline().blocks;
        let source = self.reader.source;
        let offset = blocks[heading].span.start;
        let next = blocks.get(node.whole_body().end).map_or(source.text.len(), |block| block.span.start);
        let is_included = source.includes_between(offset, next);
        let is_link = matches!(self.inline_of(heading).first(), Some((Event::Start(Tag::Link { .. }), _)));
        // Notes that the site puts below every digest.
        let is_at_the_end = is_included && next == source.text.len();
        if is_link || is_at_the_end || (is_group && !is_included) {
            return;
        }
        let name = cut(&self.outline().text_of(heading), 60);
        let (message, remedy) = if is_included {
            (
                format!("the section `{name}` has nothing but an include, which is not read here"),
                "write the text into the digest itself",
            )
        } else {
            (
                format!("the section `{name}` has no items"),
                "leave the heading out on such a day, or write its items as deeper headings or a list",
            )
        };
        self.findings.push(source.finding(offset, Code::SectionEmpty, message, remedy));
    }

    /// The blocks that readers are to see, at the end of the file without the trailer.
    fn visible(&self, blocks: impl Iterator<Item = usize>) -> Vec<usize> {
        let mut blocks = self.context.visible(blocks);
        if blocks.last().is_some_and(|last| last + 1 == self.outline().blocks.len()) {
            while blocks.len() > 1 && blocks.last().is_some_and(|last| self.is_trailer(*last)) {
                blocks.pop();
            }
        }
        blocks
    }

    /// The items of some blocks. In lists beside the main one what many digests say is left out.
    fn drafts(&self, blocks: &[usize], shape: Shape) -> Vec<Draft<'a>> {
        let mut drafts = split::drafts(self.outline(), blocks, shape);
        if shape == Shape::List {
            // A megabyte may be as many lists as items, so each item looks for its own list only.
            let lists = split::secondary(self.outline(), blocks);
            let spans: Vec<&Range<usize>> = lists.iter().map(|at| &self.outline().blocks[*at].span).collect();
            drafts.retain(|draft| {
                let next = spans.partition_point(|span| span.end <= draft.offset);
                let is_secondary = spans.get(next).is_some_and(|span| span.contains(&draft.offset));
                !is_secondary || !self.context.is_noise_entry(&one_line(&plain(&draft.body)))
            });
        }
        drafts
    }

    /// What some blocks are made of, or what the configuration says they are.
    fn shape(&self, blocks: &[usize]) -> Shape {
        let shape = split::shape(self.outline(), blocks);
        let has = |kind: Kind| blocks.iter().any(|at| self.outline().blocks[*at].kind == kind);
        match self.context.rules.items {
            _ if shape == Shape::Empty => shape,
            ItemForm::List if has(Kind::List) => Shape::List,
            ItemForm::Numbered => Shape::Numbered,
            ItemForm::Bold => Shape::Bold,
            ItemForm::Paragraph => Shape::Paragraphs,
            _ => shape,
        }
    }

    /// Whether one text is worth an entry of its own.
    fn is_story(&self, blocks: &[usize]) -> bool {
        let is_text = |at: &&usize| {
            let kind = self.outline().blocks[**at].kind;
            matches!(kind, Kind::Paragraph | Kind::Quote | Kind::List | Kind::Fields)
        };
        let texts: Vec<usize> = blocks.iter().filter(is_text).copied().collect();
        let says_much = || {
            let texts = texts.iter().map(|at| plain(self.outline().of(*at)).chars().count());
            texts.sum::<usize>() >= PROSE_CHARS
        };
        self.context.rules.prose == Prose::Item
            && (texts.iter().any(|at| has_link(self.outline().of(*at))) || says_much())
    }

    /// Whether most linked list entries of the file are among some blocks.
    fn holds_most_links(&self, blocks: &[usize]) -> bool {
        let outline = self.outline();
        let here = split::linked_in_lists(outline, blocks.iter().copied());
        here > 0 && here * 2 > self.context.linked_entries()
    }

    /// The section of a heading: the one it was before in this file, or a new one.
    fn open(&mut self, heading: usize, title: &str, why: SectionWhy) -> usize {
        let rules = self.context.rules;
        let offset = self.outline().blocks[heading].span.start;
        let known = self.context.known(title);
        let (slug, title, why) = match (known, &rules.unknown) {
            (Some(known), _) => {
                let title = known.title.clone().unwrap_or_else(|| title.to_owned());
                (known.slug.clone(), title, SectionWhy::Configured)
            }
            (None, Unknown::Rest { slug, title: rest }) => {
                let message = format!("`{title}` is none of the configured sections; its items go into `{rest}`");
                let remedy = "add it to the headings of a section in the configuration, or correct it";
                self.findings.push(self.reader.source.finding(offset, Code::SectionUnknown, message, remedy));
                (slug.clone(), rest.clone(), SectionWhy::Rest)
            }
            (None, Unknown::Own) => {
                if let Some(likely) = self.context.likely_spelling(title) {
                    let message = format!("`{title}` looks like `{likely}`; as it stands it is a section of its own");
                    let remedy = "correct it, or add it to the headings of that section in the configuration";
                    self.findings.push(self.reader.source.finding(offset, Code::SectionMisspelt, message, remedy));
                }
                (slug_of(title), title.to_owned(), why)
            }
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
        self.sections.push(Section { slug, title, items: Vec::new(), line, why });
        self.sections.len() - 1
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
        if self.context.rules.skip_items.iter().any(|pattern| pattern.matches(&item.title)) {
            return;
        }
        self.section_at(index).push(item);
    }

    /// That an item has no link is worth a word only where nearly all others beside it have one.
    pub fn keep_exceptions(&mut self) {
        let mut lines: HashSet<usize> = HashSet::new();
        for section in self.sections.iter().filter(|section| section.items.iter().any(|item| item.link.is_none())) {
            let is_numbered = |item: &Item| {
                self.reader.source.line_text(item.line).trim_start().starts_with(|c: char| c.is_ascii_digit())
            };
            // A bullet after numbered stories is no story without a link.
            let mut beside: BTreeMap<(&[String], bool), Vec<&Item>> = BTreeMap::new();
            for item in &section.items {
                beside.entry((&item.categories, is_numbered(item))).or_default().push(item);
            }
            for items in beside.into_values() {
                let unlinked: Vec<usize> =
                    items.iter().filter(|item| item.link.is_none()).map(|item| item.line).collect();
                if items.len() > 4 && unlinked.len() * 10 <= items.len() * 2 {
                    lines.extend(unlinked);
                }
            }
        }
        self.findings.retain(|finding| finding.code != Code::ItemWithoutLink || lines.contains(&finding.line));
    }

    /// Of two items of a section with the same link and nearly the same title the one that says more stays. Items that only
    /// share one of the two are told.
    pub fn settle_doubles(&mut self) {
        let rules = self.context.rules;
        let mut findings = Vec::new();
        let mut sections = std::mem::take(&mut self.sections);
        for section in &mut sections {
            let mut by_link: HashMap<&str, usize> = HashMap::with_capacity(section.items.len());
            let mut by_title: HashMap<u64, usize> = HashMap::with_capacity(section.items.len());
            let mut doubles: Vec<usize> = Vec::new();
            for (at, item) in section.items.iter().enumerate() {
                let title = letters(&item.title);
                let same_link = item.link.as_deref().and_then(|link| by_link.get(link)).copied();
                let same_title = by_title.get(&title).copied().filter(|_| title != letters(""));
                let place = Place { line: item.line, column: 1 };
                let first = |other: usize| &section.items[other];
                match (same_link, same_title) {
                    (Some(other), _) if rules.dedupe != Dedupe::Off && are_alike(&first(other).title, &item.title) => {
                        doubles.push(if first(other).html.len() < item.html.len() { other } else { at });
                    }
                    // Links to a search or to a group's page lead many stories to one place.
                    (Some(other), _)
                        if is_told_by_its_link(item)
                            && first(other).categories == item.categories
                            && (digits(&first(other).title) == digits(&item.title) || is_event(item))
                            && item
                                .link
                                .as_deref()
                                .is_some_and(|link| !link.contains("search") && !is_profile(link)) =>
                    {
                        let message =
                            format!("`{}` has the same link as line {}", cut(&item.title, 60), first(other).line);
                        let remedy = "give each its own link, or join them";
                        findings.push(Finding::new(&item.path, place, Code::LinkTwice, message, remedy));
                    }
                    (None, Some(other))
                        if item.link.is_some()
                            && normalized(&first(other).title) == normalized(&item.title)
                            && first(other).categories == item.categories
                            && self.shown_on_line(first(other)) == self.shown_on_line(item) =>
                    {
                        let message =
                            format!("`{}` is the title of line {} as well", cut(&item.title, 60), first(other).line);
                        let remedy = "if it is the same story, leave one out; else tell them apart in the title";
                        findings.push(Finding::new(&item.path, place, Code::TitleTwice, message, remedy));
                    }
                    _ => {}
                }
                if let Some(link) = &item.link {
                    by_link.entry(link).or_insert(at);
                }
                by_title.entry(title).or_insert(at);
            }
            let doubles: HashSet<usize> = doubles.into_iter().collect();
            let mut at = 0..;
            section.items.retain(|_| at.next().is_none_or(|at| !doubles.contains(&at)));
        }
        self.sections = sections;
        self.findings.extend(findings);
    }

    /// The line an item begins on without the addresses in it: what tells two stories of one title apart.
    fn shown_on_line(&self, item: &Item) -> String {
        let line = self.reader.source.line_text(item.line);
        let mut shown = String::new();
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("](") {
            shown.push_str(before);
            rest = after.split_once(')').map_or("", |(_, rest)| rest);
        }
        normalized(&(shown + rest))
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
            let (slug, title, items) = (String::new(), String::new(), Vec::new());
            self.sections.push(Section { slug, title, items, line: 1, why: SectionWhy::Unnamed });
        }
        index
    }

    fn heading_item(&self, heading: usize, node: &Node, categories: &[String], why: ItemWhy) -> Draft<'a> {
        let body = self.outline().events_of(self.item_blocks(node.whole_body()));
        Draft {
            heading: Some(self.inline_of(heading)),
            id: self.outline().id_of(heading).map(str::to_owned),
            categories: categories.to_vec(),
            ..Draft::new(body, self.outline().blocks[heading].span.start, why)
        }
    }

    fn inline_of(&self, heading: usize) -> Vec<super::outline::Spanned<'a>> {
        let events = self.outline().of(heading);
        events[1..events.len().saturating_sub(1).max(1)].to_vec()
    }

    /// The blocks of an item: up to a thematic break; at the end of the file without the trailer.
    fn item_blocks(&self, body: Range<usize>) -> impl Iterator<Item = usize> + Clone + use<'_, 'r, 'a> {
        let blocks = &self.outline().blocks;
        let mut end = body.clone().find(|at| blocks[*at].kind == Kind::Break).unwrap_or(body.end);
        if body.end == blocks.len() {
            while end > body.start + 1 && (self.is_trailer(end - 1) || self.context.is_noise(end - 1)) {
                end -= 1;
            }
        }
        (body.start..end).filter(|at| !matches!(blocks[*at].kind, Kind::Footnote | Kind::Comment))
    }

    /// Raw HTML that closes a file, or a paragraph that is one link and no label: an advert, a way home.
    fn is_trailer(&self, block: usize) -> bool {
        match (self.outline().blocks[block].kind, self.outline().of(block)) {
            (Kind::Html | Kind::Footnote | Kind::Comment | Kind::Break, _) => true,
            (Kind::Paragraph, events @ [_, (Event::Start(Tag::Link { .. }), _), ..]) => {
                let end = end_of(events, 1);
                end + 2 == events.len() && !self.reader.is_label(&events[1..=end])
            }
            _ => false,
        }
    }
}

/// Items that stand under no section.
const UNNAMED: usize = usize::MAX;

/// Whether two titles of one link say the same, perhaps in another spelling, or one goes on where the other ends.
pub(super) fn are_alike(one: &str, other: &str) -> bool {
    /// Below this two titles tell of different things.
    const ALIKE: f64 = 0.9;
    /// So many letters are enough to be a beginning.
    const BEGINNING_CHARS: usize = 4;
    let (one, other) = (normalized(one), normalized(other));
    let (short, long) = if one.len() < other.len() { (&one, &other) } else { (&other, &one) };
    // Versions and years tell stories apart.
    let same_digits = digits(short) == digits(long);
    let goes_on = long.starts_with(short.as_str()) && short.chars().count() >= BEGINNING_CHARS;
    short == long || (same_digits && (goes_on || strsim::normalized_damerau_levenshtein(short, long) >= ALIKE))
}

/// A number for the letters and digits of a title (FNV-1a): titles that compare equal mostly have the same.
fn letters(title: &str) -> u64 {
    title.chars().filter(|c| is_cjk(*c) || c.is_alphanumeric()).fold(0xcbf2_9ce4_8422_2325, |hash, character| {
        (hash ^ u64::from(character.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The digits of a title: dates and versions tell stories apart.
fn digits(text: &str) -> String {
    text.chars().filter(|c| c.is_numeric()).collect()
}

/// Whether the link of an item is surely that of its story: what a text with a heading mentions, or its heading is about, may be
/// mentioned again.
fn is_told_by_its_link(item: &Item) -> bool {
    item.why == ItemWhy::ListEntry || (item.link_why == LinkWhy::Label && item.why != ItemWhy::LinkedHeading)
}

/// Whether an item leads to one event, and not to the group that holds several.
fn is_event(item: &Item) -> bool {
    let link = item.link.as_deref().unwrap_or_default().trim_end_matches('/');
    link.rsplit_once("/events/").is_some_and(|(_, event)| event.chars().all(|c| c.is_ascii_digit()))
}
