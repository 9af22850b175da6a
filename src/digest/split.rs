//! How a text without item headings falls into items: list entries, numbered or bold paragraphs, table rows, paragraphs, or one.
//!
//! Only where items begin and end; what stands in one is [`super::item`]'s matter.

use std::cell::OnceCell;
use std::collections::HashSet;

use pulldown_cmark::{Event, LinkType, Tag, TagEnd};

use super::fields::{self, Labelled};
use super::html::end_of;
use super::item::{Draft, KEYCAP, numbering};
use super::outline::{Kind, Outline, Spanned, plain};
use super::text::{into_line, is_sign};
use super::why::ItemWhy;

/// What a text is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Nothing that a reader would see.
    Empty,
    /// Lists.
    List,
    /// Paragraphs or lines that begin with a number: `1、`, `2）`, `3.text`.
    Numbered,
    /// Paragraphs that begin with a title in bold.
    Bold,
    /// A table of linked rows.
    Table,
    /// Addresses, each on a line of its own with its text below.
    Addresses,
    /// Paragraphs of which most have a link.
    Paragraphs,
    /// Texts between thematic breaks.
    Parts,
    /// One text.
    Prose,
}

impl Shape {
    /// Whether the text falls into several items by marks that its author set.
    pub fn is_marked(self) -> bool {
        matches!(self, Shape::List | Shape::Numbered | Shape::Bold | Shape::Table)
    }
}

/// The longest text of a list entry that only names what the entries below it have in common, in characters.
const MAX_GROUP_CHARS: usize = 60;

/// So much text before a list is an introduction, however short its entries are.
const INTRODUCTION_BYTES: usize = 60;

/// What some blocks are made of.
pub fn shape(outline: &Outline<'_>, blocks: &[usize]) -> Shape {
    let mut counts = Counts::default();
    blocks.iter().for_each(|at| counts.take(outline, *at));
    let Counts { all, in_lists, linked_entries, paragraphs, linked_paragraphs, .. } = counts;
    let in_text = all - in_lists;
    // Sources below an article are a list as well.
    let is_main =
        linked_entries > 1 && linked_entries > 2 * linked_paragraphs && in_text < 4 * in_lists + INTRODUCTION_BYTES;
    match () {
        () if counts.visible == 0 => Shape::Empty,
        () if counts.clearly_numbered > 0 || counts.numbered > counts.linked_entries.max(1) => Shape::Numbered,
        () if counts.parts(outline, blocks) > 2 => Shape::Parts,
        () if are_addresses(outline, blocks) => Shape::Addresses,
        () if counts.lists > 0 && (in_lists >= in_text || is_main) => Shape::List,
        () if counts.titled > 0 || (counts.bold > 1 && counts.bold_linked * 2 >= counts.bold) => Shape::Bold,
        () if counts.linked_rows > 1 => Shape::Table,
        () if counts.begins_with_paragraph && paragraphs > 1 && linked_paragraphs * 10 >= paragraphs * 7 => {
            Shape::Paragraphs
        }
        () => Shape::Prose,
    }
}

#[derive(Default)]
struct Counts {
    /// Letters and digits that are no addresses, in everything and in lists.
    all: usize,
    in_lists: usize,
    visible: usize,
    lists: usize,
    linked_entries: usize,
    linked_rows: usize,
    begins_with_paragraph: bool,
    paragraphs: usize,
    linked_paragraphs: usize,
    numbered: usize,
    /// Numbered with a mark that no prose has.
    clearly_numbered: usize,
    bold: usize,
    bold_linked: usize,
    /// Bold, and a link on the next line, or fields below.
    titled: usize,
    /// The block that was looked at last begins bold.
    ends_bold: bool,
    breaks: usize,
}

impl Counts {
    fn take(&mut self, outline: &Outline<'_>, at: usize) {
        let events = outline.of(at);
        let kind = outline.blocks[at].kind;
        match kind {
            Kind::Footnote | Kind::Comment | Kind::Heading(_) => return,
            Kind::Break => {
                self.breaks += 1;
                return;
            }
            Kind::List => {
                self.lists += 1;
                self.in_lists += spoken(events);
                self.linked_entries += linked_entries(events);
            }
            Kind::Table => self.linked_rows += rows(events).filter(|row| has_link(&events[row.clone()])).count(),
            Kind::Paragraph => {
                self.begins_with_paragraph |= self.visible == 0;
                self.take_paragraph(events);
            }
            Kind::Fields => self.titled += usize::from(self.ends_bold),
            Kind::Html | Kind::Code | Kind::Quote | Kind::Other => {}
        }
        self.ends_bold = kind == Kind::Paragraph && bold_lead(events).is_some();
        self.visible += 1;
        self.all += spoken(events);
    }

    /// How many texts thematic breaks divide the blocks into.
    fn parts(&self, outline: &Outline<'_>, blocks: &[usize]) -> usize {
        if self.breaks < 2 {
            return 0;
        }
        parts(outline, blocks).filter(|part| part.iter().any(|at| has_link(outline.of(*at)))).count()
    }

    fn take_paragraph(&mut self, events: &[Spanned<'_>]) {
        let linked = has_link(events);
        self.paragraphs += 1;
        self.linked_paragraphs += usize::from(linked);
        for line in line_starts(events) {
            match number_at(events, line) {
                // Points of one text have such numbers as well.
                Some((KEYCAP, _)) if !linked => {}
                Some((mark, _)) => {
                    self.numbered += 1;
                    self.clearly_numbered += usize::from(matches!(mark, '、' | '．' | '）'));
                }
                None => {}
            }
        }
        if let Some(end) = bold_lead(events) {
            self.bold += 1;
            self.bold_linked += usize::from(linked);
            let goes_on = &events[end + 1..];
            let breaks = goes_on.iter().position(|(event, _)| matches!(event, Event::HardBreak | Event::SoftBreak));
            let is_link = |at: usize| matches!(goes_on.get(at + 1), Some((Event::Start(Tag::Link { .. }), _)));
            self.titled += usize::from(breaks == Some(0) && is_link(0));
        }
    }
}

/// Whether some blocks begin with an address on a line of its own, and each such address has a text below it.
fn are_addresses(outline: &Outline<'_>, blocks: &[usize]) -> bool {
    let (mut addresses, mut has_text) = (0_usize, true);
    for at in blocks.iter().filter(|at| !matches!(outline.blocks[**at].kind, Kind::Comment | Kind::Break)) {
        match address_lead(outline.of(*at)) {
            Some(end) if has_text => {
                addresses += 1;
                has_text = outline.of(*at).len() > end + 2;
            }
            Some(_) => return false,
            None if addresses == 0 => return false,
            None => has_text = true,
        }
    }
    addresses > 1 && has_text
}

/// Whether two paragraphs or more begin with a title in bold and have a link: what stands before the first heading may as well be
/// an imprint, `**Editor:** [Ann](…)`, whose bold texts are labels.
pub fn has_bold_titles(outline: &Outline<'_>, blocks: &[usize]) -> bool {
    let is_title = |at: &&usize| {
        let events = outline.of(**at);
        let Some(end) = bold_lead(events).filter(|_| outline.blocks[**at].kind == Kind::Paragraph) else {
            return false;
        };
        let is_colon = |text: &str| text.starts_with([':', '：']);
        let is_label = matches!(events.get(end + 1), Some((Event::Text(after), _)) if is_colon(after.trim_start()))
            || plain(&events[..end]).trim_end().ends_with([':', '：']);
        has_link(&events[..end]) || (has_link(events) && !is_label)
    };
    blocks.iter().filter(is_title).count() > 1
}

/// The end of the address that a paragraph begins with, if it stands alone on its line.
fn address_lead(paragraph: &[Spanned<'_>]) -> Option<usize> {
    let is_address = |event: &Event<'_>| matches!(event, Event::Start(Tag::Link { link_type: LinkType::Autolink, .. }));
    let [(Event::Start(Tag::Paragraph), _), (link, _), ..] = paragraph else { return None };
    let end = end_of(paragraph, 1);
    let ends_line = matches!(
        paragraph.get(end + 1),
        Some((Event::SoftBreak | Event::HardBreak | Event::End(TagEnd::Paragraph), _))
    );
    (is_address(link) && ends_line).then_some(end)
}

/// The blocks between thematic breaks.
fn parts<'b>(outline: &'b Outline<'_>, blocks: &'b [usize]) -> impl Iterator<Item = &'b [usize]> {
    blocks.split(|at| outline.blocks[*at].kind == Kind::Break).filter(|part| !part.is_empty())
}

/// How many bytes of text some events have beside addresses.
fn spoken(events: &[Spanned<'_>]) -> usize {
    let mut in_address = false;
    let mut bytes = 0;
    for (event, _) in events {
        match event {
            Event::Start(Tag::Link { link_type: LinkType::Autolink, .. }) => in_address = true,
            Event::End(TagEnd::Link) => in_address = false,
            Event::Text(text) | Event::Code(text) if !in_address => bytes += text.len(),
            _ => {}
        }
    }
    bytes
}

/// The items of some blocks of a shape.
pub fn drafts<'a>(outline: &Outline<'a>, blocks: &[usize], shape: Shape) -> Vec<Draft<'a>> {
    match shape {
        Shape::Empty => Vec::new(),
        Shape::List => {
            let lists = blocks.iter().filter(|at| outline.blocks[**at].kind == Kind::List);
            lists.flat_map(|at| entries(outline.of(*at), &[])).collect()
        }
        Shape::Numbered => runs(outline, blocks, ItemWhy::Numbered, |events| {
            let starts = line_starts(events).filter(|line| number_at(events, *line).is_some());
            starts.collect()
        }),
        Shape::Bold => {
            runs(outline, blocks, ItemWhy::Bold, |events| bold_lead(events).map(|_| 1).into_iter().collect())
        }
        Shape::Addresses => addressed(outline, blocks),
        Shape::Paragraphs => {
            runs(outline, blocks, ItemWhy::Paragraph, |events| Vec::from_iter(has_link(events).then_some(1)))
        }
        Shape::Table => {
            let tables = blocks.iter().filter(|at| outline.blocks[**at].kind == Kind::Table);
            tables.flat_map(|at| table_rows(outline.of(*at))).collect()
        }
        Shape::Parts => parts(outline, blocks)
            .flat_map(|part| match self::shape(outline, part) {
                Shape::Prose | Shape::Paragraphs | Shape::Parts => Vec::from_iter(whole(outline, part, ItemWhy::Part)),
                shape => drafts(outline, part, shape),
            })
            .collect(),
        Shape::Prose => Vec::from_iter(whole(outline, blocks, ItemWhy::Prose)),
    }
}

/// Addresses with what stands below them; lists of links between them are items as well.
fn addressed<'a>(outline: &Outline<'a>, blocks: &[usize]) -> Vec<Draft<'a>> {
    let is_of_links = |at: &usize| {
        let events = outline.of(*at);
        outline.blocks[*at].kind == Kind::List && linked_entries(events) == entry_ranges(events).count()
    };
    let starts = |events: &[Spanned<'a>]| -> Vec<usize> { address_lead(events).map(|_| 1).into_iter().collect() };
    let runs_and_lists = blocks.chunk_by(|one, next| !is_of_links(one) && !is_of_links(next));
    let drafts = runs_and_lists.flat_map(|chunk| match chunk {
        [list] if is_of_links(list) => entries(outline.of(*list), &[]),
        run => runs(outline, run, ItemWhy::Paragraph, starts),
    });
    drafts.collect()
}

/// Everything as one item, if there is anything.
pub fn whole<'a>(outline: &Outline<'a>, blocks: &[usize], why: ItemWhy) -> Option<Draft<'a>> {
    let visible = |at: &&usize| {
        !matches!(outline.blocks[**at].kind, Kind::Footnote | Kind::Comment | Kind::Break | Kind::Heading(_))
    };
    let says = |at: &&usize| visible(at) && plain(outline.of(**at)).chars().any(char::is_alphanumeric);
    let first = blocks.iter().find(says).or_else(|| blocks.iter().find(visible))?;
    let body = outline.events_of(blocks.iter().filter(visible).copied());
    Some(Draft::new(body, outline.blocks[*first].span.start, why))
}

/// Items that begin inside paragraphs and take in every block up to the next. `starts` gives the events of a paragraph at
/// which items begin.
fn runs<'a>(
    outline: &Outline<'a>,
    blocks: &[usize],
    why: ItemWhy,
    starts: impl Fn(&[Spanned<'a>]) -> Vec<usize>,
) -> Vec<Draft<'a>> {
    let mut drafts: Vec<Draft<'a>> = Vec::new();
    for at in blocks {
        let events = outline.of(*at);
        match outline.blocks[*at].kind {
            Kind::Footnote | Kind::Comment | Kind::Heading(_) | Kind::Break => {}
            Kind::Paragraph => {
                let mut starts = starts(events);
                let inline_end = events.len().saturating_sub(1);
                let first = starts.first().copied().unwrap_or(inline_end);
                if first > 1
                    && let Some(draft) = drafts.last_mut()
                {
                    draft.body.extend(paragraph(&events[1..first]));
                }
                starts.push(inline_end);
                for pair in starts.windows(2) {
                    let line = &events[pair[0]..pair[1].max(pair[0])];
                    let offset = line.first().map_or(events[0].1.start, |(_, span)| span.start);
                    drafts.push(Draft::new(paragraph(line), offset, why));
                }
            }
            Kind::List if drafts.is_empty() && has_link(events) => drafts.extend(entries(events, &[])),
            _ => {
                if let Some(draft) = drafts.last_mut() {
                    draft.body.extend(events.iter().cloned());
                }
            }
        }
    }
    drafts
}

/// Inline events as a paragraph, without the line breaks at its ends.
fn paragraph<'a>(inline: &[Spanned<'a>]) -> Vec<Spanned<'a>> {
    let is_break = |(event, _): &Spanned<'_>| matches!(event, Event::SoftBreak | Event::HardBreak);
    let start = inline.iter().position(|event| !is_break(event)).unwrap_or(inline.len());
    let end = inline.iter().rposition(|event| !is_break(event)).map_or(start, |last| last + 1);
    let inline = &inline[start..end.max(start)];
    let Some(at) = inline.first().map(|(_, span)| span.start) else { return Vec::new() };
    let mut events = Vec::with_capacity(inline.len() + 2);
    events.push((Event::Start(Tag::Paragraph), at..at));
    events.extend(inline.iter().cloned());
    events.push((Event::End(TagEnd::Paragraph), at..at));
    events
}

/// The positions of the first event of each line of a paragraph.
fn line_starts<'e>(events: &'e [Spanned<'_>]) -> impl Iterator<Item = usize> + 'e {
    let breaks = events.iter().enumerate();
    let breaks = breaks.filter(|(_, (event, _))| matches!(event, Event::SoftBreak | Event::HardBreak));
    std::iter::once(1).chain(breaks.map(|(at, _)| at + 1))
}

/// The mark after the number that a line begins with, and the bytes up to and with it.
fn number_at(events: &[Spanned<'_>], at: usize) -> Option<(char, usize)> {
    match events.get(at) {
        Some((Event::Text(text), _)) => numbering(text),
        _ => None,
    }
}

/// The end of the bold text that a paragraph begins with, perhaps after a sign.
fn bold_lead(events: &[Spanned<'_>]) -> Option<usize> {
    let at = if matches!(events.get(1), Some((Event::Text(text), _)) if is_sign(text)) { 2 } else { 1 };
    matches!(events.get(at), Some((Event::Start(Tag::Strong), _))).then(|| end_of(events, at))
}

/// Whether a link stands in some events that leads out of this file, even when where to is not known.
pub fn has_link(events: &[Spanned<'_>]) -> bool {
    events.iter().any(
        |(event, _)| matches!(event, Event::Start(Tag::Link { dest_url, .. }) if !dest_url.trim_start().starts_with('#')),
    )
}

/// Whether a list says where in this file something stands: a table of contents.
pub fn is_contents(list: &[Spanned<'_>]) -> bool {
    let links = list.iter().filter_map(|(event, _)| match event {
        Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url.trim_start().starts_with('#')),
        _ => None,
    });
    let (inside, all) = links.fold((0, 0), |(inside, all), is_inside| (inside + usize::from(is_inside), all + 1));
    inside > 1 && inside * 2 > all
}

/// Whether a paragraph is all emphasis: at the beginning of a section, what it is for.
pub fn is_all_emphasis(events: &[Spanned<'_>]) -> bool {
    let Some((Event::Start(Tag::Emphasis), _)) = events.get(1) else { return false };
    let end = end_of(events, 1);
    let rest = events.get(end + 1..events.len().saturating_sub(1)).unwrap_or_default();
    rest.iter().all(|(event, _)| matches!(event, Event::Text(text) if !text.chars().any(char::is_alphanumeric)))
}

/// Whether a target is an address of the web, and not one of this site.
pub fn is_external(destination: &str) -> bool {
    let destination = destination.trim_start();
    let starts = |scheme: &str| destination.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
    starts("https://") || starts("http://") || starts("//")
}

/// How many top-level entries of a list have a link.
pub fn linked_entries(list: &[Spanned<'_>]) -> usize {
    entry_ranges(list).filter(|entry| has_link(&list[entry.clone()])).count()
}

/// How many top-level entries have a link in those of some blocks that are lists.
pub fn linked_in_lists(outline: &Outline<'_>, blocks: impl Iterator<Item = usize>) -> usize {
    let lists = blocks.filter(|at| outline.blocks[*at].kind == Kind::List);
    lists.map(|at| linked_entries(outline.of(at))).sum()
}

/// All lists but the one that says most. Lists with only comments between them are one.
pub fn secondary(outline: &Outline<'_>, blocks: &[usize]) -> Vec<usize> {
    let mut runs: Vec<Vec<usize>> = Vec::new();
    let mut goes_on = false;
    for at in blocks {
        match outline.blocks[*at].kind {
            Kind::List if goes_on => runs.last_mut().into_iter().for_each(|run| run.push(*at)),
            Kind::List => runs.push(vec![*at]),
            Kind::Comment => continue,
            _ => {}
        }
        goes_on = outline.blocks[*at].kind == Kind::List && is_followed_by_comment(outline, *at);
    }
    let says = |run: &[usize]| run.iter().map(|at| spoken(outline.of(*at))).sum::<usize>();
    let main = (0..runs.len()).max_by_key(|at| (says(&runs[*at]), std::cmp::Reverse(*at)));
    let others = runs.into_iter().enumerate().filter(|(at, _)| Some(*at) != main);
    others.flat_map(|(_, run)| run).collect()
}

fn is_followed_by_comment(outline: &Outline<'_>, block: usize) -> bool {
    outline.blocks.get(block + 1).is_some_and(|next| next.kind == Kind::Comment)
}

/// The texts of the top-level entries of a list.
pub fn entry_texts(list: &[Spanned<'_>]) -> Vec<String> {
    entry_ranges(list).map(|entry| into_line(plain(&list[entry]))).collect()
}

/// The ranges of the top-level entries of a list.
pub fn entry_ranges<'e>(list: &'e [Spanned<'_>]) -> impl Iterator<Item = std::ops::Range<usize>> + 'e {
    children(list, 1)
}

/// The ranges of the elements directly in another, from the event `at` on.
fn children<'e>(events: &'e [Spanned<'_>], mut at: usize) -> impl Iterator<Item = std::ops::Range<usize>> + 'e {
    std::iter::from_fn(move || {
        if at + 1 >= events.len() {
            return None;
        }
        let range = at..(end_of(events, at) + 1).min(events.len());
        at = range.end;
        Some(range)
    })
}

fn rows<'e>(table: &'e [Spanned<'_>]) -> impl Iterator<Item = std::ops::Range<usize>> + 'e {
    children(table, 1).filter(|row| matches!(table[row.start].0, Event::Start(Tag::TableRow)))
}

/// The entries of a list as items. Entries that only name what those below them have in common are categories of these, unless
/// these are fields.
fn entries<'a>(list: &[Spanned<'a>], categories: &[String]) -> Vec<Draft<'a>> {
    let mut drafts = Vec::new();
    let known = OnceCell::new();
    for range in entry_ranges(list).filter(|range| matches!(list[range.start].0, Event::Start(Tag::Item))) {
        let entry = &list[range.start + 1..range.end - 1];
        let lists = nested_lists(entry);
        let own = &entry[..lists.first().map_or(entry.len(), |list| list.start)];
        if lists.iter().any(|list| has_link(&entry[list.clone()]))
            && let Some(group) = group_label(own)
            && !lists.iter().any(|nested| {
                let fields = Labelled::of(&entry[nested.clone()], 0, false);
                fields.is_some_and(|fields| fields.is_fields(known.get_or_init(|| nested_fields(list))))
            })
        {
            let categories = [categories, &[group]].concat();
            drafts.extend(lists.iter().flat_map(|nested| entries(&entry[nested.clone()], &categories)));
            continue;
        }
        let draft = Draft::new(as_blocks(entry), list[range.start].1.start, ItemWhy::ListEntry);
        drafts.push(Draft { categories: categories.to_vec(), ..draft });
    }
    drafts
}

/// The labels that recur in the lists within the entries of one.
fn nested_fields(list: &[Spanned<'_>]) -> HashSet<String> {
    let mut labelled = Vec::new();
    for range in entry_ranges(list).filter(|range| range.len() > 2) {
        let entry = &list[range.start + 1..range.end - 1];
        let nested = nested_lists(entry).into_iter();
        labelled.extend(nested.filter_map(|nested| Labelled::of(&entry[nested], range.start, false)));
    }
    fields::recurring(&labelled)
}

fn nested_lists(entry: &[Spanned<'_>]) -> Vec<std::ops::Range<usize>> {
    let mut lists = Vec::new();
    let mut at = 0;
    while at < entry.len() {
        let end = (end_of(entry, at) + 1).min(entry.len());
        if matches!(entry[at].0, Event::Start(Tag::List(_))) {
            lists.push(at..end);
        }
        at = end;
    }
    lists
}

/// The text of a list entry that says no more than what those below it are: short, without link or end of sentence.
fn group_label(own: &[Spanned<'_>]) -> Option<String> {
    let has_any_link = own.iter().any(|(event, _)| matches!(event, Event::Start(Tag::Link { .. } | Tag::Image { .. })));
    if has_any_link {
        return None;
    }
    let text = into_line(plain(own));
    let label = text.trim_end_matches([':', '：']).trim();
    let is_label = !label.is_empty()
        && label.chars().count() <= MAX_GROUP_CHARS
        && !label.ends_with(['.', '!', '?', '。', '！', '？', '…']);
    is_label.then(|| label.to_owned())
}

/// The inline events that begin a tight list entry, as a paragraph, so that the entry stands alone as HTML.
fn as_blocks<'a>(entry: &[Spanned<'a>]) -> Vec<Spanned<'a>> {
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
    let inline = entry.iter().position(|(event, _)| is_block(event)).unwrap_or(entry.len());
    if inline == 0 {
        return entry.to_vec();
    }
    let at = entry[0].1.start;
    let mut body = Vec::with_capacity(entry.len() + 2);
    body.push((Event::Start(Tag::Paragraph), at..at));
    body.extend_from_slice(&entry[..inline]);
    body.push((Event::End(TagEnd::Paragraph), at..at));
    body.extend_from_slice(&entry[inline..]);
    body
}

/// The linked rows of a table: the first linked cell is the title, the others follow as text.
fn table_rows<'a>(table: &[Spanned<'a>]) -> Vec<Draft<'a>> {
    let mut drafts = Vec::new();
    for row in rows(table) {
        let cells: Vec<&[Spanned<'a>]> = children(&table[row.clone()], 1)
            .map(|cell| &table[row.start + cell.start + 1..row.start + cell.end - 1])
            .collect();
        let Some(title) = cells.iter().position(|cell| has_link(cell)) else { continue };
        let offset = table[row.start].1.start;
        let others = cells.iter().enumerate().filter(|(at, cell)| *at != title && !cell.is_empty());
        let mut inline: Vec<Spanned<'a>> = Vec::new();
        for (_, cell) in others {
            if !inline.is_empty() {
                inline.push((Event::Text(" · ".into()), offset..offset));
            }
            inline.extend(cell.iter().cloned());
        }
        let draft = Draft::new(paragraph(&inline), offset, ItemWhy::TableRow);
        drafts.push(Draft { heading: Some(cells[title].to_vec()), ..draft });
    }
    drafts
}
