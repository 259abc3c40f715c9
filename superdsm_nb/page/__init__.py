"""A page in the browser that shows the new segmentation while a slider moves; for this machine only."""
