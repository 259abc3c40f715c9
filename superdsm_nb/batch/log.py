"""The log of an image: the messages of each stage, as a compressed folder with one text file."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .._version import __version__
from ..errors import OutputError, visible
from ..events import (
    PLANES,
    READING,
    WRITING,
    Emit,
    Event,
    LogLine,
    ObjectDiscarded,
    Remark,
    StageStarted,
    Warned,
)
from ..io import utf8, write_file, writing_inside
from .jobs import STAGES, Job
from .outcome import Failure


@dataclass
class Recorder:
    """Records the remarks of each stage and forwards every event.

    Attributes
    ----------
    emit : callable
        Receives every event.
    remarks : dict of str to list of events
        Log lines, warnings and discarded objects by stage.
    current : str
        The stage that runs.
    """

    emit: Emit
    remarks: dict[str, list[Remark]] = field(default_factory=dict)
    current: str = READING

    def __call__(self, event: Event) -> None:
        """Receive an event; remarks of an earlier run of a stage are dropped when the stage begins."""
        match event:
            case StageStarted(name):
                self.current = name
                self.remarks[name] = []
            case LogLine() | ObjectDiscarded() | Warned():
                self.remarks.setdefault(self.current, []).append(event)
        self.emit(event)


def write_log(
    job: Job,
    remarks: Mapping[str, Sequence[Remark]],
    facts: Sequence[str],
    failure: Failure | None = None,
) -> None:
    """Write the log folder of an image, if the task wants it; equal logs are equal files.

    Parameters
    ----------
    job : Job
        The image.
    remarks : mapping of str to sequence of events
        Remarks by stage.
    facts : sequence of str
        Lines for the head of the log.
    failure : Failure, optional
        Why it failed.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    if "log" not in job.outputs:
        return
    path = job.outputs["log"]
    lines = [f"superdsm_nb {__version__}", f"image {job.image.name}", *facts]
    for stage in (READING, *STAGES, PLANES, WRITING):
        lines += [f"{stage}: {_line(remark)}" for remark in remarks.get(stage, ())]
    if failure is not None:
        lines.append(f"failed in stage {failure.stage}: {failure.reason}")
    content = utf8("\n".join(map(visible, lines)) + "\n")
    info = tarfile.TarInfo(f"{path.name.removesuffix('.tgz')}/log.txt")
    info.size = len(content)
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=buffer, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        archive.addfile(info, io.BytesIO(content))
    write_file(path, buffer.getvalue())


def log_failure(
    job: Job, failure: Failure, emit: Emit, remarks: Mapping[str, Sequence[Remark]] | None = None
) -> None:
    """Write why an image failed to its log."""
    try:
        with writing_inside(job.folder):
            write_log(job, remarks or {}, [], failure)
    except OutputError as error:
        emit(Warned(str(error), job.file_id))


def _line(remark: Remark) -> str:
    return f"warning: {remark.text}" if isinstance(remark, Warned) else str(remark)
