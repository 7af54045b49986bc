"""Changes to a network before it dreams: its weights, its norms, its pooling and padding."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ldfilter.errors import ModelError

COUNTER = "num_batches_tracked"
"""An entry of batch norms that only training reads, and that old files of weights lack."""


def load_in_order(network: nn.Module, state: dict[str, Tensor]) -> None:
    """Load weights by name; where the names differ, by order, which must be the network's.

    Raises:
        ModelError: the number of entries or a shape differs.
    """
    own = _without_counters(network.state_dict())
    state = _without_counters(state)
    if own.keys() == state.keys():
        network.load_state_dict(state, strict=False)
        return
    if len(own) != len(state):
        raise ModelError(f"the weights have {len(state)} entries, the network {len(own)}.")
    renamed = {}
    for (name, wanted), (given_name, given) in zip(own.items(), state.items(), strict=True):
        if wanted.shape != given.shape:
            raise ModelError(
                f"weight {given_name} has shape {tuple(given.shape)}, "
                f"{name} needs {tuple(wanted.shape)}."
            )
        renamed[name] = given
    network.load_state_dict(renamed, strict=False)  # the counters stay as they are


def _without_counters(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if not name.endswith(COUNTER)}


def fold_batch_norms(module: nn.Module) -> None:
    """Fold every batch norm into the convolution before it, in place; exact in evaluation form."""
    before: tuple[str, nn.Module] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and before and isinstance(before[1], nn.Conv2d):
            setattr(module, before[0], fuse_conv_bn_eval(before[1], child))
            # timm's norm layers carry their activation.
            setattr(module, name, getattr(child, "act", nn.Identity()))
        else:
            fold_batch_norms(child)
        before = (name, child)


def soften(network: nn.Module) -> None:
    """Average instead of max pooling, reflection instead of zero padding (LucidDream, A.4)."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.MaxPool2d):
                setattr(parent, name, nn.AvgPool2d(child.kernel_size, child.stride))
            elif isinstance(child, nn.Conv2d):
                setattr(parent, name, _reflecting(child))


def _reflecting(conv: nn.Conv2d) -> nn.Conv2d:
    """The same convolution with reflection padding; nn.Conv2d fixes its padding when it is made."""
    twin = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,  # type: ignore[arg-type]
        conv.stride,  # type: ignore[arg-type]
        conv.padding,  # type: ignore[arg-type]
        groups=conv.groups,
        bias=conv.bias is not None,
        padding_mode="reflect",
    )
    twin.load_state_dict(conv.state_dict())
    return twin
