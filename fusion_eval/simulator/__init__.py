"""A world of models behind an OpenAI-compatible endpoint: the key-free default.

It is a mechanism, not a table of outcomes. Answers are text made of statements; judges, writers
and graders work on the text that they are sent. Same world, same request, same reply.
"""

from fusion_eval.simulator.service import app
from fusion_eval.simulator.transport import serve, transport
from fusion_eval.simulator.world import World
from fusion_eval.simulator.worldfile import load_world, worlds

__all__ = ["World", "app", "load_world", "serve", "transport", "worlds"]
