//! The ledger's file: SQLite, so that people can open it with `sqlite3`.
//!
//! Read once at the start, written in one transaction per change. Write-ahead log and full synchronisation: after a power cut
//! either all of a change is there or nothing of it.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, Transaction, params};
use url::Url;

use super::recognition::{Family, Known, Marks, Shelved};
use super::settling::{Change, What};
use super::{Event, Loss, Made, Moment, Options, Published, Record, Records, Shown, Story, Validator, Validators};
use crate::digest::learnt::{Given, Memory, Strength};
use crate::spool::Spool;

/// The file in the state folder.
const FILE: &str = "ledger.sqlite";

/// So many pages of the file stay in memory, 512 KiB: what a drop touches. SQLite's own 2 MB make a drop half a millisecond quicker
/// at most, where it takes ten.
const CACHE_PAGES: i32 = 128;

/// The file whose lock says that a process writes to the folder.
const LOCK: &str = "lock";

/// How long another program that writes to the file is waited for, or one that ends and still has the folder.
const BUSY: Duration = Duration::from_secs(5);

/// The steps from an empty file to the present schema; `user_version` counts those done. A step is never changed.
const MIGRATIONS: [&str; 5] = [
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
    // What stands between the second colon and the last slash of an id is the key that all files of a date share.
    "
    ALTER TABLE item ADD COLUMN gone TEXT;
    ALTER TABLE item ADD COLUMN retracted TEXT;
    UPDATE item SET digest = substr(substr(id, instr(substr(id, 5), ':') + 5), 1,
        instr(substr(id, instr(substr(id, 5), ':') + 5), '/') - 1);
    ALTER TABLE digest ADD COLUMN title TEXT;
    ALTER TABLE digest ADD COLUMN gone TEXT;
    ALTER TABLE digest ADD COLUMN retracted TEXT;
    CREATE TABLE history (
        id TEXT NOT NULL,
        at TEXT NOT NULL,
        what TEXT NOT NULL,
        title TEXT NOT NULL,
        link TEXT
    ) STRICT;
    CREATE INDEX history_id ON history (id);
    INSERT INTO history SELECT id, published, 'published', title, link FROM item;
    CREATE TABLE source (
        key TEXT PRIMARY KEY,
        family TEXT NOT NULL,
        source INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE loss (
        at TEXT NOT NULL,
        feed TEXT NOT NULL,
        id TEXT NOT NULL
    ) STRICT;
    CREATE TABLE waiting (key TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    CREATE TABLE shown (
        feed TEXT NOT NULL,
        id TEXT NOT NULL,
        PRIMARY KEY (feed, id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE page (
        route TEXT PRIMARY KEY,
        hash TEXT NOT NULL,
        modified TEXT NOT NULL,
        deflated BLOB
    ) STRICT;
    CREATE TABLE publication (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO publication SELECT 'authority', substr(id, 5, instr(substr(id, 5), ':') - 1) FROM item
        ORDER BY published DESC LIMIT 1;
",
    "
    ALTER TABLE source ADD COLUMN path TEXT;
    ALTER TABLE source ADD COLUMN written INTEGER;
    ALTER TABLE source ADD COLUMN items BLOB;
    ALTER TABLE item ADD COLUMN text BLOB;
    ALTER TABLE loss ADD COLUMN is_correction INTEGER NOT NULL DEFAULT 0;
",
    // Until the next look, items stand as they were published: the first of a digest is the newest.
    "
    ALTER TABLE item ADD COLUMN place INTEGER;
    UPDATE item SET place = placed.place FROM (
        SELECT id, row_number() OVER (PARTITION BY digest ORDER BY unixepoch(published) DESC, id) AS place FROM item
    ) AS placed WHERE placed.id = item.id;
",
];

/// What a commit writes.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) at: Moment,
    pub(super) entries: Vec<Change>,
    pub(super) waiting: Vec<(String, bool)>,
    pub(super) sources: Vec<(String, Made)>,
    pub(super) renamed: Vec<(String, String)>,
    /// Families that are others than before: how their items stand, and their words.
    pub(super) families: Vec<(String, Shelved)>,
    pub(super) sections: Vec<(String, String, Strength)>,
    pub(super) first_seen: Vec<(String, NaiveDate)>,
    pub(super) publication: Vec<(String, String)>,
    /// The entries of all feeds, if they are others than before.
    pub(super) shown: Option<Shown>,
    /// What was taken from readers lately, if it is something else than before.
    pub(super) losses: Option<Vec<(Moment, Loss)>>,
    /// Pages that are others than before, or gone.
    pub(super) pages: Vec<(String, Option<Validator>)>,
}

impl Rows {
    pub(super) fn is_empty(&self) -> bool {
        let Rows {
            at: _,
            entries,
            waiting,
            sources,
            renamed,
            families,
            sections,
            first_seen,
            publication,
            shown,
            losses,
            pages,
        } = self;
        entries.is_empty()
            && waiting.is_empty()
            && sources.is_empty()
            && renamed.is_empty()
            && families.is_empty()
            && sections.is_empty()
            && first_seen.is_empty()
            && publication.is_empty()
            && shown.is_none()
            && losses.is_none()
            && pages.is_empty()
    }
}

/// An open file, or a database in memory.
#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
    /// Held for as long as this process writes to the folder.
    _lock: Option<File>,
}

/// Whether a ledger cannot be opened because of where it is: its folder is missing or full, or may not be written. With any
/// other error it is not to be worked with.
pub fn is_of_the_disk(error: &anyhow::Error) -> bool {
    use rusqlite::ErrorCode::{
        CannotOpen, DiskFull, FileLockingProtocolFailed, PermissionDenied, ReadOnly, SystemIoFailure,
    };
    let of_sqlite = |error: &rusqlite::Error| {
        let code = error.sqlite_error_code();
        code.is_some_and(|code| {
            [CannotOpen, DiskFull, FileLockingProtocolFailed, PermissionDenied, ReadOnly, SystemIoFailure]
                .contains(&code)
        })
    };
    error.is::<std::io::Error>() || error.downcast_ref().is_some_and(of_sqlite)
}

impl Store {
    /// A database that is gone when it is closed.
    pub(super) fn in_memory() -> Store {
        let open = || -> anyhow::Result<Connection> {
            let mut connection = Connection::open_in_memory()?;
            migrate(&mut connection)?;
            Ok(connection)
        };
        Store { connection: open().expect("memory holds an empty database"), _lock: None }
    }

    /// Opens the file in a folder; makes both if need be.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Store> {
        std::fs::create_dir_all(folder)?;
        let lock = File::create(folder.join(LOCK))?;
        let deadline = Instant::now() + BUSY;
        // One that is about to end still has it. Some file systems have no locks.
        while let Err(TryLockError::WouldBlock) = lock.try_lock() {
            ensure!(Instant::now() < deadline, "another feedmill uses it");
            thread::sleep(BUSY / 100);
        }
        let mut connection = Connection::open(folder.join(FILE))?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "cache_size", CACHE_PAGES)?;
        migrate(&mut connection)?;
        Ok(Store { connection, _lock: Some(lock) })
    }

    /// Opens the file in a folder as it is.
    pub(super) fn open_to_read(folder: &Path) -> anyhow::Result<Store> {
        let path = folder.join(FILE);
        ensure!(path.exists(), "there is no {FILE} in it");
        let version = |connection: &Connection| -> rusqlite::Result<u32> {
            connection.busy_timeout(BUSY)?;
            connection.pragma_query_value(None, "user_version", |row| row.get(0))
        };
        let mut connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut done = version(&connection);
        // In a folder that cannot be written not even a reader's lock can be; there, and without a log, nobody writes.
        if done.is_err() && !folder.join(format!("{FILE}-wal")).exists() {
            let uri = Url::from_file_path(std::path::absolute(&path)?).ok().context("the folder has no path")?;
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
            connection = Connection::open_with_flags(format!("{uri}?immutable=1"), flags)?;
            done = version(&connection);
        }
        ensure!(done? as usize == MIGRATIONS.len(), "it was written by another version; start feedmill with it once");
        Ok(Store { connection, _lock: None })
    }

    /// Everything that was published; of items, what waits in a spool.
    pub(super) fn records(&self, spool: Option<Arc<Spool>>, options: &Options) -> anyhow::Result<Records> {
        let mut records = Records { spool, ..Records::default() };
        let mut digests =
            self.connection.prepare("SELECT published, updated, hash, gone, retracted, key FROM digest")?;
        let mut rows = digests.query([])?;
        while let Some(row) = rows.next()? {
            let record = record(row)?;
            records.take_seconds(&record);
            records.take_digest(row.get(5)?, record);
        }
        // As they stood in their digests.
        let mut items = self.connection.prepare(
            "SELECT published, updated, hash, gone, retracted, id, title, link, text, digest FROM item ORDER BY digest, place",
        )?;
        let mut rows = items.query([])?;
        let (mut key, mut family) = (String::new(), Family::new());
        while let Some(row) = rows.next()? {
            let digest = row.get_ref(9)?.as_str()?;
            if digest != key {
                records.recall(std::mem::replace(&mut key, digest.to_owned()), std::mem::take(&mut family));
            }
            let record = record(row)?;
            records.take_seconds(&record);
            let (title, link) = (row.get_ref(6)?.as_str()?, row.get_ref(7)?.as_str_or_null()?);
            family.push(Known { id: row.get(5)?, marks: Marks::of(link, title, options), text: row.get(8)?, record });
        }
        records.recall(key, family);
        let mut waiting = self.connection.prepare("SELECT key FROM waiting")?;
        records.waiting = waiting.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let mut sources = self.connection.prepare("SELECT key, family, source, path, written, items FROM source")?;
        let rows = sources.query_map([], |row| {
            Ok((row.get(0)?, Made { family: row.get(1)?, source: row.get(2)?, given: given(row, 3)? }))
        })?;
        records.sources = rows.collect::<rusqlite::Result<_>>()?;
        Ok(records)
    }

    /// What was learnt of the folder.
    pub(super) fn memory(&self) -> anyhow::Result<Memory> {
        let mut memory = Memory::default();
        let mut sections = self.connection.prepare("SELECT language, name, is_frequent FROM section")?;
        let mut rows = sections.query([])?;
        while let Some(row) = rows.next()? {
            let strength = if row.get(2)? { Strength::Frequent } else { Strength::Recurs };
            memory.sections.insert((row.get(0)?, row.get(1)?), strength);
        }
        let mut first_seen = self.connection.prepare("SELECT path, date FROM first_seen")?;
        let mut rows = first_seen.query([])?;
        while let Some(row) = rows.next()? {
            let date: String = row.get(1)?;
            memory.first_seen.insert(row.get(0)?, date.parse().context("a date of first_seen is none")?);
        }
        Ok(memory)
    }

    /// The entries of each feed as they were last shown.
    pub(super) fn shown(&self) -> anyhow::Result<Shown> {
        let mut shown = Shown::new();
        let mut statement = self.connection.prepare("SELECT feed, id FROM shown")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            shown.entry(row.get(0)?).or_default().insert(row.get(1)?);
        }
        Ok(shown)
    }

    /// What was taken from readers lately.
    pub(super) fn losses(&self) -> anyhow::Result<Vec<(Moment, Loss)>> {
        let mut statement = self.connection.prepare("SELECT at, feed, id, is_correction FROM loss ORDER BY rowid")?;
        let rows = statement.query_map([], |row| {
            Ok((moment(row, 0)?, Loss { feed: row.get(1)?, id: row.get(2)?, is_correction: row.get(3)? }))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The validators of the pages as they were last shown.
    pub(super) fn validators(&self) -> anyhow::Result<Validators> {
        let mut statement = self.connection.prepare("SELECT route, hash, modified FROM page")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get(0)?, Validator { hash: row.get(1)?, modified: moment(row, 2)?.to_utc() }))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The pages whose bytes are kept.
    pub(super) fn pages(&self) -> anyhow::Result<Vec<(String, Bytes, DateTime<Utc>)>> {
        let mut statement =
            self.connection.prepare("SELECT route, modified, deflated FROM page WHERE deflated IS NOT NULL")?;
        let mut rows = statement.query([])?;
        let mut pages = Vec::new();
        while let Some(row) = rows.next()? {
            let mut body = Vec::new();
            DeflateDecoder::new(row.get_ref(2)?.as_blob()?).read_to_end(&mut body)?;
            pages.push((row.get(0)?, body.into(), moment(row, 1)?.to_utc()));
        }
        Ok(pages)
    }

    /// A fact about the publication as a whole.
    pub(super) fn publication(&self, name: &str) -> anyhow::Result<Option<String>> {
        let mut statement = self.connection.prepare("SELECT value FROM publication WHERE name = ?")?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?)
    }

    /// An entry as it was last published: an item by its id, or a digest by its key.
    pub(super) fn published(&self, name: &str) -> anyhow::Result<Option<Published>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, title, link FROM item WHERE id = ?1 \
             UNION ALL SELECT key, coalesce(title, key), NULL FROM digest WHERE key = ?1",
        )?;
        Ok(statement.query_row([name], |row| published(row, 0)).optional()?)
    }

    /// Every entry, without its history.
    pub(super) fn entries(&self) -> anyhow::Result<Vec<Story>> {
        let mut statement = self.connection.prepare(
            "SELECT published, updated, hash, gone, retracted, id, title, link, digest, 0 FROM item \
             UNION ALL SELECT published, updated, hash, gone, retracted, key, coalesce(title, key), NULL, key, 1 FROM digest",
        )?;
        let rows = statement.query_map([], |row| {
            let (record, Published { id, title, link }) = (record(row)?, published(row, 5)?);
            let Record { published, updated, gone, retracted, .. } = record;
            let (digest, is_digest) = (row.get(8)?, row.get(9)?);
            let (events, feeds) = (Vec::new(), Vec::new());
            Ok(Story { id, title, link, digest, is_digest, published, updated, gone, retracted, events, feeds })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Every address that an item has or had, with the item's id.
    pub(super) fn links(&self) -> anyhow::Result<Vec<(String, String)>> {
        let mut statement = self.connection.prepare("SELECT DISTINCT id, link FROM history WHERE link IS NOT NULL")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// What became of an entry, oldest first.
    pub(super) fn history(&self, id: &str) -> anyhow::Result<Vec<Event>> {
        let mut statement =
            self.connection.prepare("SELECT at, what, title, link FROM history WHERE id = ? ORDER BY rowid")?;
        let rows = statement.query_map([id], |row| {
            let word: String = row.get(1)?;
            let what = What::ALL.into_iter().find(|what| what.to_string() == word).unwrap_or(What::Corrected);
            Ok(Event { at: moment(row, 0)?, what, title: row.get(2)?, link: row.get(3)? })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Keeps the bytes of pages that stand with these validators.
    pub(super) fn keep(&mut self, pages: &[(&str, &Validator, Bytes)]) -> anyhow::Result<()> {
        let transaction = self.connection.transaction()?;
        for (route, Validator { hash, .. }, body) in pages {
            let sql = "UPDATE page SET deflated = ? WHERE route = ? AND hash = ?";
            transaction.prepare_cached(sql)?.execute(params![deflated(body), route, hash])?;
        }
        Ok(transaction.commit()?)
    }

    /// Writes what several commits changed, all or nothing.
    pub(super) fn write(&mut self, commits: &[Rows]) -> anyhow::Result<()> {
        if commits.is_empty() {
            return Ok(());
        }
        let transaction = self.connection.transaction()?;
        for rows in commits {
            write(&transaction, rows)?;
        }
        Ok(transaction.commit()?)
    }
}

fn write(transaction: &Transaction<'_>, rows: &Rows) -> rusqlite::Result<()> {
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| transaction.prepare_cached(sql)?.execute(values);
    for (old, new) in &rows.renamed {
        run("UPDATE item SET digest = ? WHERE digest = ?", &[new, old])?;
    }
    for change in &rows.entries {
        write_entry(transaction, change, rows.at)?;
    }
    for (_, family) in &rows.families {
        for (place, Known { id, text, .. }) in family.get().iter().enumerate() {
            run("UPDATE item SET place = ?, text = ? WHERE id = ?", &[&i64::try_from(place).ok(), text, id])?;
        }
    }
    for (key, waits) in &rows.waiting {
        let sql = if *waits {
            "INSERT OR REPLACE INTO waiting (key) VALUES (?)"
        } else {
            "DELETE FROM waiting WHERE key = ?"
        };
        run(sql, &[key])?;
    }
    for (key, Made { family, source, given }) in &rows.sources {
        let path = given.as_ref().map(|given| &given.path);
        let written = given.as_ref().map(|given| given.source.cast_signed());
        let items = given.as_ref().map(|given| given.items.iter().flat_map(|item| item.to_be_bytes()).collect());
        let items: Option<Vec<u8>> = items;
        run(
            "INSERT OR REPLACE INTO source (key, family, source, path, written, items) VALUES (?, ?, ?, ?, ?, ?)",
            &[key, family, source, &path, &written, &items],
        )?;
    }
    for (language, name, strength) in &rows.sections {
        let is_frequent = *strength == Strength::Frequent;
        run(
            "INSERT OR REPLACE INTO section (language, name, is_frequent) VALUES (?, ?, ?)",
            &[language, name, &is_frequent],
        )?;
    }
    for (path, date) in &rows.first_seen {
        run("INSERT OR REPLACE INTO first_seen (path, date) VALUES (?, ?)", &[path, &date.to_string()])?;
    }
    for (name, value) in &rows.publication {
        run("INSERT OR REPLACE INTO publication (name, value) VALUES (?, ?)", &[name, value])?;
    }
    for (route, page) in &rows.pages {
        match page {
            Some(Validator { hash, modified }) => {
                let sql = "INSERT OR REPLACE INTO page (route, hash, modified) VALUES (?, ?, ?)";
                run(sql, &[route, hash, &modified.to_rfc3339()])?
            }
            None => run("DELETE FROM page WHERE route = ?", &[route])?,
        };
    }
    if let Some(losses) = &rows.losses {
        run("DELETE FROM loss", &[])?;
        for (at, Loss { feed, id, is_correction }) in losses {
            let sql = "INSERT INTO loss (at, feed, id, is_correction) VALUES (?, ?, ?, ?)";
            run(sql, &[&at.to_rfc3339(), feed, id, is_correction])?;
        }
    }
    if let Some(shown) = &rows.shown {
        run("DELETE FROM shown", &[])?;
        for (feed, id) in shown.iter().flat_map(|(feed, ids)| ids.iter().map(move |id| (feed, id))) {
            run("INSERT INTO shown (feed, id) VALUES (?, ?)", &[feed, id])?;
        }
    }
    Ok(())
}

/// Raw deflate (RFC 1951), quick rather than small.
fn deflated(body: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("writing to memory cannot fail")
}

fn write_entry(transaction: &Transaction<'_>, change: &Change, at: Moment) -> rusqlite::Result<()> {
    let Change { what, id, digest, is_digest, title, link, record } = change;
    let Record { published, updated, hash, gone, retracted } = record;
    let [published, updated] = [published, updated].map(DateTime::to_rfc3339);
    let [gone, retracted] = [gone, retracted].map(|moment| moment.map(|moment| moment.to_rfc3339()));
    let name = if *is_digest { digest } else { id };
    let table = if *is_digest { "digest" } else { "item" };
    let key = if *is_digest { "key" } else { "id" };
    if *what == What::Gone && title.is_empty() {
        // Nothing is known of it: its title and its link stay what they were.
        transaction
            .prepare_cached(&format!("UPDATE {table} SET gone = ?, retracted = ? WHERE {key} = ?"))?
            .execute(params![gone, retracted, name])?;
    } else if *is_digest {
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO digest (key, title, published, updated, hash, gone, retracted) \
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![digest, title, published, updated, hash, gone, retracted])?;
    } else {
        transaction
            .prepare_cached(
                "INSERT INTO item (id, digest, title, link, published, updated, hash, gone, retracted) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) \
                 ON CONFLICT (id) DO UPDATE SET digest = excluded.digest, title = excluded.title, link = excluded.link, \
                 published = excluded.published, updated = excluded.updated, hash = excluded.hash, gone = excluded.gone, \
                 retracted = excluded.retracted",
            )?
            .execute(params![id, digest, title, link, published, updated, hash, gone, retracted])?;
    }
    let link = if *is_digest { "NULL" } else { "link" };
    transaction
        .prepare_cached(&format!(
            "INSERT INTO history SELECT ?, ?, ?, coalesce(title, ''), {link} FROM {table} WHERE {key} = ?"
        ))?
        .execute(params![id, at.to_rfc3339(), what.to_string(), name])?;
    Ok(())
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

/// Columns 0 to 4.
fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        published: moment(row, 0)?,
        updated: moment(row, 1)?,
        hash: row.get(2)?,
        gone: optional_moment(row, 3)?,
        retracted: optional_moment(row, 4)?,
    })
}

/// Three columns from one on.
fn published(row: &Row<'_>, first: usize) -> rusqlite::Result<Published> {
    Ok(Published { id: row.get(first)?, title: row.get(first + 1)?, link: row.get(first + 2)? })
}

/// Three columns from one on.
fn given(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Given>> {
    let Some(path) = row.get(first)? else { return Ok(None) };
    let (source, items): (Option<i64>, Option<Vec<u8>>) = (row.get(first + 1)?, row.get(first + 2)?);
    let items = items.unwrap_or_default();
    let numbers = items.as_chunks().0.iter().map(|bytes| u32::from_be_bytes(*bytes));
    Ok(Some(Given { path, source: source.unwrap_or_default().cast_unsigned(), items: numbers.collect() }))
}

fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Moment> {
    let text: String = row.get(column)?;
    parse(&text, column)
}

fn optional_moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Moment>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| parse(&text, column)).transpose()
}

fn parse(text: &str, column: usize) -> rusqlite::Result<Moment> {
    DateTime::parse_from_rfc3339(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;
    use crate::ledger::words::Hash;

    fn record_of(records: &Records, id: &str) -> Record {
        records.families.records(std::iter::once(id))[id].clone()
    }

    fn published(id: &str) -> Rows {
        let moment = DateTime::parse_from_rfc3339("2025-05-22T08:00:00+08:00").expect("a moment");
        let record = Record { published: moment, updated: moment, hash: [7; 8], gone: None, retracted: None };
        let (id, digest, title) = (id.to_owned(), "d".to_owned(), "t".to_owned());
        let change = Change { what: What::Published, id, digest, is_digest: false, title, link: None, record };
        Rows { at: moment, entries: vec![change], ..Rows::default() }
    }

    #[test]
    fn what_was_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options::default();
        let mut store = Store::open(folder.path()).unwrap();
        assert_eq!(store.records(None, &options).unwrap().families.keys().count(), 0);
        store.write(&[published("a"), published("b"), published("a")]).unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        let records = store.records(None, &options).unwrap();
        assert_eq!(records.families.get("d").unwrap().len(), 2);
        assert_eq!(record_of(&records, "a").published.to_rfc3339(), "2025-05-22T08:00:00+08:00");
        assert_eq!(record_of(&records, "a").hash, [7; 8]);
        assert_eq!(store.history("b").unwrap().len(), 1);
    }

    #[test]
    fn what_was_learnt_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        assert_eq!(store.memory().unwrap(), Memory::default());
        let date = NaiveDate::from_ymd_opt(2025, 5, 22).unwrap();
        let sections = [Strength::Recurs, Strength::Frequent].map(|strength| ("en".into(), "news".into(), strength));
        let first_seen = vec![("issue-1.md".into(), date)];
        store.write(&[Rows { sections: sections.to_vec(), first_seen, ..Rows::default() }]).unwrap();
        drop(store);
        let memory = Store::open(folder.path()).unwrap().memory().unwrap();
        assert_eq!(memory.sections[&("en".to_owned(), "news".to_owned())], Strength::Frequent);
        assert_eq!(memory.first_seen["issue-1.md"], date);
    }

    #[test]
    fn a_digest_is_known_by_its_file_and_its_items_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        let given = Given { path: "2025-05-22.md".to_owned(), source: u64::MAX - 1, items: vec![1, u32::MAX].into() };
        let made = |given| Made { family: "2025-05-22".to_owned(), source: -1, given };
        let sources = vec![("2025-05-22".to_owned(), made(Some(given))), ("2025-05-22-b".to_owned(), made(None))];
        store.write(&[Rows { sources: sources.clone(), ..Rows::default() }]).unwrap();
        drop(store);
        let records = Store::open(folder.path()).unwrap().records(None, &Options::default()).unwrap();
        assert_eq!(records.sources, sources.into_iter().collect());
    }

    #[test]
    fn a_ledger_of_an_earlier_version_is_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join(FILE)).unwrap();
        connection.execute_batch(MIGRATIONS[0]).unwrap();
        connection.execute_batch(MIGRATIONS[1]).unwrap();
        connection.pragma_update(None, "user_version", 2).unwrap();
        let insert = "INSERT INTO item VALUES ('tag:a@example.org,2025-01:2025-05-22-en/x', '2025-05-22-en-b', 't', NULL, \
             '2025-05-22T08:00:00+08:00', '2025-05-22T08:00:00+08:00', x'0707070707070707')";
        connection.execute_batch(insert).unwrap();
        drop(connection);
        let store = Store::open(folder.path()).unwrap();
        let records = store.records(None, &Options::default()).unwrap();
        assert!(record_of(&records, "tag:a@example.org,2025-01:2025-05-22-en/x").gone.is_none());
        assert!(records.sources.is_empty());
        let text: Option<Hash> = store.connection.query_one("SELECT text FROM item", [], |row| row.get(0)).unwrap();
        assert_eq!(text, None, "it is found out with the next look");
        let digest: String = store.connection.query_one("SELECT digest FROM item", [], |row| row.get(0)).unwrap();
        assert_eq!(digest, "2025-05-22-en");
        assert_eq!(store.publication("authority").unwrap().as_deref(), Some("a@example.org,2025-01"));
    }

    #[test]
    fn a_file_of_a_newer_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.connection.pragma_update(None, "user_version", 99).unwrap();
        drop(store);
        let error = format!("{:#}", Ledger::open(folder.path(), &Options::default()).unwrap_err());
        assert!(error.contains("newer feedmill"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_ledger_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "not a database, but long enough to look like one at first").unwrap();
        let error = format!("{:#}", Ledger::open(folder.path(), &Options::default()).unwrap_err());
        assert!(error.contains("cannot use the ledger") && error.contains("not a database"), "{error}");
    }
}
