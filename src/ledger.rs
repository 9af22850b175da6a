//! What has been published: lasting ids, moments of publication, meaningful changes.
//!
//! [`Ledger::settle`] turns digests into what readers may see of them at a moment. It is the only place where "now" has a
//! say. A new id is made of the digest's key and the story's canonical link, so that it comes out the same without any
//! memory; an item that was published before is recognised and keeps the id it had (`ledger::recognition`). What a newcomer gets
//! wrong: nothing here depends on a position, a file name or the public address.

pub mod guard;
pub mod hold;
mod recognition;
mod settling;
mod store;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;

use crate::digest::Digest;
use crate::digest::learnt::Memory;
use crate::finding::{Code, Finding, Place};
use recognition::Prints;
use store::{Rows, Store};
use words::Hash;

pub use guard::{Fate, Held, Touched};
pub use settling::{Change, Changes, What};
pub use words::canonical_link;

/// A moment as readers are told it: in the zone of the publication as it was then.
pub type Moment = DateTime<FixedOffset>;

/// How ids and moments are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The authority of `tag:` URIs (RFC 4151, section 2.1): a domain or mail address of the publisher.
    pub authority: String,
    /// The date on which the authority was the publisher's: `2025`, `2025-05` or `2025-05-22`.
    pub authority_date: String,
    /// The zone of digest dates.
    pub timezone: Tz,
    /// When on its date a digest is published.
    pub publish_at: NaiveTime,
    /// Query parameters that say nothing about which story it is; a `*` at the end stands for any ending.
    pub tracking: Vec<String>,
    /// Fragments that say nothing about which story it is.
    pub tracking_fragments: Vec<String>,
    /// For how many days a notice stands in the place of what its author took back.
    pub retraction_days: u32,
    /// Another when digests are read in another way.
    pub reading: u64,
}

impl Options {
    /// The calendar day of a moment where the publication is made.
    pub fn today(&self, now: DateTime<Utc>) -> NaiveDate {
        now.with_timezone(&self.timezone).date_naive()
    }
}

impl Default for Options {
    fn default() -> Options {
        let tracking = [
            "utm_*", "fbclid", "gclid", "dclid", "msclkid", "mc_cid", "mc_eid", "spm", "chksm", "_hsenc", "_hsmi",
            "igshid",
        ];
        Options {
            authority: "feedmill.invalid".to_owned(),
            authority_date: "2025".to_owned(),
            timezone: Tz::UTC,
            publish_at: NaiveTime::from_hms_opt(8, 0, 0).unwrap_or_default(),
            tracking: tracking.map(str::to_owned).to_vec(),
            tracking_fragments: vec!["rd".to_owned(), "wechat_redirect".to_owned()],
            retraction_days: 14,
            reading: 0,
        }
    }
}

impl Options {
    /// A `tag:` URI of this publication (RFC 4151).
    pub fn tag(&self, specific: &str) -> String {
        format!("tag:{},{}:{specific}", self.authority, self.authority_date)
    }
}

/// An item's lasting identity and its times.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// A `tag:` URI.
    pub id: String,
    /// Its name within its digest, safe as an anchor.
    pub anchor: String,
    /// When it was first published; never changes.
    pub published: Moment,
    /// When its words last changed; never before `published`.
    pub updated: Moment,
    /// Whether readers see it.
    pub standing: Standing,
}

/// Whether readers see an entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Standing {
    /// As it is.
    Published,
    /// A notice in its place: its author took it back.
    Retracted {
        /// Why, in the author's words; may be empty.
        reason: String,
    },
    /// Not at all: it was taken back before it was published, or long enough ago.
    Withdrawn,
}

/// A digest that readers may see, with the identities of its items in file order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The digest.
    pub digest: Arc<Digest>,
    /// Its name in URLs, unique in the library.
    pub key: String,
    /// The identity of the digest itself.
    pub identity: Identity,
    /// One for each of [`Digest::items`].
    pub items: Vec<Identity>,
}

/// What readers may see at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlement {
    /// The published digests, newest first.
    pub digests: Vec<Arc<Settled>>,
    /// The digests that wait for their date, earliest first.
    pub waiting: Vec<Waiting>,
    /// When readers would see something else without any file changing.
    pub next: Option<Moment>,
}

impl Settlement {
    fn look_again(&mut self, moment: Moment) {
        self.next = Some(self.next.map_or(moment, |next| next.min(moment)));
    }
}

/// A digest dated in the future.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The digest.
    pub digest: Arc<Digest>,
    /// When it will be published.
    pub moment: Moment,
}

impl Waiting {
    /// Tells the author, who may have mistyped the date.
    pub fn finding(&self) -> Finding {
        let message = format!("dated {}, in the future: it waits until {}", self.digest.date, self.moment.to_rfc3339());
        let remedy = "nothing to do, unless the date or time.timezone is wrong";
        Finding::new(&self.digest.path, Place::START, Code::DateInFuture, message, remedy)
    }
}

/// An entry as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    published: Moment,
    updated: Moment,
    hash: Hash,
    /// Since when it is not there any more.
    gone: Option<Moment>,
    /// Since when its author takes it back.
    retracted: Option<Moment>,
}

impl Made {
    fn of(digest: &Digest, options: &Options) -> Made {
        let mut hasher = DefaultHasher::new();
        (digest.source, options.reading).hash(&mut hasher);
        Made { family: digest.key.clone(), source: hasher.finish().cast_signed() }
    }
}

/// Everything that was published.
#[derive(Debug, Default)]
struct Records {
    /// By key.
    digests: HashMap<String, Record>,
    /// By id.
    items: HashMap<String, Record>,
    prints: Prints,
    /// Keys of digests that came before their date.
    waiting: HashSet<String>,
    /// The seconds at which anything was published or updated: nothing else gets them.
    taken: HashSet<i64>,
    /// What each digest was made of, by its key.
    sources: HashMap<String, Made>,
}

/// What a digest was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Made {
    /// The key that all files of its date and language share.
    family: String,
    /// Another when its author wrote anything else, or the configuration or the program reads it in another way.
    source: i64,
}

impl Records {
    fn take(&mut self, name: String, is_digest: bool, record: Record) {
        self.taken.extend([record.published.timestamp(), record.updated.timestamp()]);
        let records = if is_digest { &mut self.digests } else { &mut self.items };
        records.insert(name, record);
    }
}

/// The feeds as readers have them: the ids of their entries, by the feed's route.
pub type Shown = BTreeMap<String, BTreeSet<String>>;

/// What of a site outlasts the process.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The entries of each feed.
    pub shown: Shown,
    /// The pages by their route.
    pub pages: BTreeMap<String, ShownPage>,
}

/// A page as it was shown.
#[derive(Debug, Clone)]
pub struct ShownPage {
    /// The hash of its bytes.
    pub hash: String,
    /// When they last became others.
    pub modified: DateTime<Utc>,
    /// The bytes, if they are to be shown when the page cannot be built.
    pub body: Option<Bytes>,
}

/// What tells whether a page is another than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validator {
    /// The hash of its bytes.
    pub hash: String,
    /// When they last became others.
    pub modified: DateTime<Utc>,
}

/// Validators by route.
pub type Validators = BTreeMap<String, Validator>;

/// An item as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its lasting id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its story.
    pub link: Option<String>,
}

/// An entry with its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// Its lasting id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its story.
    pub link: Option<String>,
    /// The key of its digest.
    pub digest: String,
    /// Whether it is the digest itself.
    pub is_digest: bool,
    /// When it was first published.
    pub published: Moment,
    /// When its words last changed.
    pub updated: Moment,
    /// Since when it is in no feed.
    pub gone: Option<Moment>,
    /// Since when its author takes it back.
    pub retracted: Option<Moment>,
    /// What became of it, oldest first.
    pub events: Vec<Event>,
    /// The routes of the feeds that show it.
    pub feeds: Vec<String>,
}

/// The name under which the ledger keeps the authority of ids.
const AUTHORITY: &str = "authority";

/// What became of an entry once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When it was seen.
    pub at: Moment,
    /// What became of it.
    pub what: What,
    /// Its title from then on.
    pub title: String,
    /// Its story from then on.
    pub link: Option<String>,
}

/// The memory of what was published.
///
/// The default one forgets everything at the end of the process.
#[derive(Debug)]
pub struct Ledger {
    records: Records,
    memory: Memory,
    shown: Shown,
    validators: Validators,
    folder: Option<PathBuf>,
    store: Store,
    /// The authority of all ids and its date.
    authority: Option<String>,
    /// Whether that is written.
    is_pinned: bool,
    /// What could not be written the last time.
    unwritten: Vec<Rows>,
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger::of(Store::in_memory(), None, &Options::default()).expect("an empty ledger in memory is always one")
    }
}

impl Ledger {
    fn of(store: Store, folder: Option<&Path>, options: &Options) -> anyhow::Result<Ledger> {
        let records = store.records(options)?;
        let (memory, shown, authority) = (store.memory()?, store.shown()?, store.publication(AUTHORITY)?);
        let (validators, is_pinned) = (store.validators()?, authority.is_some());
        let folder = folder.map(Path::to_owned);
        Ok(Ledger { records, memory, shown, validators, folder, store, authority, is_pinned, unwritten: Vec::new() })
    }

    /// The ledger of a state folder, `ledger.sqlite`, made if need be.
    ///
    /// # Errors
    /// When the folder cannot be written, or the file is no ledger or one of a newer version. Nothing is changed then.
    pub fn open(folder: &Path, options: &Options) -> anyhow::Result<Ledger> {
        let open = || Ledger::of(Store::open(folder)?, Some(folder), options);
        open().with_context(|| format!("cannot use the ledger in {}", folder.display()))
    }

    /// The ledger of a state folder, to look into: it is not made, and nothing is written to it.
    ///
    /// # Errors
    /// When there is none, or the file is no ledger or one of another version.
    pub fn open_to_read(folder: &Path, options: &Options) -> anyhow::Result<Ledger> {
        let open = || Ledger::of(Store::open_to_read(folder)?, Some(folder), options);
        open().with_context(|| format!("cannot read the ledger in {}", folder.display()))
    }

    /// What earlier runs learnt of the folder.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Settles what readers may see at `now` of the digests of a library, whose keys are unique. Nothing is changed: the
    /// changes come along, to be committed when they are shown.
    ///
    /// A digest's moment is its date at `publish_at`, or now when that is still to come today; its items follow one second
    /// apart, the first of them the newest. A digest that comes before its date waits for its moment. What was seen before
    /// keeps its times; an item that joins a published digest takes the present moment.
    pub fn settle(
        &self,
        digests: &[(String, Arc<Digest>)],
        now: DateTime<Utc>,
        options: &Options,
    ) -> (Settlement, Changes) {
        settling::settle(digests, &self.records, now, options)
    }

    /// Makes the authority of ids the one with which this publication began, so that nothing that is configured later
    /// changes an id. Gives what the options said before, if that is another.
    pub fn pin(&mut self, options: &mut Options) -> Option<String> {
        let wanted = format!("{},{}", options.authority, options.authority_date);
        let first = self.authority.clone().unwrap_or_else(|| wanted.clone());
        if let Some((authority, date)) = first.split_once(',') {
            (options.authority, options.authority_date) = (authority.to_owned(), date.to_owned());
        }
        self.authority = Some(first.clone());
        (first != wanted).then_some(wanted)
    }

    /// The validators of what was shown last.
    pub fn validators(&self) -> &Validators {
        &self.validators
    }

    /// The pages that were shown last, as far as they are kept: route, bytes, and when they last became others.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn pages(&self) -> anyhow::Result<Vec<(String, Bytes, DateTime<Utc>)>> {
        self.store.pages()
    }

    /// The state folder, if there is one.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The entries that go by a name: an id, an address on our pages, or the address of a story.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn find(&self, name: &str, options: &Options) -> anyhow::Result<Vec<Story>> {
        let page = page_of(name);
        let story = canonical_link(name, options);
        let is_it = |entry: &Story| match &page {
            _ if entry.id == name => true,
            Some((key, anchor)) if entry.is_digest => anchor.is_empty() && entry.digest == *key,
            Some((_, anchor)) if anchor.is_empty() => false,
            Some((key, anchor)) => key.starts_with(&entry.digest) && entry.id.ends_with(&format!("/{anchor}")),
            None => entry.link.as_deref().is_some_and(|link| canonical_link(link, options) == story),
        };
        let mut found: Vec<Story> = self.store.entries()?.into_iter().filter(is_it).collect();
        for entry in &mut found {
            if entry.is_digest {
                let (authority, date) = (&options.authority, &options.authority_date);
                let first = self.authority.clone().unwrap_or_else(|| format!("{authority},{date}"));
                entry.id = format!("tag:{first}:{}", entry.digest);
            }
            entry.events = self.store.history(&entry.id)?;
            let feeds = self.shown.iter().filter(|(_, ids)| ids.contains(&entry.id));
            entry.feeds = feeds.map(|(route, _)| route.clone()).collect();
        }
        Ok(found)
    }

    /// Whether a settlement may be shown, whose feeds would show `next`; if not, what would become of which entries.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn judge(
        &self,
        settlement: &Settlement,
        changes: &Changes,
        next: &Shown,
        limits: &guard::Options,
        options: &Options,
    ) -> anyhow::Result<Option<Held>> {
        let newest = settlement.digests.first().map(|settled| settled.digest.key.as_str());
        let over = |counts: &dyn Fn(&str) -> bool| guard::judge(&self.shown, next, changes, newest, limits, counts);
        if over(&|_| true).is_empty() {
            return Ok(None);
        }
        let edited = self.edited(settlement, options);
        let mut families = self.records.prints.families();
        let digests = self.records.sources.iter().map(|(key, made)| (options.tag(key), made.family.as_str()));
        let digests: Vec<(String, &str)> = digests.collect();
        families.extend(digests.iter().map(|(id, family)| (id.as_str(), *family)));
        let over = over(&|id| families.get(id).is_none_or(|family| edited.contains(*family)));
        if over.is_empty() {
            return Ok(None);
        }
        let reidentified = self.reidentified(changes, options)?;
        let gone: HashMap<&str, &Change> = changes.entries.iter().map(|change| (change.id.as_str(), change)).collect();
        let ids: BTreeSet<&String> = over.values().flatten().collect();
        let mut entries = Vec::new();
        for id in ids {
            let change = gone.get(id.as_str());
            let name = change.filter(|change| change.is_digest).map_or(id, |change| &change.digest);
            let before = self.store.published(name)?;
            let before = before.unwrap_or_else(|| Published { id: id.clone(), title: id.clone(), link: None });
            let fate = match (reidentified.get(id), change) {
                (Some(new), _) => Fate::Reidentified { id: new.id.clone(), title: new.title.clone() },
                (None, Some(Change { what: What::Corrected, .. })) => Fate::Corrected,
                _ => Fate::Vanishes,
            };
            entries.push(Touched { before: Published { id: id.clone(), ..before }, fate });
        }
        let feeds = over.iter().map(|(feed, ids)| (feed.clone(), ids.len(), self.shown[feed].len())).collect();
        let new = changes.entries.iter().filter(|change| change.what == What::Published && !change.is_digest).count();
        Ok(Some(Held { fingerprint: guard::fingerprint(&entries), feeds, entries, new }))
    }

    /// The digests, by the key that their files share, of which an author wrote something else than what was published, or
    /// which are read in another way. What is only understood better now, as with the third digest of a new publication,
    /// is not among them.
    fn edited(&self, settlement: &Settlement, options: &Options) -> HashSet<String> {
        let mut known: HashMap<&str, BTreeMap<&str, i64>> = HashMap::new();
        for (key, made) in &self.records.sources {
            known.entry(&made.family).or_default().insert(key, made.source);
        }
        let mut now: HashMap<&str, BTreeMap<&str, i64>> = HashMap::new();
        for settled in &settlement.digests {
            let made = Made::of(&settled.digest, options);
            now.entry(&settled.digest.key).or_default().insert(&settled.key, made.source);
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
        options: &Options,
    ) -> anyhow::Result<HashMap<String, &'c Change>> {
        let items = |what| changes.entries.iter().filter(move |change| !change.is_digest && change.what == what);
        let gone = items(What::Gone).map(|change| self.published(&change.id));
        let gone: Vec<Published> = gone.filter_map(Result::transpose).collect::<anyhow::Result<_>>()?;
        let new: Vec<&Change> = items(What::Published).collect();
        Ok(guard::pairs(&gone, &new, options))
    }

    /// An item as it was last published, by its id.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn published(&self, id: &str) -> anyhow::Result<Option<Published>> {
        self.store.published(id)
    }

    /// Takes in what readers see from now on: what a settlement changed, what was learnt of the folder, and what the feeds
    /// show. One transaction: after a power cut all of it is there, or nothing.
    ///
    /// # Errors
    /// When it cannot be written. It counts all the same, and is written with the next commit.
    pub fn commit(&mut self, changes: Changes, memory: &Memory, snapshot: Snapshot) -> anyhow::Result<()> {
        let mut rows = Rows {
            at: changes.at,
            shown: (snapshot.shown != self.shown).then(|| snapshot.shown.clone()),
            ..Rows::default()
        };
        for ((language, name), strength) in &memory.sections {
            let known = self.memory.sections.insert((language.clone(), name.clone()), *strength);
            if known != Some(*strength) {
                rows.sections.push((language.clone(), name.clone(), *strength));
            }
        }
        for (path, date) in &memory.first_seen {
            if self.memory.first_seen.insert(path.clone(), *date) != Some(*date) {
                rows.first_seen.push((path.clone(), *date));
            }
        }
        for (key, prints) in changes.prints {
            self.records.prints.replace(key, prints);
        }
        for (key, waits) in &changes.waiting {
            if *waits {
                self.records.waiting.insert(key.clone())
            } else {
                self.records.waiting.remove(key)
            };
        }
        self.records.sources.extend(changes.sources.iter().cloned());
        for change in &changes.entries {
            let name = if change.is_digest { &change.digest } else { &change.id };
            self.records.take(name.clone(), change.is_digest, change.record.clone());
        }
        let Snapshot { shown, pages } = snapshot;
        self.shown = shown;
        rows.pages
            .extend(self.validators.keys().filter(|route| !pages.contains_key(*route)).map(|it| (it.clone(), None)));
        self.validators.retain(|route, _| pages.contains_key(route));
        for (route, page) in pages {
            let validator = Validator { hash: page.hash.clone(), modified: page.modified };
            if self.validators.get(&route) != Some(&validator) {
                self.validators.insert(route.clone(), validator);
                rows.pages.push((route, Some(page)));
            }
        }
        (rows.entries, rows.waiting, rows.sources) = (changes.entries, changes.waiting, changes.sources);
        if !self.is_pinned {
            rows.publication.extend(self.authority.iter().map(|authority| (AUTHORITY.to_owned(), authority.clone())));
        }
        if !rows.is_empty() {
            self.unwritten.push(rows);
        }
        self.store.write(&self.unwritten)?;
        self.is_pinned |= self.authority.is_some();
        self.unwritten.clear();
        Ok(())
    }
}

/// The ids that the items of digests get when nothing of them was published before: by digest key, in file order.
pub fn derived_ids(digests: &[(String, Arc<Digest>)], options: &Options) -> HashMap<String, Vec<String>> {
    let mut sorted: Vec<_> = digests.iter().collect();
    sorted.sort_by(|one, other| one.0.cmp(&other.0));
    let (names, _) = Prints::default().recognise(&sorted, &mut BTreeSet::new(), &|_| false, options);
    let ids = sorted.into_iter().zip(names);
    ids.map(|((key, _), names)| (key.clone(), names.into_iter().map(|(_, id)| id).collect())).collect()
}

/// The digest's key and the item's anchor that an address on our pages names.
fn page_of(address: &str) -> Option<(String, String)> {
    let (_, rest) = address.split_once("/digests/")?;
    let (key, rest) = rest.split_once('/').unwrap_or((rest, ""));
    Some((key.to_owned(), rest.strip_prefix('#').unwrap_or_default().to_owned()))
}
