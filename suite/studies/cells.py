"""The cells that claims ask for, made from a profile: the only place where a spec is put together."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from suite.checkpoints import STUDENTS, about_repository, found_in, is_repository
from suite.checkpoints import named as checkpoint
from suite.errors import SuiteError, Unavailable, Ungiven
from suite.evidence.cell import Cell
from suite.evidence.code import code_digest
from suite.measure.probes import names
from suite.methods import methods
from suite.sections import EMBEDDED
from suite.studies.embedded import embedded_digest
from suite.studies.once import once_a_profile
from suite.train.recipe import Evaluate, Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from suite.data.choice import Choice
    from suite.profile import Profile

MEASURE = "measure"  # the study of what probes find in a network
MEASURE_RELEASED = "measure_released"  # the same of networks that timm does not know
ACCURACY = "accuracy"  # the study of which images networks get right
ENLARGE = "enlarge"  # the study of a released network for super-resolution
TRAIN = "train"  # the study that trains, students and teachers alike
NETWORK_KEYS = ("timm", "overrides", "pretrained", "init", "revision", "fused")
WEIGHTS_KEYS = ("pretrained", "revision")
DATA_KEYS = ("source", "size", "mean", "std", "interpolation", "crop_pct", "classes", "classes_order")  # on disk
MACHINE_KEYS = ("loader_workers", "memory_gib")
EVALUATED = ("size", "mean", "std", "interpolation", "crop_pct")  # of images that networks are evaluated on
FOLDERS = ("folder", "images")  # data sources that are given by --images
MEASURED_AT_ONCE = 32  # images, where a profile does not say: the first batch fixes the ranges of histograms
WIDENED = ("lift", "wide_last")  # students that are widened to the teacher's width
MATCHED = ("uniform_wide",)  # one of as many parameters as a widened one
NO_TEACHER = {"network": {}, "weights": ""}


# -------------------------------------------------------------------------------------------------- data


def _training_data(profile: Profile, size: int | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the cells of a training see, with the digest of the images; where this machine keeps them, and what is said.

    Raises:
        Unavailable: no images were given, or they cannot be used.
    """
    section = profile.section("data")
    if section["source"] in EMBEDDED:
        spec = dict(section) | ({} if size is None else {"size": size})
        return spec | {"digest": embedded_digest(section["source"])}, {}
    from suite.data.sets import digest, opened  # noqa: PLC0415 - torch and timm, not needed to list claims
    from suite.data.source import named  # noqa: PLC0415

    root = _given(profile)
    spec = {name: section[name] for name in DATA_KEYS if name in section}
    spec["source"] = named(section["source"], root)
    with _usable():
        spec["digest"] = digest(section["source"], root)
        said = "; ".join(part.described() for part in opened(section["source"], root))
    return spec, {"images": root, "said": said}


def _given(profile: Profile) -> str:
    """What ``--images`` gave.

    Raises:
        Unavailable: nothing, and the profile's images come from there.
    """
    if not profile.images and not profile.section("data")["source"].startswith("hfds/"):
        raise Ungiven(f"profile {profile.name} needs images, and none were given", "--images", "DIR")
    return profile.images


@contextmanager
def _usable() -> Iterator[None]:
    """What is given and cannot be used is not run, with the reason; it is no fault of a claim."""
    try:
        yield
    except SuiteError as fault:
        raise Unavailable(str(fault)) from fault


# -------------------------------------------------------------------------------------------------- networks


def _network_spec(profile: Profile, role: str) -> dict[str, Any]:
    spec = {name: value for name, value in profile.network(role).items() if name in NETWORK_KEYS}
    if is_repository(str(spec["timm"])):
        raise Unavailable(about_repository(spec["timm"]))
    return spec


def _untrained(profile: Profile, role: str) -> dict[str, Any]:
    """The same architecture as initialised, with the changes that the profile wants for a control."""
    spec = {name: value for name, value in _network_spec(profile, role).items() if name not in WEIGHTS_KEYS}
    changes = profile.network(role).get("untrained", {})
    return spec | ({"overrides": {**spec.get("overrides", {}), **changes}} if changes else {})


def _weights_file(profile: Profile, role: str) -> Path | None:
    return profile.weights.get(role, profile.weights.get(profile.network(role)["timm"]))


def _pretrained(profile: Profile, role: str) -> tuple[dict[str, Any], str]:
    """A pretrained teacher's part of the spec, and the file of its weights; empty for the hub's cache.

    Raises:
        Unavailable: its weights are not on this machine.
    """
    spec, name = _network_spec(profile, role), profile.network(role)["timm"]
    file = _weights_file(profile, role)
    if file is not None:
        return spec | {"digest": _weights_digest(file, name, role)}, str(file)
    if not _cached(name):
        raise Unavailable(
            f"the weights of {name} are not on this machine: pass --weights {role}=FILE, or let timm "
            f"fetch them once (python -c \"import timm; timm.create_model('{name}', pretrained=True)\")"
        )
    return spec, ""


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


# -------------------------------------------------------------------------------------------------- training


def _trained(
    profile: Profile,
    seed: int,
    *,
    student: Mapping[str, Any],
    method: Mapping[str, Any],
    recipe: Mapping[str, Any],
    label: str,
    weight: float,
    group: str,
    teacher: Mapping[str, Any] | None = None,
    target: str = "features",
    needs: Mapping[str, Cell] | None = None,
    file: str = "",
    size: int | None = None,
) -> Cell:
    """A cell of study *train*; what all cells of a profile share is put in here.

    Args:
        profile: whose data and machine.
        seed: of everything.
        student: the network.
        method: name and options.
        recipe: the keys of :class:`suite.train.recipe.Recipe`, and ``augmentation`` and ``evaluate``.
        label: for people.
        weight: relative cost.
        group: of the cells that are trained together.
        teacher: network, weights and published accuracy.
        target: what feature terms align with (:mod:`suite.train.targets`).
        needs: the cell that trains the teacher, if one does.
        file: weights of a pretrained teacher.
        size: of the images, where the network wants another than the profile's.
    """
    data, local = _training_data(profile, size)
    settings = dict(recipe)
    augmentation, evaluate = settings.pop("augmentation"), settings.pop("evaluate")
    spec = {
        "data": data,
        "augmentation": dict(augmentation),
        "evaluate": Evaluate.of(evaluate).plain(),
        "student": student,
        "method": method,
        "teacher": teacher or NO_TEACHER,
        "target": target,
        "recipe": Recipe.of(settings).plain(),
    }
    machine = profile.sections.get("machine", {})
    return Cell(
        study=TRAIN,
        spec=spec,
        seed=seed,
        needs=needs or {},
        code=code_of(spec),
        device=profile.device,
        label=label,
        weight=weight,
        group=group,
        local=local | {"teacher": file} | {name: machine[name] for name in MACHINE_KEYS if name in machine},
    )


def code_of(spec: Mapping[str, Any]) -> str:
    """Digest of the code that computes a cell of study *train*."""
    name, known = spec["method"]["name"], methods()
    modules = [f"suite.studies.{TRAIN}", known[name].module if name in known else f"baselines.{name}"]
    if "architecture" in spec["student"]:
        modules.append(f"baselines.students.{spec['student']['architecture']}")
    if spec["student"].get("fused") or spec["teacher"]["network"].get("fused"):
        modules.append("suite.models.fused_cait")
    return code_digest(*modules)


def _recipe(profile: Profile, *changes: Mapping[str, Any]) -> dict[str, Any]:
    """The students' recipe with changes; ``augmentation`` is taken whole, ``evaluate`` key by key."""
    distill: Mapping[str, Any] = profile.sections.get("distill", {})
    found = {
        **distill.get("recipe", {}),
        "augmentation": distill.get("augmentation", {}),
        "evaluate": distill.get("evaluate", {}),
    }
    for change in changes:
        evaluate = {**found["evaluate"], **change.get("evaluate", {})}
        found = {**found, **change, "evaluate": evaluate}
    return found


@once_a_profile
def network(profile: Profile, role: str, seed: int) -> Cell:
    """Train the network that plays ``role``, without a teacher, with the recipe the profile gives it."""
    played = profile.network(role)
    named = played.get("recipe", {})
    own = profile.recipe(named) if isinstance(named, str) else named
    epochs = {"epochs": played["epochs"]} if "epochs" in played else {}
    return _trained(
        profile,
        seed,
        student=_network_spec(profile, role),
        method={"name": "none", "options": {}},
        recipe=_recipe(profile, own, epochs, {"evaluate": {"weights": True}}),
        label=f"train {role}, seed {seed}",
        weight=float(played.get("cost", 1.0)),
        group=f"{role} of seed {seed}",
        size=played.get("image_size"),
    )


def student(
    method: str = "soft_kd",
    options: Mapping[str, Any] | None = None,
    *,
    architecture: str = "plain",
    width: int | Callable[[Profile], int] | None = None,
    length: str = "standard",
    weights: str = "trained",
    target: str = "features",
) -> Callable[[Profile, int], Cell]:
    """Train a student under a method: (profile, seed) -> cell.

    Args:
        method: a baseline's name; ``none`` trains without a teacher.
        options: the method's options, where they differ from its defaults; the profile's
            ``[distill.options.METHOD]`` supplies what is left open here.
        architecture: a student's name in ``baselines.students``. One that widens is widened to the teacher's width.
        width: other than the profile's student width, as a number or as one of the profile's; heads keep their width.
        length: a training length of the profile.
        weights: ``trained``, or ``random`` for a teacher as initialised (a control).
        target: what the method's feature terms align with: ``features`` of the teacher, or a control of
            :mod:`suite.train.targets` (``shuffled_images``, ``permuted_channels``, ``zeros``, ``noise``,
            ``noise:20``, ``label_code``, ``shuffled_label_code``, ``fine_label_code``).
    """
    chosen = {name: list(value) if isinstance(value, tuple) else value for name, value in (options or {}).items()}

    @once_a_profile
    def cell(profile: Profile, seed: int) -> Cell:
        distill = profile.section("distill")
        if length not in distill["lengths"]:
            raise Unavailable(f"profile {profile.name} has no training length {length!r}")
        if method in distill.get("left_out", ()):
            raise Unavailable(f"profile {profile.name} leaves {method} to a wider one (--profile desk-wide)")
        epochs, standard = distill["lengths"][length], distill["lengths"]["standard"]
        built = _student_spec(profile, architecture, width(profile) if callable(width) else width)
        taught = method != "none"
        said = ", ".join(f"{name} {value}" for name, value in chosen.items())
        label = (
            f"{method}{f' ({said})' if said else ''} -> {architecture} {_width(built) or ''}".rstrip()
            + (f", {length}" if length != "standard" else "")
            + (f", {weights} teacher" if taught and weights != "trained" else "")
            + (f", {target.replace('_', ' ')}" if target != "features" else "")
            + f", seed {seed}"
        )
        teacher, needs, file = _teacher(profile, seed, weights) if taught else (NO_TEACHER, {}, "")
        return _trained(
            profile,
            seed,
            student=built,
            method={"name": method, "options": {**distill.get("options", {}).get(method, {}), **chosen}},
            recipe=_recipe(profile, {"epochs": epochs}),
            label=label,
            weight=epochs / standard,
            group=f"block of seed {seed}",
            teacher=teacher,
            target=target if taught else "features",
            needs=needs,
            file=file,
        )

    return cell


def _teacher(profile: Profile, seed: int, weights: str) -> tuple[dict[str, Any], dict[str, Cell], str]:
    """The teacher's part of the spec, the cell that trains it if one does, and the file of its weights."""
    role = profile.section("distill")["teacher"]
    played = profile.network(role)
    if weights != "trained":
        return {"network": _untrained(profile, role), "weights": weights}, {}, ""
    if not played.get("pretrained"):
        trained = network(profile, role, seed)
        return {"network": _network_spec(profile, role), "weights": weights}, {"teacher": trained}, ""
    spec, file = _pretrained(profile, role)
    published = {"accuracy": float(played["accuracy"])} if "accuracy" in played else {}
    return {"network": spec, "weights": weights, **published}, {}, file


def _student_spec(profile: Profile, architecture: str, width: int | None) -> dict[str, Any]:
    """The student's part of the spec.

    Raises:
        Unavailable: the profile's student is a network of timm, of which there is one form alone.
    """
    distill = profile.section("distill")
    section = distill["student"]
    if "timm" in section:
        if architecture != "plain" or width is not None:
            raise Unavailable(f"{architecture} is built from a plain Vision Transformer, not from {section['timm']}")
        return {name: section[name] for name in ("timm", "overrides", "init") if name in section}
    config = dict(section["config"])
    if width is not None:
        config["num_heads"] = max(1, width * config["num_heads"] // config["embed_dim"])
        config["embed_dim"] = width
    return {
        "architecture": architecture,
        "config": config,
        "init": section["init"],
        "options": _widening(architecture, profile.network(distill["teacher"])),
        "spared": architecture not in section.get("decayed", ()),
    }


def _width(spec: Mapping[str, Any]) -> int | None:
    found: int | None = spec.get("config", {}).get("embed_dim")
    return found


def _widening(architecture: str, teacher: Mapping[str, Any]) -> dict[str, Any]:
    """What an architecture must know of the teacher: the width it widens to, or is matched in size with."""
    if architecture not in (*WIDENED, *MATCHED):
        return {}
    width = teacher["width"] if "width" in teacher else teacher["overrides"]["embed_dim"]
    return {"width": width} if architecture in WIDENED else {"as_large_as_wide_last_of": width}


# -------------------------------------------------------------------------------------------------- measuring


def representation(
    role: str, *, trained: bool = True, probes: str | Iterable[str] | None = None, planted: str = ""
) -> Callable[[Profile, int], Cell]:
    """Measure every layer of the network that plays ``role``: (profile, seed) -> cell.

    Each probe is a cell of its own; they are read as one result, and those of a network are computed in one pass.

    Args:
        role: a role of the profile (``cait``).
        trained: measure it after training, or as initialised (the control). The untrained network may have
            overrides of its own (``untrained`` in the profile), where the family's default makes it flat.
        probes: names in ``suite.measure.probes``; all there are unless given.
        planted: an effect that is planted in the features before they are measured, such as ``scale_u:0.15`` (a
            positive control); see `suite.measure.planted.effect`.
    """
    chosen = sorted(names() if probes is None else {probes} if isinstance(probes, str) else set(probes))

    @once_a_profile
    def cell(profile: Profile, seed: int) -> Cell:
        profile.network(role)
        embedded = profile.section("data")["source"] in EMBEDDED
        whole = (_embedded if embedded else _on_disk)(profile, role, seed, trained=trained)
        first, *others = [_probing(whole, probe, planted, len(chosen)) for probe in chosen]
        return replace(first, beside=tuple(others))

    return cell


def _probing(whole: Cell, probe: str, planted: str, probes: int) -> Cell:
    """The cell of one probe of a network."""
    spec = {**whole.spec, "probe": probe} | ({"planted": planted} if planted else {})
    return replace(
        whole,
        spec=spec,
        code=measuring_code(spec),
        label=f"{whole.label}: {probe}" + (f" with {planted} planted" if planted else ""),
        weight=whole.weight / probes,
        group=whole.label,
    )


def measuring_code(spec: Mapping[str, Any]) -> str:
    """Digest of the code that computes a cell of study *measure*: no probe's is that of another."""
    study = MEASURE if checkpoint(spec["network"]["timm"]) is None else MEASURE_RELEASED
    modules = [f"suite.studies.{study}", f"suite.measure.probes.{spec['probe']}", *_made_of(spec["network"])]
    if spec.get("planted"):
        modules.append("suite.measure.planted")
    return code_digest(*modules)


def _embedded(profile: Profile, role: str, seed: int, *, trained: bool) -> Cell:
    """Measure a network of the suite's own, trained by a cell or as initialised, on the embedded test images."""
    data, _ = _training_data(profile, profile.network(role).get("image_size"))
    spec: dict[str, Any] = {
        "network": _network_spec(profile, role) if trained else _untrained(profile, role),
        "data": data,
        "measure": dict(profile.section("measure")),
    }
    learnt = trained and not spec["network"].get("pretrained")
    return Cell(
        study=MEASURE,
        spec=spec,
        seed=seed,
        needs={"network": network(profile, role, seed)} if learnt else {},
        code="",
        device=profile.device,
        label=f"measure {'trained' if trained else 'untrained'} {role}, seed {seed}",
        weight=0.3,
    )


def _on_disk(profile: Profile, role: str, seed: int, *, trained: bool) -> Cell:
    """Measure a network on validation images; places are local, contents enter the key.

    A network with weights of its own is the same for every seed: it is measured once, on groups of images.
    """
    from suite.data.choice import require_several  # noqa: PLC0415 - torch and timm, not needed to list claims
    from suite.judge.halves import group_count  # noqa: PLC0415

    played = profile.network(role)
    data, measure = _measuring(profile)
    chosen, local = _shown(profile, data)
    with _usable():
        require_several(chosen)
    spec, needs, given, own = _played(profile, role, seed, trained=trained)
    local |= {"role": role, "loaders": measure.pop("loaders", None)} | given
    if own:
        measure["groups"] = group_count(len(chosen))
    return Cell(
        study=MEASURE if checkpoint(spec["timm"]) is None else MEASURE_RELEASED,
        spec={"network": spec, "data": data, "measure": measure},
        seed=profile.seeds[0] if own else seed,
        needs=needs,
        code="",
        device=profile.device,
        label=f"measure {_called(role, seed, trained=trained, own=own)}",
        weight=float(played.get("cost", 1.0)),
        local=local,
    )


def _called(role: str, seed: int, *, trained: bool, own: bool) -> str:
    state = ("pretrained" if own else "trained") if trained else "untrained"
    return f"{state} {role}" + ("" if own else f", seed {seed}")


def _shown(profile: Profile, data: dict[str, Any]) -> tuple[Choice, dict[str, Any]]:
    """The images of a data section, which is told their name and digest, and where this machine keeps them.

    Raises:
        Unavailable: no images were given, or they cannot be used.
    """
    from suite.data.choice import choose, digest  # noqa: PLC0415 - torch and timm, not needed to list claims
    from suite.data.source import located, named  # noqa: PLC0415

    given = located(data["source"], _given(profile))
    data["source"] = named(data["source"], given)
    with _usable():
        chosen = choose(given, data)
        data["digest"] = digest(given, data)
    return chosen, {"images": given, "said": chosen.described()}


def _played(
    profile: Profile, role: str, seed: int, *, trained: bool
) -> tuple[dict[str, Any], dict[str, Cell], dict[str, Any], bool]:
    """A network on validation images: its part of the spec, the cell that trains it, its file, whether it has weights.

    Raises:
        Unavailable: it has no weights here.
    """
    played, file = profile.network(role), _weights_file(profile, role)
    spec, needs, local = (_network_spec(profile, role) if trained else _untrained(profile, role)), {}, {}
    released = checkpoint(played["timm"])
    own = bool(played.get("pretrained") or file or released)
    if trained and file is not None:
        spec = {name: value for name, value in spec.items() if name not in WEIGHTS_KEYS}
        spec["weights"], local["weights"] = _weights_digest(file, played["timm"], role), str(file)
    elif trained and released is not None:
        raise Ungiven(
            f"no weights of {role} were given ({released.paper}'s {released.file})",
            "--weights",
            f"{role}=FILE",
        )
    elif trained and not own:
        needs["network"] = _trainable(profile, role, seed)
    return spec, needs, local, own


def _measuring(profile: Profile) -> tuple[dict[str, Any], dict[str, Any]]:
    """Which images are measured, and how: as the profile says, or, where it trains, as it evaluates."""
    data, measure = dict(profile.section("data")), dict(profile.sections.get("measure", {}))
    if "transform" not in data:
        shown = {name: data.pop(name) for name in EVALUATED if name in data}
        data = {"preset": "first_of_each_class", **data, "transform": shown}
    return data, {"batch": MEASURED_AT_ONCE} | measure


def _trainable(profile: Profile, role: str, seed: int) -> Cell:
    """The cell that trains a network without weights of its own.

    Raises:
        Unavailable: the profile does not train it.
    """
    if "distill" not in profile.sections:
        raise Unavailable(
            f"profile {profile.name}: network {role!r} has no weights: say pretrained = true, or pass --weights "
            f"{role}=FILE"
        )
    return network(profile, role, seed)


@cache
def _weights_digest(file: Path, name: str, role: str) -> str:
    """Digest of a file of weights that a network can be given.

    Args:
        file: the file.
        name: of timm's network, or of a released one.
        role: what the profile calls the network.

    Raises:
        Unavailable: it holds something else.
    """
    from suite.data.digests import file_digest  # noqa: PLC0415 - torch, not needed to list claims
    from suite.models.released import require_released  # noqa: PLC0415
    from suite.models.released_mdbn import mdbn_state  # noqa: PLC0415
    from suite.models.weights import refuse_other_networks, state_of  # noqa: PLC0415

    released = checkpoint(name)
    with _usable():
        if released in STUDENTS:
            require_released(state_of(file), name, file)
        elif released is not None:
            mdbn_state(name, file)
        else:
            state = state_of(file)
            found = found_in(state)
            if found is not None:
                raise SuiteError(f"{file} holds {found.paper}'s {found.title}, not {role} ({name}): {found.advice}")
            refuse_other_networks(state, name, file)
    return file_digest(file)


# -------------------------------------------------------------------------------------------------- accuracy


def accuracy(role: str, *, trained: bool = True, ahead: int = 0) -> Callable[[Profile, int], Cell]:
    """Test which validation images the network that plays ``role`` gets right: (profile, seed) -> cell.

    All validation images are shown, whatever share of them the profile measures. Networks that take one transform
    share a pass.

    Args:
        role: a role of the profile (``lift``).
        trained: test it with its weights, or as initialised (a control).
        ahead: of a network as initialised, so many seeds on: another one of the same make.
    """

    def cell(profile: Profile, seed: int) -> Cell:
        played = profile.network(role)
        if profile.section("data")["source"] in EMBEDDED:
            raise Unavailable(f"profile {profile.name} has no validation images on disk (--profile released-weights)")
        data, measure = _measuring(profile)
        data["preset"] = "all"
        spec, needs, given, own = _played(profile, role, seed, trained=trained)
        chosen, local = _shown(profile, data)
        if not chosen.source.classified:
            raise Unavailable(f"{chosen.described()}: put them into class folders, and pass --images DIR")
        return Cell(
            study=ACCURACY,
            spec={"network": spec, "data": data, "batch": measure["batch"]},
            seed=(profile.seeds[0] if own else seed) + ahead,
            needs=needs,
            code=testing_code(spec),
            device=profile.device,
            label=f"test {_called(role, seed + ahead, trained=trained, own=own and trained)}",
            weight=float(played.get("cost", 1.0)) * len(chosen) / 1000,
            group=f"accuracy, {_transform(data['transform'], spec)}",
            local=local | {"role": role, "loaders": measure.get("loaders")} | given,
        )

    return cell


def enlarging(role: str, *, trained: bool = True) -> Callable[[Profile, int], Cell]:
    """Enlarge shrunk images by the released network that plays ``role``: (profile, seed) -> cell.

    Args:
        role: a role of the profile (``mdbn_x4``).
        trained: with its weights, or as initialised (a control).
    """

    def cell(profile: Profile, seed: int) -> Cell:
        data = {**profile.section("data"), "preset": "all"}
        spec, _, given, _ = _played(profile, role, seed, trained=trained)
        chosen, local = _shown(profile, data)
        return Cell(
            study=ENLARGE,
            spec={"network": spec, "data": data},
            seed=profile.seeds[0],
            code=code_digest(f"suite.studies.{ENLARGE}"),
            device=profile.device,
            label=f"enlarge by {_called(role, seed, trained=trained, own=trained)}",
            weight=float(profile.network(role).get("cost", 1.0)) * len(chosen) / 1000,
            local=local | given,
        )

    return cell


def testing_code(spec: Mapping[str, Any]) -> str:
    """Digest of the code that computes a cell of study *accuracy*."""
    return code_digest(f"suite.studies.{ACCURACY}", *_made_of(spec))


def _made_of(spec: Mapping[str, Any]) -> list[str]:
    """The modules that a network is made of, where it is none of timm's, or is changed."""
    released = checkpoint(spec["timm"])
    modules = [] if released is None else [f"baselines.students.{released.role}"]
    return [*modules, "suite.models.fused_cait"] if spec.get("fused") else modules


def _transform(name: str | Mapping[str, Any], spec: Mapping[str, Any]) -> str:
    """Words that are the same for networks that take one transform, as far as it is known before they are loaded."""
    import timm  # noqa: PLC0415 - torch, not needed to list claims

    from suite.data.loader import resolve_transform  # noqa: PLC0415
    from suite.models.released import EVALUATION  # noqa: PLC0415

    if checkpoint(spec["timm"]) is not None:
        config: Mapping[str, Any] = EVALUATION
    else:
        known = timm.get_pretrained_cfg(spec["timm"], allow_unregistered=True)
        if known is None:
            return str(spec["timm"])
        config = vars(known)
    found = resolve_transform(name, config, spec.get("overrides", {}))
    return ", ".join(f"{key} {found[key]}" for key in sorted(found))
