//! The text of a file, made safe to parse, and the places in it.
//!
//! Lines stay lines: what is removed here never moves a line number.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;

use super::text::{is_plainly_safe, is_xml_char};
use crate::finding::{Code, Finding, Place};

/// A file's text after preparing, with the starts of its lines.
#[derive(Debug)]
pub struct Source {
    /// The name findings carry.
    pub path: String,
    /// The text: UTF-8, LF line ends, no byte order marks, only characters that XML 1.0 allows.
    pub text: String,
    line_starts: Vec<usize>,
    /// Where a space of the author's is `%20`, in order.
    encoded: Vec<usize>,
    /// Before which bytes a character of the author's was removed, in order.
    removed: Vec<usize>,
    /// The lines, from 1, on which a template would have included another text.
    includes: Vec<usize>,
    /// The last place asked for, if any: its byte, the start of its line, its column. Places are asked for in order, mostly, and a
    /// line of a megabyte must not be counted again for each.
    last: Cell<(usize, usize, usize)>,
}

impl Source {
    /// Prepares the bytes of a file; what had to be repaired is a finding, once per kind.
    pub fn prepare(path: &str, bytes: &[u8]) -> (Source, Vec<Finding>) {
        let mut findings = Vec::new();
        let decoded = std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
        let is_safe = is_plainly_safe(&decoded);
        let (mut text, line_starts, removed) = clean(&decoded, is_safe);
        let includes = blank_templates(&mut text);
        let includes = includes.into_iter().map(|at| line_starts.partition_point(|start| *start <= at)).collect();
        if path.ends_with(".mdx") {
            blank_modules(&mut text);
        }
        let (text, spaces) = encode_spaces(text);
        let moved = |at: usize| at + 2 * spaces.partition_point(|space| *space < at);
        let source = Source {
            path: path.to_owned(),
            text,
            line_starts: line_starts.into_iter().map(moved).collect(),
            removed: removed.into_iter().map(moved).collect(),
            encoded: spaces.iter().zip(0..).map(|(space, before)| space + 2 * before).collect(),
            includes,
            last: Cell::new((0, usize::MAX, 1)),
        };
        if let Cow::Owned(_) = decoded {
            let valid = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
            findings.push(Finding::new(
                path,
                place_in(&decoded[..valid]),
                Code::NotUtf8,
                "a byte here is not UTF-8; it is published as \u{FFFD}",
                "save the file as UTF-8",
            ));
        }
        if !is_safe && let Some((at, character)) = decoded.char_indices().find(|(_, c)| !is_xml_char(*c)) {
            findings.push(Finding::new(
                path,
                place_in(&decoded[..at]),
                Code::ForbiddenCharacter,
                format!("the character U+{:04X} is forbidden in XML and was removed", u32::from(character)),
                "delete it; it usually comes from copying out of a PDF or a terminal",
            ));
        }
        (source, findings)
    }

    /// The line and column of a byte offset into [`Source::text`], as its author sees them.
    pub fn place(&self, offset: usize) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts[line - 1];
        let gone = |until: usize| self.removed.partition_point(|at| *at <= until);
        let (last, last_start, last_column) = self.last.get();
        let (from, counted, gone_before) = if last_start == start && last <= offset {
            (last, last_column, gone(last))
        } else {
            (start, 1, self.removed.partition_point(|at| *at < start))
        };
        let between = self.text.get(from..offset).map_or(0, |between| between.chars().count());
        let spaces = |until: usize| self.encoded.partition_point(|at| *at + 2 < until);
        let column = counted + between + (gone(offset) - gone_before) - 2 * (spaces(offset) - spaces(from));
        self.last.set((offset, start, column));
        Place { line, column }
    }

    /// The line of a byte offset, from 1.
    pub fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// Whether another text would have been included somewhere in a part of the file.
    pub fn includes_between(&self, start: usize, end: usize) -> bool {
        let (first, last) = (self.line(start), self.line(end));
        let next = self.includes.partition_point(|line| *line < first);
        self.includes.get(next).is_some_and(|line| *line < last)
    }

    /// The text of a line, from 1.
    pub fn line_text(&self, line: usize) -> &str {
        let end = self.line_starts.get(line).map_or(self.text.len(), |next| next - 1);
        self.text.get(self.line_starts[line - 1]..end).unwrap_or_default()
    }

    /// A finding at a byte offset.
    pub fn finding(&self, offset: usize, code: Code, message: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding::new(&self.path, self.place(offset), code, message, remedy)
    }

    /// The byte ranges of the lines, without their ends.
    pub fn lines(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let ends = self.line_starts.iter().skip(1).map(|next| next - 1).chain([self.text.len()]);
        self.line_starts.iter().copied().zip(ends).map(|(start, end)| start..end)
    }
}

/// Whether so much of a file is not UTF-8 that it is in another encoding, or no text at all.
pub fn is_garbled(bytes: &[u8]) -> bool {
    /// One broken character in so many bytes is an accident.
    const BYTES_PER_ACCIDENT: usize = 200;
    if std::str::from_utf8(bytes).is_ok() {
        return false;
    }
    let broken = bytes.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
    broken > 3 && broken * BYTES_PER_ACCIDENT > bytes.len()
}

/// CRLF and lone CR to LF, byte order marks and forbidden characters out, if there are any; where lines start, and before
/// which bytes a character was removed.
///
/// Editors and other tools count lines by LF alone, so a lone CR begins a line for Markdown but not for places, unless the file
/// has no LF at all.
fn clean(text: &str, is_safe: bool) -> (String, Vec<usize>, Vec<usize>) {
    let bytes = text.as_bytes();
    if is_safe && !bytes.contains(&b'\r') && memchr::memmem::find(bytes, "\u{FEFF}".as_bytes()).is_none() {
        let line_starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', bytes).map(|at| at + 1)).collect();
        return (text.to_owned(), line_starts, Vec::new());
    }
    let mut result = String::with_capacity(text.len());
    let counts_cr = !text.contains('\n');
    let (mut line_starts, mut removed) = (vec![0], Vec::new());
    // The mark at the very beginning is in no column.
    let mut rest = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    while let Some(at) = rest.find(|c: char| matches!(c, '\r' | '\n' | '\u{FEFF}') || !is_xml_char(c)) {
        result.push_str(&rest[..at]);
        let character = rest[at..].chars().next().unwrap_or_default();
        rest = &rest[at + character.len_utf8()..];
        let is_pair = character == '\r' && rest.starts_with('\n');
        if matches!(character, '\r' | '\n') && !is_pair {
            result.push('\n');
            if character == '\n' || counts_cr {
                line_starts.push(result.len());
            }
        } else if !is_pair {
            removed.push(result.len());
        }
    }
    result.push_str(rest);
    (result, line_starts, removed)
}

/// The longest template tag, in bytes; what is longer is text.
const MAX_TEMPLATE_BYTES: usize = 16 * 1024;

/// Blanks what other generators would have replaced: `{% … %}` and `{{< … >}}`, over several lines, comments with what is
/// in them; `{:…}` on one line; and lines that are one `{{ … }}`. Not in code; every byte keeps its place. Gives the offsets
/// of tags that would have included another text.
fn blank_templates(text: &mut String) -> Vec<usize> {
    let mut includes = Vec::new();
    let bytes = text.as_bytes();
    let may_begin = |at: usize| matches!(bytes.get(at + 1), Some(b'%' | b'{' | b':'));
    if !memchr::memchr_iter(b'{', bytes).any(may_begin) {
        return includes;
    }
    let mut blanks: Vec<Range<usize>> = Vec::new();
    let mut fence: Option<&str> = None;
    let (mut at, mut done) = (0, 0);
    let mut ends = Ends::default();
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        if at <= done {
            continue;
        }
        let trimmed = line.trim();
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        match (fence, mark) {
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, Some(mark)) => fence = Some(mark),
            _ => {}
        }
        if fence.is_some() || mark.is_some() || !line.contains('{') {
            continue;
        }
        if let Some(inner) = trimmed.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"))
            && !inner.contains('}')
        {
            blanks.push(start..start + line.trim_end().len());
            done = at;
            continue;
        }
        let (mut begin, mut in_code) = (0, false);
        while let Some(next) = line[begin..].find(['{', '`']) {
            begin += next;
            if line[begin..].starts_with('`') {
                in_code = !in_code;
            } else if !in_code
                && start + begin >= done
                && let Some(length) =
                    template_length(text, start + begin..at, line[..begin].trim().is_empty(), &mut ends)
            {
                let tag = start + begin..start + begin + length;
                let name = text[tag.clone()].trim_start_matches(['{', '%', '<', '-', ' ']);
                if name.starts_with("include") {
                    includes.push(tag.start);
                }
                let is_comment =
                    name.strip_prefix("comment").is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()));
                let end = if is_comment { comment_end(text, &tag, &mut ends) } else { None };
                done = end.unwrap_or(tag.end);
                blanks.push(tag.start..done);
            }
            begin += 1;
        }
    }
    blanks.iter().for_each(|range| blank(text, range));
    includes
}

/// The end of the tag that closes a comment: `{% endcomment %}` of Liquid, `{{< /comment >}}` or `{{% /comment %}}` of Hugo.
fn comment_end(text: &str, tag: &Range<usize>, ends: &mut Ends) -> Option<usize> {
    let (closings, close): (&[&'static str], &str) = match text.as_bytes().get(tag.start + 1..tag.start + 3)? {
        [b'{', b'<'] => (&["{{< /comment", "{{</comment"], ">}}"),
        [b'{', _] => (&["{{% /comment", "{{%/comment"], "%}}"),
        _ => (&["{% endcomment", "{%- endcomment", "{%endcomment", "{%-endcomment"], "%}"),
    };
    let name = closings.iter().map(|closing| ends.after(text, tag.end, closing)).min()?;
    let rest = text.get(name..)?;
    rest.find(close).map(|end| name + end + close.len())
}

/// Where the next of each closing mark stands, so that a text without any is not searched again and again.
#[derive(Default)]
struct Ends(HashMap<&'static str, usize>);

impl Ends {
    /// The end of the first mark from a place on, `usize::MAX` when there is none.
    fn after(&mut self, text: &str, from: usize, mark: &'static str) -> usize {
        let known = self.0.get(mark).copied().filter(|end| *end > from + mark.len());
        known.unwrap_or_else(|| {
            let end = text[from..].find(mark).map_or(usize::MAX, |at| from + at + mark.len());
            self.0.insert(mark, end);
            end
        })
    }
}

/// The bytes of the template tag that begins at the beginning of a rest of a line. One that begins its line may hold paragraphs.
fn template_length(text: &str, rest: Range<usize>, begins_line: bool, ends: &mut Ends) -> Option<usize> {
    let (mark, on_line) = match text[rest.clone()].as_bytes() {
        [b'{', b'%', ..] => ("%}", false),
        [b'{', b'{', b'<', ..] => (">}}", false),
        [b'{', b'{', b'%', ..] => ("%}}", false),
        // kramdown's attributes begin with a class, an id or a name; `{:ok, value}` is Elixir.
        [b'{', b':', ..] => ("}", true),
        _ => return None,
    };
    let end = ends.after(text, rest.start, mark);
    let is_near = end != usize::MAX && end - rest.start <= MAX_TEMPLATE_BYTES && (!on_line || end <= rest.end);
    if !is_near {
        return None;
    }
    let tag = &text[rest.start..end];
    let is_attribute = !on_line || tag.starts_with("{:.") || tag.starts_with("{:#") || tag.contains('=');
    (is_attribute && (begins_line || !tag.contains("\n\n"))).then_some(tag.len())
}

/// Blanks the `import` and `export` statements of MDX: from such a line to the next blank one.
fn blank_modules(text: &mut String) {
    const BEGINNINGS: [&str; 7] =
        ["export const ", "export default ", "export function ", "export let ", "export {", "import {", "import * "];
    let mut blanks: Vec<Range<usize>> = Vec::new();
    let (mut at, mut inside) = (0, false);
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let is_import = line.starts_with("import ") && (line.contains(" from '") || line.contains(" from \""));
        inside |= is_import || BEGINNINGS.iter().any(|beginning| line.starts_with(beginning));
        inside &= !line.trim().is_empty();
        if inside {
            blanks.push(start..at);
        }
    }
    blanks.iter().for_each(|range| blank(text, range));
}

/// Spaces for everything but line ends.
fn blank(text: &mut String, range: &Range<usize>) {
    let spaces: String = text[range.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
    text.replace_range(range.clone(), &spaces);
}

/// The longest address whose spaces are encoded, in bytes.
const MAX_ADDRESS_BYTES: usize = 2048;

/// Percent-encodes the spaces in `](http://a b)`: without that it is no link. A title behind the address stays one. Also gives
/// where these spaces were.
fn encode_spaces(text: String) -> (String, Vec<usize>) {
    let opens = "](http";
    // The parenthesis of the next one ends it at the latest, so every byte is looked at once.
    let has_space = |at: usize| {
        let mut destination = text.as_bytes()[at + 2..].iter();
        destination
            .find(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'(' | b')'))
            .is_some_and(|byte| matches!(byte, b' ' | b'\t'))
    };
    if !memchr::memmem::find_iter(text.as_bytes(), opens).any(has_space) {
        return (text, Vec::new());
    }
    let (mut inserted, mut line_start): (Vec<usize>, usize) = (Vec::new(), 0);
    for line in text.split_inclusive('\n') {
        let start = line_start;
        line_start += line.len();
        // What stands in code is shown as it is.
        if line.contains('`') {
            continue;
        }
        let mut done = 0;
        for (at, _) in line.match_indices(opens) {
            let destination = &line[at + 2..];
            let window = &destination[..destination.floor_char_boundary(MAX_ADDRESS_BYTES.min(destination.len()))];
            let end = window.find([')', '\n', '"', '\'', '<', '(', '[']);
            let Some(end) = end.filter(|end| window[*end..].starts_with(')') && at + 2 >= done) else { continue };
            done = at + 2 + end;
            let spaces = window[..end].trim_end().char_indices().filter(|(_, c)| matches!(c, ' ' | '\t'));
            inserted.extend(spaces.map(|(space, _)| start + at + 2 + space));
        }
    }
    if inserted.is_empty() {
        return (text, inserted);
    }
    let mut encoded = String::with_capacity(text.len() + inserted.len() * 2);
    let mut done = 0;
    for at in &inserted {
        encoded.push_str(&text[done..*at]);
        encoded.push_str("%20");
        done = at + 1;
    }
    encoded.push_str(&text[done..]);
    (encoded, inserted)
}

/// The lines of a file as their author sees them: with every character that [`Source::prepare`] takes away or changes, so that
/// columns count the same; forbidden ones are U+FFFD.
pub fn written_lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let shown = |character: char| match character {
        '\r' => ' ',
        character if is_xml_char(character) => character,
        _ => char::REPLACEMENT_CHARACTER,
    };
    let end = if text.contains('\n') { '\n' } else { '\r' };
    text.split(end).map(|line| line.strip_suffix('\r').unwrap_or(line).chars().map(shown).collect()).collect()
}

fn place_in(before: &str) -> Place {
    let before = before.strip_prefix('\u{FEFF}').unwrap_or(before);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before[line_start..].chars().count() + 1;
    Place { line: before.matches('\n').count() + 1, column }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_and_byte_order_marks_are_evened_out() {
        let (source, findings) = Source::prepare("a.md", "\u{FEFF}a\r\nb\rc\u{FEFF}\n".as_bytes());
        assert_eq!(source.text, "a\nb\nc\n");
        assert!(findings.is_empty());
    }

    #[test]
    fn a_forbidden_character_goes_and_is_told_with_its_place() {
        let (source, findings) = Source::prepare("a.md", "x\n新闻\u{8}资讯".as_bytes());
        assert_eq!(source.text, "x\n新闻资讯");
        assert_eq!((findings[0].line, findings[0].column), (2, 3));
        assert_eq!(findings[0].code, Code::ForbiddenCharacter);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_told_and_the_rest_stays() {
        let (source, findings) = Source::prepare("a.md", b"one\ntw\xFFo");
        assert_eq!(source.text, "one\ntw\u{FFFD}o");
        assert_eq!((findings[0].line, findings[0].column, findings[0].code), (2, 3, Code::NotUtf8));
    }

    #[test]
    fn a_place_is_that_of_the_author_s_own_text() {
        let written = "\u{FEFF}a\u{FEFF} [t](https://e.org/a b c) 中\u{8} [x](rel) [y](rel)\n\u{FEFF}[u](https://e.org/d e) [z](rel)\r\n";
        let (source, _) = Source::prepare("a.md", written.as_bytes());
        let lines = written_lines(written.as_bytes());
        for (link, line) in [("[t]", 1), ("[x]", 1), ("[y]", 1), ("[u]", 2), ("[z]", 2)] {
            let place = source.place(source.text.find(link).unwrap());
            assert_eq!(place.line, line);
            let at_column: String = lines[line - 1].chars().skip(place.column - 1).take(3).collect();
            assert_eq!(at_column, link);
        }
        assert_eq!(lines[1], "\u{FEFF}[u](https://e.org/d e) [z](rel)");
    }

    #[test]
    fn a_place_counts_characters() {
        let (source, _) = Source::prepare("a.md", "ab\n新闻😀x".as_bytes());
        let offset = source.text.find('x').unwrap();
        assert_eq!(source.place(offset), Place { line: 2, column: 4 });
    }
}
