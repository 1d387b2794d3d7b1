"""The pydantic models that define the language, by section, for the generator and for building specs in Python."""

from .platform import PlatformFile
from .release import ReleaseFile
from .system import MLSystem

__all__ = ["MLSystem", "PlatformFile", "ReleaseFile"]
