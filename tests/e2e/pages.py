#!/usr/bin/env python3
"""Looks at the pages of a running daemon in Chromium, as readers do: wide and narrow, by day and by night, with the keyboard alone, without scripts; and those of a preview, as authors do."""

import argparse
import contextlib
import datetime
import html.parser
import io
import json
import os
import pathlib
import shutil
import urllib.parse

from common import SAMPLE, Daemon, all_of, binary, check, items, main, module, npm, run, same, show, tool, until, workspace

TITLE = "Daily & <friends> 日报"
SECTION = "xin-wen-zi-xun"
TONGUES = pathlib.Path(__file__).with_name("tongues")
AXE = "axe-core@4.14.1"
ARABIC = "/digests/2026-03-09-ar/"
# What the pages are about, one of each kind, and one in each script.
ROUTES = [
    "/", f"/{SECTION}/", f"/{SECTION}/archive/2026-02/", "/digests/", "/digests/archive/2026-03/", "/digests/2026-03-02/",
    "/digests/2026-03-09-en/", "/digests/2026-03-09-ja/", "/digests/2026-03-09-ko/", ARABIC, "/nope/",
]
WIDTHS = {"narrow": 360, "wide": 1440}
SCHEMES = ("light", "dark")
# Of a page as it goes over the wire, without images.
MOST_BYTES = 30_000
# A picture of one pixel, for those that items have on other sites.
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


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


def history():
    """A digest a week for two years before the sample: what calendars and months are made of."""
    last = datetime.date(2026, 2, 27)
    for week in range(104):
        date = (last - datetime.timedelta(weeks=week)).isoformat()
        lines = [f"### 旧闻 {week}-{at}\n\n第 {week} 周的第 {at} 条。[>阅读原文](https://news.example.com/{week}/{at})\n" for at in range(3)]
        yield f"{date}.md", f"---\ndate: {date}\ntitle: 周报 {date}\nlanguage: zh-CN\n---\n\n## 新闻资讯\n\n" + "\n".join(lines)


class Browser:
    """Debian's Chromium, and what it heard and fetched while pages were open."""

    def __init__(self, playwright, daemon):
        self.daemon, self.told, self.fetched = daemon, [], []
        self.chromium = playwright.chromium.launch(executable_path=tool("chromium"), args=["--no-sandbox", "--disable-gpu"])

    @contextlib.contextmanager
    def tab(self, width=1440, scheme="light", **options):
        """A window of its own, which nothing but this machine can reach."""
        context = self.chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: self.told.append(f"{page.url}: {message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.told.append(f"{page.url}: {error}"))
        page.on("request", lambda request: self.fetched.append((request.resource_type, request.url)))
        page.route(lambda url: not url.startswith(self.daemon.url), lambda route: route.fulfill(body=PIXEL, content_type="image/gif"))
        try:
            yield page
        finally:
            context.close()

    def open(self, page, route):
        """Opens a route; the console is silent, and what is fetched is the page, its style, its icon and pictures of items."""
        self.told.clear()
        self.fetched.clear()
        answer = page.goto(self.daemon.address(route), wait_until="networkidle")
        if route == "/nope/":
            same("the status of a page that is not there", answer.status, 404)
            self.told[:] = [line for line in self.told if "404" not in line]
        else:
            same(f"the status of {route}", answer.status, 200)
        same(f"what the console says about {route}", self.told, [])
        own = {url.removeprefix(self.daemon.url) for _, url in self.fetched if url.startswith(self.daemon.url)}
        same(f"what {route} makes a browser fetch", own - {"style.css", "favicon.ico"}, {route[1:]})
        foreign = {kind for kind, url in self.fetched if not url.startswith(self.daemon.url)}
        check(foreign <= {"image"}, f"what {route} fetches elsewhere", "nothing but images", foreign)


def looks(browser, routes, axe, screenshots):
    """Every page in both widths and schemes: nothing is cut off, everything can be read, and axe has nothing to say."""
    for name, width in WIDTHS.items():
        for scheme in SCHEMES:
            with browser.tab(width, scheme) as page:
                for route in routes:
                    browser.open(page, route)
                    where = f"{route}, {name}, {scheme}"
                    page.screenshot(path=screenshots / f"{route.strip('/').replace('/', '-') or 'home'}-{name}-{scheme}.png", full_page=True)
                    widths = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
                    check(widths[0] <= widths[1], f"the width of {where}", f"at most {widths[1]}", widths[0])
                    paper = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
                    same(f"whether {where} has a bright background", sum(paper) > 3 * 128, scheme == "light")
                    accessible(page, axe, where)


def accessible(page, axe, where):
    """axe-core with all its rules, those beyond WCAG included."""
    # Not as an element of the page, which its policy would refuse.
    page.evaluate(axe)
    # It is for people who cannot bear anything less, beyond AA, and no page with a calm grey passes.
    found = page.evaluate("axe.run({rules: {'color-contrast-enhanced': {enabled: false}, 'identical-links-same-purpose': {enabled: false}}, runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})")
    told = [(one["id"], one["help"], [node["html"][:200] for node in one["nodes"]][:3]) for one in found["violations"]]
    same(f"what axe says about {where}", told, [])
    check(len(found["passes"]) > 20, f"rules of axe that {where} passes", "more than 20", len(found["passes"]))


def axe_sees_what_is_wrong(browser, axe):
    """Or else its silence would prove nothing."""
    with browser.tab() as page:
        page.set_content("<title>x</title><img src='x.png'><p style='color:#bbb;background:#fff'>pale")
        page.evaluate(axe)
        found = {one["id"] for one in page.evaluate("axe.run()")["violations"]}
        check({"image-alt", "color-contrast", "html-has-lang"} <= found, "what axe says about a bad page", "what is bad", found)


def keyboard_reaches_everything(browser, route):
    """Every link and button, in the order of the page, with a frame around it that can be seen; first of all a way past the head."""
    with browser.tab() as page:
        browser.open(page, route)
        expected = page.evaluate("document.querySelectorAll('a[href], button:not([hidden])').length")
        frames = []
        for _ in range(expected):
            page.keyboard.press("Tab")
            frames.append(page.evaluate(
                "(() => { const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();"
                " return [at.outerHTML.slice(0, 200), style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2, box.width > 0 && box.bottom > 0 && box.top < innerHeight]; })()"))
        same(f"what Tab reaches on {route} without a frame or out of sight", [frame for frame in frames if not all(frame[1:])], [])
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        browser.open(page, route)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        same(f"where the first link of {route} leads", page.evaluate("location.hash"), "#content")


def copy_works(browser, daemon, route):
    """With the keyboard alone."""
    with browser.tab(permissions=["clipboard-read", "clipboard-write"]) as page:
        browser.open(page, route)
        button = page.locator("button").first
        words = button.inner_text()
        button.focus()
        page.keyboard.press("Enter")
        told = page.locator("#told")
        until("it is said that something is copied", told.text_content)
        same(f"what is copied on {route}", page.evaluate("navigator.clipboard.readText()"), daemon.address(f"{route}rss.xml"))
        check(button.inner_text() != words, "what the button says then", f"not {words}", button.inner_text())
        until("nothing is said any more", lambda: not told.text_content())
        same("what it says after a while", button.inner_text(), words)


def copy_works_without_a_clipboard(browser, daemon):
    """As on a page that came without TLS, where there is none."""
    with browser.tab(permissions=["clipboard-read"]) as page:
        page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
        browser.open(page, "/")
        page.evaluate("document.addEventListener('copy', () => { window.copied = getSelection().toString() || document.activeElement.value; })")
        page.locator("button").nth(1).click()
        same("what is copied", page.evaluate("window.copied"), daemon.address("/atom.xml"))


def works_without_scripts(browser, daemon):
    with browser.tab(java_script_enabled=False) as page:
        browser.open(page, "/")
        same("buttons that do nothing", page.locator("button:visible").count(), 0)
        same("the addresses", [address.inner_text() for address in page.locator(".address").all()], [daemon.address(f"/{file}") for file in ("rss.xml", "atom.xml", "feed.json")])


def right_to_left(browser):
    with browser.tab() as page:
        browser.open(page, ARABIC)
        seen = page.evaluate(
            "[document.documentElement.dir, getComputedStyle(document.querySelector('.item p')).direction, getComputedStyle(document.querySelector('.address')).direction,"
            " document.querySelector('.name').getBoundingClientRect().left > document.querySelector('nav').getBoundingClientRect().left]")
        same("directions of page, text and address, and the name on the right", seen, ["rtl", "rtl", "ltr", True])


def scripts_have_their_rules(browser):
    """Line heights and spaces that Chinese and Japanese need, and the letters of each."""
    with browser.tab() as page:
        browser.open(page, "/digests/2026-03-09-ja/")
        seen = page.evaluate(
            "(() => { const style = getComputedStyle(document.querySelector('.item p'));"
            " return [parseFloat(style.lineHeight) / parseFloat(style.fontSize), style.textAutospace, style.lineBreak, getComputedStyle(document.querySelector('em')).fontStyle]; })()")
        check(seen[0] >= 1.7 and seen[1:] == ["normal", "strict", "normal"], "Japanese line height, spacing, breaks and emphasis", ">= 1.7, normal, strict, normal", seen)


def prints(browser):
    with browser.tab() as page:
        browser.open(page, "/digests/2026-03-02/")
        page.emulate_media(media="print")
        same("what is not printed", [page.locator(part).first.is_visible() for part in (".panel", ".top nav", ".around", "h1")], [False, False, False, True])
        told = page.evaluate("getComputedStyle(document.querySelector('.title a'), '::after').content")
        check("https://" in told, "what is printed after a title", "the address of its story", told)


def subscriptions_work(browser, daemon, route):
    """Whatever a page offers for subscribing, in its head, as an address or for a reader, is a feed with entries."""
    parse = module("feedparser").parse
    with browser.tab() as page:
        browser.open(page, route)
        offered = page.evaluate(
            "[...document.querySelectorAll('link[rel=alternate], .address, .pills a, a[href^=\"feed:\"]')].map(link => [link.title, link.getAttribute('href').replace(/^feed:/, '')])")
    titles = [title for title, _ in offered if title]
    same(f"titles of feeds in the head of {route} that come twice", len(titles) - len(set(titles)), 0)
    check(len(offered) >= 13, f"feeds offered on {route}", "at least 13", len(offered))
    for url in {url for _, url in offered}:
        status, headers, body = daemon.get(url)
        same(f"the status of {url}", status, 200)
        kind = headers.get_content_type()
        if kind == "application/feed+json":
            check(json.loads(body)["items"], url, "entries", body[:200])
        elif kind == "text/x-opml":
            check(module("listparser").parse(body).feeds, url, "feeds", body[:200])
        else:
            feed = parse(io.BytesIO(body))
            check(not feed.bozo and feed.entries and feed.feed.title, url, "a feed with entries", feed.get("bozo_exception"))


def list_is_imported(daemon, folder):
    """By newsboat, and by listparser as a reader's library would."""
    _, _, opml = daemon.get("/feeds.opml")
    listed = module("listparser").parse(opml)
    check(not listed.bozo, "feeds.opml", "no complaint of listparser", listed.get("bozo_exception"))
    check(all(feed.title and TITLE in feed.categories[0] for feed in listed.feeds), "the folder of the feeds", TITLE, listed.feeds[:1])
    path, urls = folder / "feeds.opml", folder / "urls"
    path.write_bytes(opml)
    urls.touch()
    run(["newsboat", "-i", path, "-u", urls, "-c", folder / "cache", "-C", "/dev/null"], env=os.environ | {"HOME": str(folder)})
    imported = {line.split()[0] for line in urls.read_text().splitlines() if line.strip()}
    same("what newsboat imports", imported, {feed.url for feed in listed.feeds})


def pages_are_light(daemon, routes):
    """As they go over the wire, with everything that a first visit fetches."""
    rest = sum(len(daemon.get(file, accept_encoding="br")[2]) for file in ("/style.css", "/favicon.ico"))
    for route in routes:
        weight = len(daemon.get(route, accept_encoding="br")[2]) + rest
        print(f"{weight / 1000:5.1f} kB {route}")
        check(weight < MOST_BYTES, f"the weight of {route}", f"less than {MOST_BYTES}", weight)


def home(daemon, page, digests):
    same("the first heading of /", page.titled("h1"), [(TITLE, None)])
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
    expected = [(item["title"], item["link"]) for digest in digests for item in items(digest, SECTION) if item["link"]][:10]
    shown = [heading for heading in page.titled("h3") if heading in expected]
    same(f"the newest titles and links on /{SECTION}/, in order", shown, expected)


def digest(daemon, page, digests):
    route = "/digests/2026-03-02/"
    (shown,) = (digest for digest in digests if digest["key"] == "2026-03-02")
    same(f"the first heading of {route}", page.titled("h1"), [(shown["title"], None)])
    sections = [(section["title"], f"/{section['slug']}/") for section in shown["sections"]]
    same(f"the sections of {route}", [heading for heading in page.titled("h2") if heading[1]], sections)
    same(f"the items of {route}", page.titled("h3"), [(item["title"], item["link"]) for item in items(shown)])
    places = {item["id"].rpartition("/")[2] for item in items(shown)}
    same(f"places of {route} that one cannot link to", places - page.ids, set())


def words_are_right(browser, daemon, digests):
    """What stands on the pages is what `feedmill show` understands."""
    for route, judge in {"/": home, f"/{SECTION}/": section, "/digests/2026-03-02/": digest}.items():
        _, _, body = daemon.get(route)
        page = Page(body.decode())
        own = route if "digests" not in route else "/"
        same(f"the first feeds in the head of {route}", page.alternates[:3], [daemon.address(own + file) for file in ("rss.xml", "atom.xml", "feed.json")])
        judge(daemon, page, digests)


def references_answer(daemon, route, known):
    """Whatever a page refers to on the same server is there, and so is the place named after `#`."""
    _, _, body = daemon.get(route)
    own = [url for reference in Page(body.decode()).references if (url := urllib.parse.urljoin(daemon.address(route), reference)).startswith(daemon.url)]
    check(len(own) > 10, f"references of {route} to its own server", "more than 10", own)
    for url, place in map(urllib.parse.urldefrag, own):
        if url not in known:
            status, headers, body = daemon.get(url)
            same(f"the status of {url}, to which {route} refers", status, 200)
            known[url] = Page(body.decode()).ids if headers.get_content_type() == "text/html" else set()
        check(not place or place in known[url], f"the place #{place} of {url}, to which {route} refers", "an id", "not there")


def preview_follows(playwright, feedmill, folder, screenshots):
    """As an author works: editor left, page right. The page shows drafts and findings, and follows each save by itself."""
    content = folder / "drafts"
    content.mkdir()
    file = content / "2026-03-02.md"
    text = "---\ndate: 2026-03-02\ndraft: true\n---\n\n## News\n\n### Water tower\n\nA library. [Read more](tower.html)\n"
    file.write_text(text)
    route = "/digests/2026-03-02/"
    with Daemon(feedmill, content, "--preview") as daemon:
        browser = Browser(playwright, daemon)
        with browser.tab() as page:
            # It listens to events, so that the network is never idle.
            page.goto(daemon.address(route))
            told = page.locator(".findings").all_inner_texts()
            check(any("draft" in each for each in told) and any("tower.html" in each for each in told), "findings in a preview", "the draft and the link", told)
            page.screenshot(path=screenshots / "preview.png", full_page=True)
            page.evaluate("window.isOld = true")
            file.write_text(text.replace("Water tower", "Night bus").replace("tower.html", "https://news.example.com/tower"))
            page.get_by_role("heading", name="Night bus").wait_for()
            same("whether the page was loaded again", page.evaluate("window.isOld"), None)
            check("tower.html" not in page.content(), "the mended link", "no finding", page.locator(".findings").all_inner_texts())
            file.unlink()
            page.get_by_role("heading", name="There is nothing at this address").wait_for()
            file.write_text(text)
            page.get_by_role("heading", name="Water tower").wait_for()
            same("what the console says", [line for line in browser.told if "404" not in line], [])
        browser.chromium.close()


def check_pages():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--screenshots", type=pathlib.Path, help="keep the screenshots in this folder")
    kept = parser.parse_args().screenshots
    playwright = module("playwright.sync_api").sync_playwright
    with workspace() as folder:
        screenshots = (kept or folder / "screenshots").absolute()
        screenshots.mkdir(parents=True, exist_ok=True)
        feedmill = binary(folder)
        content = folder / "content"
        shutil.copytree(SAMPLE, content)
        for path in TONGUES.glob("*.md"):
            shutil.copy(path, content)
        for name, text in history():
            (content / name).write_text(text)
        axe = (pathlib.Path(npm(folder / "npm", [AXE])["NODE_PATH"]) / "axe-core/axe.min.js").read_text()
        digests, known = show(feedmill, content), {}
        with Daemon(feedmill, content, FEEDMILL_SITE_TITLE=TITLE) as daemon, playwright() as running:
            browser = Browser(running, daemon)
            all_of(
                lambda: axe_sees_what_is_wrong(browser, axe),
                lambda: looks(browser, ROUTES, axe, screenshots),
                *(lambda route=route: keyboard_reaches_everything(browser, route) for route in ("/", "/digests/2026-03-02/", ARABIC)),
                *(lambda route=route: copy_works(browser, daemon, route) for route in ("/", f"/{SECTION}/")),
                lambda: copy_works_without_a_clipboard(browser, daemon),
                lambda: works_without_scripts(browser, daemon),
                lambda: right_to_left(browser),
                lambda: scripts_have_their_rules(browser),
                lambda: prints(browser),
                *(lambda route=route: subscriptions_work(browser, daemon, route) for route in ("/", f"/{SECTION}/", "/digests/")),
                lambda: list_is_imported(daemon, folder),
                lambda: pages_are_light(daemon, ROUTES),
                lambda: words_are_right(browser, daemon, digests),
                *(lambda route=route: references_answer(daemon, route, known) for route in ROUTES[:-1]),
            )
            browser.chromium.close()
            preview_follows(running, feedmill, folder, screenshots)


if __name__ == "__main__":
    main(check_pages)
