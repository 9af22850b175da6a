//! The publish guard: a brake before every subscriber sees old entries again, or loses them.
//!
//! What a change would do to the entries that readers have is counted feed by feed, together with what was taken from them
//! or corrected lately. New entries never count, unless they are there already, nor do corrections in the newest digests, which are still
//! being worked on. What a newcomer gets wrong: leaving a feed's window is no loss, being gone from the content is.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use sha2::{Digest as _, Sha256};

use super::words::{Hash, canonical_link};
use super::{Change, Changes, Ledger, Moment, Published, Settled, Settlement, Shown, What, source_of};
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
    /// What is over with those feeds.
    pub limits: Options,
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
        let fates = ["vanish", "come again as new", "leave their section", "be corrected"];
        let counted = self.counts().into_iter().zip(fates).filter(|(count, _)| *count > 0);
        let fates: Vec<String> = counted.map(|(count, fate)| format!("{count} would {fate}")).collect();
        let feeds: Vec<String> =
            self.feeds.iter().map(|(feed, touched, had)| format!("{touched} of {had} in {feed}")).collect();
        let (entries, percent) = (self.limits.entries, self.limits.share_percent);
        write!(
            f,
            "of the entries that readers have, {}; with what went or was corrected within the last hour that is {}, where more \
             than {entries} and {percent} % are too many",
            fates.join(", "),
            feeds.join(", ")
        )?;
        if self.new > 0 {
            write!(f, "; {} new ones wait with them", self.new)?;
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

/// What was taken from readers and what was corrected counts for so long, so that a change which comes piece by piece is one change.
pub(super) const RECENT: TimeDelta = TimeDelta::hours(1);

/// An entry that readers of a feed had, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The route of the feed.
    pub feed: String,
    /// The entry.
    pub id: String,
    /// Whether it is still there, with other words.
    pub is_correction: bool,
}

/// What readers would see of a change.
#[derive(Debug, Default)]
pub struct Judgement {
    /// The change, if it must not be shown as it is.
    pub held: Option<Held>,
    /// What readers lose and see corrected if it is shown.
    pub losses: Vec<Loss>,
}

/// What a change does to the entries that readers have, by id.
pub(super) struct Case<'c> {
    /// The feeds as readers have them.
    pub(super) shown: &'c Shown,
    /// The feeds as they would be.
    pub(super) next: &'c Shown,
    /// What became of what readers had lately.
    pub(super) recent: Vec<&'c Loss>,
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

    /// The entries of a feed that its readers would see corrected.
    fn corrected(&self, feed: &str) -> BTreeSet<&'c str> {
        let is_corrected = |id: &str| self.corrected.contains(id) && !(self.is_newest)(id) && (self.is_edited)(id);
        let ids = self.shown.get(feed).into_iter().flatten().map(String::as_str);
        ids.filter(|id| is_corrected(id)).collect()
    }

    /// The entries of a feed that its readers would see in another way.
    fn touched(&self, feed: &str) -> BTreeSet<&'c str> {
        let is_repeated = |id: &str| {
            let again = self.repeated.get(id);
            again.is_some_and(|again| self.next.get(feed).is_some_and(|next| next.contains(*again)))
        };
        let ids = self.shown.get(feed).into_iter().flatten().map(String::as_str);
        let mut touched: BTreeSet<&str> = ids.filter(|id| is_repeated(id)).collect();
        touched.extend(self.corrected(feed));
        touched.extend(self.lost(feed));
        touched
    }

    /// What readers lose, and what they see corrected.
    pub(super) fn losses(&self) -> Vec<Loss> {
        let mut losses = Vec::new();
        for feed in self.shown.keys() {
            let lost = self.lost(feed);
            let corrected = self.corrected(feed).into_iter().filter(|id| !lost.contains(id)).map(|id| (id, true));
            let all = lost.iter().map(|id| (*id, false)).chain(corrected);
            losses.extend(all.map(|(id, is_correction)| Loss { feed: feed.clone(), id: id.to_owned(), is_correction }));
        }
        losses
    }

    /// The feeds over the limit: route, entries touched, entries shown.
    pub(super) fn over(&self, options: &Options) -> Vec<(String, usize, usize)> {
        let mut over = Vec::new();
        for (feed, ids) in self.shown {
            let mut touched = self.touched(feed);
            if touched.is_empty() {
                continue;
            }
            let mut had = ids.len();
            let mut counted: HashSet<&str> = HashSet::new();
            for loss in self.recent.iter().filter(|loss| loss.feed == *feed) {
                let is_there = ids.contains(&loss.id);
                // What was lost and came back is as it was; what was corrected and then lost was lost.
                if is_there != loss.is_correction || (is_there && (self.is_newest)(&loss.id)) {
                    continue;
                }
                had += usize::from(!is_there && counted.insert(&loss.id));
                touched.insert(&loss.id);
            }
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

/// The dates of the digests in which items stand, by their ids.
fn dates(settlement: &Settlement) -> HashMap<String, NaiveDate> {
    let dates_of = |settled: &Arc<Settled>| {
        let date = settled.digest.date;
        settled.items().iter().map(|identity| (identity.id.clone(), date)).collect::<Vec<_>>()
    };
    settlement.digests.iter().flat_map(dates_of).collect()
}

impl Ledger {
    /// What readers would see of a settlement whose feeds would show `next`, and whether that must be confirmed first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn judge(
        &self,
        settlement: &Settlement,
        changes: &Changes,
        next: &Shown,
        limits: &Options,
        ids: &super::Options,
    ) -> anyhow::Result<Judgement> {
        if self.shown.is_empty() {
            return Ok(Judgement::default());
        }
        // Each goes over the whole archive, and a normal day asks for none.
        let newest = LazyCell::new(|| self.newest(settlement));
        let edited = LazyCell::new(|| self.edited(settlement, ids));
        let digests = LazyCell::new(|| self.families_of_digests(ids));
        let dates = LazyCell::new(|| dates(settlement));
        let of = |is_so: fn(&Change) -> bool| changes.entries.iter().filter(move |change| is_so(change));
        let mut gone: HashSet<&str> =
            of(|it| it.what == What::Gone && it.record.retracted.is_none()).map(|change| change.id.as_str()).collect();
        // What stays of what readers have, by its words: the same may stand in two places.
        let shown: HashSet<&str> = self.shown.values().flatten().map(String::as_str).collect();
        let mut stays: HashMap<Hash, Vec<&str>> = HashMap::new();
        for (id, record) in self.records.families.records(shown.into_iter().filter(|id| !gone.contains(id))) {
            stays.entry(record.hash).or_default().push(id);
        }
        for change in of(|it| it.what == What::Gone && !it.is_digest) {
            if stays.contains_key(&change.record.hash) {
                gone.remove(change.id.as_str());
            }
        }
        let new = of(|it| it.what == What::Published && !it.is_digest);
        let again = new.filter_map(|change| Some((stays.get(&change.record.hash)?, change.id.as_str())));
        let repeated = again.flat_map(|(before, new)| before.iter().map(move |id| (*id, new)));
        // Some digests tell the same on many days; on one day it is a copy.
        let repeated = repeated.filter(|(id, new)| dates.get(*id) == dates.get(*new));
        let case = Case {
            shown: &self.shown,
            next,
            recent: self.recent(changes.at),
            gone,
            corrected: of(|it| it.what == What::Corrected && !it.is_digest).map(|it| it.id.as_str()).collect(),
            repeated: repeated.collect(),
            is_young: settlement.digests.len() <= YOUNG,
            is_newest: &|id| newest.contains(id),
            is_edited: &|id| {
                let family = self.records.families.key_of(id).or_else(|| digests.get(id).copied());
                family.is_none_or(|family| edited.contains(family))
            },
        };
        let (feeds, losses) = (case.over(limits), case.losses());
        let held = if feeds.is_empty() { None } else { Some(self.held(feeds, &case, changes, limits, ids)?) };
        Ok(Judgement { held, losses })
    }

    /// What became of what readers had lately.
    fn recent(&self, now: Moment) -> Vec<&Loss> {
        self.losses.iter().filter(|(at, _)| *at + RECENT > now).map(|(_, loss)| loss).collect()
    }

    fn held(
        &self,
        feeds: Vec<(String, usize, usize)>,
        case: &Case<'_>,
        changes: &Changes,
        limits: &Options,
        ids: &super::Options,
    ) -> anyhow::Result<Held> {
        let reidentified = self.reidentified(changes, ids)?;
        let changed: HashMap<&str, &Change> = changes.entries.iter().map(|it| (it.id.as_str(), it)).collect();
        let mut entries = Vec::new();
        for id in case.all_touched() {
            let change = changed.get(id);
            let name = change.filter(|change| change.is_digest).map_or(id, |change| &change.digest);
            let before = self.store.published(name)?;
            let before = before.unwrap_or_else(|| Published { id: id.to_owned(), title: id.to_owned(), link: None });
            let fate = match (reidentified.get(id), case.repeated.get(id), change) {
                (Some(new), _, _) => Fate::Reidentified { id: new.id.clone(), title: new.title.clone() },
                (None, _, Some(Change { what: What::Gone, .. })) => Fate::Vanishes,
                (None, Some(new), _) => Fate::Repeated { id: (*new).to_owned() },
                (None, None, Some(Change { what: What::Corrected, is_digest: false, record, .. })) => {
                    Fate::Corrected { hash: record.hash }
                }
                _ => Fate::Leaves,
            };
            entries.push(Touched { before: Published { id: id.to_owned(), ..before }, fate });
        }
        let new = changes.entries.iter().filter(|change| change.what == What::Published && !change.is_digest).count();
        Ok(Held { fingerprint: fingerprint(&entries), feeds, entries, new, limits: *limits })
    }

    /// The entries of the newest digests that readers have, and of newer ones.
    fn newest(&self, settlement: &Settlement) -> HashSet<String> {
        let known = settlement.digests.iter().filter(|settled| self.records.digests.contains_key(&*settled.key));
        let newest = known.map(|settled| settled.digest.date).max();
        let newest = settlement.digests.iter().filter(|settled| Some(settled.digest.date) >= newest);
        let ids = |settled: &Arc<Settled>| {
            let items = settled.items();
            items.iter().chain([&settled.identity]).map(|identity| identity.id.clone()).collect::<Vec<_>>()
        };
        newest.flat_map(ids).collect()
    }

    /// The key that the files of a digest's date and language share, by its id.
    fn families_of_digests(&self, ids: &super::Options) -> HashMap<String, &str> {
        self.records.sources.iter().map(|(key, made)| (ids.tag(key), made.family.as_str())).collect()
    }

    /// The digests, by the key that their files share, of which an author wrote something else than what was published, or
    /// which are read in another way. What is only understood better now, as with the third digest of a new publication,
    /// is not among them.
    fn edited(&self, settlement: &Settlement, ids: &super::Options) -> HashSet<String> {
        let mut known: HashMap<&str, BTreeMap<&str, i64>> = HashMap::new();
        for (key, made) in &self.records.sources {
            known.entry(&made.family).or_default().insert(key, made.source);
        }
        let mut now: HashMap<&str, BTreeMap<&str, i64>> = HashMap::new();
        for settled in &settlement.digests {
            let source = source_of(&settled.digest, ids);
            now.entry(&settled.digest.key).or_default().insert(&settled.key, source);
        }
        let families = known.keys().chain(now.keys());
        families.filter(|family| known.get(*family) != now.get(*family)).map(|family| (*family).to_owned()).collect()
    }

    /// The items that are gone although one like them is new: by the id of the one that is gone.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn reidentified<'c>(
        &self,
        changes: &'c Changes,
        ids: &super::Options,
    ) -> anyhow::Result<HashMap<String, &'c Change>> {
        let items = |what| changes.entries.iter().filter(move |change| !change.is_digest && change.what == what);
        let gone = items(What::Gone).map(|change| self.published(&change.id));
        let gone: Vec<Published> = gone.filter_map(Result::transpose).collect::<anyhow::Result<_>>()?;
        let new: Vec<&Change> = items(What::Published).collect();
        Ok(pairs(&gone, &new, ids))
    }
}
