"""The widget: settings, and the nuclei that they give, while they are changed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ..errors import Cancelled, SuperDSMError
from .choosing import METHODS, Choosing
from .correcting import Correcting
from .explanation import told_of
from .folder import FolderDone
from .inbox import Mail
from .measuring import measured_diameter, measuring_layer
from .messages import Messages
from .picking import Picking
from .planes import axes_of
from .results import Results
from .saving import Saving
from .section import Section
from .settings import Settings
from .table import Table
from .work import AllFound, Found, Measured, Work, diameter_of

if TYPE_CHECKING:
    import napari.viewer

MIN_WIDTH = 300  # pixels
PATIENCE = 250  # milliseconds; what is over by then needs no progress
MARGIN = 8
ABOUT = "Move the mouse over a nucleus to see why it is as it is."
ABOUT_LINES = 5  # of the font before the theme of napari makes it larger
SMALLEST = 8  # pixels; smaller nuclei cannot be told apart


class SegmentNuclei(QWidget):
    """Segments the nuclei of the image in view.

    Parameters
    ----------
    viewer : Viewer
        Has the image, and gets the result.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.work = Work()
        self.results = Results(viewer)
        self.choosing = Choosing(viewer)
        self.settings_of = {preset: Settings(preset) for _, preset in METHODS}
        self.methods = QStackedWidget()
        self.messages = Messages()
        self.picking = Picking(viewer, self.results)
        self.correcting = Correcting(self.work, self.results, self.picking)
        self.saving = Saving(self.work, self.results, lambda: self.settings.values)
        self.about = QLabel()
        self.shows_discarded = QCheckBox("Show what was discarded")
        self.table = Table()
        self.shows_table = QPushButton("Table of nuclei")
        self._table_dock: Any = None
        self.live = QCheckBox("Live preview while dragging")
        self.live.setChecked(True)
        self.run = QPushButton("Segment")
        self.run_all = QPushButton("All planes")
        self.cancel = QPushButton("Cancel")
        self._shapes: Any = None
        self._text = ""
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE)
        self._patience.timeout.connect(self._say_what_runs)
        self._lay_out()
        self._connect()
        self._show_state()

    @property
    def settings(self) -> Settings:
        """The settings of the method that is chosen."""
        return self.settings_of[self.choosing.preset]

    def segment(self) -> None:
        """Segment what is in view; after a change of settings, only what depends on it is computed anew."""
        self._segment(is_first_look=True)

    def _segment(self, is_first_look: bool) -> None:
        if self.choosing.image is None:
            self.messages.say("Open an image first, for example File > Open Sample > superdsm_nb.")
            return
        try:
            view = self.choosing.view()
            self.work.segment(view, self.settings.values, self.settings.changes, is_first_look)
        except SuperDSMError as error:
            self._fail(error)
            return
        self._begin("Segmenting")

    def segment_all(self) -> None:
        """Segment all planes of the image."""
        if self.choosing.image is None:
            return
        try:
            self.work.segment_all(self.choosing.view(), self.settings.values)
        except SuperDSMError as error:
            self._fail(error)
            return
        self._begin("Segmenting all planes")

    def estimate(self) -> None:
        """Measure the diameter in the image."""
        if self.choosing.image is None:
            return
        try:
            self.work.measure(self.choosing.view(), self.settings.values)
        except SuperDSMError as error:
            self._fail(error)
            return
        self._begin("Measuring the diameter")

    def draw(self) -> None:
        """Let the user draw over nuclei; their diameter is set as soon as something is drawn."""
        if self.choosing.image is None:
            return
        shapes = measuring_layer(self.viewer, self.choosing.image)
        if shapes != self._shapes:
            self._shapes = shapes
            shapes.events.data.connect(self._measure_shapes)
        self.messages.say("Draw a line across a nucleus, or choose another shape in the layer's controls.")

    def stop(self) -> None:
        """Cancel what is running."""
        self.work.cancel()
        if not self.work.is_busy:
            self._end("Cancelled: the last result remains.")

    def closeEvent(self, event: Any) -> None:  # noqa: ANN401, N802 - as Qt calls it
        """End all threads."""
        self.shut()
        super().closeEvent(event)

    def changeEvent(self, event: Any) -> None:  # noqa: ANN401, N802 - as Qt calls it
        """End all threads when the widget is taken out of its dock."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.shut()

    def shut(self) -> None:
        """End all threads, and listen to the viewer no more."""
        self.work.close()
        self.picking.close()
        self.choosing.close_events()

    def show_table(self) -> None:
        """Dock the table below the image."""
        if self._table_dock is None:
            self._table_dock = self.viewer.window.add_dock_widget(
                self.table, name="Nuclei", area="bottom", add_vertical_stretch=False
            )
        self._table_dock.show()
        self._show_rows()

    def _tell_about(self, text: str) -> None:
        self.about.setText(text or ABOUT)

    def _show_rows(self) -> None:
        if self._table_dock is not None and not self._table_dock.isHidden():
            self.table.show_rows(self.results.rows)
            self._select_row()

    def _select_row(self) -> None:
        if len(self.picking.labels) == 1 and self.picking.last is not None:
            planes = self.results.planes
            place = {} if planes is None else planes.place(self.picking.last.position)
            self.table.select(self.picking.labels[0], place)

    def _lay_out(self) -> None:
        content = QWidget()
        inner = QVBoxLayout(content)
        inner.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        inner.setSpacing(6)
        image, tune = Section("Image"), Section("Tune")
        image.body.addWidget(self.choosing)
        for _, preset in METHODS:
            self.methods.addWidget(self.settings_of[preset])
        tune.body.addWidget(self.live)
        tune.body.addWidget(self.methods)
        look, correct, save = Section("Look"), Section("Correct by hand"), Section("Save and run")
        self.about.setText(ABOUT)
        self.about.setWordWrap(True)
        self.about.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.about.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.about.setFixedHeight(ABOUT_LINES * self.about.fontMetrics().lineSpacing())
        for part in (self.about, self.shows_discarded, self.shows_table):
            look.body.addWidget(part)
        correct.body.addWidget(self.correcting)
        save.body.addWidget(self.saving)
        for each in (image, tune, look, correct, save):
            inner.addWidget(each)
        inner.addStretch(1)
        self.sections = inner
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(content)
        buttons = QHBoxLayout()
        for button in (self.run, self.run_all, self.cancel):
            buttons.addWidget(button)
        foot = QVBoxLayout()
        foot.setContentsMargins(MARGIN, 0, MARGIN, MARGIN)
        foot.addLayout(buttons)
        foot.addWidget(self.messages)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll, 1)
        layout.addLayout(foot)
        self.setMinimumWidth(MIN_WIDTH)

    def _connect(self) -> None:
        self.run.clicked.connect(self.segment)
        self.run_all.clicked.connect(self.segment_all)
        self.cancel.clicked.connect(self.stop)
        self.choosing.image_changed.connect(self._show_state)
        self.choosing.method_changed.connect(self._change_method)
        for settings in self.settings_of.values():
            settings.changed.connect(self._change)
            settings.estimate.connect(self.estimate)
            settings.draw.connect(self.draw)
        self.shows_discarded.toggled.connect(self.results.show_discarded)
        self.shows_table.clicked.connect(self.show_table)
        self.results.changed.connect(self._show_rows)
        self.picking.told.connect(self._tell_about)
        self.picking.changed.connect(self._select_row)
        self.table.chosen.connect(lambda row: self.picking.look_at(self.results.place_of(row)))
        self.correcting.begun.connect(self._begin)
        self.saving.begun.connect(self._begin)
        self.saving.told.connect(self.messages.say)
        self.saving.failed.connect(self._fail)
        self.work.told.connect(self._tell)
        self.work.ended.connect(self._take)

    def _change(self) -> None:
        if self.live.isChecked() and self.choosing.image is not None:
            self._segment(is_first_look=False)

    def _change_method(self) -> None:
        self.methods.setCurrentWidget(self.settings)
        self.work.forget()

    def _measure_shapes(self) -> None:
        image = self.choosing.image
        diameter = None if image is None else measured_diameter(self._shapes, image)
        if diameter is not None:
            self.settings.set_diameter(diameter)

    def _tell(self, mail: Mail) -> None:
        for text, count in mail.warnings.items():
            self.messages.warn(text, count)
        if self._patience.isActive():  # what is over in a moment is not worth telling
            return
        if mail.image:
            self.messages.say(f"{mail.image} ...")
        if mail.stage:
            self.messages.say(f"{mail.stage.replace('-', ' ').capitalize()} ...")
        if mail.progress is not None and mail.progress.total:
            self.messages.advance(mail.progress.done / mail.progress.total)

    def _take(self, outcome: object) -> None:
        """Show what a thread has come to."""
        if isinstance(outcome, Found):
            self.results.take(outcome, is_last=not self.work.is_busy)
            self._show_diameter(outcome)
            self._end(told_of(outcome.result))
        elif isinstance(outcome, AllFound):
            self.results.take_all(outcome)
            planes = len(outcome.result.planes)
            self._end(f"{outcome.result.object_count} nuclei in {planes} planes")
        elif isinstance(outcome, Measured):
            self._end(f"The diameter is about {outcome.diameter:.3g} pixels.")
            self.settings.set_diameter(outcome.diameter)
        elif isinstance(outcome, FolderDone):
            failed = f", {outcome.failed} failed" if outcome.failed else ""
            self._end(
                f"{outcome.nuclei} nuclei in {outcome.images} images{failed}: open the folder to see them."
            )
        elif isinstance(outcome, Cancelled):
            self._end("Cancelled: the last result remains.")
        elif isinstance(outcome, Exception):
            self._fail(outcome)

    def _show_diameter(self, found: Found) -> None:
        scale = found.result.scale
        self.settings.show_measured(diameter_of(scale, found.view))
        if 2 * math.sqrt(2) * scale < SMALLEST:
            self.messages.warn(f"Nuclei are smaller than {SMALLEST} pixels at this zoom: zoom in.")

    def _begin(self, text: str) -> None:
        self.messages.clear()
        if not self.cancel.isEnabled():
            self._text = text
            self._patience.start()
            self._show_state(is_busy=True)

    def _say_what_runs(self) -> None:
        self.messages.say(f"{self._text} ...")
        self.messages.advance(0.0)

    def _end(self, text: str) -> None:
        if self.work.is_busy:  # newer changes are still being worked on
            self._patience.start()
            return
        self._patience.stop()
        self.messages.say(text)
        self.messages.advance(1.0)
        self._show_state(is_busy=False)

    def _fail(self, error: Exception) -> None:
        self.messages.warn(str(error) or type(error).__name__)
        self._end("That did not work: the last result remains.")

    def _show_state(self, is_busy: bool = False) -> None:
        image = self.choosing.image
        self.run.setEnabled(image is not None)
        has_planes = image is not None and bool(_outer_axes(image))
        self.run_all.setVisible(has_planes)
        self.run_all.setEnabled(not is_busy)
        self.cancel.setEnabled(is_busy)


def _outer_axes(image: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - a layer
    try:
        return axes_of(image)
    except SuperDSMError:
        return []
