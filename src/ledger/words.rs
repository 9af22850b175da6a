//! What of an item counts: its words and where they lead. Markup, white space and tracking say nothing.

use sha2::{Digest as _, Sha256};
use url::Url;

use super::Options;
use crate::digest::text::normalized;
use crate::digest::{Digest, Item};

/// What two addresses of one story have in common: without tracking, with sorted parameters.
///
/// ```
/// use feedmill::ledger::{Options, canonical_link};
/// let options = Options::default();
/// assert_eq!(
///     canonical_link("HTTPS://Example.org/a?utm_source=x&b=2&a=1#rd", &options),
///     canonical_link("http://example.org/a?a=1&b=2", &options),
/// );
/// ```
pub fn canonical_link(link: &str, options: &Options) -> String {
    let Ok(url) = Url::parse(link) else { return link.to_owned() };
    let mut parameters: Vec<&str> = url
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|part| !part.is_empty() && !is_tracking(part, options))
        .collect();
    parameters.sort_unstable();
    let fragment = url.fragment().filter(|fragment| !options.tracking_fragments.iter().any(|noise| noise == fragment));
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    format!("{authority}{}?{}#{}", url.path(), parameters.join("&"), fragment.unwrap_or_default())
}

fn is_tracking(parameter: &str, options: &Options) -> bool {
    let name = parameter.split('=').next().unwrap_or_default();
    options.tracking.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    })
}

/// A hash of words and addresses.
pub(super) type Hash = [u8; 8];

/// The words of an item and where they lead: what must differ for a change to be one. Its title comes as it compares, its link as
/// [`canonical_link`] gives it. It is kept in ledgers.
pub(super) fn hash_of_item(item: &Item, title: &str, story: Option<&str>, options: &Options) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(title);
    hasher.update([0]);
    hasher.update(story.unwrap_or_default());
    hasher.update([0]);
    hash_html(&mut hasher, &item.html, options);
    hasher.update([0]);
    if let Some(reason) = &item.retracted {
        hasher.update([1]);
        hasher.update(reason);
    }
    first_bytes(hasher)
}

/// The same of a digest: of what stands around its items, and of those that readers see.
pub(super) fn hash_of_digest(digest: &Digest, items: impl Iterator<Item = Hash>, options: &Options) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(normalized(&digest.title));
    hasher.update([0]);
    hash_html(&mut hasher, &digest.preamble, options);
    hasher.update([0]);
    items.for_each(|item| hasher.update(item));
    first_bytes(hasher)
}

/// The words of clean HTML, and the addresses in its tags.
fn hash_html(hasher: &mut Sha256, html: &str, options: &Options) {
    for (part, is_tag) in html.split('<').enumerate().flat_map(|(at, part)| match part.split_once('>') {
        Some((tag, text)) if at > 0 => [(tag, true), (text, false)],
        _ => [(part, false), ("", false)],
    }) {
        if is_tag {
            for name in ["href=\"", "src=\""] {
                let address = part.split_once(name).and_then(|(_, rest)| rest.split('"').next());
                address
                    .iter()
                    .for_each(|address| hasher.update(canonical_link(&address.replace("&amp;", "&"), options)));
            }
        } else {
            part.split_whitespace().for_each(|word| {
                hasher.update(word);
                hasher.update(b" ");
            });
        }
    }
}

/// The words of clean HTML as they compare, without any address, and how many letters they have. It is kept in ledgers.
pub(super) fn hash_of_text(html: &str) -> (Hash, usize) {
    let text = html.split('<').enumerate().map(|(at, part)| match part.split_once('>') {
        Some((_, text)) if at > 0 => text,
        _ => part,
    });
    let words = normalized(&text.collect::<String>());
    let mut hasher = Sha256::new();
    hasher.update(&words);
    (first_bytes(hasher), words.chars().count())
}

fn first_bytes(hasher: Sha256) -> Hash {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hasher.finalize()[..8]);
    bytes
}

/// Forty bits in base 32: within one digest of 5 000 items a collision is a matter of one in 80 000, and then numbered.
pub(super) fn short_hash(text: &str) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let digest = Sha256::digest(text.as_bytes());
    let number = digest.iter().take(5).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    (0..8).map(|at| char::from(ALPHABET[usize::try_from(number >> (35 - at * 5) & 31).unwrap_or_default()])).collect()
}
