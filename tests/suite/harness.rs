//! The language of the suite: a folder of files, a daemon that serves it, a request and what comes back.

use std::collections::{BTreeMap, HashSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use feedmill::config::{self, Overrides};
use feedmill::daemon::{self, Request, mill};
use feedmill::http::server::Listeners;
use feedmill::ledger::{Ledger, Validators};
use feedmill::library::Library;
use feedmill::site::{Page, Site};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// The public address of every site under test.
pub const BASE: &str = "https://news.example.org/";

/// Nothing in the suite takes longer unless it hangs.
const DEADLINE: Duration = Duration::from_secs(20);

/// A temporary folder of content.
pub struct Folder {
    root: tempfile::TempDir,
}

impl Folder {
    pub fn new() -> Folder {
        Folder { root: tempfile::tempdir().unwrap() }
    }

    pub fn with<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Folder {
        let folder = Folder::new();
        files.into_iter().for_each(|(name, text)| folder.write(name, text));
        folder
    }

    pub fn path(&self) -> &Path {
        self.root.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.file(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.file(name)).unwrap();
    }

    pub fn rename(&self, from: &str, to: &str) {
        let to = self.file(to);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::rename(self.file(from), to).unwrap();
    }

    /// The site that `feedmill build` would make of it.
    pub fn site(&self) -> Site {
        self.site_with("", "2026-01-01T00:00:00Z")
    }

    pub fn site_with(&self, yaml: &str, now: &str) -> Site {
        let options = options(yaml, self.path());
        let mut library = Library::new(self.path(), options.library, options.site.rules.clone());
        let now = moment(now);
        library.refresh(&HashSet::new(), options.site.ids.today(now)).unwrap();
        let (settlement, _) = Ledger::default().settle(library.digests(), now, &options.site.ids);
        Site::build(&settlement.digests, &options.site, None, &Validators::new(), now)
    }

    pub async fn serve(self) -> Daemon {
        self.serve_with("").await
    }

    pub async fn serve_with(self, yaml: &str) -> Daemon {
        let options = daemon_options(yaml, self.path());
        self.serve_as(options).await
    }

    /// As `feedmill serve --preview` serves it.
    pub async fn preview(self) -> Daemon {
        let options = daemon::preview::of(daemon_options("", self.path()));
        self.serve_as(options).await
    }

    async fn serve_as(self, options: daemon::Options) -> Daemon {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.serve_on(options, listener).await
    }

    pub async fn serve_on(self, options: daemon::Options, listeners: impl Into<Listeners>) -> Daemon {
        let listeners = listeners.into();
        let address = listeners.public.local_addr().unwrap();
        let daemon = daemon::Daemon::start(options, listeners).await.unwrap();
        let site = daemon.site();
        let (requests, receiver) = mpsc::channel(1);
        let task = tokio::spawn(daemon.run(receiver));
        Daemon { folder: self, address, site, requests, task }
    }
}

pub fn moment(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

pub fn options(yaml: &str, content: &Path) -> config::Options {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), yaml).unwrap();
    let overrides =
        Overrides { content: Some(content.to_owned()), base_url: Some(BASE.to_owned()), ..Overrides::default() };
    config::load(Some(file.path()), [], &overrides).unwrap()
}

pub fn daemon_options(yaml: &str, content: &Path) -> daemon::Options {
    let config::Options { library, watch, site, guard, server, state, .. } = options(yaml, content);
    daemon::Options { mill: mill::Options { content: content.to_owned(), library, site, guard, state }, watch, server }
}

/// A daemon that serves a folder on a free port.
pub struct Daemon {
    pub folder: Folder,
    pub address: SocketAddr,
    pub site: watch::Receiver<Arc<Site>>,
    pub requests: mpsc::Sender<Request>,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Daemon {
    /// Waits until the served site is as it should be.
    pub async fn until(&mut self, what: &str, is_so: impl FnMut(&Arc<Site>) -> bool) -> Arc<Site> {
        let mut newest = self.site.clone();
        let waited = tokio::time::timeout(DEADLINE, newest.wait_for(is_so)).await;
        if let Ok(site) = waited {
            return site.unwrap().clone();
        }
        panic!("it never came true that {what}; the site shows {:?}", titles(&self.site.borrow(), "/"));
    }

    /// Waits until exactly these titles are in the main feed, newest first.
    pub async fn until_titles(&mut self, expected: &[&str]) -> Arc<Site> {
        self.until(&format!("the titles are {expected:?}"), |site| titles(site, "/") == expected).await
    }

    /// A file that comes after everything else was seen: once it shows, all that was done before is over.
    pub async fn after_all_that(&mut self) -> Arc<Site> {
        self.folder
            .write("1999-01-01.md", "# 1999-01-01\n\n## Barrier\n\n### barrier\n\n[Link](https://example.org/b)\n");
        let is_there = |site: &Arc<Site>| site.pages.contains_key("/digests/1999-01-01/");
        self.until("the barrier shows", is_there).await
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", path, headers).await
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: news.example.org\r\nConnection: close\r\n");
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        self.say(head + "\r\n").await
    }

    /// Sends bytes as they are and reads until the server closes.
    pub async fn say(&self, bytes: impl Into<Vec<u8>>) -> Answer {
        let (address, bytes) = (self.address, bytes.into());
        tokio::task::spawn_blocking(move || exchange(address, &bytes)).await.unwrap()
    }

    /// Stops the daemon and waits until it has ended.
    pub async fn stop(self) -> Folder {
        self.requests.send(Request::Stop).await.unwrap();
        tokio::time::timeout(DEADLINE, self.task).await.expect("the daemon ends").unwrap().unwrap();
        self.folder
    }
}

fn exchange(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).unwrap();
    Answer::parse(&response)
}

/// A response.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    fn parse(response: &[u8]) -> Answer {
        let end = response.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(response[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Answer { status, headers, body: response[end + 4..].to_vec() }
    }

    /// The first of several responses with Content-Length, and what follows it.
    pub fn first_of(responses: &[u8]) -> (Answer, &[u8]) {
        let head = responses.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
        let length: usize = Answer::parse(&responses[..head]).header("content-length").unwrap().parse().unwrap();
        let (first, rest) = responses.split_at(head + length);
        (Answer::parse(first), rest)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// The body of a page of a site.
pub fn body(site: &Site, route: &str) -> String {
    String::from_utf8(page(site, route).body().to_vec()).unwrap()
}

pub fn page<'s>(site: &'s Site, route: &str) -> &'s Page {
    site.pages.get(route).unwrap_or_else(|| panic!("no page {route}; there are {:?}", site.pages.keys()))
}

/// A feed as a program reads it, from the JSON.
pub fn json(site: &Site, folder: &str) -> serde_json::Value {
    serde_json::from_str(&body(site, &format!("{folder}feed.json"))).unwrap()
}

/// One field of every entry, newest first.
pub fn fields(site: &Site, folder: &str, field: &str) -> Vec<String> {
    let feed = json(site, folder);
    let items = feed["items"].as_array().unwrap().iter();
    items.map(|item| item[field].as_str().unwrap_or_default().to_owned()).collect()
}

pub fn titles(site: &Site, folder: &str) -> Vec<String> {
    fields(site, folder, "title")
}

/// Runs the program and waits for it.
pub fn feedmill(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_feedmill")).args(arguments).env("FEEDMILL_LOG", "info").output().unwrap()
}

/// A digest in the form of the samples: sections with titles.
pub fn digest(date: &str, sections: &[(&str, &[&str])]) -> String {
    let mut text = format!("---\ndate: {date}\ntitle: Digest of {date}\n---\n\n# {date}\n");
    for (section, titles) in sections {
        text.push_str(&format!("\n## {section}\n"));
        for title in *titles {
            let slug = feedmill::digest::text::slug(title);
            text.push_str(&format!("\n### {title}\n\nAbout {title}. [>Read more](https://example.com/{slug})\n"));
        }
    }
    text
}

/// All pages by their routes.
pub fn bodies(site: &Site) -> BTreeMap<String, String> {
    let pages =
        site.pages.iter().map(|(route, page)| (route.clone(), String::from_utf8_lossy(page.body()).into_owned()));
    pages.collect()
}
