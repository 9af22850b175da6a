"""What the benchmarks share: a publication made up for them, the daemon on it, and the CPU time of a process."""

import datetime
import os
import pathlib
import random
import select
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "e2e"))

from common import OUTSIDE, REPOSITORY, Daemon, check, run  # noqa: E402

SECTIONS = ("News", "论文速递", "Tools", "商业观察", "Culture")
NEWEST = datetime.date(2025, 6, 30)
TICK = os.sysconf("SC_CLK_TCK")

ENGLISH = """water tower library harbour ferry night bus trial council budget river bridge market school street museum garden rail
signal bakery engine paper proof merge sort kernel parser cache memory thread lock graph tree index query orchard kite lantern
""".split()
CHINESE = """城市 绿道 首段 贯通 图书馆 夜间 公交 试运行 市场 学校 码头 钟楼 明信片 花园 苔藓 旧车站 渡口 潮汐表 论文 模型 编译器 缓存 线程
索引 查询 证明 开源 版本 发布 评测""".split()


def day(at):
    """The date of the digest so many days after the newest of the archive."""
    return NEWEST + datetime.timedelta(days=at)


def digest(date, items=42):
    """A digest of so many items in five sections; equal dates give equal text, different dates share no story."""
    chance = random.Random(date.toordinal())
    parts = [f"---\ndate: {date}\ntitle: 'Digest of {date}'\n---\n\n# Daily digest, {date}\n"]
    for at, section in enumerate(SECTIONS):
        parts.append(f"\n## {section}\n")
        words = CHINESE if at % 2 else ENGLISH
        for number in range((items + len(SECTIONS) - 1 - at) // len(SECTIONS)):
            title, body, rest = (" ".join(chance.choices(words, k=count)) for count in (7, 45, 20))
            parts.append(f"\n### {title} {chance.randrange(10**6)}\n\n{body}, `{chance.choice(ENGLISH)}` and **{chance.choice(words)}**. "
                         f"{rest}. [Read more]({link(date, at, number)})\n")
    return "".join(parts)


def link(date, section, number):
    """The story of an item: what tells in a feed that the item is there."""
    return f"https://{ENGLISH[(section * 7 + number) % len(ENGLISH)]}.example.com/{date}/{section}/{number}"


def write(folder, count, items=42):
    """So many digests, the last of them of the newest date, in a subfolder per year; gives their size in bytes."""
    size = 0
    for at in range(1 - count, 1):
        path = folder / str(day(at).year) / f"{day(at)}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        size += path.write_text(digest(day(at), items)) and path.stat().st_size
    return size


class Mill(Daemon):
    """The daemon, given the time that a large archive needs, on one core if it is named."""

    def __init__(self, feedmill, content, *arguments, core=None):
        super().__init__(feedmill, content, *arguments)
        if core is not None:
            self.command = ["taskset", "-c", str(core), *self.command]

    def first_line(self):
        ready, _, _ = select.select([self.process.stdout], [], [], 600)
        line = self.process.stdout.readline().decode().strip() if ready else "nothing within 600 seconds"
        self.url = line.removeprefix("listening on ") if line.startswith("listening on http://") else ""
        return line


def cpu(pids):
    """The CPU time, in seconds, that these processes have taken with all their threads; the kernel counts it in ticks, of 10 ms mostly."""
    fields = (pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids)
    return sum(int(part[11]) + int(part[12]) for part in fields) / TICK


def resting(pid, seconds=0.1):
    """Waits until the process has taken no CPU time for so long; gives what it has taken."""
    taken, since = cpu([pid]), time.monotonic()
    while time.monotonic() - since < seconds:
        time.sleep(0.005)
        if (now := cpu([pid])) != taken:
            taken, since = now, time.monotonic()
    return taken


def memory(pid):
    """What a process holds now and what it held at most, in MB."""
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return tuple(int(status[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))


def floor():
    """The program of `benches/floor.rs`: the one that FLOOR names, or else what cargo builds."""
    if named := OUTSIDE.get("FLOOR"):
        check(os.access(named, os.X_OK), "the environment variable FLOOR", "the path of a program", named)
        return named
    told = run(["cargo", "bench", "--bench", "floor", "--no-run"], seconds=1800, cwd=REPOSITORY, env=OUTSIDE).stderr.decode()
    path = told.rpartition("(")[2].partition(")")[0]
    check(path, "cargo bench --no-run", "the path of the program it built", told[-300:])
    return str(REPOSITORY / path)


def free_port(host):
    """A port of an address of this machine that nobody listens on."""
    with socket.create_server((host, 0)) as listener:
        return listener.getsockname()[1]


def told_by(command):
    """What a program says of itself, such as its version, on either stream, in one line."""
    process = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return process.stdout.decode(errors="replace").strip().splitlines()[0]
