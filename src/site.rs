//! The whole publication as one immutable value: every route with its finished page.
//!
//! Equal content, ledger and options give equal bytes: no clock, no file time, no order of a hash map, no version.

mod opml;
mod pages;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use flate2::{Compression, GzBuilder};
use sha2::{Digest as _, Sha256};

use crate::digest::Rules;
use crate::feed::archive::Month;
use crate::feed::{self, Feed, Shelves};
use crate::ledger::{self, Settled, Shown, ShownPage, Snapshot, Validators};

/// One response body.
pub struct Page {
    /// The media type, with its charset.
    pub media_type: &'static str,
    /// When the bytes last became others, in whole seconds; none when that is not known before they are made.
    pub last_modified: Option<DateTime<Utc>>,
    content: OnceLock<Content>,
    /// Makes the bytes when they are asked for the first time.
    make: Option<Make>,
    gzip: OnceLock<Option<Bytes>>,
}

/// How the bytes of a page are made.
type Make = Box<dyn Fn() -> Vec<u8> + Send + Sync>;

struct Content {
    body: Bytes,
    hash: String,
}

impl Content {
    fn new(body: Bytes) -> Content {
        let hash = Sha256::digest(&body).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Content { body, hash }
    }
}

impl Page {
    /// A page last changed at a moment.
    pub fn new(body: impl Into<Bytes>, media_type: &'static str, last_modified: DateTime<Utc>) -> Page {
        let content = OnceLock::from(Content::new(body.into()));
        Page { media_type, last_modified: Some(last_modified), content, make: None, gzip: OnceLock::new() }
    }

    /// A page that is made when it is first asked for, and the same for ever then.
    fn on_demand(media_type: &'static str, make: Make) -> Page {
        Page { media_type, last_modified: None, content: OnceLock::new(), make: Some(make), gzip: OnceLock::new() }
    }

    fn content(&self) -> &Content {
        self.content.get_or_init(|| {
            let body = self.make.as_ref().map(|make| make()).unwrap_or_default();
            Content::new(body.into())
        })
    }

    /// The bytes.
    pub fn body(&self) -> &Bytes {
        &self.content().body
    }

    /// The hash of the bytes, for entity tags; 16 hexadecimal digits.
    pub fn hash(&self) -> &str {
        &self.content().hash
    }

    /// The bytes as gzip, made on first use and the same for ever; `None` when that would not be smaller.
    pub fn gzip(&self) -> Option<&Bytes> {
        self.gzip.get_or_init(|| compress(self.body()).filter(|small| small.len() < self.body().len())).as_ref()
    }

    /// Whether it is one of the feeds, whichever format.
    pub fn is_feed(&self) -> bool {
        [feed::rss::MEDIA_TYPE, feed::atom::MEDIA_TYPE, feed::json::MEDIA_TYPE].contains(&self.media_type)
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Page { media_type, last_modified, .. } = self;
        f.debug_struct("Page").field("media_type", media_type).field("last_modified", last_modified).finish()
    }
}

fn compress(body: &[u8]) -> Option<Bytes> {
    // No file time in the header, so that equal pages are equal.
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder.write_all(body).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// Pages by route; those of the next site share what did not change.
pub type Pages = rpds::RedBlackTreeMapSync<String, Arc<Page>>;

/// Every route with its page.
#[derive(Debug)]
pub struct Site {
    /// Route, beginning with `/`, to page. A route that ends in `/` is a folder's page.
    pub pages: Pages,
    /// Those of them that are made with the site, and not when they are asked for.
    current: BTreeMap<String, Arc<Page>>,
    /// What each feed may show, for the next site to go on from.
    shelves: Shelves,
    /// What is shown for a route that does not exist.
    pub not_found: Arc<Page>,
    /// The path of the public address, without a `/` at the end: empty unless the site stands below a folder.
    pub root: String,
    /// How many digests are published.
    pub digests: usize,
    /// How many items they have.
    pub items: usize,
    /// The entries of each feed.
    pub shown: Shown,
    /// Whether there are more routes, which cannot be shown now.
    pub is_partial: bool,
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
    /// page; one that changed was modified `now`. `validators` are those
    /// of what was shown last, perhaps by an earlier process.
    pub fn build(
        digests: &[Arc<Settled>],
        options: &Options,
        previous: Option<&Site>,
        validators: &Validators,
        now: DateTime<Utc>,
    ) -> Site {
        let before = previous.map(|site| &site.shelves);
        let (feeds, shelves) = feed::gather(digests, &options.rules, &options.feeds, &options.ids, before);
        let continued = previous.filter(|_| feeds.difference.is_continued);
        let pages = continued.map(|site| site.pages.clone()).unwrap_or_default();
        let mut builder = Builder { previous, validators, now, pages, current: BTreeMap::new() };
        for feed in feeds.iter() {
            builder.feed(feed);
        }
        for month in &feeds.months {
            builder.month(month);
        }
        builder.add("/feeds.opml", opml::render(&feeds), opml::MEDIA_TYPE);
        pages::add(&mut builder, digests, &feeds, &options.feeds);
        let not_found = builder.page("", pages::not_found(&feeds), pages::MEDIA_TYPE);
        let Builder { mut pages, current, .. } = builder;
        let gone = continued.iter().flat_map(|site| site.current.keys()).filter(|route| !current.contains_key(*route));
        gone.for_each(|route| {
            pages.remove_mut(route);
        });
        Site {
            pages,
            current,
            shelves,
            not_found,
            root: feed::root_path(&options.feeds.base_url),
            digests: digests.len(),
            items: feeds.items,
            shown: feeds.shown(),
            is_partial: false,
        }
    }

    /// What an earlier process showed, as far as it was kept: all but the pages of digests and the archives.
    pub fn restored(pages: Vec<(String, Bytes, DateTime<Utc>)>, options: &Options) -> Site {
        let pages = pages.into_iter().filter_map(|(route, body, modified)| {
            let media_type = media_type_of(&route)?;
            Some((route, Arc::new(Page::new(body, media_type, modified))))
        });
        let not_found = "The site is not complete at the moment.\n";
        Site {
            current: BTreeMap::new(),
            shelves: Shelves::default(),
            pages: pages.collect(),
            not_found: Arc::new(Page::new(not_found, pages::TEXT_TYPE, DateTime::UNIX_EPOCH)),
            root: feed::root_path(&options.feeds.base_url),
            digests: 0,
            items: 0,
            shown: Shown::new(),
            is_partial: true,
        }
    }

    /// What of it outlasts the process.
    pub fn snapshot(&self) -> Snapshot {
        let pages = self.current.iter().filter_map(|(route, page)| {
            let modified = page.last_modified?;
            let body = Some(page.body().clone());
            Some((route.clone(), ShownPage { hash: page.hash().to_owned(), modified, body }))
        });
        Snapshot { losses: None, shown: self.shown.clone(), pages: pages.collect() }
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

/// The media type of what stands at a route of ours.
fn media_type_of(route: &str) -> Option<&'static str> {
    let name = route.rsplit('/').next()?;
    Some(match name {
        "" => pages::MEDIA_TYPE,
        "rss.xml" => feed::rss::MEDIA_TYPE,
        "atom.xml" => feed::atom::MEDIA_TYPE,
        "feed.json" => feed::json::MEDIA_TYPE,
        "feeds.opml" => opml::MEDIA_TYPE,
        "style.css" => pages::STYLE_TYPE,
        "favicon.ico" => pages::ICON_TYPE,
        "robots.txt" => pages::TEXT_TYPE,
        _ => return None,
    })
}

struct Builder<'p> {
    previous: Option<&'p Site>,
    validators: &'p Validators,
    now: DateTime<Utc>,
    pages: Pages,
    current: BTreeMap<String, Arc<Page>>,
}

impl Builder<'_> {
    fn feed(&mut self, feed: &Feed) {
        let route = |file: &str| format!("{}{file}", feed.route);
        self.add(&route("rss.xml"), feed::rss::render(feed), feed::rss::MEDIA_TYPE);
        self.add(&route("atom.xml"), feed::atom::render(feed), feed::atom::MEDIA_TYPE);
        self.add(&route("feed.json"), feed::json::render(feed), feed::json::MEDIA_TYPE);
    }

    /// A month of a feed, whose documents are made when they are asked for.
    fn month(&mut self, month: &Month) {
        type Render = fn(&Feed) -> Vec<u8>;
        let formats: [(&str, &'static str, Render); 2] = [
            ("atom", feed::atom::MEDIA_TYPE, feed::atom::render),
            ("json", feed::json::MEDIA_TYPE, feed::json::render),
        ];
        for (ending, media_type, render) in formats {
            let route = format!("{}{}", month.route(), feed::archive::file(&month.name(), ending));
            if month.is_gone() {
                self.pages.remove_mut(&route);
            } else {
                let month = month.clone();
                self.add_on_demand(route, media_type, move || render(&month.feed()));
            }
        }
    }

    /// A page that is made when it is asked for.
    fn add_on_demand(
        &mut self,
        route: String,
        media_type: &'static str,
        make: impl Fn() -> Vec<u8> + Send + Sync + 'static,
    ) {
        self.pages.insert_mut(route, Arc::new(Page::on_demand(media_type, Box::new(make))));
    }

    fn add(&mut self, route: &str, body: impl Into<Bytes>, media_type: &'static str) {
        let page = self.page(route, body, media_type);
        self.pages.insert_mut(route.to_owned(), page.clone());
        self.current.insert(route.to_owned(), page);
    }

    /// Last-Modified moves whenever the bytes do (RFC 9110, section 8.8.2): to now at the latest, and never back, not even
    /// over a restart: curl, and newsboat with it, drops a new body that is older than what it was told before. So a page of
    /// which nothing is known was modified now.
    fn page(&self, route: &str, body: impl Into<Bytes>, media_type: &'static str) -> Arc<Page> {
        let now = DateTime::from_timestamp(self.now.timestamp(), 0).unwrap_or(self.now);
        let page = Page::new(body, media_type, now);
        let previous = self.previous.and_then(|site| match route {
            "" => Some(&site.not_found),
            route => site.pages.get(route),
        });
        if let Some(previous) = previous.filter(|previous| previous.body() == page.body()) {
            return previous.clone();
        }
        let before = previous.and_then(|page| Some((page.hash(), page.last_modified?)));
        let before = before.or_else(|| self.validators.get(route).map(|it| (it.hash.as_str(), it.modified)));
        let modified = match before {
            None => now,
            Some((hash, modified)) if hash == page.hash() => modified,
            Some((_, modified)) => now.max(modified + TimeDelta::seconds(1)),
        };
        Arc::new(Page { last_modified: Some(modified), ..page })
    }
}
