"""The finished run that tests of the workflow look at."""

from tests.smoke_run import finished

__all__ = ["finished"]
