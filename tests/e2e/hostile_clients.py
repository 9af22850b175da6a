#!/usr/bin/env python3
"""Attacks a daemon over HTTP in every way that costs the attacker little; meanwhile a reader gets its feed, and afterwards everything is freed.

Attackers come from many addresses of this machine (127.0.0.0/8), each of which counts, because a proxy is configured that none of them is.
While an attack runs, a reader in a process of its own asks for a feed ten times a second, and no answer may take longer than is said
here. Afterwards the daemon has as many file descriptors open as before, and no more memory than a little.
"""

import argparse
import contextlib
import multiprocessing
import pathlib
import re
import resource
import selectors
import socket
import struct
import time
import urllib.parse

from common import Daemon, Failure, all_of, binary, check, main, same, until, workspace

# Attackers are not proxies, so that each of their addresses is counted.
SETTINGS = {"FEEDMILL_SERVER_TRUSTED_PROXIES": "[192.0.2.0/24]", "FEEDMILL_FEEDS_MAX_BYTES": "50000000", "FEEDMILL_FEEDS_DAYS": "36500", "FEEDMILL_FEEDS_DIGESTS": "1000"}
HEAD_SECONDS = 2
SHORT = {"FEEDMILL_SERVER_HEADER_SECONDS": str(HEAD_SECONDS), "FEEDMILL_SERVER_STALL_SECONDS": "2"}
PER_ADDRESS = 100
MOST = 10_000
# Both sides of ten thousand connections are on this machine, each in a process of its own.
FILES = 12_000
# Seconds in which a reader has its answer while an attack runs: a loaded machine with two cores included.
PATIENCE = 3.0
# Memory that may stay after an attack, in kB: what the allocator has not given back yet.
LEFT_OVER = 30_000
# Memory that a connection may take while it is open, in bytes.
PER_CONNECTION = 24_000
LARGE, SMALL = "/rss.xml", "/tools/rss.xml"


def write(content):
    """A feed too large for the kernel to hold for a slow reader, and a small one."""
    content.mkdir()
    text = "Words of no consequence. " * 12_000
    for day in range(1, 21):
        large = f"## News\n\n### News of {day}\n\n{text}[>Read more](https://example.com/{day})\n"
        small = f"## Tools\n\n### Tool of {day}\n\nSome words. [>Read more](https://example.com/tools/{day})\n"
        (content / f"2026-01-{day:02}.md").write_text(f"# 2026-01-{day:02}\n\n{large}\n{small}")


class Server:
    """A daemon under attack: where it is, what it holds."""

    def __init__(self, daemon):
        parts = urllib.parse.urlsplit(daemon.url)
        self.daemon, self.place = daemon, (parts.hostname, parts.port)
        self.process = pathlib.Path(f"/proc/{daemon.process.pid}")
        self.networks = iter(range(10, 250))

    def files(self):
        return len(list((self.process / "fd").iterdir()))

    def memory(self, name="VmRSS"):
        """In kB."""
        return int(re.search(rf"{name}:\s*(\d+)", (self.process / "status").read_text())[1])

    def forget_peak(self):
        (self.process / "clear_refs").write_text("5")

    def connect(self, address="127.0.0.1", seconds=10, small=False):
        """A connection from an address of this machine."""
        client = socket.socket()
        if small:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(seconds)
        client.bind((address, 0))
        client.connect(self.place)
        return client

    def crowd(self, count, said=b"", **options):
        """So many connections from as few addresses as may have them, each of which says something."""
        network = next(self.networks)
        clients = []
        for at in range(count):
            host = at // PER_ADDRESS
            client = self.connect(f"127.{network}.{host // 250}.{host % 250 + 1}", **options)
            client.sendall(said)
            clients.append(client)
        return clients

    def say(self, said, address="127.0.0.1", seconds=2 * HEAD_SECONDS + 6, shut=False):
        """What is answered until the server closes, which it must do in time; nothing if it breaks the connection off."""
        with self.connect(address, seconds) as client:
            told = bytearray()
            try:
                client.sendall(said)
                if shut:
                    client.shutdown(socket.SHUT_WR)
                while part := client.recv(1 << 16):
                    told += part
            except (ConnectionResetError, BrokenPipeError):
                pass
            except TimeoutError as late:
                raise Failure(f"{said[:60]!r}\n  expected: the connection closed within {seconds} seconds\n  seen:     {bytes(told[:200])!r}") from late
            return bytes(told)


def close(clients):
    for client in clients:
        client.close()


def get(path, close=False, **headers):
    lines = [f"GET {path} HTTP/1.1", "Host: news.example.org", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, *(["Connection: close"] if close else []), "", ""]).encode()


def answers(told):
    """The statuses of answers in a row, each with its body whole."""
    statuses = []
    while told:
        head, separator, rest = told.partition(b"\r\n\r\n")
        status = re.match(rb"HTTP/1\.[01] (\d{3}) ", head)
        check(status and separator, "what a server says", "answers", bytes(told[:200]))
        length = re.search(rb"(?im)^content-length: (\d+)", head)
        length = int(length[1]) if length else 0
        check(len(rest) >= length, "the body of an answer", f"{length} bytes", len(rest))
        statuses.append(int(status[1]))
        told = rest[length:]
    return statuses


def ended(clients, seconds):
    """Waits until the server has closed all of them, whatever it says before."""
    waiting = selectors.DefaultSelector()
    for client in clients:
        client.setblocking(False)
        waiting.register(client, selectors.EVENT_READ)
    deadline = time.monotonic() + seconds
    while waiting.get_map():
        if time.monotonic() > deadline:
            raise Failure(f"connections that are still open after {seconds} seconds: {len(waiting.get_map())} of {len(clients)}")
        for key, _ in waiting.select(0.2):
            with contextlib.suppress(BlockingIOError):
                try:
                    over = not key.fileobj.recv(1 << 16)
                except ConnectionResetError:
                    over = True
                if over:
                    waiting.unregister(key.fileobj)
    close(clients)


def read(place, network, longest, count, stop):
    """A reader: a new connection for each question, most of them conditional, as one that polls."""
    tag = None
    while not stop.is_set():
        begun = time.monotonic()
        try:
            with socket.socket() as client:
                client.settimeout(60)
                client.bind((f"127.{network}.0.1", 0))
                client.connect(place)
                known = {"If_None_Match": tag} if tag and count.value % 10 else {}
                client.sendall(get(SMALL, close=True, Accept_Encoding="gzip", **known))
                told = bytearray()
                while part := client.recv(1 << 16):
                    told += part
            (status,) = answers(bytes(told))
            tag = re.search(rb"(?im)^etag: (\S+)", told)[1].decode()
            right = status == (304 if known else 200)
        except Exception as error:
            print(f"the reader: {error!r}", flush=True)
            right = False
        taken = time.monotonic() - begun if right else float("inf")
        with longest.get_lock():
            longest.value, count.value = max(longest.value, taken), count.value + 1
        stop.wait(0.1)


class Reader:
    """Reads while an attack runs, and knows how long the longest answer took."""

    def __init__(self, server):
        self.longest, self.count, self.stop = multiprocessing.Value("d", 0.0), multiprocessing.Value("i", 0), multiprocessing.Event()
        self.process = multiprocessing.Process(target=read, args=(server.place, next(server.networks), self.longest, self.count, self.stop))

    def __enter__(self):
        self.process.start()
        until("a reader's first answer", lambda: self.count.value)
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.process.join(70)
        self.process.kill()


def under(server, name, attack, patience=PATIENCE, connections=300):
    """One attack, with what must hold while it runs and after it."""
    before = server.files(), server.memory()
    server.forget_peak()
    begun = time.monotonic()
    with Reader(server) as reader:
        told = attack(server) or ""
        until("an answer after the attack", lambda seen=reader.count.value: reader.count.value > seen + 1, seconds=60)
    peak = server.memory("VmHWM")
    print(f"{name}: {time.monotonic() - begun:.1f} s; {reader.count.value} answers to a reader, the longest in {reader.longest.value:.2f} s; "
          f"memory {before[1]} kB before, {peak} kB at most{told and '; '}{told}", flush=True)
    check(reader.longest.value <= patience, f"{name}: the longest a reader waited", f"at most {patience} s", reader.longest.value)
    most = before[1] + LEFT_OVER + connections * PER_CONNECTION // 1024
    check(peak <= most, f"{name}: memory in kB", f"at most {most}", peak)
    until(f"{name}: file descriptors are free again ({before[0]} before)", lambda: server.files() <= before[0] + 2, seconds=30)
    until(f"{name}: memory is free again ({before[1]} kB before)", lambda: server.memory() <= before[1] + LEFT_OVER, seconds=30)


def slow_heads(server):
    """Heads that come byte by byte and never end."""
    clients = server.crowd(300, b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
    deadline = time.monotonic() + HEAD_SECONDS + 4
    closed = 0
    while closed < len(clients) and time.monotonic() < deadline:
        closed = sum(not sent(client, b"x") for client in clients)
        time.sleep(0.2)
    same("connections with slow heads that are closed", closed, len(clients))
    close(clients)


def sent(client, said):
    """Whether the other side still takes it."""
    try:
        client.setblocking(False)
        if client.recv(1 << 16) == b"":
            return False
    except BlockingIOError:
        pass
    except ConnectionResetError:
        return False
    try:
        client.send(said)
        return True
    except (ConnectionResetError, BrokenPipeError):
        return False


def silent(server):
    """Connections that say nothing, and some that say half a line."""
    ended(server.crowd(200) + server.crowd(100, b"GE"), HEAD_SECONDS + 4)


def idle(server):
    """Connections that are kept after an answer."""
    ended(server.crowd(300, get("/healthz")), HEAD_SECONDS + 4)


def slow_readers(server):
    """Clients that ask for much and take nothing: the kernel drops them after the stall time."""
    clients = server.crowd(100, get(LARGE), small=True)
    until("slow readers are there", lambda: server.files() > 100)
    until("slow readers are dropped", lambda: server.files() < 60, seconds=20)
    close(clients)


def trickling_readers(server):
    """Clients that take a little now and then. They hold their own connections, of which an address has so many, and nothing else."""
    clients = server.crowd(100, get(LARGE), small=True)
    for _ in range(10):
        for client in clients:
            client.recv(64)
        time.sleep(0.2)
    close(clients)


def half_closed(server):
    """Who says that he has said all still gets his answer, or is let go; nobody is waited for."""
    for said, allowed in ((get("/healthz", close=True), ([200], [])), (get("/healthz"), ([200], [])), (get(LARGE, close=True), ([200], [])), (b"", ([],)), (b"GET /", ([400], []))):
        seen = answers(server.say(said, shut=True))
        check(seen in allowed, f"answers to {said[:30]!r} and the end", allowed, seen)
    clients = server.crowd(200)
    for client in clients:
        client.shutdown(socket.SHUT_WR)
    ended(clients, HEAD_SECONDS + 4)


def reset(server):
    """Connections broken off by a reset, in the middle of an answer as well."""
    for said in (b"", b"GET / HT", get("/"), get(LARGE)):
        clients = server.crowd(100, said, small=True)
        for client in clients:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        close(clients)


def pipelined(server):
    """Many questions in one breath are answered in order; and of answers that nobody takes, few are kept."""
    said = get("/healthz") * 99 + get("/nope/", close=True)
    same("answers to a hundred questions at once", answers(server.say(said)), [200] * 99 + [404])
    clients = server.crowd(100, small=True)
    for client in clients:
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError, ConnectionResetError, BrokenPipeError):
            client.send(get(LARGE) * 1000)
    until("those who take no answers are there", lambda: server.files() > 100)
    until("those who take no answers are dropped", lambda: server.files() < 60, seconds=20)
    close(clients)


def giant_heads(server):
    """Heads longer than the limit are refused when it is reached, and not kept."""
    for name, said in {
        "a long line": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        "a long value": get("/", Cookie="x" * 1_000_000),
        "many headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 100_000 + b"\r\n",
        "a long name": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"n" * 1_000_000 + b": x\r\n\r\n",
        "a long method": b"G" * 1_000_000 + b" / HTTP/1.1\r\nHost: x\r\n\r\n",
        "empty lines": b"\r\n" * 500_000,
    }.items():
        seen = answers(server.say(said))
        check(seen in ([431], [414], [400], []), f"answers to {name}", "a refusal", seen)
    ended(server.crowd(200, get("/", Cookie="x" * 100_000)), HEAD_SECONDS + 4)


def no_requests(server):
    """What is no request, or none that is answered."""
    for said, expected in {
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)): ([400], []),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": ([400], [505], []),
        bytes(range(256)) * 4: ([400], []),
        b"\0" * 4096: ([400], []),
        b"SSH-2.0-x\r\n": ([400], []),
        b"GET\r\n\r\n": ([400], []),
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n": ([400], [505], []),
        b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n": ([400], []),
        b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n": ([400], []),
        b"GET / HTTP/1.1\r\nHost: x\r\nA\0: b\r\n\r\n": ([400], []),
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\0\r\n\r\n": ([400], []),
        b"TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n": ([405],),
        b"CONNECT news.example.org:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n": ([405], [400]),
        b"DELETE /rss.xml HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n": ([405],),
        b"get / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n": ([405], [400]),
        b"G\xc3\x89T / HTTP/1.1\r\nHost: x\r\n\r\n": ([400], []),
        b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n": ([400],),
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n": ([400],),
        b"GET /../../../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n": ([404],),
        b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n": ([404],),
        b"GET //evil.example/rss HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n": ([404],),
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n": ([204],),
        b"GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n": ([200], [417]),
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings, close\r\nHTTP2-Settings: AAMAAABk\r\n\r\n": ([200],),
    }.items():
        seen = answers(server.say(said))
        check(seen in expected, f"answers to {said[:70]!r}", f"one of {expected}", seen)


def smuggled(server):
    """A question hidden in what is another's body for some proxies is no question here: one answer at most, and the connection ends."""
    hidden = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden)
    for headers, body in [
        (f"Content-Length: {len(hidden)}", hidden),
        ("Transfer-Encoding: chunked", chunk),
        (f"Content-Length: {len(chunk)}\r\nTransfer-Encoding: chunked", chunk),
        (f"Transfer-Encoding: chunked\r\nContent-Length: 5", b"0\r\n\r\n" + hidden),
        (f"Content-Length: 0\r\nContent-Length: {len(hidden)}", hidden),
        (f"Content-Length: {len(hidden)}\r\nContent-Length: 0", hidden),
        (f"Content-Length: 0, {len(hidden)}", hidden),
        (f"Content-Length: +{len(hidden)}", hidden),
        (f"Content-Length: -1", hidden),
        (f"Content-Length: 0x{len(hidden):x}", hidden),
        (f"Content-Length: {len(hidden)}a", hidden),
        (f"Content-Length: 99999999999999999999999", hidden),
        (f"Content-Length : {len(hidden)}", hidden),
        (f"X: y\r\n Content-Length: {len(hidden)}", hidden),
        (f"Content-Length:\r\n {len(hidden)}", hidden),
        ("Transfer-Encoding: xchunked", chunk),
        ("Transfer-Encoding: chunked, identity", chunk),
        ("Transfer-Encoding: identity, chunked, chunked", chunk),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: x", chunk),
        ("Transfer-Encoding : chunked", chunk),
        ("Transfer-Encoding:\x0bchunked", chunk),
        ("Transfer-Encoding: chunked", b"-1\r\n" + hidden),
        ("Transfer-Encoding: chunked", b"ffffffffffffffffff\r\n" + hidden),
        ("Transfer-Encoding: chunked", b"1\nx\n0\n\n"),
    ]:
        for line in ("GET", "POST"):
            said = f"{line} / HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n".encode() + body
            seen = answers(server.say(said))
            # A second answer may say only that what followed is none.
            hidden_answers = [status for status in seen[1:] if status != 400]
            check(not hidden_answers, f"answers to {said[:90]!r}", "one at most", seen)
    bare = get("/healthz", close=True).replace(b"\r\n", b"\n")
    check(answers(server.say(bare)) in ([200], [400], []), "answers to lines without carriage returns", "one at most", "more")


def flood_of_connections(server):
    """One address opens as many as it can: it has a hundred, and everybody else has theirs."""
    address, kept, refused = f"127.{next(server.networks)}.0.1", [], 0
    for _ in range(2000):
        client = server.connect(address)
        client.sendall(get("/healthz"))
        try:
            answered = client.recv(1024)
        except ConnectionResetError:
            answered = b""
        if answered:
            kept.append(client)
        else:
            refused += 1
            client.close()
    # Some of the first may have been closed by then, so that later ones took their place.
    check(PER_ADDRESS <= len(kept) and refused > 1000, "connections that one address has", f"about {PER_ADDRESS} of 2000", len(kept))
    close(kept)
    return f"2000 connections, {refused} refused"


def flood_of_requests(server):
    """One address asks for a whole feed as fast as it can, on many connections: it is asked to wait."""
    network, statuses = next(server.networks), {}
    begun = time.monotonic()
    while time.monotonic() - begun < 3:
        for status in answers(server.say(get(LARGE) * 3 + get(SMALL) * 96 + get(SMALL, close=True), f"127.{network}.0.1")):
            statuses[status] = statuses.get(status, 0) + 1
    check(statuses.get(429, 0) > statuses.get(200, 0), "answers to a flood", "most of them 429", statuses)
    return f"answers {statuses}"


def every_page_in_every_coding(server):
    """Pages that are made and compressed when somebody asks, all of them at once."""
    asked = 0
    network = next(server.networks)
    for coding in ("gzip", "br", "zstd", "identity;q=0, *"):
        for day in range(1, 21):
            for path in (f"/digests/2026-01-{day:02}/", "/digests/", "/digests/archive/2026-01/", "/tools/atom.xml", "/sitemap.xml"):
                same(f"the answer to {path}", answers(server.say(get(path, close=True, Accept_Encoding=coding), f"127.{network}.0.{day}")), [200])
                asked += 1
    return f"{asked} pages"


def many_addresses(server, count):
    """More addresses than anybody has ask for a feed whole, each of which is counted."""
    network = next(server.networks)
    for at in range(count):
        seen = answers(server.say(get(SMALL, close=True), f"127.{network}.{at // 250}.{at % 250 + 1}"))
        same("the answer to a new address", seen, [200])
    return f"{count} addresses"


ATTACKS = [
    slow_heads, silent, idle, slow_readers, trickling_readers, half_closed, reset, pipelined, giant_heads, no_requests, smuggled,
    flood_of_connections, flood_of_requests, every_page_in_every_coding,
]


def ten_thousand(server):
    """As many connections as the server has, all kept and idle, but for a few: these are enough for a reader."""
    clients = server.crowd(MOST - 20, get("/healthz"))
    until("the server holds them", lambda: server.files() > MOST - 20)
    held = server.files()
    memory = server.memory()
    time.sleep(2)
    close(clients)
    return f"{held} file descriptors, {memory} kB"


def more_than_there_are(server, seconds):
    """All are taken, and more want in."""
    clients = server.crowd(MOST + 200, get("/healthz"))
    time.sleep(1)
    ended(clients, 3 * seconds)
    return f"{len(clients)} connections"


def few_files(feedmill, content):
    """A server that may open few files: it waits until it may again, and says so rarely."""
    with Daemon(feedmill, content, **SETTINGS, **SHORT) as daemon:
        server = Server(daemon)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (server.files() + 20, FILES))
        clients = server.crowd(100)
        until("the log says that there are no descriptors", lambda: "cannot accept connections" in daemon.logged())
        # Twenty by twenty, and in no order: the kernel hands them over when it has waited a second for their first word.
        ended(clients, 10 * HEAD_SECONDS + 4)
        same("the answer after that", answers(server.say(get(SMALL, close=True))), [200])
        told = daemon.logged().count("cannot accept")
        check(told <= 10, "lines in the log about it", "at most 10", told)
        print(f"few files: 100 connections where 20 may be, {told} lines in the log", flush=True)


def attack(feedmill, content, rounds):
    with Daemon(feedmill, content, **SETTINGS, **SHORT) as daemon:
        server = Server(daemon)
        for at in range(rounds):
            server.networks = iter(range(10, 250))
            all_of(*(lambda each=each: under(server, each.__name__.replace("_", " "), each) for each in ATTACKS))
        if rounds > 1:
            under(server, "many addresses", lambda server: many_addresses(server, 50_000))
        same("errors in the log", [line for line in daemon.logged().splitlines() if " ERROR " in line or "panicked" in line], [])


def fill(feedmill, content, rounds):
    # Longer than it takes to open them on a slow machine.
    with Daemon(feedmill, content, **SETTINGS, **patient(60)) as daemon:
        under(Server(daemon), "ten thousand connections", ten_thousand, connections=MOST)
    if rounds > 1:
        with Daemon(feedmill, content, **SETTINGS, **patient(10)) as daemon:
            under(Server(daemon), "more than there are", lambda server: more_than_there_are(server, 10), patience=15, connections=MOST)


def patient(seconds):
    return {"FEEDMILL_SERVER_HEADER_SECONDS": str(seconds), "FEEDMILL_SERVER_DRAIN_SECONDS": str(seconds + 1)}


def check_hostile_clients(rounds):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    check(hard >= FILES, "files that a process may open (ulimit -Hn)", f"at least {FILES}", hard)
    # The daemon has it from here.
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
    with workspace() as folder:
        feedmill, content = binary(folder), folder / "content"
        write(content)
        all_of(lambda: attack(feedmill, content, rounds), lambda: few_files(feedmill, content), lambda: fill(feedmill, content, rounds))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1, help="of every attack; with more than one, 50 000 addresses and more than ten thousand connections as well [default: 1]")
    arguments = parser.parse_args()
    main(lambda: check_hostile_clients(arguments.rounds))
