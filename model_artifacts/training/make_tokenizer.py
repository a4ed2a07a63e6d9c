"""Makes the small model's tokenizer and configuration: `python make_tokenizer.py [--folder my_model]`.

The tokenizer is a character-level sentencepiece model: a network of 0.7 million parameters cannot afford the
57,000 pieces of the stock one, and receipts have no words worth remembering. The same bytes come out every time.
"""

import argparse
import io
import json
from pathlib import Path
import string

import sentencepiece

from archive import MODEL_FOLDER
from receipts import ITEM_FIELDS, LIST_FIELD, TEXT_FIELDS
from rendering import IMAGE_HEIGHT, IMAGE_WIDTH

CHARACTERS = string.digits + string.ascii_letters + ".,-/:$&'#%*()+"
SPACE = "\u2581"
UNKNOWN_BEGIN_END = 3
TASK_PROMPT = "<s_receipt>"

# `<sep/>`, which parts the items of a list, is donut-python's own.
FIELD_NAMES = (*TEXT_FIELDS, LIST_FIELD, *ITEM_FIELDS)

CONFIGURATION = {
    "model_type": "donut",
    "input_size": [IMAGE_HEIGHT, IMAGE_WIDTH],
    "align_long_axis": False,
    "window_size": 8,
    "encoder_layer": [2, 2],
    "encoder_embed_dim": 48,
    "encoder_heads": [2, 4],
    "decoder_layer": 2,
    "decoder_heads": 4,
    "decoder_ffn_dim": 384,
    "max_length": 136,
    "max_position_embeddings": 144,
    "special_tokens": sorted(
        [TASK_PROMPT, *(f"<s_{name}>" for name in FIELD_NAMES), *(f"</s_{name}>" for name in FIELD_NAMES)]
    ),
    "task_prompt": TASK_PROMPT,
    "list_fields": [LIST_FIELD],
}


def train_tokenizer() -> bytes:
    """Returns the sentencepiece model: one piece a character, and nothing changed on the way in."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(CHARACTERS)]),
        model_writer=written,
        model_type="char",
        vocab_size=len(CHARACTERS) + len(SPACE) + UNKNOWN_BEGIN_END,
        character_coverage=1.0,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        num_threads=1,
        minloglevel=2,
    )
    return written.getvalue()


def write_model_folder(folder: Path) -> None:
    """Writes `config.json` and `sentencepiece.bpe.model` into a folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sentencepiece.bpe.model").write_bytes(train_tokenizer())
    (folder / "config.json").write_text(json.dumps(CONFIGURATION, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the small model's tokenizer and configuration.")
    parser.add_argument("--folder", type=Path, default=MODEL_FOLDER)
    write_model_folder(parser.parse_args().folder)
