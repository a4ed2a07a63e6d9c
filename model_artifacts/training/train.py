"""Trains the small Donut on drawn receipts; my_model/README.md names the command that made the committed one.

Plain training stalls: the decoder learns what dates and amounts look like and never looks at the image. What makes it
read is a second, training-only loss, for which the renderer gives the labels: the character in each cell of the
encoder. The same seed and step count draw the same receipts in the same order, whatever the machine.

A step's receipts are shared among processes, one a core, each with its own copy of the network; their gradients are
averaged before every change of the weights, so that the copies stay equal.

Writes a line of JSON a report to standard output. Runs on Python 3.8 with the serving image's pins, and faster on those
of requirements.txt.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
import tempfile
import time
from typing import Any

import torch
from torch import distributed, nn
from torch.multiprocessing import spawn

from archive import MODEL_FOLDER
from batches import IGNORED_LABEL, NO_CHARACTER, Batch, BatchMaker
from donut_network import SizedDonut, SizedDonutConfig
from make_tokenizer import write_model_folder
from receipts import LIST_FIELD, TEXT_FIELDS
from rendering import make_page

PEAK_LEARNING_RATE = 1.2e-3
WARM_UP_STEPS = 200
GRADIENT_LIMIT = 1.0
EMPTY_CELL_WEIGHT = 0.2
# The first part of the run has neither line items nor a camera's marks, or nothing is read for a long time.
EASY_PART = 0.15
VALIDATION_BATCH = 32


def learning_rate(step: int, steps: int) -> float:
    """Returns the rate of a step: warm-up, level for the first half, then a straight line to 2 % of the peak."""
    progress = step / steps
    decay = 1.0 if progress < 0.5 else max(0.02, 2.0 * (1.0 - progress))  # noqa: PLR2004 - the half of the run
    return PEAK_LEARNING_RATE * min(1.0, (step + 1) / WARM_UP_STEPS) * decay


class Trainer:
    """A model in training.

    Args:
        folder: Holds the configuration and the tokenizer.
        steps: Length of the whole run; it shapes the learning rate and the curriculum.
        batch_size: Receipts a step, of all processes together.
        seed: Of the first weights.
        rank: Which of the processes this is, from 0.
        processes: How many there are; more than one must have joined a process group.
    """

    def __init__(  # noqa: PLR0917 - a run's figures, each by itself
        self, folder: Path, steps: int, batch_size: int, seed: int, rank: int = 0, processes: int = 1
    ) -> None:
        torch.manual_seed(seed)
        self.model = SizedDonut(SizedDonutConfig.from_pretrained(str(folder), name_or_path=str(folder)))
        vocabulary = self.model.decoder.model.config.vocab_size
        self.cell_head = nn.Linear(self.model.config.hidden_size, vocabulary)
        self.optimizer = torch.optim.AdamW(
            [*self.model.parameters(), *self.cell_head.parameters()],
            lr=PEAK_LEARNING_RATE,
            betas=(0.9, 0.98),
            weight_decay=0.01,
        )
        self.step = 0
        self._steps = steps
        self._batch_size = batch_size
        self._rank = rank
        self._processes = processes
        self._batches = BatchMaker(self.model)
        self._cell_weights = torch.ones(vocabulary)
        self._cell_weights[NO_CHARACTER] = EMPTY_CELL_WEIGHT

    def _losses(self, batch: Batch) -> dict[str, torch.Tensor]:
        cells = self.model.encoder(batch.images)
        result = self.model.decoder(batch.decoder_input, encoder_hidden_states=cells, use_cache=False)
        return {
            "loss": nn.functional.cross_entropy(
                result.logits.flatten(0, 1), batch.labels.flatten(), ignore_index=IGNORED_LABEL
            ),
            "cell_loss": nn.functional.cross_entropy(
                self.cell_head(cells).flatten(0, 1), batch.cell_characters.flatten(), weight=self._cell_weights
            ),
        }

    def _average_gradients(self) -> None:
        gradients = [p.grad for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
        together = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(together)
        together /= self._processes
        for gradient, mean in zip(gradients, together.split([gradient.numel() for gradient in gradients])):
            gradient.copy_(mean.view_as(gradient))

    def train_step(self) -> dict[str, float]:
        """Trains on this process's share of the next receipts.

        Returns:
            The step's `loss` (of the result) and `cell_loss`, in nats a token and a cell.
        """
        self.model.train()
        first = self.step * self._batch_size
        is_hard = self.step >= self._steps * EASY_PART
        mine = range(first + self._rank, first + self._batch_size, self._processes)
        pages = [make_page("training", index, with_items=is_hard, with_marks=is_hard) for index in mine]
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self._steps)
        losses = self._losses(self._batches.make(pages))
        self.optimizer.zero_grad()
        (losses["loss"] + losses["cell_loss"]).backward()
        if self._processes > 1:
            self._average_gradients()
        nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_LIMIT)
        self.optimizer.step()
        self.step += 1
        return {name: loss.item() for name, loss in losses.items()}

    @torch.no_grad()
    def exact_match(self, documents: int) -> dict[str, float]:
        """Returns the share of validation receipts read exactly: each text field, the three at once, the items."""
        self.model.eval()
        prompt = self.model.decoder.tokenizer.convert_tokens_to_ids(self.model.config.task_prompt)
        right = dict.fromkeys([*TEXT_FIELDS, "three", LIST_FIELD], 0)
        for first in range(0, documents, VALIDATION_BATCH):
            pages = [make_page("validation", i) for i in range(first, min(first + VALIDATION_BATCH, documents))]
            results = self.model.inference(
                image_tensors=self._batches.make(pages).images,
                prompt_tensors=torch.full((len(pages), 1), prompt, dtype=torch.long),
            )["predictions"]
            for page, result in zip(pages, results):
                fields = page.receipt.fields()
                # A result whose outermost tokens are a list's is wrong in every field.
                result = result if isinstance(result, dict) else {}  # noqa: PLW2901 - one result or none
                items = result.get(LIST_FIELD)
                matches = [result.get(name) == fields[name] for name in TEXT_FIELDS]
                # Donut reads a list of one as its element.
                matches += [all(matches), (items if isinstance(items, list) else [items]) == fields[LIST_FIELD]]
                for name, match in zip(right, matches):
                    right[name] += match
        return {name: count / documents for name, count in right.items()}

    def state(self) -> dict[str, Any]:
        """Returns everything that a resumed run needs."""
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "cell_head": self.cell_head.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue where `state()` was taken."""
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.cell_head.load_state_dict(state["cell_head"])
        self.optimizer.load_state_dict(state["optimizer"])


def report(**values: Any) -> None:
    """Prints one line of JSON."""
    print(json.dumps(values), flush=True)  # noqa: T201 - the command's output


def parse_arguments() -> argparse.Namespace:
    """Reads the command line; the defaults are the committed model's."""
    parser = argparse.ArgumentParser(description="Train the small receipts Donut.")
    parser.add_argument("--folder", type=Path, default=MODEL_FOLDER, help="model folder to write")
    parser.add_argument("--steps", type=int, default=6000, help="length of the schedule")
    parser.add_argument("--stop-after", type=int, help="end after this step of the schedule, once it reads well enough")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--processes", type=int, default=2, help="share every step among so many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report-every", type=int, default=100, help="steps between two lines of progress")
    parser.add_argument("--validate-every", type=int, default=500, help="steps between two validations; 0: never")
    parser.add_argument("--validation-documents", type=int, default=64)
    parser.add_argument("--checkpoint", type=Path, help="file kept up to date, and continued from where it exists")
    return parser.parse_args()


def train(rank: int, options: argparse.Namespace, meeting_point: str) -> None:
    """Trains as one of the processes; the first of them reports on the way and writes model.pth.

    Args:
        rank: Which process this is, from 0.
        options: The command line's.
        meeting_point: Name of a file that does not exist yet, where the processes find one another.
    """
    if options.processes > 1:
        torch.set_num_threads(1)
        distributed.init_process_group(
            "gloo", init_method=f"file://{meeting_point}", rank=rank, world_size=options.processes
        )
    trainer = Trainer(options.folder, options.steps, options.batch_size, options.seed, rank, options.processes)
    if options.checkpoint and options.checkpoint.exists():
        trainer.restore(torch.load(str(options.checkpoint), map_location="cpu"))
    is_first = rank == 0
    began, began_at_step, sums = time.monotonic(), trainer.step, {"loss": 0.0, "cell_loss": 0.0}
    while trainer.step < min(options.steps, options.stop_after or options.steps):
        losses = trainer.train_step()
        sums = {name: sums[name] + loss for name, loss in losses.items()}
        if is_first and trainer.step % options.report_every == 0:
            means = {name: round(total / options.report_every, 4) for name, total in sums.items()}
            images = (trainer.step - began_at_step) * options.batch_size
            report(step=trainer.step, images_per_second=round(images / (time.monotonic() - began), 1), **means)
            sums = dict.fromkeys(sums, 0.0)
        if is_first and options.validate_every and trainer.step % options.validate_every == 0:
            report(step=trainer.step, exact=trainer.exact_match(options.validation_documents))
            if options.checkpoint:
                torch.save(trainer.state(), str(options.checkpoint))
    if is_first:
        torch.save(trainer.model.state_dict(), str(options.folder / "model.pth"))
        report(finished=str(options.folder / "model.pth"), seconds=round(time.monotonic() - began))


def main() -> None:
    """Trains and writes model.pth beside its configuration and tokenizer."""
    options = parse_arguments()
    write_model_folder(options.folder)
    with tempfile.TemporaryDirectory() as folder:
        meeting_point = str(Path(folder) / "meeting-point")
        if options.processes > 1:
            spawn(train, (options, meeting_point), nprocs=options.processes)
        else:
            train(0, options, meeting_point)


if __name__ == "__main__":
    main()
