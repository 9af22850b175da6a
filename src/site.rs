//! The whole publication as one immutable value: every route with its finished page.
//!
//! Equal content, ledger and options give equal bytes: no clock, no file time, no order of a hash map, no version.

mod opml;
mod pages;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use flate2::{Compression, GzBuilder};
use sha2::{Digest as _, Sha256};

use crate::digest::Rules;
use crate::feed::{self, Feed};
use crate::ledger::{self, Settled};

/// One finished response body.
#[derive(Debug)]
pub struct Page {
    /// The bytes.
    pub body: Bytes,
    /// The media type, with its charset.
    pub media_type: &'static str,
    /// The hash of the bytes, for entity tags; 16 hexadecimal digits.
    pub hash: String,
    /// When the bytes last became others, in whole seconds.
    pub last_modified: DateTime<Utc>,
    gzip: OnceLock<Option<Bytes>>,
}

impl Page {
    /// A page last changed at a moment.
    pub fn new(body: impl Into<Bytes>, media_type: &'static str, last_modified: DateTime<Utc>) -> Page {
        let body = body.into();
        let hash = Sha256::digest(&body).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Page { body, media_type, hash, last_modified, gzip: OnceLock::new() }
    }

    /// The bytes as gzip, made on first use and the same for ever; `None` when that would not be smaller.
    pub fn gzip(&self) -> Option<&Bytes> {
        self.gzip.get_or_init(|| compress(&self.body).filter(|small| small.len() < self.body.len())).as_ref()
    }

    /// Whether it is one of the feeds, whichever format.
    pub fn is_feed(&self) -> bool {
        [feed::rss::MEDIA_TYPE, feed::atom::MEDIA_TYPE, feed::json::MEDIA_TYPE].contains(&self.media_type)
    }
}

fn compress(body: &[u8]) -> Option<Bytes> {
    // No file time in the header, so that equal pages are equal.
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder.write_all(body).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// Every route with its page.
#[derive(Debug)]
pub struct Site {
    /// Route, beginning with `/`, to page. A route that ends in `/` is a folder's page.
    pub pages: BTreeMap<String, Arc<Page>>,
    /// What is shown for a route that does not exist.
    pub not_found: Arc<Page>,
    /// The path of the public address, without a `/` at the end: empty unless the site stands below a folder.
    pub root: String,
    /// How many digests are published.
    pub digests: usize,
    /// How many items they have.
    pub items: usize,
}

/// What a route leads to.
#[derive(Debug)]
pub enum Found<'s> {
    /// A page.
    Page(&'s Arc<Page>),
    /// The one address of what was asked for.
    Moved(String),
    /// Nothing.
    Missing,
}

/// What a site is made of, beside its digests.
#[derive(Debug, Clone)]
pub struct Options {
    /// How feeds are made.
    pub feeds: feed::Options,
    /// How the publication writes.
    pub rules: Rules,
    /// How ids are made.
    pub ids: ledger::Options,
}

/// Names under which people look for feeds, and where they are.
const USUAL_NAMES: [(&str, &str); 12] = [
    ("feed.xml", "rss.xml"),
    ("index.xml", "rss.xml"),
    ("feed", "rss.xml"),
    ("feed/", "rss.xml"),
    ("rss", "rss.xml"),
    ("rss/", "rss.xml"),
    ("index.rss", "rss.xml"),
    ("rss/feed.xml", "rss.xml"),
    ("feed.atom", "atom.xml"),
    ("atom", "atom.xml"),
    ("index.json", "feed.json"),
    ("index.html", ""),
];

impl Site {
    /// Builds the site of the published digests, newest first. A page whose bytes are those of the previous site is that
    /// page; one that changed was modified `now`.
    pub fn build(digests: &[Settled], options: &Options, previous: Option<&Site>, now: DateTime<Utc>) -> Site {
        let feeds = feed::gather(digests, &options.rules, &options.feeds, &options.ids);
        let mut builder = Builder { previous, now, pages: BTreeMap::new() };
        for feed in feeds.iter() {
            builder.feed(feed);
        }
        let changed = feeds.all.updated.max(feeds.digests.updated).to_utc();
        builder.add("/feeds.opml", opml::render(&feeds), opml::MEDIA_TYPE, changed);
        pages::add(&mut builder, digests, &feeds, &options.feeds, changed);
        let not_found = builder.page("", pages::not_found(&feeds), pages::MEDIA_TYPE, changed);
        Site {
            pages: builder.pages,
            not_found,
            root: feed::root_path(&options.feeds.base_url),
            digests: digests.len(),
            items: digests.iter().map(|settled| settled.items.len()).sum(),
        }
    }

    /// The route of a request's path, whether or not a proxy took the public address's own path off.
    pub fn without_root<'p>(&self, path: &'p str) -> &'p str {
        path.strip_prefix(self.root.as_str()).filter(|route| route.starts_with('/')).unwrap_or(path)
    }

    /// The path of a route as the public sees it.
    pub fn with_root(&self, route: &str) -> String {
        format!("{}{route}", self.root)
    }

    /// What a route leads to.
    pub fn find(&self, path: &str) -> Found<'_> {
        if let Some(page) = self.pages.get(path) {
            return Found::Page(page);
        }
        let folder = format!("{path}/");
        if self.pages.contains_key(&folder) {
            return Found::Moved(folder);
        }
        for (usual, canonical) in USUAL_NAMES {
            if let Some(folder) = path.strip_suffix(usual).filter(|folder| folder.ends_with('/')) {
                let route = format!("{folder}{canonical}");
                if self.pages.contains_key(&route) {
                    return Found::Moved(route);
                }
            }
        }
        Found::Missing
    }
}

struct Builder<'p> {
    previous: Option<&'p Site>,
    now: DateTime<Utc>,
    pages: BTreeMap<String, Arc<Page>>,
}

impl Builder<'_> {
    fn feed(&mut self, feed: &Feed) {
        let changed = feed.updated.to_utc();
        let route = |file: &str| format!("{}{file}", feed.route);
        self.add(&route("rss.xml"), feed::rss::render(feed), feed::rss::MEDIA_TYPE, changed);
        self.add(&route("atom.xml"), feed::atom::render(feed), feed::atom::MEDIA_TYPE, changed);
        self.add(&route("feed.json"), feed::json::render(feed), feed::json::MEDIA_TYPE, changed);
    }

    fn add(&mut self, route: &str, body: impl Into<Bytes>, media_type: &'static str, changed: DateTime<Utc>) {
        let page = self.page(route, body, media_type, changed);
        self.pages.insert(route.to_owned(), page);
    }

    /// Last-Modified moves whenever the bytes do (RFC 9110, section 8.8.2): to now at the latest, and never back.
    fn page(&self, route: &str, body: impl Into<Bytes>, media_type: &'static str, changed: DateTime<Utc>) -> Arc<Page> {
        let page = Page::new(body, media_type, changed);
        let before = self.previous.and_then(|site| match route {
            "" => Some(&site.not_found),
            route => site.pages.get(route),
        });
        match before {
            Some(before) if before.body == page.body => before.clone(),
            Some(before) => {
                let later = before.last_modified + chrono::TimeDelta::seconds(1);
                let now = DateTime::from_timestamp(self.now.timestamp(), 0).unwrap_or(self.now);
                Arc::new(Page { last_modified: now.max(later), ..page })
            }
            None => Arc::new(page),
        }
    }
}
