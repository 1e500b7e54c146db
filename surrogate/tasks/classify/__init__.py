"""Sequences with a label each: what the class is, said at a sequence's last step."""
