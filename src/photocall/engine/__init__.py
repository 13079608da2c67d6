"""Pixels to faces: the only part of photocall that knows ONNX Runtime. `face_engine` is its door."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
"""Before ONNX Runtime is imported: as it comes, it gives the machine an id and sends events to Microsoft.
https://github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md"""
