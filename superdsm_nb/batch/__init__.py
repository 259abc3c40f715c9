"""Segmentation of whole folders of images, as tasks described by ``task.json`` files."""
