//! Emphasis next to Chinese, Japanese and Korean text.
//!
//! CommonMark decides by spaces and punctuation whether `**` opens or closes; in `他说：**真，**她` both rules fail, and in
//! `**45%**的成绩，在**GPQA**和` it pairs what does not belong together. So where an asterisk or two tildes stand beside a CJK
//! character, the line's emphasis is taken back and found anew with the rule of the CJK-friendly amendments to CommonMark
//! (tats-u/markdown-cjk-friendly, specification.md): a delimiter next to such a character needs no space. All else is
//! CommonMark (0.31.2, section 6.2), and lines without such a place stay as the parser read them.

use std::ops::Range;

use pulldown_cmark::{Event, LinkType, Tag, TagEnd};

use super::delimiter::{Mark, Markup, Run, is_variation, pair};
use super::inline::{is_same, push_joined};
use super::outline::Spanned;
use super::text::is_wide;

/// Emphasis, strong emphasis and strikethrough as CJK-friendly CommonMark has them. `text` is what the spans point into, from
/// `text_start` on.
pub(super) fn mend<'a>(events: Vec<Spanned<'a>>, text: &'a str, text_start: usize) -> Vec<Spanned<'a>> {
    let source = Source { text, start: text_start };
    let comments = marked_comments(&events, source);
    amended(without_comments(events, &comments, source), source)
}

fn amended<'a>(events: Vec<Spanned<'a>>, source: Source<'a>) -> Vec<Spanned<'a>> {
    if !has_delimiter_beside_cjk(source.text) {
        return events;
    }
    let is_touched = |line: &Range<usize>| has_delimiter_beside_cjk(source.of(&span_of(&events[line.clone()])));
    let touched: Vec<Range<usize>> = lines(&events).filter(is_touched).collect();
    redo(events, touched, source)
}

const STRONG: &str = "**";

/// Where `**<!--anchor-->**` stands before `**Title:**`: the positions of the comments.
///
/// By CommonMark's rules the four asterisks close nothing; the publishers who write so have generators that see one title.
fn marked_comments(events: &[Spanned<'_>], source: Source<'_>) -> Vec<usize> {
    let is_text = |(event, span): &Spanned<'_>| matches!(event, Event::Text(text) if source.has(text, span));
    let comments = events
        .iter()
        .enumerate()
        .filter(|(_, (event, _))| matches!(event, Event::InlineHtml(html) if html.starts_with("<!--")));
    let stands_so = |at: &usize| {
        let Some([before, comment, after]) = at.checked_sub(1).and_then(|start| events.get(start..start + 3)) else {
            return false;
        };
        let touch = before.1.end == comment.1.start
            && comment.1.end == after.1.start
            && !source.of(&(source.start..before.1.start)).ends_with('\\');
        touch
            && is_text(before)
            && is_text(after)
            && source.of(&before.1) == STRONG
            && source.of(&after.1).starts_with(STRONG)
    };
    comments.map(|(at, _)| at).filter(stands_so).collect()
}

/// The events without some comments and the asterisks around them.
fn without_comments<'a>(events: Vec<Spanned<'a>>, comments: &[usize], source: Source<'a>) -> Vec<Spanned<'a>> {
    if comments.is_empty() {
        return events;
    }
    let is_comment = |at: usize| comments.binary_search(&at).is_ok();
    let mut kept = Vec::with_capacity(events.len());
    for (at, (event, span)) in events.into_iter().enumerate() {
        if at > 0 && is_comment(at - 1) {
            push_text(&mut kept, span.start + STRONG.len()..span.end, source);
        } else if !is_comment(at) && !is_comment(at + 1) {
            kept.push((event, span));
        }
    }
    kept
}

/// The text that spans point into.
#[derive(Clone, Copy)]
struct Source<'a> {
    text: &'a str,
    start: usize,
}

impl<'a> Source<'a> {
    fn of(self, span: &Range<usize>) -> &'a str {
        self.text.get(span.start - self.start..span.end - self.start).unwrap_or_default()
    }

    /// Whether a text is in the source as it is, without entities.
    fn has(self, text: &str, span: &Range<usize>) -> bool {
        is_same(self.of(span), text)
    }
}

/// Whether the amendments could matter: an asterisk or a tilde stands beside a CJK character, in code or wherever, or any
/// delimiter behind a variation selector.
fn has_delimiter_beside_cjk(text: &str) -> bool {
    memchr::memchr3_iter(b'*', b'~', b'_', text.as_bytes()).any(|at| {
        let before = text[..at].chars().next_back();
        let after = text[at + 1..].chars().next();
        let is_near = |character: Option<char>| character.is_some_and(is_wide);
        before.is_some_and(is_variation) || (text.as_bytes()[at] != b'_' && (is_near(before) || is_near(after)))
    })
}

/// Where the events are that are one text each: a paragraph, a heading, a cell, an entry up to the next block in it.
fn lines(events: &[Spanned<'_>]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some((event, _)) = events.get(at) {
            let start = at;
            at += 1;
            if matches!(event, Event::Start(Tag::CodeBlock(_))) {
                at += events[at..].iter().take_while(|(event, _)| matches!(event, Event::Text(_))).count();
            } else if is_inline(event) {
                at += events[at..].iter().take_while(|(event, _)| is_inline(event)).count();
                return Some(start..at);
            }
        }
        None
    })
}

fn is_inline(event: &Event<'_>) -> bool {
    match event {
        Event::Start(Tag::Link { .. } | Tag::Image { .. }) | Event::End(TagEnd::Link | TagEnd::Image) => true,
        Event::Text(_) | Event::Code(_) | Event::InlineHtml(_) | Event::FootnoteReference(_) => true,
        Event::SoftBreak | Event::HardBreak | Event::InlineMath(_) | Event::DisplayMath(_) => true,
        event => markup_of(event).is_some(),
    }
}

fn span_of(line: &[Spanned<'_>]) -> Range<usize> {
    let start = line.first().map_or(0, |(_, span)| span.start);
    start..line.last().map_or(start, |(_, span)| span.end)
}

/// Finds the emphasis of some lines anew.
fn redo<'a>(events: Vec<Spanned<'a>>, lines: Vec<Range<usize>>, source: Source<'a>) -> Vec<Spanned<'a>> {
    if lines.is_empty() {
        return events;
    }
    let mut redone = Vec::with_capacity(events.len() + events.len() / 8);
    let mut events = events.into_iter();
    let mut done = 0;
    for line in lines {
        redone.extend(events.by_ref().take(line.start - done));
        let without = without_emphasis(events.by_ref().take(line.len()), source);
        let marks = marks(&without, source);
        push_marked(&mut redone, without, marks, source);
        done = line.end;
    }
    redone.extend(events);
    redone
}

/// The events of a line with its delimiters as the texts that they are in the source.
fn without_emphasis<'a>(events: impl Iterator<Item = Spanned<'a>>, source: Source<'a>) -> Vec<Spanned<'a>> {
    let mut line = Vec::with_capacity(events.size_hint().0);
    for (event, span) in events {
        let spanned = match markup_of(&event) {
            Some((markup, opens)) => {
                let length = markup.length(source.of(&span));
                let place = if opens { span.start..span.start + length } else { span.end - length..span.end };
                (Event::Text(source.of(&place).into()), place)
            }
            None => (event, span),
        };
        push_joined(&mut line, spanned, source.text, source.start);
    }
    line
}

/// What an event begins, with `true`, or ends.
fn markup_of(event: &Event<'_>) -> Option<(Markup, bool)> {
    match event {
        Event::Start(Tag::Emphasis) => Some((Markup::Emphasis, true)),
        Event::Start(Tag::Strong) => Some((Markup::Strong, true)),
        Event::Start(Tag::Strikethrough) => Some((Markup::Strikethrough, true)),
        Event::End(TagEnd::Emphasis) => Some((Markup::Emphasis, false)),
        Event::End(TagEnd::Strong) => Some((Markup::Strong, false)),
        Event::End(TagEnd::Strikethrough) => Some((Markup::Strikethrough, false)),
        _ => None,
    }
}

/// The marks in the texts of a line. Those in the text of a link or an image belong together.
fn marks(line: &[Spanned<'_>], source: Source<'_>) -> Vec<Mark> {
    let mut around = span_of(line);
    let mut levels = vec![Vec::new()];
    let mut marks = Vec::new();
    let mut in_address = false;
    for (event, span) in line {
        match event {
            Event::Start(tag) => {
                in_address = matches!(tag, Tag::Link { link_type: LinkType::Autolink | LinkType::Email, .. });
                levels.push(Vec::new());
            }
            Event::End(_) => {
                in_address = false;
                pair(levels.pop().unwrap_or_default(), &mut marks);
            }
            Event::SoftBreak | Event::HardBreak => around.start = span.end,
            Event::Text(text) if !in_address && source.has(text, span) => {
                levels.last_mut().into_iter().for_each(|level| find_runs(source, span, &around, level));
            }
            _ => {}
        }
    }
    levels.into_iter().for_each(|level| pair(level, &mut marks));
    marks.sort_unstable_by_key(|mark| mark.place.start);
    marks
}

/// The delimiter runs of a text; `around` is as far as what stands beside them counts.
fn find_runs(source: Source<'_>, span: &Range<usize>, around: &Range<usize>, runs: &mut Vec<Run>) {
    let text = source.of(span);
    // The parser begins a text behind the backslash.
    let is_escaped = source.of(&(source.start..span.start)).ends_with('\\');
    let mut at = if is_escaped { text.chars().next().map_or(0, char::len_utf8) } else { 0 };
    while let Some(offset) = memchr::memchr3(b'*', b'_', b'~', &text.as_bytes()[at..]) {
        let sign = text.as_bytes()[at + offset];
        let length = text.as_bytes()[at + offset..].iter().take_while(|byte| **byte == sign).count();
        let place = span.start + at + offset..span.start + at + offset + length;
        let (before, after) = (around.start..place.start, place.end..around.end);
        runs.extend(Run::new(sign, place, source.of(&before), source.of(&after)));
        at += offset + length;
    }
}

/// Adds the events of a line, with marks in place of their delimiters.
fn push_marked<'a>(events: &mut Vec<Spanned<'a>>, line: Vec<Spanned<'a>>, marks: Vec<Mark>, source: Source<'a>) {
    let mut marks = marks.into_iter().peekable();
    for (event, span) in line {
        let is_text = matches!(event, Event::Text(_));
        let mut done = span.start;
        while let Some(mark) = marks.next_if(|mark| is_text && mark.place.start < span.end) {
            push_text(events, done..mark.place.start, source);
            done = mark.place.end;
            let event =
                if mark.opens { Event::Start(mark.markup.tag()) } else { Event::End(mark.markup.tag().to_end()) };
            events.push((event, mark.whole));
        }
        if done == span.start {
            events.push((event, span));
        } else {
            push_text(events, done..span.end, source);
        }
    }
}

fn push_text<'a>(events: &mut Vec<Spanned<'a>>, place: Range<usize>, source: Source<'a>) {
    if !place.is_empty() {
        events.push((Event::Text(source.of(&place).into()), place));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulldown_cmark::html::push_html;
    use pulldown_cmark::{Options, Parser};

    use super::super::outline::Outline;
    use super::*;

    fn html(markdown: &str) -> String {
        let mut html = String::new();
        push_html(&mut html, Outline::parse(markdown, 0, 32).events.into_iter().map(|(event, _)| event));
        html.trim().replace("<p>", "").replace("</p>", "")
    }

    #[track_caller]
    fn check(cases: &[(&str, &str)]) {
        for (markdown, expected) in cases {
            assert_eq!(html(markdown), *expected, "{markdown}");
        }
    }

    #[test]
    fn strong_emphasis_ends_after_punctuation_of_any_width() {
        check(&[
            ("他说：**真，**她也这么想。", "他说：<strong>真，</strong>她也这么想。"),
            ("**标题：**正文", "<strong>标题：</strong>正文"),
            ("**“引号”**之后", "<strong>“引号”</strong>之后"),
            ("**この**文", "<strong>この</strong>文"),
            ("これは**「強調」**です", "これは<strong>「強調」</strong>です"),
            ("カナ**（カナ）**カナ", "カナ<strong>（カナ）</strong>カナ"),
            ("이것은 **굵게(bold)**입니다", "이것은 <strong>굵게(bold)</strong>입니다"),
            ("**(말)**은 **말.**이", "<strong>(말)</strong>은 <strong>말.</strong>이"),
            ("增长**$5**元", "增长<strong>$5</strong>元"),
            ("见**`码`**后", "见<strong><code>码</code></strong>后"),
        ]);
    }

    #[test]
    fn pairs_are_those_that_were_meant() {
        check(&[
            ("**一，**二，**三，**四", "<strong>一，</strong>二，<strong>三，</strong>四"),
            ("**45%**的，在**GPQA**和", "<strong>45%</strong>的，在<strong>GPQA</strong>和"),
            ("**A+**与**B-**及**“甲”**等", "<strong>A+</strong>与<strong>B-</strong>及<strong>“甲”</strong>等"),
            ("*说（甲）*后。是**「乙」**的", "<em>说（甲）</em>后。是<strong>「乙」</strong>的"),
            ("**“甲”和*“乙”*等。**后", "<strong>“甲”和<em>“乙”</em>等。</strong>后"),
            ("**甲：**乙 and **c** d", "<strong>甲：</strong>乙 and <strong>c</strong> d"),
        ]);
    }

    #[test]
    fn other_delimiters_follow_the_same_rule() {
        check(&[
            ("*说（甲）*后文", "<em>说（甲）</em>后文"),
            ("***甲：***乙", "<em><strong>甲：</strong></em>乙"),
            ("~~删。~~除", "<del>删。</del>除"),
            ("甲~~「乙」~~丙", "甲<del>「乙」</del>丙"),
            ("**~~甲。~~乙。**丙", "<strong><del>甲。</del>乙。</strong>丙"),
            ("__甲__：乙。**丙。**丁", "<strong>甲</strong>：乙。<strong>丙。</strong>丁"),
            ("甲__乙__丙**丁。**戊", "甲__乙__丙<strong>丁。</strong>戊"),
            ("约~5天，**甲。**约~6天", "约~5天，<strong>甲。</strong>约~6天"),
        ]);
    }

    #[test]
    fn beside_latin_text_the_width_decides() {
        check(&[
            ("a**（甲）**b", "a<strong>（甲）</strong>b"),
            ("Go**「甲」**，", "Go<strong>「甲」</strong>，"),
            ("a**〰**a", "a<strong>〰</strong>a"),
            ("**a。**b", "<strong>a。</strong>b"),
            ("甲。a**(b)**c", "甲。a**(b)**c"),
            ("**甲)**b", "**甲)**b"),
            ("**④)**甲", "<strong>④)</strong>甲"),
        ]);
    }

    #[test]
    fn variation_selectors_belong_to_what_they_vary() {
        check(&[
            ("葛\u{E0100}**(甲)**乙", "葛\u{E0100}<strong>(甲)</strong>乙"),
            ("塚\u{FE00}**(甲)**乙", "塚\u{FE00}<strong>(甲)</strong>乙"),
            ("**a”\u{FE01}**b", "<strong>a”\u{FE01}</strong>b"),
            ("**a”\u{FE00}**b", "**a”\u{FE00}**b"),
            ("**甲！\u{FE00}**b", "<strong>甲！\u{FE00}</strong>b"),
            ("**甲🚀**b", "**甲🚀**b"),
            ("甲)\u{FE00}__a)__乙", "甲)\u{FE00}__a)__乙"),
            ("甲)\u{FE00}__a)__。", "甲)\u{FE00}<strong>a)</strong>。"),
        ]);
    }

    #[test]
    fn a_line_is_what_commonmark_takes_for_one() {
        check(&[
            ("甲**“乙”\n丙。**丁", "甲<strong>“乙”\n丙。</strong>丁"),
            ("甲\n**乙。**丙", "甲\n<strong>乙。</strong>丙"),
            ("甲**乙。**\n**丙**丁", "甲<strong>乙。</strong>\n<strong>丙</strong>丁"),
            ("甲**“乙\\\n丙”**丁", "甲<strong>“乙<br />\n丙”</strong>丁"),
            ("甲**乙。\n\n丙**丁", "甲**乙。\n丙**丁"),
            ("# 甲**“乙”**丙", "<h1>甲<strong>“乙”</strong>丙</h1>"),
            (
                "- 甲**“乙”**丙\n  - *丁。*戊",
                "<ul>\n<li>甲<strong>“乙”</strong>丙\n<ul>\n<li><em>丁。</em>戊</li>\n</ul>\n</li>\n</ul>",
            ),
            ("> 甲**“乙”\n> 丙”**丁", "<blockquote>\n甲<strong>“乙”\n丙”</strong>丁\n</blockquote>"),
        ]);
        let table = html("|甲|乙|\n|-|-|\n|**丙。**丁|*戊。*己\\|**庚。|");
        assert!(table.contains("<td><strong>丙。</strong>丁</td><td><em>戊。</em>己|**庚。</td>"), "{table}");
    }

    #[test]
    fn links_are_whole() {
        check(&[
            (
                "**见[链接](https://example.org/)：**正文",
                "<strong>见<a href=\"https://example.org/\">链接</a>：</strong>正文",
            ),
            ("**[甲](/a)**乙", "<strong><a href=\"/a\">甲</a></strong>乙"),
            ("[**甲。**乙](/a)丙", "<a href=\"/a\"><strong>甲。</strong>乙</a>丙"),
            ("**甲[乙。**丙](/a)丁", "**甲<a href=\"/a\">乙。**丙</a>丁"),
            ("甲**“乙[丙**丁](/a)”**戊", "甲<strong>“乙<a href=\"/a\">丙**丁</a>”</strong>戊"),
            (
                "<https://a.org/*甲*b>**乙。**丙",
                "<a href=\"https://a.org/*%E7%94%B2*b\">https://a.org/*甲*b</a><strong>乙。</strong>丙",
            ),
            ("![*甲。*乙](/a)**丙。**丁", "<img src=\"/a\" alt=\"甲。乙\" /><strong>丙。</strong>丁"),
        ]);
    }

    #[test]
    fn asterisks_around_a_comment_are_no_text() {
        check(&[
            ("**<!--a-->****BIP340：** 正文", "<strong>BIP340：</strong> 正文"),
            ("**<!--a-->****甲：** 正文", "<strong>甲：</strong> 正文"),
            ("**<!--a-->****Title:** text", "<strong>Title:</strong> text"),
            ("\\**<!--a-->** text", "**** text"),
        ]);
    }

    #[test]
    fn what_is_no_emphasis_stays() {
        for markdown in
            ["a ** b", "乘方 2 ** 3", "\\*\\*真，\\*\\*她", "**", "**真", "真**", "a**\"b\"**c", "甲 ** “乙” **"]
        {
            let plain = markdown.replace('\\', "");
            assert_eq!(html(markdown), plain, "{markdown}");
        }
        check(&[
            ("`**真，**她`", "<code>**真，**她</code>"),
            ("    **真，**她", "<pre><code>**真，**她</code></pre>"),
            ("\\**“甲”*乙", "*<em>“甲”</em>乙"),
            ("\\\\**“甲”**乙", "\\<strong>“甲”</strong>乙"),
            ("**甲\\*。**乙", "<strong>甲*。</strong>乙"),
            ("*\\**甲。*乙", "<em>*</em>甲。*乙"),
            ("&ast;**甲。**乙&amp;*丙。*丁", "*<strong>甲。</strong>乙&amp;<em>丙。</em>丁"),
        ]);
    }

    /// `pair` itself asserts how often it may look.
    #[test]
    fn the_work_grows_with_the_text_only() {
        for unit in
            ["**中", "*中", "中。**", "**“中", "中*。**", "~~中*_", "*a_ (**中", "[**中](/a)", "**中\n", "”\u{FE00}**"]
        {
            assert!(!html(&unit.repeat(5_000)).is_empty(), "{unit}");
        }
    }

    /// The events of every line made anew.
    fn redone(markdown: &str) -> String {
        let events: Vec<Spanned<'_>> =
            Parser::new_ext(markdown, Options::ENABLE_STRIKETHROUGH).into_offset_iter().collect();
        let lines: Vec<Range<usize>> = lines(&events).collect();
        let redone = redo(events, lines, Source { text: markdown, start: 0 });
        let mut html = String::new();
        push_html(&mut html, redone.into_iter().map(|(event, _)| event));
        html
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

        #[test]
        fn without_cjk_it_is_commonmark(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "*", "*", "**", "**", "***", "_", "__", "~~", "a", "b", "a", " ", " ", ".", "(", "\"", "`c`", "`*`",
                    "[x*](u)", "[*x](u)", "![y](v)", "\\*", "\\\\", "\n", "&amp;", "<b>", "<http://a.b*>", "[", "]", "é", "“",
                ]),
                1..24,
            )
        ) {
            let markdown = parts.concat();
            let mut html = String::new();
            push_html(&mut html, Parser::new_ext(&markdown, Options::ENABLE_STRIKETHROUGH));
            prop_assert_eq!(redone(&markdown), html, "{}", markdown);
        }
    }
}
