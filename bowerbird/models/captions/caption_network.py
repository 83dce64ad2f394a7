"""A network that captions pictures, loaded by Hugging Face transformers: how it is asked, and how it is read."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bowerbird.answers import Shown, Sight
from bowerbird.errors import EncoderUnavailable
from bowerbird.models.captions.checkpoint import Checkpoint
from bowerbird.models.captions.grounding import Phrase, florence_phrases, kosmos_phrases, plain
from bowerbird.models.one_line import reason_of
from bowerbird.models.runtime import cpu_precision
from bowerbird.moments import Moment
from bowerbird.types import Pixels, SegmentKind

MOST_TOKENS = 128
"""Of one caption."""
MOST_PLACED_TOKENS = 256
"""Of a caption with boxes, each of which takes several."""
MOST_CHARACTERS = 2000
EXAMPLES = 3
LEAST_PX = 32
"""A side shorter than this is stretched: processors take pictures one or three pixels high for something else."""
INSTRUCTION = "Describe this picture in one or two plain sentences."
OTHER = "name another one, or use the captioner concepts"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a model that holds no conversation is asked."""

    prompt: str | None = None
    """None: the picture alone."""
    begins: str = ""
    """With what words of the prompt the caption begins."""
    prompt_of_places: str | None = None
    """What is put before the caption to be told where its phrases lie; None: the caption itself tells."""
    phrases: Callable[[str], list[Phrase]] | None = None
    """None: it knows of no places."""


MANNERS = {
    "blip": Manner(),
    "blip-2": Manner(),
    "git": Manner(),
    "florence2": Manner(
        "<MORE_DETAILED_CAPTION>", prompt_of_places="<CAPTION_TO_PHRASE_GROUNDING>", phrases=florence_phrases
    ),
    "kosmos-2": Manner("<grounding>An image of", begins="An image of", phrases=kosmos_phrases),
}
"""By ``model_type``. Any other model must have a chat template."""


class CaptionNetwork:
    """A loaded model with what makes pictures and words into its input."""

    def __init__(self, model: Any, processor: Any, manner: Manner | None) -> None:
        self._model = model
        self._processor = processor
        self._manner = manner
        self._ends = _ids_that_end(model, processor.tokenizer)

    def say(self, sights: Sequence[Sight]) -> list[list[Moment]]:
        """Of each, the caption and then its phrases in boxes; all have pixels. Not safe to call from several threads.

        Raises whatever the processor or the model raises where they do not fit together.
        """
        manner = self._manner
        if manner is None:
            return [_whole(plain(text), sure) for text, sure in self._run(self._conversations(sights), MOST_TOKENS)]
        # Squashed to a square, no picture loses its edges to a processor that cuts out the centre: boxes stay true.
        pictures = [_picture(sight.pixels, square=manner.phrases is not None) for sight in sights]
        inputs = self._asked(pictures, manner.prompt and [manner.prompt] * len(pictures))
        told = self._run(inputs, MOST_PLACED_TOKENS if manner.phrases else MOST_TOKENS)
        # A model that says nothing has not even begun.
        captions = [plain(f"{manner.begins} {text}") if plain(text) else "" for text, _ in told]
        placed = [f"{manner.begins} {text}" for text, _ in told]
        if manner.prompt_of_places is not None:
            inputs = self._asked(pictures, [manner.prompt_of_places + caption for caption in captions])
            placed = [text for text, _ in self._run(inputs, MOST_PLACED_TOKENS)]
        return [
            [*whole, *(_part(each) for each in manner.phrases(places) if whole)] if manner.phrases else whole
            for whole, places in zip(map(_whole, captions, (sure for _, sure in told)), placed, strict=True)
        ]

    def _asked(self, pictures: list[Any], prompts: Any) -> Any:
        if prompts is None:
            return self._processor(images=pictures, return_tensors="pt")
        return self._processor(images=pictures, text=prompts, return_tensors="pt", padding=True)

    def _conversations(self, sights: Sequence[Sight]) -> Any:
        return self._processor.apply_chat_template(
            [_turns(sight) for sight in sights],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True},
        )

    def _run(self, inputs: Any, most: int) -> list[tuple[str, float | None]]:
        """What the model goes on with, tags and all, and how sure it is of it."""
        import torch

        surest: list[Any] = []

        def watch(_: Any, scores: Any) -> Any:
            surest.append(scores.float().log_softmax(-1).amax(-1))  # of the token that greedy decoding takes
            return scores

        with torch.inference_mode():
            rows = self._model.generate(
                **inputs.to(self._model.device, self._model.dtype),
                do_sample=False,
                num_beams=1,
                max_new_tokens=most,
                logits_processor=[watch],
                return_dict_in_generate=False,
            )
        logs = torch.stack(surest, 1).cpu().numpy()
        return [self._read(row, log) for row, log in zip(rows[:, -logs.shape[1] :].tolist(), logs, strict=True)]

    def _read(self, tokens: list[int], logs: Any) -> tuple[str, float | None]:
        end = next((place for place, token in enumerate(tokens) if token in self._ends), len(tokens))
        sure = math.exp(float(np.mean(logs[: end + 1])))
        tokenizer = self._processor.tokenizer
        # Tokens that tell places may count as special: what is to go is taken out by name.
        words = [token for token in tokens[:end] if token != tokenizer.bos_token_id]
        places = self._manner is not None and self._manner.phrases is not None
        return tokenizer.decode(words, skip_special_tokens=not places), _hundredths(sure)


def _hundredths(sure: float) -> float | None:
    # What shares a batch changes the digits that follow.
    return min(round(sure, 2), 1.0) if math.isfinite(sure) else None


def load_network(checkpoint: Checkpoint, precision: str) -> CaptionNetwork:
    """The network, with weights in ``precision`` as `Runtime` has it. Raises `EncoderUnavailable`."""
    try:
        import torch
        import transformers
    except ImportError:
        raise EncoderUnavailable(
            "this captioner needs the package transformers: pip install 'bowerbird[captions]', "
            "or use the captioner concepts"
        ) from None
    _check(checkpoint)
    source, cuda = checkpoint.source, torch.cuda.is_available()
    wanted = ("bf16" if precision == "auto" else precision) if cuda else cpu_precision(precision)
    auto: Any = transformers  # partly untyped
    here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}  # unsaid, it asks whoever sits there
    try:
        processor = auto.AutoProcessor.from_pretrained(checkpoint.folder, **here)
        model, report = auto.AutoModelForImageTextToText.from_pretrained(
            checkpoint.folder,
            dtype=torch.bfloat16 if wanted == "bf16" else torch.float32,
            use_safetensors=True,
            output_loading_info=True,
            **here,
        )
    except Exception as error:  # configs, tokenizers and weights fail in many ways, all with this one meaning
        raise EncoderUnavailable(f"{source} cannot be loaded as a captioner ({reason_of(error)}); {OTHER}") from error
    if report["missing_keys"]:  # what is missing would be made of chance
        raise EncoderUnavailable(
            f"{source} is damaged: its weights lack {len(report['missing_keys'])} parts of the model; {OTHER}"
        )
    manner = MANNERS.get(checkpoint.model_type)
    if manner is None and not getattr(processor, "chat_template", None):
        raise EncoderUnavailable(f"{source} has no chat template, so that it cannot be asked; {OTHER}")
    _prepare(processor, talks=manner is None)
    return CaptionNetwork(model.eval().to("cuda" if cuda else "cpu"), processor, manner)


def _check(checkpoint: Checkpoint) -> None:
    """Raises `EncoderUnavailable` where the model was not trained to say what pictures show."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as CAPTIONING

    trained_as = checkpoint.architectures
    if CAPTIONING.get(checkpoint.model_type) not in trained_as:
        what = trained_as[0] if trained_as else "nothing that is known"
        raise EncoderUnavailable(f"{checkpoint.source} captions no pictures, it is {what}; {OTHER}")


def _prepare(processor: Any, *, talks: bool) -> None:
    tokenizer = processor.tokenizer
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if talks:
        tokenizer.padding_side = "left"  # what is said goes on where the question ends
        pictures = processor.image_processor
        if getattr(pictures, "do_image_splitting", False):
            pictures.do_image_splitting = False  # for small print: up to 17 times the work


def _ids_that_end(model: Any, tokenizer: Any) -> frozenset[int]:
    named = model.generation_config.eos_token_id
    listed = named if isinstance(named, list) else [named]
    ends = [*listed, tokenizer.eos_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id]
    return frozenset(each for each in ends if each is not None)


def _turns(sight: Sight) -> list[dict[str, Any]]:
    """The conversation: examples as turns that went well, the nearest last, and then the picture itself."""
    shown = [each for each in sight.examples if each.picture is not None][:EXAMPLES]
    turns = [turn for each in reversed(shown) for turn in _answered(each)]
    return [*turns, _asking(sight.pixels)]


def _answered(example: Shown) -> list[dict[str, Any]]:
    answer = {"role": "assistant", "content": [{"type": "text", "text": example.text}]}
    return [_asking(example.picture), answer]


def _asking(pixels: Pixels | None) -> dict[str, Any]:
    picture = {"type": "image", "image": _picture(pixels, square=False)}
    return {"role": "user", "content": [picture, {"type": "text", "text": INSTRUCTION}]}


def _picture(pixels: Pixels | None, *, square: bool) -> Any:
    from PIL import Image

    if pixels is None:
        raise ValueError("a sight without pixels")
    picture = Image.fromarray(pixels)
    width, height = (max(each, LEAST_PX) for each in picture.size)
    if square:
        width = height = max(width, height)
    return picture if picture.size == (width, height) else picture.resize((width, height), Image.Resampling.BICUBIC)


def _whole(text: str, confidence: float | None) -> list[Moment]:
    short = text[:MOST_CHARACTERS].rstrip()
    return [Moment(SegmentKind.CAPTION, text=short, confidence=confidence)] if short else []


def _part(phrase: Phrase) -> Moment:
    return Moment(SegmentKind.CAPTION, text=phrase.text[:MOST_CHARACTERS].rstrip(), box=phrase.box)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """transformers counts every weight that it reads, and warns of settings that checkpoints bring along."""
    try:
        import transformers
    except ImportError:
        yield
        return
    talk: Any = transformers.logging  # partly untyped
    level, bars = talk.get_verbosity(), talk.is_progress_bar_enabled()
    talk.set_verbosity_error()
    talk.disable_progress_bar()
    try:
        yield
    finally:
        talk.set_verbosity(level)
        if bars:
            talk.enable_progress_bar()
