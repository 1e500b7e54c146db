"""A pyramidal cell of five sections, built by a function."""

from types import SimpleNamespace

from neuron import h


def make_stick():
    """The cell; names tell what its sections are."""
    soma, axon = h.Section("soma"), h.Section("ais")
    trunk, tufts = h.Section("apic_trunk"), [h.Section(f"tuft_{i}") for i in range(2)]
    basal = h.Section("dend_0")
    for section, length, diameter, parent in (
        (soma, 20, 20, None),
        (axon, 30, 1.2, soma(0.5)),
        (trunk, 300, 3, soma(1)),
        (basal, 120, 1.5, soma(0)),
        (tufts[0], 100, 1, trunk(1)),
        (tufts[1], 140, 1, trunk(1)),
    ):
        section.L, section.diam = length, diameter
        section.nseg = 1 + 2 * int(length / 40)
        section.insert("pas")
        for segment in section:
            segment.pas.e = -70
        if parent is not None:
            section.connect(parent)
    for section in (soma, axon):
        section.insert("hh")
    h.celsius = 16
    return SimpleNamespace(sections=[soma, axon, trunk, basal, *tufts])
