//! What operators ask for: whether the daemon is alive and ready, how it fares, and numbers.
//!
//! On an address of its own where one is configured; else beside the site, for this machine alone. What a newcomer gets wrong: a
//! proxy on this machine is no operator, and lets everybody in.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use askama::Template;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode, Version};
use serde::Serialize;
use tokio::sync::watch;

use super::client;
use super::metrics::{self, Meters};
use super::respond::{Answer, plain, with_body};
use super::status::{Findings, Status};
use super::traffic::Traffic;
use crate::readership::Day;

/// Where operators ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Over the network.
    Tcp(SocketAddr),
    /// On this machine, for those who may open the file.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Address::Unix(path.into()));
        }
        let address = text.parse().map(Address::Tcp);
        address.map_err(|_| format!("write `{text}` as 127.0.0.1:9180 or unix:/run/feedmill/admin.sock"))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => write!(formatter, "http://{address}/"),
            Address::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

/// What operators are told from. Clones tell the same.
#[derive(Debug, Clone)]
pub struct Desk {
    /// How the daemon fares.
    pub status: watch::Receiver<Arc<Status>>,
    /// What is answered.
    pub traffic: Arc<Traffic>,
    /// What the daemon measures of its own work.
    pub meters: Meters,
}

/// Headers by which proxies tell of themselves.
const FORWARDED: [HeaderName; 3] = [header::FORWARDED, header::VIA, HeaderName::from_static("x-forwarded-for")];

/// Pages for operators run nothing and load nothing.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Whether one who asks beside the site is an operator: on this machine, by this machine's own name, and no proxy in between. A
/// proxy that speaks HTTP/1.0 and tells nothing of itself is nginx as it is set up at first.
fn is_operator(peer: IpAddr, request: &Parts) -> bool {
    let is_forwarded = FORWARDED.iter().any(|name| request.headers.contains_key(name));
    peer.is_loopback() && !is_forwarded && request.version == Version::HTTP_11 && client::means_this_machine(request)
}

impl Desk {
    /// The answer beside the site, if an operator asks for it. A proxy may ask whether the daemon is alive and ready.
    pub(super) fn answer_beside_the_site(&self, path: &str, peer: IpAddr, request: &Parts) -> Option<Answer> {
        let may_ask = match path {
            "/healthz" | "/readyz" => peer.is_loopback(),
            "/status" | "/status.json" | "/metrics" => is_operator(peer, request),
            _ => false,
        };
        if may_ask { self.answer(path, request) } else { None }
    }

    /// The answer at a path, if it is one of those for operators.
    pub(super) fn answer(&self, path: &str, request: &Parts) -> Option<Answer> {
        let render: fn(&Desk, &Parts) -> Answer = match path {
            "/healthz" => |_, _| plain(StatusCode::OK, "ok\n"),
            "/readyz" => |desk, _| desk.readiness(),
            "/status" => |desk, request| desk.page(request),
            "/status.json" => |desk, _| desk.json(),
            "/metrics" => |desk, _| desk.metrics(),
            _ => return None,
        };
        Some(match request.method {
            Method::GET | Method::HEAD => render(self, request),
            _ => super::respond::refused(),
        })
    }

    fn readiness(&self) -> Answer {
        match self.status.borrow().readiness() {
            Ok(()) => plain(StatusCode::OK, "ok\n"),
            Err(reason) => {
                told(StatusCode::SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", format!("not ready: {reason}\n"))
            }
        }
    }

    fn page(&self, request: &Parts) -> Answer {
        let accepted = request.headers.get(header::ACCEPT).map(HeaderValue::as_bytes).unwrap_or_default();
        if accepted.starts_with(b"application/json") {
            return self.json();
        }
        let status = self.status.borrow().clone();
        let trouble = trouble(&status);
        let word = if trouble.is_empty() { "All is well" } else { "Something is wrong" };
        let uptime = span((Utc::now() - status.started).to_std().unwrap_or_default().as_secs());
        let day = self.traffic.day();
        let page = StatusPage { word, trouble, uptime, status: &status, readers: day.readers(), day: &day };
        match page.render() {
            Ok(html) => told(StatusCode::OK, "text/html; charset=utf-8", html),
            Err(error) => broken(&error),
        }
    }

    fn json(&self) -> Answer {
        #[derive(Serialize)]
        struct Told<'s> {
            ready: bool,
            trouble: Vec<String>,
            #[serde(flatten)]
            status: &'s Status,
            readers: Day,
        }
        let status = self.status.borrow().clone();
        let told_of = Told {
            ready: status.readiness().is_ok(),
            trouble: trouble(&status),
            status: &status,
            readers: self.traffic.day(),
        };
        match serde_json::to_string_pretty(&told_of) {
            Ok(text) => told(StatusCode::OK, "application/json", text + "\n"),
            Err(error) => broken(&error),
        }
    }

    fn metrics(&self) -> Answer {
        let status = self.status.borrow().clone();
        match metrics::render(&self.traffic, &self.meters, &status, self.traffic.day()) {
            Ok(text) => told(StatusCode::OK, metrics::MEDIA_TYPE, text),
            Err(error) => broken(&error),
        }
    }
}

/// What an operator should look after, the worst first.
fn trouble(status: &Status) -> Vec<String> {
    let unready = status.readiness().err();
    let unwritten = status.unwritten.as_ref().map(|reason| format!("the ledger cannot be written: {reason}"));
    let held = status.held.as_ref().map(|held| format!("held back: {}", held.summary));
    unready.into_iter().chain(unwritten).chain(held).collect()
}

fn broken(error: &dyn fmt::Display) -> Answer {
    told(
        StatusCode::INTERNAL_SERVER_ERROR,
        "text/plain; charset=utf-8",
        format!("500: {error}; please report this as a bug\n"),
    )
}

fn told(status: StatusCode, media_type: &'static str, body: String) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    with_body(status, headers, Bytes::from(body))
}

/// How the daemon fares, for people.
#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage<'s> {
    word: &'s str,
    trouble: Vec<String>,
    uptime: String,
    status: &'s Status,
    day: &'s Day,
    /// Subscribers by the name of the reader.
    readers: Vec<(String, u64)>,
}

impl StatusPage<'_> {
    fn moment(&self, moment: &DateTime<Utc>) -> String {
        moment.format("%Y-%m-%d %H:%M:%S UTC").to_string()
    }
}

impl Findings {
    fn count(&self) -> usize {
        self.errors + self.warnings + self.notes
    }

    fn is_none(&self) -> bool {
        self.count() == 0
    }
}

/// A time as people say it.
fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min {} s", seconds % 60),
        (0, hours) => format!("{hours} h {minutes} min"),
        (days, hours) => format!("{days} days {hours} h"),
    }
}
