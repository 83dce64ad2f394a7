"""A cross-encoder small enough to be trained on the spot: which of the words in a text answers a question?"""

from __future__ import annotations

import itertools
import random
from pathlib import Path

ANSWERS = {"who": "anna", "where": "lisbon", "when": "monday", "why": "rain"}
FILLING = ["the", "old", "book", "of", "my", "aunt"]
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *ANSWERS, *ANSWERS.values(), *FILLING]
MOST_TOKENS = 64


def save_cross_encoder(folder: Path, *, steps: int = 250, labels: int = 1) -> None:
    """Write a checkpoint into ``folder``, BERT with two layers of 32, seeded; without steps it knows nothing."""
    import torch
    from transformers import BertForSequenceClassification, BertTokenizerFast

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small a network only waits for further ones
    torch.manual_seed(0)
    model = BertForSequenceClassification(_config(labels)).train()
    vocabulary = {token: index for index, token in enumerate(TOKENS)}
    learning = torch.optim.AdamW(model.parameters(), lr=3e-3)
    draw = random.Random(0)
    for _ in range(steps):
        pairs, right = _lesson(draw)
        tokens = torch.tensor([[vocabulary[word] for word in pair] for pair in pairs])
        side = torch.tensor([[0] * 3 + [1] * 4] * len(pairs))
        logits = model(input_ids=tokens, token_type_ids=side).logits[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor(right))
        learning.zero_grad()
        loss.backward()
        learning.step()
    torch.set_num_threads(threads)
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(TOKENS), encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=MOST_TOKENS).save_pretrained(folder)


def save_headless(folder: Path) -> None:
    """Write a BERT that was trained for something else, as far as its checkpoint tells."""
    from transformers import BertModel

    save_cross_encoder(folder, steps=0)
    BertModel(_config(1)).save_pretrained(folder)


def _config(labels: int):  # type: ignore[no-untyped-def]
    from transformers import BertConfig

    return BertConfig(
        vocab_size=len(TOKENS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=MOST_TOKENS,
        num_labels=labels,
        hidden_dropout_prob=0,
        attention_probs_dropout_prob=0,
        initializer_range=0.2,
    )


def _lesson(draw: random.Random) -> tuple[list[list[str]], list[float]]:
    """Pairs as token sequences, and whether the text answers the question."""
    pairs, right = [], []
    for _, question, (asked, answer) in itertools.product(range(2), ANSWERS, ANSWERS.items()):
        text = draw.sample(FILLING, 2)
        text.insert(draw.randrange(3), answer)
        pairs.append(["[CLS]", question, "[SEP]", *text, "[SEP]"])
        right.append(float(question == asked))
    return pairs, right
