//! A feed as Atom 1.0 (RFC 4287).

use atom_syndication::{
    Category, Content, Entry as AtomEntry, Feed as AtomFeed, FixedDateTime, Generator, Link, Person, Text,
};

use super::written::Format;
use super::{Entry, Feed, archive, references};

/// The media type, with its charset.
pub const MEDIA_TYPE: &str = "application/atom+xml; charset=utf-8";

/// The namespace of feed history (RFC 5005, section 2).
const HISTORY: &str = "http://purl.org/syndication/history/1.0";

pub(super) const FORMAT: Format = Format { write, element: "entry", kept: |written| &written.atom };

/// The document.
pub fn render(feed: &Feed) -> Vec<u8> {
    FORMAT.put_together(feed)
}

fn write(feed: &Feed) -> Vec<u8> {
    // An entry without an author needs one in its feed (section 4.2.1), and there always is somebody: the publication.
    let authors = if feed.authors.is_empty() { vec![person(&feed.title)] } else { people(&feed.authors) };
    let document = AtomFeed {
        id: feed.id.clone(),
        title: Text::plain(feed.title.clone()),
        subtitle: Some(Text::plain(feed.description.clone())),
        updated: feed.updated,
        authors,
        generator: Some(Generator { value: "feedmill".to_owned(), uri: None, version: None }),
        links: links(feed),
        entries: feed.entries.iter().map(|item| entry(item, feed)).collect(),
        lang: feed.language.clone(),
        namespaces: feed.chain.is_closed().then(|| ("fh".to_owned(), HISTORY.to_owned())).into_iter().collect(),
        ..AtomFeed::default()
    };
    let mut bytes = Vec::with_capacity(feed.entries.len() * 1500);
    document.write_to(&mut bytes).expect("writing to memory cannot fail");
    if feed.chain.is_closed() {
        bytes = marked_as_archive(bytes);
    }
    references::hexadecimal(bytes, &["title", "subtitle", "summary"])
}

/// RFC 5005, section 4: a month names the feed as `current`, and both its neighbours.
fn links(feed: &Feed) -> Vec<Link> {
    const MIME_TYPE: &str = "application/atom+xml";
    let month = |month: &String| feed.url(&archive::file(month, "atom"));
    let (live, chain) = (feed.url("atom.xml"), &feed.chain);
    let own = chain.month.as_ref().map_or_else(|| live.clone(), month);
    let mut links = vec![link("self", own, MIME_TYPE), link("alternate", feed.url(""), "text/html")];
    links.extend(chain.month.iter().map(|_| link("current", live.clone(), MIME_TYPE)));
    links.extend(chain.previous.iter().map(|name| link("prev-archive", month(name), MIME_TYPE)));
    links.extend(chain.next.iter().map(|name| link("next-archive", month(name), MIME_TYPE)));
    links
}

/// Puts `<fh:archive/>` before the entries, where RFC 4287 has extensions (section 4.1.1, and its schema); the writing crate
/// has them at the end.
fn marked_as_archive(mut document: Vec<u8>) -> Vec<u8> {
    let place = |tag: &[u8]| memchr::memmem::find(&document, tag);
    if let Some(at) = place(b"<entry>").or_else(|| place(b"</feed>")) {
        document.splice(at..at, *b"<fh:archive/>");
    }
    document
}

fn entry(entry: &Entry, feed: &Feed) -> AtomEntry {
    let mut links = vec![link("alternate", entry.link().to_owned(), "text/html")];
    if entry.story.is_some() {
        links.push(link("related", entry.page.clone(), "text/html"));
    }
    let section = entry.section.iter().map(|(slug, title)| category(slug, title));
    let tags = entry.tags.iter().map(|tag| category(tag, tag));
    let published: FixedDateTime = entry.published;
    let language = entry.language.clone().filter(|language| Some(language) != feed.language.as_ref());
    let text = |value: &str| Text { lang: language.clone(), ..Text::plain(value.to_owned()) };
    AtomEntry {
        id: entry.id.clone(),
        title: text(&entry.title),
        published: Some(published),
        updated: entry.updated,
        links,
        categories: section.chain(tags).collect(),
        authors: people(&entry.authors),
        summary: Some(text(&entry.summary)).filter(|summary| !summary.value.is_empty()),
        content: Some(Content {
            value: Some(entry.html.clone()),
            content_type: Some("html".to_owned()),
            lang: language.clone(),
            ..Content::default()
        }),
        ..AtomEntry::default()
    }
}

fn link(rel: &str, href: String, mime_type: &str) -> Link {
    Link { href, rel: rel.to_owned(), mime_type: Some(mime_type.to_owned()), ..Link::default() }
}

fn category(term: &str, label: &str) -> Category {
    let label = (label != term).then(|| label.to_owned());
    Category { term: term.to_owned(), label, ..Category::default() }
}

fn people(names: &[String]) -> Vec<Person> {
    names.iter().map(|name| person(name)).collect()
}

fn person(name: &str) -> Person {
    Person { name: name.to_owned(), ..Person::default() }
}
