//! The text of a file, made safe to parse, and the places in it.
//!
//! Lines stay lines: what is removed here never moves a line number.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use super::text::is_xml_char;
use crate::finding::{Code, Finding, Place};

/// A file's text after preparing, with the starts of its lines.
#[derive(Debug)]
pub struct Source {
    /// The name findings carry.
    pub path: String,
    /// The text: UTF-8, LF line ends, no byte order marks, only characters that XML 1.0 allows.
    pub text: String,
    line_starts: Vec<usize>,
    /// The last place asked for: its byte, the start of its line, its column. Places are asked for in order, mostly, and a
    /// line of a megabyte must not be counted again for each.
    last: Cell<(usize, usize, usize)>,
}

impl Source {
    /// Prepares the bytes of a file; what had to be repaired is a finding, once per kind.
    pub fn prepare(path: &str, bytes: &[u8]) -> (Source, Vec<Finding>) {
        let mut findings = Vec::new();
        let decoded = String::from_utf8_lossy(bytes);
        let text = clean(&decoded);
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let source = Source { path: path.to_owned(), text, line_starts, last: Cell::new((0, 0, 1)) };
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
        if let Some((at, character)) = decoded.char_indices().find(|(_, c)| !is_xml_char(*c)) {
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

    /// The line and column of a byte offset into [`Source::text`].
    pub fn place(&self, offset: usize) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts[line - 1];
        let (last, last_start, last_column) = self.last.get();
        let (from, counted) = if last_start == start && last <= offset { (last, last_column) } else { (start, 1) };
        let column = counted + self.text.get(from..offset).map_or(0, |between| between.chars().count());
        self.last.set((offset, start, column));
        Place { line, column }
    }

    /// The line of a byte offset, from 1.
    pub fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
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
    let broken = bytes.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
    broken > 3 && broken * BYTES_PER_ACCIDENT > bytes.len()
}

/// CRLF and lone CR to LF, byte order marks and forbidden characters out.
fn clean(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' => {
                characters.next_if_eq(&'\n');
                result.push('\n');
            }
            '\u{FEFF}' => {}
            _ if is_xml_char(character) => result.push(character),
            _ => {}
        }
    }
    result
}

fn place_in(before: &str) -> Place {
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before[line_start..].chars().filter(|c| *c != '\u{FEFF}').count() + 1;
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
    fn a_place_counts_characters() {
        let (source, _) = Source::prepare("a.md", "ab\n新闻😀x".as_bytes());
        let offset = source.text.find('x').unwrap();
        assert_eq!(source.place(offset), Place { line: 2, column: 4 });
    }
}
