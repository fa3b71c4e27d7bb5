"""Law 3: a Celery task is a thin shell around a plain function."""

import ast

import pytest

from tests.contracts.source import calls, modules

SHELLS = {
    f"{name}.{node.name}": node
    for name, tree in modules().items()
    if name.startswith("tasks.") or name == "tasks"
    for node in ast.walk(tree)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    and any("task" in ast.unparse(decorator).split("(")[0].lower() for decorator in node.decorator_list)
}


def test_there_are_tasks():
    assert len(SHELLS) >= 4


@pytest.mark.parametrize("name", SHELLS)
def test_a_task_says_what_it_is_and_makes_one_call(name: str):
    """The docstring, then one call, which may stand inside `with reported(…)`; Flower shows what it returns."""
    docstring, *rest = SHELLS[name].body
    assert isinstance(docstring, ast.Expr)
    assert isinstance(docstring.value, ast.Constant)
    (statement,) = rest
    if isinstance(statement, ast.With):
        assert [ast.unparse(item.context_expr).split("(")[0] for item in statement.items] == ["reported"]
        (statement,) = statement.body
    assert isinstance(statement, ast.Expr | ast.Return)
    assert isinstance(statement.value, ast.Call)


@pytest.mark.parametrize("name", SHELLS)
def test_a_task_takes_one_id_or_nothing(name: str):
    arguments = SHELLS[name].args
    assert [argument.arg for argument in arguments.args] in ([], ["command_id"])
    assert not (arguments.kwonlyargs or arguments.vararg or arguments.kwarg)


def test_nothing_waits_for_a_task_or_chains_them():
    for name, tree in modules().items():
        if name.split(".")[0] in ("tasks", "workers", "api", "cli"):
            called = {call.rsplit(".", 1)[-1] for call, _ in calls(tree)}
            assert not called & {"chain", "chord", "AsyncResult", "retry"}, name
