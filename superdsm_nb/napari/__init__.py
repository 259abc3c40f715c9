"""The plug-in for napari: segment the image in view, and see the nuclei change while a slider moves.

Nothing else of the package imports it. It needs the extra ``napari``.
"""
