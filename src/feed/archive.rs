//! A feed's history by months (RFC 5005, section 4), back to its first entry.
//!
//! An entry belongs to the month in which it was published, which never changes; so a month that has a later one beside it
//! changes only when its entries do. What a newcomer gets wrong: the feed itself leads to the newest month of which it does
//! not show everything, so that whoever follows misses nothing.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use chrono::Datelike as _;

use super::shelf::{Kept, Part, Shelf, YearMonth};
use super::{Feed, Maker, Options, Seat, most_common};
use crate::ledger::{self, Moment, Settled};

/// Where a document stands in a feed's history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Chain {
    /// The month it holds, as in `2025-05`; none is the feed itself.
    pub month: Option<String>,
    /// The month before: of the feed itself, the newest of which it does not show everything.
    pub previous: Option<String>,
    /// The month after.
    pub next: Option<String>,
}

impl Chain {
    /// Whether it is a month after which there is another: only then it is an archive, which others may keep for ever.
    pub fn is_closed(&self) -> bool {
        self.month.is_some() && self.next.is_some()
    }
}

/// The file of a month below its feed's route; `ending` is `atom` or `json`.
pub fn file(month: &str, ending: &str) -> String {
    format!("archive/{month}.{ending}")
}

/// The route of a feed's folder and the month, where a route is that of a document or a page of its history, or of the sitemap.
pub fn month_of(route: &str) -> Option<(&str, &str)> {
    let (folder, file) = route.split_once("archive/").or_else(|| route.split_once("sitemap/"))?;
    let (month, _) = file.split_once(['.', '/'])?;
    month.starts_with(|c: char| c.is_ascii_digit()).then_some((folder, month))
}

/// The month in which something belongs that was published at a moment.
pub fn month(published: Moment) -> String {
    name((published.year(), published.month()))
}

/// One month of a feed. It is light: entries are made when it is asked for.
#[derive(Debug, Clone)]
pub struct Month {
    /// The feed without its entries.
    head: Arc<Feed>,
    chain: Chain,
    when: YearMonth,
    part: Part,
    /// The digests of which anything was published then; none: there is no such month any more.
    digests: Option<Arc<Vec<Arc<Settled>>>>,
    repeated: Arc<HashSet<String>>,
    makings: Arc<Makings>,
}

/// What the months of all feeds are made with.
#[derive(Debug)]
pub(super) struct Makings {
    options: Options,
    /// The same for the same options.
    key: u64,
}

impl Makings {
    pub(super) fn new(options: &Options, ids: &ledger::Options) -> Makings {
        let mut hasher = DefaultHasher::new();
        format!("{options:?}{ids:?}").hash(&mut hasher);
        Makings { options: options.clone(), key: hasher.finish() }
    }

    pub(super) fn key(&self) -> u64 {
        self.key
    }
}

impl Month {
    /// Its name, as in `2025-05`.
    pub fn name(&self) -> String {
        name(self.when)
    }

    /// The route of the folder of its feed.
    pub fn route(&self) -> &str {
        &self.head.route
    }

    /// Whether there is no such month any more.
    pub fn is_gone(&self) -> bool {
        self.digests.is_none()
    }

    /// The month as a feed with all its entries.
    pub fn feed(&self) -> Feed {
        let Makings { options, .. } = &*self.makings;
        let maker = Maker { options };
        let digests = self.digests.iter().flat_map(|digests| digests.iter());
        let mut seats: Vec<Seat> = digests.flat_map(|settled| self.part.seats(settled, &self.repeated)).collect();
        seats.retain(|seat| seat.month() == self.when);
        seats.sort_by(Seat::newest_first);
        let entries: Vec<_> = seats.iter().map(|seat| Arc::new(maker.entry(seat))).collect();
        let updated = entries.iter().map(|entry| entry.updated).max().unwrap_or(self.head.updated);
        // Of the month alone, so that it stays what it is.
        let language = options.language.clone().or_else(|| most_common(&entries));
        Feed { entries, updated, language, chain: self.chain.clone(), ..(*self.head).clone() }
    }
}

/// How a month is called in addresses.
fn name((year, month): YearMonth) -> String {
    format!("{year:04}-{month:02}")
}

/// The history of a feed: its months that are others than before, or gone, and its own place in the chain.
pub(super) fn months(feed: &Feed, now: &History<'_>, before: &Shelf) -> (Vec<Month>, Chain, bool) {
    let History { head, part, shelf, repeated, makings } = now;
    let shown: HashSet<&str> = feed.entries.iter().map(|entry| entry.id.as_str()).collect();
    let is_shown = |seat: &Seat| shown.contains(seat.identity().id.as_str());
    let is_all_shown = |(when, digests): &(&YearMonth, &Arc<Vec<Arc<Settled>>>)| {
        let seats = digests.iter().flat_map(|settled| part.seats(settled, repeated));
        seats.filter(|seat| seat.month() == **when).all(|seat| is_shown(&seat))
    };
    let previous = shelf.months().iter().rev().find(|month| !is_all_shown(month)).map(|(when, _)| name(*when));
    let has_months = shelf.months().size() >= 2 || previous.is_some();
    let is_new = before.kept.as_ref().is_none_or(|kept| kept.head != **head || kept.has_months != has_months);
    let when: Vec<YearMonth> = match is_new {
        true => shelf.months().keys().chain(before.months().keys()).copied().collect(),
        false => shelf.touched(before).into_iter().collect(),
    };
    let chain = |when: &YearMonth| Chain {
        month: Some(name(*when)),
        previous: shelf.months().range(..*when).next_back().map(|(when, _)| name(*when)),
        next: shelf.months().range(*when..).map(|(when, _)| *when).find(|other| other != when).map(name),
    };
    let month = |when: YearMonth| Month {
        head: (*head).clone(),
        chain: chain(&when),
        when,
        part: Part::clone(part),
        digests: shelf.months().get(&when).filter(|_| has_months).cloned(),
        repeated: (*repeated).clone(),
        makings: (*makings).clone(),
    };
    let chain = Chain { previous: previous.filter(|_| has_months), ..Chain::default() };
    (when.into_iter().map(month).collect(), chain, has_months)
}

/// The months of a feed that is not there any more.
pub(super) fn gone(slug: &str, shelf: &Shelf, makings: &Arc<Makings>) -> Vec<Month> {
    let Some(Kept { head, .. }) = &shelf.kept else { return Vec::new() };
    let gone = |when: &YearMonth| Month {
        head: head.clone(),
        chain: Chain::default(),
        when: *when,
        part: Part::Section(slug.into()),
        digests: None,
        repeated: Arc::default(),
        makings: makings.clone(),
    };
    shelf.months().keys().map(gone).collect()
}

/// What the history of a feed is made of.
pub(super) struct History<'h> {
    pub(super) head: &'h Arc<Feed>,
    pub(super) part: &'h Part,
    pub(super) shelf: &'h Shelf,
    pub(super) repeated: &'h Arc<HashSet<String>>,
    pub(super) makings: &'h Arc<Makings>,
}
