//! A remark about content, with its place and a way out.
//!
//! Wrong content is never an `Err`: the digest it stands in may still be published, and every other one is. What a
//! newcomer gets wrong: columns count characters, not bytes, so that a caret stands right under Chinese text.

mod explain;

use std::fmt;

use serde::Serialize;

pub use explain::{effect, explanation};

/// How much a finding matters to subscribers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something to know; subscribers lose nothing.
    Note,
    /// Published, but probably not as meant.
    Warning,
    /// A file or a part of it is not published.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// How many findings there are of each severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
    /// Notes.
    pub notes: usize,
}

impl FromIterator<Severity> for Counts {
    fn from_iter<T: IntoIterator<Item = Severity>>(severities: T) -> Counts {
        severities.into_iter().fold(Counts::default(), |counts, severity| match severity {
            Severity::Error => Counts { errors: counts.errors + 1, ..counts },
            Severity::Warning => Counts { warnings: counts.warnings + 1, ..counts },
            Severity::Note => Counts { notes: counts.notes + 1, ..counts },
        })
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [(self.errors, "error"), (self.warnings, "warning"), (self.notes, "note")];
        let some = kinds.into_iter().filter(|(count, _)| *count > 0);
        let told: Vec<String> =
            some.map(|(count, name)| format!("{count} {name}{}", if count == 1 { "" } else { "s" })).collect();
        match told.is_empty() {
            true => formatter.write_str("no findings"),
            false => write!(formatter, "findings: {}", told.join(", ")),
        }
    }
}

/// What kind of remark a finding is; the names are stable, for filters and for `check --format json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The file or folder cannot be read.
    Unreadable,
    /// The file is larger than `content.max_file_bytes`.
    FileTooLarge,
    /// The folder has more than `content.max_total_bytes`, and this is the first of the files left out.
    FolderTooLarge,
    /// The file holds nothing but white space.
    FileEmpty,
    /// The name is that of a digest, but it is a folder, a pipe or another thing that is no file.
    NotAFile,
    /// A symbolic link leads back to a folder above it.
    LinkLoop,
    /// The same file was read under another name already.
    SameFile,
    /// The bytes are not UTF-8.
    NotUtf8,
    /// Most of the file is not UTF-8.
    Garbled,
    /// Characters that XML 1.0 forbids were removed.
    ForbiddenCharacter,
    /// The front matter is not YAML that can be read.
    FrontMatterInvalid,
    /// The front matter was read after a line of it had been quoted.
    FrontMatterRepaired,
    /// A key of the front matter has a value of the wrong type.
    FrontMatterValue,
    /// A key of the front matter that was probably meant to be another.
    FrontMatterKey,
    /// No date anywhere: not a digest.
    DateMissing,
    /// A date that is none.
    DateInvalid,
    /// Two places name dates more than a day apart.
    DateDisagrees,
    /// Another file has the same date and language.
    DateShared,
    /// The digest is dated in the future and waits.
    DateInFuture,
    /// The digest is a draft, which only a preview shows.
    Draft,
    /// No date anywhere; the day counts on which the file was first seen.
    DateGuessed,
    /// A line that begins like a heading but has no space after the `#`.
    HeadingUnspaced,
    /// A heading deeper than those beside it, with a level left out.
    HeadingSkips,
    /// A digest with a text of which no item was made.
    NoItems,
    /// A section without items.
    SectionEmpty,
    /// A heading that differs in a letter or two from one that heads many digests.
    SectionMisspelt,
    /// A heading the configuration does not know, put into the rest.
    SectionUnknown,
    /// An item without a link.
    ItemWithoutLink,
    /// An item without any text for a title, left out.
    ItemWithoutTitle,
    /// Two items of one section with the same link.
    LinkTwice,
    /// Two items of one section with nearly the same title.
    TitleTwice,
    /// An item that is published already would be new to subscribers.
    IdChanges,
    /// What is taken back is no item.
    RetractionUnknown,
    /// The publish guard would not show the digests as they are now.
    HeldBack,
    /// Items of recent days do not fit into a feed.
    FeedTooLarge,
    /// Asterisks that did not become emphasis.
    EmphasisBroken,
    /// A link whose reference is defined nowhere in the file.
    LinkUndefined,
    /// `[text] (address)`, or an address with a space in it: no link in Markdown.
    LinkBroken,
    /// A relative link that no base resolves.
    LinkRelative,
    /// A link that is not a URL, or not one of http, https and mailto.
    LinkUnusable,
    /// Raw HTML that readers must not get was stripped, or is shown as text.
    HtmlStripped,
    /// Nesting deeper than `content.max_nesting` was flattened.
    NestingTooDeep,
    /// feedmill itself failed on the file.
    Internal,
    /// More items than `content.max_items`.
    TooManyItems,
    /// With the digest the publication would have more than `content.max_sections`.
    TooManySections,
}

const ALL: [Code; 45] = [
    Code::Unreadable,
    Code::FileTooLarge,
    Code::FolderTooLarge,
    Code::FileEmpty,
    Code::NotAFile,
    Code::LinkLoop,
    Code::SameFile,
    Code::NotUtf8,
    Code::Garbled,
    Code::ForbiddenCharacter,
    Code::FrontMatterInvalid,
    Code::FrontMatterRepaired,
    Code::FrontMatterValue,
    Code::FrontMatterKey,
    Code::DateMissing,
    Code::DateInvalid,
    Code::DateDisagrees,
    Code::DateShared,
    Code::DateInFuture,
    Code::Draft,
    Code::DateGuessed,
    Code::HeadingUnspaced,
    Code::HeadingSkips,
    Code::NoItems,
    Code::SectionEmpty,
    Code::SectionMisspelt,
    Code::SectionUnknown,
    Code::ItemWithoutLink,
    Code::ItemWithoutTitle,
    Code::LinkTwice,
    Code::TitleTwice,
    Code::IdChanges,
    Code::RetractionUnknown,
    Code::HeldBack,
    Code::FeedTooLarge,
    Code::EmphasisBroken,
    Code::LinkUndefined,
    Code::LinkBroken,
    Code::LinkRelative,
    Code::LinkUnusable,
    Code::HtmlStripped,
    Code::NestingTooDeep,
    Code::Internal,
    Code::TooManyItems,
    Code::TooManySections,
];

/// How far a finding reaches from its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// To the end of its line.
    Line,
    /// Over a link or a tag, to its closing bracket or the next white space.
    Link,
    /// So many characters.
    Characters(usize),
    /// The whole file.
    File,
}

impl Code {
    /// How far findings of this kind reach.
    pub fn extent(self) -> Extent {
        match self {
            Code::Unreadable
            | Code::FileTooLarge
            | Code::FolderTooLarge
            | Code::FileEmpty
            | Code::NotAFile
            | Code::LinkLoop
            | Code::SameFile
            | Code::Garbled
            | Code::DateMissing
            | Code::DateGuessed
            | Code::DateShared
            | Code::DateInFuture
            | Code::Draft
            | Code::FeedTooLarge
            | Code::TooManySections
            | Code::Internal => Extent::File,
            Code::NotUtf8 | Code::ForbiddenCharacter => Extent::Characters(1),
            Code::EmphasisBroken => Extent::Characters(2),
            Code::LinkRelative | Code::LinkUnusable | Code::LinkUndefined | Code::HtmlStripped => Extent::Link,
            _ => Extent::Line,
        }
    }

    /// Every kind, in the order of the enumeration.
    pub fn all() -> impl Iterator<Item = Code> {
        ALL.into_iter()
    }

    /// How much a finding of this kind matters.
    pub fn severity(self) -> Severity {
        match self {
            Code::Unreadable
            | Code::FileTooLarge
            | Code::FolderTooLarge
            | Code::FileEmpty
            | Code::FrontMatterInvalid
            | Code::Internal
            | Code::Garbled
            | Code::TooManyItems
            | Code::TooManySections
            | Code::HeldBack => Severity::Error,
            Code::SameFile | Code::ItemWithoutLink | Code::DateInFuture | Code::Draft | Code::TitleTwice => {
                Severity::Note
            }
            _ => Severity::Warning,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(formatter)
    }
}

/// A line and a column, both from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Place {
    /// The very first character: for findings about a whole file.
    pub const START: Place = Place { line: 1, column: 1 };
}

/// One remark about one place of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file, as the caller named it or relative to the content folder.
    #[serde(skip)]
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// How much it matters.
    pub severity: Severity,
    /// What kind of remark it is.
    pub code: Code,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Finding {
    /// The column after its last character, in a line of the file.
    pub fn end_column(&self, line: &str) -> usize {
        let rest: Vec<char> = line.chars().skip(self.column - 1).collect();
        let text_end = rest.iter().rposition(|c| !c.is_whitespace()).map_or(0, |last| last + 1);
        let length = match self.code.extent() {
            Extent::Line => text_end,
            Extent::Characters(number) => number.min(rest.len()),
            Extent::Link => {
                // `[text](address)`, `[text][reference]`, `<address>`, or an address as it stands.
                let ends: &[char] = match rest.first() {
                    Some('[' | '!') => &[')', ']'],
                    Some('<') => &['>'],
                    _ => &[' '],
                };
                let text_over = rest.iter().position(|c| *c == ']').unwrap_or_default();
                let from = if ends.contains(&']') { text_over + 2 } else { 1 };
                let end = rest.iter().skip(from).position(|c| ends.contains(c)).map(|end| from + end + 1);
                end.unwrap_or(text_end).min(text_end)
            }
            Extent::File => 0,
        };
        self.column + length.max(1)
    }

    /// A finding of a kind at a place; the severity follows from the kind.
    pub fn new(path: &str, place: Place, code: Code, message: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding {
            path: path.to_owned(),
            line: place.line,
            column: place.column,
            severity: code.severity(),
            code,
            message: message.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Finding {
    /// `path:line:column: severity: message [code]`, the form editors and CI systems jump to; what else there is, on indented
    /// lines below.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { path, line, column, severity, code, message, remedy } = self;
        let mut lines = message.lines();
        let first = lines.next().unwrap_or_default();
        write!(formatter, "{path}:{line}:{column}: {severity}: {first} [{code}]")?;
        lines.try_for_each(|line| write!(formatter, "\n    {line}"))?;
        write!(formatter, "\n    help: {remedy}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_name_a_place_in_the_list_and_an_explanation() {
        for (at, code) in Code::all().enumerate() {
            assert_eq!(code as usize, at, "{code}");
            let text = explanation(code);
            let effect = effect(code);
            assert!(effect.starts_with("Subscribers ") && !effect.contains(['\n', ':']), "{code}: {effect}");
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains(&format!("{effect}. ")) && !effect.contains(". "), "{code}: {effect} is cut");
            assert!(text.lines().count() >= 3 && text.lines().all(|line| line.chars().count() <= 90), "{code}: {text}");
        }
    }

    #[test]
    fn a_finding_ends_where_its_kind_ends() {
        let at = |code, column| Finding::new("a.md", Place { line: 1, column }, code, "m", "r");
        assert_eq!(at(Code::LinkRelative, 4).end_column("新闻 [b](x.md) c"), 13);
        assert_eq!(at(Code::LinkUndefined, 1).end_column("[曾 警告][p4tr what], 后"), 18);
        assert_eq!(at(Code::LinkRelative, 3).end_column("- [🏠 Home](/README.md) x"), 23);
        assert_eq!(at(Code::SectionMisspelt, 1).end_column("### 标题  "), 7);
        assert_eq!(at(Code::EmphasisBroken, 3).end_column("真，**她"), 5);
        assert_eq!(at(Code::ForbiddenCharacter, 9).end_column("ab"), 10);
    }
}
