"""Exceptions that speak to the user: one sentence each, naming what is wrong, where, and what to do."""

from __future__ import annotations


class SuperDSMError(Exception):
    """Base of every error this package raises on purpose; the command line turns it into exit code 2."""


class ImageError(SuperDSMError):
    """An image cannot be read or cannot be segmented (wrong shape, constant, NaN or infinite values)."""


class ConfigError(SuperDSMError):
    """A hyperparameter is unknown, of the wrong type or out of its range."""


class TaskError(SuperDSMError):
    """A batch task cannot be run as it is written."""


class ScaleEstimationError(SuperDSMError):
    """No object scale can be estimated from an image."""


class WorkAmountError(SuperDSMError):
    """An image has more possible objects than ``global-energy-minimization/max_work_amount`` allows."""


class PipelineError(SuperDSMError):
    """Stages were combined or asked for in a way that cannot work."""


class SolverError(SuperDSMError):
    """The integer programme of a cover could not be solved."""


class StoredResultError(SuperDSMError):
    """A stored result of a batch is damaged or does not fit; it is not used."""


class OutputError(SuperDSMError):
    """A result cannot be written: no space, no permission, or something else is in the way."""
