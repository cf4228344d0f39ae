"""Each question of the page has all that a reader needs to judge an answer."""

import re
from pathlib import Path

import pytest

from autograd_book.literate.read import find_root

TEXT = (find_root(Path(__file__).parent) / "book/systems/questions.md").read_text(encoding="utf-8")
QUESTIONS = re.split(r"^### ", TEXT, flags=re.M)[1:]


def test_each_theme_has_two_questions_or_three():
    themes = re.split(r"^## ", TEXT, flags=re.M)[1:-1]
    assert len(themes) == 6 and all(theme.count("\n### ") in (2, 3) for theme in themes)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda text: text.partition("\n")[0])
def test_a_question_has_hints_answer_grades_and_an_experiment(question):
    places = [question.index(part) for part in ("{dropdown} Hints", "{dropdown} Model answer", "*Basic*", "*Good*", "*Excellent*", "```{code-cell}")]
    assert places == sorted(places)
    assert set(re.findall(r"\{glue:text\}`([\w-]+)`", question)) == set(re.findall(r'glue\("([\w-]+)"', question)) != set()


def test_the_list_at_the_top_has_every_question_under_its_theme():
    head = TEXT.partition("\n## ")[0]
    listed = re.findall(r"\{ref\}`([^<]+) <(question-[a-z-]+)>`", head)
    targets = re.findall(r"^\((question-[a-z-]+)\)=\n### (.+)$", TEXT, flags=re.M)
    assert [(name, target) for target, name in targets] == listed and len(listed) == len(QUESTIONS)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda text: text.partition("\n")[0])
def test_an_experiment_measures_and_its_rubric_is_its_own(question):
    experiment = question.partition("```{code-cell}")[2]
    measures = ("process_time", "peak_of", "norms_of", "slopes", "checkpoint_trades", "precision_trades")
    assert any(word in experiment for word in measures)
    rubric = re.search(r"^\*Basic\*.*$", question, flags=re.M)[0]
    assert sum(rubric in other for other in QUESTIONS) == 1
