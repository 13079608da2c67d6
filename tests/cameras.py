"""Cameras for browsers in tests: a file that Chromium takes for one, which shows a picture all the time."""

from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageOps

from photocall.faces import ByteArray

SIZE = (640, 480)
"""Pixels of what the camera shows."""

SECONDS, FRAME_RATE = 2, 10
"""Of the file, which Chromium plays again and again."""


def camera_flags(image: ByteArray, folder: Path) -> tuple[str, ...]:
    """What a browser is to be started with, so that its camera shows an image, uint8 RGB, shape (h, w, 3)."""
    path = folder / "camera.y4m"
    shown = ImageOps.pad(Image.fromarray(image), SIZE, color=(128, 128, 128))
    with av.open(path, "w", format="yuv4mpegpipe") as file:
        stream = file.add_stream("wrapped_avframe", rate=FRAME_RATE)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for _ in range(SECONDS * FRAME_RATE):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(shown), "rgb24").reformat(format="yuv420p")))
        file.mux(stream.encode())
    return (
        "--use-fake-ui-for-media-stream",  # says yes for the user
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={path}",
    )
