"""Rollouts: how fast clients are placed, and how fast a decision reaches every node."""

import os
import random
import statistics
import time

from . import kernel
from .load import wrk
from .nodes import TTL_S, Cluster, Node
from .report import spread
from .spread import Watch

APP = "arena"
INSTANCES = 1_000
CONNECTIONS = (16, 64)
SECONDS = 4
RUNS = 3
PROMOTIONS = 40
ENDPOINT = f"/v1/apps/{APP}/endpoint"


def servers(count, version):
    now = int(time.time())
    return {f"10.8.{i >> 8}.{i & 255}:7{version}00":
            {"app_name": APP, "version": f"v{version}", "capacity": 100, "sessions": i % 90,
             "last_update": now, "ttl": TTL_S} for i in range(count)}


def placements(report, directory):
    node = Node(directory, "place").start().wait_healthy()
    try:
        node.register(servers(INSTANCES, 1))
        url = f"http://127.0.0.1:{node.http_port}{ENDPOINT}"
        for connections in CONNECTIONS:
            runs = []
            for _ in range(RUNS):
                cpu = kernel.cpu_ns(node.pid)
                run = wrk(url, connections, SECONDS)
                run["cpu_us"] = (kernel.cpu_ns(node.pid) - cpu) / 1e3 / run["requests"]
                runs.append(run)
            rate = statistics.median(run["rate"] for run in runs)
            p99 = statistics.median(run["p99_ms"] for run in runs)
            wrong = sum(run["errors"] for run in runs)
            report.add(f"placements, {INSTANCES:,} instances, {connections} connections",
                       ">= 30,000/s", f"{rate:,.0f}/s, p99 {p99:.1f} ms, {wrong} errors",
                       rate >= 30_000 and wrong == 0, runs=runs)
        cpu = statistics.median(run["cpu_us"] for run in runs)
        report.note(f"medians of {RUNS} runs of {SECONDS} s; three candidates with a signed ticket "
                    f"each; {os.cpu_count()} cores for wrk and the node, which takes {cpu:.1f} us "
                    f"of CPU per answer")
    finally:
        node.end()


def promotions(report, directory):
    with Cluster(directory, 20) as cluster:
        nodes = cluster.nodes
        nodes[0].register(servers(5, 1))
        nodes[1].register(servers(5, 2))
        cluster.wait_agreed()
        last, answers = [], []
        for trial in range(PROMOTIONS):
            version = f"v{trial % 2 + 1}"
            origin = random.choice(nodes)
            post = origin.http.request("POST", f"/v1/apps/{APP}/promote", {"version": version})
            others = [n for n in nodes if n is not origin]
            if trial == 0:  # whatever accepts now
                origin.http.exchange(post)
                time.sleep(1)
                continue
            watch = Watch(ENDPOINT, lambda a, v=version: a.json()["candidates"][0]["version"] == v)
            watch.warm(nodes)
            time.sleep(random.uniform(.02, .08))
            begin, _ = watch.run(others, origin, post)
            each = [(at - begin) * 1e3 for at in watch.seen.values()]
            answers += each
            last.append(max(each))
    answers.sort()
    p99 = answers[int(len(answers) * .99)]
    report.add("a promotion is at a node", "median <= 15 ms, 99 % <= 50 ms",
               f"median {statistics.median(answers):.2f} ms, 99 % {p99:.2f} ms",
               statistics.median(answers) <= 15 and p99 <= 50, ms=spread(answers))
    report.add("... at all 20 nodes", "none",
               "median {median} ms, p99 {p99} ms, max {max} ms".format(**spread(last)), None,
               ms=spread(last))
    report.note("from before the POST is sent until a node's placements name the new version, asking "
                "one node after the other all the time")


def measure(report, directory):
    placements(report, directory)
    promotions(report, directory)
