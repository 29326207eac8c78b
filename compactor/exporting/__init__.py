"""From a torch folder to an ONNX folder with the task's interface."""
