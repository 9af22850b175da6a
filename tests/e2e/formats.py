#!/usr/bin/env python3
"""Builds the sample digests, months of older ones and a nasty one as files, and lets other people's tools judge every format.

Atom by jing and the schema of RFC 4287, RSS by xmllint and rules of our own, JSON Feed by its JSON schema in ajv, OPML by
listparser. Who follows a feed into its archives comes upon every entry; feedparser reads them as they are served. Then the same
site once more, and once from another place, zone and locale: the bytes must be the same.
"""

import collections
import datetime
import html.parser
import itertools
import json
import os
import pathlib
import re
import shutil
import urllib.parse
import xml.etree.ElementTree as ElementTree

from common import SAMPLE, Daemon, all_of, binary, check, items, main, module, npm, run, same, show, workspace

BASE = "https://digests.example.org/daily/"
NOW = "2026-03-11T06:07:08Z"
HERE = pathlib.Path(__file__).resolve().parent
NPM = ["jsonfeed-schema@0.5", "ajv@8", "ajv-formats@3"]
ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
ARCHIVE = "{http://purl.org/syndication/history/1.0}archive"
MONTHS = ["2025-11", "2025-12", "2026-01", "2026-02"]
# https://www.w3.org/TR/xml/#charsets
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

NASTY = """---
date: 2026-03-10
title: "Nasty & <strange> \\"quotes\\" ]]> 🧨"
language: en
tags: ["a & b", "<tag>", "标签"]
authors: ["O'Neill & Söhne <desk>"]
description: 'Summary with & < > " ]]> and a bell: \u0007 end.'
---

# Nasty digest

## Odds & <ends> ]]> 🧨

### Fish & chips < 5 € > 4 "quoted" 'too'

A & B < C > D "E" 'F' ]]> G &amp; H &lt;i&gt; &#60;b&#62;. [>Read more](https://nasty.example.org/a?x=1&y=2&amp;z=3)

### Section end ]]> in a title

CDATA ends here: ]]> and `<![CDATA[ code ]]>`. [>Read more](https://nasty.example.org/cdata)

### Emoji 👩‍👩‍👧‍👦 🏳️‍🌈 𝒜 in a title

Outside the BMP: 𠜎 🚲 🇪🇺. [>Read more](https://nasty.example.org/emoji)

### Back\u0008space and an &#8;entity, \ufffe too

Raw \u0008\u000b\u000c\u001b and entities &#8; &#x1b; &#0; &#xFFFE; &#xD800; end. [>Read more](https://nasty.example.org/control)

### عنوان من اليمين إلى اليسار & שלום

نص <b>عربي</b> مع English و ‏علامات‎. [>Read more](https://nasty.example.org/rtl)

### 「中日韓」標題：**强调，**她说

他说：**真，**她也这么想。~~删除~~ [>阅读原文](https://nasty.example.org/路径/条目?问=答)

### A table and a footnote[^1]

| left | centre | right |
|:-----|:------:|------:|
| a & b | `<c>` | ]]> |

Text with a note.[^1]

- [x] done
- [ ] to do

[>Read more](https://nasty.example.org/table)

[^1]: The note & its <em>text</em>.

### Raw HTML

<iframe src="https://nasty.example.org/frame"></iframe>
<script>alert("<b>" && 1)</script>
<style>p { color: red }</style>
<form action="https://nasty.example.org/form"><input name="q"></form>
<object data="https://nasty.example.org/object"></object><embed src="https://nasty.example.org/embed">
<p onclick="alert(1)" style="max-width: 10px; position: fixed; text-align: center">Styled</p>
<img src="https://nasty.example.org/x.png" onerror="alert(1)" style="object-fit: cover" alt="x">
<svg><script>alert(1)</script></svg><math><mi xlink:href="javascript:alert(1)">x</mi></math>
<meta http-equiv="refresh" content="0;url=https://nasty.example.org/"><base href="https://nasty.example.org/">
<b>never closed <i>nor this

[>Read more](https://nasty.example.org/raw)

### Links that lead nowhere good

[script](javascript:alert(1)), [mixed](JaVa&#115;cript:alert(1)), [data](data:text/html,x), [relative](../other/page.html),
[root](/rooted), [anchor](#here), [scheme](//scheme.example.org/x), ![relative image](img/picture.png),
<img src="/rooted.png" srcset="small.png 1x, https://nasty.example.org/big.png 2x" alt="two"> <video src="v.mp4" poster="p.png"></video>
[>Read more](https://nasty.example.org/links)

### Only a relative link

Nothing else. [>Read more](../relative/story.html)

### <dialog> & <script>alert(1)</script> in a title

Text. [>Read more](https://nasty.example.org/markup)

###

An item without a title. [>Read more](https://nasty.example.org/untitled)
"""
# As they must come out: plain text, without what XML 1.0 forbids.
TITLES = {
    "https://nasty.example.org/a": "Fish & chips < 5 € > 4 \"quoted\" 'too'",
    "https://nasty.example.org/cdata": "Section end ]]> in a title",
    "https://nasty.example.org/emoji": "Emoji 👩‍👩‍👧‍👦 🏳️‍🌈 𝒜 in a title",
    "https://nasty.example.org/rtl": "عنوان من اليمين إلى اليسار & שלום",
    "https://nasty.example.org/control": "Backspace and an entity, too",
    "https://nasty.example.org/%E8%B7%AF%E5%BE%84/%E6%9D%A1%E7%9B%AE": "「中日韓」標題：强调，她说",
    "https://nasty.example.org/table": "A table and a footnote",
}
# Parts of the contents.
CONTENTS = [
    ("https://nasty.example.org/a", "A &amp; B &lt; C &gt; D"),
    ("https://nasty.example.org/cdata", "<code>&lt;![CDATA[ code ]]&gt;</code>"),
    ("https://nasty.example.org/rtl", "<strong>عربي</strong>"),
    ("https://nasty.example.org/%E8%B7%AF%E5%BE%84/%E6%9D%A1%E7%9B%AE", "<strong>真，</strong>她"),
    ("https://nasty.example.org/table", "<table>"),
    ("https://nasty.example.org/table", "☑ done"),
    ("https://nasty.example.org/table", "The note &amp; its <em>text</em>."),
    ("https://nasty.example.org/raw", ">Styled</p>"),
]


def history():
    """Digests of the months before, by date; a section that the first and the third have alone leaves a gap."""
    adjectives = "Quiet Bright Narrow Crooked Borrowed Painted Floating Forgotten Wooden Silver Secret".split()
    nouns = "bridge garden harbour ladder market orchard staircase tower".split()
    titles = (f"{adjective} {noun} & its <keeper>" for adjective, noun in itertools.product(adjectives, nouns))
    for at, month in enumerate(MONTHS):
        sections = ["新闻资讯"] if at % 2 else ["新闻资讯", "旧事"]
        for date in (f"{month}-{day:02}" for day in range(1, 29, 4)):
            text = f"---\ndate: {date}\ntitle: 旧日报 {date}\nlanguage: zh-CN\n---\n\n"
            for number, section in enumerate(sections):
                link = f" [>阅读原文](https://old.example.org/{date}/{number}?a=1&b=2)"
                text += f"## {section}\n\n### {next(titles)}\n\nWith a story.{link}\n\n### {next(titles)}\n\nWithout.\n\n"
            yield date, text


class Markup(html.parser.HTMLParser):
    """Judges the HTML of an entry; `ids` are the places one can link to."""

    REFUSED = {"script", "style", "iframe", "object", "embed", "form", "input", "button", "meta", "base", "link", "svg", "math", "frame"}
    ADDRESSES = {"href", "src", "poster", "cite", "data", "action", "formaction", "background", "xlink:href", "longdesc", "ping"}
    STYLE = re.compile(r"\s*(text-align:\s*(left|right|center|justify|start|end)\s*;?\s*)?")

    def __init__(self, text):
        super().__init__()
        self.complaints, self.links, self.ids = [], [], set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag in self.REFUSED:
            self.complaints.append(f"the element {self.get_starttag_text()}")
        for name, value in attributes:
            if name == "id":
                self.ids.add(value)
            elif name in self.ADDRESSES:
                self.links.append(value or "")
            elif name == "srcset":
                self.links += [candidate.split()[0] for candidate in (value or "").split(",") if candidate.strip()]
            elif name.startswith("on") or name == "style" and not self.STYLE.fullmatch(value or ""):
                self.complaints.append(f"the attribute {name} of {self.get_starttag_text()}")

    def judged(self):
        """What is wrong with it as the content of an entry."""
        relative = [link for link in self.links if not re.match(r"https?://[^/]", link)]
        return self.complaints + [f"the link {link!r}" for link in relative]


def text_of(element, path, what):
    """The text of a child that must be there once and not be empty."""
    found = element.findall(path)
    check(len(found) == 1 and (found[0].text or "").strip(), what, f"one {path} with text", [child.text for child in found])
    return found[0].text


def rfc822(text, what):
    """A date as RSS wants it: with the right weekday, a four-digit year and a numeric zone."""
    pattern = r"(\w{3}), (\d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4})"
    match = re.fullmatch(pattern, text)
    check(match, what, pattern, text)
    moment = datetime.datetime.strptime(match[2], "%d %b %Y %H:%M:%S %z")
    same(f"the weekday of {what} {text!r}", match[1], "Mon Tue Wed Thu Fri Sat Sun".split()[moment.weekday()])
    return moment


def url_of(site, file):
    """The public address of a file of the site."""
    return urllib.parse.urljoin(BASE, file.relative_to(site).as_posix())


def page_of(file, site):
    """The public address of the page that a feed belongs to."""
    return url_of(site, file).removesuffix(file.name).removesuffix("archive/")


class Entry:
    """An entry as one of the formats has it, with what all three must have in common."""

    def __init__(self, id, title, link, published, htmls, texts):
        self.common = (id, title, link, published)
        self.id, self.published, self.htmls, self.texts = id, published, htmls, [title, *texts]

    def judge(self, where):
        where = f"{where}: entry {self.id}"
        check(self.common[1].strip() and self.common[1] == " ".join(self.common[1].split()), f"the title of {where}", "one line", self.common[1])
        check(re.fullmatch(r"tag:[\x21-\x7e]+", self.id), f"the id of {where}", "an ASCII tag: URI", self.id)
        check(re.match(r"https?://[^/]", self.common[2]), f"the link of {where}", "an absolute address", self.common[2])
        for text in self.texts + self.htmls:
            found = FORBIDDEN.search(text)
            check(not found, f"a character of {where}", "one that XML 1.0 allows", found)
        for text in self.htmls:
            check(text.strip(), f"the content of {where}", "not empty", text)
            same(f"what is wrong with the content of {where}", Markup(text).judged(), [])


def rss(file, site):
    """The entries of an RSS feed that keeps the rules."""
    document = ElementTree.parse(file).getroot()
    same(f"{file}: root and version", (document.tag, document.get("version")), ("rss", "2.0"))
    (channel,) = document
    for name in ("title", "description"):
        text_of(channel, name, f"{file}: the channel")
    same(f"{file}: the channel's link", text_of(channel, "link", str(file)), page_of(file, site))
    links = [link.get("href") for link in channel.findall(f"{ATOM}link") if link.get("rel") == "self"]
    same(f"{file}: atom:link rel=self", links, [url_of(site, file)])
    rfc822(text_of(channel, "lastBuildDate", str(file)), f"{file}: lastBuildDate")
    return [rss_entry(item, file) for item in channel.findall("item")]


def rss_entry(item, file):
    title, link, guid = (text_of(item, name, f"{file}: an item") for name in ("title", "link", "guid"))
    same(f"{file}: isPermaLink of {guid}", item.find("guid").get("isPermaLink"), "false")
    published = rfc822(text_of(item, "pubDate", f"{file}: {guid}"), f"{file}: {guid}: pubDate")
    order = [child.tag for child in item if child.tag in ("description", CONTENT)]
    check(order in (["description"], ["description", CONTENT]), f"{file}: {guid}", "description, then content:encoded", order)
    texts = [child.text or "" for child in item if child.tag not in ("description", CONTENT)]
    return Entry(guid, title, link, published, [item.find(name).text or "" for name in order], texts)


def atom(file, site):
    """The entries of an Atom feed; its grammar is jing's business."""
    feed = ElementTree.parse(file).getroot()
    links = atom_links(file)
    same(f"{file}: self and alternate", (links.get("self"), links.get("alternate")), (url_of(site, file), page_of(file, site)))
    # The newest month still grows, so it is no archive yet.
    same(f"{file}: fh:archive", len(feed.findall(ARCHIVE)), int("next-archive" in links))
    entries = feed.findall(f"{ATOM}entry")
    newest = max((entry.find(f"{ATOM}updated").text for entry in entries), default=None)
    same(f"{file}: updated", feed.find(f"{ATOM}updated").text, newest or feed.find(f"{ATOM}updated").text)
    return [atom_entry(entry) for entry in entries]


def atom_links(file):
    """Addresses by relation, none twice."""
    links = [(link.get("rel"), link.get("href")) for link in ElementTree.parse(file).getroot().findall(f"{ATOM}link")]
    same(f"{file}: relations of links, none twice", len(dict(links)), len(links))
    return dict(links)


def atom_entry(entry):
    id, title, published = (text_of(entry, f"{ATOM}{name}", "an entry") for name in ("id", "title", "published"))
    for name in ("title", "summary"):
        for text in entry.findall(f"{ATOM}{name}"):
            check(text.get("type", "text") == "text", f"the type of the {name} of {id}", "text", text.get("type"))
    (link,) = (link.get("href") for link in entry.findall(f"{ATOM}link") if link.get("rel") == "alternate")
    content = entry.find(f"{ATOM}content")
    same(f"the type of the content of {id}", content.get("type"), "html")
    texts = [child.text or "" for child in entry if child is not content]
    return Entry(id, title, link, datetime.datetime.fromisoformat(published), [content.text or ""], texts)


def json_feed(file, site):
    """The entries of a JSON feed; its types are the schema's business."""
    feed = json.loads(file.read_text())
    same(f"{file}: version", feed["version"], "https://jsonfeed.org/version/1.1")
    same(f"{file}: feed_url and home_page_url", (feed["feed_url"], feed["home_page_url"]), (url_of(site, file), page_of(file, site)))
    return [json_entry(item) for item in feed["items"]]


def json_entry(item):
    texts = [item.get("summary", ""), *item.get("tags", []), *(author["name"] for author in item.get("authors", []))]
    published = datetime.datetime.fromisoformat(item["date_published"])
    return Entry(item["id"], item["title"], item.get("external_url", item["url"]), published, [item["content_html"]], texts)


FORMATS = {"rss.xml": rss, "atom.xml": atom, "feed.json": json_feed}
ARCHIVES = {"atom": atom, "json": json_feed}


def files(site, *names):
    """Every feed of some formats."""
    found = {name: sorted(site.rglob(name)) for name in names}
    for name, those in found.items():
        check(len(those) > 10, f"files named {name}", "more than 10", len(those))
    return [file for those in found.values() for file in those]


def entries_of(file, site, read):
    """What the entries of a document say, each of which keeps the rules; none comes twice, and the newest first."""
    entries = read(file, site)
    for entry in entries:
        entry.judge(file)
    ids = [entry.id for entry in entries]
    same(f"{file}: ids, none twice", sorted(set(ids)), sorted(ids))
    late = [pair for pair in zip(entries, entries[1:]) if pair[0].published <= pair[1].published]
    same(f"{file}: dates that do not decrease", [entry.common for pair in late for entry in pair], [])
    return [entry.common for entry in entries]


def feeds_agree(site):
    """Each feed keeps the rules, and says the same in the three formats."""
    for file in files(site, "rss.xml"):
        seen = {name: entries_of(file.with_name(name), site, read) for name, read in FORMATS.items()}
        check(seen["rss.xml"] or file.parent == site, f"{file}", "entries", "none")
        for name in ("atom.xml", "feed.json"):
            same(f"{file.with_name(name)} against rss.xml", seen[name], seen["rss.xml"])


def archives_agree(site):
    """Each month of a feed keeps the rules, says the same in both formats, and has what was published then."""
    for file in files(site, "archive/*.atom"):
        seen = {ending: entries_of(file.with_suffix(f".{ending}"), site, read) for ending, read in ARCHIVES.items()}
        same(f"{file.with_suffix('.json')} against Atom", seen["json"], seen["atom"])
        same(f"{file}: months of entries", {f"{published:%Y-%m}" for *_, published in seen["atom"]}, {file.stem})
    atoms, jsons = ({file.with_suffix("") for file in files(site, f"archive/*.{ending}")} for ending in ARCHIVES)
    same("months as JSON", jsons, atoms)


def archives_lead_back(feedmill, content, site):
    """From each feed, month by month, to its first entry: all there are, and over the months none twice."""
    expected = collections.defaultdict(set)
    for digest in show(feedmill, content, FEEDMILL_SITE_BASE_URL=BASE):
        for section in digest["sections"]:
            ids = {item["id"] for item in section["items"]}
            expected[site] |= ids
            expected[site / section["slug"]] |= ids
            expected[site / "digests"] |= {id.rpartition("/")[0] for id in ids}
    for folder, ids in expected.items():
        months = sorted((folder / "archive").glob("*.atom"))
        neighbours_are_named(site, folder, months)
        leads_back(site, folder / "atom.xml", months, atom, lambda file: atom_links(file).get("prev-archive"), ids)
        months = [month.with_suffix(".json") for month in months]
        leads_back(site, folder / "feed.json", months, json_feed, lambda file: json.loads(file.read_text()).get("next_url"), ids)
    for folder, months in {"": [*MONTHS, "2026-03"], "digests": [*MONTHS, "2026-03"], "jiu-shi": MONTHS[::2]}.items():
        had = sorted(month.stem for month in (site / folder / "archive").glob("*.atom"))
        same(f"the months of /{folder}", had, months)


def neighbours_are_named(site, folder, months):
    """RFC 5005, section 4: every month leads to the one before, the one after, and the feed; the feed to none after it."""
    addresses = [None, *(url_of(site, month) for month in months), None]
    for month, before, after in zip(months, addresses, addresses[2:]):
        links = atom_links(month)
        seen = [links.get(relation) for relation in ("prev-archive", "next-archive", "current")]
        same(f"{month}: archives before and after, and the feed", seen, [before, after, url_of(site, folder / "atom.xml")])
    links = atom_links(folder / "atom.xml")
    same(f"{folder / 'atom.xml'}: links of an archive", {*links} & {"next-archive", "current"}, set())


def leads_back(site, feed, months, read, before, ids):
    """Follows a feed back: to the newest month of which it does not show all, and from there to every older one."""
    shown = {entry.id for entry in read(feed, site)}
    entries = {month: [entry.id for entry in read(month, site)] for month in months}
    expected = list(reversed(months))
    while expected and shown.issuperset(entries[expected[0]]):
        expected.pop(0)
    seen, at = [], feed
    while (address := before(at)) and len(seen) < len(months):
        at = site / address.removeprefix(BASE)
        seen.append(at)
    same(f"{feed}: the months it leads to", seen, expected)
    over = [id for month in months for id in entries[month]]
    same(f"{feed}: entries of its months, none twice", sorted(over), sorted(ids) if months else [])
    same(f"{feed}: entries of it and of the months it leads to", shown.union(*(entries[month] for month in seen)), ids)


def archives_are_served(feedmill, content, site):
    """As they were built. feedparser reads those in Atom, and whoever has one is told that it did not change."""
    types = {".atom": "application/atom+xml; charset=utf-8", ".json": "application/feed+json; charset=utf-8"}
    with Daemon(feedmill, content, "--base-url", BASE) as daemon:
        for file in files(site, "archive/*.atom", "archive/*.json"):
            route = f"/{file.relative_to(site).as_posix()}"
            status, headers, body = daemon.get(route)
            same(f"status and type of {route}", (status, headers["Content-Type"]), (200, types[file.suffix]))
            check(body == file.read_bytes(), f"the bytes of {route}", f"those of {file}", body[:200])
            same(f"the status of {route} for who has it", daemon.get(route, if_none_match=headers["ETag"])[0], 304)
            if file.suffix == ".atom":
                feedparser_reads(daemon.address(route), file, site)


def feedparser_reads(address, file, site):
    parsed = module("feedparser").parse(address)
    check(not parsed.bozo, f"feedparser takes {address}", "a well-formed feed", parsed.get("bozo_exception"))
    same(f"what feedparser takes {address} for", (parsed.version, "fh_archive" in parsed.feed), ("atom10", "next-archive" in atom_links(file)))
    same(f"links that feedparser sees in {address}", {link.rel: link.href for link in parsed.feed.links}, atom_links(file))
    seen = [(entry.id, entry.title, entry.link) for entry in parsed.entries]
    same(f"entries that feedparser sees in {address}", seen, [entry.common[:3] for entry in atom(file, site)])


def links_lead_somewhere(site):
    """Every link of the feeds' contents into the site has a file, and a place in it when it names one."""
    pages = {}
    for file in files(site, "feed.json", "archive/*.json"):
        feed = json.loads(file.read_text())["items"]
        links = {link for item in feed for link in [item["url"], *Markup(item["content_html"]).links]}
        for link in sorted(link for link in links if link.startswith(BASE)):
            address, place = urllib.parse.urldefrag(link)
            target = site / urllib.parse.unquote(address.removeprefix(BASE))
            target = target / "index.html" if address.endswith("/") else target
            check(target.is_file(), f"{file}: the link {link}", "a file of the site", "there is none")
            if place:
                pages[target] = pages.get(target) or Markup(target.read_text()).ids
                check(place in pages[target], f"{file}: the link {link}", f"id={place!r} in {target.name}", "not there")


def nasty_came_through(feedmill, content, site):
    """Titles are as written, and every item that `show` knows is in the feed of everything and of its section."""
    entries = {item["id"]: item for item in json.loads((site / "feed.json").read_text())["items"]}
    (digest,) = (digest for digest in show(feedmill, content, FEEDMILL_SITE_BASE_URL=BASE) if digest["key"] == "2026-03-10")
    shown = items(digest)
    same("the number of items of the nasty digest", len(shown), NASTY.count("\n###"))
    same("items of the nasty digest that the feed lacks", [item["title"] for item in shown if item["id"] not in entries], [])
    by_link = {item.get("external_url", item["url"]).split("?")[0]: item for item in entries.values()}
    same("links of the nasty digest that the feed lacks", {*TITLES, *dict(CONTENTS)} - set(by_link), set())
    for link, title in TITLES.items():
        same(f"the title of {link}", by_link[link]["title"], title)
    lacking = [(part, by_link[link]["content_html"]) for link, part in CONTENTS if part not in by_link[link]["content_html"]]
    same("parts that contents of the nasty digest lack", lacking, [])


def xml_is_well_formed(site):
    """By xmllint, and free of what XML 1.0 forbids, as characters and as references."""
    documents = [*files(site, "rss.xml", "atom.xml", "archive/*.atom"), site / "feeds.opml"]
    run(["xmllint", "--noout", "--nonet", *documents])
    for file in documents:
        text = file.read_bytes().decode("utf-8")
        found = FORBIDDEN.search(text)
        check(not found, f"{file}", "no character that XML 1.0 forbids", found)


def atom_is_valid(site):
    run(["jing", "-c", HERE / "atom.rnc", *files(site, "atom.xml", "archive/*.atom")])


VALIDATE = """
const ajv = new (require('ajv').default)({ allErrors: true, strict: false });
require('ajv-formats').default(ajv);
const validate = ajv.compile(require('jsonfeed-schema'));
let bad = 0;
for (const file of process.argv.slice(1)) {
  if (!validate(JSON.parse(require('fs').readFileSync(file, 'utf8')))) { bad = 1; console.error(file, validate.errors); }
}
if (validate({ version: 'https://jsonfeed.org/version/1.1', items: [{}] })) { bad = 1; console.error('the schema accepts anything'); }
process.exit(bad);
"""


def json_is_valid(site, folder):
    run(["node", "-e", VALIDATE, *files(site, "feed.json", "archive/*.json")], env=os.environ | npm(folder / "npm", NPM))


def opml_lists_all(site):
    listed = module("listparser").parse((site / "feeds.opml").read_bytes())
    check(not listed.bozo, "feeds.opml", "no complaint of listparser", listed.get("bozo_exception"))
    expected = {}
    for file in files(site, "rss.xml"):
        channel = ElementTree.parse(file).getroot().find("channel")
        expected[url_of(site, file)] = channel.find("title").text
    same("feeds in feeds.opml", {(feed.url, feed.title) for feed in listed.feeds}, set(expected.items()))
    same("the number of feeds in feeds.opml", len(listed.feeds), len(expected))
    same("distinct titles of feeds", len(set(expected.values())), len(expected))


def build(feedmill, content, output, **environment):
    command = [feedmill, "build", content, "--output", output, "--base-url", BASE, "--now", NOW]
    run(command, env=os.environ | environment)
    return output


def bytes_are_the_same(feedmill, content, site, folder):
    """Once more, and once with everything else that could matter changed."""
    run(["diff", "-r", site, build(feedmill, content, folder / "again")])
    elsewhere = folder / "another place" / "inhalt"
    shutil.copytree(content, elsewhere, copy_function=shutil.copyfile)
    for at, path in enumerate(sorted(elsewhere.rglob("*"), reverse=True)):
        os.utime(path, (1_000_000_000 + at * 100_000,) * 2)
    other = {"TZ": "Asia/Tokyo", "LANG": "C", "LC_ALL": "C", "HOME": str(folder)}
    run(["diff", "-r", site, build(feedmill, elsewhere, folder / "third", **other)])


def check_formats():
    with workspace() as folder:
        feedmill = binary(folder)
        content = folder / "content"
        shutil.copytree(SAMPLE, content)
        (content / "2026-03-10.md").write_text(NASTY)
        for date, text in history():
            (content / f"{date}.md").write_text(text)
        site = build(feedmill, content, folder / "site")
        all_of(
            lambda: xml_is_well_formed(site),
            lambda: atom_is_valid(site),
            lambda: json_is_valid(site, folder),
            lambda: feeds_agree(site),
            lambda: archives_agree(site),
            lambda: archives_lead_back(feedmill, content, site),
            lambda: archives_are_served(feedmill, content, site),
            lambda: nasty_came_through(feedmill, content, site),
            lambda: links_lead_somewhere(site),
            lambda: opml_lists_all(site),
            lambda: bytes_are_the_same(feedmill, content, site, folder),
        )


if __name__ == "__main__":
    main(check_formats)
