"""What stands in front of the framework: pure ASGI layers, each with one job. ``app.py`` has their order."""
