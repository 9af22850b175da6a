//! What has been published: lasting ids, moments of publication, meaningful changes.
//!
//! [`Ledger::settle`] turns digests into what readers may see of them at a moment. It is the only place where "now" has a
//! say. A new id is made of the digest's key and the story's canonical link, so that it comes out the same without any
//! memory; an item that was published before is recognised and keeps the id it had (`ledger::recognition`). What a newcomer gets
//! wrong: nothing here depends on a position or a file name, nor, once the first id was given, on the public address.

pub mod guard;
pub mod hold;
mod recognition;
mod seconds;
mod settling;
mod store;
mod story;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::digest::learnt::{Given, Memory};
use crate::digest::{Digest, Item, Keyed, Section, Volume};
use crate::finding::{Code, Finding, Place};
use crate::pulse::Pulse;
use crate::spool::{Aside, Spool};
use recognition::{Absent, Families, Family, Read};
use seconds::Seconds;
use settling::Last;
use store::{Rows, Store};
use words::Hash;

pub use guard::{Fate, Held, Judgement, Loss, Touched};
pub use settling::{Change, Changes, What};
pub use store::is_of_the_disk;
pub use story::{Event, Story};
pub use words::canonical_link;

/// A moment as readers are told it: in the zone of the publication as it was then.
pub type Moment = DateTime<FixedOffset>;

/// The authority of ids when nobody names one; no domain ends so (RFC 2606, section 2).
pub const NOBODY: &str = "feedmill.invalid";

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
            authority: NOBODY.to_owned(),
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

/// A moment as two numbers: the second, and the zone's distance from UTC in seconds.
mod brief {
    use chrono::{DateTime, FixedOffset};
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::Moment;

    pub(super) fn serialize<S: Serializer>(moment: &Moment, serializer: S) -> Result<S::Ok, S::Error> {
        (moment.timestamp(), moment.offset().local_minus_utc()).serialize(serializer)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Moment, D::Error> {
        read(<(i64, i32)>::deserialize(deserializer)?)
    }

    fn read<E: serde::de::Error>((second, offset): (i64, i32)) -> Result<Moment, E> {
        let zone = FixedOffset::east_opt(offset).ok_or_else(|| E::custom("no zone"))?;
        let moment = DateTime::from_timestamp(second, 0).ok_or_else(|| E::custom("no moment"))?;
        Ok(moment.with_timezone(&zone))
    }

    /// One that there may be.
    pub(super) mod optional {
        use super::{Deserializer, Moment, Serializer, read};
        use serde::{Deserialize as _, Serialize as _};

        pub(in super::super) fn serialize<S: Serializer>(
            moment: &Option<Moment>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            moment.map(|moment| (moment.timestamp(), moment.offset().local_minus_utc())).serialize(serializer)
        }

        pub(in super::super) fn deserialize<'d, D: Deserializer<'d>>(
            deserializer: D,
        ) -> Result<Option<Moment>, D::Error> {
            <Option<(i64, i32)>>::deserialize(deserializer)?.map(read).transpose()
        }
    }
}

/// An item's lasting identity and its times, which are whole seconds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// A `tag:` URI.
    pub id: String,
    /// Its name within its digest, safe as an anchor.
    pub anchor: String,
    /// When it was first published; never changes.
    #[serde(with = "brief")]
    pub published: Moment,
    /// When its words last changed; never before `published`.
    #[serde(with = "brief")]
    pub updated: Moment,
    /// Whether readers see it.
    pub standing: Standing,
}

/// Whether readers see an entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
#[derive(Debug, PartialEq, Eq)]
pub struct Settled {
    /// The digest.
    pub digest: Arc<Volume>,
    /// Its name in URLs, unique in the library.
    pub key: Arc<str>,
    /// The identity of the digest itself.
    pub identity: Identity,
    /// How many items readers see.
    seen: usize,
    items: Aside<Vec<Identity>>,
}

impl Settled {
    fn new(digest: Arc<Volume>, key: Arc<str>, identity: Identity, items: Vec<Identity>) -> Settled {
        let seen = items.iter().filter(|identity| identity.standing != Standing::Withdrawn).count();
        Settled { key, identity, seen, items: digest.beside(items), digest }
    }

    /// The identities of its items: one for each of [`Digest::items`].
    pub fn items(&self) -> Arc<Vec<Identity>> {
        self.items.get()
    }

    /// Everything of it.
    pub fn open(&self) -> Opened {
        Opened { digest: self.digest.open(), items: self.items() }
    }

    /// How many items readers see.
    pub fn len(&self) -> usize {
        self.seen
    }

    /// Whether readers see no item.
    pub fn is_empty(&self) -> bool {
        self.seen == 0
    }
}

/// A digest that readers may see, with its text.
#[derive(Debug)]
pub struct Opened {
    /// The digest.
    pub digest: Arc<Digest>,
    /// One for each of [`Digest::items`].
    pub items: Arc<Vec<Identity>>,
}

impl Opened {
    /// The sections with the items that readers see, a notice in the place of some; sections without any are left out.
    pub fn sections(&self) -> impl Iterator<Item = (&Section, Vec<(&Item, &Identity)>)> {
        let mut identities = self.items.iter();
        self.digest.sections.iter().filter_map(move |section| {
            let items = section.items.iter().zip(identities.by_ref());
            let shown: Vec<_> = items.filter(|(_, identity)| identity.standing != Standing::Withdrawn).collect();
            (!shown.is_empty()).then_some((section, shown))
        })
    }
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

/// A digest dated in the future.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The digest.
    pub digest: Arc<Volume>,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    #[serde(with = "brief")]
    published: Moment,
    #[serde(with = "brief")]
    updated: Moment,
    hash: Hash,
    /// Since when it is not there any more.
    #[serde(with = "brief::optional")]
    gone: Option<Moment>,
    /// Since when its author takes it back.
    #[serde(with = "brief::optional")]
    retracted: Option<Moment>,
}

impl Record {
    /// Whether it was taken back before it was published.
    fn is_unseen(&self) -> bool {
        self.gone == Some(self.published) && self.retracted == self.gone
    }

    /// The second of its last change, when that is not also the one of its publication: another change makes it free.
    fn superseded(&self) -> Option<i64> {
        Some(self.updated.timestamp()).filter(|second| *second != self.published.timestamp())
    }
}

impl Made {
    fn of(digest: &Volume, options: &Options) -> Made {
        Made { family: digest.key.clone(), source: source_of(digest, options), given: Given::of(digest) }
    }
}

/// A number that is another when an author wrote anything else, or the configuration or the program reads it in another way.
fn source_of(digest: &Volume, options: &Options) -> i64 {
    let mut hasher = DefaultHasher::new();
    (digest.source, options.reading).hash(&mut hasher);
    hasher.finish().cast_signed()
}

/// Everything that was published.
#[derive(Debug, Default)]
struct Records {
    /// By key.
    digests: HashMap<String, Record>,
    /// The moments at which digests went that are not there, and how many at each.
    went: HashMap<Moment, usize>,
    /// Their items.
    families: Families,
    /// Keys of digests that came before their date.
    waiting: HashSet<String>,
    /// The seconds at which entries were first published or last changed: nothing else gets them.
    taken: Seconds,
    /// What each digest was made of, by its key.
    sources: HashMap<String, Made>,
    /// Where families wait.
    spool: Option<Arc<Spool>>,
}

/// What a digest was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Made {
    /// The key that all files of its date and language share.
    family: String,
    /// See [`source_of`].
    source: i64,
    /// By what the digest is known that has its key; unknown for days whose files are one item each, and for what nobody saw
    /// since ledgers have it.
    given: Option<Given>,
}

impl Records {
    /// Whether nothing was published.
    fn is_empty(&self) -> bool {
        self.digests.is_empty() && self.families.keys().next().is_none()
    }

    /// A family that waits on disk.
    fn lay_aside(&self, family: Family) -> Aside<Family> {
        Aside::new(family, self.spool.as_ref())
    }

    /// Takes in a family that an earlier run published.
    fn recall(&mut self, key: String, family: Family) {
        if !family.is_empty() {
            let family = Arc::new(self.lay_aside(family));
            self.families.put(key, family);
        }
    }

    /// Takes in what a settlement changes.
    fn change(&mut self, changes: &Changes) {
        // Before anything is taken in: a second that one entry leaves may be another's.
        changes.freed.iter().for_each(|second| self.taken.remove(*second));
        for change in &changes.entries {
            self.take_seconds(&change.record);
            if change.is_digest {
                self.take_digest(change.digest.clone(), change.record.clone());
            }
        }
        for (key, family) in &changes.families {
            self.families.put(key.clone(), family.clone());
        }
        changes.renamed.iter().for_each(|(old, _)| self.families.remove(old));
        self.take_waiting(&changes.waiting);
        self.sources.extend(changes.sources.iter().cloned());
    }

    fn take_seconds(&mut self, record: &Record) {
        if !record.is_unseen() {
            self.taken.insert(record.published.timestamp());
            self.taken.insert(record.updated.timestamp());
        }
    }

    fn take_digest(&mut self, key: String, record: Record) {
        if let Some(gone) = record.gone {
            *self.went.entry(gone).or_default() += 1;
        }
        if let Some(gone) = self.digests.insert(key, record).and_then(|before| before.gone)
            && let Some(count) = self.went.get_mut(&gone)
        {
            *count -= 1;
            if *count == 0 {
                self.went.remove(&gone);
            }
        }
    }

    fn take_waiting(&mut self, waiting: &[(String, bool)]) {
        for (key, waits) in waiting {
            if *waits {
                self.waiting.insert(key.clone())
            } else {
                self.waiting.remove(key)
            };
        }
    }

    /// Whether a digest was there at the last look.
    fn was_there(&self, key: &str) -> bool {
        self.digests.get(key).is_some_and(|record| record.gone.is_none())
    }

    /// Whether items of a digest, by the key that its files share, were published, and it was there at the last look.
    fn knows(&self, family: &str) -> bool {
        self.families.knows(family) && self.was_there(family)
    }

    /// Families whose digests were there at the last look and are not among these.
    fn absent(&self, digests: &[Keyed]) -> BTreeSet<String> {
        let present: HashSet<&str> = digests.iter().map(|(_, digest)| digest.key.as_str()).collect();
        let absent = self.families.keys().filter(|key| !present.contains(key) && self.was_there(key));
        absent.map(str::to_owned).collect()
    }
}

/// The feeds as readers have them: the ids of their entries, by the feed's route.
pub type Shown = BTreeMap<String, BTreeSet<String>>;

/// What of a site outlasts the process.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// What it takes from readers, as [`Ledger::judge`] tells; none when that was confirmed, and counts no more.
    pub losses: Option<Vec<Loss>>,
    /// The entries of each feed.
    pub shown: Shown,
    /// The validators of the pages that are made with the site.
    pub pages: Validators,
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

/// The name under which the ledger keeps the authority of ids.
const AUTHORITY: &str = "authority";

/// So many digests are settled and committed at a time when nothing was published before, or as many as have so many items.
const PORTION: usize = 128;
const PORTION_ITEMS: usize = 8192;

/// The memory of what was published.
///
/// The default one forgets everything at the end of the process.
#[derive(Debug)]
pub struct Ledger {
    records: Records,
    last: Last,
    memory: Memory,
    shown: Shown,
    /// What was taken from readers and what was corrected within [`guard::RECENT`], and when.
    losses: Vec<(Moment, Loss)>,
    validators: Validators,
    /// Routes of pages whose bytes are still to be kept.
    unkept: BTreeSet<String>,
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
        let folders = folder.map(Path::to_owned).into_iter().chain([std::env::temp_dir()]);
        let spool = { folders }.find_map(|folder| Spool::in_folder(&folder).ok());
        let records = store.records(spool, options)?;
        let (memory, shown, authority) = (store.memory()?, store.shown()?, store.publication(AUTHORITY)?);
        let (validators, is_pinned) = (store.validators()?, authority.is_some());
        let folder = folder.map(Path::to_owned);
        let (losses, unwritten) = (store.losses()?, Vec::new());
        Ok(Ledger {
            records,
            last: Last::default(),
            memory,
            shown,
            losses,
            validators,
            unkept: BTreeSet::new(),
            folder,
            store,
            authority,
            is_pinned,
            unwritten,
        })
    }

    /// The ledger of a state folder, `ledger.sqlite`, made if need be.
    ///
    /// # Errors
    /// When the folder cannot be written ([`is_of_the_disk`]), another process uses it, or the file is no ledger or one of a
    /// newer version. Nothing is changed then.
    pub fn open(folder: &Path, options: &Options) -> anyhow::Result<Ledger> {
        let open = || Ledger::of(Store::open(folder)?, Some(folder), options);
        let opened = open().map_err(|error| match error.is::<rusqlite::Error>() && !is_of_the_disk(&error) {
            true => error.context(
                "it is damaged, or none: restore it from a backup, or move it away to begin anew with the ids that come \
                 out the same for whatever nobody edited",
            ),
            false => error,
        });
        opened.with_context(|| format!("cannot use the ledger in {}", folder.display()))
    }

    /// The ledger of a state folder, to look into: it is not made, and nothing is written to it.
    ///
    /// # Errors
    /// When there is none, or the file is no ledger or one of another version.
    pub fn open_to_read(folder: &Path, options: &Options) -> anyhow::Result<Ledger> {
        let open = || Ledger::of(Store::open_to_read(folder)?, Some(folder), options);
        open().with_context(|| format!("cannot read the ledger in {}", folder.display()))
    }

    /// Where what is read and settled may wait, unless no folder takes a file.
    pub fn spool(&self) -> Option<&Arc<Spool>> {
        self.records.spool.as_ref()
    }

    /// What earlier runs learnt of the folder, and which digests its names were given to.
    pub fn memory(&self) -> Memory {
        let mut memory = self.memory.clone();
        for (key, Made { family, given, .. }) in &self.records.sources {
            let Some(given) = given else { continue };
            memory.given.entry(family.clone()).or_default().insert(key.clone(), given.clone());
        }
        for names in memory.given.values_mut() {
            let is_there = |key: &str| self.records.was_there(key);
            let there: HashSet<String> =
                names.iter().filter(|(key, _)| is_there(key)).map(|(_, given)| given.path.clone()).collect();
            // Its file is that of another now.
            let former = names.iter_mut().filter(|(key, given)| there.contains(&given.path) && !is_there(key));
            former.for_each(|(_, given)| given.path.clear());
        }
        memory
    }

    /// Settles what readers may see at `now` of the digests of a library, whose keys are unique. Nothing is changed: the
    /// changes come along, to be committed when they are shown.
    ///
    /// A digest's moment is its date at `publish_at`, or now when that is still to come today; its items follow one second
    /// apart, the first of them the newest. A digest that comes before its date waits for its moment. What was seen before
    /// keeps its times; an item that joins a published digest takes the present moment. What did not change since the last
    /// commit is as it was then; digests come ordered by [`Digest::key`].
    pub fn settle(&self, digests: &[Keyed], now: DateTime<Utc>, options: &Options) -> (Settlement, Changes) {
        settling::settle(digests, &self.records, &self.last, now, options)
    }

    /// Commits the digests of a large folder some at a time, from the oldest on, when nothing was published before: so that its
    /// first look takes little more memory than what stays. Whoever settles and commits all of them next gets what would have
    /// come out at once, and what could not be written is written with that commit.
    /// `pulse` beats for each portion.
    pub fn begin(&mut self, digests: &[Keyed], memory: &Memory, now: DateTime<Utc>, options: &Options, pulse: &Pulse) {
        if !self.records.is_empty() || !self.shown.is_empty() {
            return;
        }
        let mut dates: Vec<(NaiveDate, usize)> = digests.iter().map(|(_, it)| (it.date, it.len())).collect();
        dates.sort_unstable();
        let (mut count, mut items) = (0, 0);
        let ends = dates.into_iter().filter(|(_, more)| {
            let is_full = count == PORTION || (count > 0 && items + more > PORTION_ITEMS);
            (count, items) = if is_full { (1, *more) } else { (count + 1, items + more) };
            is_full
        });
        for (last, _) in ends {
            let portion: Vec<Keyed> = digests.iter().filter(|(_, digest)| digest.date < last).cloned().collect();
            // What was settled before is written meanwhile.
            let ((_, changes), written) = rayon::join(
                || settling::settle(&portion, &self.records, &self.last, now, options),
                || self.store.write(&self.unwritten),
            );
            if self.note_written(written).is_err() {
                break;
            }
            let rows = self.take_in(changes, memory, Snapshot::default());
            self.unwritten.push(rows);
            pulse.beat();
        }
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

    /// Whether nothing was ever committed to it.
    pub fn is_new(&self) -> bool {
        !self.is_pinned
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

    /// An item as it was last published, by its id.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn published(&self, id: &str) -> anyhow::Result<Option<Published>> {
        self.store.published(id)
    }

    /// Takes in which digests wait, also while nothing else of a settlement is shown.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn commit_waiting(&mut self, changes: &Changes) -> anyhow::Result<()> {
        let rows = Rows { at: changes.at, waiting: changes.waiting.clone(), ..Rows::default() };
        self.records.take_waiting(&rows.waiting);
        self.write(rows)
    }

    /// Writes what could not be written the last time.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_again(&mut self) -> anyhow::Result<()> {
        self.write(Rows::default())
    }

    /// Writes rows, and before them what could not be written the last time.
    fn write(&mut self, rows: Rows) -> anyhow::Result<()> {
        if !rows.is_empty() {
            // Of what is written later only the last counts.
            let routes: HashSet<&String> = rows.pages.iter().map(|(route, _)| route).collect();
            self.unwritten.iter_mut().for_each(|earlier| earlier.pages.retain(|(route, _)| !routes.contains(route)));
            self.unwritten.push(rows);
        }
        let written = self.store.write(&self.unwritten);
        self.note_written(written)
    }

    fn note_written(&mut self, written: anyhow::Result<()>) -> anyhow::Result<()> {
        written?;
        self.is_pinned |= self.unwritten.iter().any(|rows| !rows.publication.is_empty());
        self.unwritten.clear();
        Ok(())
    }

    /// Takes in what readers see from now on: what a settlement changed, what was learnt of the folder, and what the feeds
    /// show. One transaction: after a power cut all of it is there, or nothing.
    ///
    /// # Errors
    /// When it cannot be written. It counts all the same, and is written with the next commit.
    pub fn commit(&mut self, changes: Changes, memory: &Memory, snapshot: Snapshot) -> anyhow::Result<()> {
        let rows = self.take_in(changes, memory, snapshot);
        self.write(rows)
    }

    /// Takes in what readers see from now on, and tells what of it is to be written.
    fn take_in(&mut self, changes: Changes, memory: &Memory, snapshot: Snapshot) -> Rows {
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
        self.records.change(&changes);
        self.last = changes.last;
        let Snapshot { losses, shown, pages } = snapshot;
        let before = self.losses.len();
        // What is corrected again and again is one loss.
        let again = |loss: &Loss| losses.as_ref().is_some_and(|new| new.contains(loss));
        self.losses.retain(|(at, loss)| losses.is_some() && *at + guard::RECENT > changes.at && !again(loss));
        let is_pruned = self.losses.len() < before;
        let at = changes.at;
        self.losses.extend(losses.into_iter().flatten().map(|loss| (at, loss)));
        if is_pruned || self.losses.len() > before {
            rows.losses = Some(self.losses.clone());
        }
        self.shown = shown;
        rows.pages
            .extend(self.validators.keys().filter(|route| !pages.contains_key(*route)).map(|it| (it.clone(), None)));
        self.validators.retain(|route, _| pages.contains_key(route));
        for (route, page) in pages {
            if self.validators.get(&route) != Some(&page) {
                self.validators.insert(route.clone(), page.clone());
                self.unkept.insert(route.clone());
                rows.pages.push((route, Some(page)));
            }
        }
        (rows.entries, rows.waiting, rows.sources) = (changes.entries, changes.waiting, changes.sources);
        (rows.families, rows.renamed) = (changes.families, changes.renamed);
        if !self.is_pinned {
            rows.publication.extend(self.authority.iter().map(|authority| (AUTHORITY.to_owned(), authority.clone())));
        }
        rows
    }
}

impl Ledger {
    /// Keeps the bytes of pages that were committed and are others than before, so that they can be shown when they cannot be
    /// built. Not part of the commit, for readers need not wait for it: a page whose bytes were not kept is only missed at a
    /// start that is held back.
    ///
    /// # Errors
    /// When they cannot be written; they are kept the next time.
    pub fn keep_pages(&mut self, body: impl Fn(&str) -> Option<Bytes>) -> anyhow::Result<()> {
        if self.unkept.is_empty() || !self.unwritten.is_empty() {
            return Ok(());
        }
        let pages =
            self.unkept.iter().filter_map(|route| Some((route.as_str(), self.validators.get(route)?, body(route)?)));
        self.store.keep(&pages.collect::<Vec<_>>())?;
        self.unkept.clear();
        Ok(())
    }
}

/// The ids that the items of digests get when nothing of them was published before: by digest key, in file order.
pub fn derived_ids(digests: &[Keyed], options: &Options) -> HashMap<String, Vec<String>> {
    let mut sorted: Vec<_> = digests.iter().collect();
    sorted.sort_by(|one, other| one.0.cmp(&other.0));
    let went = HashMap::new();
    let mut read: Vec<Read> = sorted.iter().map(|(_, volume)| Read::of(volume, options)).collect();
    let families = Families::default().recognise(&mut read, &mut Absent::new(BTreeSet::new(), &went), options);
    let mut ids = HashMap::new();
    for mut family in families {
        for at in family.parts {
            let own = family.found.drain(..read[at].digest.len()).map(|found| found.id).collect();
            ids.insert(sorted[at].0.to_string(), own);
        }
    }
    ids
}
