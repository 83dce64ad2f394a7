"""PP-OCRv4's two networks. RapidOCR's package brings their weights; its code, which needs OpenCV, is never imported.

The one finds text (differentiable binarisation: Liao et al. 2020, arXiv:2202.10304), the other reads a line of it
(SVTR with CTC: Du et al. 2022, arXiv:2205.00159). They run in OpenVINO, as every network does on a CPU here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bowerbird.models.runtime import Run, cpu_precision, import_openvino
from bowerbird.models.weights import PackagedFile

REQUIREMENT = "rapidocr-onnxruntime==1.4.4"
DETECTOR = PackagedFile(
    "rapidocr_onnxruntime",
    "models/ch_PP-OCRv4_det_infer.onnx",
    "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
    REQUIREMENT,
)
RECOGNISER = PackagedFile(
    "rapidocr_onnxruntime",
    "models/ch_PP-OCRv4_rec_infer.onnx",
    "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
    REQUIREMENT,
)


def load_network(
    file: PackagedFile,
    cache: Path,
    precision: str = "auto",
    threads: int | None = None,
    shape: tuple[int, int, int] | None = None,
) -> Run:
    """A network on the CPU that takes pixels, uint8 RGB ``(n, height, width, 3)``.

    The detector gives ``(n, 1, height, width)``: the odds of each pixel that it is text; sides are multiples of 32.
    The recogniser, for lines 48 pixels high, gives ``(n, steps, letters)``. Each new shape takes a while at first; one
    that is fixed from the start as ``shape`` (n, height, width) runs a third faster. Raises `EncoderUnavailable`.
    """
    ov = import_openvino()
    from openvino.preprocess import ColorFormat, PrePostProcessor

    core = ov.Core()
    model = core.read_model(file.locate(cache))
    count, height, width = shape or (-1, -1, -1)
    model.reshape([count, 3, height, width])
    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_color_format(ColorFormat.RGB)
    steps.input().model().set_layout(ov.Layout("NCHW"))
    steps.input().preprocess().convert_element_type(ov.Type.f32).convert_color(ColorFormat.BGR).mean(127.5).scale(127.5)
    options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": cpu_precision(precision), "PERFORMANCE_HINT": "LATENCY"}
    if threads is not None:
        options["INFERENCE_NUM_THREADS"] = threads
    network = core.compile_model(steps.build(), "CPU", options)
    return lambda *inputs: np.array(network(inputs)[0], dtype=np.float32)


def load_alphabet(cache: Path) -> list[str]:
    """What the recogniser's outputs stand for: the blank (an empty string), its letters, the space."""
    model = import_openvino().Core().read_model(RECOGNISER.locate(cache))
    return ["", *model.get_rt_info(["framework", "character"]).astype(str).splitlines(), " "]
