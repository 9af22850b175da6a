//! Which items were published before, and the ids of those that were not.
//!
//! An item is the one it was when its author's id says so, else when link and title are the same, else link and text, else the
//! link, else the title, else, without any link, the text. What a newcomer gets wrong: an id that was given once is never given to another item, not even when its own is
//! gone, for readers still have it.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use super::words::{Hash, hash_of_text, short_hash};
use super::{Options, Published, canonical_link};
use crate::digest::text::normalized;
use crate::digest::{Digest, Item};

/// An item as it was last published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Print {
    /// Its id as it was given: another authority in the configuration changes none.
    id: String,
    /// Its canonical link, if it had one, and its normalised title, as numbers.
    story: Option<u64>,
    title: u64,
    /// The words of its body; unknown when nobody saw it since ledgers have them.
    text: Option<Hash>,
}

impl Print {
    /// The last part of its id.
    fn anchor(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or(&self.id)
    }
}

/// Everything published, by the key of its digest.
#[derive(Debug, Default)]
pub(super) struct Prints {
    by_digest: HashMap<String, Vec<Print>>,
}

impl Prints {
    /// Takes in an item that an earlier run published.
    pub(super) fn recall(&mut self, item: &Published, text: Option<Hash>, digest: &str, options: &Options) {
        let (story, title) = (story_of(item.link.as_deref(), options), number(&normalized(&item.title)));
        let print = Print { id: item.id.clone(), story, title, text };
        self.by_digest.entry(digest.to_owned()).or_default().push(print);
    }

    /// Takes what was recognised as the present state.
    pub(super) fn take(&mut self, recognised: &Recognised) {
        self.by_digest.extend(recognised.prints.iter().cloned());
        for (old, _) in &recognised.renamed {
            self.by_digest.remove(old);
        }
    }

    /// Whether anything was published under a key.
    pub(super) fn knows(&self, key: &str) -> bool {
        self.by_digest.contains_key(key)
    }

    /// The key under which each id is known.
    pub(super) fn families(&self) -> HashMap<&str, &str> {
        let ids = self.by_digest.iter().flat_map(|(key, prints)| prints.iter().map(move |print| (print, key)));
        ids.map(|(print, key)| (print.id.as_str(), key.as_str())).collect()
    }

    /// The keys that are known and none of the given, and whose digest was there at the last look.
    pub(super) fn absent<'k>(
        &self,
        present: impl Iterator<Item = &'k str>,
        was_there: impl Fn(&str) -> bool,
    ) -> BTreeSet<String> {
        let present: HashSet<&str> = present.collect();
        let absent = self.by_digest.keys().filter(|key| !present.contains(key.as_str()) && was_there(key));
        absent.cloned().collect()
    }

    /// Anchor and id of each item of the digests of a date, in file order. Files of one date and language share their names,
    /// so that no id says which file an item stands in. A key that is new may be one of the absent ones, with another date.
    /// What changes is added to `recognised`.
    pub(super) fn recognise(
        &self,
        editions: &[Arc<Digest>],
        absent: &mut BTreeSet<String>,
        past: &dyn Past,
        options: &Options,
        recognised: &mut Recognised,
    ) -> Vec<Vec<Name>> {
        let mut names: Vec<Vec<Name>> = vec![Vec::new(); editions.len()];
        let mut done: HashSet<&str> = HashSet::new();
        for digest in editions {
            let key = digest.key.as_str();
            if !done.insert(key) {
                continue;
            }
            let parts: Vec<usize> = (0..editions.len()).filter(|at| editions[*at].key == key).collect();
            let items: Vec<&Item> = parts.iter().flat_map(|at| editions[*at].items().map(|(_, item)| item)).collect();
            let wanted: Vec<Features> = items.iter().map(|item| features(item, options)).collect();
            let before = self.by_digest.get(key);
            let redated = if before.is_none() { self.with_another_date(&wanted, absent, past) } else { None };
            let mut known = before.or_else(|| self.by_digest.get(redated.as_ref()?)).cloned().unwrap_or_default();
            if let Some(old) = redated {
                absent.remove(&old);
                recognised.renamed.push((old, key.to_owned()));
            }
            // As they stood when they were published, whichever run it was.
            known.sort_by_key(|print| Reverse(past.published(&print.id)));
            let before_them = known.clone();
            let mut ids = ids(&items, &wanted, key, &mut known, past, options).into_iter();
            let texts = known
                .iter()
                .enumerate()
                .filter(|(at, print)| before_them.get(*at).map(|it| it.text) != Some(print.text));
            recognised.texts.extend(texts.filter_map(|(_, print)| Some((print.id.clone(), print.text?))));
            if before != Some(&known) {
                recognised.prints.push((key.to_owned(), known));
            }
            for at in parts {
                names[at] = ids.by_ref().take(editions[at].len()).collect();
            }
        }
        names
    }

    /// The absent digest that has most of these items, and they most of its.
    fn with_another_date(&self, wanted: &[Features], absent: &BTreeSet<String>, past: &dyn Past) -> Option<String> {
        let wanted: HashSet<(Option<u64>, u64)> = wanted.iter().map(|it| (it.story, it.title)).collect();
        let shared = |key: &&String| {
            let there: Vec<&Print> = self.by_digest[*key].iter().filter(|print| past.was_there(&print.id)).collect();
            let shared = there.iter().filter(|print| wanted.contains(&(print.story, print.title))).count();
            (shared * 2 >= there.len().max(wanted.len()) && shared > 0).then_some(shared)
        };
        let found = absent.iter().filter_map(|key| Some((shared(&key)?, key)));
        found.max_by_key(|(shared, _)| *shared).map(|(_, key)| key.clone())
    }
}

/// What is known otherwise from now on.
#[derive(Debug, Default)]
pub(super) struct Recognised {
    /// Digests whose items are told apart in another way, by key.
    pub(super) prints: Vec<(String, Vec<Print>)>,
    /// Digests that have another date: the keys before and now.
    pub(super) renamed: Vec<(String, String)>,
    /// Items whose words are others, or were unknown, by id.
    pub(super) texts: Vec<(String, Hash)>,
}

/// What is known of ids.
pub(super) trait Past {
    /// Whether an id was given to something.
    fn is_given(&self, id: &str) -> bool;
    /// Whether it was there at the last look at its digest.
    fn was_there(&self, id: &str) -> bool;
    /// The second of its publication, if it was published.
    fn published(&self, id: &str) -> Option<i64>;
}

/// Anchor and id of an item.
pub(super) type Name = (String, String);

/// By what an item is recognised.
struct Features {
    /// Its canonical link, if it has one, and its normalised title, as numbers.
    story: Option<u64>,
    title: u64,
    /// The words of its body.
    text: Hash,
    /// Whether those are enough to tell it by.
    is_telling: bool,
}

/// A text tells by so many letters and more: two or three words, or a clause of Chinese. What is shorter may be a phrase like
/// "see below", which stands below many an item.
const TELLING: usize = 10;

fn features(item: &Item, options: &Options) -> Features {
    let (text, letters) = hash_of_text(&item.html);
    let (story, title) = (story_of(item.link.as_deref(), options), number(&normalized(&item.title)));
    Features { story, title, text, is_telling: letters >= TELLING }
}

fn number(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn story_of(link: Option<&str>, options: &Options) -> Option<u64> {
    link.map(|link| number(&canonical_link(link, options)))
}

/// Anchor and id of each item; what was published is brought up to date.
fn ids(
    items: &[&Item],
    wanted: &[Features],
    key: &str,
    known: &mut Vec<Print>,
    past: &dyn Past,
    options: &Options,
) -> Vec<Name> {
    let is_new = |anchor: &str| !past.is_given(&options.tag(&format!("{key}/{anchor}")));
    let claims = claims(items, wanted, known, past);
    let mut taken: HashMap<String, u32> = known.iter().map(|print| (print.anchor().to_owned(), 1)).collect();
    let fixed: HashSet<String> = items.iter().filter_map(|item| fixed_id(item)).collect();
    let mut ids = Vec::with_capacity(items.len());
    for ((item, &Features { story, title, text, .. }), claim) in items.iter().zip(wanted).zip(claims) {
        let id = match claim {
            Some(at) => known[at].id.clone(),
            None => options.tag(&format!("{key}/{}", new_anchor(item, &fixed, &mut taken, &is_new, options))),
        };
        let print = Print { id, story, title, text: Some(text) };
        ids.push((print.anchor().to_owned(), print.id.clone()));
        match claim {
            Some(at) => known[at] = print,
            None => known.push(print),
        }
    }
    ids
}

/// For each item which of the published ones it is.
fn claims(items: &[&Item], wanted: &[Features], known: &[Print], past: &dyn Past) -> Vec<Option<usize>> {
    if known.is_empty() {
        return vec![None; items.len()];
    }
    // Its author's id decides alone: an item with a new one is a new item. One that is written twice is the first one's.
    let anchors: HashMap<&str, usize> = known.iter().enumerate().map(|(at, print)| (print.anchor(), at)).collect();
    let fixed: Vec<Option<usize>> = items.iter().map(|item| anchors.get(fixed_id(item)?.as_str()).copied()).collect();
    let mut free: HashSet<usize> = (0..known.len()).collect();
    let mut claims = Claims {
        of: fixed.iter().map(|at| at.filter(|at| free.remove(at))).collect(),
        is_new: items.iter().zip(&fixed).map(|(item, at)| at.is_none() && fixed_id(item).is_some()).collect(),
        was_there: known.iter().map(|print| past.was_there(&print.id)).collect(),
        free,
    };
    claims.in_order(|at| Some((wanted[at].story, wanted[at].title)), |at| Some((known[at].story, known[at].title)));
    // The same link: the title was edited, and of several the same text tells which. What is gone for longer comes back only
    // if nobody else has its link.
    let is_back = |claims: &Claims| -> Vec<bool> {
        let claimed = (0..items.len()).filter(|at| claims.of[*at].is_some());
        let shared: HashSet<u64> = claimed.filter_map(|at| wanted[at].story).collect();
        let is_shared = |print: &Print| print.story.is_some_and(|story| shared.contains(&story));
        known.iter().zip(&claims.was_there).map(|(print, was_there)| *was_there || !is_shared(print)).collect()
    };
    let may_be = is_back(&claims);
    claims.in_order(
        |at| Some((wanted[at].story?, wanted[at].text)),
        |at| Some((known[at].story?, known[at].text?)).filter(|_| may_be[at]),
    );
    let may_be = is_back(&claims);
    claims.in_order(|at| wanted[at].story, |at| known[at].story.filter(|_| may_be[at]));
    // The same title: the link was corrected.
    let untitled = number("");
    claims.alone(|at| Some(wanted[at].title).filter(|title| *title != untitled), |at| Some(known[at].title));
    // The same text, and no link that could say otherwise: the title was edited.
    let is_linkless = |story: Option<u64>| story.is_none();
    claims.alone(
        |at| Some(wanted[at].text).filter(|_| is_linkless(wanted[at].story) && wanted[at].is_telling),
        |at| known[at].text.filter(|_| is_linkless(known[at].story)),
    );
    claims.of
}

/// Which item is which of the published ones, as far as it is told.
struct Claims {
    /// For each item the published one.
    of: Vec<Option<usize>>,
    /// Items that are none of the published.
    is_new: Vec<bool>,
    /// Whether each published one was there at the last look.
    was_there: Vec<bool>,
    /// The published ones that are not claimed.
    free: HashSet<usize>,
}

impl Claims {
    fn is_open(&self, item: usize) -> bool {
        self.of[item].is_none() && !self.is_new[item]
    }

    /// The same mark, in the order in which they were published; first what was there at the last look.
    fn in_order<M: Eq + std::hash::Hash>(
        &mut self,
        of_item: impl Fn(usize) -> Option<M>,
        of_known: impl Fn(usize) -> Option<M>,
    ) {
        let mut marked: HashMap<M, Vec<usize>> = HashMap::new();
        for at in (0..self.was_there.len()).rev().filter(|at| self.free.contains(at)) {
            if let Some(mark) = of_known(at) {
                marked.entry(mark).or_default().push(at);
            }
        }
        marked.values_mut().for_each(|found| found.sort_by_key(|at| self.was_there[*at]));
        for item in 0..self.of.len() {
            if let Some(mark) = of_item(item).filter(|_| self.is_open(item)) {
                self.of[item] = marked.get_mut(&mark).and_then(Vec::pop).filter(|known| self.free.remove(known));
            }
        }
    }

    /// The same mark, where no other item has it and one alone of those that were there at the last look.
    fn alone<M: Eq + std::hash::Hash>(
        &mut self,
        of_item: impl Fn(usize) -> Option<M>,
        of_known: impl Fn(usize) -> Option<M>,
    ) {
        let mut marked: HashMap<M, (Vec<usize>, Vec<usize>)> = HashMap::new();
        for item in (0..self.of.len()).filter(|item| self.is_open(*item)) {
            if let Some(mark) = of_item(item) {
                marked.entry(mark).or_default().0.push(item);
            }
        }
        for at in self.free.iter().copied().filter(|at| self.was_there[*at]) {
            if let Some((_, known)) = of_known(at).and_then(|mark| marked.get_mut(&mark)) {
                known.push(at);
            }
        }
        for (items, known) in marked.into_values() {
            if let ([item], [known]) = (items.as_slice(), known.as_slice()) {
                self.of[*item] = Some(*known);
                self.free.remove(known);
            }
        }
    }
}

/// An anchor that no item has or had.
fn new_anchor(
    item: &Item,
    fixed: &HashSet<String>,
    taken: &mut HashMap<String, u32>,
    is_new: &dyn Fn(&str) -> bool,
    options: &Options,
) -> String {
    let own = fixed_id(item);
    let wishes = wishes(item, options);
    let free = |wish: &&String| {
        (own.as_ref() == Some(*wish) || !fixed.contains(*wish)) && !taken.contains_key(*wish) && is_new(wish)
    };
    let anchor = wishes.iter().find(free).cloned().unwrap_or_else(|| numbered(wishes.last(), taken, is_new));
    taken.insert(anchor.clone(), 1);
    anchor
}

/// A name with the first number that is free.
fn numbered(wish: Option<&String>, taken: &mut HashMap<String, u32>, is_new: &dyn Fn(&str) -> bool) -> String {
    let wish = wish.cloned().unwrap_or_default();
    loop {
        let count = taken.entry(wish.clone()).or_insert(1);
        *count += 1;
        let name = format!("{wish}-{count}");
        if !taken.contains_key(&name) && is_new(&name) {
            return name;
        }
    }
}

/// The names an item would like, best first: its author's, its story's, that with its title.
fn wishes(item: &Item, options: &Options) -> Vec<String> {
    let title = normalized(&item.title);
    let story = item.link.as_deref().map(|link| canonical_link(link, options));
    let fixed = fixed_id(item);
    let plain = short_hash(story.as_deref().unwrap_or(&title));
    let both = short_hash(&format!("{}\n{title}", story.unwrap_or_default()));
    fixed.into_iter().chain([plain, both]).collect()
}

/// The id an author gave an item, as far as it can be one.
fn fixed_id(item: &Item) -> Option<String> {
    item.id.as_deref().map(ascii_id).filter(|id| !id.is_empty())
}

/// An author's id with only what a `tag:` URI and an anchor may hold.
fn ascii_id(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')).collect()
}
