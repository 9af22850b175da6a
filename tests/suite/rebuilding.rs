//! A site that is built from the one before is the site that would be built from nothing.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use feedmill::ledger::{Ledger, Validators};
use feedmill::library::Library;
use feedmill::site::Site;
use proptest::prelude::*;

use crate::harness::{Folder, bodies, moment, options};

/// Something an author does to one of a few files.
#[derive(Debug, Clone)]
enum Edit {
    /// Writes a file with these items in each of its sections.
    Write {
        file: usize,
        items: [Vec<u8>; 3],
    },
    Remove {
        file: usize,
    },
    Rename {
        from: usize,
        to: usize,
    },
    /// Waits for so many days.
    Wait {
        days: i64,
    },
}

fn edit() -> impl Strategy<Value = Edit> {
    let file = || 0..FILES.len();
    let items = || prop::collection::vec(prop_oneof![0_u8..4, 0_u8..20], 0..4);
    prop_oneof![
        6 => (file(), items(), items(), items()).prop_map(|(file, a, b, c)| Edit::Write { file, items: [a, b, c] }),
        2 => file().prop_map(|file| Edit::Remove { file }),
        1 => (file(), file()).prop_map(|(from, to)| Edit::Rename { from, to }),
        2 => (1..40_i64).prop_map(|days| Edit::Wait { days }),
    ]
}

/// Days of several months, two files of one date, another language, and one in the future.
const FILES: [&str; 9] = [
    "2025-03-30.md",
    "2025-03-31.md",
    "2025-04-01.md",
    "2025-04-02.md",
    "2025-04-02-evening.md",
    "en/2025-04-02.md",
    "2025-05-20.md",
    "2025-05-21.md",
    "2025-07-01.md",
];

const SECTIONS: [&str; 3] = ["News", "Papers", "Tools"];

/// A few stories come in any section, also twice in one digest and in both files of a date.
fn text(items: &[Vec<u8>; 3]) -> String {
    // An empty file would keep its last good version, which nothing but a running process knows.
    let mut text = String::from("# A day\n");
    for ((at, section), items) in SECTIONS.iter().enumerate().zip(items).filter(|(_, items)| !items.is_empty()) {
        text.push_str(&format!("\n## {section}\n\n"));
        for item in items {
            let story = if *item < 3 { usize::from(*item) } else { usize::from(*item) * SECTIONS.len() + at };
            // Nineteen is taken back; the others are stories, some of which come on several days.
            let mark = if *item == 19 { " <!-- retracted: it was wrong -->" } else { "" };
            text.push_str(&format!("- [Story number {story}](https://example.org/{story}) of the day{mark}\n"));
        }
    }
    text
}

struct Rebuilt {
    folder: Folder,
    yaml: &'static str,
    library: Library,
    state: Folder,
    ledger: Ledger,
    site: Option<Site>,
    now: DateTime<Utc>,
}

impl Rebuilt {
    fn new(yaml: &'static str) -> Rebuilt {
        let folder = Folder::new();
        let all = options(yaml, folder.path());
        let library = Library::new(folder.path(), all.library, all.site.rules);
        let state = Folder::new();
        let ledger = Ledger::open(state.path(), &all.site.ids).unwrap();
        Rebuilt { folder, yaml, library, state, ledger, site: None, now: moment("2025-05-22T12:00:00Z") }
    }

    fn take(&mut self, edit: &Edit) {
        match edit {
            Edit::Write { file, items } => self.folder.write(FILES[*file], text(items)),
            Edit::Remove { file } if self.folder.file(FILES[*file]).exists() => self.folder.remove(FILES[*file]),
            Edit::Rename { from, to } if from != to && self.folder.file(FILES[*from]).exists() => {
                self.folder.rename(FILES[*from], FILES[*to]);
            }
            Edit::Wait { days } => self.now += TimeDelta::days(*days),
            _ => {}
        }
        self.now += TimeDelta::minutes(1);
    }

    /// Builds the site from the one before, and from nothing: the ledger is opened anew, the library reads everything anew,
    /// nothing is settled yet, and there is no site before.
    fn build(&mut self) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
        let all = options(self.yaml, self.folder.path());
        let today = all.site.ids.today(self.now);
        let files: HashSet<PathBuf> = FILES.iter().map(|name| self.folder.file(name)).collect();
        self.library.refresh_files(&files, &HashSet::new(), today).unwrap();
        let (settlement, changes) = self.ledger.settle(self.library.digests(), self.now, &all.site.ids);
        let site = Site::build(&settlement.digests, &all.site, self.site.as_ref(), &Validators::new(), self.now);
        self.ledger.commit(changes, self.library.memory(), site.snapshot()).unwrap();
        let mut library = Library::new(self.folder.path(), all.library, all.site.rules.clone());
        let ledger = Ledger::open_to_read(self.state.path(), &all.site.ids).unwrap();
        library.recall(ledger.memory());
        library.refresh(&HashSet::new(), today).unwrap();
        assert_eq!(self.library.findings(), library.findings());
        assert_eq!(self.library.worst(1000).len(), library.findings().len());
        let (settlement, changes) = ledger.settle(library.digests(), self.now, &all.site.ids);
        assert!(changes.entries.is_empty(), "{changes:?}");
        let fresh = Site::build(&settlement.digests, &all.site, None, &Validators::new(), self.now);
        assert_eq!((site.digests, site.items, &site.shown), (fresh.digests, fresh.items, &fresh.shown));
        let built = (bodies(&site), bodies(&fresh));
        self.site = Some(site);
        built
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn a_site_built_from_the_one_before_is_the_one_built_from_nothing(
        edits in prop::collection::vec(edit(), 1..20),
        yaml in prop::sample::select(vec!["", "feeds: {days: 2, digests: 2}", "items: {dedupe: feed}", "feeds: {max_bytes: 3000}"]),
    ) {
        let mut rebuilt = Rebuilt::new(yaml);
        for edit in &edits {
            rebuilt.take(edit);
            let (one, other) = rebuilt.build();
            prop_assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
            for (route, body) in &one {
                prop_assert_eq!(body, &other[route], "{}", route);
            }
        }
    }
}

#[test]
fn a_renamed_file_does_not_vanish_although_its_old_name_is_looked_at_alone() {
    let mut rebuilt = Rebuilt::new("");
    rebuilt.folder.write("2025-03-30.md", text(&[vec![1, 2], vec![], vec![]]));
    rebuilt.build();
    let today = moment("2025-05-22T12:00:00Z").date_naive();
    rebuilt.folder.rename("2025-03-30.md", "2025-03-30-evening.md");
    let old = HashSet::from([rebuilt.folder.file("2025-03-30.md")]);
    let changes = rebuilt.library.refresh_files(&old, &HashSet::new(), today).unwrap();
    assert_eq!(
        (changes.changed, changes.removed),
        (vec!["2025-03-30-evening.md".to_owned()], vec!["2025-03-30.md".to_owned()])
    );
    assert_eq!(rebuilt.library.digests().len(), 1);
}

#[test]
fn a_month_goes_with_the_last_digest_that_a_section_had_in_it() {
    let mut rebuilt = Rebuilt::new("feeds: {max_bytes: 1}");
    let (april, may) = ("2025-04-01.md", "2025-05-20.md");
    rebuilt.folder.write(april, text(&[vec![1, 2], vec![], vec![]]));
    rebuilt.folder.write(may, text(&[vec![3], vec![4, 5], vec![]]));
    let (one, other) = rebuilt.build();
    assert!(one.contains_key("/papers/archive/2025-05.atom"));
    assert_eq!(one, other);
    // In one step the section leaves the one month and comes into the other.
    rebuilt.folder.write(april, text(&[vec![1, 2], vec![6, 7], vec![]]));
    rebuilt.folder.write(may, text(&[vec![3], vec![], vec![]]));
    rebuilt.now += TimeDelta::minutes(1);
    let (one, other) = rebuilt.build();
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
}
