//! Tells when to look at the content folder again.
//!
//! Events are hints: a file that was closed after writing, renamed or removed is looked at now; one that is being written,
//! when it is closed, or when nobody has written to it for a while. What inotify does not tell (a folder that was removed and
//! made again, a flipped link, a network file system) is found by comparing the folder's identity and by looking regularly.

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::scan::is_temporary;

/// How often and how soon the folder is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The longest time between two looks, whatever is told.
    pub interval: Duration,
    /// The shortest time between two looks, so that a thousand events make few.
    pub pause: Duration,
    /// How long a file that is open for writing may rest before it counts as finished.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            interval: Duration::from_secs(30),
            pause: Duration::from_millis(50),
            patience: Duration::from_secs(2),
        }
    }
}

/// How often the folder's identity is compared: one `stat`.
const IDENTITY_INTERVAL: Duration = Duration::from_secs(1);

/// A file made without being written (a hard link) is looked at after this.
const CREATED: Duration = Duration::from_millis(200);

/// More hints than these at once mean: look at everything.
const HINTS: usize = 1024;

/// After what took long, so many times as long may more gather.
const RESTS: u32 = 3;

/// The longest time for which more may gather before the next look.
const LONGEST_REST: Duration = Duration::from_secs(2);

#[derive(Debug)]
enum Hint {
    Written(PathBuf),
    Created(PathBuf),
    Finished(PathBuf),
    FolderMade,
    Moved,
    RootGone,
    Blind(String),
}

/// A watch over one folder.
pub struct Watch {
    root: PathBuf,
    options: Options,
    armed: Option<Armed>,
    busy: HashMap<PathBuf, Instant>,
    /// Files to look at.
    files: HashSet<PathBuf>,
    /// When to look at all of them, whatever is told.
    everything_due: Instant,
    due: Instant,
    /// When the look began that is under way.
    begun: Option<Instant>,
    /// Not to look again before.
    rest_until: Instant,
    next_identity: Instant,
    next_arming: Instant,
    complaint: Option<String>,
    /// Why it is only looked at regularly, as long as that is so.
    obstacle: Option<String>,
    told: Option<String>,
}

struct Armed {
    _watcher: RecommendedWatcher,
    hints: mpsc::Receiver<Hint>,
    overflow: Arc<AtomicBool>,
    identity: Option<(u64, u64)>,
}

impl Watch {
    /// Begins to watch. A folder that cannot be watched is looked at regularly instead; [`Watch::complaint`] says why.
    pub fn new(root: &Path, options: Options) -> Watch {
        let now = Instant::now();
        let mut watch = Watch {
            root: root.to_owned(),
            files: HashSet::new(),
            everything_due: now + options.interval,
            due: now + options.interval,
            options,
            armed: None,
            busy: HashMap::new(),
            begun: None,
            rest_until: now,
            next_identity: now + IDENTITY_INTERVAL,
            next_arming: now,
            complaint: None,
            obstacle: None,
            told: None,
        };
        watch.arm();
        watch
    }

    /// Why the folder is only looked at regularly, once per reason.
    pub fn complaint(&mut self) -> Option<String> {
        let news = self.complaint.take().filter(|complaint| self.told.as_ref() != Some(complaint))?;
        self.told = Some(news.clone());
        Some(news)
    }

    /// How often and how soon it has the folder looked at.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Why the folder is only looked at regularly, as long as that is so.
    pub fn obstacle(&self) -> Option<&str> {
        self.obstacle.as_deref()
    }

    /// Waits until it is time to look. May be dropped and called again without losing anything.
    pub async fn due(&mut self) {
        loop {
            let now = Instant::now();
            self.release_rested(now);
            if self.overflowed() {
                self.look_at_everything(now);
            }
            let earliest = self.due.max(self.rest_until);
            if earliest <= now {
                self.begun = Some(now);
                return;
            }
            let wake = self.wake(earliest);
            let hint = async {
                match &mut self.armed {
                    Some(armed) => armed.hints.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                hint = hint => match hint {
                    Some(hint) => self.take(hint),
                    None => self.armed = None,
                },
                () = tokio::time::sleep_until(wake) => self.compare_identity(),
            }
        }
    }

    /// The files that are being written: not to be read yet.
    pub fn busy(&self) -> HashSet<PathBuf> {
        self.busy.keys().cloned().collect()
    }

    /// The files to look at, if nothing was told but of them; asked for before the look.
    pub fn files(&mut self) -> Option<HashSet<PathBuf>> {
        let files = std::mem::take(&mut self.files);
        (Instant::now() < self.everything_due).then_some(files)
    }

    /// Notes that the folder was looked at just now, or some files of it. While thousands of files come in, what is made of
    /// them takes long; for some times of that, more may gather.
    pub fn looked(&mut self) {
        let now = Instant::now();
        let took = self.begun.take().map_or(Duration::ZERO, |begun| now - begun);
        self.rest_until = now + self.options.pause.max((took * RESTS).min(LONGEST_REST));
        if self.everything_due <= now {
            let interval = if self.armed.is_some() { self.options.interval } else { IDENTITY_INTERVAL };
            self.everything_due = now + interval;
        }
        self.due = self.everything_due;
    }

    fn look_at_file(&mut self, path: PathBuf, when: Instant) {
        self.files.insert(path);
        self.due = self.due.min(when);
    }

    fn look_at_everything(&mut self, when: Instant) {
        self.everything_due = self.everything_due.min(when);
        self.due = self.due.min(when);
    }

    fn wake(&self, earliest: Instant) -> Instant {
        let rested = self.busy.values().min().copied().unwrap_or(earliest);
        earliest.min(rested).min(self.next_identity)
    }

    /// Files that nobody wrote to for a while count as finished.
    fn release_rested(&mut self, now: Instant) {
        let rested: Vec<PathBuf> = self.busy.extract_if(|_, rested| *rested <= now).map(|(path, _)| path).collect();
        for path in rested {
            match path.as_os_str().is_empty() {
                true => self.look_at_everything(now),
                false => self.look_at_file(path, now),
            }
        }
    }

    fn overflowed(&self) -> bool {
        self.armed.as_ref().is_some_and(|armed| armed.overflow.swap(false, Ordering::AcqRel))
    }

    fn take(&mut self, hint: Hint) {
        let now = Instant::now();
        match hint {
            Hint::Written(path) => {
                self.busy.insert(path, now + self.options.patience);
            }
            Hint::Created(path) => {
                self.busy.entry(path).or_insert(now + CREATED);
            }
            Hint::Finished(path) => {
                self.busy.remove(&path);
                self.look_at_file(path, now);
            }
            // What was put into it in the same moment is never told, so look again a little later.
            Hint::FolderMade => {
                self.busy.insert(PathBuf::new(), now + CREATED);
                self.look_at_everything(now);
            }
            Hint::Moved => {
                self.busy.retain(|path, _| path.as_os_str().is_empty() || path.exists());
                self.look_at_everything(now);
            }
            // The folder that comes next may even have the same inode; the watch sits on the old one all the same.
            Hint::RootGone => {
                self.armed = None;
                self.next_arming = now;
                self.look_at_everything(now);
            }
            Hint::Blind(reason) => {
                self.obstacle = Some(reason.clone());
                self.complaint = Some(reason);
                self.armed = None;
                self.next_arming = now + self.options.interval;
                self.look_at_everything(now);
            }
        }
    }

    /// A folder removed and made again, mounted over, or behind a flipped link is another one: the watch sits on the old.
    fn compare_identity(&mut self) {
        let now = Instant::now();
        if now < self.next_identity {
            return;
        }
        self.next_identity = now + IDENTITY_INTERVAL;
        let identity = identity(&self.root);
        let another = match &self.armed {
            Some(armed) => armed.identity != identity,
            None => now >= self.next_arming,
        };
        if another && identity.is_some() {
            self.arm();
            self.look_at_everything(now);
        }
    }

    fn arm(&mut self) {
        let (sender, hints) = mpsc::channel(HINTS);
        let overflow = Arc::new(AtomicBool::new(false));
        let overflowed = overflow.clone();
        let root = self.root.clone();
        let tell = move |event: notify::Result<Event>| {
            for hint in hints_of(event, &root) {
                if sender.try_send(hint).is_err() {
                    overflowed.store(true, Ordering::Release);
                }
            }
        };
        let identity = identity(&self.root);
        let watcher = RecommendedWatcher::new(tell, notify::Config::default()).and_then(|mut watcher| {
            watcher.watch(&self.root, RecursiveMode::Recursive)?;
            Ok(watcher)
        });
        match watcher {
            Ok(watcher) => {
                self.armed = Some(Armed { _watcher: watcher, hints, overflow, identity });
                self.told = None;
                self.obstacle = None;
            }
            Err(error) => {
                self.armed = None;
                self.obstacle = Some(error.to_string());
                self.complaint = Some(error.to_string());
                self.next_arming = Instant::now() + self.options.interval;
            }
        }
    }
}

fn identity(root: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(root).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

fn hints_of(event: notify::Result<Event>, root: &Path) -> Vec<Hint> {
    let event = match event {
        Ok(event) => event,
        Err(error) => return vec![Hint::Blind(error.to_string())],
    };
    if event.need_rescan() {
        return vec![Hint::Moved];
    }
    let is_gone = matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)));
    if is_gone && event.paths.iter().any(|path| path == root) {
        return vec![Hint::RootGone];
    }
    if let EventKind::Modify(ModifyKind::Name(mode)) = event.kind {
        return hints_of_renaming(mode, event.paths);
    }
    let mut paths = event.paths.into_iter().filter(|path| !is_temporary(path));
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => paths.map(Hint::Finished).collect(),
        // Our own reading is told as well.
        EventKind::Access(_) => Vec::new(),
        EventKind::Create(CreateKind::Folder) => vec![Hint::FolderMade],
        EventKind::Create(_) => paths.map(Hint::Created).collect(),
        EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any) => paths.map(Hint::Written).collect(),
        EventKind::Remove(RemoveKind::File) => paths.map(Hint::Finished).collect(),
        EventKind::Modify(ModifyKind::Metadata(_)) if paths.clone().all(|path| is_file(&path)) => {
            paths.map(Hint::Finished).collect()
        }
        _ => paths.next().map(|_| Hint::Moved).into_iter().collect(),
    }
}

/// Renaming a file concerns its two names. A folder that is moved in brings files that are not told; hidden names matter where
/// they are no files: a mounted volume flips `..data`.
fn hints_of_renaming(mode: RenameMode, paths: Vec<PathBuf>) -> Vec<Hint> {
    let finished = |paths: Vec<PathBuf>| {
        paths.into_iter().filter(|path| !is_temporary(path)).map(Hint::Finished).collect::<Vec<Hint>>()
    };
    match (mode, paths.last()) {
        (RenameMode::To | RenameMode::Both, Some(to)) if is_file(to) => finished(paths),
        // Where it went is told beside it, if that is in the folder.
        (RenameMode::From, Some(_)) => finished(paths),
        _ => vec![Hint::FolderMade],
    }
}

fn is_file(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn after_a_look_that_took_long_more_may_gather() {
        let folder = tempfile::tempdir().unwrap();
        for (took, rests) in [(10, 50), (200, 600), (10_000, 2_000)].map(|(took, rests)| (millis(took), millis(rests)))
        {
            let mut watch = Watch::new(folder.path(), Options::default());
            watch.look_at_everything(Instant::now());
            watch.due().await;
            tokio::time::advance(took).await;
            watch.looked();
            let before = Instant::now();
            watch.look_at_everything(before);
            watch.due().await;
            assert_eq!(before.elapsed(), rests, "after a look of {took:?}");
        }
    }

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }
}
