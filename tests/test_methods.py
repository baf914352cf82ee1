"""The table of methods is the papers'."""

from lib.methods import FE as METHODS
from lib.methods import STARTS
from lib.methods import Examples as Method

PREDICTOR = STARTS["Predictor"]


def test_the_table_of_methods_is_the_papers():
    """Which methods train g, have gates, and keep f and W of stage 1 (FE-10, FE-12 to FE-17)."""
    assert {name for name, m in METHODS.items() if m.g_fits_y} == {"Ours", "Joint"}
    assert {name for name, m in METHODS.items() if m.gates} == {"Ours", "RPSR", "PretrainR"}
    assert {name for name, m in METHODS.items() if m.pretrained} == {"Pretrain", "PretrainR"}
    assert {name for name, m in METHODS.items() if m.predictor == "h"} == {"RPS", "RPSR"}
    assert PREDICTOR == Method(g_fits_y=True, h_fits=None)
