"""Right and wrong values of the fields of a task.json."""

from __future__ import annotations

import math

from superdsm_nb.batch.fields import STAGES

PATTERN = "a text in which %s, %d or %03d stands for the file id"

# Field, two values of it, and where a task has them.
EXAMPLES = {
    "num_cpus": (1, 4, lambda task: task.num_cpus),
    "environ": ({"OMP_NUM_THREADS": "2"}, {"MKL": "3"}, lambda task: task.environ),
    "img_pathpattern": ("in/%s.tif", "other/%s.tif", lambda task: task.img_pathpattern),
    "seg_pathpattern": ("out/%s.png", "other/%s.tif", lambda task: task.patterns["seg"]),
    "overlay_pathpattern": ("over/%s.png", "other/%s.tif", lambda task: task.patterns["overlay"]),
    "adj_pathpattern": ("adj/%s.png", "other/%s.tif", lambda task: task.patterns["adj"]),
    "cfg_pathpattern": ("cfg/%s.json", "other/%s", lambda task: task.patterns["cfg"]),
    "log_pathpattern": ("log/%s", "other/%s.tgz", lambda task: task.patterns["log"]),
    "rois_pathpattern": ("rois/%s.zip", "other/%s", lambda task: task.patterns["rois"]),
    "geojson_pathpattern": ("geo/%s.geojson", "other/%s", lambda task: task.patterns["geojson"]),
    "file_ids": ([1, "x/y"], [2], lambda task: list(task.file_ids)),
    "last_stage": ("dsm", "preprocess", lambda task: task.last_stage),
    "dilate": (-2, 3, lambda task: task.dilate),
    "merge_overlap_threshold": (0.25, 1, lambda task: task.merge_overlap_threshold),
    "seg_border": (1, 5, lambda task: task.seg_border),
    "channel": (0, 2, lambda task: task.channel),
    "plane": (0, 2, lambda task: task.plane),
    "time": (0, 2, lambda task: task.time),
    "config": ({"AF_scale": 11}, {"AF_scale": 12}, lambda task: task.config.entries),
}
DEFAULTS = {
    "num_cpus": None,
    "environ": {},
    "file_ids": [],
    "last_stage": None,
    "dilate": 0,
    "merge_overlap_threshold": math.inf,
    "seg_border": 8,
    "channel": None,
    "plane": None,
    "time": None,
    "config": {},
}
WRONG = [
    ("runnable", 1, "true or false"),
    ("runnable", "true", "true or false"),
    ("num_cpus", 0, "an integer of at least 1"),
    ("num_cpus", 2.0, "an integer of at least 1"),
    ("num_cpus", True, "an integer of at least 1"),
    ("environ", ["A"], 'an object of texts, such as {"OMP_NUM_THREADS": "1"}'),
    ("environ", {"A": None}, 'an object of texts, such as {"OMP_NUM_THREADS": "1"}'),
    ("environ", {"A": True}, 'an object of texts, such as {"OMP_NUM_THREADS": "1"}'),
    ("img_pathpattern", 3, PATTERN),
    ("seg_pathpattern", ["x"], PATTERN),
    ("overlay_pathpattern", True, PATTERN),
    ("adj_pathpattern", {}, PATTERN),
    ("cfg_pathpattern", 1.5, PATTERN),
    ("log_pathpattern", False, PATTERN),
    ("rois_pathpattern", 1, PATTERN),
    ("geojson_pathpattern", [], PATTERN),
    ("file_ids", "a", "a list of integers or texts"),
    ("file_ids", {"a": 1}, "a list of integers or texts"),
    ("file_ids", [1.5], "a list of integers or texts"),
    ("file_ids", [True], "a list of integers or texts"),
    ("file_ids", ["a", None], "a list of integers or texts"),
    ("last_stage", "dms", f"one of {', '.join(STAGES)}"),
    ("last_stage", 2, f"one of {', '.join(STAGES)}"),
    ("dilate", 1.5, "an integer"),
    ("dilate", "1", "an integer"),
    ("dilate", True, "an integer"),
    ("merge_overlap_threshold", "0.5", "a number of at least 0"),
    ("merge_overlap_threshold", -0.1, "a number of at least 0"),
    ("merge_overlap_threshold", True, "a number of at least 0"),
    ("seg_border", 0, "an integer of at least 1"),
    ("seg_border", "8", "an integer of at least 1"),
    ("channel", -1, "an integer of at least 0"),
    ("channel", "red", "an integer of at least 0"),
    ("plane", -1, "an integer of at least 0"),
    ("plane", [0], "an integer of at least 0"),
    ("time", -1, "an integer of at least 0"),
    ("config", [], "an object of hyperparameters"),
    ("config", "base.json", "an object of hyperparameters"),
    ("base_config_path", 1, "a text"),
    ("base_config_path", ["base.json"], "a text"),
]
