"""Records the tokens of transformers' own `generate`, which hugging_face_checks.py compares with.

The image's transformers has no DonutSwin: this runs with another one, before the serving environment's packages.

    uv pip install --target OTHER --python .venv-serving/bin/python --no-deps transformers==4.40.2 safetensors==0.4.3 \\
        tokenizers==0.19.1 huggingface-hub==0.23.0 sentencepiece==0.2.0 regex tqdm filelock fsspec
    PYTHONPATH=OTHER .venv-serving/bin/python tests/serving/in_image/record_hugging_face.py

It reads samples through transformers' DonutImageProcessor, as they are and at sizes that must be fitted.
"""

import json
from pathlib import Path
import tempfile

import numpy as np
import torch
import transformers
from transformers import DonutImageProcessor, VisionEncoderDecoderModel, XLMRobertaTokenizer

from hugging_face_folders import save_bin, write_folder
from hugging_face_pages import PAGES, RECORDED, sample

MOST_TOKENS = 144


def main():
    """Writes the record beside this file."""
    # transformers before 4.43 tells a Donut by this word in its folder's name (transformers#31470).
    with tempfile.TemporaryDirectory(suffix="donut") as name:
        folder = Path(name)
        write_folder(folder, save_bin)
        model = VisionEncoderDecoderModel.from_pretrained(folder).eval()
        tokenizer = XLMRobertaTokenizer.from_pretrained(folder)
        processor = DonutImageProcessor.from_pretrained(folder)
    prompt = torch.tensor([[tokenizer.convert_tokens_to_ids("<s_receipt>")]])
    tokens = {"as_they_are": [], "to_be_fitted": []}
    for kind, found in tokens.items():
        for index in range(PAGES):
            page = sample(index, fitted=kind == "as_they_are")
            pixels = torch.tensor(np.array(processor(page)["pixel_values"][0])).unsqueeze(0)
            ids = model.generate(
                pixels,
                decoder_input_ids=prompt,
                max_length=MOST_TOKENS,
                do_sample=False,
                num_beams=1,
                bad_words_ids=[[tokenizer.unk_token_id]],
            )
            found.append(ids[0].tolist())
    record = {"transformers": transformers.__version__, "torch": torch.__version__, **tokens}
    RECORDED.write_text(json.dumps(record, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
