"""Real nodes on loopback, and what they are filled with."""

import contextlib
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

from . import kernel
from .client import Connection

TTL_S = 3600  # the longest there is: no lease may lapse while we measure
CHUNK = 2000  # rows per register_all: well below the limit of a body
FAR = 120     # seconds until a state that should have come counts as missing


def binary(name):
    return pathlib.Path(os.environ["HEARSAY_BUILD"]) / name


@contextlib.contextmanager
def scratch():
    """A directory on a real disk: where /tmp is memory an fdatasync costs nothing."""
    parent = os.environ.get("HEARSAY_BENCH_DIR", "/var/tmp")
    path = tempfile.mkdtemp(prefix="hearsay-bench-", dir=parent)
    os.chmod(path, 0o755)
    try:
        yield pathlib.Path(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def wait_until(holds, what, seconds=FAR, pause=.02):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"after {seconds} s still not: {what}")
        time.sleep(pause)


class Node:
    """One `hearsay agent`. Its directory and ports stay while its process comes and goes."""

    def __init__(self, directory, name, seeds=(), flags=()):
        self.name, self.data, self.log = name, directory / name, directory / f"{name}.log"
        self.http_port, self.gossip_port = kernel.free_port(), kernel.free_port()
        self.seeds, self.flags = list(seeds), list(flags)
        self.http = Connection("127.0.0.1", self.http_port)
        self.process = None

    @property
    def pid(self):
        return self.process.pid

    def start(self):
        argv = [binary("hearsay"), "agent", "--name", self.name, "--data", self.data,
                "--http", f"127.0.0.1:{self.http_port}",
                "--gossip", f"127.0.0.1:{self.gossip_port}", *self.flags]
        for seed in self.seeds:
            argv += ["--seed", f"127.0.0.1:{seed.gossip_port}"]
        with open(self.log, "ab") as log:
            self.process = kernel.spawn(argv, stdout=log, stderr=subprocess.STDOUT)
        return self

    def last_words(self, lines=8):
        return self.log.read_text(errors="replace").strip().split("\n")[-lines:]

    def healthy(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"node {self.name} ended with {self.process.returncode}: "
                               f"{self.last_words(1)[0]}")
        try:
            return self.http.get("/v1/health").status == 200
        except OSError:
            return False

    def wait_healthy(self):
        wait_until(self.healthy, f"{self.name} answers", pause=.005)
        return self

    def status(self):
        return self.http.get("/v1/status").json()

    def register(self, rows):
        """Merges {address: fields} into the table, in chunks."""
        items = list(rows.items())
        for begin in range(0, len(items), CHUNK):
            answer = self.http.post("/registry/register_all", dict(items[begin:begin + CHUNK]))
            if answer.status != 200:
                raise RuntimeError(f"register_all: {answer.status} {answer.body[:300]}")

    def query(self, sql):
        """Reads the database while the node runs, as any other program may."""
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/hearsay.db?mode=ro", uri=True,
                                                timeout=30)) as db:
            return db.execute(sql).fetchall()

    def end(self, gently=False):
        self.http.close()
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate() if gently else self.process.kill()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


class Cluster:
    """Nodes that join through the first one; a context that ends them."""

    def __init__(self, directory, count, flags=()):
        self.directory, self.flags, self.nodes = directory, flags, []
        for index in range(count):
            self.nodes.append(Node(directory, f"n{index:02}", self.nodes[:1], flags))

    def __enter__(self):
        try:
            for node in self.nodes:
                node.start()
            for node in self.nodes:
                node.wait_healthy()
            self.wait_agreed()
        except BaseException as problem:
            self.__exit__(type(problem))
            raise
        return self

    def __exit__(self, problem, *_):
        for node in self.nodes:
            if problem:  # its directory goes, and with it what it said
                print(f"{node.name}: " + "\n     ".join(node.last_words()), file=sys.stderr)
            node.end()

    def agreed(self):
        for node in self.nodes:
            agreement = node.status()["agreement"]
            if (agreement["nodes"], agreement["agreeing"]) != (len(self.nodes), len(self.nodes)):
                return False
        return True

    def wait_agreed(self):
        wait_until(self.agreed, f"{len(self.nodes)} nodes agree", pause=.1)


def instances(count):
    """{address: fields} with about 150 B per record: what an application usually says of itself."""
    now = int(time.time())
    return {f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}:7000":
            {"app_name": f"game-{i % 50}", "version": f"1.{i % 7}.0", "capacity": 64,
             "zone": f"zone-{i % 3}", "last_update": now, "ttl": TTL_S,
             "metadata": {"map": f"arena-{i % 9}", "region": "eu-west", "build": f"{i:08x}"}}
            for i in range(count)}
