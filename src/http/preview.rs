//! How a preview answers: its pages look again when something else stands at their address.
//!
//! By server-sent events (HTML standard, section 9.2). What a newcomer gets wrong: the one who asks writes on this machine, so
//! nothing is cached, and whoever calls this machine by another name is refused, for a page of another site may do so in the
//! writer's browser.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use http_body_util::{Either, Full};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::client;
use super::respond::{Answer, CONTENT_SECURITY_POLICY, Options, plain, respond, text, with_body};
use crate::digest::html::escaped;
use crate::site::{Found, Kind, Page, Site};

/// What a server answers with: all at once, or events as they come.
pub(super) type Body = Either<Full<Bytes>, Channel<Bytes>>;

/// Where pages hear of changes; the query is the path of the page.
const EVENTS: &str = "/preview/events";

/// Stands at the end of every page of a preview.
const SCRIPT: &str = include_str!("preview.js");

/// By its hash the policy of pages knows the script.
const SCRIPT_HASH: &str = "'sha256-Qs5BWuNmVwl7qnACqFT8EPHwDxKFE3ORBym6td2fW+s='";

/// So often a version is told although nothing changed: so it is noticed when nobody listens any more.
const REMINDER: Duration = Duration::from_secs(15);

/// The path of the page that a request asks for events about.
pub(super) fn asks_for_events(request: &Parts, site: &Site) -> Option<String> {
    let is_asked = request.method == Method::GET && site.without_root(request.uri.path()) == EVENTS;
    (is_asked && client::means_this_machine(request)).then(|| request.uri.query().unwrap_or_default().to_owned())
}

/// The answer to anything else.
pub(super) fn answer(request: &Parts, site: &Site, options: &Options) -> Answer {
    if !client::means_this_machine(request) {
        return plain(
            StatusCode::FORBIDDEN,
            "403: a preview answers to localhost and addresses of this machine alone\n",
        );
    }
    let path = request.uri.path();
    match request.method == Method::GET {
        true => match at(site, path) {
            Some((status, page)) => with_script(status, page, site, path),
            None => respond(request, site, options),
        },
        false => respond(request, site, options),
    }
}

/// A page for people, or what is shown in its place.
fn at<'s>(site: &'s Site, path: &str) -> Option<(StatusCode, &'s Page)> {
    match site.find(site.without_root(path)) {
        Found::Page(page) if page.kind() == Kind::Html => Some((StatusCode::OK, page)),
        Found::Gone(page) => Some((StatusCode::GONE, page)),
        Found::Missing => Some((StatusCode::NOT_FOUND, &site.not_found)),
        _ => None,
    }
}

/// What stands at a path: another when the page or its style is.
fn version(site: &Site, path: &str) -> String {
    let page = at(site, path).map(|(_, page)| page.hash()).unwrap_or_default();
    let style = site.pages.get("/style.css").map(|style| style.hash()).unwrap_or_default();
    format!("{page}.{style}")
}

fn with_script(status: StatusCode, page: &Page, site: &Site, path: &str) -> Answer {
    let html = String::from_utf8_lossy(page.body());
    let (before, after) = html.rsplit_once("</body>").unwrap_or((&html, ""));
    let (version, events) = (version(site, path), escaped(&format!("{}?{path}", site.with_root(EVENTS))));
    let body = format!(
        "{before}<script data-version=\"{version}\" data-events=\"{events}\">{SCRIPT}</script>\n</body>{after}"
    );
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(page.media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = CONTENT_SECURITY_POLICY.replace("script-src ", &format!("script-src {SCRIPT_HASH} "));
    headers.insert(header::CONTENT_SECURITY_POLICY, text(&policy));
    with_body(status, headers, body.into())
}

/// An answer that goes on, and where what it says comes from.
pub(super) fn events() -> (Sender<Bytes>, Response<Channel<Bytes>>) {
    let (sender, body) = Channel::new(1);
    let mut answer = Response::new(body);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    (sender, answer)
}

/// Tells the version of what stands at a path, at first and with every site that follows, until nobody listens.
pub(super) async fn tell(
    mut sender: Sender<Bytes>,
    mut site: watch::Receiver<Arc<Site>>,
    path: String,
    stop: CancellationToken,
) {
    loop {
        let newest = site.borrow_and_update().clone();
        let event = format!("data: {}\n\n", version(&newest, &path));
        if sender.send_data(event.into()).await.is_err() {
            return;
        }
        tokio::select! {
            changed = site.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(REMINDER) => {}
            () = stop.cancelled() => return,
        }
    }
}
