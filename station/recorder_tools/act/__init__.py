"""The HDF5 files of ACT, in which the first ALOHA's episodes are kept: written, inspected, read."""
