"""The one error that users see, and what the system says of others."""


def reason(error: Exception) -> str:
    """Why something failed, without the number and the path that the system puts around it."""
    return getattr(error, "strerror", None) or str(error)


class NeuronIOError(Exception):
    """Something the user can mend; the message is one sentence and is shown without a traceback."""
