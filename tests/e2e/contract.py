#!/usr/bin/env python3
"""The contract with subscribers: nobody sees anything again that was there before, whatever becomes of the folder and the daemon.

newsboat, rss2email, sfeed, PyPI's reader, and npm's rss-parser and feedsmith, each subscribed to all items and to one section, as
RSS and as Atom. Step by step a digest is dropped, corrected, reordered, followed by another, shortened and renamed, and the daemon
is restarted, at last with another public address. After each step everybody fetches, and the readers' own stores are compared
with what was written. A proxy between them and the daemon keeps the readers' addresses, and notes who asked with which validators
and was answered what.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import datetime
import email.utils
import http.client
import http.server
import itertools
import os
import threading
import typing
import urllib.parse

from common import Daemon, all_of, binary, check, items, main, npm, same, show, until, workspace
from subscribers import FORMATS, Entry, Feedsmith, Newsboat, Parser, Reader, Rss2email, RssParser, Sfeed

BEFORE, AFTER = "https://digests.example.org/", "https://news.example.net/daily/"
NEWS, TOOLS = "新闻资讯", "Tools & Toys"
FEEDS = {"all": ({NEWS, TOOLS}, "/"), "section": ({NEWS}, "/xin-wen-zi-xun/")}
READERS = [Newsboat, Rss2email, Sfeed, Reader, RssParser, Feedsmith]
NPM = ["rss-parser@3.13.0", "feedsmith@3.0.1"]
PUBLISH_AT = datetime.time(8, tzinfo=datetime.timezone.utc)
CONDITIONS, VALIDATORS = ("If-None-Match", "If-Modified-Since"), ("ETag", "Last-Modified")


@dataclasses.dataclass
class Story:
    """An item as its author has it. The id and the date (in seconds since 1970) are those it was published with."""

    section: str
    title: str
    text: str
    link: str | None = None
    id: str | None = None
    date: int | None = None

    def markdown(self):
        link = f" [>阅读原文]({self.link})" if self.link else ""
        return f"### {self.title}\n\n{self.text}{link}\n"

    def entry(self, public, day):
        """What readers must have of it: without a story elsewhere, it leads to its place on the digest's page."""
        return Entry(self.id, self.title, self.link or f"{public}digests/{day}/#{self.id.rpartition('/')[2]}", self.date)


@dataclasses.dataclass
class Digest:
    """A file of the folder."""

    day: str
    name: str
    stories: list[Story]

    def story(self, title):
        (story,) = (story for story in self.stories if story.title == title)
        return story

    def markdown(self):
        sections = dict.fromkeys(story.section for story in self.stories)
        parts = {section: [story.markdown() for story in self.stories if story.section == section] for section in sections}
        text = "\n".join(f"## {section}\n\n" + "\n".join(stories) for section, stories in parts.items())
        return f"---\ndate: {self.day}\ntitle: 城市日报 {self.day}\nlanguage: zh-CN\n---\n\n# {self.day} 资讯日报\n\n{text}"


def first_digest():
    return Digest("2026-03-02", "2026-03-02.md", [
        Story(NEWS, "码头钟楼恢复报时", "停了三年的钟楼重新报时，夜里十点以后只亮灯，不敲钟。", "https://news.example.com/clock-tower"),
        Story(NEWS, "Footbridge opens to bycicles", "A ramp on either side; riders walk at rush hour.", "https://news.example.com/footbridge"),
        Story(NEWS, "图书馆征集旧明信片", "明信片可以放在借书台旁的木箱里，扫描后原样归还。"),
        Story(NEWS, "Orchard map for walkers", "Forty old trees, and when each of them is ripe.", "https://maps.example.org/orchard?tree=1&year=2026"),
        Story(NEWS, "雨水花园试种“耐旱”苔藓", "三种苔藓各种一畦，秋天公布结果。", "https://garden.example.org/moss"),
        Story(TOOLS, "A ruler for maps", "Reads distances off any picture with a scale.", "https://tools.example.com/ruler"),
        Story(TOOLS, "纸飞机图样集", "二十种折法，每页一种，可以直接打印。", "https://tools.example.com/planes"),
    ])


def second_digest():
    return Digest("2026-03-03", "2026-03-03.md", [
        Story(NEWS, "有轨电车站台种上野花", "花籽来自沿线的护坡，不浇水，不修剪。", "https://news.example.com/tram-flowers"),
        Story(NEWS, "Lighthouse lends binoculars", "One hour each, for a library card.", "https://coast.example.org/binoculars"),
        Story(NEWS, "社区厨房交换菜种", "每人带一包，换一包，种法写在包上。"),
        Story(TOOLS, "A calendar on one page", "It prints without colours and folds in four.", "https://tools.example.com/calendar"),
    ])


class Publication:
    """The folder, the daemon on it, and what subscribers must have seen."""

    def __init__(self, folder, proxy):
        self.feedmill, self.proxy = binary(folder), proxy
        self.content, self.state = folder / "content", folder / "state"
        self.content.mkdir()
        self.public, self.digests, self.looks = None, [], itertools.count(1)

    @contextlib.contextmanager
    def served(self, public):
        """By a daemon that keeps its state, under a public address."""
        with Daemon(self.feedmill, self.content, "--state", self.state, "--base-url", public) as daemon:
            self.public, self.proxy.daemon = public, daemon
            yield

    def put(self, name, text):
        """Brings a file into the folder in one step, as a careful writer does."""
        outside = self.content.parent / "half-written"
        outside.write_text(text)
        outside.rename(self.content / name)

    def looked_at(self):
        """Waits until the daemon has seen the folder as it is: it shows one digest more, which has no items and moves no feed of items."""
        look = f"Look {next(self.looks)}"
        self.put("2026-01-01.md", f"---\ndate: 2026-01-01\ntitle: {look}\n---\n\n# {look}\n")
        until(f"the page of {look}", lambda: f"{look}<".encode() in self.proxy.daemon.get("/digests/2026-01-01/")[2])

    def publish(self, digest):
        """Drops a digest into the folder. From now on the ids of its stories and their dates, which fall second by second, stay."""
        self.write(digest)
        self.digests.insert(0, digest)
        (shown,) = (shown for shown in show(self.feedmill, self.content, FEEDMILL_SITE_BASE_URL=BEFORE) if shown["key"] == digest.day)
        ids = {item["title"]: item["id"] for item in items(shown)}
        moment = int(datetime.datetime.combine(datetime.date.fromisoformat(digest.day), PUBLISH_AT).timestamp())
        for at, story in enumerate(digest.stories):
            story.id, story.date = ids[story.title], moment - at

    def write(self, digest):
        self.put(digest.name, digest.markdown())
        self.looked_at()

    def rename(self, digest, name):
        (self.content / digest.name).rename(self.content / name)
        digest.name = name
        self.looked_at()

    def entries(self, feed):
        """What the feed must have now, newest first."""
        sections, _ = FEEDS[feed]
        stories = ((digest.day, story) for digest in self.digests for story in digest.stories if story.section in sections)
        return sorted((story.entry(self.public, day) for day, story in stories), key=lambda entry: -entry.date)


class Asked(typing.NamedTuple):
    """A request of a reader, and what it was answered."""

    conditions: dict
    status: int
    validators: dict


def named(headers, names):
    """The headers of these names that are there."""
    return {name: headers[name] for name in names if name in headers}


class Forward(http.server.BaseHTTPRequestHandler):
    """Hands a request on to the daemon as it is, and the answer back."""

    protocol_version = "HTTP/1.1"
    HOP_BY_HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}

    def do_GET(self):
        route = "/" + self.path.split("/", 2)[2]
        daemon = urllib.parse.urlsplit(self.server.daemon.url)
        with contextlib.closing(http.client.HTTPConnection(daemon.hostname, daemon.port, timeout=10)) as connection:
            connection.putrequest("GET", route, skip_host=True, skip_accept_encoding=True)
            for name, value in self.end_to_end(self.headers):
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            body = response.read()
        asked = Asked(named(self.headers, CONDITIONS), response.status, named(response.headers, VALIDATORS))
        self.server.asked[self.path].append(asked)
        self.send_response_only(response.status, response.reason)
        for name, value in [*self.end_to_end(response.headers), ("Connection", "close")]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def end_to_end(self, headers):
        return [(name, value) for name, value in headers.items() if name.lower() not in self.HOP_BY_HOP]

    def log_message(self, *_):
        """Nothing: what was asked is noted by path."""


class Proxy(http.server.ThreadingHTTPServer):
    """A reverse proxy: readers keep one address, wherever the daemon listens. The first part of a path is the reader's name."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Forward)
        self.daemon, self.asked = None, collections.defaultdict(list)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def address(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"


class Subscription:
    """One reader of one feed in one format, and every version that it can have seen of each entry."""

    def __init__(self, reader, feed, format, folder, proxy):
        self.feed, self.name, self.proxy = feed, f"{reader.__name__} on {feed} as {format}", proxy
        self.path = f"/{reader.__name__}{FEEDS[feed][1]}{format}"
        own = folder / f"{reader.__name__}-{feed}-{format}"
        own.mkdir()
        self.reader, self.fetches = reader(own, proxy.address(self.path)), 0
        self.versions, self.validators = {}, {}

    def fetch(self, step, entries, moved):
        """Fetches what has these entries now. Only those with new ids may be unread then."""
        new = {entry.id for entry in entries} - set(self.versions)
        told = [entry for entry in entries if entry not in self.versions.get(entry.id, [])[-1:]]
        for entry in told:
            self.versions.setdefault(entry.id, []).append(entry)
        self.reader.fetch()
        self.fetches += 1
        all_of(lambda: self.has_asked(step, moved), lambda: self.has_stored(step, new), lambda: self.has_parsed(step, entries))
        # PyPI's reader notes validators only with something that it stores; a removed item alone is nothing to it.
        if told or not isinstance(self.reader, Reader):
            self.validators = self.proxy.asked[self.path][-1].validators
        self.reader.mark_all_read()
        same(f"unread entries of {self.name} once all are marked read, {step}", self.reader.unread(), set())

    def has_stored(self, step, new):
        """The store has what was ever published, no more and no less, newest first; what is new alone is unread."""
        kept = {"replaced": slice(-1, None), "ignored": slice(1), "added": slice(None)}[self.reader.correction]
        expected = [entry for versions in self.versions.values() for entry in versions[kept]]
        expected.sort(key=lambda entry: -entry.date)
        seen = self.reader.entries()
        same(f"the store of {self.name}, {step}", set(seen), set(expected))
        same(f"the number of entries in the store of {self.name}, {step}", len(seen), len(expected))
        order, right = ([*dict.fromkeys(entry.id for entry in entries)] for entries in (seen, expected))
        same(f"the order in the store of {self.name}, {step}", order, right)
        same(f"unread entries of {self.name}, {step}", self.reader.unread(), new)

    def has_parsed(self, step, entries):
        """Where a parser keeps it, the document has the entries of now, in their order."""
        if isinstance(self.reader, Parser):
            same(f"the document that {self.name} parsed, {step}", self.reader.parsed, entries)

    def has_asked(self, step, moved):
        """Once, with the validators it was given if it is a reader that does; whoever asked with those of now got 304."""
        asked = self.proxy.asked[self.path]
        same(f"the number of requests of {self.name}, {step}", len(asked), self.fetches)
        *before, last = asked
        same(f"the validators that {self.name} was given, {step}", tuple(last.validators), VALIDATORS)
        if before:
            self.have_moved(step, moved, before[-1].validators, last.validators)
        knows = self.reader.conditional is not None and self.fetches >= self.reader.conditional
        conditions = dict(zip(CONDITIONS, self.validators.values())) if knows else {}
        same(f"the conditions that {self.name} asked with, {step}", last.conditions, conditions)
        accepted = (304,) if conditions and self.validators["ETag"] == last.validators["ETag"] else (200, 226)
        check(last.status in accepted, f"the status that {self.name} got, {step}", f"one of {accepted}", last.status)

    def have_moved(self, step, moved, was, now):
        """Both validators, or none: newsboat drops an answer that is not modified later than the last, whatever its ETag."""
        if not moved:
            same(f"the validators of {self.path}, {step}", now, was)
            return
        check(now["ETag"] != was["ETag"], f"the ETag of {self.path}, {step}", f"other than {was['ETag']}", now["ETag"])
        later = email.utils.parsedate_to_datetime(now["Last-Modified"]) > email.utils.parsedate_to_datetime(was["Last-Modified"])
        check(later, f"Last-Modified of {self.path}, {step}", f"later than {was['Last-Modified']}", now["Last-Modified"])


class Subscribers:
    """All of them."""

    def __init__(self, publication, proxy, folder):
        self.publication = publication
        self.all = [Subscription(reader, feed, format, folder, proxy) for reader in READERS for feed in FEEDS for format in FORMATS]

    def fetch(self, step, moved):
        """Everybody fetches once, after a step that moved the feeds or did not."""
        entries = {feed: self.publication.entries(feed) for feed in FEEDS}
        with concurrent.futures.ThreadPoolExecutor() as pool:
            fetches = [pool.submit(subscription.fetch, step, entries[subscription.feed], moved) for subscription in self.all]
        all_of(*(fetch.result for fetch in fetches))


def check_contract():
    with workspace() as folder, Proxy() as proxy:
        os.environ.update(npm(folder / "npm", NPM))
        publication = Publication(folder, proxy)
        subscribers = Subscribers(publication, proxy, folder)
        first, second = first_digest(), second_digest()
        with publication.served(BEFORE):
            publication.publish(first)
            subscribers.fetch("after the first digest", moved=True)
            subscribers.fetch("after nothing", moved=False)

            first.story("Footbridge opens to bycicles").title = "Footbridge opens to “bicycles” & prams 🚲"
            publication.write(first)
            subscribers.fetch("after a corrected title", moved=True)

            first.stories.reverse()
            publication.write(first)
            subscribers.fetch("after another order", moved=False)

            publication.publish(second)
            subscribers.fetch("after the second digest", moved=True)

            first.stories.remove(first.story("码头钟楼恢复报时"))
            publication.write(first)
            subscribers.fetch("after a removed item", moved=True)

            publication.rename(first, "city.md")
            subscribers.fetch("after another file name", moved=False)
        with publication.served(BEFORE):
            subscribers.fetch("after a restart", moved=False)

            first.story("雨水花园试种“耐旱”苔藓").title = "雨水花园改种耐旱苔藓"
            publication.write(first)
            subscribers.fetch("after a corrected title in the renamed file", moved=True)
        with publication.served(BEFORE):
            subscribers.fetch("after another restart", moved=False)
        with publication.served(AFTER):
            subscribers.fetch("after a restart with another public address", moved=True)


if __name__ == "__main__":
    main(check_contract)
