"""Supervised training: the seed decides everything, a kill nothing, and a diverging run says so."""

import math

import pytest
import torch
from train_nets import CAIT, CLASSES, DATA, DISTORT, Killed, assert_same, images

from suite.models import build
from suite.train import supervised
from suite.train.supervised import Diverged, accuracy, epoch_order, evaluate, train

EPOCHS = 5
RECIPE = {
    "epochs": EPOCHS,
    "batch": 8,
    "lr": 4e-3,
    "weight_decay": 0.05,
    "warmup": 0.2,
    "warmup_lr": 1e-6,
    "min_lr": 1e-5,
    "label_smoothing": 0.1,
    "clip": 1.0,
    "views": DISTORT,
}
RESNET = {  # BatchNorm has statistics to carry over, too
    "timm": "resnet18",
    "overrides": {"in_chans": 1, "layers": [1, 1, 1, 1], "channels": [4, 4, 8, 8], "output_stride": 16},
}
NETWORKS = pytest.mark.parametrize("spec", [CAIT, RESNET], ids=["cait", "resnet"])


def run(spec, folder, *, seed=0, network_seed=0, mode=True, report=lambda _fraction, _text: None, count=20, **changes):
    model = build(spec, classes=CLASSES, seed=network_seed).train(mode)
    folder.mkdir(exist_ok=True)
    history = train(
        model,
        images(count),
        data=DATA,
        recipe=RECIPE | changes,
        seed=seed,
        device="cpu",
        checkpoint=folder / "training.pt",
        every=2,
        report=report,
    )
    return {"history": history} | model.state_dict()


@NETWORKS
def test_the_seed_decides_everything(spec, tmp_path):
    one = run(spec, tmp_path / "one")
    with torch.random.fork_rng():
        torch.manual_seed(77)
        before = torch.get_rng_state()
        other = run(spec, tmp_path / "other")
        assert torch.equal(torch.get_rng_state(), before)
    assert_same(one, other)
    assert run(spec, tmp_path / "third", seed=1)["history"] != one["history"]


def test_the_mode_a_network_comes_in_does_not_matter(tmp_path):
    assert_same(run(RESNET, tmp_path / "one"), run(RESNET, tmp_path / "other", mode=False))


@NETWORKS
@pytest.mark.parametrize("epoch", range(1, EPOCHS + 1))
def test_a_killed_run_ends_with_the_numbers_of_an_undisturbed_one(spec, epoch, tmp_path):
    undisturbed = run(spec, tmp_path / "undisturbed")
    seen = []

    def die(fraction, text):
        seen.append((fraction, text))
        if len(seen) == epoch:
            raise Killed

    with pytest.raises(Killed):
        run(spec, tmp_path / "killed", report=die)
    assert (tmp_path / "killed" / "training.pt").is_file() == (epoch > 2)
    rest = []
    # A network that starts elsewhere shows that the weights come from the checkpoint, where there is one.
    elsewhere = {"network_seed": 5} if epoch > 2 else {}
    resumed = run(spec, tmp_path / "killed", report=lambda fraction, _text: rest.append(fraction), **elsewhere)
    assert_same(resumed, undisturbed)
    saved = 2 * ((epoch - 1) // 2)
    assert rest == [(number + 1) / EPOCHS for number in range(saved, EPOCHS)]


def test_a_kill_while_a_checkpoint_is_written(tmp_path, monkeypatch):
    undisturbed = run(CAIT, tmp_path / "undisturbed")
    write, written = torch.save, []

    def torn(state, path):
        written.append(path)
        if len(written) == 1:
            return write(state, path)
        path.write_bytes(b"half a checkpoint")
        raise Killed

    monkeypatch.setattr(supervised.torch, "save", torn)
    with pytest.raises(Killed):
        run(CAIT, tmp_path / "killed")
    monkeypatch.undo()
    assert_same(run(CAIT, tmp_path / "killed"), undisturbed)


def test_a_run_that_diverges_says_so(tmp_path):
    with pytest.raises(Diverged, match=r"the loss became nan in epoch 0: lower the recipe's lr"):
        run(CAIT, tmp_path, lr=1e30, warmup=0.0)
    assert issubclass(Diverged, ValueError)


def test_the_record_of_an_epoch(tmp_path):
    history = run(RESNET, tmp_path)["history"]
    assert [record["epoch"] for record in history] == list(range(EPOCHS))
    assert all(math.isfinite(record["loss"]) and record["gradient"] > 0 for record in history)
    assert history[0]["lr"] < history[1]["lr"] > history[-1]["lr"] > RECIPE["min_lr"]
    assert history[-1]["loss"] < history[0]["loss"]


def test_fewer_images_than_a_batch_are_one_batch(tmp_path):
    assert len(run(CAIT, tmp_path, count=3)["history"]) == EPOCHS


@pytest.mark.parametrize(("count", "batch", "sizes"), [(20, 8, [8, 8]), (16, 8, [8, 8]), (3, 8, [3])])
def test_an_epoch_shows_no_image_twice(count, batch, sizes):
    index = list(epoch_order(count, batch, torch.Generator().manual_seed(0)))
    assert [len(part) for part in index] == sizes
    assert len(set(torch.cat(index).tolist())) == sum(sizes)


@NETWORKS
def test_evaluation_is_of_all_images_in_order_and_leaves_the_network_alone(spec):
    model = build(spec, classes=CLASSES, seed=0).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    few, all_ = images(10), images(10)
    logits = evaluate(model, all_, DATA, device="cpu", batch=4)
    assert logits.shape == (10, CLASSES)
    assert_same(dict(model.state_dict()), before)
    with torch.no_grad():
        one = model((few.pixels[7:8] - DATA["mean"]) / DATA["std"])
    torch.testing.assert_close(logits[7:8], one, rtol=1e-4, atol=1e-5)  # one image alone is summed in another order


def test_accuracy_is_in_percent():
    logits = torch.eye(4)
    assert accuracy(logits, torch.tensor([0, 1, 2, 0])) == 75
