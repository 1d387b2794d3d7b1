"""Why a model got worse, from what the monitors measured, and whether training is the answer."""
