#!/usr/bin/env python3
"""Measures how well feedmill understands real digests, against expectations that people wrote by reading them.

    measure.py --feedmill BIN --corpora FOLDER [--configs FOLDER] [--series NAME ...] [--misses]

FOLDER holds one sub-folder a series. Each series is read as one publication, so that what recurs over its files is learnt.
`expectations/SERIES.txt` says per file (by the hash of its path) where its sections and items begin and, as a hash, where an
item's link leads; nothing of anybody else's text is kept here. An item is found when one begins on its line. A file is right when at least 90 % of its items are
found and there are at most 35 % more than expected. Prints a line per series and the totals; exit code 1 below --items or --files.
"""

import argparse
import collections
import hashlib
import json
import os
import re
import subprocess
import sys
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))


def link_hash(url):
    """Eight hex digits of a URL, the same for spellings that lead to the same place."""
    if not url or url == "-":
        return "-"
    url = urllib.parse.unquote(url.strip()).replace("&amp;", "&").rstrip("/")
    url = re.sub(r"^[a-z]+://", "", url, flags=re.IGNORECASE)
    host, slash, rest = url.partition("/")
    kept = "".join((host.lower() + slash + rest).split())
    return hashlib.sha256(kept.encode()).hexdigest()[:8]


def path_hash(path):
    """Twelve hex digits of a file's path below its series."""
    return hashlib.sha256(path.encode()).hexdigest()[:12]


def read_expectations(path):
    """{hash of the file's path: {"items": {line: hash}, "maybe": {line: hash}, "sections": [line], "issues": [(line, date)], "date": text}}"""
    files = collections.OrderedDict()
    current = None
    for number, row in enumerate(open(path, encoding="utf-8"), 1):
        kind, _, rest = row.rstrip("\n").partition(" ")
        if kind == "file":
            # The hash of its path: names of files are made of titles.
            current = files.setdefault(rest, {"items": {}, "maybe": {}, "sections": [], "issues": [], "date": "-"})
        elif kind == "date":
            current["date"] = rest
        elif kind in ("item", "maybe"):
            line, _, link = rest.partition(" ")
            current["items" if kind == "item" else "maybe"][int(line)] = link
        elif kind == "section":
            current["sections"].append(int(rest))
        elif kind == "issue":
            line, _, date = rest.partition(" ")
            current["issues"].append((int(line), date))
        elif kind:
            sys.exit(f"{path}:{number}: cannot read `{row.strip()}`")
    return files


def files_below(folder):
    for root, _, names in os.walk(folder):
        for file in names:
            yield os.path.relpath(os.path.join(root, file), folder)


def understood(feedmill, folder, config):
    """{file: {line: (link, title)}} as feedmill shows it; a file may hold several digests."""
    command = [feedmill, "show", "--format", "json", folder]
    if config and os.path.exists(config):
        command[2:2] = ["--config", config]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    files = {}
    for row in run.stdout.splitlines():
        shown = json.loads(row)
        for section in shown["sections"]:
            for item in section["items"]:
                path = os.path.relpath(item.get("path") or shown["path"], folder)
                files.setdefault(path, {})[item["line"]] = (item["link"], item["title"], section["title"])
    return files


def at_text_lines(found, items, sections):
    """A section of one text is the same item whether it is said to begin at its heading or at the line below."""
    moved = {}
    for line, item in found.items():
        if line in sections and line not in items:
            following = min((other for other in items if other > line), default=None)
            if following and following not in found and not any(line < other < following for other in sections):
                line = following
        moved[line] = item
    return moved


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feedmill", required=True)
    parser.add_argument("--corpora", required=True)
    parser.add_argument("--expectations", default=os.path.join(HERE, "expectations"))
    parser.add_argument("--configs")
    parser.add_argument("--series", nargs="*")
    parser.add_argument("--misses", action="store_true", help="print what was missed, what was too much, and wrong links")
    parser.add_argument("--items", type=float, default=0.0, help="the least share of items found, in percent")
    parser.add_argument("--files", type=float, default=0.0, help="the least share of files right, in percent")
    arguments = parser.parse_args()
    names = sorted(name[:-4] for name in os.listdir(arguments.expectations) if name.endswith(".txt"))
    names = [name for name in names if not arguments.series or name in arguments.series]
    totals = collections.Counter()
    print(f"{'series':22}{'files':>7}{'right':>7}{'items':>7}{'found':>8}{'extra':>7}{'links':>8}")
    for name in names:
        folder = os.path.join(arguments.corpora, name)
        if not os.path.isdir(folder):
            sys.exit(f"{folder} is not there")
        config = arguments.configs and os.path.join(arguments.configs, name + ".yaml")
        shown = understood(arguments.feedmill, folder, config)
        count = collections.Counter()
        names_of = {path_hash(path): path for path in files_below(folder)}
        for key, expected in read_expectations(os.path.join(arguments.expectations, name + ".txt")).items():
            if key not in names_of:
                sys.exit(f"{folder} has no file for {key} of {name}.txt; is it the same selection?")
            path = names_of[key]
            found = shown.get(path, {})
            items, maybe = expected["items"], expected["maybe"]
            found = at_text_lines(found, items, expected["sections"])
            hits = [line for line in items if line in found]
            extra = [line for line in found if line not in items and line not in maybe]
            linked = [line for line in hits if link_hash(found[line][0]) == items[line]]
            right = len(hits) >= 0.9 * len(items) and len(extra) <= max(0.35 * len(items), 0)
            count.update(files=1, right=right, items=len(items), found=len(hits), extra=len(extra), links=len(linked))
            if arguments.misses:
                missing = [line for line in items if line not in found]
                if missing or extra:
                    print(f"  {'' if right else 'WRONG '}{name}/{path}: {len(hits)}/{len(items)}, {len(extra)} extra")
                    print(f"    missing {missing[:40]}" if missing else "", end="\n" if missing else "")
                    for line in extra[:12]:
                        print(f"    extra {line}: {found[line][1][:70]!r} in {found[line][2]!r}")
                for line in [line for line in hits if line not in linked][:12]:
                    print(f"    link {path}:{line}: got {found[line][0]}, want {items[line]}")
        report(name, count)
        totals += count
        totals["series"] += 1
    report("all", totals)
    share = lambda part, whole: 100 * totals[part] / max(totals[whole], 1)
    if share("found", "items") < arguments.items or share("right", "files") < arguments.files:
        sys.exit(1)


def report(name, count):
    share = 100 * count["found"] / max(count["items"], 1)
    links = 100 * count["links"] / max(count["found"], 1)
    print(f"{name:22}{count['files']:7}{count['right']:7}{count['items']:7}{share:7.1f}%{count['extra']:7}{links:7.1f}%")


if __name__ == "__main__":
    main()
