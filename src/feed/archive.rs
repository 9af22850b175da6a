//! A feed's history by months (RFC 5005, section 4), back to its first entry.
//!
//! An entry belongs to the month in which it was published, which never changes; so a month that has a later one beside it
//! changes only when its entries do. What a newcomer gets wrong: the feed itself leads to the newest month of which it does
//! not show everything, so that whoever follows misses nothing.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use super::{Feed, Gatherer, Options, Seat, most_common};
use crate::ledger;

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

/// One month of a feed. It is light: entries are made when it is asked for.
#[derive(Debug, Clone)]
pub struct Month {
    /// The feed without its entries.
    head: Arc<Feed>,
    chain: Chain,
    seats: Vec<Seat>,
    makings: Arc<Makings>,
}

/// What the months of all feeds are made with.
#[derive(Debug)]
pub(super) struct Makings {
    options: Options,
    ids: ledger::Options,
    /// The same for the same options.
    key: u64,
}

impl Makings {
    pub(super) fn new(options: &Options, ids: &ledger::Options) -> Makings {
        let mut hasher = DefaultHasher::new();
        format!("{options:?}{ids:?}").hash(&mut hasher);
        Makings { options: options.clone(), ids: ids.clone(), key: hasher.finish() }
    }
}

impl Month {
    /// Its name, as in `2025-05`.
    pub fn name(&self) -> &str {
        self.chain.month.as_deref().unwrap_or_default()
    }

    /// The route of the folder of its feed.
    pub fn route(&self) -> &str {
        &self.head.route
    }

    /// The month as a feed with all its entries.
    pub fn feed(&self) -> Feed {
        let Makings { options, ids, .. } = &*self.makings;
        let gatherer = Gatherer { options, ids };
        let entries: Vec<_> = self.seats.iter().map(|seat| Arc::new(gatherer.entry(seat))).collect();
        let updated = entries.iter().map(|entry| entry.updated).max().unwrap_or(self.head.updated);
        // Of the month alone, so that it stays what it is.
        let language = options.language.clone().or_else(|| most_common(&entries));
        Feed { entries, updated, language, chain: self.chain.clone(), ..(*self.head).clone() }
    }

    /// The same for months that look the same, as long as one of them is kept.
    pub fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.chain, &self.head.title, &self.head.description).hash(&mut hasher);
        self.makings.key.hash(&mut hasher);
        for seat in &self.seats {
            // A digest that is kept is nobody else's address.
            (Arc::as_ptr(&seat.settled.digest), &seat.settled.key, seat.spot, seat.identity()).hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// The months of a feed, oldest first, and the feed's own place in the chain. `seats` are all its entries.
pub(super) fn months(feed: &Feed, seats: Vec<Seat>, makings: &Arc<Makings>) -> (Vec<Month>, Chain) {
    let shown: HashSet<&str> = feed.entries.iter().map(|entry| entry.id.as_str()).collect();
    let mut by_month: BTreeMap<String, Vec<Seat>> = BTreeMap::new();
    for seat in seats {
        by_month.entry(seat.published().format("%Y-%m").to_string()).or_default().push(seat);
    }
    let names: Vec<String> = by_month.keys().cloned().collect();
    let is_shown = |seats: &[Seat]| seats.iter().all(|seat| shown.contains(seat.identity().id.as_str()));
    let previous = by_month.iter().rev().find(|(_, seats)| !is_shown(seats)).map(|(name, _)| name.clone());
    if names.len() < 2 && previous.is_none() {
        return (Vec::new(), Chain::default());
    }
    let head = Arc::new(Feed { entries: Vec::new(), ..feed.clone() });
    let months = by_month.into_values().enumerate().map(|(at, mut seats)| {
        seats.sort_by(|one, other| {
            (other.published(), &one.identity().id).cmp(&(one.published(), &other.identity().id))
        });
        let previous = at.checked_sub(1).map(|at| names[at].clone());
        let chain = Chain { month: Some(names[at].clone()), previous, next: names.get(at + 1).cloned() };
        Month { head: head.clone(), chain, seats, makings: makings.clone() }
    });
    (months.collect(), Chain { previous, ..Chain::default() })
}
