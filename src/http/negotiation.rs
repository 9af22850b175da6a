//! Which coding a client gets (RFC 9110, section 12.5.3).

use hyper::header::{self, HeaderMap, HeaderValue};

use crate::site::{Coded, Coding, Page};

/// What a client says of each coding, from 0 to 1; nothing where it says nothing.
#[derive(Debug, Default, Clone, Copy)]
struct Weights {
    brotli: Option<f32>,
    zstd: Option<f32>,
    gzip: Option<f32>,
    identity: Option<f32>,
    any: Option<f32>,
}

impl Weights {
    /// As bytes: nearly every request has a list of them, and text is taken apart in several times as long.
    fn of<'r>(lists: impl Iterator<Item = &'r HeaderValue>) -> Weights {
        let mut weights = Weights::default();
        for part in lists.flat_map(|list| list.as_bytes().split(|byte| *byte == b',')) {
            let end = part.iter().position(|byte| *byte == b';');
            let (name, parameters) = part.split_at(end.unwrap_or(part.len()));
            let name = name.trim_ascii();
            let is = |known: &[&str]| known.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
            let place = match name {
                b"*" => &mut weights.any,
                _ if is(&["gzip", "x-gzip"]) => &mut weights.gzip,
                _ if is(&["br"]) => &mut weights.brotli,
                _ if is(&["zstd"]) => &mut weights.zstd,
                _ if is(&["identity"]) => &mut weights.identity,
                _ => continue,
            };
            *place = Some(match end {
                Some(_) => std::str::from_utf8(parameters).map_or(0.0, weight),
                None => 1.0,
            });
        }
        weights
    }

    /// 0 is a refusal. A coding that is not listed has the weight of `*`, and none without it.
    fn of_coding(&self, coding: Coding) -> f32 {
        let listed = match coding {
            Coding::Brotli => self.brotli,
            Coding::Zstd => self.zstd,
            Coding::Gzip => self.gzip,
            Coding::Identity => self.identity,
        };
        listed.or(self.any).unwrap_or(0.0)
    }
}

/// The weight among a coding's parameters (section 12.4.2): 1 when there is none, 0 when it is none.
pub(super) fn weight(parameters: &str) -> f32 {
    let weight = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then_some(value.trim())
    });
    let weight = weight.map_or(1.0, |value| value.parse().unwrap_or(0.0));
    if (0.0..=1.0).contains(&weight) { weight } else { 0.0 }
}

/// The page in the coding that the client prefers, and of those it likes as well the smallest.
///
/// A page that no coding makes smaller is sent as it is, unless the client refuses that. A client that accepts nothing we
/// have gets it as it is as well: section 12.4.1 lets a server disregard the header, and a feed that arrives can be read,
/// where 406 never can.
pub(super) fn choose<'p>(headers: &HeaderMap, page: &'p Page) -> (Coding, &'p Coded) {
    let plain = (Coding::Identity, page.plain());
    let mut lists = headers.get_all(header::ACCEPT_ENCODING).into_iter().peekable();
    if lists.peek().is_none() {
        return plain;
    }
    let weights = Weights::of(lists);
    // Not named, identity is acceptable and the last choice.
    let identity = weights.identity.unwrap_or(0.0);
    let acceptable = |coding: &Coding| weights.of_coding(*coding) > 0.0 && weights.of_coding(*coding) >= identity;
    // Of equal ones the last is the largest, so that it is the smallest page.
    let codings = Coding::SMALLEST_FIRST.into_iter().rev().filter(acceptable);
    let Some(best) = codings.max_by(|one, other| weights.of_coding(*one).total_cmp(&weights.of_coding(*other))) else {
        return plain;
    };
    let is_refused = weights.identity.or(weights.any) == Some(0.0);
    let coded = if is_refused { page.coded(best) } else { page.smaller(best) };
    coded.map_or(plain, |coded| (best, coded))
}
