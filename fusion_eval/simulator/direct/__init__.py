"""The world without a wire: arrays of verdicts and costs for thousands of runs.

One mechanism, two speeds: the formulas are those of `mechanism`, `lengths` and `latent`; what the
texts carry on the wire is carried here by arrays.
"""

from fusion_eval.simulator.direct.sampling import Sample, sample

__all__ = ["Sample", "sample"]
