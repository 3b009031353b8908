"""The cells of study *full_student*, for profiles whose ``[distill]`` section says ``scale = "full"``."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any

from suite.errors import Unavailable
from suite.evidence.cell import Cell
from suite.evidence.code import code_digest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from suite.profile import Profile

STUDY = "full_student"
DATA_KEYS = ("source", "size", "mean", "std", "interpolation", "crop_pct", "classes")
MACHINE_KEYS = ("loader_workers", "memory_gib")


def _data(profile: Profile) -> tuple[dict[str, Any], str]:
    """What the cells see, and where this machine keeps it.

    Raises:
        Unavailable: no images were given.
    """
    from suite.data.training import digest, located  # noqa: PLC0415 - torch and timm, not needed to list claims

    section = profile.section("data")
    spec = {name: section[name] for name in DATA_KEYS if name in section}
    spec["source"], root = located(spec["source"], profile.images)
    if spec["source"] == "folder" and not root:
        raise Unavailable(
            "no training images given: pass --images DIR, a folder with class folders (or tar files) under train and "
            "validation"
        )
    return spec | {"digest": digest(spec["source"], root)}, root


@cache
def _file_digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]


def _network(profile: Profile, role: str) -> tuple[dict[str, Any], str]:
    """A network's part of the spec, and the file of its weights; empty for the hub's cache.

    Raises:
        Unavailable: its weights are not on this machine.
    """
    from suite.studies.cells import NETWORK_KEYS  # noqa: PLC0415 - which imports this module

    played = profile.network(role)
    spec = {name: played[name] for name in NETWORK_KEYS if name in played}
    if not played.get("pretrained"):
        return spec, ""
    file = profile.weights.get(role, profile.weights.get(played["timm"]))
    if file is None:
        if not _cached(played["timm"]):
            raise Unavailable(
                f"the weights of {played['timm']} are not on this machine: pass --weights {role}=FILE, or let timm "
                f"fetch them once (python -c \"import timm; timm.create_model('{played['timm']}', pretrained=True)\")"
            )
        return spec, ""
    return spec | {"digest": _file_digest(file)}, str(file)


def _cached(name: str) -> bool:
    """Whether timm's weights of this name lie in the hub's cache."""
    import timm  # noqa: PLC0415
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415

    config = timm.get_pretrained_cfg(name)
    repository = getattr(config, "hf_hub_id", None)
    if not repository:
        return False
    return any(
        isinstance(try_to_load_from_cache(repository, file), str) for file in ("model.safetensors", "pytorch_model.bin")
    )


def _recipe(profile: Profile, section: Mapping[str, Any], epochs: int) -> dict[str, Any]:
    distill = profile.section("distill")
    return dict(distill["recipe"]) | dict(section) | {"epochs": epochs}


def _cell(
    profile: Profile,
    seed: int,
    *,
    student: Mapping[str, Any],
    method: Mapping[str, Any],
    teacher: Mapping[str, Any],
    recipe: Mapping[str, Any],
    needs: Mapping[str, Cell],
    file: str,
    label: str,
    weight: float,
    group: str,
) -> Cell:
    """One student; everything that all cells of a profile share is put in here."""
    distill = profile.section("distill")
    data, root = _data(profile)
    spec = {
        "data": data,
        "augmentation": dict(distill["augmentation"]),
        "evaluate": dict(distill["evaluate"]),
        "student": student,
        "method": method,
        "teacher": teacher,
        "recipe": recipe,
    }
    machine = profile.sections.get("machine", {})
    return Cell(
        study=STUDY,
        spec=spec,
        seed=seed,
        needs=needs,
        code=code_of(spec),
        device=profile.device,
        label=label,
        weight=weight,
        group=group,
        local={"images": root, "teacher": file} | {name: machine[name] for name in MACHINE_KEYS if name in machine},
    )


def code_of(spec: Mapping[str, Any]) -> str:
    """Digest of the code that computes a cell of this spec."""
    modules = [f"suite.studies.{STUDY}", f"baselines.{spec['method']['name']}"]
    if "architecture" in spec["student"]:
        modules.append(f"baselines.students.{spec['student']['architecture']}")
    if spec["teacher"]["weights"] and spec["teacher"]["network"].get("fused"):
        modules.append("suite.models.fused_cait")
    return code_digest(*modules)


def trained_teacher(profile: Profile, role: str, seed: int) -> Cell:
    """A teacher that is trained here, without a teacher of its own, for the ``epochs`` of its network's section."""
    spec, _ = _network(profile, role)
    played = profile.network(role)
    standard = profile.section("distill")["lengths"]["standard"]
    return _cell(
        profile,
        seed,
        student=spec,
        method={"name": "none", "options": {}},
        teacher={"network": {}, "weights": "", "distort": ""},
        recipe=_recipe(profile, played.get("recipe", {}), played["epochs"]),
        needs={},
        file="",
        label=f"train {role}, seed {seed}",
        weight=float(played.get("cost", 1.0)) * played["epochs"] / standard,
        group=f"teacher of seed {seed}",
    )


def student(
    profile: Profile,
    seed: int,
    *,
    method: str,
    options: Mapping[str, Any],
    architecture: str,
    config: Mapping[str, Any] | None,
    widening: Mapping[str, Any],
    length: str,
    weights: str,
    distort: str,
    label: str,
) -> Cell:
    """The cell of one student; arguments as in :func:`suite.studies.cells.student`.

    Args:
        profile: whose recipe.
        seed: of the block.
        method: a baseline's name.
        options: set by the claim; the profile's ``[distill.options.METHOD]`` supplies what it leaves open.
        architecture: a student's name in ``baselines.students``.
        config: sizes of the plain student; None where the profile names a timm network.
        widening: what the architecture must know of the teacher.
        length: a training length of the profile.
        weights: ``trained`` or ``random``.
        distort: a control's change of the teacher.
        label: for people.

    Raises:
        Unavailable: images, weights, the length or the architecture are not to be had at this profile.
    """
    distill = profile.section("distill")
    role, lengths = distill["teacher"], distill["lengths"]
    if length not in lengths:
        raise Unavailable(f"profile {profile.name} has no training length {length!r}")
    if config is None and architecture != "plain":
        raise Unavailable(
            f"{architecture} is built from a plain Vision Transformer, not from {distill['student']['timm']}"
        )
    taught = method != "none"
    network, file = _network(profile, role) if taught and weights == "trained" else (_untrained(profile, role), "")
    own = weights == "trained" and taught and not profile.network(role).get("pretrained")
    built = (
        {name: distill["student"][name] for name in ("timm", "overrides", "init") if name in distill["student"]}
        if config is None
        else {"architecture": architecture, "config": config, "init": distill["student"]["init"], "options": widening}
    )
    return _cell(
        profile,
        seed,
        student=built,
        method={"name": method, "options": {**distill.get("options", {}).get(method, {}), **options}},
        teacher={"network": network if taught else {}, "weights": weights if taught else "", "distort": distort},
        recipe=_recipe(profile, {}, lengths[length]),
        needs={"teacher": trained_teacher(profile, role, seed)} if own else {},
        file=file,
        label=label,
        weight=lengths[length] / lengths["standard"],
        group=f"block of seed {seed}",
    )


def _untrained(profile: Profile, role: str) -> dict[str, Any]:
    """The teacher's network as initialised, which needs no weights."""
    from suite.studies.cells import NETWORK_KEYS, WEIGHTS_KEYS  # noqa: PLC0415 - which imports this module

    played = profile.network(role)
    spec = {name: played[name] for name in NETWORK_KEYS if name in played and name not in WEIGHTS_KEYS}
    changes = played.get("untrained", {})
    return spec | ({"overrides": {**spec.get("overrides", {}), **changes}} if changes else {})
