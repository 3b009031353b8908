"""The cells that claims ask for, made from a profile: the only place where a spec is put together."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from suite.errors import SuiteError, Unavailable
from suite.evidence.cell import Cell
from suite.evidence.code import code_digest
from suite.measure.probes import names
from suite.studies import full_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from suite.profile import Profile


def data_spec(profile: Profile) -> dict[str, Any]:
    """The profile's ``[data]`` section with the digest of the images themselves."""
    from suite.data.digits import digest  # noqa: PLC0415 - torch and scikit-learn, not needed to list claims

    spec = dict(profile.section("data"))
    return spec | {"digest": digest(spec)}


def _network_spec(profile: Profile, role: str) -> dict[str, Any]:
    return {name: value for name, value in profile.network(role).items() if name in NETWORK_KEYS}


PROBES = tuple(f"suite.measure.probes.{name}" for name in names())
NETWORK_KEYS = ("timm", "overrides", "pretrained", "init", "revision", "fused")
WEIGHTS_KEYS = ("pretrained", "revision")
FOLDER = "images"  # the data source that is a folder of images, or another data set that timm reads


def network(profile: Profile, role: str, seed: int) -> Cell:
    """Train the network that plays ``role`` with the recipe the profile gives it."""
    played = profile.network(role)
    return Cell(
        study="network",
        spec={
            "network": _network_spec(profile, role),
            "data": data_spec_for(profile, role),
            "recipe": profile.recipe(played["recipe"]),
        },
        seed=seed,
        code=code_digest("suite.studies.network"),
        device=profile.device,
        label=f"train {role}, seed {seed}",
        weight=float(played.get("cost", 1.0)),
    )


def data_spec_for(profile: Profile, role: str) -> dict[str, Any]:
    """The data as one role sees it: networks of other grids may ask for another image size."""
    spec = data_spec(profile)
    size = profile.network(role).get("image_size")
    return spec if size is None else spec | {"size": size}


def representation(role: str, *, trained: bool = True) -> Callable[[Profile, int], Cell]:
    """Measure every layer of the network that plays ``role``: (profile, seed) -> cell.

    Args:
        role: a role of the profile (``cait``).
        trained: measure it after training, or as initialised (the control). The untrained network may have
            overrides of its own (``untrained`` in the profile), where the family's default makes it flat.
    """

    def cell(profile: Profile, seed: int) -> Cell:
        if profile.sections.get("data", {}).get("source") == FOLDER:
            return _frozen(profile, role, seed, trained=trained)
        spec: dict[str, Any] = {
            "network": _network_spec(profile, role),
            "data": data_spec_for(profile, role),
            "measure": dict(profile.section("measure")),
        }
        needs: Mapping[str, Cell] = {}
        if trained and not spec["network"].get("pretrained"):
            needs = {"network": network(profile, role, seed)}
        elif not trained:
            spec["network"] = _untrained(profile, role)
        return Cell(
            study="representation",
            spec=spec,
            seed=seed,
            needs=needs,
            code=code_digest("suite.studies.representation", *PROBES),
            device=profile.device,
            label=f"measure {'trained' if trained else 'untrained'} {role}, seed {seed}",
            weight=0.3,
        )

    return cell


def _untrained(profile: Profile, role: str) -> dict[str, Any]:
    """The same architecture as initialised, with the changes that the profile wants for a control."""
    spec = {name: value for name, value in _network_spec(profile, role).items() if name not in WEIGHTS_KEYS}
    return spec | {"overrides": {**spec.get("overrides", {}), **profile.network(role).get("untrained", {})}}


def _frozen(profile: Profile, role: str, seed: int, *, trained: bool) -> Cell:
    """Measure a network with weights of its own on a folder of images; places are local, contents enter the key."""
    played = profile.network(role)
    if not profile.images:
        command = ("python", "-m", "suite", "claims", *profile.asked_with("--images", "DIR").given)
        raise Unavailable(
            f"profile {profile.name} measures a folder of images, and none was given: {shlex.join(command)}"
        )
    from suite.data.choice import choose, digest  # noqa: PLC0415 - torch and timm, not needed to list claims
    from suite.data.digests import file_digest  # noqa: PLC0415
    from suite.judge.halves import group_count  # noqa: PLC0415

    data, measure = dict(profile.section("data")), dict(profile.section("measure"))
    measure["groups"] = group_count(len(choose(profile.images, data)))
    local: dict[str, Any] = {"images": profile.images, "role": role, "loaders": measure.pop("loaders", None)}
    network = _network_spec(profile, role) if trained else _untrained(profile, role)
    file = profile.weights.get(role, profile.weights.get(played["timm"])) if trained else None
    if file is not None:
        network = {name: value for name, value in network.items() if name not in WEIGHTS_KEYS}
        network["weights"], local["weights"] = file_digest(file), str(file)
    elif trained and not network.get("pretrained"):
        raise SuiteError(
            f"profile {profile.name}: network {role!r} has no weights: say pretrained = true, or give a file"
        )
    return Cell(
        study="frozen",
        spec={"network": network, "data": data | {"digest": digest(profile.images, data)}, "measure": measure},
        seed=seed,
        code=code_digest("suite.studies.frozen", *PROBES),
        device=profile.device,
        label=f"measure {'pretrained' if trained else 'untrained'} {role}",
        weight=float(played.get("cost", 1.0)),
        local=local,
    )


def student(
    method: str = "soft_kd",
    options: Mapping[str, Any] | None = None,
    *,
    architecture: str = "plain",
    width: int | None = None,
    length: str = "standard",
    weights: str = "trained",
    distort: str = "",
) -> Callable[[Profile, int], Cell]:
    """Train a student under a method: (profile, seed) -> cell.

    Args:
        method: a baseline's name; ``none`` trains without a teacher.
        options: the method's options, where they differ from its defaults.
        architecture: a student's name in ``baselines.students``. One that widens is widened to the teacher's width.
        width: other than the profile's student width; heads keep their width.
        length: a training length of the profile.
        weights: ``trained``, or ``random`` for a teacher as initialised (a control).
        distort: ``shuffled_images`` or ``permuted_channels`` of the teacher (controls).
    """
    chosen = {name: list(value) if isinstance(value, tuple) else value for name, value in (options or {}).items()}

    def cell(profile: Profile, seed: int) -> Cell:
        distill = profile.section("distill")
        role = distill["teacher"]
        config = {} if "timm" in distill["student"] else dict(distill["student"]["config"])
        if width is not None and config:
            config["num_heads"] = max(1, width * config["num_heads"] // config["embed_dim"])
            config["embed_dim"] = width
        taught = method != "none"
        said = ", ".join(f"{name} {value}" for name, value in chosen.items())
        label = (
            f"{method}{f' ({said})' if said else ''} -> {architecture} {config.get('embed_dim', '')}".rstrip()
            + (f", {length}" if length != "standard" else "")
            + (f", {weights} teacher" if taught and weights != "trained" else "")
            + (f", {distort}" if distort else "")
            + f", seed {seed}"
        )
        widening = _widening(architecture, profile.network(role)) if config else {}
        if profile.full:
            return full_cells.student(
                profile,
                seed,
                method=method,
                options=chosen,
                architecture=architecture,
                config=config or None,
                widening=widening,
                length=length,
                weights=weights,
                distort=distort,
                label=label,
            )
        teacher = {"network": _network_spec(profile, role), "weights": weights if taught else "", "distort": distort}
        needs = {"teacher": network(profile, role, seed)} if taught and weights == "trained" else {}
        length_of = distill["lengths"]
        if length not in length_of:
            raise Unavailable(f"profile {profile.name} has no training length {length!r}")
        shared = {"data": data_spec(profile), "images": dict(distill["images"])}
        spec = shared | {
            "student": {
                "architecture": architecture,
                "config": config,
                "init": distill["student"]["init"],
                "options": widening,
            },
            "method": {"name": method, "options": chosen},
            "teacher": teacher,
            "recipe": dict(distill["recipe"]) | {"steps": length_of[length]},
        }
        return Cell(
            study="student",
            spec=spec,
            seed=seed,
            needs=needs,
            code=code_digest("suite.studies.student", f"baselines.{method}", f"baselines.students.{architecture}"),
            device=profile.device,
            label=label,
            weight=length_of[length] / length_of["standard"],
            group=f"block of seed {seed}",
        )

    return cell


def _widening(architecture: str, teacher: Mapping[str, Any]) -> dict[str, Any]:
    """What an architecture must know of the teacher: the width it widens to, or is matched in size with."""
    if architecture not in ("lift", "wide_last", "uniform_wide"):
        return {}
    width = teacher["width"] if "width" in teacher else teacher["overrides"]["embed_dim"]
    if architecture in ("lift", "wide_last"):
        return {"width": width}
    return {"as_large_as_wide_last_of": width}
