"""What is monitored: missions, targets, sources, indicators. The YAML files are the place."""

from pipeline.registry.loader import Dataset, Registry, RegistryError, load

__all__ = ["Dataset", "Registry", "RegistryError", "load"]
