//! How often something comes, and when the next is to be expected, from the dates of what came so far.
//!
//! What a newcomer gets wrong: nothing here knows what day it is. What came last tells when the next is expected, also when
//! that is over.

use chrono::{Datelike as _, Days, Months, NaiveDate, Weekday};

/// So many of the newest dates tell the rhythm: older habits are over.
const DATES: usize = 16;

/// How often something comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    /// Every day.
    Daily,
    /// Monday to Friday.
    Weekdays,
    /// Once a week, on this day.
    Weekly(Weekday),
    /// Once a month.
    Monthly,
    /// Every so many days.
    Every(u32),
}

impl Rhythm {
    /// The rhythm of dates that come newest first; one that comes twice in a row counts once. `None` for too few, and for those
    /// that follow none.
    pub fn of(dates: impl IntoIterator<Item = NaiveDate>) -> Option<Rhythm> {
        let mut newest: Vec<NaiveDate> = Vec::new();
        for date in dates {
            if newest.last() != Some(&date) {
                newest.push(date);
            }
            if newest.len() == DATES {
                break;
            }
        }
        newest.sort_unstable();
        newest.dedup();
        let gaps: Vec<u32> = newest.windows(2).map(|pair| days_between(pair[0], pair[1])).collect();
        if gaps.len() < 2 {
            return None;
        }
        let mut sorted = gaps.clone();
        sorted.sort_unstable();
        let usual = sorted[(sorted.len() - 1) / 2];
        let most = |is_so: &dyn Fn(u32) -> bool| gaps.iter().filter(|gap| is_so(**gap)).count() * 3 >= gaps.len() * 2;
        let is_weekend = |date: &NaiveDate| matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
        let spans_a_week = days_between(newest[0], newest[newest.len() - 1]) >= 7;
        match usual {
            1 if spans_a_week && !newest.iter().any(is_weekend) && most(&|gap| gap == 1 || gap == 3) => {
                Some(Rhythm::Weekdays)
            }
            1 => most(&|gap| gap == 1).then_some(Rhythm::Daily),
            // One that is late by a day moves the next gap as well.
            7 => most(&|gap| (6..=8).contains(&gap)).then(|| Rhythm::Weekly(commonest_weekday(&newest))),
            28..=31 => most(&|gap| (28..=31).contains(&gap)).then_some(Rhythm::Monthly),
            days => most(&|gap| gap.abs_diff(days) <= days / 5).then_some(Rhythm::Every(days)),
        }
    }

    /// The date on which the next is expected after the last one.
    pub fn next(self, last: NaiveDate) -> Option<NaiveDate> {
        let after = |days: u32| last.checked_add_days(Days::new(u64::from(days)));
        match self {
            Rhythm::Daily => after(1),
            Rhythm::Weekdays => after(match last.weekday() {
                Weekday::Fri => 3,
                Weekday::Sat => 2,
                _ => 1,
            }),
            Rhythm::Weekly(weekday) => {
                // The nearest such day that is most of a week away: one that came a day late does not move the next.
                (4..=10).filter_map(after).find(|date| date.weekday() == weekday)
            }
            Rhythm::Monthly => last.checked_add_months(Months::new(1)),
            Rhythm::Every(days) => after(days),
        }
    }
}

fn days_between(one: NaiveDate, other: NaiveDate) -> u32 {
    u32::try_from((other - one).num_days()).unwrap_or_default()
}

/// Of several, that of the newest date.
fn commonest_weekday(dates: &[NaiveDate]) -> Weekday {
    let count = |weekday: Weekday| dates.iter().filter(|date| date.weekday() == weekday).count();
    let weekdays = dates.iter().map(chrono::Datelike::weekday);
    weekdays.max_by_key(|weekday| count(*weekday)).unwrap_or(Weekday::Mon)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// The dates so many days before the newest one.
    fn before(newest: &str, days: &[u64]) -> Vec<NaiveDate> {
        days.iter().map(|days| date(newest) - Days::new(*days)).collect()
    }

    fn check(newest: &str, days: &[u64], expected: Option<(Rhythm, &str)>) {
        let rhythm = Rhythm::of(before(newest, days));
        let seen = rhythm.map(|rhythm| (rhythm, rhythm.next(date(newest)).unwrap()));
        assert_eq!(seen, expected.map(|(rhythm, next)| (rhythm, date(next))), "{newest} {days:?}");
    }

    #[test]
    fn the_rhythm_of_what_came_tells_when_the_next_is_expected() {
        // 2026-03-09 is a Monday.
        check("2026-03-09", &[0, 1, 2, 3, 4, 5, 6, 7], Some((Rhythm::Daily, "2026-03-10")));
        check("2026-03-13", &[0, 1, 2, 3, 4, 7, 8, 9, 10, 11], Some((Rhythm::Weekdays, "2026-03-16")));
        check("2026-03-09", &[0, 7, 14, 28, 35], Some((Rhythm::Weekly(Weekday::Mon), "2026-03-16")));
        check("2026-01-31", &[0, 31, 61, 92], Some((Rhythm::Monthly, "2026-02-28")));
        check("2026-03-09", &[0, 14, 28, 41], Some((Rhythm::Every(14), "2026-03-23")));
        check("2026-03-09", &[0, 2, 4, 6], Some((Rhythm::Every(2), "2026-03-11")));
    }

    #[test]
    fn a_week_s_digest_that_came_late_does_not_move_the_next() {
        check("2026-03-10", &[0, 8, 15, 22, 29], Some((Rhythm::Weekly(Weekday::Mon), "2026-03-16")));
    }

    #[test]
    fn too_few_dates_have_no_rhythm_nor_have_those_that_follow_none() {
        check("2026-03-09", &[], None);
        check("2026-03-09", &[0, 1], None);
        check("2026-03-09", &[0, 1, 9, 30, 32, 80], None);
    }

    #[test]
    fn editions_of_one_date_count_once_and_a_day_without_one_does_not_end_a_rhythm() {
        check("2026-03-09", &[0, 0, 1, 1, 3, 3, 4, 4, 5, 5], Some((Rhythm::Daily, "2026-03-10")));
    }
}
