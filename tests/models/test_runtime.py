from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bowerbird.models import runtime
from bowerbird.models.cache import remembered, sha256_of, write_whole
from bowerbird.models.runtime import Blueprint, Input, Runtime

ROOT = Path(__file__).parents[2]


def linear() -> Any:
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.GELU(), torch.nn.Linear(16, 4)).eval()


def blueprint(build: Callable[[], Any] = linear, key: str = "a" * 64) -> Blueprint:
    return Blueprint("linear", key, build, (Input("float32", (-1, 8)),))


def never() -> Any:
    raise AssertionError("it was to be read, not built")


@pytest.fixture
def x() -> Any:
    return np.random.default_rng(0).standard_normal((5, 8)).astype(np.float32)


@pytest.fixture
def wanted(x: Any) -> Any:
    import torch

    with torch.inference_mode():
        return linear()(torch.from_numpy(x)).numpy()


@pytest.mark.parametrize(("precision", "tolerance"), [("f32", 1e-5), ("bf16", 0.03), ("auto", 0.03)])
def test_it_computes_what_torch_computes(tmp_path: Path, x: Any, wanted: Any, precision: str, tolerance: float) -> None:
    np.testing.assert_allclose(Runtime(tmp_path, precision).network(blueprint())(x), wanted, atol=tolerance)


def test_a_second_process_reads_what_the_first_has_kept(tmp_path: Path, x: Any, wanted: Any) -> None:
    Runtime(tmp_path, "f32").network(blueprint())(x)
    again = Runtime(tmp_path, "f32").network(blueprint(never))
    np.testing.assert_allclose(again(x), wanted, atol=1e-5)


def test_other_weights_are_another_network(tmp_path: Path, x: Any) -> None:
    Runtime(tmp_path, "f32").network(blueprint())(x)
    with pytest.raises(AssertionError, match="not built"):
        Runtime(tmp_path, "f32").network(blueprint(never, "b" * 64))(x)


@pytest.mark.parametrize("file", ["model.xml", "model.bin", "complete.json"])
@pytest.mark.parametrize("damage", ["cut", "alter", "remove"])
def test_what_is_damaged_is_made_again(tmp_path: Path, x: Any, wanted: Any, file: str, damage: str) -> None:
    Runtime(tmp_path, "f32").network(blueprint())(x)
    (entry,) = (tmp_path / "converted").iterdir()
    content = (entry / file).read_bytes()
    (entry / file).unlink()
    if damage != "remove":
        middle = len(content) // 2
        altered = content[:middle] + (
            b"" if damage == "cut" else bytes([content[middle] ^ 255]) + content[middle + 1 :]
        )
        (entry / file).write_bytes(altered)
    np.testing.assert_allclose(Runtime(tmp_path, "f32").network(blueprint())(x), wanted, atol=1e-5)
    again = Runtime(tmp_path, "f32").network(blueprint(never))
    np.testing.assert_allclose(again(x), wanted, atol=1e-5)
    assert [path.name for path in (tmp_path / "converted").iterdir()] == [entry.name]


def test_several_may_convert_at_once(tmp_path: Path, x: Any, wanted: Any) -> None:
    code = """if True:
        import pathlib, sys
        import numpy as np
        from bowerbird.models.runtime import Runtime
        from tests.models.test_runtime import blueprint
        x = np.random.default_rng(0).standard_normal((5, 8)).astype(np.float32)
        print(Runtime(pathlib.Path(sys.argv[1]), "f32").network(blueprint())(x)[0, 0])
    """
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(3)
    ]
    for process in running:
        out, _ = process.communicate(timeout=240)
        assert process.returncode == 0
        assert float(out) == pytest.approx(float(wanted[0, 0]), abs=1e-5)
    assert len(list((tmp_path / "converted").iterdir())) == 1


def test_threads_share_one_network(tmp_path: Path, x: Any, wanted: Any) -> None:
    network = Runtime(tmp_path, "f32").network(blueprint())
    with ThreadPoolExecutor(8) as pool:
        for result in pool.map(lambda _: network(x), range(50)):
            np.testing.assert_allclose(result, wanted, atol=1e-5)


def test_without_openvino_it_runs_in_torch_and_says_so_once(
    tmp_path: Path, x: Any, wanted: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Blueprint) -> Any:
        raise RuntimeError("check failed at line 7\nno conversion rule")

    monkeypatch.setattr(runtime, "convert", broken)
    network = Runtime(tmp_path, "f32").network(blueprint())
    for _ in range(3):
        np.testing.assert_allclose(network(x), wanted, atol=1e-6)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "no conversion rule" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_a_network_that_cannot_be_converted_leaves_logging_as_it_was(
    tmp_path: Path, x: Any, caplog: pytest.LogCaptureFixture
) -> None:
    import torch

    class Odd(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.linalg.eigvals(x.T @ x).real.expand(len(x), 8)

    caplog.set_level(logging.WARNING)
    level, handlers = logging.getLogger().level, logging.getLogger().handlers[:]
    result = Runtime(tmp_path, "f32").network(blueprint(lambda: Odd().eval(), "c" * 64))(x)
    assert result.shape == (5, 8)
    assert "eigvals" in caplog.text
    assert (logging.getLogger().level, logging.getLogger().handlers) == (level, handlers)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path: Path, x: Any, wanted: Any) -> None:
    tmp_path.chmod(0o500)
    np.testing.assert_allclose(Runtime(tmp_path, "f32").network(blueprint())(x), wanted, atol=1e-5)


def test_a_cache_that_is_a_file_costs_only_time(
    tmp_path: Path, x: Any, wanted: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("not a folder")
    np.testing.assert_allclose(Runtime(tmp_path / "cache", "f32").network(blueprint())(x), wanted, atol=1e-5)
    assert "cannot be kept" in caplog.text


def test_bf16_is_chosen_only_where_the_processor_has_it() -> None:
    capabilities = runtime.import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    assert runtime.cpu_precision("auto") == ("bf16" if "BF16" in capabilities else "f32")
    assert runtime.cpu_precision("f32") == "f32"


def test_a_hash_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    file, cache = tmp_path / "file", tmp_path / "cache"
    file.write_bytes(b"one")
    first = sha256_of(file, cache)
    (memory,) = (cache / "hashes").iterdir()
    known = json.loads(memory.read_text())
    memory.write_text(json.dumps({**known, "sha256": "remembered"}))
    assert sha256_of(file, cache) == "remembered"
    file.write_bytes(b"another")
    assert sha256_of(file, cache) not in {first, "remembered"}
    memory.write_text("{")
    assert len(sha256_of(file, cache)) == 64


def test_an_array_is_made_once_and_made_again_when_damaged(tmp_path: Path) -> None:
    made = []

    def make() -> Any:
        made.append(1)
        return np.ones((2, 3))

    path = tmp_path / "folder" / "array.npy"
    for _ in range(2):
        np.testing.assert_array_equal(remembered(path, (2, 3), make), np.ones((2, 3)))
    assert len(made) == 1
    path.write_bytes(path.read_bytes()[:-4])
    np.testing.assert_array_equal(remembered(path, (2, 3), make), np.ones((2, 3)))
    assert len(made) == 2
    assert [file.name for file in path.parent.iterdir()] == ["array.npy"]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()  # a folder cannot be replaced by a file
    with pytest.raises(OSError):
        write_whole(target, b"content")
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("raised", [ImportError("initialization failed"), RuntimeError("made of it")])
def test_ctrl_c_within_a_compiled_module_is_no_reason_for_torch(
    tmp_path: Path, x: Any, monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    def interrupted(_: Blueprint) -> Any:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as pressed:
            raise raised from pressed

    monkeypatch.setattr(runtime, "convert", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Runtime(tmp_path, "f32").network(blueprint())(x)
