//! What readers get over time: what is held back from them, moments, archives, what is taken back.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use feedmill::daemon::mill::{self, Mill, Reason, Verdict};
use feedmill::ledger::{self, Fate, Held, Ledger, hold};
use feedmill::library::Library;
use feedmill::site::Site;
use proptest::prelude::*;

use crate::harness::{BASE, Folder, bodies, body, digest, feedmill, fields, json, moment, options, page, titles};

/// A publication whose clock the test sets, with a state folder.
struct Publication {
    content: Folder,
    state: Folder,
    yaml: String,
    mill: Mill,
    site: Site,
}

fn open(content: &Folder, state: &Folder, yaml: &str) -> Mill {
    let feedmill::config::Options { library, site, guard, .. } = options(yaml, content.path());
    let state = Some(state.path().to_owned());
    Mill::open(mill::Options { content: content.path().to_owned(), library, site, guard, state }).unwrap()
}

impl Publication {
    fn with(yaml: &str, files: &[(&str, String)], now: &str) -> Publication {
        let (content, state) = (Folder::new(), Folder::new());
        files.iter().for_each(|(name, text)| content.write(name, text));
        let mill = open(&content, &state, yaml);
        let site = mill.last_shown().unwrap();
        let mut publication = Publication { content, state, yaml: yaml.to_owned(), mill, site };
        assert!(publication.look(now).is_none(), "nothing holds the first start");
        publication
    }

    fn new(files: &[(&str, String)]) -> Publication {
        Publication::with("", files, "2025-05-22T12:00:00Z")
    }

    /// Looks at a moment; gives what was held back, and when to look again.
    fn look_for(&mut self, now: DateTime<Utc>) -> (Option<Held>, Option<DateTime<Utc>>) {
        let outcome = self.mill.turn(&HashSet::new(), &Reason::Always, Some(&self.site), now).unwrap();
        let held = match outcome.verdict {
            Verdict::Held(held) => {
                if let Some(restored) = outcome.restored {
                    self.site = *restored;
                }
                Some(held)
            }
            Verdict::Site(site) => {
                self.mill.keep_shown(&site).unwrap();
                self.site = *site;
                None
            }
            Verdict::Same => panic!("a look in any case"),
        };
        (held, outcome.next)
    }

    fn look(&mut self, now: &str) -> Option<Held> {
        self.look_for(moment(now)).0
    }

    /// Ends the process and begins another, which shows what the ledger kept.
    fn restart(&mut self) {
        self.end();
        self.mill = open(&self.content, &self.state, &self.yaml);
        self.site = self.mill.last_shown().unwrap();
    }

    /// Ends the process, so that the state folder is free.
    fn end(&mut self) {
        self.mill = Mill::open(mill::Options { state: None, ..self.mill.options().clone() }).unwrap();
    }

    fn ids(&self) -> HashSet<String> {
        fields(&self.site, "/", "id").into_iter().collect()
    }
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix} {}", WORDS[number % WORDS.len()])).collect()
}

const WORDS: [&str; 12] = [
    "tower", "harbour", "ferry", "bakery", "library", "signal", "garden", "market", "bridge", "museum", "station",
    "orchard",
];

fn day(date: &str, section: &str, titles: &[String]) -> String {
    digest(date, &[(section, &titles.iter().map(String::as_str).collect::<Vec<_>>())])
}

fn two_days() -> Publication {
    let files = [
        ("2025-05-21.md", day("2025-05-21", "News", &names("old", 10))),
        ("2025-05-22.md", day("2025-05-22", "News", &names("new", 10))),
    ];
    Publication::new(&files)
}

#[test]
fn a_normal_day_and_a_typo_are_not_held_back() {
    let mut publication = two_days();
    publication.content.write("2025-05-23.md", day("2025-05-23", "News", &names("third", 12)));
    assert_eq!(publication.look("2025-05-23T12:00:00Z"), None);
    let text = day("2025-05-21", "News", &names("old", 10)).replace("About old ferry.", "About the old ferry.");
    publication.content.write("2025-05-21.md", text);
    assert_eq!(publication.look("2025-05-23T12:01:00Z"), None);
    assert!(body(&publication.site, "/rss.xml").contains("About the old ferry."));
    // The newest digest is still being worked on.
    let text = day("2025-05-23", "News", &names("third", 12)).replace("About", "Much about");
    publication.content.write("2025-05-23.md", text);
    assert_eq!(publication.look("2025-05-23T12:02:00Z"), None);
}

#[test]
fn what_takes_much_from_readers_is_held_back_until_it_is_confirmed_once() {
    let mut publication = two_days();
    let before = publication.ids();
    publication.content.write("2025-05-21.md", day("2025-05-21", "News", &names("old", 4)));
    let held = publication.look("2025-05-22T12:01:00Z").expect("6 of 20 entries vanish");
    assert_eq!(held.feeds.iter().map(|(feed, _, _)| feed.as_str()).collect::<Vec<_>>(), ["/", "/news/"]);
    assert_eq!((held.counts(), held.new), ([6, 0, 0, 0], 0));
    assert!(held.entries.iter().all(|entry| before.contains(&entry.before.id)));
    assert_eq!(
        held.entries.iter().map(|entry| entry.before.title.clone()).collect::<HashSet<_>>(),
        names("old", 10)[4..].iter().cloned().collect()
    );
    assert_eq!(publication.ids(), before, "the old site stays");
    let (fingerprint, words) = hold::read(publication.state.path()).unwrap().expect("it is written down");
    assert_eq!(fingerprint, held.fingerprint);
    assert!(words.contains("vanishes: `old library`"), "{words}");
    // It stays held, also beside what would pass alone.
    publication.content.write("2025-05-23.md", day("2025-05-23", "News", &names("third", 3)));
    assert_eq!(publication.look("2025-05-23T12:00:00Z").map(|held| held.fingerprint), Some(fingerprint.clone()));
    // Another change is not confirmed by this one.
    hold::confirm(publication.state.path(), "0123456789abcdef").unwrap();
    assert!(publication.look("2025-05-23T12:01:00Z").is_some());
    hold::confirm(publication.state.path(), &fingerprint).unwrap();
    assert_eq!(publication.look("2025-05-23T12:02:00Z"), None);
    assert_eq!(publication.ids().len(), 17);
    assert_eq!(hold::read(publication.state.path()).unwrap(), None, "nothing is held any more");
    publication.content.remove("2025-05-22.md");
    assert!(publication.look("2025-05-23T12:03:00Z").is_some(), "a confirmation counts once");
}

#[test]
fn a_mended_digest_needs_no_confirmation() {
    let mut publication = two_days();
    let (before, rss) = (publication.ids(), body(&publication.site, "/rss.xml"));
    publication.content.remove("2025-05-21.md");
    assert!(publication.look("2025-05-22T12:01:00Z").is_some());
    publication.content.write("2025-05-21.md", day("2025-05-21", "News", &names("old", 10)));
    assert_eq!(publication.look("2025-05-22T12:02:00Z"), None);
    assert_eq!(publication.ids(), before);
    assert_eq!(body(&publication.site, "/rss.xml"), rss);
}

#[test]
fn what_would_come_again_as_new_is_told_with_what_it_was() {
    let mut publication = two_days();
    let text = day("2025-05-21", "News", &names("old", 10)).replace("example.com/old-", "example.org/stories/");
    publication.content.write("2025-05-21.md", text.replace("### old ", "### An old "));
    let held = publication.look("2025-05-22T12:01:00Z").expect("10 of 20 entries come again as new");
    assert_eq!(held.counts(), [0, 10, 0, 0]);
    let ferry = held.entries.iter().find(|entry| entry.before.title == "old ferry").unwrap();
    assert!(matches!(&ferry.fate, Fate::Reidentified { title, .. } if title == "An old ferry"), "{ferry}");
}

#[test]
fn a_section_that_is_called_otherwise_in_every_digest_is_held_back() {
    let mut publication = two_days();
    for (date, prefix) in [("2025-05-21", "old"), ("2025-05-22", "new")] {
        publication.content.write(&format!("{date}.md"), day(date, "Novelties", &names(prefix, 10)));
    }
    let held = publication.look("2025-05-22T12:01:00Z").expect("the feed of the section is gone");
    // Those of the newest digest are still being worked on.
    assert_eq!(held.feeds, [("/news/".to_owned(), 10, 20)]);
    assert_eq!(held.counts(), [0, 0, 10, 0]);
}

#[test]
fn what_is_only_understood_better_is_not_held_back_but_another_reading_is() {
    // Until a third digest has them as well, these headings are taken for titles of items.
    let text = |day: usize| {
        let part = |heading: &str| {
            format!("## {heading} of the day\n\nUse [the {heading} {day}](https://example.org/{heading}/{day}).\n\n")
        };
        format!("# W\n\n{}", WORDS[..7].iter().map(|heading| part(heading)).collect::<String>())
    };
    let files = [("2025-05-01.md", text(1)), ("2025-05-02.md", text(2))];
    let mut publication = Publication::with("", &files, "2025-05-02T12:00:00Z");
    let first = titles(&publication.site, "/");
    publication.content.write("2025-05-03.md", text(3));
    assert_eq!(publication.look("2025-05-03T12:00:00Z"), None);
    let now = titles(&publication.site, "/");
    assert!(first.iter().all(|title| !now.contains(title)), "{first:?} {now:?}");
    publication.yaml = "items: {prose: skip}".to_owned();
    publication.restart();
    assert!(publication.look("2025-05-03T12:01:00Z").is_some());
}

#[test]
fn a_change_that_comes_piece_by_piece_is_one_change() {
    let date = |number: usize| format!("2025-05-{:02}", 10 + number);
    let files: Vec<(String, String)> = (0..10)
        .map(|number| (date(number) + ".md", day(&date(number), "News", &names(&format!("n{number}"), 10))))
        .collect();
    let files: Vec<(&str, String)> = files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    let mut publication = Publication::new(&files);
    let before = publication.ids();
    let mut now = moment("2025-05-22T12:00:00Z");
    let mut held = 0;
    for (name, text) in &files {
        publication
            .content
            .write(name, text.replace("example.com/", "example.net/stories/").replace("### n", "### Story n"));
        now += chrono::TimeDelta::seconds(1);
        held += usize::from(publication.look_for(now).0.is_some());
    }
    assert!(held >= 7, "held {held} times");
    assert!(publication.ids().intersection(&before).count() >= 80);
    // What was confirmed counts no more.
    hold::confirm(publication.state.path(), "").unwrap();
    assert_eq!(publication.look_for(now).0, None);
    assert_eq!(publication.ids().intersection(&before).count(), 0);
    publication.content.remove(files[9].0);
    assert_eq!(publication.look_for(now + chrono::TimeDelta::seconds(1)).0, None, "10 of 100 are not too many");
}

#[test]
fn corrections_that_come_piece_by_piece_are_one_change() {
    let date = |number: usize| format!("2025-05-{:02}", 17 + number);
    let text = |number: usize| day(&date(number), "News", &names(&format!("n{number}"), 11));
    let files: Vec<(String, String)> = (0..5).map(|number| (date(number) + ".md", text(number))).collect();
    let files: Vec<(&str, String)> = files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    let mut publication = Publication::new(&files);
    let retitled = |number: usize| text(number).replace("### n", "### A n");
    // In the newest digest none counts, however often.
    for minute in 0..4 {
        publication.content.write(files[4].0, files[4].1.replace("About", &format!("{minute} about")));
        assert_eq!(publication.look(&format!("2025-05-22T12:00:0{minute}Z")), None);
    }
    publication.content.write(files[0].0, retitled(0));
    assert_eq!(publication.look("2025-05-22T12:01:00Z"), None, "11 of 55 are not too many");
    publication.restart();
    // A new day and a typo pass beside it.
    publication.content.write("2025-05-22.md", day("2025-05-22", "News", &names("new", 12)));
    assert_eq!(publication.look("2025-05-22T12:02:00Z"), None);
    publication.content.write(files[2].0, files[2].1.replace("About n2 ferry.", "About the n2 ferry."));
    assert_eq!(publication.look("2025-05-22T12:03:00Z"), None);
    publication.content.write(files[1].0, retitled(1));
    let held = publication.look("2025-05-22T12:04:00Z").expect("23 of 67 are too many");
    assert_eq!(held.feeds[0], ("/".to_owned(), 23, 67));
    assert_eq!(held.counts(), [0, 0, 0, 11]);
    assert_eq!(publication.look("2025-05-22T13:03:30Z"), None, "an hour later the first are over");
    // What was lost and came back does not count, nor what was corrected and then lost a second time.
    publication.content.write(files[1].0, day(&date(1), "News", &names("n1", 8)).replace("### n", "### A n"));
    assert_eq!(publication.look("2025-05-22T15:00:00Z"), None);
    publication.content.write(files[1].0, retitled(1));
    assert_eq!(publication.look("2025-05-22T15:01:00Z"), None);
    publication.content.write(files[3].0, retitled(3));
    assert_eq!(publication.look("2025-05-22T15:02:00Z"), None, "11 of 67");
}

#[test]
fn what_is_corrected_again_and_again_does_not_grow_the_ledger() {
    let mut publication = two_days();
    let text = day("2025-05-21", "News", &names("old", 10));
    for second in 0..20 {
        publication
            .content
            .write("2025-05-21.md", text.replace("About old tower.", &format!("About {second} towers.")));
        assert_eq!(publication.look(&format!("2025-05-22T13:00:{second:02}Z")), None);
    }
    publication.end();
    let ledger = rusqlite::Connection::open(publication.state.file("ledger.sqlite")).unwrap();
    let kept: i64 = ledger.query_row("SELECT count(*) FROM loss", [], |row| row.get(0)).unwrap();
    // In the feed of everything and in that of the section, with the digest itself.
    assert!((1..=4).contains(&kept), "{kept}");
}

#[test]
fn the_same_again_is_held_back_and_its_removal_is_not() {
    let mut publication = two_days();
    let before = publication.ids();
    let copies = [("2025-05-21-copy.md", "2025-05-21", "old"), ("2025-05-22-copy.md", "2025-05-22", "new")];
    for (name, date, prefix) in copies {
        publication.content.write(name, day(date, "News", &names(prefix, 10)));
    }
    let held = publication.look("2025-05-22T12:01:00Z").expect("20 come twice");
    assert_eq!(held.counts(), [0, 20, 0, 0]);
    hold::confirm(publication.state.path(), "").unwrap();
    assert_eq!(publication.look("2025-05-22T12:02:00Z"), None);
    assert_eq!(publication.ids().len(), 40);
    copies.iter().for_each(|(name, _, _)| publication.content.remove(name));
    assert_eq!(publication.look("2025-05-22T12:03:00Z"), None);
    assert_eq!(publication.ids(), before);
}

#[test]
fn a_digest_without_items_and_the_same_look_again_change_nothing() {
    let mut publication = two_days();
    publication.content.write("2025-05-22-b.md", "# 2025-05-22\n\n## News\n");
    publication.look("2025-05-22T12:01:00Z");
    let (id, rss) = (fields(&publication.site, "/", "id")[0].clone(), body(&publication.site, "/rss.xml"));
    for minute in 2..5 {
        publication.look(&format!("2025-05-22T12:0{minute}:00Z"));
    }
    let options = feedmill::ledger::Options::default();
    assert_eq!(publication.mill.ledger().find(&id, &options).unwrap()[0].events.len(), 1);
    assert_eq!(body(&publication.site, "/rss.xml"), rss);
}

#[test]
fn a_state_folder_is_one_process_s_and_can_be_read_by_all() {
    let publication = two_days();
    let error = Ledger::open(publication.state.path(), &feedmill::ledger::Options::default()).unwrap_err();
    assert!(!ledger::is_of_the_disk(&error) && format!("{error:#}").contains("another feedmill uses it"), "{error:#}");
    assert!(Ledger::open_to_read(publication.state.path(), &feedmill::ledger::Options::default()).is_ok());
}

#[test]
fn a_list_that_is_much_the_same_each_day_is_never_held_back() {
    let mut publication = Publication::new(&[("2025-05-21.md", day("2025-05-21", "News", &names("same", 10)))]);
    publication.content.write("2025-05-22.md", day("2025-05-22", "News", &names("same", 10)));
    assert_eq!(publication.look("2025-05-22T13:00:00Z"), None);
    assert_eq!(titles(&publication.site, "/").len(), 20);
    publication.content.write("copy/2025-05-22.md", day("2025-05-22", "News", &names("same", 10)));
    assert!(publication.look("2025-05-22T14:00:00Z").is_some(), "a copy");
}

#[test]
fn a_ledger_that_is_damaged_is_not_gone_on_without() {
    let mut publication = two_days();
    publication.end();
    let (content, state) = (publication.content.path().to_str().unwrap(), publication.state.path().to_str().unwrap());
    let file = publication.state.file("ledger.sqlite");
    for damage in [|bytes: &mut Vec<u8>| bytes[..100].fill(7), |bytes: &mut Vec<u8>| bytes[4_000..60_000].fill(7)] {
        let good = std::fs::read(&file).unwrap();
        let mut bytes = good.clone();
        damage(&mut bytes);
        std::fs::write(&file, &bytes).unwrap();
        let run = feedmill(&["serve", content, "--state", state, "--listen", "127.0.0.1:0", "--base-url", BASE]);
        let error = String::from_utf8(run.stderr).unwrap();
        assert_eq!(run.status.code(), Some(2), "{error}");
        assert!(error.contains("restore it from a backup, or move it away"), "{error}");
        std::fs::write(&file, &good).unwrap();
    }
}

#[test]
fn a_confirmation_of_nothing_or_that_cannot_be_read_lets_nothing_through() {
    let mut publication = two_days();
    let flag = hold::confirmation(publication.state.path());
    std::fs::write(&flag, "").unwrap();
    publication.look("2025-05-22T12:01:00Z");
    assert!(!flag.exists(), "nothing was held");
    publication.content.remove("2025-05-21.md");
    std::fs::write(&flag, "").unwrap();
    assert!(publication.look("2025-05-22T12:01:30Z").is_some(), "nobody could see what would go");
    assert!(!flag.exists());
    std::fs::write(&flag, b"\xFF").unwrap();
    assert!(publication.look("2025-05-22T12:02:00Z").is_some());
    assert!(!flag.exists());
    std::fs::create_dir(&flag).unwrap();
    assert!(publication.look("2025-05-22T12:03:00Z").is_some());
}

#[test]
fn a_change_made_while_nobody_looked_is_held_back_and_the_old_site_shown() {
    let mut publication = two_days();
    let (rss, home) = (body(&publication.site, "/rss.xml"), body(&publication.site, "/"));
    let tag = page(&publication.site, "/rss.xml").hash().to_owned();
    publication.content.remove("2025-05-21.md");
    publication.restart();
    assert!(publication.look("2025-06-22T12:00:00Z").is_some());
    assert_eq!((body(&publication.site, "/rss.xml"), body(&publication.site, "/")), (rss, home));
    assert_eq!(page(&publication.site, "/rss.xml").hash(), tag);
    assert!(publication.site.is_partial, "pages of digests are not kept");
    hold::confirm(publication.state.path(), "").unwrap();
    assert_eq!(publication.look("2025-06-22T12:00:01Z"), None);
    assert!(!publication.site.is_partial);
}

#[test]
fn what_a_held_change_does_not_touch_is_shown_after_a_restart() {
    let (mut publication, _) = three_years();
    let old = bodies(&publication.site);
    let lost = ["2024-12-28.md", "2024-12-25.md", "2024-12-22.md", "2024-12-19.md"];
    lost.iter().for_each(|name| publication.content.remove(name));
    publication.content.write("2022-02-03.md", day("2022-02-03", "News", &names("other", 2)));
    publication.restart();
    assert!(publication.look("2025-01-15T12:01:00Z").is_some());
    let now = bodies(&publication.site);
    // Of a digest beside one that is gone, the page leads on to another.
    let documents = now.iter().filter(|(route, _)| !route.starts_with("/digests/2"));
    documents.for_each(|(route, body)| assert_eq!(old[route], *body, "{route}"));
    let missing: Vec<&String> = old.keys().filter(|route| !now.contains_key(*route)).collect();
    let of_digests = missing.iter().filter(|route| route.starts_with("/digests/2"));
    assert_eq!(of_digests.count(), lost.len() + 1);
    let is_touched = |route: &String| ["2024-12", "2022-02"].iter().any(|month| route.contains(month));
    // What tells of all digests is made of all.
    let of_all = ["/digests/", "/sitemap.xml", "/sitemap/pages.xml"];
    assert!(missing.iter().all(|route| is_touched(route) || of_all.contains(&route.as_str())), "{missing:?}");
    assert!(now.contains_key("/archive/2022-03.atom") && now.contains_key("/news/archive/2024-11.json"));
    assert!(publication.site.is_partial);
}

#[test]
fn limits_are_configured() {
    let files = [("2025-05-21.md", day("2025-05-21", "News", &names("old", 10)))];
    for (yaml, is_held) in
        [("guard: {share_percent: 100}", false), ("guard: {entries: 10}", false), ("guard: {entries: 1}", true)]
    {
        let mut publication = Publication::with(yaml, &files, "2025-05-22T12:00:00Z");
        publication.content.write("2025-05-21.md", day("2025-05-21", "News", &names("old", 7)));
        assert_eq!(publication.look("2025-05-22T12:01:00Z").is_some(), is_held, "{yaml}");
    }
}

#[test]
fn no_restart_changes_a_byte_or_a_validator() {
    let mut publication = two_days();
    publication.content.write("2025-05-22.md", day("2025-05-22", "News", &names("new", 9)));
    publication.look("2025-05-22T13:00:00Z");
    let validators = |site: &Site| -> BTreeMap<String, (String, Option<DateTime<Utc>>)> {
        site.pages.iter().map(|(route, page)| (route.clone(), (page.hash().to_owned(), page.last_modified))).collect()
    };
    let before = validators(&publication.site);
    assert_eq!(before["/rss.xml"].1, Some(moment("2025-05-22T13:00:00Z")));
    publication.restart();
    publication.look("2025-07-01T08:00:00Z");
    assert_eq!(validators(&publication.site), before);
    // What changes while nobody looks is later than all that anybody was told.
    publication.content.write("2025-05-23.md", day("2025-05-23", "News", &names("third", 3)));
    publication.restart();
    publication.look("2025-07-02T08:00:00Z");
    assert_eq!(page(&publication.site, "/rss.xml").last_modified, Some(moment("2025-07-02T08:00:00Z")));
}

#[test]
fn the_authority_of_ids_is_that_of_the_beginning() {
    let mut publication = two_days();
    let ids = publication.ids();
    assert!(ids.iter().all(|id| id.starts_with("tag:news.example.org,2025:")));
    for yaml in ["site: {base_url: 'https://other.example.net/'}", "ids: {authority: another.example.org}"] {
        publication.yaml = yaml.to_owned();
        publication.restart();
        publication.content.write("2025-05-23.md", day("2025-05-23", "News", &names("third", 3)));
        publication.look("2025-05-23T12:00:00Z");
        assert_eq!(publication.ids().iter().filter(|id| id.starts_with("tag:news.example.org,2025:")).count(), 23);
        assert!(publication.ids().is_superset(&ids), "{yaml}");
        let atom = body(&publication.site, "/atom.xml");
        assert!(atom.contains("<id>tag:news.example.org,2025:feed/all</id>"), "{atom}");
    }
}

#[test]
fn a_digest_that_waits_appears_at_its_moment_and_not_before() {
    let yaml = "time: {timezone: Asia/Shanghai, publish_at: '08:00'}";
    let mut publication = Publication::with(
        yaml,
        &[("2025-05-20.md", day("2025-05-20", "News", &names("a", 2)))],
        "2025-05-20T12:00:00Z",
    );
    publication.content.write("2025-05-22.md", day("2025-05-22", "News", &names("b", 2)));
    let at = moment("2025-05-22T00:00:00Z");
    assert_eq!(publication.look_for(moment("2025-05-21T08:00:00Z")), (None, Some(at)));
    // On its date, before its moment, whatever else happens.
    publication.content.write("2025-05-19.md", day("2025-05-19", "News", &names("c", 2)));
    assert_eq!(publication.look_for(moment("2025-05-21T20:00:00Z")), (None, Some(at)));
    publication.restart();
    assert_eq!(publication.look_for(moment("2025-05-21T20:00:01Z")), (None, Some(at)));
    assert_eq!(titles(&publication.site, "/").len(), 4);
    assert_eq!(publication.look_for(at), (None, None));
    assert_eq!(
        fields(&publication.site, "/", "date_published")[..2],
        ["2025-05-22T08:00:00+08:00", "2025-05-22T07:59:59+08:00"]
    );
    // One that comes on its date is there at once.
    publication.content.write("2025-05-23.md", day("2025-05-23", "News", &names("d", 1)));
    publication.look("2025-05-22T20:00:00Z");
    assert_eq!(fields(&publication.site, "/", "date_published")[0], "2025-05-23T04:00:00+08:00");
}

#[test]
fn hours_that_are_left_out_or_come_twice_are_decided() {
    let yaml = "time: {timezone: Europe/Berlin, publish_at: '02:30'}";
    let files = ["2025-03-30", "2025-10-26"].map(|date| (date.to_owned() + ".md", day(date, "News", &names(date, 1))));
    let files: Vec<(&str, String)> = files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    let publication = Publication::with(yaml, &files, "2025-12-01T00:00:00Z");
    assert_eq!(
        fields(&publication.site, "/", "date_published"),
        ["2025-10-26T02:30:00+02:00", "2025-03-30T03:00:00+02:00"]
    );
}

#[test]
fn no_two_entries_have_one_moment_however_late_they_come() {
    let files =
        [("2025-05-20.md", "2025-05-20", 1), ("2025-05-21.md", "2025-05-21", 1), ("2025-05-22.md", "2025-05-22", 3)];
    let files = files.map(|(name, date, count)| (name, day(date, "News", &names("a", count))));
    let mut publication = Publication::new(&files);
    let now = "2025-05-22T12:00:00Z";
    // Four late items in one second, looked at one by one, and two more editions of that date.
    for count in 4..8 {
        publication.content.write("2025-05-22.md", day("2025-05-22", "News", &names("a", count)));
        publication.look(now);
    }
    for (edition, prefix) in [("b", "bee"), ("a", "ant")] {
        publication.content.write(&format!("2025-05-22-{edition}.md"), day("2025-05-22", "News", &names(prefix, 3)));
        assert_eq!(publication.look("2025-05-22T12:00:01Z"), None);
    }
    // Two corrections of the same second.
    let text = day("2025-05-22", "News", &names("a", 7))
        .replace("About a tower", "Of a tower")
        .replace("About a ferry", "Of a ferry");
    publication.content.write("2025-05-22.md", text);
    publication.look("2025-05-22T12:00:02Z");
    for field in ["date_published", "date_modified"] {
        let times: Vec<String> = fields(&publication.site, "/", field);
        assert_eq!(times.len(), 15);
        assert_eq!(times.iter().collect::<HashSet<_>>().len(), 15, "{field}: {times:?}");
    }
}

#[test]
fn a_digest_with_another_date_has_the_same_items() {
    let mut publication = two_days();
    let before = publication.ids();
    publication.content.rename("2025-05-21.md", "2025-05-20.md");
    publication.content.write("2025-05-20.md", day("2025-05-20", "News", &names("old", 10)));
    assert_eq!(publication.look("2025-05-22T12:01:00Z"), None);
    assert_eq!(publication.ids(), before);
    publication.restart();
    publication.content.write("2025-05-21.md", day("2025-05-21", "News", &names("else", 3)));
    assert_eq!(publication.look("2025-05-22T12:02:00Z"), None);
    assert!(publication.ids().is_superset(&before));
    // Even one with the same story gets an id of its own.
    publication.content.write("2025-05-21.md", day("2025-05-21", "News", &names("old", 1)));
    publication.look("2025-05-22T12:03:00Z");
    let ids = fields(&publication.site, "/", "id");
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    assert!(publication.ids().is_superset(&before));
}

/// A publication without a guard, whose digests of one date are looked at over time.
struct Editions {
    publication: Publication,
    minute: usize,
}

impl Editions {
    fn new() -> Editions {
        let dates = ["2025-05-18", "2025-05-19", "2025-05-20", "2025-05-21"];
        let files = dates.map(|date| (date.to_owned() + ".md", day(date, "News", &names(date, 3))));
        let files = files.each_ref().map(|(name, text)| (name.as_str(), text.clone()));
        let publication = Publication::with("guard: {share_percent: 100}", &files, "2025-05-22T12:00:00Z");
        Editions { publication, minute: 0 }
    }

    fn write(&self, edition: &str, name: &str) {
        let text = day("2025-05-22", "News", &names(edition, 4)).replace("Digest of 2025-05-22", edition);
        self.publication.content.write(name, text);
    }

    /// The keys of the digests of the date by their titles; the same after another look, and after a restart.
    fn keys(&mut self) -> BTreeMap<String, String> {
        let mut look = |publication: &mut Publication| -> BTreeMap<String, String> {
            self.minute += 1;
            publication.look(&format!("2025-05-22T13:{:02}:00Z", self.minute));
            let [ids, titles] = ["id", "title"].map(|field| fields(&publication.site, "/digests/", field));
            let keys = ids.iter().map(|id| id.rsplit_once(':').unwrap().1.to_owned());
            titles.into_iter().zip(keys).filter(|(_, key)| key.starts_with("2025-05-22")).collect()
        };
        let keys = look(&mut self.publication);
        self.publication.restart();
        assert_eq!(look(&mut self.publication), keys, "a restart changes none");
        keys
    }

    fn expect(&mut self, expected: &[(&str, &str)]) {
        let expected = expected.iter().map(|(title, key)| ((*title).to_owned(), (*key).to_owned()));
        assert_eq!(self.keys(), expected.collect());
    }
}

#[test]
fn a_second_digest_of_a_date_takes_nothing_from_the_first() {
    let mut editions = Editions::new();
    editions.write("Morning", "2025-05-22-morning.md");
    editions.expect(&[("Morning", "2025-05-22")]);
    // Its path is plainer, but it is later.
    editions.write("Evening", "2025-05-22-b.md");
    editions.expect(&[("Morning", "2025-05-22"), ("Evening", "2025-05-22-b")]);
    editions.write("Night", "2025-05-22.md");
    editions.expect(&[("Morning", "2025-05-22"), ("Evening", "2025-05-22-b"), ("Night", "2025-05-22-2")]);
    // What is gone keeps its name for when it comes back.
    editions.publication.content.rename("2025-05-22-morning.md", "aside/morning.txt");
    editions.expect(&[("Evening", "2025-05-22-b"), ("Night", "2025-05-22-2")]);
    editions.write("Noon", "2025-05-22-n.md");
    editions.publication.content.rename("aside/morning.txt", "2025-05-22-morning.md");
    let all =
        [("Morning", "2025-05-22"), ("Evening", "2025-05-22-b"), ("Night", "2025-05-22-2"), ("Noon", "2025-05-22-n")];
    editions.expect(&all);
}

#[test]
fn a_digest_keeps_its_name_under_another_name_of_its_file() {
    let mut editions = Editions::new();
    editions.write("Morning", "2025-05-22.md");
    editions.write("Evening", "2025-05-22-evening.md");
    let both = [("Morning", "2025-05-22"), ("Evening", "2025-05-22-evening")];
    editions.expect(&both);
    editions.publication.content.rename("2025-05-22.md", "2025-05-22-zzz.md");
    editions.expect(&both);
    editions.publication.content.rename("2025-05-22-evening.md", "2025-05-22.md");
    editions.expect(&both);
    // Both at once, and one of them edited, while nobody looks.
    editions.publication.content.remove("2025-05-22-zzz.md");
    editions.publication.content.rename("2025-05-22.md", "b/2025-05-22.md");
    let text = day("2025-05-22", "News", &names("Morning", 5)).replace("Digest of 2025-05-22", "Morning");
    editions.publication.content.write("2025-05-22.md", text);
    editions.publication.restart();
    editions.expect(&both);
    // What is rewritten where it stands is the same digest; what is written anew elsewhere is another.
    editions.write("Noon", "2025-05-22.md");
    editions.expect(&[("Noon", "2025-05-22"), ("Evening", "2025-05-22-evening")]);
    editions.publication.content.remove("b/2025-05-22.md");
    editions.write("Night", "2025-05-22-evening.md");
    editions.expect(&[("Noon", "2025-05-22"), ("Night", "2025-05-22-evening-2")]);
}

#[test]
fn the_names_of_digests_last_without_a_state_folder_until_the_next_start() {
    let folder = Folder::with([("2025-05-22-morning.md", day("2025-05-22", "News", &names("m", 3)).as_str())]);
    let options = options("", folder.path());
    let mut library = Library::new(folder.path(), options.library, options.site.rules);
    let mut keys = || -> Vec<String> {
        library.refresh(&HashSet::new(), "2025-05-22".parse().unwrap()).unwrap();
        let mut keyed: Vec<_> =
            library.digests().iter().map(|(key, digest)| format!("{} {key}", digest.path)).collect();
        keyed.sort_unstable();
        keyed
    };
    assert_eq!(keys(), ["2025-05-22-morning.md 2025-05-22"]);
    folder.write("2025-05-22-b.md", day("2025-05-22", "News", &names("b", 3)));
    assert_eq!(keys(), ["2025-05-22-b.md 2025-05-22-b", "2025-05-22-morning.md 2025-05-22"]);
}

const SECTIONS: [&str; 2] = ["News", "Papers"];

/// Three years of a digest every third day.
fn three_years() -> (Publication, usize) {
    let first: chrono::NaiveDate = "2022-01-01".parse().unwrap();
    let (content, state) = (Folder::new(), Folder::new());
    let mut count = 0;
    for number in 0..365_u64 {
        let date = (first + chrono::Days::new(number * 3)).to_string();
        let news = names(&format!("n{number}"), 3);
        let papers = names(&format!("p{number}"), 1 + usize::from(number % 2 == 0));
        count += news.len() + papers.len();
        let [news, papers] = [&news, &papers].map(|titles| titles.iter().map(String::as_str).collect::<Vec<_>>());
        content.write(&format!("{date}.md"), digest(&date, &[(SECTIONS[0], &news), (SECTIONS[1], &papers)]));
    }
    let mill = open(&content, &state, "");
    let site = mill.last_shown().unwrap();
    let mut publication = Publication { content, state, yaml: String::new(), mill, site };
    publication.look("2025-01-15T12:00:00Z");
    (publication, count)
}

fn route_of(url: &str) -> String {
    format!("/{}", url.strip_prefix(BASE).unwrap())
}

/// The documents of a feed from the newest to the oldest, by the links that `next` finds.
fn walk(site: &Site, first: &str, next: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let mut documents = vec![(first.to_owned(), body(site, first))];
    while let Some(url) = next(&documents.last().unwrap().1) {
        let route = route_of(&url);
        assert!(!documents.iter().any(|(known, _)| *known == route), "a circle at {route}");
        let text = body(site, &route);
        documents.push((route, text));
    }
    documents
}

fn link(atom: &str, rel: &str) -> Option<String> {
    let document = roxmltree::Document::parse(atom).unwrap();
    let mut links = document.root_element().children().filter(|node| node.has_tag_name("link"));
    links.find(|link| link.attribute("rel") == Some(rel)).map(|link| link.attribute("href").unwrap().to_owned())
}

fn entry_ids(atom: &str) -> Vec<String> {
    feed_rs::parser::parse(atom.as_bytes()).unwrap().entries.into_iter().map(|entry| entry.id).collect()
}

#[test]
fn whoever_follows_the_archives_finds_every_item_once() {
    let (publication, count) = three_years();
    let site = &publication.site;
    for (folder, expected) in [("/", count), ("/news/", 365 * 3), ("/papers/", count - 365 * 3), ("/digests/", 365)] {
        let documents = walk(site, &format!("{folder}atom.xml"), |atom| link(atom, "prev-archive"));
        // The feed shows all of the newest month, so it leads to the one before.
        assert_eq!(documents[1].0, format!("{folder}archive/2024-11.atom"));
        assert_eq!(documents.len(), 36, "{folder}: three years, and the feed itself");
        assert_eq!(documents.last().unwrap().0, format!("{folder}archive/2022-01.atom"));
        let mut seen: HashSet<String> = HashSet::new();
        for (route, atom) in &documents[1..] {
            for id in entry_ids(atom) {
                assert!(seen.insert(id), "an entry of {route} is in two archives");
            }
        }
        seen.extend(entry_ids(&documents[0].1));
        assert_eq!(seen.len(), expected, "{folder}");
        for (at, (route, atom)) in documents.iter().enumerate().skip(1) {
            assert!(
                atom.contains("<fh:archive") && atom.contains("xmlns:fh=\"http://purl.org/syndication/history/1.0\"")
            );
            assert_eq!(link(atom, "current").map(|url| route_of(&url)), Some(format!("{folder}atom.xml")));
            assert_eq!(link(atom, "self").map(|url| route_of(&url)).as_ref(), Some(route));
            let newer = documents[..at].last().filter(|_| at > 1).map(|(route, _)| route.clone());
            if at > 1 {
                assert_eq!(link(atom, "next-archive").map(|url| route_of(&url)), newer, "{route}");
            }
        }
        expect_the_same_in_json(site, folder, &documents);
    }
}

/// Whoever follows `next_url` finds what is in the Atom documents of a feed, each entry of the archives once.
fn expect_the_same_in_json(site: &Site, folder: &str, documents: &[(String, String)]) {
    let json = walk(site, &format!("{folder}feed.json"), |text| {
        let feed: serde_json::Value = serde_json::from_str(text).unwrap();
        feed["next_url"].as_str().map(str::to_owned)
    });
    let routes: Vec<String> = json.iter().skip(1).map(|(route, _)| route.replace(".json", ".atom")).collect();
    assert_eq!(routes, documents.iter().skip(1).map(|(route, _)| route.clone()).collect::<Vec<_>>());
    let ids = |text: &str| -> Vec<String> {
        let feed: serde_json::Value = serde_json::from_str(text).unwrap();
        let items = feed["items"].as_array().unwrap().iter();
        items.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let mut archived: HashSet<String> = HashSet::new();
    for (at, ((_, atom), (route, json))) in documents.iter().zip(&json).enumerate() {
        let (atom, json) = (entry_ids(atom), ids(json));
        assert_eq!(atom, json, "{route}");
        assert!(at == 0 || json.into_iter().all(|id| archived.insert(id)), "{route}: each once");
    }
}

#[test]
fn a_month_that_is_over_changes_only_with_what_is_in_it() {
    let (mut publication, _) = three_years();
    let archives = |site: &Site| -> BTreeMap<String, String> {
        // Those for readers; the pages of months are for people.
        let routes = site.pages.keys().filter(|route| route.contains("/archive/") && !route.ends_with('/'));
        routes.map(|route| (route.clone(), page(site, route).hash().to_owned())).collect()
    };
    let before = archives(&publication.site);
    assert_eq!(before.len(), 4 * 36 * 2);
    publication.content.write("2025-02-01.md", digest("2025-02-01", &[("News", &["n tower", "n bridge"])]));
    publication.look("2025-02-01T12:00:00Z");
    let after = archives(&publication.site);
    let changed: Vec<&String> =
        before.iter().filter(|(route, hash)| after[*route] != **hash).map(|(route, _)| route).collect();
    assert!(
        changed.iter().all(|route| route.contains("2024-12")),
        "only the newest learns of its follower: {changed:?}"
    );
    publication.restart();
    publication.look("2025-02-02T12:00:00Z");
    assert_eq!(archives(&publication.site), after);
    let text = digest(
        "2022-01-01",
        &[("News", &["n0 tower", "n0 harbour", "n0 ferry"]), ("Papers", &["p0 tower", "p0 harbour"])],
    );
    publication.content.write("2022-01-01.md", text.replace("About n0 ferry", "All about n0 ferry"));
    publication.look("2025-02-03T12:00:00Z");
    let corrected = archives(&publication.site);
    let changed: HashSet<&str> =
        after.iter().filter(|(route, hash)| corrected[*route] != **hash).map(|(route, _)| route.as_str()).collect();
    let month = |folder: &str| ["atom", "json"].map(|ending| format!("{folder}archive/2022-01.{ending}"));
    let expected: Vec<String> = ["/", "/news/", "/digests/"].into_iter().flat_map(month).collect();
    assert_eq!(changed, expected.iter().map(String::as_str).collect());
}

#[test]
fn what_is_taken_back_is_a_notice_for_some_days_and_then_gone() {
    let text = |comment: &str| {
        format!(
            "# 2025-05-22\n\n## News\n\n### [Night buses](https://example.org/1)\n\n{comment}Every hour.\n\n### [Old tower](https://example.org/2)\n\nIt stands.\n"
        )
    };
    let yaml = "retractions: {days: 3, label: 已撤回}";
    let mut publication = Publication::with(yaml, &[("2025-05-22.md", text(""))], "2025-05-22T12:00:00Z");
    let before = json(&publication.site, "/")["items"][0].clone();
    publication.content.write("2025-05-22.md", text("<!-- retracted: the city has <not> decided -->\n"));
    let end = moment("2025-05-26T09:00:00Z");
    assert_eq!(publication.look_for(moment("2025-05-23T09:00:00Z")), (None, Some(end)));
    let notice = json(&publication.site, "/news/")["items"][0].clone();
    assert_eq!((&notice["id"], &notice["date_published"]), (&before["id"], &before["date_published"]));
    assert_eq!(notice["title"], "已撤回: Night buses");
    assert_eq!(notice["content_html"], "<p><strong>已撤回</strong>: the city has &lt;not&gt; decided</p>");
    assert_eq!(
        (&notice["external_url"], &notice["date_modified"]),
        (&serde_json::Value::Null, &"2025-05-23T09:00:00+00:00".into())
    );
    let digest = body(&publication.site, "/digests/2025-05-22/");
    assert!(digest.contains("<s>Night buses</s>") && !digest.contains("Every hour"));
    assert!(!body(&publication.site, "/digests/rss.xml").contains("Every hour"));
    publication.restart();
    assert_eq!(publication.look_for(moment("2025-05-26T08:59:59Z")), (None, Some(end)));
    assert_eq!(titles(&publication.site, "/").len(), 2);
    assert_eq!(publication.look_for(end), (None, None));
    assert_eq!(titles(&publication.site, "/"), ["Old tower"]);
    assert!(!body(&publication.site, "/digests/2025-05-22/").contains("Night buses"));
    // And back again, under its id.
    publication.content.write("2025-05-22.md", text(""));
    publication.look("2025-05-27T12:00:00Z");
    assert_eq!(json(&publication.site, "/")["items"][0]["id"], before["id"]);
    assert_eq!(json(&publication.site, "/")["items"][0]["date_published"], before["date_published"]);
}

#[test]
fn what_is_taken_back_before_it_was_published_is_never_seen() {
    let text = "---\nretracted: true\n---\n# 2025-05-22\n\n## News\n\n- [One](https://example.org/1)\n- [Two](https://example.org/2)\n";
    let mut publication = Publication::new(&[("2025-05-21.md", day("2025-05-21", "News", &names("a", 2)))]);
    publication.content.write("2025-05-22.md", text);
    publication.look("2025-05-22T13:00:00Z");
    assert_eq!(titles(&publication.site, "/").len(), 2);
    assert_eq!(titles(&publication.site, "/digests/"), ["Digest of 2025-05-21"]);
    let text = "# 2025-05-22\n\n## News\n\n- [LIBEL](https://example.org/1) <!-- Retracted -->\n- [Two](https://example.org/2)\n";
    publication.content.write("2025-05-22.md", text);
    publication.look("2025-05-22T14:00:00Z");
    assert_eq!(titles(&publication.site, "/").len(), 3);
    for (route, page) in &publication.site.pages {
        assert!(!String::from_utf8_lossy(page.body()).contains("LIBEL"), "{route}");
    }
}

#[test]
fn what_is_taken_back_goes_without_being_held_back() {
    let date = |number: usize| format!("2025-05-1{number}");
    let text = |number: usize, front: &str| {
        let text = day(&date(number), "News", &names(&format!("n{number}"), 2));
        text.replace("---\ndate", &format!("---\n{front}date"))
    };
    let files: Vec<(String, String)> = (0..9).map(|number| (date(number) + ".md", text(number, ""))).collect();
    let files: Vec<(&str, String)> = files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    let mut publication = Publication::new(&files);
    for (number, (name, _)) in files.iter().enumerate().take(7) {
        publication.content.write(name, text(number, "retracted: a hoax\n"));
    }
    assert_eq!(publication.look("2025-05-22T13:00:00Z"), None);
    assert_eq!(titles(&publication.site, "/digests/").len(), 9);
    assert_eq!(publication.look("2025-06-22T13:00:00Z"), None);
    assert_eq!(titles(&publication.site, "/digests/").len(), 2);
    assert!(!publication.site.pages.contains_key("/digests/2025-05-10/"));
}

#[test]
fn a_comment_that_may_be_of_another_item_takes_none_back() {
    let check = |text: &str| {
        let folder = Folder::with([("2025-05-22.md", text)]);
        let run = feedmill(&["check", folder.path().to_str().unwrap(), "--format", "short"]);
        let found = String::from_utf8(run.stdout).unwrap().matches("[retraction-unknown]").count();
        (found, titles(&folder.site(), "/"))
    };
    let text = |above: &str, below: &str, at_end: &str| {
        format!(
            "# 2025-05-22\n\n## News\n{above}\n### [One](https://example.org/1)\n\nText.\n{below}### [Two](https://example.org/2)\n\nText.\n{at_end}\n## Papers\n\n### [Three](https://example.org/3)\n\nText.\n"
        )
    };
    let comment = "<!-- retracted: wrong -->\n";
    let all = ["One", "Two", "Three"].map(str::to_owned).to_vec();
    assert_eq!(check(&text("", "", "")), (0, all.clone()));
    assert_eq!(check(&text(comment, "", "")), (1, all.clone()), "below the heading of a section");
    assert_eq!(check(&text("", comment, "")), (1, all), "right above a heading");
    assert_eq!(check(&text("", &format!("{comment}\n"), "")).1, ["Two", "Three"]);
    assert_eq!(check(&text("", "", comment)).1, ["One", "Three"]);
}

#[test]
fn a_digest_taken_back_whole_or_by_names_is_never_held_back() {
    let mut publication = two_days();
    let old = day("2025-05-21", "News", &names("old", 10));
    let front = |what: &str| old.replace("---\ndate", &format!("---\nretracted: {what}\ndate"));
    publication.content.write("2025-05-21.md", front("[https://example.com/old-ferry, old signal]"));
    assert_eq!(publication.look("2025-05-22T13:00:00Z"), None);
    let retracted = titles(&publication.site, "/").into_iter().filter(|title| title.starts_with("Retracted: "));
    assert_eq!(retracted.collect::<Vec<_>>(), ["Retracted: old ferry", "Retracted: old signal"]);
    publication.content.write("2025-05-21.md", front("the source was wrong"));
    assert_eq!(publication.look("2025-05-22T14:00:00Z"), None);
    assert_eq!(titles(&publication.site, "/").iter().filter(|title| title.starts_with("Retracted: ")).count(), 10);
    assert!(body(&publication.site, "/rss.xml").contains("the source was wrong"));
    assert_eq!(publication.look("2025-06-22T14:00:00Z"), None);
    assert_eq!(titles(&publication.site, "/").len(), 10);
    assert_eq!(titles(&publication.site, "/digests/"), ["Digest of 2025-05-22"]);
}

#[test]
fn explain_tells_the_history_of_an_entry() {
    let mut publication = two_days();
    let state = publication.state.path().to_str().unwrap().to_owned();
    let text = day("2025-05-22", "News", &names("new", 10));
    publication.content.write("2025-05-22.md", text.replace("### new ferry", "### The new ferry"));
    publication.look("2025-05-23T12:00:00Z");
    publication.content.write("2025-05-22.md", day("2025-05-22", "News", &names("new", 2)));
    assert!(publication.look("2025-05-24T11:00:00Z").is_some());
    hold::confirm(publication.state.path(), "").unwrap();
    assert_eq!(publication.look("2025-05-24T12:00:00Z"), None);
    publication.content.write("2025-05-22.md", text.replace("### new ferry", "### The new ferry"));
    publication.look("2025-05-25T12:00:00Z");
    let items = json(&publication.site, "/")["items"].clone();
    let ferry = items.as_array().unwrap().iter().find(|item| item["title"] == "The new ferry").unwrap().clone();
    let explain = |name: &str| {
        let run = feedmill(&["explain", name, "--state", &state]);
        (run.status.code(), String::from_utf8(run.stdout).unwrap(), String::from_utf8(run.stderr).unwrap())
    };
    let (code, by_id, _) = explain(ferry["id"].as_str().unwrap());
    assert_eq!(code, Some(0));
    assert_eq!(explain(ferry["url"].as_str().unwrap()).1, by_id);
    let short = ferry["id"].as_str().unwrap().rsplit_once('/').unwrap().1;
    for name in ["http://example.com/new-ferry?utm_source=x", "the NEW ferry", short, &format!("#{short}")] {
        assert_eq!(explain(name).1, by_id, "{name}");
    }
    for expected in [
        "The new ferry\n",
        "published  2025-05-22 07:59:58 +00:00",
        "in the feeds /, /news/",
        "2025-05-22 12:00:00 +00:00  first seen as `new ferry`",
        "2025-05-23 12:00:00 +00:00  corrected: the title was `new ferry` and is `The new ferry`",
        "2025-05-24 12:00:00 +00:00  gone from the digests",
        "2025-05-25 12:00:00 +00:00  back again, under the same id",
    ] {
        assert!(by_id.contains(expected), "{expected}\n{by_id}");
    }
    let (_, digest, _) = explain("https://news.example.org/digests/2025-05-22/");
    assert!(digest.starts_with("Digest of 2025-05-22\n") && digest.contains("in the feeds /digests/"), "{digest}");
    let (code, _, error) = explain("https://example.com/nobody");
    assert_eq!(code, Some(2));
    assert!(error.contains("nothing was published as `https://example.com/nobody`"), "{error}");
}

#[test]
fn check_tells_what_would_be_held_back_and_build_holds_it() {
    let mut publication = two_days();
    publication.end();
    publication.content.remove("2025-05-21.md");
    let (content, state) = (publication.content.path().to_str().unwrap(), publication.state.path().to_str().unwrap());
    let run = feedmill(&["check", content, "--state", state, "--format", "short"]);
    let text = String::from_utf8(run.stdout).unwrap();
    assert_eq!(run.status.code(), Some(1));
    assert!(text.contains("error: a server would not show this: of the entries that readers have, 11 would vanish; with what went or was corrected within the last hour"), "{text}");
    assert!(
        text.contains("vanishes: `old library`") && text.contains("too many [held-back]\n    vanishes: "),
        "{text}"
    );
    for format in ["text", "short", "json", "sarif"] {
        let run = feedmill(&["check", content, "--state", state, "--format", format]);
        let text = String::from_utf8(run.stdout).unwrap();
        for title in names("old", 10) {
            assert!(text.contains(&format!("vanishes: `{title}` (tag:")), "{format} names {title}: {text}");
        }
    }
    let output = tempfile::tempdir().unwrap();
    let site = output.path().join("site");
    let arguments = ["build", content, "--state", state, "-o", site.to_str().unwrap(), "--base-url", BASE];
    let run = feedmill(&arguments);
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8(run.stderr).unwrap().contains("nothing was published: of the entries that readers have"));
    assert!(!site.exists());
    let run = feedmill(&["confirm", "--list", "--state", state]);
    assert!(String::from_utf8(run.stdout).unwrap().contains("vanishes: `old tower`"));
    assert_eq!(feedmill(&arguments).status.code(), Some(2), "listing confirms nothing");
    assert!(feedmill(&["confirm", "--state", state]).status.success());
    assert!(feedmill(&arguments).status.success());
    let run = feedmill(&["confirm", "--state", state]);
    assert!(String::from_utf8(run.stderr).unwrap().contains("nothing is held back"));
    let run = feedmill(&["confirm", "--list", "--state", state]);
    assert!(run.status.success() && String::from_utf8(run.stdout).unwrap().starts_with("nothing is held back"));
    let run = feedmill(&["confirm", "--list", "--state", "no/such/folder"]);
    assert!(String::from_utf8(run.stderr).unwrap().contains("there is no folder no/such/folder"));
}

#[tokio::test]
async fn a_running_daemon_holds_a_change_back_until_the_flag_is_there() {
    let state = Folder::new();
    let yaml = format!("state: {{folder: '{}'}}", state.path().display());
    let folder = Folder::new();
    folder.write("2025-05-21.md", day("2025-05-21", "News", &names("old", 10)));
    let mut daemon = folder.serve_with(&yaml).await;
    daemon.folder.remove("2025-05-21.md");
    daemon.folder.write("2025-05-22.md", day("2025-05-22", "News", &names("new", 2)));
    while hold::read(state.path()).unwrap().is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(titles(&daemon.site.borrow(), "/").len(), 10);
    std::fs::write(hold::confirmation(state.path()), "").unwrap();
    daemon.until_titles(&["new tower", "new harbour"]).await;
    assert!(!hold::confirmation(state.path()).exists());
    daemon.stop().await;
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    /// However a folder came to be what it is, what it is decides every byte that was not published before.
    #[test]
    fn times_are_distinct_and_equal_inputs_give_equal_bytes(script in prop::collection::vec((0..6_usize, 0..4_usize, 0..3_usize), 1..10)) {
        let mut publications = [0, 1].map(|_| Publication::with("guard: {share_percent: 100}", &[], "2025-05-22T00:00:00Z"));
        for (step, (date, count, again)) in script.iter().enumerate() {
            let name = format!("2025-05-1{date}.md");
            for publication in &mut publications {
                if *count == 0 && publication.content.file(&name).exists() {
                    publication.content.remove(&name);
                } else {
                    publication.content.write(&name, day(&format!("2025-05-1{date}"), "News", &names(&format!("d{date}"), *count)));
                }
            }
            let now = moment("2025-05-22T00:00:00Z") + chrono::TimeDelta::seconds(i64::try_from(step / 2).unwrap());
            let [one, other] = &mut publications;
            one.look_for(now);
            other.look_for(now);
            // The one is started again now and then.
            if *again == 0 {
                one.restart();
                one.look_for(now);
            }
            for route in ["/rss.xml", "/atom.xml", "/feed.json", "/digests/atom.xml"] {
                prop_assert_eq!(body(&one.site, route), body(&other.site, route));
                prop_assert_eq!(page(&one.site, route).last_modified, page(&other.site, route).last_modified);
            }
            for field in ["date_published", "date_modified"] {
                let times = fields(&one.site, "/", field);
                prop_assert_eq!(times.iter().collect::<HashSet<_>>().len(), times.len(), "{}: {:?}", field, times);
            }
        }
    }
}

/// An edit of the files of one date.
#[derive(Debug, Clone)]
enum FileEdit {
    /// A digest that was never there.
    Drop,
    Remove(usize),
    /// What was removed last comes back, under its name or another.
    Restore {
        is_renamed: bool,
    },
    Rename(usize),
    /// One item has another title.
    Retitle(usize),
    /// Both at once.
    RenameAndRetitle(usize),
    Restart,
}

fn file_edit() -> impl Strategy<Value = FileEdit> {
    let at = || 0..3_usize;
    prop_oneof![
        3 => Just(FileEdit::Drop),
        2 => at().prop_map(FileEdit::Remove),
        2 => any::<bool>().prop_map(|is_renamed| FileEdit::Restore { is_renamed }),
        2 => at().prop_map(FileEdit::Rename),
        2 => at().prop_map(FileEdit::Retitle),
        1 => at().prop_map(FileEdit::RenameAndRetitle),
        2 => Just(FileEdit::Restart),
    ]
}

/// A digest as the test knows it: `who` never changes.
#[derive(Debug, Clone)]
struct Edition {
    who: usize,
    path: String,
    titles: [usize; 4],
}

impl Edition {
    fn text(&self) -> String {
        let items = self.titles.iter().enumerate().map(|(at, title)| {
            format!("### Title {title}\n\nAbout it. [>Read more](https://example.com/{}-{at})\n\n", self.who)
        });
        format!(
            "---\ndate: 2025-05-22\ntitle: Who {}\n---\n\n# D\n\n## News\n\n{}",
            self.who,
            items.collect::<String>()
        )
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    /// However many files a date has, and whatever they are called, a digest and its items keep their ids.
    #[test]
    fn digests_of_one_date_keep_their_ids(script in prop::collection::vec(file_edit(), 1..20)) {
        let mut publication = Editions::new().publication;
        let (mut there, mut removed) = (Vec::<Edition>::new(), Vec::<Edition>::new());
        let mut count = 0;
        let mut next = || { count += 1; count };
        // Plainer and plainer, so that a later one always sorts first.
        let path = |number: usize| format!("2025-05-22-{}.md", "x".repeat(200_usize.saturating_sub(number)));
        let mut owners: BTreeMap<String, String> = BTreeMap::new();
        let mut ids: BTreeMap<String, String> = BTreeMap::new();
        for (minute, edit) in script.into_iter().enumerate() {
            let length = there.len();
            match edit {
                FileEdit::Drop if length < 3 => {
                    let who = next();
                    there.push(Edition { who, path: path(who), titles: [0; 4].map(|_| next()) });
                }
                FileEdit::Remove(at) if length > 0 => {
                    let edition = there.remove(at % length);
                    publication.content.remove(&edition.path);
                    removed.push(edition);
                }
                FileEdit::Restore { is_renamed } if length < 3 => {
                    if let Some(mut edition) = removed.pop() {
                        if is_renamed { edition.path = path(next()) }
                        there.push(edition);
                    }
                }
                FileEdit::Rename(at) | FileEdit::Retitle(at) | FileEdit::RenameAndRetitle(at) if length > 0 => {
                    let edition = &mut there[at % length];
                    if !matches!(edit, FileEdit::Rename(_)) { edition.titles[at] = next() }
                    if !matches!(edit, FileEdit::Retitle(_)) {
                        publication.content.remove(&edition.path);
                        edition.path = path(next());
                    }
                }
                FileEdit::Restart => publication.restart(),
                _ => {}
            }
            there.iter().for_each(|edition| publication.content.write(&edition.path, edition.text()));
            prop_assert_eq!(publication.look(&format!("2025-05-22T13:{minute:02}:00Z")), None);
            let of_digests = fields(&publication.site, "/digests/", "title").into_iter().zip(fields(&publication.site, "/digests/", "id"));
            let of_items = fields(&publication.site, "/", "external_url").into_iter().zip(fields(&publication.site, "/", "id"));
            let all: Vec<(String, String)> = of_digests.chain(of_items).collect();
            prop_assert_eq!(all.iter().filter(|(name, _)| name.starts_with("Who")).count(), there.len());
            for (name, id) in all {
                prop_assert_eq!(ids.entry(name.clone()).or_insert_with(|| id.clone()), &id, "{} keeps its id", name);
                prop_assert_eq!(owners.entry(id.clone()).or_insert_with(|| name.clone()), &name, "an id is one's");
            }
        }
    }
}
