"""Declarations of requirements and features."""

from typing import Final

from models import Feature, Requirement
from services.writing import lifecycles
from services.writing.declaration import Kept, writable
from services.writing.declarations.of_project import DIRECTLY

REQUIREMENTS: Final = writable(
    Requirement, belongs_by="project_id", lifecycle=lifecycles.REQUIREMENT, archive=Kept(DIRECTLY)
)

FEATURES: Final = writable(
    Feature, belongs_by="project_id", lifecycle=lifecycles.FEATURE, archive=Kept(DIRECTLY)
)
