"""`python -m subsynth` is `subsynth`."""

from subsynth.cli import main

if __name__ == "__main__":
    main()
