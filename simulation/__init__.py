"""The biophysical neuron: cell models, input generators, engines and datasets."""
