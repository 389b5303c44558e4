"""The book in a class: notebooks to hand out, notebooks to teach from, and submissions, graded.

A student's notebook is a chapter without its solutions, an instructor's is the chapter with notes on its exercises.
Grading runs the answers of each submission in a process of its own, behind a wall and against the clock; the book's own
checks ask it questions from outside.
"""
