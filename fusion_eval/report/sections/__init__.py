"""The parts of a report: each reads its own part of the summary and yields blocks."""
