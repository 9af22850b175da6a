//! What a document is related to, as a header tells it (RFC 8288): for programs that do not look inside.

use hyper::header::HeaderValue;

use super::page::ready;
use crate::feed::{self, absolute};

/// The three formats of a feed: file, media type without charset.
const FORMATS: [(&str, &str); 3] =
    [("rss.xml", "application/rss+xml"), ("atom.xml", "application/atom+xml"), ("feed.json", "application/feed+json")];

/// The value of Link for a route: of a feed its own address, the other formats and its page; of a month its own address, the
/// other format and the feed as `current` (RFC 5005, section 4). Pages name theirs in HTML.
pub(super) fn of(base_url: &str, route: &str) -> Option<HeaderValue> {
    let (folder, file) = route.rsplit_once('/')?;
    if let Some((month, ending)) = file.rsplit_once('.').filter(|_| folder.ends_with("/archive")) {
        return Some(of_month(base_url, folder, month, ending));
    }
    FORMATS.iter().find(|(known, _)| *known == file)?;
    let url = |file: &str| absolute(base_url, &format!("{folder}/{file}"));
    let relation = |known: &str| if known == file { "self" } else { "alternate" };
    let mut links = FORMATS.map(|(known, media_type)| link(&url(known), relation(known), media_type)).to_vec();
    links.sort_by_key(|link| !link.contains("rel=\"self\""));
    links.push(link(&url(""), "alternate", "text/html"));
    Some(ready(&links.join(", ")))
}

fn of_month(base_url: &str, folder: &str, month: &str, ending: &str) -> HeaderValue {
    let (atom, json) = (("atom", "atom.xml", FORMATS[1].1), ("json", "feed.json", FORMATS[2].1));
    let (own, other) = if ending == atom.0 { (atom, json) } else { (json, atom) };
    let feed = folder.trim_end_matches("archive");
    let file = |ending: &str| absolute(base_url, &format!("{feed}{}", feed::archive::file(month, ending)));
    ready(
        &[
            link(&file(own.0), "self", own.2),
            link(&file(other.0), "alternate", other.2),
            link(&absolute(base_url, &format!("{feed}{}", own.1)), "current", own.2),
        ]
        .join(", "),
    )
}

fn link(url: &str, relation: &str, media_type: &str) -> String {
    format!("<{url}>; rel=\"{relation}\"; type=\"{media_type}\"")
}
