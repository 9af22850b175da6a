//! Which items were published before, and the ids of those that were not.
//!
//! An item is the one it was when its author's id says so, else when link and title are the same, else the link, else the
//! title. What a newcomer gets wrong: an id that was given once is never given to another item, not even when its own is
//! gone, for readers still have it.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::words::short_hash;
use super::{Options, Published, canonical_link};
use crate::digest::text::normalized;
use crate::digest::{Item, Keyed};

/// An item as it was last published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Print {
    /// Its id as it was given: another authority in the configuration changes none.
    id: String,
    /// Its canonical link, if it had one, and its normalised title, as numbers.
    story: Option<u64>,
    title: u64,
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
    pub(super) fn recall(&mut self, item: &Published, digest: &str, options: &Options) {
        let (story, title) = (story_of(item.link.as_deref(), options), number(&normalized(&item.title)));
        let print = Print { id: item.id.clone(), story, title };
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
        editions: &[&Keyed],
        absent: &mut BTreeSet<String>,
        past: &dyn Past,
        options: &Options,
        recognised: &mut Recognised,
    ) -> Vec<Vec<Name>> {
        let mut names: Vec<Vec<Name>> = vec![Vec::new(); editions.len()];
        let mut done: HashSet<&str> = HashSet::new();
        for (_, digest) in editions {
            let key = digest.key.as_str();
            if !done.insert(key) {
                continue;
            }
            let parts: Vec<usize> = (0..editions.len()).filter(|at| editions[*at].1.key == key).collect();
            let items: Vec<&Item> = parts.iter().flat_map(|at| editions[*at].1.items().map(|(_, item)| item)).collect();
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
            let mut ids = ids(&items, &wanted, key, &mut known, past, options).into_iter();
            if before != Some(&known) {
                recognised.prints.push((key.to_owned(), known));
            }
            for at in parts {
                names[at] = ids.by_ref().take(editions[at].1.len()).collect();
            }
        }
        names
    }

    /// The absent digest that has most of these items, and they most of its.
    fn with_another_date(&self, wanted: &[Features], absent: &BTreeSet<String>, past: &dyn Past) -> Option<String> {
        let wanted: HashSet<&Features> = wanted.iter().collect();
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

/// The canonical link of an item, if it has one, and its normalised title, as numbers.
type Features = (Option<u64>, u64);

fn features(item: &Item, options: &Options) -> Features {
    (story_of(item.link.as_deref(), options), number(&normalized(&item.title)))
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
    for ((item, &(story, title)), claim) in items.iter().zip(wanted).zip(claims) {
        let id = match claim {
            Some(at) => known[at].id.clone(),
            None => options.tag(&format!("{key}/{}", new_anchor(item, &fixed, &mut taken, &is_new, options))),
        };
        let print = Print { id, story, title };
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
    let mut claims: Vec<Option<usize>> = vec![None; items.len()];
    if known.is_empty() {
        return claims;
    }
    let mut free: HashSet<usize> = (0..known.len()).collect();
    let was_there: Vec<bool> = known.iter().map(|print| past.was_there(&print.id)).collect();
    // Its author's id decides alone: an item with a new one is a new item. One that is written twice is the first one's.
    let anchors: HashMap<&str, usize> = known.iter().enumerate().map(|(at, print)| (print.anchor(), at)).collect();
    let fixed: Vec<Option<usize>> = items.iter().map(|item| anchors.get(fixed_id(item)?.as_str()).copied()).collect();
    for (at, claim) in fixed.iter().zip(&mut claims) {
        *claim = at.filter(|at| free.remove(at));
    }
    let is_new: Vec<bool> =
        items.iter().zip(&fixed).map(|(item, at)| at.is_none() && fixed_id(item).is_some()).collect();
    let is_open = |claims: &[Option<usize>], at: usize| claims[at].is_none() && !is_new[at];
    // The same link and the same title, in the order in which they were published.
    let mut same: HashMap<(Option<u64>, u64), Vec<usize>> = HashMap::new();
    for at in (0..known.len()).rev().filter(|at| free.contains(at)) {
        same.entry((known[at].story, known[at].title)).or_default().push(at);
    }
    for at in 0..items.len() {
        if is_open(&claims, at) {
            claims[at] = same.get_mut(&wanted[at]).and_then(Vec::pop).filter(|known| free.remove(known));
        }
    }
    // The same link: the title was edited. What is gone for longer comes back only if nobody else has its link.
    let mut stories: HashMap<u64, Vec<usize>> = HashMap::new();
    let shared: HashSet<u64> =
        (0..items.len()).filter(|at| claims[*at].is_some()).filter_map(|at| wanted[at].0).collect();
    for at in (0..known.len()).rev().filter(|at| free.contains(at)) {
        if let Some(story) = known[at].story.filter(|story| was_there[at] || !shared.contains(story)) {
            stories.entry(story).or_default().push(at);
        }
    }
    stories.values_mut().for_each(|found| found.sort_by_key(|at| was_there[*at]));
    for at in 0..items.len() {
        if let Some(story) = wanted[at].0.filter(|_| is_open(&claims, at)) {
            claims[at] = stories.get_mut(&story).and_then(Vec::pop).filter(|known| free.remove(known));
        }
    }
    // The same title: the link was corrected. Only where no other item has that title.
    let mut titles: HashMap<u64, (Vec<usize>, Vec<usize>)> = HashMap::new();
    for at in (0..items.len()).filter(|at| is_open(&claims, *at)) {
        titles.entry(wanted[at].1).or_default().0.push(at);
    }
    for at in free.iter().copied().filter(|at| was_there[*at]) {
        titles.entry(known[at].title).or_default().1.push(at);
    }
    for (item, print) in
        titles.into_iter().filter(|(title, _)| *title != number("")).filter_map(|(_, (items, prints))| {
            match (items.as_slice(), prints.as_slice()) {
                ([item], [print]) => Some((*item, *print)),
                _ => None,
            }
        })
    {
        claims[item] = Some(print);
    }
    claims
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
