"""The book in a class: notebooks to hand out, notebooks to teach from, and submissions, graded.

A student's notebook is a chapter without its solutions, an instructor's is the chapter with notes on its exercises.
Grading runs the answers of each submission, confined and against the clock, and asks the book's own checks.

Book: teaching.
"""

from genimg.classroom.exercises import Exercise, find
from genimg.classroom.grading import Grade, grade, write_csv
from genimg.classroom.handouts import instructor, student, write

__all__ = ["Exercise", "Grade", "find", "grade", "instructor", "student", "write", "write_csv"]
