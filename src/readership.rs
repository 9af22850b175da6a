//! Who reads: how many subscribers each feed has on a day, without knowing anybody.
//!
//! Hosted readers say for how many they ask; others are counted by a hash of address and User-Agent, whose key is made anew with
//! each process, never leaves it, and gives other hashes each day. Only numbers outlast the process: a small file a day. What a
//! newcomer gets wrong: these are subscribers that asked on that day, not people who read.

mod agent;
mod sample;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use agent::Agent;
use sample::{Reader, Sample};

/// So many hosted readers of a feed are told apart; a feed of a million subscribers has a few dozen.
const MOST_HOSTED: usize = 512;

/// So many names of readers a file tells.
const MOST_NAMES: usize = 50;

/// So many of those that ask most are told.
const MOST_POLLERS: usize = 10;

/// Whoever asks for one document so often on a day asks more than once an hour.
const OFTEN: u32 = 25;

/// Where days are kept, within the state folder.
const FOLDER: &str = "readership";

/// A request for a feed.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// What tells one client from another on this day.
    pub hash: u64,
    /// What the client says of itself.
    pub agent: &'a str,
    /// Whether it said what it has.
    pub is_conditional: bool,
    /// Whether it got the feed whole.
    pub is_whole: bool,
}

/// Those who asked for one document of a feed on a day.
#[derive(Debug, Clone, Default)]
pub struct Readers {
    direct: Sample,
    /// By name and what the reader tells feeds apart with.
    hosted: HashMap<(String, String), u32>,
    requests: u64,
    conditional: u64,
    whole: u64,
}

impl Readers {
    /// Counts a request.
    pub fn visit(&mut self, visit: &Visit<'_>) {
        self.requests += 1;
        self.conditional += u64::from(visit.is_conditional);
        self.whole += u64::from(visit.is_whole);
        if agent::may_be_hosted(visit.agent) && self.host(visit) {
            return;
        }
        let make = || {
            let Agent { name, is_crawler, .. } = Agent::read(visit.agent);
            Reader { name: name.into(), is_crawler, ..Reader::default() }
        };
        if let Some(reader) = self.direct.reader(visit.hash, make) {
            reader.requests = reader.requests.saturating_add(1);
            reader.whole = reader.whole.saturating_add(u32::from(visit.is_whole && !visit.is_conditional));
        }
    }

    /// The last number that it said counts. Whether it said one.
    fn host(&mut self, visit: &Visit<'_>) -> bool {
        let agent = Agent::read(visit.agent);
        let Some(hosted) = agent.hosted else { return false };
        let key = (agent.name.into_owned(), hosted.feed_id.to_owned());
        if self.hosted.len() < MOST_HOSTED || self.hosted.contains_key(&key) {
            self.hosted.insert(key, hosted.subscribers);
        }
        true
    }

    /// Those of another document of the same feed as well.
    fn join(&mut self, other: &Readers, document: &str) {
        self.direct.join(&other.direct);
        for ((name, id), subscribers) in &other.hosted {
            // Who asks for two documents asks for two groups of subscribers.
            self.hosted.insert((name.clone(), format!("{document} {id}")), *subscribers);
        }
        self.requests += other.requests;
        self.conditional += other.conditional;
        self.whole += other.whole;
    }

    fn summary(&self) -> Feed {
        let weight = self.direct.weight();
        let mut feed =
            Feed { requests: self.requests, conditional: self.conditional, whole: self.whole, ..Feed::default() };
        for ((name, _), subscribers) in &self.hosted {
            feed.hosted += u64::from(*subscribers);
            *feed.readers.entry(name.clone()).or_default() += u64::from(*subscribers);
        }
        for reader in self.direct.readers() {
            match reader.is_crawler {
                true => feed.crawlers += weight,
                false => {
                    feed.direct += weight;
                    *feed.readers.entry(reader.name.to_string()).or_default() += weight;
                }
            }
        }
        feed
    }
}

/// A feed on a day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// Subscribers that hosted readers asked for.
    pub hosted: u64,
    /// Readers that asked by themselves.
    pub direct: u64,
    /// Others that asked, for whom nobody reads.
    pub crawlers: u64,
    /// How often it was asked for.
    pub requests: u64,
    /// How often by somebody who said what it has.
    pub conditional: u64,
    /// How often it was sent whole.
    pub whole: u64,
    /// Subscribers by the name of the reader.
    pub readers: BTreeMap<String, u64>,
}

impl Feed {
    /// Hosted and direct.
    pub fn subscribers(&self) -> u64 {
        self.hosted + self.direct
    }

    /// The same day before the process began and since: readers that came before and after are there twice, so of numbers of
    /// readers the larger one counts, and of requests the sum.
    fn after(mut self, before: &Feed) -> Feed {
        self.hosted = self.hosted.max(before.hosted);
        self.direct = self.direct.max(before.direct);
        self.crawlers = self.crawlers.max(before.crawlers);
        self.requests += before.requests;
        self.conditional += before.conditional;
        self.whole += before.whole;
        for (name, count) in &before.readers {
            let own = self.readers.entry(name.clone()).or_default();
            *own = (*own).max(*count);
        }
        self
    }

    fn with_few_names(mut self) -> Feed {
        if self.readers.len() > MOST_NAMES {
            let mut names = by_count(std::mem::take(&mut self.readers));
            let others: u64 = names.split_off(MOST_NAMES - 1).iter().map(|(_, count)| count).sum();
            self.readers = names.into_iter().collect();
            *self.readers.entry("others".to_owned()).or_default() += others;
        }
        self
    }
}

/// One that asks more often than is good for anybody; nobody knows who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poller {
    /// The name of the program.
    pub reader: String,
    /// The feed it asks for.
    pub feed: String,
    /// How often it asked.
    pub requests: u32,
    /// How often it got the feed whole, because it did not say what it has.
    pub whole: u32,
}

/// What is known of a day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// In the publication's time zone.
    pub date: NaiveDate,
    /// By the feed's folder: `/` is that of all items.
    pub feeds: BTreeMap<String, Feed>,
    /// Those that asked most, the worst first.
    pub pollers: Vec<Poller>,
}

/// A day that is put together of the documents that were asked for.
#[derive(Debug, Default)]
pub struct Gathering {
    feeds: BTreeMap<String, Readers>,
    pollers: Vec<Poller>,
}

impl Gathering {
    /// Those who asked for a document, named by its route.
    pub fn add(&mut self, route: &str, readers: &Readers) {
        let (folder, document) = route.rsplit_once('/').unwrap_or(("", route));
        let feed = format!("{folder}/");
        let mut eager: Vec<&Reader> = readers.direct.readers().filter(|reader| reader.requests >= OFTEN).collect();
        eager.sort_unstable_by_key(|reader| Reverse((reader.whole, reader.requests)));
        self.pollers.extend(eager.iter().take(MOST_POLLERS).map(|reader| Poller {
            reader: reader.name.to_string(),
            feed: feed.clone(),
            requests: reader.requests,
            whole: reader.whole,
        }));
        self.feeds.entry(feed).or_default().join(readers, document);
    }

    /// The day.
    pub fn day(self, date: NaiveDate) -> Day {
        let feeds = self.feeds.into_iter().map(|(name, readers)| (name, readers.summary().with_few_names()));
        Day { date, feeds: feeds.collect(), pollers: worst(self.pollers) }
    }
}

impl Day {
    /// Subscribers by the name of the reader, of all feeds, the most first; who subscribes to two is there twice.
    pub fn readers(&self) -> Vec<(String, u64)> {
        let mut all = BTreeMap::<String, u64>::new();
        for (name, count) in self.feeds.values().flat_map(|feed| &feed.readers) {
            *all.entry(name.clone()).or_default() += count;
        }
        by_count(all)
    }

    /// The same day with what another process counted of it before.
    #[must_use]
    pub fn after(mut self, before: &Day) -> Day {
        for (name, earlier) in &before.feeds {
            let own = self.feeds.remove(name).unwrap_or_default();
            self.feeds.insert(name.clone(), own.after(earlier).with_few_names());
        }
        self.pollers.extend(before.pollers.iter().cloned());
        self.pollers = worst(self.pollers);
        self
    }
}

/// The most first, equal ones by name.
fn by_count(counts: BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| Reverse(*count));
    counts
}

/// Whoever gets a feed whole again and again costs most.
fn worst(mut pollers: Vec<Poller>) -> Vec<Poller> {
    pollers.sort_by(|one, other| {
        (other.whole, other.requests, &one.feed, &one.reader).cmp(&(
            one.whole,
            one.requests,
            &other.feed,
            &other.reader,
        ))
    });
    pollers.truncate(MOST_POLLERS);
    pollers
}

/// What another process counted of a day; nothing where that cannot be read, which is told.
pub fn earlier(state: &Path, date: NaiveDate) -> Option<Day> {
    read(&file(&state.join(FOLDER), date)).unwrap_or_else(|error| {
        tracing::warn!(reason = format!("{error:#}"), "what was counted of readers today is lost");
        None
    })
}

/// Keeps a day in the state folder, and none there that is older than so many days.
///
/// # Errors
/// When the folder does not take it; what was kept before stays.
pub fn keep(state: &Path, day: &Day, keep_days: u32) -> anyhow::Result<()> {
    let folder = state.join(FOLDER);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = file(&folder, day.date);
    let beside = path.with_extension("new");
    let text = serde_json::to_string_pretty(day).context("a day cannot be written")? + "\n";
    let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &path));
    written.with_context(|| format!("cannot write {}", path.display()))?;
    let oldest = day.date - chrono::Days::new(keep_days.into());
    for old in dates(&folder)?.into_iter().filter(|date| *date < oldest) {
        let path = file(&folder, old);
        std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// The days that are kept in a state folder, the newest first; none where nothing was counted.
///
/// # Errors
/// When a file cannot be read, with its name.
pub fn days(state: &Path) -> anyhow::Result<Vec<Day>> {
    let folder = state.join(FOLDER);
    let mut dates = dates(&folder)?;
    dates.sort();
    dates.iter().rev().filter_map(|date| read(&file(&folder, *date)).transpose()).collect()
}

fn dates(folder: &Path) -> anyhow::Result<Vec<NaiveDate>> {
    let listed = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.with_context(|| format!("cannot list {}", folder.display()))?,
    };
    let names = listed.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect())
}

fn file(folder: &Path, date: NaiveDate) -> PathBuf {
    folder.join(format!("{date}.json"))
}

/// A day; none where there is no file.
fn read(path: &Path) -> anyhow::Result<Option<Day>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("cannot read {}", path.display()))?,
    };
    serde_json::from_str(&text).map(Some).with_context(|| format!("{} is no day", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: &str = "2025-05-22";

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn readers(visits: &[Told<'_>]) -> Readers {
        let mut readers = Readers::default();
        for (hash, agent, is_conditional) in visits {
            let visit = Visit { hash: *hash, agent, is_conditional: *is_conditional, is_whole: !is_conditional };
            readers.visit(&visit);
        }
        readers
    }

    /// The hash of a client, what it says of itself, and whether it asks conditionally.
    type Told<'a> = (u64, &'a str, bool);

    fn day(documents: &[(&str, &[Told<'_>])]) -> Day {
        let mut gathering = Gathering::default();
        documents.iter().for_each(|(route, visits)| gathering.add(route, &readers(visits)));
        gathering.day(date(TODAY))
    }

    #[test]
    fn a_feed_has_the_subscribers_that_hosted_readers_ask_for_and_each_other_reader_once() {
        let day = day(&[
            (
                "/news/rss.xml",
                &[
                    (1, "Feedbin feed-id:7 - 142 subscribers", false),
                    (2, "Feedbin feed-id:7 - 143 subscribers", true),
                    (3, "newsboat/2.21", false),
                    (3, "newsboat/2.21", true),
                    (4, "Mozilla/5.0 (compatible; Googlebot/2.1)", false),
                ],
            ),
            ("/news/atom.xml", &[(3, "newsboat/2.21", true), (5, "Feedbin feed-id:8 - 7 subscribers", true)]),
            ("/rss.xml", &[(3, "newsboat/2.21", true)]),
        ]);
        let news = &day.feeds["/news/"];
        assert_eq!((news.hosted, news.direct, news.crawlers, news.subscribers()), (150, 1, 1, 151));
        assert_eq!((news.requests, news.conditional, news.whole), (7, 4, 3));
        assert_eq!(news.readers, BTreeMap::from([("Feedbin".to_owned(), 150), ("newsboat".to_owned(), 1)]));
        assert_eq!(day.feeds["/"].subscribers(), 1);
    }

    #[test]
    fn those_who_get_a_feed_whole_again_and_again_are_told_first() {
        let eager: Vec<(u64, &str, bool)> = (0..50).map(|_| (1, "curl/8.0", false)).collect();
        let polite: Vec<(u64, &str, bool)> = (0..90).map(|_| (2, "newsboat/2.21", true)).collect();
        let day = day(&[("/rss.xml", &[eager, polite].concat())]);
        let told: Vec<(&str, u32, u32)> =
            day.pollers.iter().map(|poller| (poller.reader.as_str(), poller.requests, poller.whole)).collect();
        assert_eq!(told, [("curl", 50, 50), ("newsboat", 90, 0)]);
    }

    #[test]
    fn a_day_goes_on_after_a_restart_and_old_days_go() {
        let state = tempfile::tempdir().unwrap();
        let two = day(&[("/rss.xml", &[(1, "a", false), (2, "b", false)])]);
        keep(state.path(), &two, 30).unwrap();
        keep(state.path(), &Day { date: date("2025-04-01"), ..two.clone() }, 1000).unwrap();
        let before = earlier(state.path(), date(TODAY)).unwrap();
        assert_eq!(before, two);
        let whole = day(&[("/rss.xml", &[(7, "a", true)])]).after(&before);
        keep(state.path(), &whole, 30).unwrap();
        assert_eq!(days(state.path()).unwrap(), std::slice::from_ref(&whole));
        let feed = &whole.feeds["/"];
        assert_eq!((feed.direct, feed.requests, feed.conditional), (2, 3, 1));
        assert_eq!(earlier(state.path(), date("2025-05-23")), None);
    }

    #[test]
    fn nobody_makes_a_day_grow_without_bound() {
        let agents: Vec<String> = (0..5000).map(|at| format!("reader{at}/1.0 (feed-id={at}; 1 subscriber)")).collect();
        let direct: Vec<String> = (0..5000).map(|at| format!("reader{at}/1.0")).collect();
        let all = agents.iter().chain(&direct).enumerate();
        let spread = |at: usize| (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let visits: Vec<(u64, &str, bool)> = all.map(|(at, agent)| (spread(at), agent.as_str(), true)).collect();
        let readers = readers(&visits);
        assert!(readers.hosted.len() <= MOST_HOSTED && readers.direct.readers().count() <= sample::MOST_KEPT);
        let mut gathering = Gathering::default();
        gathering.add("/rss.xml", &readers);
        let day = gathering.day(date(TODAY));
        assert!(day.feeds["/"].readers.len() <= MOST_NAMES && day.pollers.len() <= MOST_POLLERS);
    }

    #[test]
    fn a_day_that_cannot_be_read_is_named() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join(FOLDER);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("2025-05-22.json"), "{").unwrap();
        let error = format!("{:#}", days(state.path()).unwrap_err());
        assert!(error.contains("2025-05-22.json is no day"), "{error}");
        assert_eq!(earlier(state.path(), date(TODAY)), None);
    }
}
