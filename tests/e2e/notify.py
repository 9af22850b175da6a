#!/usr/bin/env python3
"""Plays the service manager of a daemon, as sd_notify(3) describes it: ready, reloading, stopping."""

import http.client
import os
import signal
import socket
import struct
import time
import urllib.parse

from common import SAMPLE, Daemon, binary, check, main, same, workspace

CONFIG = "site:\n  title: {title}\n"


class Manager:
    """A socket for the notes of a service, each with the process that sent it."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)

    def wait_for(self, wanted, seconds=20):
        """The notes up to the one that is wanted."""
        deadline, seen = time.monotonic() + seconds, []
        while not seen or wanted not in seen[-1][0]:
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                note, control, _, _ = self.socket.recvmsg(4096, 128)
            except TimeoutError:
                check(False, "a note to the service manager", f"{wanted} within {seconds} seconds", seen)
            (credentials,) = (data for level, kind, data in control if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS))
            seen.append((note.decode().splitlines(), struct.unpack("iII", credentials)[0]))
        return seen


def states(notes):
    """What was told of the life of the service, without free text and clocks."""
    return [line for lines, _ in notes for line in lines if line in ("READY=1", "RELOADING=1", "STOPPING=1")]


def title_of(daemon):
    """The publication's title, asked once: what is said to be ready must not need a second try."""
    return daemon.json("/feed.json")["title"]


def idle_connection(daemon):
    """A connection that was used, is kept open, and asks nothing more."""
    parts = urllib.parse.urlsplit(daemon.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    connection.request("GET", "/healthz")
    response = connection.getresponse()
    same("/healthz", (response.status, response.read()), (200, b"ok\n"))
    check(connection.sock, "the connection after a response", "kept open", "closed")
    return connection


def check_notes():
    with workspace() as folder:
        feedmill, config = binary(folder), folder / "feedmill.yaml"
        config.write_text(CONFIG.format(title="Before"))
        manager = Manager(folder / "notify")
        with Daemon(feedmill, SAMPLE, "--config", config, NOTIFY_SOCKET=str(folder / "notify")) as daemon:
            notes = manager.wait_for("READY=1")
            same("the states up to the start", states(notes), ["READY=1"])
            same("the process that says READY=1", notes[-1][1], daemon.process.pid)
            same("the title when the service is ready", title_of(daemon), "Before")

            config.write_text(CONFIG.format(title="After"))
            daemon.process.send_signal(signal.SIGHUP)
            same("the states after SIGHUP", states(manager.wait_for("READY=1")), ["RELOADING=1", "READY=1"])
            same("the title when the service is ready again", title_of(daemon), "After")

            config.write_text("site: [\n")
            daemon.process.send_signal(signal.SIGHUP)
            same("the states after SIGHUP with a wrong configuration", states(manager.wait_for("READY=1")), ["RELOADING=1", "READY=1"])
            same("the title after a wrong configuration", title_of(daemon), "After")

            idle = idle_connection(daemon)
            begun = time.monotonic()
            daemon.process.send_signal(signal.SIGTERM)
            same("the states after SIGTERM", states(manager.wait_for("STOPPING=1", seconds=2)), ["STOPPING=1"])
            code = daemon.process.wait(20)
            took = time.monotonic() - begun
            same("the exit code after SIGTERM", code, 0)
            check(took < 2, "the time to stop with an idle connection open", "less than 2 seconds", f"{took:.1f} seconds")
            same("what the idle connection gets at the end", idle.sock.recv(1), b"")
            idle.close()


if __name__ == "__main__":
    main(check_notes)
