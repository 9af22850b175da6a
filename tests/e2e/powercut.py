#!/usr/bin/env python3
"""The power fails at the moment at which readers see something new: what is on the disk by then is a whole ledger that knows of it.

strace tells every write to the ledger's files and every fsync. At each such moment the files are put together as a disk may have them:
each as it was at its last fsync, or with what was written since. So what is missing there was never promised to be kept."""

import pathlib
import random
import re
import sqlite3
import time

from common import Daemon, Failure, binary, check, main, same, tool, until, workspace

DROPS = 12
# So many disks are put together for each moment.
ATTEMPTS = 6
# Which calls change a file, or promise that it is kept.
CALLS = "openat,close,pwrite64,write,ftruncate,fsync,fdatasync,unlink,rename,renameat,renameat2"
LINE = re.compile(r"^(?:\[pid +\d+\] |\d+ +)?(\d+\.\d+) (\w+)\((.*)\) += (-?\d+)")


def digest(number, mark):
    items = "\n".join(f"### Story {number} {at} {mark}\n\n[Read more](https://example.com/{number}/{at})\n" for at in range(20))
    return f"# 2026-03-{number:02}\n\n## News\n\n{items}"


class Disk:
    """The files of the ledger as the process sees them, and as they are kept."""

    def __init__(self, folder):
        self.ledger, self.open, self.seen, self.kept = f"{folder}/ledger", {}, {}, {}

    def call(self, name, arguments, result):
        """One call that succeeded."""
        if name == "openat":
            path = re.search(r'"((?:[^"\\]|\\.)*)"', arguments)[1].encode().decode("unicode_escape")
            self.open[result] = path if path.startswith(self.ledger) else None
            if self.open[result] and ("O_TRUNC" in arguments or path not in self.seen):
                self.seen[path] = bytearray()
        elif name in ("unlink", "rename", "renameat", "renameat2"):
            paths = [found.encode().decode("unicode_escape") for found in re.findall(r'"((?:[^"\\]|\\.)*)"', arguments)]
            # A name is kept or gone once the folder is synchronised; SQLite goes on well from either.
            content, kept = self.seen.pop(paths[0], None), self.kept.pop(paths[0], None)
            if name != "unlink" and content is not None:
                self.seen[paths[1]], self.kept[paths[1]] = content, kept
        else:
            number = int(arguments.split(",")[0])
            path = self.open.get(number)
            if name == "close":
                self.open.pop(number, None)
            elif path in self.seen:
                self.change(path, name, arguments)

    def change(self, path, name, arguments):
        content = self.seen[path]
        if name in ("fsync", "fdatasync"):
            self.kept[path] = bytes(content)
        elif name == "ftruncate":
            size = int(arguments.split(",")[1])
            del content[size:]
            content.extend(b"\0" * (size - len(content)))
        elif name == "pwrite64":
            body = re.search(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?', arguments)
            check(body and not body[2], "a write that strace tells of", "its bytes", arguments[:100])
            data, offset = bytes.fromhex(body[1].replace("\\x", "")), int(arguments.rsplit(",", 1)[1])
            content.extend(b"\0" * (offset + len(data) - len(content)))
            content[offset:offset + len(data)] = data
        else:
            raise Failure(f"a call that is not known here: {name}({arguments[:80]}")

    def image(self, folder, chance):
        """What a disk may have after the power failed now: of each file what was kept, or by chance what else was written."""
        for path in self.seen.keys() | self.kept.keys():
            content = self.seen.get(path) if chance.random() < 0.5 else self.kept.get(path)
            if content is not None:
                (folder / pathlib.Path(path).name).write_bytes(content)


def titles(folder):
    """What a ledger knows, if it is whole."""
    with sqlite3.connect(folder / "ledger.sqlite") as ledger:
        same("the ledger after the power failed", ledger.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        tables = [name for (name,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        check("item" in tables, "the tables of the ledger", "item among them", tables)
        return {row[0] for row in ledger.execute("SELECT title FROM item")}


def recorded(feedmill, folder):
    """Drops and corrections under strace; gives the moments at which readers saw each, by the clock that strace tells."""
    content, trace = folder / "content", folder / "trace"
    content.mkdir()
    (content / "2026-03-01.md").write_text(digest(1, "first"))
    daemon = Daemon(feedmill, content, "--state", folder / "state", "--base-url", "http://127.0.0.1/", FEEDMILL_GUARD_SHARE_PERCENT="100")
    # -D: the daemon is our own child, and strace looks on.
    daemon.command = ["strace", "-D", "-f", "-ttt", "-xx", "-s", str(1 << 20), "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(trace), *daemon.command]
    moments = []
    with daemon:
        for number in range(2, 2 + DROPS):
            for mark in ("new", "corrected"):
                (folder / "new").write_text(digest(number, mark))
                (folder / "new").rename(content / f"2026-03-{number:02}.md")
                wanted = f"<title>Story {number} 0 {mark}</title>".encode()
                until(f"{wanted.decode()} is served", lambda: wanted in daemon.get("/news/rss.xml")[2])
                moments.append((time.time(), f"Story {number} 0 {mark}"))
    until("strace has told everything", lambda: "+++ exited with 0 +++" in trace.read_text(errors="replace")[-300:])
    return trace, moments


def lines(trace):
    """The calls that succeeded, in their order, with what a second thread interrupted put together again."""
    begun = {}
    for line in trace.read_text(errors="replace").splitlines():
        pid, _, rest = line.partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            begun[pid] = rest.removesuffix("<unfinished ...>")
            continue
        if resumed := re.match(r"\S+ <\.\.\. \w+ resumed>(.*)", rest):
            # A call counts when it is over.
            stamp, rest = rest.split(" ", 1)[0], begun.pop(pid).split(" ", 1)[1] + resumed[1]
            rest = f"{stamp} {rest}"
        if (call := LINE.match(rest)) and int(call[4]) >= 0:
            yield float(call[1]), call[2], call[3], int(call[4])


def check_power():
    tool("strace")
    with workspace() as folder:
        feedmill = binary(folder)
        trace, moments = recorded(feedmill, folder)
        chance = random.Random(1)
        disk, waiting, syncs = Disk(folder / "state"), list(moments), 0
        for at, name, arguments, result in lines(trace):
            while waiting and waiting[0][0] < at:
                _, title = waiting.pop(0)
                for attempt in range(ATTEMPTS):
                    image = folder / f"image-{len(waiting)}-{attempt}"
                    image.mkdir()
                    disk.image(image, chance)
                    known = titles(image)
                    check(title in known, f"the ledger after the power failed when readers saw {title}", "knows it", sorted(known)[-3:])
            disk.call(name, arguments, result)
            syncs += name in ("fsync", "fdatasync")
        same("moments that were not looked at", waiting, [])
        check(syncs >= 2 * DROPS, "calls of fsync", f"at least {2 * DROPS}", syncs)
        # The last image serves as a state folder.
        with Daemon(feedmill, folder / "content", "--state", image, "--base-url", "http://127.0.0.1/") as again:
            check(b"corrected" in again.get("/news/rss.xml")[2], "the feed of a start from the last image", "corrected", "not so")
            same("complaints of that start", [line for line in again.logged().splitlines() if " ERROR " in line], [])
        print(f"  {len(moments)} moments, {len(moments) * ATTEMPTS} disks, {syncs} calls of fsync")


if __name__ == "__main__":
    main(check_power)
