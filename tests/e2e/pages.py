#!/usr/bin/env python3
"""Opens the pages of a running daemon in Chromium: titles, links, a look that is not blank, and a silent console."""

import argparse
import html.parser
import os
import pathlib
import shutil
import struct
import urllib.parse
import zlib

from common import SAMPLE, Daemon, binary, check, items, main, run, same, show, workspace

SIZE = (1200, 900)
# Text with smooth edges on a few backgrounds has many more; a blank page has one.
COLOURS = 36
TITLE = "Daily & <friends> 日报"
SECTION = "xin-wen-zi-xun"
CHROMIUM = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--enable-logging=stderr", "--v=0", "--window-size={},{}".format(*SIZE), "--run-all-compositor-stages-before-draw", "--dump-dom",
]


class Page(html.parser.HTMLParser):
    """What stands in a document: headings with their first links, links of all kinds, ids."""

    HEADINGS = {"h1", "h2", "h3"}

    def __init__(self, text):
        super().__init__()
        self.headings, self.text, self.ids = [], "", set()
        self.anchors, self.alternates, self.references = [], [], []
        self.open = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids.add(values.get("id"))
        self.references += [values[name] for name in ("href", "src") if values.get(name)]
        if tag == "a":
            self.anchors.append(values.get("href"))
            if self.open:
                self.open[3] = self.open[3] or values.get("href")
            # The sign that leads to the place itself is no part of a heading.
            if self.open and "place" in (values.get("class") or "").split():
                self.open[1] = False
        elif tag == "link" and values.get("rel") == "alternate":
            self.alternates.append(values["href"])
        elif tag in self.HEADINGS:
            self.open = [tag, True, "", None]

    def handle_endtag(self, tag):
        if self.open and tag == self.open[0]:
            name, _, text, link = self.open
            self.headings.append((name, " ".join(text.split()), link))
            self.open = None

    def handle_data(self, data):
        self.text += data
        if self.open and self.open[1]:
            self.open[2] += data

    def titled(self, name):
        """Texts and links of the headings of a level, in order."""
        return [(text, link) for level, text, link in self.headings if level == name]


def rows(data):
    """The rows of a PNG image as bytes, with the bytes per pixel: https://www.w3.org/TR/png/#9Filters"""
    check(data.startswith(b"\x89PNG\r\n\x1a\n"), "the screenshot", "a PNG file", data[:8])
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data[at + 8:at + 8 + length])
            same("the size of the screenshot", (width, height), SIZE)
            check((depth, interlaced) == (8, 0) and colour in (2, 6), "the screenshot", "8-bit colours", (depth, colour, interlaced))
        if kind == b"IDAT":
            packed += data[at + 8:at + 8 + length]
        at += length + 12
    pixel = 3 if colour == 2 else 4
    stride = width * pixel
    raw, above = zlib.decompress(packed), bytearray(stride)
    for start in range(0, len(raw), stride + 1):
        above = unfiltered(raw[start], bytearray(raw[start + 1:start + 1 + stride]), above, pixel)
        yield pixel, bytes(above)


def unfiltered(kind, row, above, pixel):
    """A row of a PNG image, from the one above it."""
    for at in range(len(row) if kind else 0):
        left, up = row[at - pixel] if at >= pixel else 0, above[at]
        corner = above[at - pixel] if at >= pixel else 0
        if kind == 4:
            estimate = left + up - corner
            guess = min((left, up, corner), key=lambda value: abs(estimate - value))
        else:
            guess = (0, left, up, (left + up) // 2)[kind]
        row[at] = (row[at] + guess) & 255
    return row


def colours(data, enough):
    """How many colours an image has; stops counting when there are enough."""
    seen = set()
    for pixel, row in rows(data):
        seen.update(row[at:at + pixel] for at in range(0, len(row), pixel))
        if len(seen) >= enough:
            break
    return len(seen)


def chromium(folder, url, *arguments):
    """The document as Chromium has it after loading, and what its console said."""
    profile = folder / "profile"
    shutil.rmtree(profile, ignore_errors=True)
    environment = os.environ | {"HOME": str(folder)}
    done = run(["chromium", *CHROMIUM, f"--user-data-dir={profile}", *arguments, url], env=environment, cwd=folder)
    told = done.stderr.decode(errors="replace").splitlines()
    return done.stdout.decode(), [line for line in told if ":CONSOLE" in line]


def console_is_heard(folder):
    """Or else a silent console would prove nothing."""
    page = "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'\"><script>1</script>"
    _, console = chromium(folder, "data:text/html," + urllib.parse.quote(page))
    check(any("Content Security Policy" in line for line in console), "the console of a page that breaks its own policy", "a refusal", console)


def look(folder, daemon, route, screenshots):
    """Opens a page; what it looks like and what the console says is judged here, its words by the caller."""
    image = screenshots / f"{route.strip('/').replace('/', '-') or 'home'}.png"
    dom, console = chromium(folder, daemon.address(route), f"--screenshot={image}")
    same(f"what the console says about {route}", console, [])
    check(image.is_file(), f"the screenshot of {route}", image, "no file")
    found = colours(image.read_bytes(), COLOURS)
    check(found >= COLOURS, f"colours in the screenshot of {route}", f"at least {COLOURS}", found)
    return Page(dom)


def subscribe_links(daemon, page, route, where):
    """All formats, in the page and, first of all, in its head."""
    expected = [daemon.address(route + file) for file in ("rss.xml", "atom.xml", "feed.json")]
    same(f"the first feeds in the head of {where}", page.alternates[:3], expected)
    missing = [url for url in expected if url not in page.anchors] if where == route else []
    same(f"subscribe links that {where} lacks", missing, [])


def home(daemon, page, digests):
    same("the first heading of /", page.titled("h1"), [(TITLE, None)])
    subscribe_links(daemon, page, "/", "/")
    sections = {section["title"]: section["slug"] for digest in reversed(digests) for section in digest["sections"] if section["items"]}
    for title, slug in sections.items():
        check((title, f"/{slug}/") in page.titled("h3"), f"the section {title} on /", f"a heading with a link to /{slug}/", page.titled("h3"))
        newest = next(item for digest in digests for item in items(digest, slug))
        check(newest["title"] in page.text, f"the newest title of {title} on /", newest["title"], "not there")
        check(daemon.address(f"/{slug}/rss.xml") in page.anchors, f"the subscribe link of {title} on /", f"/{slug}/rss.xml", page.anchors)
    for digest in digests[:3]:
        check(digest["title"] in page.text, "a digest on /", digest["title"], "not there")
        check(f"/digests/{digest['key']}/" in page.anchors, "the link to a digest on /", digest["key"], page.anchors)


def section(daemon, page, digests):
    route = f"/{SECTION}/"
    subscribe_links(daemon, page, route, route)
    expected = [(item["title"], item["link"]) for digest in digests for item in items(digest, SECTION) if item["link"]][:10]
    shown = [heading for heading in page.titled("h3") if heading in expected]
    same(f"the newest titles and links on {route}, in order", shown, expected)


def digest(daemon, page, digests):
    route = "/digests/2026-03-02/"
    (shown,) = (digest for digest in digests if digest["key"] == "2026-03-02")
    same(f"the first heading of {route}", page.titled("h1"), [(shown["title"], None)])
    subscribe_links(daemon, page, "/", route)
    sections = [(section["title"], f"/{section['slug']}/") for section in shown["sections"]]
    same(f"the sections of {route}", page.titled("h2"), sections)
    same(f"the items of {route}", page.titled("h3"), [(item["title"], item["link"]) for item in items(shown)])
    places = {item["id"].rpartition("/")[2] for item in items(shown)}
    same(f"places of {route} that one cannot link to", places - page.ids, set())


PAGES = {"/": home, f"/{SECTION}/": section, "/digests/2026-03-02/": digest}


def references_answer(daemon, route, page, known):
    """Whatever a page refers to on the same server is there, and so is the place named after `#`."""
    own = [url for reference in page.references if (url := urllib.parse.urljoin(daemon.address(route), reference)).startswith(daemon.url)]
    check(len(own) > 10, f"references of {route} to its own server", "more than 10", own)
    for url, place in map(urllib.parse.urldefrag, own):
        if url not in known:
            status, headers, body = daemon.get(url)
            same(f"the status of {url}, to which {route} refers", status, 200)
            known[url] = Page(body.decode()).ids if headers.get_content_type() == "text/html" else set()
        check(not place or place in known[url], f"the place #{place} of {url}, to which {route} refers", "an id", "not there")


def check_pages():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--screenshots", type=pathlib.Path, help="keep the screenshots in this folder")
    kept = parser.parse_args().screenshots
    with workspace() as folder:
        screenshots = (kept or folder / "screenshots").absolute()
        screenshots.mkdir(parents=True, exist_ok=True)
        feedmill = binary(folder)
        console_is_heard(folder)
        digests = show(feedmill, SAMPLE)
        with Daemon(feedmill, SAMPLE, FEEDMILL_SITE_TITLE=TITLE) as daemon:
            known = {}
            for route, judge in PAGES.items():
                page = look(folder, daemon, route, screenshots)
                judge(daemon, page, digests)
                references_answer(daemon, route, page, known)


if __name__ == "__main__":
    main(check_pages)
