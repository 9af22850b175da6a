#!/usr/bin/env python3
"""Writes every vector of vectors.txt into digests and opens what comes of it in Chromium: nothing runs, and nothing but pictures is fetched.

Three walls, each judged alone. Pages, feeds and item HTML as readers show it are opened with the policy of pages switched off, and every
link and handler is touched. Vectors as they are must run where neither wall is, or the check could not fail; and none may run under the
policy alone, which is taken from an answer of the daemon.
"""

import base64
import contextlib
import datetime
import http.server
import json
import pathlib
import re
import threading
import urllib.parse
import xml.etree.ElementTree

from common import Daemon, all_of, binary, check, main, module, same, tool, workspace

VECTORS = pathlib.Path(__file__).with_name("vectors.txt")
ESCAPE = re.compile(r"\\(?:([tnr0])|x([0-9a-f]{2})|u([0-9a-f]{4})|(\\))")
XHTML = "http://www.w3.org/1999/xhtml"
FIRST = datetime.date(2024, 1, 1)
# So many of those that browsers of today understand must run where nothing holds them back.
LEAST_ALIVE = 100
# Everything is in the feeds, whenever it was written.
SETTINGS = {"FEEDMILL_FEEDS_DAYS": "36500", "FEEDMILL_FEEDS_DIGESTS": "1000", "FEEDMILL_FEEDS_MAX_BYTES": "50000000"}
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
FEEDS = ("rss.xml", "atom.xml", "feed.json")
# Nothing outside is looked up; what is asked of the one other site that counts is answered here.
OFFLINE = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
OTHER = re.compile(r"//evil\.example/(\d+)")
HARMLESS = {"image", "media"}
# Touches everything as a reader might, and follows every link that does not lead to another page.
TOUCH = """document => {
    document.addEventListener('submit', event => { if (/^https?:/.test(event.target.action)) event.preventDefault() }, true);
    for (const element of document.querySelectorAll('body, body *')) {
        const address = String(element.href?.baseVal ?? element.href ?? '');
        for (const kind of ['pointerenter', 'mouseover', 'mouseenter', 'focus', 'toggle', 'animationstart', 'pageshow'])
            element.dispatchEvent(new Event(kind, {bubbles: false}));
        const leads = element.closest('a[href], area[href]');
        if (!(leads && /^((feed:)?https?|mailto):/.test(String(leads.href))) && element.tagName !== 'SUMMARY' && !/^(feed:)?https?:/.test(address))
            element.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}));
        if (element.tagName === 'DETAILS') element.open = true;
    }
}"""
# Addresses in a document that do more than lead somewhere.
ADDRESSES = """document => [...document.querySelectorAll('body *')].flatMap(element => ['href', 'src', 'action', 'formaction', 'data', 'poster', 'xlink:href']
    .map(name => element.getAttribute(name)).filter(value => value !== null)
    .filter(value => !/^((feed:)?https?:|mailto:|[/#.?]|[a-z0-9-]+(\\.|$))/.test(value)))"""

# Shows texts as HTML, each alone.
SHOW = """texts => document.body.replaceChildren(...texts.map(text => {
    const place = document.createElement('div');
    place.append(document.createRange().createContextualFragment(text));
    return place;
}))"""
# Opens documents in frames, and tells of each how many headings it has and which addresses do more than lead somewhere. A frame that
# does not come to an end, because what it holds leads it elsewhere, is not waited for.
FRAMES = """async ([urls, patience]) => {
    document.body.replaceChildren();
    const frames = urls.map(url => {
        const frame = document.createElement('iframe');
        const loaded = new Promise(done => frame.addEventListener('load', done, {once: true}));
        frame.src = url;
        document.body.append(frame);
        return [frame, loaded];
    });
    await Promise.race([new Promise(done => setTimeout(done, patience)), Promise.all(frames.map(([, loaded]) => loaded))]);
    return frames.map(([frame]) => {
        const inside = frame.contentDocument;
        return inside ? [inside.querySelectorAll('h1').length, (ADDRESSES)(inside)] : [0, []];
    });
}""".replace("ADDRESSES", ADDRESSES)
# So many documents are open at once.
ABREAST = 120


class Vector:
    """A line of the table."""

    def __init__(self, number, line):
        self.number = number
        self.kind, _, text = line.partition(" ")
        check(self.kind in ("html", "url", "text"), f"vector {number}", "html, url or text", line)
        run = f"fired({number})"
        markup = f"<script>{run}</script>"
        drawing = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{run}"/>'
        words = {"BASE64": encoded(run), "HTML64": encoded(markup), "SVG64": encoded(drawing), "RUN": run, "EVIL": f"https://evil.example/{number}.js", "NUMBER": str(number)}
        for word, value in words.items():
            text = text.replace(word, value)
        self.text = ESCAPE.sub(unescaped, text)

    def bare(self):
        """The body of a page that has it as it is."""
        if self.kind != "url":
            return self.text
        return f'<a href="{self.text}">x</a><img src="{self.text}"><iframe src="{self.text}"></iframe>'

    def uses(self):
        """The items in which it stands."""
        line = " ".join(re.split(r"[\n\r\0]+", self.text))
        if self.kind == "url":
            yield "a link", f"[x]({self.text}) [y](<{line}>) <{line}> {line}"
            yield "pictures", f"![x]({self.text}) ![y](<{line}>) [![z](<{line}>)](<{line}>)"
            yield "raw HTML", self.bare() + f"\n<a href='{self.text}'>x</a> <a href={line}>x</a> <video src=\"{self.text}\" poster='{line}'></video>"
            yield "a reference", f"[x][r] ![y][r] [r]\n\n[r]: <{line}>"
        else:
            yield "a paragraph", f"x {self.text} y"
            yield "a block", self.text
            yield "a list", f"- {line}\n- [{line}](https://example.org/)"
            yield "a quote", f"> {line}"

    def digest(self):
        """A digest that has it everywhere, in its own names as well."""
        line = " ".join(re.split(r"[\n\r\0]+", self.text))
        quoted = json.dumps(f"T{self.number} {line}", ensure_ascii=False)
        head = f"---\ntitle: {quoted}\ndescription: {quoted}\nauthors: [{quoted}]\ntags: [{quoted}]\n---\n\n{self.text}\n"
        items = (f"### {name} {self.number}\n\n{text}\n\n### {line}\n\n[>Read more]({self.text})\n" for name, text in self.uses())
        return f"{head}\n## S{self.number} {line}\n\n" + "\n".join(items)


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def unescaped(match):
    short, byte, unit, backslash = match.groups()
    return backslash or (chr(int(byte or unit, 16)) if byte or unit else {"t": "\t", "n": "\n", "r": "\r", "0": "\0"}[short])


def table():
    lines = VECTORS.read_text().splitlines()
    return [Vector(number, line) for number, line in enumerate((line for line in lines if line and not line.startswith("#")), 1)]


class Browser:
    """Chromium, what ran in it, and what it asked other sites for."""

    def __init__(self, playwright):
        self.chromium = playwright.chromium.launch(executable_path=tool("chromium"), args=["--no-sandbox", "--disable-gpu", *OFFLINE])
        self.fired, self.asked = set(), []

    @contextlib.contextmanager
    def tab(self, **options):
        context = self.chromium.new_context(**options)
        context.expose_binding("fired", lambda _, number: self.fired.add(number))
        context.route(OTHER, self.elsewhere)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("dialog", lambda dialog: dialog.dismiss())
        context.on("page", lambda other: other is page or other.close())
        try:
            yield page
        finally:
            context.close()

    def elsewhere(self, route):
        """The other site: a script of its tells on itself, pictures are pictures."""
        kind, url = route.request.resource_type, route.request.url
        self.asked += [(kind, url)] if kind not in HARMLESS else []
        if kind == "script":
            route.fulfill(body=f"fired({OTHER.search(url)[1]})", content_type="text/javascript")
        elif kind in HARMLESS:
            route.fulfill(body=PIXEL, content_type="image/gif")
        else:
            route.fulfill(body="", content_type="text/html")

    def open(self, page, urls, patience=30_000):
        """Opens documents of the page's own server in frames, many at once, and does to each whatever could wake something in it."""
        for at in range(0, len(urls), ABREAST):
            part = urls[at:at + ABREAST]
            loaded = page.evaluate(FRAMES, [part, patience])
            page.evaluate(f"() => {{ for (const frame of document.querySelectorAll('iframe')) try {{ ({TOUCH})(frame.contentDocument) }} catch (error) {{}} }}")
            page.evaluate("() => new Promise(done => setTimeout(done, 100))")
            yield part, loaded

    def judge_silence(self, what):
        fired, asked = sorted(self.fired), self.asked
        self.fired, self.asked = set(), []
        same(f"vectors that ran in {what}", fired, [])
        same(f"what {what} asked other sites for", asked, [])


class Bare(http.server.ThreadingHTTPServer):
    """A server of pages that have a vector as it is, under a policy or none."""

    def __init__(self, vectors):
        self.vectors, self.policy = vectors, None
        super().__init__(("127.0.0.1", 0), Answer)

    def handle_error(self, *_):
        """A browser that turns elsewhere breaks off."""

    @contextlib.contextmanager
    def running(self):
        thread = threading.Thread(target=self.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{self.server_port}/"
        finally:
            self.shutdown()
            self.server_close()


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.strip("/")
        if name == "feed.xml":
            kind, body = "application/xml", f'<rss xmlns:x="{XHTML}"><x:script>fired(0)</x:script></rss>'
        else:
            bare = self.server.vectors[int(name) - 1].bare() if name.isdigit() else ""
            kind, body = "text/html", f"<!doctype html><title>x</title><body>{bare}"
        self.send_response(200 if name.isdigit() or name in ("", "feed.xml") else 404)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        if self.server.policy and name:
            self.send_header("Content-Security-Policy", self.server.policy)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


def run_bare(browser, url, vectors):
    """The vectors that run as they are."""
    with browser.tab() as page:
        page.goto(url)
        for _ in browser.open(page, [f"{url}{vector.number}" for vector in vectors], patience=4000):
            pass
    fired, browser.fired, browser.asked = browser.fired, set(), []
    return fired


def open_feed(browser, server, url, policy):
    server.policy = policy
    with browser.tab() as page:
        page.goto(url + "feed.xml", wait_until="load")
    fired, browser.fired = browser.fired, set()
    return fired


def judge_bare(browser, vectors, policy, feed_policy):
    server = Bare(vectors)
    with server.running() as url:
        alive = run_bare(browser, url, vectors)
        check(len(alive) >= LEAST_ALIVE, "vectors that run in a page without walls", f"at least {LEAST_ALIVE}", len(alive))
        # They stand in frames here, which is no matter of scripts.
        server.policy = re.sub(r"; frame-ancestors [^;]*", "", policy)
        same("vectors that run under the policy alone", sorted(run_bare(browser, url, vectors)), [])
        same("what runs in a feed without walls", open_feed(browser, server, url, None), {0})
        same("what runs in a feed under its policy alone", open_feed(browser, server, url, feed_policy), set())
    return alive


def judge_pages(browser, daemon, routes):
    """Without the policy, so that nothing but what is written holds scripts back."""

    def without_policy(route):
        if "/preview/events" in route.request.url:
            return route.abort()
        status, headers, body = daemon.get(route.request.url)
        route.fulfill(status=status, body=body, headers={"Content-Type": headers["Content-Type"]})

    with browser.tab() as page:
        page.route(re.compile(re.escape(daemon.url)), without_policy)
        page.goto(daemon.address("/robots.txt"))
        for urls, loaded in browser.open(page, [daemon.address(route) for route in routes]):
            for url, (headings, addresses) in zip(urls, loaded):
                check(headings > 0, f"the page {url}", "a heading", "none: it was not shown")
                same(f"addresses in {url} that do more than lead somewhere", addresses, [])
            browser.judge_silence(f"one of {urls}")


def judge_opened(browser, daemon, routes):
    """Documents opened one by one as a reader opens them, feeds too: a parser of XML runs scripts of XHTML wherever they stand."""
    with browser.tab(bypass_csp=True) as page:
        page.route(re.compile(re.escape(daemon.url) + r".*\.(xml|json|opml)$"), lambda route: route.fulfill(**shown_as(daemon, route.request.url)))
        for route in routes:
            page.goto(daemon.address(route), wait_until="load")
            same(f"scripts in {route}", page.evaluate(f"document.getElementsByTagNameNS('{XHTML}', 'script').length") if not route.endswith("/") else 0, 0)
            page.evaluate(f"() => ({TOUCH})(document)")
            browser.judge_silence(route)


def shown_as(daemon, url):
    """A document whose type a browser would only save, as what it is made of."""
    _, headers, body = daemon.get(url)
    same(f"X-Content-Type-Options of {url}", headers["X-Content-Type-Options"], "nosniff")
    return {"body": body, "headers": {"Content-Type": "application/json" if url.endswith("json") else "application/xml; charset=utf-8"}}


def judge_elements(daemon, routes):
    """No element in any document of XML is of a kind that a browser would run."""
    for route in routes:
        document = xml.etree.ElementTree.fromstring(daemon.get(route)[2])
        spaces = {element.tag.partition("}")[0] for element in document.iter() if "}" in element.tag}
        same(f"kinds of elements in {route} that browsers run", spaces & {"{" + XHTML, "{http://www.w3.org/2000/svg", "{http://www.w3.org/1998/Math/MathML"}, set())


def entries(daemon):
    """What readers show of an entry as HTML: titles and descriptions as well, for many do."""
    for item in daemon.json("/feed.json")["items"]:
        yield f"{item['id']}, its HTML", item.get("content_html", "")
        yield f"{item['id']}, its title", item["title"]
    for item in xml.etree.ElementTree.fromstring(daemon.get("/rss.xml")[2]).iter("item"):
        yield f"{item.findtext('guid')}, its description", item.findtext("description") or ""


def judge_entries(browser, daemon):
    """Item HTML in a reader that has no wall of its own, and so that scripts run as they do in a page that is loaded."""
    told = list(dict.fromkeys(entries(daemon)))
    with browser.tab() as page:
        page.set_content("<!doctype html><title>reader</title>")
        page.evaluate(SHOW, ["<script>fired(0)</script>"])
        same("what runs in a reader without walls", browser.fired, {0})
        browser.fired = set()
        for at in range(0, len(told), 500):
            page.evaluate(SHOW, [text for _, text in told[at:at + 500]])
            same("addresses in entries that do more than lead somewhere", page.evaluate(f"() => ({ADDRESSES})(document)"), [])
            page.evaluate(f"() => ({TOUCH})(document)")
            page.evaluate("() => new Promise(done => setTimeout(done, 100))")
            browser.judge_silence(f"one of {[name for name, _ in told[at:at + 500]]}")
    return len(told)


def write(content, vectors):
    content.mkdir()
    dates = [(FIRST + datetime.timedelta(vector.number)).isoformat() for vector in vectors]
    for date, vector in zip(dates, vectors):
        (content / f"{date}.md").write_text(vector.digest(), errors="surrogatepass")
    return [f"/digests/{date}/" for date in dates]


def names(vectors):
    """A vector in each name that the publisher himself gives."""
    title, description, author = (vector.text for vector in vectors if vector.text.startswith(('"><script', "</title>", "'><img")))
    return {"FEEDMILL_SITE_TITLE": title, "FEEDMILL_SITE_DESCRIPTION": description, "FEEDMILL_SITE_AUTHORS": json.dumps([author])}


def policy_of(daemon, route):
    status, headers, _ = daemon.get(route)
    same(f"the status of {route}", status, 200)
    return headers["Content-Security-Policy"]


def check_vectors():
    playwright = module("playwright.sync_api").sync_playwright
    vectors = table()
    check(len(vectors) >= 100, "vectors", "at least 100", len(vectors))
    with workspace() as folder, playwright() as running:
        feedmill, content = binary(folder), folder / "content"
        routes = write(content, vectors)
        browser = Browser(running)
        with Daemon(feedmill, content, **SETTINGS, **names(vectors)) as daemon:
            sections = [urllib.parse.urlsplit(url).path for url in re.findall(r'htmlUrl="([^"]*)"', daemon.get("/feeds.opml")[2].decode())]
            check(len(sections) > len(vectors) / 2, "folders that have feeds", f"more than {len(vectors) / 2}", sections)
            alive = judge_bare(browser, vectors, policy_of(daemon, "/"), policy_of(daemon, "/rss.xml"))
            shown = []
            all_of(
                lambda: judge_pages(browser, daemon, ["/", "/digests/", "/nope/", *sections[:20], *routes]),
                lambda: judge_opened(browser, daemon, ["/", "/digests/", sections[-1], routes[0], *(sections[-1] + file for file in FEEDS), "/feeds.opml", "/sitemap.xml"]),
                lambda: judge_elements(daemon, ["/feeds.opml", "/sitemap.xml", *(folder + file for folder in ("/", "/digests/", *sections) for file in FEEDS[:2])]),
                lambda: shown.append(judge_entries(browser, daemon)),
            )
        # Findings quote what they are about.
        with Daemon(feedmill, content, "--preview", **SETTINGS) as daemon:
            judge_pages(browser, daemon, ["/", *routes[::5]])
        browser.chromium.close()
    print(f"{len(vectors)} vectors, of which {len(alive)} run where nothing holds them back, and none under the policy alone; "
          f"{len(routes)} digests, {shown[0]} parts of entries")


if __name__ == "__main__":
    main(check_vectors)
