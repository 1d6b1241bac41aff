"""Registrations that are on the disk before they are answered."""

import contextlib
import os
import random
import selectors
import sqlite3
import statistics
import time

from . import kernel
from .client import Closed, Connection
from .load import HERE, wrk
from .nodes import TTL_S, Node

CLIENTS = 64
SECONDS = 8
RUNS = 3
KILLS = 5


def written_bytes(pid):
    for line in open(f"/proc/{pid}/io"):
        if line.startswith("write_bytes"):
            return int(line.split()[1])
    return 0


def one_run(node, url):
    cpu, disk = kernel.cpu_ns(node.pid), written_bytes(node.pid)
    before = node.status()["http_counters"]
    result = wrk(url, CLIENTS, SECONDS, script="post.lua")
    after = node.status()["http_counters"]
    result["cpu_us"] = (kernel.cpu_ns(node.pid) - cpu) / 1e3 / result["requests"]
    result["disk_bytes"] = (written_bytes(node.pid) - disk) / result["requests"]
    result["refused"] = after["writes_refused"] - before["writes_refused"]
    return result


def load(report, directory):
    os.environ["HEARSAY_BENCH_LUA"] = str(HERE)
    node = Node(directory, "post").start().wait_healthy()
    try:
        url = f"http://127.0.0.1:{node.http_port}/registry/register_instance"
        runs = [one_run(node, url) for _ in range(RUNS)]
    finally:
        node.end()
    rate = statistics.median(run["rate"] for run in runs)
    p99 = statistics.median(run["p99_ms"] for run in runs)
    wrong = sum(run["errors"] + run["refused"] for run in runs)
    report.add(f"durable POSTs, {CLIENTS} clients", ">= 25,000/s", f"{rate:,.0f}/s, {wrong} errors",
               rate >= 25_000 and wrong == 0, runs=runs)
    p50 = statistics.median(run["p50_ms"] for run in runs)
    report.add("their latency", "p99 <= 10 ms", f"median {p50:.2f} ms, p99 {p99:.2f} ms", p99 <= 10)
    cpu = statistics.median(run["cpu_us"] for run in runs)
    report.note(f"medians of {RUNS} runs of {SECONDS} s; every POST changes its row; one node, "
                f"alone; wrk has one thread; the node takes {cpu:.1f} us of CPU per POST; "
                f"fdatasync takes {kernel.fsync_us(directory):.0f} us here")


class Client:
    """Registers its own address with rising versions, and remembers what was acknowledged."""

    def __init__(self, port, index):
        self.http = Connection("127.0.0.1", port)
        self.address = f"10.9.{index}.1:7000"
        self.sent = self.acknowledged = 0

    def fileno(self):
        return self.http.fileno()

    def next(self):
        self.sent += 1
        self.http.send(self.http.request("POST", "/registry/register_instance",
                                         {"address": self.address, "app_name": "bench",
                                          "version": f"{self.sent}", "ttl": TTL_S,
                                          "last_update": int(time.time())}))


def register_until(clients, end):
    with selectors.DefaultSelector() as selector:
        for client in clients:
            client.next()
            selector.register(client, selectors.EVENT_READ, client)
        while time.monotonic() < end:
            for key, _ in selector.select(1):
                answer = key.data.http.take()
                if answer is not None:
                    assert answer.status == 200, f"{answer.status} {answer.body}"
                    key.data.acknowledged = key.data.sent
                    key.data.next()


def kills(report, directory):
    """kill -9 between answers: what was acknowledged has to be in the file."""
    node, lost, acknowledged = Node(directory, "killed"), 0, 0
    clients = [Client(node.http_port, index) for index in range(CLIENTS)]
    for _ in range(KILLS):
        node.start().wait_healthy()
        try:
            with contextlib.suppress(Closed):
                register_until(clients, time.monotonic() + random.uniform(.3, .8))
        finally:
            node.end()
        for client in clients:
            client.http.close()
        with contextlib.closing(sqlite3.connect(node.data / "hearsay.db")) as db:
            stored = dict(db.execute("select address, version from registry"))
        lost += sum(int(stored.get(c.address, 0)) < c.acknowledged for c in clients)
        acknowledged = sum(c.acknowledged for c in clients)
    report.add(f"rows older than acknowledged after {KILLS} kill -9", "0", f"{lost}", lost == 0,
               acknowledged=acknowledged)


def measure(report, directory):
    load(report, directory)
    kills(report, directory)
