"""The order of things: both sides in turns, never at the same time."""

import random
import sys
import time
import traceback

from ..nodes import scratch
from . import instances, parts
from .cluster import now
from .hearsay import Hearsay
from .parts import Samples
from .serf import Serf


def say(words):
    print(time.strftime("%H:%M:%S"), words, file=sys.stderr, flush=True)


class Run:
    def __init__(self, options, sides):
        self.options, self.sides = options, sides
        self.samples = {side: Samples() for side in sides}
        self.broken = []  # what could not be measured at all

    def cluster(self, side, directory, rows=0, flags=()):
        if side == "serf":
            return Serf(directory, self.options.nodes)
        return Hearsay(directory, self.options.nodes, rows, flags, side)

    def share(self, total, turn):
        """Of `total` trials those of this round."""
        rounds = self.options.rounds
        return total * (turn + 1) // rounds - total * turn // rounds

    def guarded(self, what, side, function):
        """One side's trouble may not cost what the others still have to tell."""
        say(f"{what}: {side}")
        try:
            with scratch() as directory:
                function(directory)
        except Exception as problem:
            traceback.print_exc()
            self.broken.append(f"{side}: {what}")
            self.samples[side].note(f"{side}: {what}: not measured to its end: {problem}"[:300])

    def everything(self):
        chosen = self.options.parts
        if "join" in chosen:
            for turn in range(max(self.options.joins, self.options.in_turn)):
                for side in self.in_turn(turn):
                    for way, count in (("at once", self.options.joins),
                                       ("in turn", self.options.in_turn)):
                        if turn < count:
                            self.guarded(f"join {turn + 1} of {count}, {way}", side,
                                         lambda directory: self.join(side, directory,
                                                                     way == "at once"))
        if "hearsay" in self.sides:
            if "touch" in chosen:
                self.guarded("touch", "hearsay", self.touch)
            if "heal" in chosen:
                self.guarded("heal", "hearsay", self.heal)
        if set(chosen) - {"join", "touch", "heal"}:
            order = random.sample(range(self.options.nodes), self.options.nodes)
            for turn in range(self.options.rounds):
                for side in self.in_turn(turn):
                    self.guarded(f"round {turn + 1} of {self.options.rounds}", side,
                                 lambda directory: self.round(side, directory, turn, order))
                if "false" in chosen and self.options.pause and self.options.suspicion:
                    side = f"hearsay --suspicion {self.options.suspicion}"
                    self.samples.setdefault(side, Samples())
                    self.guarded(f"round {turn + 1} of {self.options.rounds}", side,
                                 lambda directory: self.patient(side, directory, turn, order))

    def in_turn(self, turn):
        return self.sides if turn % 2 == 0 else self.sides[::-1]

    def join(self, side, directory, at_once):
        with self.cluster(side, directory) as cluster:
            took = parts.join(cluster, self.samples[side], at_once)
            say(f"  whole after {took / 1e3:.2f} s")

    def touch(self, directory):
        with self.cluster("hearsay", directory) as cluster:
            self.begin(cluster)
            instances.heartbeats(cluster, self.samples["hearsay"], self.options.instances,
                                 self.options.idle)

    def heal(self, directory):
        with self.cluster("hearsay", directory, rows=1) as cluster:
            self.begin(cluster)
            instances.heal(cluster, self.samples["hearsay"], self.options.writes)

    def victims(self, turn, order):
        """Every process once, spread over the rounds."""
        return order[:self.options.victims or len(order)][turn::self.options.rounds]

    def begin(self, cluster):
        """A whole cluster with its load; how it joined is not counted here."""
        begin = now()
        parts.join(cluster, Samples(), at_once=True)
        cluster.fill()
        return begin

    def round(self, side, directory, turn, order):
        options, samples = self.options, self.samples[side]
        rows = options.instances if side != "serf" else 0
        with self.cluster(side, directory, rows) as cluster:
            begin = self.begin(cluster)
            if "change" in options.parts:
                say(f"  change ({self.share(options.changes, turn)})")
                parts.change(cluster, samples, self.share(options.changes, turn))
            if {"idle", "false"} & set(options.parts):
                say("  idle")
                parts.idle(cluster, samples, options.idle, now() - begin)
            if "kill" in options.parts:
                say(f"  kill ({self.share(options.kills, turn)})")
                parts.kill(cluster, samples, self.share(options.kills, turn))
            if "stop" in options.parts:
                say(f"  stop ({self.share(options.stops, turn)})")
                parts.stop(cluster, samples, self.share(options.stops, turn))
            if "false" in options.parts:
                for seconds in options.pause:
                    who = self.victims(turn, order)
                    say(f"  pauses of {seconds:g} s ({len(who)})")
                    parts.pause(cluster, samples, seconds, who)

    def patient(self, side, directory, turn, order):
        """Ours with more time to refute; only the longest pauses need it."""
        flags = ("--suspicion", self.options.suspicion)
        with self.cluster(side, directory, self.options.instances, flags) as cluster:
            self.begin(cluster)
            who = self.victims(turn, order)
            say(f"  pauses of {max(self.options.pause):g} s ({len(who)})")
            parts.pause(cluster, self.samples[side], max(self.options.pause), who)
