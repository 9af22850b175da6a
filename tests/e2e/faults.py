#!/usr/bin/env python3
"""What may happen to a folder and to a machine while a daemon runs. After each fault its feeds are those of a fresh build of the same folder.

As root on Linux: some faults are mounts. Nothing of it outlasts the check."""

import contextlib
import email.utils
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

from common import Daemon, binary, check, main, run, same, tool, until, workspace

FOLDERS = ["/", "/news/", "/papers/", "/digests/"]
# Within so many seconds something that the system tells of is served, although the folder is otherwise looked at only every thirty.
SOON = 8
QUEUE = pathlib.Path("/proc/sys/fs/inotify/max_queued_events")
UNGUARDED = {"FEEDMILL_GUARD_SHARE_PERCENT": "100"}


def text(day, *titles):
    """A digest of a day: every title in two sections."""
    items = "\n".join(f"### {title}\n\nOf {title}. [Read more](https://example.com/{day}/{title})\n" for title in titles)
    others = "\n".join(f"### Paper {title}\n\n[Read more](https://example.org/{day}/{title})\n" for title in titles)
    return f"# {day}\n\n## News\n\n{items}\n## Papers\n\n{others}"


def write(folder, day, *titles):
    """Writes the digest of a day in one piece; gives its path."""
    path = folder / f"{day}.md"
    path.write_text(text(day, *titles))
    return path


def entries(feed):
    """What makes an entry what it is, without the times, which depend on when it was seen."""
    return {(item["id"], item.get("url"), item["title"], item["content_html"]) for item in feed["items"]}


def served(daemon):
    """The entries of every feed, as far as it is there."""
    answers = ((folder, daemon.get(f"{folder}feed.json")) for folder in FOLDERS)
    return {folder: entries(json.loads(body)) if status == 200 else None for folder, (status, _, body) in answers}


def built(feedmill, content, folder):
    """The entries of every feed of a fresh build."""
    output = folder / "built"
    run([feedmill, "build", content, "--output", output, "--base-url", "http://127.0.0.1/"], env=os.environ | UNGUARDED)
    paths = ((name, output / name.strip("/") / "feed.json") for name in FOLDERS)
    found = {name: entries(json.loads(path.read_text())) if path.exists() else None for name, path in paths}
    check(found["/"], "the feed of a fresh build", "entries", found)
    return found


class Case:
    """A daemon on a folder of three digests."""

    def __init__(self, feedmill, folder, wrap=(), **environment):
        self.feedmill, self.folder, self.content = feedmill, folder, folder / "content"
        self.content.mkdir()
        for day in ("2026-03-01", "2026-03-02", "2026-03-03"):
            write(self.content, day, "one", "two")
        self.daemon = Daemon(feedmill, self.content, "--base-url", "http://127.0.0.1/", **UNGUARDED | environment)
        self.daemon.command = [*(str(part) for part in wrap), *self.daemon.command]

    def outside(self, day, *titles):
        """A digest that is not in the folder yet."""
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        return write(elsewhere, day, *titles)

    def shows_what_is_there(self, what, seconds=SOON):
        """Waits until readers get what a fresh build would give them."""
        wanted = built(self.feedmill, self.content, self.folder)
        until(f"{what}: the feeds are those of a fresh build", lambda: served(self.daemon) == wanted, seconds=seconds)


def shell(script, *arguments, cwd=None):
    run(["sh", "-ec", script, "sh", *arguments], cwd=cwd)


def in_pieces(case):
    """As scp does, slowly: never half of it."""
    whole = text("2026-03-06", *"abcdefgh").encode()
    with open(case.content / "2026-03-06.md", "wb", buffering=0) as file:
        for at in range(0, len(whole), len(whole) // 8 + 1):
            file.write(whole[at:at + len(whole) // 8 + 1])
            time.sleep(0.15)
            titles = {entry[2] for entry in served(case.daemon)["/"]}
            check(not {"a", "b"} & titles, "a digest in pieces", "nothing of it yet", titles)


def by_git(case):
    """A checkout replaces, adds and removes many at once."""
    git = ["git", "-C", case.content, "-c", "user.name=x", "-c", "user.email=x@example.org"]
    run([*git, "init", "-q"])
    run([*git, "add", "."])
    run([*git, "commit", "-qm", "one"])
    run([*git, "checkout", "-qb", "other"])
    for day in range(10, 30):
        write(case.content, f"2026-02-{day}" if day < 29 else f"2026-01-{day}", "git")
    write(case.content, "2026-03-01", "changed")
    (case.content / "2026-03-02.md").unlink()
    run([*git, "add", "-A"])
    run([*git, "commit", "-qm", "two"])
    case.shows_what_is_there("git commit")
    run([*git, "checkout", "-q", "-"])
    case.shows_what_is_there("git checkout")
    run([*git, "checkout", "-q", "other"])


def by_archive(case):
    """tar and unzip write where they unpack."""
    new = case.outside("2026-03-07", "packed")
    run(["tar", "-cf", case.folder / "a.tar", "-C", new.parent, new.name])
    run(["tar", "-xf", case.folder / "a.tar", "-C", case.content])
    case.shows_what_is_there("tar")
    shutil.make_archive(str(case.folder / "a"), "zip", case.outside("2026-03-08", "zipped").parent)
    run(["unzip", "-qo", case.folder / "a.zip", "-d", case.content])


def by_editors(case):
    """vim moves the old file away and writes a new one; ed writes into it; sed puts another in its place."""
    run(["vim", "-esN", "-u", "NONE", "-c", "set backup writebackup backupcopy=no", "-c", "%s/one/by-vim/g", "-c", "wq", case.content / "2026-03-01.md"])
    case.shows_what_is_there("vim")
    shell('printf ",s/two/by-ed/g\\nw\\nq\\n" | ed -s "$1"', case.content / "2026-03-01.md")
    case.shows_what_is_there("ed")
    run(["sed", "-i", "s/by-ed/by-sed/", case.content / "2026-03-01.md"])


def by_copies(case):
    """cp with and without the old times, rsync, links."""
    run(["cp", case.outside("2026-03-09", "copied"), case.content])
    case.shows_what_is_there("cp")
    old = case.outside("2026-03-09", "another of the same size"[:6])
    os.utime(old, (1, 1))
    run(["cp", "-p", old, case.content])
    case.shows_what_is_there("cp -p")
    run(["rsync", "-a", f"{case.outside('2026-03-10', 'synced').parent}/", case.content])
    case.shows_what_is_there("rsync")
    os.link(case.outside("2026-03-11", "linked"), case.content / "2026-03-11.md")
    case.shows_what_is_there("a hard link")
    os.symlink(case.outside("2026-03-12", "pointed"), case.content / "2026-03-12.md")
    case.shows_what_is_there("a symbolic link")
    (case.content / "2026-03-12.md").rename(case.content / "named-2026-03-12.md")
    (case.content / "2026-03-03.md").unlink()


def at_once(case):
    """A folder and what is in it come in one moment."""
    deep = case.content / "a" / "b" / "c"
    deep.mkdir(parents=True)
    write(deep, "2026-03-14", "deep")
    case.shows_what_is_there("mkdir and write")
    case.outside("2026-03-15", "moved in")
    (case.folder / "elsewhere").rename(case.content / "whole")
    case.shows_what_is_there("a folder that is moved in")
    (case.content / "whole").rename(case.content / "named otherwise")
    case.shows_what_is_there("a folder that is renamed")
    (case.content / "named otherwise").rename(case.folder / "away")


def gone_and_back(case):
    """The folder itself goes and comes; meanwhile readers have what they had."""
    before = served(case.daemon)
    case.content.rename(case.folder / "away")
    until("it is told", lambda: "the old site stays" in case.daemon.logged())
    same("the feeds while the folder is away", served(case.daemon), before)
    (case.folder / "away").rename(case.content)
    write(case.content, "2026-03-16", "back")
    case.shows_what_is_there("the folder is back")
    shutil.rmtree(case.content)
    case.content.mkdir()
    write(case.content, "2026-03-17", "anew")
    case.shows_what_is_there("the folder is made anew")
    write(case.content, "2026-03-18", "still watched")


def flipped(case):
    """The folder is a link to a release, and the next release takes its place in one step."""
    releases = case.folder / "releases"
    releases.mkdir()
    case.content.rename(releases / "1")
    shutil.copytree(releases / "1", releases / "2")
    write(releases / "2", "2026-03-19", "released")
    for release in ("1", "2"):
        link = case.folder / "new"
        link.symlink_to(releases / release)
        link.rename(case.content)
        case.shows_what_is_there(f"release {release}")
    write(case.content, "2026-03-20", "into the release")


def mounted(case):
    """Another file system is mounted over the folder, and taken away again."""
    run(["mount", "-t", "tmpfs", "tmpfs", case.content])
    try:
        write(case.content, "2026-03-21", "mounted")
        case.shows_what_is_there("a mount")
        write(case.content, "2026-03-22", "into the mount")
        case.shows_what_is_there("a file in the mount")
    finally:
        run(["umount", "-l", case.content])


def stopped(case):
    """The process is stopped while a digest comes."""
    case.daemon.process.send_signal(signal.SIGSTOP)
    write(case.content, "2026-03-23", "meanwhile")
    time.sleep(1)
    case.daemon.process.send_signal(signal.SIGCONT)


def touched(case):
    """Times alone change nothing."""
    tag = case.daemon.get("/digests/2026-03-03/")[1]["ETag"]
    for path in case.content.iterdir():
        os.utime(path, (2_000_000_000, 2_000_000_000))
    write(case.content, "1999-01-01", "so that a look is over")
    until("the look is over", lambda: case.daemon.get("/digests/1999-01-01/")[0] == 200)
    same("the ETag after touch", case.daemon.get("/digests/2026-03-03/")[1]["ETag"], tag)


# With events: each within seconds, although the folder is otherwise looked at only every thirty.
TOLD = [by_copies, by_editors, by_archive, by_git, in_pieces, at_once, gone_and_back, flipped, mounted, stopped, touched]


def told(feedmill, folder):
    for act in TOLD:
        place = folder / act.__name__
        place.mkdir()
        case = Case(feedmill, place)
        with case.daemon:
            begun = time.monotonic()
            act(case)
            case.shows_what_is_there(act.__doc__)
        print(f"  {act.__name__:<16} {time.monotonic() - begun:5.1f} s  {act.__doc__.splitlines()[0]}")


def unwatched(feedmill, folder):
    """Where the system allows no watches, the folder is looked at regularly, and that is told."""
    for limit in ("max_inotify_watches", "max_inotify_instances"):
        place = folder / limit
        place.mkdir()
        script = f'echo 0 > /proc/sys/user/{limit} && exec "$@"'
        case = Case(feedmill, place, ["unshare", "-Ur", "sh", "-ec", script, "sh"], FEEDMILL_WATCH_INTERVAL_SECONDS="1")
        with case.daemon:
            until("it is told", lambda: "the folder cannot be watched; it is looked at regularly instead" in case.daemon.logged())
            write(case.content, "2026-03-24", "unwatched")
            case.shows_what_is_there(limit)


def overlaid(feedmill, folder):
    """Below an overlay files change without anybody being told, as on a network file system."""
    place = folder / "overlaid"
    place.mkdir()
    case = Case(feedmill, place, FEEDMILL_WATCH_INTERVAL_SECONDS="1")
    lower, upper, work = (place / name for name in ("lower", "upper", "work"))
    case.content.rename(lower)
    for path in (case.content, upper, work):
        path.mkdir()
    run(["mount", "-t", "tmpfs", "tmpfs", place / "upper"])
    (upper / "upper").mkdir()
    (upper / "work").mkdir()
    try:
        run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={lower},upperdir={upper}/upper,workdir={upper}/work", case.content])
        with case.daemon:
            write(lower, "2026-03-25", "untold")
            case.shows_what_is_there("a file that nobody tells of")
    finally:
        subprocess.run(["umount", "-l", case.content], check=False)
        run(["umount", "-l", place / "upper"])


def overflowing(feedmill, folder):
    """More happens at once than the system can tell."""
    place, before = folder / "overflow", QUEUE.read_text()
    place.mkdir()
    QUEUE.write_text("8")
    try:
        case = Case(feedmill, place)
        with case.daemon:
            for year in range(1991, 2026):
                (case.content / str(year)).mkdir()
                for month in range(1, 13):
                    for day in range(1, 6):
                        write(case.content / str(year), f"{year}-{month:02}-{day:02}", "many")
            write(case.content, "2026-03-26", "last")
            case.shows_what_is_there("2 101 files", seconds=25)
    finally:
        QUEUE.write_text(before)


def forbidden(feedmill, folder):
    """A file, then the folder, may not be read for a while: what was read last stays."""
    folder.chmod(0o755)
    place = folder / "forbidden"
    place.mkdir()
    case = Case(feedmill, place, ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], FEEDMILL_WATCH_INTERVAL_SECONDS="1")
    with case.daemon:
        before = served(case.daemon)
        (case.content / "2026-03-03.md").chmod(0)
        until("it is told", lambda: "2026-03-03.md" in case.daemon.logged())
        same("the feeds while a file may not be read", served(case.daemon), before)
        (case.content / "2026-03-03.md").chmod(0o644)
        case.content.chmod(0)
        until("it is told", lambda: "the old site stays" in case.daemon.logged())
        same("the feeds while the folder may not be read", served(case.daemon), before)
        case.content.chmod(0o755)
        write(case.content, "2026-03-27", "allowed again").chmod(0o644)
        case.shows_what_is_there("allowed again")


def short_of_memory(feedmill, folder):
    """128 MB are enough for the sample, drops and readers."""
    place = folder / "memory"
    place.mkdir()
    case = Case(feedmill, place, ["prlimit", f"--data={128 << 20}"])
    with case.daemon:
        for day in range(10, 29):
            write(case.content, f"2026-02-{day}", *(f"item{at}" for at in range(40)))
            [case.daemon.get(f"{folder}rss.xml", accept_encoding=coding) for folder in FOLDERS for coding in ("br", "gzip", "zstd")]
        case.shows_what_is_there("128 MB")


def clock_set(feedmill, folder):
    """The clock is set back by two days, and on by a year: what comes then is served, and Last-Modified never goes back."""
    place, offset = folder / "clock", folder / "offset"
    place.mkdir()
    offset.write_text("+0")
    library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    check(library, "libfaketime", "installed", "not found in /usr/lib")
    fake = {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"}
    case, last = Case(feedmill, place, **fake), None
    with case.daemon:
        for day, step in (("2026-03-04", "+0"), ("2026-03-05", "-2d"), ("2026-03-06", "+400d"), ("2026-03-07", "+0")):
            offset.write_text(step)
            write(case.content, day, "after", step.strip("+"))
            case.shows_what_is_there(f"the clock at {step}")
            _, headers, _ = case.daemon.get("/rss.xml")
            shown = email.utils.parsedate_to_datetime(headers["Last-Modified"])
            check(last is None or shown > last, f"Last-Modified with the clock at {step}", f"after {last}", shown)
            last = shown
            ahead = shown.timestamp() - time.time()
            check(step != "+400d" or ahead > 300 * 86_400, "the clock that the daemon sees", "more than 300 days ahead", ahead)


def full(feedmill, folder):
    """The disk is full while a site is written: what was written before stays, and the reason is told."""
    place, small = folder / "full", folder / "small"
    place.mkdir()
    small.mkdir()
    content = Case(feedmill, place).content
    run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", small])
    try:
        command = [feedmill, "build", content, "--output", small / "public", "--base-url", "http://127.0.0.1/"]
        run(command)
        before = {path: path.read_bytes() for path in (small / "public").rglob("*") if path.is_file()}
        for day in range(10, 29):
            write(content, f"2026-02-{day}", *(f"item{at}" for at in range(40)))
        failed = run(command, accepted=(2,))
        check("No space left on device" in failed.stderr.decode(), "the reason", "No space left on device", failed.stderr.decode())
        same("what was written before", {path: path.read_bytes() for path in (small / "public").rglob("*") if path.is_file()} == before, True)
        same("what is left beside it", [path.name for path in small.iterdir()], ["public"])
    finally:
        run(["umount", "-l", small])


def check_faults():
    same("the user", os.getuid(), 0)
    for name in ("git", "rsync", "unzip", "vim", "ed", "setpriv", "prlimit", "unshare"):
        tool(name)
    with workspace() as folder, contextlib.ExitStack() as last:
        last.callback(lambda: subprocess.run(["umount", "-l", "--recursive", folder], stderr=subprocess.DEVNULL, check=False))
        feedmill = binary(folder)
        told(feedmill, folder)
        for act in (unwatched, overlaid, overflowing, forbidden, clock_set, short_of_memory, full):
            begun = time.monotonic()
            act(feedmill, folder)
            print(f"  {act.__name__:<16} {time.monotonic() - begun:5.1f} s  {act.__doc__}")


if __name__ == "__main__":
    main(check_faults)
