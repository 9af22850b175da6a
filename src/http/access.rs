//! The access log: a line for each answer, in the combined format of httpd, which every log reader knows.
//!
//! A thread of its own writes, so that no request waits for a disk. What a newcomer gets wrong: where the disk is slower than
//! readers ask, lines are left out, and their number is told.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use chrono::{DateTime, Utc};
use hyper::Method;
use hyper::body::Body as _;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;

use super::respond::Answer;

/// So many lines wait to be written.
const MOST_WAITING: usize = 8192;

/// A log that is shared by the threads that answer.
#[derive(Debug, Clone)]
pub(super) struct Log {
    orders: SyncSender<Order>,
    is_open: Arc<AtomicBool>,
    left_out: Arc<AtomicU64>,
}

enum Order {
    Write(String),
    /// Go on with this file, or with none; the same one is opened again, because it may have been moved away.
    Open(Option<PathBuf>),
}

/// What a line tells.
pub(super) struct Line<'a> {
    pub(super) client: IpAddr,
    pub(super) at: DateTime<Utc>,
    pub(super) request: &'a Parts,
    pub(super) answer: &'a Answer,
}

impl Log {
    /// A log that writes nothing yet.
    ///
    /// # Errors
    /// When there can be no thread for it.
    pub(super) fn new() -> io::Result<Log> {
        let (orders, received) = sync_channel(MOST_WAITING);
        let (is_open, left_out) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (open, left) = (is_open.clone(), left_out.clone());
        std::thread::Builder::new().name("access log".to_owned()).spawn(move || write(&received, &open, &left))?;
        Ok(Log { orders, is_open, left_out })
    }

    /// Goes on with a file, or with none.
    pub(super) fn open(&self, path: Option<&Path>) {
        // Nobody waits for a disk that hangs, the daemon's loop least of all.
        if self.orders.try_send(Order::Open(path.map(Path::to_owned))).is_err() {
            tracing::error!("the access log is not written fast enough to be opened again; reload once more");
        }
    }

    /// Whether anything is written: what nobody reads need not be put together.
    pub(super) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }

    /// Writes a line, unless too many wait.
    pub(super) fn tell(&self, line: &Line<'_>) {
        if self.orders.try_send(Order::Write(line.combined())).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write(orders: &Receiver<Order>, is_open: &AtomicBool, left_out: &AtomicU64) {
    let mut file: Option<BufWriter<File>> = None;
    while let Ok(order) = next(orders, &mut file) {
        match order {
            Order::Open(path) => {
                file = path.and_then(|path| open(&path));
                is_open.store(file.is_some(), Ordering::Relaxed);
            }
            Order::Write(line) => {
                let Some(out) = &mut file else { continue };
                if let Err(error) = out.write_all(line.as_bytes()) {
                    tracing::error!(%error, "the access log cannot be written; nothing is written until the configuration is read again");
                    is_open.store(false, Ordering::Relaxed);
                    file = None;
                }
            }
        }
        match left_out.swap(0, Ordering::Relaxed) {
            0 => {}
            lines => {
                tracing::warn!(lines, "the access log cannot be written as fast as readers ask; lines are left out")
            }
        }
    }
}

/// The next order. What was written is in the file before anybody waits.
fn next(orders: &Receiver<Order>, file: &mut Option<BufWriter<File>>) -> Result<Order, ()> {
    match orders.try_recv() {
        Err(TryRecvError::Empty) => {
            if let Some(Err(error)) = file.as_mut().map(BufWriter::flush) {
                tracing::error!(%error, "lines of the access log are lost");
            }
            orders.recv().map_err(drop)
        }
        order => order.map_err(drop),
    }
}

fn open(path: &Path) -> Option<BufWriter<File>> {
    match OpenOptions::new().append(true).create(true).open(path) {
        Ok(file) => Some(BufWriter::new(file)),
        Err(error) => {
            tracing::error!(%error, path = %path.display(), "the access log cannot be opened; answers are not written down");
            None
        }
    }
}

impl Line<'_> {
    /// `%h - - %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"` of mod_log_config (Apache httpd), in UTC.
    fn combined(&self) -> String {
        let Line { client, at, request, answer } = self;
        let status = answer.status().as_u16();
        let bytes = if request.method == Method::HEAD { 0 } else { answer.body().size_hint().exact().unwrap_or(0) };
        let mut line = String::with_capacity(160);
        let at = at.format("%d/%b/%Y:%H:%M:%S +0000");
        let _ = write!(line, "{client} - - [{at}] \"{} ", request.method);
        escape(&mut line, request.uri.path_and_query().map_or(b"", |path| path.as_str().as_bytes()));
        let _ = write!(line, " {:?}\" {status} ", request.version);
        match bytes {
            0 => line.push('-'),
            bytes => drop(write!(line, "{bytes}")),
        }
        for name in [header::REFERER, header::USER_AGENT] {
            line.push_str(" \"");
            quote(&mut line, &request.headers, &name);
            line.push('"');
        }
        line.push('\n');
        line
    }
}

fn quote(line: &mut String, headers: &HeaderMap, name: &HeaderName) {
    match headers.get(name).map(HeaderValue::as_bytes) {
        None | Some(b"") => line.push('-'),
        Some(value) => escape(line, value),
    }
}

/// Nothing that a client says may end a field or a line, or do something to a terminal.
fn escape(line: &mut String, value: &[u8]) {
    for byte in value {
        match byte {
            b'"' | b'\\' => line.extend(['\\', char::from(*byte)]),
            0x20..0x7f => line.push(char::from(*byte)),
            other => drop(write!(line, "\\x{other:02x}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn line(path: &str, agent: &str) -> String {
        let agent = hyper::header::HeaderValue::from_bytes(agent.as_bytes()).unwrap();
        let request = Request::get(path).header("user-agent", agent).body(()).unwrap();
        let (request, ()) = request.into_parts();
        let at = DateTime::parse_from_rfc3339("2025-05-22T08:00:00Z").unwrap().to_utc();
        let answer = hyper::Response::new(http_body_util::Full::from("seven b"));
        Line { client: "192.0.2.1".parse().unwrap(), at, request: &request, answer: &answer }.combined()
    }

    #[test]
    fn a_line_is_in_the_combined_format_and_no_client_can_break_it() {
        assert_eq!(
            line("/rss.xml?a", "newsboat/2"),
            "192.0.2.1 - - [22/May/2025:08:00:00 +0000] \"GET /rss.xml?a HTTP/1.1\" 200 7 \"-\" \"newsboat/2\"\n"
        );
        assert!(line("/", "a\" 200 \\ é\t").ends_with("\"-\" \"a\\\" 200 \\\\ \\xc3\\xa9\\x09\"\n"));
    }

    #[test]
    fn lines_go_to_the_file_that_was_opened_last() {
        let folder = tempfile::tempdir().unwrap();
        let (first, moved) = (folder.path().join("log"), folder.path().join("log.1"));
        let log = Log::new().unwrap();
        let tell = |path: &str| log.orders.send(Order::Write(format!("{path}\n"))).unwrap();
        tell("nowhere");
        log.open(Some(&first));
        tell("one");
        until(&first, "one\n");
        std::fs::rename(&first, &moved).unwrap();
        tell("two");
        until(&moved, "one\ntwo\n");
        log.open(Some(&first));
        tell("three");
        until(&first, "three\n");
        assert!(log.is_open());
    }

    fn until(path: &Path, text: &str) {
        for _ in 0..1000 {
            if std::fs::read_to_string(path).is_ok_and(|seen| seen == text) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        panic!("{} is {:?}", path.display(), std::fs::read_to_string(path));
    }
}
