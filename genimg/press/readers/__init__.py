"""Notebooks for readers: chapters in plain Markdown, which every notebook program shows, answers as stubs."""

from genimg.press.readers import citations, labels
from genimg.press.readers.chapter import chapter, solutions
from genimg.press.readers.markdown import apart, plain
from genimg.press.readers.references import References
