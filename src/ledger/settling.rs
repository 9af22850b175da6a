//! From digests and records to what readers may see at a moment, and what that changes in the records. Pure.
//!
//! What a newcomer gets wrong: nothing is changed here. Whoever wants the changes commits them, when they are to be seen.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::recognition::{Name, Recognised};
use super::words::{Hash, hash_of};
use super::{Identity, Made, Moment, Options, Record, Records, Settled, Settlement, Standing, Waiting};
use crate::digest::{Digest, Item};

/// What a settlement changes in the ledger, once it is committed.
#[derive(Debug, Default)]
pub struct Changes {
    /// When they were seen.
    pub at: Moment,
    /// Entries that are new or others than before, in no order that matters.
    pub entries: Vec<Change>,
    /// Which items are which.
    pub(super) recognised: Recognised,
    /// Keys of digests that wait now and did not, or the other way round.
    pub(super) waiting: Vec<(String, bool)>,
    /// Digests that are made of something else, by key.
    pub(super) sources: Vec<(String, Made)>,
}

/// An entry that is new, or another than before.
#[derive(Debug, Clone)]
pub struct Change {
    /// What became of it.
    pub what: What,
    /// Its lasting id.
    pub id: String,
    /// The key of its digest; of an item, the one that all files of its date and language share.
    pub digest: String,
    /// Whether it is the digest itself.
    pub is_digest: bool,
    /// Its title and its story as they are now; of one that is gone, nothing.
    pub title: String,
    /// See `title`.
    pub link: Option<String>,
    pub(super) record: Record,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// It was never there before.
    Published,
    /// Its words or addresses are others.
    Corrected,
    /// It is not there any more.
    Gone,
    /// It was gone.
    Back,
    /// Its author took it back: a notice stands in its place.
    Retracted,
    /// Its author did so no longer.
    Restored,
}

impl What {
    /// Everything that can become of an entry.
    pub const ALL: [What; 6] =
        [What::Published, What::Corrected, What::Gone, What::Back, What::Retracted, What::Restored];
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            What::Published => "published",
            What::Corrected => "corrected",
            What::Gone => "gone",
            What::Back => "back",
            What::Retracted => "retracted",
            What::Restored => "restored",
        })
    }
}

/// Digests of one date are this far apart at least, so that their items do not mingle.
const SLOT_SECONDS: i64 = 900;

/// See [`super::Ledger::settle`].
pub(super) fn settle(
    digests: &[(String, Arc<Digest>)],
    records: &Records,
    now: DateTime<Utc>,
    options: &Options,
) -> (Settlement, Changes) {
    let now = whole_seconds(now).with_timezone(&options.timezone);
    let mut by_date: BTreeMap<NaiveDate, Vec<&(String, Arc<Digest>)>> = BTreeMap::new();
    for entry in digests {
        by_date.entry(entry.1.date).or_default().push(entry);
    }
    let mut settler = Settler {
        records,
        options,
        now: now.fixed_offset(),
        taken: HashSet::new(),
        absent: records.absent(digests),
        last_news: now.timestamp() + 1,
        settlement: Settlement::default(),
        changes: Changes { at: now.fixed_offset(), ..Changes::default() },
    };
    for (date, mut editions) in by_date {
        editions.sort_by(|one, other| one.0.cmp(&other.0));
        let moment = moment(date, options);
        editions.retain(|(key, digest)| !settler.waits(key, digest, date > now.date_naive(), moment.fixed_offset()));
        settler.publish(&editions, moment.min(now).fixed_offset());
    }
    settler.tell_gone();
    let Settler { mut settlement, changes, .. } = settler;
    settlement.digests.retain(|settled| settled.identity.standing != Standing::Withdrawn);
    settlement
        .digests
        .sort_by(|one, other| (other.identity.published, &one.key).cmp(&(one.identity.published, &other.key)));
    (settlement, changes)
}

struct Settler<'l> {
    records: &'l Records,
    options: &'l Options,
    now: Moment,
    /// Seconds that were given to something in this settlement.
    taken: HashSet<i64>,
    /// Keys that were published and are not there now: a digest with another date may be one of them.
    absent: BTreeSet<String>,
    /// The last second that was given to news; each is before the one before.
    last_news: i64,
    settlement: Settlement,
    changes: Changes,
}

impl Settler<'_> {
    /// Whether a digest is not to be seen yet: it came before its date, and its moment is still to come.
    fn waits(&mut self, key: &str, digest: &Arc<Digest>, is_early: bool, moment: Moment) -> bool {
        let waited = self.records.waiting.contains(key);
        let waits = !self.records.digests.contains_key(key) && (is_early || (waited && moment > self.now));
        if waits != waited {
            self.changes.waiting.push((key.to_owned(), waits));
        }
        if waits {
            self.settlement.waiting.push(Waiting { digest: digest.clone(), moment });
            self.settlement.look_again(moment);
        }
        waits
    }

    /// Settles the digests of one date.
    fn publish(&mut self, editions: &[&(String, Arc<Digest>)], moment: Moment) {
        let Records { prints, .. } = self.records;
        let recognised = &mut self.changes.recognised;
        let names = prints.recognise(editions, &mut self.absent, self.records, self.options, recognised);
        for ((key, digest), names) in editions.iter().copied().zip(names) {
            let settled = self.settle_one(key, digest, names, moment);
            self.settlement.digests.push(Arc::new(settled));
        }
    }

    fn settle_one(&mut self, key: &str, digest: &Arc<Digest>, names: Vec<Name>, moment: Moment) -> Settled {
        let known = self.records.digests.get(key);
        let published = known.map_or_else(|| self.free_stretch(moment, digest.len()), |known| known.published);
        let mut next = published;
        let mut items = Vec::with_capacity(digest.len());
        for ((_, item), (anchor, id)) in digest.items().zip(names) {
            let before = self.records.items.get(&id);
            let first = next;
            next -= TimeDelta::seconds(1);
            let is_late = known.is_some() && before.is_none() && item.retracted.is_none();
            let first = if is_late { self.news() } else { first };
            let hash = hash_of([item], ("", ""), self.options);
            let (record, standing) = self.stand(before, first, hash, item.retracted.as_deref());
            let (published, updated) = (record.published, record.updated);
            if standing != Standing::Withdrawn || before.is_some() {
                self.note(before, record, (&id, &digest.key), Some(item), &item.title);
            }
            items.push(Identity { id, anchor, published, updated, standing });
        }
        let shown = digest.items().zip(&items).filter(|(_, identity)| identity.standing != Standing::Withdrawn);
        let words = (digest.title.as_str(), digest.preamble.as_str());
        let hash = hash_of(shown.map(|((_, item), _)| item), words, self.options);
        let (mut record, _) = self.stand(known, published, hash, None);
        let standing = whole(&items);
        let (published, updated) = (record.published, record.updated);
        let id = self.options.tag(key);
        if standing == Standing::Withdrawn {
            record.gone = known.and_then(|known| known.gone).or(Some(self.now));
            record.retracted = known.and_then(|known| known.retracted).or(Some(self.now));
        }
        if standing != Standing::Withdrawn || known.is_some() {
            self.note(known, record, (&id, key), None, &digest.title);
        }
        let made = Made::of(digest, self.options);
        if self.records.sources.get(key) != Some(&made) {
            self.changes.sources.push((key.to_owned(), made));
        }
        let identity = Identity { id, anchor: String::new(), published, updated, standing };
        Settled { digest: digest.clone(), key: key.to_owned(), identity, items }
    }

    /// What becomes of a record: first published then or before, updated when its words are others, and how it stands now.
    fn stand(
        &mut self,
        before: Option<&Record>,
        first: Moment,
        hash: Hash,
        retraction: Option<&str>,
    ) -> (Record, Standing) {
        let mut record = match before {
            None => Record { published: first, updated: first, hash, gone: None, retracted: None },
            Some(before) => Record { hash, gone: None, ..before.clone() },
        };
        if before.is_some_and(|before| before.hash != hash) {
            record.updated = self.news().max(record.updated);
        }
        let Some(reason) = retraction else {
            record.retracted = None;
            return (record, Standing::Published);
        };
        let since = *record.retracted.get_or_insert(record.updated);
        let end = since + TimeDelta::days(i64::from(self.options.retraction_days));
        if before.is_none() || end <= self.now {
            record.gone = before.and_then(|before| before.gone).or(Some(self.now));
            return (record, Standing::Withdrawn);
        }
        self.settlement.look_again(end);
        (record, Standing::Retracted { reason: reason.to_owned() })
    }

    /// Notes what is new or another than before.
    fn note(
        &mut self,
        before: Option<&Record>,
        record: Record,
        (id, digest): (&str, &str),
        item: Option<&Item>,
        title: &str,
    ) {
        let what = match before {
            None => What::Published,
            Some(before) if *before == record => return,
            Some(before) => match (before.retracted, record.retracted) {
                (None, Some(_)) => What::Retracted,
                (Some(_), None) => What::Restored,
                _ if before.gone.is_some() && record.gone.is_none() => What::Back,
                _ if before.gone.is_none() && record.gone.is_some() => What::Gone,
                _ => What::Corrected,
            },
        };
        self.taken.extend([record.published.timestamp(), record.updated.timestamp()]);
        self.changes.entries.push(Change {
            what,
            id: id.to_owned(),
            digest: digest.to_owned(),
            is_digest: item.is_none(),
            title: title.to_owned(),
            link: item.and_then(|item| item.link.clone()),
            record,
        });
    }

    /// Notes what was published and is not there any more.
    fn tell_gone(&mut self) {
        let digests = &self.settlement.digests;
        let items: HashSet<&str> = digests.iter().flat_map(|it| &it.items).map(|it| it.id.as_str()).collect();
        let keys: HashSet<&str> = digests.iter().map(|it| it.key.as_str()).collect();
        let gone = |known: &HashSet<&str>, (name, record): (&String, &Record)| {
            record.gone.is_none() && !known.contains(name.as_str())
        };
        let record = |record: &Record| Record { gone: Some(self.now), ..record.clone() };
        let change = |id: String, digest: &str, is_digest, record| {
            let (title, digest) = (String::new(), digest.to_owned());
            Change { what: What::Gone, id, digest, is_digest, title, link: None, record }
        };
        let gone_items = self.records.items.iter().filter(|entry| gone(&items, *entry));
        let gone_items = gone_items.map(|(id, it)| change(id.clone(), "", false, record(it)));
        let gone_digests = self.records.digests.iter().filter(|entry| gone(&keys, *entry));
        let gone_digests = gone_digests.map(|(key, it)| change(self.options.tag(key), key, true, record(it)));
        let mut gone: Vec<Change> = gone_items.chain(gone_digests).collect();
        gone.sort_by(|one, other| one.id.cmp(&other.id));
        self.changes.entries.extend(gone);
    }

    /// The newest moment, at the given one or before, from which as many seconds as items are free.
    fn free_stretch(&self, moment: Moment, items: usize) -> Moment {
        let items = i64::try_from(items).unwrap_or(i64::MAX).max(1);
        let mut begin = moment.timestamp();
        while (0..items).any(|second| self.is_taken(begin - second)) {
            begin -= SLOT_SECONDS.max(items);
        }
        moment - TimeDelta::seconds(moment.timestamp() - begin)
    }

    /// A moment for something that is news: now, or the last before that is nobody else's.
    fn news(&mut self) -> Moment {
        self.last_news -= 1;
        while self.is_taken(self.last_news) {
            self.last_news -= 1;
        }
        self.taken.insert(self.last_news);
        self.now - TimeDelta::seconds(self.now.timestamp() - self.last_news)
    }

    fn is_taken(&self, second: i64) -> bool {
        self.taken.contains(&second) || self.records.taken.contains(&second)
    }
}

/// How a digest stands whose items stand so.
fn whole(items: &[Identity]) -> Standing {
    let all = |is_so: fn(&Standing) -> bool| !items.is_empty() && items.iter().all(|it| is_so(&it.standing));
    if all(|standing| *standing == Standing::Withdrawn) {
        Standing::Withdrawn
    } else if all(|standing| *standing != Standing::Published) {
        Standing::Retracted { reason: String::new() }
    } else {
        Standing::Published
    }
}

/// The date at `publish_at` in the zone. In the hour that a change to summer time leaves out, the first moment after it;
/// in the hour that comes twice, the first time.
fn moment(date: NaiveDate, options: &Options) -> DateTime<Tz> {
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
