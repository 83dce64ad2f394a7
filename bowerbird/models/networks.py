"""Networks as torch modules. Imported only where one is converted, or run in torch: a warm cache needs none of this."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional


class FromPixels(nn.Module):
    """A network of images with its normalisation: uint8 ``(n, height, width, 3)`` in, whatever ``tower`` gives out."""

    mean: Tensor
    std: Tensor

    def __init__(self, tower: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.tower = tower
        self.register_buffer("mean", 255 * torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels -> the tower's output."""
        return self.tower((pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std)  # type: ignore[no-any-return]


class Bert(nn.Module):
    """The encoder of Devlin et al. 2019 in the size of MiniLM-L6, pooled as sentence-transformers does it.

    Token ids ``(n, length)`` int64, 0 being padding -> unit vectors ``(n, width)``: the mean over tokens, normalised.
    Parameters are named as in the checkpoint, so that it loads with ``strict=True``.
    """

    def __init__(self, vocabulary: int = 30522, width: int = 384, heads: int = 12, layers: int = 6) -> None:
        super().__init__()
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(vocabulary, width),
                "position_embeddings": nn.Embedding(512, width),
                "token_type_embeddings": nn.Embedding(2, width),
                "LayerNorm": nn.LayerNorm(width, eps=1e-12),
            }
        )
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(BertLayer(width, heads) for _ in range(layers))})

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids -> unit vectors."""
        part: Any = self.embeddings
        positions = torch.arange(ids.shape[1], device=ids.device)
        x = part["word_embeddings"](ids) + part["position_embeddings"](positions)
        x = part["LayerNorm"](x + part["token_type_embeddings"].weight[0])
        real = ids != 0
        layers: Any = self.encoder["layer"]
        for layer in layers:
            x = layer(x, real[:, None, None, :])
        weight = real[..., None].to(x.dtype)
        return functional.normalize((x * weight).sum(1) / weight.sum(1), dim=-1)


class BertLayer(nn.Module):
    """Attention and a feed-forward network, each followed by its residual and a LayerNorm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention = nn.ModuleDict(
            {
                "self": nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")}),
                "output": _output(width, width),
            }
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, 4 * width)})
        self.output = _output(4 * width, width)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """One layer over ``x`` of shape ``(n, length, width)``; ``real`` masks the padding."""
        project: Any = self.attention["self"]
        q, k, v = (
            project[name](x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for name in ("query", "key", "value")
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=real).transpose(1, 2).flatten(2)
        x = _residual(self.attention["output"], mixed, x)
        return _residual(self.output, functional.gelu(self.intermediate["dense"](x)), x)


def _output(inner: int, width: int) -> nn.ModuleDict:
    return nn.ModuleDict({"dense": nn.Linear(inner, width), "LayerNorm": nn.LayerNorm(width, eps=1e-12)})


def _residual(part: Any, inner: Tensor, x: Tensor) -> Tensor:
    return part["LayerNorm"](part["dense"](inner) + x)  # type: ignore[no-any-return]


def minilm(weights: Path) -> nn.Module:
    """all-MiniLM-L6-v2 from its safetensors file."""
    from safetensors.torch import load_file

    unused = ("pooler.", "embeddings.position_ids")
    tensors = {name: value for name, value in load_file(weights).items() if not name.startswith(unused)}
    network = Bert()
    network.load_state_dict(tensors, strict=True)
    return network.eval()


def efficientnet_lite2(weights: Path, mean: tuple[float, ...], std: tuple[float, ...]) -> nn.Module:
    """EfficientNet-Lite2 from its state dict: pixels -> 1000 logits."""
    from efficientnet_lite_pytorch import EfficientNet

    tower = EfficientNet.from_name("efficientnet-lite2")
    tower.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True), strict=True)
    return FromPixels(tower, mean, std).eval()


def efficientnet_lite2_head(weights: Path) -> NDArray[np.float32]:
    """The weight of its last layer, ``(1000, 1280)``."""
    return torch.load(weights, map_location="cpu", weights_only=True)["_fc.weight"].numpy()  # type: ignore[no-any-return]


class Method(nn.Module):
    """One method of a model as a module of its own: converters trace ``forward``."""

    def __init__(self, model: nn.Module, method: str) -> None:
        super().__init__()
        self.model = model
        self.method = method

    def forward(self, inputs: Tensor) -> Tensor:
        """The method's answer."""
        return getattr(self.model, self.method)(inputs)  # type: ignore[no-any-return]


def open_clip_tower(model: nn.Module, side: str, mean: tuple[float, ...], std: tuple[float, ...]) -> nn.Module:
    """The ``image`` tower (from pixels) or the ``text`` tower (from token ids) of an open_clip model."""
    if side == "image":
        return FromPixels(Method(model, "encode_image"), mean, std).eval()
    return Method(model, "encode_text").eval()
