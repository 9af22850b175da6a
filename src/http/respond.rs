//! The answer to a request: a pure function of the request's head and the site.
//!
//! Conditional requests, encodings and methods as RFC 9110 and RFC 9111 tell; the sections stand beside the rules. What a
//! newcomer gets wrong: query strings never matter, and `Accept` never turns a feed into a page.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode, Version};

use super::negotiation;
use crate::site::{Coded, Coding, Found, Page, Site};

/// What a response says beside the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// For how many seconds a cache may keep a page without asking.
    pub max_age_seconds: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options { max_age_seconds: 60 }
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

/// Answers one request.
pub fn respond(request: &Parts, site: &Site, options: &Options) -> Answer {
    // RFC 9112, section 3.2: a request without Host is refused; hyper lets it through.
    if request.version == Version::HTTP_11 && !request.headers.contains_key(header::HOST) {
        return plain(StatusCode::BAD_REQUEST, "400: the request has no Host header\n");
    }
    match request.method {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => return allowed(StatusCode::NO_CONTENT, Bytes::new()),
        _ => return allowed(StatusCode::METHOD_NOT_ALLOWED, Bytes::from_static(b"405: only GET and HEAD\n")),
    }
    if !site.root.is_empty() && request.uri.path() == site.root {
        return moved(&site.with_root("/"));
    }
    let path = site.without_root(request.uri.path());
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
    let (coding, Coded { body, etag }) = negotiation::choose(&request.headers, page);
    let unchanged = is_unchanged(&request.headers, page);
    let mut answer = Response::new(Full::new(if unchanged { Bytes::new() } else { body.clone() }));
    let headers = answer.headers_mut();
    let max_age = options.max_age_seconds;
    // RFC 9110, section 15.4.5: what a 200 would have said and a cache needs.
    headers.insert(header::ETAG, etag.clone());
    if let Some(modified) = page.modified() {
        headers.insert(header::LAST_MODIFIED, modified.clone());
    }
    headers.insert(
        header::CACHE_CONTROL,
        text(&format!("public, max-age={max_age}, stale-while-revalidate={max_age}, stale-if-error={STALE_SECONDS}")),
    );
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if page.is_feed() {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    if unchanged {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        return answer;
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(page.media_type));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
    if coding != Coding::Identity {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    }
    safe(headers, page.media_type);
    answer
}

/// RFC 9110, section 13.2.2: `If-None-Match` decides when it is there; only else `If-Modified-Since`.
fn is_unchanged(headers: &HeaderMap, page: &Page) -> bool {
    if headers.contains_key(header::IF_NONE_MATCH) {
        let mut values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        return values.any(|value| names_page(value, page));
    }
    let since = headers.get(header::IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
    let since = since.and_then(|value| httpdate::parse_http_date(value).ok()).map(DateTime::<Utc>::from);
    since.zip(page.last_modified).is_some_and(|(since, modified)| modified <= since)
}

/// Whether a list of entity tags names the page, by weak comparison (section 8.8.3.2), in whichever encoding.
///
/// Proxies that compress add their own mark (`W/`, `-gzip`, `;gzip`) and some clients drop the quotes.
fn names_page(list: &str, page: &Page) -> bool {
    list.split(',').map(str::trim).any(|tag| {
        let opaque = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
        let rest = opaque.strip_prefix(page.hash());
        tag == "*" || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', ';']))
    })
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
    safe(headers, page.media_type);
    answer
}

fn moved(location: &str) -> Answer {
    let mut answer = plain(StatusCode::MOVED_PERMANENTLY, "");
    answer.headers_mut().insert(header::LOCATION, text(location));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    answer
}

fn allowed(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static(ALLOW));
    if status == StatusCode::NO_CONTENT {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(ALLOW));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    } else {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    }
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

fn safe(headers: &mut HeaderMap, media_type: &str) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if media_type.starts_with("text/html") {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
        let name = HeaderName::from_static("referrer-policy");
        headers.insert(name, HeaderValue::from_static("strict-origin-when-cross-origin"));
    }
}

fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static(""))
}
