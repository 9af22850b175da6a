//! The program itself: arguments, exit codes, standard output, signals.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command, Stdio};

use clap::CommandFactory as _;
use feedmill::cli::Cli;

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
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), format!("site: {{base_url: {}}}\n", crate::harness::BASE)).unwrap();
    let config = config.path().to_str().unwrap();
    let run = feedmill(&["show", folder.path().to_str().unwrap(), "--format", "json", "--config", config]);
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

#[test]
fn manual_and_completions_know_every_command() {
    let folder = Folder::new();
    let pages = folder.file("man");
    assert!(feedmill(&["man", "--output", pages.to_str().unwrap()]).status.success());
    let scripts = ["bash", "zsh", "fish"].map(|shell| text(&feedmill(&["completions", shell]).stdout));
    let program = std::fs::read_to_string(pages.join("feedmill.1")).unwrap();
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        let page = std::fs::read_to_string(pages.join(format!("feedmill-{name}.1"))).unwrap();
        assert!(page.contains(&command.get_about().unwrap().to_string()), "{page}");
        assert!(program.contains(&format!("feedmill\\-{name}(1)")), "{program}");
        assert!(scripts.iter().all(|script| script.contains(name)), "{name}");
    }
}

fn ask(mut stream: TcpStream, path: &str) -> String {
    let mut answer = String::new();
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A daemon as a process.
struct Process {
    child: Child,
    address: String,
}

impl Process {
    fn start(arguments: &[&str]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_feedmill"));
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments);
        Process::spawn(command)
    }

    /// As a service manager starts it that holds its socket.
    fn start_with_socket(socket: &TcpListener, content: &str) -> Process {
        let mut command = Command::new("sh");
        let script = r#"LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" serve "$1" --listen 192.0.2.1:1 3<&0 </dev/null"#;
        command.args(["-c", script, env!("CARGO_BIN_EXE_feedmill"), content]);
        command.stdin(OwnedFd::from(socket.try_clone().unwrap()));
        Process::spawn(command)
    }

    fn spawn(mut command: Command) -> Process {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().trim_end_matches('/').to_owned();
        Process { child, address }
    }

    fn get(&self, path: &str) -> String {
        ask(self.connect(), path)
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).unwrap()
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

/// A digest with one thing wrong after wide characters.
fn with_a_relative_link() -> Folder {
    Folder::with([(
        "2025-05-22.md",
        "---\ndate: 2025-05-22\n---\n\n## 新闻\n\n- 见📚[链接](/a.md)，另见[别处](https://example.org/)\n- [b](https://example.org/b)\n",
    )])
}

#[test]
fn check_shows_the_line_with_carets_below_what_is_meant() {
    let folder = with_a_relative_link();
    let run = feedmill(&["check", folder.file("2025-05-22.md").to_str().unwrap()]);
    let said = text(&run.stdout).replace(&format!("{}/", folder.path().display()), "");
    expect_test::expect![[r#"
        warning[link-relative]: the link `/a.md` works on your own site only
         --> 2025-05-22.md:7:5
          |
        7 | - 见📚[链接](/a.md)，另见[别处](https://example.org/)
          |       ^^^^^^^^^^^^^
          |
          = note: subscribers see the words without the link, and of a picture only its description
          = help: write the whole address, or set links.base in the configuration

    "#]]
    .assert_eq(&said);
    assert_eq!(run.status.code(), Some(0));
    let run = feedmill(&["check", "--fail-on", "warning", folder.file("2025-05-22.md").to_str().unwrap()]);
    assert_eq!(run.status.code(), Some(1));
}

#[test]
fn check_as_sarif_names_rule_place_and_fingerprint() {
    let folder = with_a_relative_link();
    let run = feedmill(&["check", "--format", "sarif", folder.path().to_str().unwrap()]);
    let log: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    let run = &log["runs"][0];
    let result = &run["results"][0];
    assert_eq!((&log["version"], &run["columnKind"]), (&"2.1.0".into(), &"unicodeCodePoints".into()));
    assert_eq!(run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize]["id"], result["ruleId"]);
    assert_eq!((&result["ruleId"], &result["level"]), (&"link-relative".into(), &"warning".into()));
    let region = &result["locations"][0]["physicalLocation"]["region"];
    assert_eq!(region, &serde_json::json!({ "startLine": 7, "startColumn": 5, "endColumn": 16 }));
    assert!(result["partialFingerprints"]["feedmill/v1"].as_str().unwrap().len() == 16);
}

#[test]
fn check_explains_every_code_and_names_them_when_it_is_none() {
    let run = feedmill(&["check", "--explain", "link-relative"]);
    assert!(text(&run.stdout).starts_with("link-relative (warning)\n\n"), "{}", text(&run.stdout));
    let run = feedmill(&["check", "--explain", "link-relativ"]);
    assert_eq!(run.status.code(), Some(2));
    assert!(
        text(&run.stderr).contains("there is no code `link-relativ`") && text(&run.stderr).contains("link-relative")
    );
}

#[test]
fn check_tells_which_published_items_would_come_again_as_new() {
    let folder = Folder::with([(
        "2025-05-22.md",
        "## News\n\n- [One](https://example.org/1)\n- [Two](https://example.org/2)\n",
    )]);
    let state = tempfile::tempdir().unwrap();
    let (content, state) = (folder.path().to_str().unwrap(), state.path().to_str().unwrap());
    let output = tempfile::tempdir().unwrap();
    let site = output.path().join("site");
    assert!(feedmill(&["build", content, "--state", state, "-o", site.to_str().unwrap()]).status.success());
    folder.write("2025-05-22.md", "## News\n\n- [One!](https://example.org/1)\n- [Two](https://example.org/two)\n");
    assert!(!text(&feedmill(&["check", content, "--state", state]).stdout).contains("id-changes"), "recognised");
    folder.write("2025-05-22.md", "## News\n\n- [One x](https://example.org/one)\n- [Two](https://example.org/2)\n");
    let run = feedmill(&["check", "--format", "short", content, "--state", state]);
    assert!(
        text(&run.stdout)
            .contains("2025-05-22.md:3:1: warning: `One x` was published as `One` with https://example.org/1;")
    );
    assert_eq!(text(&run.stdout).matches("id-changes").count(), 1);
    let run = feedmill(&["check", content, "--state", site.to_str().unwrap()]);
    assert!(text(&run.stderr).contains("cannot read the ledger"), "{}", text(&run.stderr));
    assert!(!site.join("ledger.sqlite").exists(), "nothing is written by a check");
}

#[test]
fn check_tells_when_the_newest_digest_does_not_fit_into_a_feed() {
    let folder = sample();
    folder.write("feedmill.yaml", "feeds: {max_bytes: 100}\n");
    let config = folder.file("feedmill.yaml");
    let run = feedmill(&[
        "check",
        "--format",
        "short",
        "--config",
        config.to_str().unwrap(),
        folder.path().to_str().unwrap(),
    ]);
    assert!(
        text(&run.stdout).contains("of its 2 items do not fit into the feed / of 100 bytes"),
        "{}",
        text(&run.stdout)
    );
}

#[test]
fn init_writes_a_configuration_that_serves_the_same_and_replaces_none() {
    let folder = Folder::new();
    for day in ["2025-05-20", "2025-05-21", "2025-05-22"] {
        folder.write(
            &format!("content/{day}.md"),
            digest(day, &[("News: today", &["one", "two"]), ("论文", &["three"])]),
        );
    }
    folder.write("content/notes.md", "# Notes\n");
    let output = folder.file("feedmill.yaml");
    let (content, output) = (folder.file("content"), output.to_str().unwrap());
    let run = feedmill(&["init", content.to_str().unwrap(), "--output", output]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let written = std::fs::read_to_string(output).unwrap();
    for line in
        ["  folder: content", "    - slug: news-today", "      title: 'News: today'   # heads 3 of 3 digests, 6 items"]
    {
        assert!(written.contains(line), "{line} in\n{written}");
    }
    let show = |arguments: &[&str]| {
        text(&feedmill(arguments).stdout).replace("the configuration names it", "its heading recurs")
    };
    let path = content.to_str().unwrap();
    assert_eq!(show(&["show", path, "--config", output]), show(&["show", path]));
    let run = feedmill(&["init", path, "--output", output]);
    assert_eq!(run.status.code(), Some(2));
    assert!(text(&run.stderr).contains("name another file with --output"));
}

#[test]
fn show_names_the_rule_behind_each_guess() {
    let folder = sample();
    let shown = text(&feedmill(&["show", folder.path().to_str().unwrap()]).stdout);
    assert!(
        shown.contains("section: it holds deeper headings") && shown.contains("item: heading; link: has a label"),
        "{shown}"
    );
}

#[test]
fn what_nearly_all_files_have_wrong_is_told_once() {
    let folder = Folder::new();
    (1..=12).for_each(|number| folder.write(&format!("issue-{number}.md"), format!("## News\n\n- [a](/{number})\n")));
    let path = folder.path().to_str().unwrap();
    let said = text(&feedmill(&["check", "--format", "short", path]).stdout);
    for code in ["date-guessed", "link-relative"] {
        assert_eq!(said.matches(&format!("[{code}]")).count(), 1, "{said}");
    }
    assert_eq!(said.matches("; so it is in 11 more files").count(), 2, "{said}");
}

#[test]
fn a_configured_state_folder_that_is_elsewhere_stops_no_check() {
    let folder = sample();
    folder.write("feedmill.yaml", "state: {folder: /nowhere/feedmill}\n");
    let config = folder.file("feedmill.yaml");
    let run = feedmill(&["check", "--config", config.to_str().unwrap(), folder.path().to_str().unwrap()]);
    assert_eq!((run.status.code(), text(&run.stderr)), (Some(0), String::new()));
}

#[test]
fn the_socket_of_a_service_manager_is_served_and_outlasts_a_restart() {
    let (folder, socket) = (sample(), TcpListener::bind("127.0.0.1:0").unwrap());
    let first = Process::start_with_socket(&socket, folder.path().to_str().unwrap());
    assert_eq!(first.address, socket.local_addr().unwrap().to_string());
    assert!(first.get("/rss.xml").contains("<title>One</title>"));
    first.signal("TERM");
    assert_eq!(first.end().0, Some(0));
    let waits = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
    let second = Process::start_with_socket(&socket, folder.path().to_str().unwrap());
    assert!(ask(waits, "/rss.xml").contains("<title>One</title>"));
    second.signal("TERM");
    let (code, log) = second.end();
    assert_eq!(code, Some(0));
    assert!(log.contains("the service manager holds the socket"), "{log}");
}

#[test]
fn whoever_connected_just_before_a_stop_is_answered() {
    let folder = sample();
    let mut process = Process::start(&[folder.path().to_str().unwrap()]);
    let mut log = BufReader::new(process.child.stderr.take().unwrap());
    // Answered in turn, so that those before it are accepted when it has its answer.
    let connections: Vec<TcpStream> = (0..20).map(|_| process.connect()).collect();
    process.get("/healthz");
    process.signal("TERM");
    let mut line = String::new();
    while !line.contains("stopping") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "it ended without saying so");
    }
    for connection in connections {
        assert!(ask(connection, "/healthz").contains("200 OK"));
    }
    assert_eq!(process.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_preview_runs_beside_the_service_that_has_the_address_for_operators() {
    let folder = sample();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_feedmill"));
    command.args(["serve", "--preview", "--listen", "127.0.0.1:0"]).arg(folder.path());
    command.env("FEEDMILL_ADMIN_LISTEN", taken.local_addr().unwrap().to_string());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.starts_with("listening on http://127.0.0.1:"), "{line}");
}

/// sd-daemon(3): the journal takes the priority from the front of a line.
#[test]
fn lines_for_the_journal_begin_with_their_priority_and_others_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let content = Folder::with([("a.md", "# 2025-05-22\n\n## News\n\n### One\n\n[Link](https://example.org/)\n")]);
    let lines = |is_journal: bool| {
        let path = folder.path().join(format!("{is_journal}"));
        let file = std::fs::File::create(&path).unwrap();
        let own = file.metadata().unwrap();
        let stream = format!("{}:{}", own.dev(), own.ino() + u64::from(!is_journal));
        let output = folder.path().join(format!("out-{is_journal}"));
        let arguments = [OsStr::new("build"), content.path().as_os_str(), OsStr::new("--output"), output.as_os_str()];
        let mut command = Command::new(env!("CARGO_BIN_EXE_feedmill"));
        let status = command.args(arguments).env("JOURNAL_STREAM", stream).stderr(file).status().unwrap();
        assert!(status.success());
        std::fs::read_to_string(path).unwrap()
    };
    let told = lines(true);
    assert!(
        told.lines().all(|line| line.starts_with("<6>") || line.starts_with("<4>"))
            && told.contains("<6>site written digests=1"),
        "{told}"
    );
    let told = lines(false);
    assert!(told.contains(" INFO site written") && !told.contains("<6>"), "{told}");
}
