"""Images as a network wants them: each paper's transform, the order kept, what cannot be read left out by name."""

from __future__ import annotations

import pytest
import timm
import torch
from photographs import class_folders, crop, truncate
from torchvision.transforms import v2

from suite.data import choice
from suite.data.augment import Still
from suite.data.choice import _choose, choose
from suite.data.loader import batches, loading_workers, on_device, resolve_transform
from suite.data.pictures import Unreadable, reason
from suite.errors import Stopped, SuiteError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CAIT = timm.get_pretrained_cfg("cait_s24_224").to_dict()


@pytest.fixture
def folder(tmp_path):
    _choose.cache_clear()
    return class_folders(tmp_path / "images", each=3, side=300)


def read(folder, config, **options):
    return list(batches(choose(str(folder), {"preset": "all"}), config, **{"batch": 4} | options))


def pixels(folder, config, **options):
    return torch.cat([batch.pixels for batch in read(folder, config, **options)])


def test_the_models_own_transform_is_timms():
    """Of CaiT-S24: bicubic to 224, and nothing cropped."""
    config = resolve_transform("model", CAIT, {})
    assert (config["interpolation"], config["crop_pct"], config["input_size"]) == ("bicubic", 1.0, (3, 224, 224))
    dinov2 = timm.get_pretrained_cfg("vit_base_patch14_dinov2.lvd142m").to_dict()
    assert resolve_transform("model", dinov2, {})["input_size"] == (3, 518, 518)
    assert resolve_transform("model", dinov2, {"img_size": 224})["input_size"] == (3, 224, 224)
    clip = timm.get_pretrained_cfg("vit_base_patch16_clip_224.openai").to_dict()
    assert resolve_transform("model", clip, {})["mean"] != MEAN


def test_distillation_dynamics_resizes_to_256_and_crops_224(folder):
    """Against torchvision's own transforms, as the paper's code composes them."""
    config = resolve_transform("distillation_dynamics", CAIT, {})
    wanted = v2.Compose(
        [
            v2.Resize(256, interpolation=v2.InterpolationMode.BILINEAR),
            v2.CenterCrop(224),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    source = choose(str(folder), {"preset": "all"}).source
    expected = torch.stack([wanted(source.picture(index).convert("RGB")) for index in range(len(source))])
    torch.testing.assert_close(pixels(folder, config), expected, rtol=0, atol=1e-6)


def test_a_network_of_one_channel_sees_grey(folder):
    config = resolve_transform("model", CAIT, {"img_size": 32, "in_chans": 1})
    assert config["mean"] == pytest.approx((sum(MEAN) / 3,))
    found = pixels(folder, config)
    assert found.shape == (9, 1, 32, 32)
    with pytest.raises(SuiteError, match="3 colours or 1, not the 4 channels"):
        resolve_transform("model", CAIT, {"in_chans": 4})
    with pytest.raises(SuiteError, match="no transform 'own': choose from model, distillation_dynamics"):
        resolve_transform("own", CAIT, {})


@pytest.mark.parametrize("workers", [0, 2])
def test_order_and_places_are_kept_and_a_broken_image_is_named(folder, workers):
    config = resolve_transform("model", CAIT, {"img_size": 32})
    whole = pixels(folder, config)
    truncate(folder / "ant" / "001.JPEG")
    (folder / "cat" / "002.JPEG").write_bytes(b"no image at all")
    crop(0).convert("L").save(folder / "bee" / "000.JPEG")  # grey: fine
    found = read(folder, config, workers=workers)
    assert [batch.kept for batch in found] == [[0, 2, 3], [4, 5, 6, 7], []]
    assert [batch.end for batch in found] == [4, 8, 9]
    assert found[2].pixels is None
    (place, reason), (last, unknown) = found[0].skipped[0], found[2].skipped[0]
    assert (place, last) == (1, 8)
    assert "truncated" in reason
    assert unknown == "not an image of a known kind"
    assert torch.equal(found[0].pixels[:2], whole[[0, 2]])
    assert torch.equal(found[1].pixels, whole[4:8])
    rest = read(folder, config, start=4, workers=workers)
    assert [batch.kept for batch in rest] == [[4, 5, 6, 7], []]
    assert torch.equal(rest[0].pixels, found[1].pixels)
    assert read(folder, config, start=9) == []


def vanish(path):
    path.rename(path.parents[2] / "away")


def changed(path):
    path.write_bytes(path.read_bytes()[:-1] + b"x")


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("happen", "said"),
    [
        (vanish, r"cannot be read \(No such file or directory\): is the disk still there"),
        (changed, "is not what it was"),
    ],
)
def test_an_image_that_changes_under_a_pass_ends_it_resumably(folder, monkeypatch, workers, happen, said):
    """It is named with its folder, and never counted as one that could not be read."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent / "cache"))
    chosen = choose(str(folder), {"preset": "all"})
    chosen.contents()
    happen(folder / "bee" / "001.JPEG")
    monkeypatch.setattr(type(chosen), "contents", lambda _: known)
    config = resolve_transform("model", CAIT, {"img_size": 32})
    known = [choice.content_of(chosen.source, index) if index != 4 else "as it was" for index in range(9)]
    found = batches(chosen, config, batch=4, workers=workers)
    assert next(found).kept == [0, 1, 2, 3]
    with pytest.raises(Stopped, match=f"^bee/001.JPEG in {folder} {said}") as caught:
        list(found)
    assert "\n" not in str(caught.value)


def test_an_unreadable_image_that_can_be_read_by_now_is_another_set(folder, monkeypatch):
    chosen = choose(str(folder), {"preset": "all"})
    known = [choice.UNREADABLE, *chosen.contents()[1:]]
    monkeypatch.setattr(type(chosen), "contents", lambda _: known)
    with pytest.raises(Stopped, match=r"ant/000.JPEG in .* is not what it was"):
        list(batches(chosen, resolve_transform("model", CAIT, {"img_size": 32}), batch=4))


def test_reasons_are_the_same_in_every_process(folder):
    (folder / "ant" / "001.JPEG").write_bytes(b"no image")
    with pytest.raises(Unreadable) as caught:
        choose(str(folder), {"preset": "all"}).source.picture(1)
    assert reason(caught.value) == "not an image of a known kind"
    assert reason(ValueError("bad <_io.BytesIO object at 0x7f3>.")) == "ValueError: bad"


@pytest.mark.parametrize(
    ("cores", "here", "world", "expected"), [(8, "1", "1", 7), (8, "4", "8", 1), (192, "1", "1", 16), (1, "1", "1", 0)]
)
def test_workers_share_the_cores_that_this_node_leaves_them(monkeypatch, cores, here, world, expected):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)), raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 192)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", here)
    monkeypatch.setenv("WORLD_SIZE", world)
    assert loading_workers(None, int(world)) == expected
    monkeypatch.delenv("LOCAL_WORLD_SIZE")
    assert loading_workers(None, 2) == max(0, min(16, cores // 2 - 1))
    assert loading_workers(40, int(world)) == 40


def test_bytes_normalised_on_the_device_are_what_the_transform_gives(folder):
    data = {"size": 32, "mean": list(MEAN), "std": list(STD), "interpolation": "bicubic", "crop_pct": 0.875}
    source = choose(str(folder), {"preset": "all"}).source
    numbers, stored = Still(source, data), Still(source, data, as_bytes=True)
    pixels = torch.stack([stored[index][0] for index in range(9)])
    assert pixels.dtype == torch.uint8
    expected = torch.stack([numbers[index][0] for index in range(9)])
    assert torch.equal(on_device(pixels, data), expected)
    assert on_device(expected, data) is expected
