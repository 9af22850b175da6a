//! What helps those who write digests: the next file, and a preview of what readers will see.

use crate::harness::{Folder, digest, feedmill};

/// What `feedmill new` says, and whether it went well.
fn new(folder: &Folder, arguments: &[&str]) -> (bool, String) {
    let content = folder.path().to_str().unwrap();
    let output = feedmill(&[&["new"], arguments, &["--content", content]].concat());
    let told = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8(told).unwrap())
}

#[test]
fn the_next_digest_begins_with_what_the_others_have_in_common() {
    let text = |date: &str, title: &str, sections: &str| {
        format!(
            "---\ndate: {date}\ntitle: {title}\nlanguage: zh-CN\ntags: [{title}]\ndraft: false\n---\n\n# {date} 日报\n{sections}"
        )
    };
    let items = |heading: &str, title: &str| {
        format!("\n## {heading}\n\n### {title}\n\n[阅读原文](https://example.org/{title})\n")
    };
    let folder = Folder::with([
        ("2026/2026-03-02.md", text("2026-03-02", "水塔", &(items("📰 新闻资讯", "a") + &items("论文", "b"))).as_str()),
        ("2026/2026-03-09.md", text("2026-03-09", "渡轮", &(items("📰 新闻资讯", "c") + &items("来信", "d"))).as_str()),
        (
            "2026/2026-03-16.md",
            text("2026-03-16", "菜园", &(items("📰 新闻资讯", "e") + &items("产品", "f") + &items("论文", "g")))
                .as_str(),
        ),
        ("2026/2026-03-23.md", text("2026-03-23", "灯塔", &(items("📰 新闻资讯", "h") + &items("产品", "i"))).as_str()),
        ("2026/2026-03-23.en.md", text("2026-03-23", "Tower", &items("News", "j")).as_str()),
    ]);
    let (is_done, told) = new(&folder, &["2026-03-30"]);
    let file = folder.file("2026/2026-03-30.md");
    assert!(is_done && told == format!("{}\n", file.display()), "{told}");
    let written = std::fs::read_to_string(&file).unwrap();
    let expected = "---\ndate: 2026-03-30\ntitle:\nlanguage: zh-CN\ndraft: true\n---\n\n# 2026-03-30 日报\n\n## 📰 新闻资讯\n\n## 产品\n\n## 论文\n";
    assert_eq!(written, expected);
    // A file that is no digest yet is somebody's all the same.
    std::fs::write(&file, "").unwrap();
    let (is_done, told) = new(&folder, &["2026-03-30"]);
    assert!(!is_done && told.contains("nothing is overwritten"), "{told}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "");
}

#[test]
fn a_date_that_has_a_digest_gets_no_second_one_nor_has_a_draft() {
    let folder = Folder::with([
        ("2026-03-09-tower.md", digest("2026-03-09", &[("News", &["Tower"])]).as_str()),
        ("2026-03-02-ferry.md", digest("2026-03-02", &[("News", &["Ferry"])]).as_str()),
    ]);
    let (is_done, told) = new(&folder, &["2026-03-09"]);
    assert!(
        !is_done && told.contains("there is a digest of 2026-03-09 already") && told.contains("-tower.md"),
        "{told}"
    );
    assert!(new(&folder, &["2026-03-16"]).0);
    std::fs::rename(folder.file("2026-03-16.md"), folder.file("2026-03-16-library.md")).unwrap();
    let (is_done, told) = new(&folder, &["2026-03-16"]);
    assert!(!is_done && told.contains("-library.md"), "{told}");
}

#[test]
fn without_a_date_the_next_digest_is_of_the_day_on_which_it_is_expected() {
    // So far ahead that no day of today is later.
    let folder = Folder::new();
    for date in ["2150-03-02", "2150-03-09", "2150-03-16"] {
        folder.write(&format!("{date}.md"), digest(date, &[("News", &["Tower"])]));
    }
    assert!(new(&folder, &[]).1.ends_with("2150-03-23.md\n"));
    // The draft counts.
    assert!(new(&folder, &[]).1.ends_with("2150-03-30.md\n"));
    let today = chrono::Utc::now().date_naive();
    let (is_done, told) = new(&Folder::new(), &[]);
    let name = told.trim().rsplit('/').next().unwrap().to_owned();
    let date: chrono::NaiveDate = name.strip_suffix(".md").unwrap().parse().unwrap();
    assert!(is_done && date >= today && date <= chrono::Utc::now().date_naive(), "{told}");
}

#[test]
fn what_was_begun_is_not_published() {
    let folder = Folder::with([("2025-05-22.md", digest("2025-05-22", &[("News", &["Tower"])]).as_str())]);
    assert!(new(&folder, &["2025-05-23"]).0);
    assert!(folder.site().pages.keys().all(|route| !route.contains("2025-05-23")));
}
