//! The publish guard: a brake before every subscriber sees old entries again, or loses them.
//!
//! What a change would do to the entries that readers have is counted feed by feed, together with what was taken from them
//! lately. New entries never count, unless they are there already, nor do corrections in the newest digests, which are still
//! being worked on. What a newcomer gets wrong: leaving a feed's window is no loss, being gone from the content is.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

use chrono::TimeDelta;
use sha2::{Digest as _, Sha256};

use super::words::{Hash, canonical_link};
use super::{Change, Published, Shown};
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
    /// The same comes as new beside it.
    Repeated {
        /// The new one.
        id: String,
    },
    /// It is there, but no longer in a feed that showed it.
    Leaves,
    /// Its words are others.
    Corrected {
        /// Which they are.
        hash: Hash,
    },
}

impl fmt::Display for Touched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Published { id, title, .. } = &self.before;
        match &self.fate {
            Fate::Vanishes => write!(f, "vanishes: `{title}` ({id})"),
            Fate::Reidentified { title: now, id: new } => {
                write!(f, "comes again as new: `{title}` ({id}), now `{now}` ({new})")
            }
            Fate::Repeated { id: new } => write!(f, "comes twice: `{title}` ({id}), also ({new})"),
            Fate::Leaves => write!(f, "leaves its section: `{title}` ({id})"),
            Fate::Corrected { .. } => write!(f, "corrected: `{title}` ({id})"),
        }
    }
}

impl Held {
    /// How many of the entries that readers have would vanish, come again as new, leave their section, be corrected.
    pub fn counts(&self) -> [usize; 4] {
        let of = |is_so: fn(&Fate) -> bool| self.entries.iter().filter(|entry| is_so(&entry.fate)).count();
        [
            of(|fate| *fate == Fate::Vanishes),
            of(|fate| matches!(fate, Fate::Reidentified { .. } | Fate::Repeated { .. })),
            of(|fate| *fate == Fate::Leaves),
            of(|fate| matches!(fate, Fate::Corrected { .. })),
        ]
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [vanish, again, leave, corrected] = self.counts();
        write!(
            f,
            "of the entries that readers have, {vanish} would vanish, {again} come again as new, {leave} leave their \
             section and {corrected} be corrected; {} would be new",
            self.new
        )?;
        for (feed, touched, had) in &self.feeds {
            write!(f, "; {touched} of {had} in {feed}")?;
        }
        Ok(())
    }
}

/// The route of the feed of all items.
const ALL: &str = "/";

/// The route of the feed of digests.
const DIGESTS: &str = "/digests/";

/// With so many digests a publication is understood.
pub(super) const YOUNG: usize = 10;

/// What was taken from readers counts for so long, so that a change which comes piece by piece is one change.
pub(super) const RECENT: TimeDelta = TimeDelta::hours(1);

/// What readers would see of a change.
#[derive(Debug, Default)]
pub struct Judgement {
    /// The change, if it must not be shown as it is.
    pub held: Option<Held>,
    /// What is taken from readers if it is shown: feeds and ids.
    pub losses: Vec<(String, String)>,
}

/// What a change does to the entries that readers have, by id.
pub(super) struct Case<'c> {
    /// The feeds as readers have them.
    pub(super) shown: &'c Shown,
    /// The feeds as they would be.
    pub(super) next: &'c Shown,
    /// What was taken from readers lately: feeds and ids.
    pub(super) recent: HashSet<(&'c str, &'c str)>,
    /// Entries that would be gone.
    pub(super) gone: HashSet<&'c str>,
    /// Entries that would be corrected.
    pub(super) corrected: HashSet<&'c str>,
    /// Entries beside which the same would come as new, and the ids of those.
    pub(super) repeated: HashMap<&'c str, &'c str>,
    /// Whether there are so few digests that each teaches much of the others.
    pub(super) is_young: bool,
    /// Entries of the newest digests, which are still being worked on.
    pub(super) is_newest: &'c dyn Fn(&str) -> bool,
    /// Entries of digests that an author wrote otherwise; the others are only understood better.
    pub(super) is_edited: &'c dyn Fn(&str) -> bool,
}

impl<'c> Case<'c> {
    /// The entries of a feed that are taken from its readers.
    fn lost(&self, feed: &str) -> BTreeSet<&'c str> {
        let nothing = BTreeSet::new();
        let (all, own) = (self.next.get(ALL).unwrap_or(&nothing), self.next.get(feed));
        // What the feed of all shows, a section's window does not leave out.
        let leaves = |id: &str| {
            own.is_none_or(|own| all.contains(id) && !own.contains(id)) && !(self.is_newest)(id) && (self.is_edited)(id)
        };
        // In the feeds of everything it does not matter why, once there is a publication to speak of.
        let whatever = !self.is_young && [ALL, DIGESTS].contains(&feed);
        let is_gone = |id: &str| self.gone.contains(id) && (whatever || (self.is_edited)(id));
        let ids = self.shown.get(feed).into_iter().flatten().map(String::as_str);
        ids.filter(|id| is_gone(id) || leaves(id)).collect()
    }

    /// The entries of a feed that its readers would see in another way.
    fn touched(&self, feed: &str) -> BTreeSet<&'c str> {
        let is_repeated = |id: &str| {
            let again = self.repeated.get(id);
            again.is_some_and(|again| self.next.get(feed).is_some_and(|next| next.contains(*again)))
        };
        let is_corrected = |id: &str| self.corrected.contains(id) && !(self.is_newest)(id) && (self.is_edited)(id);
        let ids = self.shown.get(feed).into_iter().flatten().map(String::as_str);
        let mut touched: BTreeSet<&str> = ids.filter(|id| is_repeated(id) || is_corrected(id)).collect();
        touched.extend(self.lost(feed));
        touched
    }

    /// What is taken from readers: feeds and ids.
    pub(super) fn losses(&self) -> Vec<(String, String)> {
        let lost = |feed: &'c String| self.lost(feed).into_iter().map(move |id| (feed.clone(), id.to_owned()));
        self.shown.keys().flat_map(lost).collect()
    }

    /// The feeds over the limit: route, entries touched, entries shown.
    pub(super) fn over(&self, options: &Options) -> Vec<(String, usize, usize)> {
        let mut over = Vec::new();
        for (feed, ids) in self.shown {
            let mut touched = self.touched(feed);
            if touched.is_empty() {
                continue;
            }
            let recent = self.recent.iter().filter(|(of, _)| of == feed).map(|(_, id)| *id);
            let recent: Vec<&str> = recent.filter(|id| !ids.contains(*id)).collect();
            touched.extend(&recent);
            let had = ids.len() + recent.len();
            if touched.len() > options.entries && touched.len() * 100 > usize::from(options.share_percent) * had {
                over.push((feed.clone(), touched.len(), had));
            }
        }
        over
    }

    /// All entries that readers would see in another way, in whichever feed.
    pub(super) fn all_touched(&self) -> BTreeSet<&'c str> {
        self.shown.keys().flat_map(|feed| self.touched(feed)).collect()
    }
}

/// The same for the same entries with the same fate.
pub(super) fn fingerprint(entries: &[Touched]) -> String {
    let lines: BTreeSet<String> = entries.iter().map(|entry| format!("{entry} {:?}", entry.fate)).collect();
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
    let titles: Vec<(&Change, String)> =
        new.iter().take(MOST_GONE).map(|change| (*change, beginning(&change.title))).collect();
    for before in alone {
        let title = beginning(&before.title);
        let open = titles.iter().filter(|(change, _)| !taken.contains(change.id.as_str()));
        let alike = open.map(|(change, other)| (strsim::normalized_damerau_levenshtein(&title, other), change));
        if let Some((_, change)) =
            alike.filter(|(alike, _)| *alike >= LIKELY).max_by(|(one, _), (other, _)| one.total_cmp(other))
        {
            taken.insert(&change.id);
            pairs.insert(before.id.clone(), change);
        }
    }
    pairs
}

/// The part of a title that is compared.
fn beginning(title: &str) -> String {
    const CHARS: usize = 80;
    normalized(title).chars().take(CHARS).collect()
}
