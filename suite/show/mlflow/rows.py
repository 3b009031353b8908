"""What the MLflow view shall hold, as plain data: one row a cell, one summary row a criterion.

Nothing here imports MLflow, and nothing is lost in it: every row is computed from the evidence and the verdicts.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from suite.assess import claim_word
from suite.evidence.cell import digest
from suite.show import describe
from suite.show.comparison import comparisons
from suite.show.links import card_link, slug
from suite.show.markdown import comparison_markdown
from suite.show.mlflow.names import flatten, listed, unique
from suite.show.numbers import finite
from suite.show.runs import reached, runs
from suite.show.summary import criterion_json
from suite.show.terminal import by_claim

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from suite.assess import Assessment
    from suite.claim import Paper
    from suite.profile import Profile
    from suite.show.comparison import Comparison
    from suite.show.runs import Run

NOTE = "mlflow.note.content"  # the tag that the UI shows as the description
_LAYERS = re.compile(r"student_layers (\[[^]]*\]), teacher_layers (\[[^]]*\])")
_STEPS = ("epoch", "step")  # the keys that say when a line of a log was written
_DIGEST_LIMIT = 36  # MLflow's limit for a data set's digest


@dataclass(frozen=True)
class Row:
    """One run of the view.

    Attributes:
        key: names it within its experiment.
        experiment: the experiment's name.
        name: for people.
        claims: the claims it is shown under.
        tags: besides those that the writer adds.
        params: the cell's spec, flat.
        metrics: (name, value, step), all finite.
        start: when it began, milliseconds since 1970; 0 if unknown.
        end: when it ended; 0 if unknown.
        data: name, digest and description of the data set; empty if it has none.
        document: what is kept as ``verdict.json``; empty for none.
        figures: files that are kept with it.
    """

    key: str
    experiment: str
    name: str
    claims: frozenset[str]
    tags: Mapping[str, str]
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[tuple[str, float, int], ...] = ()
    start: int = 0
    end: int = 0
    data: tuple[str, str, str] | None = None
    document: str = ""
    figures: tuple[Path, ...] = ()

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that a reader of the view could see, as JSON can hold it."""
        files = [[path.name, _file_digest(path)] for path in self.figures]
        return asdict(self) | {"claims": sorted(self.claims), "figures": files}


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def experiment_name(paper: Paper) -> str:
    """One experiment a paper."""
    return f"{paper.key} (arXiv {paper.arxiv})"


def profile_name(profile: Profile) -> str:
    """A profile with what was changed in it, so that changed and unchanged results never share a run."""
    return f"{profile.name} ({', '.join(profile.modified)})" if profile.modified else profile.name


def method_name(label: str) -> str:
    """A cell's label without its seed, shortened where a chart's legend would cut it; different labels stay different.

    ``"fitnet (student_layers [-1], teacher_layers [-1]) -> tiny"`` becomes ``"fitnet (layers [-1]) -> tiny"``.
    """
    return _LAYERS.sub(lambda found: f"layers {found[1]}" + f" of {found[2]}" * (found[1] != found[2]), label)


def run_name(assessment: Assessment) -> str:
    """A summary run for people; what tells it from its neighbours comes first, since the UI cuts names short."""
    return f"{assessment.criterion.key} · {assessment.claim.key} ({profile_name(assessment.profile)})"


def summary_key(assessment: Assessment) -> str:
    """Names a summary run within its experiment."""
    return f"{assessment.name}@{profile_name(assessment.profile)}"


def _params(spec: Mapping[str, Any]) -> dict[str, str]:
    flat = flatten(dict(spec))
    names = unique(flat)
    return {names[name]: value if isinstance(value, str) else json.dumps(value) for name, value in flat.items()}


def _number(value: Any) -> float | None:
    """A finite number, or None for anything else."""
    return finite(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _metrics(run: Run) -> tuple[tuple[str, float, int], ...]:
    """What was logged over time, and every final number of the cell."""
    points: list[tuple[str, float, int]] = []
    for index, record in enumerate(run.result.metrics):
        step = next((int(record[name]) for name in _STEPS if isinstance(record.get(name), int)), index)
        for name, value in flatten(dict(record)).items():
            number = _number(value)
            if name not in _STEPS and number is not None:
                points.append((name, number, step))
    logged = {name for name, _, _ in points}
    for name, array in run.result.arrays.items():
        number = finite(float(array)) if array.ndim == 0 and array.dtype.kind in "fiu" else None
        if number is not None:
            points.append((f"final {name}" if name in logged else name, number, 0))
    names = unique(dict.fromkeys(name for name, _, _ in points))
    return tuple((names[name], value, step) for name, value, step in points)


def _data(spec: Mapping[str, Any]) -> tuple[str, str, str] | None:
    data = spec.get("data")
    if not isinstance(data, dict):
        return None
    name = str(data.get("source", "data"))
    return name, str(data.get("digest") or digest(data))[:_DIGEST_LIMIT], json.dumps(data, sort_keys=True)


def _times(run: Run) -> tuple[int, int]:
    if not run.finished:
        return 0, 0
    end = int(datetime.fromisoformat(run.finished).timestamp() * 1000)
    return end - int(run.result.seconds * 1000), end


def rows(assessments: Sequence[Assessment], *, figures: Path | None = None) -> list[Row]:
    """Everything the view shall hold for some verdicts, cells first.

    Args:
        assessments: all criteria of each claim.
        figures: the folder of the report page's figures; None for none.
    """
    summaries = [_summary_row(assessment, figures) for assessment in assessments]
    return [*_cell_rows(assessments), *summaries, *(_comparison_row(one, figures) for one in comparisons(assessments))]


def _figures(name: str, folder: Path | None) -> tuple[Path, ...]:
    """A figure of the report page, in every format."""
    if folder is None:
        return ()
    return tuple(path for ending in (".svg", ".png") if (path := folder / f"{name}{ending}").is_file())


def _cell_rows(assessments: Sequence[Assessment]) -> list[Row]:
    """One row a cell for every (paper, profile) whose claims stand on it, directly or through another cell."""
    known = runs(result for assessment in assessments for result in assessment.cells)
    verdicts = {names: claim_word(group).text for names, group in by_claim(assessments).items()}
    standing: dict[tuple[str, str, str], dict[str, Assessment]] = {}
    for assessment in assessments:
        experiment = experiment_name(assessment.claim.papers[0])
        for key in reached(assessment.cells, known):
            place = (experiment, profile_name(assessment.profile), key)
            standing.setdefault(place, {})[assessment.claim.key] = assessment
    found = []
    for (experiment, profile, key), claims in standing.items():
        run, one = known[key], next(iter(claims.values()))
        start, end = _times(run)
        judged = {f"verdict.{claim}": str(verdicts[claim, one.profile.name]) for claim in claims}
        found.append(
            Row(
                key=f"{key}@{profile}",
                experiment=experiment,
                name=method_name(run.label) or key,
                claims=frozenset(claims),
                tags=_cell_tags(run, profile, one.profile.scope)
                | judged
                | {"claims": listed(claims), NOTE: cell_note(claims)},
                params=_params(run.spec),
                metrics=_metrics(run),
                start=start,
                end=end,
                data=_data(run.spec),
            )
        )
    return found


def _cell_tags(run: Run, profile: str, scope: str) -> dict[str, str]:
    environment = run.result.environment
    recipe = run.spec.get("recipe")
    tags = {
        "kind": "cell",
        "cell": run.key,
        "study": run.study,
        "method": method_name(run.group),
        "seed": str(run.seed),
        "profile": profile,
        "scope": scope,
        "recipe": "" if recipe is None else digest(recipe)[:8],
        "device": str(environment.get("gpu", environment.get("device", ""))),
        "commit": str(environment.get("commit", "")),
        "origin": run.result.source,
    }
    return {name: value for name, value in tags.items() if value}


def _summary_row(assessment: Assessment, figures: Path | None) -> Row:
    interval, published = assessment.judgement.interval, describe.published_value(assessment.criterion)
    numbers: dict[str, float | None] = {"published": published}
    if interval is not None:
        numbers |= {"mean": interval.estimate, "low": interval.low, "high": interval.high, "n": float(interval.n)}
        if published is not None:
            numbers["difference"] = interval.estimate - published
    numbers |= {name: sum(seen.values) / len(seen.values) for name, seen in assessment.beside.items() if seen.values}
    contrasts = {f"less {one.name}": one.contrast for one in assessment.judgement.controls if one.contrast}
    numbers |= {name: contrast.estimate for name, contrast in contrasts.items()}
    labels = unique(numbers)
    kept = {labels[name]: finite(value) for name, value in numbers.items()}
    profile = profile_name(assessment.profile)
    expected = assessment.expected
    return Row(
        key=summary_key(assessment),
        experiment=experiment_name(assessment.claim.papers[0]),
        name=run_name(assessment),
        claims=frozenset((assessment.claim.key,)),
        tags={
            "kind": "summary",
            "claim": assessment.claim.key,
            "claims": listed([assessment.claim.key]),
            "criterion": assessment.criterion.key,
            "profile": profile,
            "scope": assessment.profile.scope,
            "printed": describe.published(assessment.criterion) or "-",
            "claimed": describe.claimed(assessment),
            "measured": describe.measured(assessment) or "-",
            "verdict": str(assessment.verdict),
            "expected": str(expected.verdict) if expected else "none",
            "expected_status": expected.status if expected else "none",
            "role": str(assessment.criterion.role),
            "departs": "yes" if assessment.departs else "no",
            "method": f"verdict on {assessment.criterion.key}",
            NOTE: note(assessment),
        },
        metrics=tuple((name, value, 0) for name, value in kept.items() if value is not None),
        document=json.dumps(criterion_json(assessment), indent=1, allow_nan=False, ensure_ascii=False),
        figures=_figures(slug(f"{assessment.name}.{assessment.profile.name}"), figures),
    )


def _comparison_row(table: Comparison, figures: Path | None) -> Row:
    """The table of a claim that compares, with its figure, as one run."""
    profiles = ", ".join(table.profiles)
    return Row(
        key=table.name,
        experiment=experiment_name(table.claim.papers[0]),
        name=f"comparison · {table.claim.key} ({profiles})",
        claims=frozenset((table.claim.key,)),
        tags={
            "kind": "comparison",
            "claim": table.claim.key,
            "claims": listed([table.claim.key]),
            "profile": profiles,
            "method": f"compared with {table.claim.compared_with}",
            NOTE: f"**{table.claim.sentence}**\n\n{comparison_markdown([table])}",
        },
        figures=_figures(slug(table.name), figures),
    )


def cell_note(claims: Iterable[str]) -> str:
    """What MLflow shows as a cell's description: the claims that stand on it, with links to the report page."""
    found = ", ".join(f"[{claim}]({card_link(claim)})" for claim in sorted(claims))
    return f"Stood on by {found}."


def note(assessment: Assessment) -> str:
    """What MLflow shows as the run's description, in Markdown."""
    criterion = assessment.criterion
    printed = "; ".join(
        f"{describe.published_text(entry, criterion.quantity.unit)} "
        f"([{entry.paper.key}]({entry.paper.link}), {entry.place})"
        for entry in criterion.published
    )
    facts = [
        ("Says", criterion.sentence),
        ("Printed", printed or assessment.claim.where),
        ("Claimed", f"{describe.claimed(assessment)}, because {criterion.because}"),
        ("Measured", " of ".join(part for part in (describe.measured(assessment), describe.size(assessment)) if part)),
        ("Controls", "; ".join(describe.controls(assessment))),
        ("Why", assessment.judgement.reason),
        ("Differs from the paper in", ", ".join(entry.what for entry in assessment.deviations) or "nothing stated"),
        ("Command", f"`{assessment.command}`"),
        ("In the report", f"[the card]({card_link(assessment.claim.key, criterion.key, assessment.profile.name)})"),
    ]
    lines = [f"**{assessment.verdict}** ({assessment.profile.scope}) {describe.registered(assessment)}".rstrip()]
    return "\n\n".join([*lines, *(f"*{name}:* {text}" for name, text in facts)])
