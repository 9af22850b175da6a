//! What a User-Agent says: the reader's name, and of a hosted reader for how many subscribers it asks.
//!
//! There is no standard for it (RFC 9110, section 10.1.5 knows products and comments), only habits: `12 subscribers`,
//! `feed-id=42`. What a newcomer gets wrong: it is what somebody says of itself, and nobody can check it.

use std::borrow::Cow;

/// What a User-Agent says.
#[derive(Debug, PartialEq, Eq)]
pub struct Agent<'a> {
    /// The reader's name, without its version.
    pub name: Cow<'a, str>,
    /// Of a reader that asks for many.
    pub hosted: Option<Hosted<'a>>,
    /// Whether it gathers for a search or a collection, and nobody reads.
    pub is_crawler: bool,
}

/// A reader that asks for many subscribers at once.
#[derive(Debug, PartialEq, Eq)]
pub struct Hosted<'a> {
    /// How the reader tells one feed of a publication from the others; often empty.
    pub feed_id: &'a str,
    /// For how many it asks.
    pub subscribers: u32,
}

/// A name that is longer tells nobody anything.
const LONGEST_NAME: usize = 40;

/// What gives a number of subscribers away, so that nothing else has to be looked at in most requests.
const MARK: &str = "subscriber";

/// Parts of what browsers say of themselves, which name no program of their own.
const OF_BROWSERS: [&str; 12] = [
    "Mozilla",
    "AppleWebKit",
    "Gecko",
    "Version",
    "Chrome",
    "Chromium",
    "Safari",
    "Firefox",
    "Edg",
    "OPR",
    "Mobile",
    "Trident",
];

impl Agent<'_> {
    /// Reads what a client says of itself; nothing is as well.
    pub fn read(text: &str) -> Agent<'_> {
        let hosted = hosted(text);
        let lower = text.to_ascii_lowercase();
        let gathers = ["crawl", "spider", "slurp", "bot/", "bot;", "bot)"].iter().any(|sign| lower.contains(sign));
        Agent { name: name(text), is_crawler: hosted.is_none() && (gathers || lower.ends_with("bot")), hosted }
    }
}

/// Whether a reader may say for how many it asks: quick, and never wrong when it says no.
pub fn may_be_hosted(text: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), MARK.as_bytes()).is_some()
}

fn hosted(text: &str) -> Option<Hosted<'_>> {
    let before = text.match_indices(MARK).map(|(at, _)| text[..at].trim_end());
    let mut numbers = before.filter_map(|before| {
        let digits = before.len() - before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        before[before.len() - digits..].parse().ok()
    });
    let subscribers = numbers.next()?;
    let id = text.split_once("feed-id").map_or("", |(_, rest)| rest.trim_start_matches([':', '=', ' ']));
    let end = id.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '.')).unwrap_or(id.len());
    Some(Hosted { feed_id: &id[..end], subscribers })
}

fn name(text: &str) -> Cow<'_, str> {
    let found = match text.strip_prefix("Mozilla/") {
        Some(rest) => match rest.split_once("compatible;") {
            Some((_, named)) => first_words(named.trim_start()),
            None => last_product(rest).unwrap_or("a browser"),
        },
        None => first_words(text),
    };
    match found {
        "" => Cow::Borrowed("without a name"),
        clean if clean.len() <= LONGEST_NAME && !clean.contains(char::is_control) => Cow::Borrowed(clean),
        long => Cow::Owned(long.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect()),
    }
}

/// What stands before a version, a comment or what else is said.
fn first_words(text: &str) -> &str {
    let ends = ["/", "(", ")", ";", ",", "+", "[", " - ", " feed-id", " http"];
    let end = ends.iter().filter_map(|end| text.find(end)).min().unwrap_or(text.len());
    text[..end].trim()
}

/// The last product outside of comments that is no part of a browser.
fn last_product(text: &str) -> Option<&str> {
    let outside = text.rsplit(')').next()?;
    let names = outside.split_whitespace().rev().map(|product| product.split('/').next().unwrap_or(product));
    names.into_iter().find(|name| !OF_BROWSERS.contains(name) && name.starts_with(char::is_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_known_by_name_and_hosted_ones_tell_for_how_many_they_ask() {
        for (text, name, hosted) in [
            ("Feedbin feed-id:1373711 - 142 subscribers", "Feedbin", Some(("1373711", 142))),
            (
                "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 12 subscribers; like FeedFetcher-Google)",
                "Feedly",
                Some(("", 12)),
            ),
            (
                "NewsBlur Feed Fetcher - 5 subscribers - http://www.newsblur.com/site/1/x (Mozilla/5.0)",
                "NewsBlur Feed Fetcher",
                Some(("", 5)),
            ),
            ("Mozilla/5.0 (X11; compatible; inoreader.com/1.0; 1 subscriber)", "inoreader.com", Some(("", 1))),
            ("theoldreader.com/1.0 (3 subscribers; feed-id=ab_9)", "theoldreader.com", Some(("ab_9", 3))),
            ("Mozilla/5.0 (compatible; Miniflux/2.0.50; +https://miniflux.app)", "Miniflux", None),
            ("Tiny Tiny RSS/21.05 (Unsupported) (http://tt-rss.org/)", "Tiny Tiny RSS", None),
            ("newsboat/2.21.0 (Linux x86_64)", "newsboat", None),
            ("NetNewsWire (RSS Reader; https://netnewswire.com/)", "NetNewsWire", None),
            ("Mozilla/5.0 (Windows NT 10.0; rv:115.0) Gecko/20100101 Firefox/115.0", "a browser", None),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Thunderbird/115.3", "Thunderbird", None),
            ("many subscribers", "many subscribers", None),
            ("99999999999999999999 subscribers", "99999999999999999999 subscribers", None),
            ("", "without a name", None),
            ("/1.0", "without a name", None),
        ] {
            let agent = Agent::read(text);
            assert_eq!(agent.name, name, "{text}");
            assert_eq!(agent.hosted.as_ref().map(|it| (it.feed_id, it.subscribers)), hosted, "{text}");
            assert!(agent.hosted.is_none() || may_be_hosted(text), "{text}");
            assert!(!agent.is_crawler, "{text}");
        }
    }

    #[test]
    fn crawlers_are_told_from_readers() {
        for text in [
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 (compatible; Baiduspider/2.0)",
            "examplebot",
        ] {
            assert!(Agent::read(text).is_crawler, "{text}");
        }
        assert!(!Agent::read("Robot Feed Reader/1.0").is_crawler);
    }

    #[test]
    fn a_name_is_short_and_has_no_control_characters() {
        let text = format!("a\u{7}{}", "b".repeat(100));
        assert_eq!(Agent::read(&text).name, format!("a{}", "b".repeat(39)));
    }
}
