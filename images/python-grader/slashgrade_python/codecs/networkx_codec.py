"""NetworkX: graphs, with the attributes of nodes and edges."""

from __future__ import annotations

from typing import Any

import networkx as nx

from slashgrade_python.codec import Decoder, Encoder

_KINDS = {kind.__name__: kind for kind in (nx.Graph, nx.DiGraph, nx.MultiGraph, nx.MultiDiGraph)}


def encode(encoder: Encoder, value: Any) -> Any:
    """Return the tree of a graph; None for anything else."""
    if type(value) not in _KINDS.values():
        return None
    edges = list(value.edges(keys=True, data=True) if value.is_multigraph() else value.edges(data=True))
    return [
        "nx",
        type(value).__name__,
        encoder.encode(dict(value.graph)),
        encoder.encode([(node, dict(data)) for node, data in value.nodes(data=True)]),
        encoder.encode([(*edge[:-1], dict(edge[-1])) for edge in edges]),
    ]


def _decode(decoder: Decoder, tree: Any) -> Any:
    graph = _KINDS[tree[1]](**decoder.decode(tree[2]))
    graph.add_nodes_from(decoder.decode(tree[3]))
    graph.add_edges_from(decoder.decode(tree[4]))
    return graph


DECODERS = {"nx": _decode}
