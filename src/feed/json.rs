//! A feed as JSON Feed 1.1.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{Entry, Feed, archive};

/// The media type, with its charset.
pub const MEDIA_TYPE: &str = "application/feed+json; charset=utf-8";

#[derive(Serialize)]
struct Document<'f> {
    version: &'static str,
    title: &'f str,
    home_page_url: String,
    feed_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_url: Option<String>,
    description: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'f str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authors: Vec<Author<'f>>,
    items: Vec<&'f RawValue>,
}

#[derive(Serialize)]
struct Author<'f> {
    name: &'f str,
}

#[derive(Serialize)]
struct Item<'f> {
    id: &'f str,
    url: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_url: Option<&'f str>,
    title: &'f str,
    content_html: &'f str,
    #[serde(skip_serializing_if = "str::is_empty")]
    summary: &'f str,
    date_published: String,
    date_modified: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<&'f str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authors: Vec<Author<'f>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'f str>,
}

/// The document.
pub fn render(feed: &Feed) -> Vec<u8> {
    let month = |month: &String| feed.url(&archive::file(month, "json"));
    let document = Document {
        version: "https://jsonfeed.org/version/1.1",
        title: &feed.title,
        home_page_url: feed.url(""),
        feed_url: feed.chain.month.as_ref().map_or_else(|| feed.url("feed.json"), month),
        next_url: feed.chain.previous.as_ref().map(month),
        description: &feed.description,
        language: feed.language.as_deref(),
        authors: authors(&feed.authors),
        items: feed.entries.iter().map(|entry| written(entry)).collect(),
    };
    let size = document.items.iter().map(|item| item.get().len() + 1).sum::<usize>();
    let mut bytes = Vec::with_capacity(size + 1000);
    serde_json::to_writer(&mut bytes, &document).expect("texts and lists are always JSON");
    bytes.shrink_to_fit();
    bytes
}

/// What an entry looks like, which depends on nothing else.
fn written(entry: &Entry) -> &RawValue {
    let write = || to_raw_value(&item(entry)).expect("texts and lists are always JSON");
    entry.written.json.get_or_init(write)
}

fn item(entry: &Entry) -> Item<'_> {
    let section = entry.section.iter().map(|(_, title)| title.as_str());
    Item {
        id: &entry.id,
        url: &entry.page,
        external_url: entry.story.as_deref(),
        title: &entry.title,
        content_html: &entry.html,
        summary: &entry.summary,
        date_published: entry.published.to_rfc3339(),
        date_modified: entry.updated.to_rfc3339(),
        tags: section.chain(entry.tags.iter().map(String::as_str)).collect(),
        authors: authors(&entry.authors),
        language: entry.language.as_deref(),
    }
}

fn authors(names: &[String]) -> Vec<Author<'_>> {
    names.iter().map(|name| Author { name }).collect()
}
