//! The whole publication as one immutable value: every route with its finished page.
//!
//! Equal content, ledger and options give equal bytes: no clock, no file time, no order of a hash map, no version.

mod calendar;
mod delta;
mod links;
mod look;
mod opml;
mod page;
mod pages;
mod preview;
mod retired;
mod rhythm;
mod sitemap;
mod words;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use rayon::prelude::*;

use crate::digest::Rules;
use crate::feed::archive::Month;
use crate::feed::{self, Feed, Shelves};
use crate::finding::Finding;
use crate::ledger::{self, Changes, Settled, Shown, Snapshot, Validator, Validators};
use delta::{Numbered, Past};
use preview::Preview;

pub use look::{CONTRAST, Colour, Colours, Logo, Look};
pub use page::{Coded, Coding, Heads, Kind, Page};
pub use retired::{FAREWELL_DAYS, Retired};
pub use rhythm::Rhythm;

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
    /// When the newest digest was published.
    pub newest: Option<DateTime<Utc>>,
    /// The entries of each feed.
    pub shown: Shown,
    /// Whether there are more routes, which cannot be shown now.
    pub is_partial: bool,
    /// Old slugs of sections, and their new ones.
    pub moved: BTreeMap<String, String>,
    /// What is shown for everything of a section that has ended, by its slug.
    pub gone: BTreeMap<String, Arc<Page>>,
    /// When another site would be built of the same digests.
    pub next: Option<DateTime<Utc>>,
    /// How its pages look.
    look: Arc<Look>,
}

/// What a route leads to.
#[derive(Debug)]
pub enum Found<'s> {
    /// A page.
    Page(&'s Arc<Page>),
    /// The one address of what was asked for.
    Moved(String),
    /// What is gone for good, and a page that says so.
    Gone(&'s Arc<Page>),
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
    /// Sections that have ended.
    pub retired: Vec<Retired>,
    /// Old slugs of sections, and their new ones.
    pub moved: BTreeMap<String, String>,
    /// How pages look.
    pub look: Arc<Look>,
    /// What stands beside digests for those who write them; nothing where readers look.
    pub preview: Option<Arc<[Finding]>>,
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
        let begun = retired::begun(options, now);
        // The months of a section that has ended are nowhere; those of one that goes on after all have to come back.
        // Where pages look otherwise, all of them are made anew.
        let goes_on = |site: &&Site| site.gone.keys().eq(begun.iter().copied()) && site.look == options.look;
        let before = previous.filter(goes_on).map(|site| &site.shelves);
        let (mut feeds, shelves) = feed::gather(digests, &options.rules, &options.feeds, &options.ids, before);
        // As if nothing had been retired: what its publisher ends is no loss for the guard.
        let shown = feeds.shown();
        let (ended, next) = retired::take(&mut feeds, options, now);
        let continued = previous.filter(|_| feeds.difference.is_continued);
        let pages = continued.map(|site| site.pages.clone()).unwrap_or_default();
        let base_url = &options.feeds.base_url;
        let mut builder = Builder { previous, validators, now, base_url, pages, current: BTreeMap::new() };
        builder.feeds(feeds.iter());
        let preview = options.preview.clone().map(|findings| Preview::new(findings, digests));
        let mains = Arc::new(pages::Mains::of(&feeds, &options.look, preview));
        for month in &feeds.months {
            builder.month(month, &mains);
        }
        builder.add("/feeds.opml", opml::render(&feeds), opml::MEDIA_TYPE);
        pages::add(&mut builder, digests, &feeds, &options.feeds, &mains);
        let mut gone = BTreeMap::new();
        for ended in &ended {
            if let Some(farewell) = &ended.farewell {
                builder.feeds([farewell]);
                builder.add(&farewell.route, pages::section(farewell, &mains), pages::MEDIA_TYPE);
            }
            let page = Page::new(pages::gone(ended, &mains), pages::MEDIA_TYPE, now);
            gone.insert(ended.slug.clone(), Arc::new(page));
        }
        let not_found = builder.page("", pages::not_found(&feeds, &mains), pages::MEDIA_TYPE);
        let Builder { mut pages, current, .. } = builder;
        let before = continued.iter().flat_map(|site| site.current.keys());
        before.filter(|route| !current.contains_key(*route)).for_each(|route| {
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
            newest: digests.iter().map(|digest| digest.identity.published.to_utc()).max(),
            shown,
            is_partial: false,
            moved: options.moved.clone(),
            gone,
            next,
            look: options.look.clone(),
        }
    }

    /// What an earlier process showed, as far as it was kept: all but the pages of digests and the archives.
    pub fn restored(pages: Vec<(String, Bytes, DateTime<Utc>)>, options: &Options) -> Site {
        let pages = pages.into_iter().filter_map(|(route, body, modified)| {
            let media_type = media_type_of(&route)?;
            let links = links::of(&options.feeds.base_url, &route);
            Some((route, Arc::new(Page::new(body, media_type, modified).with_links(links))))
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
            newest: None,
            shown: Shown::new(),
            is_partial: true,
            moved: options.moved.clone(),
            gone: BTreeMap::new(),
            next: None,
            look: options.look.clone(),
        }
    }

    /// Beside what was kept, the pages of digests and the documents of months that are the same in a site which is held back.
    /// `digests` are those of that site, and `changes` what it would change.
    #[must_use]
    pub fn with_untouched(mut self, held_back: &Site, digests: &[Arc<Settled>], changes: &Changes) -> Site {
        let touched = changes.touched();
        let mut months: HashSet<String> =
            changes.entries.iter().map(|change| feed::archive::month(change.published())).collect();
        for settled in digests {
            if touched.contains(&*settled.key) || touched.contains(settled.digest.key.as_str()) {
                let items = settled.items();
                months.extend(items.iter().chain([&settled.identity]).map(|it| feed::archive::month(it.published)));
                continue;
            }
            let route = feed::digest_route(&settled.key);
            if let Some(page) = held_back.pages.get(&route) {
                self.pages.insert_mut(route, page.clone());
            }
        }
        for (route, page) in held_back.pages.iter() {
            let Some((folder, month)) = feed::archive::month_of(route) else { continue };
            if !months.contains(month) && self.pages.contains_key(&format!("{folder}atom.xml")) {
                self.pages.insert_mut(route.clone(), page.clone());
            }
        }
        self
    }

    /// What of it outlasts the process.
    pub fn snapshot(&self) -> Snapshot {
        let pages = self.current.iter().filter_map(|(route, page)| {
            let modified = page.last_modified?;
            Some((route.clone(), Validator { hash: page.hash().to_owned(), modified }))
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

    /// What a route leads to. Where there is a page, nothing is allocated.
    pub fn find(&self, path: &str) -> Found<'_> {
        match self.here(path) {
            Found::Missing => self.elsewhere(path),
            found => found,
        }
    }

    /// What was once below another slug.
    fn elsewhere(&self, path: &str) -> Found<'_> {
        let inside = path.strip_prefix('/').unwrap_or(path);
        let (slug, rest) = inside.split_once('/').unwrap_or((inside, ""));
        if let Some(new) = self.moved.get(slug) {
            let route = format!("/{new}/{rest}");
            return match self.here(&route) {
                Found::Page(_) => Found::Moved(route),
                Found::Missing => self.gone.get(new).map_or(Found::Missing, Found::Gone),
                found => found,
            };
        }
        self.gone.get(slug).map_or(Found::Missing, Found::Gone)
    }

    fn here(&self, path: &str) -> Found<'_> {
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
        other => return Logo::media_type_of(other),
    })
}

/// A feed as bytes.
type Render = fn(&Feed) -> Vec<u8>;

struct Builder<'p> {
    previous: Option<&'p Site>,
    validators: &'p Validators,
    now: DateTime<Utc>,
    base_url: &'p str,
    pages: Pages,
    current: BTreeMap<String, Arc<Page>>,
}

impl Builder<'_> {
    /// The documents of feeds, made on every core.
    fn feeds<'f>(&mut self, feeds: impl IntoIterator<Item = &'f Feed>) {
        let feeds: Vec<&Feed> = feeds.into_iter().collect();
        let made: Vec<(String, Arc<Page>)> = feeds.par_iter().flat_map(|feed| self.documents(feed)).collect();
        for (route, page) in made {
            self.put(route, page);
        }
    }

    fn documents(&self, feed: &Feed) -> Vec<(String, Arc<Page>)> {
        let numbered = Arc::new(Numbered::new(feed.clone()));
        let formats: [(&str, &'static str, Render); 3] = [
            ("rss.xml", feed::rss::MEDIA_TYPE, feed::rss::render),
            ("atom.xml", feed::atom::MEDIA_TYPE, feed::atom::render),
            ("feed.json", feed::json::MEDIA_TYPE, feed::json::render),
        ];
        let page = |(file, media_type, render): (&str, &'static str, Render)| {
            let route = format!("{}{file}", feed.route);
            let past = Past::new(numbered.clone(), render);
            let page = self.finished(&route, Page::new(render(feed), media_type, self.now).with_past(past));
            (route, page)
        };
        formats.into_par_iter().map(page).collect()
    }

    /// A month of a feed, whose documents are made when they are asked for.
    fn month(&mut self, month: &Month, mains: &Arc<pages::Mains>) {
        // A month of everything would be a page too heavy to read, and digests have a list of their own.
        if !["/", "/digests/"].contains(&month.route()) {
            pages::add_month(self, month, mains);
        }
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
        let links = links::of(self.base_url, &route);
        self.pages.insert_mut(route, Arc::new(Page::on_demand(media_type, Box::new(make)).with_links(links)));
    }

    fn add(&mut self, route: &str, body: impl Into<Bytes>, media_type: &'static str) {
        let page = self.page(route, body, media_type);
        self.put(route.to_owned(), page);
    }

    fn put(&mut self, route: String, page: Arc<Page>) {
        self.pages.insert_mut(route.clone(), page.clone());
        self.current.insert(route, page);
    }

    fn page(&self, route: &str, body: impl Into<Bytes>, media_type: &'static str) -> Arc<Page> {
        self.finished(route, Page::new(body, media_type, self.now))
    }

    /// Last-Modified moves whenever the bytes do (RFC 9110, section 8.8.2): to now at the latest, and never back, not even
    /// over a restart: curl, and newsboat with it, drops a new body that is older than what it was told before. So a page of
    /// which nothing is known was modified now.
    fn finished(&self, route: &str, page: Page) -> Arc<Page> {
        let now = DateTime::from_timestamp(self.now.timestamp(), 0).unwrap_or(self.now);
        let page = page.with_links(links::of(self.base_url, route));
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
        let page = page.modified_at(modified);
        Arc::new(match previous {
            Some(previous) => page.after(previous),
            None => page,
        })
    }
}
