//! Feeds as values: which entries, in which order, how far back; no format here.
//!
//! Three grains of the same digests: every item, the items of one section, one entry per digest. An item is the same entry,
//! with the same id, in all of them.

pub mod archive;
pub mod atom;
pub mod json;
mod references;
pub mod rss;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use chrono::{DateTime, FixedOffset, TimeDelta};

use crate::digest::html::{escaped, link_paragraph};
use crate::digest::text::cut;
use crate::digest::{Dedupe, Item, Rules, Section};
use crate::ledger::{self, Identity, Moment, Settled, Standing, canonical_link};
use archive::{Chain, Makings, Month};

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
    /// as long as the contents of the feed stay under this many bytes.
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
}

impl Entry {
    /// Where the title leads: the story, else its place on our pages.
    pub fn link(&self) -> &str {
        self.story.as_deref().unwrap_or(&self.page)
    }

    /// About how many bytes it takes in a feed.
    fn weight(&self) -> usize {
        /// Tags, dates and ids around an entry's text.
        const MARKUP: usize = 700;
        self.html.len() + self.summary.len() + self.title.len() + MARKUP
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
    /// The history of all of them.
    pub months: Vec<Month>,
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

/// Gathers the feeds of the published digests, which come newest first.
pub fn gather(digests: &[Arc<Settled>], rules: &Rules, options: &Options, ids: &ledger::Options) -> Feeds {
    let gatherer = Gatherer { options, ids };
    let mut seats: Vec<Seat> = digests.iter().flat_map(Seat::of_items).collect();
    if rules.dedupe == Dedupe::Feed {
        let mut seen = HashSet::new();
        let mut is_first = |seat: &Seat| seat.story().is_none_or(|link| seen.insert(canonical_link(link, ids)));
        seats.reverse();
        seats.retain(|seat| is_first(seat));
        seats.reverse();
    }
    let mut by_section: HashMap<&str, Vec<Seat>> = HashMap::new();
    for seat in &seats {
        if let Some(slug) = seat.section().map(|section| section.slug.as_str()).filter(|slug| !slug.is_empty()) {
            by_section.entry(slug).or_default().push(seat.clone());
        }
    }
    let whole = digests
        .iter()
        .filter(|settled| !settled.is_empty())
        .map(|settled| Seat { settled: settled.clone(), spot: None });
    let makings = Arc::new(Makings::new(options, ids));
    let mut months = Vec::new();
    let mut with_history = |named: Named<'_>, seats: Vec<Seat>| {
        let mut feed = gatherer.feed(named, &seats);
        let (of_feed, chain) = archive::months(&feed, seats, &makings);
        months.extend(of_feed);
        feed.chain = chain;
        feed
    };
    let sections = sections(digests, rules).into_iter().map(|section| {
        let seats = by_section.remove(section.slug.as_str()).unwrap_or_default();
        let Known { slug, title, description } = &section;
        let route = format!("/{slug}/");
        with_history(Named { slug, route, name: title, description: description.as_deref() }, seats)
    });
    let sections: Vec<Feed> = sections.collect();
    let digests = Named { slug: "digests", route: "/digests/".to_owned(), name: "Digests", description: None };
    let digests = with_history(digests, whole.collect());
    let all = with_history(Named { slug: "all", route: "/".to_owned(), name: "", description: None }, seats);
    Feeds { all, sections, digests, months }
}

/// An entry before it is made: an item of a digest, or the digest itself.
#[derive(Debug, Clone)]
struct Seat {
    settled: Arc<Settled>,
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
        let sections = settled.digest.sections.iter().enumerate();
        let spots = sections.flat_map(|(section, it)| (0..it.items.len()).map(move |in_section| (section, in_section)));
        let spots = spots.enumerate().map(|(in_digest, (section, in_section))| Spot { section, in_section, in_digest });
        let shown = spots.filter(|spot| settled.items[spot.in_digest].standing != Standing::Withdrawn);
        shown.map(|spot| Seat { settled: settled.clone(), spot: Some(spot) }).collect()
    }

    fn section(&self) -> Option<&Section> {
        self.spot.map(|spot| &self.settled.digest.sections[spot.section])
    }

    fn item(&self) -> Option<&Item> {
        self.spot.map(|spot| &self.settled.digest.sections[spot.section].items[spot.in_section])
    }

    fn story(&self) -> Option<&str> {
        self.item()?.link.as_deref()
    }

    fn identity(&self) -> &Identity {
        self.spot.map_or(&self.settled.identity, |spot| &self.settled.items[spot.in_digest])
    }

    fn published(&self) -> Moment {
        self.identity().published
    }
}

/// A section over all digests.
struct Known {
    slug: String,
    title: String,
    description: Option<String>,
}

/// The configured sections in their order, then the others as the fullest digest orders them, then those it lacks.
fn sections(digests: &[Arc<Settled>], rules: &Rules) -> Vec<Known> {
    let configured = rules.sections.iter().map(|rule| Known {
        slug: rule.slug.clone(),
        title: rule.title.clone().or_else(|| rule.headings.first().cloned()).unwrap_or_else(|| rule.slug.clone()),
        description: rule.description.clone(),
    });
    let mut known: Vec<Known> = configured.collect();
    let mut seen: HashSet<String> = known.iter().map(|section| section.slug.clone()).collect();
    let fullest = digests.iter().max_by_key(|settled| (settled.digest.sections.len(), settled.digest.date));
    for digest in fullest.into_iter().chain(digests).map(|settled| &settled.digest) {
        for section in digest.sections.iter().filter(|section| !section.slug.is_empty() && !section.items.is_empty()) {
            if seen.insert(section.slug.clone()) {
                let Section { slug, title, .. } = section;
                known.push(Known { slug: slug.clone(), title: title.clone(), description: None });
            }
        }
    }
    known
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

struct Gatherer<'o> {
    options: &'o Options,
    ids: &'o ledger::Options,
}

impl Gatherer<'_> {
    /// The entry of a seat.
    fn entry(&self, seat: &Seat) -> Entry {
        let entry = match seat.section().zip(seat.item()) {
            Some((section, item)) => self.item(&seat.settled, section, item, seat.identity()),
            None => self.whole(&seat.settled),
        };
        without_replacements(entry)
    }

    fn item(&self, settled: &Settled, section: &Section, item: &Item, identity: &Identity) -> Entry {
        let page = absolute(&self.options.base_url, &item_route(&settled.key, &identity.anchor));
        let link = item.link.as_deref().unwrap_or(&page);
        let html = match item.html.as_str() {
            "" => link_paragraph(link, &item.title),
            html if html.len() > self.options.max_bytes / ITEM_SHARE => {
                format!("<p>{}</p>{}", escaped(&item.summary), link_paragraph(&page, &item.title))
            }
            html => html.to_owned(),
        };
        let digest = &settled.digest;
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
            digest: settled.key.clone(),
        };
        match &identity.standing {
            Standing::Retracted { reason } => {
                let title = format!("{}: {}", self.options.retracted, entry.title);
                let (html, summary) = (notice(&self.options.retracted, reason), without_tags(reason));
                Entry { title, story: None, html, summary, ..entry }
            }
            _ => entry,
        }
    }

    /// A digest as one entry: a table of contents, then everything.
    fn whole(&self, settled: &Settled) -> Entry {
        let Settled { digest, key, identity, .. } = settled;
        let page = absolute(&self.options.base_url, &digest_route(key));
        let items = settled.sections().flat_map(|(_, items)| items);
        let items = items.filter(|(_, identity)| identity.standing == Standing::Published);
        let titles = items.map(|(item, _)| item.title.as_str());
        let first_titles = titles.take(5).collect::<Vec<_>>().join("; ");
        Entry {
            id: identity.id.clone(),
            title: without_tags(&digest.title),
            story: None,
            published: identity.published,
            updated: identity.updated,
            html: match self.whole_html(settled) {
                html if html.is_empty() || html.len() > self.options.max_bytes / DIGEST_SHARE => {
                    format!("{}{}", contents(settled), link_paragraph(&page, &digest.title))
                }
                html => html,
            },
            summary: without_tags(&digest.description.clone().unwrap_or_else(|| cut(&first_titles, 280))),
            section: None,
            tags: digest.tags.clone(),
            authors: digest.authors.clone(),
            language: digest.language.clone(),
            digest: key.clone(),
            page,
        }
    }

    fn whole_html(&self, settled: &Settled) -> String {
        let mut html = settled.digest.preamble.clone();
        html.push_str(&contents(settled));
        for (section, items) in settled.sections() {
            if !section.title.is_empty() {
                let _ = write!(html, "<h2>{}</h2>", escaped(&section.title));
            }
            for (item, identity) in items {
                if let Standing::Retracted { reason } = &identity.standing {
                    let notice = notice(&self.options.retracted, reason);
                    let _ = write!(html, "<h3><s>{}</s></h3>{notice}", escaped(&item.title));
                    continue;
                }
                let page = absolute(&self.options.base_url, &item_route(&settled.key, &identity.anchor));
                let link = escaped(item.link.as_deref().unwrap_or(&page));
                let _ = write!(html, "<h3><a href=\"{link}\">{}</a></h3>{}", escaped(&item.title), item.html);
            }
        }
        html
    }

    fn feed(&self, named: Named<'_>, seats: &[Seat]) -> Feed {
        let Options { title, description, language, authors, base_url, .. } = self.options;
        let full_title = if named.name.is_empty() { title.clone() } else { format!("{title}: {}", named.name) };
        let fallback =
            || if named.name.is_empty() { description.clone() } else { format!("{} · {description}", named.name) };
        let entries = self.window(seats);
        let updated = entries.iter().map(|entry| entry.updated).max().unwrap_or_else(beginning);
        Feed {
            id: self.ids.tag(&format!("feed/{}", named.slug)),
            title: full_title,
            name: named.name.to_owned(),
            description: named.description.map_or_else(fallback, str::to_owned),
            language: language.clone().or_else(|| most_common(&entries)),
            authors: authors.clone(),
            route: named.route,
            base_url: base_url.clone(),
            entries,
            updated,
            chain: Chain::default(),
        }
    }

    /// As far back as `days` or `digests` reach, whichever is more, while `max_bytes` last; never empty of what there is.
    fn window(&self, seats: &[Seat]) -> Vec<Arc<Entry>> {
        let mut seats: Vec<&Seat> = seats.iter().collect();
        seats.sort_by(|one, other| {
            (other.published(), &one.identity().id).cmp(&(one.published(), &other.identity().id))
        });
        // A digest is as old as its oldest entry: what was added to old ones later does not make them new.
        let mut begun: HashMap<&str, Moment> = HashMap::new();
        for seat in &seats {
            let first = begun.entry(&seat.settled.key).or_insert(seat.published());
            *first = (*first).min(seat.published());
        }
        let mut moments: Vec<Moment> = begun.values().copied().collect();
        moments.sort_unstable_by(|one, other| other.cmp(one));
        let begun = |seat: &Seat| begun[seat.settled.key.as_str()];
        let of_newest = seats.iter().filter(|seat| Some(&begun(seat)) == moments.first());
        let Some(newest) = of_newest.map(|seat| seat.published()).max() else { return Vec::new() };
        let oldest = newest - TimeDelta::days(i64::from(self.options.days));
        // The newest digest is shown whatever the window.
        let last = moments[self.options.digests.max(1).min(moments.len()) - 1];
        seats.retain(|seat| seat.published() > oldest || begun(seat) >= last);
        let mut bytes = 0_usize;
        let mut entries = Vec::new();
        for seat in seats {
            let entry = self.entry(seat);
            bytes += entry.weight();
            if bytes > self.options.max_bytes && !entries.is_empty() {
                break;
            }
            entries.push(Arc::new(entry));
        }
        entries
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

/// What stands in the place of an item that its author took back.
pub fn notice(label: &str, reason: &str) -> String {
    match reason {
        "" => format!("<p><strong>{}</strong></p>", escaped(label)),
        reason => format!("<p><strong>{}</strong>: {}</p>", escaped(label), escaped(reason)),
    }
}

fn contents(settled: &Settled) -> String {
    let mut html = String::new();
    for (section, items) in settled.sections().filter(|(section, _)| !section.title.is_empty()) {
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
