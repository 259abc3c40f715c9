"""The tables of ``accuracy.py``."""

from __future__ import annotations

import statistics
from typing import Any

from run import layout

Record = dict[str, Any]  # figures and counts of one image and method
FIGURES = ("ap50", "ap75", "seg")
TITLES = ("AP50", "AP75", "SEG")
FATES = ("matched", "missed", "merged", "split", "outline")  # of the true nuclei
COUNTS = (*FATES, "added")


def mean(records: list[Record], name: str) -> float:
    """Mean of a figure."""
    return statistics.fmean(record[name] for record in records)


def nuclei(records: list[Record]) -> int:
    """Count the true nuclei."""
    return sum(record[name] for record in records for name in FATES)


def quality(record: Record) -> float:
    """Mean of the figures of one image, by which images are sorted."""
    return statistics.fmean(record[name] for name in FIGURES)


def grouped(records: list[Record]) -> dict[tuple[str, str], list[Record]]:
    """Group by set and method."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        groups.setdefault((record["set"], record["method"]), []).append(record)
    return groups


def figures_by_set(records: list[Record]) -> str:
    """Tabulate the mean figures of every set and method, and their means over the sets."""
    rows = []
    figures: dict[str, list[list[float]]] = {}
    for (dataset, method), group in grouped(records).items():
        means = [mean(group, name) for name in FIGURES]
        figures.setdefault(method, []).append(means)
        failed = sum(bool(record["error"]) for record in group)
        seconds = statistics.median(record["seconds"] for record in group)
        texts = [f"{value:.4f}" for value in means]
        rows.append([dataset, method, str(len(group)), *texts, str(failed), f"{seconds:.2f}"])
    for method, values in figures.items():
        texts = [f"{statistics.fmean(column):.4f}" for column in zip(*values, strict=True)]
        rows.append(["mean", method, "", *texts, "", ""])
    return layout(["set", "method", "images", *TITLES, "failed", "median s"], rows)


def losses_by_set(records: list[Record]) -> str:
    """Tabulate what became of the true nuclei, in numbers and per cent of them, with means over the sets."""
    rows = []
    shares: dict[str, list[list[float]]] = {}
    for (dataset, method), group in grouped(records).items():
        total = nuclei(group)
        counts = [sum(record[name] for record in group) for name in COUNTS]
        percents = [100 * count / total if total else 0.0 for count in counts]
        shares.setdefault(method, []).append(percents)
        texts = [f"{count} ({percent:4.1f} %)" for count, percent in zip(counts, percents, strict=True)]
        rows.append([dataset, method, str(total), *texts])
    for method, values in shares.items():
        texts = [f"({statistics.fmean(column):4.1f} %)" for column in zip(*values, strict=True)]
        rows.append(["mean", method, "", *texts])
    return layout(["at IoU 0.5", "method", "nuclei", *COUNTS], rows)


def failures(records: list[Record]) -> str:
    """List the images that could not be segmented."""
    rows = [
        f"{record['set']}/{record['image']}, {record['method']}: {record['error']}"
        for record in records
        if record["error"]
    ]
    return "\n".join(["failed:", *rows]) if rows else ""


def worst_images(records: list[Record], count: int) -> str:
    """Tabulate the worst images of every set and method."""
    rows = []
    for (dataset, method), group in grouped(records).items() if count else ():
        for record in sorted(group, key=quality)[:count]:
            texts = [f"{record[name]:.3f}" for name in FIGURES]
            counts = [str(record[name]) for name in COUNTS]
            rows.append([f"{dataset}/{record['image']}", method, *texts, str(nuclei([record])), *counts])
    return layout(["worst images", "method", *TITLES, "nuclei", *COUNTS], rows) if rows else ""


def comparison(old: list[Record], new: list[Record], count: int) -> str:
    """Tabulate what changed between two measurements of the same images.

    Parameters
    ----------
    old, new : list of Record
        Only what is in both is compared. If each is of one method, these are compared with each other.
    count : int
        How many of the images that changed most are listed, for better and for worse.

    Returns
    -------
    str
        Differences new - old: of the figures of every set, in per cent of the true nuclei for the losses, and
        of single images.
    """
    single = len({record["method"] for record in old}) == len({record["method"] for record in new}) == 1

    def key(record: Record) -> tuple[str, ...]:
        return record["set"], record["image"], "" if single else record["method"]

    before = {key(record): record for record in old}
    after = {key(record): record for record in new}
    pairs = [(before[name], record) for name, record in after.items() if name in before]
    if not pairs:
        return "The files have no image and method in common."
    groups: dict[tuple[str, str], list[tuple[Record, Record]]] = {}
    for pair in pairs:
        groups.setdefault((pair[1]["set"], pair[1]["method"]), []).append(pair)
    rows = []
    changes: dict[str, list[list[float]]] = {}
    for (dataset, method), group in groups.items():
        first, second = [pair[0] for pair in group], [pair[1] for pair in group]
        total = max(1, nuclei(second))
        change = [mean(second, name) - mean(first, name) for name in FIGURES] + [
            100 * sum(b[name] - a[name] for a, b in group) / total for name in COUNTS
        ]
        changes.setdefault(method, []).append(change)
        rows.append([dataset, method, str(len(group)), *formatted(change)])
    for method, values in changes.items():
        average = [statistics.fmean(column) for column in zip(*values, strict=True)]
        rows.append(["mean", method, "", *formatted(average)])
    columns = ["new - old", "method", "images", *TITLES, *(f"{name} %" for name in COUNTS)]
    return layout(columns, rows) + "\n\n" + most_changed(pairs, count)


def formatted(change: list[float]) -> list[str]:
    """Write differences of figures, then of per cents."""
    figures, percents = change[: len(FIGURES)], change[len(FIGURES) :]
    return [f"{value:+.4f}" for value in figures] + [f"{value:+.1f}" for value in percents]


def most_changed(pairs: list[tuple[Record, Record]], count: int) -> str:
    """Tabulate the images that became better and worse most."""
    order = sorted(pairs, key=lambda pair: quality(pair[1]) - quality(pair[0]))
    tables = []
    for title, sign, chosen in (("better", 1, order[::-1]), ("worse", -1, order)):
        rows = [
            [
                f"{new['set']}/{new['image']}",
                new["method"],
                *(f"{old[name]:.3f} -> {new[name]:.3f}" for name in FIGURES),
                *(f"{old[name]} -> {new[name]}" for name in COUNTS),
            ]
            for old, new in chosen[:count]
            if sign * (quality(new) - quality(old)) > 0
        ]
        tables.append(layout([title, "method", *TITLES, *COUNTS], rows) if rows else f"no image is {title}")
    return "\n\n".join(tables)
