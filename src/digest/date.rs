//! The dates that people write into names, folders, headings and front matter.
//!
//! Calendar dates only; the moment of publication is the ledger's matter.

use chrono::NaiveDate;

/// The years a digest can have; other numbers are issue numbers, prices and scores.
const YEARS: std::ops::RangeInclusive<i32> = 1990..=2199;

/// The date a front matter value begins with: `2025-05-22`, `2025/5/22`, `2025-05-22T08:00:00+08:00`, `2013-06-07 18:46`.
///
/// The calendar date as written counts, in whatever zone the time is.
pub fn in_value(value: &str) -> Option<NaiveDate> {
    let (date, rest) = numeric(value.trim())?;
    (!rest.starts_with(|c: char| c.is_ascii_digit())).then_some(date)
}

/// The last date in a text, so that of a range the end counts: `2025-05-22`, `2025/05/22`, `2025.5.22`, `2025年5月22日`.
pub fn in_text(text: &str) -> Option<NaiveDate> {
    dates(text).last().map(|(date, _)| date)
}

/// The first date in a file name, and the name without it: `2025-05-22-weekly` gives the date and `-weekly`.
pub fn in_name(stem: &str) -> Option<(NaiveDate, String)> {
    let found = dates(stem).next().or_else(|| compact(stem));
    found.map(|(date, range)| (date, format!("{}{}", &stem[..range.start], &stem[range.end..])))
}

/// The date that the end of a path spells with its folders: `2025/05/22` or `2025/05/22/name`.
pub fn in_folders(components: &[&str]) -> Option<NaiveDate> {
    components.windows(3).rev().find_map(|parts| {
        let [year, month, day] = parts else { return None };
        (year.len() == 4).then(|| calendar_date(year, month, day)).flatten()
    })
}

type Found = (NaiveDate, std::ops::Range<usize>);

fn dates(text: &str) -> impl Iterator<Item = Found> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < text.len() {
            let start = at + text[at..].find(|c: char| c.is_ascii_digit())?;
            let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
            if let Some((date, rest)) = numeric(&text[start..])
                && !rest.starts_with(|c: char| c.is_ascii_digit())
            {
                at = text.len() - rest.len();
                return Some((date, start..at));
            }
            at = start + digits;
        }
        None
    })
}

/// A date at the very beginning, and what follows it.
fn numeric(text: &str) -> Option<(NaiveDate, &str)> {
    let (year, rest) = digits(text, 4..=4)?;
    let separator = rest.chars().next().filter(|c| matches!(c, '-' | '/' | '.' | '_' | '年'))?;
    let (month, rest) = digits(&rest[separator.len_utf8()..], 1..=2)?;
    let second = if separator == '年' { '月' } else { separator };
    let (day, rest) = digits(rest.strip_prefix(second)?, 1..=2)?;
    let rest = if separator == '年' { rest.strip_prefix('日').unwrap_or(rest) } else { rest };
    Some((calendar_date(year, month, day)?, rest))
}

/// `20250522`, and only in names: elsewhere eight digits are a number.
fn compact(stem: &str) -> Option<Found> {
    let mut at = 0;
    while let Some(start) = stem[at..].find(|c: char| c.is_ascii_digit()).map(|offset| at + offset) {
        let length = stem[start..].bytes().take_while(u8::is_ascii_digit).count();
        let run = &stem[start..start + length];
        if length == 8
            && let Some(date) = calendar_date(&run[..4], &run[4..6], &run[6..])
        {
            return Some((date, start..start + length));
        }
        at = start + length;
    }
    None
}

fn digits(text: &str, lengths: std::ops::RangeInclusive<usize>) -> Option<(&str, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let length = if lengths.contains(&length) { length } else { return None };
    Some(text.split_at(length))
}

fn calendar_date(year: &str, month: &str, day: &str) -> Option<NaiveDate> {
    let number = |text: &str| if text.len() <= 4 { text.parse::<u32>().ok() } else { None };
    let year = i32::try_from(number(year)?).ok().filter(|year| YEARS.contains(year))?;
    NaiveDate::from_ymd_opt(year, number(month)?, number(day)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(year, month, day)
    }

    #[test]
    fn values_of_front_matter() {
        for (value, expected) in [
            ("2025-05-22", day(2025, 5, 22)),
            ("2025/5/2", day(2025, 5, 2)),
            ("2022-08-09 04:00:00 -0000", day(2022, 8, 9)),
            ("2025-05-22T23:30:00+08:00", day(2025, 5, 22)),
            ("2025-13-01", None),
            ("2025-02-30", None),
            ("tomorrow", None),
            ("12025-05-22", None),
        ] {
            assert_eq!(in_value(value), expected, "{value}");
        }
    }

    #[test]
    fn of_a_range_the_end_counts() {
        assert_eq!(in_text("2025-08-17 12:00 - 2025-08-18 12:00 资讯日报"), day(2025, 8, 18));
        assert_eq!(in_text("2025年5月22日 日报"), day(2025, 5, 22));
        assert_eq!(in_text("Version 2.10.3 of 2025"), None);
    }

    #[test]
    fn names_and_folders() {
        assert_eq!(in_name("2025-05-22"), day(2025, 5, 22).map(|d| (d, String::new())));
        assert_eq!(in_name("news-20250522-b"), day(2025, 5, 22).map(|d| (d, "news--b".to_owned())));
        assert_eq!(in_name("issue-123"), None);
        assert_eq!(in_folders(&["2026", "08", "03", "a-story"]), day(2026, 8, 3));
        assert_eq!(in_folders(&["2026", "Jul", "25"]), None);
    }
}
