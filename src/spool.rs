//! Values that are laid aside: their bytes wait in a file without a name until somebody asks for them again.
//!
//! What is asked for often stays at hand, up to a bound. What a newcomer gets wrong: a spool is no storage. It lasts as long
//! as what was laid aside in it, no longer than the process, and nobody else can see it; where the disk does not take a value,
//! it stays in memory.

use std::any::Any;
use std::fmt;
use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use rustix::fs::{FallocateFlags, fallocate};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Values that take so many bytes in all are kept at hand.
const AT_HAND: u64 = 1024 * 1024;

/// About how many values those are.
const AT_HAND_VALUES: usize = 128;

/// File systems give back what is no longer needed in such steps.
const STEP: u64 = 4096;

/// Where values are laid aside.
pub struct Spool {
    file: File,
    /// Where the next value begins.
    end: AtomicU64,
    at_hand: Cache<u64, AtHand, ByBytes>,
}

#[derive(Clone)]
struct AtHand {
    value: Arc<dyn Any + Send + Sync>,
    bytes: u64,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<u64, AtHand> for ByBytes {
    fn weight(&self, _: &u64, value: &AtHand) -> u64 {
        value.bytes
    }
}

impl Spool {
    /// A spool in a folder.
    ///
    /// # Errors
    /// When no file can be made there.
    pub fn in_folder(folder: &Path) -> io::Result<Arc<Spool>> {
        let at_hand = Cache::with_weighter(AT_HAND_VALUES, AT_HAND, ByBytes);
        Ok(Arc::new(Spool { file: tempfile::tempfile_in(folder)?, end: AtomicU64::new(0), at_hand }))
    }

    fn write<T: Serialize>(&self, value: &T) -> Option<(u64, usize)> {
        let bytes = postcard::to_stdvec(value).ok()?;
        let begin = self.end.fetch_add(room_of(bytes.len()), Ordering::Relaxed);
        if self.file.write_all_at(&bytes, begin).is_err() {
            // The disk is full, perhaps of what was written just now.
            self.free(begin, bytes.len());
            return None;
        }
        Some((begin, bytes.len()))
    }

    /// Gives the room of a value back, as far as the file system can.
    fn free(&self, begin: u64, length: usize) {
        self.at_hand.remove(&begin);
        let (mode, room) = (FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, room_of(length));
        // Where it cannot, the room is free when the process ends.
        let _ = fallocate(&self.file, mode, begin, room);
    }

    fn read<T: DeserializeOwned>(&self, begin: u64, length: usize) -> io::Result<T> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, begin)?;
        postcard::from_bytes(&bytes).map_err(io::Error::other)
    }
}

/// The bytes that a value takes in the file.
fn room_of(length: usize) -> u64 {
    (length as u64).next_multiple_of(STEP).max(STEP)
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool").field("end", &self.end).finish_non_exhaustive()
    }
}

/// A value that was laid aside.
pub struct Aside<T> {
    place: Place<T>,
}

enum Place<T> {
    Memory(Arc<T>),
    File { spool: Arc<Spool>, begin: u64, length: usize, of: PhantomData<fn() -> T> },
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Aside<T> {
    /// Lays a value aside; without a spool, or where the disk does not take it, it stays in memory.
    pub fn new(value: T, spool: Option<&Arc<Spool>>) -> Aside<T> {
        let value = Arc::new(value);
        let written = spool.and_then(|spool| Some((spool, spool.write(&*value)?)));
        let Some((spool, (begin, length))) = written else { return Aside { place: Place::Memory(value) } };
        spool.at_hand.insert(begin, AtHand { value, bytes: length as u64 });
        Aside { place: Place::File { spool: spool.clone(), begin, length, of: PhantomData } }
    }

    /// Where it was laid aside, unless it stays in memory.
    pub fn spool(&self) -> Option<&Arc<Spool>> {
        match &self.place {
            Place::Memory(_) => None,
            Place::File { spool, .. } => Some(spool),
        }
    }

    /// The value.
    ///
    /// # Panics
    /// When the disk does not give back what it took.
    pub fn get(&self) -> Arc<T> {
        match &self.place {
            Place::Memory(value) => value.clone(),
            Place::File { spool, begin, length, .. } => {
                let at_hand = spool.at_hand.get(begin).and_then(|it| Arc::downcast(it.value).ok());
                at_hand.unwrap_or_else(|| {
                    let value: T = spool.read(*begin, *length).expect("the disk gives back what was laid aside");
                    let value = Arc::new(value);
                    spool.at_hand.insert(*begin, AtHand { value: value.clone(), bytes: *length as u64 });
                    value
                })
            }
        }
    }
}

impl<T> Drop for Aside<T> {
    fn drop(&mut self) {
        if let Place::File { spool, begin, length, .. } = &self.place {
            spool.free(*begin, *length);
        }
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync + PartialEq + 'static> PartialEq for Aside<T> {
    fn eq(&self, other: &Aside<T>) -> bool {
        self.get() == other.get()
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync + Eq + 'static> Eq for Aside<T> {}

impl<T> fmt::Debug for Aside<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aside")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn long(number: u32) -> Vec<u32> {
        (0..20_000).map(|at| at ^ number).collect()
    }

    #[test]
    fn what_was_laid_aside_comes_back_whether_at_hand_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::in_folder(folder.path()).unwrap();
        // Far more than is kept at hand.
        let aside: Vec<Aside<Vec<u32>>> = (0..1000).map(|number| Aside::new(long(number), Some(&spool))).collect();
        let names = [Aside::new("a".to_owned(), Some(&spool)), Aside::new(String::new(), Some(&spool))];
        assert!((0..1000).all(|number| *aside[number as usize].get() == long(number)));
        assert!((0..1000).rev().all(|number| *aside[number as usize].get() == long(number)));
        assert_eq!(names.map(|name| name.get().to_string()), ["a", ""]);
        assert_eq!(*Aside::new(long(7), None).get(), long(7));
        assert!(spool.at_hand.weight() <= AT_HAND);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
    }

    #[test]
    fn what_nobody_needs_any_more_takes_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::in_folder(folder.path()).unwrap();
        let kept = Aside::new(long(1), Some(&spool));
        for number in 0..500 {
            drop(Aside::new(long(number), Some(&spool)));
        }
        let bytes = spool.file.metadata().unwrap().blocks() * 512;
        assert!(bytes < 4 * 60_000, "{bytes} bytes for one value");
        assert_eq!(*kept.get(), long(1));
    }
}
