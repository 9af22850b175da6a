#!/usr/bin/env python3
"""Writes digests that are meant to cost much, and holds `feedmill show` to a time that grows as the bytes do.

Each shape is written with so many bytes and with four times as many; that may take eight times as long, no more: what is quadratic takes
sixteen. Of several runs the shortest counts, for other work on a machine only ever adds. No time of its own is asked for, so that a slow machine says the same. Beside them stand a line of ten
megabytes, a million headings, and quotes and lists a hundred thousand deep, which are understood like anything else.
"""

import argparse
import json
import os
import time

from common import all_of, binary, check, main, run, same, workspace

MOST_RATIO = 8
# What a process takes to start: below it, times say nothing about the text.
START = 0.04
RUNS = 5
SETTINGS = {"FEEDMILL_CONTENT_MAX_FILE_BYTES": "20000000"}
HEAD = "# 2026-02-01\n\n"


def again(part):
    return lambda size: part * (size // len(part.encode()))


def counted(part, start=0):
    """A part for every number, until there are so many bytes."""
    def text(size):
        parts, bytes_left, at = [], size, start
        while bytes_left > 0:
            parts.append(part(at))
            bytes_left -= len(parts[-1].encode())
            at += 1
        return "".join(parts)
    return text


def root(size):
    """Of shapes whose bytes grow with the square of their depth."""
    return int(size ** 0.5)


SHAPES = {
    # Markdown that parsers have been quadratic in
    "brackets": again("["), "brackets in lines": again("[a\n"), "closed brackets": again("[]"), "links that never end": again("[a]("), "pictures that never end": again("![a]("),
    "links in links": again("[a](<b"), "emphasis": again("*a **b "), "emphasis of two kinds": again("**a*"), "emphasis in words": again("a*b_"), "underscores": again("_a __b "),
    "stars alone": again("*"), "strikethrough": again("~~a~"), "backticks": again("`a``b"), "runs of backticks": counted(lambda at: "`" * (at % 300 + 1) + " "), "angles": again("<"),
    "tags that never end": again("<a "), "declarations": again("<!A "), "comments": again("<!--"), "one comment": lambda size: "<!-- " + "a b\n" * (size // 4), "CDATA": again("<![CDATA["),
    "instructions": again("<?"), "escapes": again("\\*"), "entities": again("&amp;"), "entities that are none": again("&a"), "references": counted(lambda at: f"[r{at}]: https://a.example/{at}\n"),
    "one reference": again("[a]: /b\n"), "references to a long one": lambda size: f"[r]: https://a.example/{'x' * (size // 2)}\n\n" + "[r] " * (size // 8),
    "footnotes": counted(lambda at: f"[^{at}] x\n\n[^{at}]: y\n\n"), "footnotes of footnotes": counted(lambda at: f"[^{at}]: [^{at + 1}]\n\n"),
    "tables": lambda size: f"|{'a|' * 50}\n|{'-|' * 50}\n" + f"|{'a|' * 50}\n" * (size // 102), "wide tables": lambda size: f"|{'a|' * (size // 4)}\n|{'-|' * (size // 4)}\n",
    "empty rows": lambda size: f"|{'a|' * 100}\n|{'-|' * 100}\n" + "|\n" * (size // 100), "addresses": again("https://a.example/ "), "autolinks": again("<https://a.example/>"),
    "fences": again("```\na\n"), "rules": again("---\n"), "underlined headings": again("a\n===\n"), "definitions of lists": again("- a\n\n  b\n"), "tabs": again("\t"),
    # Nesting
    "quotes": again("> "), "quotes that deepen": lambda size: "".join(">" * at + "a\n" for at in range(1, root(2 * size))), "lists that deepen": lambda size: "".join(" " * 2 * at + "- a\n" for at in range(root(size))),
    "stars of lists": again("* "), "numbers of lists": again("1. "), "quotes and lists": again("> - "),
    # Raw HTML
    "elements": again("<div>\n"), "elements in a line": again("<span>"), "elements of a pair": again("<b><i>"), "details": again("<details><summary>a</summary>\n"), "ends of nothing": again("</b>"),
    "attributes": lambda size: f"<a {'b=1 ' * (size // 4)}>x</a>", "many attributes": lambda size: f"<p {'b=1 ' * 400}>\n" * (size // 1606), "long values": lambda size: f"<a title='{'x' * size}'>y</a>",
    "scripts": again("<script>a</script>"), "tables of HTML": again("<table><tr><td>"), "misnested": again("<b><p></b>"),
    # What is understood
    "headings": again("# a\n"), "items": counted(lambda at: f"### Story {at}\n\nText of {at}.\n\n"), "links of items": counted(lambda at: f"- [Story {at}](https://b.example/{at}) text\n"),
    "items of one link": again("- [a](https://b.example/1) text\n"), "items of one title": counted(lambda at: f"- [same title](https://b.example/{at})\n"), "bold items": again("**A** b\n\n"),
    "numbered items": counted(lambda at: f"{at % 100}、a\n\n"), "sections": counted(lambda at: f"## Section {at}\n\n- [a](https://b.example/{at})\n\n"), "dates": again("## 2026-01-02\n- [a](https://b.example)\n"),
    "retractions": counted(lambda at: f"### Story {at}\n<!-- retracted: {at} -->\n\nText.\n\n"), "words": again("word "), "one word": again("w"), "marks": lambda size: "a" + "\u0301" * (size // 2),
    "emphasis beside Chinese": again("**标题：**正文"), "quotes beside Chinese": again("“**好**”"), "directions": again("\u202e\u2066a"), "families": again("👩‍👩‍👧 "), "zeroes": again("\0"),
    "placeholders": again("{{ a }} {% b %}"), "components": again("<Link href=\"a\">\n"), "carriage returns": again("a\r"),
    # Front matter; beyond its limit it is refused
    "keys": lambda size: "---\n" + "".join(f"tit{at}e: b\n" for at in range(size // 12)) + "---\n", "one key": lambda size: "---\n" + "a: b\n" * (size // 5) + "---\n",
    "brackets of front matter": lambda size: f"---\na: {'[' * size}\n---\n", "a title": lambda size: f"---\ntitle: {'x' * size}\n---\n",
}
# Front matter has at most 32 KiB, so that four times as many bytes are no more work.
LARGE = {
    "a line of ten megabytes": again("word ")(10_000_000),
    "a million headings": again("# a\n")(4_000_000),
    "a million items": again("- a b\n")(6_000_000),
    "quotes a hundred thousand deep": again("> ")(200_000),
    "lists a hundred thousand deep": again("- ")(200_000),
    "elements a hundred thousand deep": again("<div>")(500_000),
}


class Shower:
    """Runs `feedmill show` on one text after another."""

    def __init__(self, folder):
        self.feedmill, self.content = binary(folder), folder / "content"
        self.content.mkdir()
        self.file = self.content / "2026-02-01.md"

    def write(self, text):
        head = "" if text.startswith("---\n") else HEAD
        self.file.write_text(head + text)

    def shown(self):
        """How long it takes, and what it prints."""
        begun = time.perf_counter()
        # One that is no digest is told, which is an error of the text.
        told = run([self.feedmill, "show", self.content, "--format", "json"], accepted=(0, 1), seconds=50, env=os.environ | SETTINGS)
        return time.perf_counter() - begun, told.stdout

    def least(self, texts):
        """The shortest time of each of two texts so far; again until they are near enough, or nobody believes in chance any more."""
        shortest = [float("inf")] * 2
        for _ in range(RUNS):
            for at, text in enumerate(texts):
                self.write(text)
                shortest[at] = min(shortest[at], self.shown()[0])
            if shortest[1] <= MOST_RATIO * max(shortest[0], START):
                break
        return shortest


def judge_shape(shower, name, text, size, seen):
    small, large = shower.least([text(size), text(4 * size)])
    ratio = large / max(small, START)
    seen.append((ratio, large, name))
    check(ratio <= MOST_RATIO, f"{name}: four times as many bytes as {size}", f"at most {MOST_RATIO} times as long", f"{small:.3f} s and {large:.3f} s")


def judge_large(shower, name, text):
    shower.write(text)
    taken, told = shower.shown()
    lines = [json.loads(line) for line in told.splitlines()]
    check(lines, f"{name}: what is shown", "a digest, or why there is none", told[:200])
    print(f"{name}: {len(text)} bytes in {taken:.2f} s")


def check_hostile_content(size):
    with workspace() as folder:
        shower, seen = Shower(folder), []
        all_of(
            *(lambda name=name, text=text: judge_shape(shower, name, text, size, seen) for name, text in SHAPES.items()),
            *(lambda name=name, text=text: judge_large(shower, name, text) for name, text in LARGE.items()),
        )
        same("shapes that were judged", len(seen), len(SHAPES))
        worst, slowest = max(seen), max(seen, key=lambda one: one[1])
        print(f"{len(SHAPES)} shapes of {size} and {4 * size} bytes; the largest ratio is {worst[0]:.1f} ({worst[2]}), the longest time {slowest[1]:.2f} s ({slowest[2]})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, default=100_000, help="of the smaller of both texts [default: 100000]")
    arguments = parser.parse_args()
    main(lambda: check_hostile_content(arguments.bytes))
