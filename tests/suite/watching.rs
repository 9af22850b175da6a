//! The running daemon and its folder: what is dropped, edited, renamed and broken shows up, and only whole.

use std::io::Write as _;

use feedmill::daemon::Request;

use crate::harness::{BASE, Folder, daemon_options, digest, fields, titles};

fn day(date: &str, titles: &[&str]) -> String {
    digest(date, &[("News", titles)])
}

fn one_day() -> Folder {
    Folder::with([("2025-05-21.md", day("2025-05-21", &["a"]).as_str())])
}

#[tokio::test]
async fn a_digest_that_is_dropped_shows() {
    let mut daemon = one_day().serve().await;
    daemon.until_titles(&["a"]).await;
    daemon.folder.write("2025-05-22.md", day("2025-05-22", &["b", "c"]));
    daemon.until_titles(&["b", "c", "a"]).await;
    assert!(daemon.get("/news/rss.xml", &[]).await.text().contains("<title>b</title>"));
}

#[tokio::test]
async fn one_that_is_renamed_into_place_shows() {
    let mut daemon = one_day().serve().await;
    let outside = Folder::with([("x", day("2025-05-22", &["b"]).as_str())]);
    std::fs::rename(outside.file("x"), daemon.folder.file("2025-05-22.md")).unwrap();
    daemon.until_titles(&["b", "a"]).await;
    daemon.folder.write(".2025-05-23.md.tmp", day("2025-05-23", &["c"]));
    daemon.folder.rename(".2025-05-23.md.tmp", "2025-05-23.md");
    daemon.until_titles(&["c", "b", "a"]).await;
}

#[tokio::test]
async fn one_that_is_written_in_pieces_shows_whole_or_not_at_all() {
    let mut daemon = one_day().serve().await;
    let text = day("2025-05-22", &["b", "c", "d"]);
    let mut file = std::fs::File::create(daemon.folder.file("2025-05-22.md")).unwrap();
    for (position, piece) in text.as_bytes().chunks(text.len() / 4 + 1).enumerate() {
        file.write_all(piece).unwrap();
        file.flush().unwrap();
        // Every piece is followed by another file, which makes the daemon look.
        daemon.folder.write("1999-01-01.md", day("1999-01-01", &[&format!("piece {position}")]));
        let piece = format!("piece {position}");
        let site = daemon.until("the other file shows", |site| titles(site, "/").contains(&piece)).await;
        assert!(!titles(&site, "/").contains(&"b".to_owned()), "half a digest was published");
    }
    drop(file);
    // An item that joins a digest of long ago is news all the same.
    daemon.until_titles(&["piece 3", "b", "c", "d", "a"]).await;
}

#[tokio::test]
async fn an_edit_keeps_ids_and_times_and_moves_only_what_changed() {
    let mut daemon = Folder::with([("2025-05-21.md", day("2025-05-21", &["a", "b"]).as_str())]).serve().await;
    let before = daemon.until_titles(&["a", "b"]).await;
    let text = day("2025-05-21", &["a", "b"]);
    daemon.folder.write("2025-05-21.md", text.replace("### a", "### A corrected").replace("About b", "  About   b"));
    let after = daemon.until_titles(&["A corrected", "b"]).await;
    for field in ["id", "date_published"] {
        assert_eq!(fields(&before, "/", field), fields(&after, "/", field));
    }
    let updated = fields(&after, "/", "date_modified");
    assert!(updated[0] > fields(&before, "/", "date_modified")[0], "a correction is told");
    assert_eq!(updated[1], fields(&before, "/", "date_modified")[1], "white space is no correction");
}

#[tokio::test]
async fn several_corrections_in_one_save_have_distinct_times() {
    let mut daemon = Folder::with([("2025-05-21.md", day("2025-05-21", &["a", "b", "c"]).as_str())]).serve().await;
    daemon.until_titles(&["a", "b", "c"]).await;
    daemon.folder.write("2025-05-21.md", day("2025-05-21", &["a", "b", "c"]).replace("About", "All about"));
    let corrected = |site: &std::sync::Arc<feedmill::site::Site>| fields(site, "/", "summary")[0].starts_with("All");
    let site = daemon.until("the correction shows", corrected).await;
    let updated = fields(&site, "/", "date_modified");
    assert!(updated.windows(2).all(|pair| pair[0] > pair[1]), "{updated:?}");
}

#[tokio::test]
async fn an_item_added_later_is_newer_than_the_rest_of_its_digest() {
    let mut daemon = Folder::with([("2025-05-21.md", day("2025-05-21", &["a", "b"]).as_str())]).serve().await;
    let before = daemon.until_titles(&["a", "b"]).await;
    daemon.folder.write("2025-05-21.md", day("2025-05-21", &["a", "added", "b"]));
    let after = daemon.until_titles(&["added", "a", "b"]).await;
    assert_eq!(fields(&after, "/", "date_published")[1..], fields(&before, "/", "date_published"));
}

#[tokio::test]
async fn one_that_is_renamed_keeps_its_entries_and_one_that_is_deleted_goes() {
    let mut daemon = one_day().serve().await;
    let before = daemon.until_titles(&["a"]).await;
    daemon.folder.rename("2025-05-21.md", "2025-05-21-with-a-name.md");
    let after = daemon.after_all_that().await;
    assert_eq!(fields(&before, "/news/", "id"), fields(&after, "/news/", "id"));
    daemon.folder.remove("2025-05-21-with-a-name.md");
    daemon.until("the digest is gone", |site| !site.pages.contains_key("/digests/2025-05-21/")).await;
}

#[tokio::test]
async fn a_subfolder_made_and_filled_in_one_moment_shows() {
    let mut daemon = one_day().serve().await;
    daemon.folder.write("2025/05/22/digest.md", "# Day\n\n## News\n\n### b\n\nx [Link](https://example.org/b)\n");
    daemon.until_titles(&["b", "a"]).await;
    daemon.folder.rename("2025/05/22/digest.md", "2025/05/23/digest.md");
    daemon.until("it moved", |site| site.pages.contains_key("/digests/2025-05-23/")).await;
    let outside = Folder::with([("tree/deep/2025-05-24.md", day("2025-05-24", &["c"]).as_str())]);
    std::fs::rename(outside.file("tree"), daemon.folder.file("tree")).unwrap();
    daemon.until_titles(&["c", "b", "a"]).await;
    daemon.folder.write("tree/deep/2025-05-25.md", day("2025-05-25", &["d"]));
    daemon.until_titles(&["d", "c", "b", "a"]).await;
}

#[tokio::test]
async fn a_file_that_breaks_keeps_its_last_good_version() {
    let mut daemon = one_day().serve().await;
    for broken in ["", "---\ntitle: [\n---\n", "---\ndate: 2025-05-21\n\n# no end\n"] {
        daemon.folder.write("2025-05-21.md", broken);
        let site = daemon.after_all_that().await;
        assert_eq!(titles(&site, "/"), ["a", "barrier"], "after {broken:?}");
        daemon.folder.remove("1999-01-01.md");
        daemon.until_titles(&["a"]).await;
    }
    daemon.folder.write("2025-05-21.md", day("2025-05-21", &["mended"]));
    daemon.until_titles(&["mended"]).await;
}

#[tokio::test]
async fn the_folder_removed_and_made_again_is_watched_again() {
    let outer = Folder::with([("content/2025-05-21.md", day("2025-05-21", &["a"]).as_str())]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = daemon_options("", &outer.file("content"));
    let daemon = feedmill::daemon::Daemon::start(options, listener).await.unwrap();
    let mut site = daemon.site();
    let (requests, receiver) = tokio::sync::mpsc::channel(1);
    let task = tokio::spawn(daemon.run(receiver));
    outer.rename("content", "old");
    outer.write("content/2025-05-22.md", day("2025-05-22", &["b"]));
    let deadline = std::time::Duration::from_secs(20);
    tokio::time::timeout(deadline, site.wait_for(|site| titles(site, "/") == ["b"])).await.expect("seen").unwrap();
    outer.write("content/2025-05-23.md", day("2025-05-23", &["c"]));
    tokio::time::timeout(deadline, site.wait_for(|site| titles(site, "/") == ["c", "b"])).await.expect("seen").unwrap();
    // Removed and made again at once, it may have the same inode.
    std::fs::remove_dir_all(outer.file("content")).unwrap();
    outer.write("content/2025-05-24.md", day("2025-05-24", &["d"]));
    tokio::time::timeout(deadline, site.wait_for(|site| titles(site, "/") == ["d"])).await.expect("seen").unwrap();
    outer.write("content/2025-05-25.md", day("2025-05-25", &["e"]));
    tokio::time::timeout(deadline, site.wait_for(|site| titles(site, "/") == ["e", "d"])).await.expect("seen").unwrap();
    requests.send(Request::Stop).await.unwrap();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_touched_file_changes_no_byte_and_no_validator() {
    let mut daemon = one_day().serve().await;
    let before = daemon.get("/rss.xml", &[]).await;
    daemon.folder.write("2025-05-21.md", day("2025-05-21", &["a"]));
    daemon.folder.write("notes.txt", "x");
    daemon.after_all_that().await;
    daemon.folder.remove("1999-01-01.md");
    daemon.until_titles(&["a"]).await;
    let after = daemon.get("/rss.xml", &[]).await;
    assert_eq!((before.body, before.headers[0].clone()), (after.body, after.headers[0].clone()));
}

#[tokio::test]
async fn last_modified_moves_whenever_the_entity_tag_does() {
    let mut daemon = Folder::with([("2025-05-21.md", day("2025-05-21", &["a", "b"]).as_str())]).serve().await;
    let before = daemon.get("/rss.xml", &[]).await;
    daemon.folder.write("2025-05-21.md", day("2025-05-21", &["a"]));
    daemon.until_titles(&["a"]).await;
    let after = daemon.get("/rss.xml", &[]).await;
    assert_ne!(before.header("etag"), after.header("etag"));
    assert_ne!(before.header("last-modified"), after.header("last-modified"));
}

#[tokio::test]
async fn a_new_configuration_takes_effect_and_ids_stay() {
    let mut daemon = one_day().serve().await;
    let before = daemon.until_titles(&["a"]).await;
    let mut options = daemon_options(
        "site: {title: Another}\nsections: {known: [{slug: neues, headings: [News]}]}",
        daemon.folder.path(),
    );
    options.mill.site.feeds.base_url = BASE.replace("news", "other");
    daemon.requests.send(Request::Reload(Box::new(options))).await.unwrap();
    let after = daemon.until("the new section is there", |site| site.pages.contains_key("/neues/rss.xml")).await;
    assert_eq!(fields(&before, "/", "id"), fields(&after, "/", "id"));
    assert!(fields(&after, "/", "url")[0].starts_with("https://other.example.org/"));
    assert!(!after.pages.contains_key("/news/rss.xml"));
}

#[tokio::test]
async fn corrections_and_late_items_outlast_a_restart() {
    let state = Folder::new();
    let yaml = format!("state: {{folder: '{}'}}", state.path().display());
    let mut daemon = Folder::with([("2025-05-21.md", day("2025-05-21", &["a", "b"]).as_str())]).serve_with(&yaml).await;
    daemon.until_titles(&["a", "b"]).await;
    let text = day("2025-05-21", &["a", "b", "late"]).replace("### b", "### B corrected");
    daemon.folder.write("2025-05-21.md", text);
    let before = daemon.until_titles(&["late", "a", "B corrected"]).await;
    let mut daemon = daemon.stop().await.serve_with(&yaml).await;
    let after = daemon.until_titles(&["late", "a", "B corrected"]).await;
    for route in ["/rss.xml", "/atom.xml", "/feed.json", "/digests/atom.xml"] {
        assert_eq!(before.pages[route].body(), after.pages[route].body(), "{route}");
    }
}

#[tokio::test]
async fn a_state_folder_that_cannot_be_used_stops_nothing() {
    let state = Folder::with([("taken", "a file where a folder should be")]);
    let yaml = format!("state: {{folder: '{}'}}", state.file("taken").display());
    let mut daemon = one_day().serve_with(&yaml).await;
    daemon.until_titles(&["a"]).await;
}

#[tokio::test]
async fn no_response_mixes_two_sites() {
    let mut daemon = one_day().serve_with("guard: {share_percent: 100}").await;
    let address = daemon.address;
    let stop = tokio_util::sync::CancellationToken::new();
    let stopped = stop.clone();
    let reader = tokio::spawn(async move {
        let mut seen = 0_usize;
        while !stopped.is_cancelled() {
            let text = tokio::task::spawn_blocking(move || fetch(address)).await.unwrap();
            let feed: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            let versions: std::collections::HashSet<String> = feed["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["title"].as_str().unwrap().split(' ').next().unwrap().to_owned())
                .collect();
            assert_eq!(versions.len(), 1, "two states in one feed: {versions:?}");
            seen += 1;
        }
        seen
    });
    for version in 0..40 {
        let names: Vec<String> = (0..20).map(|item| format!("{version} title {item}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        daemon.folder.write("2025-05-21.md", day("2025-05-21", &names));
        let first = names[0].to_owned();
        daemon.until("the version shows", |site| titles(site, "/").contains(&first)).await;
    }
    stop.cancel();
    assert!(reader.await.unwrap() > 0);
}

fn fetch(address: std::net::SocketAddr) -> String {
    use std::io::Read as _;
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /feed.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.split_once("\r\n\r\n").unwrap().1.to_owned()
}
