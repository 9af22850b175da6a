//! Plain text: what XML may hold, how titles compare, summaries, slugs.
//!
//! No Markdown and no HTML here. Widths are counted in characters.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;

/// Whether the character is one of text: XML 1.0 allows it (section 2.2, production 2, `Char`), and it is none of those that
/// XML discourages there and HTML calls an error: controls and what Unicode keeps for no character.
///
/// The writing crates pass forbidden ones through, and one of them stops a whole feed in every reader.
pub fn is_xml_char(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{7F}'..='\u{9F}' | '\u{FDD0}'..='\u{FDEF}' => false,
        character => character >= ' ' && u32::from(character) & 0xFFFE != 0xFFFE,
    }
}

/// Whether the character is written without spaces between words: Han, kana, Hangul jamo excluded, and their punctuation.
pub fn is_cjk(character: char) -> bool {
    // Most characters are none.
    character >= '\u{2E80}'
        && matches!(character,
        '\u{2E80}'..='\u{303F}' | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE4F}' | '\u{FF00}'..='\u{FF60}' | '\u{20000}'..='\u{3FFFF}')
}

/// Whether emphasis counts the character as CJK: wide, full width or half width (Unicode, UAX #11) and no emoji, or Hangul.
///
/// More than [`is_cjk`]: here it does not matter whether words have spaces between them.
pub fn is_wide(character: char) -> bool {
    character >= '\u{1100}'
        && matches!(character,
        '\u{1100}'..='\u{11FF}' | '\u{20A9}' | '\u{2329}' | '\u{232A}' | '\u{2630}'..='\u{2637}'
        | '\u{268A}'..='\u{268F}' | '\u{2E80}'..='\u{303E}' | '\u{3040}'..='\u{3247}' | '\u{3250}'..='\u{A4CF}'
        | '\u{A960}'..='\u{A97F}' | '\u{AC00}'..='\u{D7FF}' | '\u{F900}'..='\u{FAFF}' | '\u{FE10}'..='\u{FE1F}'
        | '\u{FE30}'..='\u{FE6F}' | '\u{FF01}'..='\u{FFEE}' | '\u{16FE0}'..='\u{18DFF}'
        | '\u{1AFF0}'..='\u{1B2FF}' | '\u{1D300}'..='\u{1D37F}' | '\u{1F200}' | '\u{1F202}'
        | '\u{1F210}'..='\u{1F219}' | '\u{1F21B}'..='\u{1F22E}' | '\u{1F230}' | '\u{1F231}' | '\u{1F237}'
        | '\u{1F23B}'..='\u{1F248}' | '\u{1F260}'..='\u{1F265}' | '\u{20000}'..='\u{3FFFD}')
}

/// The text without what XML forbids: entities such as `&#8;` and YAML escapes bring it back after the file was cleaned.
pub fn xml_safe(text: String) -> String {
    if is_plainly_safe(&text) {
        return text;
    }
    if text.chars().all(is_xml_char) { text } else { text.chars().filter(|c| is_xml_char(*c)).collect() }
}

/// Whether every character is one of text, as a look at the bytes shows.
pub fn is_plainly_safe(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Without an early end, so that many bytes are looked at together.
    let is_control = |byte: u8| ((byte < b' ') & (byte != b'\t') & (byte != b'\n') & (byte != b'\r')) | (byte == 0x7F);
    let has_controls = bytes.iter().fold(false, |found, byte| found | is_control(*byte));
    let has = |bytes_of_it: &[u8]| memchr::memmem::find(bytes, bytes_of_it).is_some();
    // U+0080 to U+009F; U+FDC0 to U+FDFF; the last two of each plane.
    !has_controls
        && memchr::memchr_iter(0xC2, bytes).all(|at| bytes[at + 1] >= 0xA0)
        && !has(b"\xEF\xB7")
        && !has(b"\xBF\xBE")
        && !has(b"\xBF\xBF")
}

/// The text on one line: runs of white space become one space, none at the ends; no characters without width. What turns the
/// direction around is closed at the end, so that it reaches no further, and what overrides it is left out (UAX #9).
pub fn one_line(text: &str) -> String {
    line_of(text).into_owned()
}

/// The same of a text that is needed no longer: most are on one line but for white space at their end.
pub fn into_line(mut text: String) -> String {
    text.truncate(text.trim_end().len());
    if is_one_line(&text) { text } else { one_line(&text) }
}

/// The same, borrowed from a text that is on one line already.
pub fn line_of(text: &str) -> Cow<'_, str> {
    if is_one_line(text) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len());
    let mut space = false;
    let mut open = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let plain = run_on_one_line(rest.as_bytes());
        let length = if plain > 0 {
            plain
        } else {
            let character = rest.chars().next().unwrap_or_default();
            let length = character.len_utf8();
            if character.is_whitespace() {
                space = true;
            }
            if character.is_whitespace() || is_invisible(character) || !is_directed(character, &mut open) {
                rest = &rest[length..];
                continue;
            }
            length
        };
        if space && !line.is_empty() {
            line.push(' ');
        }
        space = false;
        line.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    line.extend(open.into_iter().rev());
    Cow::Owned(line)
}

/// Whether a character is kept, as far as directions go: all but overrides, and ends of what does not stand open. What it opens
/// is added to what has to be closed.
fn is_directed(character: char, open: &mut Vec<char>) -> bool {
    const END: char = '\u{202C}';
    const END_OF_ISOLATE: char = '\u{2069}';
    match character {
        '\u{202A}' | '\u{202B}' => open.push(END),
        '\u{2066}'..='\u{2068}' => open.push(END_OF_ISOLATE),
        '\u{202D}' | '\u{202E}' => return false,
        END | END_OF_ISOLATE => return open.pop_if(|closes| *closes == character).is_some(),
        _ => {}
    }
    true
}

/// Whether a text is on one line already, as far as its bytes show.
fn is_one_line(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Without an early end, so that many bytes are looked at together.
    let is_ascii = bytes.iter().fold(true, |all, byte| all & (b' '..=b'~').contains(byte));
    if !is_ascii {
        return run_on_one_line(bytes) == bytes.len();
    }
    !(text.starts_with(' ') || text.ends_with(' ') || text.contains("  "))
}

/// The bytes at the beginning that stay as they are: characters that are neither space nor invisible, as their bytes show, and
/// single spaces between them.
fn run_on_one_line(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        at += bytes[at..].iter().take_while(|byte| matches!(byte, b'!'..=b'~')).count();
        at += match &bytes[at..] {
            [b' ', b'!'..=b'~' | 0xE4..=0xED, ..] if at > 0 => 1,
            [0xC3..=0xDF, ..] => 2,
            // Han and Hangul; dashes and quotes; kana and its signs, full width forms.
            [0xE0 | 0xE4..=0xED, ..] | [0xE2, 0x80, 0x90..=0xA7, ..] => 3,
            [0xE3, 0x81..=0xBF, ..] | [0xE3, 0x80, 0x81..=0xBF, ..] | [0xEF, 0xBC | 0xBD, ..] => 3,
            [0xF0..=0xF4, _, 0xBF, 0xBE | 0xBF, ..] => return at,
            [0xF0..=0xF4, ..] => 4,
            _ => return at,
        };
    }
}

/// Whether a text shows nothing: on one line it would be empty.
pub fn is_blank(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_whitespace() || is_invisible(c) || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'))
}

/// Characters that take no room, and those that XML forbids.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200B}' | '\u{2060}' | '\u{FEFF}' | '\u{AD}') || !is_xml_char(character)
}

/// The most characters of a sign before a title.
const SIGN_CHARS: usize = 8;

/// Whether a text is a sign that may stand before a title and says nothing itself: an emoji, a bullet, an arrow, a dash, a number
/// in a key or a circle. Quotes and brackets are no signs.
///
/// ```
/// use feedmill::digest::text::is_sign;
/// assert!(is_sign("🔹 ") && is_sign("1️⃣") && is_sign("② ") && !is_sign("1") && !is_sign("“"));
/// ```
pub fn is_sign(text: &str) -> bool {
    let text = &text.trim()[keycaps(text.trim())..];
    let is_part = |c: char| {
        matches!(c,
            ' ' | '-' | '·' | '•' | '‣' | '▪' | '–' | '—' | '・' | '\u{FE0F}' | '\u{200D}'
            | '\u{2190}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}' | '\u{E0020}'..='\u{E007F}')
    };
    text.chars().all(is_part) && text.chars().count() <= SIGN_CHARS
}

/// The bytes of the numbers in keys that a text begins with: `1️⃣`, `1️⃣0️⃣`.
pub fn keycaps(text: &str) -> usize {
    let mut rest = text;
    while let Some(digit) = rest.strip_prefix(|c: char| c.is_ascii_digit() || c == '#' || c == '*') {
        let Some(after) = digit.trim_start_matches('\u{FE0F}').strip_prefix('\u{20E3}') else { break };
        rest = after;
    }
    text.len() - rest.len()
}

/// What is left of a title or heading for comparing: NFKC, lower case, letters, digits and marks only.
///
/// Two titles that differ in punctuation, emoji, white space or width compare equal.
///
/// ```
/// use feedmill::digest::text::normalized;
/// assert_eq!(normalized("  ＡＩ News！ 🚀"), normalized("ai news"));
/// ```
pub fn normalized(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            'a'..='z' | '0'..='9' | '\u{4E00}'..='\u{9FFF}' => result.push(character),
            'A'..='Z' => result.push(character.to_ascii_lowercase()),
            _ if character.is_ascii() => {}
            _ if !is_composed(character) => return normalized_nfkc(text),
            _ if character.is_alphanumeric() => result.extend(character.to_lowercase()),
            _ => {}
        }
    }
    result
}

fn normalized_nfkc(text: &str) -> String {
    let is_kept = |c: &char| c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(*c);
    let mut result = String::with_capacity(text.len());
    result.extend(text.nfkc().flat_map(char::to_lowercase).filter(is_kept));
    result
}

/// Whether NFKC leaves a character as it is whatever stands beside it, or makes another sign of a sign.
///
/// ASCII, Latin-1 but for the signs that stand for letters, Cyrillic, kana, Han, Hangul, punctuation, pictures.
fn is_composed(character: char) -> bool {
    matches!(character,
        '\0'..='\x7F' | '\u{A0}'..='\u{A7}' | '\u{A9}' | '\u{AB}'..='\u{AE}' | '\u{B0}' | '\u{B1}' | '\u{B7}'
        | '\u{BB}' | 'À'..='ÿ' | 'А'..='я' | '\u{2010}'..='\u{2029}' | '\u{3001}'..='\u{301F}'
        | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FE}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}'
        | '\u{FF01}'..='\u{FF0F}' | '\u{FF1A}'..='\u{FF20}' | '\u{1F300}'..='\u{1FAFF}')
}

/// The longest a slug gets, in bytes: readable in a URL, safe as a folder name.
const SLUG_MAX_BYTES: usize = 60;

/// A readable ASCII name for a URL: `新闻资讯` becomes `xin-wen-zi-xun`. Empty when nothing can be read aloud.
///
/// ```
/// use feedmill::digest::text::slug;
/// assert_eq!(slug("新闻资讯"), "xin-wen-zi-xun");
/// assert_eq!(slug("Open Source & C++"), "open-source-and-c-plus-plus");
/// ```
pub fn slug(text: &str) -> String {
    let mut result = String::new();
    let composed = if text.is_ascii() { Cow::Borrowed(text) } else { text.nfkc().collect() };
    for character in composed.chars() {
        let readable = match character {
            // C++ and C# are sections of their own; `Issue #12` and `a + b` are not spoken.
            '+' if result.ends_with(|c: char| c.is_ascii_alphanumeric()) => Some(" plus"),
            '#' if result.ends_with(|c: char| c.is_ascii_alphanumeric()) => Some(" sharp"),
            '&' => Some(" and "),
            '\'' | '’' => Some(""),
            _ if character.is_alphanumeric() => deunicode::deunicode_char(character),
            _ => Some(" "),
        };
        // A syllable of a script without spaces is a word of its own.
        let syllable = !character.is_ascii() && is_cjk(character);
        if syllable {
            push_separator(&mut result);
        }
        for letter in readable.unwrap_or(" ").chars() {
            match letter.to_ascii_lowercase() {
                lower if lower.is_ascii_alphanumeric() => result.push(lower),
                _ => push_separator(&mut result),
            }
        }
        if syllable {
            push_separator(&mut result);
        }
    }
    let mut end = result.len().min(SLUG_MAX_BYTES);
    if end < result.len() {
        end = result[..end].rfind('-').unwrap_or(end);
    }
    result[..end].trim_matches('-').to_owned()
}

fn push_separator(slug: &mut String) {
    if !slug.is_empty() && !slug.ends_with('-') {
        slug.push('-');
    }
}

/// The longest summary, in characters: what a reader's list shows without cutting.
pub const SUMMARY_MAX_CHARS: usize = 280;

/// The beginning of a text, cut at the end of a sentence when one ends after the first third, else after a word.
///
/// ```
/// use feedmill::digest::text::cut;
/// assert_eq!(cut("One two. Three four five.", 12), "One two.");
/// assert_eq!(cut("一二三四五六七八", 5), "一二三四…");
/// ```
pub fn cut(text: &str, max_chars: usize) -> String {
    if text.len() <= max_chars {
        return text.to_owned();
    }
    let limit = bytes_of_first(text, max_chars);
    if limit == text.len() {
        return text.to_owned();
    }
    let head = &text[..limit];
    if let Some(end) = last_sentence_end(head) {
        return head[..end].trim_end().to_owned();
    }
    let mut end = head.char_indices().next_back().map_or(0, |(at, _)| at);
    if let Some(space) = head.rfind(char::is_whitespace).filter(|space| space * 2 > limit) {
        end = space;
    }
    format!("{}…", head[..end].trim_end())
}

/// The same of a text that is needed no longer.
pub fn cut_line(line: String, max_chars: usize) -> String {
    if line.len() <= max_chars { line } else { cut(&line, max_chars) }
}

/// The bytes that the first characters of a text take.
fn bytes_of_first(text: &str, chars: usize) -> usize {
    let mut rest = text.chars();
    if let Some(others) = chars.checked_sub(1) {
        rest.nth(others);
    }
    text.len() - rest.as_str().len()
}

/// The first sentence of a text with its mark, or the whole text when it is one sentence.
pub fn first_sentence(text: &str) -> &str {
    let mut characters = text.char_indices().peekable();
    let mut has_word = false;
    while let Some((at, character)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        // `5/4. Meeting` is one.
        has_word = has_word || character.is_alphabetic();
        if has_word && ends_sentence(character, next) {
            return &text[..at + character.len_utf8()];
        }
    }
    text
}

/// The end of the last sentence of a text that was cut; one that ends in the first third says too little.
fn last_sentence_end(text: &str) -> Option<usize> {
    let from = text.ceil_char_boundary(text.len() / 3);
    let mut next = None;
    for (at, character) in text[from..].char_indices().rev() {
        if next.is_some() && ends_sentence(character, next) && !is_inside_sentence(text, from + at) {
            return Some(from + at + character.len_utf8());
        }
        next = Some(character);
    }
    None
}

/// Whether a mark is none of a sentence's end: that of an initial or an abbreviation, or before a small letter. `J. Doe`,
/// `e.g. this`, `the assert! macro`.
fn is_inside_sentence(text: &str, at: usize) -> bool {
    let is_initial = |word: &str| word.chars().count() == 1 && word.starts_with(char::is_uppercase);
    let (before, after) = (&text[..at], text[at..].trim_start_matches(['.', '!', '?']));
    let word = before.rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
    (text[at..].starts_with('.') && is_initial(word)) || after.trim_start().starts_with(char::is_lowercase)
}

/// Latin marks end a sentence only before a space, so that `3.5` and `example.com` stay whole.
fn ends_sentence(character: char, next: Option<char>) -> bool {
    match character {
        '。' | '！' | '？' | '।' | '؟' | '۔' => true,
        '.' | '!' | '?' => next.is_none_or(char::is_whitespace),
        _ => false,
    }
}

/// A BCP 47 tag as feeds want it (RFC 5646, section 2.1, its shape only): `zh_CN` becomes `zh-CN`, `chinese simplified` nothing.
pub fn language_tag(text: &str) -> Option<String> {
    let tag = text.trim().replace('_', "-");
    let fits = |(position, part): (usize, &str)| {
        let lengths = if position == 0 { 2..=3 } else { 1..=8 };
        let is_plain = |byte: u8| byte.is_ascii_alphabetic() || (position > 0 && byte.is_ascii_digit());
        lengths.contains(&part.len()) && part.bytes().all(is_plain)
    };
    tag.split('-').enumerate().all(fits).then_some(tag)
}

/// A guess of the language from the script, as a BCP 47 tag; only where the script settles it.
///
/// Kana means Japanese, Hangul Korean, Han without kana Chinese, Devanagari Hindi. Latin, Cyrillic and Arabic settle nothing.
pub fn language_of(text: &str) -> Option<&'static str> {
    /// So many bytes tell the language.
    const SAMPLE_BYTES: usize = 6 * 1024;
    let text = text.get(..text.floor_char_boundary(SAMPLE_BYTES)).unwrap_or(text);
    let (mut han, mut kana, mut hangul, mut devanagari, mut letters) = (0_usize, 0_usize, 0_usize, 0_usize, 0_usize);
    for character in text.chars() {
        if character.is_ascii() {
            letters += usize::from(character.is_ascii_alphabetic());
            continue;
        }
        let is_han = matches!(character, '\u{4E00}'..='\u{9FFF}');
        letters += usize::from(is_han || character.is_alphabetic());
        match character {
            '\u{3040}'..='\u{30FF}' => kana += 1,
            _ if is_han => han += 1,
            '\u{3400}'..='\u{4DBF}' | '\u{20000}'..='\u{3FFFF}' => han += 1,
            '\u{AC00}'..='\u{D7AF}' => hangul += 1,
            '\u{0900}'..='\u{097F}' => devanagari += 1,
            _ => {}
        }
    }
    // URLs and code are Latin in every language, so a fifth of the letters is a lot.
    let much = letters / 5;
    match () {
        () if kana > much / 2 && kana * 10 > han => Some("ja"),
        () if hangul > much => Some("ko"),
        () if devanagari > much => Some("hi"),
        () if han > much => Some("zh"),
        () => None,
    }
}

/// Whether a text runs from right to left, as its first letter tells (the rule P2 of the Unicode Bidirectional Algorithm, for
/// letters alone).
pub fn is_right_to_left(text: &str) -> bool {
    let is_so = |letter: char| {
        matches!(letter, '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}'
            | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}')
    };
    text.chars().find(|character| character.is_alphabetic()).is_some_and(is_so)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_ways_give_what_the_long_ones_give() {
        let samples = [
            "a b",
            " a",
            "a ",
            "a  b",
            "a\u{a0}b",
            "a\u{200b}b",
            "标题：正文",
            "é è ＡＢ",
            "Москва й",
            "한국어 ガ",
            "x\u{2028}y",
            "\u{3000}全角",
            "soft\u{ad}hyphen",
            "½ ﬁ",
            "“a” — b… c",
            "a “b”",
            "a  b 旧 水",
            "旧、水。 塔",
            "한 글 ไทย é",
            "🚀 go 🚀",
            "a \u{200b}b",
            "a\u{2028} b",
            "",
        ];
        for text in samples {
            let words: Vec<String> = text
                .split_whitespace()
                .map(|word| {
                    word.chars().filter(|c| !matches!(c, '\u{200B}' | '\u{2060}' | '\u{FEFF}' | '\u{AD}')).collect()
                })
                .collect();
            assert_eq!(one_line(text), words.join(" "), "{text:?}");
            assert_eq!(into_line(text.to_owned()), words.join(" "), "{text:?}");
            let long: String = text.nfkc().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect();
            assert_eq!(normalized(text), long, "{text:?}");
        }
        for character in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let stays = run_on_one_line(character.to_string().as_bytes()) > 0;
            assert!(!stays || !(character.is_whitespace() || is_invisible(character)), "{character:?}");
        }
        for character in (0..0x2_0000).filter_map(char::from_u32).filter(|c| is_composed(*c)) {
            let kept = |text: String| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
            assert_eq!(kept(character.nfkc().collect()), kept(character.to_string()), "{character:?}");
        }
    }

    #[test]
    fn slugs_are_ascii_and_readable() {
        for (heading, expected) in [
            ("新闻资讯", "xin-wen-zi-xun"),
            ("News", "news"),
            ("C#", "c-sharp"),
            ("C++", "c-plus-plus"),
            ("What’s new?", "whats-new"),
            ("AI新闻", "ai-xin-wen"),
            ("Überblick", "uberblick"),
            ("—", ""),
            ("🚀", ""),
        ] {
            assert_eq!(slug(heading), expected, "{heading}");
        }
    }

    #[test]
    fn a_whole_sentence_is_better_than_a_text_that_breaks_off() {
        let sentence = "The old water tower will be a library soon.";
        let long = format!("{sentence} It has room for {}", "very ".repeat(40));
        assert_eq!(cut(&long, 3 * sentence.len() - 3), sentence);
        assert!(cut(&long, 3 * sentence.len() + 3).ends_with("very…"));
        for inner in ["Shown by J. Doe and", "Shown, e.g. by", "Doe, Roe et al. show", "See the assert! macro"] {
            let text = format!("{inner} {}", "more ".repeat(20));
            assert!(cut(&text, 30).ends_with('…'), "{inner}");
        }
    }

    #[test]
    fn a_latin_stop_inside_a_word_ends_no_sentence() {
        assert_eq!(first_sentence("See example.com for 3.5 reasons. Then rest."), "See example.com for 3.5 reasons.");
        assert_eq!(first_sentence("第一句。第二句。"), "第一句。");
    }

    #[test]
    fn a_script_that_settles_the_language_names_it() {
        assert_eq!(language_of("旧水塔变成图书馆"), Some("zh"));
        assert_eq!(language_of("古い給水塔が図書館になりました"), Some("ja"));
        assert_eq!(language_of("오래된 급수탑이 도서관이 되었다"), Some("ko"));
        assert_eq!(language_of("An old water tower"), None);
    }

    #[test]
    fn characters_that_xml_forbids_are_told_apart() {
        assert!(['\t', '\n', 'a', '\u{E000}', '😀'].into_iter().all(is_xml_char));
        assert!(!['\0', '\u{8}', '\u{B}', '\u{1F}', '\u{FFFE}', '\u{FFFF}'].into_iter().any(is_xml_char));
        for character in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let is_safe = is_plainly_safe(&character.to_string());
            assert!(!is_safe || is_xml_char(character), "{character:?}");
        }
    }
}
