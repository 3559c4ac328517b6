"""Every recipe of a bench file as a model of an OpenAI-compatible server, with its bill attached.

A request is answered by the strategies and the stack that a run uses, so that a recipe is served
as it was measured: the same calls, in the same order, with the same keys.
"""
