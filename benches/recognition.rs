//! How fast digests are understood, beside what pulldown-cmark takes to parse the same bytes and make HTML of them.
//!
//! `cargo bench --bench recognition -- FOLDER` reads every Markdown file below FOLDER (without one, the sample content) as one
//! publication per sub-folder. Prints medians of interleaved rounds and ratios; no figure here is a promise of another machine.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use feedmill::digest::{Learnt, Outcome, Rules, Surroundings, Tally, Text};

const ROUNDS: usize = 9;

type Series = (String, Vec<(String, Vec<u8>)>);

fn main() {
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let folder = folder.unwrap_or_else(|| "examples/content".to_owned());
    let (mut all_bytes, mut all_peer, mut all_ours) = (0, Duration::ZERO, Duration::ZERO);
    println!("{:24}{:>9}{:>12}{:>12}{:>8}{:>10}", "series", "MB", "peer MB/s", "ours MB/s", "ratio", "slowest");
    for (name, files) in series(Path::new(&folder)) {
        let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        let (mut peer, mut ours, mut slowest) = (Vec::new(), Vec::new(), Duration::ZERO);
        for _ in 0..ROUNDS {
            peer.push(time(|| parse_and_render(&files)));
            ours.push(time(|| slowest = slowest.max(understand(&files))));
        }
        let (peer, ours) = (median(peer), median(ours));
        report(&name, bytes, peer, ours, slowest);
        (all_bytes, all_peer, all_ours) = (all_bytes + bytes, all_peer + peer, all_ours + ours);
    }
    report("all", all_bytes, all_peer, all_ours, Duration::ZERO);
}

fn report(name: &str, bytes: usize, peer: Duration, ours: Duration, slowest: Duration) {
    let speed = |time: Duration| bytes as f64 / 1e6 / time.as_secs_f64();
    let ratio = ours.as_secs_f64() / peer.as_secs_f64();
    let slowest = slowest.as_secs_f64() * 1e3;
    println!(
        "{name:24}{:>9.2}{:>12.0}{:>12.0}{ratio:>8.1}{slowest:>7.1} ms",
        bytes as f64 / 1e6,
        speed(peer),
        speed(ours)
    );
}

/// What pulldown-cmark does alone, with the same extensions.
fn parse_and_render(files: &[(String, Vec<u8>)]) {
    use pulldown_cmark::{Options, Parser, html};
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    for (_, bytes) in files {
        let text = String::from_utf8_lossy(bytes);
        let mut out = String::with_capacity(text.len() * 3 / 2);
        html::push_html(&mut out, Parser::new_ext(&text, options));
        std::hint::black_box(out);
    }
}

/// What a first look at a folder does: learn from every file, then understand every file. Gives the time of the slowest file.
fn understand(files: &[(String, Vec<u8>)]) -> Duration {
    let rules = Rules::default();
    let mut tally = Tally::default();
    let texts: Vec<Text> = files.iter().map(|(path, bytes)| Text::prepare(path, bytes)).collect();
    texts.iter().filter_map(|text| text.lesson(&rules)).for_each(|(lesson, headings)| tally.add(&lesson, &headings));
    let learnt: Learnt = tally.learnt();
    let mut slowest = Duration::ZERO;
    for text in texts {
        let surroundings =
            Surroundings { learnt: Some(&learnt), first_seen: chrono::NaiveDate::from_ymd_opt(2025, 5, 22) };
        let begun = Instant::now();
        let outcome: (Outcome, _) = text.understand(&rules, surroundings);
        std::hint::black_box(outcome);
        slowest = slowest.max(begun.elapsed());
    }
    slowest
}

fn time(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The Markdown files below each sub-folder, or below the folder itself when it has none.
fn series(folder: &Path) -> Vec<Series> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder can be read")
        .filter_map(|entry| Some(entry.ok()?.path()).filter(|path| path.is_dir()))
        .collect();
    folders.sort();
    if folders.is_empty() {
        folders.push(folder.to_owned());
    }
    folders
        .iter()
        .map(|folder| (folder.file_name().unwrap_or_default().to_string_lossy().into_owned(), files(folder)))
        .collect()
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok) {
        let name = entry.path().strip_prefix(folder).unwrap_or(entry.path()).to_string_lossy().into_owned();
        if [".md", ".mdx", ".markdown"].iter().any(|ending| name.ends_with(ending))
            && let Ok(bytes) = std::fs::read(entry.path())
        {
            found.push((name, bytes));
        }
    }
    found
}
