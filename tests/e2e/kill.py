#!/usr/bin/env python3
"""Kills the daemon two hundred times, and more where luck was uneven, while its folder changes, and looks into the ledger after each.

One content folder and one state folder for all rounds. In each, a digest is dropped, corrected, added to or renamed while the
daemon starts or serves, and SIGKILL comes at a random moment. Whatever was in the ledger or in a feed before must be in the
ledger then: the same ids, of the same stories, with the same `published`, and `updated` never earlier. Every tenth round the
daemon is left alone, and must show exactly what the folder holds. `KILL_SEED=…` repeats the edits and the moments of a run.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import dataclasses
import datetime
import http.client
import itertools
import json
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import typing

from common import OUTSIDE, Daemon, Failure, binary, check, main, same, until, workspace

REST_AFTER = 10
# Were all kills of one phase, nothing would be proven, so that rounds are added until each phase has its kills: how long a phase
# lasts is the machine's affair; up to so many times the rounds. Those in the transaction are counted; it is too short to promise any.
PHASES = ["in the start", "before the ledger", "between ledger and feed", "after the feed"]
FEWEST = 10
MOST_ROUNDS = 3
# Of a digest; and one item at most is away at a time.
MOST_ITEMS = 5
# Every entry is wanted in the feed. What is dated today is published when it is first seen, at whatever hour this runs.
SETTINGS = {
    "FEEDMILL_FEEDS_MAX_BYTES": "100000000", "FEEDMILL_FEEDS_DIGESTS": "1000", "FEEDMILL_FEEDS_DAYS": "36500",
    "FEEDMILL_TIME_PUBLISH_AT": "23:59", "FEEDMILL_IDS_AUTHORITY": "digests.example.org",
    # Hundreds of edits within minutes are what the guard is there for: it adds up what goes and what is corrected in an hour.
    "FEEDMILL_GUARD_SHARE_PERCENT": "100",
}
WORDS = ["amber", "birch", "copper", "delta", "ember", "fjord", "granite", "harbour", "island", "juniper", "kettle", "lantern"]


@dataclasses.dataclass
class Story:
    """An item. Its number stands in its link and in its text for good; its title is corrected now and then."""

    number: int
    title: str

    def __str__(self):
        return f"### {self.title}\n\nIts mark is m{self.number}m. [Read more](https://stories.example.com/{self.number}.html)\n"


def story_of(link):
    """The number of the story behind a link; none where it was cut off."""
    found = re.fullmatch(r"https://stories\.example\.com/(\d+)\.html", link or "")
    return int(found[1]) if found else None


def marked(html):
    """The number in a text; none where it was cut off."""
    found = re.search(r"\bm(\d+)m\b", html)
    return int(found[1]) if found else None


@dataclasses.dataclass
class Digest:
    """A file of the folder. `together` are the stories that came with it, if they came in one step."""

    date: datetime.date
    path: pathlib.Path
    stories: list[Story]
    together: list[int]

    def __str__(self):
        return "\n".join([f"# Digest of {self.date}\n", "## News\n", *map(str, self.stories)])


class Edit(typing.NamedTuple):
    """A change that was decided and is yet to be made in the folder, and the items that tell that it arrived."""

    name: str
    make: typing.Callable[[], None]
    news: set[tuple[int, str]] = frozenset()


class Author:
    """Who edits the folder, and knows what it holds once every edit is made."""

    def __init__(self, folder, chance):
        self.content, self.outside, self.chance = folder / "content", folder / "outside", chance
        self.content.mkdir()
        self.outside.mkdir()
        self.digests, self.away = [], None
        self.numbers, self.editions = itertools.count(1), itertools.count(1)

    def edit(self):
        """An edit at random; another digest where there is nothing to edit."""
        edits = {self.drop: 8, self.retitle: 6, self.add: 6, self.bring_back if self.away else self.remove: 4, self.rename: 2}
        return self.chance.choices(list(edits), edits.values())[0]() or self.drop()

    def drop(self):
        """The first digest is one of today, the others are of a time long gone."""
        date = datetime.date(2025, 1, 1) + datetime.timedelta(len(self.digests))
        date = date if self.digests else datetime.datetime.now(datetime.UTC).date()
        stories = [self.story() for _ in range(self.chance.randint(2, 4))]
        at_once = self.chance.random() < 0.5
        digest = Digest(date, self.content / f"{date}.md", stories, [story.number for story in stories if at_once])
        self.digests.append(digest)
        return Edit("drop a digest", self.writing(digest, at_once), {(story.number, story.title) for story in stories})

    def retitle(self):
        if digest := self.one_of(self.digests):
            story = self.chance.choice(digest.stories)
            story.title = self.title(story.number)
            return Edit("correct a title", self.writing(digest), {(story.number, story.title)})

    def add(self):
        has_room = (digest for digest in self.digests if len(digest.stories) < MOST_ITEMS and not (self.away and self.away[0] is digest))
        if digest := self.one_of(list(has_room)):
            story = self.story()
            digest.stories.insert(self.chance.randint(0, len(digest.stories)), story)
            return Edit("add a late item", self.writing(digest), {(story.number, story.title)})

    def remove(self):
        if digest := self.one_of([digest for digest in self.digests if len(digest.stories) > 1]):
            at = self.chance.randrange(len(digest.stories))
            self.away = digest, at, digest.stories.pop(at)
            return Edit("remove an item", self.writing(digest))

    def bring_back(self):
        (digest, at, story), self.away = self.away, None
        digest.stories.insert(at, story)
        return Edit("bring an item back", self.writing(digest))

    def rename(self):
        if digest := self.one_of(self.digests):
            date, before = digest.date, digest.path
            paths = [self.content / name for name in (f"{date}.md", f"digest-{date}.md", f"{date.year}/{date}.md")]
            after = digest.path = self.chance.choice([path for path in paths if path != before])

            def move():
                after.parent.mkdir(exist_ok=True)
                before.rename(after)

            return Edit("rename a file", move)

    def one_of(self, digests):
        """One of the latest as often as any."""
        return self.chance.choice(self.chance.choice([digests[-4:], digests])) if digests else None

    def story(self):
        number = next(self.numbers)
        return Story(number, self.title(number))

    def title(self, number):
        """A title that no item ever had."""
        return f"{' '.join(self.chance.sample(WORDS, 3)).capitalize()} {number}, edition {next(self.editions)}."

    def writing(self, digest, at_once=None):
        """Writes a digest as it is now: by rename, or in place and in pieces that are cut anywhere, as uploads are."""
        path, text, outside = digest.path, str(digest).encode(), self.outside / digest.path.name
        cuts = [0, *sorted(self.chance.sample(range(1, len(text)), self.chance.randint(1, 4))), len(text)]
        pauses = [self.chance.uniform(0, 0.02) for _ in cuts]

        def by_rename():
            outside.write_bytes(text)
            outside.rename(path)

        def in_pieces():
            with path.open("wb", buffering=0) as file:
                for (begin, end), pause in zip(itertools.pairwise(cuts), pauses):
                    file.write(text[begin:end])
                    time.sleep(pause)

        if at_once is None:
            at_once = self.chance.random() < 0.5
        return by_rename if at_once else in_pieces


class Victim(Daemon):
    """A daemon that is killed, perhaps before its first line."""

    doomed = False

    def __enter__(self):
        self.begin()
        return self

    def kill(self):
        self.doomed = True
        self.process.kill()

    def __exit__(self, kind, *_):
        self.stop()
        with self.log:
            if kind:
                print(self.told(), file=sys.stderr)
            else:
                same("the exit code of a daemon that was killed", self.process.returncode, -signal.SIGKILL)
                # What a start finds half-written may well be wrong.
                same("errors of a daemon that was killed", [line for line in errors(self) if " finding " not in line], [])


def errors(daemon):
    """The errors in a daemon's log: it serves without its ledger as well, and says so there."""
    return [line for line in daemon.logged().splitlines() if " ERROR " in line]


class Record(typing.NamedTuple):
    """What is known of an id."""

    published: str
    updated: datetime.datetime
    story: int | None


class Memory:
    """Everything that feeds and ledger ever said."""

    def __init__(self):
        self.records, self.ids = {}, {}

    def meet(self, where, id, published, updated, story):
        """Takes in what is said of an id, which must agree with what was said before."""
        new = Record(published, datetime.datetime.fromisoformat(updated), story)
        known = self.records.get(id, new)
        same(f"`published` of {id} in {where}", new.published, known.published)
        check(new.updated >= known.updated, f"`updated` of {id} in {where}", f"{known.updated} or later", new.updated)
        if story:
            same(f"the story of {id} in {where}", story, known.story or story)
            same(f"the id of story {story} in {where}", id, self.ids.setdefault(story, id))
        self.records[id] = new._replace(story=story or known.story)

    def of_feed(self, entries):
        """Takes in a JSON feed, and gives its stories with their titles. An entry without mark or link was half-written."""
        ids = [entry["id"] for entry in entries]
        same("ids of the feed, none twice", sorted(ids), sorted(set(ids)))
        stories = []
        for entry in entries:
            story, mark = story_of(entry.get("external_url")), marked(entry["content_html"])
            if story and mark:
                same(f"the mark in the text of {entry['id']}", mark, story)
            self.meet("the feed", entry["id"], entry["date_published"], entry["date_modified"], mark and story)
            stories.append((story, entry["title"]))
        return stories

    def of_ledger(self, state):
        """Takes in the ledger, which must hold all that is known, and gives its stories with their titles."""
        digests, items = ledger(state)
        lost = self.records.keys() - {row["id"] for row in digests + items}
        same("what was published and is not in the ledger", [(id, self.records[id]) for id in sorted(lost)], [])
        for row in digests:
            self.meet("the ledger", row["id"], row["published"], row["updated"], None)
        for row in items:
            self.meet("the ledger", row["id"], row["published"], row["updated"], story_of(row["link"]))
        return {(story_of(row["link"]), row["title"]) for row in items}


def ledger(state):
    """The digests and items of the ledger. A copy is opened, so that it is the next daemon that recovers the original."""
    with tempfile.TemporaryDirectory(dir=state.parent) as folder:
        copy = pathlib.Path(folder) / "ledger.sqlite"
        for ending in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(state / f"{copy.name}{ending}", folder)
        with contextlib.closing(sqlite3.connect(copy)) as connection:
            connection.row_factory = sqlite3.Row
            try:
                same("PRAGMA integrity_check", [row[0] for row in connection.execute("PRAGMA integrity_check")], ["ok"])
                if not connection.execute("SELECT name FROM sqlite_schema").fetchall():
                    return [], []
                digests = connection.execute("SELECT key AS id, published, updated FROM digest").fetchall()
                return digests, connection.execute("SELECT id, published, updated, title, link FROM item").fetchall()
            except sqlite3.Error as error:
                raise Failure(f"the ledger cannot be read: {error}") from error


class Mill:
    """The folders, one daemon after another on them, and how the kills were spread."""

    def __init__(self, folder, chance):
        self.state, self.chance = folder / "state", chance
        self.log = self.state / "ledger.sqlite-wal"
        self.author, self.memory, self.phases = Author(folder, chance), Memory(), collections.Counter()
        self.arguments = [binary(folder), self.author.content, "--state", self.state, "--base-url", "https://digests.example.org/"]
        # How long the last daemon that was left alone took to start, and to show a drop.
        self.start_seconds = self.show_seconds = 0.1

    def lacking(self):
        """The phases that have too few kills yet."""
        return [phase for phase in PHASES if self.phases[phase] < FEWEST]

    def kill_once(self, edit):
        """One daemon, one edit, one kill. The first daemons die while they make the ledger."""
        in_start = not self.memory.records or self.chance.random() < 0.35
        rest, pause, moment, at_ledger = [self.chance.random() for _ in range(3)] + [self.chance.random() < 0.4]
        seconds = self.start_seconds if in_start else self.show_seconds
        delay = max(0, moment - 0.5) * self.show_seconds if at_ledger else 2 * moment * seconds
        shown = set()

        def write():
            time.sleep(pause * self.start_seconds if in_start else 0)
            edit.make()

        with Victim(*self.arguments, **SETTINGS) as daemon, concurrent.futures.ThreadPoolExecutor() as threads:
            if not in_start:
                line = daemon.first_line()
                check(daemon.url, "the daemon's first line", "listening on …", repr(line))
                time.sleep(rest * 0.08)
            tasks = [threads.submit(self.kill, daemon, delay, at_ledger), threads.submit(write)]
            if in_start:
                daemon.first_line()
            if daemon.url:
                shown = self.watch(daemon)
            log_moved, _ = [task.result() for task in tasks]
        written = self.memory.of_ledger(self.state)
        if not daemon.url:
            phase = "in the start"
        elif not edit.news:
            phase = "of what neither tells"
        elif edit.news <= shown:
            phase = "after the feed"
        elif edit.news <= written:
            phase = "between ledger and feed"
        else:
            phase = "in the transaction" if log_moved and not in_start else "before the ledger"
        self.phases[phase] += 1

    def kill(self, daemon, delay, at_ledger):
        """Kills after a while, which may begin when the ledger's log is written to; and tells whether that was written to."""
        before, deadline = self.log_state(), time.monotonic() + 0.2
        while at_ledger and self.log_state() == before and time.monotonic() < deadline:
            time.sleep(0.0001)
        time.sleep(delay)
        daemon.kill()
        return self.log_state() != before

    def log_state(self):
        """What is another one whenever the ledger's log was written to."""
        with contextlib.suppress(FileNotFoundError):
            status = self.log.stat()
            return status.st_size, status.st_mtime_ns

    def watch(self, daemon):
        """Reads the feed as often as it can until the daemon is dead, and gives what it showed last."""
        shown, tag = set(), '"none yet"'
        while True:
            try:
                status, headers, body = daemon.get("/feed.json", if_none_match=tag)
            except (OSError, http.client.HTTPException) as error:
                check(daemon.doomed, "what a daemon that is not killed yet answers", "a feed", repr(error))
                return shown
            if status != 304:
                same("the status of /feed.json", status, 200)
                shown, tag = set(self.memory.of_feed(json.loads(body)["items"])), headers["ETag"]

    def leave_alone(self):
        """One daemon that is not killed: from its first answer on it shows what is in the folder, and a drop soon after."""
        begun = time.monotonic()
        with Daemon(*self.arguments, **SETTINGS) as daemon:
            self.start_seconds = time.monotonic() - begun
            self.compare(daemon)
            edit, begun = self.author.drop(), time.monotonic()
            edit.make()
            until("a drop is shown", lambda: edit.news <= set(self.shown(daemon)))
            self.show_seconds = time.monotonic() - begun
            self.compare(daemon)
            same("errors of a daemon that was left alone", errors(daemon), [])
        lacking = {(story.number, story.title) for story in self.stories()} - self.memory.of_ledger(self.state)
        same("stories as the folder has them that the ledger has not", lacking, set())

    def stories(self):
        """All that the folder holds."""
        return [story for digest in self.author.digests for story in digest.stories]

    def shown(self, daemon):
        """The stories of the feed, with their titles."""
        return self.memory.of_feed(daemon.json("/feed.json")["items"])

    def compare(self, daemon):
        """Every item of the folder is in the feed once and as it stands; those of a digest have a time each, in their order."""
        expected = [(story.number, story.title) for story in self.stories()]
        same("the stories of the feed", sorted(self.shown(daemon), key=str), sorted(expected, key=str))
        for digest in self.author.digests:
            times = {story.number: self.memory.records[self.memory.ids[story.number]].published for story in digest.stories}
            together = [times[number] for number in digest.together if number in times]
            same(f"times of the items that came with {digest.date}", together, sorted(together, reverse=True))
            shared = [time for time, count in collections.Counter(times.values()).items() if count > 1]
            same(f"times that items of {digest.date} share, of {sorted(times.values())}", shared, [])


def check_kills():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, metavar="N", help="how many at least (200)")
    kills = parser.parse_args().kills
    seed = int(OUTSIDE.get("KILL_SEED") or random.SystemRandom().randrange(10**6))
    print(f"KILL_SEED={seed}", flush=True)
    with workspace() as folder:
        mill = Mill(folder, random.Random(seed))
        for number in itertools.count(1):
            edit = mill.author.edit()
            try:
                mill.kill_once(edit)
                if number % REST_AFTER == 0:
                    mill.leave_alone()
            except Failure as failure:
                raise Failure(f"round {number} of KILL_SEED={seed} ({edit.name}): {failure}") from failure
            if number >= kills and not mill.lacking() or number == kills * MOST_ROUNDS:
                break
        spread = ", ".join(f"{count} {phase}" for phase, count in sorted(mill.phases.items()))
        print(f"{number} kills: {spread}; {len(mill.memory.ids)} stories, {len(mill.memory.records)} ids")
        same(f"phases with fewer than {FEWEST} kills", mill.lacking(), [])


if __name__ == "__main__":
    main(check_kills)
