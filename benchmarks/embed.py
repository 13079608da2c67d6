"""Claim: embedding runs at 85 % or more of what the processor can do in 32-bit floats.

What it can do in practice is measured beside it: the largest matrix products that its fastest libraries compute.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from benchmarks.material import Material, cores, six_faces
from benchmarks.peer import face_recognition
from benchmarks.tables import Table, milliseconds, percent, target
from benchmarks.timing import Result, Sample, interleaved, summary, timed
from photocall.engine.face_engine import FaceEngine
from photocall.faces import ByteArray
from photocall.media.images import read_image

TARGET = 0.85
"""Share of the practical peak, at batch 32."""

GFLOP_A_FACE = 0.5417
"""270.85 million multiplications with additions, counted over dlib's network."""

_SIDE = 2048
_PRODUCT_GFLOP = 2 * _SIDE**3 / 1e9
_BATCHES = (1, 8, 32)
_REST = 0.15  # seconds; the threads of NumPy's BLAS spin on for some 0.1 s after a product


def measure(material: Material) -> Result:
    """Batches, matrix products and dlib in turns."""
    chips = _chips(material)
    sides: dict[str, Callable[[None], Sample]] = {
        "onnxruntime_product": _repeated(_onnxruntime_product(cores())),
        "numpy_product": _repeated(_numpy_product()),
        "dlib": _repeated(partial(face_recognition().api.face_encoder.compute_face_descriptor, chips[0])),
    }
    for batch in _BATCHES:
        sides[f"batch_{batch}"] = _repeated(partial(_embed, material.engine, chips[:batch]))
    samples = interleaved(sides, [None] * (3 if material.quick else 15), "embed", pause=_REST)
    result = {name: summary(samples[name]) for name in sides}
    rates = {name: _PRODUCT_GFLOP / result[name]["wall_ms"] * 1000 for name in ("onnxruntime_product", "numpy_product")}
    rates |= {f"batch_{n}": n * GFLOP_A_FACE / result[f"batch_{n}"]["wall_ms"] * 1000 for n in _BATCHES}
    peak = max(rates["onnxruntime_product"], rates["numpy_product"])
    return {
        "threads": cores(),
        **result,
        "gflop_per_second": {name: round(rate, 1) for name, rate in rates.items()},
        "share_of_peak": {f"batch_{n}": round(rates[f"batch_{n}"] / peak, 4) for n in _BATCHES},
    }


def tables(result: Result) -> list[Table]:
    """Batches, dlib, and the products that make the peak."""
    rates, shares = result["gflop_per_second"], result["share_of_peak"]
    rows = [_row(result, batch) for batch in _BATCHES]
    rows[-1] = (*rows[-1][:-1], f"{rows[-1][-1]}; {target(shares['batch_32'] >= TARGET, percent(TARGET))}")
    rows.append(("dlib, one face", milliseconds(result["dlib"]), f"{result['dlib']['wall_ms']:.1f} ms", "", ""))
    for name, title in (("onnxruntime_product", "onnxruntime"), ("numpy_product", "numpy")):
        product = f"{title}, {_SIDE}x{_SIDE} matrix product"
        rows.append((product, milliseconds(result[name]), "", f"{rates[name]:.0f}", ""))
    table = Table(
        f"Embedding on {result['threads']} threads",
        ("", "a call", "a face", "GFLOP/s", "share of peak"),
        rows,
        f"Chip to embedding, {GFLOP_A_FACE} GFLOP a face. The peak is the faster of the two matrix products.",
    )
    return [table]


def _row(result: Result, batch: int) -> tuple[str, ...]:
    name = f"batch_{batch}"
    return (
        f"photocall, batch of {batch}",
        milliseconds(result[name]),
        f"{result[name]['wall_ms'] / batch:.2f} ms",
        f"{result['gflop_per_second'][name]:.0f}",
        percent(result["share_of_peak"][name]),
    )


def _repeated(action: Callable[[], object]) -> Callable[[None], Sample]:
    return lambda _: timed(action)


def _chips(material: Material) -> ByteArray:
    """Real chips, as many as the largest batch."""
    image = read_image(six_faces(material).path)
    six = material.engine.chips(image, material.engine.detect(image))
    return np.resize(six, (max(_BATCHES), *six.shape[1:]))


def _embed(engine: FaceEngine, chips: ByteArray) -> None:
    engine.embed_chips(chips)


def _numpy_product() -> Callable[[], object]:
    a, b = _matrices()
    return partial(np.matmul, a, b, out=np.empty_like(a))


def _onnxruntime_product(threads: int) -> Callable[[], object]:
    """A product with a constant matrix, which the runtime may rearrange beforehand as it does with weights."""
    a, b = _matrices()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(_product_graph(b), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    binding.bind_cpu_input("a", a)
    binding.bind_ortvalue_output("c", ort.OrtValue.ortvalue_from_numpy(np.empty_like(a)))
    return partial(session.run_with_iobinding, binding)


def _product_graph(b: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> bytes:
    shape = [_SIDE, _SIDE]
    a, c = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("a", "c"))
    node = helper.make_node("MatMul", ["a", "b"], ["c"])
    graph = helper.make_graph([node], "product", [a], [c], [numpy_helper.from_array(b, "b")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    serialised: bytes = model.SerializeToString()
    return serialised


def _matrices() -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float32]], ...]:
    random = np.random.default_rng(7)
    return tuple(random.random((_SIDE, _SIDE), np.float32) for _ in range(2))
