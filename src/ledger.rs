//! What has been published: lasting ids, moments of publication, meaningful changes.
//!
//! [`Ledger::settle`] turns digests into what readers may see of them at a moment. It is the only place where "now" has a
//! say. A new id is made of the digest's key and the story's canonical link, so that it comes out the same without any
//! memory; an item that was published before is recognised and keeps the id it had (`ledger::recognition`). What a newcomer gets
//! wrong: nothing here depends on a position, a file name or the public address.

mod recognition;
mod store;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Days, FixedOffset, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::digest::learnt::{Memory, Strength};
use crate::digest::text::normalized;
use crate::digest::{Digest, Item};
use crate::finding::{Code, Finding, Place};
use recognition::Prints;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// A `tag:` URI.
    pub id: String,
    /// Its name within its digest, safe as an anchor.
    pub anchor: String,
    /// When it was first published; never changes.
    pub published: DateTime<FixedOffset>,
    /// When its words last changed; never before `published`.
    pub updated: DateTime<FixedOffset>,
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
    pub digests: Vec<Settled>,
    /// The digests that wait for their date, earliest first.
    pub waiting: Vec<Waiting>,
}

/// A digest dated in the future.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The digest.
    pub digest: Arc<Digest>,
    /// When it will be published.
    pub moment: DateTime<FixedOffset>,
}

impl Waiting {
    /// Tells the author, who may have mistyped the date.
    pub fn finding(&self) -> Finding {
        let message = format!("dated {}, in the future: it waits until {}", self.digest.date, self.moment.to_rfc3339());
        let remedy = "nothing to do, unless the date or time.timezone is wrong";
        Finding::new(&self.digest.path, Place::START, Code::DateInFuture, message, remedy)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    published: DateTime<FixedOffset>,
    updated: DateTime<FixedOffset>,
    hash: [u8; 8],
}

/// Records by digest key and by item id.
#[derive(Debug, Default)]
struct Records {
    digests: HashMap<String, Record>,
    items: HashMap<String, Record>,
    prints: Prints,
}

/// A record that is new or another than before.
#[derive(Debug)]
enum Change {
    Digest { key: String, record: Record },
    Item { id: String, digest: String, title: String, link: Option<String>, record: Record },
    Section { language: String, name: String, strength: Strength },
    FirstSeen { path: String, date: NaiveDate },
}

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

/// The memory of what was published.
///
/// The default one forgets everything at the end of the process.
#[derive(Debug, Default)]
pub struct Ledger {
    records: Records,
    unwritten: Vec<Change>,
    memory: Memory,
    store: Option<store::Store>,
}

/// Digests of one date are this far apart at least, so that their items do not mingle.
const SLOT_SECONDS: i64 = 900;

impl Ledger {
    /// The ledger of a state folder, `ledger.sqlite`, made if need be.
    ///
    /// # Errors
    /// When the folder cannot be written, or the file is no ledger or one of a newer version. Nothing is changed then.
    pub fn open(folder: &Path, options: &Options) -> anyhow::Result<Ledger> {
        let (store, records, memory) = store::Store::open(folder, options)?;
        Ok(Ledger { records, unwritten: Vec::new(), memory, store: Some(store) })
    }

    /// The ledger of a state folder, to look into: it is not made, and nothing is written to it.
    ///
    /// # Errors
    /// When there is none, or the file is no ledger or one of another version.
    pub fn open_to_read(folder: &Path, options: &Options) -> anyhow::Result<Ledger> {
        let (store, records, memory) = store::Store::open_to_read(folder, options)?;
        Ok(Ledger { records, unwritten: Vec::new(), memory, store: Some(store) })
    }

    /// What earlier runs learnt of the folder.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Keeps what was learnt of the folder; nothing is forgotten.
    pub fn remember(&mut self, memory: &Memory) {
        for ((language, name), strength) in &memory.sections {
            let known = self.memory.sections.insert((language.clone(), name.clone()), *strength);
            if known != Some(*strength) {
                let (language, name, strength) = (language.clone(), name.clone(), *strength);
                self.unwritten.push(Change::Section { language, name, strength });
            }
        }
        for (path, date) in &memory.first_seen {
            if self.memory.first_seen.insert(path.clone(), *date) != Some(*date) {
                self.unwritten.push(Change::FirstSeen { path: path.clone(), date: *date });
            }
        }
    }

    /// Writes what changed since the last time into the file, if there is one, all or nothing.
    ///
    /// # Errors
    /// When it cannot be written. What was settled stays settled, and is written the next time.
    pub fn write(&mut self) -> anyhow::Result<()> {
        match &mut self.store {
            Some(store) if !self.unwritten.is_empty() => store.write(&self.unwritten)?,
            _ => {}
        }
        self.unwritten.clear();
        Ok(())
    }

    /// The items of a digest as they were published, from the file; none when there is no file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn published(&self, digest: &str) -> anyhow::Result<Vec<Published>> {
        self.store.as_ref().map_or(Ok(Vec::new()), |store| store.published(digest))
    }

    /// Settles what readers may see at `now` of the digests of a library, whose keys are unique.
    ///
    /// A digest's moment is its date at `publish_at`, or now when that is still to come today; its items follow one second
    /// apart, the first of them the newest. A digest of a later date waits. What was seen before keeps its times; an item
    /// that joins a published digest takes the present moment.
    pub fn settle(&mut self, digests: &[(String, Arc<Digest>)], now: DateTime<Utc>, options: &Options) -> Settlement {
        let now = whole_seconds(now).with_timezone(&options.timezone);
        let mut by_date: BTreeMap<_, Vec<&(String, Arc<Digest>)>> = BTreeMap::new();
        for entry in digests {
            by_date.entry(entry.1.date).or_default().push(entry);
        }
        let mut settlement = Settlement::default();
        let mut news = TimeDelta::zero();
        for (date, mut editions) in by_date {
            editions.sort_by(|one, other| one.0.cmp(&other.0));
            let moment = moment(date, options);
            if date > now.date_naive() {
                let moment = moment.fixed_offset();
                settlement
                    .waiting
                    .extend(editions.iter().map(|(_, digest)| Waiting { digest: digest.clone(), moment }));
                continue;
            }
            let names = self.records.prints.recognise(&editions, options);
            let mut moment = moment.min(now);
            for ((key, digest), names) in editions.into_iter().zip(names) {
                let slot = i64::try_from(digest.len()).map_or(SLOT_SECONDS, |items| items.max(SLOT_SECONDS));
                let times = Times { moment: moment.fixed_offset(), now: now.fixed_offset(), news: &mut news };
                settlement.digests.push(self.settle_one((key, digest), names, times, options));
                moment -= TimeDelta::seconds(slot);
            }
        }
        settlement
            .digests
            .sort_by(|one, other| (other.identity.published, &one.key).cmp(&(one.identity.published, &other.key)));
        settlement
    }

    fn settle_one(
        &mut self,
        (key, digest): (&str, &Arc<Digest>),
        names: Vec<(String, String)>,
        times: Times<'_>,
        options: &Options,
    ) -> Settled {
        let Times { moment, now, news } = times;
        let known = self.records.digests.get(key).cloned();
        let text = (digest.title.as_str(), digest.preamble.as_str());
        let hash = hash_of(digest.items().map(|(_, item)| item), text, options);
        let own = settled(known.as_ref(), moment, now, hash);
        if known.as_ref() != Some(&own) {
            self.records.digests.insert(key.to_owned(), own.clone());
            self.unwritten.push(Change::Digest { key: key.to_owned(), record: own.clone() });
        }
        let mut items = Vec::with_capacity(digest.len());
        let mut next = own.published;
        for ((_, item), (anchor, id)) in digest.items().zip(names) {
            let before = self.records.items.get(&id);
            let mut first = next;
            if known.is_some() && before.is_none() {
                first = now - *news;
            }
            next -= TimeDelta::seconds(1);
            let record = settled(before, first, now - *news, hash_of([item], ("", ""), options));
            if before != Some(&record) {
                // What is new or corrected in one look has distinct times too.
                if known.is_some() {
                    *news += TimeDelta::seconds(1);
                }
                self.records.items.insert(id.clone(), record.clone());
                let (digest, title, link) = (key.to_owned(), item.title.clone(), item.link.clone());
                self.unwritten.push(Change::Item { id: id.clone(), digest, title, link, record: record.clone() });
            }
            items.push(Identity { id, anchor, published: record.published, updated: record.updated });
        }
        let id = options.tag(key);
        let identity = Identity { id, anchor: String::new(), published: own.published, updated: own.updated };
        Settled { digest: digest.clone(), key: key.to_owned(), identity, items }
    }
}

/// The times that a digest is settled with.
struct Times<'t> {
    /// When the digest is published.
    moment: DateTime<FixedOffset>,
    now: DateTime<FixedOffset>,
    /// How far before now the next late or corrected item of this look is put.
    news: &'t mut TimeDelta,
}

/// The record of something seen now: first published then or before, updated when its words are others.
fn settled(before: Option<&Record>, first: DateTime<FixedOffset>, now: DateTime<FixedOffset>, hash: [u8; 8]) -> Record {
    match before {
        None => Record { published: first, updated: first, hash },
        Some(before) if before.hash == hash => before.clone(),
        Some(before) => Record { published: before.published, updated: now.max(before.updated), hash },
    }
}

/// The ids that the items of digests get when nothing of them was published before: by digest key, in file order.
pub fn derived_ids(digests: &[(String, Arc<Digest>)], options: &Options) -> HashMap<String, Vec<String>> {
    let mut sorted: Vec<_> = digests.iter().collect();
    sorted.sort_by(|one, other| one.0.cmp(&other.0));
    let names = Prints::default().recognise(&sorted, options);
    let ids = sorted.into_iter().zip(names);
    ids.map(|((key, _), names)| (key.clone(), names.into_iter().map(|(_, id)| id).collect())).collect()
}

/// The date at `publish_at` in the zone. In the hour that a change to summer time leaves out, the first moment after it;
/// in the hour that comes twice, the first time.
fn moment(date: chrono::NaiveDate, options: &Options) -> DateTime<Tz> {
    let mut local = date.and_time(options.publish_at);
    let end = date.checked_add_days(Days::new(2)).unwrap_or(date).and_time(NaiveTime::MIN);
    while local < end {
        if let Some(moment) = options.timezone.from_local_datetime(&local).earliest() {
            return moment;
        }
        local += TimeDelta::minutes(1);
    }
    options.timezone.from_utc_datetime(&date.and_time(options.publish_at))
}

fn whole_seconds(now: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(now.timestamp(), 0).unwrap_or(now)
}

/// What two addresses of one story have in common: without tracking, with sorted parameters.
///
/// ```
/// use feedmill::ledger::{Options, canonical_link};
/// let options = Options::default();
/// assert_eq!(
///     canonical_link("HTTPS://Example.org/a?utm_source=x&b=2&a=1#rd", &options),
///     canonical_link("http://example.org/a?a=1&b=2", &options),
/// );
/// ```
pub fn canonical_link(link: &str, options: &Options) -> String {
    let Ok(url) = Url::parse(link) else { return link.to_owned() };
    let mut parameters: Vec<&str> = url
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|part| !part.is_empty() && !is_tracking(part, options))
        .collect();
    parameters.sort_unstable();
    let fragment = url.fragment().filter(|fragment| !options.tracking_fragments.iter().any(|noise| noise == fragment));
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    format!("{authority}{}?{}#{}", url.path(), parameters.join("&"), fragment.unwrap_or_default())
}

fn is_tracking(parameter: &str, options: &Options) -> bool {
    let name = parameter.split('=').next().unwrap_or_default();
    options.tracking.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    })
}

/// The words of some items, and of what stands around them, and where they lead: what must differ for a change to be one. Markup, white space and tracking
/// say nothing.
fn hash_of<'i>(
    items: impl IntoIterator<Item = &'i Item>,
    (title, preamble): (&str, &str),
    options: &Options,
) -> [u8; 8] {
    let mut hasher = Sha256::new();
    hasher.update(normalized(title));
    hash_html(&mut hasher, preamble, options);
    for item in items {
        hasher.update(normalized(&item.title));
        hasher.update([0]);
        hasher.update(item.link.as_deref().map_or_else(String::new, |link| canonical_link(link, options)));
        hasher.update([0]);
        hash_html(&mut hasher, &item.html, options);
        hasher.update([0]);
    }
    first_bytes(hasher)
}

/// The words of clean HTML, and the addresses in its tags.
fn hash_html(hasher: &mut Sha256, html: &str, options: &Options) {
    for (part, is_tag) in html.split('<').enumerate().flat_map(|(at, part)| match part.split_once('>') {
        Some((tag, text)) if at > 0 => [(tag, true), (text, false)],
        _ => [(part, false), ("", false)],
    }) {
        if is_tag {
            for name in ["href=\"", "src=\""] {
                let address = part.split_once(name).and_then(|(_, rest)| rest.split('"').next());
                address
                    .iter()
                    .for_each(|address| hasher.update(canonical_link(&address.replace("&amp;", "&"), options)));
            }
        } else {
            part.split_whitespace().for_each(|word| {
                hasher.update(word);
                hasher.update(b" ");
            });
        }
    }
}

fn first_bytes(hasher: Sha256) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hasher.finalize()[..8]);
    bytes
}

/// Forty bits in base 32: within one digest of 5 000 items a collision is a matter of one in 80 000, and then numbered.
fn short_hash(text: &str) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let digest = Sha256::digest(text.as_bytes());
    let number = digest.iter().take(5).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    (0..8).map(|at| char::from(ALPHABET[usize::try_from(number >> (35 - at * 5) & 31).unwrap_or_default()])).collect()
}
