"""Feed readers, each with its own store of what a subscriber sees: fetch, and look into it.

`correction` tells what becomes of a title that is corrected: it is replaced, ignored, or added beside the old one.
`conditional` is the number of the fetch from which the reader asks with the validators it was given; None when it never does.
`texts` gives the contents that it keeps for an id.
"""

import contextlib
import datetime
import email.header
import email.utils
import json
import mailbox
import os
import re
import sqlite3
import typing

from common import check, module, run, same, tool

FORMATS = ["rss.xml", "atom.xml"]


class Entry(typing.NamedTuple):
    """What a reader must agree about. The date is in seconds since 1970."""

    id: str
    title: str
    link: str
    date: int


class Known:
    """For a store without read marks: what it held when all was marked read is no news, by id."""

    read = frozenset()

    def unread(self):
        return {entry.id for entry in self.entries()} - self.read

    def mark_all_read(self):
        self.read = {entry.id for entry in self.entries()}


class Newsboat:
    """Its store is an SQLite file; it forgets nothing and knows what was read."""

    correction, conditional = "replaced", 3

    def __init__(self, folder, url):
        self.folder, self.cache = folder, folder / "cache.db"
        (folder / "urls").write_text(url + "\n")
        (folder / "config").write_text("auto-reload no\n")

    def call(self, *arguments):
        files = ["-u", self.folder / "urls", "-C", self.folder / "config", "-c", self.cache]
        return run(["newsboat", "-q", *files, *arguments], env=os.environ | {"HOME": str(self.folder)})

    def fetch(self):
        self.call("-x", "reload")

    def rows(self, query, *values):
        with contextlib.closing(sqlite3.connect(self.cache)) as connection:
            return connection.execute(query, values).fetchall()

    def entries(self):
        query = "select guid, title, url, pubDate from rss_item where deleted = 0 order by pubDate desc, id"
        return [Entry(*row) for row in self.rows(query)]

    def texts(self, id):
        return [row[0] for row in self.rows("select content from rss_item where deleted = 0 and guid = ?", id)]

    def unread(self):
        told = self.call("-x", "print-unread").stdout.decode()
        ids = {row[0] for row in self.rows("select guid from rss_item where unread = 1")}
        same("newsboat print-unread", told.split()[0], str(len(ids)))
        return ids

    def mark_all_read(self):
        read = self.folder / "read"
        read.write_text("".join(entry.id + "\n" for entry in self.entries()))
        self.call("-I", read)


class Rss2email:
    """Its store is the mail it sent; it sends nothing twice, corrections neither."""

    correction, conditional = "ignored", 2

    def __init__(self, folder, url):
        self.base = ["r2e", "-c", folder / "config", "-d", folder / "state"]
        self.inbox = folder / "mail" / "inbox"
        self.inbox.parent.mkdir()
        mailbox.Maildir(self.inbox, create=True)
        settings = {
            "from": "reader@localhost", "to": "reader@localhost", "email-protocol": "maildir", "maildir-path": self.inbox.parent,
            "maildir-mailbox": self.inbox.name, "date-header": True, "html-mail": True, "verbose": "warning",
        }
        (folder / "config").write_text("[DEFAULT]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items()))
        run([*self.base, "add", "subscription", url])

    def fetch(self):
        told = run([*self.base, "run"])
        same("what rss2email complains about", (told.stdout + told.stderr).decode(), "")

    def entries(self):
        """Newest first: the oldest entry is sent first, and file names begin with the moment of delivery."""
        def delivered(path):
            second, microsecond, number = re.match(r"(\d+)\.M(\d+)P\d+Q(\d+)", path.name).groups()
            return int(second), int(microsecond), int(number)

        def entry(path):
            mail = mailbox.MaildirMessage(path.read_bytes())
            title = str(email.header.make_header(email.header.decode_header(mail["Subject"])))
            date = email.utils.parsedate_to_datetime(mail["Date"].replace("-0000", "+0000"))
            return Entry(mail["X-RSS-ID"], title, mail["X-RSS-URL"], int(date.timestamp()))

        return [entry(path) for path in sorted(self.mails("new", "cur"), key=delivered, reverse=True)]

    def texts(self, id):
        mails = (mailbox.MaildirMessage(path.read_bytes()) for path in self.mails("new", "cur"))
        return [mail.get_payload(decode=True).decode() for mail in mails if mail["X-RSS-ID"] == id]

    def mails(self, *parts):
        return [path for part in parts for path in (self.inbox / part).iterdir()]

    def unread(self):
        return {mailbox.MaildirMessage(path.read_bytes())["X-RSS-ID"] for path in self.mails("new")}

    def mark_all_read(self):
        """As a mail program does it."""
        for path in self.mails("new"):
            path.rename(self.inbox / "cur" / f"{path.name}:2,S")


class Sfeed(Known):
    """Its store is a table, newest first; it merges by id, title and link, so that a corrected title is a further line."""

    correction, conditional = "added", None

    def __init__(self, folder, url):
        tool("curl")  # with which sfeed_update fetches
        self.settings, self.table = folder / "sfeedrc", folder / "subscription"
        self.settings.write_text(f"sfeedpath='{folder}'\nfeeds() {{ feed subscription '{url}'; }}\n")

    def fetch(self):
        run(["sfeed_update", self.settings])

    def rows(self):
        return [line.split("\t") for line in self.table.read_text().splitlines()]

    def entries(self):
        return [Entry(row[5], row[1], row[2], int(row[0])) for row in self.rows()]

    def texts(self, id):
        return [row[3] for row in self.rows() if row[5] == id]


class Feedparser:
    """A library; its user keeps the validators and the entries, here by id. May be sent the difference alone (RFC 3229)."""

    correction, conditional = "replaced", 2

    def __init__(self, _, url):
        self.url, self.known, self.validators, self.status = url, {}, {}, None

    def parse(self, **validators):
        parsed = module("feedparser").parse(self.url, **validators)
        check(not parsed.bozo, f"feedparser takes {self.url}", "a well-formed feed", parsed.get("bozo_exception"))
        return parsed

    def fetch(self):
        parsed = self.parse(**self.validators)
        self.status = parsed.status
        check(self.status in (200, 226, 304), f"the status that feedparser got of {self.url}", "200, 226 or 304", self.status)
        self.validators = {name: parsed[name] for name in ("etag", "modified") if name in parsed} or self.validators
        ids = [entry.id for entry in parsed.entries]
        same(f"ids of {self.url}, none twice", sorted(set(ids)), sorted(ids))
        for entry in parsed.entries:
            date = datetime.datetime(*entry.published_parsed[:6], tzinfo=datetime.timezone.utc)
            self.known[entry.id] = Entry(entry.id, entry.title, entry.link, int(date.timestamp()))
        if self.status == 200:
            self.known = {id: self.known[id] for id in ids}

    def entries(self):
        """As the document has them; after a difference, by date."""
        known = list(self.known.values())
        return sorted(known, key=lambda entry: -entry.date) if self.status == 226 else known


class Reader:
    """PyPI's `reader`. Its store is an SQLite file; it forgets nothing and knows what was read."""

    correction, conditional = "replaced", 2

    def __init__(self, folder, url):
        self.folder, self.url = folder, url
        with self.opened() as store:
            store.add_feed(url)

    def opened(self):
        return contextlib.closing(module("reader").make_reader(str(self.folder / "reader.sqlite")))

    def fetch(self):
        with self.opened() as store:
            store.update_feed(self.url)

    def entries(self):
        with self.opened() as store:
            return [Entry(entry.id, entry.title, entry.link, int(entry.published.timestamp())) for entry in store.get_entries()]

    def texts(self, id):
        with self.opened() as store:
            return [entry.get_content().value for entry in store.get_entries() if entry.id == id]

    def unread(self):
        with self.opened() as store:
            return {entry.id for entry in store.get_entries(read=False)}

    def mark_all_read(self):
        with self.opened() as store:
            for entry in store.get_entries(read=False):
                store.mark_entry_as_read(entry)


class Parser(Known):
    """A parser from npm, found by NODE_PATH; its user keeps the entries, here by id."""

    correction, conditional = "replaced", None
    script = None

    def __init__(self, _, url):
        self.url, self.known, self.contents, self.parsed = url, {}, {}, []

    def fetch(self):
        """`parsed` is the document as the parser sees it."""
        script = f"(async url => {{ {self.script} }})(process.argv[1]).then(seen => console.log(JSON.stringify(seen)))"
        seen = json.loads(run(["node", "-e", script, self.url]).stdout)
        self.parsed = [Entry(id, title, link, int(datetime.datetime.fromisoformat(date).timestamp())) for id, title, link, date, _ in seen]
        ids = [entry.id for entry in self.parsed]
        same(f"ids of {self.url}, none twice", sorted(set(ids)), sorted(ids))
        self.known |= {entry.id: entry for entry in self.parsed}
        self.contents |= {id: content for id, *_, content in seen}

    def entries(self):
        return sorted(self.known.values(), key=lambda entry: -entry.date)

    def texts(self, id):
        return [self.contents[id]]


class RssParser(Parser):
    """npm's `rss-parser`, which fetches by itself."""

    script = """
const feed = await new (require('rss-parser'))().parseURL(url);
return feed.items.map(item => [item.guid ?? item.id, item.title, item.link, item.isoDate, item['content:encoded'] ?? item.content]);
"""


class Feedsmith(Parser):
    """npm's `feedsmith`, which takes what was fetched."""

    script = """
const { format, feed } = require('feedsmith').parseFeed(await (await fetch(url)).text());
const iso = date => new Date(date).toISOString();
return format === 'rss'
  ? feed.items.map(item => [item.guid.value, item.title, item.link, iso(item.pubDate), item.content.encoded])
  : feed.entries.map(entry => [
      entry.id, entry.title.value, entry.links.find(link => link.rel === 'alternate').href, iso(entry.published), entry.content.value,
    ]);
"""
