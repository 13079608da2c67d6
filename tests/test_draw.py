from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from photocall.errors import SettingInvalid
from photocall.faces import BoundingBox, ByteArray
from photocall.media.draw import SHEET_LIMIT, Label, annotate, contact_sheet
from photocall.roster import Status

PRESENT = Label(BoundingBox(250, 200, 100, 130), "", Status.PRESENT)
UNCERTAIN = Label(BoundingBox(250, 200, 100, 130), "", Status.UNCERTAIN)
STRANGER = Label(BoundingBox(250, 200, 100, 130), "", None)


def canvas(width: int = 600, height: int = 480, grey: int = 128) -> ByteArray:
    return np.full((height, width, 3), grey, np.uint8)


def changed(image: ByteArray, label: Label) -> NDArray[np.bool_]:
    """Where the label left a mark, bool of shape (h, w)."""
    marks: NDArray[np.bool_] = np.any(annotate(image, [label]) != image, axis=2)
    return marks


def named(left: float, top: float, text: str, kind: Status | None = Status.PRESENT) -> Label:
    return Label(BoundingBox(left, top, 40, 50), text, kind)


def colours(image: ByteArray) -> list[tuple[int, ...]]:
    """The colours of a picture, the most frequent first."""
    packed = image.astype(np.int64) @ (1 << 16, 1 << 8, 1)
    values, counts = np.unique(packed, return_counts=True)
    return [(value >> 16, value >> 8 & 255, value & 255) for value in values[np.argsort(-counts)].tolist()]


def line_coverage(label: Label) -> float:
    """Share of the upper edge's straight part that carries the label's own colour."""
    own = colours(annotate(canvas(), [Label(label.box, "name", label.kind)]))[1]
    picture = annotate(canvas(), [label])
    box = label.box
    edge = picture[int(box.top) : int(box.top) + 8, int(box.left) + 20 : int(box.right) - 20]
    return float((edge == own).all(axis=2).any(axis=0).mean())


def contrast(first: tuple[int, ...], second: tuple[int, ...]) -> float:
    """Contrast ratio of two sRGB colours as WCAG 2.1 defines it."""
    linear = [np.array(colour) / 255 for colour in (first, second)]
    linear = [np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4) for part in linear]
    dark, light = sorted(float(part @ (0.2126, 0.7152, 0.0722)) for part in linear)
    return (light + 0.05) / (dark + 0.05)


def test_the_picture_given_is_left_as_it_is() -> None:
    image = canvas()
    annotated = annotate(image, [PRESENT])
    assert (image == 128).all()
    assert annotated.shape == image.shape
    assert annotated.dtype == np.uint8
    annotated[:] = 0
    assert (image == 128).all()


def test_a_read_only_picture_can_be_annotated() -> None:
    image = canvas()
    image.flags.writeable = False
    assert changed(image, PRESENT).any()


def test_without_labels_nothing_is_drawn() -> None:
    assert (annotate(canvas(), []) == canvas()).all()


def test_the_line_follows_the_edge_of_the_box_and_leaves_the_face_free() -> None:
    marks = changed(canvas(), PRESENT)
    rows, columns = np.nonzero(marks)
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == (250, 200, 349, 329)
    assert not marks[210:320, 260:340].any()


def test_the_line_of_a_present_student_is_solid_and_of_an_uncertain_one_dashed() -> None:
    assert line_coverage(PRESENT) == 1
    assert 0.5 < line_coverage(UNCERTAIN) < 0.8
    assert line_coverage(STRANGER) == 1


def test_a_stranger_has_a_thinner_line_than_a_student() -> None:
    student, stranger = (
        changed(canvas(1920, 1080), Label(BoundingBox(250, 200, 100, 130), "", kind)) for kind in (Status.PRESENT, None)
    )
    assert stranger.sum() < 0.9 * student.sum()


def test_kinds_differ_in_lightness_as_well_as_in_hue() -> None:
    tags = [annotate(canvas(), [Label(PRESENT.box, "somebody", kind)]) for kind in (Status.PRESENT, Status.UNCERTAIN)]
    green, amber = (colours(tag)[1] for tag in tags)
    assert contrast(green, amber) > 2


@pytest.mark.parametrize("kind", [Status.PRESENT, Status.UNCERTAIN, None])
def test_names_stand_out_from_their_tag(kind: Status | None) -> None:
    """At least 4.5:1, level AA of WCAG 2.1."""
    image = canvas(1920, 1080)
    _, tag, ink = colours(annotate(image, [Label(BoundingBox(800, 400, 200, 260), "MMMMMMMM", kind)]))[:3]
    assert contrast(tag, ink) >= 4.5


def test_an_absent_student_is_drawn_as_a_stranger_is() -> None:
    absent = Label(STRANGER.box, "x", Status.ABSENT)
    assert (annotate(canvas(), [absent]) == annotate(canvas(), [Label(STRANGER.box, "x", None)])).all()


def test_lines_and_letters_grow_with_the_picture_and_the_face() -> None:
    small = changed(canvas(400, 300), Label(BoundingBox(100, 100, 60, 75), "Ada", Status.PRESENT))
    large = changed(canvas(4000, 3000), Label(BoundingBox(1000, 1000, 600, 750), "Ada", Status.PRESENT))
    assert large.sum() > 30 * small.sum()
    near, far = (Label(BoundingBox(1000, 1000, size, size), "Ada", Status.PRESENT) for size in (600, 60))
    assert (
        np.nonzero(changed(canvas(4000, 3000), near))[0].min() < np.nonzero(changed(canvas(4000, 3000), far))[0].min()
    )


@pytest.mark.parametrize(("left", "top"), [(0, 0), (560, 0), (0, 430), (560, 430), (-20, 200), (580, -25)])
def test_a_name_stays_inside_the_picture(left: int, top: int) -> None:
    tag = tuple(colours(annotate(canvas(), [named(280, 200, "Grace Hopper")]))[1])
    inside = annotate(canvas(), [named(280, 200, "Grace Hopper")])
    at_the_edge = annotate(canvas(), [named(left, top, "Grace Hopper")])
    box = Label(BoundingBox(left, top, 40, 50), "", Status.PRESENT)

    def tag_pixels(image: ByteArray, frame: ByteArray) -> int:
        return int(((image == tag).all(axis=2) & (frame == 128).all(axis=2)).sum())

    expected = tag_pixels(inside, annotate(canvas(), [named(280, 200, "")]))
    assert tag_pixels(at_the_edge, annotate(canvas(), [box])) >= 0.95 * expected


def test_names_of_neighbours_cover_no_face_and_no_other_name() -> None:
    labels = [named(150 + 60 * column, 200 + 8 * (column % 2), "Long Name", Status.PRESENT) for column in range(4)]
    picture = annotate(canvas(), labels)
    for label in labels:
        left, top = int(label.box.left), int(label.box.top)
        assert (picture[top + 8 : top + 42, left + 8 : left + 32] == 128).all()
    tag = colours(picture)[1]
    alone = [(annotate(canvas(), [label]) == tag).all(axis=2).sum() for label in labels]
    assert (picture == tag).all(axis=2).sum() >= 0.98 * sum(alone)


def test_a_name_longer_than_the_picture_is_wide_is_shortened() -> None:
    picture = annotate(canvas(), [named(280, 200, "a very long name " * 1000)])
    columns = np.nonzero((picture != 128).any(axis=(0, 2)))[0]
    assert 400 < columns.max() - columns.min() < 600


def test_accents_that_the_font_lacks_are_left_out() -> None:
    pairs = [
        ("José Müller", "Jose Muller"),
        ("Łukasz Æbelø", "Lukasz Aebelo"),
        ("Anne\u2010Marie\u2013Zoë", "Anne-Marie-Zoe"),
    ]
    for accented, plain in pairs:
        assert (annotate(canvas(), [named(280, 200, accented)]) == annotate(canvas(), [named(280, 200, plain)])).all()


def test_a_blank_name_is_not_written() -> None:
    assert (annotate(canvas(), [named(280, 200, " \n\t ")]) == annotate(canvas(), [named(280, 200, "")])).all()


@pytest.mark.parametrize("box", [BoundingBox(700, 10, 50, 50), BoundingBox(-90, 10, 50, 50), BoundingBox(10, 10, 0, 0)])
def test_a_box_that_shows_nothing_of_the_picture_is_left_out(box: BoundingBox) -> None:
    assert (annotate(canvas(), [Label(box, "outside", Status.PRESENT)]) == canvas()).all()


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=30), left=st.integers(-50, 70), width=st.floats(0, 200), size=st.integers(1, 60))
def test_any_text_and_box_can_be_drawn_on_any_picture(text: str, left: int, width: float, size: int) -> None:
    image = canvas(size, 61 - size)
    for kind in (*Status, None):
        assert annotate(image, [Label(BoundingBox(left, left, width, width / 2), text, kind)]).shape == image.shape


@pytest.mark.parametrize("text", ["Владимир", "山田太郎", "محمد", "🙂", "Ren\udc80", "\x00\x1b[31m", "\u202etxet"])
def test_names_in_any_script_leave_a_tag(text: str) -> None:
    assert changed(canvas(), named(280, 200, text)).sum() > 1.2 * changed(canvas(), named(280, 200, "")).sum()


def test_a_contact_sheet_shows_faces_in_order_with_captions_below() -> None:
    faces = [np.full((50, 40, 3), (value, 0, 0), np.uint8) for value in (50, 150, 250)]
    sheet = contact_sheet([(face, "Ada") for face in faces], columns=2)
    red = sheet[..., 0][sheet[..., 1] == 0]
    assert set(np.unique(red)) >= {50, 150, 250}
    rows, columns = zip(*(np.argwhere((sheet == face[0, 0]).all(axis=2)).mean(axis=0) for face in faces), strict=True)
    assert rows[0] == rows[1] < rows[2]
    assert columns[0] == columns[2] < columns[1]
    without = contact_sheet([(face, "") for face in faces], columns=2)
    assert without.shape == sheet.shape
    assert np.nonzero((sheet != without).any(axis=(1, 2)))[0].min() > rows[0] + 25


def test_captions_have_up_to_four_lines() -> None:
    face = canvas(40, 50)
    lines = ["Ada", "first", "last", "99 %", "left out"]
    sheets = [contact_sheet([(face, "\n".join(lines[:count]))]) for count in range(6)]
    assert all((less != more).any() for less, more in pairwise(sheets[:5]))
    assert (sheets[4] == sheets[5]).all()


def test_a_caption_too_wide_for_its_face_stays_in_its_column() -> None:
    sheet = contact_sheet([(canvas(), "W" * 500), (canvas(), "")])
    assert (sheet == contact_sheet([(canvas(), "W" * 400), (canvas(), "")])).all()
    middle = sheet.shape[1] // 2
    assert (sheet[:, middle + 8 :] == contact_sheet([(canvas(), ""), (canvas(), "")])[:, middle + 8 :]).all()


@pytest.mark.parametrize(("width", "height"), [(30, 30), (20, 200), (200, 20), (700, 900)])
def test_crops_keep_their_shape_at_the_size_of_their_place(width: int, height: int) -> None:
    sheet = contact_sheet([(canvas(width, height, 90), "")])
    rows, columns = np.nonzero(np.all(sheet == 90, axis=2))
    shown = (np.ptp(columns) + 1, np.ptp(rows) + 1)
    assert max(shown) == 168
    assert shown[0] / shown[1] == pytest.approx(width / height, rel=0.05)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 1000), (1000, 1)])
def test_the_thinnest_crops_still_have_a_place(width: int, height: int) -> None:
    assert contact_sheet([(canvas(width, height), "x")]).shape == contact_sheet([(canvas(), "x")]).shape


def test_a_sheet_without_faces_says_that_nobody_was_seen() -> None:
    sheet = contact_sheet([])
    assert sheet.shape[0] < 200
    assert 0.005 < (sheet < 128).mean() < 0.2


def test_a_sheet_of_very_many_faces_is_bounded() -> None:
    face = np.zeros((8, 8, 3), np.uint8)
    more, many = (contact_sheet([(face, "")] * (SHEET_LIMIT + extra), columns=1) for extra in (1, 500))
    assert more.shape == many.shape
    assert more.shape[0] < 65_500
    assert (more != many).any()


def test_a_sheet_without_columns_is_refused() -> None:
    with pytest.raises(SettingInvalid, match="0 columns"):
        contact_sheet([], columns=0)
