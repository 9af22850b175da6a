//! A site as files in a folder, complete or not at all.
//!
//! The files are written into a folder beside the wanted one, which is then put in its place in one step. A server that
//! serves the folder never sees half of a site.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::site::{Logo, Site};

/// Writes every page of a site; a route that ends in `/` becomes `index.html`.
///
/// # Errors
/// When the folder holds something that is no site of ours, or cannot be written. What was there before stays then.
pub fn write(site: &Site, folder: &Path, content: &Path) -> anyhow::Result<()> {
    let folder = usable(folder, content)?;
    let parent = folder.parent().context("the root folder cannot be the output folder")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let name = folder.file_name().context("the output folder has no name")?.to_string_lossy().into_owned();
    let fresh = parent.join(format!(".{name}.feedmill-{}", std::process::id()));
    let written = write_all(site, &fresh).and_then(|()| put_in_place(&fresh, &folder));
    if written.is_err() || fresh.exists() {
        // After an exchange this is the old site; after a failure, what was written so far.
        let removed = fs::remove_dir_all(&fresh);
        if written.is_ok() {
            removed.with_context(|| format!("the site is in place, but {} cannot be removed", fresh.display()))?;
        }
    }
    written
}

/// The folder as it can be written to.
///
/// # Errors
/// When it holds something that is no site of ours, or the content.
pub fn usable(folder: &Path, content: &Path) -> anyhow::Result<PathBuf> {
    let folder = std::path::absolute(folder).context("the output folder has no absolute path")?;
    // A link is followed, so that the folder behind it is replaced and the link stays.
    let folder = fs::canonicalize(&folder).unwrap_or(folder);
    let content = fs::canonicalize(content).with_context(|| format!("cannot find {}", content.display()))?;
    if content.starts_with(&folder) || folder.starts_with(&content) {
        bail!("the output folder {} and the content folder must not contain each other", folder.display());
    }
    refuse_foreign(&folder)?;
    Ok(folder)
}

fn write_all(site: &Site, fresh: &Path) -> anyhow::Result<()> {
    if fresh.exists() {
        fs::remove_dir_all(fresh).with_context(|| format!("cannot remove {}", fresh.display()))?;
    }
    for (route, page) in &site.pages {
        let path = fresh.join(file_of(route));
        let write = || -> io::Result<()> {
            fs::create_dir_all(path.parent().unwrap_or(fresh))?;
            fs::write(&path, page.body())
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
    }
    let path = fresh.join("404.html");
    fs::write(&path, site.not_found.body()).with_context(|| format!("cannot write {}", path.display()))
}

/// The file of a route, relative to the output folder.
fn file_of(route: &str) -> PathBuf {
    let path = route.trim_start_matches('/');
    if path.is_empty() || path.ends_with('/') { PathBuf::from(path).join("index.html") } else { PathBuf::from(path) }
}

/// The names of all files of a site but the months; see [`file_of`].
const FILES: [&str; 10] = [
    "404.html",
    "atom.xml",
    "favicon.ico",
    "feed.json",
    "feeds.opml",
    "index.html",
    "robots.txt",
    "rss.xml",
    "sitemap.xml",
    "style.css",
];

/// A folder with other things in it is not ours to replace.
fn refuse_foreign(folder: &Path) -> anyhow::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot use {} as output folder", folder.display())),
    };
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let name = entry.file_name();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let is_logo = name.to_str().is_some_and(|name| Logo::media_type_of(name).is_some());
        let is_ours = FILES.iter().any(|file| name == *file) || is_logo || is_month(&entry.path());
        if is_folder && !name.to_string_lossy().starts_with('.') {
            refuse_foreign(&entry.path())?;
        } else if is_folder || !is_ours {
            bail!("{} is nothing that feedmill wrote; choose a new or an empty folder", entry.path().display());
        }
    }
    Ok(())
}

/// Whether a path is that of a month of a feed, `archive/2025-05.atom`, or of the sitemap, `sitemap/2025-05.xml`.
fn is_month(path: &Path) -> bool {
    let (ending, stem) = (path.extension().unwrap_or_default(), path.file_stem().unwrap_or_default().to_string_lossy());
    let is_in = |name: &str| path.parent().is_some_and(|folder| folder.ends_with(name));
    let is_date = chrono::NaiveDate::parse_from_str(&format!("{stem}-01"), "%Y-%m-%d").is_ok();
    let is_archive = is_in("archive") && (ending == "atom" || ending == "json");
    let is_sitemap = is_in("sitemap") && ending == "xml";
    (is_archive && is_date) || (is_sitemap && (is_date || stem == "pages"))
}

/// Exchanges the two folders in one step where the file system can; else there is a moment without the folder.
fn put_in_place(fresh: &Path, folder: &Path) -> anyhow::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let context = || format!("cannot put the site in place at {}", folder.display());
    if !folder.exists() {
        return fs::rename(fresh, folder).with_context(context);
    }
    match renameat_with(CWD, fresh, CWD, folder, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
            fs::remove_dir_all(folder).and_then(|()| fs::rename(fresh, folder)).with_context(context)
        }
        Err(error) => Err(error).with_context(context),
    }
}
