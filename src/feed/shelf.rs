//! Which digests have something for which feed, kept from one site to the next, so that a change costs what it touches.
//!
//! The maps are persistent: those of the next site share all that did not change with those before. What a newcomer gets
//! wrong: nothing here is a cache that has to be emptied. Digests are compared by identity, and what is another digest now is
//! taken off and put on again.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{Datelike as _, NaiveDate, TimeDelta};
use rpds::RedBlackTreeMapSync as Map;

use super::{Entry, Feed, Known, Options, Seat};
use crate::digest::Rules;
use crate::digest::volume::Chapter;
use crate::ledger::{Moment, Settled};

/// Where a digest stands: newest first.
type Place = (Reverse<Moment>, Arc<str>);

/// How many sections a digest has, its date and its key.
type Fullness = (usize, NaiveDate, Reverse<Arc<str>>);

/// A year and a month of it.
pub(super) type YearMonth = (i32, u32);

/// What of a digest belongs to a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Items,
    Section(Arc<str>),
    Whole,
}

impl Part {
    /// What readers see of a digest in a feed, but for items whose stories came before.
    pub(super) fn seats(&self, settled: &Arc<Settled>, repeated: &HashSet<String>) -> Vec<Seat> {
        let mut seats = match self {
            Part::Whole if settled.is_empty() => Vec::new(),
            Part::Whole => vec![Seat::whole(settled)],
            Part::Items | Part::Section(_) => Seat::of_items(settled),
        };
        if let Part::Section(slug) = self {
            seats.retain(|seat| seat.slug() == Some(slug));
        }
        if !repeated.is_empty() {
            seats.retain(|seat| !repeated.contains(&seat.identity().id));
        }
        seats
    }
}

/// The digests of one feed.
#[derive(Debug, Clone, Default)]
pub(super) struct Shelf {
    /// Those that have anything for it, be it withdrawn.
    digests: Map<Place, Arc<Settled>>,
    /// Those of which something was published later than they were, by the newest of it.
    late: Map<Place, Arc<Settled>>,
    /// Those of which anything was published in a month.
    months: Map<YearMonth, Arc<Vec<Arc<Settled>>>>,
    /// The months that are others than on the shelf before.
    touched: BTreeSet<YearMonth>,
    /// How its feed was gathered last.
    pub(super) kept: Option<Kept>,
}

/// How a feed was gathered last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    /// What of it does not change from day to day: it has no entries.
    pub(super) head: Arc<Feed>,
    /// Whether it had months.
    pub(super) has_months: bool,
}

/// The shelves of all feeds.
#[derive(Debug, Clone, Default)]
pub struct Shelves {
    /// Another when feeds are made in another way.
    key: u64,
    digests: Vec<Arc<Settled>>,
    pub(super) items: Shelf,
    pub(super) whole: Shelf,
    sections: Map<String, Shelf>,
    /// By the number of their sections.
    fullest: Map<Fullness, Arc<Settled>>,
    /// How many items readers see.
    pub(super) count: usize,
    /// The entries that some feed showed, by id, with their digest.
    pub(super) entries: HashMap<String, (Arc<Settled>, Arc<Entry>)>,
    /// Items that no feed shows, because their links came before.
    pub(super) repeated: Arc<HashSet<String>>,
}

/// Which digests are others than on the shelves before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Whether these shelves go on from those before. Otherwise every digest is new.
    pub is_continued: bool,
    /// The positions of those that are new, or have another neighbour.
    pub around: BTreeSet<usize>,
    /// The keys of those that are gone.
    pub gone: Vec<Arc<str>>,
}

impl Shelves {
    /// The shelves of published digests, which come newest first. `before` are those of another state of the publication;
    /// `key` is another when feeds are made in another way.
    pub(super) fn of(
        digests: &[Arc<Settled>],
        before: Option<&Shelves>,
        key: u64,
        repeated: Arc<HashSet<String>>,
    ) -> (Shelves, Difference) {
        let goes_on = |before: &&Shelves| before.key == key && before.repeated.is_empty() && repeated.is_empty();
        let before = before.filter(goes_on);
        let mut shelves = before.cloned().unwrap_or_else(|| Shelves { key, repeated, ..Shelves::default() });
        shelves.settle_down();
        let old = std::mem::take(&mut shelves.digests);
        let mut difference = Difference { is_continued: before.is_some(), ..Difference::default() };
        let (mut at, mut was) = (0, 0);
        while at < digests.len() || was < old.len() {
            let order = match (digests.get(at), old.get(was)) {
                (Some(new), Some(old)) if Arc::ptr_eq(new, old) => {
                    (at, was) = (at + 1, was + 1);
                    continue;
                }
                (Some(new), Some(old)) => place(new).cmp(&place(old)),
                (Some(_), None) => Ordering::Less,
                _ => Ordering::Greater,
            };
            difference.around.extend([at.checked_sub(1).unwrap_or(at), at]);
            if order.is_ge() {
                shelves.remove(&old[was]);
                difference.gone.push(old[was].key.clone());
                was += 1;
            }
            if order.is_le() {
                shelves.insert(&digests[at]);
                difference.around.insert(at + 1);
                at += 1;
            }
        }
        difference.around.retain(|at| *at < digests.len());
        let keys: HashSet<&str> = difference.around.iter().map(|at| &*digests[*at].key).collect();
        difference.gone.retain(|key| !keys.contains(&**key));
        shelves.digests = digests.to_vec();
        (shelves, difference)
    }

    fn insert(&mut self, settled: &Arc<Settled>) {
        self.count += settled.len();
        self.fullest.insert_mut(fullness(settled), settled.clone());
        let seats = Part::Items.seats(settled, &self.repeated);
        if !seats.is_empty() {
            self.items.insert(settled, &seats);
            self.whole.insert(settled, &Part::Whole.seats(settled, &self.repeated));
        }
        for slug in slugs(settled) {
            let seats = Part::Section(slug.into()).seats(settled, &self.repeated);
            self.change(slug, |shelf| shelf.insert(settled, &seats));
        }
    }

    fn remove(&mut self, settled: &Arc<Settled>) {
        self.count -= settled.len();
        self.fullest.remove_mut(&fullness(settled));
        let seats = Part::Items.seats(settled, &self.repeated);
        self.items.remove(settled, &seats);
        self.whole.remove(settled, &Part::Whole.seats(settled, &self.repeated));
        for slug in slugs(settled) {
            let seats = Part::Section(slug.into()).seats(settled, &self.repeated);
            self.change(slug, |shelf| shelf.remove(settled, &seats));
        }
    }

    fn change(&mut self, slug: &str, change: impl FnOnce(&mut Shelf)) {
        let mut shelf = self.sections.get(slug).cloned().unwrap_or_default();
        change(&mut shelf);
        self.sections.insert_mut(slug.to_owned(), shelf);
    }

    /// Forgets what changed on the way to these shelves: what is on none any more was told of.
    fn settle_down(&mut self) {
        self.items.touched.clear();
        self.whole.touched.clear();
        let sections = self.sections.iter().filter(|(_, it)| it.digests.is_empty() || !it.touched.is_empty());
        let sections: Vec<(String, bool)> =
            sections.map(|(slug, shelf)| (slug.clone(), shelf.digests.is_empty())).collect();
        for (slug, is_empty) in sections {
            match is_empty {
                true => drop(self.sections.remove_mut(&slug)),
                false => self.change(&slug, |shelf| shelf.touched.clear()),
            }
        }
    }

    /// Keeps how a section's feed was gathered.
    pub(super) fn keep(&mut self, slug: &str, kept: Kept) {
        if self.sections.get(slug).is_some_and(|shelf| shelf.kept.as_ref() != Some(&kept)) {
            self.change(slug, |shelf| shelf.kept = Some(kept));
        }
    }

    /// The slugs of all sections of which there is anything.
    pub(super) fn slugs(&self) -> impl Iterator<Item = &str> {
        self.sections.keys().map(String::as_str)
    }

    /// The shelf of a section; an empty one for a section of which there is nothing yet.
    pub(super) fn section(&self, slug: &str) -> Shelf {
        self.sections.get(slug).cloned().unwrap_or_default()
    }

    /// The configured sections in their order, then the others as the fullest digest orders them, then those it lacks.
    pub(super) fn known(&self, rules: &Rules) -> Vec<Known> {
        let configured = rules.sections.iter().map(|rule| Known {
            slug: rule.slug.clone(),
            title: rule.title.clone().or_else(|| rule.headings.first().cloned()).unwrap_or_else(|| rule.slug.clone()),
            description: rule.description.clone(),
        });
        let mut known: Vec<Known> = configured.collect();
        let mut seen: HashSet<String> = known.iter().map(|section| section.slug.clone()).collect();
        let mut take = |settled: &Settled, only: Option<&str>| {
            let sections = settled.digest.sections.iter();
            for Chapter { slug, title, .. } in sections.filter(|it| it.items > 0 && !it.slug.is_empty()) {
                if only.is_none_or(|only| *only == **slug) && seen.insert(slug.to_string()) {
                    known.push(Known { slug: slug.to_string(), title: title.to_string(), description: None });
                }
            }
        };
        if let Some((_, fullest)) = self.fullest.last() {
            take(fullest, None);
        }
        let newest = |(slug, shelf): (&String, &Shelf)| {
            let (place, settled) = shelf.digests.first().map(|(place, settled)| (place.clone(), settled.clone()))?;
            let position = settled.digest.sections.iter().position(|it| *it.slug == **slug && it.items > 0);
            Some((place, position, slug.clone(), settled))
        };
        let mut others: Vec<_> = self.sections.iter().filter_map(newest).collect();
        others.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
        others.iter().for_each(|(_, _, slug, settled)| take(settled, Some(slug)));
        known
    }
}

impl Shelf {
    fn insert(&mut self, settled: &Arc<Settled>, seats: &[Seat]) {
        self.digests.insert_mut(place(settled), settled.clone());
        if let Some(late) = lateness(settled, seats) {
            self.late.insert_mut(late, settled.clone());
        }
        for month in months(seats) {
            let mut digests = self.months.get(&month).map(|it| (**it).clone()).unwrap_or_default();
            let at = digests.partition_point(|other| place(other) < place(settled));
            digests.insert(at, settled.clone());
            self.months.insert_mut(month, Arc::new(digests));
            self.touched.insert(month);
        }
    }

    fn remove(&mut self, settled: &Arc<Settled>, seats: &[Seat]) {
        self.digests.remove_mut(&place(settled));
        if let Some(late) = lateness(settled, seats) {
            self.late.remove_mut(&late);
        }
        for month in months(seats) {
            let mut digests = self.months.get(&month).map(|it| (**it).clone()).unwrap_or_default();
            digests.retain(|other| !Arc::ptr_eq(other, settled));
            if digests.is_empty() {
                self.months.remove_mut(&month);
            } else {
                self.months.insert_mut(month, Arc::new(digests));
            }
            self.touched.insert(month);
        }
    }

    /// What a feed shows, newest first: as far back as `days` or `digests` reach, whichever is more. Late items of old digests
    /// do not make those new.
    pub(super) fn window(&self, part: &Part, repeated: &HashSet<String>, options: &Options) -> Vec<Seat> {
        let mut seats: Vec<Seat> = Vec::new();
        let mut looked_at: HashSet<*const Settled> = HashSet::new();
        let (mut digests, mut oldest) = (0, None);
        for settled in self.digests.values() {
            let own = part.seats(settled, repeated);
            let Some(newest) = own.iter().map(Seat::published).max() else { continue };
            // The newest digest is shown whatever the window.
            let oldest = *oldest.get_or_insert(newest - TimeDelta::days(i64::from(options.days)));
            let is_among_newest = digests < options.digests.max(1);
            if !is_among_newest && settled.identity.published <= oldest {
                break;
            }
            digests += 1;
            looked_at.insert(Arc::as_ptr(settled));
            seats.extend(own.into_iter().filter(|seat| is_among_newest || seat.published() > oldest));
        }
        let Some(oldest) = oldest else { return seats };
        for ((Reverse(newest), _), settled) in &self.late {
            if *newest <= oldest {
                break;
            }
            if !looked_at.contains(&Arc::as_ptr(settled)) {
                seats.extend(part.seats(settled, repeated).into_iter().filter(|seat| seat.published() > oldest));
            }
        }
        seats.sort_by(Seat::newest_first);
        seats
    }

    /// The months with their digests, oldest first.
    pub(super) fn months(&self) -> &Map<YearMonth, Arc<Vec<Arc<Settled>>>> {
        &self.months
    }

    /// The months that are others than on the shelf before, and those that have another neighbour.
    pub(super) fn touched(&self, before: &Shelf) -> BTreeSet<YearMonth> {
        let mut touched = self.touched.clone();
        for month in &self.touched {
            if self.months.contains_key(month) != before.months.contains_key(month) {
                touched.extend(self.months.range(..*month).next_back().map(|(month, _)| *month));
                let after = self.months.range(*month..).map(|(month, _)| *month);
                touched.extend(after.filter(|other| other != month).take(1));
            }
        }
        touched
    }
}

fn place(settled: &Settled) -> Place {
    (Reverse(settled.identity.published), settled.key.clone())
}

fn lateness(settled: &Settled, seats: &[Seat]) -> Option<Place> {
    let newest = seats.iter().map(Seat::published).max()?;
    (newest > settled.identity.published).then(|| (Reverse(newest), settled.key.clone()))
}

fn months(seats: &[Seat]) -> BTreeSet<YearMonth> {
    seats.iter().map(Seat::month).collect()
}

fn fullness(settled: &Settled) -> Fullness {
    (settled.digest.sections.len(), settled.digest.date, Reverse(settled.key.clone()))
}

/// The sections that have items.
fn slugs(settled: &Settled) -> BTreeSet<&str> {
    let sections = settled.digest.sections.iter();
    sections.filter(|it| !it.slug.is_empty() && it.items > 0).map(|section| &*section.slug).collect()
}

impl Seat {
    /// The year and the month of its publication.
    pub(super) fn month(&self) -> YearMonth {
        let published = self.published();
        (published.year(), published.month())
    }
}
