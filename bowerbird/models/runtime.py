"""Where networks run: a torch module becomes a function on NumPy arrays.

On the CPU that function is OpenVINO's, in bf16 where the processor computes in it, else in f32; the converted
network is kept, so that later processes never import torch. Where OpenVINO fails, and on a CUDA GPU, it is torch.
"""

from __future__ import annotations

import ctypes
import logging
import sys
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bowerbird.errors import BowerbirdError
from bowerbird.models.converted import ConvertedModels

if TYPE_CHECKING:
    from torch import nn

log = logging.getLogger(__name__)

SHAPES_KEPT = 128
"""Shapes of inputs for which OpenVINO keeps what it made ready. It would keep 5,000, and texts come in batches of all
shapes: 600 of them took 630 MB in place of 350, for no time that could be measured."""

Run = Callable[..., NDArray[np.float32]]
"""Arrays in, one float32 array out; the first axis of all is the batch."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a network: its type, and its shape with ``-1`` where it may vary."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A network that can be built when it is needed."""

    name: str
    key: str
    """sha256 over the weights and whatever else `build` depends on."""
    build: Callable[[], nn.Module]
    """Makes the module in f32, in evaluation mode; it takes and gives tensors, the batch first."""
    inputs: tuple[Input, ...]
    small: bool = False
    """Small networks stay on the CPU: a cold process has answered there before torch would be imported."""


class Network:
    """A network ready to be called. It loads on the first call; calls from several threads take turns,
    since one run already uses every core.
    """

    def __init__(self, load: Callable[[], Run]) -> None:
        self._load = load
        self._run: Run | None = None
        self._lock = threading.Lock()

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Run it. Raises `EncoderUnavailable` where loading finds weights missing or damaged."""
        with self._lock:
            if self._run is None:
                self._run = self._load()
            return self._run(*inputs)


@dataclass(frozen=True, slots=True)
class Runtime:
    """Runs networks with one precision (``auto``, ``bf16`` or ``f32``) and one cache folder."""

    cache: Path
    precision: str = "auto"

    def network(self, blueprint: Blueprint) -> Network:
        """The blueprint's network, loaded on its first call."""
        return Network(lambda: self._load(blueprint))

    def _load(self, blueprint: Blueprint) -> Run:
        if not blueprint.small and _cuda_works():
            return in_torch(blueprint, self.precision)
        try:
            return in_openvino(blueprint, self.cache, self.precision)
        except BowerbirdError:
            raise
        except Exception as error:  # its errors have no common base, and torch raises again what is not its own
            if _was_interrupted(error):
                raise KeyboardInterrupt from None
            reason = str(error).strip().rpartition("\n")[2]
            log.warning("OpenVINO cannot run %s (%s); it runs in torch, slower", blueprint.name, reason)
            return in_torch(blueprint, self.precision)


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C lies behind it: within the import of a compiled module that comes out as an ImportError."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def in_openvino(blueprint: Blueprint, cache: Path, precision: str) -> Run:
    """The network on the CPU through OpenVINO. Raises whatever OpenVINO raises where it cannot run the network."""
    ov = import_openvino()
    core = ov.Core()
    model = ConvertedModels(cache / "converted", cache).load(
        f"{blueprint.name}-{blueprint.key[:16]}-openvino-{ov.__version__.partition('-')[0]}",
        read=lambda path: core.read_model(path),
        make=lambda: convert(blueprint),
        save=lambda made, path: ov.save_model(made, path, compress_to_fp16=False),
    )
    options = {"INFERENCE_PRECISION_HINT": cpu_precision(precision), "PERFORMANCE_HINT": "LATENCY"}
    try:
        compiled = core.compile_model(model, "CPU", {**options, "CPU_RUNTIME_CACHE_CAPACITY": SHAPES_KEPT})
    except RuntimeError:  # a version that does not know this option, which no document promises
        compiled = core.compile_model(model, "CPU", options)

    def run(*inputs: NDArray[Any]) -> NDArray[np.float32]:
        return np.array(compiled(inputs)[0], dtype=np.float32)

    return run


def in_torch(blueprint: Blueprint, precision: str) -> Run:
    """The network in torch: on the first CUDA GPU, in bf16 unless ``precision`` is f32; else on the CPU in f32."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    module = blueprint.build().to(device)

    def run(*inputs: NDArray[Any]) -> NDArray[np.float32]:
        tensors = [torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in inputs]
        with (
            torch.inference_mode(),
            torch.autocast(device, torch.bfloat16, enabled=device == "cuda" and precision != "f32"),
        ):
            return module(*tensors).float().cpu().numpy()  # type: ignore[no-any-return]

    return run


def convert(blueprint: Blueprint) -> Any:
    """The blueprint's network as an ``openvino.Model``."""
    import torch

    ov = import_openvino()
    examples = tuple(
        torch.ones([2 if size < 0 else size for size in input.shape], dtype=getattr(torch, input.dtype))
        for input in blueprint.inputs
    )
    root = logging.getLogger()
    logging_was = root.level, root.filters[:], root.handlers[:]
    fast_was = torch.backends.mha.get_fastpath_enabled()
    # Attention's fast path is one opaque operation, which OpenVINO does not know.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # tracing warns of its own deprecation
            traced = torch.jit.trace(blueprint.build(), examples, check_trace=False)  # type: ignore[no-untyped-call]
            shapes = [ov.PartialShape(list(input.shape)) for input in blueprint.inputs]
            return ov.convert_model(traced, example_input=examples, input=shapes)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_was)
        # The converter silences all logging, and leaves it so where it fails.
        root.filters[:], root.handlers[:] = logging_was[1:]
        root.setLevel(logging_was[0])


def cpu_precision(wanted: str) -> str:
    """``bf16`` or ``f32``: ``auto`` is bf16 where this processor computes in it."""
    if wanted != "auto":
        return wanted
    ov = import_openvino()
    return "bf16" if "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"


def import_openvino() -> Any:
    """The openvino package without its telemetry, which would report each conversion over the network."""
    if "openvino" not in sys.modules:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def _cuda_works() -> bool:
    if not cuda_devices():
        return False
    import torch

    return torch.cuda.is_available()  # not so where torch was built without CUDA, or for another driver


def cuda_devices() -> int:
    """How many CUDA GPUs the driver sees, asked of the driver itself: importing torch for it would take seconds."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    return count.value if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 else 0
