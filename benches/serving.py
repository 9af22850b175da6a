#!/usr/bin/env python3
"""What an answer costs, beside nginx and beside a bare hyper server that send the same bytes, in the same run.

The server has one core, wrk the other. The steady figure is the server's CPU time per request; requests per second and the 99th
percentile of the latency depend on what else the machine does.
"""

import argparse
import contextlib
import dataclasses
import gzip
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import urllib.parse

import archive
from common import Daemon, Failure, binary, check, main, run, same, tool, until, workspace

ROUTE = "/news/rss.xml"
ITEMS = 16
SERVER_CORE, LOAD_CORE = 0, 1
CONNECTIONS = (64, 512)

TUNED = """
worker_processes 1;
worker_rlimit_nofile 65536;
error_log {folder}/error.log;
pid {folder}/pid;
events {{ worker_connections 8192; }}
http {{
    include /etc/nginx/mime.types;
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    gzip_static on;
    open_file_cache max=100 inactive=600s;
    open_file_cache_valid 600s;
    server {{ listen {address} backlog=4096; root {root}; }}
}}
"""

# Debian's nginx.conf and its default site. It compresses HTML alone: the line with gzip_types is commented out there.
STOCK = """
user www-data;
worker_processes auto;
error_log {folder}/error.log;
pid {folder}/pid;
events {{ worker_connections 768; }}
http {{
    sendfile on;
    tcp_nopush on;
    types_hash_max_size 2048;
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
    ssl_prefer_server_ciphers on;
    access_log {folder}/access.log;
    gzip on;
    server {{
        listen {address};
        root {root};
        index index.html index.htm index.nginx-debian.html;
        server_name _;
        location / {{ try_files $uri $uri/ =404; }}
    }}
}}
"""

# wrk's own report rounds; this one does not, and comes as one line.
REPORT = """
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('{"requests": %d, "bytes": %d, "seconds": %f, "p99_ms": %f, "socket_errors": %d, "bad_statuses": %d}\\n',
    summary.requests, summary.bytes, summary.duration / 1e6, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.timeout, e.status))
end
"""


@dataclasses.dataclass
class Case:
    """A kind of request, and by how much it may cost more than the same at tuned nginx."""

    name: str
    headers: dict
    at_most: float
    conditional: bool = False


CASES = [
    Case("identity, kept", {}, 1.20),
    Case("gzip, kept", {"Accept-Encoding": "gzip"}, 0.95),
    Case("304, kept", {"Accept-Encoding": "gzip"}, 0.95, conditional=True),
    Case("gzip, new connection", {"Accept-Encoding": "gzip", "Connection": "close"}, 1.15),
]
AT_MOST_STOCK, AT_MOST_FLOOR = 1.0, 1.10


@dataclasses.dataclass
class Server:
    """Something that answers, the processes whose time counts, and the entity tag it gives for gzip."""

    name: str
    url: str
    pids: list
    tag: str = ""
    compresses: bool = True

    def get(self, headers):
        """Status, headers and body of one request."""
        parts = urllib.parse.urlsplit(self.url)
        with contextlib.closing(http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)) as connection:
            connection.request("GET", ROUTE, headers=headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def headers(self, case):
        return case.headers | ({"If-None-Match": self.tag} if case.conditional else {})


@dataclasses.dataclass
class Run:
    """One run of wrk: microseconds of the server's CPU time per request, requests per second, and milliseconds."""

    cpu: float
    rate: float
    p99: float


def children(pid):
    """The processes that a process has started."""
    parents = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{entry}/stat") as stat:
            parents[int(entry)] = int(stat.read().rpartition(")")[2].split()[1])
    return [child for child, parent in parents.items() if parent == pid]


@contextlib.contextmanager
def nginx(name, template, host, root):
    """nginx with a configuration, on the server's core."""
    # Outside of the workspace: the workers of a configuration with `user` have other rights.
    folder, address = tempfile.mkdtemp(prefix="feedmill-nginx-"), f"{host}:{archive.free_port(host)}"
    configuration = f"{folder}/nginx.conf"
    with open(configuration, "w") as file:
        file.write(template.format(folder=folder, address=address, root=root))
    command = ["taskset", "-c", str(SERVER_CORE), tool("nginx"), "-c", configuration, "-e", "stderr", "-g", "daemon off;"]
    process = subprocess.Popen(command)
    try:
        def answers():
            check(process.poll() is None, f"nginx, {name}", "it runs", "it ended; what it said stands above")
            with contextlib.suppress(OSError):
                return socket.create_connection((host, int(address.rpartition(":")[2])), 1).close() or True
        until(f"nginx, {name}, answers", answers)
        yield Server(name, f"http://{address}", [process.pid, *children(process.pid)])
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


class Floor(Daemon):
    """The bare server, which begins as feedmill does, and is ended."""

    def __init__(self, program, runtime, identity, compressed, cores=str(SERVER_CORE)):
        super().__init__(program, identity)
        self.command = ["taskset", "-c", cores, program, "serve", runtime, "127.0.0.1:0", str(identity), str(compressed)]

    def __exit__(self, *_):
        self.process.kill()
        self.stop()
        self.log.close()


def verify(server, body):
    """Every server must give the same: the same body, whole or compressed, and 304 to who has it."""
    status, _, seen = server.get({})
    same(f"{server.name}: the status", status, 200)
    check(seen == body, f"{server.name}: the body", f"the {len(body)} bytes that feedmill sends", f"{len(seen)} others")
    status, headers, seen = server.get({"Accept-Encoding": "gzip"})
    server.tag, server.compresses = headers["ETag"], headers["Content-Encoding"] == "gzip"
    same(f"{server.name}: the status with gzip", status, 200)
    same(f"{server.name}: the body with gzip", (gzip.decompress(seen) if server.compresses else seen) == body, True)
    check(server.compresses or server.name == "stock", f"{server.name}: the encoding", "gzip", headers["Content-Encoding"])
    for headers in ({}, {"Connection": "close"}):
        status, _, seen = server.get({"Accept-Encoding": "gzip", "If-None-Match": server.tag} | headers)
        same(f"{server.name}: the answer to a reader that has the feed", (status, seen), (304, b""))


def load(server, case, connections, seconds, script, sizes, cores):
    """One run of wrk, and what it has cost the server."""
    command = ["taskset", "-c", cores, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script]
    for name, value in server.headers(case).items():
        command += ["-H", f"{name}: {value}"]
    before = archive.cpu(server.pids)
    told = run([*command, server.url + ROUTE]).stdout.decode()
    taken = archive.cpu(server.pids) - before
    report = json.loads(told.splitlines()[-1])
    what = f"{case.name} at {connections} connections, {server.name}"
    same(f"{what}: errors that wrk saw", (report["socket_errors"], report["bad_statuses"]), (0, 0))
    check(report["requests"], what, "answers", told)
    size = 0 if case.conditional else sizes["Accept-Encoding" in case.headers and server.compresses]
    # Headers are counted as well, and of the answers under way at the end a part.
    most = size + 1000 + size * connections / report["requests"]
    check(size < report["bytes"] / report["requests"] < most, f"{what}: bytes per answer", f"{size} to {most:.0f}", report)
    return Run(taken / report["requests"] * 1e6, report["requests"] / report["seconds"], report["p99_ms"])


def medians(name, runs):
    cpu, rate, p99 = (statistics.median(getattr(it, field) for it in runs) for field in ("cpu", "rate", "p99"))
    return f"{name:10}{cpu:>9.1f}{rate:>10.0f}{p99:>9.2f}"


def report_case(case, connections, runs):
    """Prints the medians of a case and how feedmill stands to the others; gives the bounds that are broken."""
    ours, broken = runs["feedmill"], []
    bounds = {"tuned": case.at_most, "stock": AT_MOST_STOCK, "floor": AT_MOST_FLOOR}
    for name, theirs in runs.items():
        line = f"{case.name:22}{connections:>6}  {medians(name, theirs)}"
        if name in bounds:
            ratio = statistics.median(our.cpu / their.cpu for our, their in zip(ours, theirs))
            over = ratio > bounds[name]
            line += f"{ratio:>9.2f}{bounds[name]:>8.2f}{'  over' if over else ''}"
            if over:
                broken.append(f"{case.name} at {connections} connections: {ratio:.2f} of {name}, at most {bounds[name]:.2f}")
        print(line)
    return broken


def measure(servers, options, script, sizes, cores=str(LOAD_CORE)):
    """All cases, the servers by turns, so that whatever the machine does meanwhile meets all of them."""
    runs = {}
    for turn in range(options.rounds):
        for case in CASES:
            for connections in CONNECTIONS:
                for server in servers[turn % len(servers):] + servers[:turn % len(servers)]:
                    per_server = runs.setdefault((case.name, connections), {it.name: [] for it in servers})
                    per_server[server.name].append(load(server, case, connections, options.seconds, script, sizes, cores))
    return runs


RUNTIMES = ("shared", "reuseport", "multi")


def compare_runtimes(options):
    """How the bare server's threads may share the work: all servers and wrk have all cores, and nothing else is compared."""
    floor, cores = archive.floor(), ",".join(map(str, sorted(os.sched_getaffinity(0))))
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(workspace())
        body = archive.digest(archive.day(0), 100).encode()
        file, packed, script = folder / "page", folder / "page.gz", folder / "report.lua"
        file.write_bytes(body)
        packed.write_bytes(gzip.compress(body))
        script.write_text(REPORT)
        sizes = len(body), packed.stat().st_size
        bare = [stack.enter_context(Floor(floor, runtime, file, packed, cores)) for runtime in RUNTIMES]
        servers = [Server(name, it.url.rstrip("/"), [it.process.pid]) for name, it in zip(RUNTIMES, bare)]
        for server in servers:
            verify(server, body)
        print(f"{sizes[0]} bytes, {sizes[1]} with gzip; {options.rounds} rounds of {options.seconds} s; all on cores {cores}")
        runs = measure(servers, options, script, sizes, cores)
    print(f"{'case':22}{'conns':>6}  {'runtime':10}{'CPU µs':>9}{'req/s':>10}{'p99 ms':>9}{'ratio':>9}")
    for (case, connections), per_runtime in runs.items():
        for name, ours in per_runtime.items():
            ratio = statistics.median(one.cpu / other.cpu for one, other in zip(ours, per_runtime[RUNTIMES[0]]))
            print(f"{case:22}{connections:>6}  {medians(name, ours)}{ratio:>9.2f}")


def compare(options):
    for program in ("wrk", "nginx", "taskset"):
        tool(program)
    check(len(os.sched_getaffinity(0)) > LOAD_CORE, "the machine", "two cores", os.sched_getaffinity(0))
    if options.runtimes:
        return compare_runtimes(options)
    floor = archive.floor()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(workspace())
        folder.chmod(0o755)
        archive.write(folder / "content", 60, ITEMS)
        mill = stack.enter_context(archive.Mill(binary(folder), folder / "content", "--state", folder / "state", core=SERVER_CORE))
        feedmill = Server("feedmill", mill.url.rstrip("/"), [mill.process.pid])
        body, compressed = feedmill.get({})[2], feedmill.get({"Accept-Encoding": "gzip"})[2]
        check(55_000 < len(body) < 65_000, "the size of the feed", "about 60 KB", len(body))
        file = folder / "www" / ROUTE.lstrip("/")
        file.parent.mkdir(parents=True)
        file.write_bytes(body)
        packed = file.with_name(f"{file.name}.gz")
        packed.write_bytes(compressed)
        bare = stack.enter_context(Floor(floor, "current", file, packed))
        servers = [
            feedmill,
            stack.enter_context(nginx("tuned", TUNED, "127.0.0.2", folder / "www")),
            stack.enter_context(nginx("stock", STOCK, "127.0.0.3", folder / "www")),
            Server("floor", bare.url.rstrip("/"), [bare.process.pid]),
        ]
        for server in servers:
            verify(server, body)
        script = folder / "report.lua"
        script.write_text(REPORT)
        print(f"{len(body)} bytes, {len(compressed)} with gzip; {options.rounds} rounds of {options.seconds} s; {archive.told_by(['nginx', '-v'])}; "
              f"load of the machine {os.getloadavg()[0]:.1f}")
        for server in servers:
            if not server.compresses:
                print(f"{server.name} does not compress this feed: it answers gzip with identity")
        runs = measure(servers, options, script, (len(body), len(compressed)))
    print(f"{'case':22}{'conns':>6}  {'server':10}{'CPU µs':>9}{'req/s':>10}{'p99 ms':>9}{'ratio':>9}{'bound':>8}")
    broken = [told for case in CASES for at in CONNECTIONS for told in report_case(case, at, runs[case.name, at])]
    if options.check and broken:
        raise Failure("\n  ".join(["feedmill costs more than it may", *broken]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=1, help="of each run of wrk [default: 1]")
    parser.add_argument("--rounds", type=int, default=5, help="of all cases and servers [default: 5]")
    parser.add_argument("--runtimes", action="store_true", help="compare how the floor's threads may share the work, and nothing else")
    parser.add_argument("--check", action="store_true", help="fail when a bound is broken")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    main(lambda: compare(arguments))
