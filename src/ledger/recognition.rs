//! Which items were published before, and the ids of those that were not.
//!
//! An item is the one it was when its author's id says so, else when link and title are the same, else link and text, else the
//! link, else the title, else, without any link, the text. What a newcomer gets wrong: an id that was given once is never given to another item, not even when its own is
//! gone, for readers still have it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::words::{Hash, hash_of_item, hash_of_text, short_hash};
use super::{Moment, Options, Record, canonical_link};
use crate::digest::text::normalized;
use crate::digest::{Digest, Item, Volume};
use crate::spool::Aside;

/// An item as it was last published, or seen and taken back before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// Its id as it was given: another authority in the configuration changes none.
    pub(super) id: String,
    pub(super) marks: Marks,
    /// The words of its body; unknown when nobody saw it since ledgers have them.
    pub(super) text: Option<Hash>,
    pub(super) record: Record,
}

impl Known {
    /// The last part of its id.
    fn anchor(&self) -> &str {
        anchor(&self.id)
    }
}

/// The last part of an id.
pub(super) fn anchor(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// The canonical link of an item, if it has one, and its normalised title, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Marks {
    story: Option<u64>,
    title: u64,
}

impl Marks {
    pub(super) fn of(link: Option<&str>, title: &str, options: &Options) -> Marks {
        Marks::from(link.map(|link| canonical_link(link, options)).as_deref(), &normalized(title))
    }

    /// Of the canonical link and the normalised title.
    fn from(story: Option<&str>, title: &str) -> Marks {
        Marks { story: story.map(number), title: number(title) }
    }
}

/// The items that were published under a key: first what was there at the last look, as it stood in the file, then what was not.
pub(super) type Family = Vec<Known>;

/// A family that waits on disk.
pub(super) type Shelved = Arc<Aside<Family>>;

/// Everything published, by the key that the digests of a date and language share.
#[derive(Debug, Default)]
pub(super) struct Families {
    by_key: HashMap<String, Shelved>,
    /// The ids that say another key than the one under which they are, and that one.
    moved: HashMap<String, String>,
}

impl Families {
    /// Takes a family in the place of what it was.
    pub(super) fn put(&mut self, key: String, family: Shelved) {
        for known in family.get().iter() {
            if key_of(&known.id) != Some(&key) {
                self.moved.insert(known.id.clone(), key.clone());
            }
        }
        self.by_key.insert(key, family);
    }

    /// Forgets a key whose items are under another by now.
    pub(super) fn remove(&mut self, key: &str) {
        self.by_key.remove(key);
    }

    /// The items under a key.
    pub(super) fn get(&self, key: &str) -> Option<Arc<Family>> {
        self.by_key.get(key).map(|family| family.get())
    }

    /// Whether anything was published under a key.
    pub(super) fn knows(&self, key: &str) -> bool {
        self.by_key.contains_key(key)
    }

    /// All keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.by_key.keys().map(String::as_str)
    }

    /// The key under which an item is.
    pub(super) fn key_of<'i>(&'i self, id: &'i str) -> Option<&'i str> {
        let own = || key_of(id).filter(|key| self.knows(key));
        self.moved.get(id).map(String::as_str).or_else(own)
    }

    /// What is known of some items.
    pub(super) fn records<'i>(&self, ids: impl Iterator<Item = &'i str>) -> HashMap<&'i str, Record> {
        let mut by_key: HashMap<String, HashSet<&'i str>> = HashMap::new();
        for id in ids {
            if let Some(key) = self.key_of(id) {
                by_key.entry(key.to_owned()).or_default().insert(id);
            }
        }
        let mut records = HashMap::new();
        for (key, ids) in by_key {
            let family = self.get(&key).unwrap_or_default();
            let known = family.iter().filter_map(|known| Some((*ids.get(known.id.as_str())?, known.record.clone())));
            records.extend(known);
        }
        records
    }

    /// The items of the digests of a date, family by family. Files of one date and language share their names, so that no id
    /// says which file an item stands in. A key that is new may be one of the absent ones, with another date.
    pub(super) fn recognise(
        &self,
        editions: &mut [Read],
        absent: &mut Absent<'_>,
        options: &Options,
    ) -> Vec<Recognised> {
        let mut recognised = Vec::new();
        let mut families: Vec<(String, Vec<usize>)> = Vec::new();
        for (at, Read { digest, .. }) in editions.iter().enumerate() {
            match families.iter_mut().find(|(key, _)| *key == digest.key) {
                Some((_, parts)) => parts.push(at),
                None => families.push((digest.key.clone(), vec![at])),
            }
        }
        for (key, parts) in families {
            let wanted: Vec<Features> =
                parts.iter().flat_map(|at| std::mem::take(&mut editions[*at].features)).collect();
            let digests = parts.iter().map(|at| &editions[*at].digest);
            let items: Vec<&Item> = digests.flat_map(|digest| digest.items().map(|(_, item)| item)).collect();
            let key = key.as_str();
            let before = self.get(key);
            let old = if before.is_none() { absent.take(&wanted, self) } else { None };
            let known = before.or_else(|| self.get(old.as_ref()?)).unwrap_or_default();
            let was_there: Vec<bool> = known.iter().map(|known| absent.was_there(&known.record)).collect();
            let is_given = |id: &str| self.moved.contains_key(id);
            let found = found(&items, wanted, key, (&known, was_there), &is_given, options);
            recognised.push(Recognised { key: key.to_owned(), old, parts, known, found });
        }
        recognised
    }
}

/// The key that an id says: what stands between its second colon and its last slash.
fn key_of(id: &str) -> Option<&str> {
    let (key, _) = id.splitn(3, ':').nth(2)?.rsplit_once('/')?;
    Some(key)
}

/// The items of the digests that share a key.
pub(super) struct Recognised {
    pub(super) key: String,
    /// The key that they had before, with another date.
    pub(super) old: Option<String>,
    /// Which of the editions share it.
    pub(super) parts: Vec<usize>,
    /// What was published under it.
    pub(super) known: Arc<Family>,
    /// Their items in file order, one edition after the other.
    pub(super) found: Vec<Found>,
}

/// An item of a digest, and which it is.
pub(super) struct Found {
    pub(super) id: String,
    pub(super) marks: Marks,
    pub(super) text: Hash,
    /// Everything of it that counts as a change.
    pub(super) words: Hash,
    /// Its position among those that are known.
    pub(super) claim: Option<usize>,
}

/// Families that were there at the last look and are not now, of which each may be there with another date.
pub(super) struct Absent<'r> {
    keys: BTreeSet<String>,
    /// The moments at which digests went that are not there, and how many at each.
    went: &'r HashMap<Moment, usize>,
    /// What they have, once somebody asked.
    index: Option<AbsentItems>,
}

#[derive(Default)]
struct AbsentItems {
    by_marks: HashMap<Marks, Vec<String>>,
    lengths: HashMap<String, usize>,
}

impl<'r> Absent<'r> {
    pub(super) fn new(keys: BTreeSet<String>, went: &'r HashMap<Moment, usize>) -> Absent<'r> {
        Absent { keys, went, index: None }
    }

    /// Whether an item was there at the last look at its digest. What went with its digest was there until then, and what is
    /// taken back stands in its file.
    fn was_there(&self, record: &Record) -> bool {
        record.retracted.is_some() || record.gone.is_none_or(|gone| self.went.contains_key(&gone))
    }

    /// The one that has most of these items, and they most of its; it is absent no more.
    fn take(&mut self, wanted: &[Features], families: &Families) -> Option<String> {
        if self.keys.is_empty() {
            return None;
        }
        let wanted: HashSet<Marks> = wanted.iter().map(|it| it.marks).collect();
        let index = self.index.take().unwrap_or_else(|| self.items(families));
        let mut shared: BTreeMap<&str, usize> = BTreeMap::new();
        for key in wanted.iter().filter_map(|marks| index.by_marks.get(marks)).flatten() {
            *shared.entry(key).or_default() += 1;
        }
        let is_most = |(key, shared): &(&str, usize)| {
            self.keys.contains(*key) && shared * 2 >= index.lengths[*key].max(wanted.len())
        };
        let found = shared.into_iter().filter(is_most).max_by_key(|(_, shared)| *shared);
        let found = found.map(|(key, _)| key.to_owned());
        self.index = Some(index);
        found.inspect(|key| {
            self.keys.remove(key);
        })
    }

    fn items(&self, families: &Families) -> AbsentItems {
        let mut index = AbsentItems::default();
        for key in &self.keys {
            let family = families.get(key).unwrap_or_default();
            let there: Vec<&Known> = family.iter().filter(|known| self.was_there(&known.record)).collect();
            index.lengths.insert(key.clone(), there.len());
            there.iter().for_each(|known| index.by_marks.entry(known.marks).or_default().push(key.clone()));
        }
        index
    }
}

/// A digest, and by what its items are recognised.
pub(super) struct Read {
    pub(super) digest: Arc<Digest>,
    /// One for each item.
    features: Vec<Features>,
}

impl Read {
    pub(super) fn of(digest: &Volume, options: &Options) -> Read {
        let digest = digest.open();
        let features = digest.items().map(|(_, item)| features(item, options)).collect();
        Read { digest, features }
    }
}

/// By what an item is recognised.
struct Features {
    /// The canonical link, if it has one.
    story: Option<String>,
    /// The normalised title.
    title: String,
    marks: Marks,
    /// The words of its body.
    text: Hash,
    /// Whether those are enough to tell it by.
    is_telling: bool,
    /// Everything that counts as a change.
    words: Hash,
}

/// A text tells by so many letters and more: two or three words, or a clause of Chinese. What is shorter may be a phrase like
/// "see below", which stands below many an item.
const TELLING: usize = 10;

fn features(item: &Item, options: &Options) -> Features {
    let story = item.link.as_deref().map(|link| canonical_link(link, options));
    let title = normalized(&item.title);
    let (text, letters) = hash_of_text(&item.html);
    Features {
        marks: Marks::from(story.as_deref(), &title),
        text,
        is_telling: letters >= TELLING,
        words: hash_of_item(item, &title, story.as_deref(), options),
        story,
        title,
    }
}

fn number(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Which each item is, or the id of a new one.
fn found(
    items: &[&Item],
    wanted: Vec<Features>,
    key: &str,
    (known, was_there): (&[Known], Vec<bool>),
    is_given: &dyn Fn(&str) -> bool,
    options: &Options,
) -> Vec<Found> {
    let is_new = |anchor: &str| !is_given(&options.tag(&format!("{key}/{anchor}")));
    let claims = claims(items, &wanted, known, was_there);
    let mut taken: HashMap<String, u32> = known.iter().map(|known| (known.anchor().to_owned(), 1)).collect();
    let fixed: HashSet<String> = items.iter().filter_map(|item| fixed_id(item)).collect();
    let mut found = Vec::with_capacity(items.len());
    for ((item, features), claim) in items.iter().zip(wanted).zip(claims) {
        let id = match claim {
            Some(at) => known[at].id.clone(),
            None => options.tag(&format!("{key}/{}", new_anchor(item, &features, &fixed, &mut taken, &is_new))),
        };
        let Features { marks, text, words, .. } = features;
        found.push(Found { id, marks, text, words, claim });
    }
    found
}

/// For each item which of the published ones it is.
fn claims(items: &[&Item], wanted: &[Features], known: &[Known], was_there: Vec<bool>) -> Vec<Option<usize>> {
    if known.is_empty() {
        return vec![None; items.len()];
    }
    // Its author's id decides alone: an item with a new one is a new item. One that is written twice is the first one's.
    let anchors: HashMap<&str, usize> = known.iter().enumerate().map(|(at, known)| (known.anchor(), at)).collect();
    let fixed: Vec<Option<usize>> = items.iter().map(|item| anchors.get(fixed_id(item)?.as_str()).copied()).collect();
    let mut free: HashSet<usize> = (0..known.len()).collect();
    let mut claims = Claims {
        of: fixed.iter().map(|at| at.filter(|at| free.remove(at))).collect(),
        is_new: items.iter().zip(&fixed).map(|(item, at)| at.is_none() && fixed_id(item).is_some()).collect(),
        was_there,
        free,
    };
    claims.in_order(|at| Some(wanted[at].marks), |at| Some(known[at].marks));
    // The same link: the title was edited, and of several the same text tells which. What is gone for longer comes back only
    // if nobody else has its link.
    let is_back = |claims: &Claims| -> Vec<bool> {
        let claimed = (0..items.len()).filter(|at| claims.of[*at].is_some());
        let shared: HashSet<u64> = claimed.filter_map(|at| wanted[at].marks.story).collect();
        let is_shared = |known: &Known| known.marks.story.is_some_and(|story| shared.contains(&story));
        known.iter().zip(&claims.was_there).map(|(known, was_there)| *was_there || !is_shared(known)).collect()
    };
    let may_be = is_back(&claims);
    claims.in_order(
        |at| Some((wanted[at].marks.story?, wanted[at].text)),
        |at| Some((known[at].marks.story?, known[at].text?)).filter(|_| may_be[at]),
    );
    let may_be = is_back(&claims);
    claims.in_order(|at| wanted[at].marks.story, |at| known[at].marks.story.filter(|_| may_be[at]));
    // The same title: the link was corrected.
    let untitled = number("");
    claims
        .alone(|at| Some(wanted[at].marks.title).filter(|title| *title != untitled), |at| Some(known[at].marks.title));
    // The same text, and no link that could say otherwise: the title was edited.
    let is_linkless = |story: Option<u64>| story.is_none();
    claims.alone(
        |at| Some(wanted[at].text).filter(|_| is_linkless(wanted[at].marks.story) && wanted[at].is_telling),
        |at| known[at].text.filter(|_| is_linkless(known[at].marks.story)),
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

    /// The same mark, in the order in which they stood; first what was there at the last look.
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
    features: &Features,
    fixed: &HashSet<String>,
    taken: &mut HashMap<String, u32>,
    is_new: &dyn Fn(&str) -> bool,
) -> String {
    let own = fixed_id(item);
    let wishes = wishes(item, features);
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
fn wishes(item: &Item, Features { story, title, .. }: &Features) -> Vec<String> {
    let plain = short_hash(story.as_ref().unwrap_or(title));
    let both = short_hash(&format!("{}\n{title}", story.as_deref().unwrap_or_default()));
    fixed_id(item).into_iter().chain([plain, both]).collect()
}

/// The id an author gave an item, as far as it can be one.
fn fixed_id(item: &Item) -> Option<String> {
    item.id.as_deref().map(ascii_id).filter(|id| !id.is_empty())
}

/// An author's id with only what a `tag:` URI and an anchor may hold.
fn ascii_id(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')).collect()
}
