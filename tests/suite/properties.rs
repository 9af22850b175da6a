//! What holds for any input: nothing panics, ids are unique, feeds are well-formed.

use std::collections::HashSet;

use feedmill::digest::{self, Outcome, Rules};
use proptest::prelude::*;

use crate::harness::{Folder, body, fields, titles};

/// Pieces that matter to the parser, so that random texts get somewhere.
fn piece() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "# ",
        "## ",
        "### ",
        "#### ",
        "* ",
        "1. ",
        "> ",
        "---\n",
        "\n\n",
        "\n",
        "```\n",
        "[",
        "](",
        ")",
        "](https://example.org/a)",
        "[>阅读原文](https://example.com/1)",
        "[Link](https://example.com/?a=1&b=2)",
        "![i](https://example.org/i.png)",
        "**",
        "`",
        "<div>",
        "</div>",
        "<script>",
        "<!--",
        "-->",
        "]]>",
        "&",
        "&#8;",
        "&lt;",
        "\u{8}",
        "\u{FFFE}",
        "\u{202E}",
        "😀",
        "新闻资讯",
        "مرحبا",
        "[^1]",
        "[^1]: ",
        "| a | b |\n|---|---|\n",
        "- [x] ",
        "{#id}",
        "2025-05-22",
        "title: ",
        "date: ",
        "draft: true\n",
        "javascript:alert(1)",
        "    ",
        "\t",
        "<img src=x onerror=1>",
        "<a href='//x'>",
        "~~",
        "\\",
        "\r\n",
    ]);
    prop_oneof![4 => fixed.prop_map(str::to_owned), 1 => "\\PC{0,12}", 1 => "[a-z ]{1,12}"]
}

fn markdown() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn any_bytes_are_understood_or_told(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let (outcome, findings) = digest::parse("2025-05-22.md", &bytes, &Rules::default());
        prop_assert!(!matches!(outcome, Outcome::Unusable) || !findings.is_empty(), "refused without a word");
    }

    #[test]
    fn any_markdown_makes_items_with_titles_and_places(text in markdown()) {
        let (outcome, findings) = digest::parse("2025-05-22.md", text.as_bytes(), &Rules::default());
        let lines = text.replace("\r\n", "\n").replace('\r', "\n").matches('\n').count() + 1;
        prop_assert!(findings.iter().all(|finding| (1..=lines).contains(&finding.line) && finding.column >= 1));
        let digests = if let Outcome::Digests(digests) = outcome { digests } else { Vec::new() };
        for digest in digests {
            let slugs: HashSet<&str> = digest.sections.iter().map(|section| section.slug.as_str()).collect();
            prop_assert_eq!(slugs.len(), digest.sections.len(), "a slug twice");
            for (_, item) in digest.items() {
                prop_assert!(!item.title.trim().is_empty() && !item.title.contains('\n'));
                prop_assert!((1..=lines).contains(&item.line));
                prop_assert!(item.link.as_deref().is_none_or(|link| link.starts_with("http://") || link.starts_with("https://")));
                let html = item.html.to_ascii_lowercase();
                // What is text is escaped, so a tag or an attribute that stands here is one.
                for unsafe_part in ["<script", "href=\"javascript", "<img src=x", "<iframe"] {
                    prop_assert!(!html.contains(unsafe_part), "{}", item.html);
                }
            }
        }
    }

    #[test]
    fn any_folder_makes_feeds_that_are_well_formed_with_unique_ids(one in markdown(), two in markdown()) {
        const MOST: usize = 6000;
        let folder = Folder::with([("2025-05-21.md", one.as_str()), ("2025-05-22.md", two.as_str())]);
        let site = folder.site_with("feeds: {max_bytes: 6000}", "2025-05-23T12:00:00Z");
        for (route, page) in &site.pages {
            let is_feed = ["rss.xml", "atom.xml", "feed.json"].iter().any(|file| route.ends_with(file));
            let is_one = || titles(&site, &route[..=route.rfind('/').unwrap()]).len() <= 1;
            prop_assert!(!is_feed || page.body().len() <= MOST || is_one(), "{} has {} bytes", route, page.body().len());
            if route.ends_with(".xml") || route.ends_with(".opml") {
                let text = body(&site, route);
                prop_assert!(roxmltree::Document::parse(&text).is_ok(), "{} is broken: {}", route, text);
            } else if route.ends_with(".json") {
                prop_assert!(serde_json::from_slice::<serde_json::Value>(page.body()).is_ok(), "{} is broken", route);
            }
        }
        let ids = fields(&site, "/", "id");
        let unique: HashSet<&String> = ids.iter().collect();
        prop_assert_eq!(unique.len(), ids.len());
        prop_assert!(ids.iter().all(|id| id.is_ascii()));
        let updated = fields(&site, "/", "date_modified");
        prop_assert!(updated.windows(2).all(|pair| pair[0] > pair[1]), "times do not fall: {:?}", updated);
    }

    #[test]
    fn any_request_head_is_answered(names in prop::collection::vec(("[A-Za-z-]{1,12}", "[ -~]{0,20}"), 0..6), path in "/[!-~]{0,30}") {
        let site = Folder::new().site();
        let mut request = hyper::Request::builder().uri("/rss.xml").header("host", "x");
        if let Ok(uri) = path.parse::<hyper::Uri>() {
            request = request.uri(uri);
        }
        for (name, value) in &names {
            request = request.header(name, value);
        }
        if let Ok(request) = request.body(()) {
            let (head, ()) = request.into_parts();
            let answer = feedmill::http::respond::respond(&head, &site, &feedmill::http::respond::Options::default());
            prop_assert!([200, 301, 304, 404].contains(&answer.status().as_u16()));
        }
    }
}
