"""Spoken digits as spikes of the auditory nerve: SHD's published files, and sets made here.

A sound goes through a model of the cochlea (membrane, hair_cell, cochlea) that gives the spikes of
700 channels. Sounds come from espeak-ng (voices, speak) or from recordings (fsdd). What is made
is kept in the form of the Spiking Heidelberg Digits (shd), read by bins of time and by pairs
(binned, adding). `docs/spoken-digits.md` has the equations and what is measured.
"""
