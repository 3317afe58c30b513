"""A training step as a CUDA graph: small networks are limited by the launch of thousands of kernels a step."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor

from dbram_baseline.training.step import Learner, Step

WARM_UP = 5  # steps before a capture, in which torch and its libraries choose algorithms and allocate


@dataclass(frozen=True)
class _Captured:
    """A captured step: its graph, the inputs that it reads, and the terms that it writes."""

    graph: torch.cuda.CUDAGraph
    inputs: Tensor
    targets: Tensor
    terms: dict[str, Tensor]


class GraphedStep:
    """A step that runs eagerly at first, is then captured, and from then on replayed; a graph for each size of batches.

    Every call is a training step, with the results of the step that it wraps. That step must be a fixed sequence of
    GPU work: no draws on the CPU, and no values read back. Optimizers must be capturable and have their learning rate
    as a tensor on the GPU.
    """

    def __init__(self, step: Step):
        self.step = step
        self.calls: Counter[torch.Size] = Counter()
        self.captured: dict[torch.Size, _Captured] = {}
        self.stream: torch.cuda.Stream | None = None  # of the steps before a capture

    def __call__(self, learner: Learner, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """One step; the arguments and the result are those of a Step. The next call may overwrite the result."""
        self.calls[inputs.shape] += 1
        if self.calls[inputs.shape] <= WARM_UP:
            return self._run_eagerly(learner, inputs, targets)
        if inputs.shape not in self.captured:
            self.captured[inputs.shape] = self._capture(learner, inputs, targets)
        captured = self.captured[inputs.shape]
        captured.inputs.copy_(inputs)
        _stored(captured.targets).copy_(_stored(targets))
        captured.graph.replay()
        return captured.terms

    def _run_eagerly(self, learner: Learner, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """A step on a stream of its own, as those before a capture must be."""
        if self.stream is None:
            self.stream = torch.cuda.Stream(inputs.device)
        current = torch.cuda.current_stream(inputs.device)
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            terms = self.step(learner, inputs, targets)
        current.wait_stream(self.stream)
        return terms

    def _capture(self, learner: Learner, inputs: Tensor, targets: Tensor) -> _Captured:
        inputs, targets = inputs.clone(), _stored(targets).clone().expand_as(targets)
        for optimizer in learner.optimizers.values():
            optimizer.zero_grad(set_to_none=True)  # gradients are allocated again, in the memory of the graph
        torch.cuda.synchronize(inputs.device)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            terms = self.step(learner, inputs, targets)
        return _Captured(graph, inputs, targets, {name: term.detach() for name, term in terms.items()})


def _stored(targets: Tensor) -> Tensor:
    """The planes that are in memory: one, where `as_target` repeats it."""
    return targets[:, :1] if targets.stride(1) == 0 else targets
