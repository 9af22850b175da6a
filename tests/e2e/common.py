"""What the end-to-end checks share: a workspace, the daemon, waiting, asking over HTTP, and failing loudly."""

import contextlib
import http.client
import importlib
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.parse

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = REPOSITORY / "examples" / "content"

# The checks talk to this machine only; what is taken from a package registry gets the environment as it was.
OUTSIDE = dict(os.environ)
INSIDE = {name: value for name, value in OUTSIDE.items() if not name.lower().endswith("_proxy") and not name.startswith("FEEDMILL")}
os.environ.clear()
os.environ.update(INSIDE)


class Failure(Exception):
    """A check that did not hold."""


def check(condition, what, expected, seen):
    """Fails with what was expected and what was seen."""
    if not condition:
        raise Failure(f"{what}\n  expected: {expected}\n  seen:     {seen}")


def same(what, seen, expected):
    """Fails unless both are equal; of two lists, tells where they part."""
    if seen == expected:
        return
    if isinstance(seen, (set, frozenset)):
        lines = [f"  missing: {sorted(expected - seen, key=str)}", f"  not expected: {sorted(seen - expected, key=str)}"]
        raise Failure("\n".join([what, *lines]))
    if not (isinstance(seen, list) and isinstance(expected, list)):
        check(False, what, repr(expected), repr(seen))
    lines = [what, f"  expected {len(expected)} entries, seen {len(seen)}"]
    at = next((at for at, pair in enumerate(zip(seen, expected)) if pair[0] != pair[1]), min(len(seen), len(expected)))
    for name, entries in (("expected", expected), ("seen", seen)):
        lines += [f"  {name} from entry {at} on:", *(f"    {entry!r}" for entry in entries[at:at + 4])]
    raise Failure("\n".join(lines))


def until(what, ask, seconds=20):
    """Asks until the answer is true, and gives it; fails with the last answer after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {seconds} seconds; the last answer was {answer!r}")
        time.sleep(0.02)


def tool(name):
    """The path of a program that must be there: a check that cannot run has failed."""
    path = shutil.which(name)
    check(path, f"the program {name}", "installed", "not found in PATH")
    return path


def module(name):
    """A Python module that must be there."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Failure(f"the Python module {name} must be installed: {error}") from error


def run(command, accepted=(0,), seconds=50, **options):
    """Runs a program, with whatever it starts, to its end and gives what it printed."""
    command = [tool(str(command[0])), *(str(part) for part in command[1:])]
    line = " ".join(command)
    line = line if len(line) < 200 else line[:200] + "…"
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, start_new_session=True, **pipes, **options)
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"{line}\n  expected: an end within {seconds} seconds") from late
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode not in accepted:
        told = b"\n".join(part for part in (out, err) if part).decode(errors="replace")
        raise Failure(f"{line}\n  exit code {process.returncode}, expected {accepted}\n{told[-3000:]}")
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def npm(folder, packages):
    """Fetches packages from npm, without running scripts of theirs; gives the environment in which node finds them."""
    folder.mkdir()
    run(["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts", *packages], env=OUTSIDE)
    return {"NODE_PATH": str(folder / "node_modules")}


@contextlib.contextmanager
def workspace():
    """A temporary folder that does not outlive the check."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="feedmill-e2e-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def binary(folder):
    """A copy of the program that FEEDMILL names, so that a build under way does not change it in the middle of a check."""
    named = OUTSIDE.get("FEEDMILL")
    check(named, "the environment variable FEEDMILL", "the path of the program to check", "not set")
    copy = folder / "feedmill"

    def runs():
        try:
            shutil.copy(named, copy)
            return subprocess.run([copy, "--version"], stdout=subprocess.DEVNULL).returncode == 0
        except OSError:
            return False

    if not copy.exists():
        until(f"{named} runs", runs, seconds=10)
    return copy


def show(feedmill, path, **environment):
    """The digests of a folder as `feedmill show` understands them, newest first, editions of a date by key."""
    lines = run([feedmill, "show", path, "--format", "json"], env=os.environ | environment).stdout.splitlines()
    shown = (json.loads(line) for line in lines)
    digests = sorted((digest for digest in shown if digest["key"]), key=lambda digest: digest["key"])
    return sorted(digests, key=lambda digest: digest["date"], reverse=True)


def items(digest, section=None):
    """The items of a digest in document order, of one section if it is named."""
    sections = (part for part in digest["sections"] if section in (None, part["slug"]))
    return [item for part in sections for item in part["items"]]


class Daemon:
    """`feedmill serve` on a free port of this machine, stopped at the end of the block."""

    def __init__(self, feedmill, content, *arguments, **environment):
        self.command = [str(part) for part in (feedmill, "serve", content, "--listen", "127.0.0.1:0", *arguments)]
        self.environment = os.environ | environment

    def __enter__(self):
        self.begin()
        line = self.first_line()
        if not self.url:
            self.stop()
            raise Failure(f"the daemon's first line\n  expected: listening on http://127.0.0.1:…/\n  seen:     {line!r}\n{self.told()}")
        return self

    def begin(self):
        """Starts the process and waits for nothing."""
        self.url, self.log = "", tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=self.log, env=self.environment)

    def first_line(self):
        """What the process says first, empty if it ends before; `url` is set if that is where it listens."""
        ready, _, _ = select.select([self.process.stdout], [], [], 20)
        line = self.process.stdout.readline().decode().strip() if ready else "nothing within 20 seconds"
        if line.startswith("listening on http://127.0.0.1:"):
            self.url = line.removeprefix("listening on ")
        return line

    def __exit__(self, kind, *_):
        self.stop()
        with self.log:
            if kind:
                print(self.told(), file=sys.stderr)
            else:
                same("the daemon's exit code after SIGTERM", self.process.returncode, 0)

    def stop(self):
        """Ends the process if it still runs."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def logged(self):
        """The daemon's log; reading it moves nothing, for the place in the file is the daemon's as well."""
        return os.pread(self.log.fileno(), os.fstat(self.log.fileno()).st_size, 0).decode(errors="replace")

    def told(self):
        """The end of the daemon's log."""
        return "the daemon's log ends:\n" + self.logged()[-3000:]

    def address(self, route):
        """The address at which a route is asked for."""
        return urllib.parse.urljoin(self.url, route)

    def get(self, route, **headers):
        """Status, headers and body of one request; `if_none_match=…` becomes `If-None-Match: …`."""
        parts = urllib.parse.urlsplit(self.address(route))
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
        try:
            path = urllib.parse.urlunsplit(("", "", parts.path, parts.query, ""))
            connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def json(self, route):
        """A JSON document that must be there."""
        status, _, body = self.get(route)
        same(f"the status of {route}", status, 200)
        return json.loads(body)


def all_of(*judges):
    """Calls every one, so that one failure does not hide the others. A judge that stumbles over what it reads has found something."""
    failures = []
    for judge in judges:
        try:
            judge()
        except Failure as failure:
            failures.append(str(failure))
        except Exception:
            failures.append(traceback.format_exc())
    if failures:
        raise Failure("\n".join(failures))


def main(check_everything):
    """Runs a script's check; its outcome is the last line and the exit code."""
    begun, name = time.monotonic(), pathlib.Path(sys.argv[0]).name
    # So that whoever ends the check early finds everything cleaned up as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        check_everything()
    except Failure as failure:
        print(f"FAILED {name}: {failure}", file=sys.stderr)
        sys.exit(1)
    print(f"ok {name} ({time.monotonic() - begun:.1f} s)")
