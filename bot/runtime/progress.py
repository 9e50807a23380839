"""Says on the terminal which part of the model is being trained."""

from __future__ import annotations

import time
from typing import Any, TextIO

from rasa.engine.graph import ExecutionContext, GraphNodeHook


class Progress(GraphNodeHook):
    """Prints a line for each component that works on the training data, and how long it took in seconds."""

    def __init__(self, terminal: TextIO) -> None:
        """Take the stream to print to."""
        self._terminal, self._began = terminal, 0.0

    def on_before_node(
        self,
        node_name: str,
        execution_context: ExecutionContext,
        config: dict[str, Any],
        received_inputs: dict[str, Any],
    ) -> dict[str, Any]:
        """Print the component's name."""
        node = execution_context.graph_schema.nodes[node_name]
        if not node.is_input:
            print(f"  {node.uses.__name__}.{node.fn}", end="", file=self._terminal, flush=True)
        self._began = time.monotonic()
        return {}

    def on_after_node(
        self,
        node_name: str,
        execution_context: ExecutionContext,
        config: dict[str, Any],
        output: Any,
        input_hook_data: dict[str, Any],
    ) -> None:
        """Print the time."""
        if not execution_context.graph_schema.nodes[node_name].is_input:
            print(f" ({time.monotonic() - self._began:.1f} s)", file=self._terminal, flush=True)
