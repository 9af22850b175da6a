//! The ledger's file: SQLite, so that people can open it with `sqlite3`.
//!
//! Read once at the start, written in one transaction per change. Write-ahead log and full synchronisation: after a power cut
//! either all of a change is there or nothing of it.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use chrono::{DateTime, FixedOffset};
use rusqlite::{Connection, Row, params};

use super::{Change, Record, Records};

/// The file in the state folder.
const FILE: &str = "ledger.sqlite";

/// How long another program that writes to the file is waited for.
const BUSY: Duration = Duration::from_secs(5);

/// The steps from an empty file to the present schema; `user_version` counts those done. A step is never changed.
const MIGRATIONS: [&str; 1] = ["
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
"];

/// An open file.
#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
}

impl Store {
    /// Opens the file in a folder, makes both if need be, and reads everything.
    pub(super) fn open(folder: &Path) -> anyhow::Result<(Store, Records)> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let path = folder.join(FILE);
        let open = || -> anyhow::Result<(Store, Records)> {
            let mut connection = Connection::open(&path)?;
            connection.busy_timeout(BUSY)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            migrate(&mut connection)?;
            let digests = read(&connection, "SELECT key, published, updated, hash FROM digest")?;
            let items = read(&connection, "SELECT id, published, updated, hash FROM item")?;
            Ok((Store { connection }, Records { digests, items }))
        };
        open().with_context(|| format!("cannot use the ledger {}", path.display()))
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
        let (mut store, records) = Store::open(folder.path()).unwrap();
        assert!(records.items.is_empty());
        store.write(&[change("a"), change("b"), change("a")]).unwrap();
        drop(store);
        let (_, records) = Store::open(folder.path()).unwrap();
        assert_eq!(records.items.len(), 2);
        assert_eq!(records.items["a"].published.to_rfc3339(), "2025-05-22T08:00:00+08:00");
        assert_eq!(records.items["a"].hash, [7; 8]);
    }

    #[test]
    fn a_file_of_a_newer_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path()).unwrap();
        store.connection.pragma_update(None, "user_version", 99).unwrap();
        drop(store);
        let error = format!("{:#}", Store::open(folder.path()).unwrap_err());
        assert!(error.contains("newer feedmill"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_ledger_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "not a database, but long enough to look like one at first").unwrap();
        let error = format!("{:#}", Store::open(folder.path()).unwrap_err());
        assert!(error.contains("cannot use the ledger") && error.contains("not a database"), "{error}");
    }
}
