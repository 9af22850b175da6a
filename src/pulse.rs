//! The pulse of work under way: a count of its steps, by which somebody beside it sees that it goes on.
//!
//! What a newcomer gets wrong: it is no share of a whole. Nobody knows how many steps there will be; a count that stands still
//! says that the work hangs, and nothing else does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many steps are done. Its clones count together.
#[derive(Debug, Clone, Default)]
pub struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// One more step is done: a file is read, say.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many steps are done.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
