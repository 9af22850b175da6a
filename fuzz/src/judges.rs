//! One judge for each door that strangers reach: it panics when something happened that may not, whatever the bytes are.
//!
//! cargo-fuzz calls them with bytes of its own making, and the test suite with the corpus and what becomes of it by small changes.
//! What a newcomer gets wrong: a judge asks for what must hold, with means of its own, and not whether feedmill agrees with itself.

use std::collections::HashSet;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use feedmill::config::{self, Overrides};
use feedmill::digest::{self, Digest, Keyed, Outcome, Rules, Volume};
use feedmill::finding::{Code, Finding};
use feedmill::http::respond::{self, Answer, respond};
use feedmill::ledger::{Ledger, Validators};
use feedmill::site::{self, Site};
use hyper::body::Body as _;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Uri};

/// The file that is read, so that every text has a date.
const PATH: &str = "2025-05-22.md";

/// A moment after that date.
const NOW: i64 = 1_750_000_000;

const A_IM: HeaderName = HeaderName::from_static("a-im");

/// Front matter in all its forms. The first byte chooses the fence; what clearly says `draft: true` is never published.
pub fn front_matter(bytes: &[u8]) {
    let Some((first, block)) = bytes.split_first() else { return };
    let fence = ["---\n", "+++\n", ""][usize::from(*first) % 3];
    let text = [fence.as_bytes(), block, b"\n", fence.as_bytes(), b"\n## News\n\n### Tower\n\nA library.\n"].concat();
    let (outcome, findings) = digest::parse(PATH, &text, &Rules::default());
    expect_well_told(&findings, &text);
    match outcome {
        Outcome::Digests(digests) => {
            assert!(fence != "---\n" || !is_yaml_draft(block), "a draft was published");
            digests.iter().for_each(expect_sound);
        }
        Outcome::Unusable => assert!(!findings.is_empty(), "refused without a word"),
        Outcome::Draft => {}
    }
}

/// Whether a block is a YAML mapping of which one key is `draft` and true, whatever stands around it.
fn is_yaml_draft(block: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(block) else { return false };
    let is_one_block = !text.lines().any(|line| matches!(line.trim(), "---" | "..." | "+++")) && !text.contains('\r');
    let value = serde_yaml::from_str::<serde_yaml::Value>(text).ok().filter(|_| is_one_block);
    value.is_some_and(|value| value.get("draft").and_then(serde_yaml::Value::as_bool) == Some(true))
}

/// Any bytes as a digest: what comes out is sound, and its HTML harmless.
pub fn digest(bytes: &[u8]) {
    let (outcome, findings) = digest::parse(PATH, bytes, &Rules::default());
    expect_well_told(&findings, bytes);
    match outcome {
        Outcome::Digests(digests) => digests.iter().for_each(expect_sound),
        Outcome::Unusable => assert!(!findings.is_empty(), "refused without a word"),
        Outcome::Draft => {}
    }
}

/// Every finding names a place that is in the file, and says something on one line.
fn expect_well_told(findings: &[Finding], bytes: &[u8]) {
    let lines = digest::lines_of(bytes).len().max(1);
    for finding in findings {
        assert!((1..=lines).contains(&finding.line) && finding.column >= 1, "no such place: {finding:?}");
        assert!(!finding.message.is_empty() && !finding.message.contains('\n'), "not one line: {finding:?}");
        assert!(finding.code != Code::Internal, "{finding:?}");
    }
}

fn expect_sound(digest: &Digest) {
    expect_line(&digest.title);
    assert!(!digest.title.is_empty(), "a digest without a title");
    expect_harmless(&digest.preamble);
    for section in &digest.sections {
        expect_line(&section.title);
        expect_slug(&section.slug);
    }
    for (_, item) in digest.items() {
        expect_line(&item.title);
        assert!(!item.title.is_empty(), "an item without a title");
        assert!(item.link.as_deref().is_none_or(is_web), "leads nowhere: {:?}", item.link);
        expect_harmless(&item.html);
        assert!(item.summary.chars().all(is_xml), "not for XML: {:?}", item.summary);
    }
}

/// A slug is one segment of a path that needs no escaping, and no dot file.
fn expect_slug(slug: &str) {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    assert!(slug.chars().all(is_plain), "no slug: {slug:?}");
}

fn expect_line(text: &str) {
    assert!(text.chars().all(|c| is_xml(c) && !c.is_control()), "not one line for XML: {text:?}");
}

/// XML 1.0, section 2.2.
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// Elements that run nothing, load no frame and close nothing around them.
const ELEMENTS: &str = " a abbr acronym area article aside audio b bdi bdo blockquote br caption center cite code col colgroup data dd del details dfn div \
     dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header hgroup hr i img ins kbd li map mark nav ol p picture pre q rp rt rtc ruby s samp small source span \
     strike strong sub summary sup table tbody td th thead time tr tt u ul var video wbr ";

const ATTRIBUTES: &str = " align alt char charoff cite class color colspan controls coords datetime dir headers height href hreflang label lang loading nohref \
     open poster preload referrerpolicy rel rowspan rules scope shape size span src start style summary title type valign value width ";

const VOID: &str = " area br col hr img source wbr ";

/// Reads HTML by a grammar so strict that no browser reads it otherwise: tags in lower case, values in double quotes, every
/// element closed. What stands outside it may be harmless, and is not let through all the same.
pub fn expect_harmless(html: &str) {
    assert!(html.chars().all(is_xml), "not for XML: {html:?}");
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let (is_end, tag) = rest.strip_prefix('/').map_or((false, rest), |tag| (true, tag));
        let length = tag.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let (name, after) = tag.split_at(length);
        assert!(ELEMENTS.contains(&format!(" {name} ")), "<{name}> in {html:?}");
        rest = expect_attributes(after, html);
        match (is_end, VOID.contains(&format!(" {name} "))) {
            (true, _) => assert!(open.pop() == Some(name), "</{name}> closes another in {html:?}"),
            (false, true) => {}
            (false, false) => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?} stay open in {html:?}");
}

/// The attributes of a tag; gives what stands behind it.
fn expect_attributes<'h>(mut rest: &'h str, html: &str) -> &'h str {
    loop {
        rest = rest.trim_start_matches([' ', '\n']);
        if let Some(after) = rest.strip_prefix("/>").or_else(|| rest.strip_prefix('>')) {
            return after;
        }
        let length = rest.bytes().take_while(u8::is_ascii_lowercase).count();
        let (name, after) = rest.split_at(length);
        assert!(ATTRIBUTES.contains(&format!(" {name} ")), "attribute {name:?} in {html:?}");
        rest = after;
        if let Some(value) = after.strip_prefix("=\"") {
            let (value, after) = value.split_once('"').unwrap_or((value, ""));
            expect_value(name, value, html);
            rest = after;
        }
    }
}

fn expect_value(name: &str, value: &str, html: &str) {
    match name {
        "href" | "src" | "cite" | "poster" => {
            assert!(is_web(value) || value.starts_with("mailto:"), "{name}={value:?} in {html:?}");
        }
        "style" => {
            let is_known = |value: &str| ["left", "right", "center", "justify", "start", "end"].contains(&value);
            let side = value.strip_prefix("text-align:").unwrap_or_default().trim();
            assert!(is_known(side), "style={value:?} in {html:?}");
        }
        _ => {}
    }
}

/// The first line is the publication's title, the second its description, the rest a digest: every document of the site is
/// well-formed for parsers that share no code with the writers, and the three formats say the same.
pub fn feeds(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(3, '\n');
    let mut named = |name: &str| (name.to_owned(), parts.next().unwrap_or_default().to_owned());
    let names = [named("FEEDMILL_SITE_TITLE"), named("FEEDMILL_SITE_DESCRIPTION")];
    // A publication has to have a title.
    let Ok(options) = options_with("https://news.example.org/", names) else { return };
    let site = built(&[(PATH, parts.next().unwrap_or_default().as_bytes())], &options, None);
    for (route, page) in site.pages.iter() {
        let body = page.body();
        match page.media_type {
            kind if kind.contains("xml") || kind.contains("opml") => {
                let text = std::str::from_utf8(body).expect("UTF-8");
                assert!(roxmltree::Document::parse(text).is_ok(), "{route} is broken: {text}");
            }
            kind if kind.contains("json") => {
                assert!(serde_json::from_slice::<serde_json::Value>(body).is_ok(), "{route} is broken");
            }
            kind if kind.starts_with("text/html") => {
                let text = String::from_utf8_lossy(body).to_ascii_lowercase();
                let count = |words: &str| text.matches(words).count();
                let own = [count("<script>"), count("<script type=\"application/ld+json\">")];
                assert!(own.iter().all(|count| *count <= 1), "{route} has a script twice");
                let all = [count("<script"), count("</script")];
                assert_eq!(all, [own[0] + own[1]; 2], "{route} has scripts of others");
            }
            _ => {}
        }
        if let Some(folder) = route.strip_suffix("feed.json") {
            expect_one_story(&site, folder);
        }
    }
}

/// Titles and ids of a folder's feed, as the three formats tell them.
fn expect_one_story(site: &Site, folder: &str) {
    let body =
        |file: &str| site.pages.get(&format!("{folder}{file}")).map(|page| page.body().clone()).unwrap_or_default();
    let json: serde_json::Value = serde_json::from_slice(&body("feed.json")).unwrap_or_default();
    let field = |name: &str| -> Vec<String> {
        let items = json["items"].as_array().into_iter().flatten();
        items.map(|item| item[name].as_str().unwrap_or_default().to_owned()).collect()
    };
    let (ids, titles) = (field("id"), field("title"));
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "an id twice in {folder}");
    let of_xml = |file: &str, entry: &str, child: &str| -> Vec<String> {
        let bytes = body(file);
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        let document = roxmltree::Document::parse(text).expect("it was parsed before");
        let entries = document.descendants().filter(|node| node.tag_name().name() == entry);
        let texts = entries.map(|node| {
            let child = node.children().find(|node| node.tag_name().name() == child);
            child.and_then(|child| child.text()).unwrap_or_default().to_owned()
        });
        texts.collect()
    };
    assert_eq!(of_xml("atom.xml", "entry", "id"), ids, "ids of {folder}");
    assert_eq!(of_xml("rss.xml", "item", "guid"), ids, "ids of {folder}");
    assert_eq!(of_xml("atom.xml", "entry", "title"), titles, "titles of {folder}");
}

/// Each line is one Accept-Encoding: nobody gets a coding that he did not name, or that he refuses (RFC 9110, section 12.5.3).
pub fn accept_encoding(bytes: &[u8]) {
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let headers: Vec<_> = lines.iter().map(|line| (header::ACCEPT_ENCODING, line.to_vec())).collect();
    let Some(head) = request("/rss.xml", &headers) else { return };
    let answer = respond(&head, &now_and_before().0, &respond::Options::default());
    assert_eq!(answer.status(), 200);
    let coding = answer.headers().get(header::CONTENT_ENCODING).map(|value| value.to_str().expect("ASCII").to_owned());
    let said = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    if let Some(coding) = &coding {
        assert!(["br", "gzip", "zstd"].contains(&coding.as_str()), "{coding}");
        assert!(said.contains(coding) || said.contains('*'), "{coding} was not named in {said:?}");
    }
    let weights: Option<Vec<(String, bool)>> = said.split(['\n', ',']).map(str::trim).map(accepted).collect();
    let Some(weights) = weights.filter(|_| said.is_ascii() && !said.contains("x-gzip")) else { return };
    let of = |name: &str| weights.iter().rev().find(|(known, _)| known == name).map(|(_, accepted)| *accepted);
    let is_refused = |name: &str| of(name).or(of("*")) == Some(false);
    if let Some(coding) = &coding {
        assert!(!is_refused(coding), "{coding} was refused in {said:?}");
    } else if is_refused("identity") {
        let others = ["br", "gzip", "zstd"].map(|name| of(name).or(of("*")) == Some(true));
        assert_eq!(others, [false; 3], "sent as it is, which was refused in {said:?}");
    }
}

/// One coding and whether it is acceptable; nothing when it is not written as section 12.4.2 writes it.
fn accepted(element: &str) -> Option<(String, bool)> {
    let (name, weight) = element.split_once(";q=").unwrap_or((element, "1"));
    let is_token = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'*' || byte == b'-');
    let digits = weight.strip_prefix('0').or_else(|| weight.strip_prefix('1'))?;
    let decimals = digits.strip_prefix('.').unwrap_or(digits);
    let is_weight = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    let is_exact = digits.is_empty() || digits.starts_with('.');
    let is_at_most_one = weight.starts_with('0') || decimals.bytes().all(|byte| byte == b'0');
    let is_zero = weight.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    (is_token && is_weight && is_exact && is_at_most_one).then(|| (name.to_owned(), !is_zero))
}

/// Each line is one If-None-Match, in which `TAG` stands for the page's own: 304 for that and for `*`, and for nothing else.
pub fn if_none_match(bytes: &[u8]) {
    let site = &now_and_before().0;
    let tag = tag_of(site);
    let hash = tag.trim_matches('"');
    let said = replaced(bytes, b"TAG", tag.as_bytes());
    let headers: Vec<_> =
        said.split(|byte| *byte == b'\n').map(|line| (header::IF_NONE_MATCH, line.to_vec())).collect();
    let Some(head) = request("/rss.xml", &headers) else { return };
    let mut answer = respond(&head, site, &respond::Options::default());
    let text = String::from_utf8_lossy(&said);
    if answer.status() == 304 {
        assert!(text.contains(hash) || text.contains('*'), "304 for {text:?}");
        assert!(body_of(&mut answer).is_empty(), "304 with a body");
    } else {
        assert_eq!(answer.status(), 200);
        let is_read = |line: &str| line.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
        let mut tags = text.split('\n').filter(|line| is_read(line)).flat_map(|line| line.split(','));
        assert!(!tags.any(|own| matches!(own.trim(), own if own == tag || own == "*")), "200 for {text:?}");
    }
}

/// The first line is A-IM, the others are If-None-Match, in which `OLD` and `NEW` stand for tags of the feed's own: a delta is
/// sent to those alone who ask for it and have an earlier version, and it is well-formed (RFC 3229).
pub fn a_im(bytes: &[u8]) {
    let (site, before) = now_and_before();
    let said = replaced(&replaced(bytes, b"NEW", tag_of(site).as_bytes()), b"OLD", tag_of(before).as_bytes());
    let mut lines = said.split(|byte| *byte == b'\n');
    let asked = lines.next().unwrap_or_default();
    let mut headers = vec![(A_IM, asked.to_vec())];
    headers.extend(lines.map(|line| (header::IF_NONE_MATCH, line.to_vec())));
    let Some(head) = request("/rss.xml", &headers) else { return };
    let mut answer = respond(&head, site, &respond::Options::default());
    let text = String::from_utf8_lossy(&said);
    match answer.status().as_u16() {
        226 => {
            assert!(String::from_utf8_lossy(asked).to_ascii_lowercase().contains("feed"), "not asked for: {text:?}");
            assert!(text.contains(tag_of(before).trim_matches('"')), "nothing is known: {text:?}");
            assert!(["im", "delta-base", "etag"].iter().all(|name| answer.headers().contains_key(*name)));
            let body = body_of(&mut answer);
            let body = std::str::from_utf8(&body).expect("UTF-8");
            assert!(roxmltree::Document::parse(body).is_ok(), "a broken delta");
        }
        200 | 304 => {}
        status => panic!("{status} for {text:?}"),
    }
}

/// A request's target: it is answered, and who is sent elsewhere stays on this site and finds a page there.
pub fn path(bytes: &[u8]) {
    static BELOW: OnceLock<Site> = OnceLock::new();
    let below = BELOW.get_or_init(|| {
        let digest = sample("Tower");
        built(&[(PATH, digest.as_bytes())], &options("https://news.example.org/below/here/"), None)
    });
    for site in [&now_and_before().0, below] {
        let Some(answer) = answered(bytes, site) else { return };
        let text = String::from_utf8_lossy(bytes);
        match answer.status().as_u16() {
            301 => {
                let location = answer.headers()[header::LOCATION].to_str().expect("ASCII").to_owned();
                assert!(location.starts_with('/') && !location.starts_with("//"), "{text:?} leads to {location:?}");
                let there = answered(location.as_bytes(), site).expect("an address");
                assert_eq!(there.status(), 200, "{text:?} leads to {location:?}");
            }
            200 | 404 => {}
            status => panic!("{status} for {text:?}"),
        }
    }
}

fn answered(target: &[u8], site: &Site) -> Option<Answer> {
    let target = Uri::try_from(target).ok()?;
    let (head, ()) = Request::get(target).header(header::HOST, "news.example.org").body(()).ok()?.into_parts();
    Some(respond(&head, site, &respond::Options::default()))
}

/// A request's head, unless it cannot be one.
fn request(path: &str, headers: &[(HeaderName, Vec<u8>)]) -> Option<Parts> {
    let mut request = Request::get(path).header(header::HOST, "news.example.org");
    for (name, value) in headers {
        request = request.header(name, HeaderValue::from_bytes(value).ok()?);
    }
    Some(request.body(()).ok()?.into_parts().0)
}

fn body_of(answer: &mut Answer) -> Bytes {
    let frame = Pin::new(answer.body_mut()).poll_frame(&mut Context::from_waker(Waker::noop()));
    match frame {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    }
}

fn replaced(bytes: &[u8], word: &[u8], by: &[u8]) -> Vec<u8> {
    let mut done = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(word.len()).position(|window| window == word) {
        done.extend_from_slice(&rest[..at]);
        done.extend_from_slice(by);
        rest = &rest[at + word.len()..];
    }
    done.extend_from_slice(rest);
    done
}

/// The entity tag of the main feed as it is.
fn tag_of(site: &Site) -> &str {
    let page = site.pages.get("/rss.xml").expect("every site has a feed");
    page.plain().etag.to_str().expect("ASCII")
}

/// A site, and the same one digest earlier.
fn now_and_before() -> &'static (Site, Site) {
    static SITES: OnceLock<(Site, Site)> = OnceLock::new();
    SITES.get_or_init(|| {
        let (first, second) = (sample("Tower"), sample("Ferry"));
        let options = options("https://news.example.org/");
        let before = built(&[("2025-05-21.md", first.as_bytes())], &options, None);
        let both = [("2025-05-21.md", first.as_bytes()), (PATH, second.as_bytes())];
        (built(&both, &options, Some(&before)), before)
    })
}

/// A digest long enough to be compressed.
fn sample(title: &str) -> String {
    let text = format!("{title} in some words. ").repeat(100);
    format!("## News\n\n### {title}\n\n{text}[Read more](https://example.com/{title})\n")
}

fn options(base_url: &str) -> site::Options {
    options_with(base_url, []).expect("the defaults make sense")
}

/// The options that a configuration gives which says so much.
fn options_with(base_url: &str, said: impl IntoIterator<Item = (String, String)>) -> anyhow::Result<site::Options> {
    let content = Some(PathBuf::from("content"));
    let overrides = Overrides { content, base_url: Some(base_url.to_owned()), ..Overrides::default() };
    Ok(config::load(None, said, &overrides)?.site)
}

/// The site of some files, as `build` would make it of a folder.
fn built(files: &[(&str, &[u8])], options: &site::Options, previous: Option<&Site>) -> Site {
    let parsed = files.iter().map(|(path, bytes)| digest::parse(path, bytes, &options.rules).0);
    let digests = parsed.flat_map(|outcome| match outcome {
        Outcome::Digests(digests) => digests,
        _ => Vec::new(),
    });
    let mut keys = HashSet::new();
    let mut keyed: Vec<Keyed> = digests
        .filter(|digest| keys.insert(digest.key.clone()))
        .map(|digest| (Arc::from(digest.key.as_str()), Arc::new(Volume::new(digest, None))))
        .collect();
    keyed.sort_by(|one, other| one.0.cmp(&other.0));
    let now: DateTime<Utc> = DateTime::from_timestamp(NOW, 0).expect("a moment");
    let (settlement, _) = Ledger::default().settle(&keyed, now, &options.ids);
    Site::build(&settlement.digests, options, previous, &Validators::new(), now)
}
