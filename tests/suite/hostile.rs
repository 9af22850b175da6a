//! Content that means harm: it costs little, stays in its place, and takes nothing of the site over.

use std::collections::HashSet;

use chrono::NaiveDate;
use feedmill::digest::{self, Digest, Outcome, Rules};
use feedmill::finding::Code;
use feedmill::library::{self, Library};

use crate::harness::{Folder, digest, titles};

/// The digest of a text, and what is told about it.
fn read(text: &str) -> (Option<Digest>, Vec<Code>) {
    let (outcome, findings) = digest::parse("2025-05-22.md", text.as_bytes(), &Rules::default());
    let codes = findings.iter().map(|finding| finding.code).collect();
    match outcome {
        Outcome::Digests(digests) => (digests.into_iter().next(), codes),
        _ => (None, codes),
    }
}

/// The titles of items under a heading each.
fn titles_of(headings: &[&str]) -> Vec<String> {
    let items: String = headings.iter().map(|heading| format!("### {heading}\n\nText.\n\n")).collect();
    let (digest, _) = read(&format!("## News\n\n{items}"));
    digest.unwrap().items().map(|(_, item)| item.title.clone()).collect()
}

/// What YAML refuses is taken word by word where that makes sense, and nothing is multiplied.
#[test]
fn aliases_that_multiply_are_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = level - 1;
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{before}"); 10].join(", ")));
    }
    for (yaml, told) in [
        (format!("{bomb}title: t\n"), Some(Code::FrontMatterRepaired)),
        (format!("tags: {}\n{bomb}", "*a11"), Some(Code::FrontMatterInvalid)),
        ("title: t\na: &a {b: [*a, *a]}\n".to_owned(), Some(Code::FrontMatterRepaired)),
        ("title: t\na: &a {x: 1}\nb: &b {<<: [*a, *a]}\n".to_owned(), None),
    ] {
        let (digest, codes) = read(&format!("---\n{yaml}---\n\n## News\n\n### Tower\n\nText.\n"));
        assert_eq!(codes.first().copied(), told, "{yaml}");
        assert_eq!(
            digest.map(|digest| digest.title),
            (told != Some(Code::FrontMatterInvalid)).then(|| "t".to_owned()),
            "{yaml}"
        );
    }
}

#[test]
fn an_item_on_one_endless_line_has_a_short_title_and_summary() {
    let (digest, _) = read(&format!("## News\n\n* {}\n", "word ".repeat(200_000)));
    let digest = digest.unwrap();
    let (_, item) = digest.items().next().unwrap();
    assert!(item.title.len() < 1000 && item.summary.len() < 5000, "{} and {}", item.title.len(), item.summary.len());
}

#[test]
fn entities_bring_nothing_back_that_xml_forbids() {
    let seen = titles_of(&[
        "a&#0;b",
        "a&#8;b",
        "a&#xD800;b",
        "a&#x110000;b",
        "a&#xFFFE;b",
        "a&amp;#8;b",
        "a&lt;b&gt;c",
        "a&#10;b",
    ]);
    let is_fit = |title: &String| title.chars().all(|c| !c.is_control() && !matches!(c, '\u{FFFE}' | '\u{FFFF}'));
    assert!(seen.iter().all(is_fit), "{seen:?}");
    assert_eq!(seen[5..], ["a&#8;b", "a<b>c", "a b"]);
}

/// UAX #9: an override shows letters in another order than they are read, and what is not closed goes on behind the title, in
/// whatever a reader shows there.
#[test]
fn a_title_ends_with_itself_whichever_way_it_runs() {
    for (heading, title) in [
        ("invoice \u{202E}fdp.exe", "invoice fdp.exe"),
        ("a\u{202D}b\u{202C}c", "abc"),
        ("a&#8238;b", "ab"),
        ("a\u{2067}b", "a\u{2067}b\u{2069}"),
        ("a\u{202B}b\u{2066}c", "a\u{202B}b\u{2066}c\u{2069}\u{202C}"),
        ("a\u{2069}b\u{202C}c", "abc"),
        ("a\u{2068}ب\u{2069}c", "a\u{2068}ب\u{2069}c"),
        ("a\u{200B}b\u{FEFF}c\u{2060}d\u{AD}", "abcd"),
    ] {
        assert_eq!(titles_of(&[heading]), [title], "{heading:?}");
    }
}

/// Found by the fuzzer: a page got the end of an emphasis that had begun in the item before.
#[test]
fn where_items_divide_an_emphasis_each_is_whole() {
    let (digest, _) = read("## 新闻\n\n*新\n1、甲\n2、乙*标题*文*\n3、丙\n");
    let items: Vec<String> = digest.unwrap().items().map(|(_, item)| item.html.clone()).collect();
    assert!(items.len() > 1, "{items:?}");
    for html in items {
        assert_eq!(html.matches("<em>").count(), html.matches("</em>").count(), "{html}");
        super::fuzzing::judges::expect_harmless(&html);
    }
}

/// Found by the fuzzer: such a note had an id of its author's choice, in feeds and on the page, where other things have theirs.
#[test]
fn a_footnote_within_a_list_has_no_id() {
    let (digest, _) = read("## News\n\n### Tower\n\nText[^section-news].\n\n- [^section-news]: A note.\n");
    let digest = digest.unwrap();
    let (_, item) = digest.items().next().unwrap();
    assert!(item.html.contains("A note.") && !item.html.contains(" id="), "{}", item.html);
    super::fuzzing::judges::expect_harmless(&item.html);
}

#[test]
fn an_address_that_only_looks_like_one_leads_nowhere() {
    for address in [
        "javascript:x",
        "JaVaScRiPt:x",
        "java\tscript:x",
        "\u{1}javascript:x",
        "javascript&colon;x",
        "&#106;avascript:x",
        "java&Tab;script:x",
        "vbscript:x",
        "data:text/html,x",
        "DATA:text/html;base64,eA==",
        "file:///etc/passwd",
        "blob:https://example.org/1",
        "view-source:https://example.org/",
        "feed:javascript:x",
        "jar:https://example.org/!/x",
        "https:javascript:x",
        "about:blank",
        "intent://example.org/#Intent;end",
        "ms-msdt:x",
        "//",
        "https://",
        "https:///",
        "https://[::1",
        "https://example.org:99999/",
    ] {
        let (digest, _) = read(&format!(
            "## News\n\n### Tower\n\nText [a](<{address}>) ![b](<{address}>) <b><a href=\"{address}\">c</a></b>\n"
        ));
        let digest = digest.unwrap();
        let (_, item) = digest.items().next().unwrap();
        let addresses =
            ["href=\"", "src=\""].map(|name| item.html.split(name).skip(1).map(|rest| rest.split('"').next().unwrap()));
        let strange =
            addresses.into_iter().flatten().find(|url| !url.starts_with("https://") || url.contains("script:"));
        assert_eq!(strange, None, "{address:?}: {}", item.html);
        assert_ne!(item.link.as_deref(), Some(address), "{}", item.html);
    }
}

#[test]
fn names_of_files_and_sections_cannot_leave_the_site() {
    let folder = Folder::new();
    let names = [
        "2025-05-01-..-..-etc-passwd.md",
        "2025-05-02 %2e%2e%2f.md",
        "2025-05-03\"><b>.md",
        "2025-05-04\\..\\x.md",
        "2025-05-05\n.md",
        "a/b/c../2025-05-06.md",
        "2025-05-07-\u{202E}md.md",
        "2025-05-08?a=b#c.md",
        "%00/2025-05-09.md",
        "con/2025-05-10.md",
    ];
    for (at, name) in names.iter().enumerate() {
        let date = format!("2025-05-{:02}", at + 1);
        folder.write(
            name,
            digest(&date, &[("../../etc", &["up"]), ("a/b\\c", &["in"]), ("%2e%2e", &["encoded"]), ("..", &["dots"])]),
        );
    }
    let site = folder.site();
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '/' | '.' | '-');
    for route in site.pages.keys() {
        assert!(route.chars().all(is_plain) && !route.contains("..") && !route.contains("//"), "{route:?}");
    }
    assert_eq!(titles(&site, "/digests/").len(), names.len());
}

/// Whatever a section is called, it has its own feed, and everything that the site has anyway stays where it is.
#[test]
fn no_section_takes_the_place_of_another_page() {
    let names = [
        "rss.xml",
        "atom.xml",
        "feed.json",
        "feeds.opml",
        "sitemap.xml",
        "robots.txt",
        "favicon.ico",
        "style.css",
        "index.html",
        "status",
        "healthz",
        "readyz",
        "metrics",
        "archive",
        "digests",
        "feed",
        "feeds",
        "rss",
        "atom",
        "all",
        "assets",
        "sitemap",
        "preview",
        "events",
        "null",
        "constructor",
        "__proto__",
    ];
    let plain = Folder::with([("2025-05-22.md", digest("2025-05-22", &[("News", &["a"])]).as_str())]).site();
    let title = |name: &str, day: u32| format!("item {day} of {}", name.replace(['.', '_'], " ").trim());
    let folder = Folder::new();
    for day in 20..=22 {
        let titles: Vec<String> = names.iter().map(|name| title(name, day)).collect();
        let lists: Vec<[&str; 1]> = titles.iter().map(|title| [title.as_str()]).collect();
        let sections: Vec<(&str, &[&str])> =
            names.iter().zip(&lists).map(|(name, list)| (*name, list.as_slice())).collect();
        let date = format!("2025-05-{day}");
        folder.write(&format!("{date}.md"), digest(&date, &sections));
    }
    let site = folder.site();
    let own = site.pages.keys().filter_map(|route| route.strip_suffix("feed.json"));
    let own = own.filter(|folder| !["/", "/digests/"].contains(folder)).map(|folder| titles(&site, folder));
    let own: HashSet<Vec<String>> = own.collect();
    assert_eq!(own, names.iter().map(|name| [22, 21, 20].map(|day| title(name, day)).to_vec()).collect());
    for (route, page) in plain.pages.iter().filter(|(route, _)| !route.starts_with("/news/")) {
        assert_eq!(site.pages.get(route).map(|own| own.media_type), Some(page.media_type), "{route}");
    }
    assert_eq!(titles(&site, "/digests/"), [22, 21, 20].map(|day| format!("Digest of 2025-05-{day}")));
}

/// The titles of all items by file, and what is wrong with which file.
type Held = (Vec<(String, Vec<String>)>, Vec<(String, Code)>);

fn held(library: &Library) -> Held {
    let titles = |digests: &[std::sync::Arc<digest::Volume>]| {
        let digests = digests.iter().map(|volume| volume.open());
        digests.flat_map(|digest| digest.items().map(|(_, item)| item.title.clone()).collect::<Vec<_>>()).collect()
    };
    let files = library.files().map(|(path, digests)| (path.to_owned(), titles(digests)));
    let findings = library.findings().into_iter().map(|finding| (finding.path, finding.code));
    (files.collect(), findings.collect())
}

#[test]
fn a_thousand_findings_of_a_kind_are_told_as_a_hundred() {
    let (outcome, findings) = digest::parse(
        "2025-05-22.md",
        format!("## News\n\n### Tower\n\nText ** bold**.\n\n{}", "## Empty\n\n".repeat(1000)).as_bytes(),
        &Rules::default(),
    );
    assert!(matches!(outcome, Outcome::Digests(_)));
    let count = |code: Code| findings.iter().filter(|finding| finding.code == code).count();
    assert_eq!((count(Code::SectionEmpty), count(Code::EmphasisBroken)), (100, 1));
    let last = findings.iter().rfind(|finding| finding.code == Code::SectionEmpty).unwrap();
    let said = "the section `Empty` has no items; of 1000 such findings in this file, the others are left out";
    assert_eq!((last.line, last.message.as_str()), (205, said));
}

#[test]
fn a_file_that_brings_too_many_sections_keeps_its_last_good_version() {
    let folder = Folder::new();
    let write = |day: u32, sections: &[&str], title: &str| {
        let titles: Vec<String> = sections.iter().map(|name| format!("{title} of {name}")).collect();
        let sections =
            sections.iter().zip(&titles).map(|(name, title)| format!("## {name}\n\n### {title}\n\nText.\n\n"));
        folder.write(&format!("2025-05-{day}.md"), sections.collect::<String>());
    };
    let today = NaiveDate::from_ymd_opt(2025, 6, 1).unwrap();
    let options = library::Options { max_sections: 3, ..library::Options::default() };
    let rules = Rules { section_level: Some(2), ..Rules::default() };
    let mut library = Library::new(folder.path(), options, rules);
    let mut after = |change: &dyn Fn()| {
        change();
        library.refresh(&HashSet::new(), today).unwrap();
        let (files, findings) = held(&library);
        let titles: Vec<String> = files.into_iter().flat_map(|(_, titles)| titles).collect();
        let titles = titles.join(", ");
        let findings = findings.iter().filter(|(_, code)| *code != Code::ItemWithoutLink);
        (titles, findings.map(|(path, code)| format!("{path} {code}")).collect::<Vec<_>>().join(" "))
    };
    let same = |found: (String, String), titles: &str, findings: &str| {
        assert_eq!((found.0.as_str(), found.1.as_str()), (titles, findings));
    };
    let (none, told) = ("", "2025-05-21.md too-many-sections");
    same(after(&|| write(20, &["News", "Papers"], "a")), "a of News, a of Papers", none);
    same(after(&|| write(21, &["News", "Tools", "Talks"], "b")), "a of News, a of Papers", told);
    let both = "a of News, a of Papers, b of News, b of Tools";
    same(after(&|| write(21, &["News", "Tools"], "b")), both, none);
    same(after(&|| write(21, &["News", "Tools", "Talks"], "c")), both, told);
    // Other files go on, and make room.
    same(after(&|| write(20, &["Papers", "News"], "d")), "d of Papers, d of News, b of News, b of Tools", told);
    same(after(&|| write(20, &["News"], "e")), "e of News, c of News, c of Tools, c of Talks", none);
    same(after(&|| folder.remove("2025-05-20.md")), "c of News, c of Tools, c of Talks", none);
}

#[test]
fn a_folder_of_too_many_bytes_keeps_what_it_had() {
    let folder = Folder::new();
    let write = |day: u32, titles: &[&str]| {
        folder.write(&format!("2025-05-{day}.md"), digest(&format!("2025-05-{day}"), &[("News", titles)]));
    };
    let today = NaiveDate::from_ymd_opt(2025, 6, 1).unwrap();
    let options = library::Options { max_total_bytes: 3 * 4096, ..library::Options::default() };
    let started = || Library::new(folder.path(), options.clone(), Rules::default());
    let nothing = HashSet::new();
    let told_of = |day: u32| HashSet::from([folder.file(&format!("2025-05-{day}.md"))]);
    let expected = |days: &[(u32, &str)], beyond: Option<u32>| -> Held {
        let name = |day: &u32| format!("2025-05-{day}.md");
        let files = days.iter().map(|(day, title)| (name(day), vec![(*title).to_owned()])).collect();
        (files, beyond.iter().map(|day| (name(day), Code::FolderTooLarge)).collect())
    };

    (20..=22).for_each(|day| write(day, &["a"]));
    let mut library = started();
    library.refresh(&nothing, today).unwrap();
    assert_eq!(held(&library), expected(&[(20, "a"), (21, "a"), (22, "a")], None));

    write(19, &["new"]);
    write(22, &["b"]);
    library.refresh_files(&told_of(19), &nothing, today).unwrap();
    assert_eq!(held(&library), expected(&[(20, "a"), (21, "a"), (22, "b")], Some(19)));
    let mut next = started();
    next.recall(library.memory().clone());
    next.refresh(&nothing, today).unwrap();
    assert_eq!(held(&next), held(&library), "a start");

    // One that grows too much stays as it was.
    write(22, &["word ".repeat(1000).as_str()]);
    library.refresh_files(&told_of(22), &nothing, today).unwrap();
    assert_eq!(held(&library), expected(&[(20, "a"), (21, "a"), (22, "b")], Some(22)));
    write(22, &["c"]);
    library.refresh_files(&told_of(22), &nothing, today).unwrap();
    assert_eq!(held(&library), expected(&[(20, "a"), (21, "a"), (22, "c")], Some(19)));

    // Where one goes, the next has room.
    folder.remove("2025-05-20.md");
    library.refresh_files(&told_of(20), &nothing, today).unwrap();
    assert_eq!(held(&library), expected(&[(19, "new"), (21, "a"), (22, "c")], None));

    // A smaller limit takes nothing away.
    library.set_rules(library::Options { max_total_bytes: 4096, ..options.clone() }, Rules::default());
    library.refresh(&nothing, today).unwrap();
    assert_eq!(held(&library).0, expected(&[(19, "new"), (21, "a"), (22, "c")], None).0);
}
