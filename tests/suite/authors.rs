//! What helps those who write digests: the next file, and a preview of what readers will see.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use sha2::{Digest as _, Sha256};

use crate::harness::{Answer, Daemon, Folder, digest, feedmill};

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

/// What a preview answers to one who writes on this machine.
async fn look(daemon: &Daemon, path: &str) -> Answer {
    daemon.say(format!("GET {path} HTTP/1.1\r\nHost: localhost:8080\r\nConnection: close\r\n\r\n")).await
}

/// What stands between two marks.
fn between<'h>(text: &'h str, from: &str, to: &str) -> &'h str {
    let rest = text.split_once(from).unwrap_or_else(|| panic!("no {from} in {text}")).1;
    rest.split_once(to).unwrap_or_else(|| panic!("no {to} in {rest}")).0
}

#[tokio::test]
async fn a_preview_shows_drafts_and_what_is_still_to_come_with_a_word_about_each() {
    let later = digest("2150-03-02", &[("News", &["Tower"])]);
    let draft = digest("2025-05-22", &[("News", &["Ferry"])]).replace("title:", "draft: true\ntitle:");
    let daemon = Folder::with([("2150-03-02.md", later.as_str()), ("2025-05-22.md", draft.as_str())]).preview().await;
    let page = look(&daemon, "/digests/2150-03-02/").await.text();
    assert!(page.contains("Tower") && page.contains("it waits until 2150-03-02T08:00:00+00:00"), "{page}");
    let page = look(&daemon, "/digests/2025-05-22/").await.text();
    assert!(page.contains("Ferry") && page.contains("a draft: readers do not see it"), "{page}");
    let home = look(&daemon, "/").await.text();
    assert!(home.contains("<a href=\"/digests/2025-05-22/\">2025-05-22.md</a>, line 1: a draft"), "{home}");
    // Readers see neither.
    let folder = daemon.stop().await;
    assert_eq!(folder.site().digests, 0);
}

#[tokio::test]
async fn findings_stand_beside_the_item_they_are_about() {
    let one = "# 2025-05-22\n\n## News\n\n### Tower\n\n[Read](https://example.com/1)\n\n### Ferry\n\n[Read](ferry.html)\n\n### Bridge\n\n[Read](https://example.com/3)\n\n# 2025-05-21\n\n## News\n\n### Tram\n\n[Read](tram.html)\n";
    let daemon = Folder::with([("all.md", one)]).preview().await;
    for (route, beside, title, other) in [
        ("/digests/2025-05-22/", "ferry.html", "Ferry", "tram.html"),
        ("/digests/2025-05-21/", "tram.html", "Tram", "ferry.html"),
    ] {
        let page = look(&daemon, route).await.text();
        let item = page.split("<section class=\"item\"").find(|item| item.contains(&format!(">{title}"))).unwrap();
        let list = between(item, "<ul class=\"findings\"", "</ul>");
        assert!(list.contains(beside) && list.contains("<b>warning</b> line "), "{route}: {list}");
        assert!(!page.contains(other), "what another digest of the file has: {page}");
    }
    let readers = daemon.stop().await.site();
    assert!(!crate::harness::body(&readers, "/digests/2025-05-22/").contains("findings"));
    assert!(!crate::harness::body(&readers, "/style.css").contains("findings"));
}

// The daemon goes on while the test waits for events.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_page_hears_when_its_file_is_saved_and_only_then() {
    let mut daemon = Folder::with([
        ("2025-05-22.md", digest("2025-05-22", &[("News", &["Tower"])]).as_str()),
        ("2025-05-20.md", digest("2025-05-20", &[("Letters", &["Ferry"])]).as_str()),
    ])
    .preview()
    .await;
    let page = look(&daemon, "/digests/2025-05-22/").await;
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let version = between(&page.text(), "data-version=\"", "\"").to_owned();
    let events = between(&page.text(), "data-events=\"", "\"").to_owned();
    let mut listener = Listener::new(&daemon, &events);
    assert_eq!(listener.next(), version, "what was told first is what the page knows");
    daemon.folder.write("2025-05-20.md", digest("2025-05-20", &[("Letters", &["Ferry", "Tram"])]));
    daemon.until("the other digest changed", |site| site.items == 3).await;
    assert_eq!(listener.next(), version, "another page's change is none of this one's");
    daemon.folder.write("2025-05-22.md", digest("2025-05-22", &[("News", &["Tower", "Bridge"])]));
    let next = listener.next();
    assert_ne!(next, version);
    assert!(look(&daemon, "/digests/2025-05-22/").await.text().contains(&format!("data-version=\"{next}\"")));
    // A broken file keeps its page, which says so.
    daemon.folder.write("2025-05-22.md", "---\ntitle: [\n---\n\n- x\n");
    assert_ne!(listener.next(), next);
    let broken = look(&daemon, "/digests/2025-05-22/").await.text();
    assert!(broken.contains("Bridge") && broken.contains("<b>error</b>"), "{broken}");
    // An open page does not hold the stop.
    let begun = std::time::Instant::now();
    daemon.stop().await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(5));
}

/// One who listens to events.
struct Listener(BufReader<TcpStream>);

impl Listener {
    fn new(daemon: &Daemon, path: &str) -> Listener {
        let mut stream = TcpStream::connect(daemon.address).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").as_bytes()).unwrap();
        Listener(BufReader::new(stream))
    }

    /// What the next event says.
    fn next(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the events ended");
            if let Some(data) = line.strip_prefix("data: ") {
                return data.trim_end().to_owned();
            }
        }
    }
}

#[tokio::test]
async fn the_script_of_a_preview_is_the_one_that_its_policy_lets_run() {
    let daemon =
        Folder::with([("2025-05-22.md", digest("2025-05-22", &[("News", &["Tower"])]).as_str())]).preview().await;
    for path in ["/", "/digests/2025-05-22/", "/nothing/"] {
        let page = look(&daemon, path).await;
        let text = page.text();
        let script = text.rsplit_once("<script data-version=").unwrap().1.split_once('>').unwrap().1;
        let hash = crate::pages::base64(&Sha256::digest(script.split_once("</script>").unwrap().0));
        assert!(
            page.header("content-security-policy").unwrap().contains(&format!("'sha256-{hash}'")),
            "{path}: {hash}"
        );
    }
}

#[tokio::test]
async fn a_preview_is_for_this_machine_alone() {
    let daemon =
        Folder::with([("2025-05-22.md", digest("2025-05-22", &[("News", &["Tower"])]).as_str())]).preview().await;
    // A page of another site may have its name lead here (DNS rebinding).
    for path in ["/", "/rss.xml", "/preview/events?/"] {
        assert_eq!(daemon.get(path, &[]).await.status, 403, "{path}");
    }
    let output = feedmill(&["serve", "--preview", "--listen", "0.0.0.0:0", daemon.folder.path().to_str().unwrap()]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && told.contains("listens on this machine alone"), "{told}");
    let daemon = daemon.stop().await.serve().await;
    assert_eq!(daemon.get("/preview/events?/", &[]).await.status, 404, "readers have no events");
}
