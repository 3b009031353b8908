"""Images as a network wants them: each paper's transform, the order kept, what cannot be read left out by name."""

from __future__ import annotations

import pytest
import timm
import torch
from photographs import class_folders, crop, truncate
from torchvision.transforms import v2

from suite.data.folder.choice import _choose, choose
from suite.data.folder.loader import batches, resolve_transform
from suite.errors import SuiteError

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
    assert "cannot identify image file" in unknown
    assert torch.equal(found[0].pixels[:2], whole[[0, 2]])
    assert torch.equal(found[1].pixels, whole[4:8])
    rest = read(folder, config, start=4, workers=workers)
    assert [batch.kept for batch in rest] == [[4, 5, 6, 7], []]
    assert torch.equal(rest[0].pixels, found[1].pixels)
    assert read(folder, config, start=9) == []
