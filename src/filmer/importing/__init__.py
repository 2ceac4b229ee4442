"""How a catalogue comes in: IMDb's data set, an owner's own file, the demo."""
