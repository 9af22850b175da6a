//! Lists that say of what stands above them what it is and where it comes from: `- **Summary**: …`, `- **Source**: [name](…)`.
//!
//! No words are known here. Entries are fields when each begins with a label and a colon, and labels stand together at other
//! places of the file as well, or recur over the folder. A list of which every entry leads somewhere is mostly one of stories.

use std::collections::{HashMap, HashSet};

use pulldown_cmark::{Event, Tag, TagEnd};

use super::name;
use super::outline::{Kind, Outline, Spanned};
use super::split::{entry_ranges, has_link};
use super::text::normalized;

/// The longest label, in characters.
const LABEL_CHARS: usize = 24;

/// The most fields of one item; more entries are a list of their own.
const MOST_FIELDS: usize = 12;

/// The labels of a list whose entries all have one, each another.
#[derive(Debug)]
pub struct Labelled {
    /// What it stands below: lists of one place are not compared.
    place: usize,
    labels: Vec<String>,
    /// Whether it may show that its labels are those of fields.
    is_telling: bool,
}

impl Labelled {
    /// The labels of a list, if it has one for each entry. Below a text every entry may have a link.
    pub fn of(list: &[Spanned<'_>], place: usize, follows_text: bool) -> Option<Labelled> {
        let mut labels = Vec::new();
        let mut links = 0;
        for entry in entry_ranges(list) {
            let label = label(&list[entry.clone()])?;
            if labels.contains(&label) || labels.len() == MOST_FIELDS {
                return None;
            }
            labels.push(label);
            links += usize::from(has_link(&list[entry]));
        }
        let is_telling = follows_text || links < labels.len();
        (!labels.is_empty()).then_some(Labelled { place, labels, is_telling })
    }

    /// Whether most of its labels are those of fields.
    pub fn is_fields(&self, known: &HashSet<String>) -> bool {
        let known = self.labels.iter().filter(|label| known.contains(*label)).count();
        known > 0 && known * 3 >= self.labels.len() * 2
    }
}

/// The labels that stand together at two places at least; one that stands alone does so at two. One of the two has to tell that
/// they are those of fields.
pub fn recurring(lists: &[Labelled]) -> HashSet<String> {
    let mut places: HashMap<(&str, &str), &Labelled> = HashMap::new();
    let mut known = HashSet::new();
    for list in lists {
        for (one, other) in pairs(&list.labels) {
            let first = *places.entry((one, other)).or_insert(list);
            if first.place != list.place && (first.is_telling || list.is_telling) {
                known.extend([one.to_owned(), other.to_owned()]);
            }
        }
    }
    known
}

/// Every two labels in alphabetical order; the one that stands alone with itself.
fn pairs(labels: &[String]) -> Vec<(&str, &str)> {
    if let [only] = labels {
        return vec![(only, only)];
    }
    let with_later = |(at, one)| {
        labels[at + 1..].iter().map(move |other: &String| if one < other { (one, other) } else { (other, one) })
    };
    let pairs = labels.iter().enumerate().flat_map(with_later);
    pairs.map(|(one, other)| (one.as_str(), other.as_str())).collect()
}

/// Makes the lists of a file that are fields blocks of their own kind. `is_learnt` tells of a label and a heading whether the
/// label recurs over the folder, and the heading does not.
pub fn mark(outline: &mut Outline<'_>, is_learnt: impl Fn(&str, &str) -> bool) {
    let lists = labelled(outline);
    if lists.is_empty() {
        return;
    }
    let all: Vec<usize> = lists.iter().map(|(block, _)| *block).collect();
    let lists: Vec<Labelled> = lists.into_iter().map(|(_, list)| list).collect();
    let known = recurring(&lists);
    let title = outline.blocks.iter().position(|block| matches!(block.kind, Kind::Heading(_)));
    for (block, list) in all.into_iter().zip(&lists) {
        let recurs_over_files = || {
            let heading = name::comparable(&outline.text_of(list.place));
            let learnt = list.labels.iter().filter(|label| is_learnt(label, &heading)).cloned().collect();
            list.is_telling && Some(list.place) != title && list.is_fields(&learnt)
        };
        if list.is_fields(&known) || recurs_over_files() {
            outline.blocks[block].kind = Kind::Fields;
        }
    }
}

/// The lists of a file that have labels, by their blocks. Each stands below a heading, or a paragraph that begins bold.
fn labelled(outline: &Outline<'_>) -> Vec<(usize, Labelled)> {
    let mut lists = Vec::new();
    let mut place = None;
    let mut follows_text = false;
    for (at, block) in outline.blocks.iter().enumerate() {
        match block.kind {
            Kind::Heading(_) => place = Some(at),
            Kind::Paragraph if begins_bold(outline.of(at)) => place = Some(at),
            Kind::List => {
                let found = place.and_then(|place| Labelled::of(outline.of(at), place, follows_text));
                lists.extend(found.map(|list| (at, list)));
            }
            _ => {}
        }
        follows_text = block.kind == Kind::Paragraph && place != Some(at);
    }
    lists
}

fn begins_bold(paragraph: &[Spanned<'_>]) -> bool {
    matches!(paragraph, [_, (Event::Start(Tag::Strong), _), ..])
}

/// The labels of a list below a heading that could be fields.
pub fn labels_of(list: &[Spanned<'_>], follows_text: bool) -> Vec<String> {
    Labelled::of(list, 0, follows_text).filter(|list| list.is_telling).map(|list| list.labels).unwrap_or_default()
}

/// The words before the colon that a list entry begins with, in bold or not. A time of day and an address have no label.
fn label(entry: &[Spanned<'_>]) -> Option<String> {
    let mut text = String::new();
    for (event, _) in &entry[1..] {
        let part = match event {
            Event::Start(Tag::Paragraph | Tag::Strong | Tag::Emphasis) => continue,
            Event::End(TagEnd::Strong | TagEnd::Emphasis) => continue,
            Event::Text(part) => part,
            _ => return None,
        };
        let Some(at) = part.find([':', '：']) else {
            text.push_str(part);
            if text.len() > LABEL_CHARS * 4 {
                return None;
            }
            continue;
        };
        text.push_str(&part[..at]);
        let after = &part[at..];
        let ends =
            after.starts_with('：') || after[1..].starts_with(|c: char| c.is_whitespace() || c == '*') || after == ":";
        if !ends || text.chars().nth(LABEL_CHARS).is_some() {
            return None;
        }
        let label = normalized(&text);
        return label.contains(char::is_alphabetic).then_some(label);
    }
    None
}
