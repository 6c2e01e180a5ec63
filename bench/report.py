"""What was measured, next to what was wanted: medians of rounds, ratios, goals met or short; as a table and as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Goal:
    """What a figure was to be. ratio: figure / (that of the peer, or 1); wanted: the bound on it."""

    text: str
    ratio: float
    met: bool


@dataclass
class Measure:
    """One thing that was measured, of several servers, in several rounds."""

    name: str
    unit: str
    rounds: dict[str, list[float]] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)

    def add(self, who: str, value: float) -> None:
        """One more round of one of them."""
        self.rounds.setdefault(who, []).append(value)

    def of(self, who: str) -> float | None:
        """The median of all rounds, None if there was none."""
        values = self.rounds.get(who)
        return statistics.median(values) if values else None

    def at_least(self, bound: float, peer: str = "", who: str = "mylist") -> None:
        """The figure of who is to be at least bound, or bound times that of the peer."""
        self._judge("at least", bound, peer, who)

    def at_most(self, bound: float, peer: str = "", who: str = "mylist") -> None:
        """The figure of who is to be at most bound, or bound times that of the peer."""
        self._judge("at most", bound, peer, who)

    def _judge(self, word: str, bound: float, peer: str, who: str) -> None:
        ours = self.of(who)
        theirs = self.of(peer) if peer else 1.0
        if ours is None or not theirs:
            return
        ratio = ours / theirs
        met = ratio >= bound if word == "at least" else ratio <= bound
        times = f"{bound:g} x {peer}" if peer else f"{bound:g} {self.unit}"
        self.goals.append(Goal(f"{who} {word} {times}", ratio, met))


class Report:
    """Collects measures; prints each part as it ends."""

    def __init__(self) -> None:
        self.measures: list[Measure] = []
        self.notes: list[str] = []
        self._printed = 0

    def measure(self, name: str, unit: str) -> Measure:
        """The measure of this name, made when it is new."""
        for known in self.measures:
            if known.name == name:
                return known
        made = Measure(name, unit)
        self.measures.append(made)
        return made

    def note(self, text: str) -> None:
        """A line for the reader: what was skipped, what was seen beside the figures."""
        self.notes.append(text)
        print(f"  note: {text}", flush=True)

    def print_new(self) -> None:
        """Print what has come since the last call."""
        for measure in self.measures[self._printed :]:
            print_measure(measure)
        self._printed = len(self.measures)

    def print_goals(self) -> None:
        """All goals, one line each."""
        rows = [(m.name, g) for m in self.measures for g in m.goals]
        if not rows:
            return
        width = max(len(name) for name, _ in rows)
        print("\nGoals")
        for name, goal in rows:
            print(f"  {'ok   ' if goal.met else 'SHORT'} {name:<{width}}  {goal.text}: {shown(goal.ratio)}")

    def write(self, folder: Path, started: str) -> Path:
        """Write everything as JSON into the folder; returns the file."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{started}.json"
        written = {
            "started": started,
            "machine": {
                "system": platform.platform(),
                "cores": os.cpu_count(),
                "python": platform.python_version(),
            },
            "notes": self.notes,
            "measures": [as_json(measure) for measure in self.measures],
        }
        path.write_text(json.dumps(written, indent=1) + "\n")
        return path


def as_json(measure: Measure) -> dict[str, object]:
    """A measure as written into the results."""
    return {
        "name": measure.name,
        "unit": measure.unit,
        "figures": {
            who: {"median": measure.of(who), "rounds": values} for who, values in measure.rounds.items()
        },
        "goals": [{"goal": g.text, "found": g.ratio, "met": g.met} for g in measure.goals],
    }


def print_measure(measure: Measure) -> None:
    """A block of lines: a head, a line for each server, a line for each goal."""
    print(f"\n{measure.name}, {measure.unit}")
    for who, values in measure.rounds.items():
        spread = f"({shown(min(values))} to {shown(max(values))})" if len(values) > 1 else ""
        print(f"  {who:<18}{shown(statistics.median(values)):>12}  {spread}")
    for goal in measure.goals:
        print(f"  {'ok   ' if goal.met else 'SHORT'} {goal.text}: {shown(goal.ratio)}", flush=True)


def shown(value: float) -> str:
    """A figure with three digits or more."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
