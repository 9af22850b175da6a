//! Findings with the line they are about and carets below it, as compilers show them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal as _, Write};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::Lines;
use crate::finding::{Code, Extent, Finding, Severity, effect};

/// So many findings of one kind in one file are shown; the rest is counted.
const SHOWN_ALIKE: usize = 5;

/// Prints findings for people.
pub(super) fn print(out: &mut impl Write, findings: &[Finding], lines: &mut Lines) -> io::Result<()> {
    let is_plain = !io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some();
    let renderer = if is_plain { Renderer::plain() } else { Renderer::styled() };
    let mut told = BTreeSet::new();
    let mut alike: BTreeMap<(&str, Code), usize> = BTreeMap::new();
    for finding in findings {
        let seen = alike.entry((&finding.path, finding.code)).or_default();
        *seen += 1;
        if *seen <= SHOWN_ALIKE {
            let is_first = told.insert(finding.code);
            writeln!(out, "{}\n", one(&renderer, finding, is_first, lines))?;
        }
    }
    for ((path, code), seen) in alike.iter().filter(|(_, seen)| **seen > SHOWN_ALIKE) {
        writeln!(out, "{path}: {} more like these: {code} (--format short shows all)", seen - SHOWN_ALIKE)?;
    }
    Ok(())
}

/// The first finding of a kind also says what subscribers see of it.
fn one(renderer: &Renderer, finding: &Finding, is_first: bool, lines: &mut Lines) -> String {
    let level = match finding.severity {
        Severity::Note => Level::NOTE,
        Severity::Warning => Level::WARNING,
        Severity::Error => Level::ERROR,
    };
    let code = finding.code.to_string();
    let title = level.primary_title(finding.message.as_str()).id(code.as_str());
    let help = Level::HELP.message(finding.remedy.as_str());
    let effect = effect(finding.code).replacen('S', "s", 1);
    let note = is_first.then(|| Level::NOTE.message(effect.as_str()));
    let line = lines.of(&finding.path, finding.line);
    let whole_file = finding.code.extent() == Extent::File && finding.line == 1 && finding.column == 1;
    match line.filter(|_| !whole_file) {
        Some(line) => {
            let byte = |column: usize| line.char_indices().nth(column - 1).map_or(line.len(), |(at, _)| at);
            let span = byte(finding.column)..byte(finding.end_column(&line)).max(byte(finding.column));
            let snippet = Snippet::source(line.as_str())
                .line_start(finding.line)
                .path(finding.path.as_str())
                .annotation(AnnotationKind::Primary.span(span));
            renderer.render(&[title.element(snippet).elements(note).element(help)])
        }
        None => {
            let place = annotate_snippets::Origin::path(finding.path.as_str());
            let group: Group<'_> = title.element(place).elements(note).element(help);
            renderer.render(&[group])
        }
    }
}
