"""N processes of one kind, watched through their own log lines, so that watching asks nothing of
them. What is known of a kind is in hearsay.py and serf.py."""

import os
import selectors
import signal
import subprocess
import time

from .. import kernel

now = time.monotonic
WHOLE_S = 180  # until a state that has to come back counts as lost
STALL_S = 10   # whoever needs longer to become whole has waited for something
LOOK_S = .05   # between two looks into tables, where lines do not tell enough
LOOK_SELDOM_S = 1  # and where they should


class Cluster:
    """Starts, watches and ends the processes. A subclass says how one of them is spoken to."""
    label = ""
    instances = 0   # records of applications that every node carries
    sync_s = 1      # an idle window is a multiple of this, to hold whole periodic exchanges
    first_sync_s = 0  # after the start, until every node has begun with them

    def __init__(self, directory, count):
        self.directory, self.count = directory, count
        self.process, self.rest, self.view = {}, {}, {}
        self.told_least = set()   # nodes whose lines do not name all that they know
        self.blamed = {}          # subject -> nodes that called it failed
        self.changed_at = 0       # when a view last changed
        self.stalled = ""         # what was missing when wait_whole took long
        self.want, self.got = {}, {}
        self.selector = selectors.DefaultSelector()

    # What a subclass gives. parse: one line -> (kind, subject) or None; a kind is ready, alive,
    # suspect, failed, left, update or told, a subject what subject() gives.
    def argv(self, i): raise NotImplementedError
    def parse(self, i, line): raise NotImplementedError
    def subject(self, i): raise NotImplementedError
    def table(self, i): raise NotImplementedError     # subjects alive in node i's table
    def fill(self): pass                              # gives the tables their load
    def forget(self, i): pass                         # the process of i is gone

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def address(self, i):
        return f"127.1.{i // 250}.{i % 250 + 1}"

    def seeds(self, i):
        """Two ways in, so that either of them may be killed."""
        return [self.address(seed) for seed in (0, 1) if seed != i and seed < self.count]

    # -- processes
    def start(self, i):
        # A session of its own: Ctrl-C is for us, who then end it.
        process = kernel.spawn(self.argv(i), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               cwd=self.directory, start_new_session=True)
        os.set_blocking(process.stdout.fileno(), False)
        self.process[i], self.rest[i], self.view[i] = process, b"", set()
        self.selector.register(process.stdout, selectors.EVENT_READ, i)

    def kill(self, i):
        process = self.process.pop(i)
        self.selector.unregister(process.stdout)
        self.view.pop(i)
        process.kill()
        process.wait()
        process.stdout.close()
        self.forget(i)

    def signal(self, i, number):
        os.kill(self.process[i].pid, number)

    def end(self):
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for process in self.process.values():
                process.kill()
            for i in list(self.process):
                self.kill(i)
            self.selector.close()
        finally:
            signal.signal(signal.SIGINT, before)

    # -- lines
    def look_for(self, **subjects):
        """From now on notes when each node first says this; a subject of None is any."""
        self.want, self.got = subjects, {kind: {} for kind in subjects}

    def pump(self, seconds, done=lambda: False):
        """Reads lines until done() or the time is over; says which."""
        end = now() + seconds
        while not done():
            if now() >= end:
                return False
            for key, _ in self.selector.select(max(0, end - now())):
                self.read(key.data)
        return True

    def read(self, i):
        data, at = os.read(self.process[i].stdout.fileno(), 1 << 16), now()
        if not data:
            raise RuntimeError(f"{self.label} node {i} ended by itself: {self.rest[i][-200:]!r}")
        *lines, self.rest[i] = (self.rest[i] + data).split(b"\n")
        for line in lines:
            self.note(i, at, self.parse(i, line.decode("utf-8", "replace")))

    def note(self, i, at, said):
        if said is None:
            return
        kind, subject = said
        view = self.view[i]
        if kind == "alive" and subject not in view:
            view.add(subject)
            self.changed_at = at
        elif kind in ("failed", "left"):
            if subject in view:
                view.discard(subject)
                self.changed_at = at
            if kind == "failed":
                self.blamed.setdefault(subject, set()).add(i)
        if kind in self.want and self.want[kind] in (None, subject):
            self.got[kind].setdefault(i, at)

    # -- agreement
    def missing(self):
        """How many (node, node) pairs do not hold each other as alive, by their lines."""
        running = {self.subject(i) for i in self.process}
        return sum(len(running - view) for view in self.view.values())

    def look_into_tables(self):
        """What lines did not tell, the tables do. Asks only nodes that seem to lack somebody."""
        running = {self.subject(i) for i in self.process}
        for i, view in self.view.items():
            if not running <= view and not running & self.table(i) <= view:
                view |= running & self.table(i)
                self.changed_at = now()

    def wait_whole(self, seconds=WHOLE_S):
        """Until every table holds all running nodes as alive: by the lines, then by the tables
        themselves. Returns when that was so."""
        begin, looked, self.stalled = now(), now(), ""
        end = begin + seconds
        while now() < end:
            if not self.pump(LOOK_S, lambda: not self.missing()):
                if self.told_least or now() > looked + LOOK_SELDOM_S:
                    self.look_into_tables()
                    looked = now()
                if now() > begin + STALL_S and not self.stalled:
                    self.stalled = f"{self.missing()} pairs lacked each other after {STALL_S} s"
                continue
            at = self.changed_at
            running = {self.subject(i) for i in self.process}
            while now() < end:
                if all(self.table(i) == running for i in self.process):
                    self.told_least.clear()
                    return at
                self.pump(LOOK_S)
                at = now()
        raise TimeoutError(f"{self.label} is not whole after {seconds} s: {self.missing()} pairs "
                           "of nodes do not hold each other as alive")

    def usage(self):
        return {"at": now(), "net": kernel.traffic(),
                "cpu": {i: kernel.cpu_ns(p.pid) for i, p in self.process.items()}}
