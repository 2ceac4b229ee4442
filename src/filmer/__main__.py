from filmer.cli import main

main()
