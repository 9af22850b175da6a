//! All feeds as one subscription list: OPML 2.0, which every reader imports.

use std::fmt::Write as _;

use crate::digest::html::escaped;
use crate::feed::Feeds;

/// The media type, with its charset.
pub(super) const MEDIA_TYPE: &str = "text/x-opml; charset=utf-8";

/// The document: one folder, so that readers do not mingle them with what they have. A reader may ask for it again and again
/// (dynamic OPML), and sees sections come and go.
pub(super) fn render(feeds: &Feeds) -> String {
    let title = escaped(&feeds.all.title);
    // A date as OPML has it (RFC 822), of the newest change.
    let changed = feeds.all.updated.to_rfc2822();
    let mut opml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<opml version=\"2.0\">\n\
         <head><title>{title}</title><dateModified>{changed}</dateModified></head>\n\
         <body>\n<outline text=\"{title}\" title=\"{title}\">\n"
    );
    for feed in feeds.iter() {
        let (text, page) = (escaped(&feed.title), escaped(&feed.url("")));
        let (address, description) = (escaped(&feed.url("rss.xml")), escaped(&feed.description));
        let language = feed.language.as_ref().map(|tag| format!(" language=\"{}\"", escaped(tag))).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(
            opml,
            "<outline type=\"rss\" version=\"RSS2\" text=\"{text}\" title=\"{text}\" description=\"{description}\"{language} xmlUrl=\"{address}\" htmlUrl=\"{page}\"/>"
        );
    }
    opml.push_str("</outline>\n</body>\n</opml>\n");
    opml
}
