//! What stands on pages for those who write: the findings of a digest, each beside the item it is about.
//!
//! What a newcomer gets wrong: a file may hold several digests, and a digest may be made of several files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::feed::digest_route;
use crate::finding::Finding;
use crate::ledger::{Opened, Settled};

/// How findings look; no reader has it.
pub(super) const STYLE: &str = include_str!("preview.css");

/// So many findings stand on the first page.
const MOST_ON_HOME: usize = 100;

/// All findings, and the digests that they may be about.
#[derive(Debug)]
pub(super) struct Preview {
    findings: Arc<[Finding]>,
    digests: Arc<[Arc<Settled>]>,
}

/// The findings of a digest.
#[derive(Default)]
pub(super) struct Notes<'a> {
    /// Those that come before its first item.
    pub(super) head: Vec<&'a Finding>,
    /// Those of each item, by its anchor.
    pub(super) beside: BTreeMap<String, Vec<&'a Finding>>,
}

/// A finding on the first page.
pub(super) struct Told<'a> {
    pub(super) finding: &'a Finding,
    /// Where a digest of its file is.
    pub(super) route: Option<String>,
}

impl Preview {
    pub(super) fn new(findings: Arc<[Finding]>, digests: &[Arc<Settled>]) -> Preview {
        Preview { findings, digests: digests.into() }
    }

    /// The first of all findings, the gravest first, and how many there are beside these.
    pub(super) fn all(&self) -> (Vec<Told<'_>>, usize) {
        let mut findings: Vec<&Finding> = self.findings.iter().collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let route_of = |finding: &Finding| {
            let of_file = self.digests.iter().find(|settled| settled.digest.path == finding.path);
            of_file.map(|settled| digest_route(&settled.key))
        };
        let told = findings.iter().take(MOST_ON_HOME).map(|finding| Told { finding, route: route_of(finding) });
        (told.collect(), findings.len().saturating_sub(MOST_ON_HOME))
    }

    /// The findings of a digest: of the items in its files, the last one that begins before a finding has it.
    pub(super) fn of(&self, settled: &Settled, opened: &Opened) -> Notes<'_> {
        let own = opened.sections().flat_map(|(_, items)| items);
        let mut items: Vec<(&str, usize, Option<&str>)> =
            own.map(|(item, identity)| (&*item.path, item.line, Some(identity.anchor.as_str()))).collect();
        let mut files: BTreeSet<&str> = items.iter().map(|(path, ..)| *path).collect();
        files.insert(&settled.digest.path);
        let is_beside = |other: &&Arc<Settled>| other.key != settled.key && files.contains(other.digest.path.as_str());
        let others: Vec<Opened> = self.digests.iter().filter(is_beside).map(|other| other.open()).collect();
        let of_others = others.iter().flat_map(|other| other.digest.items());
        items.extend(of_others.map(|(_, item)| (&*item.path, item.line, None)));
        let mut notes = Notes::default();
        for finding in self.findings.iter().filter(|finding| files.contains(finding.path.as_str())) {
            let before = items.iter().filter(|(path, line, _)| *path == finding.path && *line <= finding.line);
            match before.max_by_key(|(_, line, _)| *line) {
                Some((.., Some(anchor))) => notes.beside.entry((*anchor).to_owned()).or_default().push(finding),
                Some((.., None)) => {}
                None => notes.head.push(finding),
            }
        }
        notes
    }
}
