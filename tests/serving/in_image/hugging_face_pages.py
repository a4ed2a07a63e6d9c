"""The pages whose tokens are recorded, and where."""

from pathlib import Path

from PIL import Image

RECORDED = Path(__file__).with_name("hugging_face_tokens.json")
PAGES = 50
_SAMPLES = Path(__file__).resolve().parents[3] / "samples" / "receipts"


def sample(index, *, fitted):
    """A sample receipt: in the model's own size, or in one that must be fitted, some of them across."""
    page = Image.open(_SAMPLES / f"receipt-{index:03d}.jpg").convert("RGB")
    if fitted:
        return page
    return page.resize((300 + 17 * index, 700 - 5 * index), Image.BILINEAR)
