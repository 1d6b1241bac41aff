"""Hearsay and serf side by side. See bench/README.md."""

import argparse
import json
import os
import pathlib
import resource
import shutil
import signal
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("HEARSAY_BUILD", str(ROOT / "build/release"))

from .. import kernel  # noqa: E402  (reads the variable)
from ..nodes import binary, scratch  # noqa: E402
from . import chart, table  # noqa: E402
from .hearsay import Hearsay  # noqa: E402
from .measures import measures  # noqa: E402
from .run import Run, say  # noqa: E402
from .serf import Serf  # noqa: E402

PARTS = ("join", "change", "idle", "kill", "stop", "false", "touch", "heal")
INTRODUCTION = """\
Measures N nodes of Hearsay and N nodes of serf on this machine's loopback, in turns.

  python3 -m bench.cluster                               # 50 nodes, every part
  python3 -m bench.cluster --nodes 10 --parts join,change,kill
  python3 -m bench.cluster --json all.json --svg chart.svg
  python3 -m bench.cluster --parts false --pause 2,5 --idle 300
  HEARSAY_BUILD=DIR python3 -m bench.cluster             # DIR/hearsay, not build/release/hearsay

  join    from the first start until every table holds all nodes as alive
  change  one instance (serf: one tag) set at a random node, until all others have it
  idle    CPU, traffic and memory of nodes with nothing to do
  kill    SIGKILL of a random node, until the first and the last other node calls it dead
  stop    SIGSTOP, the same
  false   who is called dead though it is alive: idle, and while each process is paused
  touch   every instance heartbeats every 10 s: what that costs the cluster (Hearsay only)
  heal    two halves, cut off and written to, until all tables are equal (Hearsay only)
"""


def numbers(text):
    return [float(word) for word in text.split(",") if word]


def arguments():
    parser = argparse.ArgumentParser(
        prog="python3 -m bench.cluster", usage=argparse.SUPPRESS, description=INTRODUCTION,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--nodes", type=int, default=50, metavar="N", help="of each side (50)")
    add("--parts", default=",".join(PARTS), metavar="NAMES", help="comma-separated (all)")
    add("--sides", default="hearsay,serf", metavar="NAMES", help="only one of them, if need be")
    add("--rounds", type=int, default=2, metavar="K",
        help="clusters of each side that share the trials, in turns (2)")
    add("--joins", type=int, default=5, metavar="K", help="joins at once (5)")
    add("--in-turn", type=int, default=5, metavar="K", help="joins one after the other (5)")
    add("--changes", type=int, default=20, metavar="K", help="changes (20)")
    add("--kills", type=int, default=10, metavar="K", help="nodes killed (10)")
    add("--stops", type=int, default=10, metavar="K", help="nodes stopped (10)")
    add("--idle", type=float, default=60, metavar="S",
        help="seconds idle in each round, raised to whole periods of serf's exchange (60)")
    add("--pause", type=numbers, default=[2, 5], metavar="S,S", help="seconds of pauses (2,5)")
    add("--victims", type=int, default=0, metavar="K", help="processes paused (all)")
    add("--suspicion", default="7s", metavar="T",
        help="the longest pause also with `hearsay agent --suspicion T`; '' for not (7s)")
    add("--instances", type=int, default=10_000, metavar="K",
        help="in the tables of Hearsay in every part but join (10,000); serf has no such table")
    add("--writes", type=int, default=1000, metavar="K", help="on each side of heal (1,000)")
    add("--json", metavar="FILE", help="every sample; - is stdout, and the table goes to stderr")
    add("--svg", metavar="FILE", help="the table as a chart")
    given = parser.parse_args()
    for name, known in (("parts", PARTS), ("sides", ("hearsay", "serf"))):
        words = getattr(given, name).split(",")
        for word in words:
            if word not in known:
                parser.error(f"--{name}: there is no '{word}': one or more of {', '.join(known)}")
        setattr(given, name, words)
    if not 3 <= given.nodes <= 5000:
        parser.error("--nodes: from 3 to 5000")
    return given


def available(sides):
    """Those that can be measured here; says what the others need."""
    if "serf" in sides and not shutil.which("serf"):
        say("serf is missing, so only Hearsay is measured. To have both: apt-get install serf")
        sides = [side for side in sides if side != "serf"]
    if "hearsay" in sides and not binary("hearsay").exists():
        sys.exit(f"{binary('hearsay')} is missing: build it with `cmake --preset release && ninja "
                 "-C build/release hearsay`, or set HEARSAY_BUILD")
    return sides or sys.exit("nothing to measure")


def remarks(run, options):
    """What a reader has to know to judge the figures."""
    notes = [note for samples in run.samples.values() for note in samples.notes]
    ours = run.samples.get("hearsay")
    if ours and "change_floor_ms" in ours.lists:
        notes.append("change: Hearsay's API is asked in turn, one question at a time, over kept "
                     "connections; asking every other node costs "
                     f"{statistics.median(ours.lists['change_floor_ms']):.1f} ms even if all have "
                     "it, and is in the figures. The write is on disk before it spreads. serf is "
                     "read from its log: when a table has it; and when its event handlers are "
                     "told, which it delays by about a second to coalesce.")
    if "idle" in options.parts and "serf" in run.sides:
        notes.append(f"idle: Hearsay carries {options.instances:,} instances; serf has no such "
                     "table, it knows its nodes only")
    return notes


def main():
    options = arguments()
    options.sides = available(options.sides)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))  # two or three for each node
    private = kernel.private_network()
    with scratch() as directory:
        machine = kernel.machine(directory) | {"private_network": private}
    versions = {"hearsay": Hearsay.version, "serf": Serf.version}
    about = {"at": time.strftime("%FT%T%z"), "machine": machine,
             "versions": {side: versions[side]() for side in options.sides},
             "options": vars(options)}
    say(f"{options.nodes} nodes, {machine['cores']} cores, load {machine['load']}"
        + ("" if private else "; no private network: counters hold other traffic, too"))

    run = Run(options, options.sides)
    begin, interrupted = time.monotonic(), False
    try:
        run.everything()
    except KeyboardInterrupt:  # what there is by now is worth showing
        interrupted = True
        say("interrupted")
    about["took_s"] = round(time.monotonic() - begin)
    about["load_at_end"] = round(os.getloadavg()[0], 2)

    labels = list(run.samples)
    shown = measures(options.pause)
    rows = table.rows(run.samples, shown, options.parts)
    notes = remarks(run, options)
    lines = [f"{options.nodes} nodes on {machine['cores']} cores ({machine['cpu']}), "
             f"{', '.join(about['versions'].values())}", "", table.text(rows, labels), "",
             "ratio: Hearsay's figure by serf's. Less is better everywhere. A pair is (who says "
             "it, of whom).", *(f"- {note}" for note in notes)]
    print("\n".join(lines), file=sys.stderr if options.json == "-" else sys.stdout)
    if options.json:
        document = about | {"rows": rows, "notes": notes, "samples": {
            label: samples.lists for label, samples in run.samples.items()}}
        write(options.json, json.dumps(document, indent=1) + "\n")
    if options.svg and rows:
        title = f"{' and '.join(options.sides)}: {options.nodes} nodes on one machine"
        subtitle = (f"{machine['cores']} cores, {machine['cpu']}; "
                    f"{', '.join(about['versions'].values())}; {about['at'][:10]}")
        write(options.svg, chart.svg(rows, shown, labels, title, subtitle))
    return 130 if interrupted else 1 if run.broken else 0


def write(path, text):
    if path == "-":
        print(text, end="")
    else:
        pathlib.Path(os.environ.get("HEARSAY_BENCH_FROM", "."), path).write_text(text)


if __name__ == "__main__":
    sys.exit(main())
