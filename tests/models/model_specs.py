"""One small network of every family."""

GRID = {"img_size": 8, "patch_size": 2, "in_chans": 1}
SPECS = {
    "cait": {
        "timm": "cait_s24_224",
        "init": "narrow",
        "overrides": GRID | {"embed_dim": 8, "depth": 2, "num_heads": 2, "init_values": 0.1},
    },
    "deit": {
        "timm": "deit_tiny_patch16_224",
        "overrides": GRID | {"embed_dim": 8, "depth": 2, "num_heads": 2},
    },
    "swin": {
        "timm": "swin_small_patch4_window7_224",
        "init": "narrow",
        "overrides": {
            "img_size": 32,
            "patch_size": 2,
            "window_size": 4,
            "in_chans": 1,
            "embed_dim": 8,
            "depths": [1, 1, 1, 1],
            "num_heads": [1, 1, 2, 2],
        },
    },
    "resnet": {
        "timm": "resnet18",
        "overrides": {"in_chans": 1, "layers": [1, 1, 1, 1], "channels": [8, 8, 16, 16], "output_stride": 16},
    },
}
