//! The publish guard: a brake before every subscriber sees old entries again, or loses them.
//!
//! What a change would take from readers is counted feed by feed, against what each feed shows them now. New entries never
//! count, nor corrections in the newest digest, which is still being worked on. What a newcomer gets wrong: leaving a feed's
//! window is no loss, being gone from the content is.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use sha2::{Digest as _, Sha256};

use super::words::canonical_link;
use super::{Change, Changes, Published, Shown, What};
use crate::digest::text::normalized;

/// When a change is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// When more than this share of a feed's entries would be touched, in percent; 100 never holds.
    pub share_percent: u8,
    /// And more than so many of them.
    pub entries: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { share_percent: 20, entries: 5 }
    }
}

/// A change that is not shown to readers until it is confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The same for the same change.
    pub fingerprint: String,
    /// The feeds over the limit: route, entries touched, entries shown.
    pub feeds: Vec<(String, usize, usize)>,
    /// What would become of the entries that readers have.
    pub entries: Vec<Touched>,
    /// How many entries would be new.
    pub new: usize,
}

/// An entry that readers have, and what would become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// As it was published.
    pub before: Published,
    /// What would become of it.
    pub fate: Fate,
}

/// What would become of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is gone.
    Vanishes,
    /// It is gone, and one like it comes as new.
    Reidentified {
        /// The new one.
        id: String,
        /// Its title.
        title: String,
    },
    /// Its words are others.
    Corrected,
}

impl fmt::Display for Touched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Published { id, title, .. } = &self.before;
        match &self.fate {
            Fate::Vanishes => write!(f, "vanishes: `{title}` ({id})"),
            Fate::Reidentified { title: now, id: new } => {
                write!(f, "comes again as new: `{title}` ({id}), now `{now}` ({new})")
            }
            Fate::Corrected => write!(f, "corrected: `{title}` ({id})"),
        }
    }
}

impl Held {
    /// How many of the entries that readers have would vanish, come again as new, be corrected.
    pub fn counts(&self) -> (usize, usize, usize) {
        let of = |is_so: fn(&Fate) -> bool| self.entries.iter().filter(|entry| is_so(&entry.fate)).count();
        (
            of(|fate| *fate == Fate::Vanishes),
            of(|fate| matches!(fate, Fate::Reidentified { .. })),
            of(|fate| *fate == Fate::Corrected),
        )
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (vanish, again, corrected) = self.counts();
        write!(
            f,
            "of the entries that readers have, {vanish} would vanish, {again} come again as new and {corrected} be \
             corrected; {} would be new",
            self.new
        )?;
        for (feed, touched, had) in &self.feeds {
            write!(f, "; {touched} of {had} in {feed}")?;
        }
        Ok(())
    }
}

/// Feeds over the limit, with the ids that count: those for which `counts` is true, too.
pub(super) fn judge(
    shown: &Shown,
    next: &Shown,
    changes: &Changes,
    newest: Option<&str>,
    options: &Options,
    counts: &dyn Fn(&str) -> bool,
) -> BTreeMap<String, BTreeSet<String>> {
    let is_touched = |change: &&Change| match change.what {
        What::Gone => change.record.retracted.is_none(),
        What::Corrected => !change.is_digest && newest != Some(&change.digest),
        _ => false,
    };
    let touched: HashSet<&str> = changes.entries.iter().filter(is_touched).map(|change| change.id.as_str()).collect();
    let mut over = BTreeMap::new();
    for (feed, ids) in shown {
        let is_lost = !next.contains_key(feed);
        let lost: BTreeSet<String> =
            ids.iter().filter(|id| (is_lost || touched.contains(id.as_str())) && counts(id)).cloned().collect();
        if lost.len() > options.entries && lost.len() * 100 > usize::from(options.share_percent) * ids.len() {
            over.insert(feed.clone(), lost);
        }
    }
    over
}

/// The same for the same entries with the same fate.
pub(super) fn fingerprint(entries: &[Touched]) -> String {
    let lines: BTreeSet<String> = entries.iter().map(Touched::to_string).collect();
    let mut hasher = Sha256::new();
    lines.iter().for_each(|line| hasher.update(line));
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// How alike the titles of an item before and after are at least.
const LIKELY: f64 = 0.5;

/// So many of those that are gone are compared with those that are new; where more are, it is another digest.
const MOST_GONE: usize = 100;

/// Of items that are gone and items that are new, which are the same to a reader: one link, or titles that are alike.
pub(super) fn pairs<'c>(
    gone: &[Published],
    new: &[&'c Change],
    options: &super::Options,
) -> HashMap<String, &'c Change> {
    let story = |link: &Option<String>| link.as_deref().map(|link| canonical_link(link, options));
    let mut by_story: HashMap<String, Vec<&Change>> = HashMap::new();
    for change in new.iter().rev() {
        if let Some(story) = story(&change.link) {
            by_story.entry(story).or_default().push(change);
        }
    }
    let mut pairs = HashMap::new();
    let mut taken: HashSet<&str> = HashSet::new();
    for before in gone {
        let same = story(&before.link).and_then(|story| by_story.get_mut(&story)?.pop());
        if let Some(change) = same {
            taken.insert(&change.id);
            pairs.insert(before.id.clone(), change);
        }
    }
    let alone: Vec<&Published> = gone.iter().filter(|before| !pairs.contains_key(&before.id)).take(MOST_GONE).collect();
    for before in alone {
        let title = normalized(&before.title);
        let open = new.iter().take(MOST_GONE).filter(|change| !taken.contains(change.id.as_str()));
        let alike =
            open.map(|change| (strsim::normalized_damerau_levenshtein(&title, &normalized(&change.title)), change));
        if let Some((_, change)) =
            alike.filter(|(alike, _)| *alike >= LIKELY).max_by(|(one, _), (other, _)| one.total_cmp(other))
        {
            taken.insert(&change.id);
            pairs.insert(before.id.clone(), change);
        }
    }
    pairs
}
