//! What recurs over a folder: headings that are sections, texts that are noise, files that are one item each.
//!
//! *Recurring text is a section, unique text an item* is the strongest sign in any language, and no single file shows it.
//! A [`Lesson`] is what one file contributes, a [`Tally`] counts them, [`Learnt`] is what follows. A file's lesson depends on
//! nothing learnt, so that learning ends after one round.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::ops::Range;
use std::sync::Arc;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::outline::{Kind, Node, Outline};
use super::{Volume, date, fields, name, split};

/// A heading is a section when it heads so many digests ...
const RECURS_IN: usize = 3;
/// ... and at least one in so many, if most headings beside it recur as well.
const RECURS_ONE_IN: usize = 50;
/// A heading of one in so many digests is a section whatever stands beside it.
const FREQUENT_ONE_IN: usize = 4;
/// A text that so many digests have word for word tells no news.
const NOISE_IN: usize = 3;
/// From so many digests on, a heading that was seen once does not recur.
const KNOWN_FROM: usize = 8;
/// Files are one item each when the days that have files have so many on average, in halves.
const STORIES_A_DAY_HALVES: usize = 5;

/// What one file teaches. Words are numbers in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lesson {
    /// The language that its path says; headings are counted for each alone.
    pub group: String,
    /// The day and language that it belongs to.
    pub day: Option<String>,
    /// Its headings, by what they are compared by.
    names: BTreeSet<u64>,
    /// The texts that could be noise: what stands first below a heading, and what closes the file.
    texts: BTreeSet<u64>,
    /// How its paragraphs begin, and the labels of lists that could be fields.
    openings: BTreeSet<u64>,
}

/// The headings of a file by what they are compared by, as its author wrote them: needed until its lesson is counted.
pub type Headings = BTreeMap<String, String>;

impl Lesson {
    /// The lesson of a file.
    pub(super) fn of(outline: &Outline<'_>, group: String, day: Option<String>) -> (Lesson, Headings) {
        let root = outline.tree();
        let mut lesson = Lesson { group, day, ..Lesson::default() };
        let mut headings = Headings::new();
        lesson.take(outline, &root, sole_title(&root), &mut headings);
        lesson.names = headings.keys().map(number).collect();
        let visible = (0..outline.blocks.len()).rev().filter(|at| is_text(outline.blocks[*at].kind));
        lesson.texts.extend(visible.take(CLOSING_BLOCKS).map(|at| hash_of(outline, at)));
        lesson.take_entries(outline, &root.body);
        (lesson, headings)
    }

    /// The entries of all lists of a text but the longest.
    fn take_entries(&mut self, outline: &Outline<'_>, blocks: &Range<usize>) {
        let blocks: Vec<usize> = blocks.clone().collect();
        for list in split::secondary(outline, &blocks) {
            self.texts.extend(split::entry_texts(outline.of(list)).iter().map(|text| hash_of_entry(text)));
        }
    }

    /// The labels of lists that could be fields.
    fn take_labels(&mut self, outline: &Outline<'_>, body: &Range<usize>) {
        for at in body.clone().filter(|at| outline.blocks[*at].kind == Kind::List) {
            let follows_text = at > body.start && outline.blocks[at - 1].kind == Kind::Paragraph;
            let labels = fields::labels_of(outline.of(at), follows_text);
            self.openings.extend(labels.iter().map(|label| field(&self.group, label)));
        }
    }

    fn take(&mut self, outline: &Outline<'_>, node: &Node, title: Option<usize>, headings: &mut Headings) {
        if let Some(heading) = node.heading {
            let text = outline.text_of(heading);
            let name = name::comparable(&text);
            if Some(heading) != title && !name.is_empty() && date::in_text(&text).is_none() {
                headings.entry(name.clone()).or_insert_with(|| name::section_title(&text));
            }
            let first = node.body.clone().filter(|at| is_text(outline.blocks[*at].kind));
            self.texts.extend(first.take(OPENING_BLOCKS).map(|at| hash_of(outline, at)));
            self.take_entries(outline, &node.body);
            let paragraphs = node.body.clone().filter(|at| outline.blocks[*at].kind == Kind::Paragraph);
            self.openings.extend(paragraphs.filter_map(|at| opening(outline, at, &self.group, &name)));
            self.take_labels(outline, &node.body);
        }
        node.children.iter().for_each(|child| self.take(outline, child, title, headings));
    }
}

/// How many blocks below a heading may be a standing introduction.
const OPENING_BLOCKS: usize = 2;
/// How many blocks at the end of a file may be a standing farewell.
const CLOSING_BLOCKS: usize = 3;

fn is_text(kind: Kind) -> bool {
    !matches!(kind, Kind::Heading(_) | Kind::Break | Kind::Comment | Kind::Footnote)
}

/// The only level-one heading of a file, if it comes before all others.
fn sole_title(root: &Node) -> Option<usize> {
    let h1s = root.children.iter().filter(|node| node.level == 1).count();
    root.children.first().filter(|node| node.level == 1 && h1s == 1).and_then(|node| node.heading)
}

/// The words that show how a paragraph begins.
const OPENING_WORDS: usize = 2;

/// A number for the words that a paragraph below a heading begins with; of texts without spaces there is none.
pub(super) fn opening(outline: &Outline<'_>, paragraph: usize, group: &str, heading: &str) -> Option<u64> {
    let source = outline.source_of(paragraph);
    let mut words = source.split_whitespace();
    let first: Vec<&str> = words.by_ref().take(OPENING_WORDS).collect();
    if first.len() < OPENING_WORDS || words.next().is_none() || first.iter().any(|word| word.contains("](")) {
        return None;
    }
    Some(number(&(group, heading, first)))
}

/// A number for a label of a list.
fn field(group: &str, label: &str) -> u64 {
    number(&(group, "field", label))
}

/// A number for a list entry; its digits do not count.
pub(super) fn hash_of_entry(text: &str) -> u64 {
    number(&name::comparable(text))
}

/// A number for a text; equal texts have equal numbers.
pub(super) fn hash_of(outline: &Outline<'_>, block: usize) -> u64 {
    number(outline.source_of(block).trim())
}

/// A number for something; another version of the program may give another.
fn number<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// How surely a heading is a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// It recurs; with others that do it is a section.
    Recurs,
    /// It heads so many digests that it is a section.
    Frequent,
}

/// A heading that is a section.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    strength: Strength,
    /// What it is compared by.
    name: String,
    /// As an author wrote it; empty when only an earlier run saw it.
    title: String,
}

/// What was learnt over a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Learnt {
    names: HashMap<String, HashMap<u64, Known>>,
    noise: HashSet<u64>,
    openings: HashSet<u64>,
    /// The groups that enough was learnt of to tell what does not recur.
    known: HashSet<String>,
    one_story_a_file: bool,
}

impl Learnt {
    /// How surely a heading is a section of the digests of a group.
    pub(super) fn strength(&self, group: &str, name: &str) -> Option<Strength> {
        self.names.get(group)?.get(&number(name)).filter(|known| known.name == name).map(|known| known.strength)
    }

    /// The headings that head so many digests of a group that they are sections anywhere.
    pub(super) fn frequent(&self, group: &str) -> impl Iterator<Item = (&str, &str)> {
        let names = self.names.get(group).into_iter().flat_map(HashMap::values);
        let frequent = names.filter(|known| known.strength == Strength::Frequent);
        frequent.map(|Known { name, title, .. }| (name.as_str(), if title.is_empty() { name } else { title.as_str() }))
    }

    /// Whether so many digests have a text that it is no news.
    pub(super) fn is_noise(&self, hash: u64) -> bool {
        self.noise.contains(&hash)
    }

    /// Whether paragraphs of so many digests begin in this way that it is a form.
    pub(super) fn is_form(&self, opening: u64) -> bool {
        self.openings.contains(&opening)
    }

    /// Whether lists of so many digests have a label that it is that of a field, below a heading that does not recur.
    pub(super) fn is_field(&self, group: &str, label: &str, heading: &str) -> bool {
        self.openings.contains(&field(group, label)) && self.strength(group, heading).is_none()
    }

    /// Whether what does not recur is known not to.
    pub(super) fn knows(&self, group: &str) -> bool {
        self.known.contains(group)
    }

    /// Whether many files share each day, so that a file is an item.
    pub(super) fn one_story_a_file(&self) -> bool {
        self.one_story_a_file
    }

    /// Whether a file with this lesson may be understood in another way than by `before`.
    pub fn differs_for(&self, before: &Learnt, lesson: &Lesson) -> bool {
        let (now, then) = (self.names.get(&lesson.group), before.names.get(&lesson.group));
        let strength = |names: Option<&HashMap<u64, Known>>, name: &u64| Some(names?.get(name)?.strength);
        self.one_story_a_file != before.one_story_a_file
            || lesson.names.iter().any(|name| strength(now, name) != strength(then, name))
            || lesson.texts.iter().any(|text| self.is_noise(*text) != before.is_noise(*text))
            || lesson.openings.iter().any(|opening| self.is_form(*opening) != before.is_form(*opening))
            || self.knows(&lesson.group) != before.knows(&lesson.group)
    }

    /// The headings that are sections, by group: what has to be kept, so that nothing flips when files leave.
    pub fn sections(&self) -> impl Iterator<Item = (&str, &str, Strength)> {
        self.names.iter().flat_map(|(group, names)| {
            names.values().map(move |known| (group.as_str(), known.name.as_str(), known.strength))
        })
    }
}

/// What has to outlast a restart, so that no digest is understood in another way when files leave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// By path the day a file without a date was first seen.
    pub first_seen: BTreeMap<String, NaiveDate>,
    /// By group and heading how surely it is a section.
    pub sections: BTreeMap<(String, String), Strength>,
    /// Which digest each name in URLs was given to, by the key that all digests of its date and language share, and the name.
    pub given: BTreeMap<String, BTreeMap<String, Given>>,
}

/// The digest that a name in URLs was given to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The file it stood in last; empty when nothing of that file is left of it.
    pub path: String,
    /// What its author wrote last, as [`Volume::source`] tells it.
    pub source: u64,
    /// Its items, as [`Volume::numbers`] tells them.
    pub items: Arc<[u32]>,
}

impl Given {
    /// A digest as it is now; none of a day whose files are one item each, which has no file.
    pub fn of(digest: &Volume) -> Option<Given> {
        let given = || Given { path: digest.path.clone(), source: digest.source, items: digest.numbers.clone() };
        (!digest.is_one_story).then(given)
    }

    /// How alike a digest is to the one it was given to: the same, or so many items in common, which are most of each.
    pub fn likeness(&self, digest: &Volume) -> Option<usize> {
        if self.source == digest.source {
            return Some(usize::MAX);
        }
        let known: HashSet<u32> = self.items.iter().copied().collect();
        let now: HashSet<u32> = digest.numbers.iter().copied().collect();
        let shared = now.intersection(&known).count();
        (shared > 0 && shared * 2 >= known.len().max(now.len())).then_some(shared)
    }
}

/// How often each of many things was seen, of which most are seen once; what recurs is at hand, without a look at what does not.
#[derive(Debug, Clone, Default)]
struct Counts {
    once: HashSet<u64>,
    more: HashMap<u64, usize>,
    /// What was seen so often that it may recur.
    often: HashSet<u64>,
}

/// Nothing recurs that was seen less often.
const OFTEN: usize = if RECURS_IN < NOISE_IN { RECURS_IN } else { NOISE_IN };

impl Counts {
    /// Whether it is seen often from now on.
    fn add(&mut self, key: u64) -> bool {
        let count = match self.more.get_mut(&key) {
            Some(count) => {
                *count += 1;
                *count
            }
            None if self.once.remove(&key) => *self.more.entry(key).or_insert(2),
            None => {
                self.once.insert(key);
                1
            }
        };
        count == OFTEN && self.often.insert(key)
    }

    fn remove(&mut self, key: u64) {
        let count = self.of(key).saturating_sub(1);
        if count < OFTEN {
            self.often.remove(&key);
        }
        match count {
            0 => {
                self.once.remove(&key);
            }
            1 => {
                self.more.remove(&key);
                self.once.insert(key);
            }
            count => {
                self.more.insert(key, count);
            }
        }
    }

    fn of(&self, key: u64) -> usize {
        self.more.get(&key).copied().unwrap_or_else(|| usize::from(self.once.contains(&key)))
    }

    /// What may recur, and how often it was seen.
    fn often(&self) -> impl Iterator<Item = (u64, usize)> {
        self.often.iter().map(|key| (*key, self.of(*key)))
    }
}

/// Counts lessons.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    digests: HashMap<String, usize>,
    names: HashMap<String, Counts>,
    /// Those that recur: what they are compared by, and as an author wrote them.
    titles: HashMap<u64, (String, String)>,
    texts: Counts,
    openings: Counts,
    days: HashMap<String, usize>,
    /// How many files the days have together.
    files: usize,
    /// What was learnt before this folder was counted, and stays.
    kept: HashMap<String, HashMap<String, Strength>>,
}

impl Tally {
    /// Keeps what an earlier run learnt.
    pub fn keep(&mut self, memory: &Memory) {
        for ((group, name), strength) in &memory.sections {
            self.kept.entry(group.clone()).or_default().insert(name.clone(), *strength);
        }
    }

    /// Counts the lesson of a file with these headings.
    pub fn add(&mut self, lesson: &Lesson, headings: &Headings) {
        *self.digests.entry(lesson.group.clone()).or_default() += 1;
        let names = self.names.entry(lesson.group.clone()).or_default();
        for (name, title) in headings {
            if names.add(number(name)) {
                self.titles.entry(number(name)).or_insert_with(|| (name.clone(), title.clone()));
            }
        }
        lesson.texts.iter().for_each(|text| {
            self.texts.add(*text);
        });
        lesson.openings.iter().for_each(|opening| {
            self.openings.add(*opening);
        });
        if let Some(day) = &lesson.day {
            *self.days.entry(day.clone()).or_default() += 1;
            self.files += 1;
        }
    }

    /// Forgets a lesson that was counted before.
    pub fn remove(&mut self, lesson: &Lesson) {
        subtract(&mut self.digests, &lesson.group);
        if let Some(names) = self.names.get_mut(&lesson.group) {
            lesson.names.iter().for_each(|name| names.remove(*name));
        }
        lesson.texts.iter().for_each(|text| self.texts.remove(*text));
        lesson.openings.iter().for_each(|opening| self.openings.remove(*opening));
        if let Some(day) = &lesson.day {
            subtract(&mut self.days, day);
            self.files = self.files.saturating_sub(1);
        }
    }

    /// In how many digests of a group a heading stands, and how many there are.
    pub fn heads(&self, group: &str, name: &str) -> (usize, usize) {
        let count = self.names.get(group).map_or(0, |names| names.of(number(name)));
        (count, self.digests.get(group).copied().unwrap_or_default())
    }

    /// What follows from the counts, and what was learnt before.
    pub fn learnt(&self) -> Learnt {
        let mut learnt = Learnt::default();
        for (group, names) in &self.kept {
            let known = |(name, strength): (&String, &Strength)| {
                let title = self.titles.get(&number(name)).map(|(_, title)| title.clone()).unwrap_or_default();
                (number(name), Known { strength: *strength, name: name.clone(), title })
            };
            learnt.names.insert(group.clone(), names.iter().map(known).collect());
        }
        for (group, names) in &self.names {
            let digests = self.digests.get(group).copied().unwrap_or_default();
            let sections = learnt.names.entry(group.clone()).or_default();
            for (name, count) in names.often() {
                let strength = match count {
                    count if count < RECURS_IN || count * RECURS_ONE_IN < digests => continue,
                    count if count * FREQUENT_ONE_IN >= digests => Strength::Frequent,
                    _ => Strength::Recurs,
                };
                let Some((known, title)) = self.titles.get(&name) else { continue };
                let strength = sections.get(&name).map_or(strength, |kept| strength.max(kept.strength));
                sections.insert(name, Known { strength, name: known.clone(), title: title.clone() });
            }
        }
        learnt.noise = self.texts.often().filter(|(_, count)| *count >= NOISE_IN).map(|(text, _)| text).collect();
        let fewest = self.digests.values().copied().min().unwrap_or_default().max(RECURS_IN * FREQUENT_ONE_IN);
        let forms = self.openings.often().filter(|(_, count)| count * FREQUENT_ONE_IN >= fewest);
        learnt.openings = forms.map(|(opening, _)| opening).collect();
        let known = self.digests.iter().filter(|(_, count)| **count >= KNOWN_FROM);
        learnt.known = known.map(|(group, _)| group.clone()).collect();
        let files = self.files;
        learnt.one_story_a_file = files >= RECURS_IN && files * 2 >= self.days.len() * STORIES_A_DAY_HALVES;
        learnt
    }
}

fn subtract<K: std::hash::Hash + Eq + Clone>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}
