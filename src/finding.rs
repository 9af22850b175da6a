//! A remark about content, with its place and a way out.
//!
//! Wrong content is never an `Err`: the digest it stands in may still be published, and every other one is. What a
//! newcomer gets wrong: columns count characters, not bytes, so that a caret stands right under Chinese text.

use std::fmt;

use serde::Serialize;

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

/// What kind of remark a finding is; the names are stable, for filters and for `check --format json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The file or folder cannot be read.
    Unreadable,
    /// The file is larger than `content.max_file_bytes`.
    FileTooLarge,
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
    /// A line that begins like a heading but has no space after the `#`.
    HeadingUnspaced,
    /// A section without items.
    SectionEmpty,
    /// A heading the configuration does not know, put into the rest.
    SectionUnknown,
    /// An item without a link.
    ItemWithoutLink,
    /// An item without any text for a title, left out.
    ItemWithoutTitle,
    /// A relative link that no base resolves.
    LinkRelative,
    /// A link that is not a URL, or not one of http, https and mailto.
    LinkUnusable,
    /// Raw HTML that readers must not get was stripped.
    HtmlStripped,
    /// Nesting deeper than `content.max_nesting` was flattened.
    NestingTooDeep,
    /// feedmill itself failed on the file.
    Internal,
    /// More items than `content.max_items`.
    TooManyItems,
}

impl Code {
    /// How much a finding of this kind matters.
    pub fn severity(self) -> Severity {
        match self {
            Code::Unreadable
            | Code::FileTooLarge
            | Code::FileEmpty
            | Code::FrontMatterInvalid
            | Code::Internal
            | Code::Garbled
            | Code::TooManyItems => Severity::Error,
            Code::SameFile | Code::ItemWithoutLink | Code::DateInFuture => Severity::Note,
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
    /// `path:line:column: severity: message (remedy)`, the form editors and CI systems jump to.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { path, line, column, severity, code, message, remedy } = self;
        write!(formatter, "{path}:{line}:{column}: {severity}: {message} [{code}]\n    help: {remedy}")
    }
}
