"""Entry point of `python -m subsynth`, which is the same as `subsynth`."""

from subsynth.cli.main import main

if __name__ == "__main__":
    main()
