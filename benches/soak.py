#!/usr/bin/env python3
"""What a daemon is like after thousands of edits, and while files come in thousands: memory, rebuilds, and what readers get meanwhile."""

import argparse
import re
import threading
import time

import archive
from common import binary, check, main, same, workspace
from rebuild import Reader

ROUTE = "/news/rss.xml"
DIGESTS = 100
# The newest of them are edited, for the feed shows these.
EDITED = 10
SAMPLES = 10
# What a process may hold at the end to what it held after the first tenth.
MOST_GROWTH = 1.1
# A storm may end in so many rebuilds.
MOST_REBUILDS = 12
# None of this is what the publish guard is for.
UNGUARDED = {"FEEDMILL_GUARD_SHARE_PERCENT": "100"}


def replace(path, folder, text):
    outside = folder / "half-written"
    outside.write_text(text)
    outside.rename(path)


def edits(folder, feedmill, count):
    """Corrects one title after the other, each once the one before is shown; no size of anything changes."""
    content = folder / "edited"
    archive.write(content, DIGESTS)
    paths = sorted(content.glob("*/*.md"))[-EDITED:]
    mill = archive.Mill(feedmill, content, "--state", folder / "state")
    mill.environment |= UNGUARDED
    print(f"{count} edits of {DIGESTS} digests\n  edits   MB of memory   CPU ms an edit")
    with mill:
        reader, pid, held = Reader(mill.url), mill.process.pid, []
        before = archive.resting(pid)
        for at in range(1, count + 1):
            path = paths[at % EDITED]
            mark = f"{at:09}"
            replace(path, folder, re.sub(r"^(### .*) \d+$", rf"\g<1> {mark}", path.read_text(), count=1, flags=re.MULTILINE))
            reader.sees([ROUTE], mark.encode())
            if at % (count // SAMPLES) == 0:
                now = archive.resting(pid)
                held.append(archive.memory(pid)[0])
                print(f"{at:>7}{held[-1]:>15.1f}{(now - before) / (count // SAMPLES) * 1e3:>17.1f}")
                before = now
    growth = held[-1] / held[0]
    check(growth <= MOST_GROWTH, "memory at the end to that after the first tenth", f"at most {MOST_GROWTH}", growth)


class Meanwhile(threading.Thread):
    """A reader who asks for a feed all the time; what it was refused, and how long it waited at most."""

    def __init__(self, url):
        super().__init__()
        self.reader, self.failures, self.answers, self.longest, self.is_over = Reader(url), [], 0, 0.0, False

    def run(self):
        while not self.is_over:
            begun = time.perf_counter()
            try:
                body = self.reader.get(ROUTE)
                if body and not body.rstrip().endswith(b"</rss>"):
                    self.failures.append(body[-100:])
            except Exception as error:  # Whatever it is, a reader was not served.
                self.failures.append(error)
            self.answers += 1
            self.longest = max(self.longest, time.perf_counter() - begun)
            time.sleep(0.005)


def storm(folder, feedmill, count):
    """So many digests written one after the other into a folder that is served, as unzip and git do."""
    content = folder / f"storm-{count}"
    archive.write(content, 1, items=5)
    mill = archive.Mill(feedmill, content, "--state", folder / f"state-{count}")
    mill.environment |= UNGUARDED
    with mill:
        meanwhile = Meanwhile(mill.url)
        meanwhile.start()
        begun = time.perf_counter()
        # Two series, for no digest is older than 1990.
        for at in range(1 - count // 2, 0):
            for series in ("north", "south"):
                path = content / series / f"{archive.day(at)}.md"
                path.parent.mkdir(exist_ok=True)
                path.write_text(archive.digest(archive.day(at), 5).replace("example.com", f"{series}.example.com"))
        newest = archive.day(1)
        (content / f"{newest}.md").write_text(archive.digest(newest, 5))
        written = time.perf_counter() - begun
        reader = Reader(mill.url)
        reader.sees([ROUTE], archive.link(newest, 0, 0).encode(), seconds=300)
        # The oldest are in no feed; their pages are there once everything is.
        deadline = time.monotonic() + 300
        while mill.get(f"/digests/{archive.day(1 - count // 2)}/")[0] != 200:
            check(time.monotonic() < deadline, "the oldest digest", "a page within 300 seconds", "none")
            time.sleep(0.05)
        took = time.perf_counter() - begun
        meanwhile.is_over = True
        meanwhile.join()
        rebuilds = mill.logged().count("site built") - 1
        print(f"{count} files written in {written:.1f} s: all there after {took:.1f} s and {rebuilds} rebuilds; "
              f"{meanwhile.answers} answers meanwhile, the slowest {meanwhile.longest * 1e3:.0f} ms")
        same("answers that were none", meanwhile.failures, [])
        check(rebuilds <= MOST_REBUILDS, "rebuilds", f"at most {MOST_REBUILDS}", rebuilds)


def soak():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=10_000, metavar="N", help="how many edits (10000)")
    parser.add_argument("--storms", type=int, nargs="*", default=[500, 20_000], metavar="N", help="of how many files (500 20000)")
    options = parser.parse_args()
    with workspace() as folder:
        feedmill = binary(folder)
        edits(folder, feedmill, options.edits)
        for count in options.storms:
            storm(folder, feedmill, count)


if __name__ == "__main__":
    main(soak)
