"""Named data sets, splits and standardising: real tables in, stacks of runs out.

    table = data.load("glass")
    folds = data.folds(table, splits=range(10))   # x_train (S, N, D), y_train (S, N), ...

`catalogue` says all about each named set, `tables` reads them and files of your own, `splits` divides and standardises,
`cifar10` makes features of images. Three tables ship with the library, everything else is read from DATA_DIR (default
`data/`, relative to the repository).

Axes: N rows, D features, C outputs, S splits.
"""

from lib.data import catalogue, cifar10
from lib.data.splits import Folds, folds, new_rows, split
from lib.data.tables import Table, from_csv, load
