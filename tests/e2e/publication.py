"""A publication under test: digests as their author has them, the daemon that serves them, and what the publish guard does."""

import contextlib
import dataclasses
import datetime
import itertools

from common import Daemon, binary, check, items, run, same, show, until
from subscribers import Entry

NEWS, TOOLS = "新闻资讯", "Tools & Toys"
PUBLISH_AT = datetime.time(8, tzinfo=datetime.timezone.utc)
FOLDERS = ["/", "/xin-wen-zi-xun/", "/tools-and-toys/", "/digests/"]
ROUTES = ["/feeds.opml", *(folder + file for folder in FOLDERS for file in ("rss.xml", "atom.xml", "feed.json"))]


@dataclasses.dataclass
class Story:
    """An item as its author has it. The id and the date (in seconds since 1970) are those it was published with."""

    section: str
    title: str
    text: str
    link: str | None = None
    id: str | None = None
    date: int | None = None
    retracted: str | None = None

    def markdown(self):
        notice = f"<!-- retracted: {self.retracted} -->\n" if self.retracted else ""
        link = f" [>阅读原文]({self.link})" if self.link else ""
        return f"### {self.title}\n{notice}\n{self.text}{link}\n"

    def entry(self, public, day):
        """What readers must have of it: without a story elsewhere, or taken back, it leads to its place on the digest's page."""
        page = f"{public}digests/{day}/#{self.id.rpartition('/')[2]}"
        if self.retracted:
            return Entry(self.id, f"Retracted: {self.title}", page, self.date)
        return Entry(self.id, self.title, self.link or page, self.date)


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
        Story(NEWS, "旧车站改成暗房", "冲洗照片不收钱，药水自带。", "https://news.example.com/darkroom"),
        Story(NEWS, "Bakery lends its oven", "On Sundays, to whoever brings dough.", "https://news.example.com/oven"),
        Story(TOOLS, "A ruler for maps", "Reads distances off any picture with a scale.", "https://tools.example.com/ruler"),
        Story(TOOLS, "纸飞机图样集", "二十种折法，每页一种，可以直接打印。", "https://tools.example.com/planes"),
        Story(TOOLS, "A sundial to cut out", "For any latitude, on thick paper.", "https://tools.example.com/sundial"),
    ])


def second_digest():
    return Digest("2026-03-03", "2026-03-03.md", [
        Story(NEWS, "有轨电车站台种上野花", "花籽来自沿线的护坡，不浇水，不修剪。", "https://news.example.com/tram-flowers"),
        Story(NEWS, "Lighthouse lends binoculars", "One hour each, for a library card.", "https://coast.example.org/binoculars"),
        Story(NEWS, "社区厨房交换菜种", "每人带一包，换一包，种法写在包上。"),
        Story(TOOLS, "A calendar on one page", "It prints without colours and folds in four.", "https://tools.example.com/calendar"),
    ])


def third_digest():
    return Digest("2026-03-04", "2026-03-04.md", [
        Story(NEWS, "渡口等候室挂出潮汐表", "手写，每月一张，月底可以领走。", "https://coast.example.org/tides"),
        Story(NEWS, "Night buses wait for the last train", "Ten minutes at most.", "https://news.example.com/night-buses"),
        Story(TOOLS, "A kite from a newspaper", "Two sticks, some glue, a tail.", "https://tools.example.com/kite"),
    ])


class Publication:
    """The folder, the daemon on it, and what subscribers must have seen. Ids are those of its first public address."""

    def __init__(self, folder, proxy, origin):
        self.feedmill, self.proxy, self.origin = binary(folder), proxy, origin
        self.content, self.state = folder / "content", folder / "state"
        self.content.mkdir()
        self.public, self.daemon, self.heard = None, None, 0
        self.digests, self.looks = [], itertools.count(1)

    @contextlib.contextmanager
    def served(self, public):
        """By a daemon that keeps its state, under a public address."""
        with Daemon(self.feedmill, self.content, "--state", self.state, "--base-url", public) as daemon:
            self.public, self.daemon, self.proxy.daemon, self.heard = public, daemon, daemon, 0
            yield
        self.daemon = None

    def put(self, name, text):
        """Brings a file into the folder in one step, as a careful writer does."""
        outside = self.content.parent / "half-written"
        outside.write_text(text)
        outside.rename(self.content / name)

    def looked_at(self):
        """Waits until the daemon has seen the folder as it is: it shows one digest more, which has no items and moves no feed of items."""
        look = f"Look {next(self.looks)}"
        self.put("2026-01-01.md", f"---\ndate: 2026-01-01\ntitle: {look}\n---\n\n# {look}\n")
        until(f"the page of {look}", lambda: f"{look}<".encode() in self.daemon.get("/digests/2026-01-01/")[2])

    def publish(self, digest):
        """Drops a digest into the folder. From now on the ids of its stories and their dates, which fall second by second, stay."""
        self.write(digest)
        self.digests.insert(0, digest)
        (shown,) = (shown for shown in show(self.feedmill, self.content, FEEDMILL_SITE_BASE_URL=self.origin) if shown["key"] == digest.day)
        ids = {item["title"]: item["id"] for item in items(shown)}
        moment = int(datetime.datetime.combine(datetime.date.fromisoformat(digest.day), PUBLISH_AT).timestamp())
        for at, story in enumerate(digest.stories):
            story.id, story.date = ids[story.title], moment - at

    def write(self, digest):
        """A daemon that does not run looks when it starts."""
        self.put(digest.name, digest.markdown())
        if self.daemon:
            self.looked_at()

    def rename(self, digest, name):
        (self.content / digest.name).rename(self.content / name)
        digest.name = name
        self.looked_at()

    def entries(self, sections):
        """What the feed of these sections must have now, newest first."""
        stories = ((digest.day, story) for digest in self.digests for story in digest.stories if story.section in sections)
        return sorted((story.entry(self.public, day) for day, story in stories), key=lambda entry: -entry.date)

    def feeds(self):
        """Every feed as it is served: route, validators, and bytes."""
        for route in ROUTES:
            status, headers, body = self.daemon.get(route)
            same(f"the status of {route}", status, 200)
            yield route, headers["ETag"], headers["Last-Modified"], body

    def hears(self, words):
        """Waits until the daemon's log says so, after what it was heard saying before; gives what it said since."""
        before = self.heard
        self.heard = until(f"the log says {words!r}", lambda: self.daemon.logged().find(words, before) + 1)
        return self.daemon.logged()[before:self.heard]

    def shorten(self, digest, kept):
        """Leaves these stories alone in the digest, which the guard must hold back; gives the stories that would vanish."""
        self.put(digest.name, dataclasses.replace(digest, stories=kept).markdown())
        return [story for story in digest.stories if story not in kept]

    def held_back(self, stories):
        """Waits until the log has told that the guard holds back that these vanish, and has them listed."""
        lines = sorted(f"vanishes: `{story.title}` ({story.id})" for story in stories)
        told = [line.partition("held back: ")[2] for line in self.hears("the old site stays").splitlines() if "held back: " in line]
        same("what the log says to be held back", sorted(told), lines)
        summary, *listed = self.confirm("--list")
        same("what feedmill confirm --list prints", listed, lines)
        would = f"of the entries that readers have, {len(stories)} would vanish; with what went or was corrected within the last hour that is "
        check(summary.startswith(would), "the summary of feedmill confirm --list", f"{would}…", summary)

    def let_through(self):
        """Waits until nothing is held back any more, and nothing can be confirmed."""
        self.hears("nothing is held back any more")
        self.confirm(accepted=(2,))
        self.looked_at()

    def confirm(self, *arguments, **options):
        """The lines that `feedmill confirm` prints: a summary, and what would become of which entries."""
        told = run([self.feedmill, "confirm", "--state", self.state, *arguments], **options).stdout.decode().splitlines()
        return told[:1] + sorted(told[1:])
