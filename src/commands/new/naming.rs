//! How a folder names its files, from the names of the newest two.

use std::ops::Range;
use std::sync::Arc;

use anyhow::bail;
use chrono::NaiveDate;

use crate::digest::{Rules, Volume, dated_path};

/// How dates are written in names, headings and front matter, the longest first.
const FORMS: [&str; 13] = [
    "%Y年%m月%d日",
    "%Y年%-m月%-d日",
    "%Y-%m-%d",
    "%Y_%m_%d",
    "%Y.%m.%d",
    "%Y/%m/%d",
    "%d-%m-%Y",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%Y%m%d",
    "%-d %B %Y",
    "%B %-d, %Y",
    "%Y-%-m-%-d",
];

/// How the parts of a date are written where folders spell it, in the order in which they come.
const PARTS: [&[&str]; 3] = [&["%Y"], &["%m", "%Y-%m", "%Y%m", "%-m", "%B", "%b"], &["%d", "%m-%d", "%-d"]];

/// A text with one date in the place of another.
pub(super) fn redated(text: &str, old: NaiveDate, new: NaiveDate) -> Option<String> {
    let form = FORMS.into_iter().find(|form| text.contains(&old.format(form).to_string()))?;
    Some(text.replacen(&old.format(form).to_string(), &new.format(form).to_string(), 1))
}

/// The path of a new digest, relative to the folder.
///
/// # Errors
/// When all digests stand in one file.
pub(super) fn path_for(date: NaiveDate, past: &[Arc<Volume>], rules: &Rules) -> anyhow::Result<String> {
    let Some(newest) = past.first() else { return Ok(format!("{date}.md")) };
    let before = past.get(1);
    if let Some(before) = before.filter(|before| before.path == newest.path) {
        bail!("digests stand in one file, {}: write the next one there, under a heading with its date", before.path);
    }
    let before = before.map(|before| before.path.as_str());
    let fits = |path: &String| dated_path(path, rules).0 == Some(date);
    if let Some(path) = redated_path(newest, before, date).filter(fits) {
        return Ok(path);
    }
    let is_dated = dated_path(&newest.path, rules).0.is_some();
    if let Some(path) = before.and_then(|before| renumbered(before, &newest.path)).filter(|_| !is_dated) {
        return Ok(path);
    }
    let (folders, name) =
        newest.path.rsplit_once('/').map_or(("", newest.path.as_str()), |(folders, name)| (folders, name));
    let ending = name.rsplit_once('.').map_or("md", |(_, ending)| ending);
    Ok(format!("{folders}/{date}.{ending}").trim_start_matches('/').to_owned())
}

/// The path of the newest with another date in it.
fn redated_path(newest: &Volume, before: Option<&str>, date: NaiveDate) -> Option<String> {
    let old = newest.date;
    let (folders, name) =
        newest.path.rsplit_once('/').map_or((None, newest.path.as_str()), |(folders, name)| (Some(folders), name));
    let mut parts = PARTS.iter();
    let mut components: Vec<String> = Vec::new();
    for folder in folders.into_iter().flat_map(|folders| folders.split('/')) {
        components.push(match redated(folder, old, date) {
            Some(folder) => folder,
            None => part_of(folder, &mut parts, old, date).unwrap_or_else(|| folder.to_owned()),
        });
    }
    let (stem, rest) = name.split_once('.').unwrap_or((name, ""));
    let stem = match redated_name(stem, before, old, date) {
        Some(stem) => stem,
        None => part_of(stem, &mut parts, old, date).unwrap_or_else(|| stem.to_owned()),
    };
    components.push(format!("{stem}.{rest}"));
    Some(components.join("/"))
}

/// The next part of a date, where a component is nothing else.
fn part_of(
    component: &str,
    parts: &mut std::slice::Iter<'_, &[&str]>,
    old: NaiveDate,
    new: NaiveDate,
) -> Option<String> {
    let is_it = |form: &&&str| old.format(form).to_string() == component;
    let skipped = parts.as_slice().iter().position(|forms| forms.iter().any(|form| is_it(&form)))?;
    let form = parts.nth(skipped)?.iter().find(is_it)?;
    Some(new.format(form).to_string())
}

/// A name with another date: what stands before it with the next number, what follows it only if every file has it.
fn redated_name(stem: &str, before: Option<&str>, old: NaiveDate, new: NaiveDate) -> Option<String> {
    let form = FORMS.into_iter().find(|form| stem.contains(&old.format(form).to_string()))?;
    let (head, tail) = stem.split_once(&old.format(form).to_string())?;
    let other = before.map(|path| path.rsplit('/').next().unwrap_or(path));
    let other = other.map(|name| name.split('.').next().unwrap_or(name));
    let tail = if other.is_some_and(|other| other.ends_with(tail)) { tail } else { "" };
    let head = match other.filter(|other| !other.starts_with(head)) {
        Some(other) => renumbered(other.get(..head.len()).unwrap_or_default(), head).unwrap_or_else(|| head.to_owned()),
        None => head.to_owned(),
    };
    Some(format!("{head}{}{tail}", new.format(form)))
}

/// What follows two texts that differ in nothing but a number, which grows.
fn renumbered(before: &str, newest: &str) -> Option<String> {
    let (old, new) = (numbers(before), numbers(newest));
    let read = |text: &str, at: &Range<usize>| text[at.clone()].parse::<u64>().ok();
    let grown: Vec<usize> =
        (0..new.len()).filter(|at| old.get(*at).map(|it| read(before, it)) != Some(read(newest, &new[*at]))).collect();
    let [at] = grown[..] else { return None };
    let (first, second) = (&old.get(at)?, &new[at]);
    let is_same = before[..first.start] == newest[..second.start] && before[first.end..] == newest[second.end..];
    let number = read(newest, second).filter(|number| read(before, first).is_some_and(|before| before < *number))?;
    let next = format!("{:0width$}", number.checked_add(1)?, width = second.len());
    is_same.then(|| format!("{}{next}{}", &newest[..second.start], &newest[second.end..]))
}

/// Where numbers stand.
fn numbers(text: &str) -> Vec<Range<usize>> {
    let mut numbers: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
        match numbers.last_mut().filter(|number| number.end == at) {
            Some(number) => number.end = at + 1,
            None => numbers.push(at..at + 1),
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{Outcome, parse};

    /// The path after those of digests of 9 and 2 March 2026, for 16 March.
    fn after(newest: &str, before: &str) -> String {
        let volume = |path: &str, date: &str| {
            let (outcome, _) = parse(
                path,
                format!("---\ndate: {date}\n---\n\n- [A](https://example.org/)\n").as_bytes(),
                &Rules::default(),
            );
            let Outcome::Digests(digests) = outcome else { panic!("{path} is no digest") };
            Arc::new(Volume::from(digests[0].clone()))
        };
        let past = [volume(newest, "2026-03-09"), volume(before, "2026-03-02")];
        path_for("2026-03-16".parse().unwrap(), &past, &Rules::default()).unwrap()
    }

    #[test]
    fn a_new_file_is_named_as_the_others_are() {
        for (newest, before, expected) in [
            ("2026-03-09.md", "2026-03-02.md", "2026-03-16.md"),
            ("2026-03-09.zh-CN.md", "2026-03-02.zh-CN.md", "2026-03-16.zh-CN.md"),
            ("en/20260309.markdown", "en/20260302.markdown", "en/20260316.markdown"),
            ("2026-03-09-night-trains.md", "2026-03-02-old-tower.md", "2026-03-16.md"),
            ("2026-03-09-weekly.md", "2026-03-02-weekly.md", "2026-03-16-weekly.md"),
            ("weekly-12-2026-03-09.md", "weekly-11-2026-03-02.md", "weekly-13-2026-03-16.md"),
            ("2026/03/09.md", "2026/03/02.md", "2026/03/16.md"),
            ("posts/2026/2026-03-09.md", "posts/2026/2026-03-02.md", "posts/2026/2026-03-16.md"),
            ("2026-03-09/index.md", "2026-03-02/index.md", "2026-03-16/index.md"),
            ("2026年3月9日.md", "2026年3月2日.md", "2026年3月16日.md"),
            ("issues/issue-099.md", "issues/issue-098.md", "issues/issue-100.md"),
            ("night-trains.md", "old-tower.md", "2026-03-16.md"),
        ] {
            assert_eq!(after(newest, before), expected);
        }
    }

    #[test]
    fn folders_of_a_date_are_those_of_the_new_one() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        let mut parts = PARTS.iter();
        let moved: Vec<Option<String>> =
            ["2026", "03", "03"].map(|part| part_of(part, &mut parts, date("2026-03-03"), date("2027-01-04"))).to_vec();
        assert_eq!(moved, ["2027", "01", "04"].map(|part| Some(part.to_owned())));
    }
}
