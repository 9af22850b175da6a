#!/usr/bin/env python3
"""Edits the folder and reloads the daemon every tenth of a second under load: nobody may notice but by what is new.

Every edit counts a version up, which stands in two sections, so that every feed shows it. Readers on kept and on new connections ask
for all feeds in all codings, with and without what they have. Each answer must be whole and parse, and match its entity tag; nobody
who asks after somebody has seen a version may see an earlier one, in whichever feed, for then the site would be mixed.
"""

import argparse
import asyncio
import datetime
import email.utils
import gzip
import hashlib
import itertools
import json
import os
import random
import re
import signal
import urllib.parse
import xml.etree.ElementTree

import xxhash
from common import Daemon, Failure, binary, check, main, same, until, workspace

FOLDERS = ["/", "/news/", "/tools/", "/digests/"]
ROUTES = [folder + file for folder in FOLDERS for file in ("rss.xml", "atom.xml", "feed.json")]
CODINGS = ["identity", "gzip", "br", "zstd"]
READERS = 24
PERIOD = 0.1
# Edits without end are what the guard is there for.
SETTINGS = {"FEEDMILL_GUARD_SHARE_PERCENT": "100"}
VERSION = re.compile(rb"Version (\d+)\.")


def digest(day, version=None):
    """A digest with a story in each section; that of the version is the same story, corrected."""
    stories = []
    for section in ("News", "Tools"):
        title = f"{section} of {day}" if version is None else f"Version {version}."
        text = f"{section} in some words. " * 30
        stories.append(f"## {section}\n\n### {title}\n\n{text}[Read more](https://example.com/{section}/{day})\n")
    return f"---\ndate: {day}\n---\n\n# {day}\n\n" + "\n".join(stories)


class Folder:
    """The content, brought in whole files."""

    def __init__(self, folder):
        self.content, self.outside = folder / "content", folder / "half-written"
        self.content.mkdir()
        self.first = datetime.date(2026, 3, 2)
        self.version = 0
        for day in range(20):
            self.put(self.first - datetime.timedelta(day + 1))
        self.put(self.first, self.version)

    def put(self, day, version=None):
        self.outside.write_text(digest(day, version))
        self.outside.rename(self.content / f"{day}.md")

    def edit(self):
        """The next version; with every fifth a digest of a day before all others."""
        # Before it can be seen.
        self.version += 1
        self.put(self.first, self.version)
        if self.version % 5 == 0:
            self.put(self.first - datetime.timedelta(20 + self.version))


class Seen:
    """What all readers have seen, and what may not contradict it."""

    def __init__(self, folder):
        self.folder = folder
        self.newest = 0
        self.modified, self.bodies, self.versions, self.at = {}, {}, {}, {}
        self.counts = {}

    def before(self, route):
        """What an answer to a question asked now may not fall behind."""
        return self.newest, self.modified.get(route, 0)

    def judge(self, route, asked, before, status, headers, body):
        what = f"{route}, asked with {asked}"
        tag, told = headers.get("etag", ""), headers.get("last-modified")
        check(status in (200, 304) and tag and told, what, "200 or 304 with both validators", (status, headers))
        check(headers.get("vary") == "Accept-Encoding", what, "Vary: Accept-Encoding", headers)
        modified = email.utils.parsedate_to_datetime(told).timestamp()
        page = tag.strip('"').partition("-")[0]
        if status == 304:
            self.judge_unchanged(what, asked, page, modified, body)
        else:
            self.judge_whole(what, route, asked, tag, page, headers, body)
        same(f"{what}: the page with {told}", self.at.setdefault((route, modified), page), page)
        check(modified >= before[1], f"{what}: Last-Modified", f"not before {before[1]}", modified)
        self.modified[route] = max(self.modified.get(route, 0), modified)
        # Of a page that came only as br or zstd so far, the version is not known.
        if (version := self.versions.get((route, page))) is not None:
            check(version >= before[0], f"{what}: the version", f"at least {before[0]}, which was seen before it was asked for", version)
            self.newest = max(self.newest, version)
        kind = f"{status} {headers.get('content-encoding', 'identity')}" if status == 200 else "304"
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def judge_unchanged(self, what, asked, page, modified, body):
        same(f"{what}: the body of 304", body, b"")
        if tag := asked.get("If-None-Match"):
            same(f"{what}: the page that is unchanged", page, tag.strip('"').partition("-")[0])
        else:
            since = asked.get("If-Modified-Since")
            check(since, what, "no 304 without a condition", "304")
            check(modified <= email.utils.parsedate_to_datetime(since).timestamp(), f"{what}: 304", "nothing newer", modified)

    def judge_whole(self, what, route, asked, tag, page, headers, body):
        coding = headers.get("content-encoding", "identity")
        same(f"{what}: the coding", coding, asked["Accept-Encoding"])
        same(f"{what}: the coding in the entity tag", tag, f'"{page}"' if coding == "identity" else f'"{page}-{coding}"')
        check(page not in asked.get("If-None-Match", " "), what, "304 to who has it", tag)
        mark = hashlib.sha256(body).digest()
        if (route, tag) in self.bodies:
            same(f"{what}: the bytes of {tag}", self.bodies[route, tag] == mark, True)
            return
        self.bodies[route, tag] = mark
        if coding in ("identity", "gzip"):
            plain = gzip.decompress(body) if coding == "gzip" else body
            same(f"{what}: the page's hash, of which its entity tag is made", xxhash.xxh3_64_hexdigest(plain), page)
            json.loads(plain) if route.endswith("json") else xml.etree.ElementTree.fromstring(plain)
            versions = set(map(int, VERSION.findall(plain)))
            check(len(versions) == 1, f"{what}: the versions in one document", "one", versions)
            (self.versions[route, page],) = versions
            check(versions <= set(range(self.folder.version + 1)), what, "what was written", versions)


class Connection:
    """A client's side of HTTP/1.1: the head and so many bytes, or it is a failure."""

    def __init__(self, url):
        self.parts, self.streams = urllib.parse.urlsplit(url), None

    async def get(self, route, headers):
        if self.streams is None:
            self.streams = await asyncio.open_connection(self.parts.hostname, self.parts.port)
        reader, writer = self.streams
        lines = [f"GET {route} HTTP/1.1", f"Host: {self.parts.netloc}", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        status = int(head[0].split()[1])
        told = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(0 if status == 304 else int(told["content-length"]))
        if headers.get("Connection") == "close":
            same(f"{route}: what follows the last answer", await reader.read(), b"")
            await self.close()
        return status, told, body

    async def close(self):
        if self.streams:
            self.streams[1].close()
            self.streams = None


async def read(number, url, seen, stop):
    """One reader. Every third opens a connection for each request, as pollers do."""
    chance, connection, has = random.Random(number), Connection(url), {}
    while not stop.is_set():
        route, coding = chance.choice(ROUTES), chance.choice(CODINGS)
        asked = {"Accept-Encoding": coding} | ({"Connection": "close"} if number % 3 == 0 else {})
        if (known := has.get(route)) and chance.random() < 0.6:
            asked |= dict([chance.choice([("If-None-Match", known[0]), ("If-Modified-Since", known[1])])])
        before = seen.before(route)
        try:
            status, headers, body = await asyncio.wait_for(connection.get(route, asked), 10)
        except (OSError, EOFError, TimeoutError, asyncio.TimeoutError) as error:
            raise Failure(f"{route}, asked with {asked}\n  expected: an answer\n  seen:     {error!r}") from error
        seen.judge(route, asked, before, status, headers, body)
        has[route] = headers["etag"], headers["last-modified"]
    await connection.close()


async def disturb(daemon, folder, seconds, stop):
    """An edit and a reload in every period."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    for step in itertools.count(1):
        if clock() - begun > seconds:
            break
        folder.edit()
        os.kill(daemon.process.pid, signal.SIGHUP)
        await asyncio.sleep(max(0.0, begun + step * PERIOD - clock()))
    stop.set()


async def outage(daemon, folder, seen, seconds):
    stop = asyncio.Event()
    tasks = [asyncio.create_task(read(number, daemon.url, seen, stop)) for number in range(READERS)]
    tasks.append(asyncio.create_task(disturb(daemon, folder, seconds, stop)))
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def shown(daemon):
    """The version that every feed shows in the end."""
    return {int(version) for route in ROUTES for version in VERSION.findall(daemon.get(route)[2])}


def check_outage(seconds):
    with workspace() as place:
        folder = Folder(place)
        seen = Seen(folder)
        with Daemon(binary(place), folder.content, "--state", place / "state", **SETTINGS) as daemon:
            asyncio.run(outage(daemon, folder, seen, seconds))
            until("every feed shows the last version", lambda: shown(daemon) == {folder.version})
            same("errors in the log", [line for line in daemon.logged().splitlines() if " ERROR " in line], [])
            reloads = daemon.logged().count("configuration reloaded")
        pages, versions = len(seen.at), len(set(seen.versions.values()))
        # Otherwise nothing is proven.
        check(versions > seconds and reloads > seconds, "versions seen, and reloads", f"more than {seconds}", (versions, reloads))
        same("kinds of answers", set(seen.counts), {"304", *(f"200 {coding}" for coding in CODINGS)})
        print(f"{folder.version} edits, {reloads} reloads; {versions} versions seen in {pages} pages; answers: "
              + ", ".join(f"{count} {kind}" for kind, count in sorted(seen.counts.items())))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="of load [default: 60]")
    arguments = parser.parse_args()
    main(lambda: check_outage(arguments.seconds))
