//! The site as a whole: routes, pages, equal bytes for equal content.

use std::collections::BTreeMap;

use crate::harness::{Folder, body, digest, feedmill, page};

fn sample() -> Folder {
    Folder::with([
        ("2025-05-21.md", digest("2025-05-21", &[("新闻资讯", &["旧闻"])]).as_str()),
        ("2025-05-22.md", digest("2025-05-22", &[("新闻资讯", &["新闻 & <更多>"]), ("Papers", &["Paper"])]).as_str()),
    ])
}

#[test]
fn every_route_is_there() {
    let site = sample().site();
    let expected: Vec<String> = ["/", "/digests/", "/papers/", "/xin-wen-zi-xun/"]
        .iter()
        .flat_map(|folder| ["", "atom.xml", "feed.json", "rss.xml"].map(|file| format!("{folder}{file}")))
        .chain(
            [
                "/digests/2025-05-21/",
                "/digests/2025-05-22/",
                "/digests/archive/2025-05/",
                "/favicon.ico",
                "/feeds.opml",
                "/robots.txt",
                "/sitemap.xml",
                "/sitemap/2025-05.xml",
                "/sitemap/pages.xml",
                "/style.css",
            ]
            .map(str::to_owned),
        )
        .collect();
    let mut expected = expected;
    expected.sort();
    assert_eq!(site.pages.keys().cloned().collect::<Vec<_>>(), expected);
}

#[test]
fn pages_lead_to_the_feeds() {
    let site = sample().site();
    for route in ["/", "/papers/", "/digests/", "/digests/2025-05-22/"] {
        let html = body(&site, route);
        for media_type in ["application/rss+xml", "application/atom+xml", "application/feed+json"] {
            assert!(html.contains(&format!("<link rel=\"alternate\" type=\"{media_type}\"")), "{route} {media_type}");
        }
    }
    let html = body(&site, "/papers/");
    let own = html.find("href=\"https://news.example.org/papers/rss.xml\"").unwrap();
    assert!(own < html.find("href=\"https://news.example.org/rss.xml\"").unwrap(), "a section's own feed comes first");
}

#[test]
fn a_digest_s_page_has_an_anchor_per_item_and_its_neighbours() {
    let site = sample().site();
    let html = body(&site, "/digests/2025-05-22/");
    assert!(html.contains("<html lang=\"zh\" dir=\"ltr\">"));
    assert!(html.contains("新闻 &#38; &#60;更多&#62;"), "titles are escaped: {html}");
    assert!(html.contains("rel=\"prev\" href=\"/digests/2025-05-21/\""));
    let feed: serde_json::Value = serde_json::from_str(&body(&site, "/feed.json")).unwrap();
    let url = feed["items"][0]["url"].as_str().unwrap();
    let anchor = url.split_once('#').unwrap().1;
    assert!(html.contains(&format!("id=\"{anchor}\"")), "{anchor}");
}

#[test]
fn a_site_below_a_folder_links_below_it() {
    let folder = sample();
    let out = Folder::new();
    let output = out.file("site");
    let arguments = [
        "build",
        folder.path().to_str().unwrap(),
        "--output",
        output.to_str().unwrap(),
        "--base-url",
        "https://example.org/news",
    ];
    assert!(feedmill(&arguments).status.success());
    let home = std::fs::read_to_string(output.join("index.html")).unwrap();
    assert!(home.contains("href=\"/news/style.css\"") && home.contains("href=\"/news/digests/2025-05-22/\""));
    assert!(home.contains("https://example.org/news/papers/atom.xml"));
}

#[test]
fn equal_content_gives_equal_files_wherever_and_whenever() {
    let out = Folder::new();
    let mut builds = Vec::new();
    for name in ["one", "two"] {
        // Another folder with other file times, in another zone.
        let folder = sample();
        let output = out.file(name);
        let status = std::process::Command::new(env!("CARGO_BIN_EXE_feedmill"))
            .args(["build", folder.path().to_str().unwrap(), "--output", output.to_str().unwrap()])
            .args(["--base-url", "https://news.example.org/", "--now", "2025-06-01T00:00:00Z"])
            .env("TZ", if name == "one" { "Asia/Tokyo" } else { "America/Lima" })
            .status()
            .unwrap();
        assert!(status.success());
        builds.push(files(&output));
    }
    assert!(builds[0].len() > 20);
    assert_eq!(builds[0], builds[1]);
}

#[test]
fn a_build_with_a_state_folder_keeps_the_times_of_the_first() {
    let folder = sample();
    let out = Folder::new();
    let state = out.file("state");
    let build = |name: &str, now: &str| {
        let output = out.file(name);
        let content = folder.path().to_str().unwrap();
        let arguments =
            ["build", content, "--state", state.to_str().unwrap(), "--output", output.to_str().unwrap(), "--now", now];
        assert!(feedmill(&arguments).status.success());
        files(&output)
    };
    // On its own day, before its hour: the digest is published when it is first seen, and that stays.
    let first = build("one", "2025-05-22T03:00:00Z");
    assert!(String::from_utf8_lossy(&first["feed.json"]).contains("2025-05-22T03:00:00+00:00"));
    assert_eq!(first, build("two", "2025-05-22T03:00:00Z"));
    assert_eq!(first, build("three", "2025-06-30T12:00:00Z"));
}

#[test]
fn building_again_replaces_the_folder_and_leaves_nothing_behind() {
    let folder = sample();
    let out = Folder::new();
    let output = out.file("site");
    let arguments = ["build", folder.path().to_str().unwrap(), "--output", output.to_str().unwrap()];
    assert!(feedmill(&arguments).status.success());
    folder.remove("2025-05-22.md");
    assert!(feedmill(&arguments).status.success());
    assert!(!output.join("digests/2025-05-22/index.html").exists());
    assert!(output.join("digests/2025-05-21/index.html").exists());
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 1, "only the site itself");
}

#[test]
fn a_folder_with_other_things_is_not_replaced() {
    let folder = sample();
    let out = Folder::with([("site/precious.txt", "mine")]);
    let output = out.file("site");
    let run = feedmill(&["build", folder.path().to_str().unwrap(), "--output", output.to_str().unwrap()]);
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&run.stderr).contains("precious.txt is nothing that feedmill wrote"));
    assert!(output.join("precious.txt").exists());
}

#[test]
fn the_list_of_all_feeds_names_every_feed() {
    let site = sample().site();
    let text = body(&site, "/feeds.opml");
    let document = roxmltree::Document::parse(&text).unwrap();
    let folder = document.descendants().find(|node| node.has_tag_name("outline")).unwrap();
    assert_eq!((folder.attribute("text"), folder.attribute("xmlUrl")), (Some("Digest"), None), "one folder");
    let outlines = folder.children().filter(|node| node.has_tag_name("outline"));
    let urls: Vec<&str> = outlines.map(|node| node.attribute("xmlUrl").unwrap()).collect();
    let expected =
        ["", "digests/", "xin-wen-zi-xun/", "papers/"].map(|f| format!("https://news.example.org/{f}rss.xml"));
    assert_eq!(urls, expected);
    assert_eq!(page(&site, "/feeds.opml").media_type, "text/x-opml; charset=utf-8");
}

fn files(folder: &std::path::Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                all.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    all
}

#[test]
fn what_was_put_beside_a_site_later_is_not_removed_nor_is_the_content() {
    let folder = sample();
    let out = Folder::new();
    let output = out.file("site");
    let build = |content: &str| feedmill(&["build", content, "--output", output.to_str().unwrap()]);
    let content = folder.path().to_str().unwrap();
    assert!(build(content).status.success());
    for foreign in ["CNAME", ".git/HEAD", "digests/photo.jpg"] {
        out.write(&format!("site/{foreign}"), "mine");
        assert_eq!(build(content).status.code(), Some(2), "{foreign}");
        assert!(output.join(foreign).exists(), "{foreign}");
        out.remove(&format!("site/{foreign}"));
        let _ = std::fs::remove_dir(output.join(".git"));
    }
    out.write("site/content/2025-05-22.md", digest("2025-05-22", &[("News", &["a"])]));
    assert_eq!(build(output.join("content").to_str().unwrap()).status.code(), Some(2));
    assert!(output.join("content/2025-05-22.md").exists());
}
