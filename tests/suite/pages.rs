//! The pages people look at: what stands on them, what they lead to, how a publisher changes their looks.

use std::collections::BTreeSet;

use feedmill::site::Site;
use sha2::{Digest as _, Sha256};

use crate::harness::{Folder, body, digest, feedmill, page};

/// Where a page leads to on its own site, and the name of each link's target within its page.
fn own_links(html: &str) -> Vec<&str> {
    html.match_indices("href=\"/").filter_map(|(at, _)| html[at + "href=\"".len()..].split('"').next()).collect()
}

/// What stands between two marks.
fn between<'h>(html: &'h str, from: &str, to: &str) -> &'h str {
    let rest = html.split_once(from).unwrap_or_else(|| panic!("no {from} in {html}")).1;
    rest.split_once(to).unwrap_or_else(|| panic!("no {to} in {rest}")).0
}

/// A digest a week, for some months, the newest on Monday, 2 June 2025.
fn weekly(weeks: i64) -> Folder {
    let folder = Folder::new();
    let newest: chrono::NaiveDate = "2025-06-02".parse().unwrap();
    for week in 0..weeks {
        let date = (newest - chrono::TimeDelta::weeks(week)).to_string();
        let (one, two) = (format!("Tower {week}"), format!("Ferry {week}"));
        folder.write(&format!("{date}.md"), digest(&date, &[("News", &[&one, &two]), ("Papers", &["Sorting"])]));
    }
    folder
}

#[test]
fn the_first_page_tells_how_often_digests_come_and_when_the_next_is_expected() {
    let site = weekly(10).site();
    let home = body(&site, "/");
    assert!(home.contains("<dd>every Monday</dd>"), "{home}");
    assert!(home.contains("<dd>10 since March 2025</dd>"), "{home}");
    assert!(home.contains("<time datetime=\"2025-06-09\">Monday, 9 June 2025</time>"), "{home}");
    assert!(home.contains("every Monday · about 2 items each time"), "a section's own rhythm: {home}");
    // Whatever the day on which it is built.
    assert_eq!(body(&weekly(10).site_with("", "2029-01-01T00:00:00Z"), "/"), home);
    assert!(!body(&weekly(1).site(), "/").contains("Next expected"), "one digest is no rhythm");
}

#[test]
fn pages_speak_the_language_of_what_stands_on_them() {
    let folder = Folder::with([
        ("2025-05-21.md", digest("2025-05-21", &[("新闻资讯", &["旧水塔变成图书馆", "夜间公交试运行"])]).as_str()),
        ("en/2025-05-21.md", digest("2025-05-21", &[("News", &["Tower"])]).as_str()),
        ("de/2025-05-21.md", digest("2025-05-21", &[("Nachrichten", &["Turm"])]).as_str()),
    ]);
    let site = folder.site_with("site: {language: zh-CN}", "2026-01-01T00:00:00Z");
    let home = body(&site, "/");
    assert!(home.contains("<html lang=\"zh-CN\" dir=\"ltr\">") && home.contains(">订阅</h2>"), "{home}");
    assert!(home.contains("<section class=\"card\" lang=\"en\">"), "what is in another language says so: {home}");
    let english = body(&site, "/digests/2025-05-21-en/");
    assert!(english.contains("<html lang=\"en\"") && english.contains(">Wednesday, 21 May 2025</time>"), "{english}");
    // Nobody taught the pages German: their own words are English, and say so.
    let german = body(&site, "/digests/2025-05-21-de/");
    assert!(
        german.contains("<html lang=\"de\"") && german.contains("<h2 id=\"subscribe-title\" lang=\"en\">"),
        "{german}"
    );
    assert!(german.contains("<time datetime=\"2025-05-21\" lang=\"en\">2025-05-21</time>"), "{german}");
}

#[test]
fn a_language_that_runs_from_right_to_left_turns_its_page_around() {
    let text = digest("2025-05-21", &[("أخبار", &["مكتبة"])]);
    let site = Folder::with([("ar/2025-05-21.md", text.as_str())]).site();
    for route in ["/", "/digests/2025-05-21-ar/"] {
        let html = body(&site, route);
        assert!(html.contains("<html lang=\"ar\" dir=\"rtl\">"), "{route}: {html}");
        assert!(html.contains("dir=\"ltr\" href=\"https://news.example.org/rss.xml\""), "addresses stay as they are");
    }
}

#[test]
fn before_and_after_a_digest_come_those_in_its_language() {
    let mut files = Vec::new();
    for day in 1..=3 {
        let date = format!("2025-05-0{day}");
        files.push((format!("{date}.md"), digest(&date, &[("新闻资讯", &["旧水塔变成图书馆"])])));
        files.push((format!("{date}.en.md"), digest(&date, &[("News", &["Tower"])])));
    }
    let site = Folder::with(files.iter().map(|(name, text)| (name.as_str(), text.as_str()))).site();
    for ending in ["", "-en"] {
        let html = body(&site, &format!("/digests/2025-05-02{ending}/"));
        assert!(html.contains(&format!("rel=\"prev\" href=\"/digests/2025-05-01{ending}/\"")), "{html}");
        assert!(html.contains(&format!("rel=\"next\" href=\"/digests/2025-05-03{ending}/\"")), "{html}");
    }
}

#[test]
fn a_section_goes_back_month_by_month_to_its_first_item() {
    let site = weekly(20).site_with("feeds: {days: 1, digests: 2}", "2026-01-01T00:00:00Z");
    let (mut route, mut months, mut titles) = ("/news/".to_owned(), Vec::new(), BTreeSet::new());
    loop {
        let html = body(&site, &route);
        titles.extend((0..20).map(|week| format!("Tower {week}")).filter(|title| html.contains(&format!(">{title}<"))));
        let Some((before, _)) = html.split_once("\"><span class=\"way\" aria-hidden=\"true\">←") else { break };
        route = before.rsplit_once('"').unwrap().1.to_owned();
        months.push(route.clone());
    }
    assert_eq!(titles.len(), 20);
    assert_eq!(months, ["05", "04", "03", "02", "01"].map(|month| format!("/news/archive/2025-{month}/")));
    let html = body(&site, "/news/archive/2025-04/");
    assert!(
        html.contains("<h1>April 2025</h1>") && html.contains("rel=\"next\" href=\"/news/archive/2025-05/\""),
        "{html}"
    );
}

#[test]
fn digests_stand_in_a_calendar_and_in_the_list_of_their_month() {
    let folder = weekly(6);
    folder.write("2025-06-02.de.md", digest("2025-06-02", &[("Nachrichten", &["Turm"])]));
    let site = folder.site_with("site: {language: en}", "2026-01-01T00:00:00Z");
    let calendar = body(&site, "/digests/");
    assert!(calendar.contains("<a href=\"/digests/2025-05-26/\" aria-label=\"26 May 2025\">26</a>"), "{calendar}");
    // Which of two is for the reader to choose.
    assert!(
        calendar.contains("<a href=\"/digests/archive/2025-06/#day-2\" aria-label=\"2 June 2025\">2</a>"),
        "{calendar}"
    );
    let june = body(&site, "/digests/archive/2025-06/");
    let day = between(&june, "<li id=\"day-2\">", "</ul>");
    assert_eq!(own_links(day), ["/digests/2025-06-02/", "/digests/2025-06-02-de/"]);
    assert!(
        june.contains("rel=\"prev\" href=\"/digests/archive/2025-05/\"") && !june.contains("rel=\"next\""),
        "{june}"
    );
}

#[test]
fn every_link_of_every_page_leads_somewhere() {
    let site = weekly(20).site_with("feeds: {days: 1, digests: 2}", "2026-01-01T00:00:00Z");
    let pages: Vec<&String> = site.pages.keys().filter(|route| route.ends_with('/')).collect();
    assert!(pages.len() > 30);
    for route in pages {
        for link in own_links(&body(&site, route)) {
            let (target, place) = link.split_once('#').unwrap_or((link, ""));
            let there = site.pages.get(target).unwrap_or_else(|| panic!("{route} leads to {link}"));
            let html = String::from_utf8_lossy(there.body());
            assert!(place.is_empty() || html.contains(&format!("id=\"{place}\"")), "{route} leads to {link}");
        }
    }
}

#[test]
fn pages_tell_other_sites_what_they_are() {
    let text = digest("2025-05-22", &[("News", &["</script> in a title & more", "Ferry"])]);
    let text = text.replace("title: Digest of", "authors: [One]\ntitle: </script> of");
    let site =
        Folder::with([("2025-05-22.md", text.as_str())]).site_with("site: {language: en-GB}", "2026-01-01T00:00:00Z");
    let html = body(&site, "/digests/2025-05-22/");
    assert!(html.contains("<link rel=\"canonical\" href=\"https://news.example.org/digests/2025-05-22/\">"), "{html}");
    assert!(html.contains("<meta property=\"og:type\" content=\"article\">"), "{html}");
    assert!(html.contains("<meta property=\"og:locale\" content=\"en_GB\">"), "{html}");
    let data = between(&html, "<script type=\"application/ld+json\">", "</script>");
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["@type"], "Article");
    assert_eq!(data["headline"], "</script> of 2025-05-22");
    assert_eq!(data["datePublished"], "2025-05-22T08:00:00+00:00");
    assert_eq!(data["author"][0]["name"], "One");
    assert!(data["description"].as_str().unwrap().ends_with("; Ferry"), "without a description, what is in it: {data}");
    let home = body(&site, "/");
    let data = between(&home, "<script type=\"application/ld+json\">", "</script>");
    assert_eq!(serde_json::from_str::<serde_json::Value>(data).unwrap()["url"], "https://news.example.org/");
    let missing = String::from_utf8_lossy(site.not_found.body()).into_owned();
    assert!(missing.contains("content=\"noindex\"") && !missing.contains("rel=\"canonical\""), "{missing}");
}

#[test]
fn the_sitemap_leads_to_every_digest_and_to_nothing_else() {
    let folder = weekly(10);
    let site = folder.site();
    let robots = body(&site, "/robots.txt");
    assert!(robots.contains("\nSitemap: https://news.example.org/sitemap.xml\n"), "{robots}");
    let files = places(&site, "/sitemap.xml");
    assert_eq!(files, ["pages", "2025-06", "2025-05", "2025-04", "2025-03"].map(|name| format!("/sitemap/{name}.xml")));
    let listed: BTreeSet<String> = files.iter().flat_map(|file| places(&site, file)).collect();
    let pages = site.pages.keys().filter(|route| route.ends_with('/') && !route.starts_with("/news/archive/"));
    let pages = pages.filter(|route| !route.starts_with("/papers/archive/"));
    assert_eq!(listed, pages.cloned().collect());
    // Equal changes have equal dates, whenever it is asked for.
    assert_eq!(page(&site, "/sitemap.xml").body(), page(&folder.site(), "/sitemap.xml").body());
}

/// The routes that a sitemap names, with a date each.
fn places(site: &Site, route: &str) -> Vec<String> {
    let text = body(site, route);
    let document = roxmltree::Document::parse(&text).unwrap();
    let named = |name: &str| {
        let space = "http://www.sitemaps.org/schemas/sitemap/0.9";
        let texts = document.descendants().filter(|node| node.has_tag_name((space, name)));
        texts.map(|node| node.text().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(named("lastmod").iter().all(|date| chrono::DateTime::parse_from_rfc3339(date).is_ok()), "{text}");
    assert_eq!(named("lastmod").len(), named("loc").len());
    let routes = named("loc").into_iter();
    routes.map(|url| url.strip_prefix("https://news.example.org").unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_script_in_a_page_is_the_one_that_the_policy_lets_run() {
    let daemon = weekly(2).serve().await;
    let answer = daemon.get("/", &[]).await;
    let policy = answer.header("content-security-policy").unwrap();
    let allowed = between(policy, "script-src 'sha256-", "'").to_owned();
    let html = answer.text();
    let script = between(&html, "<script>", "</script>");
    assert_eq!(base64(&Sha256::digest(script.as_bytes())), allowed);
    assert_eq!(html.matches("<script").count(), 2, "the script, and data: {html}");
}

/// RFC 4648, section 4.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let quads = bytes.chunks(3).map(|chunk| {
        let number = (0..3).fold(0_usize, |number, at| number << 8 | usize::from(*chunk.get(at).unwrap_or(&0)));
        let letter = |at: usize| match at <= chunk.len() {
            true => char::from(ALPHABET[number >> (18 - 6 * at) & 63]),
            false => '=',
        };
        (0..4).map(letter).collect::<String>()
    });
    quads.collect()
}

#[test]
fn a_publisher_changes_colours_logo_footer_and_style_and_nothing_else() {
    let etc = Folder::with([
        (
            "feedmill.yaml",
            "look: {accent: '#7a1f5c', logo: mark.svg, stylesheet: more.css, footer: '© City Daily · [Imprint](/imprint) <script>x</script>'}\n",
        ),
        ("mark.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\"/>"),
        ("more.css", "h1 { letter-spacing: .1em; }\n"),
    ]);
    let content = weekly(2);
    let output = etc.file("site");
    let config = etc.file("feedmill.yaml");
    let arguments = [
        "build",
        content.path().to_str().unwrap(),
        "--config",
        config.to_str().unwrap(),
        "--output",
        output.to_str().unwrap(),
    ];
    // The second one replaces what the first one wrote, with its logo.
    assert!(feedmill(&arguments).status.success() && feedmill(&arguments).status.success());
    let read = |name: &str| std::fs::read_to_string(output.join(name)).unwrap();
    let style = read("style.css");
    assert!(style.contains("--link:#7a1f5c") && style.ends_with("h1 { letter-spacing: .1em; }\n"), "{style}");
    assert!(read("logo.svg").starts_with("<svg "));
    for name in ["index.html", "digests/2025-06-02/index.html", "404.html"] {
        let html = read(name);
        assert!(html.contains("<footer><p>© City Daily · <a href=\"/imprint\">Imprint</a> </p>"), "{html}");
        assert!(html.contains("<link rel=\"icon\" type=\"image/svg+xml\" href=\"/logo.svg\">"), "{html}");
        assert!(html.contains("<img src=\"/logo.svg\" alt=\"\""), "{html}");
    }
}

#[test]
fn another_look_reaches_pages_that_were_there_before() {
    let folder = weekly(2);
    let look = |footer: &str| crate::harness::options(&format!("look: {{footer: {footer}}}"), folder.path());
    let build = |footer: &str, before: Option<&Site>| {
        let options = look(footer);
        let mut library = feedmill::library::Library::new(folder.path(), options.library, options.site.rules.clone());
        let now = crate::harness::moment("2026-01-01T00:00:00Z");
        library.refresh(&std::collections::HashSet::new(), now.date_naive()).unwrap();
        let (settlement, _) = feedmill::ledger::Ledger::default().settle(library.digests(), now, &options.site.ids);
        Site::build(&settlement.digests, &options.site, before, &feedmill::ledger::Validators::new(), now)
    };
    let first = build("First", None);
    let second = build("Second", Some(&first));
    assert!(body(&second, "/digests/2025-06-02/").contains("<footer><p>Second</p>"));
}
