//! The digests of a publication as calendars, a month each.

use std::collections::BTreeMap;

use chrono::{Datelike as _, NaiveDate};

use super::words::Words;
use crate::feed::digest_route;
use crate::ledger::Settled;

/// A month, as its first day.
pub(super) fn month_of(date: NaiveDate) -> NaiveDate {
    date.with_day(1).unwrap_or(date)
}

/// How a month is called in addresses: `2026-03`.
pub(super) fn month_name(month: NaiveDate) -> String {
    month.format("%Y-%m").to_string()
}

/// The route of the list of a month's digests.
pub(super) fn month_route(month: NaiveDate) -> String {
    format!("/digests/archive/{}/", month_name(month))
}

/// The name of a day's place in the list of its month.
pub(super) fn day_anchor(date: NaiveDate) -> String {
    format!("day-{}", date.day())
}

/// The months of a year, newest first.
pub(super) struct Year {
    pub(super) number: i32,
    pub(super) months: Vec<Month>,
}

/// A month as a calendar.
pub(super) struct Month {
    pub(super) name: String,
    pub(super) route: String,
    pub(super) weeks: Vec<Vec<Option<Day>>>,
}

/// A day of a month.
#[derive(Clone)]
pub(super) struct Day {
    pub(super) number: u32,
    /// Route and full date, if there is a digest.
    pub(super) digest: Option<(String, String)>,
}

/// The calendars of all months that have a digest, newest first.
pub(super) fn years<'d>(digests: impl IntoIterator<Item = &'d Settled>, words: &Words) -> Vec<Year> {
    let mut days: BTreeMap<NaiveDate, BTreeMap<NaiveDate, Vec<&Settled>>> = BTreeMap::new();
    for settled in digests {
        let date = settled.digest.date;
        days.entry(month_of(date)).or_default().entry(date).or_default().push(settled);
    }
    let mut years: Vec<Year> = Vec::new();
    for (first, days) in days.iter().rev() {
        let month = month(*first, days, words);
        match years.last_mut().filter(|year| year.number == first.year()) {
            Some(year) => year.months.push(month),
            None => years.push(Year { number: first.year(), months: vec![month] }),
        }
    }
    years
}

fn month(first: NaiveDate, days: &BTreeMap<NaiveDate, Vec<&Settled>>, words: &Words) -> Month {
    let link = |date: NaiveDate| match days.get(&date)?[..] {
        [only] => Some(digest_route(&only.key)),
        // Which of several is for the reader to choose.
        _ => Some(format!("{}#{}", month_route(first), day_anchor(date))),
    };
    let dates = first.iter_days().take_while(|date| date.month() == first.month());
    let before = first.weekday().num_days_from_monday() as usize;
    let mut cells: Vec<Option<Day>> = (0..before).map(|_| None).collect();
    cells.extend(dates.map(|date| {
        let digest = link(date).map(|route| (route, words.date(date)));
        Some(Day { number: date.day(), digest })
    }));
    let weeks = cells.chunks(7).map(<[_]>::to_vec).collect();
    Month { name: words.month(first), route: month_route(first), weeks }
}
