//! Requests and what comes back: a table per rule, the sections of the RFCs beside them.

use std::collections::HashSet;
use std::io::Read as _;

use feedmill::site::{Coding, Site};

use crate::harness::{Answer, Daemon, Folder, body, digest, json, moment, page, titles};

async fn daemon() -> Daemon {
    let text = digest("2025-05-22", &[("News", &["One", "Two", "Three"]), ("Papers", &["Paper"])]);
    Folder::with([("2025-05-22.md", text.as_str())]).serve().await
}

#[tokio::test]
async fn feeds_and_pages_have_their_types() {
    let daemon = daemon().await;
    for (path, media_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/rss.xml", "application/rss+xml; charset=utf-8"),
        ("/news/atom.xml", "application/atom+xml; charset=utf-8"),
        ("/digests/feed.json", "application/feed+json; charset=utf-8"),
        ("/feeds.opml", "text/x-opml; charset=utf-8"),
        ("/robots.txt", "text/plain; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/rss.xml?utm_source=x&y", "application/rss+xml; charset=utf-8"),
    ] {
        // Readers that accept HTML still get the feed.
        let answer = daemon.get(path, &[("Accept", "text/html,application/xhtml+xml")]).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(media_type)), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        // Pages have a script and pictures, all else that a browser may show runs and loads nothing.
        let policy = answer.header("content-security-policy").unwrap();
        assert_eq!(policy.contains("script-src"), media_type.starts_with("text/html"), "{path}");
        assert!(policy.starts_with("default-src 'none'; "), "{path}");
    }
}

/// RFC 9110, sections 13.1.2, 13.1.3 and 13.2.2.
#[tokio::test]
async fn conditional_requests() {
    let daemon = daemon().await;
    let first = daemon.get("/rss.xml", &[]).await;
    let tag = first.header("etag").unwrap().to_owned();
    let modified = first.header("last-modified").unwrap().to_owned();
    let bare = tag.trim_matches('"');
    let table: &[(&[(&str, &str)], u16)] = &[
        (&[("If-None-Match", &tag)], 304),
        (&[("If-None-Match", "*")], 304),
        (&[("If-None-Match", &format!("\"x\", W/{tag} , \"y\""))], 304),
        (&[("If-None-Match", &format!("\"{bare}-gzip\""))], 304),
        (&[("If-None-Match", &format!("W/\"{bare};gzip\""))], 304),
        (&[("If-None-Match", bare)], 304),
        (&[("If-None-Match", "\"other\"")], 200),
        (&[("If-None-Match", &format!("\"{bare}0\""))], 200),
        (&[("If-None-Match", "")], 200),
        (&[("If-Modified-Since", &modified)], 304),
        (&[("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")], 304),
        (&[("If-Modified-Since", "Wed, 01 Jan 2020 00:00:00 GMT")], 200),
        (&[("If-Modified-Since", "yesterday")], 200),
        (&[("If-None-Match", "\"other\""), ("If-Modified-Since", &modified)], 200),
    ];
    for (headers, status) in table {
        let answer = daemon.get("/rss.xml", headers).await;
        assert_eq!(answer.status, *status, "{headers:?}");
        assert_eq!(answer.header("etag"), Some(tag.as_str()));
        if *status == 304 {
            // Section 15.4.5: what the 200 would have said, and no body.
            for name in ["last-modified", "cache-control", "vary", "date"] {
                assert!(answer.header(name).is_some(), "{name}");
            }
            assert!(answer.body.is_empty());
        }
    }
}

/// RFC 9110, sections 13.1.1, 13.1.4 and 13.2.2: the strong ones come first.
#[tokio::test]
async fn conditions_that_fail() {
    let daemon = daemon().await;
    let first = daemon.get("/rss.xml", &[]).await;
    let (tag, modified) = (first.header("etag").unwrap(), first.header("last-modified").unwrap());
    let weak = format!("W/{tag}");
    let table: &[(&[(&str, &str)], u16)] = &[
        (&[("If-Match", tag)], 200),
        (&[("If-Match", "*")], 200),
        (&[("If-Match", "\"other\"")], 412),
        (&[("If-Match", &weak)], 412),
        (&[("If-Match", tag), ("Accept-Encoding", "gzip")], 412),
        (&[("If-Match", "\"other\""), ("If-None-Match", tag)], 412),
        (&[("If-Match", tag), ("If-None-Match", tag)], 304),
        (&[("If-Unmodified-Since", modified)], 200),
        (&[("If-Unmodified-Since", "Wed, 01 Jan 2020 00:00:00 GMT")], 412),
        (&[("If-Unmodified-Since", "once")], 200),
        (&[("If-Match", tag), ("If-Unmodified-Since", "Wed, 01 Jan 2020 00:00:00 GMT")], 200),
    ];
    for (headers, status) in table {
        assert_eq!(daemon.get("/rss.xml", headers).await.status, *status, "{headers:?}");
    }
}

/// RFC 9110, sections 13.1.5, 14.1.2, 14.2, 15.3.7 and 15.5.17.
#[tokio::test]
async fn ranges() {
    let daemon = daemon().await;
    let whole = daemon.get("/rss.xml", &[]).await;
    let (tag, modified) = (whole.header("etag").unwrap(), whole.header("last-modified").unwrap());
    let (weak, length) = (format!("W/{tag}"), whole.body.len());
    let (all, half) = (0..length, 10..length);
    let (to_the_end, beyond) = (format!("bytes=10-{length}"), format!("bytes={length}-"));
    type Case<'c> = (&'c [(&'c str, &'c str)], Option<std::ops::Range<usize>>);
    let table: &[Case<'_>] = &[
        (&[("Range", "bytes=0-0")], Some(0..1)),
        (&[("Range", "bytes=10-19")], Some(10..20)),
        (&[("Range", "Bytes=10-19")], Some(10..20)),
        (&[("Range", "bytes=10-")], Some(half.clone())),
        (&[("Range", &to_the_end)], Some(half.clone())),
        (&[("Range", "bytes=10-99999999999999999999999")], Some(half.clone())),
        (&[("Range", "bytes=-5")], Some(length - 5..length)),
        (&[("Range", "bytes=-99999999999999999999999")], Some(all)),
        (&[("Range", &beyond)], Some(0..0)),
        (&[("Range", "bytes=99999999999999999999999-")], Some(0..0)),
        (&[("Range", "bytes=-0")], Some(0..0)),
        // What is no range, or several, is the whole.
        (&[("Range", "bytes=5-2")], None),
        (&[("Range", "bytes=0-1,3-4")], None),
        (&[("Range", "bytes=-")], None),
        (&[("Range", "bytes=+1-2")], None),
        (&[("Range", "bytes")], None),
        (&[("Range", "lines=0-1")], None),
        (&[("Range", "bytes=0-1"), ("If-Range", tag)], Some(0..2)),
        (&[("Range", "bytes=0-1"), ("If-Range", modified)], Some(0..2)),
        (&[("Range", "bytes=0-1"), ("If-Range", "\"other\"")], None),
        (&[("Range", "bytes=0-1"), ("If-Range", &weak)], None),
        (&[("Range", "bytes=0-1"), ("If-Range", "Fri, 01 Jan 2100 00:00:00 GMT")], None),
        // Of another coding the client has other bytes, and a date does not tell them apart.
        (&[("Range", "bytes=0-1"), ("If-Range", tag), ("Accept-Encoding", "gzip")], None),
        (&[("Range", "bytes=0-1"), ("If-Range", modified), ("Accept-Encoding", "gzip")], None),
    ];
    for (headers, range) in table {
        let answer = daemon.get("/rss.xml", headers).await;
        let told = answer.header("content-range").map(str::to_owned);
        match range.clone() {
            None => assert_eq!((answer.status, told), (200, None), "{headers:?}"),
            Some(range) if range.is_empty() => {
                assert_eq!((answer.status, told), (416, Some(format!("bytes */{length}"))), "{headers:?}");
            }
            Some(range) => {
                let expected = format!("bytes {}-{}/{length}", range.start, range.end - 1);
                assert_eq!((answer.status, told), (206, Some(expected)), "{headers:?}");
                for name in ["etag", "last-modified", "cache-control", "vary"] {
                    assert_eq!(answer.header(name), whole.header(name), "{name}");
                }
                assert_eq!(answer.body, whole.body[range]);
            }
        }
    }
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    // Ranges are of the coding's bytes, which can be put together by its own tag.
    let gzip = daemon.get("/rss.xml", &[("Accept-Encoding", "gzip")]).await;
    let rest = [("Accept-Encoding", "gzip"), ("Range", "bytes=100-"), ("If-Range", gzip.header("etag").unwrap())];
    assert_eq!(daemon.get("/rss.xml", &rest).await.body, gzip.body[100..]);
    // What the client has needs no part of it (section 13.2.2), and HEAD has no ranges (section 14.2).
    let unchanged = daemon.get("/rss.xml", &[("Range", "bytes=0-1"), ("If-None-Match", tag)]).await;
    assert_eq!(unchanged.status, 304);
    assert_eq!(daemon.ask("HEAD", "/rss.xml", &[("Range", "bytes=0-1")]).await.status, 200);
}

/// RFC 9110, section 12.5.3. Of codings that a client likes as well, the smallest is sent; measured, that is br, then zstd.
#[tokio::test]
async fn encodings() {
    let daemon = daemon().await;
    let plain = daemon.get("/rss.xml", &[]).await;
    let mut tags = HashSet::new();
    for (accept, coding) in [
        ("gzip", Some("gzip")),
        ("GZIP", Some("gzip")),
        ("x-gzip", Some("gzip")),
        ("Br", Some("br")),
        ("zstd", Some("zstd")),
        ("gzip, deflate, br, zstd", Some("br")),
        ("gzip, zstd", Some("zstd")),
        ("deflate, gzip;q=0.5, br", Some("br")),
        ("gzip;q=1.0, br;q=0.9", Some("gzip")),
        ("gzip ; Q=0.5, br; q=0.4", Some("gzip")),
        ("*", Some("br")),
        ("br;q=0, *", Some("zstd")),
        ("br;q=0, zstd;q=0, *;q=0.1", Some("gzip")),
        ("gzip;q=0.001", Some("gzip")),
        ("gzip;q=1, identity;q=0.5", Some("gzip")),
        ("gzip;q=1;x=y, identity;q=0", Some("gzip")),
        ("gzip;q=0", None),
        ("*;q=0, identity", None),
        ("identity;q=1, gzip;q=0.5, br;q=0.5", None),
        ("identity", None),
        ("deflate, compress", None),
        ("", None),
        ("gzip;q=nonsense", None),
        ("gzip;q=7", None),
        // Nothing we have is acceptable: section 12.4.1 lets us send it as it is.
        ("identity;q=0", None),
        ("deflate, *;q=0", None),
    ] {
        let answer = daemon.get("/rss.xml", &[("Accept-Encoding", accept)]).await;
        assert_eq!((answer.status, answer.header("content-encoding")), (200, coding), "{accept}");
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
        assert_eq!(answer.header("content-length").unwrap(), answer.body.len().to_string());
        assert_eq!(unpacked(&answer), plain.body, "{accept}");
        tags.insert((coding, answer.header("etag").unwrap().to_owned()));
    }
    let bare = plain.header("etag").unwrap().trim_matches('"').to_owned();
    let own = [None, Some("gzip"), Some("br"), Some("zstd")].map(|coding| {
        let suffix = coding.map(|coding| format!("-{coding}")).unwrap_or_default();
        (coding, format!("\"{bare}{suffix}\""))
    });
    assert_eq!(tags, HashSet::from(own), "a tag of its own for each coding (section 8.8.3.3)");
}

/// A coding that saves nothing is not used, unless the client refuses everything else.
#[tokio::test]
async fn what_is_small_is_sent_as_it_is() {
    let daemon = daemon().await;
    let small = daemon.get("/robots.txt", &[("Accept-Encoding", "gzip, br")]).await;
    assert_eq!((small.header("content-encoding"), small.header("vary")), (None, Some("Accept-Encoding")));
    let coded = daemon.get("/robots.txt", &[("Accept-Encoding", "gzip, identity;q=0")]).await;
    assert_eq!((coded.header("content-encoding"), unpacked(&coded)), (Some("gzip"), small.body));
}

/// A strong entity tag is a promise about bytes (section 8.8.1), so equal content gives equal bytes in every coding.
#[test]
fn two_builds_give_equal_bytes_in_every_coding() {
    let text = digest("2025-05-22", &[("News", &["One", "Two", "Three"]), ("Papers", &["Paper"])]);
    let build = || Folder::with([("2025-05-22.md", text.as_str())]).site();
    let (one, other) = (build(), build());
    for (route, page) in &one.pages {
        for coding in Coding::SMALLEST_FIRST {
            let (one, other) = (page.coded(coding).unwrap(), other.pages[route].coded(coding).unwrap());
            assert_eq!((&one.body, &one.etag), (&other.body, &other.etag), "{route} as {}", coding.name());
        }
    }
}

fn unpacked(answer: &Answer) -> Vec<u8> {
    let (mut bytes, body) = (Vec::new(), answer.body.as_slice());
    match answer.header("content-encoding") {
        None => bytes.extend(body),
        Some("gzip") => drop(flate2::read::GzDecoder::new(body).read_to_end(&mut bytes).unwrap()),
        Some("br") => drop(brotli::Decompressor::new(body, 4096).read_to_end(&mut bytes).unwrap()),
        Some("zstd") => bytes.extend(zstd::decode_all(body).unwrap()),
        Some(other) => panic!("{other}"),
    }
    bytes
}

/// RFC 9110, sections 9.3.2, 9.3.7 and 15.5.6.
#[tokio::test]
async fn methods() {
    let daemon = daemon().await;
    let get = daemon.get("/rss.xml", &[]).await;
    let head = daemon.ask("HEAD", "/rss.xml", &[]).await;
    let without_date =
        |answer: &Answer| answer.headers.iter().filter(|(name, _)| name != "date").cloned().collect::<Vec<_>>();
    assert_eq!((head.status, without_date(&head), head.body.len()), (200, without_date(&get), 0));
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE"] {
        let answer = daemon.ask(method, "/rss.xml", &[]).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD, OPTIONS")), "{method}");
    }
    let options = daemon.ask("OPTIONS", "/feed.json", &[("Origin", "https://example.org")]).await;
    assert_eq!((options.status, options.header("access-control-allow-origin")), (204, Some("*")));
}

/// RFC 8288, section 3; RFC 5005, section 4. A proxy or a program need not look inside to find the other formats.
#[tokio::test]
async fn links() {
    let (old, new) = (digest("2025-04-22", &[("News", &["Old"])]), digest("2025-05-22", &[("News", &["One"])]));
    let daemon = Folder::with([("2025-04-22.md", old.as_str()), ("2025-05-22.md", new.as_str())]).serve().await;
    let link = |path: &str, relation: &str, media_type: &str| {
        format!("<https://news.example.org{path}>; rel=\"{relation}\"; type=\"{media_type}\"")
    };
    let (rss, atom, json) = ("application/rss+xml", "application/atom+xml", "application/feed+json");
    for (path, expected) in [
        (
            "/rss.xml",
            vec![
                link("/rss.xml", "self", rss),
                link("/atom.xml", "alternate", atom),
                link("/feed.json", "alternate", json),
                link("/", "alternate", "text/html"),
            ],
        ),
        (
            "/news/feed.json",
            vec![
                link("/news/feed.json", "self", json),
                link("/news/rss.xml", "alternate", rss),
                link("/news/atom.xml", "alternate", atom),
                link("/news/", "alternate", "text/html"),
            ],
        ),
        (
            "/news/archive/2025-04.atom",
            vec![
                link("/news/archive/2025-04.atom", "self", atom),
                link("/news/archive/2025-04.json", "alternate", json),
                link("/news/atom.xml", "current", atom),
            ],
        ),
        ("/", vec![]),
        ("/style.css", vec![]),
    ] {
        let links = daemon.get(path, &[]).await.header("link").map(str::to_owned);
        assert_eq!(links.unwrap_or_default(), expected.join(", "), "{path}");
    }
}

/// The Fetch standard, CORS protocol: scripts of any site may read feeds, their validators, and ask conditionally.
#[tokio::test]
async fn scripts_of_other_sites_may_read_feeds() {
    let daemon = daemon().await;
    for path in ["/rss.xml", "/news/feed.json", "/digests/atom.xml"] {
        for headers in [&[("Origin", "https://example.com")][..], &[("If-None-Match", "*")]] {
            let answer = daemon.get(path, headers).await;
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{path}");
            assert_eq!(answer.header("access-control-expose-headers"), Some("ETag, Last-Modified, Link"));
        }
        let asked = [("Origin", "https://example.com"), ("Access-Control-Request-Method", "GET")];
        let preflight = daemon.ask("OPTIONS", path, &asked).await;
        assert_eq!((preflight.status, preflight.body.len()), (204, 0));
        for (name, value) in [
            ("access-control-allow-origin", "*"),
            ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
            ("access-control-allow-headers", "*"),
            ("access-control-max-age", "86400"),
        ] {
            assert_eq!(preflight.header(name), Some(value), "{path}");
        }
    }
    assert_eq!(daemon.get("/feed", &[]).await.header("access-control-allow-origin"), Some("*"));
    for path in ["/", "/style.css", "/nope"] {
        assert_eq!(daemon.get(path, &[]).await.header("access-control-allow-origin"), None, "{path}");
        assert_eq!(daemon.ask("OPTIONS", path, &[]).await.header("access-control-allow-origin"), None, "{path}");
    }
}

/// RFC 3229, sections 5.3, 10.4.1, 10.5 and 10.8, with the instance manipulation `feed`.
#[tokio::test]
async fn deltas() {
    let mut daemon = daemon().await;
    let formats = ["rss.xml", "atom.xml", "feed.json"];
    let mut bases = Vec::new();
    for file in formats {
        let gzip = daemon.get(&format!("/{file}"), &[("Accept-Encoding", "gzip")]).await;
        bases.push(gzip.header("etag").unwrap().to_owned());
    }
    daemon.folder.write("2025-05-23.md", digest("2025-05-23", &[("News", &["Four", "Five"])]));
    daemon.until_titles(&["Four", "Five", "One", "Two", "Three", "Paper"]).await;
    let corrected = digest("2025-05-22", &[("News", &["One", "Two (corrected)", "Three"]), ("Papers", &["Paper"])]);
    daemon.folder.write("2025-05-22.md", corrected.replace("two-corrected", "two"));
    daemon.until_titles(&["Four", "Five", "One", "Two (corrected)", "Three", "Paper"]).await;
    for (file, base) in formats.iter().zip(&bases) {
        let path = format!("/{file}");
        let whole = daemon.get(&path, &[]).await;
        for manipulation in ["feed", "vcdiff, FEED;q=0.5"] {
            let delta = daemon.get(&path, &[("A-IM", manipulation), ("If-None-Match", base)]).await;
            assert_eq!(delta.status, 226, "{path}");
            assert_eq!((delta.header("im"), delta.header("delta-base")), (Some("feed"), Some(base.as_str())));
            assert_eq!(delta.header("vary"), Some("Accept-Encoding, A-IM"));
            assert_eq!(delta.header("cache-control"), Some("no-store, im, max-age=60"));
            for name in ["etag", "last-modified", "content-type", "link"] {
                assert_eq!(delta.header(name), whole.header(name), "{name}");
            }
            let feed = feed_rs::parser::parse(delta.body.as_slice()).unwrap();
            let titles: Vec<_> =
                feed.entries.iter().map(|entry| entry.title.as_ref().unwrap().content.as_str()).collect();
            assert_eq!(titles, ["Four", "Five", "Two (corrected)"], "{path}");
        }
        let packed = [("A-IM", "feed"), ("If-None-Match", base), ("Accept-Encoding", "gzip")];
        let packed = daemon.get(&path, &packed).await;
        assert_eq!((packed.status, packed.header("content-encoding")), (226, Some("gzip")));
        let tag = whole.header("etag").unwrap();
        assert_eq!(packed.header("etag").unwrap(), format!("\"{}-gzip\"", tag.trim_matches('"')));
        let weak = format!("\"x\", W/{base}");
        let table: &[(&[(&str, &str)], u16)] = &[
            (&[("A-IM", "feed"), ("If-None-Match", &weak)], 226),
            (&[("A-IM", "feed"), ("If-None-Match", tag)], 304),
            (&[("A-IM", "feed"), ("If-None-Match", "\"0123456789abcdef\"")], 200),
            (&[("A-IM", "feed")], 200),
            (&[("A-IM", "feed;q=0"), ("If-None-Match", base)], 200),
            (&[("A-IM", "vcdiff"), ("If-None-Match", base)], 200),
            (&[("If-None-Match", base)], 200),
            (&[("A-IM", "feed"), ("If-None-Match", base), ("Range", "bytes=0-1")], 206),
            // What rss2email asks with; it takes 226 for an error.
            (
                &[("A-IM", "feed"), ("If-None-Match", base), ("User-Agent", "feedparser/6.0.10 +https://example.org")],
                200,
            ),
        ];
        for (headers, status) in table {
            assert_eq!(daemon.get(&path, headers).await.status, *status, "{path} {headers:?}");
        }
    }
}

/// A delta cannot tell what is gone, and one with everything saves nothing: both get the whole.
#[tokio::test]
async fn where_a_delta_tells_nothing_the_whole_is_sent() {
    let text = digest("2025-05-22", &[("News", &["One", "Two"])]);
    let mut daemon = Folder::with([("2025-05-22.md", text.as_str())]).serve().await;
    let first = daemon.get("/rss.xml", &[]).await.header("etag").unwrap().to_owned();
    daemon.folder.write("2025-05-22.md", digest("2025-05-22", &[("News", &["One"])]));
    daemon.until_titles(&["One"]).await;
    assert_eq!(daemon.get("/rss.xml", &[("A-IM", "feed"), ("If-None-Match", &first)]).await.status, 200);
    daemon.folder.write("2025-05-22.md", text.replace("About", "On").replace("### Two", "### Three"));
    daemon.until_titles(&["One", "Three"]).await;
    assert_eq!(daemon.get("/rss.xml", &[("A-IM", "feed"), ("If-None-Match", &first)]).await.status, 200);
}

#[tokio::test]
async fn usual_names_lead_to_the_one_address() {
    let daemon = daemon().await;
    for (path, location) in [
        ("/feed.xml", "/rss.xml"),
        ("/feed", "/rss.xml"),
        ("/feed/", "/rss.xml"),
        ("/index.xml", "/rss.xml"),
        ("/rss", "/rss.xml"),
        ("/rss/feed.xml", "/rss.xml"),
        ("/feed.atom", "/atom.xml"),
        ("/atom", "/atom.xml"),
        ("/news/feed.xml?x=y", "/news/rss.xml"),
        ("/news", "/news/"),
        ("/digests", "/digests/"),
        ("/digests/2025-05-22", "/digests/2025-05-22/"),
        ("/index.html", "/"),
    ] {
        let answer = daemon.get(path, &[]).await;
        assert_eq!((answer.status, answer.header("location")), (301, Some(location)), "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_404_and_helps() {
    let daemon = daemon().await;
    for path in
        ["/nope", "/news/nope", "/../../etc/passwd", "/%2e%2e/etc/passwd", "/news//rss.xml", "/rss.xml/", "/\u{7f}"]
    {
        let answer = daemon.get(path, &[]).await;
        assert!([400, 404].contains(&answer.status), "{path}: {}", answer.status);
    }
    assert!(daemon.get("/nope", &[]).await.text().contains("/papers/"));
}

#[tokio::test]
async fn a_site_below_a_folder_answers_with_and_without_it() {
    let text = digest("2025-05-22", &[("News", &["One"])]);
    let folder = Folder::with([("2025-05-22.md", text.as_str())]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut options = crate::harness::daemon_options("", folder.path());
    options.mill.site.feeds.base_url = "https://example.org/digest/".to_owned();
    let running = feedmill::daemon::Daemon::start(options, listener).await.unwrap();
    let (requests, receiver) = tokio::sync::mpsc::channel(1);
    let task = tokio::spawn(running.run(receiver));
    for (path, status, location) in
        [("/digest/rss.xml", 200, None), ("/rss.xml", 200, None), ("/digest/feed", 301, Some("/digest/rss.xml"))]
    {
        let client = tokio::net::TcpStream::connect(address).await.unwrap();
        let answer = ask(client, path).await;
        assert_eq!((answer.0, answer.1.as_deref()), (status, location), "{path}");
    }
    requests.send(feedmill::daemon::Request::Stop).await.unwrap();
    task.await.unwrap().unwrap();
}

async fn ask(mut client: tokio::net::TcpStream, path: &str) -> (u16, Option<String>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let request = format!("GET {path} HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    client.read_to_end(&mut text).await.unwrap();
    let head = String::from_utf8_lossy(&text).into_owned();
    let location = head.lines().find_map(|line| line.strip_prefix("location: ")).map(str::to_owned);
    (head.split(' ').nth(1).unwrap().parse().unwrap(), location)
}

/// RFC 9110, section 15.4.2: one hop to the new slug, whatever was asked for below the old one.
#[tokio::test]
async fn a_section_with_a_new_slug_is_found_by_the_old_one() {
    let (old, new) = (digest("2025-04-22", &[("News", &["Old"])]), digest("2025-05-22", &[("News", &["One"])]));
    let folder = Folder::with([("2025-04-22.md", old.as_str()), ("2025-05-22.md", new.as_str())]);
    let daemon = folder.serve_with("sections: {moved: {xin-wen: news, nothing: nowhere}}").await;
    for (path, status, location) in [
        ("/xin-wen/", 301, Some("/news/")),
        ("/xin-wen", 301, Some("/news/")),
        ("/xin-wen/rss.xml?x=y", 301, Some("/news/rss.xml")),
        ("/xin-wen/feed", 301, Some("/news/rss.xml")),
        ("/xin-wen/archive/2025-04.atom", 301, Some("/news/archive/2025-04.atom")),
        ("/xin-wen/nope", 404, None),
        ("/nothing/rss.xml", 404, None),
    ] {
        let answer = daemon.get(path, &[]).await;
        assert_eq!((answer.status, answer.header("location")), (status, location), "{path}");
    }
}

/// RFC 9110, section 15.5.11. A reader hears of the end first, by an entry that has the same id and dates at every build.
#[tokio::test]
async fn a_retired_section_says_farewell_and_is_gone_after_a_month() {
    let text = digest("2025-05-22", &[("News", &["One"]), ("Jobs", &["Job"])]);
    let folder = Folder::with([("2025-05-22.md", text.as_str())]);
    let yaml =
        "sections: {retired: [{slug: jobs, since: 2025-06-01, successor: news}, {slug: old, since: 2025-06-01}]}";
    let before = folder.site_with(yaml, "2025-06-01T07:59:59Z");
    assert_eq!(titles(&before, "/jobs/"), ["Job"]);
    assert_eq!(before.next, Some(moment("2025-06-01T08:00:00Z")));
    for now in ["2025-06-01T08:00:00Z", "2025-07-01T07:59:59Z"] {
        let site = folder.site_with(yaml, now);
        let feed = json(&site, "/jobs/");
        assert_eq!(titles(&site, "/jobs/"), ["Jobs has ended"], "{now}");
        assert_eq!(feed["items"][0]["id"], "tag:news.example.org,2025:farewell/jobs");
        assert_eq!(feed["items"][0]["date_published"], "2025-06-01T08:00:00+00:00");
        assert_eq!(feed["items"][0]["url"], "https://news.example.org/news/");
        assert_eq!(titles(&site, "/old/"), ["old has ended"]);
        assert!(body(&site, "/jobs/").contains("Jobs has ended"));
        assert!(!body(&site, "/").contains("/jobs/") && !body(&site, "/feeds.opml").contains("/jobs/"));
        assert_eq!(site.next, Some(moment("2025-07-01T08:00:00Z")));
        // What its publisher ends is no loss for the guard.
        assert_eq!(site.shown["/jobs/"].len(), 1);
    }
    assert_eq!(folder.site_with(yaml, "2025-07-01T08:00:00Z").next, None);
    let daemon = folder.serve_with(yaml).await;
    for path in ["/jobs/", "/jobs", "/jobs/rss.xml", "/jobs/archive/2025-05.atom", "/old/feed.json"] {
        let answer = daemon.get(path, &[]).await;
        assert_eq!((answer.status, answer.header("content-type")), (410, Some("text/html; charset=utf-8")), "{path}");
        assert!(answer.text().contains("has ended") && answer.text().contains("Read on at"));
    }
    assert_eq!(daemon.get("/news/rss.xml", &[]).await.status, 200);
}

/// RFC 9112, section 3.2, and the limits of the server.
#[tokio::test]
async fn requests_that_are_none() {
    let daemon = daemon().await;
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "a: b\r\n".repeat(100));
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nCookie: {}\r\n\r\n", "x".repeat(40_000));
    for (bytes, status) in [
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n", 400),
        ("nonsense\r\n\r\n", 400),
        (many.as_str(), 431),
        (long.as_str(), 431),
        ("GET /rss.xml HTTP/1.0\r\n\r\n", 200),
        ("GET http://news.example.org/rss.xml HTTP/1.1\r\nHost: news.example.org\r\nConnection: close\r\n\r\n", 200),
    ] {
        assert_eq!(daemon.say(bytes).await.status, status, "{}", &bytes[..bytes.len().min(60)]);
    }
}

#[tokio::test]
async fn a_half_sent_request_does_not_hold_a_stop_for_long() {
    let daemon = Folder::new().serve_with("server: {header_seconds: 1, drain_seconds: 2}").await;
    let mut half = std::net::TcpStream::connect(daemon.address).unwrap();
    std::io::Write::write_all(&mut half, b"GET / HTTP/1.1\r\nHo").unwrap();
    daemon.stop().await;
}

/// RFC 6585, section 4; RFC 9110, section 10.2.3. Who asks conditionally is never refused, nor is anybody else.
#[tokio::test]
async fn who_fetches_whole_feeds_too_often_is_asked_to_wait() {
    let text = digest("2025-05-22", &[("News", &["One", "Two", "Three"])]);
    let yaml = "server: {trusted_proxies: [127.0.0.0/8], full_answers_per_hour: 60, full_answers_at_once: 2}";
    let daemon = Folder::with([("2025-05-22.md", text.as_str())]).serve_with(yaml).await;
    let (one, other) = (("X-Forwarded-For", "198.51.100.1, 203.0.113.7"), ("Forwarded", "for=\"[2001:db8::1]\""));
    let tag = daemon.get("/rss.xml", &[one]).await.header("etag").unwrap().to_owned();
    assert_eq!(daemon.get("/rss.xml", &[one]).await.status, 200);
    let refused = daemon.get("/rss.xml", &[one, ("User-Agent", "")]).await;
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert_eq!((refused.status, refused.header("cache-control")), (429, Some("no-store")));
    assert!((1..=61).contains(&wait), "{wait}");
    for (path, headers, status) in [
        ("/rss.xml", &[one, ("If-None-Match", tag.as_str())][..], 304),
        ("/rss.xml", &[one, ("If-None-Match", "\"other\"")], 200),
        ("/rss.xml", &[one, ("If-Modified-Since", "Wed, 01 Jan 2020 00:00:00 GMT")], 200),
        ("/rss.xml", &[one, ("Range", "bytes=0-0")], 206),
        ("/atom.xml", &[one], 200),
        ("/", &[one], 200),
        ("/rss.xml", &[other], 200),
        ("/rss.xml", &[("X-Forwarded-For", "203.0.113.7, 198.51.100.1")], 200),
        ("/rss.xml", &[], 200),
    ] {
        assert_eq!(daemon.get(path, headers).await.status, status, "{path} {headers:?}");
    }
    // The networks of 64 bits are one client.
    assert_eq!(daemon.get("/rss.xml", &[("Forwarded", "for=\"[2001:db8::2]\"")]).await.status, 200);
    assert_eq!(daemon.get("/rss.xml", &[("Forwarded", "for=\"[2001:db8::3]:4711\"")]).await.status, 429);
}

/// Without trusted proxies a header is nobody's word, and this machine, which may be a proxy, is not limited.
#[tokio::test]
async fn forwarded_headers_count_only_when_they_are_configured() {
    let text = digest("2025-05-22", &[("News", &["One"])]);
    let yaml = "server: {full_answers_per_hour: 60, full_answers_at_once: 1}";
    let daemon = Folder::with([("2025-05-22.md", text.as_str())]).serve_with(yaml).await;
    for _ in 0..3 {
        assert_eq!(daemon.get("/rss.xml", &[("X-Forwarded-For", "203.0.113.7")]).await.status, 200);
    }
    let yaml = "server: {trusted_proxies: [10.0.0.0/8], full_answers_per_hour: 60, full_answers_at_once: 1}";
    let daemon = Folder::with([("2025-05-22.md", text.as_str())]).serve_with(yaml).await;
    assert_eq!(daemon.get("/rss.xml", &[("X-Forwarded-For", "203.0.113.7")]).await.status, 200);
    assert_eq!(daemon.get("/rss.xml", &[("X-Forwarded-For", "203.0.113.8")]).await.status, 429);
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_one_that_ends_makes_room() {
    let yaml = "server: {trusted_proxies: [10.0.0.0/8], connections_per_address: 2, max_headers: 10}";
    let daemon = Folder::new().serve_with(yaml).await;
    let address = daemon.address;
    let ask = |stream: &mut std::net::TcpStream| {
        std::io::Write::write_all(stream, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        stream.read(&mut [0; 1024]).unwrap_or(0) > 0
    };
    let connect = move || std::net::TcpStream::connect(address).unwrap();
    let is_served = tokio::task::spawn_blocking(move || {
        let (mut one, mut two) = (connect(), connect());
        assert!(ask(&mut one) && ask(&mut two));
        assert!(!ask(&mut connect()), "a third is closed");
        drop(one);
        // The end of a connection is seen a moment later.
        (0..1000).any(|_| ask(&mut connect())) && ask(&mut two)
    });
    assert!(is_served.await.unwrap());
}

/// A client that takes its time for a head, or that says nothing at all, is let go after the header time.
#[tokio::test]
async fn who_says_nothing_is_let_go() {
    let daemon = Folder::new().serve_with("server: {header_seconds: 1, max_headers: 3, max_head_bytes: 8192}").await;
    let address = daemon.address;
    let wait = |said: &'static [u8]| {
        tokio::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            std::io::Write::write_all(&mut stream, said).unwrap();
            let begun = std::time::Instant::now();
            stream.read_to_end(&mut Vec::new()).unwrap();
            begun.elapsed().as_secs_f32()
        })
    };
    let kept: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    for waited in [wait(b""), wait(b"GET / HTTP/1.1\r\nHo"), wait(kept)] {
        let waited = waited.await.unwrap();
        assert!((0.9..10.0).contains(&waited), "{waited}");
    }
    let head = |headers: &str| format!("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
    assert_eq!(daemon.say(head("a: b\r\n")).await.status, 200);
    assert_eq!(daemon.say(head("a: b\r\nc: d\r\n")).await.status, 431);
    assert_eq!(daemon.say(head(&format!("a: {}\r\n", "b".repeat(9000)))).await.status, 431);
}

/// Rule of the house: a response under way keeps the bytes and the entity tag that it began with, whatever comes meanwhile.
#[tokio::test]
async fn a_response_under_way_is_the_page_it_began_with() {
    let mut daemon = large("first").serve_with(LARGE_FEEDS).await;
    let tag_of = |site: &Site| page(site, "/rss.xml").plain().etag.to_str().unwrap().to_owned();
    let (body_before, tag_before) = (body(&daemon.site.borrow(), "/rss.xml"), tag_of(&daemon.site.borrow()));
    let mut slow = slow_reader(daemon.address);
    std::io::Write::write_all(&mut slow, b"GET /rss.xml HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    // The first byte has come, and the rest cannot have: it is more than the kernel holds.
    slow.peek(&mut [0]).unwrap();
    daemon.folder.write("2025-05-23.md", digest("2025-05-23", &[("News", &["New"])]));
    daemon.until("the new digest shows", |site| titles(site, "/")[0] == "New").await;
    // On the same connection, the next request sees the next site.
    std::io::Write::write_all(&mut slow, b"GET /rss.xml HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    read_fast(&slow);
    let read = move || {
        let mut both = Vec::new();
        slow.read_to_end(&mut both).map(|_| both)
    };
    let both = tokio::task::spawn_blocking(read).await.unwrap().unwrap();
    let (old, rest) = Answer::first_of(&both);
    let (new, rest) = Answer::first_of(rest);
    assert!(rest.is_empty());
    assert!(old.text() == body_before && old.header("etag") == Some(&tag_before));
    let site = daemon.site.borrow().clone();
    assert!(new.text() == body(&site, "/rss.xml") && new.header("etag") == Some(&tag_of(&site)));
    assert_ne!(tag_of(&site), tag_before);
}

/// A client that takes nothing is dropped by the kernel after the stall time, and makes room for the next.
#[tokio::test]
async fn who_stops_reading_is_dropped_and_makes_room() {
    let limits = "server: {max_connections: 1, stall_seconds: 1, header_seconds: 600, drain_seconds: 601}";
    let yaml = &format!("{LARGE_FEEDS}\n{limits}");
    let daemon = large("first").serve_with(yaml).await;
    let mut stalled = slow_reader(daemon.address);
    std::io::Write::write_all(&mut stalled, b"GET /rss.xml HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stalled.peek(&mut [0]).unwrap();
    // There is one permit; without the limit this would wait until the harness gives up.
    assert_eq!(daemon.get("/healthz", &[]).await.status, 200);
    // And its own answer is cut off.
    read_fast(&stalled);
    let mut taken = Vec::new();
    let ended = stalled.read_to_end(&mut taken);
    assert!(ended.is_err() || taken.len() < body(&daemon.site.borrow(), "/rss.xml").len());
}

/// Who has said all that he wants to say, and waits for the rest of a long answer, gets it: half-closed connections are closed
/// by the server when it is done.
#[tokio::test]
async fn who_closes_his_half_still_gets_the_whole_answer() {
    let daemon = large("first").serve_with(LARGE_FEEDS).await;
    let slow = slow_reader(daemon.address);
    std::io::Write::write_all(&mut &slow, b"GET /rss.xml HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    slow.shutdown(std::net::Shutdown::Write).unwrap();
    slow.peek(&mut [0]).unwrap();
    // The server has heard of it, because a later question was answered.
    assert_eq!(daemon.get("/healthz", &[]).await.status, 200);
    read_fast(&slow);
    let read = move || {
        let mut answer = Vec::new();
        (&slow).read_to_end(&mut answer).map(|_| answer)
    };
    let answer = tokio::task::spawn_blocking(read).await.unwrap().unwrap();
    let (answer, rest) = Answer::first_of(&answer);
    assert!(answer.text() == body(&daemon.site.borrow(), "/rss.xml") && rest.is_empty());
}

/// Lets feeds be larger than all that the kernel holds for a slow reader, 4 MB by default (`tcp_wmem`).
const LARGE_FEEDS: &str = "feeds: {max_bytes: 100000000, digests: 1000, days: 36500}";

/// Digests of which the feed is that large.
fn large(word: &str) -> Folder {
    let folder = Folder::new();
    let text = format!("{word} ").repeat(46_000);
    for day in 1..=20 {
        let date = format!("2025-05-{day:02}");
        let item = format!("### {word} {day}\n\n{text}[>Read more](https://example.com/{day})\n");
        folder.write(&format!("{date}.md"), format!("# {date}\n\n## News\n\n{item}"));
    }
    folder
}

/// A connection of which few bytes are taken before they are read.
fn slow_reader(address: std::net::SocketAddr) -> std::net::TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = std::net::TcpStream::from(socket);
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    stream
}

/// Has the kernel take many bytes at once.
fn read_fast(stream: &std::net::TcpStream) {
    socket2::SockRef::from(stream).set_recv_buffer_size(1 << 20).unwrap();
}
