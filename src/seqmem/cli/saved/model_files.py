"""The commands inspect and convert: files of models and of arrays, without using them."""

from __future__ import annotations

import argparse
from typing import Any

from seqmem.cli.arguments import add_force
from seqmem.cli.terminal.output import check_model_path, naming
from seqmem.cli.terminal.screen import folded
from seqmem.interop.converting import FORMATS, ending, read_any, write_any
from seqmem.interop.files import safetensors_summary
from seqmem.training.files.summary import summary
from seqmem.validation import brief


def add(commands: Any) -> None:
    """Add these commands to the parser."""
    parser = commands.add_parser("inspect", help="print what is in a file of a model, without loading it")
    parser.add_argument("file", metavar="FILE", help="a file that save, train or fit(checkpoint=...) wrote")
    parser.set_defaults(command=inspect)
    parser = commands.add_parser(
        "convert", help="convert weights: .npz, .safetensors and .onnx files, torch's layout"
    )
    parser.add_argument("source", metavar="IN", help="a model of seqmem, an ONNX graph, or arrays by name")
    parser.add_argument("out", metavar="OUT", help="the file to write; its ending determines the format")
    parser.add_argument(
        "--from", dest="layout", choices=("torch",), help="IN holds arrays with torch's names and layout"
    )
    parser.add_argument("--to", choices=("torch",), help="write arrays with torch's names and layout")
    parser.add_argument("--prefix", default="", help="the beginning of torch's names, such as rnn.")
    parser.add_argument(
        "--kind", choices=("embedding", "linear"), help="the kind of torch's module if it is not recurrent"
    )
    parser.add_argument("--part", choices=("encoder", "decoder"), help="of a translator, for an ONNX graph")
    parser.add_argument("--node", metavar="NAME", help="of an ONNX graph: one of its recurrent nodes")
    add_force(parser)
    parser.set_defaults(command=convert)


def inspect(arguments: argparse.Namespace) -> None:
    """Print the contents of a file."""
    with naming(arguments.file):
        of_safetensors = ending(arguments.file) == ".safetensors"
        print(folded((safetensors_summary if of_safetensors else summary)(arguments.file)))


def convert(arguments: argparse.Namespace) -> None:
    """Read a file and write it in another form."""
    source, out, suffix = arguments.source, arguments.out, ending(arguments.out)
    if suffix not in FORMATS:
        raise ValueError(f"OUT is {brief(out)}, expected a name that ends in {', '.join(FORMATS)}")
    if suffix == ".onnx" and arguments.to:
        raise ValueError("--to torch writes arrays, expected OUT to end in .npz or .safetensors")
    check_model_path(out, [source], force=arguments.force)
    of_torch = {"torch": arguments.layout == "torch", "kind": arguments.kind}
    with naming(source):
        found, metadata = read_any(source, prefix=arguments.prefix, node=arguments.node, **of_torch)
    if suffix == ".onnx" and isinstance(found, dict):
        raise ValueError(f"{source} holds arrays, expected a model, or --from torch to make one")
    to_torch = {"torch": arguments.to == "torch", "prefix": arguments.prefix}
    with naming(out):
        print(f"{write_any(out, found, metadata, part=arguments.part, **to_torch)} in {out}")
