"""What is segmented: the image, its colour, the whole or what is visible, and by which method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QSizePolicy, QVBoxLayout, QWidget

from ..config import Preset
from .view import COLOURS, View, view_of

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

METHODS: tuple[tuple[str, Preset], ...] = (("Automatic", "automatic"), ("Published", "published"))
VISIBLE = "Only what the canvas shows: faster for large images"
MULTISCALE = "Images of several resolutions are segmented where and as finely as they are shown"


class Choosing(QWidget):
    """Chooses the image.

    Emits `image_changed` when another image is chosen, `method_changed` when another method is.

    Parameters
    ----------
    viewer : Viewer
        Has the images.
    """

    image_changed = Signal()
    method_changed = Signal(str)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.images = _combo("The image to segment")
        self.colour = _combo("Which colour is segmented")
        self.colour.addItems(COLOURS)
        self.method = _combo("The automatic method needs no settings; the published one fits smooth shapes")
        for name, preset in METHODS:
            self.method.addItem(name, preset)
        self.visible_only = QCheckBox("Visible area only")
        self.visible_only.setToolTip(VISIBLE)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(8)
        form.setVerticalSpacing(4)
        form.addRow("Image", self.images)
        form.addRow("Channel", self.colour)
        form.addRow("Method", self.method)
        self._form = form
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(form)
        layout.addWidget(self.visible_only)
        self.images.currentIndexChanged.connect(self._change_image)
        self.method.currentIndexChanged.connect(lambda: self.method_changed.emit(self.method.currentData()))
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            event.connect(self.list_images)
        viewer.layers.events.reordered.connect(self.list_images)
        self.list_images()

    @property
    def image(self) -> Image | None:
        """The image that is chosen."""
        return self.images.currentData()

    @property
    def preset(self) -> Preset:
        """The method that is chosen."""
        preset: Preset = self.method.currentData()
        return preset

    def view(self) -> View:
        """Return what is in view.

        Raises
        ------
        ImageError
            If nothing of it is visible.
        """
        assert self.image is not None, "an image is chosen"
        point = self._viewer.dims.point[-self.image.ndim :]
        return view_of(self.image, point, self.visible_only.isChecked(), self.colour.currentText())

    def list_images(self, event: Any = None) -> None:  # noqa: ANN401 - of napari
        """List the images that there are; the one that is chosen remains so, whatever it is called."""
        from napari.layers import Image  # noqa: PLC0415 - napari has loaded it by now

        before = self.image
        layers = [layer for layer in self._viewer.layers if isinstance(layer, Image)]
        self.images.blockSignals(True)
        self.images.clear()
        for layer in layers:
            self.images.addItem(layer.name, layer)
            layer.events.name.disconnect(self._rename)
            layer.events.name.connect(self._rename)
        kept = [number for number, layer in enumerate(layers) if before is not None and layer == before]
        self.images.setCurrentIndex(kept[0] if kept else len(layers) - 1)
        self.images.blockSignals(False)
        if not kept:
            self._change_image()

    def close_events(self) -> None:
        """Listen to the viewer no more."""
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered):
            event.disconnect(self.list_images)
        for number in range(self.images.count()):
            self.images.itemData(number).events.name.disconnect(self._rename)

    def _rename(self, event: Any = None) -> None:  # noqa: ANN401
        for number in range(self.images.count()):
            self.images.setItemText(number, self.images.itemData(number).name)

    def _change_image(self) -> None:
        image = self.image
        has_colours = image is not None and bool(image.rgb)
        is_multiscale = image is not None and bool(image.multiscale)
        self._form.setRowVisible(self.colour, has_colours)
        self.visible_only.setEnabled(not is_multiscale)
        self.visible_only.setToolTip(MULTISCALE if is_multiscale else VISIBLE)
        if is_multiscale:
            self.visible_only.setChecked(True)
        self.image_changed.emit()


def _combo(tip: str) -> QComboBox:
    """Return a list to choose from that is as wide as there is space, and no wider."""
    box = QComboBox()
    box.setToolTip(tip)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return box
