"""How long people wait for a build. Works on a copy of the sources, without ccache."""

import os
import resource
import shutil
import subprocess
import time

from . import kernel
from .load import HERE

ROOT = HERE.parent
CHANGED = ("gossip/core_flood.cpp", "registry/json_read.cpp", "node/core_loop.cpp",
           "node/http/server.cpp")
CORES = 2


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(argv, directory):
    """Seconds, and seconds of CPU, which tell more where others are at work, too."""
    begin, cpu = time.monotonic(), cpu_of_children()
    child = kernel.spawn(argv, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         env=os.environ | {"CCACHE_DISABLE": "1"})
    output, _ = child.communicate()
    if child.returncode != 0:
        raise RuntimeError(f"{argv}: {output.decode(errors='replace')[-2000:]}")
    return time.monotonic() - begin, cpu_of_children() - cpu


def measure(report, directory):
    tree = directory / "tree"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", "build"))
    ninja = ["ninja", "-C", "build/release", f"-j{CORES}"]
    steps = [timed(["cmake", "--preset", "release", "-DCCACHE_PROGRAM=OFF"], tree),
             timed(ninja, tree)]
    whole, cpu = (sum(column) for column in zip(*steps))
    report.add(f"release build of everything from nothing, {CORES} at a time", "< 240 s",
               f"{whole:.0f} s, {cpu:.0f} s of CPU", whole < 240)
    each = {}
    for name in CHANGED:
        with open(tree / name, "a") as source:
            source.write("// changed\n")
        each[name] = [round(seconds, 1) for seconds in timed(ninja, tree)]
    slowest = max(each, key=each.get)
    report.add("build after a change in one source file", "< 15 s",
               f"{each[slowest][0]} s, {each[slowest][1]} s of CPU: {slowest}",
               each[slowest][0] < 15, seconds=each)
    report.note("without ccache; seconds, and of CPU: "
                + ", ".join(f"{name} {took}, {cpu}" for name, (took, cpu) in each.items()))
