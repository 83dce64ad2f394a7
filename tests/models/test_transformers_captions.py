from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bowerbird.answers import Shown, Sight
from bowerbird.errors import EncoderUnavailable, UnknownEncoder
from bowerbird.models import hub
from bowerbird.models.captioners import load_captioner
from bowerbird.models.captions.transformers_captions import BATCH, TransformersCaptioner
from bowerbird.ports import Captioner, Encoder
from bowerbird.types import AssetInfo, AssetKind, Box, SegmentKind
from tests.contracts.captioner import CaptionerContract, check
from tests.models.hub_server import serve_hub
from tests.models.tiny_captioners import (
    BRIGHT,
    DARK,
    OURS,
    pictures,
    save_blip,
    save_blip2,
    save_florence,
    save_git,
    save_idefics,
    save_kosmos,
)

SIGHT = Sight(AssetInfo(AssetKind.IMAGE, "image/jpeg"), SegmentKind.IMAGE)


@pytest.fixture(scope="module", autouse=True)
def _one_cache_and_one_thread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small a network only waits for further ones
    patch = pytest.MonkeyPatch()
    patch.setenv("BOWERBIRD_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny checkpoint of an architecture, made once."""
    top = tmp_path_factory.mktemp("captioners")
    makers = {"blip": save_blip, "florence": save_florence, "kosmos": save_kosmos, "idefics": save_idefics}

    def folder(name: str) -> Path:
        made = top / f"a {name}+"
        if not made.is_dir():
            makers[name](made)
        return made

    return folder


@pytest.fixture(scope="module")
def loaded(tiny: Callable[[str], Path]) -> Callable[[str], Captioner]:
    known: dict[str, Captioner] = {}
    return lambda name: known.setdefault(name, load(tiny(name)))


@pytest.fixture(scope="module")
def sights() -> list[Sight]:
    return [replace(SIGHT, pixels=picture) for picture in pictures()]


def load(folder: Path) -> Captioner:
    return load_captioner(f"transformers:{folder}", no_encoder, 1.0)


def no_encoder() -> Encoder:
    raise AssertionError("the library's encoder is not wanted")


def texts(captioner: Captioner, sights: Sequence[Sight]) -> list[str | None]:
    return [moments[0].text for moments in captioner.caption(sights)]


class Contract(CaptionerContract):
    name: str

    @pytest.fixture
    def captioner(self, loaded: Callable[[str], Captioner]) -> Captioner:
        return loaded(self.name)


class TestBlip(Contract):
    name = "blip"


class TestFlorence(Contract):
    name = "florence"


class TestKosmos(Contract):
    name = "kosmos"


class TestIdefics(Contract):
    name = "idefics"


def test_blip_says_what_it_sees(loaded: Callable[[str], Captioner], sights: list[Sight]) -> None:
    captioner = loaded("blip")
    said = captioner.caption(sights)
    assert [[moment.text for moment in moments] for moments in said] == [[DARK], [BRIGHT]]
    assert all((moments[0].confidence or 0) > 0.9 for moments in said)
    assert captioner.examples == 0


def test_florence_says_where(loaded: Callable[[str], Captioner], sights: list[Sight]) -> None:
    dark, bright = loaded("florence").caption(sights)
    assert [(moment.text, moment.box) for moment in dark] == [
        (DARK, None),
        ("dark cat", Box(0.0525, 0.3345, pytest.approx(0.88), pytest.approx(0.44))),
    ]
    assert [moment.text for moment in bright] == [BRIGHT, "bright dog", "bright dog"]  # the tree's box is cut off
    assert bright[2].box == Box(0.6005, 0.0115, pytest.approx(0.399), pytest.approx(0.489))


def test_kosmos_says_where_amid_its_caption(loaded: Callable[[str], Captioner], sights: list[Sight]) -> None:
    dark, bright = loaded("kosmos").caption(sights)
    assert [moment.text for moment in dark] == ["An image of dark cat", "dark cat"]
    assert dark[1].box == Box(5.5 / 32, 0.5 / 32, 10 / 32, 28 / 32)
    assert [moment.text for moment in bright] == ["An image of dog by tree", "dog", "dog"]
    assert bright[2].box == Box(0.5, 0.0, 0.5, 1 / 32)


def test_nothing_is_cut_off_what_has_places(loaded: Callable[[str], Captioner]) -> None:
    wide = np.full((30, 300, 3), 30, np.uint8)
    wide[:, 130:170] = 225  # its centre, which is all that the processor would leave
    assert texts(loaded("kosmos"), [replace(SIGHT, pixels=wide)]) == ["An image of dark cat"]


def test_one_that_talks_follows_the_examples(loaded: Callable[[str], Captioner], sights: list[Sight]) -> None:
    captioner = loaded("idefics")
    assert captioner.examples == 3
    dark, bright = sights
    shown = (Shown("our picture", pictures()[0]), Shown("our tree", pictures()[1]))
    assert texts(captioner, sights) == [DARK, BRIGHT]
    assert texts(captioner, [replace(dark, examples=shown), bright, replace(bright, examples=shown)]) == [
        OURS[DARK],
        BRIGHT,
        OURS[BRIGHT],
    ]


def test_smolvlm_talks_too(tmp_path: Path, sights: list[Sight]) -> None:
    pytest.importorskip("num2words", reason="SmolVLM's processor needs it")
    save_idefics(tmp_path, smol=True)
    assert texts(load(tmp_path), sights) == [DARK, BRIGHT]


def test_more_than_one_batch_stays_in_order(loaded: Callable[[str], Captioner], sights: list[Sight]) -> None:
    several = [*sights[:1] * (BATCH - 1), SIGHT, *sights[1:] * 3, *sights[:1]]
    said = loaded("blip").caption(several)
    assert [moments[0].text if moments else None for moments in said] == [DARK] * 7 + [None] + [BRIGHT] * 3 + [DARK]


@pytest.mark.parametrize("save", [partial(save_florence, steps=0), save_git, save_blip2])
def test_those_that_were_never_taught_babble_within_bounds(
    save: Callable[[Path], None], tmp_path: Path, sights: list[Sight]
) -> None:
    save(tmp_path)
    said = load(tmp_path).caption(sights)
    assert said == load(tmp_path).caption(sights)
    assert any(said)
    for moments in said:
        check(moments)
        assert all((moment.confidence or 0) < 0.9 for moment in moments)


def test_f32_and_bf16_say_the_same(tiny: Callable[[str], Path], sights: list[Sight]) -> None:
    for precision in ("f32", "bf16"):
        assert texts(TransformersCaptioner(str(tiny("blip")), precision=precision), sights) == [DARK, BRIGHT]


def test_the_stage_knows_the_weights_wherever_they_lie(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    copy, other = tmp_path / "copy", tmp_path / "other"
    shutil.copytree(tiny("blip"), copy)
    shutil.copytree(tiny("blip"), other)
    weights = bytearray((other / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (other / "model.safetensors").write_bytes(weights)
    stages = [load(folder).stage for folder in (tiny("blip"), copy, other)]
    assert stages[0] == stages[1] != stages[2]
    assert stages[0].name == "caption"


def test_naming_one_loads_nothing(tiny: Callable[[str], Path]) -> None:
    program = (
        "import sys\n"
        "from bowerbird.models.captioners import load_captioner\n"
        "captioner = load_captioner('transformers:' + sys.argv[1], None, 1)\n"
        "captioner.stage, captioner.examples, captioner.sends_to\n"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program, tiny("blip")], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_no_network_is_asked(tiny: Callable[[str], Path], sights: list[Sight], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("something was asked"))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: pytest.fail("something was asked"))
    assert texts(load(tiny("idefics")), sights) == [DARK, BRIGHT]


def copied(tiny: Callable[[str], Path], folder: Path, name: str = "blip") -> Path:
    shutil.copytree(tiny(name), folder, dirs_exist_ok=True)
    return folder


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")


def refusal(folder: Path, sights: list[Sight]) -> str:
    with pytest.raises(EncoderUnavailable) as refused:
        load(folder).caption(sights)
    said = str(refused.value)
    assert "\n" not in said
    assert "name another one" in said
    return said


def test_an_empty_folder_is_no_model(tmp_path: Path, sights: list[Sight]) -> None:
    assert "holds no model: there is no config.json" in refusal(tmp_path, sights)


def test_pickles_are_never_opened(tiny: Callable[[str], Path], tmp_path: Path, sights: list[Sight]) -> None:
    folder = copied(tiny, tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "pickles, which are never opened" in refusal(folder, sights)


@pytest.mark.parametrize("shard", ["pytorch_model.bin", "../other.safetensors", "/tmp/other.safetensors"])
def test_an_index_may_name_no_pickle_and_no_other_folder(
    tiny: Callable[[str], Path], tmp_path: Path, sights: list[Sight], shard: str
) -> None:
    folder = copied(tiny, tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": shard}}))
    assert "no safetensors beside it" in refusal(folder, sights)


def test_a_shard_that_is_missing_is_named(tiny: Callable[[str], Path], tmp_path: Path, sights: list[Sight]) -> None:
    folder = copied(tiny, tmp_path)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model-2.safetensors"}}))
    assert "it has no model-2.safetensors" in refusal(folder, sights)


def test_a_config_that_is_damaged(tiny: Callable[[str], Path], tmp_path: Path, sights: list[Sight]) -> None:
    folder = copied(tiny, tmp_path)
    (folder / "config.json").write_text("{")
    assert "config.json is damaged" in refusal(folder, sights)


def test_torn_weights(tiny: Callable[[str], Path], tmp_path: Path, sights: list[Sight]) -> None:
    folder = copied(tiny, tmp_path)
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    assert "cannot be loaded as a captioner" in refusal(folder, sights)


def test_weights_that_lack_a_part(tiny: Callable[[str], Path], tmp_path: Path, sights: list[Sight]) -> None:
    from safetensors.torch import load_file, save_file

    folder = copied(tiny, tmp_path)
    weights = load_file(folder / "model.safetensors")
    del weights["vision_model.embeddings.class_embedding"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert "its weights lack 1 parts of the model" in refusal(folder, sights)


@pytest.mark.parametrize("trained_as", ["BlipForQuestionAnswering", "BlipForImageTextRetrieval"])
def test_a_model_for_other_things(
    tiny: Callable[[str], Path], tmp_path: Path, sights: list[Sight], trained_as: str
) -> None:
    folder = copied(tiny, tmp_path)
    edit(folder / "config.json", architectures=[trained_as])
    assert f"captions no pictures, it is {trained_as}" in refusal(folder, sights)


def test_code_that_comes_with_a_model_is_never_run(
    tiny: Callable[[str], Path], tmp_path: Path, sights: list[Sight]
) -> None:
    folder = copied(tiny, tmp_path)
    ran = tmp_path / "ran"
    (folder / "own.py").write_text(f"open({str(ran)!r}, 'w')\nclass Own: pass\n")
    edit(
        folder / "config.json",
        model_type="own",
        architectures=["Own"],
        auto_map={"AutoConfig": "own.Own", "AutoModelForImageTextToText": "own.Own", "AutoProcessor": "own.Own"},
    )
    assert "captions no pictures, it is Own" in refusal(folder, sights)
    edit(folder / "config.json", model_type="blip", architectures=["BlipForConditionalGeneration"])
    assert texts(load(folder), sights) == [DARK, BRIGHT]
    assert not ran.exists()


def test_one_that_cannot_be_asked(tmp_path: Path, sights: list[Sight]) -> None:
    save_idefics(tmp_path, steps=0, template=False)
    assert "has no chat template" in refusal(tmp_path, sights)


def test_a_processor_that_does_not_fit(tiny: Callable[[str], Path], tmp_path: Path, sights: list[Sight]) -> None:
    folder = copied(tiny, tmp_path)
    settings = folder / "processor_config.json"
    looks = json.loads(settings.read_text(encoding="utf-8"))["image_processor"]
    edit(settings, image_processor={**looks, "size": {"height": 48, "width": 48}})
    assert "cannot caption (" in refusal(folder, sights)


def test_without_transformers(
    tiny: Callable[[str], Path], sights: list[Sight], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(EncoderUnavailable, match=r"pip install 'bowerbird\[captions\]'"):
        load(tiny("blip")).caption(sights)


def test_a_folder_that_is_not_there_is_refused_at_once() -> None:
    with pytest.raises(UnknownEncoder, match="there is no folder '/no/such/folder'"):
        TransformersCaptioner("/no/such/folder")


def test_a_model_that_is_neither_here_nor_to_be_had(monkeypatch: pytest.MonkeyPatch, sights: list[Sight]) -> None:
    asked: list[str] = []
    monkeypatch.setattr(hub, "answers", lambda repository: bool(asked.append(repository)))
    captioner = TransformersCaptioner("nobody/no-such-model")
    for call in (lambda: captioner.caption(sights), lambda: captioner.stage):
        with pytest.raises(EncoderUnavailable, match=r"hub does not answer .* connect once"):
            call()
    assert asked == ["nobody/no-such-model"] * 2


FROM_THE_HUB = """
from bowerbird.models.captions.transformers_captions import TransformersCaptioner
captioner = TransformersCaptioner("somebody/tiny")
print(captioner.stage.options["model"], captioner.examples, captioner._checkpoint().folder)
"""


def test_a_hub_that_breaks_off(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    files = {path.name: path.read_bytes() for path in tiny("blip").iterdir()}
    program = FROM_THE_HUB.replace("print", "try: print").strip() + "\nexcept Exception as error: print(repr(error))"
    with serve_hub("somebody/tiny", "c" * 40, {**files, "model.safetensors": None}) as (address, _):
        environment = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "home"), "PATH": ""}
        ran = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
        )
    assert ran.stdout.startswith("EncoderUnavailable('the weights of somebody/tiny cannot be fetched (")


def test_a_model_comes_from_the_hub_once_and_is_named_by_its_commit(
    tiny: Callable[[str], Path], tmp_path: Path, sights: list[Sight]
) -> None:
    files = {path.name: path.read_bytes() for path in copied(tiny, tmp_path / "there").iterdir()}
    files |= {"pytorch_model.bin": b"\x80pickle", "onnx/model.safetensors": b"", "own.py": b"", "README.md": b""}
    with serve_hub("somebody/tiny", "c" * 40, files) as (address, asked):
        environment = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "home"), "PATH": ""}
        lines = []
        for _ in range(2):
            before = len(asked)
            ran = subprocess.run(
                [sys.executable, "-c", FROM_THE_HUB], capture_output=True, text=True, check=True, env=environment
            )
            lines.append(ran.stdout)
        assert len(asked) == before  # the second time all is here
    assert lines[0] == lines[1]
    model, examples, folder = lines[0].split(maxsplit=2)
    assert model == f"somebody/tiny@{'c' * 40}"
    assert examples == "0"
    fetched = {path.name for path in Path(folder.strip()).iterdir()}
    assert fetched == {path.name for path in tiny("blip").iterdir() if path.suffix != ".md"}
    assert texts(load(Path(folder.strip())), sights) == [DARK, BRIGHT]
    assert np.all([each not in "".join(asked) for each in (".bin", ".py", "onnx")])
