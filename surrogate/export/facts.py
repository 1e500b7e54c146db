"""What an exported file says of itself."""

from __future__ import annotations

import json

from neuronio.recipe import digest, package_versions
from neuronio.surrogate.families import FAMILIES
from neuronio.surrogate.load import LoadedModel
from neuronio.surrogate.protocol import SomaScale

PACKAGES = ("neuronio", "torch")


def facts(loaded: LoadedModel) -> dict[str, str]:
    """Name, options, units, where it came from; what is not known is left out."""
    scale, described = SomaScale(), loaded.describe()
    told = {
        "model": FAMILIES[loaded.name].name,
        "options": json.dumps(described["options"], sort_keys=True),
        "parameters": str(described["parameters"]),
        "inputs": "spikes of each synapse in 1 ms; excitatory synapses first, then inhibitory ones",
        "outputs": "spike logit, soma voltage in target units, then further targets",
        "soma_scale": json.dumps(scale.as_dict()),
        "soma_mV": f"out[..., 1] / {scale.scale:g} - {scale.shift_mV:g}, fitted to voltages "
        f"clipped at {scale.clip_mV:g} mV",
        "source": loaded.source,
        **{f"{name} version": found for name, found in package_versions(*PACKAGES).items()},
    }
    if loaded.threshold is not None:
        told["spike_threshold_logit"] = repr(loaded.threshold)
        told["spikes"] = "peaks, the largest logit within 2 ms, that reach spike_threshold_logit"
    if loaded.config and "recipe" in loaded.config:
        told["recipe_digest"] = digest(loaded.config["recipe"])
    return told
