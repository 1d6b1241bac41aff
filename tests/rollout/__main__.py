"""Runs stories of a rollout with real processes; see README.md."""

import argparse
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import traceback

from .stories import STORIES
from .world import World, problem_with


def tell(story, world, took, problem):
    """The table of one story; whether all of it is well."""
    good = problem is None and all(bar[3] for bar in world.bars)
    print(f"\n{story}: {'passed' if good else 'FAILED'}, {took:.0f} s")
    width = max((len(bar[0]) for bar in world.bars), default=0)
    for what, bar, figure, fine in world.bars:
        print(f"  {'ok  ' if fine else 'FAIL'}  {what:<{width}}  {bar}: {figure}")
    for note in world.notes:
        print(f"        {note}")
    if problem:
        print(f"  FAIL  the story broke off: {problem}")
    sys.stdout.flush()
    return good


def run(story, given):
    directory = tempfile.mkdtemp(prefix=f"hearsay-rollout-{story}-", dir=given.directory)
    began, problem = time.monotonic(), None
    try:
        world = World(directory, given.binaries, given.seed, given.full)
    except (RuntimeError, OSError) as error:
        print(f"{story}: FAILED: {error}")
        return False
    try:
        STORIES[story](world)
    except (TimeoutError, RuntimeError, OSError, KeyError, IndexError, TypeError) as error:
        problem = f"{type(error).__name__}: {error}"
        traceback.print_exc()
        for name, words in world.last_words():
            print(f"---- {name}", *words, sep="\n     ", file=sys.stderr)
        try:
            world.check()  # what the clients saw until then
        except OSError:
            pass
    finally:
        world.close()
    good = tell(story, world, time.monotonic() - began, problem)
    if given.keep == "none" or good and given.keep == "failed":
        shutil.rmtree(directory, ignore_errors=True)
    else:
        print(f"        everything that they said: {directory}")
    return good


def main():
    parser = argparse.ArgumentParser(prog="scripts/rollout-test", description=__doc__)
    parser.add_argument("stories", nargs="*", metavar="STORY",
                        help=f"of {', '.join(STORIES)}; all of them if none is given")
    parser.add_argument("--full", action="store_true", help="the figures of the design: long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", choices=("all", "failed", "none"), default="failed",
                        help="whose logs to keep (failed)")
    parser.add_argument("--binaries", type=pathlib.Path, metavar="DIR",
                        default=os.environ.get("HEARSAY_BUILD"))
    parser.add_argument("--hearsay", type=pathlib.Path, metavar="FILE",
                        help="another agent than that of DIR, such as one with a planted bug")
    parser.add_argument("--directory", default=os.environ.get("TMPDIR", "/var/tmp"),
                        help="where their data and logs go (/var/tmp)")
    given = parser.parse_args()
    unknown = set(given.stories) - set(STORIES)
    if unknown:
        parser.error(f"no story {', '.join(sorted(unknown))}: one of {', '.join(STORIES)}")
    folder = pathlib.Path(given.binaries or "build/release").resolve()
    given.binaries = {name: folder / name for name in ("hearsay", "arena", "arena-bots")}
    if given.hearsay:
        given.binaries["hearsay"] = given.hearsay.resolve()
    if problem := problem_with(given.binaries):
        parser.error(problem)
    if os.geteuid() != 0:  # root of a namespace is enough
        os.execvp("unshare", ["unshare", "--map-root-user", sys.executable, "-m", "tests.rollout",
                              *sys.argv[1:]])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failed = [story for story in given.stories or STORIES if not run(story, given)]
    total = len(given.stories or STORIES)
    print(f"{total - len(failed)} passed, {len(failed)} failed"
          + (f": {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
