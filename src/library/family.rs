//! Families: the digests of one date and language, and which of them has which name in URLs.
//!
//! A name that was given is kept, for readers know a digest by it. What a newcomer gets wrong: a name is neither the file's nor
//! the date's; it goes with the digest to another file, and stays reserved when that is gone.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::digest::learnt::Given;
use crate::digest::{self, Volume};
use crate::finding::Finding;

/// The digests that share a key, and what became of them.
#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) digests: Vec<Arc<Volume>>,
    /// Of files that are one item each, by path: together they are one digest more.
    pub(super) stories: Vec<Arc<Volume>>,
    /// That digest, and what it was made of.
    day: Option<(Vec<Arc<Volume>>, Arc<Volume>)>,
    /// What is to be said of their names.
    pub(super) findings: Vec<Finding>,
}

impl Family {
    /// All digests of it. A day stays the same as long as its files do.
    pub(super) fn editions(&mut self) -> Vec<Arc<Volume>> {
        let is_same = |old: &[Arc<Volume>], new: &[Arc<Volume>]| {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| Arc::ptr_eq(old, new))
        };
        if self.stories.is_empty() {
            self.day = None;
        } else if self.day.as_ref().is_none_or(|(parts, _)| !is_same(parts, &self.stories)) {
            self.day = Some((self.stories.clone(), Arc::new(Volume::of_stories(&self.stories))));
        }
        self.digests.iter().chain(self.day.iter().map(|(_, day)| day)).cloned().collect()
    }
}

/// The names of the digests that share a key, the plainest path first. One that was given a name keeps it as long as its file
/// is there, and also in a file of another name. The first of the others has the bare key, if nobody ever had it; a name
/// that was given is kept for what is gone, because readers know that by it.
pub(super) fn names(
    key: &str,
    mut is_bare_free: bool,
    editions: &[Arc<Volume>],
    known: &BTreeMap<String, Given>,
    is_taken: &dyn Fn(&str) -> bool,
) -> Vec<String> {
    let mut names: Vec<Option<String>> = vec![None; editions.len()];
    let mut free: BTreeMap<&str, &Given> = known.iter().map(|(name, given)| (name.as_str(), given)).collect();
    // What stands where it stood; what has another file; what was rewritten where it stood.
    let in_place = |given: &Given, digest: &Volume| match given.path == digest.path {
        true => given.likeness(digest),
        false => None,
    };
    let elsewhere = |given: &Given, digest: &Volume| given.likeness(digest);
    let rewritten = |given: &Given, digest: &Volume| (given.path == digest.path).then_some(0);
    for likeness in [&in_place as &dyn Fn(&Given, &Volume) -> Option<usize>, &elsewhere, &rewritten] {
        if free.is_empty() {
            break;
        }
        let mut pairs: Vec<(usize, usize, &str)> = Vec::new();
        for (at, digest) in editions.iter().enumerate().filter(|(at, it)| names[*at].is_none() && !it.is_one_story) {
            pairs.extend(free.iter().filter_map(|(name, given)| Some((likeness(given, digest)?, at, *name))));
        }
        pairs.sort_by_key(|(likeness, at, name)| (Reverse(*likeness), *at, *name));
        for (_, at, name) in pairs {
            if names[at].is_none() && free.remove(name).is_some() {
                names[at] = Some(name.to_owned());
            }
        }
    }
    let mut new = HashSet::new();
    let names = names.into_iter().zip(editions).map(|(name, digest)| {
        name.unwrap_or_else(|| match std::mem::take(&mut is_bare_free) {
            true => key.to_owned(),
            false => other_key(key, digest, &mut |name| !is_taken(name) && new.insert(name.to_owned())),
        })
    });
    names.collect()
}

/// Whether a name was given to a digest of a key that it begins with.
pub(super) fn was_given(name: &str, given: &BTreeMap<String, BTreeMap<String, Given>>) -> bool {
    let ends = name.match_indices('-').map(|(end, _)| end).chain([name.len()]);
    ends.filter_map(|end| given.get(&name[..end])).any(|names| names.contains_key(name))
}

/// Brings up to date what is known of the names of one key.
pub(super) fn remember(known: &mut BTreeMap<String, Given>, names: &[String], editions: &[Arc<Volume>]) {
    for (name, digest) in names.iter().zip(editions).filter(|(_, digest)| !digest.is_one_story) {
        let is_same = |given: &Given| given.path == digest.path && given.source == digest.source;
        if known.get(name).is_some_and(is_same) {
            continue;
        }
        // Another that stood in this file has gone from it.
        let others = known.iter_mut().filter(|(name, given)| given.path == digest.path && !names.contains(name));
        others.for_each(|(_, given)| given.path.clear());
        if let Some(given) = Given::of(digest) {
            known.insert(name.clone(), given);
        }
    }
}

fn other_key(key: &str, digest: &Volume, take: &mut dyn FnMut(&str) -> bool) -> String {
    let name = digest::name_besides_date(&digest.path);
    let wish = if name.is_empty() { key.to_owned() } else { format!("{key}-{name}") };
    let numbered = (2_u32..).map(|number| format!("{wish}-{number}"));
    let mut wishes = std::iter::once(wish.clone()).chain(numbered);
    wishes.find(|wish| take(wish)).unwrap_or(wish)
}
