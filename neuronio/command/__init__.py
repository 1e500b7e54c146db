"""The command line: one program, `neuronio`, also as `python -m neuronio`."""
