//! Feeds that tell only what is new since a version that a reader has (RFC 3229, with the instance manipulation `feed`).
//!
//! A feed's page remembers some earlier versions of itself, as one number per entry. What a newcomer gets wrong: a delta is a
//! feed like any other, with fewer entries; it is made when the first reader asks, and kept for the others with that version.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use super::page::Page;
use crate::feed::Feed;

/// So many earlier versions of a feed are remembered. A reader that asks every hour finds its own among them as long as the
/// feed changes less than every four minutes; others get the whole.
const MOST_VERSIONS: usize = 16;

/// A feed with a number for each entry: the same as long as nothing of the entry changes.
pub(super) struct Numbered {
    feed: Feed,
    numbers: Arc<[u64]>,
}

impl Numbered {
    pub(super) fn new(feed: Feed) -> Numbered {
        let numbers = feed.entries.iter().map(|entry| entry.number()).collect();
        Numbered { feed, numbers }
    }

    /// The feed with only the entries that are new or changed since a version. `None` when these are all, and when there are
    /// none: what was only removed a delta cannot tell, and some readers take a feed without entries for a broken one.
    fn since(&self, version: &[u64]) -> Option<Feed> {
        let known: HashSet<u64> = version.iter().copied().collect();
        let entries = self.feed.entries.iter().zip(self.numbers.iter()).filter(|(_, number)| !known.contains(number));
        let entries: Vec<_> = entries.map(|(entry, _)| entry.clone()).collect();
        let is_worth_it = !entries.is_empty() && entries.len() < self.feed.entries.len();
        is_worth_it.then(|| Feed { entries, ..self.feed.clone() })
    }
}

/// What a feed's page knows of its own past.
pub(super) struct Past {
    now: Arc<Numbered>,
    render: fn(&Feed) -> Vec<u8>,
    /// Newest first.
    versions: Vec<Version>,
}

struct Version {
    /// Of the page that it was.
    hash: String,
    numbers: Arc<[u64]>,
    delta: OnceLock<Option<Box<Page>>>,
}

impl Past {
    pub(super) fn new(now: Arc<Numbered>, render: fn(&Feed) -> Vec<u8>) -> Past {
        Past { now, render, versions: Vec::new() }
    }

    /// The same after another page, of which this is the next version.
    pub(super) fn after(self, before: &Past, hash: &str) -> Past {
        let version = |hash: &str, numbers: &Arc<[u64]>| Version {
            hash: hash.to_owned(),
            numbers: numbers.clone(),
            delta: OnceLock::new(),
        };
        let newest = version(hash, &before.now.numbers);
        let older = before.versions.iter().map(|older| version(&older.hash, &older.numbers));
        Past { versions: std::iter::once(newest).chain(older).take(MOST_VERSIONS).collect(), ..self }
    }

    /// What is new in a page since the version with this hash, if it is remembered and a delta is worth it.
    pub(super) fn since(&self, hash: &str, page: &Page) -> Option<&Page> {
        let version = self.versions.iter().find(|version| version.hash == hash)?;
        let delta = || {
            let feed = self.now.since(&version.numbers)?;
            Some(Box::new(page.with_body((self.render)(&feed))))
        };
        version.delta.get_or_init(delta).as_deref()
    }
}
