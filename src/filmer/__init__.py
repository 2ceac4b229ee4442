"""The movie catalogue and rental server: a shop API, a community API and a storefront in one service."""

__version__ = "0.1.0"
