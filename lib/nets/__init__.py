"""The networks f before the last layer, and whole classifiers, for R independent runs at once.

A network is a function of (theta, x): `MLP` and `Classifier` multiply all R runs in one batched product, `Network`
wraps anybody's nn.Module.
"""

from lib.nets.kernels import cross_entropy, log_probability
from lib.nets.mlp import MLP, Classifier, Theta, predict_logits, respond, stack_uniform
from lib.nets.module import Network
