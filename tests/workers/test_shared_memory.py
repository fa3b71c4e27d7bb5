"""What every child of a pool needs is in memory before the first is made, so that they have it in common."""

import gc

from celery.signals import worker_before_create_process

from models.clock import load_atlas


def test_the_atlas_is_loaded_before_children_are_made() -> None:
    import workers.app  # noqa: F401 - connects to the signal

    load_atlas.cache_clear()
    try:
        worker_before_create_process.send(sender=None)
        assert load_atlas.cache_info().currsize == 1
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
