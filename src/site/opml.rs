//! All feeds as one subscription list: OPML 2.0, which every reader imports.

use std::fmt::Write as _;

use crate::digest::html::escaped;
use crate::feed::Feeds;

/// The media type, with its charset.
pub(super) const MEDIA_TYPE: &str = "text/x-opml; charset=utf-8";

/// The document.
pub(super) fn render(feeds: &Feeds) -> String {
    let title = escaped(&feeds.all.title);
    let mut opml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<opml version=\"2.0\">\n<head><title>{title}</title></head>\n<body>\n"
    );
    for feed in feeds.iter() {
        let (text, page) = (escaped(&feed.title), escaped(&feed.url("")));
        let (address, description) = (escaped(&feed.url("rss.xml")), escaped(&feed.description));
        // Writing to a string cannot fail.
        let _ = writeln!(
            opml,
            "<outline type=\"rss\" version=\"RSS2\" text=\"{text}\" title=\"{text}\" description=\"{description}\" xmlUrl=\"{address}\" htmlUrl=\"{page}\"/>"
        );
    }
    opml.push_str("</body>\n</opml>\n");
    opml
}
