"""A publisher on the bench: every protocol that the adapters speak, served from figures.

It filters, pages, queues, throttles and breaks as the real ones are known to. By hand:
`python -m tests.publisher --port 8765` prints the addresses to export. What the adapters make
of it belongs in the tests beside this package.
"""

from tests.publisher.faults import Fault
from tests.publisher.figures import Cell, Cube, World, bundled_world
from tests.publisher.server import Publisher

__all__ = ["Cell", "Cube", "Fault", "Publisher", "World", "bundled_world"]
