"""What was measured, as rows of one table."""

import dataclasses
import math
import statistics


@dataclasses.dataclass
class Row:
    """One bar and the figure that it is compared with. `ok` is None where there is no bar."""
    part: str
    what: str
    bar: str
    measured: str
    ok: bool | None
    detail: dict = dataclasses.field(default_factory=dict)


class Report:
    """Collects rows, prints each one when it comes, and the whole table at the end."""

    def __init__(self):
        self.rows = []
        self.notes = []
        self.part = ""

    def add(self, what, bar, measured, ok, **detail):
        row = Row(self.part, what, bar, measured, ok, detail)
        self.rows.append(row)
        print(f"  {verdict(row):5}  {what}: {measured}   (bar: {bar})", flush=True)

    def note(self, text):
        """How a figure came about, which the reader needs to judge it."""
        self.notes.append(f"{self.part}: {text}")
        print(f"         {text}", flush=True)

    def table(self):
        head = ("part", "what", "bar", "measured", "")
        lines = [head] + [(r.part, r.what, r.bar, r.measured, verdict(r)) for r in self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        lines.insert(1, tuple("-" * width for width in widths))
        return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
                         for line in lines)

    def as_dict(self):
        return {"rows": [dataclasses.asdict(row) for row in self.rows], "notes": self.notes}


def verdict(row):
    return {None: "-", True: "ok", False: "SHORT"}[row.ok]


def quantile(values, share):
    """The smallest value that at least this share of all does not exceed."""
    values = sorted(values)
    return values[max(0, math.ceil(len(values) * share) - 1)]


def spread(values, digits=2):
    """Median, p99 and extremes, for the details of a row."""
    return {"n": len(values), "min": round(min(values), digits),
            "median": round(statistics.median(values), digits),
            "p99": round(quantile(values, .99), digits), "max": round(max(values), digits)}
