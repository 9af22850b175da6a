//! What a request makes its answer depend on: preconditions (RFC 9110, section 13) and byte ranges (section 14).

use std::ops::Range;

use chrono::{DateTime, Utc};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::site::{Coded, Coding, Page};

/// What the preconditions come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// The page is sent.
    Holds,
    /// The client has it: 304.
    Unchanged,
    /// The client wanted another: 412.
    Failed,
}

/// In the order of section 13.2.2. A date that cannot be read is none (sections 13.1.3 and 13.1.4).
pub(super) fn judge(headers: &HeaderMap, page: &Page, coded: &Coded) -> Condition {
    let since = |name: HeaderName| date(headers.get(name)?).zip(page.last_modified);
    let failed = if headers.contains_key(header::IF_MATCH) {
        // Strong comparison (section 13.1.1), so with the coding that would be sent.
        !tags(headers, header::IF_MATCH).any(|tag| tag == "*" || coded.etag == tag)
    } else {
        since(header::IF_UNMODIFIED_SINCE).is_some_and(|(since, modified)| modified > since)
    };
    let unchanged = match headers.get(header::IF_NONE_MATCH) {
        // What nearly everybody sends: the tag that was given, as it was given.
        Some(first) if *first == coded.etag => true,
        Some(_) => tags(headers, header::IF_NONE_MATCH).any(|tag| tag == "*" || hash_named(tag) == Some(page.hash())),
        None => since(header::IF_MODIFIED_SINCE).is_some_and(|(since, modified)| modified <= since),
    };
    match (failed, unchanged) {
        (true, _) => Condition::Failed,
        (_, true) => Condition::Unchanged,
        _ => Condition::Holds,
    }
}

/// The entity tags of a list, over all its lines. Ours have no comma within.
pub(super) fn tags(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// The hash of the page that an entity tag of ours names, by weak comparison (section 8.8.3.2), in whichever coding.
///
/// Proxies that compress add their own mark (`W/`, `-gzip`, `;gzip`), and some clients drop the quotes.
pub(super) fn hash_named(tag: &str) -> Option<&str> {
    let opaque = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
    opaque.split(['-', ';']).next().filter(|hash| !hash.is_empty())
}

fn date(value: &HeaderValue) -> Option<DateTime<Utc>> {
    httpdate::parse_http_date(value.to_str().ok()?).ok().map(DateTime::from)
}

/// Which bytes are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// All of them.
    Whole,
    /// These: 206.
    Bytes(Range<usize>),
    /// There are none where the client wants some: 416.
    Unsatisfiable,
}

/// The bytes of the chosen coding that Range asks for (section 14.2). Several ranges are answered with the whole, as that
/// section allows: no reader of feeds asks for them, and servers were brought down with them.
pub(super) fn part(headers: &HeaderMap, page: &Page, coding: Coding, coded: &Coded) -> Part {
    let Some(range) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else { return Part::Whole };
    let is_still_so = headers.get(header::IF_RANGE).is_none_or(|condition| is_same(condition, page, coding, coded));
    let spec =
        range.split_once('=').filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes")).map(|(_, spec)| spec);
    match spec {
        Some(spec) if is_still_so => bytes(spec.trim(), coded.body.len()),
        _ => Part::Whole,
    }
}

/// Section 13.1.5: strong comparison of a tag; the very date that was sent. A date does not tell codings apart, so it is
/// strong (section 8.8.2.2) for the page as it is alone; there it is, because it moves whenever the bytes do.
fn is_same(condition: &HeaderValue, page: &Page, coding: Coding, coded: &Coded) -> bool {
    let is_date = coding == Coding::Identity && page.modified() == Some(condition);
    coded.etag == condition || is_date
}

/// One range of so many bytes (section 14.1.2); what is none is ignored.
fn bytes(spec: &str, length: usize) -> Part {
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // One that is too large for this machine is beyond every page.
        is_number.then(|| text.parse().unwrap_or(usize::MAX))
    };
    let Some((first, last)) = spec.split_once('-') else { return Part::Whole };
    let (start, count) = match (number(first), number(last)) {
        (None, Some(suffix)) if first.is_empty() => (length.saturating_sub(suffix), length.min(suffix)),
        (Some(first), None) if last.is_empty() => (first, length.saturating_sub(first)),
        (Some(first), Some(last)) if first <= last => (first, (last - first).saturating_add(1)),
        _ => return Part::Whole,
    };
    let end = start.saturating_add(count).min(length);
    if start < end { Part::Bytes(start..end) } else { Part::Unsatisfiable }
}
