//! The files of the state folder with which a change that is held back is told and confirmed.
//!
//! `held` says what would become of which entries; its first line is the fingerprint of the change. `confirm` lets a change
//! through once: the one whose fingerprint it holds, or, when it is empty, whichever is held when it is looked for.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::Held;

/// The file that tells what is held back.
const HELD: &str = "held";

/// The file that lets it through.
const CONFIRM: &str = "confirm";

/// The file that confirms what is held back in a state folder.
pub fn confirmation(folder: &Path) -> PathBuf {
    folder.join(CONFIRM)
}

/// Tells what is held back, or that nothing is.
///
/// # Errors
/// When the folder cannot be written.
pub fn write(folder: &Path, held: Option<&Held>) -> anyhow::Result<()> {
    let path = folder.join(HELD);
    let Some(held) = held else {
        return remove(&path).map(|_| ()).with_context(|| format!("cannot remove {}", path.display()));
    };
    let mut text = format!("{}\n{held}\n", held.fingerprint);
    for entry in &held.entries {
        let _ = writeln!(text, "{entry}");
    }
    replace(&path, &text).with_context(|| format!("cannot write {}", path.display()))
}

/// What is held back: the fingerprint of the change, and what it is in words; nothing when nothing is held.
///
/// # Errors
/// When the folder cannot be read.
pub fn read(folder: &Path) -> anyhow::Result<Option<(String, String)>> {
    let path = folder.join(HELD);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.split_once('\n').map(|(fingerprint, words)| (fingerprint.to_owned(), words.to_owned()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Lets the change of a fingerprint through, once.
///
/// # Errors
/// When the folder cannot be written.
pub fn confirm(folder: &Path, fingerprint: &str) -> anyhow::Result<()> {
    let path = confirmation(folder);
    let confirm = || -> io::Result<()> {
        let fresh = path.with_extension("new");
        fs::write(&fresh, format!("{fingerprint}\n"))?;
        // Whoever runs the server reads it, whatever the umask of whoever confirms.
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o644))?;
        fs::rename(&fresh, &path)
    };
    confirm().with_context(|| format!("cannot write {}", path.display()))
}

/// Takes a confirmation away, if there is one, and says whether it was of this change. One that came while nothing was told
/// to be held is of nothing, or it would let through what nobody has seen.
///
/// # Errors
/// When it cannot be read, or not be taken away: then it must not count, or it would count again.
pub fn take_confirmation(folder: &Path, held: Option<&Held>) -> anyhow::Result<Option<bool>> {
    let path = confirmation(folder);
    let said = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        said => said,
    };
    remove(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    let said = said.with_context(|| format!("cannot read {}", path.display()))?;
    let was_told = folder.join(HELD).exists();
    let is_of = |held: &Held| said.trim() == held.fingerprint || (said.trim().is_empty() && was_told);
    Ok(Some(held.is_some_and(is_of)))
}

/// Writes a file that nobody sees half of.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let fresh = path.with_extension("new");
    fs::write(&fresh, text)?;
    fs::rename(&fresh, path)
}

fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
