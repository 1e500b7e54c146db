"""The one error that users see."""


class NeuronIOError(Exception):
    """Something the user can mend; the message is one sentence and is shown without a traceback."""
