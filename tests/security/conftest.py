"""What the tests of this room share: everybody who may come to a door, and a browser at the console."""

import pytest
from flask import Flask

from tests.client import ApiClient
from tests.front_door import front_door
from tests.security.callers import Callers, invite
from tests.world import World


@pytest.fixture
def app(world: World) -> Flask:
    return front_door()


@pytest.fixture
def callers(world: World, app: Flask) -> Callers:
    return invite(world, ApiClient.in_process(app, world.application_token()))
