"""`python -m neuronio`: as the command `neuronio`."""

import sys

from neuronio.command.app import main

if __name__ == "__main__":
    sys.exit(main())
