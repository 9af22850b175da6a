//! The content folder in memory: every digest in its last good version, and what is wrong with the files.
//!
//! The only code that reads content files. Events are hints and the disk is the truth: [`Library::refresh`] lists the folder,
//! compares stamps, and reads what differs. A file that breaks keeps its last good digest until it is mended or deleted.

mod family;
mod scan;
pub mod watch;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use chrono::NaiveDate;
use rayon::prelude::*;

use crate::digest::learnt::Memory;
use crate::digest::{self, Digest, Headings, Keyed, Learnt, Lesson, Outcome, Rules, Surroundings, Tally, Text, Volume};
use crate::finding::{Code, Counts, Finding, Place};
use crate::pulse::Pulse;
use crate::spool::{Aside, Spool};
use family::{Family, names, remember, was_given};
use scan::{Listed, Listing, Sight, Stamp};

/// Which files are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Endings of digest files, without the dot, lower case.
    pub extensions: Vec<String>,
    /// Glob patterns of paths, relative to the folder, of which one has to fit; empty: all.
    pub include: Vec<glob::Pattern>,
    /// Glob patterns of paths, relative to the folder, that are passed over.
    pub ignore: Vec<glob::Pattern>,
    /// The most bytes of one file.
    pub max_file_bytes: u64,
    /// The most bytes of all files.
    pub max_total_bytes: u64,
    /// The most sections of all digests.
    pub max_sections: usize,
}

impl Default for Options {
    fn default() -> Options {
        let extensions = ["md", "markdown", "mdx"].map(str::to_owned).to_vec();
        Options {
            extensions,
            include: Vec::new(),
            ignore: Vec::new(),
            max_file_bytes: 1024 * 1024,
            max_total_bytes: 1024 * 1024 * 1024,
            max_sections: 2000,
        }
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
    /// When the last of the changed files became another, by its change time.
    pub newest: Option<SystemTime>,
}

impl Changes {
    /// Whether any digest is another than before.
    pub fn any(&self) -> bool {
        !self.changed.is_empty() || !self.removed.is_empty()
    }
}

#[derive(Debug)]
struct File {
    /// As the system names it.
    file: PathBuf,
    stamp: Stamp,
    /// In their last good version.
    digests: Vec<Arc<Volume>>,
    findings: Vec<Finding>,
    lesson: Option<Arc<Aside<Lesson>>>,
}

/// A file that is to be understood anew.
struct Pending {
    path: String,
    /// The file as the system names it.
    file: PathBuf,
    stamp: Stamp,
    /// Its text; none, when there are so many files that each is read again in its turn.
    text: Option<Result<Text, Finding>>,
    lesson: Option<Arc<Aside<Lesson>>>,
}

/// A file that is understood.
struct Understood {
    /// None of a draft.
    digests: Vec<Arc<Volume>>,
    findings: Vec<Finding>,
}

/// For so many files at least another core is worth asking.
const AT_LEAST: usize = 4;

/// So many files at a time are understood, and so many texts are in memory ...
const AT_A_TIME: usize = 64;

/// ... or fewer, of so many bytes: what a text becomes on its way can take some hundred times its bytes.
const BYTES_AT_A_TIME: u64 = 2 * 1024 * 1024;

/// The digests of a folder.
#[derive(Debug)]
pub struct Library {
    root: PathBuf,
    options: Options,
    rules: Rules,
    /// Where texts are laid aside.
    spool: Option<Arc<Spool>>,
    /// A beat for each file that is read, and for each that is understood.
    pulse: Pulse,
    files: BTreeMap<String, File>,
    /// What the files count of `max_total_bytes`.
    weight: u64,
    /// By slug how many digests of files have a section.
    sections: HashMap<Box<str>, usize>,
    folder_findings: Vec<Finding>,
    /// The files, and the keys of families, that have findings.
    wrong_files: BTreeSet<String>,
    wrong_families: BTreeSet<String>,
    /// The digests of `files` by their keys.
    families: BTreeMap<String, Family>,
    /// Families that are others than when they got their names.
    touched: BTreeSet<String>,
    /// The digests of all families with their names.
    keyed: Vec<Keyed>,
    tally: Tally,
    learnt: Learnt,
    memory: Memory,
}

impl Library {
    /// A library that has not looked yet.
    pub fn new(root: &Path, options: Options, rules: Rules) -> Library {
        Library {
            root: root.to_owned(),
            options,
            rules,
            spool: None,
            pulse: Pulse::default(),
            files: BTreeMap::new(),
            weight: 0,
            sections: HashMap::new(),
            folder_findings: Vec::new(),
            wrong_files: BTreeSet::new(),
            wrong_families: BTreeSet::new(),
            families: BTreeMap::new(),
            touched: BTreeSet::new(),
            keyed: Vec::new(),
            tally: Tally::default(),
            learnt: Learnt::default(),
            memory: Memory::default(),
        }
    }

    /// Has the texts of digests wait on disk instead of in memory.
    pub fn lay_aside(&mut self, spool: Arc<Spool>) {
        self.spool = Some(spool);
    }

    /// Tells somebody how far a look has come.
    pub fn set_pulse(&mut self, pulse: Pulse) {
        self.pulse = pulse;
    }

    /// Goes on from what an earlier run learnt.
    pub fn recall(&mut self, memory: Memory) {
        self.tally.keep(&memory);
        self.memory = memory;
    }

    /// What a later run should know.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What recurs over the folder.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Goes on with other rules: every file is read again at the next look, and keeps its last good digest as ever.
    pub fn set_rules(&mut self, options: Options, rules: Rules) {
        (self.options, self.rules) = (options, rules);
        self.files.values_mut().for_each(|file| file.stamp.make_stale());
        self.weight = self.files.values().map(|file| file.stamp.weight(&self.options)).sum();
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Looks at the folder and reads what changed. Files in `busy` are still being written and stay as they were. `today` is
    /// the date of files that have none and were never seen before.
    ///
    /// # Errors
    /// When the folder itself cannot be listed. Everything stays as it was.
    pub fn refresh(&mut self, busy: &HashSet<PathBuf>, today: NaiveDate) -> anyhow::Result<Changes> {
        let mut listing = scan::list(&self.root, &self.options)?;
        let seen: HashSet<String> = listing.files.iter().map(|listed| listed.path.clone()).collect();
        listing.limit(&self.options, || {
            let published = self.memory.given.values().flat_map(BTreeMap::values).map(|given| given.path.as_str());
            published.chain(self.files.keys().map(String::as_str)).collect()
        });
        let Listing { files, findings, unreadable } = listing;
        let root = &self.root;
        let stays = |path: &str| {
            seen.contains(path)
                || unreadable.iter().any(|folder| Path::new(path).starts_with(folder))
                || busy.contains(&root.join(path))
        };
        let gone: Vec<String> = self.files.keys().filter(|path| !stays(path)).cloned().collect();
        let mut changes = self.take_in(files, gone, busy, today);
        changes.new_findings.extend(findings.iter().filter(|f| !self.folder_findings.contains(f)).cloned());
        self.folder_findings = findings;
        Ok(changes)
    }

    /// Looks at some files alone, as [`Library::refresh`] would; at everything if they cannot be told apart without that.
    ///
    /// # Errors
    /// As [`Library::refresh`].
    pub fn refresh_files(
        &mut self,
        files: &HashSet<PathBuf>,
        busy: &HashSet<PathBuf>,
        today: NaiveDate,
    ) -> anyhow::Result<Changes> {
        let mut there = Vec::new();
        for file in files {
            match scan::look_at(file, &self.root, &self.options) {
                Sight::File(listed) if !self.has_folder_finding(&listed.path) => there.push(listed),
                // One that is gone may have another name by now, of which we are told in a moment: nothing vanishes for that.
                Sight::Gone(path) if !self.files.contains_key(&path) && !self.has_folder_finding(&path) => {}
                Sight::PassedOver => {}
                _ => return self.refresh(busy, today),
            }
        }
        let weight: u64 = there.iter().map(|listed| listed.stamp.weight(&self.options)).sum();
        if self.weight + weight > self.options.max_total_bytes {
            return self.refresh(busy, today);
        }
        there.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(self.take_in(there, Vec::new(), busy, today))
    }

    fn has_folder_finding(&self, path: &str) -> bool {
        self.folder_findings.iter().any(|finding| finding.path == path)
    }

    /// Reads what differs of files that are there, and forgets those that are gone.
    fn take_in(&mut self, files: Vec<Listed>, gone: Vec<String>, busy: &HashSet<PathBuf>, today: NaiveDate) -> Changes {
        let mut changes = Changes::default();
        let is_other = |listed: &Listed| {
            let known = self.files.get(&listed.path);
            let unchanged = known.is_some_and(|file| file.stamp == listed.stamp && !file.stamp.is_fresh());
            !unchanged && !busy.contains(&listed.file)
        };
        let others: Vec<Listed> = files.into_iter().filter(is_other).collect();
        let are_few = portion(&others, |listed| listed.stamp.weight(&self.options)) == others.len();
        let mut pending = Vec::with_capacity(others.len());
        let mut rest = others.as_slice();
        while !rest.is_empty() {
            let (some, after) = rest.split_at(portion(rest, |listed| listed.stamp.weight(&self.options)));
            rest = after;
            let prepared = some.par_iter().with_min_len(AT_LEAST).map(|listed| self.prepare(listed, are_few));
            let prepared: Vec<(Pending, Option<(Lesson, Headings)>)> = prepared.collect();
            pending.extend(prepared.into_iter().map(|(file, lesson)| self.count(file, lesson)));
        }
        for path in gone {
            let Some(file) = self.files.remove(&path) else { continue };
            self.weight -= file.stamp.weight(&self.options);
            self.wrong_files.remove(&path);
            self.exchange(&file.digests, &[]);
            file.lesson.iter().for_each(|lesson| self.tally.remove(&lesson.get()));
            if !file.digests.is_empty() {
                changes.removed.push(path);
            }
        }
        self.learn(&mut pending);
        let mut pending = VecDeque::from(pending);
        while !pending.is_empty() {
            let count = portion(&pending, |file| file.stamp.weight(&self.options));
            let mut some: Vec<Pending> = pending.drain(..count).collect();
            let texts = some.par_iter_mut().with_min_len(AT_LEAST);
            let understood: Vec<Understood> = texts.map(|file| self.understand(file, today)).collect();
            for (file, understood) in some.into_iter().zip(understood) {
                self.take(file, understood, today, &mut changes);
            }
        }
        self.give_names(&mut changes);
        changes
    }

    fn prepare(&self, listed: &Listed, keeps_text: bool) -> (Pending, Option<(Lesson, Headings)>) {
        let Listed { path, file, mut stamp } = listed.clone();
        stamp.note_reading();
        self.pulse.beat();
        let text = self.text(&file, &path);
        let lesson = text.as_ref().ok().and_then(|text| guarded(&path, || text.lesson(&self.rules)).ok().flatten());
        (Pending { path, file, stamp, text: Some(text).filter(|_| keeps_text), lesson: None }, lesson)
    }

    /// Counts what a file that was read teaches, in the place of what it taught before.
    fn count(&mut self, file: Pending, lesson: Option<(Lesson, Headings)>) -> Pending {
        if let Some(old) = self.files.get(&file.path).and_then(|file| file.lesson.as_ref()) {
            self.tally.remove(&old.get());
        }
        let lesson = lesson.map(|(lesson, headings)| {
            self.tally.add(&lesson, &headings);
            Arc::new(Aside::new(lesson, self.spool.as_ref()))
        });
        Pending { lesson, ..file }
    }

    fn text(&self, file: &Path, path: &str) -> Result<Text, Finding> {
        bytes_of(file, path, &self.options).and_then(|bytes| guarded(path, || Text::prepare(path, &bytes)))
    }

    /// Draws the conclusions from what was counted, and adds the files that are understood in another way now.
    fn learn(&mut self, pending: &mut Vec<Pending>) {
        if pending.is_empty() && self.learnt == self.tally.learnt() {
            return;
        }
        let before = std::mem::replace(&mut self.learnt, self.tally.learnt());
        let sections = self.learnt.sections().map(|(group, name, strength)| ((group.into(), name.into()), strength));
        self.memory.sections = sections.collect();
        // A heading that was a section once stays one while this process lives, too.
        self.tally.keep(&self.memory);
        let read: HashSet<&str> = pending.iter().map(|file| file.path.as_str()).collect();
        let differs = |file: &File| file.lesson.as_ref().is_some_and(|it| self.learnt.differs_for(&before, &it.get()));
        let is_another = self.learnt != before;
        let others = self.files.iter().filter(|_| is_another);
        let again = others.filter(|(path, file)| !read.contains(path.as_str()) && differs(file));
        let again = again.map(|(path, file)| Pending {
            path: path.clone(),
            file: file.file.clone(),
            stamp: file.stamp.clone(),
            text: None,
            lesson: file.lesson.clone(),
        });
        let again: Vec<Pending> = again.collect();
        pending.extend(again);
    }

    /// The digests of a file and what is wrong with it. A digest that is the same as before is the one of before, and of a
    /// file that cannot be used they are the last good ones.
    fn understand(&self, pending: &mut Pending, today: NaiveDate) -> Understood {
        let Pending { path, file, text, .. } = pending;
        self.pulse.beat();
        let text = text.take().unwrap_or_else(|| self.text(file, path));
        let first_seen = self.memory.first_seen.get(path).copied();
        let surroundings = Surroundings { learnt: Some(&self.learnt), first_seen: Some(first_seen.unwrap_or(today)) };
        let understood = text.and_then(|text| guarded(path, || text.understand(&self.rules, surroundings)));
        let (outcome, findings) = understood.unwrap_or_else(|finding| (Outcome::Unusable, vec![finding]));
        let last_good = self.files.get(path).map(|file| file.digests.as_slice()).unwrap_or_default();
        let volume = |digest: Digest| match last_good.iter().find(|last| last.holds(&digest)) {
            Some(last) => last.clone(),
            None => Arc::new(Volume::new(digest, self.spool.as_ref())),
        };
        let digests = match outcome {
            Outcome::Digests(digests) => digests.into_iter().map(volume).collect(),
            Outcome::Draft => Vec::new(),
            Outcome::Unusable => last_good.to_vec(),
        };
        Understood { digests, findings }
    }

    fn take(&mut self, file: Pending, understood: Understood, today: NaiveDate, changes: &mut Changes) {
        let (Pending { path, file, mut stamp, lesson, .. }, Understood { mut digests, mut findings }) =
            (file, understood);
        let before = self.files.remove(&path);
        self.weight -= before.as_ref().map_or(0, |file| file.stamp.weight(&self.options));
        self.weight += stamp.weight(&self.options);
        let (last_good, old_findings) = before.map_or((Vec::new(), Vec::new()), |file| (file.digests, file.findings));
        if !self.has_room_for(&digests) {
            let most = self.options.max_sections;
            let message = format!("with it there would be more than {most} sections, so it is not published");
            let remedy = "set sections.level or sections.unknown, or raise content.max_sections";
            findings.push(Finding::new(&path, Place::START, Code::TooManySections, message, remedy));
            digests.clone_from(&last_good);
            // There may be room when other files have gone.
            stamp.make_stale();
        }
        if digests.iter().any(|digest| digest.is_undated) {
            self.memory.first_seen.entry(path.clone()).or_insert(today);
        }
        if !are_same(&digests, &last_good) {
            changes.changed.push(path.clone());
            changes.newest = changes.newest.max(Some(stamp.changed_at()));
        }
        changes.new_findings.extend(findings.iter().filter(|finding| !old_findings.contains(finding)).cloned());
        self.exchange(&last_good, &digests);
        note(&mut self.wrong_files, &path, &findings);
        self.files.insert(path, File { file, stamp, digests, findings, lesson });
    }

    fn has_room_for(&self, digests: &[Arc<Volume>]) -> bool {
        let slugs = digests.iter().flat_map(|digest| slugs(digest));
        let new: HashSet<&str> = slugs.filter(|slug| !self.sections.contains_key(*slug)).collect();
        new.is_empty() || self.sections.len() + new.len() <= self.options.max_sections
    }

    /// The digests with names that are unique: of several files with one date and language, the first has the bare key, of
    /// several at once the plainest path, and the others add what else their path says. A digest keeps the name it was given.
    pub fn digests(&self) -> &[Keyed] {
        &self.keyed
    }

    /// Everything that is wrong, by path and line.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.all_findings().cloned().collect();
        findings.sort_by(|one, other| (&one.path, one.line, one.column).cmp(&(&other.path, other.line, other.column)));
        findings
    }

    /// How much is wrong.
    pub fn counts(&self) -> Counts {
        self.all_findings().map(|finding| finding.severity).collect()
    }

    /// In no order. Only what has findings is looked at: most of an archive has none.
    fn all_findings(&self) -> impl Iterator<Item = &Finding> {
        let of_files = self.wrong_files.iter().filter_map(|path| self.files.get(path)).flat_map(|file| &file.findings);
        let of_families = self.wrong_families.iter().filter_map(|key| self.families.get(key));
        of_files.chain(&self.folder_findings).chain(of_families.flat_map(|family| &family.findings))
    }

    /// So many of what is wrong, errors first; the others of a kind come by path and line.
    pub fn worst(&self, most: usize) -> Vec<Finding> {
        let mut all: Vec<&Finding> = self.all_findings().collect();
        let rank = |finding: &&Finding| (Reverse(finding.severity), finding.path.clone(), finding.line, finding.column);
        if all.len() > most {
            all.select_nth_unstable_by_key(most, rank);
            all.truncate(most);
        }
        all.sort_by_key(rank);
        all.into_iter().cloned().collect()
    }

    /// Puts the digests of a file in the place of others.
    fn exchange(&mut self, before: &[Arc<Volume>], now: &[Arc<Volume>]) {
        if are_same(before, now) {
            return;
        }
        for slug in now.iter().flat_map(|digest| slugs(digest)) {
            *self.sections.entry(slug.into()).or_default() += 1;
        }
        for slug in before.iter().flat_map(|digest| slugs(digest)) {
            let left = self.sections.get_mut(slug).map(|count| {
                *count -= 1;
                *count
            });
            if left == Some(0) {
                self.sections.remove(slug);
            }
        }
        for digest in before {
            if let Some(family) = self.families.get_mut(&digest.key) {
                let group = if digest.is_one_story { &mut family.stories } else { &mut family.digests };
                group.retain(|other| !Arc::ptr_eq(other, digest));
            }
        }
        for digest in now {
            let family = self.families.entry(digest.key.clone()).or_default();
            let group = if digest.is_one_story { &mut family.stories } else { &mut family.digests };
            let at = group.partition_point(|other| other.path <= digest.path);
            group.insert(at, digest.clone());
        }
        self.touched.extend(before.iter().chain(now).map(|digest| digest.key.clone()));
    }

    /// Gives the digests of the families that changed their names.
    fn give_names(&mut self, changes: &mut Changes) {
        let touched = std::mem::take(&mut self.touched);
        let is_few = touched.len() * 8 < self.keyed.len();
        let mut named = Vec::new();
        for key in &touched {
            let keyed = self.name_family(key, changes);
            let at = |keys: &[Keyed], is_before: fn(&str, &str) -> bool| {
                keys.partition_point(|(_, digest)| is_before(&digest.key, key))
            };
            let (begin, end) = (at(&self.keyed, |one, other| one < other), at(&self.keyed, |one, other| one <= other));
            match is_few {
                true => drop(self.keyed.splice(begin..end, keyed)),
                false => named.extend(keyed),
            }
        }
        if !is_few {
            self.keyed.retain(|(_, digest)| !touched.contains(&digest.key));
            self.keyed.extend(named);
            self.keyed.sort_by(|(_, one), (_, other)| one.key.cmp(&other.key));
        }
    }

    /// The digests of a family with their names, the plainest path first.
    fn name_family(&mut self, key: &str, changes: &mut Changes) -> Vec<Keyed> {
        let Some(family) = self.families.get_mut(key) else { return Vec::new() };
        let mut editions = family.editions();
        if editions.is_empty() {
            self.families.remove(key);
            self.wrong_families.remove(key);
            return Vec::new();
        }
        editions.sort_by_key(|digest| (digest::name_besides_date(&digest.path).len(), digest.path.clone()));
        let is_bare_free = !was_given(key, &self.memory.given);
        let mut known = self.memory.given.remove(key).unwrap_or_default();
        let is_taken = |name: &str| {
            // A key that is a family's own is nobody's name in another.
            self.families.contains_key(name) || known.contains_key(name) || was_given(name, &self.memory.given)
        };
        let names = names(key, is_bare_free, &editions, &known, &is_taken);
        remember(&mut known, &names, &editions);
        self.memory.given.insert(key.to_owned(), known);
        let plain = names.iter().position(|name| name == key).unwrap_or_default();
        let (mut keyed, mut findings) = (Vec::new(), Vec::new());
        for (position, (own, digest)) in names.into_iter().zip(&editions).enumerate() {
            if position != plain {
                let message =
                    format!("`{}` has the same date; this one is published as /digests/{own}/", editions[plain].path);
                let remedy = "join the two, or correct the date of one";
                findings.push(Finding::new(&digest.path, Place::START, Code::DateShared, message, remedy));
            }
            keyed.push((own.into(), digest.clone()));
        }
        if let Some(family) = self.families.get_mut(key) {
            changes.new_findings.extend(findings.iter().filter(|it| !family.findings.contains(it)).cloned());
            note(&mut self.wrong_families, key, &findings);
            family.findings = findings;
        }
        keyed
    }

    /// The digests of each file as they were understood, by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[Arc<Volume>])> {
        self.files.iter().map(|(path, file)| (path.as_str(), file.digests.as_slice()))
    }
}

/// How many of some files are worked on at a time: one at least.
fn portion<'f, F: 'f>(files: impl IntoIterator<Item = &'f F>, weight: impl Fn(&F) -> u64) -> usize {
    let mut total = 0;
    let fitting = files.into_iter().take(AT_A_TIME).enumerate().take_while(|(at, file)| {
        total += weight(file);
        *at == 0 || total <= BYTES_AT_A_TIME
    });
    fitting.count()
}

/// Remembers whether anything is wrong with something.
fn note(wrong: &mut BTreeSet<String>, name: &str, findings: &[Finding]) {
    match findings.is_empty() {
        true => drop(wrong.remove(name)),
        false => drop(wrong.insert(name.to_owned())),
    }
}

/// The sections of a digest that have items.
fn slugs(digest: &Volume) -> impl Iterator<Item = &str> {
    let sections = digest.sections.iter().filter(|section| section.items > 0 && !section.slug.is_empty());
    sections.map(|section| &*section.slug)
}

fn are_same(before: &[Arc<Volume>], now: &[Arc<Volume>]) -> bool {
    before.len() == now.len() && before.iter().zip(now).all(|(one, other)| Arc::ptr_eq(one, other))
}

/// Works on a file; a fault of ours costs that one file and nothing else.
fn guarded<T>(path: &str, work: impl FnOnce() -> T) -> Result<T, Finding> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).map_err(|_| {
        let remedy = "please report this as a bug, with the file";
        Finding::new(path, Place::START, Code::Internal, "feedmill failed on this file", remedy)
    })
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

/// Reads one file as if it were alone in its folder. `today` is its date if it has none.
///
/// # Errors
/// When the path is not a file.
pub fn read_file(
    path: &Path,
    options: &Options,
    rules: &Rules,
    today: NaiveDate,
) -> anyhow::Result<(Outcome, Vec<Finding>)> {
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    anyhow::ensure!(metadata.is_file(), "{} is no file", path.display());
    let name = path.to_string_lossy().replace('\\', "/");
    let surroundings = Surroundings { learnt: None, first_seen: Some(today) };
    let understood = bytes_of(path, &name, options)
        .and_then(|bytes| guarded(&name, || Text::prepare(&name, &bytes).understand(rules, surroundings)));
    Ok(understood.unwrap_or_else(|finding| (Outcome::Unusable, vec![finding])))
}
