"""What goes out of a segmentation: label maps, pictures, outlines, tables, and how they were made."""
