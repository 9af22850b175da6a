#!/usr/bin/env python3
"""What others say of the HTTP: REDbot asks for every kind of route, and requests are replayed as readers send them.

REDbot fetches each route in several ways (plain, gzip, conditionally, a range) and judges the answers by the RFCs. Whatever it
warns of must stand in EXCUSED, with the reason. The readers' headers were taken from their requests or their sources,
but for those of FreshRSS and NetNewsWire, which are written as they are remembered.
"""

import concurrent.futures
import configparser
import datetime
import gzip
import http.client
import json
import os
import shutil
import sys
import urllib.parse

from common import SAMPLE, Daemon, all_of, binary, check, main, module, run, same, until, workspace

NEXT_DAY = "2026-03-09.md"
TODAY = datetime.datetime.now(datetime.UTC).date()
SECTIONS = {
    "FEEDMILL_SECTIONS_RETIRED": f"[{{slug: jobs, since: 2020-01-01}}, {{slug: ending, since: {TODAY - datetime.timedelta(2)}, successor: news}}]",
    "FEEDMILL_SECTIONS_MOVED": "{old-news: news}",
}
ROUTES = {
    "/": 200, "/rss.xml": 200, "/atom.xml": 200, "/feed.json": 200, "/news/": 200, "/news/rss.xml": 200, "/digests/": 200,
    "/digests/atom.xml": 200, "/digests/2026-03-02/": 200, "/archive/2026-02.atom": 200, "/archive/2026-03.json": 200,
    "/feeds.opml": 200, "/robots.txt": 200, "/style.css": 200, "/favicon.ico": 200, "/healthz": 200, "/readyz": 200,
    "/rss.xml?utm_source=x": 200, "/ending/rss.xml": 200, "/ending/": 200, "/feed": 301, "/news": 301, "/old-news/atom.xml": 301,
    "/jobs/rss.xml": 410, "/jobs/": 410, "/nope": 404, "/news/nope.xml": 404,
}
# What REDbot warns of, and why it is right all the same.
EXCUSED = {
    # It takes 'unsafe-inline' of style-src-attr for one of scripts, which default-src 'none' forbids.
    "CSP_UNSAFE_INLINE",
    # Items have images and sounds of other sites, and some of these have no https.
    "CSP_HTTP_URI",
    # It knows an icon as image/x-icon alone, not by the name that is registered.
    "CONTENT_TYPE_MISMATCH",
    # Of a page of 69 bytes it asks for the range of all of them.
    "RANGE_CL_FULL",
}


class Sends:
    """What a reader sends, what it is answered the first time, with the validators of then, and after a new digest."""

    def __init__(self, first, again=(304, 200), coding="gzip", validators=("If-None-Match", "If-Modified-Since"), **headers):
        self.first, (self.unchanged, self.changed) = first, again
        self.coding, self.validators = coding, validators
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


FEEDPARSER_ACCEPTS = (
    "application/atom+xml,application/rdf+xml,application/rss+xml,application/x-netcdf,application/xml;q=0.9,text/xml;q=0.2,*/*;q=0.1"
)
READERS = {
    "newsboat 2.21": Sends(
        200, (304, 226), User_Agent="newsboat/2.21.0 (Linux x86_64)", Accept="*/*", Accept_Encoding="gzip, deflate", A_IM="feed"),
    # Also rss2email, which has no name of its own and takes 226 for an error.
    "feedparser 6": Sends(
        200, (304, 200), User_Agent="feedparser/6.0.10 +https://github.com/kurtmckee/feedparser/", Accept=FEEDPARSER_ACCEPTS,
        Accept_Encoding="gzip, deflate", A_IM="feed", Connection="close"),
    "rss2email 3.13, configured": Sends(
        200, (304, 200), User_Agent="rss2email/3.13.1 (https://github.com/rss2email/rss2email)", Accept=FEEDPARSER_ACCEPTS,
        Accept_Encoding="gzip, deflate", A_IM="feed", Connection="close"),
    "PyPI's reader 3.26": Sends(
        200, (304, 226), User_Agent="python-reader/3.26 (+https://github.com/lemon24/reader)", Accept=FEEDPARSER_ACCEPTS,
        Accept_Encoding="gzip, deflate", A_IM="feed", Connection="keep-alive"),
    # It accepts HTML, and must get a feed all the same.
    "Miniflux 2": Sends(
        200, coding="br", User_Agent="Mozilla/5.0 (compatible; Miniflux/2.2.0; +https://miniflux.app)",
        Accept="application/xml, application/atom+xml, application/rss+xml, application/rdf+xml, application/feed+json, text/html, */*;q=0.9",
        Accept_Encoding="br, gzip", Connection="close"),
    "FreshRSS 1.24": Sends(
        200, coding="br", User_Agent="FreshRSS/1.24.3 (Linux; https://freshrss.org)",
        Accept="application/atom+xml, application/rss+xml, application/rdf+xml;q=0.9, application/xml;q=0.8, text/xml;q=0.8, "
        "text/html;q=0.7, unknown/unknown;q=0.1, application/unknown;q=0.1, */*;q=0.1",
        Accept_Encoding="deflate, gzip, br, zstd"),
    "NetNewsWire 6": Sends(
        200, User_Agent="NetNewsWire (RSS Reader; https://netnewswire.com/)", Accept="*/*", Accept_Language="en-us",
        Accept_Encoding="gzip, deflate", Connection="keep-alive"),
    # Neither a name, nor a coding, nor a condition.
    "sfeed 1.7": Sends(200, (200, 200), coding=None, validators=(), Accept="*/*"),
}


def redbot(url):
    """Prints what REDbot notes of an address, also of its further requests. In a process of its own: its loop begins once."""
    thor, resource = module("thor"), module("redbot.resource")
    config = configparser.ConfigParser()
    config.read_dict({"redbot": {"enable_local_access": "True"}})
    asked = resource.HttpResource(config["redbot"])
    asked.set_request(url)
    asked.on("check_done", thor.stop)
    asked.check()
    thor.run()
    answers = [asked.response, *(one.response for one in asked.subreqs.values())]
    notes = [note for answer in answers for top in answer.notes for note in (top, *top.subnotes)]
    found = [(note.level.value, type(note).__name__, str(note.summary)) for note in notes if note.level]
    print(json.dumps({"status": asked.response.status_code, "notes": found}))


def judged(daemon, route, status):
    """REDbot gets the status, warns of nothing that is not excused, and finds what a cache lives by."""
    told = run([sys.executable, __file__, "--redbot", daemon.address(route)], env=os.environ)
    answer = json.loads(told.stdout)
    same(f"the status of {route} for REDbot", int(answer["status"]), status)
    complaints = {(name, summary) for level, name, summary in answer["notes"] if level in ("bad", "warning") and name not in EXCUSED}
    same(f"what REDbot complains about at {route}", complaints, set())
    if status == 200 and not route.endswith("z"):
        known = {name for _, name, _ in answer["notes"]}
        # What is made when it is asked for has an entity tag alone: months, and the pages of digests.
        is_on_demand = "/archive/" in route or (route.startswith("/digests/") and route.endswith("/"))
        wanted = {"INM_304", "RANGE_CORRECT"} | (set() if is_on_demand else {"IMS_304"})
        check(wanted <= known, f"what REDbot says of {route}", sorted(wanted), sorted(known))


def ask(daemon, path, headers):
    """Sends these headers and no others."""
    parts = urllib.parse.urlsplit(daemon.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        connection.putrequest("GET", path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def unpacked(headers, body):
    """The body without its coding."""
    coding = headers["Content-Encoding"]
    return {None: bytes, "gzip": gzip.decompress, "br": lambda packed: module("brotli").decompress(packed)}[coding](body)


class Replay:
    """One reader with one feed."""

    def __init__(self, daemon, name, path):
        self.daemon, self.about, self.sends, self.path = daemon, f"{name} at {path}", READERS[name], path
        self.validators = {}

    def fetch(self, step, status, plain):
        headers = self.sends.headers | {name: self.validators[name] for name in self.sends.validators if self.validators}
        seen, told, body = ask(self.daemon, self.path, headers)
        same(f"the status of {self.about}, {step}", seen, status)
        self.validators = {"If-None-Match": told["ETag"], "If-Modified-Since": told["Last-Modified"]}
        if status == 200:
            same(f"the coding of {self.about}, {step}", told["Content-Encoding"], self.sends.coding)
            check(unpacked(told, body) == plain, f"the body of {self.about}, {step}", "the feed", "another")
            check("html" not in told["Content-Type"], f"the type of {self.about}", "a feed", told["Content-Type"])
        if status == 226:
            delta = unpacked(told, body)
            check(0 < len(delta) < len(plain), f"the delta of {self.about}, {step}", f"less than {len(plain)} bytes", len(delta))


def replayed(daemon, content):
    """Every reader fetches, fetches again, and once more after a new digest."""
    paths = ["/rss.xml", "/news/atom.xml"]
    replays = [Replay(daemon, name, path) for name in READERS for path in paths]
    plain = {path: daemon.get(path)[2] for path in paths}
    for replay in replays:
        replay.fetch("the first time", replay.sends.first, plain[replay.path])
    for replay in replays:
        replay.fetch("when nothing happened", replay.sends.unchanged, plain[replay.path])
    shutil.copy(SAMPLE / "en" / NEXT_DAY, content / "en" / "half-written")
    (content / "en" / "half-written").rename(content / "en" / NEXT_DAY)
    until("the new digest is there", lambda: all(daemon.get(path)[2] != plain[path] for path in paths))
    plain = {path: daemon.get(path)[2] for path in paths}
    for replay in replays:
        replay.fetch("after a new digest", replay.sends.changed, plain[replay.path])


def check_http():
    with workspace() as folder:
        content = folder / "content"
        shutil.copytree(SAMPLE, content)
        (content / "en" / NEXT_DAY).unlink()
        # So that there is a month that is over.
        (content / "2026-02-01.md").write_text("# 2026-02-01\n\n## News\n\n### Old\n\n[Read more](https://example.com/old)\n")
        with Daemon(binary(folder), content, **SECTIONS) as daemon, concurrent.futures.ThreadPoolExecutor(4) as pool:
            judgements = [pool.submit(judged, daemon, route, status) for route, status in ROUTES.items()]
            all_of(*(judgement.result for judgement in judgements), lambda: replayed(daemon, content))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--redbot"]:
        redbot(sys.argv[2])
    else:
        main(check_http)
