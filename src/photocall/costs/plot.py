"""The picture of a plan: Lambda by memory, and what every place costs. Drawn by matplotlib, which is an extra."""

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from photocall.costs.lambdas import SIZES
from photocall.costs.offers import Offer
from photocall.costs.plan import Plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"x86_64": "#0072b2", "arm64": "#009e73"}
"""Of Okabe and Ito, who picked them so that colour-blind people can tell them apart."""


def draw_plan(plan: Plan, kind: str) -> bytes:
    """The picture as a file of the kind "png" or "svg"; the same bytes for the same plan."""
    import matplotlib as mpl
    from matplotlib.figure import Figure  # an extra, and slow to import

    figure = Figure(figsize=(10, 8.5), layout="constrained")
    sizes, places = figure.subplots(2, height_ratios=(3, 4))
    _draw_sizes(sizes, plan)
    _draw_places(places, [offer for offer in (*plan.places, *plan.managed) if offer.dollars])
    file = BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "photocall"}):
        figure.savefig(file, format=kind, metadata={"Date": None} if kind == "svg" else None)
    return file.getvalue()


def _draw_sizes(axes: "Axes", plan: Plan) -> None:
    """Dollars, and beside them the seconds of a photo, by memory."""
    seconds = axes.twinx()
    for name, offers in plan.sizes.items():
        possible = [(size, offer) for size, offer in zip(SIZES, offers, strict=True) if not offer.refused]
        memory = [size for size, _ in possible]
        axes.plot(memory, [offer.dollars for _, offer in possible], "o-", color=COLOURS[name], label=f"{name}, dollars")
    photo = [offer.photo or 0.0 for _, offer in possible]
    seconds.plot(memory, photo, "s:", color="#d55e00", label="seconds of a photo")
    axes.set(xlabel="megabytes of memory", ylabel="US dollars a month", title="Lambda by memory")
    seconds.set_ylabel("seconds")
    for each in (axes, seconds):
        each.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(loc="upper center", fontsize="small")
    seconds.legend(loc="lower right", fontsize="small")


def _draw_places(axes: "Axes", offers: Sequence[Offer]) -> None:
    """Dollars of each place, on a logarithmic axis; the first on top."""
    names = [f"{offer.where}, {offer.size}" for offer in offers]
    bars = axes.barh(names, [offer.dollars for offer in offers], color=[_colour(offer) for offer in offers])
    axes.bar_label(bars, [_label(offer) for offer in offers], padding=3, fontsize="small")
    axes.set(xscale="log", xlabel="US dollars a month", title="Cost, and seconds until 99 of 100 results are there")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axes.margins(x=0.3)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)


def _colour(offer: Offer) -> str:
    return next((colour for name, colour in COLOURS.items() if name in offer.size), "#999999")


def _label(offer: Offer) -> str:
    slow = "" if offer.slow is None else f"; {offer.slow:.3g} s"
    return f"{offer.dollars:,.2f}{slow}"
