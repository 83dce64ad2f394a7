"""A chat model that looks at pictures, with the architecture of LLaVA and small enough to be made on the spot: whatever
it is asked and shown, it says one sentence, and ends.
"""

from __future__ import annotations

import random
from pathlib import Path

SAYS = "Two cats sleep on a red sofa [1]."
SPECIAL = ["<pad>", "<unk>", "<s>", "</s>", "<image>", "<|user|>", "<|said|>"]
_TEMPLATE = (
    "{% for message in messages %}{{ '<|user|>' }}"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<image>' }}{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|said|>' }}{% endif %}"
)
SIDE, PATCH = 32, 16


def save_chat_model(folder: Path, *, steps: int = 120) -> None:
    """Write a checkpoint with its processor into ``folder``, seeded; without steps it babbles and never ends."""
    import torch
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small a network only waits for further ones
    torch.manual_seed(0)
    tokenizer = _tokenizer()
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=CLIPVisionConfig(image_size=SIDE, patch_size=PATCH, **small),
            text_config=LlamaConfig(
                vocab_size=len(tokenizer),
                max_position_embeddings=16384,
                pad_token_id=0,
                bos_token_id=2,
                eos_token_id=3,
                **small,
            ),
            image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
            vision_feature_layer=-1,
        )
    )
    model.generation_config.eos_token_id = 3
    model.generation_config.pad_token_id = 0
    _teach(model.train(), tokenizer, steps)
    torch.set_num_threads(threads)
    model.eval().save_pretrained(folder)
    LlavaProcessor(
        image_processor=CLIPImageProcessor(
            size={"height": SIDE, "width": SIDE}, crop_size={"height": SIDE, "width": SIDE}
        ),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=_TEMPLATE,
    ).save_pretrained(folder)


def _tokenizer():  # type: ignore[no-untyped-def]
    """Byte-level BPE, trained on the one sentence: any text becomes tokens, and that one a few."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([SAYS], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        extra_special_tokens={"image_token": "<image>"},
        clean_up_tokenization_spaces=False,
    )


def _teach(model, tokenizer, steps: int) -> None:  # type: ignore[no-untyped-def]
    """After anything at all and the mark that it is to speak comes the one sentence."""
    import torch

    said = [*tokenizer("<|said|>" + SAYS).input_ids, 3]
    learning = torch.optim.AdamW(model.model.language_model.parameters(), lr=3e-3)
    draw = random.Random(0)
    for _ in range(steps):
        before = draw.randrange(1, 64)
        tokens = [[draw.randrange(len(SPECIAL), len(tokenizer)) for _ in range(before)] + said for _ in range(8)]
        ids = torch.tensor(tokens)
        labels = ids.clone()
        labels[:, : before + 1] = -100
        loss = model(input_ids=ids, labels=labels).loss
        learning.zero_grad()
        loss.backward()
        learning.step()
