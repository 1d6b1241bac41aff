"""Parts about instances, for which serf has no counterpart: their heartbeats, and two halves of a
cluster that were written to while they did not hear each other."""

import contextlib
import random
import sqlite3
import subprocess
import time

from ..nodes import instances, wait_until
from .cluster import now

IP_UDP = 28        # header bytes of a datagram on IPv4
SETTLE_S = 15      # until what the registrations caused is over
HEARTBEAT_S = 10
LEASE_S = 30
APART_S = 120      # until both halves have buried each other
HEAL_S = 60
LOOK_S = .02
STATUS = "/v1/status?census=0"  # asks no other node, so that looking costs the cluster nothing


def gossip(cluster):
    """What all nodes have sent each other so far, by their own counters."""
    sent = [cluster.ask(i, STATUS)["counters"] for i in cluster.process]
    datagrams = sum(each["datagrams_out"] for each in sent)
    return {"datagrams": datagrams, "streams": sum(each["stream_bytes_out"] for each in sent),
            "bytes": sum(each["bytes_out"] for each in sent) + IP_UDP * datagrams}


def heartbeats(cluster, samples, count, seconds):
    """Every instance registers again at its own node every 10 s, each by a request of its own."""
    rows = [(address, fields | {"ttl": LEASE_S})
            for address, fields in instances(count).items()]

    def beat(at):
        address, fields = rows[at]
        answer = cluster.nodes[at % cluster.count].http.post(
            "/registry/register_instance",
            fields | {"address": address, "last_update": int(time.time())})
        if answer.status != 200:
            raise RuntimeError(f"register_instance: {answer.status} {answer.body[:300]}")

    def beat_for(span):
        begin, done = now(), 0
        while now() - begin < span:
            due = int((now() - begin) / HEARTBEAT_S * len(rows))
            for at in range(done, due):
                beat(at % len(rows))
            done = max(done, due)
            cluster.pump(.01)
        return done / (now() - begin)

    for i in range(cluster.count):
        mine = dict(rows[i::cluster.count])
        answer = cluster.nodes[i].http.post("/registry/register_all", mine)
        if answer.status != 200:
            raise RuntimeError(f"register_all: {answer.status} {answer.body[:300]}")
    beat_for(SETTLE_S)
    before, begin = gossip(cluster), now()
    rate = beat_for(seconds)
    after, took = gossip(cluster), now() - begin
    states = [cluster.ask(i, STATUS)["states"] for i in cluster.process]
    samples.add("touch_bytes_s", (after["bytes"] + after["streams"] - before["bytes"] -
                                  before["streams"]) / took / cluster.count)
    samples.add("touch_datagrams_s", (after["datagrams"] - before["datagrams"]) / took /
                cluster.count)
    samples.add("touch_not_up", sum(len(rows) - each["up"] for each in states))
    if rate < .9 * len(rows) / HEARTBEAT_S:
        raise RuntimeError(f"this machine managed only {rate:,.0f} heartbeats/s")
    samples.note(f"heartbeats: {len(rows):,} instances, {rate:,.0f} POSTs/s over the cluster")


@contextlib.contextmanager
def cut(left, right):
    """Drops all datagrams between two ranges of addresses, both ways, in this network namespace."""
    rules = [["-p", "udp", "-m", "iprange", "--src-range", "-".join(a), "--dst-range", "-".join(b)]
             for a, b in ((left, right), (right, left))]
    added = []

    def mend():
        while added:
            subprocess.run(["iptables", "-w", "-D", "INPUT", *added.pop(), "-j", "DROP"],
                           check=True, capture_output=True)
    try:
        for rule in rules:
            subprocess.run(["iptables", "-w", "-I", "INPUT", *rule, "-j", "DROP"], check=True,
                           capture_output=True)
            added.append(rule)
        yield mend
    finally:
        mend()


def record_bytes(cluster, i):
    """Of all instances in node i's database, as they travel."""
    path = cluster.directory / f"n{i:04}" / "hearsay.db"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
        return db.execute("select sum(length(bytes)) from records where kind = 2").fetchone()[0]


def heal(cluster, samples, writes):
    """Two halves, `writes` new instances on each side, until all tables are equal again."""
    half = cluster.count // 2
    sides = [range(half), range(half, cluster.count)]
    before = cluster.ask(0, STATUS)["instances"]
    rows = list(instances(2 * writes).items())
    fresh = [(f"198.51.{at >> 8}.{at & 255}:7000", fields)
             for at, (_, fields) in enumerate(rows)]
    ranges = [(cluster.address(side[0]), cluster.address(side[-1])) for side in sides]
    with cut(*ranges) as mend:
        size_before = record_bytes(cluster, 0)
        subjects = [{cluster.subject(i) for i in side} for side in sides]
        lost = lambda: all(not subjects[1 - s] & cluster.view[i]
                           for s, side in enumerate(sides) for i in side)
        if not cluster.pump(APART_S, lost):
            samples.note("heal: the halves had not buried each other entirely")
        for s, side in enumerate(sides):
            for address, fields in fresh[s * writes:(s + 1) * writes]:
                answer = cluster.nodes[random.choice(side)].http.post(
                    "/registry/register_instance", fields | {"address": address})
                if answer.status != 200:
                    raise RuntimeError(f"register_instance: {answer.status}")
        counts = lambda: {cluster.ask(i, STATUS)["instances"] for i in cluster.process}
        wait_until(lambda: counts() == {before + writes}, "each half agrees", pause=.2)
        cluster.pump(3)
        missing = (record_bytes(cluster, 0) - size_before) * cluster.count
        start = gossip(cluster)
        mend()
        begin, late = now(), set(cluster.process)
        while late:
            if now() - begin > HEAL_S:
                samples.note(f"heal: {len(late)} nodes are not whole after {HEAL_S} s")
                return
            for i in list(late):
                if cluster.ask(i, STATUS)["instances"] == before + 2 * writes:
                    late.discard(i)
            cluster.pump(LOOK_S)
        samples.add("heal_rows_ms", (now() - begin) * 1e3)
        equal = lambda: len({cluster.ask(i, STATUS)["digest"] for i in cluster.process}) == 1
        wait_until(equal, "all tables are equal", seconds=HEAL_S, pause=LOOK_S)
        samples.add("heal_equal_ms", (now() - begin) * 1e3)
    end = gossip(cluster)
    used = end["bytes"] + end["streams"] - start["bytes"] - start["streams"]
    samples.add("heal_bytes_ratio", used / missing)
    samples.note(f"heal: {writes:,} writes on each side, {missing / 1e6:.1f} MB were missing at "
                 f"{cluster.count} nodes, {used / 1e6:.1f} MB went over the wire, UDP headers included")
