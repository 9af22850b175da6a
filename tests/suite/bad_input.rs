//! Bad input, each with its message, and everything else served.

use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt as _;

use chrono::NaiveDate;
use feedmill::digest::Rules;
use feedmill::finding::Code;
use feedmill::library::{self, Library};

use crate::harness::{Folder, digest, feedmill, fields, titles};

fn good() -> Folder {
    Folder::with([("2025-05-21.md", digest("2025-05-21", &[("News", &["good"])]).as_str())])
}

/// What `check` says of a folder, and its exit code. Whatever it says, the good digest must be served.
fn check(folder: &Folder) -> (String, i32) {
    assert!(titles(&folder.site(), "/").contains(&"good".to_owned()));
    let run = feedmill(&["check", "--format", "short", folder.path().to_str().unwrap()]);
    (
        String::from_utf8(run.stdout).unwrap().replace(&format!("{}/", folder.path().display()), ""),
        run.status.code().unwrap(),
    )
}

fn expect(folder: &Folder, code: i32, line: &str) {
    let (said, exit) = check(folder);
    assert!(said.lines().any(|said| said.starts_with(line)), "expected {line:?} in\n{said}");
    assert!(said.contains("help: "));
    assert_eq!(exit, code, "{said}");
}

#[test]
fn a_clean_folder_says_nothing() {
    assert_eq!(check(&good()), (String::new(), 0));
}

#[test]
fn invalid_yaml() {
    let folder = good();
    folder.write("2025-05-22.md", "---\ntitle: x\ntags: [a\n---\n# x\n");
    expect(&folder, 1, "2025-05-22.md:4:1: error: the front matter is not valid YAML");
}

#[test]
fn a_key_that_stands_twice() {
    let folder = good();
    folder.write("2025-05-22.md", "---\ntitle: x\ntags: [a]\n'title' : y\n---\n# x\n");
    expect(&folder, 1, "2025-05-22.md:4:1: error: the front matter is not valid YAML: duplicate entry with key");
}

#[test]
fn a_title_that_is_not_yaml_costs_nothing() {
    let folder = good();
    folder.write("2025-05-22.md", digest("2025-05-22", &[("News", &["x"])]).replace("Digest of", "GPT: of"));
    expect(&folder, 0, "2025-05-22.md:3:8: warning: this value needs quotes to be YAML");
    assert_eq!(titles(&folder.site(), "/digests/")[0], "GPT: of 2025-05-22");
}

#[test]
fn no_date() {
    let folder = good();
    folder.write("notes.md", "# Notes\n");
    folder.write("README.md", "# What this is\n");
    expect(&folder, 0, "notes.md:1:1: warning: no date, so not a digest");
    let run = feedmill(&["check", "--format", "short", folder.path().to_str().unwrap()]);
    assert!(
        !String::from_utf8_lossy(&run.stdout).contains("README.md"),
        "what usually stands beside digests is passed over"
    );
}

#[test]
fn two_files_of_one_date_are_both_served() {
    let folder = good();
    folder.write("2025-05-21-again.md", digest("2025-05-21", &[("News", &["again"])]));
    expect(&folder, 0, "2025-05-21-again.md:1:1: warning: `2025-05-21.md` has the same date");
    let site = folder.site();
    assert!(site.pages.contains_key("/digests/2025-05-21-again/"));
    assert_eq!(titles(&site, "/"), ["good", "again"]);
    assert!(fields(&site, "/", "id").iter().all(|id| id.contains(":2025-05-21/")), "no id says which file it is in");
    let published = fields(&site, "/", "date_published");
    assert!(published[0] > published[1]);
}

#[test]
fn two_languages_of_one_date_are_no_mistake() {
    let folder = good();
    folder.write("en/2025-05-21.md", digest("2025-05-21", &[("News", &["english"])]));
    assert_eq!(check(&folder), (String::new(), 0));
}

#[test]
fn a_date_in_the_future() {
    let folder = good();
    folder.write("2199-05-22.md", digest("2199-05-22", &[("News", &["x"])]));
    expect(
        &folder,
        0,
        "2199-05-22.md:1:1: note: dated 2199-05-22, in the future: it waits until 2199-05-22T08:00:00+00:00",
    );
    let run = feedmill(&["check", "--format", "short", folder.file("2199-05-22.md").to_str().unwrap()]);
    assert!(String::from_utf8(run.stdout).unwrap().contains("in the future"));
    assert_eq!(titles(&folder.site(), "/"), ["good"]);
}

#[test]
fn an_empty_file() {
    let folder = good();
    folder.write("2025-05-22.md", "");
    expect(&folder, 1, "2025-05-22.md:1:1: error: the file is empty");
}

#[test]
fn a_file_of_50_mb() {
    let folder = good();
    folder.write("2025-05-22.md", vec![b'a'; 50_000_000]);
    expect(&folder, 1, "2025-05-22.md:1:1: error: larger than 1048576 bytes, so not read");
}

#[test]
fn invalid_utf8() {
    let folder = good();
    let text = digest("2025-05-22", &[("News", &["caf\u{e9}"])]).replace("### caf\u{e9}", "### caf\u{0}");
    folder.write("2025-05-22.md", text.as_bytes().iter().map(|b| if *b == 0 { 0xE9 } else { *b }).collect::<Vec<_>>());
    expect(&folder, 0, "2025-05-22.md:10:8: warning: a byte here is not UTF-8");
    assert_eq!(titles(&folder.site(), "/")[0], "caf□");
}

#[test]
fn another_encoding_is_no_text() {
    let folder = good();
    let utf16: Vec<u8> =
        "# 2025-05-22 \u{65B0}\u{95FB}\u{8D44}\u{8BAF}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    folder.write("2025-05-22.md", [utf16, vec![0xFF; 20]].concat());
    expect(&folder, 1, "2025-05-22.md:1:1: error: the file is not UTF-8 text");
}

#[test]
fn a_backspace_in_a_title() {
    let folder = good();
    folder.write("2025-05-22.md", digest("2025-05-22", &[("News", &["ba\u{8}ck"])]));
    expect(&folder, 0, "2025-05-22.md:10:7: warning: the character U+0008 is forbidden in XML");
    assert_eq!(titles(&folder.site(), "/")[0], "back");
}

#[test]
fn a_folder_with_the_name_of_a_file() {
    let folder = good();
    folder.write("x.md/2025-05-22.md", digest("2025-05-22", &[("News", &["inside"])]));
    expect(&folder, 0, "x.md:1:1: warning: a folder with the name of a file");
    assert_eq!(titles(&folder.site(), "/"), ["inside", "good"]);
}

#[test]
fn a_pipe_is_not_waited_for() {
    let folder = good();
    assert!(std::process::Command::new("mkfifo").arg(folder.file("2025-05-22.md")).status().unwrap().success());
    expect(&folder, 0, "2025-05-22.md:1:1: warning: not a file");
}

#[test]
fn a_link_that_leads_nowhere() {
    let folder = good();
    std::os::unix::fs::symlink("nowhere.md", folder.file("2025-05-22.md")).unwrap();
    expect(&folder, 1, "2025-05-22.md:1:1: error: cannot be read: No such file or directory");
}

#[test]
fn a_file_that_may_not_be_read() {
    let folder = good();
    folder.write("2025-05-22.md", digest("2025-05-22", &[("News", &["x"])]));
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o000);
    std::fs::set_permissions(folder.file("2025-05-22.md"), mode).unwrap();
    if std::fs::File::open(folder.file("2025-05-22.md")).is_ok() {
        // The superuser may read everything: then the file is simply served.
        assert_eq!(titles(&folder.site(), "/"), ["x", "good"]);
    } else {
        expect(&folder, 1, "2025-05-22.md:1:1: error: cannot be read: Permission denied");
    }
}

#[test]
fn a_loop_of_links() {
    let folder = good();
    std::fs::create_dir(folder.file("sub")).unwrap();
    std::os::unix::fs::symlink("..", folder.file("sub/loop")).unwrap();
    std::os::unix::fs::symlink("self.md", folder.file("self.md")).unwrap();
    expect(&folder, 1, "sub/loop:1:1: warning: a link that leads back to");
    expect(&folder, 1, "self.md:1:1: error: cannot be read: Too many levels of symbolic links");
}

#[test]
fn one_file_under_two_names_is_one_digest() {
    let folder = good();
    std::os::unix::fs::symlink("2025-05-21.md", folder.file("1-latest.md")).unwrap();
    expect(&folder, 0, "1-latest.md:1:1: note: the same file under another name");
    assert_eq!(titles(&folder.site(), "/"), ["good"]);
}

#[test]
fn a_name_that_is_not_utf8() {
    let folder = good();
    let name = std::ffi::OsStr::from_bytes(b"2025-05-22-\xFF.md");
    std::fs::write(folder.path().join(name), digest("2025-05-22", &[("News", &["odd"])])).unwrap();
    assert_eq!(titles(&folder.site(), "/"), ["odd", "good"]);
    // So many files are read a second time, by their own names as well.
    for day in 0..100 {
        let date = format!("2024-{:02}-{:02}", 1 + day / 28, 1 + day % 28);
        folder.write(&format!("{date}.md"), digest(&date, &[("News", &["old"])]));
    }
    assert_eq!(titles(&folder.site(), "/")[..2], ["odd", "good"]);
}

#[test]
fn deep_nesting_and_raw_html_cost_no_time() {
    let folder = good();
    for (day, text) in
        [(22, ">".repeat(50_000)), (23, "<div>".repeat(50_000)), (24, "* ".repeat(50_000)), (25, "[".repeat(100_000))]
    {
        folder.write(&format!("2025-05-{day}.md"), format!("# T\n\n## S\n\n### a\n\n{text} x\n"));
    }
    let begun = std::time::Instant::now();
    let (said, _) = check(&folder);
    assert!(said.contains("2025-05-22.md:7:"), "{said}");
    assert!(begun.elapsed().as_secs() < 30, "hangs");
}

#[test]
fn what_is_shown_is_the_author_s_own_line() {
    let folder = good();
    folder.write("2025-05-22.md", "# T\n\n## S\n\n### a\n\n[t](https://e.org/a b) 中 [x](rel) {% tag %}\n");
    let run = feedmill(&["check", folder.file("2025-05-22.md").to_str().unwrap()]);
    let said = String::from_utf8(run.stdout).unwrap();
    assert!(said.contains("2025-05-22.md:7:26\n"), "{said}");
    assert!(said.contains("[t](https://e.org/a b) 中 [x](rel) {% tag %}"), "{said}");
}

/// Codes that no text alone gives: they are about files, the configuration, the ledger, or feedmill itself; or their
/// explanation shows no wrong text.
const WITHOUT_A_WRONG_TEXT: [Code; 19] = [
    Code::Unreadable,
    Code::FileTooLarge,
    Code::FolderTooLarge,
    Code::FileEmpty,
    Code::NotAFile,
    Code::LinkLoop,
    Code::SameFile,
    Code::Garbled,
    Code::DateMissing,
    Code::DateInFuture,
    Code::SectionUnknown,
    Code::RetractionUnknown,
    Code::IdChanges,
    Code::HeldBack,
    Code::FeedTooLarge,
    Code::NestingTooDeep,
    Code::Internal,
    Code::TooManyItems,
    Code::TooManySections,
];

/// The indented parts of an explanation, without their indentation.
fn examples(explanation: &str) -> Vec<String> {
    let mut examples: Vec<String> = Vec::new();
    let mut is_inside = false;
    for line in explanation.lines() {
        match line.strip_prefix("    ") {
            Some(line) if is_inside => examples.last_mut().unwrap().extend(["\n", line]),
            Some(line) => examples.push(line.to_owned()),
            None => {}
        }
        is_inside = line.starts_with("    ");
    }
    examples
}

/// Digests in which an example may stand: as front matter, in an item, between items, before all, alone, or after many items.
fn digests_with(example: &str) -> [String; 6] {
    let item = |title: &str| format!("### {title}\n\n[Read](https://example.org/{title})\n\n");
    let items: String = ["Tower", "Ferry", "Mill", "Quay", "Park"].map(item).concat();
    [
        format!("---\n{example}\n---\n\n## News\n\n{}", item("Tower")),
        format!("# 2026-03-02\n\n## News\n\n### Tower\n\n{example}\n"),
        format!("# 2026-03-02\n\n## News\n\n{}{example}\n\n{}", item("Tower"), item("Ferry")),
        format!("{example}\n\n## News\n\n{}", item("Tower")),
        format!("# 2026-03-02\n\n{example}\n"),
        format!("# 2026-03-02\n\n## News\n\n{items}{example}\n"),
    ]
}

/// The files that an example shows, when it is one of names; else one with this text.
fn files_of(example: &str, text: &str) -> Vec<(String, Vec<u8>)> {
    if example.lines().all(|line| line.ends_with(".md") && !line.contains(char::is_whitespace)) {
        let undated = "## News\n\n### Tower\n\n[Read](https://example.org/tower)\n";
        return example.lines().map(|name| (name.to_owned(), undated.into())).collect();
    }
    // Signs stand for a byte that is none, and for a character that cannot be seen.
    let bytes = text.replace('\u{2408}', "\u{8}").split('\u{fffd}').map(str::as_bytes).collect::<Vec<_>>().join(&0xff);
    vec![("2026-03-02.md".to_owned(), bytes)]
}

#[test]
fn what_an_explanation_calls_wrong_is_found_and_what_it_calls_right_is_not() {
    let others = (1..9).map(|day| {
        (
            format!("2026-02-0{day}.md"),
            digest(&format!("2026-02-0{day}"), &[("Transport", &["A tram"]), ("News", &["A bus"])]),
        )
    });
    let others: Vec<(String, String)> = others.collect();
    let rules = Rules { shows_drafts: true, ..Rules::default() };
    let gives = |code: Code, example: &str, text: &str| {
        let folder = Folder::new();
        others.iter().for_each(|(name, text)| folder.write(name, text));
        let files = files_of(example, text);
        files.iter().for_each(|(name, bytes)| folder.write(name, bytes));
        let mut library = Library::new(folder.path(), library::Options::default(), rules.clone());
        library.refresh(&HashSet::new(), NaiveDate::from_ymd_opt(2026, 3, 3).unwrap()).unwrap();
        let of_example = |path: &str| files.iter().any(|(name, _)| name == path);
        library.findings().iter().any(|finding| finding.code == code && of_example(&finding.path))
    };
    for code in Code::all().filter(|code| !WITHOUT_A_WRONG_TEXT.contains(code)) {
        let examples = examples(feedmill::finding::explanation(code));
        let (wrong, right) = (examples.first().cloned().unwrap_or_default(), &examples[examples.len().min(1)..]);
        let place = digests_with(&wrong).iter().position(|text| gives(code, &wrong, text));
        let place = place.unwrap_or_else(|| panic!("nothing is wrong in the example of {code}: {wrong}"));
        if let Some(right) = right.first() {
            assert!(!gives(code, right, &digests_with(right)[place]), "what is right for {code} is not: {right}");
        }
    }
}

/// What is told of raw HTML in an item.
fn stripped(body: &str) -> Vec<String> {
    let text = format!("# 2025-05-22\n\n## News\n\n### Tower\n\n{body}\n\n[Read](https://example.org/1)\n");
    let (_, findings) = feedmill::digest::parse("2025-05-22.md", text.as_bytes(), &Rules::default());
    let own = findings.into_iter().filter(|finding| finding.code == Code::HtmlStripped);
    own.map(|finding| finding.message).collect()
}

#[test]
fn what_readers_miss_of_raw_html_is_told_once_a_kind() {
    for (body, told) in [
        ("<script src=x></script>", "`<script>` is stripped with all it holds"),
        ("<iframe src='https://example.org/v'></iframe>", "`<iframe>` is stripped: feed readers refuse it"),
        ("A Vec<T> and a Box<T>.", "`<T>` is taken for HTML, and readers do not see it; 1 more of its kind"),
        ("<span style='color: red'>x</span>", "`style=\"color: red\"` is stripped"),
        ("<b onclick='x()'>x</b>", "`onclick=\"x()\"` is stripped"),
    ] {
        assert_eq!(stripped(body), [told], "{body}");
    }
    for body in [
        "<p style='text-align: center'>x</p>",
        "<div class='box' id='a'><details><summary>x</summary>y</details></div>",
        "<https://example.org/a> and `Vec<T>`, 1 < 2 > 0, <kbd>x</kbd><!-- <script> -->",
        "<center>x</center><img src='https://example.org/a.png' alt='a' width=3>",
    ] {
        assert_eq!(stripped(body), [""; 0], "{body}");
    }
    let crowded = format!("<a {}>x</a>", (0..501).map(|at| format!("a{at} ")).collect::<String>());
    assert_eq!(stripped(&crowded), ["a tag here has so many attributes that it is shown as text"]);
}

#[test]
fn items_that_lead_to_one_story_are_told_wherever_they_stand() {
    let told = |items: &str| {
        let text = format!("# 2025-05-22\n\n## News\n\n{items}");
        let (_, findings) = feedmill::digest::parse("2025-05-22.md", text.as_bytes(), &Rules::default());
        let own: Vec<_> = findings.iter().filter(|finding| finding.code == Code::LinkTwice).collect();
        own.iter().map(|finding| finding.line).collect::<Vec<_>>()
    };
    let (tower, bus) = ("https://example.org/tower", "https://example.org/bus");
    assert_eq!(told(&format!("- [A tower]({tower})\n- [A bus]({bus})\n- [Books on five floors]({tower})\n")), [7]);
    let item = |title: &str, link: &str| format!("### {title}\n\nText. [Read more]({link})\n\n");
    let items = item("A tower", tower) + &item("A bus", bus) + &item("Books on five floors", tower);
    assert_eq!(told(&items), [13]);
    // One place that many stories mention.
    assert_eq!(told(&items.replace("[Read more](", "So [the town says]( ").replace("( ", "(")), [0; 0]);
    assert_eq!(told(&items.replace("example.org/", "example.org/search/")), [0; 0]);
}
