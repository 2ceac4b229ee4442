"""The program ``filmer``."""


def main() -> None:
    """Runs the command line, which is imported only now: each worker imports the script that people start, too."""
    from filmer import cli

    cli.main()


if __name__ == "__main__":
    main()
