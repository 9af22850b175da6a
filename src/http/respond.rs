//! The answer to a request: a pure function of the request's head and the site.
//!
//! Conditional requests, encodings and methods as RFC 9110 and RFC 9111 tell; the sections stand beside the rules. What a
//! newcomer gets wrong: query strings never matter, and `Accept` never turns a feed into a page.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode, Version};

use super::conditions::{self, Condition, Part};
use super::negotiation;
use crate::site::{Coded, Coding, Found, Heads, Kind, Page, Site};

/// What a response says beside the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// For how many seconds a cache may keep a page without asking.
    pub max_age_seconds: u32,
    /// Whether readers that ask for it get only what is new (RFC 3229).
    pub deltas: bool,
    /// The value of Cache-Control, ready to be sent.
    cache_control: HeaderValue,
    /// The same of a delta: only caches that know of RFC 3229 may keep it (section 10.8 there).
    delta_cache_control: HeaderValue,
}

impl Options {
    /// For a cache that may keep a page for so many seconds. It may go on with it as long while it asks (RFC 5861, section 3),
    /// and for a day while the server cannot be reached (section 4). Not `public`, which adds to that only what nobody wants: that
    /// a cache may share what was asked for with a password (RFC 9111, section 5.2.2.9).
    pub fn new(max_age_seconds: u32) -> Options {
        let age = format!("max-age={max_age_seconds}, stale-while-revalidate={max_age_seconds}");
        let cache_control = text(&format!("{age}, stale-if-error={STALE_SECONDS}"));
        let delta_cache_control = text(&format!("no-store, im, max-age={max_age_seconds}"));
        Options { max_age_seconds, deltas: true, cache_control, delta_cache_control }
    }
}

impl Default for Options {
    fn default() -> Options {
        Options::new(60)
    }
}

/// A response with its whole body.
pub type Answer = Response<Full<Bytes>>;

/// Pages run nothing but the script that copies an address, which is known by its hash, and load nothing but their own style and
/// the images and sounds of items. What judges a page in a browser may ask for other files of the site, such as robots.txt.
pub(super) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'sha256-K6RiRLCJ3dYpIPYEz8+c9ynPaEcjp90jj/Qxc82csLY='; connect-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; \
     img-src https: http:; media-src https: http:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Feeds and all else that a browser may be shown run and load nothing: a browser runs what an XML document has of XHTML. Its own
/// view of such a document has a style.
const DOCUMENT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A cache may go on with an old page for a day while the server cannot be reached.
const STALE_SECONDS: u32 = 86_400;

const ALLOW: &str = "GET, HEAD, OPTIONS";

/// Which headers a script may read that are not readable by themselves (Fetch standard, CORS-safelisted response headers).
const EXPOSED: &str = "ETag, Last-Modified, Link";

/// For how long a browser may remember a preflight, in seconds: a day, the most that any takes.
const PREFLIGHT_SECONDS: &str = "86400";

/// RFC 3229, section 10.5.3.
const A_IM: HeaderName = HeaderName::from_static("a-im");

/// RFC 3229, section 10.5.2.
const IM: HeaderName = HeaderName::from_static("im");

/// RFC 3229, section 10.5.1.
const DELTA_BASE: HeaderName = HeaderName::from_static("delta-base");

/// How the User-Agent begins of those who ask for deltas without meaning it. The library feedparser asks for every program that
/// is made with it, and some of these take 226 for an error and store nothing, at every fetch anew. rss2email does (seen with
/// 3.13), under the library's name.
const REFUSING_DELTAS: [&str; 2] = ["feedparser/", "rss2email/"];

/// Answers one request.
pub fn respond(request: &Parts, site: &Site, options: &Options) -> Answer {
    // RFC 9112, section 3.2: without Host a request is refused, and with more than one; hyper lets both through.
    let hosts = request.headers.get_all(header::HOST).iter().take(2).count();
    if hosts > 1 || (hosts == 0 && request.version == Version::HTTP_11) {
        return plain(StatusCode::BAD_REQUEST, "400: the request has no Host header, or several\n");
    }
    let path = site.without_root(request.uri.path());
    match request.method {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => return allowed(matches!(site.find(path), Found::Page(page) if page.kind() == Kind::Feed)),
        _ => return refused(),
    }
    if !site.root.is_empty() && request.uri.path() == site.root {
        return moved(&site.with_root("/"));
    }
    match site.find(path) {
        Found::Page(page) => page_answer(request, page, options),
        Found::Moved(route) => moved(&site.with_root(&route)),
        Found::Missing if site.is_partial => unavailable(),
        // RFC 9110, section 15.5.11: readers may unsubscribe.
        Found::Gone(page) => instead(StatusCode::GONE, page),
        Found::Missing => instead(StatusCode::NOT_FOUND, &site.not_found),
    }
}

fn page_answer(request: &Parts, page: &Page, options: &Options) -> Answer {
    let (coding, coded) = negotiation::choose(&request.headers, page);
    match conditions::judge(&request.headers, page, coded) {
        Condition::Holds => {}
        Condition::Unchanged => {
            let headers = fresh(&heads(page, coding, coded).unchanged, options);
            return with_body(StatusCode::NOT_MODIFIED, headers, Bytes::new());
        }
        Condition::Failed => return plain(StatusCode::PRECONDITION_FAILED, "412: the page is another by now\n"),
    }
    if options.deltas
        && let Some((base, delta)) = delta(&request.headers, page)
    {
        return delta_answer(request, page, base, delta, options);
    }
    // Section 14.2: no other method has ranges.
    let part = match request.method {
        Method::GET => conditions::part(&request.headers, page, coding, coded),
        _ => Part::Whole,
    };
    let mut headers = fresh(&heads(page, coding, coded).whole, options);
    let length = coded.body.len();
    match part {
        Part::Whole => with_body(StatusCode::OK, headers, coded.body.clone()),
        Part::Bytes(range) => {
            headers.insert(header::CONTENT_RANGE, text(&format!("bytes {}-{}/{length}", range.start, range.end - 1)));
            with_body(StatusCode::PARTIAL_CONTENT, headers, coded.body.slice(range))
        }
        Part::Unsatisfiable => unsatisfiable(length),
    }
}

/// Of a client that asks for it (RFC 3229, section 10.5.3), what is new in a feed since the version that it has, with the tag
/// of that. With a range it wants bytes of the whole.
fn delta<'r>(headers: &'r HeaderMap, page: &'r Page) -> Option<(&'r str, &'r Page)> {
    if !headers.contains_key(A_IM) {
        return None;
    }
    let agent = headers.get(header::USER_AGENT).map_or(&b""[..], HeaderValue::as_bytes);
    let refuses = REFUSING_DELTAS.iter().any(|name| agent.starts_with(name.as_bytes()));
    if page.kind() != Kind::Feed || headers.contains_key(header::RANGE) || refuses {
        return None;
    }
    let accepts = |manipulation: &str| {
        let (name, parameters) = manipulation.split_once(';').unwrap_or((manipulation, ""));
        name.trim().eq_ignore_ascii_case("feed") && negotiation::weight(parameters) > 0.0
    };
    if !conditions::tags(headers, A_IM).any(accepts) {
        return None;
    }
    conditions::tags(headers, header::IF_NONE_MATCH)
        .find_map(|tag| Some((tag, page.since(conditions::hash_named(tag)?)?)))
}

/// RFC 3229, sections 5.3 and 10.4.1. The entity tag is that of the whole, so that the client asks with it next. Compression is
/// told as Content-Encoding and not in IM, for that is what readers undo.
fn delta_answer(request: &Parts, page: &Page, base: &str, delta: &Page, options: &Options) -> Answer {
    let (coding, coded) = negotiation::choose(&request.headers, delta);
    let mut headers = heads(delta, coding, coded).whole.clone();
    headers.remove(header::ACCEPT_RANGES);
    headers.insert(header::ETAG, page.tag(coding));
    headers.insert(header::CACHE_CONTROL, options.delta_cache_control.clone());
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding, A-IM"));
    headers.insert(IM, HeaderValue::from_static("feed"));
    headers.insert(DELTA_BASE, text(base.strip_prefix("W/").unwrap_or(base)));
    with_body(StatusCode::IM_USED, headers, coded.body.clone())
}

/// What depends on the page alone, made once.
fn heads<'p>(page: &'p Page, coding: Coding, coded: &Coded) -> &'p Heads {
    page.heads(coding, || {
        let unchanged = validators(page, coded);
        let mut whole = unchanged.clone();
        whole.insert(header::CONTENT_TYPE, HeaderValue::from_static(page.media_type));
        if coding != Coding::Identity {
            whole.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        whole.extend(page.links().map(|links| (header::LINK, links.clone())));
        whole.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        safe(&mut whole, page.kind());
        Heads { whole, unchanged }
    })
}

/// Headers of a page with what the options say now. The value is replaced in its place: `insert` makes room for another first.
fn fresh(ready: &HeaderMap, options: &Options) -> HeaderMap {
    let mut headers = ready.clone();
    if let Some(value) = headers.get_mut(header::CACHE_CONTROL) {
        value.clone_from(&options.cache_control);
    }
    headers
}

pub(super) fn with_body(status: StatusCode, headers: HeaderMap, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}

/// RFC 9110, section 15.5.17.
fn unsatisfiable(length: usize) -> Answer {
    let mut answer = plain(StatusCode::RANGE_NOT_SATISFIABLE, "416: the page has no such bytes\n");
    answer.headers_mut().insert(header::CONTENT_RANGE, text(&format!("bytes */{length}")));
    answer
}

/// What a 200 and a 304 say alike (RFC 9110, section 15.4.5), with a place for Cache-Control.
fn validators(page: &Page, coded: &Coded) -> HeaderMap {
    // So many have room for one more, `Connection: close`: every answer is a copy, and the copy would have to grow.
    let mut headers = HeaderMap::with_capacity(16);
    headers.insert(header::ETAG, coded.etag.clone());
    headers.extend(page.modified().map(|modified| (header::LAST_MODIFIED, modified.clone())));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(""));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if page.kind() == Kind::Feed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
    headers
}

/// RFC 9110, section 15.6.4: there may be such a page, and it can be shown again later.
fn unavailable() -> Answer {
    let mut answer = plain(StatusCode::SERVICE_UNAVAILABLE, "503: this page cannot be shown at the moment\n");
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("300"));
    answer
}

/// A page that helps, in the place of one that is not there.
fn instead(status: StatusCode, page: &Page) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(page.media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
    safe(&mut headers, page.kind());
    with_body(status, headers, page.body().clone())
}

fn moved(location: &str) -> Answer {
    let mut answer = plain(StatusCode::MOVED_PERMANENTLY, "");
    let headers = answer.headers_mut();
    headers.insert(header::LOCATION, text(location));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=3600"));
    // So that a script on another site may follow.
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    answer
}

/// RFC 9110, section 9.3.7. For a feed it is also the answer to a preflight (Fetch standard, CORS protocol).
fn allowed(is_feed: bool) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static(ALLOW));
    if is_feed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(ALLOW));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_SECONDS));
    }
    answer
}

/// RFC 9110, section 15.5.6.
pub(super) fn refused() -> Answer {
    let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "405: only GET and HEAD\n");
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(ALLOW));
    answer
}

/// A sentence.
pub(super) fn plain(status: StatusCode, body: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn safe(headers: &mut HeaderMap, kind: Kind) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = if kind == Kind::Html { CONTENT_SECURITY_POLICY } else { DOCUMENT_POLICY };
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    if kind == Kind::Html {
        let name = HeaderName::from_static("referrer-policy");
        headers.insert(name, HeaderValue::from_static("strict-origin-when-cross-origin"));
    }
}

pub(super) fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static(""))
}
