"""What the samples are called for people, and which figures of them are shown. Of everything here
less is better."""

import dataclasses
import statistics

from ..report import quantile

STATS = {"median": statistics.median, "p99": lambda values: quantile(values, .99), "worst": max,
         "mean": statistics.fmean, "sum": sum}
TIMES = ("median", "p99", "worst")


@dataclasses.dataclass(frozen=True)
class Measure:
    part: str
    name: str     # of the samples
    label: str
    unit: str
    stats: tuple = TIMES
    charted: tuple = ("median", "worst")

    def figures(self, samples):
        """{stat: value}, or nothing where there are no samples."""
        values = samples.lists.get(self.name)
        return {stat: STATS[stat](values) for stat in self.stats} if values else {}


def measures(pauses):
    few, count = ("median", "worst"), ("sum",)
    rows = [
        Measure("join", "join_once_ms", "started at once: all whole", "ms", few),
        Measure("join", "join_after_ms", "started at once: since the last start", "ms", few, ()),
        Measure("join", "join_turn_ms", "started in turn: all whole", "ms", few),
        Measure("join", "join_once_stalls", "joins at once that stalled", "", count, ()),
        Measure("join", "join_turn_stalls", "joins in turn that stalled", "", count, ()),
        Measure("change", "change_each_ms", "a change is in another table", "ms", TIMES, ()),
        Measure("change", "change_all_ms", "a change is in all tables", "ms"),
        Measure("change", "change_told_ms", "applications can act on it", "ms", TIMES,
                ("median",)),
        Measure("change", "change_lost", "nodes that never had it", "", count, ()),
        Measure("idle", "idle_cpu_ms_s", "CPU of an idle node", "ms/s", ("mean", "worst"),
                ("mean",)),
        Measure("idle", "idle_bytes_s", "traffic of an idle node", "B/s", ("mean",), ("mean",)),
        Measure("idle", "idle_packets_s", "IP packets of an idle node", "/s", ("mean",), ("mean",)),
        Measure("idle", "idle_datagrams_s", "UDP datagrams of an idle node", "/s", ("mean",), ()),
        Measure("idle", "idle_rss_mb", "resident memory", "MB", ("mean", "worst"), ("mean",)),
        Measure("idle", "idle_private_mb", "of it not shared", "MB", ("mean", "worst"), ())]
    for part, what in (("kill", "kill -9"), ("stop", "SIGSTOP")):
        rows += [
            Measure(part, f"{part}_suspect_ms", f"{what}: first suspicion", "ms", TIMES, ()),
            Measure(part, f"{part}_first_ms", f"{what}: first calls it dead", "ms", TIMES,
                    ("median",)),
            Measure(part, f"{part}_last_ms", f"{what}: all call it dead", "ms"),
            Measure(part, f"{part}_whole_ms", "continued: all whole" if part == "stop"
                    else "restarted: all whole", "ms", TIMES, ("median",)),
            Measure(part, f"{part}_others", f"{what}: pairs, others called dead", "", count,
                    count)]
    rows.append(Measure("false", "false_idle", "idle: pairs called dead", "", count, count))
    for seconds in pauses:
        name = f"pause{seconds:g}"
        rows += [
            Measure("false", f"{name}_paused", f"{seconds:g} s pause: pairs, paused called dead",
                    "", count, count),
            Measure("false", f"{name}_others", f"{seconds:g} s pause: pairs, others called dead",
                    "", count, count),
            Measure("false", f"{name}_whole_ms", f"{seconds:g} s pause: then all whole", "ms",
                    TIMES, ())]
    rows += [
        Measure("touch", "touch_bytes_s", "gossip of a node, instances heartbeat", "B/s",
                ("mean",), ()),
        Measure("touch", "touch_datagrams_s", "its datagrams", "/s", ("mean",), ()),
        Measure("touch", "touch_not_up", "instances that any node lists as not up", "", count, ()),
        Measure("heal", "heal_rows_ms", "two halves meet: all have all rows", "ms", few, ()),
        Measure("heal", "heal_equal_ms", "all tables are equal", "ms", few, ()),
        Measure("heal", "heal_bytes_ratio", "bytes by bytes that were missing", "", few, ())]
    return rows


def human(value):
    """Three digits that mean something."""
    if value is None:
        return "-"
    if value == int(value) and value < 1e6:
        return f"{int(value):,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= .1 else \
        f"{value:.2g}"


def ratio(ours, theirs):
    return ours / theirs if theirs else None


def better(ours, theirs, names):
    """Who needs less, and by which factor."""
    if ours == theirs or (theirs and .99 < ours / theirs < 1.01):
        return "equal"
    winner, low, high = (names[0], ours, theirs) if ours < theirs else (names[1], theirs, ours)
    return f"{winner} {human(high / low)} x" if low else winner
