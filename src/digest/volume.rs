//! A digest at rest: what it is called and how it is divided stays in memory, its text is laid aside.
//!
//! A publication of years has thousands of digests, of which feeds show some dozens. What a newcomer gets wrong: to open a
//! volume is to read it from the disk, so whoever needs no more than names and numbers does not.

use std::sync::Arc;

use chrono::NaiveDate;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::text::normalized;
use super::{Digest, Item};
use crate::spool::{Aside, Spool};

/// See above. Its fields are those of its [`Digest`].
#[derive(Debug, PartialEq, Eq)]
pub struct Volume {
    /// [`Digest::path`].
    pub path: String,
    /// [`Digest::key`].
    pub key: String,
    /// [`Digest::date`].
    pub date: NaiveDate,
    /// [`Digest::title`].
    pub title: String,
    /// [`Digest::language`].
    pub language: Option<String>,
    /// [`Digest::is_one_story`].
    pub is_one_story: bool,
    /// [`Digest::is_undated`].
    pub is_undated: bool,
    /// [`Digest::source`].
    pub source: u64,
    /// [`Digest::sections`].
    pub sections: Vec<Chapter>,
    /// A short number for each item, in file order: of its link, or else of its title. They are kept in ledgers, so they come
    /// out the same from any version of the program.
    pub numbers: Arc<[u32]>,
    digest: Aside<Digest>,
}

/// A section of a volume.
#[derive(Debug, PartialEq, Eq)]
pub struct Chapter {
    /// Its name in URLs; empty for items that stand under no section.
    pub slug: Box<str>,
    /// Its title.
    pub title: Box<str>,
    /// How many items it has.
    pub items: usize,
}

impl Volume {
    /// Lays a digest aside; without a spool it stays in memory.
    pub fn new(digest: Digest, spool: Option<&Arc<Spool>>) -> Volume {
        let sections = digest.sections.iter().map(|section| Chapter {
            slug: section.slug.as_str().into(),
            title: section.title.as_str().into(),
            items: section.items.len(),
        });
        Volume {
            path: digest.path.clone(),
            key: digest.key.clone(),
            date: digest.date,
            title: digest.title.clone(),
            language: digest.language.clone(),
            is_one_story: digest.is_one_story,
            is_undated: digest.is_undated,
            source: digest.source,
            sections: sections.collect(),
            numbers: digest.items().map(|(_, item)| number(item)).collect(),
            digest: Aside::new(digest, spool),
        }
    }

    /// The volume of a day whose files are one item each, which is laid aside where they are.
    ///
    /// # Panics
    /// Without any part.
    pub fn of_stories(parts: &[Arc<Volume>]) -> Volume {
        let opened: Vec<Arc<Digest>> = parts.iter().map(|part| part.open()).collect();
        Volume::new(Digest::of_stories(&opened), parts[0].digest.spool())
    }

    /// The digest.
    pub fn open(&self) -> Arc<Digest> {
        self.digest.get()
    }

    /// Whether it is a volume of this digest.
    pub fn holds(&self, digest: &Digest) -> bool {
        self.key == digest.key && self.source == digest.source && *self.open() == *digest
    }

    /// Lays something aside where its text is.
    pub fn beside<T: Serialize + DeserializeOwned + Send + Sync + 'static>(&self, value: T) -> Aside<T> {
        Aside::new(value, self.digest.spool())
    }

    /// The number of items in all sections.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether it has no items.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }
}

impl From<Digest> for Volume {
    fn from(digest: Digest) -> Volume {
        Volume::new(digest, None)
    }
}

fn number(item: &Item) -> u32 {
    let hash = match &item.link {
        Some(link) => Sha256::digest(link.as_bytes()),
        None => Sha256::digest(normalized(&item.title).as_bytes()),
    };
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}
