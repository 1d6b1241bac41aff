"""Runs the parts that are named, or all but the optional ones, and prints the table."""

import argparse
import json
import os
import pathlib
import signal
import sys
import time
import traceback

from . import building, idle, join, kernel, lists, memory, rollout, simulator, spread, writes
from .nodes import binary, scratch
from .report import Report

# name -> (function, what it measures, part of a run without names)
PARTS = {
    "spread3": (spread.three_nodes, "a registration from one node to another", True),
    "spread20": (spread.twenty_nodes, "a registration to all of 20 nodes", True),
    "idle20": (idle.twenty_nodes, "traffic, CPU and memory of 20 nodes with nothing to do", True),
    "join100k": (join.measure, "a node that joins with 100,000 instances", True),
    "post": (writes.measure, "durable registrations with 64 clients; kill -9", True),
    "list": (lists.measure, "GET /registry/list beside nginx", True),
    "memory": (memory.measure, "memory of one node, and its start from 100,000 rows", True),
    "rollout": (rollout.measure, "placements of clients; a promotion to 20 nodes", True),
    "sim": (simulator.measure, "one update in 10,000 simulated nodes", True),
    "build": (building.measure, "a release build from nothing, and after one change", False),
}


def arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measures this program and compares it with its bars.",
        epilog="parts: " + ", ".join(PARTS))
    parser.add_argument("parts", nargs="*", metavar="NAME", help="default: all but build")
    parser.add_argument("--json", metavar="FILE", help="writes every figure; - is stdout")
    parser.add_argument("--list", action="store_true", help="shows the parts and ends")
    given = parser.parse_args()
    for name in given.parts:
        if name not in PARTS:
            parser.error(f"there is no part '{name}': one of {', '.join(PARTS)}")
    return given


def run_parts(names, report):
    """Returns the names of those that could not be measured."""
    broken = []
    for name in names:
        function, what, _ = PARTS[name]
        report.part = name
        print(f"\n{name}: {what}", flush=True)
        begin = time.monotonic()
        try:
            with scratch() as directory:
                function(report, directory)
        except Exception as problem:  # the other parts are worth having all the same
            traceback.print_exc()
            first_line = (str(problem) or type(problem).__name__).split("\n")[0][:120]
            report.add(what, "", f"not measured: {first_line}", False)
            broken.append(name)
        print(f"         took {time.monotonic() - begin:.0f} s", flush=True)
    return broken


def main():
    given = arguments()
    if given.list:
        for name, (_, what, default) in PARTS.items():
            print(f"{name:9} {what}{'' if default else ' (only when named)'}")
        return 0
    names = given.parts or [name for name, (*_, default) in PARTS.items() if default]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    private = kernel.private_network()
    report = Report()
    with scratch() as directory:
        machine = kernel.machine(directory) | {"private_network": private, "build": str(binary(""))}
    print(f"{machine['cores']} cores, {machine['cpu']}, Linux {machine['kernel']}, load "
          f"{machine['load']}, fdatasync {machine['fdatasync_us']} us on {machine['filesystem']}"
          + ("" if private else "; no private network: counters hold other traffic, too"))
    broken = run_parts(names, report)
    print(f"\n{report.table()}\n")
    if given.json:
        text = json.dumps({"machine": machine} | report.as_dict(), indent=1) + "\n"
        if given.json == "-":
            print(text, end="")
        else:
            pathlib.Path(os.environ.get("HEARSAY_BENCH_FROM", "."), given.json).write_text(text)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
