"""Pixels to faces: the only part of photocall that knows ONNX Runtime. `face_engine` is its door."""
