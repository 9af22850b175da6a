//! The content folder in memory: every digest in its last good version, and what is wrong with the files.
//!
//! The only code that reads content files. Events are hints and the disk is the truth: [`Library::refresh`] lists the folder,
//! compares stamps, and reads what differs. A file that breaks keeps its last good digest until it is mended or deleted.

mod scan;
pub mod watch;

use std::collections::{BTreeMap, HashSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use crate::digest::{self, Digest, Outcome, Rules};
use crate::finding::{Code, Finding, Place};
use scan::{Listed, Listing, Stamp};

/// Which files are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Endings of digest files, without the dot, lower case.
    pub extensions: Vec<String>,
    /// Glob patterns of paths, relative to the folder, that are passed over.
    pub ignore: Vec<glob::Pattern>,
    /// The most bytes of one file.
    pub max_file_bytes: u64,
}

impl Default for Options {
    fn default() -> Options {
        let extensions = vec!["md".to_owned(), "markdown".to_owned()];
        Options { extensions, ignore: Vec::new(), max_file_bytes: 4 * 1024 * 1024 }
    }
}

/// What a look at the folder found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Files read, whose digests differ from before.
    pub changed: Vec<String>,
    /// Files that are gone.
    pub removed: Vec<String>,
    /// Findings that were not there before.
    pub new_findings: Vec<Finding>,
}

impl Changes {
    /// Whether any digest is another than before.
    pub fn any(&self) -> bool {
        !self.changed.is_empty() || !self.removed.is_empty()
    }
}

#[derive(Debug)]
struct File {
    stamp: Stamp,
    digest: Option<Arc<Digest>>,
    findings: Vec<Finding>,
}

/// The digests of a folder.
#[derive(Debug)]
pub struct Library {
    root: PathBuf,
    options: Options,
    rules: Rules,
    files: BTreeMap<String, File>,
    folder_findings: Vec<Finding>,
    /// The digests of `files` with their keys, and what is to be said of the keys.
    keyed: Vec<(String, Arc<Digest>)>,
    key_findings: Vec<Finding>,
}

impl Library {
    /// A library that has not looked yet.
    pub fn new(root: &Path, options: Options, rules: Rules) -> Library {
        Library {
            root: root.to_owned(),
            options,
            rules,
            files: BTreeMap::new(),
            folder_findings: Vec::new(),
            keyed: Vec::new(),
            key_findings: Vec::new(),
        }
    }

    /// Goes on with other rules: every file is read again at the next look, and keeps its last good digest as ever.
    pub fn set_rules(&mut self, options: Options, rules: Rules) {
        (self.options, self.rules) = (options, rules);
        self.files.values_mut().for_each(|file| file.stamp.make_stale());
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Looks at the folder and reads what changed. Files in `busy` are still being written and stay as they were.
    ///
    /// # Errors
    /// When the folder itself cannot be listed. Everything stays as it was.
    pub fn refresh(&mut self, busy: &HashSet<PathBuf>) -> anyhow::Result<Changes> {
        let Listing { files, findings, unreadable } = scan::list(&self.root, &self.options)?;
        let mut changes = Changes::default();
        let mut seen = HashSet::new();
        for listed in files {
            seen.insert(listed.path.clone());
            let known = self.files.get(&listed.path);
            let unchanged = known.is_some_and(|file| file.stamp == listed.stamp && !file.stamp.is_fresh());
            if !unchanged && !busy.contains(&listed.file) {
                self.read(listed, &mut changes);
            }
        }
        let root = &self.root;
        self.files.retain(|path, file| {
            let stays = seen.contains(path)
                || unreadable.iter().any(|folder| Path::new(path).starts_with(folder))
                || busy.contains(&root.join(path));
            if !stays && file.digest.is_some() {
                changes.removed.push(path.clone());
            }
            stays
        });
        changes.new_findings.extend(findings.iter().filter(|f| !self.folder_findings.contains(f)).cloned());
        self.folder_findings = findings;
        if changes.any() {
            let (keyed, findings) = self.give_keys();
            changes.new_findings.extend(findings.iter().filter(|f| !self.key_findings.contains(f)).cloned());
            (self.keyed, self.key_findings) = (keyed, findings);
        }
        Ok(changes)
    }

    fn read(&mut self, listed: Listed, changes: &mut Changes) {
        let Listed { path, file, mut stamp } = listed;
        stamp.note_reading();
        let (outcome, findings) = match bytes_of(&file, &path, &self.options) {
            Ok(bytes) => parse(&path, &bytes, &self.rules),
            Err(finding) => (Outcome::Unusable, vec![finding]),
        };
        let before = self.files.remove(&path);
        let (last_good, old_findings) = before.map_or((None, Vec::new()), |file| (file.digest, file.findings));
        let digest = match outcome {
            Outcome::Digest(digest) => match &last_good {
                Some(same) if **same == *digest => last_good.clone(),
                _ => Some(Arc::new(*digest)),
            },
            Outcome::Draft => None,
            Outcome::Unusable => last_good.clone(),
        };
        if digest != last_good {
            changes.changed.push(path.clone());
        }
        changes.new_findings.extend(findings.iter().filter(|finding| !old_findings.contains(finding)).cloned());
        self.files.insert(path, File { stamp, digest, findings });
    }

    /// The digests with names that are unique: of several files with one date and language, the plainest path has the
    /// bare key, and the others add what else their path says.
    pub fn digests(&self) -> &[(String, Arc<Digest>)] {
        &self.keyed
    }

    /// Everything that is wrong, by path and line.
    pub fn findings(&self) -> Vec<Finding> {
        let of_files = self.files.values().flat_map(|file| &file.findings);
        let mut findings: Vec<Finding> =
            of_files.chain(&self.folder_findings).chain(&self.key_findings).cloned().collect();
        findings.sort_by(|one, other| (&one.path, one.line, one.column).cmp(&(&other.path, other.line, other.column)));
        findings
    }

    fn give_keys(&self) -> (Vec<(String, Arc<Digest>)>, Vec<Finding>) {
        let mut by_key: BTreeMap<&str, Vec<&Arc<Digest>>> = BTreeMap::new();
        for digest in self.files.values().filter_map(|file| file.digest.as_ref()) {
            by_key.entry(&digest.key).or_default().push(digest);
        }
        let mut taken: HashSet<String> = by_key.keys().map(|key| (*key).to_owned()).collect();
        let (mut keyed, mut findings) = (Vec::new(), Vec::new());
        for (key, mut editions) in by_key {
            editions.sort_by_key(|digest| (digest::name_besides_date(&digest.path).len(), &digest.path));
            for (position, digest) in editions.iter().enumerate() {
                let own = if position == 0 { key.to_owned() } else { other_key(key, digest, &mut taken) };
                if position > 0 {
                    let message =
                        format!("`{}` has the same date; this one is published as /digests/{own}/", editions[0].path);
                    let remedy = "join the two, or correct the date of one";
                    findings.push(Finding::new(&digest.path, Place::START, Code::DateShared, message, remedy));
                }
                keyed.push((own, (*digest).clone()));
            }
        }
        (keyed, findings)
    }
}

/// Parses a file; a fault of ours costs that one file and nothing else.
fn parse(path: &str, bytes: &[u8], rules: &Rules) -> (Outcome, Vec<Finding>) {
    std::panic::catch_unwind(|| digest::parse(path, bytes, rules)).unwrap_or_else(|_| {
        let remedy = "please report this as a bug, with the file";
        let finding = Finding::new(path, Place::START, Code::Internal, "feedmill failed on this file", remedy);
        (Outcome::Unusable, vec![finding])
    })
}

fn other_key(key: &str, digest: &Digest, taken: &mut HashSet<String>) -> String {
    let name = digest::name_besides_date(&digest.path);
    let wish = if name.is_empty() { key.to_owned() } else { format!("{key}-{name}") };
    let numbered = (2_u32..).map(|number| format!("{wish}-{number}"));
    let mut wishes = std::iter::once(wish.clone()).chain(numbered);
    wishes.find(|wish| taken.insert(wish.clone())).unwrap_or(wish)
}

fn bytes_of(file: &Path, path: &str, options: &Options) -> Result<Vec<u8>, Finding> {
    let max = options.max_file_bytes;
    let read = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        std::fs::File::open(file)?.take(max + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error| {
        let remedy = "give the service the right to read it";
        Finding::new(path, Place::START, Code::Unreadable, format!("cannot be read: {error}"), remedy)
    })?;
    if bytes.len() as u64 > max {
        let message = format!("larger than {max} bytes, so not read");
        let remedy = "split it, or raise content.max_file_bytes";
        return Err(Finding::new(path, Place::START, Code::FileTooLarge, message, remedy));
    }
    Ok(bytes)
}

/// Reads one file as if it were alone in its folder.
///
/// # Errors
/// When the path is not a file.
pub fn read_file(path: &Path, options: &Options, rules: &Rules) -> anyhow::Result<(Outcome, Vec<Finding>)> {
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    anyhow::ensure!(metadata.is_file(), "{} is no file", path.display());
    let name = path.to_string_lossy().replace('\\', "/");
    Ok(match bytes_of(path, &name, options) {
        Ok(bytes) => parse(&name, &bytes, rules),
        Err(finding) => (Outcome::Unusable, vec![finding]),
    })
}
