#!/usr/bin/env python3
"""Plays the service manager's watchdog: work that takes long but goes on gives signs of life, work that hangs gives none.

strace delays how long the daemon takes to open files, as a slow disk or a dead network folder does."""

import signal
import time

from common import SAMPLE, Daemon, binary, check, main, run, same, tool, workspace
from notify import Manager

# Every file of this folder takes a while to open: longer in all than the manager's patience, shorter one by one.
FILES, EACH_MILLISECONDS, PATIENCE_SECONDS = 40, 300, 2
# The file that hangs takes longer to open than the manager is patient.
HANG_SECONDS = 8


def delayed(folder, feedmill, milliseconds, *paths):
    """The program, each of whose openings of these paths (of any, if none is named) takes so long. Its process is its own."""
    options = ["-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=openat", "-e", f"inject=openat:delay_enter={milliseconds * 1000}"]
    for path in paths:
        options += ["-P", str(path)]
    script = folder / f"delayed-{milliseconds}"
    script.write_text("#!/bin/sh\nexec " + " ".join([tool("strace"), *options, str(feedmill), '"$@"']) + "\n")
    script.chmod(0o755)
    return script


def told(notes, wanted):
    """How often something was told."""
    return sum(line.startswith(wanted) for lines, _ in notes for line in lines)


def environment(folder):
    return {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": str(PATIENCE_SECONDS * 1_000_000)}


def check_long_work_gives_signs():
    with workspace() as folder:
        content = folder / "content"
        content.mkdir()
        sample = (SAMPLE / "2026-03-09.md").read_text()
        paths = [content / f"2025-{1 + at // 20:02}-{1 + at % 20:02}.md" for at in range(FILES)]
        for path in paths:
            path.write_text(sample.replace("2026-03-09", path.stem))
        manager = Manager(folder / "notify")
        feedmill = delayed(folder, binary(folder), EACH_MILLISECONDS, *paths)
        begun = time.monotonic()
        with Daemon(feedmill, content, **environment(folder)) as daemon:
            notes = manager.wait_for("READY=1")
            took = time.monotonic() - begun
            check(took > 5, "the time of a slow start", "more than 5 seconds, or nothing is delayed", f"{took:.1f} seconds")
            check(told(notes, "EXTEND_TIMEOUT_USEC=") >= 2, "a slow start", "asks for more time at least twice", notes)
            same("signs of life before the start is over", told(notes, "WATCHDOG=1"), 0)

            daemon.process.send_signal(signal.SIGHUP)
            manager.wait_for("RELOADING=1")
            begun = time.monotonic()
            notes = manager.wait_for("READY=1")
            took = time.monotonic() - begun
            check(took > 2 * PATIENCE_SECONDS, "the time of a slow reload", f"more than {2 * PATIENCE_SECONDS} seconds", f"{took:.1f} seconds")
            signs = told(notes, "WATCHDOG=1")
            check(signs >= took / PATIENCE_SECONDS, "signs of life in a slow reload", f"one in {PATIENCE_SECONDS} seconds at least, for {took:.1f} seconds", signs)
            print(f"a reload of {took:.1f} s with a watchdog of {PATIENCE_SECONDS} s: {signs} signs of life")


def check_work_that_hangs_gives_none():
    with workspace() as folder:
        content = folder / "content"
        content.mkdir()
        run(["cp", SAMPLE / "2026-03-02.md", content])
        manager = Manager(folder / "notify")
        feedmill = delayed(folder, binary(folder), HANG_SECONDS * 1000, content / "2026-03-03.md")
        with Daemon(feedmill, content, **environment(folder)) as daemon:
            manager.wait_for("READY=1")
            for _ in range(3):
                manager.wait_for("WATCHDOG=1", seconds=PATIENCE_SECONDS)
            run(["cp", SAMPLE / "2026-03-03.md", folder / "next"])
            begun = time.monotonic()
            (folder / "next").rename(content / "2026-03-03.md")
            signs = listen(manager, begun + HANG_SECONDS - 1)
            same("what is answered while the work hangs", daemon.get("/healthz")[0], 200)
            last = max(signs, default=begun) - begun
            check(last < 1.5, "the last sign of life after the work hung", "with its beginning, or none", f"after {last:.1f} seconds")
            manager.wait_for("WATCHDOG=1", seconds=HANG_SECONDS)
            print(f"work that hangs for {HANG_SECONDS} s: no sign of life after {last:.1f} s, while requests are answered")


def listen(manager, until):
    """When signs of life came, up to a moment."""
    signs = []
    while (left := until - time.monotonic()) > 0:
        manager.socket.settimeout(left)
        try:
            note = manager.socket.recv(4096).decode().splitlines()
        except TimeoutError:
            break
        if "WATCHDOG=1" in note:
            signs.append(time.monotonic())
    return signs


def check_everything():
    check_long_work_gives_signs()
    check_work_that_hangs_gives_none()


if __name__ == "__main__":
    main(check_everything)
