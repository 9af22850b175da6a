//! Sections that have ended: a farewell in their feeds for a while, so that readers hear of it; then nothing but 410.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, FixedOffset, NaiveDate, TimeDelta, TimeZone as _, Utc};

use super::Options;
use crate::digest::html::{escaped, link_paragraph};
use crate::feed::archive::Chain;
use crate::feed::{Entry, Feed, Feeds, Written, absolute};

/// For so many days the feeds of a retired section hold its farewell: long enough for readers that ask once a week.
pub const FAREWELL_DAYS: i64 = 30;

/// A section that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retired {
    /// Its slug.
    pub slug: String,
    /// The day of its farewell, at the time at which digests are published.
    pub since: NaiveDate,
    /// The slug of the section to read instead.
    pub successor: Option<String>,
}

/// What is shown of a retired section.
pub(super) struct Ended {
    pub(super) slug: String,
    /// Its title.
    pub(super) name: String,
    /// Title and route of what to read instead.
    pub(super) instead: (String, String),
    /// What its feeds hold; nothing once they are gone.
    pub(super) farewell: Option<Feed>,
}

/// When a section begins to be retired.
fn begins(retired: &Retired, options: &Options) -> DateTime<FixedOffset> {
    let ids = &options.ids;
    let local = retired.since.and_time(ids.publish_at);
    // In the hour that a change of the clocks leaves out, as if there were no change.
    let begins = ids.timezone.from_local_datetime(&local).earliest();
    begins.unwrap_or_else(|| ids.timezone.from_utc_datetime(&local)).fixed_offset()
}

/// The slugs of the sections that have ended.
pub(super) fn begun(options: &Options, now: DateTime<Utc>) -> BTreeSet<&String> {
    let begun = options.retired.iter().filter(|retired| begins(retired, options) <= now);
    begun.map(|retired| &retired.slug).collect()
}

/// Takes the retired sections out of the feeds; one whose day is still to come stays. Tells also when that is another by itself.
pub(super) fn take(feeds: &mut Feeds, options: &Options, now: DateTime<Utc>) -> (Vec<Ended>, Option<DateTime<Utc>>) {
    let mut ended = Vec::new();
    let mut next = Vec::new();
    for retired in &options.retired {
        let begins = begins(retired, options);
        if now < begins {
            next.push(begins.to_utc());
            continue;
        }
        let ends = begins.to_utc() + TimeDelta::days(FAREWELL_DAYS);
        let is_over = now >= ends;
        let own = head(feeds, retired, options);
        let instead = instead(feeds, retired);
        feeds.sections.retain(|feed| feed.route != own.route);
        feeds.months.retain(|month| month.route() != own.route);
        next.extend((!is_over).then_some(ends));
        ended.push(Ended {
            slug: retired.slug.clone(),
            name: own.name.clone(),
            farewell: (!is_over).then(|| farewell(own, &instead, begins, options)),
            instead,
        });
    }
    (ended, next.into_iter().min())
}

/// The feed of the section without entries, also when nothing of it is left.
fn head(feeds: &Feeds, Retired { slug, .. }: &Retired, options: &Options) -> Feed {
    let route = format!("/{slug}/");
    let known = feeds.sections.iter().find(|feed| feed.route == route).cloned();
    let head = known.unwrap_or_else(|| Feed {
        id: options.ids.tag(&format!("feed/{slug}")),
        title: format!("{}: {slug}", feeds.all.title),
        name: slug.clone(),
        route,
        ..feeds.all.clone()
    });
    Feed { entries: Vec::new(), chain: Chain::default(), ..head }
}

/// Title and route of the successor, else of everything.
fn instead(feeds: &Feeds, retired: &Retired) -> (String, String) {
    let route = retired.successor.as_ref().map(|slug| format!("/{slug}/"));
    let feed = feeds.sections.iter().find(|feed| Some(&feed.route) == route.as_ref()).unwrap_or(&feeds.all);
    (feed.title.clone(), feed.route.clone())
}

fn farewell(head: Feed, instead: &(String, String), begins: DateTime<FixedOffset>, options: &Options) -> Feed {
    let slug = head.route.trim_matches('/');
    let (title, route) = instead;
    let page = absolute(&head.base_url, route);
    let words = format!("{} has ended, and nothing new will come in this feed.", head.name);
    let entry = Entry {
        id: options.ids.tag(&format!("farewell/{slug}")),
        title: format!("{} has ended", head.name),
        story: None,
        html: format!("<p>{} Read on at</p>{}", escaped(&words), link_paragraph(&page, title)),
        page,
        published: begins,
        updated: begins,
        summary: words,
        section: None,
        tags: Vec::new(),
        authors: Vec::new(),
        language: Some("en".to_owned()),
        digest: String::new(),
        written: Written::default(),
    };
    Feed { entries: vec![Arc::new(entry)], updated: begins, ..head }
}
