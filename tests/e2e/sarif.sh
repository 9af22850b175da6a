#!/usr/bin/env bash
# The SARIF of `check` against the schema of the standard, as vendored by a package; every kind of place and severity in it.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(cd "$work" && npm pack --silent @microsoft/jest-sarif@1.0.0-beta.0 >/dev/null && tar xzf ./*.tgz package/lib/schemas)
schema=$work/package/lib/schemas/sarif-2.1.0-rtm.5.json
echo "2d99159ae54a3eea97f81781cff48780548657c35949f4b7f25e99a2ba4de4f8  $schema" | sha256sum --check --quiet

content="$work/内容 %20"
mkdir -p "$content/en"
printf -- '---\ntitle: a: b\n---\n## 新闻\n\n- 见📚[链接](/a.md) 和[别处](x.md)\n- [b](ftp://example.org/b)\n- **坏 **了[c](https://example.org/c)\n' >"$content/2025-05-22.md"
printf '' >"$content/2025-05-23.md"
printf 'ab\xff\n\n## News\n\n- [One](https://example.org/1)\n' >"$content/en/2025-05-22.md"
status=0
"$FEEDMILL" check --format sarif "$content" >"$work/out.sarif" || status=$?
[ "$status" = 1 ] || { echo "an empty digest is an error, but check gave $status"; exit 1; }
python3 sarif_valid.py "$schema" "$work/out.sarif"
python3 - "$work/out.sarif" <<'PYTHON'
import json, sys

results = json.load(open(sys.argv[1]))["runs"][0]["results"]
codes = {result["ruleId"] for result in results}
missing = {"file-empty", "front-matter-repaired", "link-relative", "link-unusable", "not-utf8"} - codes
assert not missing, f"{missing} not among {codes}"
uris = {result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in results}
assert all("%E5%86%85%E5%AE%B9%20%2520/" in uri for uri in uris), uris
PYTHON

# A broken log must be refused, or the check above says nothing.
sed 's/"level": "error"/"level": "terrible"/' "$work/out.sarif" >"$work/bad.sarif"
if python3 sarif_valid.py "$schema" "$work/bad.sarif" >/dev/null 2>&1; then
    echo "the validator takes everything"
    exit 1
fi
