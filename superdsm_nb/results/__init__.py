"""Output of a segmentation: label maps, pictures, outlines, tables, and their provenance."""
