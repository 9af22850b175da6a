//! A feed as RSS 2.0, with `content:encoded` for the full text and `atom:link` for its own address.

use rss::extension::atom::{AtomExtension, Link};
use rss::extension::dublincore::DublinCoreExtension;
use rss::{Category, Channel, Guid, Item};

use super::written::Format;
use super::{Entry, Feed, references};
use crate::digest::html::escaped;

/// The media type, with its charset.
pub const MEDIA_TYPE: &str = "application/rss+xml; charset=utf-8";

pub(super) const FORMAT: Format = Format { write, element: "item", kept: |written| &written.rss };

/// The document.
pub fn render(feed: &Feed) -> Vec<u8> {
    FORMAT.put_together(feed)
}

fn write(feed: &Feed) -> Vec<u8> {
    let channel = Channel {
        title: feed.title.clone(),
        link: feed.url(""),
        description: feed.description.clone(),
        language: feed.language.clone(),
        last_build_date: Some(feed.updated.to_rfc2822()),
        generator: Some("feedmill".to_owned()),
        docs: Some("https://www.rssboard.org/rss-specification".to_owned()),
        items: feed.entries.iter().map(|entry| item(entry, feed)).collect(),
        atom_ext: Some(AtomExtension { links: vec![own_link(feed)] }),
        ..Channel::default()
    };
    let mut document = Vec::with_capacity(feed.entries.len() * 1500);
    channel.write_to(&mut document).expect("writing to memory cannot fail");
    references::hexadecimal(document, &["title", "description", "category", "dc:creator"])
}

fn own_link(feed: &Feed) -> Link {
    let mime_type = MEDIA_TYPE.split(';').next().map(str::to_owned);
    Link { href: feed.url("rss.xml"), rel: "self".to_owned(), mime_type, ..Link::default() }
}

fn item(entry: &Entry, feed: &Feed) -> Item {
    let authors = if entry.authors.is_empty() { &feed.authors } else { &entry.authors };
    let creators = DublinCoreExtension { creators: authors.clone(), ..DublinCoreExtension::default() };
    // Readers take a description for HTML, so that a plain `&` would be a broken entity.
    let (description, content) = match entry.summary.as_str() {
        "" => (entry.html.clone(), None),
        summary => (escaped(summary), Some(entry.html.clone())),
    };
    let section = entry.section.iter().map(|(_, title)| title);
    let categories = section.chain(&entry.tags).map(|name| Category { name: name.clone(), domain: None });
    Item {
        title: Some(entry.title.clone()),
        link: Some(entry.link().to_owned()),
        description: Some(description),
        content,
        guid: Some(Guid { value: entry.id.clone(), permalink: false }),
        pub_date: Some(entry.published.to_rfc2822()),
        categories: categories.collect(),
        dublin_core_ext: (!authors.is_empty()).then_some(creators),
        ..Item::default()
    }
}
