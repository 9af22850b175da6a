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
    let value = value.trim();
    let (date, rest) = numeric(value).or_else(|| day_first(value)).or_else(|| worded(value))?;
    (!rest.starts_with(|c: char| c.is_ascii_digit())).then_some(date)
}

/// The last date in a text, so that of a range the end counts: `2025-05-22`, `2025/05/22`, `2025.5.22`, `2025年5月22日`,
/// `30/06/2025`, `August 7, 2022`, `08 avril 2025`.
pub fn in_text(text: &str) -> Option<NaiveDate> {
    // Most headings have no number at all.
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    dates(text).last().map(|(date, _)| date)
}

/// Where a date stands in a text, the last time.
pub fn find(text: &str, date: NaiveDate) -> Option<usize> {
    dates(text).filter(|(found, _)| *found == date).last().map(|(_, range)| range.start)
}

/// The first date in a file name, and the name without it: `2025-05-22-weekly` gives the date and `-weekly`.
///
/// Also `20250522`, `25-05-22` and, for its Monday, `2025-W21`.
pub fn in_name(stem: &str) -> Option<(NaiveDate, String)> {
    let found = dates(stem).next().or_else(|| compact(stem)).or_else(|| short(stem)).or_else(|| week(stem));
    found.map(|(date, range)| (date, format!("{}{}", &stem[..range.start], &stem[range.end..])))
}

/// The date that the end of a path spells with its folders: `2025/05/22` or `2025/05/22/name`.
pub fn in_folders(components: &[&str]) -> Option<NaiveDate> {
    components.windows(3).rev().find_map(|parts| {
        let [year, month, day] = parts else { return None };
        let month = month_number(month).map_or_else(|| (*month).to_owned(), |number| number.to_string());
        (year.len() == 4).then(|| calendar_date(year, &month, day)).flatten()
    })
}

type Found = (NaiveDate, std::ops::Range<usize>);

fn dates(text: &str) -> impl Iterator<Item = Found> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < text.len() {
            let start = at + text[at..].find(|c: char| c.is_ascii_alphanumeric())?;
            let length = text[start..].bytes().take_while(u8::is_ascii_alphanumeric).count();
            let rest = &text[start..];
            let found = match rest.as_bytes()[0] {
                b'0'..=b'9' => numeric(rest).or_else(|| day_first(rest)).or_else(|| worded(rest)),
                _ => worded(rest),
            };
            if let Some((date, rest)) = found
                && !rest.starts_with(|c: char| c.is_ascii_digit())
            {
                at = text.len() - rest.len();
                return Some((date, start..at));
            }
            let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
            at = start + if digits > 0 { digits } else { length };
        }
        None
    })
}

/// `30/06/2025` and `30.6.2025`, when the day cannot be a month.
fn day_first(text: &str) -> Option<(NaiveDate, &str)> {
    let (day, rest) = digits(text, 1..=2)?;
    let separator = rest.chars().next().filter(|c| matches!(c, '/' | '.'))?;
    let (month, rest) = digits(&rest[1..], 1..=2)?;
    let (year, rest) = digits(rest.strip_prefix(separator)?, 4..=4)?;
    let date = calendar_date(year, month, day)?;
    (separator == '.' || day.parse::<u32>().is_ok_and(|day| day > 12)).then_some((date, rest))
}

/// `August 7, 2022`, `7 August 2022`, `7th of Aug. 2022`, `08 avril 2025`: a month as a word, a day and a year of four digits.
fn worded(text: &str) -> Option<(NaiveDate, &str)> {
    let starts_with_day = text.starts_with(|c: char| c.is_ascii_digit());
    let (day, rest) = if starts_with_day { day(text)? } else { ("", text) };
    let rest = rest.strip_prefix("of ").or_else(|| rest.strip_prefix("de ")).unwrap_or(rest);
    let length = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
    let month = month_number(&rest[..length])?;
    let rest = rest[length..].trim_start_matches(['.', ' ', '-', '_']);
    let (day, rest) = if starts_with_day { (day, rest) } else { day_of(rest)? };
    let rest = rest.strip_prefix("de ").unwrap_or(rest);
    let (year, rest) = digits(rest, 4..=4)?;
    Some((calendar_date(year, &month.to_string(), day)?, rest))
}

fn day_of(text: &str) -> Option<(&str, &str)> {
    let (number, rest) = day(text)?;
    Some((number, rest.trim_start_matches([',', ' '])))
}

/// A day of the month with its ending and what separates it: `7`, `7th`, `1er`, `7.`.
fn day(text: &str) -> Option<(&str, &str)> {
    let (number, rest) = digits(text, 1..=2)?;
    let rest = ["st", "nd", "rd", "th", "er"].iter().find_map(|ending| rest.strip_prefix(ending)).unwrap_or(rest);
    let separated = rest.trim_start_matches(['.', ' ', ',', '-', '_']);
    (separated.len() < rest.len()).then_some((number, separated))
}

/// The number of a month by its name or the beginning of it, in the languages that digests were seen in.
fn month_number(word: &str) -> Option<u32> {
    const MONTHS: [&[&str]; 12] = [
        &["january", "januar", "janvier", "enero", "gennaio", "janeiro", "januari", "января", "ocak", "jan"],
        &[
            "february",
            "februar",
            "février",
            "fevrier",
            "febrero",
            "febbraio",
            "fevereiro",
            "februari",
            "февраля",
            "feb",
        ],
        &["march", "märz", "mars", "marzo", "março", "maart", "марта", "mart", "mar"],
        &["april", "avril", "abril", "aprile", "апреля", "nisan", "apr"],
        &["may", "mai", "mayo", "maggio", "maio", "mei", "мая", "mayıs"],
        &["june", "juni", "juin", "junio", "giugno", "junho", "июня", "haziran", "jun"],
        &["july", "juli", "juillet", "julio", "luglio", "julho", "июля", "temmuz", "jul"],
        &["august", "août", "aout", "agosto", "augustus", "августа", "ağustos", "aug"],
        &["september", "septembre", "septiembre", "settembre", "setembro", "сентября", "eylül", "sept", "sep"],
        &["october", "oktober", "octobre", "octubre", "ottobre", "outubro", "октября", "ekim", "oct", "okt"],
        &["november", "novembre", "noviembre", "novembro", "ноября", "kasım", "nov"],
        &[
            "december",
            "dezember",
            "décembre",
            "decembre",
            "diciembre",
            "dicembre",
            "dezembro",
            "декабря",
            "aralık",
            "dec",
        ],
    ];
    if word.len() < 3 {
        return None;
    }
    let word = word.to_lowercase();
    (1..).zip(MONTHS).find(|(_, names)| names.contains(&word.as_str())).map(|(number, _)| number)
}

/// `25-05-22` at the beginning of a name.
fn short(stem: &str) -> Option<Found> {
    let (year, rest) = digits(stem, 2..=2)?;
    let (month, rest) = digits(rest.strip_prefix('-')?, 2..=2)?;
    let (day, rest) = digits(rest.strip_prefix('-')?, 2..=2)?;
    let date = calendar_date(&format!("20{year}"), month, day)?;
    Some((date, 0..stem.len() - rest.len()))
}

/// `2025-W21`: the Monday of the week (ISO 8601).
fn week(stem: &str) -> Option<Found> {
    let mut starts = stem.char_indices().filter(|(_, c)| c.is_ascii_digit()).map(|(at, _)| at);
    starts.find_map(|start| {
        let (year, rest) = digits(&stem[start..], 4..=4)?;
        let rest = rest.trim_start_matches(['-', '_']);
        let (week, rest) = digits(rest.strip_prefix(['W', 'w'])?, 1..=2)?;
        let year = year.parse().ok().filter(|year| YEARS.contains(year))?;
        let date = NaiveDate::from_isoywd_opt(year, week.parse().ok()?, chrono::Weekday::Mon)?;
        Some((date, start..stem.len() - rest.len()))
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
    fn dates_with_words() {
        for (text, expected) in [
            ("Week Ending August 7, 2022", day(2022, 8, 7)),
            ("Updates on Nov 26, 2024", day(2024, 11, 26)),
            ("Lettre du 08 avril 2025", day(2025, 4, 8)),
            ("le 1er mars 2025", day(2025, 3, 1)),
            ("7th of September 2024", day(2024, 9, 7)),
            ("22. Mai 2025", day(2025, 5, 22)),
            ("30/06/2025", day(2025, 6, 30)),
            ("05/06/2025", None),
            ("In May 2025", None),
            ("May 41, 2025", None),
            ("3 may not 2025", None),
        ] {
            assert_eq!(in_text(text), expected, "{text}");
        }
    }

    #[test]
    fn names_and_folders() {
        assert_eq!(in_name("2025-05-22"), day(2025, 5, 22).map(|d| (d, String::new())));
        assert_eq!(in_name("news-20250522-b"), day(2025, 5, 22).map(|d| (d, "news--b".to_owned())));
        assert_eq!(in_name("issue-123"), None);
        assert_eq!(in_folders(&["2026", "08", "03", "a-story"]), day(2026, 8, 3));
        assert_eq!(in_folders(&["2026", "Jul", "25"]), day(2026, 7, 25));
        assert_eq!(in_name("25-05-22-ai"), day(2025, 5, 22).map(|d| (d, "-ai".to_owned())));
        assert_eq!(in_name("2025-W21"), day(2025, 5, 19).map(|d| (d, String::new())));
    }
}
