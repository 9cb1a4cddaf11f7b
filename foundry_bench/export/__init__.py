"""A trained backbone as a folder for a device: graph, pre-processing, manifest."""
