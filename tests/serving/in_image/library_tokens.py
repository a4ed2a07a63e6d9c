"""The tokens of the library that is there, donut-python's or transformers', which the archive's own code must give."""

from unittest import mock

import torch

import library_network


class LibraryTokens:
    """A model's network as the library computes it.

    Args:
        model: As `load_model` returns it; a processor must not have taken it apart yet.
    """

    def __init__(self, model):
        self._model = model
        self.network = library_network.network(model)

    @property
    def head(self):
        """The output layer."""
        return self.language_model.lm_head

    @property
    def language_model(self):
        """The decoder with its output layer."""
        decoder = self.network.decoder
        return decoder.model if library_network.HAS_DONUT_PYTHON else decoder

    def cells(self, images):
        """Returns the encoder's output."""
        with torch.no_grad():
            found = self.network.encoder(images)
        return found if library_network.HAS_DONUT_PYTHON else found.last_hidden_state

    def logits(self, images, tokens):
        """Returns the logits behind each of some tokens."""
        with torch.no_grad():
            ids, cells = torch.tensor([tokens]), self.cells(images)
            return self.network.decoder(ids, encoder_hidden_states=cells).logits[0]

    def tokens(self, tensor):
        """Returns the tokens that the library decodes of one page."""
        prompt = torch.tensor([self._model.tokenizer.ids_of(self._model.config.task_prompt)])
        with torch.no_grad():
            if library_network.HAS_DONUT_PYTHON:
                return self._inferred(tensor, prompt)
            return self._generated(tensor, prompt)

    def _inferred(self, tensor, prompt):
        taken = []
        generate = self.language_model.generate
        self.network.config.max_length = self._model.config.max_length

        def keep(*arguments, **options):
            output = generate(*arguments, **options)
            taken.append(output.sequences[0].tolist())
            return output

        with mock.patch.object(self.language_model, "generate", keep):
            self.network.inference(image_tensors=tensor.unsqueeze(0), prompt_tensors=prompt)
        return taken[0]

    def _generated(self, tensor, prompt):
        tokenizer = self._model.tokenizer
        ids = self.network.generate(
            tensor.unsqueeze(0),
            decoder_input_ids=prompt,
            max_length=self._model.config.max_length,
            do_sample=False,
            num_beams=1,
            bad_words_ids=[[tokenizer.unknown]],
            eos_token_id=tokenizer.end,
            pad_token_id=tokenizer.padding,
            forced_eos_token_id=self._model.config.forced_end,
        )
        return ids[0].tolist()
