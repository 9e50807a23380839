"""Says on the terminal which part of the model is being trained."""

from __future__ import annotations

from typing import Any, TextIO

from rasa.engine.graph import ExecutionContext, GraphNodeHook


class Progress(GraphNodeHook):
    """Prints a line for each component that starts to work on the training data."""

    def __init__(self, terminal: TextIO) -> None:
        """Take the stream to print to."""
        self._terminal = terminal

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
            print(f"  {node.uses.__name__}: {node.fn}", file=self._terminal, flush=True)
        return {}

    def on_after_node(
        self,
        node_name: str,
        execution_context: ExecutionContext,
        config: dict[str, Any],
        output: Any,
        input_hook_data: dict[str, Any],
    ) -> None:
        """Nothing to do."""
