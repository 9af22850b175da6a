//! Text to digest: front matter, dates, sections, items.

use expect_test::{Expect, expect};
use feedmill::digest::{self, Digest, Outcome, Rules, SectionRule, Unknown};
use feedmill::finding::{Code, Finding};

fn parse_as(path: &str, text: &str, rules: &Rules) -> (Digest, Vec<Finding>) {
    match digest::parse(path, text.as_bytes(), rules) {
        (Outcome::Digests(mut digests), findings) if digests.len() == 1 => (digests.remove(0), findings),
        (other, findings) => panic!("no digest but {other:?}: {findings:?}"),
    }
}

fn parse(text: &str) -> (Digest, Vec<Finding>) {
    parse_as("2025-05-22.md", text, &Rules::default())
}

/// One line per section and item: enough to see what was understood.
fn sketch(digest: &Digest) -> String {
    let mut text = String::new();
    for section in &digest.sections {
        text.push_str(&format!("{} ({})\n", section.title, section.slug));
        for item in &section.items {
            let link = item.link.as_deref().unwrap_or("-");
            text.push_str(&format!("  {}: {} <{link}> {}\n", item.line, item.title, item.html.replace('\n', "⏎")));
        }
    }
    text
}

#[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
fn check(text: &str, expected: Expect) {
    expected.assert_eq(&sketch(&parse(text).0));
}

#[test]
fn the_seed_s_form() {
    check(
        "---\ndate: 2025-05-22\ntitle: 日报：一; 二\n---\n\n> 看见未来。\n\n# 2025-05-22 资讯日报\n\n## 新闻资讯\n\n### 旧水塔，变成图书馆\n\n某城：水塔改建。[>阅读原文](https://example.com/s?a=1&chksm=2#rd)\n\n### 第二\n文字。[>阅读原文](https://example.com/2)\n\n## 算法论文\n\n### 排序\n\n一篇。[>阅读原文](https://example.com/3)\n\n\n<p style=\"text-align: center;\">\n  <img src=\"https://example.com/x.png\" style=\"max-width: 8px\" />\n</p>\n        ",
        expect![[r#"
            新闻资讯 (xin-wen-zi-xun)
              12: 旧水塔，变成图书馆 <https://example.com/s?a=1&chksm=2#rd> <p>某城：水塔改建。</p>
              16: 第二 <https://example.com/2> <p>文字。</p>
            算法论文 (suan-fa-lun-wen)
              21: 排序 <https://example.com/3> <p>一篇。</p>
        "#]],
    );
}

#[test]
fn an_empty_day_is_a_digest_without_items() {
    let (digest, findings) = parse_as(
        "2025-08-18.md",
        "---\ndate: 2025-08-18\ntitle: AI日报：\n---\n\n# 2025-08-17 12:00 - 2025-08-18 12:00 资讯日报\n\n该时间段内还没有新文章发布。",
        &Rules::default(),
    );
    assert_eq!((digest.len(), findings), (0, vec![]));
    assert_eq!(digest.title, "AI日报：");
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_change_nothing() {
    let text = "---\ndate: 2025-05-22\ntitle: T\n---\n\n# H\n\n## S\n\n### a\n\nb [Link](https://example.org/)\n";
    let windows = format!("\u{FEFF}{}", text.replace('\n', "\r\n"));
    assert_eq!(parse(text), parse(&windows));
}

#[test]
fn an_item_may_hold_lists_tables_images_and_deeper_headings() {
    check(
        "# T\n\n## S\n\n### a\n\ntext\n\n- one\n- two\n\n#### more\n\n![i](https://example.org/i.png)\n\n[Read more](https://example.org/a)\n\n### b\n\nx\n",
        expect![[r#"
            S (s)
              5: a <https://example.org/a> <p>text</p>⏎<ul>⏎<li>one</li>⏎<li>two</li>⏎</ul>⏎<h4>more</h4>⏎<p><img src="https://example.org/i.png" alt="i" loading="lazy" referrerpolicy="no-referrer"></p>
              18: b <-> <p>x</p>
        "#]],
    );
}

#[test]
fn a_heading_that_is_a_link_leads_to_its_story() {
    check(
        "# T\n\n## S\n\n### [#12: Add](https://example.org/12)\n\nprose with [another](https://example.org/x)\n",
        expect![[r##"
            S (s)
              5: #12: Add <https://example.org/12> <p>prose with <a href="https://example.org/x">another</a></p>
        "##]],
    );
}

#[test]
fn the_entries_of_a_list_are_items() {
    check(
        "# T\n\n## S\n\n* [one](https://example.org/1)\n* [two](https://example.org/2) and more\n* **three**: text [source](https://example.org/3)\n* four is a sentence. Here is another.\n",
        expect![[r#"
            S (s)
              5: one <https://example.org/1> 
              6: two and more <https://example.org/2> 
              7: three <https://example.org/3> <p>text</p>
              8: four is a sentence. <-> <p>four is a sentence. Here is another.</p>
        "#]],
    );
}

#[test]
fn a_list_without_any_section_stands_alone() {
    let (digest, _) =
        parse("# 2025-05-22\n\n共 2 条\n\n1. [一](https://example.org/1)\n2. [二](https://example.org/2)\n");
    assert_eq!(sketch(&digest), " ()\n  5: 一 <https://example.org/1> \n  6: 二 <https://example.org/2> \n");
}

#[test]
fn numbering_ids_and_stray_asterisks_leave_the_title() {
    let (digest, _) = parse("# T\n\n## S\n\n### 1. **A** {#my-id}\n\nx\n\n### 2、B**\n\ny\n\n### 3.5 billion\n\nz\n");
    let titles: Vec<&str> = digest.items().map(|(_, item)| item.title.as_str()).collect();
    assert_eq!(titles, ["A", "B", "3.5 billion"]);
    assert_eq!(digest.sections[0].items[0].id.as_deref(), Some("my-id"));
}

#[test]
fn a_thematic_break_and_a_closing_link_end_the_last_item() {
    check(
        "# T\n\n## S\n\n### a\n\ntext [Link](https://example.org/a)\n\n---\n\nsponsor\n\n### b\n\ntext [Link](https://example.org/b)\n\n[Our home](https://example.org/)\n",
        expect![[r#"
            S (s)
              5: a <https://example.org/a> <p>text</p>
              13: b <https://example.org/b> <p>text</p>
        "#]],
    );
}

#[test]
fn headings_in_code_and_comments_are_none() {
    check(
        "# T\n\n## S\n\n### a\n\n```\n## no\n```\n\n<!--\n## no\n-->\n\n### b\n\nx\n",
        expect![[r#"
            S (s)
              5: a <-> <pre><code>## no⏎</code></pre>
              15: b <-> <p>x</p>
        "#]],
    );
}

#[test]
fn the_same_heading_twice_is_one_section() {
    let (digest, _) =
        parse("# T\n\n## News\n\n### a\n\nx\n\n## Papers\n\n### b\n\nx\n\n## 📰 NEWS (3)\n\n### c\n\nx\n");
    let sections: Vec<(&str, usize)> = digest.sections.iter().map(|s| (s.slug.as_str(), s.items.len())).collect();
    assert_eq!(sections, [("news", 2), ("papers", 1)]);
}

#[test]
fn different_headings_never_share_a_slug() {
    let (digest, _) =
        parse("# T\n\n## 公式\n\n### a\n\nx\n\n## 公事\n\n### b\n\nx\n\n## 🚀\n\n### c\n\nx\n\n## —\n\n### d\n\nx\n");
    let mut slugs: Vec<&str> = digest.sections.iter().map(|section| section.slug.as_str()).collect();
    assert_eq!(slugs.len(), 4);
    assert!(slugs.iter().all(|slug| !slug.is_empty() && slug.is_ascii()));
    slugs.sort_unstable();
    slugs.dedup();
    assert_eq!(slugs.len(), 4);
}

#[test]
fn configured_sections_take_their_headings_and_the_rest_goes_where_it_is_told() {
    let news = SectionRule {
        slug: "news".into(),
        title: Some("新闻".into()),
        headings: vec!["新闻资讯".into(), "News".into()],
        ..SectionRule::default()
    };
    let rest = Unknown::Rest { slug: "misc".into(), title: "Misc".into() };
    let rules = Rules { sections: vec![news], unknown: rest, ..Rules::default() };
    let text = "# T\n\n## 🗞 新闻资讯（2）\n\n### a\n\nx\n\n## Jobs\n\n### b\n\nx\n\n## Events\n\n### c\n\nx\n";
    let (digest, findings) = parse_as("2025-05-22.md", text, &rules);
    let sections: Vec<_> = digest.sections.iter().map(|s| (s.slug.as_str(), s.title.as_str(), s.items.len())).collect();
    assert_eq!(sections, [("news", "新闻", 1), ("misc", "Misc", 2)]);
    assert_eq!(findings.iter().filter(|finding| finding.code == Code::SectionUnknown).count(), 2);
}

#[test]
fn an_empty_section_is_told() {
    let (digest, findings) = parse(
        "# T\n\n## A\n\n### a\n\nx [Link](https://example.org/)\n\n## B\n\n## C\n\n### c\n\nx [Link](https://example.org/c)\n",
    );
    assert_eq!(digest.sections.len(), 3);
    assert_eq!((findings[0].code, findings[0].line), (Code::SectionEmpty, 9));
    assert_eq!(findings.len(), 1);
}

#[test]
fn dates_come_from_front_matter_then_path_then_heading() {
    for (path, text, expected) in [
        ("a.md", "---\ndate: 2025-05-22\n---\n# 2025-05-23\n", "2025-05-22"),
        ("2025-05-21.md", "---\ntitle: x\n---\n", "2025-05-21"),
        ("20250521.md", "text", "2025-05-21"),
        ("2025/05/21/x.md", "text", "2025-05-21"),
        ("x.md", "# 2025年5月21日 日报\n", "2025-05-21"),
        ("2025-05-21.md", "# 2020-01-01\n", "2025-05-21"),
    ] {
        assert_eq!(parse_as(path, text, &Rules::default()).0.date.to_string(), expected, "{path} {text}");
    }
}

#[test]
fn dates_more_than_a_day_apart_are_told() {
    let (_, findings) = parse("---\ndate: 2025-05-25\n---\n# 2025-05-24\n");
    assert_eq!(findings.iter().map(|f| f.code).collect::<Vec<_>>(), [Code::DateDisagrees]);
    assert_eq!(findings[0].message, "the front matter says 2025-05-25, but the path says 2025-05-22");
}

#[test]
fn a_language_in_the_path_is_part_of_the_key() {
    for (path, key, language) in [
        ("en/2025-05-22.md", "2025-05-22-en", Some("en")),
        ("2025-05-22.zh-CN.md", "2025-05-22-zh-cn", Some("zh-CN")),
        ("posts/2025-05-22.md", "2025-05-22", None),
    ] {
        let digest = parse_as(path, "text", &Rules::default()).0;
        assert_eq!((digest.key.as_str(), digest.language.as_deref()), (key, language), "{path}");
    }
}

#[test]
fn what_is_not_a_digest_is_a_finding() {
    for (path, text, code) in [
        ("notes.md", "# Notes\n", Code::DateMissing),
        ("2025-05-22.md", " \n", Code::FileEmpty),
        ("2025-05-22.md", "---\ntitle: x\ntags: [\n---\n", Code::FrontMatterInvalid),
    ] {
        let (outcome, findings) = digest::parse(path, text.as_bytes(), &Rules::default());
        assert_eq!((outcome, findings[0].code), (Outcome::Unusable, code));
    }
}

#[test]
fn a_draft_is_held_back_without_a_word() {
    let (outcome, findings) = digest::parse("2025-05-22.md", b"---\ndraft: true\n---\n# x\n", &Rules::default());
    assert_eq!((outcome, findings), (Outcome::Draft, vec![]));
}

#[test]
fn an_item_without_title_is_left_out_and_one_without_link_is_kept() {
    let (digest, findings) = parse("# T\n\n## S\n\n###\n\n### b\n\ntext\n");
    assert_eq!(digest.len(), 1);
    assert_eq!(codes(&findings), [(5, Code::ItemWithoutTitle)]);
}

fn codes(findings: &[Finding]) -> Vec<(usize, Code)> {
    findings.iter().map(|finding| (finding.line, finding.code)).collect()
}

#[test]
fn an_item_without_link_is_told_where_nearly_all_have_one() {
    let linked: String = (0..9).map(|number| format!("* [item {number}](https://example.org/{number})\n")).collect();
    let (_, findings) = parse(&format!("# T\n\n## S\n\n{linked}* nothing to follow\n"));
    assert_eq!(codes(&findings), [(14, Code::ItemWithoutLink)]);
    let (_, findings) = parse("# T\n\n## S\n\n* one\n* two\n* [three](https://example.org/)\n");
    assert_eq!(findings, []);
}

#[test]
fn more_items_than_the_limit_are_left_out_with_one_finding() {
    let items: String = (0..20).map(|number| format!("* [a](https://example.org/{number})\n")).collect();
    let text = format!("# T\n\n## S\n\n{items}");
    let (digest, findings) = parse_as("2025-05-22.md", &text, &Rules { max_items: 5, ..Rules::default() });
    assert_eq!(digest.len(), 5);
    assert_eq!(findings.iter().filter(|finding| finding.code == Code::TooManyItems).count(), 1);
}

#[test]
fn a_day_with_one_section_has_that_section() {
    for front_matter in ["", "---\ntitle: Friday\n---\n\n"] {
        let text = format!("{front_matter}## News\n\n### a\n\nx\n\n### b\n\ny\n");
        let digest = parse(&text).0;
        assert_eq!((digest.sections[0].slug.as_str(), digest.len()), ("news", 2), "{front_matter}");
    }
    let (digest, _) = parse("## Weekly\n\n### News\n\n#### a\n\nx\n\n### Papers\n\n#### b\n\ny\n");
    assert_eq!(digest.title, "Weekly");
    assert_eq!(digest.sections.iter().map(|section| section.slug.as_str()).collect::<Vec<_>>(), ["news", "papers"]);
}

#[test]
fn a_text_without_items_is_told_unless_it_says_that_there_is_nothing() {
    let text = "The tower will be a library, says [the paper](https://example.org/tower). The ferry waits.";
    assert_eq!(told(&format!("# T\n\n{text}\n")), [(3, Code::NoItems)]);
    assert_eq!(told(&format!("# T\n\n{}\n", "A tower without a link. ".repeat(10))), [(3, Code::NoItems)]);
    assert_eq!(told("# T\n\nNothing new today.\n"), []);
    assert_eq!(told(&format!("# T\n\n## S\n\n{text}\n")), []);
    let draft = format!("---\ndraft: true\n---\n# T\n\n{text}\n");
    let rules = Rules { shows_drafts: true, ..Rules::default() };
    assert_eq!(codes(&parse_as("2025-05-22.md", &draft, &rules).1), [(1, Code::Draft)]);
}

#[test]
fn a_heading_without_a_space_is_told() {
    let (_, findings) = parse("# T\n\n##新闻\n\n###渡轮停航\n\n#标签 不是 标题\n");
    let told: Vec<_> = findings.iter().map(|finding| (finding.line, finding.code, finding.remedy.as_str())).collect();
    assert_eq!(
        told[..2],
        [
            (3, Code::HeadingUnspaced, "put a space after the ##"),
            (5, Code::HeadingUnspaced, "put a space after the ###")
        ]
    );
}

#[test]
fn what_leads_to_a_label_goes_with_it() {
    for (line, expected) in [
        ("文字（[阅读原文](https://example.org/)）", "<p>文字</p>"),
        ("Text. Details | [Read more](https://example.org/)", "<p>Text. Details</p>"),
        ("Text. → [Full story](https://example.org/)", "<p>Text.</p>"),
        ("Text (as said). [Link](https://example.org/)", "<p>Text (as said).</p>"),
    ] {
        let (digest, _) = parse(&format!("# T\n\n## S\n\n### a\n\n{line}\n"));
        let item = &digest.sections[0].items[0];
        assert_eq!((item.html.as_str(), item.link.as_deref()), (expected, Some("https://example.org/")), "{line}");
    }
}

#[test]
fn a_link_that_only_says_read_more_is_the_story_s_in_many_languages() {
    for label in [
        "اقرأ المزيد",
        "بیشتر بخوانید",
        "مزید پڑھیں",
        "קרא עוד",
        "Читать далее",
        "Читати далі",
        "और पढ़ें",
        "আরও পড়ুন",
        "Leer más",
        "Leia mais",
        "Lire la suite",
        "Weiterlesen",
        "Leggi di più",
        "Lees meer",
        "Czytaj więcej",
        "Devamını oku",
        "続きを読む",
        "더 보기",
        "자세히 보기",
        "阅读更多",
        "閱讀更多",
        "Đọc thêm",
        "อ่านต่อ",
        "Baca selengkapnya",
        "Διαβάστε περισσότερα",
        "Läs mer",
        "Číst dále",
        "Read more",
    ] {
        let zebras =
            "### Zebras\n\nThey run, says [Mo](https://mo.example.com/about/him).\n\n[LABEL](https://example.org/1)\n";
        let otters = "- **Otters**, by [Jo](https://jo.example.com/about/her). [LABEL »](https://example.org/2)\n";
        let ledgers = "- [LABEL](https://example.org/3): Ledgers of old\n";
        let text = format!("# T\n\n## S\n\n{zebras}\n## U\n\n{otters}{ledgers}").replace("LABEL", label);
        let (digest, _) = parse(&text);
        let items: Vec<_> = digest.items().map(|(_, item)| (item.title.as_str(), item.link.as_deref())).collect();
        let expected = [
            ("Zebras", Some("https://example.org/1")),
            ("Otters", Some("https://example.org/2")),
            ("Ledgers of old", Some("https://example.org/3")),
        ];
        assert_eq!(items, expected, "{label}");
    }
}

#[test]
fn a_sentence_that_begins_with_a_label_stays_whole() {
    check(
        "# T\n\n## S\n\n- [Source](https://example.org/1) of the leak was a valve\n- [Read more](https://example.org/2) - Otters\n",
        expect![[r#"
            S (s)
              5: Source of the leak was a valve <https://example.org/1> 
              6: Otters <https://example.org/2> 
        "#]],
    );
}

#[test]
fn a_language_that_is_none_is_told() {
    let (digest, findings) = parse("---\nlang: english please\n---\n# T\n");
    assert_eq!((digest.language, findings[0].code, findings[0].line), (None, Code::FrontMatterValue, 2));
    assert_eq!(parse("---\nlang: zh_CN\n---\n# T\n").0.language.as_deref(), Some("zh-CN"));
}

/// The codes and lines of what is told of a text.
fn told(text: &str) -> Vec<(usize, Code)> {
    parse(text).1.iter().map(|finding| (finding.line, finding.code)).collect()
}

#[test]
fn the_one_heading_that_leaves_a_level_out_is_told() {
    let item = |marks: &str, title: &str| format!("{marks} [{title}](https://example.org/{title})\n\ntext\n\n");
    let regular: String = ["a", "b", "c", "d"].map(|title| item("###", title)).concat();
    assert_eq!(told(&format!("# T\n\n## S\n\n{regular}{}", item("#####", "e"))), [(21, Code::HeadingSkips)]);
    let often = format!("# T\n\n## S\n\n{regular}{}{}", item("#####", "e"), item("#####", "f"));
    assert_eq!(told(&often), [], "where several do, their author means it");
}

#[test]
fn brackets_beside_an_address_that_are_no_link_are_told() {
    let list = |entry: &str| format!("# T\n\n## S\n\n- {entry}\n- [b](https://example.org/b)\n");
    assert_eq!(told(&list("[The tower] (https://example.org/a) is open")), [(5, Code::LinkBroken)]);
    assert_eq!(told(&list("[The tower](https://example.org/a-long\n  -one) is open")), [(5, Code::LinkBroken)]);
    assert_eq!(told(&list("\\[The tower\\] (https://example.org/a) is open")), []);
    assert_eq!(told(&list("The tower (https://example.org/a) is open")), []);
}

#[test]
fn an_empty_section_is_told_unless_its_heading_leads_elsewhere() {
    let text = |body: &str| format!("# T\n\n## S\n\n{body}## Z\n\n- [b](https://example.org/b)\n");
    assert_eq!(told(&text("")), [(3, Code::SectionEmpty)]);
    let (_, findings) = parse(&text("{% include articles/x.md %}\n\n"));
    assert!(findings[0].message.contains("an include, which is not read here"), "{findings:?}");
    assert_eq!(told("# T\n\n## [S](https://example.org/s)\n\n## Z\n\n- [b](https://example.org/b)\n"), []);
    assert_eq!(told("# T\n\n## S\n\n- [b](https://example.org/b)\n\n## Notes\n\n{% include notes.md %}\n"), []);
}

#[test]
fn addresses_that_only_a_generator_fills_in_are_told_whatever_the_base_is() {
    let rules = Rules { base: Some("https://www.example.org/".parse().unwrap()), ..Rules::default() };
    let text = "# T\n\n## S\n\n- [one](@/a/index.md) x\n- [two](https://https://example.org/x) x\n- [three]() x\n- [four](/d) x\n";
    let (_, findings) = digest::parse("2025-05-22.md", text.as_bytes(), &rules);
    let told: Vec<_> = findings.iter().map(|finding| (finding.line, finding.code)).collect();
    assert_eq!(told, [5, 6, 7].map(|line| (line, Code::LinkUnusable)));
    let text = "# T\n\n## S\n\n- [five](example.com/a) x\n- [six](notes.md) x\n";
    let (_, findings) = digest::parse("2025-05-22.md", text.as_bytes(), &rules);
    assert_eq!(findings.len(), 1, "a file is no host: {findings:?}");
    assert!(findings[0].message.contains("has no https:// before it"), "{findings:?}");
}

#[test]
fn another_network_is_told_as_a_story_only() {
    let text = |entry: &str| format!("# T\n\n## S\n\n- {entry}\n- [b](https://example.org/b)\n");
    assert_eq!(told(&text("[Meeting](irc://irc.example.org/a) x")), [(5, Code::LinkUnusable)]);
    assert_eq!(told(&text("[Meeting](https://example.org/m), on [our channel](irc://irc.example.org/a)")), []);
}

#[test]
fn a_comment_in_a_list_takes_back_the_entry_it_stands_in() {
    let comment = "<!-- retracted: wrong -->";
    let retracted = |before: &str, between: &str| {
        let list = format!(
            "- [One](https://example.org/1)\n{before}- {between}[Two](https://example.org/2)\n- [Three](https://example.org/3)\n"
        );
        let text = format!("# 2025-05-22\n\n## News\n\n{list}");
        let (digest, findings) = parse(&text);
        let items = digest.items().filter(|(_, item)| item.retracted.is_some()).map(|(_, item)| item.title.clone());
        (items.collect::<Vec<_>>(), findings.iter().any(|finding| finding.code == Code::RetractionUnknown))
    };
    assert_eq!(retracted(&format!("  {comment}\n"), ""), (vec!["One".to_owned()], false));
    assert_eq!(retracted(&format!("\n  {comment}\n"), ""), (vec!["One".to_owned()], false));
    assert_eq!(retracted("", &format!("{comment}\n  ")), (vec!["Two".to_owned()], false));
    assert_eq!(retracted("", &format!("{comment} ")), (vec![], true), "the line is HTML, and no item");
    assert_eq!(retracted(&format!("{comment}\n"), ""), (vec![], true), "between two entries");
    assert_eq!(retracted("  <!-- retraction: wrong -->\n", ""), (vec![], true), "another word");
    assert_eq!(retracted("  <!-- retraction of the first paper follows -->\n", ""), (vec![], false));
}

#[test]
fn a_name_that_is_mistaken_in_the_front_matter_takes_nothing_back() {
    let retracted = |front_matter: &str| {
        let item = |name: &str| format!("- [{name}](https://example.com/{})\n", name.replace(' ', "-"));
        let items = ["night buses", "old tower", "new ferry"].map(item).concat();
        let (digest, findings) = parse(&format!("---\n{front_matter}\n---\n## News\n\n{items}"));
        (digest.items().filter_map(|(_, item)| item.retracted.clone()).collect::<Vec<_>>(), codes(&findings))
    };
    let unknown = vec![(2, Code::RetractionUnknown)];
    for mistaken in ["https://example.com/night-bus", "night-bus", "'#k4mz2qpa'", "night busses", "[tram, tag:a]"] {
        let (reasons, told) = retracted(&format!("retracted: {mistaken}"));
        assert_eq!(reasons, [""; 0], "{mistaken}");
        assert_eq!(told[0], unknown[0], "{mistaken}");
    }
    assert_eq!(retracted("retraction: true"), (vec![], unknown));
    assert_eq!(retracted("retracted: Night Buses"), (vec![String::new()], vec![]));
    assert_eq!(retracted("retracted: true"), (vec![String::new(); 3], vec![]));
    assert_eq!(retracted("retracted: the source was wrong"), (vec!["the source was wrong".to_owned(); 3], vec![]));
    assert_eq!(retracted("retracted: 内容有误"), (vec!["内容有误".to_owned(); 3], vec![]));
    let named = retracted("retracted: {https://example.com/night-buses: not decided, old tower: }");
    assert_eq!(named, (vec!["not decided".to_owned(), String::new()], vec![]));
    assert_eq!(retracted("retracted: [new ferry: it sank]"), (vec!["it sank".to_owned()], vec![]));
}

#[test]
fn addresses_that_do_not_end_cost_no_more_than_their_bytes() {
    let text = format!("# T\n\n## S\n\n### a\n\n{}[b](https://e.org/x y)\n", "[a](http://e.org/ ".repeat(20_000));
    let (digest, _) = parse(&text);
    assert!(digest.items().next().unwrap().1.html.contains("https://e.org/x%20y"));
}

#[test]
fn a_raw_tag_with_a_crowd_of_attributes_is_shown_as_text() {
    let attributes = |number: usize, space| (0..number).map(|at| format!("a{at}=\"b c\"{space}")).collect::<String>();
    let of_tags = [("a", 400, " "), ("a", 30_000, " "), ("div", 400, "\n"), ("div", 30_000, "\n")];
    for (tag, number, space) in of_tags {
        let text = format!("# T\n\n## S\n\n### a\n\n<{tag} {}>x</{tag}>\n\ny\n", attributes(number, space));
        let (digest, _) = parse(&text);
        let html = &digest.items().next().unwrap().1.html;
        assert_eq!(html.contains(&format!("&lt;{tag} a0")), number > 400, "{tag} {number}");
        assert!(html.ends_with("<p>y</p>"), "{tag} {number}");
    }
    let quoted = format!("# T\n\n## S\n\n### a\n\n<abbr title=\"{}\">x</abbr>\n", "w ".repeat(3000));
    assert!(parse(&quoted).0.items().next().unwrap().1.html.contains("<abbr title="));
}

/// Text of very many parts, each seen with few others: what is quadratic in them takes minutes here.
fn parse_much(text: &str) -> (Vec<Digest>, Vec<Finding>) {
    match digest::parse("2026-03-01.md", text.as_bytes(), &Rules::default()) {
        (Outcome::Digests(digests), findings) => (digests, findings),
        (other, findings) => panic!("no digest but {other:?}: {findings:?}"),
    }
}

#[test]
fn as_many_lists_as_items_are_read_item_by_item() {
    for list in
        ["- a\n* b\n+ c\n", "- a\n\n> q\n\n* b\n\n+ c\n\n", "- a\n\n<div>x</div>\n\n- b\n\n```\nx\n```\n\n- c\n\n"]
    {
        let (digests, findings) = parse_much(&format!("# T\n\n## S\n\n{}", list.repeat(20_000)));
        let titles: Vec<&str> = digests[0].items().map(|(_, item)| item.title.as_str()).take(4).collect();
        assert_eq!(titles, ["a", "b", "c", "a"], "{list}");
        assert_eq!(digests[0].len(), Rules::default().max_items);
        assert_eq!(findings.iter().filter(|finding| finding.code == Code::TooManyItems).count(), 1);
    }
}

#[test]
fn headings_that_repeat_a_date_a_thousand_times_are_a_bounded_number_of_digests_and_lose_nothing() {
    let dated = |number: usize| {
        format!("# 2026-03-{:02}\n\n## News\n\n- [x{number}](https://e.org/{number})\n- y\n\n", number % 3 + 1)
    };
    let (digests, findings) = parse_much(&(0..3000).map(dated).collect::<String>());
    assert_eq!(digests.len(), 3 * 50);
    assert_eq!(digests.iter().map(Digest::len).sum::<usize>(), 6000);
    let told: Vec<&Finding> = findings.iter().filter(|finding| finding.code == Code::DateShared).collect();
    assert_eq!(told.len(), 3);
    assert_eq!(
        (told[0].line, told[0].message.as_str()),
        (1051, "more than 50 headings with the date 2026-03-01; from here on all are one digest")
    );
}

#[test]
fn a_folder_that_is_a_date_dates_its_files() {
    for (path, date) in [
        ("2026-03-01/a.md", "2026-03-01"),
        ("20260303/a.md", "2026-03-03"),
        ("posts/2026-03-01/en/a.md", "2026-03-01"),
        ("2026-03-01/2026-03-02.md", "2026-03-02"),
    ] {
        let (digest, _) = parse_as(path, "# T\n\n- [x](https://e.org/)\n- [y](https://e.org/y)\n", &Rules::default());
        assert_eq!(digest.date.to_string(), date, "{path}");
    }
    let (digest, _) = parse_as("2026-03-01/en/a.md", "# T\n\n- [x](https://e.org/)\n", &Rules::default());
    assert_eq!(digest.key, "2026-03-01-en");
    let (outcome, _) = digest::parse("2026-03-01-drafts/a.md", b"# T\n\n- x\n", &Rules::default());
    assert_eq!(outcome, Outcome::Unusable, "a folder that has a date in its name is none");
}

#[test]
fn dates_that_disagree_are_told_where_they_stand() {
    let place = |path: &str, text: &str| {
        let findings = parse_as(path, text, &Rules::default()).1;
        let told: Vec<_> = findings.into_iter().filter(|finding| finding.code == Code::DateDisagrees).collect();
        told.iter().map(|finding| (finding.line, finding.column)).collect::<Vec<_>>()
    };
    assert_eq!(place("2026-03-01.md", "---\ntags: [a]\ndate: '2026-03-09'\n---\n\n- x\n"), [(3, 8)]);
    assert_eq!(place("2026-03-01.md", "---\ndate: 2026-03-01\ntitle: News of 2026-03-09\n---\n\n- x\n"), [(3, 16)]);
    assert_eq!(place("a.md", "+++\ndate = 2026-03-01\n+++\n\n# News, 2026-03-05\n\n- x\n"), [(5, 9)]);
}
