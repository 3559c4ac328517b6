"""Tools of panel members: Python functions, MCP servers, a world's pages, Python in the sandbox."""

from fusion_eval.tools.results import ToolFailedError, ToolResult
from fusion_eval.tools.toolkit import Toolkit

__all__ = ["ToolFailedError", "ToolResult", "Toolkit"]
