//! The least that an answer and a first load can cost, for `benches/serving.py` and `benches/rebuild.py` to compare with.
//!
//! `floor serve RUNTIME ADDRESS IDENTITY GZIP` is a bare hyper server that holds the bytes of two files and answers every GET
//! with one of them, or with 304. RUNTIME is `current` (one thread), `multi` (tokio's runtime of many), `shared` (a runtime for
//! each core, all accepting from one listener, as feedmill does) or `reuseport` (each from a listener of its own).
//! `floor parse FOLDER` reads every file below FOLDER and has pulldown-cmark parse it and make HTML of it, on every core.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use socket2::{Domain, Socket, Type};
use tokio::runtime::Builder;

fn main() -> anyhow::Result<()> {
    // cargo bench adds --bench.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", runtime, address, identity, gzip] => {
            let pages = Box::leak(Box::new([Page::new(identity, None)?, Page::new(gzip, Some("gzip"))?]));
            arrange(runtime, address.parse()?, pages)
        }
        ["parse", folder] => parse(Path::new(folder)),
        _ => {
            println!("floor serve RUNTIME ADDRESS IDENTITY GZIP, or floor parse FOLDER; benches/*.py run it");
            Ok(())
        }
    }
}

/// A body with the headers it goes with, made once; they are those that feedmill sends with a feed.
struct Page {
    body: Bytes,
    tag: HeaderValue,
    whole: HeaderMap,
    unchanged: HeaderMap,
}

impl Page {
    fn new(file: &str, encoding: Option<&'static str>) -> anyhow::Result<Page> {
        let body = std::fs::read(file).with_context(|| format!("cannot read {file}"))?;
        let tag = HeaderValue::from_static(if encoding.is_some() {
            "\"0123456789abcdef-gzip\""
        } else {
            "\"0123456789abcdef\""
        });
        let cached = "public, max-age=60, stale-while-revalidate=60, stale-if-error=86400";
        let unchanged = HeaderMap::from_iter([
            (header::ETAG, tag.clone()),
            (header::LAST_MODIFIED, HeaderValue::from_static("Thu, 22 May 2025 08:00:00 GMT")),
            (header::CACHE_CONTROL, HeaderValue::from_static(cached)),
            (header::VARY, HeaderValue::from_static("Accept-Encoding")),
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
            (header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("ETag, Last-Modified, Link")),
        ]);
        let links = ["rss.xml", "atom.xml", "feed.json", ""].map(|name| {
            format!("<http://127.0.0.1:8080/news/{name}>; rel=\"alternate\"; type=\"application/rss+xml\"")
        });
        let mut whole = unchanged.clone();
        whole.extend([
            (header::CONTENT_TYPE, HeaderValue::from_static("application/rss+xml; charset=utf-8")),
            (header::LINK, HeaderValue::try_from(links.join(", "))?),
            (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'"),
            ),
        ]);
        whole.extend(encoding.map(|name| (header::CONTENT_ENCODING, HeaderValue::from_static(name))));
        Ok(Page { body: body.into(), tag, whole, unchanged })
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    Ok(socket.into())
}

fn arrange(runtime: &str, address: SocketAddr, pages: &'static [Page; 2]) -> anyhow::Result<()> {
    let first = listen(address).with_context(|| format!("cannot listen on {address}"))?;
    let address = first.local_addr()?;
    println!("listening on http://{address}/");
    let alone = move |listener| Builder::new_current_thread().enable_all().build()?.block_on(serve(listener, pages));
    match runtime {
        "current" => alone(first),
        "multi" => Builder::new_multi_thread().enable_all().build()?.block_on(async {
            // Beside the thread that waits here, which would have to wake another for each connection.
            tokio::spawn(serve(first, pages)).await?
        }),
        "shared" | "reuseport" => {
            let another = || if runtime == "shared" { first.try_clone() } else { listen(address) };
            let others = (1..cores()).map(|_| another()).collect::<Result<Vec<_>, _>>()?;
            for listener in others {
                // With one thread less nothing would be comparable.
                std::thread::spawn(move || {
                    let Err(error) = alone(listener) else { return };
                    println!("a thread ended: {error:#}");
                    std::process::exit(1)
                });
            }
            alone(first)
        }
        _ => anyhow::bail!("{runtime} is no runtime: current, multi, shared or reuseport"),
    }
}

async fn serve(listener: TcpListener, pages: &'static [Page; 2]) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = service_fn(move |request| std::future::ready(Ok::<_, Infallible>(answer(&request, pages))));
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn answer(request: &Request<Incoming>, [identity, gzip]: &[Page; 2]) -> Response<Full<Bytes>> {
    let asked = |name: HeaderName| request.headers().get(name).map_or(&b""[..], HeaderValue::as_bytes);
    let page = if asked(header::ACCEPT_ENCODING).starts_with(b"gzip") { gzip } else { identity };
    let unchanged = asked(header::IF_NONE_MATCH) == page.tag.as_bytes();
    let mut answer = Response::new(Full::new(if unchanged { Bytes::new() } else { page.body.clone() }));
    answer.headers_mut().clone_from(if unchanged { &page.unchanged } else { &page.whole });
    if unchanged {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
    }
    answer
}

fn parse(folder: &Path) -> anyhow::Result<()> {
    use pulldown_cmark::{Options, Parser, html};
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    let begun = Instant::now();
    let entries = walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok);
    let files: Vec<PathBuf> =
        entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let mut out = String::with_capacity(text.len() * 3 / 2);
            html::push_html(&mut out, Parser::new_ext(&text, options));
            std::hint::black_box(out);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..cores() {
            scope.spawn(work);
        }
    });
    println!("{}", begun.elapsed().as_secs_f64() * 1e3);
    Ok(())
}
