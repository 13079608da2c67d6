"""Where faces and registers are kept: the adapters of `ports.py`, chosen by URL in `app.py`."""
