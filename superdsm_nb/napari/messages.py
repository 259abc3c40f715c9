"""What the widget tells: progress, warnings and errors, in one place, and never in a dialogue."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

MOST = 4  # messages that are shown
BAR_HEIGHT = 6  # pixels


class Messages(QWidget):
    """A line that says what is going on, a bar, and the last few messages.

    A message that comes again is counted, not repeated, so that thousands of them change nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(BAR_HEIGHT)
        self.bar.setRange(0, 100)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.text.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for each in (self.bar, self.status, self.text):
            layout.addWidget(each)
        self._counts: dict[str, int] = {}

    def say(self, text: str) -> None:
        """Say what is going on."""
        self.status.setText(text)

    def advance(self, share: float) -> None:
        """Show which part of the work is done (0 to 1)."""
        self.bar.setValue(round(100 * share))

    def warn(self, text: str, count: int = 1) -> None:
        """Add a message that came once, or several times."""
        self._counts[text] = self._counts.pop(text, 0) + count  # the newest last
        for old in list(self._counts)[:-MOST]:
            del self._counts[old]
        self.text.setText("\n".join(self.lines))
        self.text.show()

    def clear(self) -> None:
        """Forget all messages."""
        self._counts.clear()
        self.text.hide()

    @property
    def lines(self) -> list[str]:
        """The messages that are shown, the newest first."""
        shown = reversed(self._counts.items())
        return [f"⚠ {text}" + (f" ({count} times)" if count > 1 else "") for text, count in shown]
