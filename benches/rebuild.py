#!/usr/bin/env python3
"""What a start and a drop cost, for archives of several sizes: time, CPU time and memory.

A drop is a new digest, renamed into the folder. It is there when feeds of a section and of all items show it, in all three
formats; they are asked for without a pause, on a connection that is kept, with the entity tag of what was there before.
"""

import argparse
import contextlib
import http.client
import math
import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.parse

import archive
from common import binary, check, main, run, same, tool, until, workspace

ROUTES = [f"{folder}{file}" for folder in ("/news/", "/") for file in ("rss.xml", "atom.xml", "feed.json")]
FLOOR_ROUNDS = 3


class Reader:
    """Asks for routes on one connection, and remembers the entity tag of each."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        self.tags, self.asked = {}, 0

    def get(self, route):
        """The body if it is another than the last time, else nothing."""
        tag = self.tags.get(route)
        self.connection.request("GET", route, headers={"If-None-Match": tag} if tag else {})
        response = self.connection.getresponse()
        body = self.read(response)
        self.asked += 1
        check(response.status in (200, 304), f"the status of {route}", "200 or 304", response.status)
        self.tags[route] = response.headers["ETag"]
        return body

    def read(self, response):
        return response.read()

    def sees(self, routes, mark, seconds=120):
        """Asks until every route shows the mark; gives the moments at which the first and the last did."""
        first, deadline = None, time.perf_counter() + seconds
        for route in routes:
            while mark not in self.get(route):
                check(time.perf_counter() < deadline, route, f"{mark.decode()} within {seconds} seconds", "not there")
            first = first or time.perf_counter()
        return first, time.perf_counter()


class LenientReader(Reader):
    """One of hugo server, which now and then sends less of a feed than it announced while it writes the next."""

    def read(self, response):
        try:
            return response.read()
        except http.client.IncompleteRead:
            self.connection.close()
            return b""


def price_of_asking(reader, pid):
    """The CPU time, in seconds, that the daemon takes to say that nothing has changed: what asking adds to the cost of a drop."""
    before, times = archive.resting(pid), 2000
    for _ in range(times):
        reader.get(ROUTES[0])
    return (archive.resting(pid) - before) / times


def drop(folder, content, date, items):
    """Renames the digest of a date into the folder of its year, as the last step of a careful writer; gives the moment before."""
    outside, inside = folder / "half-written", content / str(date.year) / f"{date}.md"
    inside.parent.mkdir(exist_ok=True)
    outside.write_text(archive.digest(date, items))
    check(not inside.exists(), f"the archive before {date}", "no digest of that date", inside)
    begun = time.perf_counter()
    outside.rename(inside)
    return begun


@contextlib.contextmanager
def started(feedmill, content, state):
    """The daemon, and the milliseconds from its start to its first answer."""
    begun = time.perf_counter()
    with archive.Mill(feedmill, content, "--state", state) as mill:
        same("the status of the first answer", mill.get(ROUTES[0])[0], 200)
        yield mill, (time.perf_counter() - begun) * 1e3


def of_size(folder, feedmill, floor, count, options):
    """Prints the figures of an archive of so many digests; gives the median of its drops."""
    content, state = folder / f"content-{count}", folder / f"state-{count}"
    size = archive.write(content, count, options.items)
    parsed = statistics.median(float(run([floor, "parse", content], seconds=300).stdout) for _ in range(FLOOR_ROUNDS))
    with started(feedmill, content, state) as (mill, took):
        pid = mill.process.pid
        # The allocator gives back within two seconds what is free.
        archive.resting(pid, 2)
        idle, peak = archive.memory(pid)
        reader = Reader(mill.url)
        for route in ROUTES:
            reader.get(route)
        price, before = price_of_asking(reader, pid), archive.resting(pid)
        reader.asked, first, every = 0, [], []
        for at in range(1, options.drops + 1):
            begun = drop(folder, content, archive.day(at), options.items)
            moments = reader.sees(ROUTES, archive.link(archive.day(at), 0, 0).encode())
            first.append((moments[0] - begun) * 1e3)
            every.append((moments[1] - begun) * 1e3)
            archive.resting(pid)
        cpu = (archive.cpu([pid]) - before - reader.asked * price) / options.drops * 1e3
        after, highest = archive.memory(pid)
    with started(feedmill, content, state) as (_, again):
        pass
    shutil.rmtree(content)
    print(f"{count:>7}{size / 1e6:>7.1f}{parsed:>9.0f}{took:>9.0f}{took / parsed:>7.1f}{again:>9.0f}"
          f"{idle:>7.0f}{peak:>7.0f}{after:>8.0f}{highest:>7.0f}"
          f"{statistics.median(first):>9.1f}{statistics.median(every):>9.1f}{high(every):>9.1f}{cpu:>9.1f}")
    return statistics.median(every)


def high(times):
    """The 95th percentile."""
    return sorted(times)[math.ceil(len(times) * 0.95) - 1]


HUGO_FEED = """<rss version="2.0"><channel><title>{{ .Title }}</title><link>{{ .Permalink }}</link>
{{ range first MOST .RegularPages }}<item>
<title>{{ .Title }}</title><link>{{ .Permalink }}</link><description>{{ .Content | html }}</description>
</item>
{{ end }}</channel></rss>
"""


def hugo_pages(date, items, per_item):
    """The digest of a date as Hugo needs it to make a feed per section: a content file per section, or one per item, which is the
    only way to have entries of items."""
    _, *sections = archive.digest(date, items).split("\n## ")
    for at, text in enumerate(sections):
        title, _, body = text.partition("\n")
        parts = [part.partition("\n")[::2] for part in body.split("\n### ")[1:]] if per_item else [(title, body)]
        for number, (title, body) in enumerate(parts):
            name = f"{('news', 'papers', 'tools', 'business', 'culture')[at]}/{date}-{number}.md"
            yield name, f"---\ntitle: '{title} {date}'\ndate: {date}\nweight: {number + 1}\n---\n{body}"


@contextlib.contextmanager
def hugo_server(site, most):
    """`hugo server` on a free port, with what it needs to write a feed per section of so many pages. Its fast rendering leaves feeds as they were."""
    (site / "layouts" / "_default").mkdir(parents=True)
    for name, text in (("rss.xml", HUGO_FEED.replace("MOST", str(most))), ("single.html", "{{ .Content }}"), ("list.html", "{{ .Title }}")):
        (site / "layouts" / "_default" / name).write_text(text)
    (site / "config.toml").write_text('title = "Digest"\ndisableKinds = ["taxonomy", "term", "sitemap", "404"]\n')
    port = archive.free_port("127.0.0.1")
    command = [tool("hugo"), "server", "-s", site, "--bind", "127.0.0.1", "-p", str(port), "--disableLiveReload", "--disableFastRender"]
    with open(site / "log", "wb") as log:
        process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, start_new_session=True)
    try:
        def answers():
            check(process.poll() is None, "hugo server", "it runs", (site / "log").read_text()[-1000:])
            with contextlib.suppress(OSError):
                return Reader(f"http://127.0.0.1:{port}").get("/news/index.xml")
        until("hugo server answers", answers, seconds=300)
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def hugo(folder, count, options, per_item):
    """The median, in milliseconds, of drops until Hugo's feed of a section shows them."""
    site, times = folder / f"hugo-{'items' if per_item else 'sections'}", []

    def write(root, date):
        for name, text in hugo_pages(date, options.items, per_item):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)

    for at in range(1 - count, 1):
        write(site / "content", archive.day(at))
    with hugo_server(site, 14 * math.ceil(options.items / 5) if per_item else 14) as (process, url):
        reader = LenientReader(url)
        reader.get("/news/index.xml")
        for at in range(1, options.hugo_drops + 1):
            archive.resting(process.pid, 0.5)
            date, outside = archive.day(at), folder / f"outside-{per_item}-{at}"
            write(outside, date)
            begun = time.perf_counter()
            # The section that is asked for comes last, so that all of them are there.
            for path in sorted(outside.glob("*/*.md"), key=lambda path: path.parent.name == "news"):
                path.rename(site / "content" / path.parent.name / path.name)
            times.append((reader.sees(["/news/index.xml"], archive.link(date, 0, 0).encode())[1] - begun) * 1e3)
    return statistics.median(times)


def measure(options):
    if options.hugo:
        tool("hugo")
    floor = archive.floor()
    with workspace() as folder:
        feedmill = binary(folder)
        print(f"{options.items} items a digest, {options.drops} drops a size, {len(os.sched_getaffinity(0))} cores, "
              f"load of the machine {os.getloadavg()[0]:.1f}")
        print("                 floor    start           again   MB of memory                  drop ms: one    all six      CPU")
        print("digests     MB       ms       ms  ratio       ms   idle   peak   after   peak   median   median      p95       ms")
        drops = {count: of_size(folder, feedmill, floor, count, options) for count in options.sizes}
        smallest, largest = min(drops), max(drops)
        if largest > smallest:
            print(f"a drop at {largest} digests takes {drops[largest] / drops[smallest]:.2f} times that at {smallest}")
        if options.hugo:
            for per_item in (False, True):
                theirs = hugo(folder, smallest, options, per_item)
                print(f"hugo server at {smallest} digests, a page per {'item' if per_item else 'section and day'}: {theirs:.0f} ms, "
                      f"{theirs / drops[smallest]:.1f} times ours")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10000], help="in digests [default: 100 1000 10000]")
    parser.add_argument("--items", type=int, default=42, help="of a digest [default: 42]")
    parser.add_argument("--drops", type=int, default=20, help="per size [default: 20]")
    parser.add_argument("--hugo", action="store_true", help="compare with hugo server at the smallest size")
    parser.add_argument("--hugo-drops", type=int, default=5, help="[default: 5]")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    main(lambda: measure(arguments))
