//! What is asked and answered, counted: by document, status and coding, with the time it took, and who reads.
//!
//! What a newcomer gets wrong: a request for what does not exist has no count of its own, for anybody can ask for anything, and
//! a count that is made once is there for ever.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{Datelike as _, NaiveDate};
use dashmap::DashMap;
use hyper::body::Body as _;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};

use super::limit::subscriber;
use super::respond::Answer;
use crate::readership::{Day, Gathering, Readers, Visit};
use crate::site::Coding;

/// The statuses that are counted by themselves; others are `other`.
pub(super) const STATUSES: [u16; 14] = [200, 204, 206, 226, 301, 304, 400, 403, 404, 405, 410, 412, 416, 429];

/// The codings of an answer with a body, and none.
const CODINGS: [Option<Coding>; 5] =
    [None, Some(Coding::Identity), Some(Coding::Brotli), Some(Coding::Zstd), Some(Coding::Gzip)];

/// How long answers take, in seconds: a page that is ready takes microseconds, one that is made or compressed milliseconds.
pub(super) const BOUNDS: [f64; 10] = [10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 1e-3, 5e-3, 25e-3, 100e-3, 1.0];

/// Pages for people and everything else that is no document of a feed.
const ELSE: &str = "";

/// The names of a feed's documents.
const DOCUMENTS: [&str; 3] = ["rss.xml", "atom.xml", "feed.json"];

/// Counts of everything that is answered; shared by the threads that answer.
#[derive(Debug)]
pub struct Traffic {
    /// By route.
    routes: DashMap<Box<str>, Count>,
    /// Of the hashes of readers; made anew with each process, and kept nowhere.
    key: RandomState,
    /// The day that is counted, in days since the first of the calendar.
    day: AtomicI32,
    /// What another process counted of the day that this one began on.
    before: Option<Day>,
    times: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
    connections: AtomicUsize,
    accepted: AtomicU64,
}

/// What was answered at a route.
#[derive(Debug, Default)]
struct Count {
    answers: [[u64; CODINGS.len()]; STATUSES.len() + 1],
    bytes: u64,
    readers: Readers,
}

/// A count of answers, with what they have in common.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answers {
    /// The feed's folder, or nothing.
    pub(super) feed: String,
    /// The name of its document, or nothing.
    pub(super) document: String,
    pub(super) status: Option<u16>,
    pub(super) coding: Option<Coding>,
    pub(super) count: u64,
}

/// Times of answers, as a histogram.
#[derive(Debug, Default)]
pub(super) struct Times {
    /// How many took at most as long as the bound in [`BOUNDS`] at the same place and longer than the one before; the last, longer than all.
    pub(super) counts: Vec<u64>,
    pub(super) seconds: f64,
}

impl Traffic {
    /// Nothing yet, on a day of which another process may have counted something.
    pub fn new(today: NaiveDate, before: Option<Day>) -> Traffic {
        Traffic {
            routes: DashMap::new(),
            key: RandomState::new(),
            day: AtomicI32::new(today.num_days_from_ce()),
            before,
            times: Default::default(),
            nanoseconds: AtomicU64::new(0),
            connections: AtomicUsize::new(0),
            accepted: AtomicU64::new(0),
        }
    }

    /// Counts an answer that took so long to make.
    pub fn count(&self, client: IpAddr, route: &str, request: &Parts, answer: &Answer, took: Duration) {
        let at = BOUNDS.iter().position(|bound| took.as_secs_f64() <= *bound).unwrap_or(BOUNDS.len());
        self.times[at].fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let visit = self.visit(client, route, request, answer);
        let named = if visit.is_some() { route } else { ELSE };
        // RFC 9110, section 9.3.2: nothing of it is sent.
        let bytes = if request.method == Method::HEAD { 0 } else { answer.body().size_hint().exact().unwrap_or(0) };
        match self.routes.get_mut(named) {
            Some(mut count) => count.add(answer, bytes, visit.as_ref()),
            None => self.routes.entry(named.into()).or_default().add(answer, bytes, visit.as_ref()),
        }
    }

    /// A visit, if a document of a feed was asked for and is there.
    fn visit<'r>(&self, client: IpAddr, route: &str, request: &'r Parts, answer: &Answer) -> Option<Visit<'r>> {
        let status = answer.status();
        let is_there = status.is_success() || matches!(status.as_u16(), 304 | 412 | 416 | 429);
        let (_, document) = route.rsplit_once('/')?;
        if !is_there || !DOCUMENTS.contains(&document) || !matches!(request.method, Method::GET | Method::HEAD) {
            return None;
        }
        let agent = request.headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
        let asks = |name| request.headers.contains_key(name);
        Some(Visit {
            hash: self.key.hash_one((self.day.load(Ordering::Relaxed), subscriber(client), agent)),
            agent: std::str::from_utf8(agent).unwrap_or_default(),
            is_conditional: asks(header::IF_NONE_MATCH) || asks(header::IF_MODIFIED_SINCE),
            is_whole: status == StatusCode::OK && request.method == Method::GET,
        })
    }

    /// The day so far.
    pub fn day(&self) -> Day {
        let date = NaiveDate::from_num_days_from_ce_opt(self.day.load(Ordering::Relaxed)).unwrap_or_default();
        let mut gathering = Gathering::default();
        let of_feeds = self.routes.iter().filter(|count| **count.key() != *ELSE);
        of_feeds.for_each(|count| gathering.add(count.key(), &count.readers));
        let day = gathering.day(date);
        match self.before.as_ref().filter(|before| before.date == date) {
            Some(before) => day.after(before),
            None => day,
        }
    }

    /// Begins another day, if it is one; gives the one that is over.
    pub fn turn(&self, today: NaiveDate) -> Option<Day> {
        if self.day.load(Ordering::Relaxed) == today.num_days_from_ce() {
            return None;
        }
        let over = self.day();
        self.day.store(today.num_days_from_ce(), Ordering::Relaxed);
        self.routes.iter_mut().for_each(|mut count| count.readers = Readers::default());
        Some(over)
    }

    /// A connection has come.
    pub(super) fn comes(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection has gone.
    pub(super) fn goes(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many connections there are now, and how many there ever were.
    pub(super) fn connections(&self) -> (usize, u64) {
        (self.connections.load(Ordering::Relaxed), self.accepted.load(Ordering::Relaxed))
    }

    /// All counts that are not zero.
    pub(super) fn answers(&self) -> Vec<Answers> {
        let mut all = Vec::new();
        for count in &self.routes {
            let (folder, document) = count.key().rsplit_once('/').unwrap_or_default();
            let feed = if document.is_empty() { String::new() } else { format!("{folder}/") };
            for (status, row) in count.answers.iter().enumerate() {
                all.extend(row.iter().zip(CODINGS).filter(|(count, _)| **count > 0).map(|(count, coding)| Answers {
                    feed: feed.clone(),
                    document: document.to_owned(),
                    status: STATUSES.get(status).copied(),
                    coding,
                    count: *count,
                }));
            }
        }
        all
    }

    /// The bytes of bodies that were sent, by feed; those of everything else by nothing.
    pub(super) fn bytes(&self) -> Vec<(String, u64)> {
        let mut all = std::collections::BTreeMap::<String, u64>::new();
        for count in &self.routes {
            let feed = count.key().rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
            *all.entry(feed).or_default() += count.bytes;
        }
        all.into_iter().collect()
    }

    pub(super) fn times(&self) -> Times {
        let counts = self.times.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        Times { counts, seconds: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)).as_secs_f64() }
    }
}

impl Count {
    fn add(&mut self, answer: &Answer, bytes: u64, visit: Option<&Visit<'_>>) {
        let status = STATUSES.iter().position(|known| *known == answer.status().as_u16()).unwrap_or(STATUSES.len());
        let coding = match answer.headers().get(header::CONTENT_ENCODING) {
            _ if bytes == 0 => 0,
            None => 1,
            Some(value) => {
                CODINGS.iter().position(|known| known.is_some_and(|known| value == known.name())).unwrap_or(1)
            }
        };
        self.answers[status][coding] += 1;
        self.bytes += bytes;
        if let Some(visit) = visit {
            self.readers.visit(visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;
    use hyper::{Request, Response};

    use super::*;

    fn traffic() -> Traffic {
        Traffic::new("2025-05-22".parse().unwrap(), None)
    }

    fn ask(traffic: &Traffic, client: &str, path: &str, headers: &[(&str, &str)], status: u16) {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if status == 304 { "" } else { "four" };
        let answer = Response::builder().status(status).body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap();
        let (parts, ()) = request.body(()).unwrap().into_parts();
        traffic.count(client.parse().unwrap(), path, &parts, &answer, Duration::from_micros(60));
    }

    #[test]
    fn answers_are_counted_by_document_and_status_and_what_does_not_exist_together() {
        let traffic = traffic();
        for _ in 0..2 {
            ask(&traffic, "192.0.2.1", "/news/rss.xml", &[("user-agent", "a/1")], 200);
        }
        ask(&traffic, "192.0.2.1", "/news/rss.xml", &[("user-agent", "a/1"), ("if-none-match", "x")], 304);
        ask(&traffic, "192.0.2.1", "/", &[], 200);
        for at in 0..1000 {
            ask(&traffic, "192.0.2.1", &format!("/{at}/rss.xml"), &[], 404);
        }
        ask(&traffic, "192.0.2.1", "/rss.xml", &[], 599);
        let mut seen: Vec<String> = traffic
            .answers()
            .into_iter()
            .map(|answers| {
                let Answers { feed, document, status, coding, count } = answers;
                format!("{feed}|{document}|{status:?}|{}|{count}", coding.map_or("", Coding::name))
            })
            .collect();
        seen.sort();
        assert_eq!(
            seen,
            [
                "/news/|rss.xml|Some(200)|identity|2",
                "/news/|rss.xml|Some(304)||1",
                "||None|identity|1",
                "||Some(200)|identity|1",
                "||Some(404)|identity|1000",
            ]
        );
        assert_eq!(traffic.bytes(), [(String::new(), 4008), ("/news/".to_owned(), 8)]);
        let times = traffic.times();
        assert_eq!((times.counts[3], times.counts.iter().sum::<u64>()), (1005, 1005));
        assert_eq!(traffic.day().feeds["/news/"].direct, 1);
    }

    #[test]
    fn another_day_begins_without_readers_and_hashes_are_others() {
        let traffic = traffic();
        let ask = |client: &str| ask(&traffic, client, "/rss.xml", &[("user-agent", "a/1")], 200);
        ask("192.0.2.1");
        ask("192.0.2.2");
        ask("2001:db8::1");
        ask("2001:db8::2");
        assert!(traffic.turn("2025-05-22".parse().unwrap()).is_none());
        let over = traffic.turn("2025-05-23".parse().unwrap()).unwrap();
        assert_eq!((over.date.to_string(), over.feeds["/"].direct), ("2025-05-22".to_owned(), 3));
        ask("192.0.2.1");
        let day = traffic.day();
        assert_eq!((day.date.to_string(), day.feeds["/"].direct), ("2025-05-23".to_owned(), 1));
        assert_eq!(traffic.answers()[0].count, 5);
    }
}
