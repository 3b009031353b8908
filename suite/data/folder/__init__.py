"""Images of a folder, a tar file or another data set that timm reads: which of them, their content, their loader."""
