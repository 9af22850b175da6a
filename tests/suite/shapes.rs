//! The shapes that digests have: each understood in its own file, and by what recurs over the folder.

use std::collections::HashSet;
use std::sync::Arc;

use expect_test::{Expect, expect};
use feedmill::digest::{
    self, DateRules, DateSource, Dedupe, Digest, IssueDates, ItemForm, ItemWhy, Outcome, Prose, Rules, SectionWhy,
};
use feedmill::ledger::Ledger;
use feedmill::library::{self, Library};

use crate::harness::Folder;

fn parse(path: &str, text: &str, rules: &Rules) -> Vec<Digest> {
    match digest::parse(path, text.as_bytes(), rules) {
        (Outcome::Digests(digests), _) => digests,
        (other, findings) => panic!("no digest but {other:?}: {findings:?}"),
    }
}

/// One line per section and item.
fn sketch<'d>(digests: impl IntoIterator<Item = &'d Digest>) -> String {
    let mut text = String::new();
    for digest in digests {
        text.push_str(&format!("{} {}\n", digest.key, digest.title));
        for section in &digest.sections {
            text.push_str(&format!("  [{}] {}\n", section.title, section.why));
            for item in &section.items {
                let link = item.link.as_deref().unwrap_or("-");
                let categories = item.categories.join("/");
                text.push_str(&format!("    {} {} <{link}> {categories}\n", item.line, item.title));
            }
        }
    }
    text
}

#[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
fn check(text: &str, expected: Expect) {
    expected.assert_eq(&sketch(&parse("2025-05-22.md", text, &Rules::default())));
}

/// The digests of a folder, read as one publication.
fn read(folder: &Folder) -> Library {
    let mut library = Library::new(folder.path(), library::Options::default(), Rules::default());
    library.refresh(&HashSet::new(), "2026-01-01".parse().unwrap()).unwrap();
    library
}

fn sketch_of(library: &Library, path: &str) -> String {
    let (_, digests) = library.files().find(|(name, _)| *name == path).unwrap();
    let opened: Vec<Arc<Digest>> = digests.iter().map(|digest| digest.open()).collect();
    sketch(opened.iter().map(|digest| &**digest))
}

#[test]
fn numbered_paragraphs_hold_what_follows_them() {
    check(
        "# T\n\n## News\n\n1、[one](https://example.org/1)\n\ntext\n\n![i](https://example.org/i.png)\n\n2、\n\nTwo is a sentence. And more.\n\n3）three https://example.org/3\n",
        expect![[r#"
            2025-05-22 T
              [News] it holds a list or the like
                5 one <https://example.org/1> 
                11 Two is a sentence. <-> 
                15 three <https://example.org/3> 
        "#]],
    );
}

#[test]
fn numbered_lines_without_a_space_are_items() {
    check(
        "# T\n\n1.first https://example.org/1，\n2.second https://example.org/2\n",
        expect![[r#"
            2025-05-22 T
              [] no heading above
                3 first <https://example.org/1> 
                4 second <https://example.org/2> 
        "#]],
    );
}

#[test]
fn a_bold_paragraph_with_its_address_below_is_an_item() {
    check(
        "## Tools\n\n**One: a tool**  \n<https://one.example/>  \nFound it.\n\n**Two**  \n<https://two.example/x>  \nText.\n",
        expect![[r#"
            2025-05-22 2025-05-22
              [Tools] it holds a list or the like
                3 One: a tool <https://one.example/> 
                7 Two <https://two.example/x> 
        "#]],
    );
}

#[test]
fn paragraphs_with_a_link_each_are_items() {
    check(
        "# T\n\n## A\n\n- [x](https://example.org/x)\n\n## News\n\n[Somebody](https://github.com/somebody) wrote [a post](https://example.org/1) on it.\n\n> as quoted\n\nA [release](https://example.org/2) is out.\n\nThird [thing](https://example.org/3).\n",
        expect![[r#"
            2025-05-22 T
              [A] it holds a list or the like
                5 x <https://example.org/x> 
              [] no heading above
                7 News <https://example.org/1> 
        "#]],
    );
    let form = Rules { items: ItemForm::Paragraph, ..Rules::default() };
    let text = "# T\n\n## News\n\n[Somebody](https://github.com/somebody) wrote [a post](https://example.org/1) on it.\n\n> as quoted\n\nA [release](https://example.org/2) is out.\n";
    expect![[r#"
        2025-05-22 T
          [News] the configuration names it
            5 Somebody wrote a post on it. <https://example.org/1> 
            9 A release is out. <https://example.org/2> 
    "#]]
    .assert_eq(&sketch(&parse("2025-05-22.md", text, &form)));
}

#[test]
fn rows_of_a_table_are_items() {
    check(
        "# T\n\n## Talks\n\n| When | What |\n|---|---|\n| May | [one](https://example.org/1) |\n| June | [two](https://example.org/2) |\n",
        expect![[r#"
            2025-05-22 T
              [Talks] it holds a list or the like
                7 one <https://example.org/1> 
                8 two <https://example.org/2> 
        "#]],
    );
}

#[test]
fn entries_that_only_name_a_group_are_categories() {
    check(
        "# T\n\n## Apps\n\n- Android\n  - [one](https://example.org/1)\n- iOS:\n  - [two](https://example.org/2)\n- [three](https://example.org/3)\n  - more on three\n",
        expect![[r#"
            2025-05-22 T
              [Apps] it holds a list or the like
                6 one <https://example.org/1> Android
                8 two <https://example.org/2> iOS
                9 three <https://example.org/3> 
        "#]],
    );
}

#[test]
fn a_section_may_hold_a_list_and_deeper_headings() {
    check(
        "# T\n\n## Core\n\n3 changes\n\n* [one](https://example.org/1)\n* [two](https://example.org/2)\n\n### Proposals\n\n* [three](https://example.org/3)\n",
        expect![[r#"
            2025-05-22 T
              [Core] it holds deeper headings
                7 one <https://example.org/1> 
                8 two <https://example.org/2> 
                12 three <https://example.org/3> Proposals
        "#]],
    );
}

#[test]
fn an_attribute_below_each_title_makes_no_section() {
    check(
        "## [one](https://example.org/1)\n\n#### Author: A\n\ntext\n\n## two\n\n#### Author: B\n\ntext [Source](https://example.org/2)\n",
        expect![[r#"
            2025-05-22 2025-05-22
              [] no heading above
                1 one <https://example.org/1> 
                7 two <https://example.org/2> 
        "#]],
    );
}

#[test]
fn raw_headings_and_links_are_headings_and_links() {
    check(
        "# Old\n\n- [x](https://example.org/x)\n\n# New\n\n<h3 id=\"a\">\n  <a href=\"https://example.org/a\"><span>One &amp; all</span></a>\n</h3>\n\nText.<br>More.\n\n<h3>Two</h3>\n\nSee <a href='https://example.org/b'>this</a>.\n",
        expect![[r#"
            2025-05-22 2025-05-22
              [Old] it holds a list or the like
                3 x <https://example.org/x> 
              [New] it holds deeper headings
                7 One & all <https://example.org/a> 
                13 Two <https://example.org/b> 
        "#]],
    );
}

#[test]
fn what_other_generators_fill_in_is_left_out() {
    let text = "---\ndate: 2025-05-22\n---\n{% include head.md\n  id=\"x\" %}\n\n## S\n\n- [a tale][]{:.x} and `{% raw %}`\n- [b](https://example.org/b c)\n\n{{< note >}}\n\n{% include references.md %}\n[a tale]: https://example.org/a\n";
    check(
        text,
        expect![[r#"
            2025-05-22 2025-05-22
              [S] it holds a list or the like
                9 a tale <https://example.org/a> 
                10 b <https://example.org/b%20c> 
        "#]],
    );
    let html = parse("2025-05-22.md", text, &Rules::default())[0].sections[0].items[0].html.clone();
    assert!(html.contains("<code>{% raw %}</code>"), "{html}");
    let text = "import X from 'x';\n\nexport const Link = ({href}) => (\n  <a href={href}>\n    x\n  </a>\n);\n\n### One\n\n<Link href=\"https://example.org/1\">go</Link>\n\n### Two\n\ntext\n";
    expect![[r#"
        2025-05-22 2025-05-22
          [] no heading above
            9 One <https://example.org/1> 
            13 Two <-> 
    "#]]
    .assert_eq(&sketch(&parse("2025-05-22.mdx", text, &Rules::default())));
}

#[test]
fn a_reference_that_is_defined_nowhere_is_no_text() {
    let (outcome, findings) = digest::parse(
        "2025-05-22.md",
        "# T\n\n## S\n\n- [Tool #12][] does it, see [docs](https://example.org/x)\n- a[i][j] and [1][2] stay\n"
            .as_bytes(),
        &Rules::default(),
    );
    let Outcome::Digests(digests) = outcome else { panic!("no digest") };
    let items: Vec<_> = digests[0].items().map(|(_, item)| (item.title.as_str(), item.link.as_deref())).collect();
    assert_eq!(items, [("Tool #12 does it, see docs", None), ("a[i][j] and [1][2] stay", None)]);
    assert_eq!(findings.iter().map(|f| f.code).collect::<Vec<_>>(), [feedmill::finding::Code::LinkUndefined]);
}

#[test]
fn an_overview_of_what_follows_is_no_items() {
    check(
        "# T\n\n- [Water tower](#a)\n- [Night bus](#b)\n\n## News\n\n### Water tower\n\nx [Link](https://example.org/1)\n\n### Night bus\n\ny [Link](https://example.org/2)\n",
        expect![[r#"
            2025-05-22 T
              [News] it holds deeper headings
                8 Water tower <https://example.org/1> 
                12 Night bus <https://example.org/2> 
        "#]],
    );
}

#[test]
fn a_file_may_hold_the_digests_of_several_days() {
    let text = "## Daily (2025-05-19)\n\n1. one https://example.org/1\n2. two https://example.org/2\n\n## Daily (2025-05-20)\n\n1. three https://example.org/3\n";
    expect![[r#"
        2025-05-19 Daily (2025-05-19)
          [] no heading above
            3 one <https://example.org/1> 
            4 two <https://example.org/2> 
        2025-05-20 Daily (2025-05-20)
          [] no heading above
            8 three <https://example.org/3> 
    "#]]
    .assert_eq(&sketch(&parse("202505/20250519-20250525.md", text, &Rules::default())));
}

#[test]
fn files_that_share_each_day_are_one_item_each() {
    let folder = Folder::new();
    for day in ["2025-05-21", "2025-05-22"] {
        for story in ["a", "b", "c"] {
            let text = format!(
                "# Story {story}\n\n- Score: 1 | [Talk](https://talk.example/{story}) | Link: https://example.org/{story}\n\n### Summary\n\nText.\n"
            );
            folder.write(&format!("{day}-{story}.md"), text);
        }
    }
    let library = read(&folder);
    let keys: Vec<&str> = library.digests().iter().map(|(key, _)| &**key).collect();
    assert_eq!(keys, ["2025-05-21", "2025-05-22"]);
    assert_eq!(library.findings(), [], "files of a day belong together");
    let day = library.digests()[0].1.open();
    let items: Vec<_> = day.items().map(|(_, item)| (&*item.path, item.title.as_str(), item.link.as_deref())).collect();
    assert_eq!(
        items,
        [
            ("2025-05-21-a.md", "Story a", Some("https://example.org/a")),
            ("2025-05-21-b.md", "Story b", Some("https://example.org/b")),
            ("2025-05-21-c.md", "Story c", Some("https://example.org/c")),
        ]
    );
    assert!(day.items().all(|(_, item)| item.why == ItemWhy::File));
}

#[test]
fn lists_stay_lists_however_many_files_share_a_day() {
    let folder = Folder::new();
    for (day, name) in [("2025-05-21", "a"), ("2025-05-21", "b"), ("2025-05-21", "c"), ("2025-05-22", "a")] {
        let entries: String =
            (0..5).map(|n| format!("- [{name} {n}](https://example.org/{day}/{name}/{n})\n")).collect();
        folder.write(&format!("{day}-{name}.md"), format!("# {name}\n\n## News\n\n{entries}"));
    }
    let library = read(&folder);
    assert_eq!(library.digests().iter().map(|(_, digest)| digest.len()).collect::<Vec<_>>(), [5, 5, 5, 5]);
}

#[test]
fn a_heading_that_links_to_itself_leads_to_the_story_below() {
    check(
        "# T\n\n## New\n\n### [Tool](#tool) {#tool}\n\nNew.\n\n- [talk](https://example.org/talk)\n- [code](https://example.org/code)\n",
        expect![[r#"
            2025-05-22 T
              [New] it holds deeper headings
                5 Tool <https://example.org/talk> 
        "#]],
    );
}

#[test]
fn a_heading_of_many_digests_is_a_section_and_unique_text_an_item() {
    let folder = Folder::new();
    for day in 1..=4 {
        let text = format!(
            "# Weekly\n\n## Crate of the week\n\nThis week it is [crate {day}](https://example.org/c{day}), said [many](https://example.org/m{day}).\n\n## Story number {}\n\nProse on it, [read](https://example.org/s{day}).\n",
            ["one", "two", "three", "four"][day - 1]
        );
        folder.write(&format!("2025-05-0{day}.md"), text);
    }
    let library = read(&folder);
    expect![[r#"
        2025-05-04 Weekly
          [Crate of the week] its heading recurs
            5 This week it is crate 4, said many. <https://example.org/c4> 
          [] no heading above
            7 Story number four <https://example.org/s4> 
    "#]]
    .assert_eq(&sketch_of(&library, "2025-05-04.md"));
    assert_eq!(library.tally().heads("", "crateoftheweek"), (4, 4));
}

#[test]
fn what_was_learnt_stays_when_files_leave_and_the_service_starts_again() {
    let folder = Folder::new();
    let text = |day: usize| format!("# W\n\n## Tip of the day\n\nUse [tool {day}](https://example.org/{day}).\n");
    (1..=3).for_each(|day| folder.write(&format!("2025-05-0{day}.md"), text(day)));
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path(), &feedmill::ledger::Options::default()).unwrap();
    let library = read(&folder);
    ledger.commit(Default::default(), library.memory(), Default::default()).unwrap();
    drop(ledger);
    folder.remove("2025-05-01.md");
    folder.remove("2025-05-02.md");
    let mut later = Library::new(folder.path(), library::Options::default(), Rules::default());
    later.recall(Ledger::open(state.path(), &feedmill::ledger::Options::default()).unwrap().memory().clone());
    later.refresh(&HashSet::new(), "2026-01-01".parse().unwrap()).unwrap();
    assert_eq!(sketch_of(&library, "2025-05-03.md"), sketch_of(&later, "2025-05-03.md"));
    assert_eq!(later.digests()[0].1.open().sections[0].why, SectionWhy::Recurs);
    let forgetful = read(&folder);
    assert_ne!(sketch_of(&forgetful, "2025-05-03.md"), sketch_of(&later, "2025-05-03.md"));
}

#[test]
fn a_third_digest_teaches_what_the_first_two_hold() {
    let folder = Folder::new();
    let text = |day: usize| format!("# W\n\n## Tip of the day\n\nUse [tool {day}](https://example.org/{day}).\n");
    (1..=2).for_each(|day| folder.write(&format!("2025-05-0{day}.md"), text(day)));
    let mut library = read(&folder);
    assert_eq!(library.digests()[0].1.open().sections[0].why, SectionWhy::Unnamed);
    folder.write("2025-05-03.md", text(3));
    let mut changed = library.refresh(&HashSet::new(), "2026-01-01".parse().unwrap()).unwrap().changed;
    changed.sort();
    assert_eq!(changed, ["2025-05-01.md", "2025-05-02.md", "2025-05-03.md"]);
    assert!(library.digests().iter().all(|(_, digest)| digest.open().sections[0].why == SectionWhy::Recurs));
    folder.remove("2025-05-01.md");
    folder.remove("2025-05-02.md");
    library.refresh(&HashSet::new(), "2026-01-01".parse().unwrap()).unwrap();
    folder.write("2025-05-03.md", text(3).replace("tool 3", "the tool 3"));
    library.refresh(&HashSet::new(), "2026-01-01".parse().unwrap()).unwrap();
    assert_eq!(library.digests()[0].1.open().sections[0].why, SectionWhy::Recurs, "what was learnt stays");
}

#[test]
fn standing_texts_are_no_items() {
    let folder = Folder::new();
    for day in 1..=3 {
        let text = format!(
            "# W\n\n## News\n\n- [story {day}](https://example.org/{day})\n\n## Join us\n\nWrite to us, see [how](https://example.org/join).\n"
        );
        folder.write(&format!("2025-05-0{day}.md"), text);
    }
    let library = read(&folder);
    assert!(library.digests().iter().all(|(_, digest)| digest.len() == 1), "{:?}", library.digests());
    assert_eq!(library.findings(), [], "and nothing is to be said of them");
}

#[test]
fn a_numbered_issue_without_a_date_has_the_day_it_was_first_seen() {
    let folder = Folder::with([("issue-7.md", "## News\n\n- [a](https://example.org/a)\n")]);
    let library = read(&folder);
    let (key, digest) = &library.digests()[0];
    assert_eq!((&**key, digest.date.to_string().as_str(), digest.is_undated), ("issue-7", "2026-01-01", true));
    let mut later = Library::new(folder.path(), library::Options::default(), Rules::default());
    later.recall(library.memory().clone());
    later.refresh(&HashSet::new(), "2026-03-03".parse().unwrap()).unwrap();
    assert_eq!(later.digests()[0].1.date.to_string(), "2026-01-01", "the day stays");
}

#[test]
fn dates_may_follow_from_the_number_or_a_pattern() {
    let text = "## News\n\n- [a](https://example.org/a)\n";
    let date = |path: &str, rules: &Rules| parse(path, text, rules)[0].date.to_string();
    let issues = IssueDates { number: 117, date: "2018-07-26".parse().unwrap(), days: 7 };
    let rules = Rules { dates: DateRules { issues: Some(issues), ..DateRules::default() }, ..Rules::default() };
    assert_eq!(date("2018/issue-119.md", &rules), "2018-08-09");
    let pattern = Some("%d_%m_%y".to_owned());
    let rules = Rules { dates: DateRules { pattern, ..DateRules::default() }, ..Rules::default() };
    assert_eq!(date("news 22_05_25.md", &rules), "2025-05-22");
    let sources = vec![DateSource::Path, DateSource::FrontMatter];
    let rules = Rules { dates: DateRules { sources, ..DateRules::default() }, ..Rules::default() };
    let text = "---\ndate: 2025-05-24\n---\n## News\n\n- [a](https://example.org/a)\n";
    assert_eq!(parse("2025-05-22.md", text, &rules)[0].date.to_string(), "2025-05-22");
}

#[test]
fn the_configuration_may_say_what_rules_cannot_know() {
    let text = "# T\n\n## Jobs\n\n- [x](https://example.org/x)\n\n## Group\n\n### A\n\n- [one](https://example.org/1)\n- [two (ad)](https://example.org/2)\n\n## Words\n\nProse with [a link](https://example.org/p).\n";
    let rules = Rules {
        skip: vec!["jobs".to_owned()],
        section_level: Some(3),
        prose: Prose::Skip,
        skip_items: vec!["*(ad)".parse().unwrap()],
        ..Rules::default()
    };
    expect![[r#"
        2025-05-22 T
          [A] the configuration names it
            11 one <https://example.org/1> 
          [] no heading above
            14 Words <https://example.org/p> 
    "#]]
    .assert_eq(&sketch(&parse("2025-05-22.md", text, &rules)));
}

#[test]
fn an_item_that_comes_twice_in_a_section_comes_once() {
    let text = "# T\n\n## S\n\n- [The tower](https://example.org/1)\n- [the Tower!](https://example.org/1) with more to say\n- [Other](https://example.org/1)\n";
    let titles = |dedupe: Dedupe| {
        let digests = parse("2025-05-22.md", text, &Rules { dedupe, ..Rules::default() });
        digests[0].items().map(|(_, item)| item.title.clone()).collect::<Vec<_>>()
    };
    assert_eq!(titles(Dedupe::Digest), ["the Tower!", "Other"]);
    assert_eq!(titles(Dedupe::Off).len(), 3);
}

#[test]
fn a_link_may_be_kept_from_coming_again_on_a_later_day() {
    let day = |title: &str| format!("# T\n\n## S\n\n- [{title}](https://example.org/same)\n");
    let folder = Folder::with([("2025-05-21.md", day("first").as_str()), ("2025-05-22.md", day("again").as_str())]);
    let titles = |yaml: &str| crate::harness::titles(&folder.site_with(yaml, "2026-01-01T00:00:00Z"), "/");
    assert_eq!(titles(""), ["again", "first"]);
    assert_eq!(titles("items: {dedupe: feed}"), ["first"]);
}

#[test]
fn headlines_with_a_date_date_nothing() {
    let text = "---\ndate: 2025-06-01\n---\n# Windows 95 turns 30: it was launched on August 24, 1995\n\nText [a](https://example.org/a).\n\n# Gmail of April 1, 2004 is older than many of its users\n\nText [b](https://example.org/b).\n";
    expect![[r#"
        2025-06-01 2025-06-01
          [] no heading above
            4 Windows 95 turns 30: it was launched on August 24, 1995 <https://example.org/a> 
            8 Gmail of April 1, 2004 is older than many of its users <https://example.org/b> 
    "#]]
    .assert_eq(&sketch(&parse("2025-06-01.md", text, &Rules::default())));
    let text = "# Weekly\n\n## OpenAI ships a thing (May 30, 2025) and says so at length\n\nx [a](https://example.org/a)\n\n### Why it matters\n\ny\n\n## Another one ships another thing (May 28, 2025)\n\nx [b](https://example.org/b)\n\n### Why it matters\n\nz\n";
    let digests = parse("2025-06-01.md", text, &Rules::default());
    assert_eq!((digests.len(), digests[0].len()), (1, 2));
}

#[test]
fn links_that_overlap_in_a_line_cost_no_file() {
    check(
        "# T\n\n## S\n\n- [a](http://x.example/a b [c](http://z.example/w v)\n- [b](https://example.org/b 'A title')\n- [c](https://example.org/c (A title))\n- `[d](http://example.org/x y)` is code\n",
        expect![[r#"
            2025-05-22 T
              [S] it holds a list or the like
                5 [a]( b c <http://x.example/a> 
                6 b <https://example.org/b> 
                7 c <https://example.org/c> 
                8 [d](http://example.org/x y) is code <-> 
        "#]],
    );
}

#[test]
fn what_only_looks_like_a_template_stays() {
    let text = "export controls on chips were tightened :(\n\n## S\n\n- [one](https://example.org/1) {% x\n\n- [two](https://example.org/2) %}\n- {{ x }} [three](https://example.org/3) {{ y }}\n- [Elixir gives {:ok, value}](https://example.org/4)\n";
    let digests = parse("2025-05-22.mdx", text, &Rules::default());
    let titles: Vec<&str> = digests[0].items().map(|(_, item)| item.title.as_str()).collect();
    assert_eq!(titles, ["one", "two", "{{ x }} three {{ y }}", "Elixir gives {:ok, value}"]);
}

#[test]
fn a_list_before_other_marks_is_not_lost() {
    for after in ["2、 last", "**A**: text [x](https://example.org/x)\n\n**B**: text [y](https://example.org/y)"] {
        let text = format!("# T\n\n## S\n\n- [a](https://example.org/a)\n- [b](https://example.org/b)\n\n{after}\n");
        let digests = parse("2025-05-22.md", &text, &Rules::default());
        let titles: Vec<&str> = digests[0].items().map(|(_, item)| item.title.as_str()).collect();
        assert!(titles.starts_with(&["a", "b"]), "{titles:?}");
    }
}

#[test]
fn a_link_inside_a_heading_is_the_item_s() {
    check(
        "# T\n\n## S\n\n### Today [the story](https://example.org/a) broke\n\ntext\n\n### b\n\nx\n",
        expect![[r#"
            2025-05-22 T
              [S] it holds deeper headings
                5 Today the story broke <https://example.org/a> 
                9 b <-> 
        "#]],
    );
}

#[test]
fn raw_tags_make_no_link_in_a_link_and_no_element_over_blocks() {
    let text = "# T\n\n## S\n\n- [r <a href=\"https://example.org/4\">s</a> t](https://example.org/5) and\n- [u](https://example.org/6) a <b>x\n  ```\n  code\n  ```\n  y</b>\n";
    let digests = parse("2025-05-22.md", text, &Rules::default());
    for (_, item) in digests[0].items() {
        let html = format!("<div>{}</div>", item.html.replace("<br>", "<br/>"));
        assert!(roxmltree::Document::parse(&html).is_ok(), "{html}");
        assert!(!item.html.contains("<a href=\"https://example.org/5\">r <a"), "{html}");
    }
}

#[test]
fn tags_before_a_link_and_brackets_in_one_are_no_references() {
    check(
        "# 2025-05-22\n\n## S\n\n- [disposition: merge][Stabilize deque](https://example.org/1)\n- [video][en] [Writing a language](https://example.org/2)\n- [[Translation][Korean] Part three](https://example.org/3)\n",
        expect![[r#"
            2025-05-22 2025-05-22
              [S] it holds a list or the like
                5 [disposition: merge]Stabilize deque <https://example.org/1> 
                6 [video][en] Writing a language <https://example.org/2> 
                7 [Translation][Korean] Part three <https://example.org/3> 
        "#]],
    );
}

#[test]
fn comments_of_generators_are_left_out_with_what_is_in_them() {
    check(
        "# 2025-05-22\n\n{% comment %}\n\n## Notes to self\n\n- [x](https://example.org/x)\n\n```\ngit log\n```\n{% endcomment %}\n\n{{< comment >}}\n- [y](https://example.org/y)\n{{< /comment >}}\n\n## S\n\n- [a tale](https://example.org/a) {% comment %}b{% endcomment %} of two\n",
        expect![[r#"
            2025-05-22 2025-05-22
              [S] it holds a list or the like
                20 a tale <https://example.org/a> 
        "#]],
    );
}

#[test]
fn a_mark_in_a_link_or_in_code_ends_no_title() {
    check(
        "# 2025-05-22\n\n## S\n\n- 📹 [video] [Rust Releases! Rust 1.68](https://example.org/1). More text.\n- The `macro_rules! x` attribute. More text, [here](https://example.org/2).\n- [Revert](https://example.org/3) hollow nodes because they broke tests\n",
        expect![[r#"
            2025-05-22 2025-05-22
              [S] it holds a list or the like
                5 📹 [video] Rust Releases! Rust 1.68. <https://example.org/1> 
                6 The macro_rules! x attribute. <https://example.org/2> 
                7 Revert hollow nodes because they broke tests <https://example.org/3> 
        "#]],
    );
}

#[test]
fn a_comment_ends_with_its_own_tag_and_with_no_address() {
    check(
        "# 2025-05-22\n\n{{< comments >}}\n\n## S\n\n- [a tale](https://example.org/comments/1) {x}\n\n{% comment %}\n- [x](https://example.org/r/comment/2) {x}\n- [y](https://example.org/y)\n{%- endcomment -%}\n\n- [b tale](https://example.org/b)\n\n{% comment %} never closed\n\n- [c tale](https://example.org/comment) {x}\n",
        expect![[r#"
            2025-05-22 2025-05-22
              [S] it holds a list or the like
                7 a tale <https://example.org/comments/1> 
                14 b tale <https://example.org/b> 
                18 c tale <https://example.org/comment> 
        "#]],
    );
}

#[test]
fn lists_of_labels_below_headings_say_what_the_item_is() {
    for (summary, source) in
        [("**Summary**:", "**Source**:"), ("**요약**:", "**출처**:"), ("**摘要：**", "**来源：**"), ("Gist:", "From:")]
    {
        let item = |number: u32| {
            format!(
                "### {number}. Story {number}\n- {summary} It is about trams.\n- {source} [the paper](https://example.org/{number})\n\n"
            )
        };
        let text = format!("# T\n\n## AI\n\n{}{}## Security\n\n{}", item(1), item(2), item(3));
        let digests = parse("2025-05-22.md", &text, &Rules::default());
        let items: Vec<(&str, &str, Option<&str>)> = digests[0]
            .items()
            .map(|(section, item)| (section.title.as_str(), item.title.as_str(), item.link.as_deref()))
            .collect();
        let expected = [
            ("AI", "Story 1", Some("https://example.org/1")),
            ("AI", "Story 2", Some("https://example.org/2")),
            ("Security", "Story 3", Some("https://example.org/3")),
        ];
        assert_eq!(items, expected, "{summary}");
    }
}

#[test]
fn labels_that_stand_once_or_lead_to_stories_each_are_items() {
    check(
        "# T\n\n## Releases\n\n- **Rust**: [1.90](https://example.org/rust)\n- **Go**: [1.25](https://example.org/go)\n\n## Articles\n\n- **Rust**: [Lifetimes](https://example.org/lifetimes)\n- **Go**: [Channels](https://example.org/channels)\n\n## Notes\n\n- **Fees:** they fall, says [Mo](https://example.org/fees)\n- **Nodes:** more of them\n",
        expect![[r#"
            2025-05-22 T
              [Releases] it holds a list or the like
                5 Rust <https://example.org/rust> 
                6 Go <https://example.org/go> 
              [Articles] it holds a list or the like
                10 Rust <https://example.org/lifetimes> 
                11 Go <https://example.org/channels> 
              [Notes] it holds a list or the like
                15 Fees <https://example.org/fees> 
                16 Nodes <-> 
        "#]],
    );
}

#[test]
fn of_several_fields_the_one_with_a_label_leads_to_the_story() {
    check(
        "# T\n\n## One\n\n- **Author**: [Ann](https://example.org/authors/ann)\n- **Link**: [read](https://example.org/1)\n- **Length**: short\n\n## Two\n\n- **Author**: [Bo](https://example.org/authors/bo)\n- **Link**: https://example.org/2\n",
        expect![[r#"
            2025-05-22 T
              [] no heading above
                3 One <https://example.org/1> 
                9 Two <https://example.org/2> 
        "#]],
    );
}

#[test]
fn fields_may_stand_below_bold_titles_and_in_the_entries_of_a_list() {
    check(
        "# T\n\n## Bold\n\n**A tram**\n\n- Summary: it runs\n- Source: [a](https://example.org/1)\n\n**A bus**\n\n- Summary: it waits\n- Source: [b](https://example.org/2)\n\n## List\n\n1. **A mill**\n   - Summary: it turns\n   - Source: [c](https://example.org/3)\n2. **A quay**\n   - Summary: it is new\n   - Source: [d](https://example.org/4)\n",
        expect![[r#"
            2025-05-22 T
              [Bold] it holds a list or the like
                5 A tram <https://example.org/1> 
                10 A bus <https://example.org/2> 
              [List] it holds a list or the like
                17 A mill <https://example.org/3> 
                20 A quay <https://example.org/4> 
        "#]],
    );
}

#[test]
fn labels_that_recur_over_files_are_fields_where_each_file_has_one_item() {
    let folder = Folder::new();
    for day in 1..5 {
        let text = format!(
            "# Daily 2025-05-0{day}\n\n## Story {}\n\n- **Gist**: it runs\n- **From**: [a](https://example.org/{day})\n",
            ["tram", "bus", "mill", "quay"][day - 1]
        );
        folder.write(&format!("2025-05-0{day}.md"), text);
    }
    expect![[r#"
        2025-05-04 Daily 2025-05-04
          [] no heading above
            3 Story quay <https://example.org/4> 
    "#]]
    .assert_eq(&sketch_of(&read(&folder), "2025-05-04.md"));
}

#[test]
fn a_sign_before_bold_text_hides_no_item() {
    for (one, two) in [("1️⃣", "2️⃣"), ("🔹", "🔸"), ("•", "•"), ("①", "②"), ("👩‍🚀", "✅")]
    {
        let text = format!(
            "# T\n\n## World\n\n{one} **Harbour strike ends.** Dockers return. [Source](https://example.org/1)\n\n{two} **Election set.** In May. [Source](https://example.org/2)\n"
        );
        let digests = parse("2025-05-22.md", &text, &Rules::default());
        let items: Vec<(&str, &str)> =
            digests[0].items().map(|(_, item)| (item.title.as_str(), item.html.as_str())).collect();
        assert_eq!(
            items,
            [("Harbour strike ends.", "<p>Dockers return.</p>"), ("Election set.", "<p>In May.</p>")],
            "{one}"
        );
    }
}

#[test]
fn lines_that_begin_with_a_number_in_a_key_are_items_where_they_have_links() {
    check(
        "# T\n\n## World\n\n1️⃣ Harbour strike ends. [Source](https://example.org/1)\n2️⃣ Election set. [Source](https://example.org/2)\n\n## 2️⃣ Five points of a [plan](https://example.org/plan)\n\n1️⃣ Begin.\n\n2️⃣ Go on.\n",
        expect![[r#"
            2025-05-22 T
              [World] it holds a list or the like
                5 Harbour strike ends. <https://example.org/1> 
                6 Election set. <https://example.org/2> 
              [] no heading above
                8 Five points of a plan <https://example.org/plan> 
        "#]],
    );
}

#[test]
fn bold_titles_before_the_first_heading_are_items_and_an_imprint_is_none() {
    check(
        "# T\n\nWelcome back.\n\n**[The harbour](https://example.org/1)** — leads.\n\n**[A tower](https://example.org/2)** — follows.\n\n## In brief\n\n- The [otter](https://example.org/3) is out\n- The [mill](https://example.org/4) turns\n",
        expect![[r#"
            2025-05-22 T
              [] no heading above
                5 The harbour <https://example.org/1> 
                7 A tower <https://example.org/2> 
              [In brief] it holds a list or the like
                11 The otter is out <https://example.org/3> 
                12 The mill turns <https://example.org/4> 
        "#]],
    );
    let imprint = "# T\n\n**Editor:** [Ann](https://example.org/ann)\n\n**Post**: [write](https://example.org/post)\n\n## In brief\n\n- The [otter](https://example.org/3) is out\n- The [mill](https://example.org/4) turns\n";
    assert_eq!(parse("2025-05-22.md", imprint, &Rules::default())[0].len(), 2);
}

#[test]
fn what_stands_before_the_first_item_introduces_the_digest() {
    let text = "# T\n\nWelcome back.\n\n**[The harbour](https://example.org/1)** — leads.\n\n**[A tower](https://example.org/2)** — follows.\n\n## In brief\n\n- The [otter](https://example.org/3) is out\n";
    assert_eq!(parse("2025-05-22.md", text, &Rules::default())[0].preamble, "<p>Welcome back.</p>");
}

#[test]
fn addresses_with_a_text_below_each_are_items() {
    check(
        "# T\n\n<https://example.org/rivers>\n: Maps of rivers that are no more. Lovely colours.\n\nhttps://example.org/rice\n\nHow to cook rice for forty people.\n\n- https://example.org/lighthouse - a list of lighthouses\n- [A short history of string](https://example.org/string)\n",
        expect![[r#"
            2025-05-22 T
              [] no heading above
                3 Maps of rivers that are no more. <https://example.org/rivers> 
                6 How to cook rice for forty people. <https://example.org/rice> 
                10 a list of lighthouses <https://example.org/lighthouse> 
                11 A short history of string <https://example.org/string> 
        "#]],
    );
}

#[test]
fn only_below_an_address_a_title_loses_the_signs_before_it() {
    check(
        "# T\n\n## S\n\n- --audit-version is gone\n- :tada: a game\n- https://example.org/1 – a tale. See `a.b`. And [more](https://example.org/2)\n",
        expect![[r#"
            2025-05-22 T
              [S] it holds a list or the like
                5 --audit-version is gone <-> 
                6 :tada: a game <-> 
                7 a tale. <https://example.org/1> 
        "#]],
    );
}

#[test]
fn addresses_above_or_below_texts_without_a_pattern_are_one_text() {
    let text =
        "# T\n\n## Story\n\nhttps://example.org/1\n\nA text.\n\nhttps://example.org/2\n\nhttps://example.org/3\n";
    assert_eq!(parse("2025-05-22.md", text, &Rules::default())[0].len(), 1);
}
