//! The ledger's file: SQLite, so that people can open it with `sqlite3`.
//!
//! Read once at the start, written in one transaction per change. Write-ahead log and full synchronisation: after a power cut
//! either all of a change is there or nothing of it.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use chrono::{DateTime, FixedOffset};
use rusqlite::{Connection, OpenFlags, Row, params};

use super::recognition::Prints;
use super::{Change, Options, Published, Record, Records};
use crate::digest::learnt::{Memory, Strength};

/// The file in the state folder.
const FILE: &str = "ledger.sqlite";

/// How long another program that writes to the file is waited for.
const BUSY: Duration = Duration::from_secs(5);

/// The steps from an empty file to the present schema; `user_version` counts those done. A step is never changed.
const MIGRATIONS: [&str; 2] = [
    "
    CREATE TABLE digest (
        key TEXT PRIMARY KEY,
        published TEXT NOT NULL,
        updated TEXT NOT NULL,
        hash BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE item (
        id TEXT PRIMARY KEY,
        digest TEXT NOT NULL,
        title TEXT NOT NULL,
        link TEXT,
        published TEXT NOT NULL,
        updated TEXT NOT NULL,
        hash BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX item_digest ON item (digest);
",
    "
    CREATE TABLE section (
        language TEXT NOT NULL,
        name TEXT NOT NULL,
        is_frequent INTEGER NOT NULL,
        PRIMARY KEY (language, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE first_seen (
        path TEXT PRIMARY KEY,
        date TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
",
];

/// An open file.
#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
}

impl Store {
    /// Opens the file in a folder, makes both if need be, and reads everything.
    pub(super) fn open(folder: &Path, options: &Options) -> anyhow::Result<(Store, Records, Memory)> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let path = folder.join(FILE);
        let open = || -> anyhow::Result<(Store, Records, Memory)> {
            let mut connection = Connection::open(&path)?;
            connection.busy_timeout(BUSY)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            migrate(&mut connection)?;
            let records = read_records(&connection, options)?;
            let memory = read_memory(&connection)?;
            Ok((Store { connection }, records, memory))
        };
        open().with_context(|| format!("cannot use the ledger {}", path.display()))
    }

    /// Opens the file in a folder as it is, and reads everything.
    pub(super) fn open_to_read(folder: &Path, options: &Options) -> anyhow::Result<(Store, Records, Memory)> {
        let path = folder.join(FILE);
        let open = || -> anyhow::Result<(Store, Records, Memory)> {
            let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            connection.busy_timeout(BUSY)?;
            let done: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            ensure!(
                done as usize == MIGRATIONS.len(),
                "it was written by another version; start feedmill with it once"
            );
            let records = read_records(&connection, options)?;
            let memory = read_memory(&connection)?;
            Ok((Store { connection }, records, memory))
        };
        open().with_context(|| format!("cannot read the ledger {}", path.display()))
    }

    /// The items of a digest.
    pub(super) fn published(&self, digest: &str) -> anyhow::Result<Vec<Published>> {
        let mut statement =
            self.connection.prepare_cached("SELECT id, title, link FROM item WHERE digest = ? ORDER BY id")?;
        let rows = statement
            .query_map([digest], |row| Ok(Published { id: row.get(0)?, title: row.get(1)?, link: row.get(2)? }))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Writes changes, all or none.
    pub(super) fn write(&mut self, changes: &[Change]) -> anyhow::Result<()> {
        let transaction = self.connection.transaction()?;
        for change in changes {
            match change {
                Change::Digest { key, record } => transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO digest (key, published, updated, hash) VALUES (?, ?, ?, ?)",
                    )?
                    .execute(params![key, record.published.to_rfc3339(), record.updated.to_rfc3339(), record.hash])?,
                Change::Item { id, digest, title, link, record } => transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO item (id, digest, title, link, published, updated, hash) \
                         VALUES (?, ?, ?, ?, ?, ?, ?)",
                    )?
                    .execute(params![
                        id,
                        digest,
                        title,
                        link,
                        record.published.to_rfc3339(),
                        record.updated.to_rfc3339(),
                        record.hash
                    ])?,
                Change::Section { language, name, strength } => transaction
                    .prepare_cached("INSERT OR REPLACE INTO section (language, name, is_frequent) VALUES (?, ?, ?)")?
                    .execute(params![language, name, *strength == Strength::Frequent])?,
                Change::FirstSeen { path, date } => transaction
                    .prepare_cached("INSERT OR REPLACE INTO first_seen (path, date) VALUES (?, ?)")?
                    .execute(params![path, date.to_string()])?,
            };
        }
        Ok(transaction.commit()?)
    }
}

fn migrate(connection: &mut Connection) -> anyhow::Result<()> {
    let done: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let steps = (1_u32..).zip(MIGRATIONS);
    ensure!(done as usize <= MIGRATIONS.len(), "it was written by a newer feedmill; use that one");
    for (version, migration) in steps.filter(|(version, _)| *version > done) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

fn read_memory(connection: &Connection) -> anyhow::Result<Memory> {
    let mut memory = Memory::default();
    let mut sections = connection.prepare("SELECT language, name, is_frequent FROM section")?;
    let mut rows = sections.query([])?;
    while let Some(row) = rows.next()? {
        let strength = if row.get(2)? { Strength::Frequent } else { Strength::Recurs };
        memory.sections.insert((row.get(0)?, row.get(1)?), strength);
    }
    let mut first_seen = connection.prepare("SELECT path, date FROM first_seen")?;
    let mut rows = first_seen.query([])?;
    while let Some(row) = rows.next()? {
        let date: String = row.get(1)?;
        memory.first_seen.insert(row.get(0)?, date.parse().context("a date of first_seen is none")?);
    }
    Ok(memory)
}

fn read_records(connection: &Connection, options: &Options) -> anyhow::Result<Records> {
    let digests = read(connection, "SELECT key, published, updated, hash FROM digest")?;
    let items = read(connection, "SELECT id, published, updated, hash FROM item")?;
    let mut prints = Prints::default();
    // As they stood in their digests: the first is the newest.
    let mut statement = connection.prepare("SELECT id, title, link FROM item ORDER BY published DESC, id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, title, link): (String, String, Option<String>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        prints.recall(&id, &title, link.as_deref(), options);
    }
    Ok(Records { digests, items, prints })
}

fn read(connection: &Connection, query: &str) -> anyhow::Result<HashMap<String, Record>> {
    let mut statement = connection.prepare(query)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, record(row)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record { published: moment(row, 1)?, updated: moment(row, 2)?, hash: row.get(3)? })
}

fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<DateTime<FixedOffset>> {
    let text: String = row.get(column)?;
    DateTime::parse_from_rfc3339(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(id: &str) -> Change {
        let moment = DateTime::parse_from_rfc3339("2025-05-22T08:00:00+08:00").expect("a moment");
        let record = Record { published: moment, updated: moment, hash: [7; 8] };
        Change::Item { id: id.to_owned(), digest: "d".to_owned(), title: "t".to_owned(), link: None, record }
    }

    #[test]
    fn what_was_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, records, _) = Store::open(folder.path(), &Options::default()).unwrap();
        assert!(records.items.is_empty());
        store.write(&[change("a"), change("b"), change("a")]).unwrap();
        drop(store);
        let (_, records, _) = Store::open(folder.path(), &Options::default()).unwrap();
        assert_eq!(records.items.len(), 2);
        assert_eq!(records.items["a"].published.to_rfc3339(), "2025-05-22T08:00:00+08:00");
        assert_eq!(records.items["a"].hash, [7; 8]);
    }

    #[test]
    fn what_was_learnt_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, _, memory) = Store::open(folder.path(), &Options::default()).unwrap();
        assert_eq!(memory, Memory::default());
        let date = chrono::NaiveDate::from_ymd_opt(2025, 5, 22).unwrap();
        let section = |strength| Change::Section { language: "en".into(), name: "news".into(), strength };
        let first_seen = Change::FirstSeen { path: "issue-1.md".into(), date };
        store.write(&[section(Strength::Recurs), section(Strength::Frequent), first_seen]).unwrap();
        drop(store);
        let (_, _, memory) = Store::open(folder.path(), &Options::default()).unwrap();
        assert_eq!(memory.sections[&("en".to_owned(), "news".to_owned())], Strength::Frequent);
        assert_eq!(memory.first_seen["issue-1.md"], date);
    }

    #[test]
    fn a_file_of_a_newer_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _, _) = Store::open(folder.path(), &Options::default()).unwrap();
        store.connection.pragma_update(None, "user_version", 99).unwrap();
        drop(store);
        let error = format!("{:#}", Store::open(folder.path(), &Options::default()).unwrap_err());
        assert!(error.contains("newer feedmill"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_ledger_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "not a database, but long enough to look like one at first").unwrap();
        let error = format!("{:#}", Store::open(folder.path(), &Options::default()).unwrap_err());
        assert!(error.contains("cannot use the ledger") && error.contains("not a database"), "{error}");
    }
}
