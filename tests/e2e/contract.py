#!/usr/bin/env python3
"""The contract with subscribers: nobody sees anything again that was there before, whatever becomes of the folder and the daemon.

newsboat, rss2email, sfeed, PyPI's reader, and npm's rss-parser and feedsmith, each subscribed to all items and to one section, as
RSS and as Atom. Step by step a digest is dropped, corrected, reordered, followed by others, shortened and renamed, most of it is
removed so that the publish guard holds that back, an item is taken back, and the daemon is restarted, at last with another public
address. After each step everybody fetches, and the readers' own stores are compared with what was written. A proxy between them
and the daemon keeps the readers' addresses, and notes who asked with which validators and was answered what.
"""

import concurrent.futures
import email.utils
import os

from common import all_of, check, main, npm, same, workspace
from proxy import CONDITIONS, VALIDATORS, Proxy
from publication import NEWS, TOOLS, Publication, first_digest, second_digest, third_digest
from subscribers import FORMATS, Feedsmith, Newsboat, Parser, Reader, Rss2email, RssParser, Sfeed

BEFORE, AFTER = "https://digests.example.org/", "https://news.example.net/daily/"
FEEDS = {"all": ({NEWS, TOOLS}, "/"), "section": ({NEWS}, "/xin-wen-zi-xun/")}
READERS = [Newsboat, Rss2email, Sfeed, Reader, RssParser, Feedsmith]
NPM = ["rss-parser@3.13.0", "feedsmith@3.0.1"]


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
        expected = [entry for versions in self.versions.values() for entry in self.kept(versions)]
        expected.sort(key=lambda entry: -entry.date)
        seen = self.reader.entries()
        same(f"the store of {self.name}, {step}", set(seen), set(expected))
        same(f"the number of entries in the store of {self.name}, {step}", len(seen), len(expected))
        order, right = ([*dict.fromkeys(entry.id for entry in entries)] for entries in (seen, expected))
        same(f"the order in the store of {self.name}, {step}", order, right)
        same(f"unread entries of {self.name}, {step}", self.reader.unread(), new)

    def kept(self, versions):
        """What the reader keeps of these."""
        return versions[{"replaced": slice(-1, None), "ignored": slice(1), "added": slice(None)}[self.reader.correction]]

    def shows(self, step, id, versions):
        """The reader has a content of this id for each version that it keeps, and it says so."""
        texts, kept = self.reader.texts(id), self.kept(versions)
        check(
            len(texts) == len(kept) and all(any(words in text for text in texts) for words in kept),
            f"what {self.name} shows of {id}, {step}", kept, texts,
        )

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
        entries = {feed: self.publication.entries(sections) for feed, (sections, _) in FEEDS.items()}
        with concurrent.futures.ThreadPoolExecutor() as pool:
            fetches = [pool.submit(subscription.fetch, step, entries[subscription.feed], moved) for subscription in self.all]
        all_of(*(fetch.result for fetch in fetches))

    def show(self, step, id, versions):
        all_of(*(lambda one=subscription: one.shows(step, id, versions) for subscription in self.all))


class Contract:
    """The steps, in their order."""

    def __init__(self, folder, proxy):
        self.publication = Publication(folder, proxy, BEFORE)
        self.subscribers = Subscribers(self.publication, proxy, folder)
        self.first, self.second, self.third = first_digest(), second_digest(), third_digest()
        self.kept = self.most = self.feeds = None

    def run(self):
        with self.publication.served(BEFORE):
            self.publish_first()
            self.change_nothing()
            self.correct_title()
            self.change_order()
            self.publish_second()
            self.remove_item()
            self.rename_file()
        self.publication.publish(self.third)
        with self.publication.served(BEFORE):
            self.subscribers.fetch("after a digest that was dropped while the daemon was down", moved=True)
            self.correct_renamed()
            self.remove_most()
        with self.publication.served(BEFORE):
            self.restart_held()
            self.restore_most()
            self.confirm_removal()
            self.take_back()
        with self.publication.served(BEFORE):
            self.subscribers.fetch("after a restart", moved=False)
        with self.publication.served(AFTER):
            self.subscribers.fetch("after a restart with another public address", moved=True)

    def publish_first(self):
        self.publication.publish(self.first)
        self.subscribers.fetch("after the first digest", moved=True)

    def change_nothing(self):
        self.subscribers.fetch("after nothing", moved=False)

    def correct_title(self):
        self.first.story("Footbridge opens to bycicles").title = "Footbridge opens to “bicycles” & prams 🚲"
        self.publication.write(self.first)
        self.subscribers.fetch("after a corrected title", moved=True)

    def change_order(self):
        self.first.stories.reverse()
        self.publication.write(self.first)
        self.subscribers.fetch("after another order", moved=False)

    def publish_second(self):
        self.publication.publish(self.second)
        self.subscribers.fetch("after the second digest", moved=True)

    def remove_item(self):
        self.first.stories.remove(self.first.story("码头钟楼恢复报时"))
        self.publication.write(self.first)
        self.subscribers.fetch("after a removed item", moved=True)

    def rename_file(self):
        self.publication.rename(self.first, "city.md")
        self.subscribers.fetch("after another file name", moved=False)

    def correct_renamed(self):
        self.first.story("雨水花园试种“耐旱”苔藓").title = "雨水花园改种耐旱苔藓"
        self.publication.write(self.first)
        self.subscribers.fetch("after a corrected title in the renamed file", moved=True)

    def shorten(self):
        """Leaves two stories of the first digest; gives the others, which the guard must hold back."""
        self.kept = [self.first.story("A ruler for maps"), self.first.story("图书馆征集旧明信片")]
        return self.publication.shorten(self.first, self.kept)

    def remove_most(self):
        self.feeds = [*self.publication.feeds()]
        self.most = self.shorten()
        self.publication.held_back(self.most)
        self.serve_what_was("while a removal is held back")

    def serve_what_was(self, step):
        """Every feed is byte for byte what it was before anything was held back."""
        for was, now in zip(self.feeds, self.publication.feeds(), strict=True):
            same(f"route and validators, {step}", now[:3], was[:3])
            check(now[3] == was[3], f"the bytes of {was[0]}, {step}", "as they were", "others under the same validators")
        self.subscribers.fetch(step, moved=False)

    def restart_held(self):
        self.publication.held_back(self.most)
        self.serve_what_was("after a restart while a removal is held back")

    def restore_most(self):
        self.publication.put(self.first.name, self.first.markdown())
        self.publication.let_through()
        self.serve_what_was("after what was held back is restored")

    def confirm_removal(self):
        self.publication.held_back(self.shorten())
        self.publication.confirm()
        self.publication.let_through()
        self.first.stories = self.kept
        self.subscribers.fetch("after a confirmed removal", moved=True)

    def take_back(self):
        story = self.second.story("Lighthouse lends binoculars")
        story.retracted = "the harbour has not agreed"
        self.publication.write(self.second)
        step = "after an item is taken back"
        self.subscribers.fetch(step, moved=True)
        self.subscribers.show(step, story.id, [story.text, story.retracted])


def check_contract():
    with workspace() as folder, Proxy() as proxy:
        os.environ.update(npm(folder / "npm", NPM))
        Contract(folder, proxy).run()


if __name__ == "__main__":
    main(check_contract)
