"""What a model pack is made of: files, parts of files that are converted together, and how to feed and read them.

Plain frozen data; `packs.py` reads it from `packs.toml` and from a user's own file of the same layout.
"""

from dataclasses import dataclass

from photocall.calibration import Calibration
from photocall.errors import NotCalibrated
from photocall.metric import Metric

INTEGER_KIND = "dlib-int8"
"""The kind of a part that is dlib's network in 8-bit integers."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file as published; it comes out of an installed package, or lies at `path`, or is fetched from `url`.

    Attributes:
        name: what it is: pnet, rnet, onet, detector, predictor or embedder.
        role: the part of the pack it belongs to: detector, landmarks or embedder.
        pack: the pack that names it.
        package: name and version of the package it comes in, "mtcnn==1.0.0"; or empty.
        path: below the package's own directory, with slashes; or where the file lies on this machine; or empty.
        url: where it can be fetched; or empty.
        home: the project's page; may be empty for a file of the user's own.
        licence: SPDX identifier, or the terms in words.
        sha256: hexadecimal, 64 digits.
        bytes: size.
    """

    name: str
    role: str
    pack: str
    package: str
    path: str
    url: str
    home: str
    licence: str
    sha256: str
    bytes: int

    @property
    def source(self) -> str:
        """Where it comes from, in one word: package, address or path."""
        return self.package or self.url or self.path


@dataclass(frozen=True, slots=True)
class Pixels:
    """What an ONNX network wants to see: (value - mean) / scale of 0..255, in the network's own order of channels.

    Attributes:
        layout: "nchw" or "nhwc".
        colour: "rgb" or "bgr".
        mean: a value a channel.
        scale: a value a channel.
    """

    layout: str
    colour: str
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Part:
    """Files that are converted and kept together; packs that name the same ones share them.

    Attributes:
        kind: how they are converted: "mtcnn", "predictor", "dlib", `INTEGER_KIND`, "detector" or "embedder".
        files: as published.
        pixels: what ONNX files want to see; None where the conversion knows it.
        limits: the highest activation after each layer of dlib's network, in order; empty for none.
        sums: lowest and highest value of each of its convolutions that no ReLU follows, in order; what its form in
            8-bit integers needs beside the limits. Empty for a network that has no such form.
    """

    kind: str
    files: tuple[SourceFile, ...]
    pixels: Pixels | None = None
    limits: tuple[float, ...] = ()
    sums: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class DetectorPart:
    """What finds faces.

    Attributes:
        layout: one of `DETECTORS`.
        part: its networks.
        threshold: score from which a face counts, 0..1; 0 for MTCNN, whose stages have their own.
        long_side: pixels to which a larger picture is reduced first; 0 for MTCNN, which sees all sizes.
    """

    layout: str
    part: Part
    threshold: float = 0.0
    long_side: int = 0


@dataclass(frozen=True, slots=True)
class EmbedderPart:
    """What makes a vector of a face.

    Attributes:
        alignment: "dlib" for its 150x150 chip, "arcface" for the 112x112 one.
        part: its network.
        flip: whether a chip's vector is averaged with that of the mirrored chip.
    """

    alignment: str
    part: Part
    flip: bool


@dataclass(frozen=True, slots=True)
class Measurement:
    """What the distances of a pack mean, and how that is known.

    Attributes:
        calibration: the meaning.
        valid: (from, to): distances for which it was measured.
        source: on what it was measured.
    """

    calibration: Calibration
    valid: tuple[float, float]
    source: str


@dataclass(frozen=True, slots=True)
class Pack:
    """The networks that work together, and how to read their results.

    Attributes:
        name: of the pack.
        detector: finds faces and five points of each.
        landmarks: dlib's shape predictor, for dlib's alignment; None for others.
        embedder: makes vectors.
        model: name of the embedding space; embeddings of different spaces are never compared.
        dimension: length of an embedding.
        unit_length: whether vectors are scaled to unit length, so that Euclidean distance orders them as the cosine
            does (d^2 = 2 - 2 cos) and nothing else needs to know.
        metric: how vectors are compared.
        measurement: what distances mean; None where nobody has measured it yet.
    """

    name: str
    detector: DetectorPart
    landmarks: Part | None
    embedder: EmbedderPart
    model: str
    dimension: int
    unit_length: bool
    metric: Metric
    measurement: Measurement | None

    @property
    def parts(self) -> tuple[Part, ...]:
        """Detector, landmarks where there are any, embedder."""
        landmarks = () if self.landmarks is None else (self.landmarks,)
        return (self.detector.part, *landmarks, self.embedder.part)

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """The files of all parts."""
        return tuple(file for part in self.parts for file in part.files)

    @property
    def calibration(self) -> Calibration:
        """What distances mean. Raises `NotCalibrated` if nobody has measured it."""
        if self.measurement is None:
            raise NotCalibrated(self.name)
        return self.measurement.calibration
