//! How many bytes an entry takes in the document of a feed at most, whichever format it is.
//!
//! That is Atom, in which markup is escaped; RSS has it in CDATA sections. What a newcomer gets wrong: it is not the length of
//! an entry's text.

use super::{Entry, Feed};

/// The tags, dates and marks of languages around an entry's texts.
const ENTRY: usize = 400;

/// The same around a category or an author.
const NAME: usize = 60;

/// The same around what a feed says of itself.
const FEED: usize = 1_200;

/// The most bytes of an entry.
pub(super) fn of_entry(entry: &Entry) -> usize {
    let Entry { id, title, story, page, html, summary, section, tags, authors, .. } = entry;
    let addresses = [id, page].into_iter().chain(story);
    let addresses: usize = addresses.map(|address| length(address)).sum();
    let sections = section.iter().flat_map(|(slug, title)| [slug, title]);
    let names: usize = sections.chain(tags).chain(authors).map(|name| NAME + length(name)).sum();
    ENTRY + addresses + names + plain(title) + length(html) + plain(summary)
}

/// The most bytes of a feed around its entries.
pub(super) fn of_feed(feed: &Feed) -> usize {
    let Feed { id, title, description, authors, route, base_url, .. } = feed;
    // Its own address, that of its page, and those of a month and its two neighbours.
    let addresses = 5 * (length(base_url) + route.len());
    // Without authors, the publication is its own.
    let names: usize = authors.iter().map(|name| NAME + length(name)).sum();
    FEED + id.len() + addresses + names + 2 * plain(title) + plain(description)
}

/// The length of a plain text, in which `<` becomes `&#x3C;`.
fn plain(text: &str) -> usize {
    length(text) + 2 * text.bytes().filter(|byte| *byte == b'<').count()
}

/// The length of a text in which what XML gives a meaning is escaped, as `&quot;` or `&#x26;`.
fn length(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'&' | b'"' | b'\'' => 6,
        b'<' | b'>' => 4,
        _ => 1,
    };
    text.bytes().map(escaped).sum()
}
