//! Front matter in YAML, TOML or plain `Key: value` lines: what an author says about a digest before its text.
//!
//! Read leniently, because other site generators share these files: unknown keys mean nothing here. A title that YAML
//! refuses (`title: a: b`) is read all the same, with a finding; what cannot be repaired makes the file unreadable, for
//! it may have said `draft: true`.

use std::ops::Range;

use chrono::NaiveDate;
use serde_yaml::{Mapping, Value};

use super::date;
use super::source::Source;
use super::text::{language_tag, one_line};
use crate::finding::{Code, Finding};

/// The longest front matter in bytes; some hold a whole digest's names.
const MAX_BYTES: usize = 32 * 1024;

/// The deepest nesting of `[` and `{`; no real front matter has more than three.
const MAX_FLOW_DEPTH: usize = 16;

/// What an author takes back of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retraction {
    /// Where it is said, as a byte offset.
    pub offset: usize,
    /// What is taken back.
    pub of: Retracted,
}

/// What is taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retracted {
    /// Every item.
    All,
    /// The item of this name; or every item, and this is why.
    Text(String),
    /// Items by their links, titles or ids, each with why, which may be empty.
    Named(Vec<(String, String)>),
}

/// What the front matter said; every part may be missing.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FrontMatter {
    /// `date`, `pubDate` or `published`: the calendar date as written.
    pub date: Option<NaiveDate>,
    /// Whether the date has a time of day: when it was published.
    pub has_time: bool,
    /// `title`, on one line.
    pub title: Option<String>,
    /// `language` or `lang`: a BCP 47 tag.
    pub language: Option<String>,
    /// `description` or `summary`, on one line.
    pub description: Option<String>,
    /// `authors` or `author`: names.
    pub authors: Vec<String>,
    /// `tags` or `keywords`.
    pub tags: Vec<String>,
    /// What its author takes back.
    pub retracted: Option<Retraction>,
    /// `draft: true`.
    pub draft: bool,
    /// `type: page` or `layout: page`: a page of the site, no digest.
    pub is_page: bool,
}

/// How a file begins.
#[derive(Debug, PartialEq, Eq)]
pub enum Beginning {
    /// No front matter: the whole file is text.
    Text,
    /// Front matter, and the byte offset of the text after it.
    FrontMatter(FrontMatter, usize),
    /// Something that was meant as front matter and cannot be read; the finding says why.
    Unreadable,
}

/// Reads the front matter of a file, if it begins with any.
pub fn read(source: &Source, findings: &mut Vec<Finding>) -> Beginning {
    let Some((block, text_start)) = block(source) else {
        return header(source, findings);
    };
    let Some(block) = block else {
        findings.push(source.finding(
            0,
            Code::FrontMatterInvalid,
            "the front matter has no end",
            "close it with a line that is just ---",
        ));
        return Beginning::Unreadable;
    };
    match mapping(source, block.clone(), findings) {
        Ok(Some(mapping)) => {
            Beginning::FrontMatter(Fields { source, block, mapping, findings }.into_front_matter(), text_start)
        }
        Ok(None) => Beginning::Text,
        Err(finding) => {
            findings.push(finding);
            Beginning::Unreadable
        }
    }
}

/// Where a date stands in a text before the digest, on the line of one of some keys.
pub fn place_of_date(head: &str, keys: &[&str], date: NaiveDate) -> Option<usize> {
    let mut end = 0;
    head.split_inclusive('\n').find_map(|line| {
        let start = end;
        end += line.len();
        let key = line.split([':', '=']).next()?.trim_matches([' ', '"', '\'']);
        let at = date::find(line, date)?;
        keys.iter().any(|known| known.eq_ignore_ascii_case(key)).then_some(start + at)
    })
}

/// The `Key: value` lines that a file of other generators begins with, up to a blank line, when a title or date is among them.
fn header(source: &Source, findings: &mut Vec<Finding>) -> Beginning {
    let mut mapping = Mapping::new();
    let mut end = 0;
    for line in source.lines() {
        let text = &source.text[line.clone()];
        if is_blank(text) {
            end = line.end;
            break;
        }
        let Some((key, value)) = key_of(text).and_then(|key| Some((key, text.split_once(':')?.1.trim()))) else {
            return Beginning::Text;
        };
        mapping.insert(key.into(), value.into());
        end = line.end;
    }
    let is_header = mapping
        .keys()
        .filter_map(Value::as_str)
        .any(|key| key.eq_ignore_ascii_case("title") || key.eq_ignore_ascii_case("date"));
    // News may be written so as well: `OpenAI: [launches X](…)`.
    let has_link =
        mapping.values().filter_map(Value::as_str).any(|value| value.contains("](") || value.contains("<http"));
    if !is_header || has_link || mapping.len() < 2 {
        return Beginning::Text;
    }
    let front_matter = Fields { source, block: 0..end, mapping, findings }.into_front_matter();
    Beginning::FrontMatter(front_matter, (end + 1).min(source.text.len()))
}

/// The range between the fences (`None` when the second is missing but keys follow the first) and the start of the text.
fn block(source: &Source) -> Option<(Option<Range<usize>>, usize)> {
    let mut lines = source.lines().skip_while(|line| is_blank(&source.text[line.clone()]));
    let first = lines.next()?;
    if !matches!(source.text[first.clone()].trim(), "---" | "+++") {
        return None;
    }
    let start = (first.end + 1).min(source.text.len());
    let mut looks_like_keys = false;
    for line in lines {
        let text = &source.text[line.clone()];
        if matches!(text.trim_end(), "---" | "..." | "+++") {
            return Some((Some(start..line.start), (line.end + 1).min(source.text.len())));
        }
        looks_like_keys |= key_of(text).is_some_and(|key| KNOWN.contains(&key.to_ascii_lowercase().as_str()));
    }
    looks_like_keys.then_some((None, 0))
}

/// Keys that only front matter has at the beginning of a line.
const KNOWN: [&str; 5] = ["title", "date", "draft", "published", "tags"];

fn is_blank(line: &str) -> bool {
    line.chars().all(|c| c.is_whitespace() || c == '\u{200B}')
}

/// Whether a block that is no YAML may say that its digest is held back.
fn may_be_draft(block: &str) -> bool {
    block.lines().any(|line| {
        let line =
            line.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '{')).to_ascii_lowercase();
        line.starts_with("draft") || line.starts_with("published")
    })
}

/// The key a line begins with, when it is a `key: value` line without indent.
fn key_of(line: &str) -> Option<&str> {
    let (key, rest) = line.split_once(':')?;
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    (plain && (rest.is_empty() || rest.starts_with([' ', '\t']))).then_some(key)
}

/// The block as a mapping; `None` when it is text between two thematic breaks.
fn mapping(source: &Source, block: Range<usize>, findings: &mut Vec<Finding>) -> Result<Option<Mapping>, Finding> {
    let yaml = &source.text[block.clone()];
    let looks_like_keys = may_be_draft(yaml) || yaml.lines().any(|line| key_of(line).is_some());
    if let Some(problem) = oversized(yaml) {
        let remedy = "keep only what describes the digest in the front matter";
        return if looks_like_keys {
            Err(source.finding(block.start, Code::FrontMatterInvalid, problem, remedy))
        } else {
            Ok(None)
        };
    }
    if source.text[..block.start].trim_end().ends_with("+++") {
        return toml_mapping(yaml).map(Some).map_err(|(offset, problem)| {
            let message = format!("the front matter is not valid TOML: {problem}");
            let remedy = "correct it; a running server keeps its last good version until then";
            source.finding(block.start + offset.min(yaml.len()), Code::FrontMatterInvalid, message, remedy)
        });
    }
    match serde_yaml::from_str::<Value>(yaml) {
        Ok(Value::Mapping(mapping)) => Ok(Some(mapping)),
        Ok(Value::Null) => Ok(Some(Mapping::new())),
        Ok(_) if may_be_draft(yaml) => {
            let message = "the front matter is not YAML, and may hold the digest back";
            let remedy = "write it as lines of key: value between two lines that are just ---";
            Err(source.finding(block.start, Code::FrontMatterInvalid, message, remedy))
        }
        Ok(_) => Ok(None),
        Err(_) if !looks_like_keys => Ok(None),
        Err(error) => match repair(source, block.clone()) {
            Some((mapping, repairs)) => {
                findings.extend(repairs);
                Ok(Some(mapping))
            }
            None => {
                let told = error.location().map_or(0, |location| location.index()).min(yaml.len());
                let offset = second_of_twice(yaml, &error).unwrap_or(told);
                let message = format!("the front matter is not valid YAML: {}", reason(&error));
                let remedy = "correct it; a running server keeps its last good version until then";
                Err(source.finding(block.start + offset, Code::FrontMatterInvalid, message, remedy))
            }
        },
    }
}

/// TOML front matter (Hugo, Zola) as the mapping that YAML would give; keys of `[extra]` and `[taxonomies]` count as well.
fn toml_mapping(text: &str) -> Result<Mapping, (usize, String)> {
    let table = text
        .parse::<toml::Table>()
        .map_err(|error| (error.span().map_or(0, |span| span.start), one_line(error.message())))?;
    let mut mapping = Mapping::new();
    let nested = ["extra", "taxonomies"].into_iter().filter_map(|name| table.get(name)?.as_table());
    for (key, value) in nested.flatten().chain(&table) {
        mapping.insert(key.as_str().into(), yaml_of(value));
    }
    Ok(mapping)
}

fn yaml_of(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(truth) => (*truth).into(),
        toml::Value::Datetime(moment) => moment.to_string().into(),
        toml::Value::Array(values) => Value::Sequence(values.iter().map(yaml_of).collect()),
        toml::Value::Table(table) => {
            Value::Mapping(table.iter().map(|(key, value)| (key.as_str().into(), yaml_of(value))).collect())
        }
    }
}

fn oversized(yaml: &str) -> Option<String> {
    if yaml.len() > MAX_BYTES {
        return Some(format!("the front matter has {} bytes, more than {MAX_BYTES}", yaml.len()));
    }
    let mut depth = 0_usize;
    for character in yaml.chars() {
        match character {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_FLOW_DEPTH {
            return Some(format!("the front matter nests brackets more than {MAX_FLOW_DEPTH} deep"));
        }
    }
    None
}

/// The message of a YAML error without the place, which the finding carries itself.
fn reason(error: &serde_yaml::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

/// Where a key stands for the second time; the parser tells where the mapping begins.
fn second_of_twice(yaml: &str, error: &serde_yaml::Error) -> Option<usize> {
    let text = error.to_string();
    let (_, name) = text.split_once("duplicate entry with key \"")?;
    let name = name.split('"').next()?;
    let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', yaml.as_bytes()).map(|at| at + 1));
    let is_key = |at: &usize| {
        let rest = yaml[*at..].trim_start_matches(['"', '\'']).strip_prefix(name);
        rest.is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
    };
    starts.filter(is_key).nth(1)
}

/// Keys whose values are no text: quoting them would change what they say.
const NO_TEXT: [&str; 6] = ["authors", "tags", "keywords", "categories", "draft", "date"];

/// Quotes each `key: text` line that is no YAML by itself, and tries again.
fn repair(source: &Source, block: Range<usize>) -> Option<(Mapping, Vec<Finding>)> {
    let mut yaml = String::with_capacity(block.len() + 16);
    let mut findings = Vec::new();
    for range in source.lines().filter(|line| block.contains(&line.start)) {
        let line = &source.text[range.clone()];
        let quoted = key_of(line)
            .filter(|key| !NO_TEXT.contains(&key.to_ascii_lowercase().as_str()))
            .filter(|key| is_closed(line[key.len() + 1..].trim()))
            .filter(|_| serde_yaml::from_str::<Mapping>(line).is_err())
            .map(|key| format!("{key}: '{}'", line[key.len() + 1..].trim().replace('\'', "''")));
        if let Some(quoted) = &quoted {
            let column = line.find(':').map_or(0, |colon| colon + 2);
            findings.push(source.finding(
                range.start + column.min(line.len()),
                Code::FrontMatterRepaired,
                "this value needs quotes to be YAML; it was read as it stands",
                format!("write {quoted}"),
            ));
        }
        yaml.push_str(quoted.as_deref().unwrap_or(line));
        yaml.push('\n');
    }
    if findings.is_empty() {
        return None;
    }
    serde_yaml::from_str(&yaml).ok().map(|mapping| (mapping, findings))
}

/// Whether a value closes what it opens: `[CVPR] best paper` is text, `[CVPR` is half of a list.
fn is_closed(value: &str) -> bool {
    let count = |mark: char| value.matches(mark).count();
    match value.chars().next() {
        Some('[') => count('[') == count(']'),
        Some('{') => count('{') == count('}'),
        Some(quote @ ('"' | '\'')) => count(quote) % 2 == 0,
        _ => true,
    }
}

/// The keys that hold a digest's date, in the order in which they count.
pub const DATE_KEYS: [&str; 4] = ["date", "pubDate", "published", "publishedAt"];

/// What is read here of front matter, each under all its names.
const NAMES: [&[&str]; 8] = [
    &DATE_KEYS,
    &["title"],
    &["language", "lang"],
    &["description", "summary"],
    &["authors", "author"],
    &["tags", "keywords"],
    &["retracted"],
    &["draft"],
];

/// Keys that other tools read.
const OTHERS: [&str; 4] = ["data", "rate", "tile", "state"];

struct Fields<'a> {
    source: &'a Source,
    block: Range<usize>,
    mapping: Mapping,
    findings: &'a mut Vec<Finding>,
}

impl Fields<'_> {
    fn into_front_matter(mut self) -> FrontMatter {
        let date = self.date();
        self.tell_misspelt_keys();
        FrontMatter {
            has_time: date.is_some() && self.has_time(),
            date,
            title: self.text(&["title"]),
            language: self.language(),
            description: self.text(&["description", "summary"]),
            authors: self.list(&["authors", "author"]),
            tags: self.list(&["tags", "keywords"]),
            retracted: self.retracted(),
            draft: self.draft(),
            is_page: ["type", "layout"].into_iter().any(|name| self.says(name, &["page"])),
        }
    }

    fn value(&self, names: &[&'static str]) -> Option<(&'static str, Value)> {
        names.iter().find_map(|name| {
            let found = self.mapping.iter().find(|(key, _)| key.as_str().is_some_and(|k| k.eq_ignore_ascii_case(name)));
            found.filter(|(_, value)| !value.is_null()).map(|(_, value)| (*name, value.clone()))
        })
    }

    fn date(&mut self) -> Option<NaiveDate> {
        let (name, value) = self.value(&DATE_KEYS).filter(|(_, value)| !value.is_bool())?;
        let text = scalar(&value).unwrap_or_default();
        let found = date::in_value(&text);
        if found.is_none() {
            let message = format!("`{name}` is not a date: {}", one_line(&text));
            self.complain(name, Code::DateInvalid, message, "write it as 2025-05-22");
        }
        found
    }

    fn has_time(&self) -> bool {
        let value = self.value(&DATE_KEYS).and_then(|(_, value)| scalar(&value));
        value.is_some_and(|text| text.trim().get(10..).is_some_and(|rest| rest.contains(':')))
    }

    fn text(&mut self, names: &[&'static str]) -> Option<String> {
        let (name, value) = self.value(names)?;
        let raw = match scalar(&value) {
            Some(text) => text,
            None => {
                let raw = self.raw_line(name);
                let remedy = format!("write {name}: '{}'", raw.replace('\'', "''"));
                self.complain(name, Code::FrontMatterValue, format!("`{name}` should be text"), remedy);
                raw
            }
        };
        Some(one_line(&raw)).filter(|text| !text.is_empty())
    }

    fn language(&mut self) -> Option<String> {
        let said = self.text(&["language", "lang"])?;
        let tag = language_tag(&said);
        if tag.is_none() {
            let name = if self.value(&["language"]).is_some() { "language" } else { "lang" };
            let message = format!("`{said}` is no language tag");
            self.complain(name, Code::FrontMatterValue, message, "write it as en, zh-CN or pt-BR");
        }
        tag
    }

    fn list(&mut self, names: &[&'static str]) -> Vec<String> {
        let Some((name, value)) = self.value(names) else { return Vec::new() };
        let entries = match value {
            Value::Sequence(entries) => entries,
            single => vec![single],
        };
        let mut texts = Vec::new();
        for entry in entries {
            let named = entry.as_mapping().and_then(|author| author.get("name")).and_then(scalar);
            match named.or_else(|| scalar(&entry)).map(|text| one_line(&text)) {
                Some(text) if !text.is_empty() => texts.push(text),
                Some(_) => {}
                None => {
                    let message = format!("`{name}` should be a list of texts");
                    self.complain(name, Code::FrontMatterValue, message, format!("write {name}: [one, two]"));
                }
            }
        }
        texts
    }

    /// Keys that differ in a letter from one that is read here and is not there, under none of its names.
    fn tell_misspelt_keys(&mut self) {
        let keys: Vec<String> = self.mapping.keys().filter_map(|key| key.as_str().map(str::to_lowercase)).collect();
        let is_there = |names: &[&str]| names.iter().any(|name| keys.contains(&name.to_lowercase()));
        let missing: Vec<&str> = NAMES.iter().filter(|names| !is_there(names)).map(|names| names[0]).collect();
        for key in keys.iter().filter(|key| !OTHERS.contains(&key.as_str())) {
            // A plural is no mistake.
            let is_near = |name: &&str| {
                strsim::damerau_levenshtein(key, name) == 1 && key.trim_end_matches('s') != name.trim_end_matches('s')
            };
            if let Some(name) = missing.iter().copied().find(is_near) {
                let message = format!("`{key}` is not read; `{name}` is");
                self.complain(key, Code::FrontMatterKey, message, format!("write {name}, if that is what it says"));
            }
        }
    }

    /// Whether a key has one of some words as its value.
    fn says(&self, name: &'static str, words: &[&str]) -> bool {
        let said = self.value(&[name]).and_then(|(_, value)| scalar(&value));
        said.is_some_and(|text| words.iter().any(|word| text.trim().eq_ignore_ascii_case(word)))
    }

    fn retracted(&mut self) -> Option<Retraction> {
        if let Some((name, _)) = self.value(&["retract", "retraction", "retracts"]) {
            let message = format!("`{name}` takes nothing back");
            self.complain(name, Code::RetractionUnknown, message, "write retracted");
        }
        let (name, value) = self.value(&["retracted"])?;
        let offset = self.key_line(name).map_or(self.block.start, |line| line.start);
        let of = match value {
            Value::Sequence(entries) => Retracted::Named(entries.into_iter().flat_map(|it| self.named(it)).collect()),
            Value::Mapping(_) => Retracted::Named(self.named(value)),
            _ => {
                let said = scalar(&value).map(|text| one_line(&text)).unwrap_or_default();
                match said.to_ascii_lowercase().as_str() {
                    "false" | "no" | "off" | "0" => return None,
                    "true" | "yes" | "on" | "1" => Retracted::All,
                    "" => {
                        let message = "`retracted` says nothing";
                        self.complain(name, Code::FrontMatterValue, message, "write retracted: true");
                        return None;
                    }
                    _ => Retracted::Text(said),
                }
            }
        };
        Some(Retraction { offset, of })
    }

    /// The names in an entry of `retracted`: one, or several with why.
    fn named(&mut self, entry: Value) -> Vec<(String, String)> {
        let pairs = match entry {
            Value::Mapping(pairs) => pairs.into_iter().collect(),
            name => vec![(name, Value::String(String::new()))],
        };
        let mut named = Vec::new();
        for (name, reason) in pairs {
            let reason = if reason.is_null() { Some(String::new()) } else { scalar(&reason) };
            match (scalar(&name).map(|text| one_line(&text)), reason.map(|text| one_line(&text))) {
                (Some(name), Some(reason)) => named.push((name, reason)),
                _ => {
                    let message = "`retracted` should be a list of links, titles or ids";
                    self.complain("retracted", Code::FrontMatterValue, message, "write retracted: [one, two]");
                }
            }
        }
        named
    }

    fn draft(&mut self) -> bool {
        if self.says("published", &["false", "no", "off"]) || self.says("status", &["draft", "hidden"]) {
            return true;
        }
        let Some((name, value)) = self.value(&["draft"]) else { return false };
        match scalar(&value).unwrap_or_else(|| "?".to_owned()).to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => true,
            "false" | "no" | "off" | "0" | "" => false,
            _ => {
                // What may be meant as a draft is not published: that can be mended, the opposite cannot.
                let message = "`draft` is neither true nor false; the digest is held back";
                self.complain(name, Code::FrontMatterValue, message, "write draft: true or draft: false");
                true
            }
        }
    }

    /// The rest of the line a key stands on.
    fn raw_line(&self, name: &str) -> String {
        let line = self.key_line(name).map(|range| &self.source.text[range]);
        line.and_then(|line| line.split_once(':')).map_or_else(String::new, |(_, rest)| rest.trim().to_owned())
    }

    fn key_line(&self, name: &str) -> Option<Range<usize>> {
        let lines = self.source.lines().filter(|line| self.block.contains(&line.start));
        lines
            .into_iter()
            .find(|line| key_of(&self.source.text[line.clone()]).is_some_and(|key| key.eq_ignore_ascii_case(name)))
    }

    fn complain(&mut self, name: &str, code: Code, message: impl Into<String>, remedy: impl Into<String>) {
        let offset = self.key_line(name).map_or(self.block.start, |line| line.start);
        self.findings.push(self.source.finding(offset, code, message, remedy));
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (Beginning, Vec<Finding>) {
        let (source, mut findings) = Source::prepare("a.md", text.as_bytes());
        let beginning = read(&source, &mut findings);
        (beginning, findings)
    }

    fn front_matter(text: &str) -> (FrontMatter, Vec<Finding>) {
        match read_text(text) {
            (Beginning::FrontMatter(front_matter, _), findings) => (front_matter, findings),
            other => panic!("no front matter: {other:?}"),
        }
    }

    #[test]
    fn every_field_is_read() {
        let (read, findings) = front_matter(
            "---\ndate: 2025-05-22\ntitle: 'A: b'\nlang: zh-CN\ndescription: >-\n  two\n  lines\nauthors:\n  - one\n  - name: two\ntags: [a, b]\ndraft: yes\nlayout: post\n---\ntext",
        );
        assert_eq!(
            read,
            FrontMatter {
                date: NaiveDate::from_ymd_opt(2025, 5, 22),
                has_time: false,
                title: Some("A: b".into()),
                language: Some("zh-CN".into()),
                description: Some("two lines".into()),
                authors: vec!["one".into(), "two".into()],
                tags: vec!["a".into(), "b".into()],
                retracted: None,
                draft: true,
                is_page: false,
            }
        );
        assert_eq!(findings, []);
    }

    #[test]
    fn toml_and_plain_headers_are_read_as_well() {
        let expected = NaiveDate::from_ymd_opt(2024, 6, 8);
        let (read, findings) =
            front_matter("+++\ntitle = \"a: b\"\ndate = 2024-06-08\n\n[extra]\nauthors = [\"c\"]\n+++\n# x");
        assert_eq!((read.date, read.title.as_deref(), &*read.authors), (expected, Some("a: b"), &["c".to_owned()][..]));
        assert_eq!(findings, []);
        let (read, _) = front_matter("Title: #05 - a: b\nDate: 2024-06-08\n\n# News\n");
        assert_eq!((read.date, read.title.as_deref()), (expected, Some("#05 - a: b")));
        assert_eq!(read_text("Date: 2024-06-08\n\ntext").0, Beginning::Text);
        let news = "Date: 2024-06-08\nOne: [launches](https://example.org/a)\n\ntext";
        assert_eq!(read_text(news).0, Beginning::Text, "news in the same form");
        let (read, _) = front_matter("Title: a\nDate: 2024-06-08\nStatus: draft\n\ntext");
        assert!(read.draft);
        assert_eq!(read_text("Note: this is\na text.\n").0, Beginning::Text);
        let (beginning, findings) = read_text("+++\ntitle = a\n+++\n");
        assert_eq!((beginning, findings[0].line), (Beginning::Unreadable, 2));
    }

    #[test]
    fn a_title_that_yaml_refuses_is_read_as_it_stands() {
        for title in
            ["GPT-5: what we know", "[CVPR] best paper", "\"Hello\" world", "@foo", "*star", "it's: fine", "- a: b"]
        {
            let (read, findings) = front_matter(&format!("---\ndate: 2025-05-22\ntitle: {title}\n---\n"));
            assert_eq!(read.title.as_deref(), Some(title));
            assert_eq!(findings.len(), 1, "{title}");
            assert_eq!((findings[0].code, findings[0].line, findings[0].column), (Code::FrontMatterRepaired, 3, 8));
        }
        let (_, findings) = front_matter("---\ntitle: it's: fine\n---\n");
        assert_eq!(findings[0].remedy, "write title: 'it''s: fine'");
    }

    #[test]
    fn what_cannot_be_repaired_is_unreadable_with_its_line() {
        let (beginning, findings) = read_text("---\ndate: 2025-05-22\ntags:\n  - a\n b: [\n---\ntext");
        assert_eq!(beginning, Beginning::Unreadable);
        assert_eq!(findings[0].code, Code::FrontMatterInvalid);
        assert!(findings[0].line >= 3, "{findings:?}");
    }

    #[test]
    fn a_front_matter_without_end_is_told() {
        let (beginning, findings) = read_text("---\ntitle: x\n\n# y\n");
        assert_eq!(beginning, Beginning::Unreadable);
        assert_eq!(findings[0].message, "the front matter has no end");
    }

    #[test]
    fn a_file_that_begins_with_a_thematic_break_is_text() {
        assert_eq!(read_text("---\n\nSome prose here.\n\n---\n\nmore").0, Beginning::Text);
        assert_eq!(read_text("---\n").0, Beginning::Text);
        assert_eq!(read_text("no fence").0, Beginning::Text);
    }

    #[test]
    fn no_writing_of_a_draft_is_published() {
        for text in [
            "---\ndraft: [true]\n---\n# x",
            "---\n title: a: b\n draft: true\n---\n# x",
            "---\n\"title\": a: b\n\"draft\": true\n---\n# x",
            "---\n{draft: true, title: a: b}\n---\n# x",
            "---\n# comment\ndraft: true\n\n# x",
            "\n---\ndraft: true\n---\n# x",
            "+++\ndraft = true\n+++\n# x",
            "---\npublished: false\n---\n# x",
            "---\npublished: \"false\"\n---\n# x",
            "Title: x\nDate: 2025-06-01\nPublished: false\n\n# x",
        ] {
            let held = match read_text(text).0 {
                Beginning::Unreadable => true,
                Beginning::FrontMatter(front_matter, _) => front_matter.draft,
                Beginning::Text => false,
            };
            assert!(held, "{text}");
        }
    }

    #[test]
    fn hostile_yaml_is_refused_before_it_costs_anything() {
        for yaml in [format!("title: {}", "[".repeat(5000)), format!("title: {}", "x".repeat(MAX_BYTES))] {
            let (beginning, findings) = read_text(&format!("---\n{yaml}\n---\n"));
            assert_eq!(beginning, Beginning::Unreadable);
            assert_eq!(findings[0].code, Code::FrontMatterInvalid);
        }
    }

    #[test]
    fn a_key_that_is_nearly_one_that_is_missing_is_told() {
        let told = |text: &str| -> Vec<String> {
            let (_, findings) = front_matter(text);
            let of_keys = findings.into_iter().filter(|finding| finding.code == Code::FrontMatterKey);
            of_keys.map(|finding| format!("{}: {}", finding.line, finding.message)).collect()
        };
        assert_eq!(told("---\ndate: 2025-05-22\nTilte: a\n---\n"), ["3: `tilte` is not read; `title` is"]);
        assert_eq!(told("---\ndaft: true\ndte: 2025-05-22\n---\n").len(), 2);
        assert!(told("---\ntitle: a\ntitel: b\nsummary: c\ndescriptio: d\n---\n").is_empty(), "what is meant is there");
        assert!(told("---\ndates: [1]\ntag: x\ndata: y\nsource: z\n---\n").is_empty(), "another word");
    }

    #[test]
    fn a_draft_that_is_neither_true_nor_false_is_held_back() {
        let (read, findings) = front_matter("---\ndraft: maybe\n---\n");
        assert!(read.draft);
        assert_eq!(findings[0].code, Code::FrontMatterValue);
    }
}
