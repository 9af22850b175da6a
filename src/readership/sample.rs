//! The distinct readers of a feed: each of them while they are few, a fair sample of a known share when they are many.
//!
//! Adaptive sampling (M. Wegman; P. Flajolet, Computing 43, 1990): a reader is kept while its hash begins with enough zeros, and
//! whenever too many are kept, one zero more is asked for. So memory is bounded, samples can be joined, and whatever is counted
//! over a sample stands for the whole. The number of readers is off by 1.2 / sqrt(kept), which is less than 4 % here.

use std::collections::HashMap;

/// So many readers of a feed are kept at most.
pub const MOST_KEPT: usize = 2048;

/// Distinct readers.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// With so many zeros the hash of those that are kept begins.
    zeros: u32,
    kept: HashMap<u64, Reader>,
}

/// One reader, whom nobody knows.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    /// The name of the program.
    pub name: Box<str>,
    /// Whether nobody reads.
    pub is_crawler: bool,
    /// How often it asked.
    pub requests: u32,
    /// How often it asked without saying what it has, and got the feed whole.
    pub whole: u32,
}

impl Sample {
    /// The reader of a hash, if it is one of those that are kept; a new one is made first.
    pub fn reader(&mut self, hash: u64, make: impl FnOnce() -> Reader) -> Option<&mut Reader> {
        if hash.leading_zeros() < self.zeros {
            return None;
        }
        self.kept.entry(hash).or_insert_with(make);
        self.thin();
        self.kept.get_mut(&hash)
    }

    /// How many readers each one that is kept stands for.
    pub fn weight(&self) -> u64 {
        1 << self.zeros.min(63)
    }

    /// Those that are kept.
    pub fn readers(&self) -> impl Iterator<Item = &Reader> {
        self.kept.values()
    }

    /// The readers of both; one that is in both is one.
    pub fn join(&mut self, other: &Sample) {
        self.zeros = self.zeros.max(other.zeros);
        for (hash, reader) in &other.kept {
            let kept = self.kept.entry(*hash).or_insert_with(|| Reader {
                name: reader.name.clone(),
                is_crawler: reader.is_crawler,
                ..Reader::default()
            });
            kept.requests += reader.requests;
            kept.whole += reader.whole;
        }
        let zeros = self.zeros;
        self.kept.retain(|hash, _| hash.leading_zeros() >= zeros);
        self.thin();
    }

    fn thin(&mut self) {
        while self.kept.len() > MOST_KEPT && self.zeros < u64::BITS {
            self.zeros += 1;
            let zeros = self.zeros;
            self.kept.retain(|hash, _| hash.leading_zeros() >= zeros);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher as _, RandomState};

    use super::*;

    fn of(hashes: impl IntoIterator<Item = u64>) -> Sample {
        let mut sample = Sample::default();
        for hash in hashes {
            if let Some(reader) = sample.reader(hash, Reader::default) {
                reader.requests += 1;
            }
        }
        sample
    }

    fn count(sample: &Sample) -> u64 {
        sample.readers().count() as u64 * sample.weight()
    }

    #[test]
    fn few_readers_are_counted_one_by_one_and_many_nearly() {
        let hasher = RandomState::new();
        let some = |from: u64, to: u64| of((from..to).map(|number| hasher.hash_one(number)));
        assert_eq!(count(&some(0, 2000)), 2000);
        let many = some(0, 100_000);
        assert!(many.kept.len() <= MOST_KEPT);
        assert!((80_000..120_000).contains(&count(&many)), "{}", count(&many));
    }

    #[test]
    fn joined_samples_count_a_reader_of_both_once() {
        let hasher = RandomState::new();
        let some = |from: u64, to: u64| of((from..to).map(|number| hasher.hash_one(number)));
        let mut few = some(0, 600);
        few.join(&some(400, 1000));
        assert_eq!(count(&few), 1000);
        assert_eq!(few.readers().map(|reader| reader.requests).sum::<u32>(), 1200);
        let mut many = some(0, 60_000);
        many.join(&some(40_000, 100_000));
        assert!((80_000..120_000).contains(&count(&many)), "{}", count(&many));
        assert!(many.kept.len() <= MOST_KEPT);
    }
}
