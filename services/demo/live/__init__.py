"""A demo fleet that moves: its instances work, ask and end by the use cases of real ones; docs/demo.md."""

from services.demo.live.places import NotTheDemo, require_demo
from services.demo.live.simulation import AlreadyPlayed, DemoFleet, Pacing

__all__ = ["AlreadyPlayed", "DemoFleet", "NotTheDemo", "Pacing", "require_demo"]
