"""`python -m subsynth` is `subsynth`."""

from subsynth.cli.main import main

if __name__ == "__main__":
    main()
