"""One story's world: its network, its processes, what it found."""

import collections
import pathlib
import random
import signal
import subprocess
import sys
import time

from . import check_log
from .network import Network
from .processes import Bots, Node, Server

FIRST_PORT = 9100
END_S = 20  # until clients that were told to leave have left
EXIT_MS = 5_000  # an empty server of a version that drains is gone by then

# What the checker finds, as bars: a kind of finding and what its absence means.
KINDS = {
    "disconnect": "unwanted disconnects",
    "counter": "gaps or repeats of a counter",
    "incarnation": "sessions that came back to a stranger",
    "late": "new clients after the watermark",
    "nobody accepts": "times without an accepting version",
    "capacity": "servers over their capacity",
    "no end": "sessions without an end",
}


def wait(holds, what, seconds=30, pause=.05):
    """Until it holds: its value. A state, never a time. Of other machines, as the nodes are to us: we
    ask again and again, seldom enough not to be the load. For the end of a process: Process.wait."""
    end = time.monotonic() + seconds
    while not (value := holds()):
        if time.monotonic() > end:
            raise TimeoutError(f"after {seconds} s still not: {what}")
        time.sleep(pause)
    return value


class World:
    def __init__(self, directory, binaries, seed, full):
        self.directory, self.binaries, self.full = pathlib.Path(directory), binaries, full
        self.random, self.seed = random.Random(seed), seed
        self.network = Network()
        self.nodes, self.servers, self.bots = [], [], []
        self.killed = []       # incarnations that the story ended itself
        self.no_new = {}       # version: Unix ms
        self.bars, self.notes = [], []  # (what, bar, figure, good)
        self.began = time.monotonic()

    def size(self, bounded, full):
        return full if self.full else bounded

    def say(self, text):
        print(f"{time.monotonic() - self.began:7.1f} s  {text}", file=sys.stderr, flush=True)

    # -- nodes
    def add_node(self, environment=None, start=True):
        seeds = self.nodes[:2]  # two ways in, so that either of them may be killed
        node = Node(self.directory, self.network, self.binaries["hearsay"], seeds, environment)
        if len(self.nodes) == 1:
            self.nodes[0].seeds.append(node)
        self.nodes.append(node)
        return node.start() if start else node

    def add_nodes(self, count, environments=None):
        for i in range(count):
            self.add_node((environments or {}).get(i))
        wait(self.together, f"{count} nodes hear each other")
        self.say(f"{count} nodes hear each other")

    def running(self):
        return [node for node in self.nodes if node.running()]

    def together(self):
        """Every running node counts all of them as alive, and has just heard from each."""
        count = len(self.running())
        return all((a := node.agreement()) and a["nodes"] == count and a["unheard"] == 0
                   for node in self.running())

    # -- servers
    def add_servers(self, version, nodes, capacity):
        """One at each of these nodes; waits until all are known everywhere."""
        fresh = []
        for node in nodes:
            port = FIRST_PORT + len(self.servers)
            fresh.append(Server(self.directory, self.binaries["arena"], node, version, port,
                                capacity))
            self.servers.append(fresh[-1].start())
        wait(lambda: all(server.is_up() for server in fresh), f"the servers of {version} are up")
        self.say(f"{len(fresh)} servers of {version} with {capacity} seats each")
        return fresh

    def of(self, version):
        return [server for server in self.servers if server.version == version]

    def kill_server(self, server):
        self.killed.append(server.incarnation())
        server.kill()

    # -- clients
    def add_bots(self, nodes, sessions, rate, least, most, flags=()):
        bots = Bots(self.directory, self.binaries["arena-bots"], f"bots-{len(self.bots)}")
        self.bots.append(bots)
        self.say(f"{sessions} clients, {rate} per second, {least} to {most} each")
        every = self.size("250ms", "1s")
        return bots.start(nodes, sessions, rate, least, most, self.seed, every, flags)

    def end_bots(self):
        """Everybody leaves in order."""
        for bots in self.bots:
            bots.signal(signal.SIGTERM)
        for bots in self.bots:
            bots.wait(f"{bots.name} leave", END_S)
            self.bar(f"exit code of {bots.name}", "0", bots.code, bots.code == 0)

    # -- decisions
    def watermark(self, version, replaced, node=None, seconds=90):
        """From now on counts the latest moment at which anybody may join the replaced version: all
        nodes have acked the decision, and the last ticket from before has expired."""
        node = node or self.running()[0]

        def known():
            app = node.app(census=True)
            whole = (app.get("agreement") or {}).get("nodes") == len(self.nodes)
            accepts = node.roles().get(version) == "accepting"
            return app.get("watermark") if whole and accepts else None
        at = wait(known, f"every node follows the promotion of {version}", seconds)
        self.no_new[replaced] = at * 1000
        self.say(f"the watermark of {replaced} is {at - time.time():.1f} s from now")
        return at

    def roles_everywhere(self, version, role):
        return all(node.roles().get(version) == role for node in self.running())

    def gone_soon(self, version, seconds):
        """All servers of a version that drains exit with 0, soon after their last sessions."""
        servers = self.of(version)
        end = time.monotonic() + seconds
        for server in servers:
            server.wait(f"the servers of {version} have exited", end - time.monotonic())
        after = 0
        for server in servers:
            last = max((bots.read().last_ms.get(server.address, 0) for bots in self.bots),
                       default=0)
            begin = max(last, self.drained_ms)
            after = max(after, server.ended_ms - begin)
        codes = {server.code for server in servers}
        self.bar(f"last of {version}'s {len(servers)} servers gone after its last session",
                 f"<= {EXIT_MS / 1000:g} s, all with code 0",
                 f"{after / 1000:.1f} s, codes {sorted(codes)}",
                 after <= EXIT_MS and codes == {0})

    drained_ms = 0  # no server had a reason to end before

    # -- findings
    def bar(self, what, bar, figure, good):
        self.bars.append((what, bar, str(figure), bool(good)))

    def check(self, **rules):
        """What the clients' logs say."""
        findings, counts = check_log.check([bots.events for bots in self.bots],
                                           no_new=self.no_new, killed=self.killed,
                                           stopped=True, **rules)
        kinds = collections.Counter(kind for kind, _ in findings)
        told = collections.Counter()
        for kind, text in findings:
            told[kind] += 1
            if told[kind] <= 5:
                self.notes.append(f"{kind}: {text}")
        for kind, what in KINDS.items():
            if kind == "late" and not self.no_new or kind == "capacity" and not rules:
                continue
            if kind == "late":
                what += ": " + ", ".join(f"{v} {self.joined_after(ms)} elsewhere"
                                         for v, ms in self.no_new.items())
            self.bar(what, "0", kinds.pop(kind, 0), not told[kind])
        for kind, number in kinds.items():
            self.bar(kind, "0", number, False)
        self.notes.append(", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
        return counts

    def clients_come_after_watermarks(self, count=10):
        """Else the bars about them would hold because nobody came."""
        for ms in self.no_new.values():
            wait(lambda at=ms: self.joined_after(at) >= count, "clients after the watermark", 90)

    def joined_after(self, ms):
        """New sessions from then on: without any, nobody could have joined the wrong version."""
        return sum(1 for bots in self.bots for line in open(bots.events, encoding="utf-8")
                   if " event=joined " in line and int(line.split()[0]) >= ms)

    # -- the end
    def close(self):
        for process in [*self.bots, *self.servers, *self.nodes]:
            process.kill()
        self.network.close()

    def last_words(self):
        for process in [*self.nodes, *self.servers, *self.bots]:
            yield process.name, process.last_words()


def problem_with(binaries):
    """Why these programs cannot be run; None if they can."""
    for name, path in binaries.items():
        if not path.exists():
            return f"{path} is missing: ninja -C {path.parent} {name}"
    ran = subprocess.run([binaries["hearsay"], "--version"], capture_output=True, check=False)
    return None if ran.returncode == 0 else f"{binaries['hearsay']} does not run"
