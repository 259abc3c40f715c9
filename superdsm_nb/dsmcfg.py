"""Second stage: gathers the hyperparameters of the fits, which later stages share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .hyperparameters import Hyperparameter, Scaling
from .stage import Output, Stage


class DSM_Config(Stage):  # noqa: N801 - the documented name
    """Hand the hyperparameters of the deformable shape models on (TPAMI 2023).

    Adds ``dsm_cfg``, a dict of the values by name.
    """

    name = "dsm"
    outputs = ("dsm_cfg",)
    hyperparameters = (
        Hyperparameter(
            *("alpha", 0.5, "float"),
            "weight of the regularisation: larger values keep objects closer to ellipses",
            minimum=0,
            maximum=1e12,
            scaling=Scaling("scale^2", 0.0005),
        ),
        Hyperparameter(
            *("epsilon", 1.0, "float"),
            "smoothness of the absolute norm in the regularisation",
            minimum=1e-12,
            maximum=1e12,
        ),
        Hyperparameter(
            *("smooth_amount", 10, "int"),
            "standard deviation of the Gaussian basis of the deformations (pixels); infinite: ellipses only",
            above=0,
            maximum=1e5,
            infinite=True,
            scaling=Scaling("scale", 0.2, 4),
        ),
        Hyperparameter(
            *("smooth_subsample", 20, "int"),
            "spacing of the Gaussian basis (pixels): smaller is more flexible and slower",
            minimum=1,
            maximum=1e5,
            scaling=Scaling("scale", 0.4, 8),
        ),
        Hyperparameter(
            *("gaussian_shape_multiplier", 2, "float"),
            "size of the window of the Gaussian basis, in multiples of 4 standard deviations",
            above=0,
            maximum=100,
        ),
        Hyperparameter(
            *("background_margin", 20, "int"),
            "background up to this distance from the foreground enters the fits (pixels)",
            minimum=0,
            maximum=1e5,
            scaling=Scaling("scale", 0.4, 8),
        ),
        Hyperparameter(
            *("init", "elliptical", "any"),
            "start of the fits: the best ellipse, or a callable that returns 6 + M values; the result does "
            "not depend on it",
            optional=True,
        ),
        Hyperparameter(
            *("cp_timeout", 300, "float"),
            "seconds after which a fit falls back to the best ellipse; null: never",
            above=0,
            optional=True,
        ),
        Hyperparameter(
            *("solver", "newton", "str"),
            "how fits are computed: a compiled Newton method, or SciPy's trust-region method (slower, the "
            "same minimum)",
            choices=("newton", "trust-exact"),
        ),
        *(
            Hyperparameter(*(name, default, "any"), "of the original solver, without effect here")
            for name, default in (
                ("cachesize", 1),
                ("cachetest", None),
                ("sparsity_tol", 0),
                ("scale", 1000),
                ("smooth_mat_dtype", "float32"),
                ("smooth_mat_max_allocations", float("inf")),
            )
        ),
    )

    def process(self, inputs: Mapping[str, Any], values: dict[str, Any], out: Output) -> dict[str, Any]:
        """Return the values as they are."""
        return {"dsm_cfg": values}
