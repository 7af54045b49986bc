"""Where things were before: optical flow, where it can be trusted, and where shots start."""

from ldfilter.motion.estimate import estimate_motion
from ldfilter.motion.flow import FLOWS, Flow, load_flow

__all__ = ["FLOWS", "Flow", "estimate_motion", "load_flow"]
