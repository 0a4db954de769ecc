"""An agent in a folder: computes line by line with the calculator, and asks its model where there is none."""

import re

from harness import ask, use


def run(input, **arguments):
    return {task: solve(given) for task, given in input.items()}


def solve(given):
    if "calculate" not in given["tools"]:
        asked = {"role": "user", "content": given["prompt"]}
        return ask([{"role": "system", "content": "Answer in one line."}, asked])
    *lines, question = given["prompt"].splitlines()
    known = {}
    for name, expression in (line.split(" = ") for line in lines):
        filled = re.sub(r"[a-z]", lambda letter: known[letter[0]], expression)
        known[name] = use("calculate", filled)
    answer = known[question.removeprefix("What is ").rstrip("?")]
    return {"answer": answer, "metrics": {"step_count": len(lines), "confidence": 1}}
