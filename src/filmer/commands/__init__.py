"""The command line, a command a module. ``cli.py`` imports a module when its command is called."""
