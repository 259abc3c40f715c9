"""Which objects are discarded, and the reason that is given."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from superdsm_nb.automatic.postprocess import AutomaticPostprocessing
from superdsm_nb.config import AutomaticPostprocessSettings
from superdsm_nb.events import ObjectDiscarded
from superdsm_nb.objects import Object

RADIUS = 12.0
LARGE, SMALL = (30, 30), (30, 70)


def judged(small_radius, small_brightness, small_contrast=1.0):
    """Return what is accepted of a typical nucleus and a small object, and the reasons against the rest.

    The brightness is that above the threshold of the foreground.
    """
    rows, cols = np.indices((60, 100))
    image = np.random.default_rng(0).normal(0, 0.01, rows.shape)
    y = np.full(rows.shape, -0.4)
    objects = []
    for (row, col), radius, brightness, contrast in (
        (LARGE, RADIUS, 0.6, 1.0),
        (SMALL, small_radius, small_brightness, small_contrast),
    ):
        mask = np.hypot(rows - row, cols - col) < radius
        image[mask] += contrast
        y[mask] = brightness
        item = Object(footprint=frozenset((len(objects) + 1,)), energy=0.0, pixels=int(mask.sum()))
        item.set_pixels(*np.nonzero(mask))
        objects.append(item)
    inputs = {
        "cover": SimpleNamespace(solution=objects),
        "g_raw": image,
        "content": (slice(0, 60), slice(0, 100)),
        "canonical": image,
        "y": y,
        "radius": RADIUS,
        "zoom": 1.0,
    }
    events = []
    result = AutomaticPostprocessing().process(inputs, AutomaticPostprocessSettings(), events.append)
    reasons = [event.reason for event in events if isinstance(event, ObjectDiscarded)]
    return len(result["postprocessed_objects"]), reasons


@pytest.mark.parametrize(("radius", "brightness"), [(4.5, 0.3), (7.0, 0.2)])
def test_an_object_that_is_small_and_bright_or_dim_and_not_so_small_is_accepted(radius, brightness):
    assert judged(radius, brightness) == (2, [])


@pytest.mark.parametrize(
    ("radius", "brightness", "reason"),
    [
        (4.5, 0.2, "below 0.25 for a small object"),
        (7.0, 0.09, "of the local contrast, below 0.102"),
        (3.0, 0.5, "of that of a typical nucleus, below 0.1"),
    ],
)
def test_an_object_is_discarded_for_a_reason(radius, brightness, reason):
    accepted, reasons = judged(radius, brightness)

    assert accepted == 1
    assert len(reasons) == 1
    assert reasons[0].endswith(reason)


@pytest.mark.parametrize(("contrast", "accepted"), [(0.5, 2), (0.3, 1)])
def test_an_object_may_be_dim_beside_bright_ones_if_it_has_the_contrast_of_a_nucleus(contrast, accepted):
    assert judged(7.0, 0.13, contrast)[0] == accepted
