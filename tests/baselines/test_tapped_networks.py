"""The adapter that taps every kind of network: what its layers are, and that tapping changes nothing."""

import pytest
import torch
from baseline_nets import as_map, images, seeded
from timm.models import Cait, SwinTransformer, VisionTransformer
from timm.models.resnet import BasicBlock, ResNet

from baselines import MapShape
from baselines.students import Tapped, width_aware


def networks():
    """One small network of each kind, the side of its images, and the shapes of its maps."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vit = VisionTransformer(img_size=8, patch_size=2, in_chans=1, num_classes=5, embed_dim=8, depth=3, num_heads=2)
        cait = Cait(
            img_size=8,
            patch_size=2,
            in_chans=1,
            num_classes=5,
            embed_dim=8,
            depth=3,
            num_heads=2,
            init_values=0.5,
        )
        swin = SwinTransformer(
            img_size=32,
            patch_size=4,
            in_chans=1,
            num_classes=5,
            embed_dim=8,
            depths=(1, 1),
            num_heads=(1, 2),
            window_size=4,
        )
        resnet = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=5, in_chans=1)
    return {
        "vit": (vit, 8, [(8, 4, 4)] * 3),
        "cait": (cait, 8, [(8, 4, 4)] * 3),
        "swin": (swin, 32, [(8, 8, 8), (16, 4, 4)]),
        "resnet": (resnet, 32, [(64, 16, 16), (64, 8, 8), (128, 4, 4), (256, 2, 2), (512, 1, 1)]),
    }


NETWORKS = networks()


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_kind_of_network_is_tapped(kind):
    model, side, shapes = NETWORKS[kind]
    net = Tapped(model).eval()
    x = images(side=side)
    with torch.no_grad():
        outputs = net(x, range(net.depth), final=True)
        assert torch.equal(outputs.logits, model(x))
        assert torch.equal(net(x).logits, model(x))
        _, wanted = model.forward_intermediates(x, norm=False)
    assert [tuple(outputs.maps[layer].shape[1:]) for layer in range(net.depth)] == shapes
    assert all(torch.equal(outputs.maps[layer], x) for layer, x in enumerate(wanted))
    described = net.network(x[:1])
    assert list(described.maps.values()) == [MapShape(*shape) for shape in shapes]
    assert described.final == described.maps[net.depth - 1]
    assert described.classes == 5


@pytest.mark.parametrize("kind", ["vit", "cait"])
def test_final_map_is_the_last_norm_of_the_last_patch_tokens(kind):
    """For CaiT too: its class-attention blocks leave the patch tokens alone."""
    model, side, _ = NETWORKS[kind]
    outputs = Tapped(model).eval()(images(side=side), (2,), final=True)
    tokens = outputs.maps[2].flatten(2).transpose(1, 2)
    torch.testing.assert_close(outputs.final, as_map(model.norm(tokens), 0))


def test_final_map_of_swin_is_normed_and_of_resnet_the_last_stage():
    swin, side, _ = NETWORKS["swin"]
    outputs = Tapped(swin).eval()(images(side=side), (1,), final=True)
    wanted = swin.norm(outputs.maps[1].movedim(1, -1)).movedim(-1, 1)
    torch.testing.assert_close(outputs.final, wanted)
    resnet, side, _ = NETWORKS["resnet"]
    outputs = Tapped(resnet).eval()(images(side=side), (4,), final=True)
    assert torch.equal(outputs.final, outputs.maps[4])


def test_width_aware_fits_teachers_too():
    cait = Cait(img_size=8, patch_size=2, in_chans=1, num_classes=5, embed_dim=32, depth=2, num_heads=2)
    width_aware(cait, seeded())
    first = {key: x.clone() for key, x in cait.state_dict().items()}
    width_aware(cait, seeded())
    assert all(torch.equal(x, first[key]) for key, x in cait.state_dict().items())
    assert cait.pos_embed.std().item() == pytest.approx(0.25, rel=0.1)  # 512 values


def test_network_leaves_the_mode_and_the_statistics_alone():
    net = Tapped(ResNet(BasicBlock, [1, 1, 1, 1], num_classes=5, in_chans=1)).train()
    before = {key: x.clone() for key, x in net.state_dict().items()}
    net.network(images(1, side=32))
    assert all(torch.equal(x, before[key]) for key, x in net.state_dict().items())
    assert all(module.training for module in net.modules())
