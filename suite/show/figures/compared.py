"""From a comparison to the data of its figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.show.figures.forest import Bar, Forest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suite.show.comparison import Comparison, Entry


def forest_of(comparison: Comparison) -> Forest:
    """What the figure of a comparison is drawn from."""
    entries = [entry for row in comparison.rows for entry in row.entries.values()]
    names = tuple(dict.fromkeys(control.name for entry in entries for control in entry.controls))
    topic = next(iter(comparison.topics), "")
    caption = (
        f"Bars: the difference to {comparison.claim.compared_with} with its 95 % interval. Grey: the same difference "
        "under each of the method's own controls, which know nothing of the image. Dashed: the smallest difference "
        "that counts."
    )
    if topic:
        caption += f" Right: {topic}, from the start to the end of training (arrow), and the cost of a step."
    return Forest(
        rows=tuple(
            (
                row.title,
                tuple(
                    _bar(row.entries[profile], number, names, topic)
                    for number, profile in enumerate(comparison.profiles)
                    if profile in row.entries
                ),
            )
            for row in comparison.rows
        ),
        profiles=comparison.profiles,
        controls=tuple(name.replace("_", " ") for name in names),
        axis=f"{comparison.rows[0].criterion.quantity.unit} above {comparison.claim.compared_with}",
        region=comparison.rows[0].criterion.region,
        topic=topic,
        caption=caption,
    )


def _bar(entry: Entry, profile: int, names: Sequence[str], topic: str) -> Bar:
    interval = entry.assessment.judgement.interval
    assert interval is not None
    controls = tuple(
        (names.index(one.name), one.interval.estimate) for one in entry.controls if one.interval is not None
    )
    beside = entry.beside.get(topic, ())
    text = f"{entry.cost.ratio:.2f} ×" if entry.cost else ""
    return Bar(profile, interval.estimate, interval.low, interval.high, controls, beside, text)
