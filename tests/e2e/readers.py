#!/usr/bin/env python3
"""Subscribes real feed readers to a running daemon and looks into their own stores.

newsboat, rss2email, sfeed and feedparser, each to all items and to one section, as RSS and as Atom. They fetch four times
with their state kept: the first time, after a new digest, after a corrected title, and after nothing happened.
"""

import datetime
import shutil

from common import SAMPLE, Daemon, binary, check, items, main, same, show, until, workspace
from subscribers import FORMATS, Entry, Feedparser, Newsboat, Rss2email, Sfeed

PUBLIC = "https://digests.example.org/"
SECTION = "xin-wen-zi-xun"
EMPTY_DAY = "2026-03-08.md"
NEXT_DAY = "2026-03-09.md"
WRONG, RIGHT = "老剧院修复木地板", "老剧院“修复” & 重铺木地板 🎭"
FEEDS = {"all": (None, "/"), "section": (SECTION, f"/{SECTION}/")}
READERS = [Newsboat, Rss2email, Sfeed, Feedparser]


def seconds(text):
    """The seconds since 1970 of an RFC 3339 moment."""
    return int(datetime.datetime.fromisoformat(text).timestamp())


class Subscription:
    """One reader of one feed in one format."""

    def __init__(self, reader, feed, format, folder, daemon):
        folder.mkdir()
        self.feed, self.name = feed, f"{reader.__name__} on {feed} as {format}"
        self.reader = reader(folder, daemon.address(FEEDS[feed][1] + format))

    def fetch(self, expected):
        """Fetches once more; the store must then hold exactly these entries, in this order."""
        self.reader.fetch()
        same(f"the store of {self.name}", self.reader.entries(), expected)


class Site:
    """The folder, the daemon on it, and what `feedmill show` and the JSON feed say of it."""

    def __init__(self, feedmill, content, daemon):
        self.feedmill, self.content, self.daemon = feedmill, content, daemon

    def json(self, feed):
        return self.daemon.json(FEEDS[feed][1] + "feed.json")["items"]

    def drop(self, name):
        """Brings a digest into the folder in one step, as a careful writer does."""
        outside = self.content.parent / "half-written"
        shutil.copy(SAMPLE / name, outside)
        outside.rename(self.content / name)

    def shown(self, feed):
        """Ids, titles and links of the feed's items, newest digest first, each digest in document order."""
        def shown(digest, item):
            page = f"{PUBLIC}digests/{digest['key']}/#{item['id'].rpartition('/')[2]}"
            return item["id"], item["title"], item["link"] or page

        digests = show(self.feedmill, self.content, FEEDMILL_SITE_BASE_URL=PUBLIC)
        return [shown(digest, item) for digest in digests for item in items(digest, FEEDS[feed][0])]

    def expected(self, feed):
        """What readers must see: the items that are shown, with the dates of the JSON feed, once that has caught up."""
        shown = self.shown(feed)
        titles = [(id, title) for id, title, _ in shown]
        until(f"the JSON feed of {feed} shows what `show` does",
              lambda: [(item["id"], item["title"]) for item in self.json(feed)] == titles)
        dates = {item["id"]: seconds(item["date_published"]) for item in self.json(feed)}
        entries = [Entry(id, title, link, dates[id]) for id, title, link in shown]
        rising = [pair for pair in zip(entries, entries[1:]) if pair[0].date <= pair[1].date]
        same(f"pairs of {feed} that are not strictly newest first", rising, [])
        return entries


def first_fetch(site, subscriptions):
    expected = {feed: site.expected(feed) for feed in FEEDS}
    check(len(expected["section"]) > 10 < len(expected["all"]), "entries before the new day", "more than 10", expected)
    for subscription in subscriptions:
        subscription.fetch(expected[subscription.feed])
    newsboats = [subscription for subscription in subscriptions if isinstance(subscription.reader, Newsboat)]
    for newsboat in newsboats:
        newsboat.reader.mark_all_read()
        same(f"unread entries of {newsboat.name} once all are marked read", newsboat.reader.unread(), set())
    return expected, newsboats


def day_without_items(site):
    """Its page appears, and no feed of items moves."""
    routes = [route + format for _, route in FEEDS.values() for format in [*FORMATS, "feed.json"]]
    tags = {route: site.daemon.get(route)[1]["ETag"] for route in routes}
    site.drop(EMPTY_DAY)
    until("the page of the day without items", lambda: site.daemon.get("/digests/2026-03-08/")[0] == 200)
    for route, tag in tags.items():
        same(f"{route} after a day without items, asked with its ETag", site.daemon.get(route, if_none_match=tag)[0], 304)


def next_day(site, subscriptions, before, newsboats):
    site.drop(NEXT_DAY)
    after = {feed: site.expected(feed) for feed in FEEDS}
    (digest,) = (digest for digest in show(site.feedmill, site.content, FEEDMILL_SITE_BASE_URL=PUBLIC) if digest["key"] == "2026-03-09")
    new = {feed: [item["id"] for item in items(digest, section)] for feed, (section, _) in FEEDS.items()}
    for feed, entries in after.items():
        check(len(new[feed]) > 3, f"new items of {feed}", "some", new[feed])
        same(f"ids of {feed} that come first after the new day", [entry.id for entry in entries[:len(new[feed])]], new[feed])
        same(f"old entries of {feed} after the new day", entries[len(new[feed]):], before[feed])
    for subscription in subscriptions:
        subscription.fetch(after[subscription.feed])
    for newsboat in newsboats:
        same(f"unread entries of {newsboat.name} after the new day", newsboat.reader.unread(), set(new[newsboat.feed]))
        newsboat.reader.mark_all_read()
    return after


def correction(site, subscriptions, before, newsboats):
    """One title is corrected in the file as an editor does it: the same id and date everywhere, and nothing new."""
    modified = {item["id"]: item["date_modified"] for item in site.json("all")}
    path = site.content / NEXT_DAY
    text = path.read_text()
    same(f"places of {WRONG!r} in {NEXT_DAY}", text.count(f"### {WRONG}\n"), 1)
    path.write_text(text.replace(f"### {WRONG}\n", f"### {RIGHT}\n"))
    after = {feed: site.expected(feed) for feed in FEEDS}

    def corrected(entry):
        return entry._replace(title=RIGHT) if entry.title == WRONG else entry

    for feed in FEEDS:
        same(f"entries of {feed} after the correction", after[feed], [corrected(entry) for entry in before[feed]])
    moved = {item["title"] for item in site.json("all") if item["date_modified"] != modified[item["id"]]}
    same("titles of the entries whose date_modified moved", moved, {RIGHT})
    for subscription in subscriptions:
        was, now = before[subscription.feed], after[subscription.feed]
        if subscription.reader.correction == "added":
            subscription.reader.fetch()
            seen = subscription.reader.entries()
            same(f"entries of {subscription.name} after the correction", set(seen), set(was) | set(now))
            same(f"ids of {subscription.name} after the correction", {entry.id for entry in seen}, {entry.id for entry in was})
        else:
            subscription.fetch(was if subscription.reader.correction == "ignored" else now)
    for newsboat in newsboats:
        same(f"unread entries of {newsboat.name} after the correction", newsboat.reader.unread(), set())


def conditional(daemon, route, encoding):
    """304 for what is unchanged, by either validator; 200 as soon as the entity tag is another."""
    asked = {"accept_encoding": encoding}
    status, told, body = daemon.get(route, **asked)
    about = f"{route} ({encoding})"
    same(f"the status of {about}", status, 200)
    tag, moment = told["ETag"], told["Last-Modified"]
    check(tag and moment and body, f"the validators of {about}", "ETag, Last-Modified and a body", dict(told))
    questions = {
        "its ETag": {"if_none_match": tag}, "a list with its ETag": {"if_none_match": f'"other", W/{tag}'},
        "its Last-Modified": {"if_modified_since": moment},
        "its ETag and an old date": {"if_none_match": tag, "if_modified_since": "Thu, 01 Jan 2015 00:00:00 GMT"},
    }
    for question, headers in questions.items():
        status, repeated, body = daemon.get(route, **asked, **headers)
        same(f"{about} asked with {question}: status and body", (status, body), (304, b""))
        for name in ("ETag", "Last-Modified", "Cache-Control", "Vary"):
            same(f"{about} asked with {question}: {name}", repeated[name], told[name])
    questions = {
        "another ETag": {"if_none_match": '"other"'}, "an old date": {"if_modified_since": "Thu, 01 Jan 2015 00:00:00 GMT"},
        "another ETag and its Last-Modified": {"if_none_match": '"other"', "if_modified_since": moment},
    }
    for question, headers in questions.items():
        same(f"{about} asked with {question}: status", daemon.get(route, **asked, **headers)[0], 200)


def nothing_happens(site, subscriptions):
    """The stores stay as they are, and whoever asks with what it knows is told so without a body."""
    for subscription in subscriptions:
        subscription.fetch(subscription.reader.entries())
        if isinstance(subscription.reader, Feedparser):
            same(f"the status of {subscription.name} when nothing happened", subscription.reader.status, 304)
            for name, value in subscription.reader.validators.items():
                status = subscription.reader.parse(**{name: value}).status
                same(f"the status of {subscription.name} asking with {name} alone", status, 304)
    for _, route in FEEDS.values():
        for format in [*FORMATS, "feed.json"]:
            for encoding in ("identity", "gzip"):
                conditional(site.daemon, route + format, encoding)


def check_readers():
    with workspace() as folder:
        content = folder / "content"
        shutil.copytree(SAMPLE, content)
        for day in (EMPTY_DAY, NEXT_DAY):
            (content / day).unlink()
            (content / "en" / day).unlink()
        feedmill = binary(folder)
        # Every entry is wanted here; how far back feeds reach is not the question.
        everything = {"FEEDMILL_FEEDS_MAX_BYTES": "100000000", "FEEDMILL_FEEDS_DIGESTS": "1000"}
        with Daemon(feedmill, content, "--base-url", PUBLIC, **everything) as daemon:
            site = Site(feedmill, content, daemon)
            subscriptions = [
                Subscription(reader, feed, format, folder / f"{reader.__name__}-{feed}-{format}", daemon)
                for reader in READERS for feed in FEEDS for format in FORMATS
            ]
            before, newsboats = first_fetch(site, subscriptions)
            day_without_items(site)
            after = next_day(site, subscriptions, before, newsboats)
            correction(site, subscriptions, after, newsboats)
            nothing_happens(site, subscriptions)


if __name__ == "__main__":
    main(check_readers)
