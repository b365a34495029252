"""The command sample: draw a text like those of the training."""

from __future__ import annotations

import argparse
from typing import Any

from seqmem.cli.arguments import positive, seed, size
from seqmem.cli.terminal.output import naming
from seqmem.tasks import TextGenerator


def add(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser("sample", help="draw texts from a saved language model")
    parser.add_argument("model", metavar="MODEL", help="a model that train --task language-model saved")
    parser.add_argument("text", nargs="*", metavar="PROMPT", help="the beginning of each text")
    parser.add_argument(
        "--length", type=size, default=400, help="number of symbols without the prompt (default: %(default)s)"
    )
    parser.add_argument(
        "--temperature",
        type=positive,
        default=1.0,
        help="below 1, probable symbols become more probable (default: %(default)s)",
    )
    parser.add_argument("--top-k", type=size, metavar="K", help="draw from the K most probable symbols")
    parser.add_argument(
        "--top-p",
        type=positive,
        metavar="P",
        help="draw from the fewest symbols that together have probability P",
    )
    parser.add_argument("--until-end", action="store_true", help="end where the model ends a text")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the draws (default: %(default)s)")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Print a text for each prompt, the prompt included."""
    with naming(arguments.model):
        task = TextGenerator.load(arguments.model)
    prompts = arguments.text or [""]
    found = task.predict(
        prompts,
        n_symbols=arguments.length,
        temperature=arguments.temperature,
        top_k=arguments.top_k,
        top_p=arguments.top_p,
        until_end=arguments.until_end,
        rng=arguments.seed,
    )
    for prompt, text in zip(prompts, found, strict=True):
        space = " " if prompt and task.level == "word" else ""
        print(f"{prompt}{space}{text}")
