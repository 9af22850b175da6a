//! How a publication writes its digests: what the configuration says and rules cannot know.
//!
//! Data, with the defaults; what it means is up to the modules that read it.

use std::collections::HashSet;

use chrono::NaiveDate;
use url::Url;

use super::text::normalized;

/// How a publication writes its digests.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The texts of links that only say "read the original".
    pub labels: Labels,
    /// Against what relative links are resolved; without it they lead nowhere.
    pub base: Option<Url>,
    /// The sections the publisher named, in their order.
    pub sections: Vec<SectionRule>,
    /// What becomes of a heading that is none of them.
    pub unknown: Unknown,
    /// The level of headings that are sections, 1 to 6, when the publisher says so.
    pub section_level: Option<usize>,
    /// Headings that are passed over with everything below them; compared as those of sections.
    pub skip: Vec<String>,
    /// What items look like.
    pub items: ItemForm,
    /// What becomes of a section that is one text.
    pub prose: Prose,
    /// Titles of items that are left out, such as `*(ad)*`.
    pub skip_items: Vec<glob::Pattern>,
    /// What becomes of items that come twice.
    pub dedupe: Dedupe,
    /// Where dates stand.
    pub dates: DateRules,
    /// The language of digests that do not say theirs, as a BCP 47 tag.
    pub language: Option<String>,
    /// Whether drafts are read as the digests they will be, for those who write them.
    pub shows_drafts: bool,
    /// The most items of one digest; what follows is left out, with a finding.
    pub max_items: usize,
    /// How deep quotes and lists may nest before they are flattened.
    pub max_nesting: usize,
}

/// Texts of links, with what they are compared by: every link of every digest is.
#[derive(Clone, PartialEq, Eq)]
pub struct Labels {
    texts: Vec<String>,
    normalized: HashSet<String>,
    longest: usize,
}

impl Labels {
    /// As they were given.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Whether a text is one of them, without case, spaces and signs.
    pub fn contain(&self, text: &str) -> bool {
        text.len() <= self.longest && self.normalized.contains(&normalized(text))
    }

    /// The most bytes of a text that is one of them, with signs and spaces around it.
    pub fn longest(&self) -> usize {
        self.longest
    }
}

/// As the texts are: what rules look like tells whether they are others than those of an earlier run.
impl std::fmt::Debug for Labels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.texts.fmt(f)
    }
}

impl From<Vec<String>> for Labels {
    fn from(texts: Vec<String>) -> Labels {
        let longest = texts.iter().map(String::len).max().unwrap_or_default() * 2 + 16;
        let compared = texts.iter().map(|text| normalized(text)).filter(|text| !text.is_empty());
        Labels { normalized: compared.collect(), texts, longest }
    }
}

/// A section that the configuration names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SectionRule {
    /// Its name in URLs: lower case ASCII.
    pub slug: String,
    /// Its title in feeds and pages; else the heading's.
    pub title: Option<String>,
    /// What its feed says of itself.
    pub description: Option<String>,
    /// The headings that belong to it, beside its title; compared without case, digits and signs.
    pub headings: Vec<String>,
}

/// What the items of a publication look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemForm {
    /// Found out for each section.
    Auto,
    /// Headings of a level, 1 to 6; those above are sections.
    Heading(usize),
    /// List entries.
    List,
    /// Paragraphs or lines that begin with a number.
    Numbered,
    /// Paragraphs that begin with a title in bold.
    Bold,
    /// Paragraphs.
    Paragraph,
    /// A file is an item; the files of a day are its digest.
    File,
}

/// What becomes of an item with the link and nearly the title of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dedupe {
    /// Within a section of a digest the one that says more stays.
    Digest,
    /// Also, a link that a feed has already is not shown again on a later day.
    Feed,
    /// All stay.
    Off,
}

/// Where the date of a digest stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateRules {
    /// The places in the order in which they count; one that is not named is not looked at.
    pub sources: Vec<DateSource>,
    /// How a path spells its date when no usual way is found, as `strftime` has it: `%d.%m.%y`.
    pub pattern: Option<String>,
    /// The date of an issue by its number.
    pub issues: Option<IssueDates>,
}

/// A place that a date may stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateSource {
    /// `date:` in the front matter.
    FrontMatter,
    /// The name of the file, or of its folders.
    Path,
    /// The document's first heading.
    Heading,
    /// `title:` in the front matter.
    Title,
}

/// Issues that come in equal steps: the date of each follows from its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IssueDates {
    /// The number of one issue ...
    pub number: i64,
    /// ... and its date.
    pub date: NaiveDate,
    /// Days from one issue to the next.
    pub days: i64,
}

impl Default for DateRules {
    fn default() -> DateRules {
        let sources = vec![DateSource::FrontMatter, DateSource::Path, DateSource::Heading, DateSource::Title];
        DateRules { sources, pattern: None, issues: None }
    }
}

impl DateRules {
    /// The date that a path tells by the configured pattern or its issue's number.
    pub(super) fn of_path(&self, rest: &str) -> Option<NaiveDate> {
        let by_pattern = || {
            let pattern = self.pattern.as_deref()?;
            let starts = rest.char_indices().map(|(at, _)| at);
            let mut found = starts.filter_map(|at| NaiveDate::parse_and_remainder(&rest[at..], pattern).ok());
            found.next().map(|(date, _)| date)
        };
        let by_number = || {
            let issues = self.issues?;
            let name = rest.rsplit('/').next().unwrap_or(rest);
            let start = name.find(|c: char| c.is_ascii_digit())?;
            let digits: String = name[start..].chars().take_while(char::is_ascii_digit).collect();
            let steps = digits.parse::<i64>().ok()?.checked_sub(issues.number)?;
            issues.date.checked_add_signed(chrono::TimeDelta::try_days(steps.checked_mul(issues.days)?)?)
        };
        by_pattern().or_else(by_number)
    }
}

/// What becomes of a section that is one text, and neither a list nor several paragraphs with a link each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prose {
    /// It is an item.
    Item,
    /// It is passed over.
    Skip,
}

/// What becomes of a heading that the configuration does not name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    /// It is a section of its own.
    Own,
    /// Its items go into the one section for the rest, with a finding.
    Rest {
        /// The slug of the rest.
        slug: String,
        /// The title of the rest.
        title: String,
    },
}

impl Default for Rules {
    fn default() -> Rules {
        let labels = [
            "阅读原文",
            "原文",
            "查看原文",
            "原文链接",
            "来源",
            "来源链接",
            "链接",
            "更多详情",
            "阅读全文",
            "查看全文",
            "查看详情",
            "閱讀原文",
            "続きを読む",
            "원문 보기",
            "Read more",
            "Read the original",
            "Original",
            "Source",
            "Link",
            "More details",
            "Continue reading",
            "Full story",
            "Lire la suite",
            "En savoir plus",
            "Weiterlesen",
            "Leer más",
            "阅读更多",
            "閱讀更多",
            "閱讀全文",
            "더 보기",
            "자세히 보기",
            "Leia mais",
            "Leggi di più",
            "Lees meer",
            "Czytaj więcej",
            "Devamını oku",
            "Läs mer",
            "Číst dále",
            "Διαβάστε περισσότερα",
            "Читать далее",
            "Читати далі",
            "Đọc thêm",
            "Baca selengkapnya",
            "อ่านต่อ",
            "और पढ़ें",
            "আরও পড়ুন",
            "اقرأ المزيد",
            "بیشتر بخوانید",
            "مزید پڑھیں",
            "קרא עוד",
        ];
        Rules {
            labels: labels.map(str::to_owned).to_vec().into(),
            base: None,
            sections: Vec::new(),
            unknown: Unknown::Own,
            section_level: None,
            skip: Vec::new(),
            items: ItemForm::Auto,
            prose: Prose::Item,
            skip_items: Vec::new(),
            dedupe: Dedupe::Digest,
            dates: DateRules::default(),
            language: None,
            shows_drafts: false,
            max_items: 5000,
            max_nesting: 32,
        }
    }
}
