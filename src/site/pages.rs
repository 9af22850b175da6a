//! The pages people look at: what a publication is, how to subscribe, and each digest as it was written.
//!
//! What a newcomer gets wrong: the pages that are made with the site know of old digests only their outline; whoever needs a
//! text makes the page when somebody asks for it.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use chrono::NaiveDate;
use serde_json::json;
use url::Url;

use super::Builder;
use super::calendar::{self, Year, day_anchor, month_of, month_route};
use super::look::Look;
use super::preview::{self, Notes, Preview};
use super::retired::Ended;
use super::rhythm::Rhythm;
use super::sitemap;
use super::words::{Words, own_name, runs_right_to_left};
use crate::digest::text::{cut, is_right_to_left};
use crate::digest::{Digest, Section};
use crate::feed::archive::Month;
use crate::feed::{self, Feed, Feeds, absolute, digest_route};
use crate::finding::Finding;
use crate::ledger::{Identity, Settled, Standing};

/// The media type, with its charset.
pub(super) const MEDIA_TYPE: &str = "text/html; charset=utf-8";

/// The media type of the style sheet.
pub(super) const STYLE_TYPE: &str = "text/css; charset=utf-8";

/// The media type of the icon.
pub(super) const ICON_TYPE: &str = "image/vnd.microsoft.icon";

/// The media type of plain text.
pub(super) const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// How many of the newest entries a section's page shows with their summaries; of the others it shows the titles.
const NEWEST: usize = 30;

/// A month of a section with more entries is a list of titles, so that the page stays light.
const MONTH_SUMMARIES: usize = 60;

/// How many titles stand on a section's card.
const CARD_TITLES: usize = 3;

/// How many digests the first page lists.
const LATEST_DIGESTS: usize = 7;

/// How many of the newest digests tell the languages of a publication.
const TELLING: usize = 20;

/// How far away the digest before or after may be in its own language: among so many, others lie between.
const NEAR: usize = 64;

/// What search engines show of a description, in characters.
const DESCRIPTION_CHARS: usize = 160;

/// The language of a page about something that has none.
const DEFAULT_LANGUAGE: &str = "en";

/// Makes the buttons work that copy an address; without it there are none. It stands in the page, so that no page asks for one
/// file more, and the policy that goes with pages knows its hash.
const SCRIPT: &str = include_str!("copy.js");

/// What every page has around its own part.
struct Frame<'a> {
    title: String,
    /// Of the page; what stands in another language says so.
    lang: String,
    /// `ltr` or `rtl`.
    direction: &'static str,
    /// The pages' own words in its language.
    words: &'static Words,
    /// The attributes that name the language of these words and its direction, where these are others.
    own: &'static str,
    description: String,
    canonical: String,
    /// The path of the public address without a `/` at the end: empty unless it is below a folder.
    root: String,
    feeds: Vec<&'a Feed>,
    main: &'a Feed,
    look: &'a Look,
    /// What it is to other sites (ogp.me): `website` or `article`.
    kind: &'static str,
    /// What it says to machines (JSON-LD), ready to stand in a page.
    data: Option<String>,
    /// Whether search engines should know of it.
    is_listed: bool,
}

impl<'a> Frame<'a> {
    /// `own` is the feed that the page is about; it comes first among those a browser finds, `others` after it.
    fn new(
        title: &str,
        own: &'a Feed,
        others: impl IntoIterator<Item = &'a Feed>,
        mains: &'a Mains,
        route: &str,
        lang: Option<&str>,
    ) -> Frame<'a> {
        let others = others.into_iter().filter(|feed| feed.route != own.route);
        let lang = lang.unwrap_or(DEFAULT_LANGUAGE);
        let words = Words::of(lang);
        Frame {
            title: title.to_owned(),
            lang: lang.to_owned(),
            direction: if runs_right_to_left(lang) { "rtl" } else { "ltr" },
            words,
            own: match (words.is_foreign(), runs_right_to_left(lang)) {
                (false, _) => "",
                (true, false) => " lang=\"en\"",
                (true, true) => " lang=\"en\" dir=\"ltr\"",
            },
            description: own.description.clone(),
            root: feed::root_path(&own.base_url),
            canonical: absolute(&own.base_url, route),
            feeds: std::iter::once(own).chain(others).collect(),
            main: &mains.all,
            look: &mains.look,
            kind: "website",
            data: None,
            is_listed: true,
        }
    }

    /// The attribute that names a language, where it is not that of the page.
    fn lang_of(&self, lang: Option<&str>) -> String {
        match lang.filter(|lang| !lang.eq_ignore_ascii_case(&self.lang)) {
            Some(lang) => format!(" lang=\"{}\"", crate::digest::html::escaped(lang)),
            None => String::new(),
        }
    }

    /// As Open Graph writes languages: `zh_CN`, and nothing for those without a place.
    fn locale(&self) -> Option<String> {
        let (language, place) = self.lang.split_once('-')?;
        (place.len() == 2).then(|| format!("{language}_{}", place.to_uppercase()))
    }

    /// The address of the logo, where other sites show such pictures.
    fn picture(&self) -> Option<String> {
        let logo = self.look.logo.as_ref().filter(|logo| logo.is_for_cards())?;
        Some(absolute(&self.main.base_url, &format!("/{}", logo.file)))
    }
}

/// The feeds that every page names, without their entries. Only the first page names all: with the sections on every page,
/// the site would be quadratic in them.
#[derive(Debug)]
pub(super) struct Mains {
    all: Feed,
    digests: Feed,
    look: Arc<Look>,
    preview: Option<Preview>,
}

impl Mains {
    pub(super) fn of(feeds: &Feeds, look: &Arc<Look>, preview: Option<Preview>) -> Mains {
        let (all, digests) = (feeds.all.without_entries(), feeds.digests.without_entries());
        Mains { all, digests, look: look.clone(), preview }
    }

    /// What stands around a page about one of these feeds, or another.
    fn frame<'a>(&'a self, title: &str, own: &'a Feed, route: &str, lang: Option<&str>) -> Frame<'a> {
        Frame::new(title, own, [&self.all, &self.digests], self, route, lang)
    }
}

/// A digest in a list.
struct Line<'a> {
    route: String,
    date: NaiveDate,
    title: &'a str,
    items: usize,
    lang: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    frame: Frame<'a>,
    /// What the languages call themselves, with their tags.
    languages: Vec<(&'a str, &'a str)>,
    rhythm: Option<String>,
    expected: Option<NaiveDate>,
    since: Option<String>,
    cards: Vec<Card<'a>>,
    digests: Vec<Line<'a>>,
    /// For those who write.
    findings: Vec<preview::Told<'a>>,
    /// How many there are beside these.
    more_findings: usize,
}

/// A section on the first page.
struct Card<'a> {
    feed: &'a Feed,
    /// What its publisher says about it.
    description: Option<&'a str>,
    rhythm: Option<String>,
    newest: &'a [Arc<feed::Entry>],
}

#[derive(Template)]
#[template(path = "section.html")]
struct SectionPage<'a> {
    frame: Frame<'a>,
    feed: &'a Feed,
    /// What its publisher says about it.
    description: Option<&'a str>,
    rhythm: Option<String>,
    /// Of the page of a month, its name.
    month: Option<String>,
    days: Vec<DayOf<'a>>,
    /// Routes and names of months.
    earlier: Option<(String, String)>,
    later: Option<(String, String)>,
}

/// The entries of one date.
struct DayOf<'a> {
    date: NaiveDate,
    entries: Vec<Shown<'a>>,
}

/// An entry in the list of its section.
struct Shown<'a> {
    entry: &'a feed::Entry,
    has_summary: bool,
    /// Where its story is.
    host: Option<String>,
}

#[derive(Template)]
#[template(path = "digests.html")]
struct Archive<'a> {
    frame: Frame<'a>,
    feed: &'a Feed,
    years: Vec<Year>,
}

#[derive(Template)]
#[template(path = "month.html")]
struct MonthPage<'a> {
    frame: Frame<'a>,
    name: String,
    days: Vec<(NaiveDate, String, Vec<Line<'a>>)>,
    /// Routes and names of months.
    earlier: Option<(String, String)>,
    later: Option<(String, String)>,
}

#[derive(Template)]
#[template(path = "digest.html")]
struct DigestPage<'a> {
    frame: Frame<'a>,
    digest: &'a Digest,
    parts: Vec<Part<'a>>,
    /// Whether it has sections to choose from.
    has_contents: bool,
    newer: Option<Line<'a>>,
    older: Option<Line<'a>>,
    /// For those who write.
    findings: Vec<&'a Finding>,
}

/// A section of a digest.
struct Part<'a> {
    section: &'a Section,
    items: Vec<Placed<'a>>,
    /// The element of its items' titles, so that no level of headings is left out.
    heading: &'static str,
}

/// An item with its identity.
struct Placed<'a> {
    item: &'a crate::digest::Item,
    identity: &'a Identity,
    /// What stands in its place, when its author took it back.
    notice: Option<String>,
    /// For those who write.
    findings: Vec<&'a Finding>,
}

#[derive(Template)]
#[template(path = "not_found.html")]
struct NotFound<'a> {
    frame: Frame<'a>,
    sections: &'a [Feed],
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
pub(super) fn add(
    builder: &mut Builder<'_>,
    digests: &[Arc<Settled>],
    feeds: &Feeds,
    options: &feed::Options,
    mains: &Arc<Mains>,
) {
    builder.add("/", home(digests, feeds, mains), MEDIA_TYPE);
    for feed in &feeds.sections {
        builder.add(&feed.route, section(feed, mains), MEDIA_TYPE);
    }
    let difference = &feeds.difference;
    for key in &difference.gone {
        builder.pages.remove_mut(&digest_route(key));
    }
    // Findings come and go without any digest being another.
    let others =
        if mains.preview.is_some() { (0..digests.len()).collect() } else { touched(digests, &difference.around) };
    for at in others {
        let settled = digests[at].clone();
        let (newer, older) = neighbours(digests, at);
        let (newer, older) = (newer.map(|at| digests[at].clone()), older.map(|at| digests[at].clone()));
        let (mains, retracted) = (mains.clone(), options.retracted.clone());
        builder.add_on_demand(digest_route(&settled.key), MEDIA_TYPE, move || {
            digest(&settled, newer.as_deref().map(line), older.as_deref().map(line), &mains, &retracted).into()
        });
    }
    add_lists(builder, digests, feeds, mains);
    add_files(builder, mains);
}

/// The lists of all digests, which are made of what is known without their texts.
fn add_lists(builder: &mut Builder<'_>, digests: &[Arc<Settled>], feeds: &Feeds, mains: &Arc<Mains>) {
    let base_url: Arc<str> = mains.all.base_url.as_str().into();
    add_months(builder, digests, feeds, mains, &base_url);
    let all: Arc<[Arc<Settled>]> = digests.into();
    let (list, around) = (all.clone(), mains.clone());
    builder.add_on_demand(feeds.digests.route.clone(), MEDIA_TYPE, move || archive(&list, &around).into());
    let places: Arc<[sitemap::Place]> = sitemap::places(feeds).into();
    let (known, address) = (places.clone(), base_url.clone());
    builder.add_on_demand(sitemap::INDEX.to_owned(), sitemap::MEDIA_TYPE, move || {
        sitemap::index(&all, &known, &address).into()
    });
    builder.add_on_demand(sitemap::PAGES.to_owned(), sitemap::MEDIA_TYPE, move || {
        sitemap::pages(&places, &base_url).into()
    });
}

/// The lists of months of which a digest is another; where one has come or gone, of all, for each leads to its neighbours.
fn add_months(
    builder: &mut Builder<'_>,
    digests: &[Arc<Settled>],
    feeds: &Feeds,
    mains: &Arc<Mains>,
    base_url: &Arc<str>,
) {
    let month_at = |at: &usize| month_of(digests[*at].digest.date);
    let months: BTreeSet<NaiveDate> = digests.iter().map(|settled| month_of(settled.digest.date)).collect();
    let is_known = |month: &NaiveDate| builder.pages.contains_key(&month_route(*month));
    let difference = &feeds.difference;
    let goes_on = difference.gone.is_empty() && mains.preview.is_none() && months.iter().all(is_known);
    let others = if goes_on { difference.around.iter().map(month_at).collect() } else { months.clone() };
    for month in others {
        let own = digests.iter().filter(|settled| month_of(settled.digest.date) == month).cloned();
        let own: Arc<[Arc<Settled>]> = own.collect();
        let neighbours = (months.range(..month).next_back().copied(), months.range(month..).nth(1).copied());
        let (list, around) = (own.clone(), mains.clone());
        builder.add_on_demand(month_route(month), MEDIA_TYPE, move || {
            month_of_digests(&list, month, neighbours, &around).into()
        });
        let base_url = base_url.clone();
        builder.add_on_demand(sitemap::route(month), sitemap::MEDIA_TYPE, move || {
            sitemap::month(&own, month, &base_url).into()
        });
    }
    if !goes_on {
        forget_months(builder, &months);
    }
}

/// Takes away the lists of months of which no digest is left.
fn forget_months(builder: &mut Builder<'_>, months: &BTreeSet<NaiveDate>) {
    let known: BTreeSet<String> =
        months.iter().flat_map(|month| [month_route(*month), sitemap::route(*month)]).collect();
    for (folder, ending) in [("/digests/archive/", "/"), ("/sitemap/", ".xml")] {
        let inside = builder.pages.range(folder.to_owned()..).map(|(route, _)| route);
        let inside = inside.take_while(|route| route.starts_with(folder)).filter(|route| route.ends_with(ending));
        let gone: Vec<String> = inside.filter(|route| !known.contains(*route)).cloned().collect();
        gone.iter().for_each(|route| {
            builder.pages.remove_mut(route);
        });
    }
}

/// What pages load, and what programs ask for.
fn add_files(builder: &mut Builder<'_>, mains: &Mains) {
    let look = &mains.look;
    let (sitemap, feeds) = (absolute(builder.base_url, sitemap::INDEX), absolute(builder.base_url, "/feeds.opml"));
    let robots = format!("User-agent: *\nAllow: /\nSitemap: {sitemap}\n# All feeds: {feeds}\n");
    builder.add("/robots.txt", robots, TEXT_TYPE);
    let style = look.style() + if mains.preview.is_some() { preview::STYLE } else { "" };
    builder.add("/style.css", style, STYLE_TYPE);
    let icon: &[u8] = include_bytes!("favicon.ico");
    builder.add("/favicon.ico", icon, ICON_TYPE);
    if let Some(logo) = &look.logo {
        builder.add(&format!("/{}", logo.file), logo.bytes.clone(), logo.media_type);
    }
}

/// The page of a section's month, made when it is asked for.
pub(super) fn add_month(builder: &mut Builder<'_>, month: &Month, mains: &Arc<Mains>) {
    let route = section_month_route(month.route(), &month.name());
    if month.is_gone() {
        builder.pages.remove_mut(&route);
    } else {
        let (month, mains) = (month.clone(), mains.clone());
        builder.add_on_demand(route, MEDIA_TYPE, move || month_of_section(&month.feed(), &mains).into());
    }
}

fn section_month_route(section: &str, month: &str) -> String {
    format!("{section}archive/{month}/")
}

/// The positions of the nearest digests in the same language: an edition's reader goes on to the next one of it.
fn neighbours(digests: &[Arc<Settled>], at: usize) -> (Option<usize>, Option<usize>) {
    let language = &digests[at].digest.language;
    let is_same = |other: &usize| digests[*other].digest.language == *language;
    let newer = (at.saturating_sub(NEAR)..at).rev().find(is_same);
    let older = (at + 1..digests.len().min(at + 1 + NEAR)).find(is_same);
    (newer, older)
}

/// The positions of those that are others, or have another neighbour in their language: the nearest in each on both sides.
fn touched(digests: &[Arc<Settled>], around: &BTreeSet<usize>) -> BTreeSet<usize> {
    if around.len() == digests.len() {
        return around.clone();
    }
    let mut touched = around.clone();
    for at in around {
        let before = (at.saturating_sub(NEAR)..*at).rev();
        let after = *at..digests.len().min(at + 1 + NEAR);
        touched.extend(nearest(digests, before).into_iter().chain(nearest(digests, after)));
    }
    touched
}

/// The first in each language.
fn nearest(digests: &[Arc<Settled>], positions: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut seen: BTreeSet<Option<&str>> = BTreeSet::new();
    positions.filter(|at| seen.insert(digests[*at].digest.language.as_deref())).collect()
}

/// What is shown for a route that does not exist.
pub(super) fn not_found(feeds: &Feeds, mains: &Mains) -> String {
    let language = feeds.all.language.as_deref();
    let title = Words::of(language.unwrap_or(DEFAULT_LANGUAGE)).not_found;
    let frame = mains.frame(title, &mains.all, "/", language);
    render(&NotFound { frame: Frame { is_listed: false, ..frame }, sections: &feeds.sections })
}

/// What is shown for everything of a section that has ended.
pub(super) fn gone(ended: &Ended, mains: &Mains) -> String {
    let Ended { name, instead: (title, route), .. } = ended;
    let frame = mains.frame(name, &mains.all, "/", mains.all.language.as_deref());
    render(&Gone { frame: Frame { is_listed: false, ..frame }, name, title, route })
}

fn home(digests: &[Arc<Settled>], feeds: &Feeds, mains: &Mains) -> String {
    let all = &feeds.all;
    let frame = Frame::new(&all.title, all, feeds.iter(), mains, "/", all.language.as_deref());
    let words = frame.words;
    let dates = || digests.iter().map(|settled| settled.digest.date);
    let rhythm = Rhythm::of(dates());
    let mut languages: Vec<(&str, &str)> = Vec::new();
    for tag in digests.iter().take(TELLING).filter_map(|settled| settled.digest.language.as_deref()) {
        let name = own_name(tag);
        if languages.iter().all(|(known, _)| *known != name) {
            languages.push((name, tag));
        }
    }
    let cards = feeds.sections.iter().map(|feed| Card {
        feed,
        description: own_description(feed, all),
        rhythm: rhythm_of(feed, words),
        newest: &feed.entries[..feed.entries.len().min(CARD_TITLES)],
    });
    let (findings, more_findings) = mains.preview.as_ref().map(Preview::all).unwrap_or_default();
    let site = json!({
        "@context": "https://schema.org",
        "@type": "WebSite",
        "name": all.title,
        "description": all.description,
        "url": frame.canonical,
        "inLanguage": frame.lang,
    });
    render(&Home {
        languages,
        rhythm: rhythm.map(|rhythm| words.rhythm(rhythm)),
        expected: rhythm.zip(dates().next()).and_then(|(rhythm, last)| rhythm.next(last)),
        since: dates().next_back().map(|first| words.digests_since(digests.len(), first)),
        cards: cards.collect(),
        digests: digests.iter().take(LATEST_DIGESTS).map(|settled| line(settled)).collect(),
        findings,
        more_findings,
        frame: Frame { data: Some(for_machines(&site)), ..frame },
    })
}

/// What its publisher says about a section: not what is made of the publication's own description.
fn own_description<'f>(feed: &'f Feed, all: &Feed) -> Option<&'f str> {
    Some(feed.description.as_str()).filter(|own| !own.ends_with(&all.description))
}

/// How often a feed has something, and how much.
fn rhythm_of(feed: &Feed, words: &Words) -> Option<String> {
    let dates: Vec<NaiveDate> = feed.entries.iter().map(|entry| entry.published.date_naive()).collect();
    let times = dates.iter().collect::<BTreeSet<_>>().len();
    let rhythm = words.rhythm(Rhythm::of(dates.iter().copied())?);
    // Rounded to the nearest.
    Some(format!("{rhythm} · {}", words.items_each_time((dates.len() + times / 2) / times)))
}

/// The page of a section.
pub(super) fn section(feed: &Feed, mains: &Mains) -> String {
    let frame = mains.frame(&feed.title, feed, &feed.route, feed.spoken().as_deref());
    let earlier = feed.chain.previous.as_ref().map(|month| section_month(feed, month, frame.words));
    let (description, rhythm) = (own_description(feed, &mains.all), rhythm_of(feed, frame.words));
    let days = days(feed, NEWEST);
    render(&SectionPage { frame, feed, description, rhythm, month: None, days, earlier, later: None })
}

fn month_of_section(feed: &Feed, mains: &Mains) -> String {
    let chain = &feed.chain;
    let name = chain.month.as_deref().unwrap_or_default();
    let route = section_month_route(&feed.route, name);
    let mut frame = mains.frame("", feed, &route, feed.spoken().as_deref());
    let (_, month) = section_month(feed, name, frame.words);
    frame.title = format!("{} · {month}", feed.title);
    frame.description = format!("{} · {month}", feed.description);
    let neighbour = |month: &String| section_month(feed, month, frame.words);
    let (earlier, later) = (chain.previous.as_ref().map(neighbour), chain.next.as_ref().map(neighbour));
    let summaries = if feed.entries.len() > MONTH_SUMMARIES { 0 } else { MONTH_SUMMARIES };
    render(&SectionPage {
        frame,
        feed,
        description: None,
        rhythm: None,
        month: Some(month),
        days: days(feed, summaries),
        earlier,
        later,
    })
}

/// Route and name of a section's month.
fn section_month(feed: &Feed, month: &str, words: &Words) -> (String, String) {
    let first = format!("{month}-01").parse();
    (section_month_route(&feed.route, month), first.map_or_else(|_| month.to_owned(), |first| words.month(first)))
}

/// The entries of a feed by dates; those of the first dates with their summaries, as long as there are no more than so many.
fn days(feed: &Feed, summaries: usize) -> Vec<DayOf<'_>> {
    let mut days: Vec<DayOf<'_>> = Vec::new();
    let mut has_summary = summaries > 0;
    for (at, entry) in feed.entries.iter().enumerate() {
        let date = entry.published.date_naive();
        if days.last().is_none_or(|day| day.date != date) {
            has_summary = has_summary && at < summaries;
            days.push(DayOf { date, entries: Vec::new() });
        }
        let host = || Some(Url::parse(entry.story.as_ref()?).ok()?.host_str()?.trim_start_matches("www.").to_owned());
        let shown = Shown { entry, has_summary, host: host().filter(|_| has_summary) };
        if let Some(day) = days.last_mut() {
            day.entries.push(shown);
        }
    }
    days
}

fn archive(digests: &[Arc<Settled>], mains: &Mains) -> String {
    let feed = &mains.digests;
    let mut frame = mains.frame("", feed, &feed.route, mains.all.language.as_deref());
    frame.title = frame.words.digests.to_owned();
    let years = calendar::years(digests.iter().map(|settled| &**settled), frame.words);
    render(&Archive { frame, feed, years })
}

/// The list of a month's digests; `neighbours` are the months before and after it that have some.
fn month_of_digests(
    digests: &[Arc<Settled>],
    month: NaiveDate,
    neighbours: (Option<NaiveDate>, Option<NaiveDate>),
    mains: &Mains,
) -> String {
    let mut own: Vec<&Arc<Settled>> = digests.iter().collect();
    own.sort_by_key(|settled| std::cmp::Reverse(settled.digest.date));
    let feed = &mains.digests;
    let mut frame = mains.frame("", feed, &month_route(month), mains.all.language.as_deref());
    let words = frame.words;
    let name = words.month(month);
    frame.title = format!("{} · {name}", words.digests);
    let neighbour = |month: NaiveDate| (month_route(month), words.month(month));
    let mut days: Vec<(NaiveDate, String, Vec<Line<'_>>)> = Vec::new();
    for settled in own {
        let date = settled.digest.date;
        match days.last_mut().filter(|(day, ..)| *day == date) {
            Some((.., lines)) => lines.push(line(settled)),
            None => days.push((date, day_anchor(date), vec![line(settled)])),
        }
    }
    let (earlier, later) = (neighbours.0.map(neighbour), neighbours.1.map(neighbour));
    render(&MonthPage { frame, name, days, earlier, later })
}

fn digest<'a>(
    settled: &'a Settled,
    newer: Option<Line<'a>>,
    older: Option<Line<'a>>,
    mains: &'a Mains,
    retracted: &str,
) -> String {
    let opened = settled.open();
    let digest = &*opened.digest;
    let Notes { head: findings, mut beside } =
        mains.preview.as_ref().map(|it| it.of(settled, &opened)).unwrap_or_default();
    let parts = opened.sections().map(|(section, items)| {
        let placed = items.into_iter().map(|(item, identity)| {
            let notice = match &identity.standing {
                Standing::Retracted { reason } => Some(feed::notice(retracted, reason)),
                _ => None,
            };
            Placed { item, identity, notice, findings: beside.remove(&identity.anchor).unwrap_or_default() }
        });
        Part { section, items: placed.collect(), heading: if section.title.is_empty() { "h2" } else { "h3" } }
    });
    let parts: Vec<Part<'_>> = parts.collect();
    let mut frame = mains.frame(&digest.title, &mains.all, &digest_route(&settled.key), digest.language.as_deref());
    let titles = parts.iter().flat_map(|part| &part.items).filter(|placed| placed.notice.is_none());
    let titles: Vec<&str> = titles.map(|placed| placed.item.title.as_str()).take(5).collect();
    match &digest.description {
        Some(description) => frame.description.clone_from(description),
        None if titles.is_empty() => {}
        None => frame.description = cut(&titles.join("; "), DESCRIPTION_CHARS),
    }
    if is_right_to_left(&digest.title) {
        frame.direction = "rtl";
    }
    frame.kind = "article";
    frame.data = Some(for_machines(&article(settled, digest, &frame)));
    let has_contents = parts.iter().filter(|part| !part.section.title.is_empty()).count() > 1;
    render(&DigestPage { frame, digest, parts, has_contents, newer, older, findings })
}

/// What a digest is to search engines (schema.org).
fn article(settled: &Settled, digest: &Digest, frame: &Frame<'_>) -> serde_json::Value {
    let main = frame.main;
    let authors: Vec<_> = digest.authors.iter().map(|name| json!({"name": name})).collect();
    json!({
        "@context": "https://schema.org",
        "@type": "Article",
        "headline": digest.title,
        "description": frame.description,
        "url": frame.canonical,
        "inLanguage": frame.lang,
        "datePublished": settled.identity.published.to_rfc3339(),
        "dateModified": settled.identity.updated.to_rfc3339(),
        "author": authors,
        "publisher": {"@type": "Organization", "name": main.title, "url": main.url("")},
    })
}

/// JSON as it may stand in a script element: nothing in it ends the element.
fn for_machines(value: &serde_json::Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

fn line(settled: &Settled) -> Line<'_> {
    let digest = &settled.digest;
    Line {
        route: digest_route(&settled.key),
        date: digest.date,
        title: &digest.title,
        items: settled.len(),
        lang: digest.language.as_deref(),
    }
}

fn render(page: &impl Template) -> String {
    page.render().expect("a template of checked parts renders")
}
