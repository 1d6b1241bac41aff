"""The figures of both sides as rows, for people and for JSON."""

from .measures import better, human, ratio

OURS, THEIRS = "hearsay", "serf"


def rows(sides, measures, parts):
    """One dict for each measure that anybody has samples of. sides: {label: Samples}."""
    result = []
    for measure in measures:
        figures = {label: measure.figures(samples) for label, samples in sides.items()}
        if measure.part not in parts or not any(figures.values()):
            continue
        row = {"part": measure.part, "measure": measure.name, "what": measure.label,
               "unit": measure.unit, "figures": figures,
               "samples": {label: len(samples.lists.get(measure.name, ()))
                           for label, samples in sides.items()}}
        ours, theirs = figures.get(OURS), figures.get(THEIRS)
        if ours and theirs:
            row["ratio"] = {stat: ratio(ours[stat], theirs[stat]) for stat in ours}
            first = measure.stats[0]
            row["better"] = better(ours[first], theirs[first], (OURS, THEIRS))
        result.append(row)
    return result


def cell(figures):
    return " / ".join(human(value) for value in figures.values()) or "-"


def text(table, labels):
    head = ["part", "what", "unit", "of", *labels, "ratio", "better", "samples"]
    lines = [head]
    for row in table:
        stats = next(figures for figures in row["figures"].values() if figures)
        lines.append([row["part"], row["what"], row["unit"], " / ".join(stats),
                      *(cell(row["figures"].get(label, {})) for label in labels),
                      cell(row.get("ratio", {})), row.get("better", "-"),
                      "/".join(str(row["samples"].get(label, 0)) for label in labels)])
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("  ".join(word.ljust(width) for word, width in zip(line, widths)).rstrip()
                     for line in lines)
