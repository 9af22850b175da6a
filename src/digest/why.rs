//! Why a heading is a section, a text an item, and a link the story's: the rule behind every guess, for people to check.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The rule that made a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SectionWhy {
    /// The configuration names it.
    Configured,
    /// The configuration puts the items of all other headings together.
    Rest,
    /// Its heading heads many digests.
    Recurs,
    /// It holds deeper headings.
    HoldsHeadings,
    /// It holds a list, or numbered or bold paragraphs, or a table.
    HoldsEntries,
    /// It stands empty among sections.
    AmongSections,
    /// Items stand under no heading.
    Unnamed,
}

impl fmt::Display for SectionWhy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            SectionWhy::Configured => "the configuration names it",
            SectionWhy::Rest => "the configuration puts the rest together",
            SectionWhy::Recurs => "its heading recurs",
            SectionWhy::HoldsHeadings => "it holds deeper headings",
            SectionWhy::HoldsEntries => "it holds a list or the like",
            SectionWhy::AmongSections => "it stands empty among sections",
            SectionWhy::Unnamed => "no heading above",
        })
    }
}

/// The rule that made an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemWhy {
    /// It has a heading that is a link.
    LinkedHeading,
    /// It has a heading of its own.
    Heading,
    /// An entry of a list.
    ListEntry,
    /// It begins with a number.
    Numbered,
    /// It begins with a title in bold.
    Bold,
    /// A row of a table.
    TableRow,
    /// A paragraph with a link, among such.
    Paragraph,
    /// A text between thematic breaks.
    Part,
    /// The whole text of a section.
    Prose,
    /// The whole file.
    File,
}

impl fmt::Display for ItemWhy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            ItemWhy::LinkedHeading => "its heading is a link",
            ItemWhy::Heading => "heading",
            ItemWhy::ListEntry => "list entry",
            ItemWhy::Numbered => "numbered",
            ItemWhy::Bold => "bold title",
            ItemWhy::TableRow => "table row",
            ItemWhy::Paragraph => "paragraph",
            ItemWhy::Part => "between breaks",
            ItemWhy::Prose => "the section's text",
            ItemWhy::File => "the file",
        })
    }
}

/// The rule that chose an item's link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkWhy {
    /// It covers the title, or begins it.
    CoversTitle,
    /// Its text, or the text before it, is one of the labels: Read more, Source.
    Label,
    /// It stands alone below the title.
    BelowTitle,
    /// It is the only one.
    Only,
    /// It is the first that is more than a home page or a profile.
    First,
    /// There is none.
    None,
}

impl fmt::Display for LinkWhy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            LinkWhy::CoversTitle => "covers the title",
            LinkWhy::Label => "has a label",
            LinkWhy::BelowTitle => "stands below the title",
            LinkWhy::Only => "the only one",
            LinkWhy::First => "the first",
            LinkWhy::None => "none",
        })
    }
}
