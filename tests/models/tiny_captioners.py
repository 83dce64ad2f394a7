"""Checkpoints of real architectures, so small that they learn on the spot to tell a dark picture from a bright one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bowerbird.models.captions.caption_network import INSTRUCTION
from bowerbird.types import Pixels

DARK, BRIGHT = "a dark cat", "a bright dog by a tree"
OURS = {DARK: "our cat", BRIGHT: "our dog"}
"""What the one that talks says once it was shown an example that begins with "our"."""
PLACED = {
    DARK: "dark cat <loc_52> <loc_334> <loc_932> <loc_774>",
    BRIGHT: "bright dog <loc_0> <loc_10> <loc_499> <loc_999> <loc_600> <loc_11> <loc_999> <loc_500> "
    "tree <loc_7> <loc_8>",
}
PATCHED = {
    DARK: "<phrase> dark cat </phrase> <object> <patch_index_0005> <patch_index_0911> </object>",
    BRIGHT: "<phrase> dog </phrase> <object> <patch_index_0000> <patch_index_0527> </delimiter_of_multi_objects/> "
    "<patch_index_0016> <patch_index_0031> </object> by <phrase> tree </phrase> <object> <patch_index_0900>",
}
WORDS = """
a dark cat bright dog by tree our picture an An image of what does the describe Describe with paragraph is shown in
Locate phrases caption: this one or two plain sentences.
"""
SIDE, HIDDEN = 32, 32
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }} : {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}<end_of_utterance>"
    "{% endfor %}{% if add_generation_prompt %}assistant : {% endif %}"
)

Loss = Callable[[], Any]


def pictures() -> list[Pixels]:
    """A dark one and a bright one, of different proportions."""
    draw = np.random.default_rng(0)
    dark = draw.integers(0, 60, (48, 64, 3), np.uint8)
    return [dark, draw.integers(195, 256, (80, 40, 3), np.uint8)]


def save_blip(folder: Path, *, steps: int = 60) -> None:
    """Write a BLIP that says `DARK` or `BRIGHT`; without steps it babbles."""
    from transformers import BlipConfig, BlipForConditionalGeneration, BlipImageProcessor, BlipProcessor

    tokens = _tokenizer(cls_token="[CLS]", sep_token="</s>", end="[CLS] $0 </s>")
    text = {
        **_text(tokens),
        **_bert(),
        "sep_token_id": tokens.eos_token_id,
        "encoder_hidden_size": HIDDEN,
        "is_decoder": True,
    }
    model = _seeded(BlipForConditionalGeneration, BlipConfig(text_config=text, vision_config={**_vision(), **_bert()}))
    processor = BlipProcessor(BlipImageProcessor(size=_square()), tokens)

    def loss() -> Any:
        inputs = processor(images=pictures(), text=[DARK, BRIGHT], return_tensors="pt", padding=True)
        inputs["input_ids"][:, 0] = tokens.bos_token_id
        return model(**inputs, labels=inputs["input_ids"]).loss

    _teach(model, loss, steps)
    _save(folder, model, processor)


def save_git(folder: Path) -> None:
    """Write a GIT, which babbles."""
    from transformers import CLIPImageProcessor, GitConfig, GitForCausalLM, GitProcessor

    tokens = _tokenizer(end="<s> $0 </s>")
    config = GitConfig(vision_config=_vision(), max_position_embeddings=200, **_text(tokens), **_bert())
    processor = GitProcessor(CLIPImageProcessor(size=_square(), crop_size=_square()), tokens)
    _save(folder, _seeded(GitForCausalLM, config), processor)


def save_blip2(folder: Path) -> None:
    """Write a BLIP-2, which babbles."""
    from transformers import Blip2Config, Blip2ForConditionalGeneration, Blip2Processor, BlipImageProcessor

    tokens = _tokenizer(["<image>"], end="<s> $0")
    text = {
        **_text(tokens),
        "model_type": "opt",
        "hidden_size": HIDDEN,
        "word_embed_proj_dim": HIDDEN,
        "ffn_dim": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": 200,
    }
    config = Blip2Config(
        vision_config=_vision(),
        qformer_config={**_bert(), "encoder_hidden_size": HIDDEN, "vocab_size": 32},
        text_config=text,
        num_query_tokens=4,
        image_token_index=tokens.convert_tokens_to_ids("<image>"),
    )
    processor = Blip2Processor(BlipImageProcessor(size=_square()), tokens, num_query_tokens=4)
    _save(folder, _seeded(Blip2ForConditionalGeneration, config), processor)


def save_florence(folder: Path, *, steps: int = 120) -> None:
    """Write a Florence-2 that captions as `save_blip`'s does, and then finds the places in `PLACED`."""
    from transformers import (
        CLIPImageProcessor,
        Florence2Config,
        Florence2ForConditionalGeneration,
        Florence2Processor,
    )

    tokens = _tokenizer(
        (f"<loc_{n}>" for n in range(1000)), extra_special_tokens={"image_token": "<image>"}, end="<s> $0 </s>"
    )
    vision = {
        "depths": (1, 1),
        "patch_size": (7, 3),
        "patch_stride": (4, 2),
        "patch_padding": (3, 1),
        "patch_prenorm": (False, True),
        "embed_dim": (16, HIDDEN),
        "num_heads": (2, 2),
        "num_groups": (2, 2),
        "window_size": 4,
        "projection_dim": HIDDEN,
        "drop_path_rate": 0.0,
    }
    text = {
        **_text(tokens),
        "model_type": "bart",
        "d_model": HIDDEN,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "dropout": 0.0,
        "max_position_embeddings": 400,
        "init_std": 0.1,
        "decoder_start_token_id": tokens.eos_token_id,
    }
    config = Florence2Config(
        vision_config=vision, text_config=text, image_token_id=tokens.convert_tokens_to_ids("<image>")
    )
    model = _seeded(Florence2ForConditionalGeneration, config)
    looks = CLIPImageProcessor(size=_square(), do_center_crop=False, image_seq_length=1 + (SIDE // 8) ** 2)
    processor = Florence2Processor(looks, tokens)

    asked = ["<MORE_DETAILED_CAPTION>"] * 2 + [f"<CAPTION_TO_PHRASE_GROUNDING>{each}" for each in PLACED]
    inputs = processor(images=pictures() * 2, text=asked, return_tensors="pt", padding=True)
    labels = tokens([*PLACED, *PLACED.values()], return_tensors="pt", padding=True)["input_ids"]
    labels = labels.masked_fill(labels == tokens.pad_token_id, -100)
    _teach(model, lambda: model(**inputs, labels=labels).loss, steps)
    # As such checkpoints come: they would search with beams.
    beams = {"num_beams": 3, "early_stopping": True, "no_repeat_ngram_size": 3}
    model.generation_config.update(forced_bos_token_id=tokens.bos_token_id, **beams)
    _save(folder, model, processor)


def save_kosmos(folder: Path, *, steps: int = 120) -> None:
    """Write a Kosmos-2 that says what is in `PATCHED`."""
    from transformers import CLIPImageProcessor, Kosmos2Config, Kosmos2ForConditionalGeneration, Kosmos2Processor

    # 64 ids after that of the unknown word are the places of the picture.
    tokens = _tokenizer((f"<place_{n}>" for n in range(64)), end="$0")
    looks = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=_square())  # cuts out the centre
    processor = Kosmos2Processor(looks, tokens)
    text = {
        **_text(tokens),
        "embed_dim": HIDDEN,
        "layers": 1,
        "ffn_dim": 64,
        "attention_heads": 2,
        "dropout": 0.0,
        "attention_dropout": 0.0,
        "max_position_embeddings": 400,
        "init_std": 0.1,
    }
    model = _seeded(Kosmos2ForConditionalGeneration, Kosmos2Config(text_config=text, vision_config=_vision()))

    prompt = "<grounding>An image of"
    length = processor(images=pictures()[0], text=prompt, return_tensors="pt")["input_ids"].shape[1]
    inputs = processor(
        images=pictures(),
        text=[f"{prompt} {each} </s>" for each in PATCHED.values()],
        return_tensors="pt",
        padding=True,
    )
    labels = _answers(inputs, length, tokens.pad_token_id)
    _teach(model, lambda: model(**inputs, labels=labels).loss, steps)
    _save(folder, model, processor)


def save_idefics(folder: Path, *, steps: int = 100, template: bool = True, smol: bool = False) -> None:
    """Write an Idefics3 (or SmolVLM, its small brother), which talks: it says `DARK` or `BRIGHT`, and speaks as `OURS`
    once it was shown how.
    """
    import transformers

    family = "SmolVLM" if smol else "Idefics3"
    part = lambda name: getattr(transformers, family + name)  # noqa: E731
    marks = ["<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>"]
    tokens = _tokenizer((f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)), special=marks)
    tokens.eos_token = "<end_of_utterance>"
    looks = part("ImageProcessor")(size={"longest_edge": 2 * SIDE}, max_image_size={"longest_edge": SIDE})
    seen = (SIDE // 8) ** 2 // 4
    films = [part("VideoProcessor")()] if smol else []
    processor = part("Processor")(looks, tokens, *films, image_seq_len=seen, chat_template=TEMPLATE)
    text = {
        **_text(tokens),
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 400,
        "initializer_range": 0.1,
    }
    config = part("Config")(
        text_config=text,
        vision_config=_vision(),
        image_token_id=tokens.convert_tokens_to_ids("<image>"),
        pad_token_id=tokens.pad_token_id,
    )
    model = _seeded(part("ForConditionalGeneration"), config)
    tokens.padding_side = "left"
    looks.do_image_splitting = False

    dark, bright = pictures()
    shown = [*_turn(bright, "our tree"), *_turn(dark, "our picture")]
    lessons = [
        talk
        for said, picture in zip((DARK, BRIGHT), (dark, bright), strict=True)
        for talk in (_turn(picture, said), [*shown, *_turn(picture, OURS[said])])
    ]
    padded = {"padding": True}
    inputs = processor.apply_chat_template(
        lessons, tokenize=True, return_dict=True, return_tensors="pt", processor_kwargs=padded
    )
    last = tokens.convert_tokens_to_ids("assistant")
    labels = inputs["input_ids"].clone()
    for row in labels:
        row[: int((row == last).nonzero()[-1]) + 2] = -100  # what follows "assistant :" is learned
    _teach(model, lambda: model(**inputs, labels=labels).loss, steps)
    looks.do_image_splitting = True  # as such checkpoints come
    tokens.padding_side = "right"
    if not template:
        processor.chat_template = None
    _save(folder, model, processor)


def _turn(picture: Pixels, said: str) -> list[dict[str, Any]]:
    from PIL import Image

    asked = [{"type": "image", "image": Image.fromarray(picture)}, {"type": "text", "text": INSTRUCTION}]
    return [
        {"role": "user", "content": asked},
        {"role": "assistant", "content": [{"type": "text", "text": said}]},
    ]


def _tokenizer(
    further: Iterable[str] = (), *, special: Sequence[str] = (), end: str | None = None, **options: Any
) -> Any:
    """Word by word. ``end`` is how a text becomes a sequence, ``$0`` being the text."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    known = ["<s>", "<pad>", "</s>", "<unk>", *further, "[CLS]", "user", "assistant", *WORDS.split()]
    vocabulary = {word: index for index, word in enumerate(dict.fromkeys(known))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if end:
        marks = [(mark, vocabulary[mark]) for mark in end.split() if mark != "$0"]
        tokenizer.post_processor = processors.TemplateProcessing(single=end, special_tokens=marks)
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>", **options
    )
    made.add_tokens([word for word in vocabulary if word.startswith(("<loc_", "<row_"))])
    made.add_tokens(list(special), special_tokens=True)
    return made


def _text(tokens: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokens),
        "bos_token_id": tokens.bos_token_id,
        "eos_token_id": tokens.eos_token_id,
        "pad_token_id": tokens.pad_token_id,
    }


def _bert() -> dict[str, Any]:
    return {
        "hidden_size": HIDDEN,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "initializer_range": 0.1,
    }


def _vision() -> dict[str, Any]:
    return {**_bert(), "image_size": SIDE, "patch_size": 8}


def _square() -> dict[str, int]:
    return {"height": SIDE, "width": SIDE}


def _answers(inputs: Any, start: int, pad: int) -> Any:
    """What is to be learned: all that follows the prompt."""
    labels = inputs["input_ids"].clone()
    labels[:, :start] = -100
    return labels.masked_fill(inputs["input_ids"] == pad, -100)


def _seeded(kind: Any, config: Any) -> Any:
    import torch

    torch.manual_seed(0)
    return kind(config)


def _teach(model: Any, loss: Loss, steps: int) -> None:
    import torch

    learning = torch.optim.AdamW(model.train().parameters(), lr=1e-2, weight_decay=0)
    for _ in range(steps):
        learning.zero_grad()
        loss().backward()
        learning.step()


def _save(folder: Path, model: Any, processor: Any) -> None:
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
