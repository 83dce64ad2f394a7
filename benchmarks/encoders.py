"""How fast the runtime is against torch with the same weights on this machine, and how far its vectors stray.

    python -m benchmarks.encoders

Pictures a second in whole batches of 16, as many threads as each side takes by itself; and how long a cold process
takes to answer its first text. Both sides run in turns in one process, so that a busy machine slows both.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bowerbird.models.concepts import Concepts
from bowerbird.models.open_clip import OpenClip
from bowerbird.models.registry import load_encoder
from bowerbird.models.runtime import Network, cpu_precision, import_openvino
from bowerbird.settings import cache_folder

BATCH, ROUNDS = 16, 5

COLD_OURS = """
from pathlib import Path
from bowerbird.models.registry import load_encoder
import sys
load_encoder("minilm", cache=Path(sys.argv[1])).encode_texts(["a photo of a cat"])
"""
COLD_THEIRS = """
import sys
from sentence_transformers import SentenceTransformer
SentenceTransformer(sys.argv[1], device="cpu").encode(["a photo of a cat"], normalize_embeddings=True)
"""


def rate(runs: dict[str, Callable[[], Any]], pictures: int) -> dict[str, float]:
    """The best rate of each, taking turns."""
    best = dict.fromkeys(runs, float("inf"))
    for run in runs.values():
        run()
    for _ in range(ROUNDS):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - started)
    return {name: pictures / seconds for name, seconds in best.items()}


def cold(code: str, argument: Path) -> float:
    """Seconds a fresh process takes, the best of three."""
    took = []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code, str(argument)], check=True, capture_output=True)
        took.append(time.perf_counter() - started)
    return min(took)


def compare(name: str, ours: Network, module: Any, size: int) -> None:
    import torch

    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, size, size, 3), np.uint8)
    tensor = torch.from_numpy(pixels)

    def theirs() -> Any:
        with torch.inference_mode():
            return module(tensor).numpy()

    rates = rate({"ours": lambda: ours(pixels), "torch": theirs}, BATCH)
    a, b = ours(pixels), theirs()
    cosine = ((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min()
    centred = a - a.mean(0), b - b.mean(0)
    apart = (
        (centred[0] * centred[1]).sum(1) / np.prod([np.linalg.norm(part, axis=1) for part in centred], axis=0)
    ).min()
    ratio = rates["ours"] / rates["torch"]
    print(f"| {name} | {rates['ours']:.0f} | {rates['torch']:.0f} | {ratio:.1f} x | {cosine:.5f} | {apart:.4f} |")


def main() -> None:
    import open_clip
    import torch

    core = import_openvino().Core()
    precision = cpu_precision("auto")
    print(f"{core.get_property('CPU', 'FULL_DEVICE_NAME')}, {torch.get_num_threads()} threads, {precision}\n")
    print("| pictures a second | runtime | torch f32 | ratio | least cosine | least centred cosine |\n|-|-|-|-|-|-|")

    cache = cache_folder()
    concepts = load_encoder("concepts", cache=cache)
    assert isinstance(concepts, Concepts)
    compare("EfficientNet-Lite2 (concepts)", concepts._classifier, concepts._build(), 260)

    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        model = open_clip.create_model("ViT-B-32").eval()
        weights = Path(folder) / "random.pt"
        torch.save(model.state_dict(), weights)
        clip = load_encoder(f"open_clip:ViT-B-32/{weights}", cache=Path(folder))
        assert isinstance(clip, OpenClip)
        from bowerbird.models.networks import open_clip_tower

        tower = open_clip_tower(model, "image", clip._card.mean, clip._card.std)
        compare("ViT-B-32 (open_clip, random weights)", clip._images, tower, 224)

    from bowerbird.models.minilm import WEIGHTS

    load_encoder("minilm", cache=cache).encode_texts(["warm the cache"])
    ours, theirs = cold(COLD_OURS, cache), cold(COLD_THEIRS, WEIGHTS.locate(cache).parent)
    print("\n| first text of a cold process | seconds |\n|-|-|")
    print(f"| runtime, cache warm | {ours:.2f} |\n| torch and sentence-transformers | {theirs:.2f} |")
    print(f"| ratio | {theirs / ours:.1f} x |")


if __name__ == "__main__":
    main()
