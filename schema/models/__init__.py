"""The models that define the language, by section. They serve people who build specs in Python, and the generator."""

from .platform import PlatformFile
from .release import ReleaseFile
from .system import MLSystem

__all__ = ["MLSystem", "PlatformFile", "ReleaseFile"]
