"""Every kind of objective falls when it is descended, and all of them add up."""

import pytest
import torch
from torch import nn

from ldfilter.config import Config, apply
from ldfilter.dreaming.backbones import load_backbone
from ldfilter.dreaming.objectives import OBJECTIVES, Dream, build_terms, gradient
from ldfilter.dreaming.terms import ClassTerm
from ldfilter.dreaming.tiles import cut, paste
from ldfilter.errors import ConfigError

BLOCK = "blocks.2"
ASKED = {
    "classes": {"objective.classes": ["3"]},
    "layers": {"objective.layers": [f"{BLOCK}[1, 5]", "blocks.1:0.5"]},
    "guided": {
        "objective.guided.images": ["a.png", "b.png:2"],
        "objective.guided.layers": [BLOCK],
    },
    "extremes": {
        "objective.extremes.images": ["a.png", "b.png"],
        "objective.extremes.layers": [BLOCK],
        "objective.extremes.count": 3,
    },
    "content": {"objective.content.layers": [BLOCK], "objective.content.weight": 2.0},
    "style": {
        "objective.style.images": ["a.png", "b.png:2"],
        "objective.style.layers": ["blocks.0", BLOCK],
        "objective.style.size": 96,
    },
}


def read(name):
    """A picture that depends on the file's name."""
    if name == "flat.png":
        return torch.linspace(0, 1, 96).expand(1, 3, 80, 96).contiguous()
    return torch.rand(1, 3, 80, 96, generator=torch.Generator().manual_seed(sum(name.encode())))


def tiles(count=2, seed=1):
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("efficientnet-lite0")


@pytest.fixture
def build(backbone):
    """An objective of what is asked for, and nothing else."""

    def make(asked):
        config = apply(Config(), {"objective.classes": [], **asked})
        return Dream(backbone, build_terms(config.objective, backbone, read=read))

    return make


@pytest.fixture
def loss(build):
    """The loss of what is asked for, for tiles somewhere in a picture of another content."""

    def make(asked, count=2):
        objective = build(asked)
        return objective.at(
            tiles(count), tiles(count, seed=7), objective.survey(picture(), tile=64)
        )

    return make


def picture():
    return torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(9))


def test_every_objective_is_asked_for_here():
    assert set(ASKED) == set(OBJECTIVES)


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_the_loss_falls(loss, kind):
    wanted, start = loss(ASKED[kind]), tiles()
    before = wanted(start)
    grad = gradient(wanted, start)
    after = wanted(start - 0.002 * grad / grad.abs().mean())
    assert before.shape == (2,)
    assert (after < before).all()


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_the_gradient_of_a_tile_does_not_depend_on_its_batch(build, kind):
    objective, start, content = build(ASKED[kind]), tiles(), tiles(seed=7)
    survey = objective.survey(picture(), tile=64)
    together = gradient(objective.at(start, content, survey), start)
    alone = torch.cat(
        [
            gradient(objective.at(tile, there, survey), tile)
            for tile, there in zip(start.split(1), content.split(1), strict=True)
        ]
    )
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-5)
    assert not start.requires_grad


def test_objectives_add_up(loss):
    mixed = loss({key: value for asked in ASKED.values() for key, value in asked.items()})
    parts = [loss(asked) for asked in ASKED.values()]
    torch.testing.assert_close(mixed(tiles()), sum(part(tiles()) for part in parts))


def test_a_mixture_looks_at_the_tiles_once(loss, backbone):
    mixed = loss({**ASKED["classes"], **ASKED["guided"], **ASKED["style"]})
    calls = []
    handle = backbone.network.register_forward_hook(lambda *_: calls.append(1))
    mixed(tiles())
    handle.remove()
    assert len(calls) == 1


def test_a_layer_of_negative_weight_becomes_quiet(loss):
    loud, quiet = loss({"objective.layers": [BLOCK]}), loss({"objective.layers": [f"{BLOCK}:-1"]})
    torch.testing.assert_close(loud(tiles()), -quiet(tiles()))


def test_content_is_compared_at_the_size_at_which_the_network_sees_a_tile(loss):
    wanted = loss(ASKED["content"])
    same = torch.nn.functional.interpolate(tiles(seed=7), (48, 48), mode="bilinear", antialias=True)
    assert wanted(same).abs().max() < 1e-6


def test_the_survey_of_a_picture_does_not_depend_on_the_grid_of_tiles(build):
    """But for the borders of the tiles, where the network sees padding."""
    objective = build({**ASKED["style"], "objective.style.layers": ["conv_stem"]})
    image = picture()
    (whole,), (small,) = (objective.survey(image, tile=n).grams.values() for n in (128, 48))
    off = float((whole - small).norm() / whole.norm())
    assert off < 0.1
    (other,) = objective.survey(picture() / 2, tile=128).grams.values()
    assert float((whole - other).norm() / whole.norm()) > 2 * off


def test_the_style_gradient_of_a_picture_is_the_same_on_any_grid(build):
    """Half noise, half flat: tiles that only knew themselves would pull the flat half apart."""
    objective = build({**ASKED["style"], "objective.style.layers": ["conv_stem"]})
    image = picture()
    image[..., 64:] = 0.5
    whole = gradient(objective.at(image, image, objective.survey(image, tile=128)), image)
    tiles = cut(image, (0, 0), 64)
    survey = objective.survey(image, tile=64)
    together = paste(image, gradient(objective.at(tiles, tiles, survey), tiles), (0, 0))
    inner = (torch.arange(128) % 64 > 3) & (torch.arange(128) % 64 < 60)
    inner = inner[:, None] & inner
    for half in (slice(0, 64), slice(64, 128)):
        a, b = (g[..., half][..., inner[:, half]].flatten() for g in (whole, together))
        assert torch.corrcoef(torch.stack([a, b]))[0, 1] > 0.98
        assert float(a.norm() / b.norm()) == pytest.approx(survey.share, rel=0.1)


def test_a_guide_draws_its_own_maps_forth(build):
    """Of two guides each moves a tile towards what it shows itself."""
    guides = {
        name: build({"objective.guided.images": [name], "objective.guided.layers": ["blocks.4"]})
        for name in ("flat.png", "a.png")
    }
    weights = {name: guide.terms[0].maps["blocks.4"] for name, guide in guides.items()}
    assert all(float(each.sum()) == pytest.approx(1) for each in weights.values())

    def leaning(tile):
        """The energy of the maps of "a.png" over that of the maps of "flat.png"."""
        energy = guides["a.png"].features(tile)["blocks.4"].square().mean(dim=(2, 3))[0]
        return float((energy @ weights["a.png"]) / (energy @ weights["flat.png"]))

    after: dict[str, float] = {}
    for name, guide in guides.items():
        tile = tiles(1)
        loss = guide.at(tile, tile, guide.survey(tile, tile=64))
        for _ in range(10):
            grad = gradient(loss, tile)
            tile = (tile - 0.02 * grad / grad.abs().mean()).clamp(0, 1)
        after[name] = leaning(tile)
    assert after["flat.png"] < 0.9 * after["a.png"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "nothing to dream of"),
        (
            {"objective.guided.images": ["a.png"], "objective.guided.layers": ["logits"]},
            "not logits",
        ),
        (
            {
                "objective.guided.images": ["a.png:2", "b.png:-1"],
                "objective.guided.layers": [BLOCK],
            },
            "at least 0",
        ),
        ({"objective.style.images": ["a.png:0"], "objective.style.layers": [BLOCK]}, "more than 0"),
        ({"objective.layers": ["blocks.99"]}, r"no layer 'blocks.99'.*--list-layers"),
        ({"objective.layers": ["blocks.1[3, 500]"]}, r"channels 0 to 23, not 500"),
        ({"objective.layers": ["classifier"]}, "that gives maps"),
        ({"objective.guided.images": ["a.png"]}, r"guided\.layers names no layer.*-p guided"),
        (
            {"objective.guided.images": ["a.png"], "objective.guided.layers": ["blocks.1[3]"]},
            "without channels, not blocks.1",
        ),
    ],
)
def test_what_does_not_exist_is_refused(build, asked, message):
    with pytest.raises(ConfigError, match=message):
        build(asked)


class Linear(nn.Module):
    """Logits that are linear in the image's mean colour."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(10, 3, generator=generator), requires_grad=False)

    def forward(self, images):
        return images.mean(dim=(2, 3)) @ self.weight.T


def test_weights_of_classes_and_forms_multiply_and_add():
    network = Linear()
    start = torch.rand(2, 3, 8, 8)
    term = ClassTerm(((3, 2.0), (5, -1.0)), {"logit": 0.5, "log-probability": 1.0})
    logits = network(start)
    logs = logits.log_softmax(dim=1)
    expected = -2 * (0.5 * logits[:, 3] + logs[:, 3]) + 0.5 * logits[:, 5] + logs[:, 5]
    dream = Dream(network, [term])
    torch.testing.assert_close(dream.at(start, start, dream.survey(start, tile=8))(start), expected)
