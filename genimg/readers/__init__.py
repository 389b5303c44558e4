"""Notebooks for readers: chapters in plain Markdown, which every notebook program shows, answers as stubs.

Book: the download and Colab buttons of every chapter.
"""

from genimg.readers import citations, labels
from genimg.readers.chapter import chapter, solutions
from genimg.readers.markdown import apart, plain
from genimg.readers.references import References

__all__ = ["References", "apart", "chapter", "citations", "labels", "plain", "solutions"]
