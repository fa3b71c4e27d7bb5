"""A command to move."""

import pytest

from models.command_states import State
from models.commands import NewCommand
from tests.models.put import KIND
from tests.tasks.planned import plan


@pytest.fixture
def appointment(world):
    """An appointment whose only command is one mail, and how to bring that into any state."""
    return plan(world, world.order(), commands=(NewCommand(KIND, State.PENDING, "c@example.com"),))


@pytest.fixture
def command_id(appointment):
    return appointment.commands[KIND]
