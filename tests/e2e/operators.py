#!/usr/bin/env python3
"""What operators are told, read by their own tools: a Prometheus scrapes, its client library parses, every panel of the dashboard has an
answer; the status page in Chromium; logrotate's way with the access log; a socket for operators alone."""

import http.client
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

from common import REPOSITORY, SAMPLE, Daemon, Failure, all_of, binary, check, main, module, run, same, tool, until, workspace

DASHBOARD = REPOSITORY / "config" / "grafana-dashboard.json"
NEWSBOAT = {"user_agent": "newsboat/2.21.0 (Linux x86_64)", "accept_encoding": "gzip"}
HOSTED = {"user_agent": "Feedbin feed-id:7 - 142 subscribers", "accept_encoding": "identity"}
# How often Prometheus scrapes, in seconds.
EVERY = 0.2


def ask_over(path, route):
    """The answer at a socket in the file system."""
    connection = http.client.HTTPConnection("localhost", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    try:
        connection.request("GET", route)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def used(daemon, content):
    """Readers ask, and a digest comes, so that every number has something to count."""
    for headers in (NEWSBOAT, HOSTED):
        tag = daemon.get("/news/rss.xml", **headers)[1]["ETag"]
        same("the status for one who knows", daemon.get("/news/rss.xml", **headers, if_none_match=tag)[0], 304)
    (content / "new").write_text("# 2026-03-20\n\n## News\n\n### Just now\n\nIt is [new][nowhere]. [Read more](https://example.com/now)\n")
    (content / "new").rename(content / "2026-03-20.md")
    until("the new digest is served", lambda: b"Just now" in daemon.get("/news/rss.xml", **NEWSBOAT | {"accept_encoding": "identity"})[2])


def scraped(text):
    """The samples of an exposition, as the client library of Prometheus reads it."""
    parser = module("prometheus_client.openmetrics.parser")
    families = list(parser.text_string_to_metric_families(text))
    samples = [(sample.name, sample.labels, sample.value) for family in families for sample in family.samples]
    check(len(families) > 15, "families of metrics", "more than 15", len(families))
    wrong = [family.name for family in families if not family.documentation or not family.name.startswith("feedmill_")]
    same("metrics without a help text or by another name", wrong, [])
    found = {sample[1]["status"] for sample in samples if sample[0] == "feedmill_http_requests_total" and sample[1]["feed"] == "/news/"}
    check({"200", "304"} <= found, "the statuses of /news/", "200 and 304", found)
    kinds = {sample[1]["kind"]: sample[2] for sample in samples if sample[0] == "feedmill_subscribers" and sample[1]["feed"] == "/news/"}
    same("the subscribers of /news/", (kinds["hosted"], kinds["direct"] >= 1), (142, True))
    return {family.name for family in families}


class Prometheus:
    """A Prometheus that scrapes the daemon."""

    def __init__(self, folder, daemon):
        self.folder = folder
        target = urllib.parse.urlsplit(daemon.url).netloc
        (folder / "prometheus.yml").write_text(
            f"global: {{scrape_interval: {EVERY}s, scrape_timeout: {EVERY}s}}\n"
            f"scrape_configs: [{{job_name: feedmill, static_configs: [{{targets: ['{target}']}}]}}]\n".replace("0.2s", "200ms"))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"

    def __enter__(self):
        command = [tool("prometheus"), f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/tsdb",
                   f"--web.listen-address={self.address}", "--log.level=warn"]
        self.log = open(self.folder / "prometheus.log", "wb")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def ask(self, what, **query):
        """The answer of its API; nothing while it is not there."""
        try:
            with urllib.request.urlopen(f"http://{self.address}/api/v1/{what}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
                return json.load(answer)["data"]
        except (ConnectionError, urllib.error.URLError):
            check(self.process.poll() is None, "prometheus", "to run", (self.folder / "prometheus.log").read_text()[-2000:])
            return None

    def health(self):
        """Whether it has scraped, and what it says of that."""
        targets = (self.ask("targets") or {}).get("activeTargets") or [{}]
        return targets[0].get("health"), targets[0].get("lastError")


def panels():
    """The queries of the dashboard, with the variables filled in, by panel."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            query = target["expr"].replace("$instance", ".*")
            for long in ("[5m]", "[1h]"):
                query = query.replace(long, "[10s]")
            yield f"{panel['title']}: {target['expr']}", query


def by_prometheus(folder, daemon, content):
    """It takes every scrape, and every panel of the dashboard shows a number."""
    with Prometheus(folder, daemon) as prometheus:
        until("prometheus has scraped", lambda: prometheus.health()[0] == "up")
        used(daemon, content)
        waiting = dict(panels())
        check(len(waiting) > 12, "queries of the dashboard", "more than 12", len(waiting))

        def answered():
            same("what prometheus says of the scrape", prometheus.health(), ("up", ""))
            for title, query in list(waiting.items()):
                answer = prometheus.ask("query", query=query)
                if answer["result"] and answer["result"][0]["value"][1] != "NaN":
                    del waiting[title]
                else:
                    daemon.get("/news/rss.xml", **NEWSBOAT)
            return not waiting

        try:
            until("every panel has an answer", answered)
        except Failure as late:
            raise Failure(f"panels without a number: {list(waiting)}") from late
    run(["promtool", "check", "config", folder / "prometheus.yml"])


def in_chromium(folder, daemon):
    """The page for people says that all is well, at the width of a telephone as well, and breaks no policy."""
    sync = module("playwright.sync_api")
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=tool("chromium"), args=["--no-sandbox"])
        page, told = browser.new_page(viewport={"width": 360, "height": 800}), []
        page.on("console", lambda message: told.append(message.text))
        page.goto(daemon.address("/status"))
        page.get_by_text("All is well").wait_for()
        for text in ("Findings", "2026-03-20.md:7:7", "Readers today", "/news/"):
            check(page.get_by_text(text).count() > 0, "the status page", f"the text {text}", page.inner_text("body"))
        width = page.evaluate("document.documentElement.scrollWidth")
        check(width <= 360, "the width of the status page", "at most 360", width)
        page.screenshot(path=folder / "status.png", full_page=True)
        same("what the console says", told, [])
        browser.close()


def rotated(daemon, log):
    """What logrotate does: the log is moved away, and SIGHUP opens it again."""
    daemon.get("/rss.xml", **NEWSBOAT)
    until("the access log has the answer", lambda: "GET /rss.xml" in log.read_text())
    log.rename(log.with_suffix(".1"))
    daemon.process.send_signal(signal.SIGHUP)

    def begun():
        daemon.get("/atom.xml", **NEWSBOAT)
        return log.exists() and "GET /atom.xml" in log.read_text()

    until("the access log is begun anew", begun)
    pattern = r'^\S+ - - \[[^]]+\] "[A-Z]+ \S+ HTTP/1\.[01]" \d{3} (\d+|-) "[^"]*" "[^"]*"$'
    lines = log.with_suffix(".1").read_text().splitlines()
    odd = [line for line in lines if not module("re").match(pattern, line)]
    same("lines that are not in the combined format", odd, [])


def socketed(folder, feedmill, content):
    """A socket for operators: they alone are told; one that was left behind is no obstacle, and one that is in use is."""
    path = folder / "admin.sock"
    environment = {"FEEDMILL_ADMIN_LISTEN": f"unix:{path}"}
    with Daemon(feedmill, content, **environment) as daemon:
        same("the public address", [daemon.get(route)[0] for route in ("/status", "/metrics", "/healthz")], [404] * 3)
        for route in ("/healthz", "/readyz", "/status", "/status.json", "/metrics"):
            same(f"the status of {route}", ask_over(path, route)[0], 200)
        second = Daemon(feedmill, content, **environment)
        second.begin()
        same("the exit code beside another", second.process.wait(20), 2)
        check("admin.listen: cannot listen on" in second.logged(), "the reason", "admin.listen", second.told())
        second.log.close()
        second.process.stdout.close()
    check(path.exists(), "the socket of a process that ended", "left behind", "gone")
    with Daemon(feedmill, content, **environment):
        same("the status after another start", ask_over(path, "/healthz")[0], 200)


def refused(feedmill, folder, content):
    """Every key that a reload cannot change is told by name."""
    file = folder / "feedmill.yaml"
    file.write_text(f"state: {{folder: {folder}/state}}\n")
    keys = {"server": {"listen": "127.0.0.1:1", "max_connections": 7, "full_answers_per_hour": 7, "full_answers_at_once": 7},
            "admin": {"listen": "127.0.0.1:1"}, "state": {"folder": str(folder / "other")}}
    with Daemon(feedmill, content, "--config", file) as daemon:
        daemon.command = []
        file.write_text(json.dumps(keys))
        daemon.process.send_signal(signal.SIGHUP)
        until("the reload is over", lambda: "configuration reloaded" in daemon.logged())
        named = {f"{section}.{key}" for section, values in keys.items() for key in values} - {"server.listen"}
        told = {name for name in named if f"{name} is another now; it takes effect with the next start" in daemon.logged()}
        same("keys that are told to take effect with the next start", told, named)
        same("where operators ask", daemon.get("/healthz")[0], 200)
        file.write_text("site: {titel: x}\n")
        daemon.process.send_signal(signal.SIGHUP)
        until("the wrong key is refused", lambda: "the new configuration is refused; the old one stays" in daemon.logged())


def check_operators():
    with workspace() as folder:
        content, log = folder / "content", folder / "access.log"
        shutil.copytree(SAMPLE, content)
        feedmill = binary(folder)
        with Daemon(feedmill, content, "--state", folder / "kept", FEEDMILL_SERVER_ACCESS_LOG=str(log)) as daemon:
            by_prometheus(folder, daemon, content)
            status, headers, body = daemon.get("/metrics")
            same("the status of /metrics", status, 200)
            names = scraped(body.decode())
            asked = {name for title, query in panels() for name in module("re").findall(r"feedmill_\w+", query)}
            unknown = {name for name in asked if not any(name.startswith(known) for known in names)}
            same("metrics that the dashboard asks for and nobody tells", unknown, set())
            all_of(lambda: in_chromium(folder, daemon), lambda: rotated(daemon, log))
        told = run([feedmill, "stats", "--state", folder / "kept"]).stdout.decode()
        check("Feedbin 142" in told and "/news/" in told, "feedmill stats", "Feedbin 142 and /news/", told)
        all_of(lambda: socketed(folder, feedmill, content), lambda: refused(feedmill, folder, content))
        if sys.argv[1:2] == ["--screenshot"]:
            shutil.copy(folder / "status.png", sys.argv[2])


if __name__ == "__main__":
    main(check_operators)
