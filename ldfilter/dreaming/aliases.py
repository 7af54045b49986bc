"""The field's names of layers, as module paths of torchvision's networks."""

from __future__ import annotations

from torch import nn


def vgg(network: nn.Module) -> dict[str, str]:
    """conv1_1, relu1_1, pool1, ... (Simonyan & Zisserman 2014), counted off the network."""
    features = network.get_submodule("features")
    names: dict[str, str] = {}
    block, place = 1, 0
    for index, module in enumerate(features.children()):
        path = f"features.{index}"
        if isinstance(module, nn.Conv2d):
            place += 1
            names[f"conv{block}_{place}"] = path
        elif isinstance(module, nn.ReLU):
            names[f"relu{block}_{place}"] = path
        else:
            names[f"pool{block}"] = path
            block, place = block + 1, 0
    return names


def googlenet(network: nn.Module) -> dict[str, str]:
    """inception_4c of Caffe and mixed4c of TensorFlow for inception4c (Szegedy et al. 2014)."""
    blocks = [name for name, _ in network.named_children() if name.startswith("inception")]
    letters = [name.removeprefix("inception") for name in blocks]
    return {
        alias: f"inception{letter}"
        for letter in letters
        for alias in (f"inception_{letter}", f"mixed{letter}")
    }


def inception_v3(network: nn.Module) -> dict[str, str]:
    """mixed0 to mixed10 of Keras, in order, for Mixed_5b to Mixed_7c."""
    blocks = [name for name, _ in network.named_children() if name.startswith("Mixed")]
    return {f"mixed{index}": name for index, name in enumerate(blocks)}


def resnet(network: nn.Module) -> dict[str, str]:
    """conv2_x to conv5_x (He et al. 2015) for layer1 to layer4, and conv4_3 for a block of one."""
    names: dict[str, str] = {}
    for stage in range(1, 5):
        names[f"conv{stage + 1}_x"] = f"layer{stage}"
        for block, _ in enumerate(network.get_submodule(f"layer{stage}").children()):
            names[f"conv{stage + 1}_{block + 1}"] = f"layer{stage}.{block}"
    return names
