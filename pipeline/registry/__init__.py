"""What is monitored: missions, targets, sources, indicators. The YAML files are the place."""

from pipeline.registry.load import load
from pipeline.registry.schema import Dataset, Registry, RegistryError

__all__ = ["Dataset", "Registry", "RegistryError", "load"]
