//! One response body in every coding that it is sent in, with the header values that go with it.
//!
//! Everything is made once, on first use, and is the same for ever then. What a newcomer gets wrong: which coding a client
//! gets is not decided here.

use std::fmt;
use std::io::Write as _;
use std::sync::OnceLock;

use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use flate2::{Compression, GzBuilder};
use hyper::header::{HeaderMap, HeaderValue};
use twox_hash::XxHash3_64;

use super::delta::Past;
use crate::feed;

/// Level 9, the highest: 48 984 bytes in 3.2 ms of a feed of 214 690, 13 301 in 0.7 ms of one of 63 811. Level 6 takes half the
/// time and 2.5 % more bytes.
const GZIP_LEVEL: u32 = 9;

/// Level 7: 41 573 bytes in 4.8 ms of a feed of 214 690, 11 498 in 1.3 ms of one of 63 811. Level 5 takes 0.7 of the time and
/// 3 % more bytes; levels 8 and 9 gain nothing (and 24 ms), level 11 gains 8 % in 230 ms, which no request may wait.
const BROTLI_LEVEL: i32 = 7;

/// The window, as a power of two of bytes: 256 KiB hold a whole feed; 4 MiB take the same bytes and longer.
const BROTLI_WINDOW: i32 = 18;

/// Level 9: 45 480 bytes in 2.3 ms of a feed of 214 690, 13 254 in 0.5 ms of one of 63 811. Levels 11 and 12 gain half a percent
/// in twice the time; level 15 gains 5 % in 17 ms.
const ZSTD_LEVEL: i32 = 9;

/// What a coding adds to a response: its name in two headers. What saves less does not pay.
const CODING_BYTES: usize = 48;

/// How a body goes over the wire (RFC 9110, section 8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Identity,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
    /// RFC 1952.
    Gzip,
}

impl Coding {
    /// Those that make a body smaller, the smallest first: measured, br is a tenth smaller than the others, and zstd a
    /// little smaller than gzip.
    pub const SMALLEST_FIRST: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

    /// Its name (RFC 9110, section 18.6).
    pub const fn name(self) -> &'static str {
        match self {
            Coding::Identity => "identity",
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
            Coding::Gzip => "gzip",
        }
    }

    /// The same bytes for the same body, as long as level and encoder are the same.
    fn encode(self, body: &[u8]) -> std::io::Result<Vec<u8>> {
        match self {
            Coding::Identity => Ok(body.to_vec()),
            Coding::Gzip => {
                // No file time in the header, so that equal pages are equal.
                let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::new(GZIP_LEVEL));
                encoder.write_all(body)?;
                encoder.finish()
            }
            Coding::Brotli => {
                let parameters = BrotliEncoderParams {
                    quality: BROTLI_LEVEL,
                    lgwin: BROTLI_WINDOW,
                    size_hint: body.len(),
                    ..BrotliEncoderParams::default()
                };
                let mut small = Vec::with_capacity(body.len() / 4);
                brotli::BrotliCompress(&mut &*body, &mut small, &parameters)?;
                Ok(small)
            }
            Coding::Zstd => zstd::bulk::compress(body, ZSTD_LEVEL),
        }
    }
}

/// A body as it goes over the wire, with its entity tag.
#[derive(Debug)]
pub struct Coded {
    /// The bytes.
    pub body: Bytes,
    /// A strong entity tag of these bytes (RFC 9110, section 8.8.3): the page's hash, and the coding.
    pub etag: HeaderValue,
}

impl Coded {
    fn new(body: Bytes, hash: &str, coding: Coding) -> Coded {
        Coded { body, etag: tag(hash, coding) }
    }
}

/// The headers of a page in a coding, ready to be cloned for each answer.
#[derive(Debug)]
pub struct Heads {
    /// Of the page sent whole.
    pub whole: HeaderMap,
    /// Of the answer to a client that has it.
    pub unchanged: HeaderMap,
}

/// One response body.
pub struct Page {
    /// The media type, with its charset.
    pub media_type: &'static str,
    /// When the bytes last became others, in whole seconds; none when that is not known before they are made.
    pub last_modified: Option<DateTime<Utc>>,
    content: OnceLock<Content>,
    /// Makes the bytes when they are asked for the first time.
    make: Option<Make>,
    coded: [OnceLock<Option<Coded>>; Coding::SMALLEST_FIRST.len()],
    modified: OnceLock<Option<HeaderValue>>,
    /// By coding.
    heads: [OnceLock<Box<Heads>>; 1 + Coding::SMALLEST_FIRST.len()],
    /// What it is related to.
    links: Option<HeaderValue>,
    /// Earlier versions of a feed.
    past: Option<Past>,
}

/// What a page is, as far as the answer to a request depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A feed or a month of one, whichever format.
    Feed,
    /// A page for people.
    Html,
    /// Anything else.
    Other,
}

/// How the bytes of a page are made.
pub(super) type Make = Box<dyn Fn() -> Vec<u8> + Send + Sync>;

struct Content {
    hash: String,
    plain: Coded,
}

impl Content {
    fn new(body: Bytes) -> Content {
        let hash = format!("{:016x}", XxHash3_64::oneshot(&body));
        Content { plain: Coded::new(body, &hash, Coding::Identity), hash }
    }
}

impl Page {
    /// A page last changed at a moment.
    pub fn new(body: impl Into<Bytes>, media_type: &'static str, last_modified: DateTime<Utc>) -> Page {
        let content = OnceLock::from(Content::new(body.into()));
        Page { content, last_modified: Some(last_modified), ..Page::empty(media_type) }
    }

    /// A page that is made when it is first asked for, and the same for ever then.
    pub(super) fn on_demand(media_type: &'static str, make: Make) -> Page {
        Page { make: Some(make), ..Page::empty(media_type) }
    }

    /// The same page, last changed at another moment.
    pub(super) fn modified_at(self, moment: DateTime<Utc>) -> Page {
        Page { last_modified: Some(moment), modified: OnceLock::new(), heads: Default::default(), ..self }
    }

    /// The same page with a value of Link.
    pub(super) fn with_links(self, links: Option<HeaderValue>) -> Page {
        Page { links, heads: Default::default(), ..self }
    }

    /// The same page with what it knows of its past.
    pub(super) fn with_past(self, past: Past) -> Page {
        Page { past: Some(past), ..self }
    }

    /// The same page as the next version of another.
    pub(super) fn after(self, before: &Page) -> Page {
        let past = match (self.past, &before.past) {
            (Some(past), Some(earlier)) => Some(past.after(earlier, before.hash())),
            (past, _) => past,
        };
        Page { past, ..self }
    }

    /// A page like this with another body.
    pub(super) fn with_body(&self, body: Vec<u8>) -> Page {
        let Page { media_type, last_modified, links, .. } = self;
        let content = OnceLock::from(Content::new(body.into()));
        Page { content, last_modified: *last_modified, links: links.clone(), ..Page::empty(media_type) }
    }

    fn empty(media_type: &'static str) -> Page {
        Page {
            media_type,
            last_modified: None,
            content: OnceLock::new(),
            make: None,
            coded: Default::default(),
            modified: OnceLock::new(),
            heads: Default::default(),
            links: None,
            past: None,
        }
    }

    fn content(&self) -> &Content {
        self.content.get_or_init(|| {
            let body = self.make.as_ref().map(|make| make()).unwrap_or_default();
            Content::new(body.into())
        })
    }

    /// The bytes.
    pub fn body(&self) -> &Bytes {
        &self.content().plain.body
    }

    /// The hash of the bytes, for entity tags; 16 hexadecimal digits.
    pub fn hash(&self) -> &str {
        &self.content().hash
    }

    /// The bytes as they are, with their entity tag.
    pub fn plain(&self) -> &Coded {
        &self.content().plain
    }

    /// The bytes in a coding, whatever it saves; made on first use. `None` when they cannot be encoded.
    pub fn coded(&self, coding: Coding) -> Option<&Coded> {
        let Some(at) = Coding::SMALLEST_FIRST.iter().position(|known| *known == coding) else {
            return Some(self.plain());
        };
        let encode = || {
            let small = coding.encode(self.body()).ok()?;
            Some(Coded::new(small.into(), self.hash(), coding))
        };
        self.coded[at].get_or_init(encode).as_ref()
    }

    /// The bytes in a coding, if that saves more than its headers take.
    pub fn smaller(&self, coding: Coding) -> Option<&Coded> {
        let worth = self.body().len().checked_sub(CODING_BYTES)?;
        self.coded(coding).filter(|coded| coded.body.len() < worth)
    }

    /// The entity tag that the bytes have in a coding, which need not be made for it.
    pub fn tag(&self, coding: Coding) -> HeaderValue {
        tag(self.hash(), coding)
    }

    /// Of a feed: what is new since the version with this hash, as a feed (RFC 3229). `None` when that version is not
    /// remembered, or the whole is better.
    pub fn since(&self, hash: &str) -> Option<&Page> {
        self.past.as_ref()?.since(hash, self)
    }

    /// The headers that the page has in a coding, as they were made the first time.
    pub fn heads(&self, coding: Coding, make: impl FnOnce() -> Heads) -> &Heads {
        self.heads[coding as usize].get_or_init(|| Box::new(make()))
    }

    /// The value of Last-Modified (RFC 9110, section 8.8.2).
    pub fn modified(&self) -> Option<&HeaderValue> {
        let date = || Some(ready(&httpdate::fmt_http_date(self.last_modified?.into())));
        self.modified.get_or_init(date).as_ref()
    }

    /// The value of Link (RFC 8288), of a feed or a month of one.
    pub fn links(&self) -> Option<&HeaderValue> {
        self.links.as_ref()
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        match self.media_type {
            feed::rss::MEDIA_TYPE | feed::atom::MEDIA_TYPE | feed::json::MEDIA_TYPE => Kind::Feed,
            other if other.starts_with("text/html") => Kind::Html,
            _ => Kind::Other,
        }
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Page { media_type, last_modified, .. } = self;
        f.debug_struct("Page").field("media_type", media_type).field("last_modified", last_modified).finish()
    }
}

fn tag(hash: &str, coding: Coding) -> HeaderValue {
    match coding {
        Coding::Identity => ready(&format!("\"{hash}\"")),
        coding => ready(&format!("\"{hash}-{}\"", coding.name())),
    }
}

/// A header value of what is made here, which is ASCII.
pub(super) fn ready(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
