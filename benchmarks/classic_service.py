"""The service that people write today: Flask and face_recognition, forty lines. The baseline of `benchmarks.service`.

`python -m benchmarks.classic_service ENCODINGS.npy` listens on a free port and prints its address. The lock is needed:
without it, photos of different sizes that are encoded at once end the process by a segmentation fault or an abort.
"""

import sys
import warnings
from threading import Lock

import numpy as np
from flask import Flask, jsonify, request
from werkzeug.serving import make_server

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its models package imports pkg_resources
    import face_recognition

app = Flask(__name__)
lock = Lock()
known_encodings = list(np.load(sys.argv[1]).astype(np.float64))
known_names = [f"person {number}" for number in range(len(known_encodings))]


@app.post("/faces/<name>")
def index(name):  # type: ignore[no-untyped-def]
    """Learn the first face of a photo."""
    with lock:
        encodings = face_recognition.face_encodings(face_recognition.load_image_file(request.files["image"]))
        if not encodings:
            return jsonify(error="no face"), 400
        known_encodings.append(encodings[0])
        known_names.append(name)
    return jsonify(faces=1)


@app.post("/search")
def search():  # type: ignore[no-untyped-def]
    """Who the first face of a photo is."""
    with lock:
        encodings = face_recognition.face_encodings(face_recognition.load_image_file(request.files["image"]))
    if not encodings:
        return jsonify(error="no face"), 400
    distances = face_recognition.face_distance(known_encodings, encodings[0])
    best = int(np.argmin(distances))
    return jsonify(name=known_names[best] if distances[best] <= 0.6 else None, distance=float(distances[best]))


if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, app, threaded=True)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
