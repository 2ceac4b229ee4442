"""Imports catalogues: IMDb's data set, an owner's own file, the demo."""
