"""How one answer is made: a plain call, or inputs and outputs bound to the device, with one captured CUDA graph a shape."""

from __future__ import annotations

from functools import partial
from typing import Any

from compactor.measuring.worker.timing import Run

GPU_PROVIDERS = frozenset({"CUDAExecutionProvider", "TensorrtExecutionProvider"})
NO_CAPTURE = "-1"


class Answerer:
    """Answers with one session. With `io_binding`, buffers on the device are kept for each shape and filled anew for each answer.

    What is timed is what an app waits for: from inputs in the host's memory to outputs in the host's memory, copies included.
    """

    def __init__(self, session: Any, job: dict[str, Any]) -> None:
        """Take a session; `job` says whether to bind, and whether CUDA graphs are on."""
        self.session = session
        self.on_gpu = job["provider"] in GPU_PROVIDERS
        self.bound = bool(job.get("io_binding") or job.get("cuda_graphs"))
        self.cuda_graphs = bool(job.get("cuda_graphs")) and self.on_gpu
        self.names = [each.name for each in session.get_outputs()]
        self._bindings: dict[Any, Binding] = {}

    def prepared(self, feed: dict[str, Any]) -> Run:
        """Return a call without arguments that answers this input; made once, so that nothing but the answer is timed."""
        return partial(self._binding(feed).run, feed) if self.bound else partial(self.session.run, None, feed)

    def answer(self, feed: dict[str, Any]) -> dict[str, Any]:
        """Return the outputs by name."""
        return dict(zip(self.names, self.prepared(feed)(), strict=True))

    def _binding(self, feed: dict[str, Any]) -> Binding:
        shapes = tuple((name, array.shape) for name, array in sorted(feed.items()))
        if shapes not in self._bindings:
            graph = str(len(self._bindings) + 1) if self.cuda_graphs else NO_CAPTURE
            self._bindings[shapes] = Binding(self.session, feed, "cuda" if self.on_gpu else "cpu", graph)
        return self._bindings[shapes]


class Binding:
    """Buffers of one shape at fixed addresses, which a captured graph needs."""

    def __init__(self, session: Any, feed: dict[str, Any], device: str, graph: str) -> None:
        """Allocate the inputs; run once, uncaptured, to learn the outputs' shapes; allocate those too.

        Args:
            session: where to run.
            feed: an input of the shape.
            device: `cuda` or `cpu`.
            graph: number of the CUDA graph to capture and replay, or -1 for none.
        """
        import onnxruntime

        self.session, self.binding = session, session.io_binding()
        self.inputs = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array.copy(), device, 0) for name, array in feed.items()}
        for name, value in self.inputs.items():
            self.binding.bind_ortvalue_input(name, value)
        names = [each.name for each in session.get_outputs()]
        for name in names:
            self.binding.bind_output(name, device)
        self.options = onnxruntime.RunOptions()
        self.options.add_run_config_entry("gpu_graph_id", NO_CAPTURE)
        session.run_with_iobinding(self.binding, self.options)
        self.outputs = [
            onnxruntime.OrtValue.ortvalue_from_numpy(each.numpy(), device, 0) for each in self.binding.get_outputs()
        ]
        for name, value in zip(names, self.outputs, strict=True):
            self.binding.bind_ortvalue_output(name, value)
        self.options.add_run_config_entry("gpu_graph_id", graph)

    def run(self, feed: dict[str, Any]) -> list[Any]:
        """Copy the input to the device, run, and return the outputs copied to the host (which waits for the device)."""
        for name, value in self.inputs.items():
            value.update_inplace(feed[name])
        self.session.run_with_iobinding(self.binding, self.options)
        return [value.numpy() for value in self.outputs]
