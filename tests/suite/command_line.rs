//! The program itself: arguments, exit codes, standard output, signals.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use crate::harness::{Folder, digest, feedmill};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn sample() -> Folder {
    Folder::with([("2025-05-22.md", digest("2025-05-22", &[("News", &["One", "Two"])]).as_str())])
}

#[test]
fn help_teaches_and_version_is_told() {
    let help = text(&feedmill(&["--help"]).stdout);
    for word in ["serve", "build", "check", "show", "Exit codes", "feedmill serve examples/content"] {
        assert!(help.contains(word), "{word}");
    }
    assert_eq!(text(&feedmill(&["--version"]).stdout), format!("feedmill {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn an_unknown_flag_is_refused_with_a_suggestion() {
    let run = feedmill(&["serve", "--lisen", "x"]);
    assert_eq!(run.status.code(), Some(2));
    assert!(text(&run.stderr).contains("--listen"), "{}", text(&run.stderr));
    assert_eq!(feedmill(&["frobnicate"]).status.code(), Some(2));
}

#[test]
fn what_cannot_run_ends_with_2_and_the_reason() {
    let folder = Folder::new();
    let missing = folder.file("nope");
    let missing = missing.to_str().unwrap();
    for arguments in [
        vec!["serve"],
        vec!["serve", missing],
        vec!["check", missing],
        vec!["show", missing],
        vec!["build", missing, "--output", "x"],
        vec!["check", ".", "--config", missing],
        vec!["build", ".", "--output", "x", "--now", "yesterday"],
        vec!["build", ".", "--output", "x", "--base-url", "nonsense"],
    ] {
        let run = feedmill(&arguments);
        assert_eq!(run.status.code(), Some(2), "{arguments:?}: {}", text(&run.stdout));
        assert!(!run.stderr.is_empty());
    }
}

#[test]
fn show_as_json_is_one_object_a_digest() {
    let folder = sample();
    folder.write("en/2025-05-22.md", digest("2025-05-22", &[("News", &["English"])]));
    let run = feedmill(&["show", folder.path().to_str().unwrap(), "--format", "json"]);
    let lines: Vec<serde_json::Value> =
        text(&run.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    let shown = &lines[0];
    assert_eq!(shown["path"], folder.file("2025-05-22.md").to_str().unwrap());
    assert_eq!((&shown["key"], &shown["date"]), (&"2025-05-22".into(), &"2025-05-22".into()));
    assert_eq!(shown["sections"][0]["slug"], "news");
    let item = &shown["sections"][0]["items"][1];
    assert_eq!((&item["title"], &item["line"]), (&"Two".into(), &14.into()));
    assert_eq!((&item["link"], &item["summary"]), (&"https://example.com/two".into(), &"About Two.".into()));
    assert_eq!(item["html"], "<p>About Two.</p>");
    assert_eq!(shown["findings"], serde_json::json!([]));
    let site = folder.site();
    assert!(
        crate::harness::fields(&site, "/", "id").contains(&item["id"].as_str().unwrap().to_owned()),
        "the feed's id"
    );
}

#[test]
fn check_as_json_tells_path_place_and_remedy() {
    let folder = sample();
    folder.write("2025-05-23.md", "");
    let run = feedmill(&["check", folder.path().to_str().unwrap(), "--format", "json"]);
    assert_eq!(run.status.code(), Some(1));
    let finding: serde_json::Value = serde_json::from_str(&text(&run.stdout)).unwrap();
    assert_eq!(finding["path"], folder.file("2025-05-23.md").to_str().unwrap());
    assert_eq!((&finding["severity"], &finding["code"]), (&"error".into(), &"file-empty".into()));
    assert_eq!((&finding["line"], &finding["column"]), (&1.into(), &1.into()));
    assert!(!finding["remedy"].as_str().unwrap().is_empty());
}

#[test]
fn check_of_one_file() {
    let folder = sample();
    let run = feedmill(&["check", folder.file("2025-05-22.md").to_str().unwrap()]);
    assert_eq!((run.status.code(), text(&run.stdout)), (Some(0), String::new()));
}

/// A daemon as a process.
struct Process {
    child: Child,
    address: String,
}

impl Process {
    fn start(arguments: &[&str]) -> Process {
        let mut child = Command::new(env!("CARGO_BIN_EXE_feedmill"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().trim_end_matches('/').to_owned();
        Process { child, address }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = std::net::TcpStream::connect(&self.address).unwrap();
        std::io::Write::write_all(&mut stream, format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// The exit code and what was logged.
    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (code, log)
    }

    /// Asks again until it is so.
    fn until(&self, path: &str, is_so: impl Fn(&str) -> bool) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !is_so(&self.get(path)) {
            assert!(std::time::Instant::now() < deadline, "{path} never became so");
            std::thread::yield_now();
        }
    }
}

#[test]
fn serve_says_where_and_ends_with_0_when_told() {
    let folder = sample();
    let process = Process::start(&[folder.path().to_str().unwrap()]);
    let feed = process.get("/news/rss.xml");
    assert!(feed.contains("<title>One</title>"));
    assert!(
        feed.contains(&format!("http://{}/news/rss.xml", process.address)),
        "without a base URL its own address serves"
    );
    process.signal("TERM");
    let (code, log) = process.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("site built digests=1 items=2"), "{log}");
}

#[test]
fn hang_up_reads_the_configuration_again_and_refuses_a_wrong_one() {
    let folder = sample();
    let outside = Folder::with([("feedmill.yaml", "site: {title: First}\n")]);
    let config = outside.file("feedmill.yaml");
    let process = Process::start(&[folder.path().to_str().unwrap(), "--config", config.to_str().unwrap()]);
    assert!(process.get("/").contains("<title>First</title>"));
    outside.write("feedmill.yaml", "site: {titel: Wrong}\n");
    process.signal("HUP");
    outside.write("feedmill.yaml.new", "site: {title: Second}\n");
    // The wrong one must have been read before the right one comes.
    let marker = folder.file("2025-05-23.md");
    std::fs::write(&marker, digest("2025-05-23", &[("News", &["Three"])])).unwrap();
    process.until("/rss.xml", |answer| answer.contains("<title>Three</title>"));
    assert!(process.get("/").contains("<title>First</title>"));
    outside.rename("feedmill.yaml.new", "feedmill.yaml");
    process.signal("HUP");
    process.until("/", |answer| answer.contains("<title>Second</title>"));
    process.signal("INT");
    let (code, log) = process.end();
    assert_eq!(code, Some(0));
    assert!(log.contains("unknown key \\\"titel\\\" in site; did you mean \\\"title\\\"?"), "{log}");
}

#[test]
fn a_port_that_is_taken_is_told() {
    let folder = sample();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = feedmill(&["serve", folder.path().to_str().unwrap(), "--listen", &address]);
    assert_eq!(run.status.code(), Some(2));
    assert!(text(&run.stderr).contains(&format!("cannot listen on {address}")), "{}", text(&run.stderr));
}
