//! Names of sections: what headings of one section have in common, and what a section is called in URLs.

use std::collections::HashSet;

use sha2::{Digest as _, Sha256};

use super::item::without_numbering;
use super::text::{line_of, normalized, one_line, slug};
use super::{Rules, Unknown};

/// A heading as the title of a section: without numbering, leading signs, and a count at its end.
pub fn section_title(text: &str) -> String {
    bare_title(&line_of(text)).to_owned()
}

fn bare_title(line: &str) -> &str {
    let bare = line.trim_start_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '「' | '《' | '“' | '"' | '('));
    let bare = without_numbering(bare).trim_end_matches([':', '：']).trim();
    let counted = bare.strip_suffix([')', '）']).and_then(|rest| rest.rsplit_once(['(', '（']));
    let title = match counted {
        Some((title, count)) if count.chars().all(|c| c.is_ascii_digit()) => title.trim(),
        _ => bare,
    };
    if title.is_empty() { line } else { title }
}

/// What two headings of one section have in common: letters, not digits, signs or case.
pub fn comparable(heading: &str) -> String {
    let line = line_of(heading);
    let title = bare_title(&line);
    let name = if title.contains(['+', '#']) {
        normalized(&title.replace('+', "plus").replace('#', "sharp"))
    } else {
        normalized(title)
    };
    if !name.contains(char::is_numeric) {
        return name;
    }
    let letters: String = name.chars().filter(|c| !c.is_numeric()).collect();
    if letters.is_empty() { name } else { letters }
}

/// Names of routes that no section can have.
const RESERVED: [&str; 13] = [
    "all", "archive", "assets", "digests", "feed", "feeds", "healthz", "metrics", "readyz", "rss", "atom", "sitemap",
    "status",
];

/// The slug of a section that the configuration does not name.
pub fn slug_of(title: &str) -> String {
    match slug(title) {
        empty if empty.is_empty() => format!("section-{}", short_hash(&one_line(title))),
        taken if RESERVED.contains(&taken.as_str()) => format!("{taken}-section"),
        free => free,
    }
}

/// Six hex digits that tell texts apart that are read alike.
pub(super) fn short_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(3).map(|byte| format!("{byte:02x}")).collect()
}

/// Checks what the configuration says of sections against itself.
///
/// # Errors
/// When two sections share a slug, or one has a slug that is not lower case ASCII or the name of a route.
pub fn check_rules(rules: &Rules) -> Result<(), String> {
    let rest = match &rules.unknown {
        Unknown::Rest { slug, .. } => Some(slug),
        Unknown::Own => None,
    };
    let known = rules.sections.iter().map(|rule| &rule.slug);
    let mut seen = HashSet::new();
    for name in known {
        check_slug(name)?;
        if !seen.insert(name) {
            return Err(format!("two sections have the slug `{name}`"));
        }
    }
    rest.map_or(Ok(()), |name| check_slug(name))
}

fn check_slug(name: &str) -> Result<(), String> {
    if name != slug(name) || name.is_empty() {
        return Err(format!("the slug `{name}` of a section is not lower case ASCII; try `{}`", slug_of(name)));
    }
    if RESERVED.contains(&name) {
        return Err(format!("the slug `{name}` of a section is the name of a route; choose another"));
    }
    Ok(())
}
