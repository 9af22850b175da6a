//! Folder to feeds: what subscribers get, read back by parsers that share no code with the writers.

use chrono::DateTime;

use crate::harness::{BASE, Folder, body, digest, fields, json, page, titles};

fn two_days() -> Folder {
    Folder::with([
        (
            "2025-05-21.md",
            digest("2025-05-21", &[("News", &["Old one", "Old two"]), ("Papers", &["Old paper"])]).as_str(),
        ),
        ("2025-05-22.md", digest("2025-05-22", &[("News", &["New one", "New two"])]).as_str()),
    ])
}

#[test]
fn every_grain_has_its_entries_newest_first() {
    let site = two_days().site();
    assert_eq!(titles(&site, "/"), ["New one", "New two", "Old one", "Old two", "Old paper"]);
    assert_eq!(titles(&site, "/news/"), ["New one", "New two", "Old one", "Old two"]);
    assert_eq!(titles(&site, "/papers/"), ["Old paper"]);
    assert_eq!(titles(&site, "/digests/"), ["Digest of 2025-05-22", "Digest of 2025-05-21"]);
}

#[test]
fn an_item_has_one_id_in_all_feeds_and_formats() {
    let site = two_days().site();
    let ids = fields(&site, "/", "id");
    assert!(ids.iter().all(|id| id.starts_with("tag:news.example.org,2025:2025-05-2") && id.is_ascii()), "{ids:?}");
    assert_eq!(fields(&site, "/papers/", "id"), ids[4..]);
    for route in ["/rss.xml", "/atom.xml"] {
        let feed = feed_rs::parser::parse(body(&site, route).as_bytes()).unwrap();
        assert_eq!(feed.entries.iter().map(|entry| entry.id.clone()).collect::<Vec<_>>(), ids, "{route}");
    }
}

#[test]
fn a_reader_s_parser_sees_titles_links_dates_and_texts() {
    let site = two_days().site();
    let published = fields(&site, "/", "date_published");
    for route in ["/rss.xml", "/atom.xml"] {
        let feed = feed_rs::parser::parse(body(&site, route).as_bytes()).unwrap();
        let entry = &feed.entries[0];
        assert_eq!(entry.title.as_ref().unwrap().content, "New one", "{route}");
        assert_eq!(entry.links[0].href, "https://example.com/new-one", "{route}");
        assert_eq!(entry.published.unwrap(), DateTime::parse_from_rfc3339(&published[0]).unwrap(), "{route}");
        assert_eq!(entry.summary.as_ref().unwrap().content, "About New one.", "{route}");
        assert_eq!(entry.content.as_ref().unwrap().body.as_deref(), Some("<p>About New one.</p>"), "{route}");
        assert_eq!(entry.categories[0].label.as_deref().unwrap_or(&entry.categories[0].term), "News", "{route}");
    }
}

#[test]
fn times_fall_strictly_in_document_order_and_hold_the_zone() {
    let folder = two_days();
    let site = folder.site_with("time: {timezone: Asia/Shanghai, publish_at: '07:30'}", "2026-01-01T00:00:00Z");
    let published = fields(&site, "/", "date_published");
    assert_eq!(published[..3], ["2025-05-22T07:30:00+08:00", "2025-05-22T07:29:59+08:00", "2025-05-21T07:30:00+08:00"]);
    assert!(body(&site, "/rss.xml").contains("<pubDate>Thu, 22 May 2025 07:30:00 +0800</pubDate>"));
}

#[test]
fn in_the_hour_that_summer_time_leaves_out_the_next_moment_counts() {
    let folder = Folder::with([("2025-03-09.md", digest("2025-03-09", &[("News", &["a"])]).as_str())]);
    let site = folder.site_with("time: {timezone: America/New_York, publish_at: '02:30'}", "2026-01-01T00:00:00Z");
    assert_eq!(fields(&site, "/", "date_published"), ["2025-03-09T03:00:00-04:00"]);
    let folder = Folder::with([("2025-11-02.md", digest("2025-11-02", &[("News", &["a"])]).as_str())]);
    let site = folder.site_with("time: {timezone: America/New_York, publish_at: '01:30'}", "2026-01-01T00:00:00Z");
    assert_eq!(fields(&site, "/", "date_published"), ["2025-11-02T01:30:00-04:00"]);
}

#[test]
fn a_digest_of_today_is_published_at_once_and_one_of_tomorrow_waits() {
    let folder = two_days();
    assert_eq!(titles(&folder.site_with("", "2025-05-21T23:59:59Z"), "/news/"), ["Old one", "Old two"]);
    let site = folder.site_with("", "2025-05-22T03:00:00Z");
    assert_eq!(fields(&site, "/news/", "date_published")[0], "2025-05-22T03:00:00+00:00");
}

#[test]
fn titles_edits_file_names_order_and_base_url_change_no_id() {
    let before = two_days();
    let ids = |folder: &Folder| {
        let mut ids = fields(&folder.site(), "/", "id");
        ids.sort();
        ids
    };
    let first = ids(&before);
    let text = std::fs::read_to_string(before.file("2025-05-22.md")).unwrap();
    before.write("2025-05-22.md", text.replace("### New one", "### Another title"));
    before.rename("2025-05-22.md", "archive/2025-05-22-renamed.md");
    assert_eq!(ids(&before), first);
}

#[test]
fn two_items_with_one_link_have_two_ids() {
    let text = "# T\n\n## S\n\n### a\n\nx [Link](https://example.org/s?utm_source=a)\n\n### b\n\nx [Link](https://example.org/s)\n\n### c\n\nx [Link](https://example.org/s)\n";
    let mut ids = fields(&Folder::with([("2025-05-22.md", text)]).site(), "/", "id");
    ids.dedup();
    assert_eq!(ids.len(), 3, "{ids:?}");
}

#[test]
fn an_author_s_id_is_kept() {
    let text = "# T\n\n## S\n\n### a {#shore-power}\n\nx [Link](https://example.org/s)\n";
    let ids = fields(&Folder::with([("2025-05-22.md", text)]).site(), "/", "id");
    assert_eq!(ids, ["tag:news.example.org,2025:2025-05-22/shore-power"]);
}

#[test]
fn an_entry_without_link_or_body_still_has_both() {
    let text = "# T\n\n## S\n\n### alone\n\n### with link\n\n[Link](https://example.org/s)\n";
    let site = Folder::with([("2025-05-22.md", text)]).site();
    let feed = feed_rs::parser::parse(body(&site, "/atom.xml").as_bytes()).unwrap();
    let alone = &feed.entries[0];
    assert!(alone.links[0].href.starts_with(&format!("{BASE}digests/2025-05-22/#")), "{}", alone.links[0].href);
    assert!(alone.content.as_ref().unwrap().body.as_ref().unwrap().contains("alone</a>"));
}

#[test]
fn the_window_reaches_back_by_days_or_digests_and_stops_at_bytes() {
    let folder = Folder::new();
    for day in 1..=28 {
        let date = format!("2025-02-{day:02}");
        folder.write(&format!("{date}.md"), digest(&date, &[("News", &["one", "two"])]));
    }
    let now = "2026-01-01T00:00:00Z";
    let count = |yaml: &str| titles(&folder.site_with(yaml, now), "/").len();
    assert_eq!(count("feeds: {days: 7, digests: 1}"), 14);
    assert_eq!(count("feeds: {days: 1, digests: 10}"), 20);
    assert_eq!(count("feeds: {days: 28, digests: 28, max_bytes: 6000}"), 6);
    assert_eq!(count("feeds: {days: 28, digests: 28, max_bytes: 1}"), 1, "never empty of what there is");
}

#[test]
fn no_document_of_a_feed_is_longer_than_configured_nor_much_shorter() {
    let folder = Folder::new();
    let text = |day: usize| {
        let item = |number: usize| {
            let words =
                format!("\"Word\" & <{day}> 'number' {number}, 城市公交, {}. ", "and on it goes".repeat(number));
            format!(
                "### Q&A {number}: “a < b”\n\n{words} **`x && y`** *{words}* [>阅读原文](https://example.org/?a={day}&b={number})\n\n"
            )
        };
        format!(
            "---\nauthors: [\"A & B's\"]\ntags: [R&D]\n---\n# Day\n\n## R&D\n\n{}",
            (0..20).map(item).collect::<String>()
        )
    };
    (1..=9).for_each(|day| folder.write(&format!("2025-05-0{day}.md"), text(day)));
    let site = folder.site_with("feeds: {days: 99, digests: 99, max_bytes: 50000}", "2025-05-22T12:00:00Z");
    for route in ["/", "/r-and-d/"] {
        let lengths =
            ["rss.xml", "atom.xml", "feed.json"].map(|file| page(&site, &format!("{route}{file}")).body().len());
        assert!(lengths.iter().all(|length| *length <= 50_000), "{route}: {lengths:?}");
        assert!(lengths.iter().any(|length| *length > 35_000), "{route}: {lengths:?}");
    }
}

#[test]
fn late_items_of_old_digests_drive_no_new_one_out_of_a_feed() {
    use chrono::{DateTime, Utc};
    let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc);
    let digest = |day: u32, titles: &[&str]| {
        let date = format!("2025-02-{day:02}");
        let outcome = feedmill::digest::parse(
            &format!("{date}.md"),
            digest(&date, &[("News", titles)]).as_bytes(),
            &feedmill::digest::Rules::default(),
        );
        let (feedmill::digest::Outcome::Digests(mut digests), _) = outcome else { panic!("no digest") };
        (std::sync::Arc::from(date), std::sync::Arc::new(digests.remove(0).into()))
    };
    let ids = feedmill::ledger::Options::default();
    let mut ledger = feedmill::ledger::Ledger::default();
    let first: Vec<_> = (1..=28).map(|day| digest(day, &["one"])).collect();
    let (_, changes) = ledger.settle(&first, at("2025-03-01T00:00:00Z"), &ids);
    ledger.commit(changes, &Default::default(), Default::default()).unwrap();
    let later: Vec<_> =
        (1..=28).map(|day| if day <= 20 { digest(day, &["one", "late"]) } else { digest(day, &["one"]) }).collect();
    let (settlement, _) = ledger.settle(&later, at("2025-06-01T00:00:00Z"), &ids);
    let options = feedmill::feed::Options {
        title: "T".to_owned(),
        description: String::new(),
        language: None,
        authors: Vec::new(),
        base_url: String::new(),
        days: 7,
        digests: 3,
        max_bytes: 100_000,
        retracted: String::new(),
    };
    let (feeds, _) =
        feedmill::feed::gather(&settlement.digests, &feedmill::digest::Rules::default(), &options, &ids, None);
    let of = |day: u32| feeds.all.entries.iter().filter(|entry| entry.digest == format!("2025-02-{day:02}")).count();
    assert_eq!([of(28), of(26), of(22), of(20), of(1)], [1, 1, 1, 1, 1]);
}

#[test]
fn texts_that_break_feeds_do_not() {
    let text = "---\ndate: 2025-05-22\ntitle: \"A \\u0008 & <b>\"\nauthors: [']]> & <i>']\ntags: ['<&>']\n---\n# T\n\n## R&D\n\n### a & b `<dialog>` ]]> `x < y` &#8; &lt;i&gt;x&lt;/i&gt;\n\nx \u{8} ]]> &#11; <b>raw</b> [Link](https://example.org/?a=1&b=%22)\n";
    let site = Folder::with([("2025-05-22.md", text)]).site();
    for route in ["/rss.xml", "/atom.xml", "/digests/rss.xml", "/digests/atom.xml", "/r-and-d/atom.xml", "/feeds.opml"]
    {
        let text = body(&site, route);
        let document = roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{route}: {error}\n{text}"));
        if route == "/rss.xml" {
            let item = document.descendants().find(|node| node.has_tag_name("item")).unwrap();
            let title = item.children().find(|node| node.has_tag_name("title")).unwrap().text().unwrap();
            assert_eq!(title, "a & b ‹dialog› ]]> x < y ‹i›x‹/i›");
        }
    }
    assert_eq!(json(&site, "/")["items"][0]["external_url"], "https://example.org/?a=1&b=%22");
}

#[test]
fn rss_has_the_description_before_the_content_and_no_permalinks() {
    let rss = body(&two_days().site(), "/rss.xml");
    assert!(rss.rfind("<description>").unwrap() < rss.rfind("<content:encoded>").unwrap());
    assert!(rss.contains("<guid isPermaLink=\"false\">tag:"));
    assert!(rss.contains("rel=\"self\"") && rss.contains("https://news.example.org/rss.xml"));
}

#[test]
fn an_empty_publication_has_valid_feeds() {
    let site = Folder::new().site();
    for route in ["/rss.xml", "/atom.xml", "/digests/rss.xml"] {
        feed_rs::parser::parse(body(&site, route).as_bytes()).unwrap();
    }
    assert_eq!(json(&site, "/")["items"].as_array().unwrap().len(), 0);
}

#[test]
fn what_runs_from_right_to_left_says_so_and_is_isolated() {
    let text = "# اليوم\n\n## أخبار\n\n### مكتبة في برج الماء (2026)\n\nفتحت المدينة C++. [المزيد](https://example.org/1)\n\n### Night buses\n\nTwo lines run.\n";
    let folder = Folder::with([("2025-05-22.md", text)]);
    let site = folder.site();
    let html = crate::harness::fields(&site, "/", "content_html");
    assert!(html[0].starts_with("<div dir=\"rtl\"><p>فتحت"), "{html:?}");
    assert!(html[1].starts_with("<p>Two lines"), "{html:?}");
    let whole = crate::harness::fields(&site, "/digests/", "content_html");
    assert!(whole[0].starts_with("<div dir=\"rtl\">"), "{whole:?}");
    let page = crate::harness::body(&site, "/digests/2025-05-22/");
    assert!(
        page.contains(" dir=\"rtl\">\n<head>")
            && page.contains("<section class=\"item\" id=")
            && page.contains("dir=\"auto\">"),
        "{page}"
    );
    let home = crate::harness::body(&site, "/");
    assert!(home.contains("<li dir=\"auto\"><a href=\"https://example.org/1\">مكتبة"), "{home}");
}
