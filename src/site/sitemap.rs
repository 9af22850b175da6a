//! What there is for search engines, by month (sitemaps.org, protocol 0.9): an index, and a file for each month of digests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use chrono::NaiveDate;

use super::calendar::{month_name, month_of, month_route};
use crate::digest::html::escaped;
use crate::feed::{Feeds, absolute, digest_route};
use crate::ledger::{Moment, Settled};

/// The media type, with its charset.
pub(super) const MEDIA_TYPE: &str = "application/xml; charset=utf-8";

/// The route of the index, which robots.txt names.
pub(super) const INDEX: &str = "/sitemap.xml";

/// The route of the pages that are there whatever the month.
pub(super) const PAGES: &str = "/sitemap/pages.xml";

/// The route of a month.
pub(super) fn route(month: NaiveDate) -> String {
    format!("/sitemap/{}.xml", month_name(month))
}

/// A route, and when what stands there last changed.
pub(super) type Place = (String, Moment);

/// The pages that are there whatever the month.
pub(super) fn places(feeds: &Feeds) -> Vec<Place> {
    feeds.iter().map(|feed| (feed.route.clone(), feed.updated)).collect()
}

/// The index.
pub(super) fn index(digests: &[Arc<Settled>], pages: &[Place], base_url: &str) -> String {
    let mut months: BTreeMap<NaiveDate, Moment> = BTreeMap::new();
    for settled in digests {
        let (month, updated) = (month_of(settled.digest.date), settled.identity.updated);
        months.entry(month).and_modify(|newest| *newest = updated.max(*newest)).or_insert(updated);
    }
    let newest = pages.iter().map(|(_, updated)| (PAGES.to_owned(), *updated)).max_by_key(|(_, updated)| *updated);
    let months = months.into_iter().rev().map(|(month, updated)| (route(month), updated));
    document("sitemapindex", "sitemap", newest.into_iter().chain(months), base_url)
}

/// The pages that are there whatever the month.
pub(super) fn pages(pages: &[Place], base_url: &str) -> String {
    document("urlset", "url", pages.iter().cloned(), base_url)
}

/// The pages of a month, which has these digests.
pub(super) fn month(digests: &[Arc<Settled>], month: NaiveDate, base_url: &str) -> String {
    let places: Vec<Place> =
        digests.iter().map(|settled| (digest_route(&settled.key), settled.identity.updated)).collect();
    let list = places.iter().map(|(_, updated)| (month_route(month), *updated)).max_by_key(|(_, updated)| *updated);
    document("urlset", "url", list.into_iter().chain(places.clone()), base_url)
}

fn document(root: &str, part: &str, places: impl Iterator<Item = Place>, base_url: &str) -> String {
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<{root} xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n"
    );
    for (route, updated) in places {
        let address = escaped(&absolute(base_url, &route));
        // Writing to a string cannot fail.
        let _ = writeln!(xml, "<{part}><loc>{address}</loc><lastmod>{}</lastmod></{part}>", updated.to_rfc3339());
    }
    let _ = writeln!(xml, "</{root}>");
    xml
}
