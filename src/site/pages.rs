//! The pages people look at: what a publication is, how to subscribe, and each digest as it was written.

use std::sync::Arc;

use askama::Template;

use super::Builder;
use super::retired::Ended;
use crate::digest::text::is_right_to_left;
use crate::digest::{Digest, Section};
use crate::feed::{self, Feed, Feeds, absolute, digest_route};
use crate::ledger::{Identity, Settled, Standing};

/// The media type, with its charset.
pub(super) const MEDIA_TYPE: &str = "text/html; charset=utf-8";

/// The media type of the style sheet.
pub(super) const STYLE_TYPE: &str = "text/css; charset=utf-8";

/// The media type of the icon.
pub(super) const ICON_TYPE: &str = "image/vnd.microsoft.icon";

/// The media type of plain text.
pub(super) const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// How many of the newest entries a page shows.
const NEWEST: usize = 30;

/// How many titles stand on a section's card.
const CARD_TITLES: usize = 3;

/// How many digests the first page lists.
const LATEST_DIGESTS: usize = 7;

/// The language of the pages' own words; what comes from digests names its language itself.
const OWN_WORDS: &str = "en";

/// What every page has around its own part.
struct Frame<'a> {
    title: String,
    /// Of the page; what stands in another language says so.
    lang: &'a str,
    description: String,
    canonical: String,
    /// The path of the public address without a `/` at the end: empty unless it is below a folder.
    root: String,
    feeds: Vec<&'a Feed>,
    main: &'a Feed,
}

impl<'a> Frame<'a> {
    /// `own` is the feed that the page is about; it comes first among those a browser finds, `others` after it.
    fn new(
        title: &str,
        own: &'a Feed,
        others: impl IntoIterator<Item = &'a Feed>,
        main: &'a Feed,
        route: &str,
    ) -> Frame<'a> {
        let others = others.into_iter().filter(|feed| feed.route != own.route);
        Frame {
            title: title.to_owned(),
            lang: OWN_WORDS,
            description: own.description.clone(),
            root: feed::root_path(&own.base_url),
            canonical: absolute(&own.base_url, route),
            feeds: std::iter::once(own).chain(others).collect(),
            main,
        }
    }
}

/// The feeds that every page names, without their entries. Only the first page names all: with the sections on every page,
/// the site would be quadratic in them.
#[derive(Debug)]
pub(super) struct Mains {
    all: Feed,
    digests: Feed,
}

impl Mains {
    pub(super) fn of(feeds: &Feeds) -> Mains {
        Mains { all: feeds.all.without_entries(), digests: feeds.digests.without_entries() }
    }

    /// What stands around a page about one of these feeds, or another.
    fn frame<'a>(&'a self, title: &str, own: &'a Feed, route: &str) -> Frame<'a> {
        Frame::new(title, own, [&self.all, &self.digests], &self.all, route)
    }
}

/// A digest in a list.
struct Line<'a> {
    route: String,
    date: String,
    title: &'a str,
    items: usize,
    lang: &'a str,
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    frame: Frame<'a>,
    cards: Vec<Card<'a>>,
    digests: Vec<Line<'a>>,
}

/// A section on the first page.
struct Card<'a> {
    feed: &'a Feed,
    titles: Vec<&'a str>,
}

#[derive(Template)]
#[template(path = "section.html")]
struct SectionPage<'a> {
    frame: Frame<'a>,
    feed: &'a Feed,
    days: Vec<Day<'a>>,
}

/// The entries of one date.
struct Day<'a> {
    date: String,
    entries: Vec<&'a feed::Entry>,
}

#[derive(Template)]
#[template(path = "digests.html")]
struct Archive<'a> {
    frame: Frame<'a>,
    feed: &'a Feed,
    months: Vec<(String, Vec<Line<'a>>)>,
}

#[derive(Template)]
#[template(path = "digest.html")]
struct DigestPage<'a> {
    frame: Frame<'a>,
    digest: &'a Digest,
    /// Of the digest's own words: `ltr` or `rtl`.
    direction: &'static str,
    sections: Vec<(&'a Section, Vec<Placed<'a>>)>,
    newer: Option<Line<'a>>,
    older: Option<Line<'a>>,
}

/// An item with its identity.
struct Placed<'a> {
    item: &'a crate::digest::Item,
    identity: &'a Identity,
    /// What stands in its place, when its author took it back.
    notice: Option<String>,
}

#[derive(Template)]
#[template(path = "not_found.html")]
struct NotFound<'a> {
    frame: Frame<'a>,
}

#[derive(Template)]
#[template(path = "gone.html")]
struct Gone<'a> {
    frame: Frame<'a>,
    name: &'a str,
    title: &'a str,
    route: &'a str,
}

/// Adds every page to a site.
pub(super) fn add(builder: &mut Builder<'_>, digests: &[Arc<Settled>], feeds: &Feeds, options: &feed::Options) {
    let mains = Arc::new(Mains::of(feeds));
    builder.add("/", home(digests, feeds, options), MEDIA_TYPE);
    for feed in &feeds.sections {
        builder.add(&feed.route, section(feed, &mains), MEDIA_TYPE);
    }
    let (list, around) = (digests.to_vec(), mains.clone());
    builder.add_on_demand(feeds.digests.route.clone(), MEDIA_TYPE, move || archive(&list, &around).into());
    let difference = &feeds.difference;
    for key in &difference.gone {
        builder.pages.remove_mut(&digest_route(key));
    }
    for at in difference.around.iter().copied() {
        let settled = digests[at].clone();
        let newer = at.checked_sub(1).map(|at| digests[at].clone());
        let older = digests.get(at + 1).cloned();
        let (mains, retracted) = (mains.clone(), options.retracted.clone());
        builder.add_on_demand(digest_route(&settled.key), MEDIA_TYPE, move || {
            digest(&settled, newer.as_deref().map(line), older.as_deref().map(line), &mains, &retracted).into()
        });
    }
    let robots = format!("User-agent: *\nAllow: /\n# All feeds: {}\n", absolute(&options.base_url, "/feeds.opml"));
    builder.add("/robots.txt", robots, TEXT_TYPE);
    builder.add("/style.css", include_str!("style.css"), STYLE_TYPE);
    let icon: &[u8] = include_bytes!("favicon.ico");
    builder.add("/favicon.ico", icon, ICON_TYPE);
}

/// What is shown for a route that does not exist.
pub(super) fn not_found(feeds: &Feeds) -> String {
    render(&NotFound { frame: Frame::new("Not found", &feeds.all, feeds.iter(), &feeds.all, "/") })
}

/// What is shown for everything of a section that has ended.
pub(super) fn gone(ended: &Ended, feeds: &Feeds) -> String {
    let Ended { name, instead: (title, route), .. } = ended;
    render(&Gone {
        frame: Frame::new(&format!("{name} has ended"), &feeds.all, feeds.iter(), &feeds.all, "/"),
        name,
        title,
        route,
    })
}

fn home(digests: &[Arc<Settled>], feeds: &Feeds, options: &feed::Options) -> String {
    let cards = feeds.sections.iter().map(|feed| Card {
        feed,
        titles: feed.entries.iter().take(CARD_TITLES).map(|entry| entry.title.as_str()).collect(),
    });
    render(&Home {
        frame: Frame::new(&options.title, &feeds.all, feeds.iter(), &feeds.all, "/"),
        cards: cards.collect(),
        digests: digests.iter().take(LATEST_DIGESTS).map(|settled| line(settled)).collect(),
    })
}

/// The page of a section.
pub(super) fn section(feed: &Feed, mains: &Mains) -> String {
    let mut days: Vec<Day<'_>> = Vec::new();
    for entry in feed.entries.iter().take(NEWEST) {
        let date = entry.published.date_naive().to_string();
        match days.last_mut().filter(|day| day.date == date) {
            Some(day) => day.entries.push(entry),
            None => days.push(Day { date, entries: vec![entry] }),
        }
    }
    render(&SectionPage { frame: mains.frame(&feed.title, feed, &feed.route), feed, days })
}

fn archive(digests: &[Arc<Settled>], mains: &Mains) -> String {
    let mut months: Vec<(String, Vec<Line<'_>>)> = Vec::new();
    for settled in digests {
        let month = settled.digest.date.format("%Y-%m").to_string();
        match months.last_mut().filter(|(name, _)| *name == month) {
            Some((_, lines)) => lines.push(line(settled)),
            None => months.push((month, vec![line(settled)])),
        }
    }
    let feed = &mains.digests;
    render(&Archive { frame: mains.frame(&feed.title, feed, &feed.route), feed, months })
}

fn digest<'a>(
    settled: &'a Settled,
    newer: Option<Line<'a>>,
    older: Option<Line<'a>>,
    mains: &'a Mains,
    retracted: &str,
) -> String {
    let opened = settled.open();
    let sections = opened.sections().map(|(section, items)| {
        let placed = items.into_iter().map(|(item, identity)| {
            let notice = match &identity.standing {
                Standing::Retracted { reason } => Some(feed::notice(retracted, reason)),
                _ => None,
            };
            Placed { item, identity, notice }
        });
        (section, placed.collect())
    });
    let sections = sections.collect();
    let mut frame = mains.frame(&settled.digest.title, &mains.all, &digest_route(&settled.key));
    if let Some(description) = &opened.digest.description {
        frame.description.clone_from(description);
    }
    if let Some(language) = &settled.digest.language {
        frame.lang = language;
    }
    let direction = if is_right_to_left(&settled.digest.title) { "rtl" } else { "ltr" };
    render(&DigestPage { frame, digest: &opened.digest, direction, sections, newer, older })
}

fn line(settled: &Settled) -> Line<'_> {
    let digest = &settled.digest;
    Line {
        route: digest_route(&settled.key),
        date: digest.date.to_string(),
        title: &digest.title,
        items: settled.len(),
        lang: digest.language.as_deref().unwrap_or_default(),
    }
}

fn render(page: &impl Template) -> String {
    page.render().expect("a template of checked parts renders")
}
