//! What an entry looks like in a format: written once, for all feeds and for all sites in which it stands.
//!
//! A feed is then put together from what its entries look like, byte for byte as if the writing crate had written all of it.
//! What a newcomer gets wrong: an entry's own words are not all that counts, for a feed has authors and a language of its own.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use serde_json::value::RawValue;

use super::{Entry, Feed};

/// What was written of an entry. It says nothing about which entry it is.
#[derive(Default)]
pub struct Written {
    pub(super) rss: OnceLock<Fragment>,
    pub(super) atom: OnceLock<Fragment>,
    pub(super) json: OnceLock<Box<RawValue>>,
    pub(super) number: OnceLock<u64>,
    pub(super) weight: OnceLock<usize>,
}

/// An entry in a format, in feeds with this language and these authors.
pub struct Fragment {
    language: Option<String>,
    authors: Vec<String>,
    bytes: Vec<u8>,
}

impl Clone for Written {
    fn clone(&self) -> Written {
        Written::default()
    }
}

impl PartialEq for Written {
    fn eq(&self, _: &Written) -> bool {
        true
    }
}

impl Eq for Written {}

impl Hash for Written {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written")
    }
}

/// How a format is written.
pub(super) struct Format {
    /// A whole feed.
    pub(super) write: fn(&Feed) -> Vec<u8>,
    /// The element of an entry, as in `item`.
    pub(super) element: &'static str,
    /// Where an entry keeps what it looks like.
    pub(super) kept: fn(&Written) -> &OnceLock<Fragment>,
}

impl Format {
    /// A feed, put together from what its entries look like.
    pub(super) fn put_together(&self, feed: &Feed) -> Vec<u8> {
        let bare = feed.without_entries();
        // With these, the feed declares what all of them need.
        let with_summary = feed.entries.iter().find(|entry| !entry.summary.is_empty());
        let with_authors = feed.entries.iter().find(|entry| !entry.authors.is_empty());
        let shape: Vec<Arc<Entry>> = with_summary.into_iter().chain(with_authors).cloned().collect();
        let shape = if shape.is_empty() { feed.entries.iter().take(1).cloned().collect() } else { shape };
        let mut document = (self.write)(&Feed { entries: shape, ..bare.clone() });
        let Some((begin, end)) = self.entries_of(&document) else { return document };
        let rest = document.split_off(end);
        document.truncate(begin);
        let written: Vec<Cow<'_, [u8]>> = feed.entries.iter().map(|entry| self.written(entry, &bare)).collect();
        document.reserve_exact(written.iter().map(|bytes| bytes.len()).sum::<usize>() + rest.len());
        written.iter().for_each(|bytes| document.extend_from_slice(bytes));
        document.extend(rest);
        document
    }

    /// What an entry looks like, written anew if what is kept was for feeds of another kind.
    fn written<'e>(&self, entry: &'e Arc<Entry>, bare: &Feed) -> Cow<'e, [u8]> {
        let fragment = || Fragment {
            language: bare.language.clone(),
            authors: bare.authors.clone(),
            bytes: self.fragment(entry, bare),
        };
        let kept = (self.kept)(&entry.written).get_or_init(fragment);
        match kept.language == bare.language && kept.authors == bare.authors {
            true => Cow::Borrowed(&kept.bytes),
            false => Cow::Owned(self.fragment(entry, bare)),
        }
    }

    fn fragment(&self, entry: &Arc<Entry>, bare: &Feed) -> Vec<u8> {
        let document = (self.write)(&Feed { entries: vec![entry.clone()], ..bare.clone() });
        self.entries_of(&document).map(|(begin, end)| document[begin..end].to_vec()).unwrap_or_default()
    }

    /// Where the entries stand in a document: from the first to the end of the last. Text is escaped, so no words look so.
    fn entries_of(&self, document: &[u8]) -> Option<(usize, usize)> {
        let (open, close) = (format!("<{}>", self.element), format!("</{}>", self.element));
        let begin = memchr::memmem::find(document, open.as_bytes())?;
        Some((begin, memchr::memmem::rfind(document, close.as_bytes())? + close.len()))
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::super::{Chain, atom, rss};
    use super::*;

    fn entry(number: i64, summary: &str, authors: &[&str], language: Option<&str>) -> Arc<Entry> {
        let moment = DateTime::from_timestamp(1_747_900_800 - number, 0).unwrap_or_default().fixed_offset();
        Arc::new(Entry {
            id: format!("tag:example.org,2025:{number}"),
            title: "a <b> & \"c\" item>".to_owned(),
            story: Some("https://example.org/?a=1&b=2".to_owned()),
            page: "https://news.example.org/digests/x/#y".to_owned(),
            published: moment,
            updated: moment,
            html: "<p>&lt;item&gt; &amp;lt;/entry&gt; ]]&gt;</p>".to_owned(),
            summary: summary.to_owned(),
            section: Some(("news".to_owned(), "新闻 & more".to_owned())),
            tags: vec!["tag".to_owned()],
            authors: authors.iter().map(|name| (*name).to_owned()).collect(),
            language: language.map(str::to_owned),
            digest: "x".to_owned(),
            written: Written::default(),
        })
    }

    fn feed(entries: &[Arc<Entry>], authors: &[&str], language: Option<&str>) -> Feed {
        Feed {
            id: "tag:example.org,2025:feed/all".to_owned(),
            title: "Digest".to_owned(),
            name: String::new(),
            description: "What it is".to_owned(),
            language: language.map(str::to_owned),
            authors: authors.iter().map(|name| (*name).to_owned()).collect(),
            route: "/".to_owned(),
            base_url: "https://news.example.org/".to_owned(),
            entries: entries.to_vec(),
            updated: DateTime::from_timestamp(1_747_900_800, 0).unwrap_or_default().fixed_offset(),
            chain: Chain::default(),
        }
    }

    #[test]
    fn what_is_put_together_is_what_the_writing_crates_write() {
        let all = [
            entry(1, "", &[], None),
            entry(2, "A summary", &[], Some("en")),
            entry(3, "", &["Somebody"], Some("zh")),
            entry(4, "Another <summary>", &["Somebody", "Else"], None),
        ];
        for count in 0..16_usize {
            let entries: Vec<Arc<Entry>> = (0..4).filter(|at| count >> at & 1 == 1).map(|at| all[at].clone()).collect();
            for (authors, language) in [(&[][..], None), (&["Editors"][..], Some("en")), (&[][..], Some("zh"))] {
                let feed = feed(&entries, authors, language);
                let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap_or_default();
                assert_eq!(text(rss::FORMAT.put_together(&feed)), text((rss::FORMAT.write)(&feed)));
                assert_eq!(text(atom::FORMAT.put_together(&feed)), text((atom::FORMAT.write)(&feed)));
            }
        }
    }
}
