"""When the flow is looked at.

The moments of the Euler steps, which depend on their number and the sway alone.
"""

from __future__ import annotations

import math

# Empirically pruned steps, in 32nds (F5-TTS, `get_epss_timesteps`): for few steps better than even ones.
_PRUNED = {
    5: (0, 2, 4, 8, 16, 32),
    6: (0, 2, 4, 6, 8, 16, 32),
    7: (0, 2, 4, 6, 8, 16, 24, 32),
    10: (0, 2, 4, 6, 8, 12, 16, 20, 24, 28, 32),
    12: (0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32),
    16: (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32),
}


def moments(steps: int, sway: float) -> list[float]:
    """`steps` + 1 moments from 0 to 1.

    A negative `sway` puts more of them near the beginning (sway sampling).
    """
    even = (
        [number / 32 for number in _PRUNED[steps]]
        if steps in _PRUNED
        else [n / steps for n in range(steps + 1)]
    )
    return [t + sway * (math.cos(math.pi / 2 * t) - 1 + t) for t in even]
