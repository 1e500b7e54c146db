"""What a model may be fitted to beside the spikes and voltages of trials (train.py)."""
