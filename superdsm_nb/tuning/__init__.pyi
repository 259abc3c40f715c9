from .controls import Control as Control
from .controls import advanced_controls as advanced_controls
from .controls import main_controls as main_controls
from .latest import Latest as Latest
from .savedtask import save_task as save_task
from .savedtask import task_for as task_for
from .settings import command_for as command_for
from .settings import settings_of as settings_of
