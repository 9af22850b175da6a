//! Findings as SARIF 2.1.0 (OASIS), which code hosts show beside the lines.

use std::io::{self, Write};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Lines;
use crate::finding::{Code, Finding, Severity, effect, explanation};

/// Prints one log with one run.
pub(super) fn print(out: &mut impl Write, findings: &[Finding], lines: &mut Lines) -> io::Result<()> {
    let rules: Vec<Value> = Code::all().map(rule).collect();
    let results: Vec<Value> = findings.iter().map(|finding| result(finding, lines)).collect();
    let log = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "feedmill",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &log)?;
    writeln!(out)
}

fn rule(code: Code) -> Value {
    let text = explanation(code).trim();
    let short = text.lines().next().unwrap_or_default();
    json!({
        "id": code.to_string(),
        "shortDescription": { "text": short },
        "fullDescription": { "text": text },
        "help": { "text": text },
        "defaultConfiguration": { "level": level(code.severity()) },
    })
}

fn result(finding: &Finding, lines: &mut Lines) -> Value {
    let line = lines.of(&finding.path, finding.line).unwrap_or_default();
    json!({
        "ruleId": finding.code.to_string(),
        "ruleIndex": finding.code as usize,
        "level": level(finding.severity),
        "message": { "text": format!("{}. {}. Help: {}", finding.message, effect(finding.code), finding.remedy) },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&finding.path) },
            "region": {
                "startLine": finding.line,
                "startColumn": finding.column,
                "endColumn": finding.end_column(&line),
            },
        }}],
        "partialFingerprints": { "feedmill/v1": fingerprint(finding, &line) },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// A path as a relative URI reference (RFC 3986, section 4.1), or a file URI when it is absolute.
fn uri(path: &str) -> String {
    let encoded: Vec<String> = path.split('/').map(encode).collect();
    let path = encoded.join("/");
    if path.starts_with('/') { format!("file://{path}") } else { path.trim_start_matches("./").to_owned() }
}

fn encode(part: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    part.bytes().map(encode).collect()
}

/// What stays the same when lines above are added, so that a code host knows a finding again.
fn fingerprint(finding: &Finding, line: &str) -> String {
    let hash = Sha256::digest(format!("{}\0{}\0{}", finding.code, finding.path, line.trim()));
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
