//! What operators are told: health, readiness, status, numbers, the access log, and how many read.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use feedmill::daemon;
use feedmill::http::server::{AdminListener, Listeners};
use feedmill::readership;
use tokio::net::TcpListener;

use crate::harness::{Answer, Daemon, Folder, daemon_options, digest, feedmill};

fn folder() -> Folder {
    let text = digest("2025-05-22", &[("News", &["One", "Two"]), ("Papers", &["Paper"])]);
    Folder::with([("2025-05-22.md", text.as_str())])
}

/// As somebody at this machine asks.
async fn operator(daemon: &Daemon, path: &str) -> Answer {
    daemon.say(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await
}

async fn status(daemon: &Daemon) -> serde_json::Value {
    serde_json::from_slice(&operator(daemon, "/status.json").await.body).unwrap()
}

/// The values of a metric, by its labels as they are written.
async fn metric(daemon: &Daemon, name: &str) -> BTreeMap<String, f64> {
    let answer = operator(daemon, "/metrics").await;
    assert_eq!(answer.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let text = answer.text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let labels = series.strip_prefix(name)?;
        (labels.is_empty() || labels.starts_with('{')).then(|| (labels.to_owned(), value.parse().unwrap()))
    });
    lines.collect()
}

/// tcp(7), TCP_DEFER_ACCEPT: a connection that says nothing yet is not accepted, so that it costs nothing.
#[tokio::test]
async fn a_connection_is_accepted_when_it_speaks() {
    let daemon = folder().serve().await;
    let accepted = async || metric(&daemon, "feedmill_http_connections_accepted_total").await[""];
    let (before, begun) = (accepted().await, Instant::now());
    let mut silent: Vec<_> = (0..50).map(|_| TcpStream::connect(daemon.address).unwrap()).collect();
    let after = accepted().await;
    // A second later the kernel hands them over all the same.
    assert!(after == before + 1.0 || begun.elapsed() > Duration::from_millis(900), "{after} after {before}");
    silent[0].write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let spoken = tokio::task::spawn_blocking(move || silent[0].read(&mut [0; 1024]).unwrap());
    assert!(spoken.await.unwrap() > 0);
    assert!(accepted().await >= after + 2.0);
}

#[tokio::test]
async fn only_this_machine_is_told_and_no_proxy_on_it() {
    let daemon = folder().serve().await;
    let head = |path: &str, rest: &str| format!("GET {path} {rest}Connection: close\r\n\r\n");
    for (rest, is_told) in [
        ("HTTP/1.1\r\nHost: localhost\r\n", true),
        ("HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n", true),
        ("HTTP/1.1\r\nHost: [::1]\r\n", true),
        ("HTTP/1.1\r\nHost: news.example.org\r\n", false),
        ("HTTP/1.0\r\nHost: 127.0.0.1:8080\r\n", false),
        ("HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.1\r\n", false),
        ("HTTP/1.1\r\nHost: localhost\r\nForwarded: for=192.0.2.1\r\n", false),
        ("HTTP/1.1\r\nHost: localhost\r\nVia: 1.1 proxy\r\n", false),
    ] {
        for path in ["/status", "/status.json", "/metrics"] {
            let answer = daemon.say(head(path, rest)).await;
            assert_eq!(answer.status, if is_told { 200 } else { 404 }, "{path} {rest}");
        }
        for path in ["/healthz", "/readyz"] {
            assert_eq!(daemon.say(head(path, rest)).await.text(), "ok\n", "{path} {rest}");
        }
    }
    let refused = daemon.say("POST /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
}

#[tokio::test]
async fn where_operators_have_an_address_of_their_own_the_public_one_knows_nothing_of_them() {
    let folder = folder();
    let (public, own) = (listener().await, listener().await);
    let address = own.local_addr().unwrap();
    let mut options = daemon_options("", folder.path());
    options.server.has_admin = true;
    let listeners = Listeners { public, admin: Some(AdminListener::Tcp(own)) };
    let mut daemon = folder.serve_on(options, listeners).await;
    for path in ["/status", "/status.json", "/metrics", "/healthz", "/readyz"] {
        assert_eq!(operator(&daemon, path).await.status, 404, "{path}");
    }
    daemon.address = address;
    // Whoever reaches it may ask, by whatever name.
    for (path, status) in [("/status", 200), ("/metrics", 200), ("/healthz", 200), ("/readyz", 200), ("/rss.xml", 404)]
    {
        assert_eq!(daemon.get(path, &[]).await.status, status, "{path}");
    }
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

#[tokio::test]
async fn the_status_tells_what_is_served_and_what_is_wrong_with_file_and_line() {
    let mut daemon = folder().serve().await;
    let first = status(&daemon).await;
    assert_eq!(first["ready"], true);
    assert_eq!((first["site"]["digests"].as_u64(), first["site"]["items"].as_u64()), (Some(1), Some(3)));
    assert_eq!(first["site"]["feeds"], 4);
    assert_eq!(first["site"]["newest"], "2025-05-22T08:00:00Z");
    assert_eq!(first["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(first["watch"], serde_json::Value::Null);
    let looked = first["look"]["at"].as_str().unwrap().to_owned();

    daemon.folder.write(
        "2025-05-23.md",
        "# 2025-05-23\n\n## News\n\n### Three\n\nSee [more][missing] or [b](https://example.org/3).\n",
    );
    daemon.until("the file is read", |site| site.digests == 2).await;
    let second = status(&daemon).await;
    let worst = second["findings"]["worst"].as_array().unwrap();
    assert_eq!((worst[0]["path"].as_str(), worst[0]["line"].as_u64()), (Some("2025-05-23.md"), Some(7)), "{second}");
    assert!(second["findings"]["warnings"].as_u64().unwrap() + second["findings"]["errors"].as_u64().unwrap() > 0);
    assert_eq!(second["change"]["changed"], "2025-05-23.md");
    assert!(second["look"]["at"].as_str().unwrap() > looked.as_str());

    let page = operator(&daemon, "/status").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    for told in ["All is well", "2025-05-23.md:7:", "2 digests"] {
        let text = page.text().replace("<dd>2, with", "<dd>2 digests");
        assert!(text.contains(told), "{told} is not in {text}");
    }
}

#[tokio::test]
async fn a_daemon_that_cannot_see_its_folder_is_alive_and_not_ready() {
    let daemon = folder().serve_with("watch:\n  interval_seconds: 1\n").await;
    std::fs::remove_dir_all(daemon.folder.path()).unwrap();
    let mut told = String::new();
    for _ in 0..200 {
        let answer = operator(&daemon, "/readyz").await;
        told = answer.text();
        if answer.status == 503 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(told.starts_with("not ready: ") && told.contains(&*daemon.folder.path().to_string_lossy()), "{told}");
    assert_eq!(operator(&daemon, "/healthz").await.status, 200);
    assert_eq!(status(&daemon).await["ready"], false);
    let page = operator(&daemon, "/status").await.text();
    assert!(page.contains("Something is wrong"), "{page}");
    assert_eq!(daemon.get("/rss.xml", &[]).await.status, 200);
}

#[tokio::test]
async fn what_is_held_back_stands_in_the_status() {
    let titles: Vec<String> = (0..30).map(|at| format!("Title {at}")).collect();
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    let folder = Folder::with([("2025-05-22.md", digest("2025-05-22", &[("News", &titles)]).as_str())]);
    let daemon = folder.serve().await;
    daemon.folder.write("2025-05-22.md", digest("2025-05-22", &[("News", &titles[..3])]));
    let mut told = serde_json::Value::Null;
    for _ in 0..200 {
        told = status(&daemon).await;
        if !told["held"].is_null() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(told["held"]["entries"].as_array().unwrap().len(), 27, "{told}");
    assert!(told["trouble"][0].as_str().unwrap().starts_with("held back: "), "{told}");
    assert_eq!(metric(&daemon, "feedmill_held").await.values().next(), Some(&1.0));
}

#[tokio::test]
async fn numbers_tell_what_was_asked_and_what_was_built() {
    let state = tempfile::tempdir().unwrap();
    let mut daemon = folder().serve_with(&format!("state:\n  folder: {}\n", state.path().display())).await;
    let first = daemon.get("/news/rss.xml", &[("Accept-Encoding", "identity"), ("User-Agent", "newsboat/2.21")]).await;
    let tag = first.header("etag").unwrap().to_owned();
    let again = [("If-None-Match", tag.as_str()), ("User-Agent", "newsboat/2.21")];
    assert_eq!(daemon.get("/news/rss.xml", &again).await.status, 304);
    let hosted = [("User-Agent", "Feedbin feed-id:1 - 12 subscribers"), ("Accept-Encoding", "gzip")];
    assert_eq!(daemon.get("/news/feed.json", &hosted).await.header("content-encoding"), Some("gzip"));
    assert_eq!(daemon.get("/nothing/rss.xml", &[]).await.status, 404);
    daemon.folder.write("2025-05-23.md", digest("2025-05-23", &[("News", &["Three"])]));
    daemon.until("the file is read", |site| site.digests == 2).await;

    let requests = metric(&daemon, "feedmill_http_requests_total").await;
    let expected = [
        (r#"{feed="/news/",format="rss",status="200",encoding="identity"}"#, 1.0),
        (r#"{feed="/news/",format="rss",status="304",encoding="none"}"#, 1.0),
        (r#"{feed="/news/",format="json",status="200",encoding="gzip"}"#, 1.0),
        (r#"{feed="",format="none",status="404",encoding="identity"}"#, 1.0),
    ];
    assert_eq!(requests, expected.map(|(labels, count)| (labels.to_owned(), count)).into());
    let subscribers = metric(&daemon, "feedmill_subscribers").await;
    assert_eq!(subscribers[r#"{feed="/news/",kind="hosted"}"#], 12.0);
    assert_eq!(subscribers[r#"{feed="/news/",kind="direct"}"#], 1.0);
    for (name, value) in [
        ("feedmill_digests", 2.0),
        ("feedmill_items", 4.0),
        ("feedmill_http_request_duration_seconds_count", 4.0),
        ("feedmill_rebuild_seconds_count", 2.0),
        ("feedmill_drop_visible_seconds_count", 1.0),
        ("feedmill_ledger_writes_total", 2.0),
        ("feedmill_watching", 1.0),
    ] {
        assert_eq!(metric(&daemon, name).await.get(""), Some(&value), "{name}");
    }
    let times = metric(&daemon, "feedmill_http_request_duration_seconds_bucket").await;
    assert_eq!(times[r#"{le="+Inf"}"#], 4.0);
    let bytes = metric(&daemon, "feedmill_http_response_body_bytes_total").await;
    assert!(bytes[r#"{feed="/news/"}"#] >= first.body.len() as f64, "{bytes:?}");
    let seen = metric(&daemon, "feedmill_drop_visible_seconds_sum").await[""];
    assert!(seen > 0.0 && seen < 10.0, "{seen}");
}

#[tokio::test]
async fn numbers_of_readers_outlast_the_process_and_nothing_else_does() {
    let state = tempfile::tempdir().unwrap();
    let yaml = format!("state:\n  folder: {}\n", state.path().display());
    let daemon = folder().serve_with(&yaml).await;
    daemon.get("/rss.xml", &[("User-Agent", "newsboat/2.21")]).await;
    daemon.get("/papers/rss.xml", &[("User-Agent", "Feedbin feed-id:1 - 12 subscribers")]).await;
    daemon.stop().await;
    let days = readership::days(state.path()).unwrap();
    assert_eq!((days.len(), days[0].feeds["/"].direct, days[0].feeds["/papers/"].hosted), (1, 1, 12));
    let listed = std::fs::read_dir(state.path().join("readership")).unwrap().map(|entry| entry.unwrap().path());
    for path in listed {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(!text.contains("127.0.0.1"), "{text}");
    }

    let daemon = folder().serve_with(&yaml).await;
    daemon.get("/rss.xml", &[("User-Agent", "newsboat/2.21")]).await;
    let told = status(&daemon).await;
    assert_eq!(
        (told["readers"]["feeds"]["/"]["direct"].as_u64(), told["readers"]["feeds"]["/"]["requests"].as_u64()),
        (Some(1), Some(2))
    );
    daemon.stop().await;

    let told = feedmill(&["stats", "--state", state.path().to_str().unwrap()]);
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(told.status.success() && text.contains("readers: Feedbin 12, newsboat 1"), "{text}");
    let line = text.lines().find(|line| line.trim_start().starts_with("/papers/")).unwrap();
    let fields: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(fields, ["/papers/", "12", "12", "0", "1", "0", "%"]);
    let told = feedmill(&["stats", "--state", state.path().to_str().unwrap(), "--format", "json"]);
    let day: readership::Day = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(day.feeds["/"].requests, 2);
}

#[tokio::test]
async fn a_preview_keeps_nothing_and_where_there_is_no_ledger_no_write_is_counted() {
    let folder = folder();
    let outside = tempfile::tempdir().unwrap();
    let yaml =
        format!("state: {{folder: {0}/state}}\nserver: {{access_log: {0}/access.log}}\n", outside.path().display());
    let options = daemon::preview::of(daemon_options(&yaml, folder.path()));
    let daemon = folder.serve_on(options, listener().await).await;
    assert_eq!(operator(&daemon, "/rss.xml").await.status, 200);
    daemon.stop().await;
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    let daemon = self::folder().serve().await;
    assert_eq!(metric(&daemon, "feedmill_ledger_writes_total").await[""], 0.0);
}

#[test]
fn where_nobody_was_counted_stats_says_so() {
    let state = tempfile::tempdir().unwrap();
    let told = feedmill(&["stats", "--state", state.path().to_str().unwrap()]);
    let text = String::from_utf8(told.stderr).unwrap();
    assert!(told.status.code() == Some(2) && text.contains("nobody was counted in"), "{text}");
}

#[tokio::test]
async fn the_access_log_has_a_line_for_each_answer() {
    let outside = tempfile::tempdir().unwrap();
    let log = outside.path().join("access.log");
    let daemon = folder().serve_with(&format!("server:\n  access_log: {}\n", log.display())).await;
    let length = daemon
        .get("/rss.xml?a=b", &[("User-Agent", "newsboat/2.21"), ("Accept-Encoding", "identity")])
        .await
        .body
        .len();
    daemon.ask("HEAD", "/nothing", &[("Referer", "https://example.org/")]).await;
    let mut text = String::new();
    for _ in 0..200 {
        text = std::fs::read_to_string(&log).unwrap_or_default();
        if text.lines().count() == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("127.0.0.1 - - ["), "{text}");
    assert!(
        lines[0].ends_with(&format!("\"GET /rss.xml?a=b HTTP/1.1\" 200 {length} \"-\" \"newsboat/2.21\"")),
        "{text}"
    );
    assert!(lines[1].ends_with("\"HEAD /nothing HTTP/1.1\" 404 - \"https://example.org/\" \"-\""), "{text}");
}

#[tokio::test]
async fn how_the_folder_is_watched_is_another_after_a_reload() {
    let mut daemon = folder().serve().await;
    let options = daemon_options("site:\n  title: After\nwatch:\n  interval_seconds: 7\n", daemon.folder.path());
    daemon.requests.send(daemon::Request::Reload(Box::new(options))).await.unwrap();
    daemon
        .until("the title is another", |site| crate::harness::body(site, "/rss.xml").contains("<title>After</title>"))
        .await;
    let page = operator(&daemon, "/status").await.text();
    assert!(page.contains("everything is looked at every 7 seconds"), "{page}");
    daemon.folder.write("2025-05-23.md", digest("2025-05-23", &[("News", &["Three"])]));
    daemon.until("the folder is still watched", |site| site.digests == 2).await;
}
