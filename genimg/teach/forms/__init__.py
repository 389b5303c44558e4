"""Questions in the page: an exercise asked for one number or one choice, which needs no kernel.

A form (`genimg.teach.forms.form`) reads its number off right answers, those that `gi.check` accepts, and off typical
mistakes, whose hints are those of `gi.check`; nothing is typed twice. `genimg.teach.forms.questions` has them all.
"""

from genimg.teach.forms.form import Choice, Number
from genimg.teach.forms.pages import fill
from genimg.teach.forms.questions import FORMS
