"""What is measured. Each part takes a cluster and adds samples under names that the table and the
chart know; times are in ms. Everything ends: a limit that is reached is a note."""

import random
import signal

from .. import kernel, spread
from ..nodes import TTL_S
from .cluster import now

FAULT_S = 90   # until a death has to be known to all
READY_S = 60   # until a started process says that it runs
SPREAD_S = 15  # until a change has to be everywhere
AWAKE_S = 3    # what a continued process may still say of others
REST_S = 2     # between two faults, so that one does not colour the next


class Samples:
    """Lists of figures by name, and what has to be said about them."""

    def __init__(self):
        self.lists, self.notes = {}, []

    def add(self, name, *values):
        self.lists.setdefault(name, []).extend(values)

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)


def join(cluster, samples, at_once):
    """From the first start until every table holds all."""
    name, way = ("join_once", "at once") if at_once else ("join_turn", "in turn")
    cluster.look_for(ready=None)
    begin = now()
    for i in range(cluster.count):
        cluster.start(i)
        if not at_once and not cluster.pump(READY_S, lambda: i in cluster.got["ready"]):
            raise TimeoutError(f"{cluster.label} node {i} did not become ready")
    started = now()
    took = (cluster.wait_whole() - begin) * 1e3
    samples.add(name + "_ms", took)
    samples.add(name + "_start_ms", (started - begin) * 1e3)
    if at_once:
        samples.add("join_after_ms", max(0, took - (started - begin) * 1e3))
    samples.add(name + "_stalls", int(cluster.stalled != ""))
    if cluster.stalled:
        samples.note(f"{cluster.label}: a join {way} took {took / 1e3:.1f} s: {cluster.stalled}")
    return took


def change_hearsay(cluster, samples, trials):
    """PUT of a new instance at one node; the others are asked in turn until each has it."""
    for _ in range(trials):
        origin = random.choice(cluster.nodes)
        others = [node for node in cluster.nodes if node is not origin]
        address = f"192.0.2.{random.randrange(1, 255)}:{random.randrange(1024, 65536)}"
        watch = spread.Watch(address)
        put = origin.http.request("PUT", watch.path, {
            "app_name": "bench", "ttl": TTL_S, "metadata": {"v": f"{random.getrandbits(40):010x}"}})
        watch.warm(cluster.nodes)
        cluster.pump(.5 + random.random())
        try:
            begin, answered = watch.run(others, origin, put)
        except TimeoutError:
            for node in cluster.nodes:  # answers under way belong to nobody
                node.http.close()
            samples.add("change_lost", len(others) - len(watch.seen))
            continue
        each = [(at - begin) * 1e3 for at in watch.seen.values()]
        samples.add("change_lost", 0)
        samples.add("change_each_ms", *each)
        samples.add("change_all_ms", max(each))
        samples.add("change_told_ms", max(each))
        samples.add("change_answer_ms", (answered - begin) * 1e3)
        samples.add("change_questions", watch.polls)
    samples.add("change_floor_ms", spread.floor_ms(others, address, 20))


def change_serf(cluster, samples, trials):
    """A tag set at one node; the others' tables say when they have it, and when they told."""
    for _ in range(trials):
        origin = random.choice(list(cluster.process))
        cluster.call(origin, "members")  # the connection is open, and nothing is owed on it
        cluster.pump(.5 + random.random())
        cluster.look_for(update=cluster.subject(origin), told=None)
        begin = now()
        cluster.set_tag(origin, f"{random.getrandbits(40):010x}")
        reached = {}
        for kind in ("update", "told"):
            others = lambda: cluster.got[kind].keys() - {origin}
            cluster.pump(SPREAD_S, lambda: len(others()) == cluster.count - 1)
            reached[kind] = [(cluster.got[kind][i] - begin) * 1e3 for i in others()]
        lost = cluster.count - 1 - len(reached["update"])
        samples.add("change_lost", lost)
        samples.add("change_each_ms", *reached["update"])
        if not lost:
            samples.add("change_all_ms", max(reached["update"]))
        if len(reached["told"]) == cluster.count - 1:
            samples.add("change_told_ms", max(reached["told"]))


def change(cluster, samples, trials):
    (change_hearsay if cluster.label.startswith("hearsay") else change_serf)(
        cluster, samples, trials)


def idle(cluster, samples, seconds, since_start):
    """What the cluster uses with nothing to do, and whom it calls failed meanwhile."""
    cluster.pump(max(10, cluster.first_sync_s - since_start))
    window = -(-seconds // cluster.sync_s) * cluster.sync_s
    cluster.blamed.clear()
    before = cluster.usage()
    cluster.pump(window)
    after = cluster.usage()
    took = after["at"] - before["at"]
    samples.add("idle_cpu_ms_s", *((after["cpu"][i] - before["cpu"][i]) / 1e6 / took
                                   for i in cluster.process))
    for name, source in (("bytes", "bytes"), ("packets", "packets"), ("datagrams", "datagrams")):
        samples.add(f"idle_{name}_s",
                    (after["net"][source] - before["net"][source]) / took / cluster.count)
    memory = [kernel.memory_mb(process.pid) for process in cluster.process.values()]
    samples.add("idle_rss_mb", *(size["rss"] for size in memory))
    samples.add("idle_private_mb", *(size["private"] for size in memory))
    samples.add("false_idle", sum(map(len, cluster.blamed.values())))
    samples.add("false_idle_s", took)


def victims(cluster, count):
    return random.sample(range(cluster.count), min(count, cluster.count))


def noticed(cluster, samples, part, subject, begin, survivors):
    """Waits until all survivors call it failed."""
    failed, suspect = cluster.got["failed"], cluster.got["suspect"]
    all_know = cluster.pump(FAULT_S, lambda: len(failed) >= survivors)
    if suspect:
        samples.add(part + "_suspect_ms", (min(suspect.values()) - begin) * 1e3)
    if failed:
        samples.add(part + "_first_ms", (min(failed.values()) - begin) * 1e3)
        samples.add(part + "_each_ms", *((at - begin) * 1e3 for at in failed.values()))
    if all_know:
        samples.add(part + "_last_ms", (max(failed.values()) - begin) * 1e3)
    else:
        samples.note(f"{cluster.label}: {part} of {subject}: {survivors - len(failed)} of "
                     f"{survivors} did not call it failed within {FAULT_S} s")
    others = sum(len(by) for blamed, by in cluster.blamed.items() if blamed != subject)
    samples.add(part + "_others", others)


def kill(cluster, samples, count):
    """SIGKILL of a node until all others know; then it is started again."""
    for victim in victims(cluster, count):
        cluster.pump(REST_S + random.random())
        subject = cluster.subject(victim)
        cluster.blamed.clear()
        cluster.look_for(failed=subject, suspect=subject)
        begin = now()
        cluster.kill(victim)
        noticed(cluster, samples, "kill", subject, begin, cluster.count - 1)
        begin = now()
        cluster.start(victim)
        cluster.look_for(ready=None)
        if not cluster.pump(READY_S, lambda: victim in cluster.got["ready"]):
            raise TimeoutError(f"{cluster.label} node {victim} did not become ready again")
        samples.add("kill_whole_ms", max(0, cluster.wait_whole() - begin) * 1e3)


def stop(cluster, samples, count):
    """SIGSTOP: the node is there for the kernel, which accepts for it, and says nothing."""
    for victim in victims(cluster, count):
        cluster.pump(REST_S + random.random())
        subject = cluster.subject(victim)
        cluster.blamed.clear()
        cluster.look_for(failed=subject, suspect=subject)
        begin = now()
        cluster.signal(victim, signal.SIGSTOP)
        try:
            noticed(cluster, samples, "stop", subject, begin, cluster.count - 1)
        finally:
            cluster.signal(victim, signal.SIGCONT)
        begin = now()
        samples.add("stop_whole_ms", max(0, cluster.wait_whole() - begin) * 1e3)


def pause(cluster, samples, seconds, who):
    """A process that does not run for a moment, as on a busy machine. Nobody is dead."""
    name = f"pause{seconds:g}"
    for victim in who:
        cluster.pump(random.random())
        cluster.blamed.clear()
        cluster.signal(victim, signal.SIGSTOP)
        try:
            cluster.pump(seconds)
        finally:
            cluster.signal(victim, signal.SIGCONT)
        begin = now()
        cluster.pump(AWAKE_S)
        whole = cluster.wait_whole()
        samples.add(name + "_whole_ms", max(0, whole - begin) * 1e3)
        samples.add(name + "_paused", len(cluster.blamed.pop(cluster.subject(victim), ())))
        samples.add(name + "_others", sum(map(len, cluster.blamed.values())))
