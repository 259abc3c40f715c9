"""What all windows share in which settings are changed and their effect is seen at once."""

from .controls import Control, advanced_controls, main_controls
from .latest import Latest
from .savedtask import save_task, task_for

__all__ = ["Control", "Latest", "advanced_controls", "main_controls", "save_task", "task_for"]
