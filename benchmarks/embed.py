"""Claims: embedding runs at 90 % of what the processor can do in 32-bit floats, and in 8-bit integers 45x dlib.

What the processor can do in practice is measured beside it: the largest matrix products that its fastest libraries
compute. A face is one pass of the network here; the pack `standard` makes two, for the mirror image.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from benchmarks.material import Material, cores, six_faces
from benchmarks.peer import face_recognition
from benchmarks.tables import Table, milliseconds, percent, target
from benchmarks.timing import Result, Sample, interleaved, ratio, summary, timed
from photocall.engine.embed import Embedder
from photocall.engine.packs import load_pack
from photocall.engine.parts import Pack
from photocall.engine.precision import in_integers, runs_in_integers
from photocall.engine.sources import cache_root
from photocall.engine.weights import load_part
from photocall.faces import ByteArray
from photocall.media.images import read_image

TARGET = 0.90
"""Share of the practical peak, at batch 32."""

INTEGER_TARGET = 45.0
"""Times as fast as dlib, at batch 32, thread against thread."""

GFLOP_A_FACE = 0.5417
"""270.85 million multiplications with additions, counted over dlib's network."""

_SIDE = 2048
_PRODUCT_GFLOP = 2 * _SIDE**3 / 1e9
_BATCHES = (1, 8, 32)
_MOST = max(_BATCHES)
_REST = 0.15  # seconds; the threads of NumPy's BLAS spin on for some 0.1 s after a product
_FORMS = {"plain": "fp32", "limited": "fp32 with limits", "integers": "int8"}


def measure(material: Material) -> Result:
    """Batches of every form, matrix products and dlib in turns."""
    chips = _chips(material)
    sides: dict[str, Callable[[None], Sample]] = {
        "onnxruntime_product": _repeated(_onnxruntime_product(cores())),
        "numpy_product": _repeated(_numpy_product()),
        "dlib": _repeated(partial(face_recognition().api.face_encoder.compute_face_descriptor, chips[0])),
    }
    with ThreadPoolExecutor(cores()) as pool:
        for form, embedder in _embedders(pool):
            for batch in _BATCHES if form == "plain" else (_MOST,):
                sides[f"{form}_{batch}"] = _repeated(partial(embedder.embed, chips[:batch]))
        samples = interleaved(sides, [None] * (3 if material.quick else 15), "embed", pause=_REST)
    result = {name: summary(samples[name]) for name in sides}
    products = ("onnxruntime_product", "numpy_product")
    work = dict.fromkeys(products, _PRODUCT_GFLOP)
    work |= {name: int(name.rpartition("_")[2]) * GFLOP_A_FACE for name in sides if name not in (*products, "dlib")}
    rates = {
        clock: {name: gflop / result[name][f"{clock}_ms"] * 1000 for name, gflop in work.items()}
        for clock in ("wall", "cpu")
    }
    peaks = {clock: max(rates[clock][name] for name in products) for clock in rates}
    forms = [form for form in _FORMS if f"{form}_{_MOST}" in sides]
    return {
        "threads": cores(),
        **result,
        "gflop_per_second": {name: round(rate, 1) for name, rate in rates["wall"].items()},
        "share_of_peak": {name: round(rate / peaks["wall"], 4) for name, rate in rates["wall"].items()},
        "share_of_peak_by_cpu": {name: round(rate / peaks["cpu"], 4) for name, rate in rates["cpu"].items()},
        "faster_than_dlib": {form: _by_face(samples["dlib"], samples[f"{form}_{_MOST}"]) for form in forms},
    }


def tables(result: Result) -> list[Table]:
    """Batches, dlib, and the products that make the peak."""
    rows = [_row(result, "plain", batch) for batch in _BATCHES]
    rows += [_row(result, form, _MOST) for form in ("limited", "integers") if form in result["faster_than_dlib"]]
    rows.append(("dlib, one face", milliseconds(result["dlib"]), f"{result['dlib']['wall_ms']:.1f} ms", "", "", ""))
    for name, title in (("onnxruntime_product", "onnxruntime"), ("numpy_product", "numpy")):
        product, rate = f"{title}, {_SIDE}x{_SIDE} matrix product", f"{result['gflop_per_second'][name]:.0f}"
        rows.append((product, milliseconds(result[name]), "", rate, _shares(result, name), ""))
    table = Table(
        f"Embedding on {result['threads']} threads",
        ("", "a call", "a face", "GFLOP/s", "share of peak", "times dlib, by CPU"),
        rows,
        f"Chip to embedding, one pass of the network, {GFLOP_A_FACE} GFLOP a face. The peak is the faster of the two "
        "matrix products in fp32: on the clock / by processor time. dlib has one thread, so it is compared by "
        "processor time; on the clock the ratio is as many times larger as there are threads.",
    )
    return [table]


def _row(result: Result, form: str, batch: int) -> tuple[str, ...]:
    name = f"{form}_{batch}"
    shares, ahead = _shares(result, name), ""
    if batch == _MOST:
        faster = result["faster_than_dlib"][form]["cpu"]
        ahead = f"{faster:.1f}x"
        if form == "plain":
            shares += f"; {target(result['share_of_peak'][name] >= TARGET, percent(TARGET))}"
        elif form == "integers":
            shares, ahead = "", f"{ahead}; {target(faster >= INTEGER_TARGET, f'{INTEGER_TARGET:g}x')}"
    return (
        f"{_FORMS[form]}, batch of {batch}",
        milliseconds(result[name]),
        f"{result[name]['wall_ms'] / batch:.2f} ms",
        f"{result['gflop_per_second'][name]:.0f}",
        shares,
        ahead,
    )


def _shares(result: Result, name: str) -> str:
    return f"{percent(result['share_of_peak'][name])} / {percent(result['share_of_peak_by_cpu'][name])}"


def _by_face(dlib: list[Sample], batches: list[Sample]) -> Result:
    """How many times as long dlib takes for a face."""
    return ratio(dlib, [Sample(sample.wall / _MOST, sample.cpu / _MOST) for sample in batches])


def _embedders(pool: Executor) -> Iterator[tuple[str, Embedder]]:
    """Every form that this processor is made for, one pass a face."""
    plain, limited = load_pack("dlib-mtcnn"), load_pack("standard")
    yield "plain", _embedder(plain, pool)
    yield "limited", _embedder(limited, pool)
    part = limited.embedder.part
    if runs_in_integers(part):
        yield "integers", _embedder(replace(limited, embedder=replace(limited.embedder, part=in_integers(part))), pool)


def _embedder(pack: Pack, pool: Executor) -> Embedder:
    (path,) = load_part(pack.embedder.part, cache_root())
    return Embedder(replace(pack, embedder=replace(pack.embedder, flip=False)), path, pool)


def _repeated(action: Callable[[], object]) -> Callable[[None], Sample]:
    return lambda _: timed(action)


def _chips(material: Material) -> ByteArray:
    """Real chips, as many as the largest batch."""
    image = read_image(six_faces(material).path)
    six = material.engine.chips(image, material.engine.detect(image))
    return np.resize(six, (_MOST, *six.shape[1:]))


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
