"""Bundles: same evidence, same bytes; read again they give the same verdicts; whatever is wrong is one line."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "show"))

import synthetic as made

from suite.assess import Evidence, assess_claim, shipped_beside
from suite.errors import SuiteError
from suite.evidence.bundles import archive
from suite.evidence.bundles.bundle import open_bundle
from suite.evidence.bundles.lent import Overlay, differences
from suite.evidence.bundles.manifest import MANIFEST, parse, sealed, stamp
from suite.evidence.bundles.pack import pack
from suite.evidence.cell import digest
from suite.evidence.seal import SEAL, Damaged, read_seal, write_seal
from suite.evidence.store import Failed, Missing, Store
from suite.judge import Verdict
from suite.run.plan import CachePolicy, plan
from suite.show import describe

ROLES = ("high", "higher", "low", "edge")
CLAIM = made.claim()
KINDS = ("desk.tar.gz", "desk.zip")


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """A store in which everything the claim asks for is computed, one network with weights."""
    store = Store(tmp_path_factory.mktemp("computed"))
    heavy = made.network(made.PROFILE, 0)
    draft = store.begin(heavy)
    (draft.folder / "weights.safetensors").write_bytes(bytes(5000))
    draft.finish({"value": np.float64(90.0)}, [{"epoch": 1, "loss": 0.5}], seconds=60.0, device="cpu")
    made.fill(store, ROLES)
    return store.root


@pytest.fixture
def store(computed, tmp_path):
    """The same to write to."""
    shutil.copytree(computed, tmp_path / "ours")
    return Store(tmp_path / "ours")


def packed(path, store, keys=None):
    return pack(path, store, store.keys() if keys is None else keys, [made.PROFILE], "python -m suite claims")


def contents(path):
    return {name: stream.read() for name, _, stream in archive.members(path)}


def write(path, members):
    path.write_bytes(archive.packed(path.name, members))
    return path


def forged(path, members, **changes):
    """A bundle whose manifest was made to fit its members by somebody who knows how."""
    manifest = parse(members[MANIFEST]) | changes
    manifest["files"] = {name: stamp(content) for name, content in members.items() if name != MANIFEST}
    return write(path, {**members, MANIFEST: sealed(manifest)})


# -------------------------------------------------------------------------------------------------- packing


@pytest.mark.parametrize("name", KINDS)
def test_the_same_evidence_gives_the_same_bytes(tmp_path, store, name):
    one, other = tmp_path / name, tmp_path / "later" / name
    packed(one, store)
    for file in store.root.rglob("*"):
        file.touch()
    packed(other, Store(store.root), keys=reversed(store.keys()) and set(store.keys()))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("name", KINDS)
def test_weights_stay_behind_and_the_bundle_says_so(tmp_path, store, name):
    done = packed(tmp_path / name, store)
    found = contents(tmp_path / name)
    key = made.network(made.PROFILE, 0).key
    manifest = parse(found[MANIFEST])
    left_out = {"weights.safetensors": stamp(bytes(5000))}
    assert not [member for member in found if "weights" in member]
    assert manifest["cells"][key]["left_out"] == left_out
    assert json.loads(found[f"cells/{key}/seal.json"])["left_out"] == left_out
    assert (done.cells, done.left_out) == (20, 5000)
    assert done.size == (tmp_path / name).stat().st_size
    assert manifest["files"] == {member: stamp(content) for member, content in found.items() if member != MANIFEST}
    assert manifest["profiles"][0]["deviations"] == [{"what": "data", "paper": "ImageNet-1k", "ours": "none at all"}]


def test_a_damaged_cell_is_not_packed(tmp_path, store):
    key = store.keys()[3]
    file = store.folder(key) / "metrics.jsonl"
    file.write_text(file.read_text().replace("1", "2", 1))
    with pytest.raises(Damaged, match=key):
        packed(tmp_path / "desk.zip", store)
    assert not (tmp_path / "desk.zip").exists()


def test_what_cannot_be_packed_is_said(tmp_path, store):
    with pytest.raises(SuiteError, match=r"name a bundle \.tar\.gz or \.zip"):
        packed(tmp_path / "desk.rar", store)
    with pytest.raises(SuiteError, match="nothing to pack: no cell is finished; python -m suite claims computes them"):
        packed(tmp_path / "desk.zip", store, keys=())
    made.fail(store, "broken", 0)
    key = made.measured("broken")(made.PROFILE, 0).key
    with pytest.raises(SuiteError, match="only finished cells are packed"):
        packed(tmp_path / "desk.zip", store, keys=(key,))


# -------------------------------------------------------------------------------------------------- judging


@pytest.mark.parametrize("name", KINDS)
def test_verdicts_from_a_bundle_are_those_of_the_evidence(tmp_path, store, name):
    packed(tmp_path / name, store)
    theirs = Overlay(Store(tmp_path / "theirs"), [open_bundle(tmp_path / name, tmp_path / "theirs")])
    ours = assess_claim(CLAIM, Evidence(made.PROFILE, store))
    again = assess_claim(CLAIM, Evidence(made.PROFILE, theirs))
    assert [one.judgement for one in again] == [one.judgement for one in ours]
    assert [one.verdict for one in again][:2] == [Verdict.SEEN_HERE, Verdict.NOT_SEEN_HERE]
    assert {result.origin.partition(",")[0] for one in again for result in one.cells} == {name}
    assert describe.origin(ours[0]) == ""
    assert describe.origin(again[0]).startswith(f"all its runs are from {name}, sha256 ")
    assert not (tmp_path / "theirs" / "cells").exists()
    assert theirs.lent()[0].startswith("16 of 20 cells of profile tiny are used, from ")


def test_a_bundle_is_unpacked_once(tmp_path, store, monkeypatch):
    packed(tmp_path / "desk.zip", store)
    first = open_bundle(tmp_path / "desk.zip", tmp_path)
    monkeypatch.setattr("suite.evidence.bundles.bundle._unpack", lambda *_: pytest.fail("unpacked again"))
    (tmp_path / "desk.zip").rename(tmp_path / "renamed.zip")
    second = open_bundle(tmp_path / "renamed.zip", tmp_path)
    assert (first.digest, first.store.root) == (second.digest, second.store.root)
    assert second.origin.startswith("renamed.zip, sha256 ")


def test_seeds_of_different_origin_are_never_mixed_silently(tmp_path, store):
    packed(tmp_path / "desk.zip", store)
    mine = Store(tmp_path / "mine")
    made.fill(mine, ROLES, seeds=(0, 1))
    made.fill(mine, ("high",), seeds=(2,))
    lent = Overlay(mine, [open_bundle(tmp_path / "desk.zip", mine.root)])
    text = describe.origin(assess_claim(CLAIM, Evidence(made.PROFILE, lent))[0])
    assert text.startswith("its runs are of different origin: seeds 0-2 ours; seeds 2-3 from desk.zip, ")
    assert text.endswith("; seed 2: mixed, so what is compared there was not computed together")


def test_ours_goes_first_unless_theirs_is_preferred(tmp_path, store):
    packed(tmp_path / "desk.zip", store)
    bundle = open_bundle(tmp_path / "desk.zip", tmp_path)
    cell = made.measured("high")(made.PROFILE, 0)
    assert Overlay(store, [bundle]).read(cell).origin == ""
    assert Overlay(store, [], [bundle]).read(cell).origin == bundle.origin
    assert Overlay(store, [bundle]).state(cell).origin == ""
    assert Overlay(store, [], [bundle]).state(cell).origin == bundle.origin


def test_what_failed_here_is_not_covered_up(tmp_path, store):
    packed(tmp_path / "desk.zip", store)
    mine = Store(tmp_path / "mine")
    made.fail(mine, "high", 0)
    bundle = open_bundle(tmp_path / "desk.zip", mine.root)
    cell = made.measured("high")(made.PROFILE, 0)
    with pytest.raises(Failed):
        Overlay(mine, [bundle]).read(cell)
    assert Overlay(mine, [bundle]).state(cell).word == "failed"
    assert Overlay(mine, [], [bundle]).read(cell).arrays["value"] == made.value("high", 0)


def test_what_nobody_has_is_missing(tmp_path, store):
    packed(tmp_path / "desk.zip", store, keys=store.keys()[:3])
    lent = Overlay(Store(tmp_path / "mine"), [open_bundle(tmp_path / "desk.zip", tmp_path / "mine")])
    with pytest.raises(Missing):
        lent.read(made.measured("high")(made.PROFILE, 9))
    assert lent.state(made.measured("high")(made.PROFILE, 9)).word == "missing"
    assert lent.lent()[0].startswith("desk.zip: none of its 3 cells of profile tiny is used")


def elsewhere(cell, **changes):
    """The same question, asked by other code."""
    needs = {role: elsewhere(need, **changes) for role, need in cell.needs.items()}
    return dataclasses.replace(cell, **({"needs": needs} | changes))


def test_the_same_question_by_other_code_answers_and_says_so(tmp_path, store):
    packed(tmp_path / "desk.zip", store)
    bundle = open_bundle(tmp_path / "desk.zip", tmp_path)
    cell = elsewhere(made.measured("high")(made.PROFILE, 0), code="4e3c0de")
    result = Overlay(Store(tmp_path / "mine"), [bundle]).read(cell)
    assert result.arrays["value"] == made.value("high", 0)
    assert result.differs == "computed by other code (c0de, here 4e3c0de)"
    assert result.source.endswith("); computed by other code (c0de, here 4e3c0de)")
    assert Overlay(Store(tmp_path / "mine"), [bundle]).state(cell).word == "done"


def test_the_same_cell_goes_before_the_same_question(tmp_path, store):
    cell = made.measured("high")(made.PROFILE, 0)
    other = Store(tmp_path / "other")
    for asked in (*elsewhere(cell, code="4e3c0de").needs.values(), elsewhere(cell, code="4e3c0de")):
        other.begin(asked).finish({"value": np.float64(7.0)}, [], seconds=1.0, device="cpu")
    packed(tmp_path / "other.zip", other)
    packed(tmp_path / "same.zip", store)
    bundles = [open_bundle(tmp_path / name, tmp_path) for name in ("other.zip", "same.zip")]
    assert Overlay(Store(tmp_path / "mine"), bundles).read(cell).origin == bundles[1].origin
    assert Overlay(Store(tmp_path / "mine"), bundles[:1]).read(cell).differs


def test_differences_of_runtime_and_of_needs_are_named():
    cell = made.measured("high")(made.PROFILE, 0)
    theirs = cell.identity | {"runtime": cell.identity["runtime"] | {"torch": "1.0", "device": "cuda"}}
    torch = cell.identity["runtime"]["torch"]
    assert differences(theirs, cell) == f"torch 1.0, here {torch}; device cuda, here cpu"
    assert differences(cell.identity | {"needs": {}}, cell) == "made from cells of other code or another runtime"
    assert differences(cell.identity, cell) == ""


def test_nothing_is_computed_from_cells_without_weights(tmp_path, store):
    """A lent network has no weights: where a cell needs it to be computed, it is computed as well."""
    networks = [made.network(made.PROFILE, seed).key for seed in made.PROFILE.seeds]
    packed(tmp_path / "desk.zip", store, keys=networks)
    mine = tmp_path / "mine"
    lent = Overlay(Store(mine), [open_bundle(tmp_path / "desk.zip", mine)])
    assert len(plan([CLAIM], made.PROFILE, lent).to_run) == 20
    assert not plan([CLAIM], made.PROFILE, lent, cache=CachePolicy.NEVER).to_run
    packed(tmp_path / "all.zip", store)
    whole = Overlay(Store(mine), [open_bundle(tmp_path / "all.zip", mine)])
    assert not plan([CLAIM], made.PROFILE, whole).to_run


def test_a_bundle_that_was_changed_after_unpacking_is_named(tmp_path, store):
    packed(tmp_path / "desk.zip", store)
    bundle = open_bundle(tmp_path / "desk.zip", tmp_path)
    cell = made.measured("high")(made.PROFILE, 0)
    (bundle.store.folder(cell.key) / "metrics.jsonl").write_text("")
    with pytest.raises(Damaged, match=r"desk\.zip was changed where it is unpacked: delete "):
        Overlay(Store(tmp_path), [bundle]).read(cell)


def test_sealing_it_again_does_not_hide_a_change(tmp_path, store):
    """Its seal would be right, and the verdict would still name the file whose digest is quoted."""
    packed(tmp_path / "desk.zip", store)
    bundle = open_bundle(tmp_path / "desk.zip", tmp_path)
    cell = made.measured("high")(made.PROFILE, 0)
    folder = bundle.store.folder(cell.key)
    seal = read_seal(folder, cell.key)
    with np.load(folder / "arrays.npz") as arrays:
        changed = {name: values + 5 for name, values in arrays.items()}
    np.savez(folder / "arrays.npz", **changed)
    (folder / SEAL).unlink()
    rest = {name: value for name, value in seal.items() if name not in ("files", "format", "sum")}
    write_seal(folder, rest, leave_out=folder / "nothing")
    announced = json.loads((bundle.store.root / MANIFEST).read_bytes())
    announced["files"][f"cells/{cell.key}/arrays.npz"] = stamp((folder / "arrays.npz").read_bytes())
    announced.pop("sum")
    (bundle.store.root / MANIFEST).write_bytes(sealed(announced))
    with pytest.raises(Damaged, match=r"desk\.zip was changed where it is unpacked: delete "):
        Overlay(Store(tmp_path), [open_bundle(tmp_path / "desk.zip", tmp_path)]).read(cell)


# -------------------------------------------------------------------------------------------------- refusals


def refused(path, root, words):
    with pytest.raises(SuiteError) as error:
        open_bundle(path, root)
    text = str(error.value)
    assert words in text
    assert "\n" not in text
    assert path.name in text
    left = list((root / "bundles").glob("*"))
    assert left == [], "nothing of it is kept"


@pytest.fixture(params=KINDS)
def whole(request, tmp_path, store):
    packed(tmp_path / request.param, store)
    return tmp_path / request.param


def test_no_file_and_no_archive(tmp_path):
    refused(tmp_path / "none.zip", tmp_path, "there is no such bundle")
    for content in (b"", b"hello", b"PK\x03\x04", gzip.compress(b"hello"), gzip.compress(b"")):
        (tmp_path / "bad.zip").write_bytes(content)
        refused(tmp_path / "bad.zip", tmp_path, "bad.zip is not read as a bundle: it is ")


def test_truncated_anywhere(tmp_path, whole):
    content = whole.read_bytes()
    for share in (0.1, 0.5, 0.9, 0.999):
        whole.write_bytes(content[: int(share * len(content))])
        refused(whole, tmp_path, "is not read as a bundle: ")


def test_a_flipped_bit_anywhere(tmp_path, whole):
    content = bytearray(whole.read_bytes())
    expected = {name: stream.read() for name, _, stream in archive.members(whole)}
    for place in np.linspace(20, len(content) - 30, 25).astype(int):
        flipped = bytearray(content)
        flipped[place] ^= 4
        whole.write_bytes(bytes(flipped))
        try:
            bundle = open_bundle(whole, tmp_path / f"{place}")
        except SuiteError as error:
            assert "is not read as a bundle: " in str(error)  # noqa: PT017 - either refused, or a byte that says nothing
            continue
        files = [path for path in bundle.store.root.rglob("*") if path.is_file()]
        unpacked = {str(path.relative_to(bundle.store.root)): path.read_bytes() for path in files}
        del unpacked[MANIFEST]
        assert unpacked == {name: text for name, text in expected.items() if name != MANIFEST}


@pytest.mark.parametrize(
    "name",
    ["../escaped", "/escaped", "cells/../../escaped", "cells/x-" + "0" * 20 + "/../x", "notes.txt", "cells\\x"],
)
def test_paths_that_lead_elsewhere_are_never_written(tmp_path, whole, name):
    members = contents(whole)
    write(whole, {**members, name: b"x"})
    refused(whole, tmp_path / "root", f"{name!r} in it is no file of a cell")
    forged(whole, {**members, name: b"x"})
    refused(whole, tmp_path / "root", "no file of a cell")
    assert not (tmp_path / "escaped").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
def test_links_and_devices_are_refused(tmp_path, store, kind):
    packed(tmp_path / "desk.tar.gz", store)
    members = contents(tmp_path / "desk.tar.gz")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo(MANIFEST)
        info.size = len(members[MANIFEST])
        tar.addfile(info, io.BytesIO(members[MANIFEST]))
        link = tarfile.TarInfo(next(name for name in members if name != MANIFEST))
        link.type, link.linkname = kind, "/etc/passwd"
        tar.addfile(link)
    (tmp_path / "desk.tar.gz").write_bytes(buffer.getvalue())
    refused(tmp_path / "desk.tar.gz", tmp_path, "in it is no plain file")


def test_bombs_are_refused_before_they_unpack(tmp_path, whole):
    members = contents(whole)
    name = next(name for name in members if name.endswith("metrics.jsonl"))
    forged(whole, {**members, name: bytes(2**26)})
    refused(whole, tmp_path, f"it unpacks to more than {archive.RATIO} times its size")


def test_what_differs_from_the_manifest_is_refused(tmp_path, whole):
    members = contents(whole)
    name = next(name for name in members if name.endswith("metrics.jsonl"))
    write(whole, {**members, name: members[name] + b"\n"})
    refused(whole, tmp_path, f"{name} is not what its manifest says")
    write(whole, {key: content for key, content in members.items() if key != name})
    refused(whole, tmp_path, f"1 of its files are missing, {name} is the first")
    write(whole, {key: content for key, content in members.items() if key != MANIFEST})
    refused(whole, tmp_path, "it does not begin with manifest.json")
    text = members[MANIFEST].replace(b"made-up numbers", b"real numbers")
    write(whole, {**members, MANIFEST: text})
    refused(whole, tmp_path, "its manifest was edited")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{}", "its manifest is none of ours"),
        (b"[1]", "its manifest is none of ours"),
        (b"not json", "its manifest cannot be read"),
        (b"\xff\xfe", "its manifest cannot be read"),
        (sealed({"format": 2}), "it has format 2, this program reads 1"),
        (sealed({"format": 1}), "its manifest cannot be read (KeyError: "),
        (b"[" * 100_000, "its manifest cannot be read"),
    ],
)
def test_manifests_of_any_other_kind(tmp_path, content, words):
    refused(write(tmp_path / "x.zip", {MANIFEST: content}), tmp_path, words)


def reseal(members, key, **files):
    """Replace files of a cell and mend its seal."""
    seal = json.loads(members[f"cells/{key}/seal.json"])
    del seal["sum"]
    for name, content in files.items():
        seal["files"][name] = stamp(content)
    new = {f"cells/{key}/{name}": content for name, content in files.items()}
    text = json.dumps(seal | {"sum": digest(seal)}).encode()
    return {**members, **new, f"cells/{key}/seal.json": text}


def test_a_cell_passed_off_as_another_is_refused(tmp_path, whole):
    members = contents(whole)
    key = made.measured("low")(made.PROFILE, 0).key
    record = json.loads(members[f"cells/{key}/cell.json"])
    record["seed"] = 5
    forged(whole, reseal(members, key, **{"cell.json": json.dumps(record).encode()}))
    refused(whole, tmp_path, f"its cell {key} is another cell")


def test_a_cell_that_claims_to_answer_another_question_is_refused(tmp_path, whole):
    members = contents(whole)
    key, high = (made.measured(role)(made.PROFILE, 0) for role in ("low", "high"))
    key = key.key
    record = json.loads(members[f"cells/{key}/cell.json"]) | {"question": "0" * 20}
    cells = parse(members[MANIFEST])["cells"]
    cells[key]["question"] = "0" * 20
    forged(whole, reseal(members, key, **{"cell.json": json.dumps(record).encode()}), cells=cells)
    refused(whole, tmp_path, f"its cell {key} answers another question than it says")
    cells[key]["question"] = high.question
    forged(whole, members, cells=cells)
    refused(whole, tmp_path, "it holds two cells of one question")


def test_arrays_that_are_none_are_refused(tmp_path, whole):
    members = contents(whole)
    key = made.measured("low")(made.PROFILE, 0).key
    forged(whole, reseal(members, key, **{"arrays.npz": b"nothing"}))
    refused(whole, tmp_path, f"its cell {key} cannot be read (BadZipFile")


def test_a_member_that_is_there_twice_is_refused(tmp_path, store):
    packed(tmp_path / "desk.tar.gz", store)
    members = list(contents(tmp_path / "desk.tar.gz").items())
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in (*members, members[-1]):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    (tmp_path / "desk.tar.gz").write_bytes(buffer.getvalue())
    refused(tmp_path / "desk.tar.gz", tmp_path, "or it is there twice")


def test_an_encrypted_or_linked_zip_member_is_refused(tmp_path, store):
    packed(tmp_path / "desk.zip", store)
    members = contents(tmp_path / "desk.zip")
    with zipfile.ZipFile(tmp_path / "desk.zip", "w") as target:
        target.writestr(MANIFEST, members[MANIFEST])
        link = zipfile.ZipInfo(next(name for name in members if name != MANIFEST))
        link.external_attr = 0o120777 << 16
        target.writestr(link, "/etc/passwd")
    refused(tmp_path / "desk.zip", tmp_path, "in it is no plain file")


# ------------------------------------------------------------------------------- evidence that comes with the claims


def beside(root, bundle, **changes):
    profile = dataclasses.replace(made.PROFILE, **{"name": "mine", **changes})
    return shipped_beside(Evidence(profile, Store(root)), bundle)


def test_evidence_that_comes_with_the_claims_is_judged_beside_a_session_and_our_own_cells_go_first(tmp_path, store):
    packed(tmp_path / "desk.tar.gz", store)
    ours = Store(tmp_path / "mine")
    key = made.network(made.PROFILE, 0)
    shutil.copytree(store.folder(key.key), ours.folder(key.key))
    found = beside(ours.root, tmp_path / "desk.tar.gz")
    assert (found.profile.name, found.session.profile) == ("desk", "desk")
    lent = next(one for one in reversed(store.keys()) if one != key.key)
    assert not found.store.read(key).origin
    assert found.store.read(lent).origin.startswith("desk.tar.gz, sha256 ")
    assert found.own is not found.store
    assert ours.keys() == [key.key]


def test_evidence_that_comes_with_the_claims_is_never_lent_to_its_own_profile_or_to_smoke(tmp_path, store):
    packed(tmp_path / "desk.tar.gz", store)
    assert beside(tmp_path / "mine", tmp_path / "desk.tar.gz", name="desk") is None
    assert beside(tmp_path / "mine", tmp_path / "desk.tar.gz", scope="smoke") is None


def test_damaged_evidence_that_comes_with_the_claims_is_one_line(tmp_path):
    (tmp_path / "desk.tar.gz").write_bytes(b"no archive")
    with pytest.raises(SuiteError, match=r"desk.tar.gz is not read as a bundle"):
        beside(tmp_path / "mine", tmp_path / "desk.tar.gz")
