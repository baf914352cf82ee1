# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The objective

# %% tags=["plain"]
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.special import ndtr as Phi  # the standard normal's distribution function


# %% tags=["plain"]
def network(D, K=64, layers=3, dropout=0.3):
    """f: a ReLU and dropout after each hidden layer."""
    f = nn.Sequential()
    for fan_in in [D] + [K] * (layers - 1):
        f.extend([nn.Linear(fan_in, K), nn.ReLU(), nn.Dropout(dropout)])
    return f


# %% tags=["plain"]
def start(D, N, C, K=64, dropout=0.3):
    """All that is trained: f (with theta), W (K, C), S and mu (N, C)."""
    f = network(D, K, dropout=dropout)
    W = nn.Parameter(torch.empty(K, C).uniform_(-(K**-0.5), K**-0.5))
    S = nn.Parameter(torch.randn(N, C))
    mu = nn.Parameter(torch.full((N, C), 0.5))
    return f, W, S, mu


# %% tags=["plain"]
def draw(mu, sigma=0.5, J=1):
    """J draws of every gate, (J, N, C)."""
    eps = sigma * torch.randn(J, *mu.shape)
    return (mu + eps).clamp(0, 1)


# %% tags=["plain"]
def outputs(f, W, S, Z, x, x_n):
    """Before r: g (B, C), and one h (B, C) for each draw in Z."""
    F, F_n = f(x), f(x_n)  # (B, K), (N, K)
    k = F @ F_n.T  # (B, N)
    g = F @ W
    h = [k @ (Z_j * S) for Z_j in Z]
    return g, h


# %% tags=["plain"]
def minibatch_objective(y, g, h, mu, lam, eta, sigma=0.5):
    """FE-11 on one minibatch: labels y (B,)."""
    fit = cross_entropy(g, y)
    agree = sum(cross_entropy(h_j, g.softmax(1)) for h_j in h) / len(h)
    charge = Phi(mu / sigma).sum()
    return fit + lam * agree + eta * charge


# %% tags=["plain"]
def train_plain(x, y, C, eta, lam, epochs, seed):
    """Algorithm 1: one model, x (N, D), labels y (N,)."""
    torch.manual_seed(seed)  # nn.Dropout draws from the global generator alone
    f, W, S, mu = start(x.shape[1], len(x), C)
    adam = torch.optim.Adam([*f.parameters(), W, S, mu], lr=1e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(32):
            g, h = outputs(f, W, S, draw(mu), x[batch], x)
            E = minibatch_objective(y[batch], g, h, mu, lam, eta)
            adam.zero_grad()
            E.backward()
            adam.step()
    return {"f": f, "W": W, "S": S, "mu": mu}
