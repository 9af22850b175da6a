//! Ids and times last: whatever an author edits, a subscriber sees nothing again that was there before.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use feedmill::digest::learnt::Memory;
use feedmill::digest::{self, Digest, Keyed, Outcome, Rules};
use feedmill::ledger::{Identity, Ledger, Options, Settlement, Snapshot, derived_ids};
use feedmill::pulse::Pulse;
use proptest::prelude::*;

fn digest(path: &str, text: &str) -> Keyed {
    let (outcome, findings) = digest::parse(path, text.as_bytes(), &Rules::default());
    let Outcome::Digests(mut digests) = outcome else { panic!("no digest: {findings:?}") };
    (digests[0].key.as_str().into(), Arc::new(digests.remove(0).into()))
}

fn list(entries: &[&str]) -> String {
    format!("# 2025-05-22\n\n## S\n\n{}", entries.iter().map(|entry| format!("- {entry}\n")).collect::<String>())
}

/// What a subscriber has seen so far, as the ledger of one publication settles it.
struct Publication {
    ledger: Ledger,
    now: DateTime<Utc>,
}

impl Publication {
    fn new() -> Publication {
        let now = DateTime::parse_from_rfc3339("2025-05-22T12:00:00Z").unwrap().to_utc();
        Publication { ledger: Ledger::default(), now }
    }

    /// The identities of all items by title, a minute after the last time.
    fn publish(&mut self, files: &[Keyed]) -> Vec<(String, Identity)> {
        let settlement = self.settle_next(files);
        let items = settlement.digests.iter().flat_map(|settled| {
            let titles: Vec<String> = settled.digest.open().items().map(|(_, item)| item.title.clone()).collect();
            titles.into_iter().zip(settled.items().to_vec())
        });
        items.collect()
    }

    /// What readers see a minute after the last time.
    fn settle_next(&mut self, files: &[Keyed]) -> Settlement {
        self.now += TimeDelta::minutes(1);
        self.settle(files)
    }

    /// What readers see.
    fn settle(&mut self, files: &[Keyed]) -> Settlement {
        let (settlement, changes) = self.ledger.settle(files, self.now, &Options::default());
        self.ledger.commit(changes, &Memory::default(), Snapshot::default()).unwrap();
        self.expect_the_same_anew(files, &settlement);
        settlement
    }

    /// What is settled digest by digest is what comes out when everything is settled anew, also by a later run.
    fn expect_the_same_anew(&self, files: &[Keyed], settlement: &Settlement) {
        let copies: Vec<Keyed> =
            files.iter().map(|(key, digest)| (key.clone(), Arc::new(Digest::clone(&digest.open()).into()))).collect();
        let (anew, changes) = self.ledger.settle(&copies, self.now, &Options::default());
        assert_eq!((&anew, changes.entries.len()), (settlement, 0));
        if let Some(folder) = self.ledger.folder() {
            let later = Ledger::open_to_read(folder, &Options::default()).unwrap();
            let (anew, changes) = later.settle(&copies, self.now, &Options::default());
            assert_eq!((&anew, changes.entries.len()), (settlement, 0));
        }
    }

    fn publish_list(&mut self, entries: &[&str]) -> HashMap<String, Identity> {
        self.publish(&[digest("2025-05-22.md", &list(entries))]).into_iter().collect()
    }
}

#[test]
fn an_item_is_recognised_by_its_link_and_by_its_title() {
    let mut publication = Publication::new();
    let first =
        publication.publish_list(&["[Water tower](https://example.org/1) a", "[Night bus](https://example.org/2) b"]);
    let retitled =
        publication.publish_list(&["[The old tower](https://example.org/1) a", "[Night bus](https://example.org/2) b"]);
    assert_eq!(retitled["The old tower"].id, first["Water tower"].id);
    assert_eq!(retitled["The old tower"].published, first["Water tower"].published);
    assert!(retitled["The old tower"].updated > first["Water tower"].updated);
    assert_eq!(retitled["Night bus"], first["Night bus"]);
    let relinked = publication
        .publish_list(&["[The old tower](https://example.org/one) a", "[Night bus](https://example.org/2) b"]);
    assert_eq!(relinked["The old tower"].id, first["Water tower"].id, "the title is the same");
    let moved = publication
        .publish_list(&["[Night bus](https://example.org/2) b", "[The old tower](https://example.org/one) a"]);
    assert_eq!(moved, relinked);
    let other = publication
        .publish_list(&["[Ferry stops](https://example.org/3) b", "[The old tower](https://example.org/one) a"]);
    assert!(first.values().all(|identity| identity.id != other["Ferry stops"].id));
}

#[test]
fn a_large_folder_is_settled_some_at_a_time_as_it_would_be_at_once() {
    let now = DateTime::parse_from_rfc3339("2025-05-22T12:00:00Z").unwrap().to_utc();
    let text = |day: i64, entry: &str| {
        let date = now.date_naive() + TimeDelta::days(3 - day);
        let link = format!("https://example.org/{}", day / 2);
        (
            date,
            format!(
                "---\ndate: {date}\n---\n\n## S\n\n- [{entry}]({link}) a\n- [Night bus](https://example.org/bus) b\n"
            ),
        )
    };
    let files = (0..400).flat_map(|day| {
        let ((date, first), (_, second)) = (text(day, "Water tower"), text(day, "Ferry stops"));
        let taken_back = first.replace("date:", if day % 7 == 0 { "retracted: true\ndate:" } else { "date:" });
        [digest(&format!("{date}.md"), &taken_back), digest(&format!("de/{date}.md"), &second)]
    });
    let mut files: Vec<Keyed> = files.collect();
    files.sort_by(|one, other| one.1.key.cmp(&other.1.key));
    let (options, memory) = (Options::default(), Memory::default());
    let (at_once, changes) = Ledger::default().settle(&files, now, &options);
    let mut ledger = Ledger::default();
    ledger.begin(&files, &memory, now, &options, &Pulse::default());
    let (settlement, rest) = ledger.settle(&files, now, &options);
    assert!(rest.entries.len() < changes.entries.len() / 2, "most of it was committed");
    assert_eq!(settlement, at_once);
    ledger.commit(rest, &memory, Snapshot::default()).unwrap();
    ledger.begin(&files[1..], &memory, now, &options, &Pulse::default());
    assert_eq!(ledger.settle(&files, now, &options).1.entries.len(), 0, "what was published once goes on as it is");
}

#[test]
fn what_comes_back_has_its_old_id_and_what_takes_its_link_has_not() {
    let mut publication = Publication::new();
    let (a, b) = ("[Water tower](https://example.org/1) a", "[Night bus](https://example.org/2) b");
    let first = publication.publish_list(&[a, b]);
    publication.publish_list(&[b]);
    assert_eq!(publication.publish_list(&[a, b]), first);
    let both = publication.publish_list(&["[Tower again](https://example.org/1) c", a, b]);
    assert_eq!(both["Water tower"], first["Water tower"]);
    let again = both["Tower again"].id.clone();
    publication.publish_list(&[a, b]);
    let third = publication.publish_list(&["[A third tower](https://example.org/1) d", a, b]);
    assert_ne!(third["A third tower"].id, again, "the id of an item that is gone is nobody else's");
    assert_eq!(third["Water tower"], first["Water tower"]);
}

#[test]
fn two_items_of_one_link_keep_their_ids_in_any_order() {
    let mut publication = Publication::new();
    let (a, b) = ("[Morning report](https://example.org/1) a", "[Evening report](https://example.org/1) b");
    let first = publication.publish_list(&[a, b]);
    assert_ne!(first["Morning report"].id, first["Evening report"].id);
    assert_eq!(publication.publish_list(&[b, a]), first);
    publication.publish_list(&[b]);
    assert_eq!(publication.publish_list(&[b])["Evening report"], first["Evening report"]);
}

/// A digest with an entry in each of some sections: one section has nothing twice.
fn sections(entries: &[&str]) -> String {
    let section = |(at, entry): (usize, &&str)| {
        format!("\n## Section {at}\n\n- {entry}\n- [A note](https://example.org/n{at})\n")
    };
    format!("# 2025-05-22\n{}", entries.iter().enumerate().map(section).collect::<String>())
}

#[test]
fn two_items_that_say_the_same_are_told_apart_by_their_places() {
    let state = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(state.path(), &Options::default()).unwrap();
    let mut publication = Publication { ledger, ..Publication::new() };
    let (same, other) = ("[Water tower](https://example.org/1) a", "[Night bus](https://example.org/2) b");
    // Every look is made anew as well, by a later run, too: the one that came second has the later time and stays the second.
    let mut ids = |entries: &[&str]| -> Vec<String> {
        let published = publication.publish(&[digest("2025-05-22.md", &sections(entries))]);
        let titled = published.into_iter().filter(|(title, _)| title != "A note");
        titled.map(|(_, identity)| identity.id).collect()
    };
    let first = ids(&[same, other]);
    let twice = ids(&[same, other, same]);
    assert_eq!(twice[..2], first);
    assert_eq!(ids(&[other, same, same]), [&twice[1], &twice[0], &twice[2]].map(String::clone));
    assert_eq!(ids(&[other, same]), [&twice[1], &twice[0]].map(String::clone));
}

#[test]
fn what_was_taken_back_before_it_was_published_never_has_the_id_of_its_double() {
    let state = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(state.path(), &Options::default()).unwrap();
    let mut publication = Publication { ledger, ..Publication::new() };
    let (same, retracted) =
        ("[Water tower](https://example.org/1) a", "[Water tower](https://example.org/1) a <!-- retracted: no -->");
    let mut items = |entries: &[&str]| -> Vec<Identity> {
        let published = publication.publish(&[digest("2025-05-22.md", &sections(entries))]);
        published.into_iter().filter(|(title, _)| title == "Water tower").map(|(_, identity)| identity).collect()
    };
    let first = items(&[retracted, same]);
    assert_eq!(first.len(), 2);
    assert_eq!(items(&[retracted, same, "[Night bus](https://example.org/2) b"]), first);
    let restored = items(&[same, same]);
    assert_eq!((&restored[0].id, &restored[1]), (&first[0].id, &first[1]));
    assert!(restored[0].published > first[1].published, "nobody saw it before");
}

fn headed(items: &[(&str, Option<&str>, &str)]) -> String {
    let more = |link: &str| format!(" [>Read more](https://example.org/{link})");
    let item = |(title, link, text): &(&str, Option<&str>, &str)| {
        format!("### {title}\n\n{text}{}\n\n", link.map_or_else(String::new, more))
    };
    format!("# 2025-05-22\n\n## S\n\n{}", items.iter().map(item).collect::<String>())
}

#[test]
fn an_item_is_recognised_by_its_text_where_no_link_tells() {
    let state = tempfile::tempdir().unwrap();
    let open = || Ledger::open(state.path(), &Options::default()).unwrap();
    let mut publication = Publication { ledger: open(), ..Publication::new() };
    let mut ids = |items: &[(&str, Option<&str>, &str)]| -> Vec<String> {
        // What is known of texts lasts over a restart.
        drop(std::mem::take(&mut publication.ledger));
        publication.ledger = open();
        let items = publication.publish(&[digest("2025-05-22.md", &headed(items))]);
        items.into_iter().map(|(_, identity)| identity.id).collect()
    };
    let (morning, evening) = ("It is about the morning.", "It is about the evening.");
    let first = ids(&[("No link here", None, "Plain words.")]);
    assert_eq!(ids(&[("No link retitled", None, "Plain words.")]), first);
    let first = ids(&[("Notice", None, "The library is closed on Monday."), ("Short", None, "See below.")]);
    let second = ids(&[("A notice", None, "The *library* is closed  on Monday!"), ("Brief", None, "See below.")]);
    assert_eq!(second[0], first[0]);
    assert_ne!(second[1], first[1], "so few words tell nothing");
    let linked = ids(&[("A notice", Some("1"), "The library is closed on Monday."), ("Brief", None, "See below.")]);
    assert_eq!(linked, second);
    // Where two have one text it tells nothing.
    let twins = ids(&[("One", None, morning), ("Two", None, morning)]);
    let retitled = ids(&[("Three", None, morning), ("Four", None, morning)]);
    assert!(retitled.iter().all(|id| !twins.contains(id)));
    // Of two items with one link.
    let pair = ids(&[("Morning", Some("x"), morning), ("Evening", Some("x"), evening)]);
    let swapped = ids(&[("The evening", Some("x"), evening), ("The morning", Some("x"), morning)]);
    assert_eq!(swapped, [pair[1].as_str(), &pair[0]]);
    assert_eq!(ids(&[("Evening report", Some("x"), evening)]), [pair[1].as_str()]);
}

#[test]
fn an_author_s_id_decides() {
    let text = |title: &str, link: u32, id: &str| {
        format!(
            "# 2025-05-22\n\n## S\n\n### [{title}](https://example.org/{link}) {id}\n\ntext\n\n### [Z](https://example.org/z)\n\nt\n"
        )
    };
    let mut publication = Publication::new();
    let of =
        |publication: &mut Publication, text: &str| publication.publish(&[digest("2025-05-22.md", text)]).remove(0).1;
    let first = of(&mut publication, &text("Tower", 1, "{#tower}"));
    assert!(first.id.ends_with("/tower"));
    assert_eq!(of(&mut publication, &text("Another", 2, "{#tower}")).id, first.id);
    assert_ne!(of(&mut publication, &text("Another", 2, "{#other}")).id, first.id);
}

#[test]
fn an_id_that_is_written_twice_or_is_none_is_still_recognised() {
    let heading = |title: &str, id: &str| format!("### [{title}](https://example.org/{title}) {{#{id}}}\n\ntext\n\n");
    let text = |titles: [&str; 3]| {
        let [one, two, three] = titles;
        format!("# 2025-05-22\n\n## S\n\n{}{}{}", heading(one, "x"), heading(two, "x"), heading(three, "塔"))
    };
    let mut publication = Publication::new();
    let mut ids = |text: &str| -> Vec<String> {
        let items = publication.publish(&[digest("2025-05-22.md", text)]);
        items.into_iter().map(|(_, identity)| identity.id).collect()
    };
    let first = ids(&text(["Tower", "Harbour", "Ferry"]));
    assert_eq!(first.iter().collect::<std::collections::HashSet<_>>().len(), 3);
    for _ in 0..3 {
        assert_eq!(ids(&text(["Tower", "Harbour", "Ferry"])), first);
    }
}

#[test]
fn only_words_and_addresses_are_a_change() {
    let mut publication = Publication::new();
    let first =
        publication.publish_list(&["[Tower](https://example.org/1) is *open* for all", "[B](https://example.org/2) b"]);
    for entry in [
        "[Tower](https://example.org/1?utm_source=feed)   is *open* for all",
        "[Tower](https://example.org/1) is **open** for\n  all",
        "[Tower](http://example.org/1#rd) is _open_ for all",
    ] {
        let again = publication.publish_list(&[entry, "[B](https://example.org/2) b"]);
        let (before, after) = (first.values().map(|it| it.updated).max(), again.values().map(|it| it.updated).max());
        assert_eq!(after, before, "{entry}");
    }
    let words = publication
        .publish_list(&["[Tower](https://example.org/1) is *open* for some", "[B](https://example.org/2) b"]);
    assert!(words.values().map(|it| it.updated).max() > first.values().map(|it| it.updated).max());
}

#[test]
fn every_correction_moves_the_time_of_the_last_change() {
    let mut publication = Publication::new();
    let entries = |tag: &str| -> Vec<String> {
        (0..60).map(|at| format!("[{} number {at}](https://example.org/{at}) and {tag}", words(at))).collect()
    };
    let mut settle = |tag: &str, seconds: i64| -> (Vec<Identity>, DateTime<Utc>) {
        publication.now += TimeDelta::seconds(seconds);
        let entries = entries(tag);
        let list = list(&entries.iter().map(String::as_str).collect::<Vec<_>>());
        let settlement = publication.settle(&[digest("2025-05-22.md", &list)]);
        expect_distinct_times(&settlement);
        (settlement.digests[0].items().to_vec(), publication.now)
    };
    let mut before = settle("first", 0).0;
    for (tag, seconds) in [("second", 3), ("third", 5), ("fourth", 1), ("fifth", 0), ("sixth", 600)] {
        let (after, now) = settle(tag, seconds);
        for (before, after) in before.iter().zip(&after) {
            assert!(after.updated > before.updated, "{tag}: {} {}", before.updated, after.updated);
            assert!(
                after.updated <= now + TimeDelta::seconds(if seconds == 0 { 61 } else { 0 }),
                "{tag}: {}",
                after.updated
            );
        }
        before = after;
    }
}

#[test]
fn what_joins_a_digest_has_the_moment_at_which_it_came_whatever_is_corrected_with_it() {
    let mut publication = Publication::new();
    let entry = |at: usize, tag: &str| format!("[{} number {at}](https://example.org/{at}) and {tag}", words(at));
    let mut settle = |entries: Vec<String>| {
        let list = list(&entries.iter().map(String::as_str).collect::<Vec<_>>());
        publication.settle_next(&[digest("2025-05-22.md", &list)]).digests[0].items()
    };
    settle((0..20).map(|at| entry(at, "first")).collect());
    let items = settle((0..21).map(|at| entry(at, "second")).collect());
    assert_eq!(items[20].published.to_rfc3339(), "2025-05-22T12:02:00+00:00");
}

#[test]
fn what_was_published_is_recognised_by_a_later_run_and_under_another_authority() {
    let state = tempfile::tempdir().unwrap();
    let options = Options::default();
    let open = || Ledger::open(state.path(), &options).unwrap();
    let mut publication = Publication { ledger: open(), ..Publication::new() };
    let first = publication
        .publish_list(&["[Water tower](https://example.org/1) a", "[Bus number 5](https://example.org/2) b"]);
    drop(std::mem::take(&mut publication.ledger));
    let mut later = Publication { ledger: open(), ..publication };
    let edited = ["[The bus](https://example.org/2) b", "[Water tower](https://example.org/one) a"];
    let second = later.publish_list(&edited);
    assert_eq!(second["The bus"].id, first["Bus number 5"].id);
    assert_eq!(second["Water tower"].id, first["Water tower"].id);
    let other = Options { authority: "example.org".to_owned(), ..Options::default() };
    drop(std::mem::take(&mut later.ledger));
    let ledger = Ledger::open(state.path(), &other).unwrap();
    let files = [digest("2025-05-22.md", &list(&[edited[0], edited[1], "[New](https://example.org/3) c"]))];
    let (settlement, _) = ledger.settle(&files, later.now, &other);
    let items = settlement.digests[0].items();
    let ids: Vec<&str> = items.iter().map(|identity| identity.id.as_str()).collect();
    assert_eq!(ids[..2], [second["The bus"].id.as_str(), second["Water tower"].id.as_str()]);
    assert!(ids[2].starts_with("tag:example.org,2025:2025-05-22/"), "{}", ids[2]);
}

#[test]
fn an_introduction_is_a_part_of_its_digest() {
    let mut publication = Publication::new();
    let mut updated = |introduction: &str| {
        let text = format!("# 2025-05-22\n\n{introduction}\n\n## S\n\n- [Water tower](https://example.org/1) a\n");
        let files = [digest("2025-05-22.md", &text)];
        publication.now += TimeDelta::minutes(1);
        let settled = publication.settle(&files).digests.remove(0);
        (settled.identity.updated, settled.items()[0].updated)
    };
    let first = updated("Good morning.");
    assert_eq!(updated("*Good*  morning."), first);
    let second = updated("Good evening.");
    assert!(second.0 > first.0);
    assert_eq!(second.1, first.1, "no item changed");
}

#[test]
fn a_lost_ledger_changes_no_id_of_what_was_not_edited() {
    let files =
        [digest("2025-05-22.md", &list(&["[A](https://example.org/1) a", "[B](https://example.org/1) b", "c"]))];
    let ids: Vec<String> = Publication::new().publish(&files).into_iter().map(|(_, identity)| identity.id).collect();
    assert_eq!(derived_ids(&files, &Options::default())["2025-05-22"], ids);
}

/// One edit of an author.
#[derive(Debug, Clone)]
enum Edit {
    Insert {
        at: usize,
        shares_link: bool,
        has_link: bool,
    },
    Delete {
        at: usize,
    },
    Retitle {
        at: usize,
    },
    Relink {
        at: usize,
    },
    Retext {
        at: usize,
    },
    /// Within the second of the edit before.
    Again {
        at: usize,
    },
    Move {
        from: usize,
        to: usize,
    },
    Rename,
    Redate,
    RemoveFile,
    Restart,
    Touch,
    Restore,
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = || 0..8_usize;
    prop_oneof![
        3 => (at(), any::<bool>(), any::<bool>()).prop_map(|(at, shares_link, has_link)| Edit::Insert { at, shares_link, has_link }),
        2 => at().prop_map(|at| Edit::Delete { at }),
        3 => at().prop_map(|at| Edit::Retitle { at }),
        2 => at().prop_map(|at| Edit::Relink { at }),
        1 => at().prop_map(|at| Edit::Retext { at }),
        3 => at().prop_map(|at| Edit::Again { at }),
        2 => (at(), at()).prop_map(|(from, to)| Edit::Move { from, to }),
        1 => Just(Edit::Rename),
        1 => Just(Edit::Redate),
        1 => Just(Edit::RemoveFile),
        2 => Just(Edit::Restart),
        1 => Just(Edit::Touch),
        2 => Just(Edit::Restore),
    ]
}

/// An item as the test knows it: `who` never changes.
#[derive(Debug, Clone)]
struct Story {
    who: usize,
    title: usize,
    link: Option<usize>,
    text: usize,
}

fn words(number: usize) -> String {
    const WORDS: [&str; 10] =
        ["tower", "harbour", "ferry", "bakery", "library", "signal", "garden", "market", "bridge", "museum"];
    let digits = number.to_string();
    digits.bytes().map(|digit| WORDS[usize::from(digit - b'0')]).collect::<Vec<_>>().join(" ")
}

/// No two entries of readers have one time, and a digest's items follow its moment.
fn expect_distinct_times(settlement: &Settlement) {
    let items: Vec<Identity> = settlement.digests.iter().flat_map(|settled| settled.items().to_vec()).collect();
    for time in [|identity: &Identity| identity.published, |identity: &Identity| identity.updated] {
        let mut times: Vec<_> = items.iter().map(time).collect();
        times.sort_unstable();
        assert!(times.is_sorted_by(|one, other| one < other), "{times:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn ids_and_times_last_through_any_edits(edits in prop::collection::vec(edit(), 1..40)) {
        let state = tempfile::tempdir().unwrap();
        let open = || Ledger::open(state.path(), &Options::default()).unwrap();
        let mut publication = Publication { ledger: open(), ..Publication::new() };
        let mut date = 22;
        let mut fresh = 0;
        let mut next = || { fresh += 1; fresh };
        let mut stories: Vec<Story> = (0..3).map(|who| Story { who, title: next(), link: (who > 0).then(&mut next), text: next() }).collect();
        let (mut people, mut name, mut gone) = (3, 0, Vec::<Story>::new());
        let mut ids: HashMap<usize, String> = HashMap::new();
        let mut owners: HashMap<String, usize> = HashMap::new();
        let mut times: HashMap<usize, (DateTime<FixedOffset>, DateTime<FixedOffset>)> = HashMap::new();
        let mut last = Vec::new();
        let neighbours = ["2025-05-10", "2025-05-30"].map(|date| digest(&format!("{date}.md"), &format!("# {date}\n\n- [Elsewhere](https://example.org/{date})\n")));
        let mut burst = 0;
        for edit in std::iter::once(Edit::Touch).chain(edits) {
            let length = stories.len();
            let is_again = matches!(edit, Edit::Again { .. });
            burst = if is_again { burst + 1 } else { 0 };
            let mut changed = None;
            let is_touch = matches!(edit, Edit::Touch | Edit::Rename | Edit::Redate | Edit::RemoveFile | Edit::Restart);
            match edit {
                Edit::Insert { at, shares_link, has_link } => {
                    let link = if shares_link && length > 0 { stories[at % length].link } else { has_link.then(&mut next) };
                    stories.insert(at % (length + 1), Story { who: people, title: next(), link, text: next() });
                    people += 1;
                }
                Edit::Delete { at } if length > 1 => gone.push(stories.remove(at % length)),
                Edit::Retitle { at } | Edit::Relink { at } | Edit::Retext { at } | Edit::Again { at } if length > 0 => {
                    let story = &mut stories[at % length];
                    changed = Some(story.who);
                    match edit {
                        Edit::Retitle { .. } => story.title = next(),
                        Edit::Relink { .. } => story.link = Some(next()),
                        _ => story.text = next(),
                    }
                }
                Edit::Move { from, to } if length > 0 => {
                    let story = stories.remove(from % length);
                    stories.insert(to % length, story);
                }
                Edit::Restore if !gone.is_empty() => stories.extend(gone.pop()),
                Edit::Rename => name += 1,
                Edit::Redate => date = if date == 22 { 21 } else { 22 },
                Edit::RemoveFile => assert_eq!(publication.settle_next(&neighbours).digests.len(), 1, "the later one waits for its date"),
                Edit::Restart => {
                    drop(std::mem::take(&mut publication.ledger));
                    publication.ledger = open();
                }
                _ => {}
            }
            let items: Vec<(String, Option<String>, String)> = stories
                .iter()
                .map(|it| {
                    let title = format!("{} number {}", words(it.title), it.title);
                    (title, it.link.map(|link| link.to_string()), format!("It is about the {} here.", words(it.text)))
                })
                .collect();
            let items: Vec<(&str, Option<&str>, &str)> =
                items.iter().map(|(title, link, text)| (title.as_str(), link.as_deref(), text.as_str())).collect();
            let file = digest(&format!("2025-05-{date}-{name}.md"), &headed(&items).replace("# 2025-05-22", &format!("# 2025-05-{date}")));
            let files = [neighbours[0].clone(), file, neighbours[1].clone()];
            let seen = if is_again { publication.settle(&files) } else { publication.settle_next(&files) };
            expect_distinct_times(&seen);
            let seen = seen.digests.iter().find(|settled| settled.key.starts_with("2025-05-2")).unwrap().items().to_vec();
            prop_assert_eq!(seen.len(), stories.len());
            for (story, identity) in stories.iter().zip(&seen) {
                let id = ids.entry(story.who).or_insert_with(|| identity.id.clone());
                prop_assert_eq!(&*id, &identity.id, "{} keeps its id", story.who);
                let owner = owners.entry(identity.id.clone()).or_insert(story.who);
                prop_assert_eq!(*owner, story.who, "an id is one story's");
                let (published, updated) = *times.entry(story.who).or_insert((identity.published, identity.updated));
                prop_assert_eq!(published, identity.published);
                prop_assert!(identity.published <= publication.now, "nothing is published in the future");
                prop_assert!(identity.updated >= updated);
                // An item and its digest with each edit.
                prop_assert!(identity.updated <= publication.now + TimeDelta::seconds(2 * burst));
                prop_assert!(changed != Some(story.who) || identity.updated > updated, "a correction moves it");
                times.insert(story.who, (published, identity.updated));
            }
            if is_touch && !last.is_empty() {
                prop_assert_eq!(&seen, &last, "nothing changed");
            }
            last = seen;
        }
    }
}
