"""The DET plot: its points are the rates, and it is drawn or refused in time."""

import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photocall.errors import ExtraMissing, SettingInvalid
from photocall.evaluation.det import Tradeoff, check_plot, curve, draw

IMPOSTORS = np.array([0.2, 0.4, 0.6, np.inf])
GENUINE = np.array([0.5, 0.1, 0.3, np.inf])


def test_every_point_of_the_curve_is_both_rates_at_one_threshold() -> None:
    x, y = curve(IMPOSTORS, 10, GENUINE)
    assert x.tolist() == [0, 0.1, 0.2, 0.3]
    assert y.tolist() == [0.75, 0.5, 0.25, 0.25]


def test_a_plot_is_drawn_with_its_operating_point() -> None:
    x, y = curve(np.linspace(0.3, 1, 1000), 1000, np.linspace(0.1, 0.5, 200))
    plain = draw(Tradeoff(x, y, "FMR", "FNMR", None), "png", "title")
    marked = draw(Tradeoff(x, y, "FMR", "FNMR", (0.01, 0.3), "here"), "png", "title")
    pictures = [np.asarray(Image.open(BytesIO(data)).convert("RGB")) for data in (plain, marked)]
    assert pictures[0].shape == pictures[1].shape and (pictures[0] != pictures[1]).any()
    red = (pictures[1].astype(int) @ (2, -1, -1)) > 150
    assert red.sum() > 20


def test_a_plot_of_nothing_is_empty_and_no_crash() -> None:
    assert draw(Tradeoff(*curve(np.zeros(0), 1, np.zeros(0)), "FMR", "FNMR", (0.0, 1.0)), "svg", "t").startswith(
        b"<?xml"
    )


def test_what_cannot_be_drawn_is_refused_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    check_plot(Path("a.svg"))
    with pytest.raises(SettingInvalid, match=r"\.png or \.svg"):
        check_plot(Path("a.jpg"))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ExtraMissing, match=r"--plot: .*photocall\[plot\]"):
        check_plot(Path("a.png"))
