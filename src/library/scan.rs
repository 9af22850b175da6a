//! What stands in the content folder: the files that may be digests, each with a stamp that tells versions apart.

use std::collections::HashSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use walkdir::{DirEntry, WalkDir};

use super::Options;
use crate::finding::{Code, Finding, Place};

/// Deeper folders than these are not walked; nobody has them, and a loop of mounts would.
const MAX_DEPTH: usize = 32;

/// What a file counts at least: a small one takes memory as well.
const LEAST_BYTES: u64 = 4096;

/// A file changed so shortly before it was read may change again under the same stamp: kernels stamp by a tick of 1 to 10 ms.
const FRESH: Duration = Duration::from_millis(50);

/// What tells one version of a file from another, without reading it.
#[derive(Debug, Clone)]
pub(super) struct Stamp {
    identity: (u64, u64),
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    fresh: bool,
}

impl PartialEq for Stamp {
    fn eq(&self, other: &Stamp) -> bool {
        let of = |stamp: &Stamp| (stamp.identity, stamp.bytes, stamp.modified, stamp.changed);
        of(self) == of(other)
    }
}

impl Stamp {
    fn new(metadata: &Metadata) -> Stamp {
        Stamp {
            identity: (metadata.dev(), metadata.ino()),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            fresh: false,
        }
    }

    /// Remembers whether the file had only just changed when it was read.
    pub(super) fn note_reading(&mut self) {
        self.fresh = SystemTime::now().duration_since(self.changed_at()).unwrap_or_default() < FRESH;
    }

    /// When the file became what it is: the time of its last change, or of being named as it is.
    pub(super) fn changed_at(&self) -> SystemTime {
        let (seconds, nanoseconds) = self.changed;
        let since = Duration::new(seconds.try_into().unwrap_or(0), nanoseconds.try_into().unwrap_or(0));
        SystemTime::UNIX_EPOCH + since
    }

    /// Has the file read again.
    pub(super) fn make_stale(&mut self) {
        self.fresh = true;
    }

    /// What the file counts of `max_total_bytes`. One that is too large is not read.
    pub(super) fn weight(&self, options: &Options) -> u64 {
        self.bytes.min(options.max_file_bytes).max(LEAST_BYTES)
    }

    /// Whether the file has to be read again even if its stamp is the same.
    pub(super) fn is_fresh(&self) -> bool {
        self.fresh
    }
}

/// A file that may be a digest.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    /// Relative to the folder, with `/`.
    pub(super) path: String,
    /// The file as the system names it.
    pub(super) file: PathBuf,
    pub(super) stamp: Stamp,
}

/// A look at the folder.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Sorted by path.
    pub(super) files: Vec<Listed>,
    pub(super) findings: Vec<Finding>,
    /// Folders that could not be listed: what is known of them stays.
    pub(super) unreadable: Vec<PathBuf>,
}

/// Lists the folder. Symbolic links are followed; a file with two names is taken once, under the one that is no link.
pub(super) fn list(root: &Path, options: &Options) -> anyhow::Result<Listing> {
    std::fs::read_dir(root).with_context(|| format!("cannot list the content folder {}", root.display()))?;
    let mut listing = Listing::default();
    let mut candidates = Vec::new();
    let walk = WalkDir::new(root).follow_links(true).max_depth(MAX_DEPTH).sort_by_file_name();
    let entries = walk.into_iter().filter_entry(|entry| entry.depth() == 0 || !is_passed_over(entry, root, options));
    for entry in entries {
        match entry {
            Ok(entry) if entry.depth() > 0 => candidates.extend(candidate(&entry, root, options, &mut listing)),
            Ok(_) => {}
            Err(error) => listing.complain(&error, root, options),
        }
    }
    candidates.sort_by(|one, other| (one.0, &one.1.path).cmp(&(other.0, &other.1.path)));
    let mut seen = HashSet::new();
    for (_, file) in candidates {
        if seen.insert(file.stamp.identity) {
            listing.files.push(file);
        } else {
            let message = "the same file under another name; read once";
            let remedy = "nothing to do, unless the link is a mistake";
            listing.findings.push(Finding::new(&file.path, Place::START, Code::SameFile, message, remedy));
        }
    }
    listing.files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(listing)
}

/// What a look at one path alone tells.
#[derive(Debug)]
pub(super) enum Sight {
    /// A file that may be a digest.
    File(Listed),
    /// It may have been a digest, and is not there.
    Gone(String),
    /// Nothing that could be a digest, now or before.
    PassedOver,
    /// What it is only the whole folder tells: a folder, a link, or a file with several names.
    Unclear,
}

/// Looks at one path below the folder.
pub(super) fn look_at(file: &Path, root: &Path, options: &Options) -> Sight {
    let Ok(below) = file.strip_prefix(root) else { return Sight::Unclear };
    let folders = below.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    for folder in folders.map(|folder| root.join(folder)) {
        match std::fs::symlink_metadata(&folder) {
            Ok(metadata) if metadata.is_dir() => {}
            _ => return Sight::Unclear,
        }
        if is_left_out(&folder, true, root, options) {
            return Sight::PassedOver;
        }
    }
    if is_left_out(file, false, root, options) || below.components().count() > MAX_DEPTH {
        return Sight::PassedOver;
    }
    let is_named_so = has_extension(file, options);
    let path = relative(file, root);
    match std::fs::symlink_metadata(file) {
        Ok(metadata) if !metadata.is_file() || metadata.nlink() != 1 => Sight::Unclear,
        Ok(metadata) if is_named_so => {
            Sight::File(Listed { path, file: file.to_owned(), stamp: Stamp::new(&metadata) })
        }
        Ok(_) => Sight::PassedOver,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && is_named_so => Sight::Gone(path),
        Err(_) => Sight::Unclear,
    }
}

/// The file behind an entry with the name of a digest, and whether the name is a link.
fn candidate(entry: &DirEntry, root: &Path, options: &Options, listing: &mut Listing) -> Option<(bool, Listed)> {
    let path = relative(entry.path(), root);
    if !has_extension(entry.path(), options) {
        return None;
    }
    if !entry.file_type().is_file() {
        let message = if entry.file_type().is_dir() { "a folder with the name of a file" } else { "not a file" };
        listing.findings.push(Finding::new(
            &path,
            Place::START,
            Code::NotAFile,
            message,
            "rename it, or put a file in its place",
        ));
        return None;
    }
    match entry.metadata() {
        Ok(metadata) => Some((
            entry.path_is_symlink(),
            Listed { path, file: entry.path().to_owned(), stamp: Stamp::new(&metadata) },
        )),
        Err(error) => {
            listing.complain(&error, root, options);
            None
        }
    }
}

impl Listing {
    /// Leaves out what is more than `max_total_bytes`. First come the files that are known already, then those that have stood
    /// there longest: so what was published stays.
    pub(super) fn limit<'k>(&mut self, options: &Options, known: impl FnOnce() -> HashSet<&'k str>) {
        let weight = |listed: &Listed| listed.stamp.weight(options);
        if self.files.iter().map(weight).sum::<u64>() <= options.max_total_bytes {
            return;
        }
        let known = known();
        self.files.sort_by_cached_key(|it| (!known.contains(it.path.as_str()), it.stamp.changed_at(), it.path.clone()));
        let mut total = 0;
        let fitting = self.files.iter().take_while(|listed| {
            total += weight(listed);
            total <= options.max_total_bytes
        });
        let beyond = self.files.split_off(fitting.count());
        self.files.sort_by(|one, other| one.path.cmp(&other.path));
        if let Some(first) = beyond.first() {
            let most = options.max_total_bytes;
            let message =
                format!("the folder has more than {most} bytes; files left out: {}, this one first", beyond.len());
            let remedy = "move what are no digests elsewhere, or raise content.max_total_bytes";
            self.findings.push(Finding::new(&first.path, Place::START, Code::FolderTooLarge, message, remedy));
        }
    }

    fn complain(&mut self, error: &walkdir::Error, root: &Path, options: &Options) {
        let path = error.path().unwrap_or(root);
        let vanished = error.io_error().is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound);
        if let Some(ancestor) = error.loop_ancestor() {
            let message = format!("a link that leads back to {}", ancestor.display());
            let name = relative(path, root);
            self.findings.push(Finding::new(&name, Place::START, Code::LinkLoop, message, "remove the link"));
        } else if !vanished || (path.is_symlink() && has_extension(path, options)) {
            let name = relative(path, root);
            let reason = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
            let message = format!("cannot be read: {reason}");
            let remedy =
                if vanished { "the link leads nowhere: correct it" } else { "give the service the right to read it" };
            self.findings.push(Finding::new(&name, Place::START, Code::Unreadable, message, remedy));
            self.unreadable.push(PathBuf::from(name));
        }
    }
}

fn relative(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

fn has_extension(path: &Path, options: &Options) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    extension.is_some_and(|extension| options.extensions.contains(&extension))
}

fn is_passed_over(entry: &DirEntry, root: &Path, options: &Options) -> bool {
    is_left_out(entry.path(), entry.file_type().is_dir(), root, options)
}

fn is_left_out(path: &Path, is_folder: bool, root: &Path, options: &Options) -> bool {
    is_temporary(path) || {
        let path = relative(path, root);
        let left_out =
            !is_folder && !options.include.is_empty() && !options.include.iter().any(|pattern| pattern.matches(&path));
        left_out || options.ignore.iter().any(|pattern| pattern.matches(&path))
    }
}

/// Names that editors and copying programs give to files on their way, and hidden ones.
pub(super) fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.starts_with('.') || name.ends_with('~') || name.ends_with(".swp") || name.ends_with(".tmp") || name == "4913"
}
