import gc
import weakref

from foundry_bench.data.loader import loader_of
from foundry_bench.data.shapes_loader import ShapesSettings


def test_equal_settings_share_a_loader_while_it_is_held() -> None:
    settings = ShapesSettings(train=50)
    loader = loader_of(settings)
    assert loader_of(ShapesSettings(train=50)) is loader
    assert loader_of(ShapesSettings(train=51)) is not loader
    gone = weakref.ref(loader)
    del loader
    gc.collect()
    assert gone() is None
