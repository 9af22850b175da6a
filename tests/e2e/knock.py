#!/usr/bin/env python3
"""Asks for a feed again and again, each time on a connection of its own, until a file is there: knock.py HOST PORT FILE

Prints how many requests it made, how many failed, and how many milliseconds the slowest took. Why they failed goes to standard error."""

import collections
import http.client
import pathlib
import sys
import threading
import time

CLIENTS = 8
MOST_SECONDS = 120


def knock(host, port):
    """One request, whole: its feed must end as it should."""
    connection = http.client.HTTPConnection(host, port, timeout=20)
    try:
        connection.request("GET", "/rss.xml")
        response = connection.getresponse()
        body = response.read()
        if response.status != 200 or not body.rstrip().endswith(b"</rss>"):
            raise ValueError(f"status {response.status}, {len(body)} bytes")
    finally:
        connection.close()


def client(host, port, stop, times, failures):
    deadline = time.monotonic() + MOST_SECONDS
    while not stop.exists() and time.monotonic() < deadline:
        begun = time.monotonic()
        try:
            knock(host, port)
        except (OSError, http.client.HTTPException, ValueError) as error:
            failures.append(f"{type(error).__name__}: {error}")
        times.append(time.monotonic() - begun)
        time.sleep(0.002)


def main():
    host, port, stop = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
    times, failures = [], []
    clients = [threading.Thread(target=client, args=(host, port, stop, times, failures)) for _ in range(CLIENTS)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    for reason, count in collections.Counter(failures).items():
        print(f"{count} times: {reason}", file=sys.stderr)
    print(len(times), len(failures), round(max(times) * 1000))


if __name__ == "__main__":
    main()
