//! What each heading is: the title, the date of what follows, a section, or an item.
//!
//! Rules in the order they are tried, on the tree of headings of one file and on what was learnt over the folder. Everything
//! here only looks; [`super::section`] acts on it.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use pulldown_cmark::{Event, LinkType, Tag};

use super::learnt::{Learnt, Strength};
use super::outline::{Kind, Node, Outline, plain_start};
use super::split::{self, Shape, has_link, is_external};
use super::why::{ItemWhy, SectionWhy};
use super::{ItemForm, Rules, SectionRule, date, learnt, name};

/// The longest name of a series beside a date; a headline is longer.
const HEADING_CHARS: usize = 40;

/// The most letters that a heading has beside a date, when the date is all it says.
const SHORT_REST_CHARS: usize = 6;

/// The digests of one file are of dates at most so many days from the file's own: two months.
const ISSUES_APART_DAYS: i64 = 62;

/// The heading of a file's own digest names a date at most so many days from the file's: a week.
const OWN_HEADING_DAYS: i64 = 7;

/// So many headings of a file with one date are digests of their own: each is compared with the others of its date.
pub const MOST_OF_ONE_DATE: usize = 50;

/// So many headings of a file are compared with an overview of it.
const MOST_HEADINGS: usize = 200;

/// A file with so many linked list entries is a list of stories, however many files share its day.
const LIST_OF_STORIES: usize = 4;

/// The least text of an article, in bytes.
const ARTICLE_BYTES: usize = 600;

/// What the headings of a file are looked at with.
pub struct Context<'c, 'a> {
    /// The parsed file.
    pub outline: &'c Outline<'a>,
    /// How this publication writes.
    pub rules: &'c Rules,
    /// What recurs over the folder.
    pub learnt: &'c Learnt,
    /// The language that the path says.
    pub group: &'c str,
    /// The date of the file, as far as it is known without its headings.
    pub date: Option<NaiveDate>,
    /// All headings by their blocks, as they compare.
    names: BTreeMap<usize, String>,
    /// For each block whether readers are to see it, once that was asked.
    seen: Vec<OnceCell<bool>>,
    /// How many list entries of the file have a link, once that was asked.
    linked_entries: OnceCell<usize>,
}

impl<'c, 'a> Context<'c, 'a> {
    /// A context for one file.
    pub fn new(
        outline: &'c Outline<'a>,
        rules: &'c Rules,
        learnt: &'c Learnt,
        group: &'c str,
        date: Option<NaiveDate>,
    ) -> Context<'c, 'a> {
        let is_heading = |at: &usize| matches!(outline.blocks[*at].kind, Kind::Heading(_));
        let headings = (0..outline.blocks.len()).filter(is_heading);
        let names = headings.map(|at| (at, name::comparable(&outline.text_of(at)))).collect();
        let seen = vec![OnceCell::new(); outline.blocks.len()];
        Context { outline, rules, learnt, group, date, names, seen, linked_entries: OnceCell::new() }
    }
}

/// What a heading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It holds items.
    Section(SectionWhy),
    /// It is the title of one.
    Item(ItemWhy),
    /// The configuration passes over it and what stands below it.
    Skipped,
}

/// The headings of a file that are neither section nor item, and what they hold.
#[derive(Default)]
pub struct Layout<'n> {
    /// The heading that is the document's title.
    pub title: Option<usize>,
    /// The dated parts in file order; one when the file is one digest.
    pub issues: Vec<Issue<'n>>,
    /// The first heading of each date that is no digest of its own any more because too many have this date.
    pub repeated: Vec<(usize, NaiveDate)>,
}

impl Layout<'_> {
    /// Joins what stands below more than [`MOST_OF_ONE_DATE`] headings of one date to the last of these.
    fn join_repeated(&mut self) {
        let mut of_date: HashMap<NaiveDate, Vec<usize>> = HashMap::new();
        let mut kept: Vec<Issue<'_>> = Vec::with_capacity(self.issues.len());
        let mut repeated: HashMap<NaiveDate, usize> = HashMap::new();
        for issue in std::mem::take(&mut self.issues) {
            let same = issue.dated.map(|(heading, date)| (heading, date, of_date.entry(date).or_default()));
            match same {
                Some((heading, date, same)) if same.len() == MOST_OF_ONE_DATE => {
                    repeated.entry(date).or_insert(heading);
                    let last = &mut kept[same[MOST_OF_ONE_DATE - 1]];
                    last.lead.extend(issue.lead);
                    last.nodes.extend(issue.nodes);
                    continue;
                }
                Some((.., same)) => same.push(kept.len()),
                None => {}
            }
            kept.push(issue);
        }
        self.issues = kept;
        self.repeated = repeated.into_iter().map(|(date, heading)| (heading, date)).collect();
        self.repeated.sort_unstable();
    }
}

/// One digest of a file.
#[derive(Default)]
pub struct Issue<'n> {
    /// Its heading and the date in it; `None` for what no dated heading holds.
    pub dated: Option<(usize, NaiveDate)>,
    /// The blocks before the first section or item.
    pub lead: Vec<usize>,
    /// The headings that are sections or items.
    pub nodes: Vec<&'n Node>,
}

struct Facts {
    linked: bool,
    strength: Option<Strength>,
    shape: Shape,
    has_prose: bool,
}

impl<'c> Context<'c, '_> {
    /// Finds the title and the dated parts: a heading that only holds others is passed through, and its children move up.
    pub fn layout<'n>(&self, root: &'n Node) -> Layout<'n> {
        let mut layout = Layout {
            issues: vec![Issue { lead: root.body.clone().collect(), ..Issue::default() }],
            ..Layout::default()
        };
        let tops: Vec<&Node> = root.children.iter().collect();
        self.unfold(&tops, &mut layout);
        let mut dates: Vec<NaiveDate> = layout.issues.iter().filter_map(|i| i.dated.map(|(_, date)| date)).collect();
        dates.dedup();
        if dates.len() < 2 {
            let mut one = Issue::default();
            for issue in layout.issues {
                one.dated = one.dated.or(issue.dated);
                one.lead.extend(issue.lead);
                one.nodes.extend(issue.nodes);
            }
            layout.title = layout.title.or(one.dated.map(|(heading, _)| heading));
            layout.issues = vec![one];
        } else {
            // What stands before the first date belongs to it.
            let first = layout.issues.remove(0);
            if let Some(next) = layout.issues.first_mut() {
                next.lead.splice(..0, first.lead);
                next.nodes.splice(..0, first.nodes);
            }
            layout.join_repeated();
        }
        layout
    }

    fn unfold<'n>(&self, nodes: &[&'n Node], layout: &mut Layout<'n>) {
        let h1s = nodes.iter().filter(|node| node.level == 1).count();
        let names: Vec<&str> = nodes.iter().map(|node| self.name(node)).collect();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        names.iter().for_each(|name| *counts.entry(name).or_default() += 1);
        for (at, node) in nodes.iter().enumerate() {
            let Some(heading) = node.heading else { continue };
            let is_section = self.learnt.strength(self.group, names[at]).is_some();
            let alone = nodes.len() == 1;
            // A lone `##` over plain items is the day's one section; over sections it is the title.
            let holds_sections = alone && node.children.iter().any(|child| !child.children.is_empty());
            let sole_h1 = node.level == 1 && h1s == 1 && !is_section;
            let recurs_here = counts.get(names[at]).is_some_and(|count| *count > 1);
            let above = self.rules.section_level.is_some_and(|level| node.level < level && !node.children.is_empty());
            if let Some(date) = self.issue_date(heading, at == 0 || node.level == 1, alone, recurs_here) {
                let nodes: Vec<&Node> = node.children.iter().collect();
                layout.issues.push(Issue {
                    dated: Some((heading, date)),
                    lead: node.body.clone().collect(),
                    ..Issue::default()
                });
                self.unfold(&nodes, layout);
            } else if layout.title.is_none() && (sole_h1 || (holds_sections && !is_section)) || above {
                layout.title = layout.title.or((sole_h1 || holds_sections).then_some(heading));
                let nodes: Vec<&Node> = node.children.iter().collect();
                if let Some(issue) = layout.issues.last_mut() {
                    issue.lead.extend(node.body.clone());
                }
                self.unfold(&nodes, layout);
            } else if let Some(issue) = layout.issues.last_mut() {
                issue.nodes.push(node);
            }
        }
    }

    /// The date of a heading that dates what follows it.
    ///
    /// A headline may have a date in it as well; but it is a link, or no other heading is like it.
    fn issue_date(&self, heading: usize, leads: bool, alone: bool, recurs_here: bool) -> Option<NaiveDate> {
        let text = self.outline.text_of(heading);
        let found = date::in_text(&text)?;
        if has_link(self.outline.of(heading)) {
            return None;
        }
        let rest = self.names.get(&heading).map_or("", String::as_str);
        let is_bare = rest.chars().filter(|c| c.is_alphabetic()).count() <= SHORT_REST_CHARS;
        let fits = self.date.is_none_or(|date| (found - date).num_days().abs() <= ISSUES_APART_DAYS);
        // The day's own heading: its date is the file's, or there is no other, or it is all that the heading says.
        let is_file_s =
            self.date.is_none_or(|date| (found - date).num_days().abs() <= OWN_HEADING_DAYS) && (alone || leads);
        let is_short = rest.chars().count() <= HEADING_CHARS;
        let recurs = recurs_here || self.learnt.strength(self.group, rest).is_some();
        (fits && (is_bare || (is_short && recurs) || (is_file_s && (is_short || alone)))).then_some(found)
    }

    /// What each of some headings is that stand beside each other, below a section or not.
    pub fn roles(&self, nodes: &[&Node], inside: bool) -> Vec<Role> {
        let facts: Vec<Facts> = nodes.iter().map(|node| self.facts(node)).collect();
        let most = |count: usize| count * 2 > nodes.len();
        let group = Group {
            recurs: most(facts.iter().filter(|facts| facts.strength.is_some()).count()),
            among_sections: nodes.iter().zip(&facts).any(|(node, facts)| {
                !node.children.is_empty() || (facts.shape == Shape::List && !facts.linked) || facts.strength.is_some()
            }),
            attributes: self.are_attributes(nodes),
            marked: nodes.len() < 3 || most(facts.iter().filter(|facts| facts.shape.is_marked()).count()),
            inside,
        };
        let roles = nodes.iter().zip(&facts);
        roles.map(|(node, facts)| self.role(node, facts, &group)).collect()
    }

    fn role(&self, node: &Node, facts: &Facts, group: &Group) -> Role {
        let Facts { linked, strength, shape, has_prose } = *facts;
        let item = Role::Item(if linked { ItemWhy::LinkedHeading } else { ItemWhy::Heading });
        let holds = !node.children.is_empty() || shape.is_marked();
        if node.heading.is_none() || self.is_skipped(node) {
            return Role::Skipped;
        }
        if self.known_by(self.name(node)).is_some() && (!group.inside || holds) {
            return Role::Section(SectionWhy::Configured);
        }
        if let Some(level) = self.rules.section_level
            && node.level == level
        {
            return Role::Section(SectionWhy::Configured);
        }
        match self.rules.items {
            ItemForm::Heading(level) if node.level < level => return Role::Section(SectionWhy::Configured),
            ItemForm::Heading(level) if node.level == level => return item,
            ItemForm::List | ItemForm::Numbered | ItemForm::Bold | ItemForm::Paragraph if !linked => {
                return Role::Section(SectionWhy::Configured);
            }
            _ => {}
        }
        let is_bare_list = shape == Shape::List && !has_prose;
        let holds_others = !node.children.is_empty() && !has_prose;
        let is_rubric = match strength {
            Some(Strength::Frequent) => is_bare_list || holds_others || !self.has_links_below(node),
            Some(Strength::Recurs) => is_bare_list || holds_others,
            None => false,
        };
        if linked && !is_rubric {
            return item;
        }
        if group.inside && !holds && (shape == Shape::Prose || (shape == Shape::Empty && has_prose)) {
            // Below a section a text with a heading is an item, though its heading be the same each day: Weather, Markets.
            return item;
        }
        match strength {
            Some(Strength::Frequent) => return Role::Section(SectionWhy::Recurs),
            Some(Strength::Recurs) if group.recurs => return Role::Section(SectionWhy::Recurs),
            _ => {}
        }
        if group.inside {
            // Below an item heading, a list or a deeper heading belongs to the item's body.
            return if has_prose || !holds { item } else { Role::Section(why(node)) };
        }
        if !node.children.is_empty() {
            return if group.attributes || self.is_article(node) {
                item
            } else {
                Role::Section(SectionWhy::HoldsHeadings)
            };
        }
        if strength.is_none() && self.has_address_below(node) {
            return item;
        }
        let stands_alone = strength.is_none() && self.learnt.knows(self.group) && !group.marked && has_prose;
        if shape.is_marked() && !stands_alone && (!has_prose || self.entries_are_linked(node)) {
            return Role::Section(SectionWhy::HoldsEntries);
        }
        if shape == Shape::Empty && group.among_sections {
            return Role::Section(SectionWhy::AmongSections);
        }
        item
    }

    fn facts(&self, node: &Node) -> Facts {
        let mut blocks = self.visible(node.body.clone());
        // At the end of the file a thematic break begins what is no item's.
        if node.whole_body().end == self.outline.blocks.len()
            && let Some(first) = blocks.iter().position(|at| self.outline.blocks[*at].kind == Kind::Break)
            && split::shape(self.outline, &blocks) != Shape::Parts
        {
            blocks.truncate(first);
        }
        let linked = node.heading.is_some_and(|heading| self.is_linked(heading));
        Facts {
            linked,
            strength: self.learnt.strength(self.group, self.name(node)),
            shape: split::shape(self.outline, &blocks),
            has_prose: node.body.clone().any(|at| self.outline.blocks[at].kind == Kind::Paragraph),
        }
    }

    /// The blocks that readers are to see: no comments, no standing texts, no introduction in emphasis.
    pub fn visible(&self, blocks: impl Iterator<Item = usize>) -> Vec<usize> {
        let kind = |at: usize| self.outline.blocks[at].kind;
        let is_seen = |at: usize| match kind(at) {
            Kind::Comment | Kind::Footnote => false,
            Kind::List => !self.repeats_headings(at),
            Kind::Paragraph => !self.is_noise(at) && !self.repeats_headings(at),
            _ => !self.is_noise(at),
        };
        let mut blocks: Vec<usize> = blocks.filter(|at| *self.seen[*at].get_or_init(|| is_seen(*at))).collect();
        if let [first, _, ..] = blocks.as_slice()
            && split::is_all_emphasis(self.outline.of(*first))
        {
            blocks.remove(0);
        }
        blocks
    }

    /// How many top-level list entries of the file have a link.
    pub fn linked_entries(&self) -> usize {
        *self.linked_entries.get_or_init(|| split::linked_in_lists(self.outline, 0..self.outline.blocks.len()))
    }

    /// What a heading is compared by.
    pub fn name(&self, node: &Node) -> &str {
        node.heading.and_then(|heading| self.names.get(&heading)).map_or("", String::as_str)
    }

    fn has_links_below(&self, node: &Node) -> bool {
        node.whole_body().any(|at| has_link(self.outline.of(at)))
    }

    /// Whether the first thing below a heading is an address: that of its story.
    fn has_address_below(&self, node: &Node) -> bool {
        let Some(first) = node.body.clone().next() else { return false };
        let begins = self.outline.of(first).get(1).map(|(event, _)| event);
        self.outline.blocks[first].kind == Kind::Paragraph
            && matches!(begins, Some(Event::Start(Tag::Link { link_type: LinkType::Autolink, .. })))
    }

    fn entries_are_linked(&self, node: &Node) -> bool {
        let mut lists = node.body.clone().filter(|at| self.outline.blocks[*at].kind != Kind::Paragraph);
        let is_list = node.body.clone().any(|at| self.outline.blocks[at].kind == Kind::List);
        !is_list || lists.any(|at| has_link(self.outline.of(at)))
    }

    /// Whether a heading has most of its text before the headings below it: an article with chapters or sources.
    fn is_article(&self, node: &Node) -> bool {
        let paragraphs = node.body.clone().filter(|at| self.outline.blocks[*at].kind == Kind::Paragraph);
        let own: Vec<usize> = paragraphs.map(|at| self.outline.blocks[at].span.len()).collect();
        let below: usize = (node.body.end..node.whole_body().end).map(|at| self.outline.blocks[at].span.len()).sum();
        let bytes: usize = own.iter().sum();
        own.len() > 1 && bytes >= ARTICLE_BYTES && bytes > below
    }

    /// Whether a text gives an overview of what stands below it: links into this file, or the words of its headings.
    fn repeats_headings(&self, block: usize) -> bool {
        const MOST_LINES: usize = 60;
        const LINE_BYTES: usize = 160;
        const FIRST_LINES: usize = 3;
        let events = self.outline.of(block);
        if split::is_contents(events) {
            return true;
        }
        let lines = memchr::memchr_iter(b'\n', self.outline.source_of(block).as_bytes()).take(2).count();
        if self.names.len() < 2 || lines == 0 || has_link(events) {
            return false;
        }
        let text = plain_start(events, MOST_LINES * LINE_BYTES);
        if text.len() > MOST_LINES * LINE_BYTES || text.lines().take(FIRST_LINES).any(|line| line.len() > LINE_BYTES) {
            return false;
        }
        let mut lines = text.lines().take(MOST_LINES).map(name::comparable).filter(|line| line.len() > 3);
        let is_heading = |line: &String| self.names.values().take(MOST_HEADINGS).any(|name| says_same(name, line));
        // Most texts that are no overview are told by their first lines.
        let first: Vec<bool> = lines.by_ref().take(FIRST_LINES).map(|line| is_heading(&line)).collect();
        if first.len() < 2 || !first.contains(&true) {
            return false;
        }
        let all: Vec<bool> = first.into_iter().chain(lines.map(|line| is_heading(&line))).collect();
        all.iter().filter(|is_heading| **is_heading).count() * 2 > all.len()
    }

    /// Whether what stands below these headings are attributes of them: `## Title` and one `#### Author` each.
    fn are_attributes(&self, nodes: &[&Node]) -> bool {
        let holders: Vec<&&Node> = nodes.iter().filter(|node| !node.children.is_empty()).collect();
        let one_each = holders.len() > 1 && holders.iter().all(|node| node.children.len() == 1);
        let first_word = |node: &Node| {
            let heading = node.heading?;
            let text = self.outline.text_of(heading);
            text.split([' ', ':', '：']).next().map(str::to_lowercase)
        };
        let mut words: Vec<Option<String>> = holders.iter().map(|node| first_word(&node.children[0])).collect();
        words.dedup();
        one_each && words.len() == 1
    }

    /// The section that the configuration has for a heading.
    pub fn known(&self, heading: &str) -> Option<&'c SectionRule> {
        if self.rules.sections.is_empty() { None } else { self.known_by(&name::comparable(heading)) }
    }

    /// The section that the configuration has for headings that compare by a name.
    fn known_by(&self, name: &str) -> Option<&'c SectionRule> {
        let mut rules = self.rules.sections.iter();
        rules.find(|rule| rule.headings.iter().chain(&rule.title).any(|heading| name::comparable(heading) == name))
    }

    /// The heading of many digests, or of the configuration, that one was probably meant to be.
    pub fn likely_spelling(&self, heading: &str) -> Option<String> {
        /// Shorter words are too often words of their own.
        const MIN_CHARS: usize = 4;
        let name = name::comparable(heading);
        let length = name.chars().count();
        let is_ascii = name.is_ascii();
        if length < MIN_CHARS || self.learnt.strength(self.group, &name).is_some() {
            return None;
        }
        let most = if length < 8 { 1 } else { 2 };
        let is_near = |other: &str| {
            other != name
                && other.is_ascii() == is_ascii
                && other.chars().count().abs_diff(length) <= most
                // A plural is no mistake.
                && other.trim_end_matches('s') != name.trim_end_matches('s')
                && strsim::damerau_levenshtein(&name, other) <= most
        };
        let configured = self.rules.sections.iter().flat_map(|rule| rule.headings.iter().chain(&rule.title));
        let mut configured = configured.filter(|heading| is_near(&name::comparable(heading))).cloned();
        let is_in_file = |other: &str| self.names.values().any(|name| name == other);
        let mut learnt: Vec<(&str, &str)> =
            self.learnt.frequent(self.group).filter(|(name, _)| is_near(name)).collect();
        learnt.retain(|(name, _)| !is_in_file(name));
        learnt.sort_unstable();
        configured.next().or_else(|| learnt.first().map(|(_, title)| (*title).to_owned()))
    }

    /// Whether the configuration passes over a heading.
    pub fn is_skipped(&self, node: &Node) -> bool {
        self.rules.skip.iter().any(|heading| name::comparable(heading) == self.name(node))
    }

    /// Whether a link to another site covers a heading or begins it.
    fn is_linked(&self, heading: usize) -> bool {
        let base = self.rules.base.as_ref();
        for (event, _) in self.outline.of(heading) {
            match event {
                Event::Start(Tag::Link { dest_url, .. }) => {
                    return is_external(dest_url) || base.is_some_and(|_| !dest_url.starts_with('#'));
                }
                Event::Text(text) if text.chars().any(char::is_alphabetic) => return false,
                Event::Code(_) => return false,
                _ => {}
            }
        }
        false
    }

    /// Whether the file is one item: many files share its day, and it is no list of stories itself.
    pub fn is_one_story(&self, layout: &Layout<'_>) -> bool {
        if self.rules.items == ItemForm::File {
            return true;
        }
        let [issue] = layout.issues.as_slice() else { return false };
        if !self.learnt.one_story_a_file() || layout.title.is_none() {
            return false;
        }
        let linked_headings = issue.nodes.iter().filter(|n| n.heading.is_some_and(|at| self.is_linked(at))).count();
        linked_headings < 2
            && self.linked_entries() < LIST_OF_STORIES
            && !matches!(split::shape(self.outline, &issue.lead), Shape::Numbered | Shape::Bold | Shape::Table)
    }

    /// Whether a block says the same in so many digests that it is no news.
    pub fn is_noise(&self, block: usize) -> bool {
        self.learnt.is_noise(learnt::hash_of(self.outline, block))
    }

    /// Whether a list entry beside the main list says the same in many digests.
    pub fn is_noise_entry(&self, text: &str) -> bool {
        self.learnt.is_noise(learnt::hash_of_entry(text))
    }

    /// Whether most of some paragraphs begin as those of many digests do: one text in a form, not many stories.
    pub fn is_form(&self, heading: &str, blocks: &[usize]) -> bool {
        let paragraphs: Vec<usize> =
            blocks.iter().copied().filter(|at| self.outline.blocks[*at].kind == Kind::Paragraph).collect();
        let begins_so = |at: &&usize| {
            learnt::opening(self.outline, **at, self.group, heading).is_some_and(|opening| self.learnt.is_form(opening))
        };
        paragraphs.iter().filter(begins_so).count() * 2 >= paragraphs.len()
    }
}

/// What some headings beside each other have in common.
struct Group {
    /// Most of them recur.
    recurs: bool,
    /// One of them at least is a section.
    among_sections: bool,
    /// What stands below them are attributes.
    attributes: bool,
    /// Most of them hold lists or the like.
    marked: bool,
    /// They stand in a section.
    inside: bool,
}

/// Whether a line repeats a heading, perhaps shortened.
fn says_same(heading: &str, line: &str) -> bool {
    let (short, long) = if line.len() < heading.len() { (line, heading) } else { (heading, line) };
    short == long || (short.len() > 8 && long.len() < short.len() * 2 && long.contains(short))
}

fn why(node: &Node) -> SectionWhy {
    if node.children.is_empty() { SectionWhy::HoldsEntries } else { SectionWhy::HoldsHeadings }
}
