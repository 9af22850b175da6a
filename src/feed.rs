//! Feeds as values: which entries, in which order, how far back; no format here.
//!
//! Three grains of the same digests: every item, the items of one section, one entry per digest. An item is the same entry,
//! with the same id, in all of them.

pub mod archive;
pub mod atom;
pub mod json;
mod references;
pub mod rss;
mod shelf;
mod weight;
mod written;

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use chrono::{DateTime, FixedOffset};

use crate::digest::html::{escaped, link_paragraph};
use crate::digest::text::{cut, is_right_to_left};
use crate::digest::{Dedupe, Digest, Item, Rules, Section};
use crate::ledger::{self, Identity, Moment, Opened, Settled, Standing, canonical_link};
use archive::{Chain, History, Makings, Month};
use shelf::{Kept, Part, Shelf};

pub use shelf::{Difference, Shelves};
pub use written::Written;

/// How feeds are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The publication's title.
    pub title: String,
    /// What it is, in a sentence.
    pub description: String,
    /// A BCP 47 tag; without it, that of most entries.
    pub language: Option<String>,
    /// Names of those who publish.
    pub authors: Vec<String>,
    /// The public address, with a `/` at the end.
    pub base_url: String,
    /// An entry stays in a feed for this many days after the newest one's date,
    pub days: u32,
    /// or for as long as its digest is among this many newest,
    pub digests: usize,
    /// as long as none of the feed's documents has more bytes than this.
    pub max_bytes: usize,
    /// The word for what its author took back.
    pub retracted: String,
}

/// An item, or a digest, as readers see it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// A `tag:` URI.
    pub id: String,
    /// Plain text on one line.
    pub title: String,
    /// The story; absolute.
    pub story: Option<String>,
    /// Its place on our pages; absolute.
    pub page: String,
    /// When it was first published.
    pub published: DateTime<FixedOffset>,
    /// When its words last changed.
    pub updated: DateTime<FixedOffset>,
    /// Clean HTML; never empty.
    pub html: String,
    /// Plain text; may be empty.
    pub summary: String,
    /// Slug and title of its section.
    pub section: Option<(String, String)>,
    /// Further tags.
    pub tags: Vec<String>,
    /// Names.
    pub authors: Vec<String>,
    /// A BCP 47 tag.
    pub language: Option<String>,
    /// The key of its digest.
    pub digest: String,
    /// What it looks like, once somebody asked; an entry that is new has none.
    pub written: Written,
}

impl Entry {
    /// Where the title leads: the story, else its place on our pages.
    pub fn link(&self) -> &str {
        self.story.as_deref().unwrap_or(&self.page)
    }

    /// A number that is the same as long as nothing of it changes.
    pub fn number(&self) -> u64 {
        *self.written.number.get_or_init(|| {
            let mut hasher = DefaultHasher::new();
            self.hash(&mut hasher);
            hasher.finish()
        })
    }
}

/// A feed, its entries newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// A `tag:` URI of its own.
    pub id: String,
    /// Distinct among the publication's feeds.
    pub title: String,
    /// The name within the publication: a section's title, else empty.
    pub name: String,
    /// Never empty.
    pub description: String,
    /// A BCP 47 tag.
    pub language: Option<String>,
    /// Names of those who publish.
    pub authors: Vec<String>,
    /// The folder of its routes and the route of its page: `/`, `/xin-wen-zi-xun/`, `/digests/`.
    pub route: String,
    /// The public address with a `/` at the end.
    pub base_url: String,
    /// Newest first.
    pub entries: Vec<Arc<Entry>>,
    /// The newest change it shows; of an empty feed, its publication's beginning of time.
    pub updated: DateTime<FixedOffset>,
    /// Where older entries are.
    pub chain: Chain,
}

impl Feed {
    /// The same feed with nothing in it.
    pub fn without_entries(&self) -> Feed {
        let Feed { id, title, name, description, language, authors, route, base_url, entries: _, updated, chain } =
            self;
        Feed {
            id: id.clone(),
            title: title.clone(),
            name: name.clone(),
            description: description.clone(),
            language: language.clone(),
            authors: authors.clone(),
            route: route.clone(),
            base_url: base_url.clone(),
            entries: Vec::new(),
            updated: *updated,
            chain: chain.clone(),
        }
    }

    /// The language that most of its entries are in, which need not be the publication's.
    pub fn spoken(&self) -> Option<String> {
        most_common(&self.entries).or_else(|| self.language.clone())
    }

    /// The absolute address of a route of ours.
    pub fn url(&self, file: &str) -> String {
        absolute(&self.base_url, &format!("{}{file}", self.route))
    }
}

/// The public address of a route.
pub fn absolute(base_url: &str, route: &str) -> String {
    format!("{}{}", base_url.trim_end_matches('/'), route)
}

/// The path of the public address, without a `/` at the end: empty unless the publication stands below a folder.
pub fn root_path(base_url: &str) -> String {
    let path = url::Url::parse(base_url).map(|url| url.path().to_owned()).unwrap_or_default();
    path.trim_end_matches('/').to_owned()
}

/// All feeds of a publication.
#[derive(Debug, Clone)]
pub struct Feeds {
    /// Every item.
    pub all: Feed,
    /// One for each section: the configured ones first and in their order.
    pub sections: Vec<Feed>,
    /// One entry per digest.
    pub digests: Feed,
    /// The months of all of them that are others than before, or gone.
    pub months: Vec<Month>,
    /// Which digests are others than before.
    pub difference: Difference,
    /// How many items readers see.
    pub items: usize,
}

impl Feeds {
    /// The main feed first, then the digests, then the sections.
    pub fn iter(&self) -> impl Iterator<Item = &Feed> {
        [&self.all, &self.digests].into_iter().chain(&self.sections)
    }

    /// The ids of the entries of each feed, by its route.
    pub fn shown(&self) -> ledger::Shown {
        let ids = |feed: &Feed| feed.entries.iter().map(|entry| entry.id.clone()).collect();
        self.iter().map(|feed| (feed.route.clone(), ids(feed))).collect()
    }
}

/// Gathers the feeds of the published digests, which come newest first. `before` are the shelves of the site before, from
/// which those of this one go on.
pub fn gather(
    digests: &[Arc<Settled>],
    rules: &Rules,
    options: &Options,
    ids: &ledger::Options,
    before: Option<&Shelves>,
) -> (Feeds, Shelves) {
    let makings = Arc::new(Makings::new(options, ids));
    let repeated = Arc::new(if rules.dedupe == Dedupe::Feed { repeated(digests, ids) } else { HashSet::new() });
    let (mut shelves, difference) = Shelves::of(digests, before, makings.key(), repeated);
    let before = before.filter(|_| difference.is_continued);
    let (shown, months) = (HashMap::new(), Vec::new());
    let mut gatherer = Gatherer { options, ids, makings: &makings, shelves: &shelves, shown, months };
    let nothing = Shelf::default();
    let mut sections = Vec::new();
    for Known { slug, title, description } in shelves.known(rules) {
        let (shelf, last) = (shelves.section(&slug), before.map(|before| before.section(&slug)));
        let route = format!("/{slug}/");
        let named = Named { slug: &slug, route, name: &title, description: description.as_deref() };
        let part = Part::Section(slug.as_str().into());
        let (feed, kept) = gatherer.feed(named, &part, &shelf, last.as_ref().unwrap_or(&nothing));
        sections.push((slug, feed, kept));
    }
    let named = Named { slug: "digests", route: "/digests/".to_owned(), name: "Digests", description: None };
    let last = before.map_or(&nothing, |before| &before.whole);
    let (digests, of_digests) = gatherer.feed(named, &Part::Whole, &shelves.whole, last);
    let named = Named { slug: "all", route: "/".to_owned(), name: "", description: None };
    let last = before.map_or(&nothing, |before| &before.items);
    let (all, of_items) = gatherer.feed(named, &Part::Items, &shelves.items, last);
    let Gatherer { shown, mut months, .. } = gatherer;
    shelves.entries = shown;
    (shelves.whole.kept, shelves.items.kept) = (Some(of_digests), Some(of_items));
    let known: HashSet<&str> = sections.iter().map(|(slug, ..)| slug.as_str()).collect();
    let gone = before.iter().flat_map(|before| before.slugs().map(|slug| (slug, before.section(slug))));
    let gone = gone.filter(|(slug, _)| !known.contains(*slug));
    months.extend(gone.flat_map(|(slug, shelf)| archive::gone(slug, &shelf, &makings)));
    let mut feeds = Feeds { all, sections: Vec::new(), digests, months, difference, items: shelves.count };
    for (slug, feed, kept) in sections {
        shelves.keep(&slug, kept);
        feeds.sections.push(feed);
    }
    (feeds, shelves)
}

/// The ids of items whose stories older digests have.
fn repeated(digests: &[Arc<Settled>], ids: &ledger::Options) -> HashSet<String> {
    let mut seen = HashSet::new();
    let mut is_first = |link: Option<&String>| link.is_none_or(|link| seen.insert(canonical_link(link, ids)));
    let mut repeated = HashSet::new();
    for settled in digests.iter().rev() {
        let opened = settled.open();
        let items: Vec<(&Item, &Identity)> = opened.sections().flat_map(|(_, items)| items).collect();
        let again = items.into_iter().rev().filter(|(item, _)| !is_first(item.link.as_ref()));
        repeated.extend(again.map(|(_, identity)| identity.id.clone()));
    }
    repeated
}

/// An entry before it is made: an item of a digest, or the digest itself.
#[derive(Debug, Clone)]
struct Seat {
    settled: Arc<Settled>,
    /// Of its digest's items.
    identities: Arc<Vec<Identity>>,
    spot: Option<Spot>,
}

/// Where an item stands in its digest.
#[derive(Debug, Clone, Copy, Hash)]
struct Spot {
    section: usize,
    in_section: usize,
    in_digest: usize,
}

impl Seat {
    /// The items of a digest that readers see.
    fn of_items(settled: &Arc<Settled>) -> Vec<Seat> {
        let identities = settled.items();
        let sections = settled.digest.sections.iter().enumerate();
        let spots = sections.flat_map(|(section, it)| (0..it.items).map(move |in_section| (section, in_section)));
        let spots = spots.enumerate().map(|(in_digest, (section, in_section))| Spot { section, in_section, in_digest });
        let shown = spots.filter(|spot| identities[spot.in_digest].standing != Standing::Withdrawn);
        let seat = |spot| Seat { settled: settled.clone(), identities: identities.clone(), spot: Some(spot) };
        shown.map(seat).collect()
    }

    /// The digest itself.
    fn whole(settled: &Arc<Settled>) -> Seat {
        Seat { settled: settled.clone(), identities: Arc::default(), spot: None }
    }

    /// The slug of its section.
    fn slug(&self) -> Option<&str> {
        self.spot.map(|spot| &*self.settled.digest.sections[spot.section].slug)
    }

    fn identity(&self) -> &Identity {
        self.spot.map_or(&self.settled.identity, |spot| &self.identities[spot.in_digest])
    }

    fn published(&self) -> Moment {
        self.identity().published
    }

    fn newest_first(&self, other: &Seat) -> Ordering {
        (other.published(), &self.identity().id).cmp(&(self.published(), &other.identity().id))
    }
}

/// A section over all digests.
struct Known {
    slug: String,
    title: String,
    description: Option<String>,
}

struct Named<'n> {
    slug: &'n str,
    route: String,
    name: &'n str,
    description: Option<&'n str>,
}

/// An item longer than this part of a feed's bytes is shown by its summary, so that it does not push all others out.
const ITEM_SHARE: usize = 8;

/// A digest longer than this part of a feed's bytes is shown by its contents.
const DIGEST_SHARE: usize = 2;

/// How an entry is made.
struct Maker<'o> {
    options: &'o Options,
}

impl Maker<'_> {
    /// The entry of a seat.
    fn entry(&self, seat: &Seat) -> Entry {
        let settled = &seat.settled;
        without_replacements(match seat.spot {
            Some(spot) => {
                let digest = settled.digest.open();
                let section = &digest.sections[spot.section];
                self.item((&settled.key, &digest), section, &section.items[spot.in_section], seat.identity())
            }
            None => self.whole(settled),
        })
    }

    fn item(&self, (key, digest): (&str, &Digest), section: &Section, item: &Item, identity: &Identity) -> Entry {
        let page = absolute(&self.options.base_url, &item_route(key, &identity.anchor));
        let link = item.link.as_deref().unwrap_or(&page);
        let html = match item.html.as_str() {
            "" => link_paragraph(link, &item.title),
            html if html.len() > self.options.max_bytes / ITEM_SHARE => {
                format!("<p>{}</p>{}", escaped(&item.summary), link_paragraph(&page, &item.title))
            }
            html => html.to_owned(),
        };
        let html = directed(html, if item.summary.is_empty() { &item.title } else { &item.summary });
        let section = (!section.slug.is_empty()).then(|| (section.slug.clone(), section.title.clone()));
        let entry = Entry {
            id: identity.id.clone(),
            title: without_tags(&item.title),
            story: item.link.clone(),
            page,
            published: identity.published,
            updated: identity.updated,
            html,
            summary: without_tags(&item.summary),
            section,
            tags: item.categories.iter().chain(&digest.tags).cloned().collect(),
            authors: digest.authors.clone(),
            language: digest.language.clone(),
            digest: key.to_owned(),
            written: Written::default(),
        };
        match &identity.standing {
            Standing::Retracted { reason } => {
                let title = format!("{}: {}", self.options.retracted, entry.title);
                let html = directed(notice(&self.options.retracted, reason), reason);
                let summary = without_tags(reason);
                Entry { title, story: None, html, summary, ..entry }
            }
            _ => entry,
        }
    }

    /// A digest as one entry: a table of contents, then everything.
    fn whole(&self, settled: &Settled) -> Entry {
        let Settled { key, identity, .. } = settled;
        let opened = settled.open();
        let digest = &opened.digest;
        let page = absolute(&self.options.base_url, &digest_route(key));
        let items = opened.sections().flat_map(|(_, items)| items);
        let items = items.filter(|(_, identity)| identity.standing == Standing::Published);
        let titles = items.map(|(item, _)| item.title.as_str());
        let first_titles = titles.take(5).collect::<Vec<_>>().join("; ");
        Entry {
            id: identity.id.clone(),
            title: without_tags(&digest.title),
            story: None,
            published: identity.published,
            updated: identity.updated,
            html: directed(
                match self.whole_html(key, &opened) {
                    html if html.is_empty() || html.len() > self.options.max_bytes / DIGEST_SHARE => {
                        format!("{}{}", contents(&opened), link_paragraph(&page, &digest.title))
                    }
                    html => html,
                },
                &first_titles,
            ),
            summary: without_tags(&digest.description.clone().unwrap_or_else(|| cut(&first_titles, 280))),
            section: None,
            tags: digest.tags.clone(),
            authors: digest.authors.clone(),
            language: digest.language.clone(),
            digest: key.to_string(),
            written: Written::default(),
            page,
        }
    }

    fn whole_html(&self, key: &str, opened: &Opened) -> String {
        let mut html = opened.digest.preamble.clone();
        html.push_str(&contents(opened));
        for (section, items) in opened.sections() {
            if !section.title.is_empty() {
                let _ = write!(html, "<h2>{}</h2>", escaped(&section.title));
            }
            for (item, identity) in items {
                if let Standing::Retracted { reason } = &identity.standing {
                    let notice = notice(&self.options.retracted, reason);
                    let _ = write!(html, "<h3><s>{}</s></h3>{notice}", escaped(&item.title));
                    continue;
                }
                let page = absolute(&self.options.base_url, &item_route(key, &identity.anchor));
                let link = escaped(item.link.as_deref().unwrap_or(&page));
                let _ = write!(html, "<h3><a href=\"{link}\">{}</a></h3>{}", escaped(&item.title), item.html);
            }
        }
        html
    }
}

struct Gatherer<'o> {
    options: &'o Options,
    ids: &'o ledger::Options,
    makings: &'o Arc<Makings>,
    shelves: &'o Shelves,
    /// The entries that feeds show, by id, with their digest.
    shown: HashMap<String, (Arc<Settled>, Arc<Entry>)>,
    /// The months that are others than before, or gone.
    months: Vec<Month>,
}

impl Gatherer<'_> {
    /// A feed, and what of it does not change from day to day.
    fn feed(&mut self, named: Named<'_>, part: &Part, shelf: &Shelf, before: &Shelf) -> (Feed, Kept) {
        let Options { title, description, language, authors, base_url, .. } = self.options;
        let full_title = if named.name.is_empty() { title.clone() } else { format!("{title}: {}", named.name) };
        let fallback =
            || if named.name.is_empty() { description.clone() } else { format!("{} · {description}", named.name) };
        let head = Feed {
            id: self.ids.tag(&format!("feed/{}", named.slug)),
            title: full_title,
            name: named.name.to_owned(),
            description: named.description.map_or_else(fallback, str::to_owned),
            language: language.clone(),
            authors: authors.clone(),
            route: named.route,
            base_url: base_url.clone(),
            entries: Vec::new(),
            updated: beginning(),
            chain: Chain::default(),
        };
        let same = before.kept.as_ref().map(|kept| &kept.head).filter(|last| ***last == head).cloned();
        let head = same.unwrap_or_else(|| Arc::new(head));
        let repeated = &self.shelves.repeated;
        let entries = self.entries(shelf.window(part, repeated, self.options), weight::of_feed(&head));
        let updated = entries.iter().map(|entry| entry.updated).max().unwrap_or_else(beginning);
        let language = language.clone().or_else(|| most_common(&entries));
        let mut feed = Feed { entries, updated, language, ..(*head).clone() };
        let history = History { head: &head, part, shelf, repeated, makings: self.makings };
        let (months, chain, has_months) = archive::months(&feed, &history, before);
        self.months.extend(months);
        feed.chain = chain;
        (feed, Kept { head, has_months })
    }

    /// The entries of seats while `max_bytes` last, of which the feed itself takes so many; never none where there are any.
    fn entries(&mut self, seats: Vec<Seat>, mut bytes: usize) -> Vec<Arc<Entry>> {
        let mut entries = Vec::new();
        for seat in seats {
            let entry = self.entry(&seat);
            bytes += *entry.written.weight.get_or_init(|| weight::of_entry(&entry));
            if bytes > self.options.max_bytes && !entries.is_empty() {
                break;
            }
            entries.push(entry);
        }
        entries
    }

    /// The entry of a seat, which feeds share, and sites as long as its digest is the same.
    fn entry(&mut self, seat: &Seat) -> Arc<Entry> {
        let id = &seat.identity().id;
        let known = self.shown.get(id).or_else(|| self.shelves.entries.get(id));
        if let Some((_, entry)) = known.filter(|(settled, _)| Arc::ptr_eq(settled, &seat.settled)) {
            let entry = entry.clone();
            if !self.shown.contains_key(id) {
                self.shown.insert(id.clone(), (seat.settled.clone(), entry.clone()));
            }
            return entry;
        }
        let entry = Arc::new(Maker { options: self.options }.entry(seat));
        self.shown.insert(id.clone(), (seat.settled.clone(), entry.clone()));
        entry
    }
}

/// An entry without U+FFFD, which validators take for the trace of a broken encoding: a reference in HTML, a box elsewhere.
fn without_replacements(mut entry: Entry) -> Entry {
    const REPLACEMENT: char = '\u{FFFD}';
    for (text, with) in [(&mut entry.html, "&#xFFFD;"), (&mut entry.title, "□"), (&mut entry.summary, "□")] {
        if text.contains(REPLACEMENT) {
            *text = text.replace(REPLACEMENT, with);
        }
    }
    entry
}

/// A title without anything that looks like a tag: `<dialog>` becomes `‹dialog›`, for readers take titles for HTML and drop it.
///
/// `a < b` stays as it is.
fn without_tags(title: &str) -> String {
    let mut plain = String::with_capacity(title.len());
    let mut in_tag = false;
    let mut characters = title.chars().peekable();
    while let Some(character) = characters.next() {
        let looks_like_tag =
            |next: Option<&char>| next.is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
        match character {
            '<' if looks_like_tag(characters.peek()) => {
                in_tag = true;
                plain.push('‹');
            }
            '>' if in_tag => {
                in_tag = false;
                plain.push('›');
            }
            other => plain.push(other),
        }
    }
    plain
}

/// HTML in the direction of its words: readers put it into pages of theirs, which mostly run from left to right.
fn directed(html: String, words: &str) -> String {
    match is_right_to_left(words) {
        true => format!("<div dir=\"rtl\">{html}</div>"),
        false => html,
    }
}

/// What stands in the place of an item that its author took back.
pub fn notice(label: &str, reason: &str) -> String {
    match reason {
        "" => format!("<p><strong>{}</strong></p>", escaped(label)),
        reason => format!("<p><strong>{}</strong>: {}</p>", escaped(label), escaped(reason)),
    }
}

fn contents(opened: &Opened) -> String {
    let mut html = String::new();
    for (section, items) in opened.sections().filter(|(section, _)| !section.title.is_empty()) {
        let titles = items.iter().map(|(item, identity)| match identity.standing {
            Standing::Retracted { .. } => format!("<s>{}</s>", escaped(&item.title)),
            _ => escaped(&item.title),
        });
        let titles: Vec<String> = titles.collect();
        let _ = write!(
            html,
            "<p><strong>{}</strong></p><ul><li>{}</li></ul>",
            escaped(&section.title),
            titles.join("</li><li>")
        );
    }
    html
}

/// The route of a digest's page.
pub fn digest_route(key: &str) -> String {
    format!("/digests/{key}/")
}

/// The route of an item's place on its digest's page.
pub fn item_route(key: &str, anchor: &str) -> String {
    format!("/digests/{key}/#{anchor}")
}

fn most_common(entries: &[Arc<Entry>]) -> Option<String> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for language in entries.iter().filter_map(|entry| entry.language.as_deref()) {
        *counts.entry(language).or_default() += 1;
    }
    counts
        .into_iter()
        .max_by(|one, other| (one.1, other.0).cmp(&(other.1, one.0)))
        .map(|(language, _)| language.to_owned())
}

/// Of a feed without entries: a fixed moment, so that its bytes stay the same. The first of January 2000: validators find
/// 1970 implausible.
fn beginning() -> DateTime<FixedOffset> {
    DateTime::from_timestamp(946_684_800, 0).unwrap_or_default().fixed_offset()
}
