#!/usr/bin/env python3
"""Prints the licences of everything that is linked into the program, with their texts: most ask that these go with a binary.

What a crate calls a licence file is found by its name; a crate without one is listed with the licence that it names."""

import json
import pathlib
import re
import subprocess
import sys

NAMED = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)


def linked(metadata):
    """The packages that end up in the program: dependencies of dependencies, without those of builds and tests."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    waiting, found = [metadata["resolve"]["root"]], set()
    while waiting:
        identity = waiting.pop()
        if identity not in found:
            found.add(identity)
            waiting += [it["pkg"] for it in nodes[identity]["deps"] if any(kind["kind"] is None for kind in it["dep_kinds"])]
    return sorted((it for it in metadata["packages"] if it["id"] in found), key=lambda it: (it["name"], it["version"]))


def texts(package):
    """The licence texts of a package, also of the C that it brings along."""
    folder = pathlib.Path(package["manifest_path"]).parent
    files = sorted(path for path in folder.rglob("*") if path.is_file() and NAMED.match(path.name) and path.suffix in ("", ".md", ".txt"))
    return [path.read_text(errors="replace").strip() for path in files if "test" not in path.as_posix().removeprefix(folder.as_posix())]


def main():
    host = re.search(r"^host: (.*)$", subprocess.check_output(["rustc", "-vV"], text=True), re.MULTILINE)[1]
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", host]
    metadata = json.loads(subprocess.check_output(command))
    numbers, without = {}, []
    print("What is linked into feedmill, with its licences; the numbers are those of the texts below.\n")
    for package in linked(metadata):
        if package["id"] == metadata["resolve"]["root"]:
            continue
        own = [numbers.setdefault(text, len(numbers) + 1) for text in texts(package) if text]
        if not own:
            without.append(package["name"])
        told = ", ".join(str(number) for number in dict.fromkeys(own)) or "no text in the crate"
        print(f"{package['name']} {package['version']}: {package['license']} ({told})")
    for text, number in numbers.items():
        print(f"\n{'=' * 30} {number}\n\n{text}")
    print(f"{len(without)} crates bring no text: {', '.join(without)}", file=sys.stderr)


if __name__ == "__main__":
    main()
