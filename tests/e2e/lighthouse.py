#!/usr/bin/env python3
"""Lighthouse judges a page of each kind: accessibility, best practices and search engines 100, performance at least 95."""

import json
import os
import pathlib

from common import SAMPLE, Daemon, all_of, binary, check, main, npm, run, tool, workspace

# The newest that Debian's own Node.js runs.
LIGHTHOUSE = "lighthouse@12.8.2"
ROUTES = ["/", "/xin-wen-zi-xun/", "/digests/2026-03-02/"]
LEAST = {"accessibility": 1, "best-practices": 1, "seo": 1, "performance": 0.95}
FLAGS = "--headless --no-sandbox --disable-gpu --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'"


def judge(url, folder, packages):
    path = folder / "lighthouse.json"
    program = pathlib.Path(packages["NODE_PATH"]) / "lighthouse/cli/index.js"
    environment = os.environ | packages | {"CHROME_PATH": tool("chromium"), "HOME": str(folder)}
    categories = ",".join(LEAST)
    run(["node", program, url, "--quiet", f"--chrome-flags={FLAGS}", "--output=json", f"--output-path={path}", f"--only-categories={categories}"], env=environment)
    report = json.loads(path.read_text())
    scores = {name: report["categories"][name]["score"] for name in LEAST}
    print(url, scores)
    faults = [(name, audit["title"]) for name, audit in report["audits"].items() if audit["score"] is not None and audit["score"] < 1]
    check(all(scores[name] is not None and scores[name] >= least for name, least in LEAST.items()), f"Lighthouse about {url}", LEAST, (scores, faults))


def check_pages():
    with workspace() as folder:
        feedmill, packages = binary(folder), npm(folder / "npm", [LIGHTHOUSE])
        with Daemon(feedmill, SAMPLE, FEEDMILL_SITE_LANGUAGE="zh-CN") as daemon:
            all_of(*(lambda route=route: judge(daemon.address(route), folder, packages) for route in ROUTES))


if __name__ == "__main__":
    main(check_pages)
