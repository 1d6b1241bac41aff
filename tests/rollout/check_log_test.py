#!/usr/bin/env python3
"""Each violation is seen in a log made for it, and a clean log passes."""

import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import check_log  # noqa: E402

ONE = "server=127.0.0.1:9001 version=v1 incarnation=11"
TWO = "server=127.0.0.1:9002 version=v1 incarnation=22"


class Log:
    """A log in the making; every line is 10 ms after the last one."""

    def __init__(self):
        self.lines, self.ms = [], 1_000_000

    def add(self, session, event, keys=""):
        self.ms += 10
        self.lines.append(f"{self.ms} session={session} event={event} {keys}".strip())
        return self

    def joins(self, session, place=ONE):
        return self.add(session, "asked", "node=n1 outcome=go version=v1") \
                   .add(session, "joined", place + " counter=0")

    def says(self, session, *counters, incarnation=11):
        for counter in counters:
            self.add(session, "said", f"counter={counter} incarnation={incarnation}")
        return self

    def loses(self, session, cause="cut"):
        return self.add(session, "lost", f"server=127.0.0.1:9001 incarnation=11 cause={cause}")

    def leaves(self, session, counter, place=ONE):
        return self.add(session, "left", f"{place} counter={counter}")

    def comes_back(self, session, counter, place=ONE):
        return self.add(session, "asked_back", "node=n2 outcome=go") \
                   .add(session, "resumed", f"{place} counter={counter}")


def clean():
    """Three clients; one loses its network, one is refused once, the server has two seats."""
    log = Log().joins("a").says("a", 1, 2).joins("b")
    log.add("c", "asked", "node=n1 outcome=full").add("c", "refused", "server=x verdict=full")
    log.loses("a").says("b", 1).comes_back("a", 2).says("a", 3).leaves("a", 3)
    return log.joins("c").says("c", 1).leaves("c", 1).leaves("b", 1)


class CheckLog(unittest.TestCase):
    def run_on(self, log, *flags):
        text = log if isinstance(log, str) else "\n".join(log.lines) + "\n"
        with tempfile.NamedTemporaryFile("w", suffix=".log") as file:
            file.write(text)
            file.flush()
            return self.run_files([file.name], *flags)

    def run_files(self, files, *flags):
        """(exit code, output)"""
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = check_log.main([*map(str, files), *flags])
        return code, out.getvalue()

    def passes(self, log, *flags):
        code, out = self.run_on(log, *flags)
        self.assertEqual(code, 0, out)
        return out

    def fails(self, kind, log, *flags):
        code, out = self.run_on(log, *flags)
        self.assertEqual(code, 1, out)
        kinds = {line.split(":")[0] for line in out.split("\n")[:-3]}
        self.assertEqual(kinds, {kind}, out)

    def test_a_clean_log_passes(self):
        said = self.passes(clean(), "--capacity", "2", "--seats", "2", "--no-new", "v1=2000000")
        for part in ("sessions 3", "joined v1 3", "said 5", "resumed 1", "refused full 1",
                     "unwanted disconnects 0", "most at a time 2", "0 findings"):
            self.assertIn(part, said)

    def test_a_gap_and_a_repeat_of_the_counter(self):
        self.fails("counter", Log().joins("a").says("a", 1, 3).leaves("a", 3))
        self.fails("counter", Log().joins("a").says("a", 1, 1).leaves("a", 1))
        self.fails("counter", Log().joins("a").says("a", 1, 2).leaves("a", 7))

    def test_a_counter_that_a_reconnect_changes(self):
        lost = Log().joins("a").says("a", 1, 2).loses("a")
        self.fails("counter", lost.comes_back("a", 0).says("a", 1).leaves("a", 1))
        lost = Log().joins("a").says("a", 1, 2).loses("a")
        self.fails("counter", lost.comes_back("a", 9).says("a", 10).leaves("a", 10))
        lost = Log().joins("a").says("a", 1, 2).loses("a")
        self.fails("counter", lost.comes_back("a", 2).says("a", 4).leaves("a", 4))

    def test_an_answer_that_the_cut_took_is_no_gap(self):
        lost = Log().joins("a").says("a", 1, 2).loses("a")
        self.passes(lost.comes_back("a", 3).says("a", 4).leaves("a", 4))

    def test_a_connection_that_broke(self):
        def broken():
            return Log().joins("a").loses("a", "broken").comes_back("a", 0).leaves("a", 0)
        self.fails("disconnect", broken())
        self.fails("disconnect", broken(), "--killed", "12")
        self.passes(broken(), "--killed", "11")

    def test_a_session_that_is_gone(self):
        gone = Log().joins("a").loses("a").add("a", "gone", "server=x incarnation=11")
        self.fails("disconnect", gone)
        self.assertIn("ended by the test 1", self.passes(gone, "--killed", "11"))

    def test_a_client_that_is_dismissed(self):
        self.fails("disconnect", Log().joins("a").add("a", "dismissed", "server=x reason=stop"))

    def test_a_session_that_comes_back_elsewhere(self):
        log = Log().joins("a").loses("a").comes_back("a", 0, TWO).leaves("a", 0, TWO)
        self.fails("incarnation", log)

    def test_an_answer_of_another_life(self):
        self.fails("incarnation", Log().joins("a").says("a", 1, incarnation=12).leaves("a", 1))

    def test_a_client_that_joins_too_late(self):
        log = clean()
        self.fails("late", log, "--no-new", "v1=1000000")
        self.passes(log, "--no-new", "v2=1000000")
        at = next(int(line.split()[0]) for line in log.lines if "session=c event=joined" in line)
        self.fails("late", log, "--no-new", f"v1={at}")
        self.passes(log, "--no-new", f"v1={at + 1}")

    def test_more_sessions_than_seats(self):
        log = Log().joins("a").joins("b", TWO).joins("c")
        for _ in range(20):  # long enough to be no matter of order
            log.add("d", "asked", "node=n1 outcome=full")
        for session, place in (("a", ONE), ("b", TWO), ("c", ONE)):
            log.leaves(session, 0, place)
        log.joins("d").leaves("d", 0)
        self.fails("capacity", log, "--capacity", "1")
        self.passes(log, "--capacity", "2")

    def test_a_lost_session_keeps_its_seat(self):
        log = Log().joins("a").loses("a").joins("b")
        for _ in range(20):
            log.add("c", "asked", "node=n1 outcome=full")
        log.comes_back("a", 0).leaves("a", 0).leaves("b", 0).joins("c").leaves("c", 0)
        self.fails("capacity", log, "--capacity", "1")

    def test_a_farewell_that_is_read_after_the_next_welcome(self):
        self.passes(Log().joins("a").joins("b").leaves("a", 0).leaves("b", 0), "--capacity", "1")

    def test_seats_that_nobody_finds(self):
        self.fails("seats", clean(), "--seats", "3")

    def test_a_time_without_an_accepting_version(self):
        log = Log().add("a", "asked", "node=n1 outcome=no_version").joins("a").leaves("a", 0)
        self.fails("nobody accepts", log)

    def test_a_session_without_an_end(self):
        self.fails("no end", Log().joins("a").says("a", 1))
        self.fails("no end", Log().joins("a").loses("a"))
        self.fails("no end", Log().add("a", "asked", "node=n1 outcome=full"))
        self.passes(Log().add("a", "asked", "node=n1 outcome=full").add("a", "nowhere"))
        self.passes(Log().add("a", "asked", "node=n1 outcome=full"), "--stopped")
        self.fails("no end", Log().joins("a").loses("a"), "--stopped")

    def test_events_that_cannot_follow_each_other(self):
        self.fails("order", Log().joins("a").joins("a").leaves("a", 0))
        self.fails("order", Log().joins("a").comes_back("a", 0).leaves("a", 0))
        self.fails("order", Log().joins("a").leaves("a", 0).says("a", 1))
        self.fails("order", Log().joins("a").loses("a").leaves("a", 0))

    def test_lines_that_say_nothing(self):
        good = "\n".join(clean().lines)
        self.fails("format", good + "\nwhat is this\n")
        self.fails("format", good + "\n1000 session=a event=sang\n")
        self.fails("format", "1000 session=a event=joined counter=0\n" + good)
        self.passes(good + "\n100000 sess")  # its writer was killed

    def test_several_logs_are_one_story(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("x", "y"):  # the same names in both
                log = Log().joins("a")
                for _ in range(20):
                    log.add("b", "asked", "node=n1 outcome=full")
                log.leaves("a", 0).add("b", "nowhere")
                pathlib.Path(folder, name).write_text("\n".join(log.lines) + "\n")
            files = [pathlib.Path(folder, name) for name in ("x", "y")]
            code, out = self.run_files(files, "--capacity", "1")
            self.assertEqual(code, 1, out)
            self.assertIn("had up to 2 sessions", out)
            self.assertEqual(self.run_files(files, "--capacity", "2")[0], 0)


if __name__ == "__main__":
    unittest.main()
