"""Colour from grey: ChromaGAN, a network that predicts chroma and says what it believes to see.

The networks are `gi.networks.chromagan`, the colours `gi.color`. What is here: the law of training pictures,
the three losses, the loop, and colouring at any size.

Source: Vitoria, Raad & Ballester 2020; the talk, part 3.
"""

from genimg.problems.colorize.answers import Answer, read_answers, write_answers
from genimg.problems.colorize.classifier import (
    ClassifierStep,
    Teacher,
    accuracy,
    classifier,
    classifier_steps,
)
from genimg.problems.colorize.features import Features, crops, look, mean_ab
from genimg.problems.colorize.inference import chroma, colorize, guided, merge, shrink, strips
from genimg.problems.colorize.naturalness import Naturalness, naturalness, observers_needed
from genimg.problems.colorize.objective import FAITHFUL, IMPROVED, ChromaObjective, GeneratorTerms
from genimg.problems.colorize.pictures import Coloured, Pictures, targets, taught
from genimg.problems.colorize.training import ColourStep, answered, colour_steps
from genimg.problems.colorize.video import Steadied, flicker, steady
