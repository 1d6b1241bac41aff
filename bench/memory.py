"""Memory of one node, and how fast it is back with a large table."""

import statistics
import time

from . import kernel
from .nodes import Node, instances

SETTLE_S = 3
STARTS = 5


def settled(node):
    time.sleep(SETTLE_S)
    return kernel.memory_mb(node.pid)


def say(memory):
    return f"{memory['rss']:.1f} MB, private {memory['private']:.1f} MB"


def tables(report, directory):
    node = Node(directory, "memory").start().wait_healthy()
    try:
        empty = settled(node)
        node.register(instances(10_000))
        settled(node)
        size = len(node.http.get("/registry/list").body)
        full = settled(node)
    finally:
        node.end()
    report.add("RSS idle, empty", "<= 15 MB", say(empty), empty["rss"] <= 15, mb=empty)
    report.add("RSS with 10,000 instances", "<= 40 MB", say(full), full["rss"] <= 40, mb=full)
    report.note(f"after a GET of the list, whose {size / 1e6:.1f} MB are kept; 1 MB is 10^6 bytes")


def starts(report, directory):
    node = Node(directory, "start").start().wait_healthy()
    took, memory = [], {}
    try:
        node.register(instances(100_000))
        for _ in range(STARTS):
            node.end(gently=True)
            begin = time.monotonic()
            node.start()
            while not node.healthy():
                time.sleep(.002)
            took.append((time.monotonic() - begin) * 1e3)
            assert (count := node.status()["instances"]) == 100_000, f"it started with {count} rows"
        memory = settled(node)
    finally:
        node.end()
    report.add("start with 100,000 rows", "<= 1000 ms",
               f"median {statistics.median(took):.0f} ms, worst of {STARTS} {max(took):.0f} ms",
               statistics.median(took) <= 1000, ms=took)
    report.add("RSS with 100,000 instances", "none", say(memory), None, mb=memory)
    report.note("from exec to the first 200 of /v1/health")


def measure(report, directory):
    tables(report, directory)
    starts(report, directory)
