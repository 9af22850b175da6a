//! What each stage costs alone: reading a digest, settling, gathering feeds, building a site, answering.
//!
//! `cargo bench --bench stages [FILTER]`. The archive is made up: a hundred digests of 42 items in five sections. What a newcomer
//! gets wrong: the sum of the stages is not the time of a drop, which writes a ledger as well.

use std::collections::HashSet;
use std::hint::black_box;
use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, Utc};
use divan::Bencher;
use feedmill::config::{self, Overrides};
use feedmill::digest::{Learnt, Surroundings, Text};
use feedmill::feed;
use feedmill::http::respond::{self, respond};
use feedmill::http::traffic::Traffic;
use feedmill::ledger::{Ledger, Settlement, Validators};
use feedmill::library::Library;
use feedmill::site::Site;
use hyper::Request;
use hyper::http::HeaderValue;
use hyper::http::request::Parts;

const DIGESTS: u64 = 100;
const ITEMS: u64 = 42;
const SECTIONS: [&str; 5] = ["News", "论文速递", "Tools", "商业观察", "Culture"];

fn main() {
    divan::main();
}

/// A folder of digests, and everything that is made of it.
struct Publication {
    options: config::Options,
    folder: tempfile::TempDir,
    library: Library,
    now: DateTime<Utc>,
}

fn date(number: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 1, 1).and_then(|first| first.checked_add_days(Days::new(number))).unwrap_or_default()
}

fn text(number: u64) -> String {
    let date = date(number);
    let mut text = format!("---\ndate: {date}\n---\n\n# Digest of {date}\n");
    for (at, section) in SECTIONS.iter().enumerate() {
        text.push_str(&format!("\n## {section}\n"));
        for item in (0..ITEMS).filter(|item| *item % 5 == at as u64) {
            let words = "the night bus stops at the old harbour, **later** than `planned` ".repeat(4);
            text.push_str(&format!(
                "\n### Title {number}-{item}\n\n{words}[Read more](https://example.com/{number}/{item})\n"
            ));
        }
    }
    text
}

impl Publication {
    fn new() -> Publication {
        let folder = tempfile::tempdir().expect("a folder");
        for number in 0..DIGESTS {
            std::fs::write(folder.path().join(format!("{}.md", date(number))), text(number)).expect("a digest");
        }
        let overrides = Overrides { base_url: Some("https://news.example.org/".to_owned()), ..Overrides::default() };
        let options = config::load(None, [], &overrides).expect("the defaults");
        let mut library = Library::new(folder.path(), options.library.clone(), options.site.rules.clone());
        let now = date(DIGESTS).and_time(chrono::NaiveTime::MIN).and_utc();
        library.refresh(&HashSet::new(), options.site.ids.today(now)).expect("a look");
        Publication { options, folder, library, now }
    }

    fn settle(&self) -> Settlement {
        Ledger::default().settle(self.library.digests(), self.now, &self.options.site.ids).0
    }

    fn site(&self, settlement: &Settlement, previous: Option<&Site>) -> Site {
        Site::build(&settlement.digests, &self.options.site, previous, &Validators::new(), self.now)
    }

    /// One more digest is dropped into the folder.
    fn drop_one(&mut self) {
        let path = self.folder.path().join(format!("{}.md", date(DIGESTS)));
        std::fs::write(&path, text(DIGESTS)).expect("a digest");
        self.now += chrono::TimeDelta::days(1);
        let today = self.options.site.ids.today(self.now);
        self.library.refresh_files(&HashSet::from([path]), &HashSet::new(), today).expect("a look");
    }
}

/// One digest, from its bytes to items with safe HTML.
#[divan::bench]
fn parse(bencher: Bencher) {
    let rules = config::load(None, [], &Overrides::default()).expect("the defaults").site.rules;
    let (text, learnt) = (text(1), Learnt::default());
    bencher.bench(|| {
        let surroundings = Surroundings { learnt: Some(&learnt), first_seen: None };
        black_box(Text::prepare("2025-01-02.md", text.as_bytes()).understand(&rules, surroundings))
    });
}

/// All digests, with ids and times, by a ledger that knows none of them.
#[divan::bench]
fn settle(bencher: Bencher) {
    let publication = Publication::new();
    bencher.bench(|| black_box(publication.settle()));
}

/// The feeds of all digests, from nothing.
#[divan::bench]
fn gather_feeds(bencher: Bencher) {
    let publication = Publication::new();
    let settlement = publication.settle();
    let site = &publication.options.site;
    bencher.bench(|| black_box(feed::gather(&settlement.digests, &site.rules, &site.feeds, &site.ids, None)));
}

/// The site of all digests, from nothing.
#[divan::bench]
fn build_site(bencher: Bencher) {
    let publication = Publication::new();
    let settlement = publication.settle();
    bencher.bench(|| black_box(publication.site(&settlement, None)));
}

/// The site after one more digest, from the one before.
#[divan::bench]
fn rebuild_site(bencher: Bencher) {
    let mut publication = Publication::new();
    let mut ledger = Ledger::default();
    let (first, change) = ledger.settle(publication.library.digests(), publication.now, &publication.options.site.ids);
    let before = publication.site(&first, None);
    ledger.commit(change, publication.library.memory(), before.snapshot()).expect("a ledger in memory");
    publication.drop_one();
    let (settlement, _) = ledger.settle(publication.library.digests(), publication.now, &publication.options.site.ids);
    bencher.bench(|| black_box(publication.site(&settlement, Some(&before))));
}

fn request(name: &str, value: &str) -> Parts {
    let request = Request::get("/news/rss.xml").header("host", "news.example.org").header(name, value);
    request.body(()).expect("a request").into_parts().0
}

/// A feed, compressed before.
#[divan::bench(sample_size = 1000)]
fn respond_gzip(bencher: Bencher) {
    let publication = Publication::new();
    let site = publication.site(&publication.settle(), None);
    let (head, options) = (request("accept-encoding", "gzip"), respond::Options::default());
    bencher.bench(|| black_box(respond(&head, &site, &options)));
}

/// Nothing new for one who has it.
#[divan::bench(sample_size = 1000)]
fn respond_unchanged(bencher: Bencher) {
    let publication = Publication::new();
    let site = publication.site(&publication.settle(), None);
    let tag = site.pages.get("/news/rss.xml").map(|page| page.hash().to_owned()).unwrap_or_default();
    let (head, options) = (request("if-none-match", &format!("\"{tag}\"")), respond::Options::default());
    bencher.bench(|| black_box(respond(&head, &site, &options)));
}

/// The answer to one of a thousand readers, counted.
#[divan::bench(sample_size = 1000)]
fn count(bencher: Bencher) {
    let publication = Publication::new();
    let site = publication.site(&publication.settle(), None);
    let mut head = request("if-none-match", "\"x\"");
    head.headers.insert("user-agent", HeaderValue::from_static("Example Reader/1.0 (+https://example.org/reader)"));
    let answer = respond(&head, &site, &respond::Options::default());
    let traffic = Traffic::new(date(0), None);
    let count = |client: u32| {
        let (client, took) = (IpAddr::from(client.to_be_bytes()), Duration::from_micros(10));
        traffic.count(client, "/news/rss.xml", &head, &answer, took);
    };
    (0..1000).for_each(count);
    let mut client = 0;
    bencher.bench_local(|| {
        client = (client + 1) % 1000;
        count(client);
    });
}
