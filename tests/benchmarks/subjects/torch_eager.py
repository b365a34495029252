"""The attention encoder-decoder in eager torch, as its users write it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from benchmarks.contests import BEAM
from benchmarks.problems import END, LEARNING_RATE, MAX_NORM, START, ClassifierProblem, TranslationProblem
from benchmarks.subjects import Subject
from benchmarks.subjects.torch_layout import from_torch, to_torch

IGNORED = -100  # cross_entropy's own mark of a target that does not count


class Attention(nn.Module):
    """Bahdanau's, on keys that are projected once."""

    def __init__(self, H: int, A: int) -> None:
        super().__init__()
        self.query = nn.Linear(H, A, bias=False)
        self.key = nn.Linear(H, A)
        self.score = nn.Linear(A, 1, bias=False)

    def forward(
        self, query: Tensor, keys: Tensor, projected: Tensor, valid: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Query (B, H), keys (B, S, H), projected (B, S, A) and valid (B, S) to (B, H) and (B, S)."""
        hidden = torch.tanh(projected + self.query(query).unsqueeze(1))
        scores = self.score(hidden).squeeze(2)
        if valid is not None:
            scores = scores.masked_fill(~valid, -torch.inf)
        weights = torch.softmax(scores, dim=1)
        return torch.bmm(weights.unsqueeze(1), keys).squeeze(1), weights


class Translator(nn.Module):
    """Encoder, attention and decoder."""

    def __init__(self, E: int, H: int, A: int, V: int, readout: str) -> None:
        super().__init__()
        self.readout = readout
        self.source_embedding = nn.Embedding(V, E)
        self.encoder = nn.LSTM(E, H)
        self.attention = Attention(H, A)
        self.target_embedding = nn.Embedding(V, E)
        self.cell = nn.LSTMCell(E + H, H)
        self.output = nn.Linear(H + E + H if readout == "all" else H, V)

    def encode(self, source: Tensor, lengths: Tensor | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """source (S, B) to keys (B, S, H) and the final state; lengths None means that all rows are full."""
        xs = self.source_embedding(source)
        if lengths is None:
            hs, (h, c) = self.encoder(xs)
        else:
            packed, (h, c) = self.encoder(pack_padded_sequence(xs, lengths, enforce_sorted=False))
            hs, _ = pad_packed_sequence(packed, total_length=len(source))
        return hs.transpose(0, 1).contiguous(), (h[0], c[0])

    def forward(self, source: Tensor, lengths: Tensor | None, valid: Tensor | None, inputs: Tensor) -> Tensor:
        """Teacher forcing: inputs (T, B) to logits (T, B, V)."""
        keys, (h, c) = self.encode(source, lengths)
        projected = self.attention.key(keys)
        states, contexts = [], []
        ys = self.target_embedding(inputs)
        for y in ys:
            context, _ = self.attention(h, keys, projected, valid)
            h, c = self.cell(torch.cat([y, context], dim=1), (h, c))
            states.append(h)
            contexts.append(context)
        hs = torch.stack(states)
        if self.readout == "all":
            hs = torch.cat([hs, ys, torch.stack(contexts)], dim=2)
        return self.output(hs)

    @torch.inference_mode()
    def greedy(self, source: Tensor, max_length: int) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (T, B), their log-probability (B,) and the attention weights (T, B, S)."""
        keys, (h, c) = self.encode(source, None)
        projected = self.attention.key(keys)
        token = torch.full((source.shape[1],), START)
        score = torch.zeros(source.shape[1], dtype=keys.dtype)
        ended = torch.zeros(source.shape[1], dtype=torch.bool)
        tokens, looked = [], []
        while len(tokens) < max_length and not ended.all():
            context, weights = self.attention(h, keys, projected, None)
            y = self.target_embedding(token)
            h, c = self.cell(torch.cat([y, context], dim=1), (h, c))
            shown = torch.cat([h, y, context], dim=1) if self.readout == "all" else h
            best, token = torch.log_softmax(self.output(shown), dim=1).max(dim=1)
            score = score + best.masked_fill(ended, 0)
            ended = ended | (token == END)
            tokens.append(token)
            looked.append(weights)
        return torch.stack(tokens), score, torch.stack(looked)

    @torch.inference_mode()
    def beam(self, source: Tensor, size: int, max_length: int) -> tuple[Tensor, Tensor, Tensor]:
        """The best of each beam: tokens (T, B), log-probability (B,) and attention weights (T, B, S).

        A hypothesis that has ended keeps its place and its score.
        """
        B, V = source.shape[1], self.output.out_features
        keys, states = self.encode(source, None)
        keys, h, c = (part.repeat_interleave(size, dim=0) for part in (keys, *states))
        projected = self.attention.key(keys)
        first = torch.arange(0, B * size, size).unsqueeze(1)
        scores = torch.full((B, size), -torch.inf, dtype=keys.dtype)
        scores[:, 0] = 0  # all beginnings are the same one
        token = torch.full((B * size,), START)
        ended = torch.zeros(B * size, dtype=torch.bool)
        only_end = torch.full((V,), -torch.inf, dtype=keys.dtype)
        only_end[END] = 0
        tokens, parents, looked = [], [], []
        while len(tokens) < max_length and not ended.all():
            context, weights = self.attention(h, keys, projected, None)
            y = self.target_embedding(token)
            h, c = self.cell(torch.cat([y, context], dim=1), (h, c))
            shown = torch.cat([h, y, context], dim=1) if self.readout == "all" else h
            log_p = torch.log_softmax(self.output(shown), dim=1)
            log_p = torch.where(ended.unsqueeze(1), only_end, log_p)
            scores, best = (scores.view(-1, 1) + log_p).view(B, -1).topk(size, dim=1)
            rows, token = (first + best // V).view(-1), (best % V).view(-1)
            h, c, ended = h[rows], c[rows], ended[rows] | (token == END)
            tokens.append(token)
            parents.append(rows)
            looked.append(weights)
        row = first.squeeze(1)
        for t in reversed(range(len(tokens))):  # from the end of the best back to its beginning
            tokens[t], row = tokens[t][row], parents[t][row]
            looked[t] = looked[t][row]
        return torch.stack(tokens), scores[:, 0], torch.stack(looked)


def model_of(problem: TranslationProblem) -> Translator:
    """The model with the problem's parameters."""
    _, _, _, E, H, A, V = problem.sizes
    p = problem.params
    model = Translator(E, H, A, V, problem.readout).to(getattr(torch, p["decoder.output.b"].dtype.name))
    values = {
        "source_embedding.weight": torch.from_numpy(p["encoder.embedding.W"]),
        "encoder.weight_ih_l0": to_torch(p["encoder.layer.cell.W_x"], "lstm"),
        "encoder.weight_hh_l0": to_torch(p["encoder.layer.cell.W_h"], "lstm"),
        "encoder.bias_ih_l0": to_torch(p["encoder.layer.cell.b"], "lstm"),
        "encoder.bias_hh_l0": torch.zeros(4 * H),
        "attention.query.weight": torch.from_numpy(p["decoder.context.W_q"].T),
        "attention.key.weight": torch.from_numpy(p["decoder.context.W_k"].T),
        "attention.key.bias": torch.from_numpy(p["decoder.context.b"]),
        "attention.score.weight": torch.from_numpy(p["decoder.context.v"][None]),
        "target_embedding.weight": torch.from_numpy(p["decoder.embedding.W"]),
        "cell.weight_ih": to_torch(p["decoder.cell.W_x"], "lstm"),
        "cell.weight_hh": to_torch(p["decoder.cell.W_h"], "lstm"),
        "cell.bias_ih": to_torch(p["decoder.cell.b"], "lstm"),
        "cell.bias_hh": torch.zeros(4 * H),
        "output.weight": torch.from_numpy(p["decoder.output.W"].T),
        "output.bias": torch.from_numpy(p["decoder.output.b"]),
    }
    model.load_state_dict(values)
    return model


def in_our_layout(tensors: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """Parameters or gradients by torch's names to the same by ours; of torch's two biases the first."""
    plain = {name: tensor.detach().numpy() for name, tensor in tensors.items()}
    return {
        "encoder.embedding.W": plain["source_embedding.weight"],
        "encoder.layer.cell.W_x": from_torch(tensors["encoder.weight_ih_l0"], "lstm"),
        "encoder.layer.cell.W_h": from_torch(tensors["encoder.weight_hh_l0"], "lstm"),
        "encoder.layer.cell.b": from_torch(tensors["encoder.bias_ih_l0"], "lstm"),
        "decoder.context.W_q": plain["attention.query.weight"].T,
        "decoder.context.W_k": plain["attention.key.weight"].T,
        "decoder.context.b": plain["attention.key.bias"],
        "decoder.context.v": plain["attention.score.weight"][0],
        "decoder.embedding.W": plain["target_embedding.weight"],
        "decoder.cell.W_x": from_torch(tensors["cell.weight_ih"], "lstm"),
        "decoder.cell.W_h": from_torch(tensors["cell.weight_hh"], "lstm"),
        "decoder.cell.b": from_torch(tensors["cell.bias_ih"], "lstm"),
        "decoder.output.W": plain["output.weight"].T,
        "decoder.output.b": plain["output.bias"],
    }


def training(problem: TranslationProblem) -> Subject:
    """zero_grad, loss, backward, clip_grad_norm_, Adam."""
    model = model_of(problem)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    source, inputs = torch.from_numpy(problem.source), torch.from_numpy(problem.inputs)
    targets = torch.from_numpy(np.where(problem.mask, problem.targets, IGNORED)).reshape(-1)
    S = len(source)
    full = bool((problem.source_lengths == S).all())
    lengths = None if full else torch.from_numpy(problem.source_lengths)  # packing full rows would only cost
    valid = torch.arange(S) < torch.from_numpy(problem.source_lengths)[:, None]

    def backward() -> Tensor:
        optimizer.zero_grad()
        logits = model(source, lengths, valid, inputs)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets, ignore_index=IGNORED)
        loss.backward()
        return loss

    def step() -> Tensor:
        loss = backward()
        nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
        optimizer.step()
        return loss

    def results() -> dict[str, np.ndarray]:
        backward()
        grads = in_our_layout({name: p.grad.clone() for name, p in model.named_parameters()})
        loss = step().detach().numpy()
        params = in_our_layout(dict(model.named_parameters()))
        moved = {
            f"move of {name}": (param - problem.params[name]) / LEARNING_RATE
            for name, param in params.items()
        }
        return {"loss": loss, **{f"d_{name}": grad for name, grad in grads.items()}, **moved}

    return Subject({"training step": step}, results)


class Classifier(nn.Module):
    """Embedding, LSTM, and logits from the last output."""

    def __init__(self, E: int, H: int, V: int, C: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(V, E)
        self.encoder = nn.LSTM(E, H)
        self.output = nn.Linear(H, C)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (T, B) to logits (B, C)."""
        hs, _ = self.encoder(self.embedding(tokens))
        return self.output(hs[-1])


def classifier(problem: ClassifierProblem) -> Subject:
    """zero_grad, loss, backward, clip_grad_norm_, Adam."""
    _, _, E, H, V, C = problem.sizes
    p = problem.params
    model = Classifier(E, H, V, C).to(getattr(torch, p["output.b"].dtype.name))
    values = {
        "embedding.weight": torch.from_numpy(p["encoder.embedding.W"]),
        "encoder.weight_ih_l0": to_torch(p["encoder.layer.cell.W_x"], "lstm"),
        "encoder.weight_hh_l0": to_torch(p["encoder.layer.cell.W_h"], "lstm"),
        "encoder.bias_ih_l0": to_torch(p["encoder.layer.cell.b"], "lstm"),
        "encoder.bias_hh_l0": torch.zeros(4 * H),
        "output.weight": torch.from_numpy(p["output.W"].T),
        "output.bias": torch.from_numpy(p["output.b"]),
    }
    model.load_state_dict(values)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    tokens, targets = torch.from_numpy(problem.tokens), torch.from_numpy(problem.targets)

    def backward() -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(tokens), targets)
        loss.backward()
        return loss

    def step() -> Tensor:
        loss = backward()
        nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
        optimizer.step()
        return loss

    def results() -> dict[str, np.ndarray]:
        loss = backward().detach().numpy()
        encoder = model.encoder
        return {
            "loss": loss,
            "d_encoder.embedding.W": model.embedding.weight.grad.numpy(),
            "d_encoder.layer.cell.W_x": from_torch(encoder.weight_ih_l0.grad, "lstm"),
            "d_encoder.layer.cell.W_h": from_torch(encoder.weight_hh_l0.grad, "lstm"),
            "d_encoder.layer.cell.b": from_torch(encoder.bias_ih_l0.grad, "lstm"),
            "d_output.W": model.output.weight.grad.numpy().T,
            "d_output.b": model.output.bias.grad.numpy(),
        }

    return Subject({"training step": step}, results)


def decoding(problem: TranslationProblem) -> Subject:
    """Greedy search with its scores and attention weights, T tokens for each row."""
    model = model_of(problem)
    source, T = torch.from_numpy(problem.source), problem.sizes[2]

    def generate() -> Any:
        return model.greedy(source, T)

    def results() -> dict[str, np.ndarray]:
        return dict(zip(("tokens", "score", "weights"), (found.numpy() for found in generate()), strict=True))

    return Subject({"greedy decoding": generate}, results)


def beam(problem: TranslationProblem) -> Subject:
    """The best of a beam with its score and attention weights, T tokens for each row."""
    model = model_of(problem)
    source, T = torch.from_numpy(problem.source), problem.sizes[2]

    def generate() -> Any:
        return model.beam(source, BEAM, T)

    def results() -> dict[str, np.ndarray]:
        return dict(zip(("tokens", "score", "weights"), (found.numpy() for found in generate()), strict=True))

    return Subject({f"beam search, beam {BEAM}": generate}, results)
