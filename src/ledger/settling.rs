//! From digests and records to what readers may see at a moment, and what that changes in the records. Pure.
//!
//! What a newcomer gets wrong: nothing is changed here. Whoever wants the changes commits them, when they are to be seen.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use rayon::prelude::*;

use super::recognition::{Absent, Family, Found, Known, Read, Recognised, Shelved, anchor};
use super::words::{Hash, hash_of_digest};
use super::{Identity, Made, Moment, Options, Record, Records, Settled, Settlement, Standing, Waiting};
use crate::digest::{Digest, Item, Keyed, Volume};

/// What a settlement changes in the ledger, once it is committed.
#[derive(Debug, Default)]
pub struct Changes {
    /// When they were seen.
    pub at: Moment,
    /// Entries that are new or others than before, in no order that matters.
    pub entries: Vec<Change>,
    /// Families that are others than before, by the keys that their digests share.
    pub(super) families: Vec<(String, Shelved)>,
    /// Families that have another date: the keys before and now.
    pub(super) renamed: Vec<(String, String)>,
    /// Seconds of last changes, whose entries have others now.
    pub(super) freed: HashSet<i64>,
    /// Keys of digests that wait now and did not, or the other way round.
    pub(super) waiting: Vec<(String, bool)>,
    /// Digests that are made of something else, by key.
    pub(super) sources: Vec<(String, Made)>,
    pub(super) last: Last,
}

impl Changes {
    /// The digests of which anything is new or another than before, by their keys and those of their families.
    pub fn touched(&self) -> HashSet<&str> {
        let entries = self.entries.iter().map(|change| change.digest.as_str());
        entries.chain(self.sources.iter().map(|(key, _)| key.as_str())).collect()
    }
}

impl Change {
    /// When it was first published.
    pub fn published(&self) -> Moment {
        self.record.published
    }
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

/// What was settled last, and shown: what did not change since is not settled again.
#[derive(Debug, Default)]
pub(super) struct Last {
    options: Option<Options>,
    /// The published digests as the library has them, those of a family beside each other.
    keyed: Vec<Keyed>,
    /// What became of each of them.
    settled: Vec<Arc<Settled>>,
    /// Those that readers see, newest first.
    seen: Vec<Arc<Settled>>,
    /// When readers would see something else of a family (see [`Digest::key`]) without any file changing.
    ends: Vec<(Moment, String)>,
}

/// What of a library is as it was settled last, and what is not.
#[derive(Default)]
struct Difference<'d> {
    /// The positions of what stays, in the library and in [`Last`].
    kept: Vec<(usize, usize)>,
    /// What is to be settled, by its position in the library.
    fresh: Vec<(usize, &'d Keyed)>,
    /// What is not there any more, or is settled again.
    dropped: Vec<Arc<Settled>>,
}

impl Last {
    /// Families are compared as a whole, because their digests share their names.
    fn difference<'d>(&self, digests: &'d [Keyed], now: Moment, options: &Options) -> Difference<'d> {
        let mut difference = Difference::default();
        let old: &[Keyed] = if self.options.as_ref() == Some(options) { &self.keyed } else { &[] };
        let ended: HashSet<&str> =
            self.ends.iter().filter(|(end, _)| *end <= now).map(|(_, family)| family.as_str()).collect();
        let is_same = |one: &Keyed, other: &Keyed| {
            Arc::ptr_eq(&one.1, &other.1) && (Arc::ptr_eq(&one.0, &other.0) || one.0 == other.0)
        };
        let family = |keyed: &'d Keyed| keyed.1.key.as_str();
        let (mut at, mut was) = (0, 0);
        while at < digests.len() || was < old.len() {
            let both = digests.get(at).zip(old.get(was));
            if let Some((new, _)) = both.filter(|(new, old)| is_same(new, old))
                && (ended.is_empty() || !ended.contains(family(new)))
            {
                difference.kept.push((at, was));
                (at, was) = (at + 1, was + 1);
                continue;
            }
            let families = [digests.get(at), old.get(was)].into_iter().flatten().map(|keyed| keyed.1.key.as_str());
            let Some(first) = families.min() else { break };
            while let Some((new, before)) = difference.kept.pop_if(|(new, _)| digests[*new].1.key == first) {
                (at, was) = (new, before);
            }
            while let Some(new) = digests.get(at).filter(|new| family(new) == first) {
                difference.fresh.push((at, new));
                at += 1;
            }
            while old.get(was).is_some_and(|old| old.1.key == first) {
                difference.dropped.push(self.settled[was].clone());
                was += 1;
            }
        }
        if old.is_empty() {
            difference.dropped.clone_from(&self.settled);
        }
        difference
    }
}

/// See [`super::Ledger::settle`].
pub(super) fn settle(
    digests: &[Keyed],
    records: &Records,
    last: &Last,
    now: DateTime<Utc>,
    options: &Options,
) -> (Settlement, Changes) {
    debug_assert!(digests.is_sorted_by_key(|(_, digest)| &digest.key), "libraries order digests by their keys");
    let now = whole_seconds(now).with_timezone(&options.timezone);
    let Difference { kept, fresh, dropped } = last.difference(digests, now.fixed_offset(), options);
    let mut by_date: BTreeMap<NaiveDate, Vec<&Keyed>> = BTreeMap::new();
    for (_, entry) in &fresh {
        by_date.entry(entry.1.date).or_default().push(entry);
    }
    let is_all = kept.is_empty();
    let absent = if is_all { records.absent(digests) } else { gone_families(&fresh, &dropped, records) };
    let mut settler = Settler {
        records,
        options,
        now: now.fixed_offset(),
        taken: HashSet::new(),
        absent: Absent::new(absent, &records.went),
        last_news: now.timestamp() + 1,
        settled: HashMap::new(),
        closed: HashSet::new(),
        waiting: Vec::new(),
        ends: Vec::new(),
        changes: Changes { at: now.fixed_offset(), ..Changes::default() },
    };
    let mut dates = Vec::with_capacity(by_date.len());
    for (date, mut editions) in by_date {
        editions.sort_by(|one, other| one.0.cmp(&other.0));
        let moment = moment(date, options);
        editions.retain(|(key, digest)| !settler.waits(key, digest, date > now.date_naive(), moment.fixed_offset()));
        dates.push((moment.min(now).fixed_offset(), editions));
    }
    for dates in dates.chunks(AT_ONCE) {
        let read: Vec<Vec<Read>> = dates.par_iter().map(|(_, editions)| read(editions, options)).collect();
        for ((moment, editions), read) in dates.iter().zip(read) {
            settler.publish(editions, read, *moment);
        }
    }
    match is_all {
        true => settler.close(records.families.keys(), records.digests.keys().map(String::as_str)),
        false => settler.close(
            dropped.iter().map(|settled| settled.digest.key.as_str()),
            dropped.iter().map(|settled| &*settled.key),
        ),
    }
    let Settler { mut settled, waiting, mut ends, mut changes, .. } = settler;
    let redone: HashSet<&str> = fresh.iter().map(|(_, (_, digest))| digest.key.as_str()).collect();
    let stays = |(end, family): &&(Moment, String)| *end > now && !redone.contains(family.as_str());
    ends.extend(last.ends.iter().filter(|_| !is_all).filter(stays).cloned());
    let next = waiting.iter().map(|it| it.moment).chain(ends.iter().map(|(end, _)| *end)).min();
    let mut list = Last { options: Some(options.clone()), ends, ..Last::default() };
    let mut new = Vec::with_capacity(fresh.len());
    let mut kept = kept.into_iter().peekable();
    for (at, keyed) in digests.iter().enumerate() {
        let settled = match kept.next_if(|(position, _)| *position == at) {
            Some((_, was)) => last.settled[was].clone(),
            None => {
                let Some(settled) = settled.remove(&keyed.0) else { continue };
                new.push(settled.clone());
                settled
            }
        };
        list.keyed.push(keyed.clone());
        list.settled.push(settled);
    }
    list.seen = seen(last, &dropped, new);
    let settlement = Settlement { digests: list.seen.clone(), waiting, next };
    changes.last = list;
    (settlement, changes)
}

/// The digests of so many dates are read at a time, on every core.
const AT_ONCE: usize = 32;

fn read(editions: &[&Keyed], options: &Options) -> Vec<Read> {
    editions.iter().map(|(_, volume)| Read::of(volume, options)).collect()
}

/// What readers see, newest first: what they saw last, without what is dropped and with what is new.
fn seen(last: &Last, dropped: &[Arc<Settled>], mut new: Vec<Arc<Settled>>) -> Vec<Arc<Settled>> {
    let order = |one: &Arc<Settled>, other: &Arc<Settled>| {
        (other.identity.published, &one.key).cmp(&(one.identity.published, &other.key))
    };
    let dropped: HashSet<*const Settled> = dropped.iter().map(Arc::as_ptr).collect();
    let mut seen: Vec<Arc<Settled>> = last
        .seen
        .iter()
        .filter(|settled| dropped.is_empty() || !dropped.contains(&Arc::as_ptr(settled)))
        .cloned()
        .collect();
    new.retain(|settled| settled.identity.standing != Standing::Withdrawn);
    if new.len() < FEW {
        for settled in new {
            let at = seen.partition_point(|other| order(other, &settled).is_lt());
            seen.insert(at, settled);
        }
    } else {
        seen.extend(new);
        seen.sort_by(order);
    }
    seen
}

/// So few digests are put in their places one by one.
const FEW: usize = 100;

/// The families of what is dropped that are not there any more: a new digest may be one of them, with another date.
fn gone_families(fresh: &[(usize, &Keyed)], dropped: &[Arc<Settled>], records: &Records) -> BTreeSet<String> {
    let present: HashSet<&str> = fresh.iter().map(|(_, (_, digest))| digest.key.as_str()).collect();
    let families = dropped.iter().map(|settled| &settled.digest.key);
    families.filter(|family| !present.contains(family.as_str()) && records.knows(family)).cloned().collect()
}

struct Settler<'l> {
    records: &'l Records,
    options: &'l Options,
    now: Moment,
    /// Seconds that were given to something in this settlement.
    taken: HashSet<i64>,
    /// What was published and is not there now: a digest with another date may be one of them.
    absent: Absent<'l>,
    /// From here on to now no second is free.
    last_news: i64,
    /// What is published, by key.
    settled: HashMap<Arc<str>, Arc<Settled>>,
    /// Families of which everything is told.
    closed: HashSet<String>,
    waiting: Vec<Waiting>,
    /// See [`Last::ends`].
    ends: Vec<(Moment, String)>,
    changes: Changes,
}

impl Settler<'_> {
    /// Whether a digest is not to be seen yet: it came before its date, and its moment is still to come.
    fn waits(&mut self, key: &str, digest: &Arc<Volume>, is_early: bool, moment: Moment) -> bool {
        let waited = self.records.waiting.contains(key);
        let waits = !self.records.digests.contains_key(key) && (is_early || (waited && moment > self.now));
        if waits != waited {
            self.changes.waiting.push((key.to_owned(), waits));
        }
        if waits {
            self.waiting.push(Waiting { digest: digest.clone(), moment });
        }
        waits
    }

    /// Settles the digests of one date, one after the other, whichever family they are of.
    fn publish(&mut self, editions: &[&Keyed], mut read: Vec<Read>, moment: Moment) {
        let mut families = self.records.families.recognise(&mut read, &mut self.absent, self.options);
        let claimed = |family: &Recognised| family.found.iter().filter_map(|found| found.claim).collect();
        let claimed: Vec<HashSet<usize>> = families.iter().map(claimed).collect();
        let mut now: Vec<Family> = families.iter().map(|family| Family::with_capacity(family.found.len())).collect();
        for (at, ((key, volume), Read { digest, .. })) in editions.iter().copied().zip(&read).enumerate() {
            let own = families.iter_mut().zip(&mut now).find(|(family, _)| family.parts.contains(&at));
            let Some((family, now)) = own else { continue };
            let found: Vec<Found> = family.found.drain(..digest.len()).collect();
            let settled = self.settle_one((key, volume), digest, &family.known, found, now, moment);
            self.settled.insert(key.clone(), Arc::new(settled));
        }
        for ((family, now), claimed) in families.into_iter().zip(now).zip(claimed) {
            self.close_family(family, now, &claimed);
        }
    }

    /// Settles a digest; what becomes of its items joins those of its family.
    fn settle_one(
        &mut self,
        (key, volume): (&Arc<str>, &Arc<Volume>),
        digest: &Digest,
        before: &[Known],
        found: Vec<Found>,
        family: &mut Family,
        moment: Moment,
    ) -> Settled {
        let known = self.records.digests.get(&**key);
        let published = known.map_or_else(|| self.free_stretch(moment, digest.len()), |known| known.published);
        let record_of = |found: &Found| found.claim.map(|at| &before[at].record);
        let seen_before = |found: &Found| record_of(found).filter(|record| !record.is_unseen());
        let is_late = |(found, (_, item)): (&Found, (_, &Item))| {
            known.is_some() && item.retracted.is_none() && seen_before(found).is_none()
        };
        // Given before those of corrections, so that they are as near to now as can be.
        let late: Vec<bool> = found.iter().zip(digest.items()).map(is_late).collect();
        let late: Vec<Option<Moment>> = late.into_iter().map(|is_late| is_late.then(|| self.news())).collect();
        let words: Vec<Hash> = found.iter().map(|found| found.words).collect();
        let mut next = published;
        let mut items = Vec::with_capacity(digest.len());
        for (((_, item), found), late) in digest.items().zip(found).zip(late) {
            let (record_before, before) = (record_of(&found), seen_before(&found));
            let first = late.unwrap_or(next);
            next -= TimeDelta::seconds(1);
            let (mut record, standing, end) = self.stand(before, first, found.words, item.retracted.as_deref());
            self.ends.extend(end.map(|end| (end, digest.key.clone())));
            let names = (found.id.as_str(), digest.key.as_str());
            if standing != Standing::Withdrawn || before.is_some() {
                self.note(before, &record, names, Some(item), &item.title);
            } else if let Some(unseen) = record_before {
                record = unseen.clone();
            } else {
                record = self.note_unseen(record, names, item);
            }
            let (published, updated) = (record.published, record.updated);
            let anchor = anchor(&found.id).to_owned();
            items.push(Identity { id: found.id.clone(), anchor, published, updated, standing });
            family.push(Known { id: found.id, marks: found.marks, text: Some(found.text), record });
        }
        let shown = words.into_iter().zip(&items).filter(|(_, identity)| identity.standing != Standing::Withdrawn);
        let hash = hash_of_digest(digest, shown.map(|(words, _)| words), self.options);
        let (mut record, ..) = self.stand(known, published, hash, None);
        let standing = whole(&items);
        let (published, updated) = (record.published, record.updated);
        let id = self.options.tag(key);
        if standing == Standing::Withdrawn {
            record.gone = known.and_then(|known| known.gone).or(Some(self.now));
            record.retracted = known.and_then(|known| known.retracted).or(Some(self.now));
        }
        if standing != Standing::Withdrawn || known.is_some() {
            self.note(known, &record, (&id, key), None, &digest.title);
        }
        let made = Made::of(volume, self.options);
        if self.records.sources.get(&**key) != Some(&made) {
            self.changes.sources.push((key.to_string(), made));
        }
        let identity = Identity { id, anchor: String::new(), published, updated, standing };
        Settled::new(volume.clone(), key.clone(), identity, items)
    }

    /// Notes what of a family is not there any more, and what it is now.
    fn close_family(&mut self, family: Recognised, mut now: Family, claimed: &HashSet<usize>) {
        let Recognised { key, old, known, .. } = family;
        let others = known.iter().enumerate().filter(|(at, _)| !claimed.contains(at));
        let others: Vec<Known> = others.map(|(_, known)| self.leave(known.clone())).collect();
        now.extend(others);
        if old.is_some() || *known != now {
            self.changes.families.push((key.clone(), Arc::new(self.records.lay_aside(now))));
        }
        if let Some(old) = old {
            self.closed.insert(old.clone());
            self.changes.renamed.push((old, key.clone()));
        }
        self.closed.insert(key);
    }

    /// An item that is not there any more.
    fn leave(&mut self, mut known: Known) -> Known {
        if known.record.gone.is_none() {
            known.record.gone = Some(self.now);
            self.changes.entries.push(gone(known.id.clone(), "", false, known.record.clone()));
        }
        known
    }

    /// What becomes of a record: first published then or before, updated when its words are others; how it stands now, and
    /// until when if that ends by itself.
    fn stand(
        &mut self,
        before: Option<&Record>,
        first: Moment,
        hash: Hash,
        retraction: Option<&str>,
    ) -> (Record, Standing, Option<Moment>) {
        let mut record = match before {
            None => Record { published: first, updated: first, hash, gone: None, retracted: None },
            Some(before) => Record { hash, gone: None, ..before.clone() },
        };
        if let Some(before) = before.filter(|before| before.hash != hash) {
            record.updated = self.correction(before);
        }
        let Some(reason) = retraction else {
            record.retracted = None;
            return (record, Standing::Published, None);
        };
        let since = *record.retracted.get_or_insert(record.updated);
        let end = since + TimeDelta::days(i64::from(self.options.retraction_days));
        if before.is_none() || end <= self.now {
            record.gone = before.and_then(|before| before.gone).or(Some(self.now));
            return (record, Standing::Withdrawn, None);
        }
        (record, Standing::Retracted { reason: reason.to_owned() }, Some(end))
    }

    /// Notes what is new or another than before.
    fn note(
        &mut self,
        before: Option<&Record>,
        record: &Record,
        (id, digest): (&str, &str),
        item: Option<&Item>,
        title: &str,
    ) {
        let what = match before {
            None => What::Published,
            Some(before) if before == record => return,
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
            record: record.clone(),
        });
    }

    /// Notes an item that was taken back before it was published, so that its id is never another's.
    fn note_unseen(&mut self, mut record: Record, (id, digest): (&str, &str), item: &Item) -> Record {
        record.gone = Some(record.published);
        record.retracted = record.gone;
        self.changes.entries.push(Change {
            what: What::Retracted,
            id: id.to_owned(),
            digest: digest.to_owned(),
            is_digest: false,
            title: item.title.clone(),
            link: item.link.clone(),
            record: record.clone(),
        });
        record
    }

    /// Notes what was published, is not there any more, and was not told yet: of these families, and of these digests.
    fn close<'k>(&mut self, families: impl Iterator<Item = &'k str>, digests: impl Iterator<Item = &'k str>) {
        let families: BTreeSet<&str> = families.filter(|key| !self.closed.contains(*key)).collect();
        for key in families {
            let Some(known) = self.records.families.get(key) else { continue };
            let now: Family = known.iter().map(|known| self.leave(known.clone())).collect();
            if *known != now {
                self.changes.families.push((key.to_owned(), Arc::new(self.records.lay_aside(now))));
            }
        }
        let digests: BTreeSet<&str> = digests.filter(|key| !self.settled.contains_key(*key)).collect();
        for key in digests {
            let there = self.records.digests.get(key).filter(|record| record.gone.is_none());
            let record = there.map(|record| Record { gone: Some(self.now), ..record.clone() });
            self.changes.entries.extend(record.map(|record| gone(self.options.tag(key), key, true, record)));
        }
    }

    /// The newest moment, at the given one or before, from which as many seconds as items are free.
    fn free_stretch(&mut self, moment: Moment, items: usize) -> Moment {
        let items = i64::try_from(items).unwrap_or(i64::MAX).max(1);
        let mut begin = moment.timestamp();
        while (0..items).any(|second| self.is_taken(begin - second)) {
            begin -= SLOT_SECONDS.max(items);
        }
        self.taken.extend((0..items).map(|second| begin - second));
        moment - TimeDelta::seconds(moment.timestamp() - begin)
    }

    /// A moment for something that is new: now, or the last second before that is nobody else's.
    fn news(&mut self) -> Moment {
        let second = self.free_before_now(i64::MIN).unwrap_or(i64::MIN);
        self.taken.insert(second);
        self.at(second)
    }

    /// A moment for a correction: the last free second at or before now that is after the entry's last change, else the
    /// first free one after that change, so that a reader sees it. The second of the change before is free then. So when
    /// entries are corrected again within as many seconds as there are of them, each moves on by a few seconds; none is ahead
    /// of now by more seconds than there were corrections and new entries in such a burst.
    fn correction(&mut self, before: &Record) -> Moment {
        let last = before.updated.timestamp();
        let second = self.free_before_now(last).unwrap_or_else(|| {
            let after = (last + 1..).find(|second| !self.is_taken(*second));
            after.unwrap_or(i64::MAX)
        });
        self.taken.insert(second);
        if let Some(free) = before.superseded() {
            self.changes.freed.insert(free);
            if free >= self.last_news && free <= self.now.timestamp() {
                self.last_news = free + 1;
            }
        }
        self.at(second)
    }

    /// The last free second at or before now that is after another.
    fn free_before_now(&mut self, after: i64) -> Option<i64> {
        let mut second = self.last_news - 1;
        while second > after && self.is_taken(second) {
            second -= 1;
        }
        // What was looked at is taken, and so will be what was found.
        self.last_news = self.last_news.min(second.max(after + 1));
        (second > after).then_some(second)
    }

    fn at(&self, second: i64) -> Moment {
        self.now + TimeDelta::seconds(second - self.now.timestamp())
    }

    fn is_taken(&self, second: i64) -> bool {
        self.taken.contains(&second) || (self.records.taken.contains(second) && !self.changes.freed.contains(&second))
    }
}

/// An entry that is not there any more: nothing is known of it but its record.
fn gone(id: String, digest: &str, is_digest: bool, record: Record) -> Change {
    let (title, digest) = (String::new(), digest.to_owned());
    Change { what: What::Gone, id, digest, is_digest, title, link: None, record }
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
