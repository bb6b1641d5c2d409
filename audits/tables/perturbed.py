"""What did the model say of rows that were changed, beside what it said of them as they stood?"""

from __future__ import annotations

ORIGIN = "cadastre_origin"
FEATURE = "cadastre_feature"
STEP = "cadastre_step"
GIVEN = "cadastre_given"
