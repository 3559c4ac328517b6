"""Human labels: few, well spent, and back again.

`draw` chooses verdicts for people to check and writes a sheet; `take` reads the filled sheet. What
they say stands in `labels.parquet` of the run, and `stats.labels` corrects scores with it.
"""

from fusion_eval.labelling.drawing import Drawn, draw
from fusion_eval.labelling.taking import Taken, take
from fusion_eval.labelling.texts import Texts, texts

__all__ = ["Drawn", "Taken", "Texts", "draw", "take", "texts"]
