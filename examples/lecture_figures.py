"""The figures of docs/lecture.md: gradient flow, gates over time, attention, and how far memory reaches.

    pip install "seqmem[plot]"
    python -m seqmem memory --folder runs --json > memory.json      # thirty minutes; --quick: four
    python examples/lecture_figures.py --memory memory.json --out docs/figures

Without --memory the figures of the memory experiment are left out.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from seqmem.experiments import Experiment
from seqmem.insight import (
    gradient_flow_of_cases,
    plot_attention,
    plot_gradient_flow,
    plot_memory_horizon,
    plot_trace,
)
from seqmem.tasks import phrase_model

COURSES = {
    "alone": "trained at one distance only",
    "mixed": "trained on all distances from the first step",
    "growing": "trained on near distances first",
}


def save(picture, folder, name, title=None, width=7):
    """Write a figure as SVG, which stays sharp and small."""
    if title:
        picture.axes.set_title(title)
    picture.figure.set_size_inches(width, 4)
    picture.save(folder / f"{name}.svg", metadata={"Date": None})
    print(folder / f"{name}.svg")


def memory_figures(text, folder):
    """One figure for each course of the memory experiment, and one of the bottleneck."""
    found = json.loads(text)
    memory = Experiment.from_json(json.dumps(found["memory"]))
    for course, title in COURSES.items():
        if course in memory.courses:
            save(plot_memory_horizon(memory, course), folder, f"memory-{course}", title)
    bottleneck = Experiment.from_json(json.dumps(found["bottleneck"]))
    for course in bottleneck.courses:
        picture = plot_memory_horizon(bottleneck, course)
        picture.axes.set_xlabel("symbols of the source")
        save(picture, folder, f"bottleneck-{course}", f"{course}: whole sequences without a mistake")


def gates_figure(translator, text, folder):
    """Draw the forget gates of a trained encoder while it reads a text."""
    words = translator.prepare(text)
    source = np.array(translator.source_vocabulary.encode(words))[:, None]
    encoder = translator.model.encoder
    _, cache = encoder.forward(source)
    picture = plot_trace(encoder.layer.trace(cache.layer), "f")
    picture.axes.set_xticks(range(len(words)), labels=words)
    picture.axes.set_xlabel("word")
    save(picture, folder, "gates", "forget gates of a trained LSTM that reads a phrase")


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", default="figures", help="the folder (default: %(default)s)")
    parser.add_argument("--memory", help="what `python -m seqmem memory --json` printed")
    parser.add_argument("--quick", action="store_true", help="small figures, to see that it runs")
    arguments = parser.parse_args(argv)
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        print('this needs matplotlib: pip install "seqmem[plot]"', file=sys.stderr)
        return 3

    folder = Path(arguments.out)
    folder.mkdir(parents=True, exist_ok=True)
    size = {"steps": 20, "hidden_size": 8} if arguments.quick else {}
    cases = gradient_flow_of_cases(**size)
    print(cases)
    save(
        plot_gradient_flow(cases),
        folder,
        "gradient-flow",
        "‖dL/dh‖, L being a projection of the last output",
        width=9,
    )

    epochs = 1 if arguments.quick else None
    gates_figure(phrase_model("fr", cell="lstm", epochs=epochs), "The black cat sat on the table", folder)
    translator = phrase_model("fr", epochs=epochs)
    (found,) = translator.translate(["The cat sat on mat"])
    save(plot_attention(found), folder, "attention", found.text)
    if arguments.memory:
        memory_figures(Path(arguments.memory).read_text(encoding="utf-8"), folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
