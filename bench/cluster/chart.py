"""The table as a picture: SVG without anything from elsewhere, on a background of its own."""

import math
from xml.sax.saxutils import escape

from .measures import human

WIDTH, LEFT, RIGHT, BAR, GAP = 960, 330, 120, 15, 12
COLORS = ("#0f766e", "#c2570c", "#6d5bb5")
INK, FAINT, PAPER, LINE = "#1c2430", "#566072", "#fbfaf7", "#d9d6ce"
SECTIONS = (("Time, ms", ("ms",)),
            ("An idle node: B/s, packets/s, ms of CPU per s, MB", ("B/s", "/s", "ms/s", "MB")),
            ("Wrong verdicts: pairs of nodes, one calling the other dead while it lives", ("",)))


def shown(value, unit):
    if unit == "ms":
        return f"{human(value / 1e3)} s" if value >= 1000 else f"{human(value)} ms"
    return human(value) + (f" {unit}" if unit and not unit.startswith("/") else unit)


def groups(table, measures, units):
    """[(label, unit, {side: value})] of the bars of one section."""
    charted = {measure.name: measure.charted for measure in measures}
    result = []
    for row in table:
        for stat in charted[row["measure"]] if row["unit"] in units else ():
            values = {side: figures[stat] for side, figures in row["figures"].items() if figures}
            label = row["what"] if stat == "sum" else f"{row['what']}, {stat}"
            result.append((label, row["unit"], values))
    return result


class Drawing:
    def __init__(self):
        self.parts, self.y = [], 0

    def text(self, x, y, words, size=13, color=INK, anchor="start", weight="400"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{color}" '
                          f'text-anchor="{anchor}" font-weight="{weight}">{escape(words)}</text>')

    def box(self, x, y, width, height, color, more=""):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                          f'height="{height:.1f}" fill="{color}"{more}/>')

    def rule(self, x, top, bottom):
        self.parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}" '
                          f'stroke="{LINE}"/>')

    def section(self, title, bars, sides):
        """Bars on a log axis of whole decades; a zero has no bar."""
        positive = [v for _, _, values in bars for v in values.values() if v > 0]
        if not positive:
            title, positive = f"{title}: none", [1]
        low = math.floor(math.log10(min(positive)))
        if min(positive) == 10 ** low:
            low -= 1  # the least would have no length
        high = max(math.ceil(math.log10(max(positive))), low + 1)
        span = WIDTH - LEFT - RIGHT
        self.text(24, self.y + 16, title, 15, weight="600")
        self.y += 30
        top = self.y
        bottom = top + sum(len(values) * BAR + GAP for _, _, values in bars)
        step = max(1, math.ceil((high - low) / 8))
        for decade in range(low, high + 1, step):
            x = LEFT + span * (decade - low) / (high - low)
            self.rule(x, top, bottom)
            mark = f"{10 ** decade:,}" if decade >= 0 else f"{10.0 ** decade:.{-decade}f}"
            self.text(x, bottom + 15, mark, 11, FAINT, "middle")
        for label, unit, values in bars:
            middle = self.y + GAP / 2 + len(values) * BAR / 2
            self.text(LEFT - 10, middle + 4, label, 13, anchor="end")
            y = self.y + GAP / 2
            for side, value in values.items():
                length = 0
                if value > 0:
                    length = max(2, span * (math.log10(value) - low) / (high - low))
                    self.box(LEFT, y + 1, length, BAR - 2, COLORS[sides.index(side) % 3],
                             ' rx="2"')
                self.text(LEFT + length + 6, y + BAR - 3, shown(value, unit), 11.5)
                y += BAR
            self.y = y + GAP / 2
        self.y = bottom + 40


def svg(table, measures, sides, title, subtitle):
    drawing = Drawing()
    drawing.text(24, 36, title, 20, weight="600")
    drawing.text(24, 57, subtitle, 12.5, FAINT)
    x = 24
    for index, side in enumerate(sides):
        drawing.box(x, 71, 12, 12, COLORS[index % 3], ' rx="2"')
        drawing.text(x + 18, 82, side, 13)
        x += 40 + 8 * len(side)
    drawing.text(x, 82, "log scale; less is better", 12.5, FAINT)
    drawing.y = 106
    for name, units in SECTIONS:
        bars = groups(table, measures, units)
        if bars:
            drawing.section(name, bars, sides)
    height = drawing.y
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
            f'width="{WIDTH}" height="{height:.0f}" font-family="system-ui, -apple-system, '
            f'Segoe UI, DejaVu Sans, sans-serif">\n<title>{escape(title)}</title>\n'
            f'<rect width="{WIDTH}" height="{height:.0f}" rx="10" fill="{PAPER}" '
            f'stroke="{LINE}"/>\n' + "\n".join(drawing.parts) + "\n</svg>\n")
