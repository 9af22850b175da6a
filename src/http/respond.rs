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
use crate::site::{Coded, Coding, Found, Kind, Page, Site};

/// What a response says beside the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// For how many seconds a cache may keep a page without asking.
    pub max_age_seconds: u32,
    /// The value of Cache-Control, ready to be sent.
    cache_control: HeaderValue,
}

impl Options {
    /// For a cache that may keep a page for so many seconds. It may go on with it as long while it asks (RFC 5861, section 3),
    /// and for a day while the server cannot be reached (section 4).
    pub fn new(max_age_seconds: u32) -> Options {
        let age = format!("max-age={max_age_seconds}, stale-while-revalidate={max_age_seconds}");
        let cache_control = text(&format!("public, {age}, stale-if-error={STALE_SECONDS}"));
        Options { max_age_seconds, cache_control }
    }
}

impl Default for Options {
    fn default() -> Options {
        Options::new(60)
    }
}

/// A response with its whole body.
pub type Answer = Response<Full<Bytes>>;

/// Pages run nothing and load nothing but their own style and the images and sounds of items.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; style-src-attr 'unsafe-inline'; \
     img-src https: http:; media-src https: http:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A cache may go on with an old page for a day while the server cannot be reached.
const STALE_SECONDS: u32 = 86_400;

const ALLOW: &str = "GET, HEAD, OPTIONS";

/// Which headers a script may read that are not readable by themselves (Fetch standard, CORS-safelisted response headers).
const EXPOSED: &str = "ETag, Last-Modified, Link";

/// For how long a browser may remember a preflight, in seconds: a day, the most that any takes.
const PREFLIGHT_SECONDS: &str = "86400";

/// The most headers that an answer of ours has.
const HEADERS: usize = 16;

/// Answers one request.
pub fn respond(request: &Parts, site: &Site, options: &Options) -> Answer {
    // RFC 9112, section 3.2: a request without Host is refused; hyper lets it through.
    if request.version == Version::HTTP_11 && !request.headers.contains_key(header::HOST) {
        return plain(StatusCode::BAD_REQUEST, "400: the request has no Host header\n");
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
    match path {
        "/healthz" | "/readyz" => return plain(StatusCode::OK, "ok\n"),
        _ => {}
    }
    match site.find(path) {
        Found::Page(page) => page_answer(request, page, options),
        Found::Moved(route) => moved(&site.with_root(&route)),
        Found::Missing if site.is_partial => unavailable(),
        Found::Missing => missing(&site.not_found),
    }
}

fn page_answer(request: &Parts, page: &Page, options: &Options) -> Answer {
    let (coding, coded) = negotiation::choose(&request.headers, page);
    match conditions::judge(&request.headers, page, coded) {
        Condition::Holds => {}
        Condition::Unchanged => return bare(StatusCode::NOT_MODIFIED, validators(page, coded, options)),
        Condition::Failed => return plain(StatusCode::PRECONDITION_FAILED, "412: the page is another by now\n"),
    }
    // Section 14.2: no other method has ranges.
    let part = match request.method {
        Method::GET => conditions::part(&request.headers, page, coding, coded),
        _ => Part::Whole,
    };
    let mut headers = validators(page, coded, options);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(page.media_type));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if coding != Coding::Identity {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    }
    if let Some(links) = page.links() {
        headers.insert(header::LINK, links.clone());
    }
    safe(&mut headers, page.kind());
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

fn bare(status: StatusCode, headers: HeaderMap) -> Answer {
    with_body(status, headers, Bytes::new())
}

fn with_body(status: StatusCode, headers: HeaderMap, body: Bytes) -> Answer {
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

/// What a 200 and a 304 say alike (RFC 9110, section 15.4.5), with room for everything else.
fn validators(page: &Page, coded: &Coded, options: &Options) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(header::ETAG, coded.etag.clone());
    if let Some(modified) = page.modified() {
        headers.insert(header::LAST_MODIFIED, modified.clone());
    }
    headers.insert(header::CACHE_CONTROL, options.cache_control.clone());
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

fn missing(page: &Page) -> Answer {
    let mut answer = Response::new(Full::new(page.body().clone()));
    *answer.status_mut() = StatusCode::NOT_FOUND;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(page.media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    safe(headers, page.kind());
    answer
}

fn moved(location: &str) -> Answer {
    let mut answer = plain(StatusCode::MOVED_PERMANENTLY, "");
    let headers = answer.headers_mut();
    headers.insert(header::LOCATION, text(location));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
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
fn refused() -> Answer {
    let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "405: only GET and HEAD\n");
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(ALLOW));
    answer
}

fn plain(status: StatusCode, body: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer
}

fn safe(headers: &mut HeaderMap, kind: Kind) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if kind == Kind::Html {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
        let name = HeaderName::from_static("referrer-policy");
        headers.insert(name, HeaderValue::from_static("strict-origin-when-cross-origin"));
    }
}

fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static(""))
}
