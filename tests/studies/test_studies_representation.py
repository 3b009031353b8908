"""Study *measure* on embedded images, run as the program runs it."""

import numpy as np
import pytest
import torch
from study_cells import CAIT, DATA, arrays, assert_equal, compute, network, representation

from suite.data import load, normalise
from suite.measure import rank
from suite.measure.probes.ranks import Ranks
from suite.models import build, layer_tokens
from suite.run.execute import Outcome
from suite.studies import measure as measuring
from suite.studies.networks import restore

PER_IMAGE = (
    *("magnitude", "scale", "intensity"),
    *("entropy_global", "entropy_layer", "entropy_standardised"),
    *("dc_share", "flatness", "flatness_permuted", "low_pass", "low_pass_permuted"),
)


@pytest.fixture(scope="module")
def measured(new_store):
    store = new_store()
    for trained in (True, False):
        assert set(compute(store, representation(trained=trained)).values()) == {Outcome.DONE}
    return store


@pytest.mark.parametrize("trained", [True, False])
def test_a_representation_has_the_documented_arrays(measured, trained):
    count, layers, tokens, channels = 20, 2, 16, 16
    found = arrays(measured, representation(trained=trained))
    shapes = dict.fromkeys(PER_IMAGE, (layers, count))
    shapes |= {"clipped_share": (layers,), "tokens": (layers,), "channels": (layers,), "images": ()}
    for layer in ("00", "01"):
        shapes |= {f"amplitude.{layer}": (channels,), f"amplitude_permuted.{layer}": (channels,)}
        shapes |= {f"pooled.{layer}": (count, channels)}
    for name in ("svd_dims", "shared_dims", "shared_dims_centred", "null_svd_dims", "null_shared_dims"):
        shapes[f"{name}.01"] = (count, 4)
    for name in ("shared_spectrum", "captured", "sep_curve", "sep_sorted", "sep_curve_permuted"):
        shapes[f"{name}.01"] = (channels,)
    angles = (f"{kind}_{halves}" for kind in ("angles", "matched", "centred") for halves in ("cross", "split"))
    shapes |= {f"{name}.01": (count,) for name in ("participation", *angles)}
    assert {name: values.shape for name, values in found.items()} == shapes
    assert all(np.isfinite(values).all() for values in found.values())
    assert found["tokens"].tolist() == [tokens] * layers
    assert found["channels"].tolist() == [channels] * layers
    assert list(measured.read(representation(trained=trained)).metrics) == []


@pytest.mark.parametrize("trained", [True, False])
def test_a_representation_is_of_the_first_test_images_in_this_network(measured, trained):
    """Computed again without the stream: magnitude and per-image dimensions."""
    images = normalise(load(DATA).test.first(20).pixels, DATA)
    folder = measured.read(network(0)).folder
    model = restore(folder, CAIT, classes=10, seed=0) if trained else build(CAIT, classes=10, seed=0).eval()
    with torch.no_grad():
        layers = layer_tokens(model, images)
    found = arrays(measured, representation(trained=trained))
    for number, tokens in enumerate(layers):
        magnitude = tokens.double().abs().mean(dim=(1, 2)).numpy()
        np.testing.assert_allclose(found["magnitude"][number], magnitude, rtol=1e-5)
    assert (found[f"svd_dims.{number:02d}"] == rank.per_image_dims(tokens).numpy()).mean() > 0.95


def test_training_shows_in_the_representation(measured):
    trained, untrained = (arrays(measured, representation(trained=each)) for each in (True, False))
    assert not np.allclose(trained["magnitude"], untrained["magnitude"], rtol=0.01)


def test_permutations_and_nulls_are_drawn_by_the_seed(store, monkeypatch):
    seeds, stream = [], measuring.LayerStream

    def kept(probes, *, seed, **named):
        seeds.append(seed)
        return stream(probes, seed=seed, **named)

    monkeypatch.setattr(measuring, "LayerStream", kept)
    for seed in (0, 1):
        compute(store, representation(trained=True, seed=seed, probes=["magnitude"]))
    assert seeds[0] != seeds[1]


def test_equal_representations_are_equal(measured, store):
    compute(store, representation(trained=True))
    assert_equal(arrays(store, representation(trained=True)), arrays(measured, representation(trained=True)))


def test_how_images_are_cut_into_batches_matters_little(measured, store):
    """All but the histograms, whose ranges the first batch sets, and rounding."""
    compute(store, cell := representation(trained=True, batch=20))
    one, other = arrays(store, cell), arrays(measured, representation(trained=True))
    for name in set(PER_IMAGE) - {"entropy_global", "entropy_layer"}:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-3, atol=1e-6, err_msg=name)


def test_nothing_that_was_only_needed_on_the_way_is_left(measured):
    folder = measured.read(representation(trained=True)).folder
    assert all(path.is_file() for path in folder.iterdir())
    assert sum(path.stat().st_size for path in folder.iterdir()) < 100_000


@pytest.mark.parametrize("probes", [["magnitude"], ["angles", "pooled"], ["entropy"]])
def test_a_probe_holds_the_same_whatever_is_measured_beside_it(measured, store, probes):
    """Bit for bit: so a cell of a new probe leaves all others what they are."""
    compute(store, cell := representation(trained=True, probes=probes))
    alone, together = arrays(store, cell), arrays(measured, representation(trained=True))
    assert_equal(alone, {name: together[name] for name in alone})


def test_cells_of_one_network_share_one_pass(store, monkeypatch):
    passes = []
    open_once = measuring._open
    monkeypatch.setattr(measuring, "_open", lambda bench: passes.append(bench.cell.key) or open_once(bench))
    cell = representation(trained=True, probes=["magnitude", "pooled", "ranks"])
    assert set(compute(store, cell).values()) == {Outcome.DONE}
    assert len(passes) == 1


def test_a_probe_that_fails_leaves_the_others(store, monkeypatch):
    def fail(_probe):
        raise ValueError("no such thing here")

    monkeypatch.setattr(Ranks, "finish", fail)
    cell = representation(trained=True, probes=["ranks", "magnitude"])
    outcomes = compute(store, cell)
    assert [outcomes[part.key] for part in cell.parts] == [Outcome.FAILED, Outcome.DONE]
    assert "layer 1: no such thing here" in store.state(cell.key).detail


def test_an_effect_is_planted_in_the_features_beside_the_network_as_it_is(measured, store):
    """The planted U shows in the planted cells, and nothing else changes."""
    plain = representation(trained=True, probes=["magnitude"])
    planted = representation(trained=True, probes=["magnitude"], planted="relabelled+compressed:1")
    outcomes = compute(store, plain, planted)
    assert set(outcomes.values()) == {Outcome.DONE}
    assert plain.key != planted.key
    assert_equal(
        arrays(store, plain), {n: arrays(measured, representation(trained=True))[n] for n in arrays(store, plain)}
    )
    ratio = arrays(store, planted)["magnitude"] / arrays(store, plain)["magnitude"]
    assert np.abs(np.log2(ratio)).max() > 0.01
    alone = representation(trained=True, probes=["pooled"], planted="spiked:0.5:2")
    compute(store, alone)
    again = representation(trained=True, probes=["pooled"], planted="spiked:0.5:2", batch=5)
    compute(store, again)
    for layer in ("00", "01"):
        np.testing.assert_allclose(
            arrays(store, alone)[f"pooled.{layer}"], arrays(store, again)[f"pooled.{layer}"], rtol=1e-4, atol=1e-5
        )


def test_an_unknown_effect_is_a_failed_cell(store):
    cell = representation(trained=True, probes=["magnitude"], planted="luck")
    assert compute(store, cell) == {cell.key: Outcome.FAILED}
    assert "no effect 'luck' to plant: choose from scale_u:NUMBER" in store.state(cell.key).detail
