//! What became of an entry, for whoever asks by its id, its address on our pages, or its story.

use std::collections::HashSet;

use super::{Ledger, Moment, Options, What, canonical_link};
use crate::digest::text::normalized;

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

impl Ledger {
    /// The entries that go by a name: an id or its last part, an address on our pages, the address of a story, or a title.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn find(&self, name: &str, options: &Options) -> anyhow::Result<Vec<Story>> {
        let page = page_of(name);
        let story = canonical_link(name, options);
        let is_story = |entry: &Story| entry.link.as_deref().is_some_and(|link| canonical_link(link, options) == story);
        let is_at = |entry: &Story, (key, anchor): &(String, String)| match anchor.as_str() {
            "" => entry.is_digest && entry.digest == *key,
            anchor => {
                let is_its_digest =
                    key.strip_prefix(&entry.digest).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
                !entry.is_digest && is_its_digest && entry.id.ends_with(&format!("/{anchor}"))
            }
        };
        let former: HashSet<String> = self
            .store
            .links()?
            .into_iter()
            .filter(|(_, link)| canonical_link(link, options) == story)
            .map(|(id, _)| id)
            .collect();
        let mut entries = self.store.entries()?;
        let (authority, date) = (&options.authority, &options.authority_date);
        let first = self.authority.clone().unwrap_or_else(|| format!("{authority},{date}"));
        for entry in entries.iter_mut().filter(|entry| entry.is_digest) {
            entry.id = format!("tag:{first}:{}", entry.digest);
        }
        let is_named = |entry: &Story| entry.id == name || is_story(entry);
        let is_former = |entry: &Story| former.contains(&entry.id);
        let is_page = |entry: &Story| page.as_ref().is_some_and(|page| is_at(entry, page));
        // Its digest may have another date by now; the id says where it began.
        let began_at = page.as_ref().map(|(key, anchor)| format!(":{key}/{anchor}"));
        let was_page = |entry: &Story| began_at.as_ref().is_some_and(|end| entry.id.ends_with(end));
        let end = format!("/{}", name.trim_start_matches('#'));
        let is_short = |entry: &Story| !entry.is_digest && entry.id.ends_with(&end);
        let title = normalized(name);
        let is_titled = |entry: &Story| !title.is_empty() && normalized(&entry.title) == title;
        let mut found: Vec<Story> = Vec::new();
        for is_it in [&is_named as &dyn Fn(&Story) -> bool, &is_former, &is_page, &was_page, &is_short, &is_titled] {
            if found.is_empty() {
                found = entries.extract_if(.., |entry| is_it(entry)).collect();
            }
        }
        // An address on our pages is of one digest: the key of another edition may begin with that of the first.
        let longest = found.iter().map(|entry| entry.digest.len()).max().unwrap_or_default();
        let are_pages = found.iter().all(is_page);
        found.retain(|entry| !are_pages || entry.digest.len() == longest);
        for entry in &mut found {
            entry.events = self.store.history(&entry.id)?;
            let feeds = self.shown.iter().filter(|(_, ids)| ids.contains(&entry.id));
            entry.feeds = feeds.map(|(route, _)| route.clone()).collect();
        }
        Ok(found)
    }
}

/// The digest's key and the item's anchor that an address on our pages names.
fn page_of(address: &str) -> Option<(String, String)> {
    let (_, rest) = address.split_once("/digests/")?;
    let (key, anchor) = rest.split_once('#').unwrap_or((rest, ""));
    Some((key.trim_end_matches('/').to_owned(), anchor.to_owned()))
}
