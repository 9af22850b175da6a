//! Seconds that belong to entries, as runs: the items of a digest follow one second apart.

use std::collections::BTreeMap;

/// A set of seconds.
#[derive(Debug, Default)]
pub(super) struct Seconds {
    /// The last second of each run, by its first. No two runs touch.
    runs: BTreeMap<i64, i64>,
}

impl Seconds {
    pub(super) fn contains(&self, second: i64) -> bool {
        self.run(second).is_some()
    }

    pub(super) fn insert(&mut self, second: i64) {
        if self.contains(second) {
            return;
        }
        let end = self.runs.remove(&(second + 1)).unwrap_or(second);
        match self.run(second - 1) {
            Some((begin, _)) => self.runs.insert(begin, end),
            None => self.runs.insert(second, end),
        };
    }

    pub(super) fn remove(&mut self, second: i64) {
        let Some((begin, end)) = self.run(second) else { return };
        self.runs.remove(&begin);
        if begin < second {
            self.runs.insert(begin, second - 1);
        }
        if second < end {
            self.runs.insert(second + 1, end);
        }
    }

    /// The first and the last second of the run in which one is.
    fn run(&self, second: i64) -> Option<(i64, i64)> {
        let (begin, end) = self.runs.range(..=second).next_back()?;
        (*end >= second).then_some((*begin, *end))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_hold_what_a_set_would(steps in prop::collection::vec((any::<bool>(), 0..24_i64), 0..80)) {
            let (mut seconds, mut set) = (Seconds::default(), BTreeSet::new());
            for (is_added, second) in steps {
                if is_added {
                    seconds.insert(second);
                    set.insert(second);
                } else {
                    seconds.remove(second);
                    set.remove(&second);
                }
                prop_assert!((-1..26).all(|second| seconds.contains(second) == set.contains(&second)));
                let gaps: Vec<(i64, i64)> = seconds.runs.iter().map(|(begin, end)| (*begin, *end)).collect();
                prop_assert!(gaps.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "{gaps:?}");
            }
        }
    }
}
