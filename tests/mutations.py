"""Small wrong changes to lib's formulas, each of which a test must notice.

    python -m tests.mutations            # all of them, some minutes on one core
    python -m tests.mutations sigma J    # those whose names contain one of these words

Each change is made alone, in a temporary copy of lib and tests, and the tests of the core run there until one fails.
Prints `caught` and the test that noticed, or `MISSED`, a line each; the exit code is 1 if any was missed.
A test (in tests/test_training.py) keeps this list in step with lib.
"""

import importlib
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]


class Mutation(NamedTuple):
    """One wrong change: `old`, which occurs once in lib/{file}.py, becomes `new`."""

    name: str
    file: str
    old: str
    new: str


# file: (name, old, new); files with fast tests first
CHANGES = {
    "gates": [
        ("gate: noise subtracted", "(mu + eps).clamp(0, 1)", "(mu - eps).clamp(0, 1)"),
        ("gate: open to 2", "(mu + eps).clamp(0, 1)", "(mu + eps).clamp(0, 2)"),
        ("gate: sigmoid for clamp", "(mu + eps).clamp(0, 1)", "(mu + eps).sigmoid()"),
        ("gate: noise outside the clamp", "(mu + eps).clamp(0, 1)", "mu.clamp(0, 1) + eps"),
        ("open: sigma squared", "mu / check_sigma(sigma)", "mu / check_sigma(sigma) ** 2"),
        ("open: sign of mu", "ndtr(mu / check", "ndtr(-mu / check"),
        ("open: logistic for normal", "torch.special.ndtr(mu / check", "torch.sigmoid(mu / check"),
        ("regulariser: mean for sum", "sigma).sum((-2, -1))", "sigma).mean((-2, -1))"),
        ("regulariser: runs added up", "sigma).sum((-2, -1))", "sigma).sum()"),
        ("A: Z detached", "return Z * S", "return Z.detach() * S"),
        ("A: S detached", "return Z * S", "return Z * S.detach()"),
        ("clamped mean: from -1", "mu.clamp(0, 1)\n", "mu.clamp(-1, 1)\n"),
        ("exact mean: upper part's sign", "_relu_mean(mu - 1, sigma)", "_relu_mean(mu + 1, sigma)"),
        ("exact mean: density without sigma", "+ sigma * density", "+ density"),
        ("exact mean: no half in the exponent", "t.square() / 2", "t.square()"),
        ("sigma: zero allowed", "not 0 < sigma", "not 0 <= sigma"),
    ],
    "metrics": [
        ("accuracy: over runs", "(g.argmax(-1) == y).double().mean(-1)", "(g.argmax(-1) == y).double().mean(0)"),
        (
            "faithfulness: share of the unfaithful",
            "examples.faithful(g, h).double()",
            "(~examples.faithful(g, h)).double()",
        ),
        ("R^2: around the mean of the outputs", "target.mean(-2, keepdim", "target.mean(-1, keepdim"),
        ("R^2: absolute residuals", "(prediction - target).double().square()", "(prediction - target).double().abs()"),
        ("geometric mean: no root", "faith.clamp_min(0)).sqrt()", "faith.clamp_min(0))"),
        ("curves: insertion is deletion", "return self.inserted.mean(-1)", "return self.deleted.mean(-1)"),
        ("curves: log-probabilities", "path.inserted.exp(), path.deleted.exp()", "path.inserted, path.deleted"),
        (
            "curves: ties all at once",
            "masks.top_mask(masks.check_phi(phi), s)",
            "masks.threshold_mask(masks.check_phi(phi), s)",
        ),
        ("sensitivity: unit of phi", "(phi / largest.where(largest > 0, 1)) @ removed.mT", "phi @ removed.mT"),
        ("sensitivity: n kept", "(ranks.argsort(-1) < n)", "(ranks.argsort(-1) >= n)"),
        ("sensitivity: n + 1 removed", "(ranks.argsort(-1) < n)", "(ranks.argsort(-1) <= n)"),
        (
            "sensitivity: rise for drop",
            "f, theta, x, y, b, 1 - removed, segments",
            "f, theta, x, y, b, removed, segments",
        ),
        ("sensitivity: cosine for correlation", "pair = pair - pair.mean(-1, keepdim=True)", "pair = pair - 0"),
        (
            "masked accuracy: masks inverted",
            "predict(f, theta, insert(x, b, own))",
            "predict(f, theta, insert(x, b, 1 - own))",
        ),
        ("masked accuracy: mean of pieces", "z in Z.split(20, -2)", "z in Z.split(20, -2)[:1]"),
        ("valscore: sign of Del", "insertion + 1 - deletion", "insertion + 1 + deletion"),
        ("valscore: eta on Ins", "eta * accuracy + insertion", "accuracy + eta * insertion"),
        ("geometric mean: arithmetic", "predictive.clamp_min(0) * faith", "predictive.clamp_min(0) + faith"),
    ],
    "nets/__init__": [
        ("softmax over rows", "logits.softmax(-1)", "logits.softmax(-2)"),
        ("log f: y among the others", "rows.scatter(1, at, -math.inf).logsumexp", "rows.logsumexp"),
        ("layer: bias not scaled", "else b * scale", "else b"),
        ("layer: dropout not scaled", "1 / (1 - self.dropout) if drop", "1.0 if drop"),
        ("layer: scaled by the dropped share", "1 / (1 - self.dropout) if", "1 / self.dropout if"),
        ("layer: gradient to x not scaled", "W.mT * ctx.scale)", "W.mT)"),
        ("layer: gradient to W not scaled", "bmm(x.mT, grad) * ctx.scale", "bmm(x.mT, grad)"),
        ("layer: gradient to b averaged", "db = grad.sum(1", "db = grad.mean(1"),
        ("layer: widened without its bias", "(0, extra), value=1)", "(0, extra))"),
        ("dropout: complement", "round(dropout * 2**16)", "round((1 - dropout) * 2**16)"),
        ("dropout: bounds of the clamp", "clamp_(threshold - 1, threshold)", "clamp_(threshold - 1, threshold + 1)"),
        ("dropout: layers share their bits", "start += width", "start += 0"),
        ("dropout: also in evaluation", "self.module.train(bits is not None)", "self.module.train()"),
        ("classifier: no bias at the end", ".add_(b.mT).mT", ".mT"),
        ("classifier: bias without gradient", "[:, :C].mT, grad.sum(1", "[:, :C].mT, 0 * grad.sum(1"),
        ("classifier: no gradient to the layers", "dx = torch.bmm(rounded,", "dx = 0 * torch.bmm(rounded,"),
        ("mixed: not rounded", "products=torch.bfloat16", "products=torch.float32"),
        ("mixed: half for bfloat", "products=torch.bfloat16", "products=torch.float16"),
        ("mixed: sums rounded", "torch.bmm(a.to(dtype), b.to(dtype))", "torch.bmm(a, b).to(dtype)"),
        ("mixed: last layer not rounded", "W = W.to(x.dtype)\n", "x = x.to(W.dtype)\n"),
        ("classifier: first rows again", "self.hidden(theta, rows)", "self.hidden(theta, x[:, :1] + 0 * rows)"),
        ("classifier: dropout", "MLP(sizes[:-1], dropout=0), sizes[-1]", "MLP(sizes[:-1][:1], dropout=0), sizes[-1]"),
        ("classifier: last layer by its outputs", "K = self.hidden.sizes[-1]", "K = self.hidden.sizes[0]"),
        ("log f: logit", "odds = logits.gather(1, y) - others", "odds = logits.gather(1, y)"),
        ("log f: gradient of the logit", "grad * odds.neg().sigmoid()", "grad"),
        ("log f: gradient to y alone", ".exp_().mul_(-g)", ".exp_().mul_(0)"),
        ("log f: others pushed up", ".exp_().mul_(-g)", ".exp_().mul_(g)"),
        ("log f: labels of the first rows", "zip(*(t.split(_rows", "zip(*(t[:1].expand_as(t).split(_rows"),
        ("start: 1/K for 1/sqrt(K)", "1 / math.sqrt(fan_in)", "1 / fan_in"),
        ("layer: gradient through dead units", "torch.ops.aten.threshold_backward(grad, y, 0)", "grad.clone()"),
        ("layer: gradient where x is positive", "W.mT * ctx.scale) if", "W.mT * ctx.scale) * (x > 0) if"),
    ],
    "examples": [
        ("similarity: transposed", "return F_n @ F.mT", "return (F @ F_n.mT)"),
        ("h: averaged over examples", "F @ (A.mT @ F_n).mT", "F @ (A.mT @ F_n).mT / F_n.shape[1]"),
        ("h: A detached", "F @ (A.mT @ F_n).mT", "F @ (A.detach().mT @ F_n).mT"),
        ("h: f(x_n) detached", "F @ (A.mT @ F_n).mT", "F @ (A.mT @ F_n.detach()).mT"),
        ("faithful: smallest output of h", "h.argmax(-1)", "h.argmin(-1)"),
        ("faithful: over rows", "g.argmax(-1) == h.argmax(-1)", "g.argmax(-2) == h.argmax(-2)"),
        ("loss: summed over rows", "view(logits.shape[:2]).mean(1)", "view(logits.shape[:2]).sum(1)"),
        ("loss: squares summed over outputs", ".mean((1, 2))", ".sum(2).mean(1)"),
        ("objective: g constant", "g if through_g else g.detach()", "g.detach()"),
        ("objective: through_g reversed", "g if through_g else", "g if not through_g else"),
        ("objective: target over rows", "target = g.softmax(-1)", "target = g.softmax(-2)"),
        ("objective: g before r", "target = g.softmax(-1) if", "target = g if"),
        ("objective: no lambda", "total + lam * torch", "total + torch"),
        (
            "objective: lambda on l(y, h)",
            'elif method.h_fits == "y":\n        total = total +',
            'elif method.h_fits == "y":\n        total = total + lam *',
        ),
        (
            "objective: J summed for g",
            "loss(target, h_j, task) for h_j in h.unbind(1)]).mean(0)",
            "loss(target, h_j, task) for h_j in h.unbind(1)]).sum(0)",
        ),
        (
            "objective: J summed for y",
            "loss(y, h_j, task) for h_j in h.unbind(1)]).mean(0)",
            "loss(y, h_j, task) for h_j in h.unbind(1)]).sum(0)",
        ),
        ("objective: paper's sigma always", "eta * gates.expected_open(mu, sigma)", "eta * gates.expected_open(mu)"),
        ("objective: eta's sum over N", "expected_open(mu, sigma)", "expected_open(mu, sigma) / mu.shape[1]"),
        ("objective: sign of the charge", "total + eta * gates", "total - eta * gates"),
        ("methods: gates for Joint", '"Joint": Method(True, "g")', '"Joint": Method(True, "g", gates=True)'),
        ("methods: RPS trains g too", '"RPS": Method(False, "y")', '"RPS": Method(True, "y")'),
        ("methods: RPSR fits g", '"RPSR": Method(False, "y"', '"RPSR": Method(False, "g"'),
        (
            "methods: PretrainR without gates",
            'Method(False, "g", gates=True, pretrained',
            'Method(False, "g", gates=False, pretrained',
        ),
        (
            "methods: Pretrain trains f",
            '"Pretrain": Method(False, "g", pretrained=True)',
            '"Pretrain": Method(False, "g")',
        ),
        ("influence: without s", "else gates.clamped_mean(mu), S)", "else gates.clamped_mean(mu), S.sign())"),
        ("influence: paper's sigma always", "gates.exact_mean(mu, sigma) if", "gates.exact_mean(mu) if"),
        ("influence: means swapped", "if exact_mean else", "if not exact_mean else"),
        ("ranking: smallest first", "descending=True", "descending=False"),
        ("ranking: last of equals first", "descending=True, stable=True)", "stable=True).flip(1)"),
        ("ranking: signed", 'A if rank == "signed" else A.abs()', "A"),
        ("ranking: order taken for places", "torch.empty_like(order).scatter_(1, order, places)", "order"),
        ("keep: U + 1 entries", "positions(A, mu, rank) < check_U", "positions(A, mu, rank) <= check_U"),
        ("keep: U of 0 allowed", "and 1 <= U <= entries", "and 0 <= U <= entries"),
        ("keep: U beyond N x C allowed", "and 1 <= U <= entries", "and 1 <= U"),
        (
            "explain: entries read by column",
            "order // A.shape[1], order % A.shape[1]",
            "order % A.shape[0], order // A.shape[0]",
        ),
        ("explain: h of all entries", "explain_logits(kept, F_n[None]", "explain_logits(A[None], F_n[None]"),
    ],
    "training/engine": [
        ("start: split taken for seed", "zip(earlier.fold, earlier.seed)", "zip(earlier.seed, earlier.fold)"),
        ("draws: seeded by place", "1_000_003 * seed + int(folds.split[fold])", "1_000_003 * seed + fold"),
        ("stopping: ties are better", 'measure > state["best"]', 'measure >= state["best"]'),
        ("stopping: a criterion never closes", 'best"][stack]) & waiting', 'best"][stack])'),
        ("stopping: a criterion closes a check early", "earlier[0] - state", "epoch - state"),
        ("stopping: one check late", ">= self.settings.patience)", "> self.settings.patience)"),
        ("stopping: by the first criterion to rest", '["best_epoch"][stack].amax(1)', '["best_epoch"][stack].amin(1)'),
        (
            "stopping: a criterion's best kept for all",
            '["best_bank"][n][stack[run], criterion]',
            '["best_bank"][n][stack[run]]',
        ),
        (
            "stopping: first parameters returned",
            "criterion] = tensor[run]",
            'criterion] = state["best_bank"][n][stack[run], criterion]',
        ),
        ("checkpoint: runs not compared", "(self.kind, self.runs, self.settings,", "(self.kind, self.settings,"),
        ("checkpoint: method not compared", "(self.kind, self.runs, self.settings,", "(self.runs, self.settings,"),
        ("checkpoint: random numbers not resumed", "generator.set_state(state)", "pass"),
        ("stacks: one run too many", "(len(stacks[-1]) + 1) * rows[i] > share", "len(stacks[-1]) * rows[i] > share"),
        (
            "check: past the last epoch",
            'min(self.settings.check, self.settings.epochs - state["epoch"])',
            "self.settings.check",
        ),
    ],
    "masks": [
        ("top: smallest first", "argsort(dim=-1, descending=True, stable=True)", "argsort(dim=-1, stable=True)"),
        (
            "top: last of equals first",
            "order = phi.argsort(dim=-1, descending=True, stable=True)",
            "order = phi.flip(-1).argsort(dim=-1, descending=True, stable=True)\n    order = phi.shape[-1] - 1 - order",
        ),
        ("top: order taken for places", "order.argsort(-1)[..., None, :]", "order[..., None, :]"),
        ("top: s + 1 features", "(place < _sizes(s, phi)[:, None])", "(place <= _sizes(s, phi)[:, None])"),
        ("threshold: above, not at", "(phi[..., None, :] >= value", "(phi[..., None, :] > value"),
        (
            "threshold: the next value",
            "values[..., _sizes(s, phi) - 1]",
            "values[..., _sizes(s, phi).clamp_max(phi.shape[-1] - 1)]",
        ),
        ("temperature: all counted, not distinct ones", "1 + (ordered.diff(dim=-1) > 0).sum(-1)", "phi.shape[-1]"),
        ("temperature: gaps counted", "distinct = 1 + (", "distinct = ("),
        ("temperature: spread itself", "distinct / spread.where", "spread / distinct.where"),
        ("temperature: with a gradient", "phi.detach().sort(-1)", "phi.sort(-1)"),
        (
            "temperature: of the whole batch",
            "ordered[..., -1] - ordered[..., 0]",
            "(ordered[..., -1] - ordered[..., 0]).max()",
        ),
        ("t_s: at the s-th value", "(ordered[..., at - 1] + ordered[..., at]) / 2", "ordered[..., at - 1]"),
        (
            "t_s: constant",
            "return (ordered[..., at - 1]",
            "ordered = ordered.detach()\n    return (ordered[..., at - 1]",
        ),
        ("t_s: last a whole gap below", "- 1 / temperature(phi)[..., None]", "- 2 / temperature(phi)[..., None]"),
        ("soft: sign of T", "torch.sigmoid(T[..., None, None]", "torch.sigmoid(-T[..., None, None]"),
        ("soft: T squared", "torch.sigmoid(T[..., None, None]", "torch.sigmoid(T.square()[..., None, None]"),
        ("insert: x and b swapped", "torch.lerp(b, x, r)", "torch.lerp(x, b, r)"),
        ("delete: what is inserted", "insert(x, b, 1 - r)", "insert(x, b, r)"),
        ("image: pixels in column order", "r.unflatten(-1, (1, *shape[1:]))", "r.unflatten(-1, (1, *shape[:0:-1])).mT"),
        (
            "image: one channel masked",
            "r = r.unflatten(-1, (1, *shape[1:]))",
            "r, rest = r.unflatten(-1, (1, *shape[1:])), torch.ones(shape[0] - 1, *shape[1:]).to(r)\n"
            "        r = torch.cat([r, rest.expand(*r.shape[:-3], -1, -1, -1)], -3)",
        ),
        ("steps: rounded up", "round(S * Q)", "-int(-S * Q // 1)"),
        ("steps: from 0", "list(range(step, max", "list(range(0, max"),
    ],
    "explainers/__init__": [
        ("Shapley: the whole weighs less", "whole: float = 1e3", "whole: float = 1e2"),
        ("LIME: no half in the exponent", "(2 * width**2)", "width**2"),
        ("LIME: width not squared", "(2 * width**2)", "(2 * width)"),
        ("LIME: L2 squared twice", "squared = 1 - share", "squared = (1 - share) ** 2"),
        ("LIME: cosine for its root", "(1 - share.sqrt()) ** 2", "(1 - share) ** 2"),
        ("Shapley: no 1/D", "-binom - math.log(D))", "-binom)"),
        ("Shapley: binom(D - 1, n - 1)", "math.lgamma(max(D - 1, 1))", "math.lgamma(max(D, 1))"),
        ("Shapley: zeros count", "where(n > 0, 0.0)", "where(n >= 0, 0.0)"),
        (
            "Shapley: scaled by the sum",
            ".sum(-1, keepdim=True) / finite.sum(-1, keepdim=True).clamp_min(1)",
            ".sum(-1, keepdim=True)",
        ),
        ("Shapley: all ones in the mean", "((n > 0) & (n < D))", "(n > 0)"),
        ("projection: eps twice", "+ eps * torch.eye", "+ 2 * eps * torch.eye"),
        (
            "projection: no kernel on y~",
            "torch.linalg.solve(system, weighted)",
            "torch.linalg.solve(system, Z.double().mT)",
        ),
        (
            "projection: no kernel in the system",
            "system = weighted @ Z.double()",
            "system = Z.double().mT @ Z.double()",
        ),
        (
            "y~: log for probability",
            "predict(f, theta, masks.insert(x, b, Z)), y[..., None]).exp()",
            "predict(f, theta, masks.insert(x, b, Z)), y[..., None])",
        ),
        ("y~: kept where z is 0", "masks.insert(x, b, Z))", "masks.delete(x, b, Z))"),
        ("phi: mean for sum", "return y_tilde @ P.mT if", "return y_tilde @ P.mT / 2 if"),
        ("chunks: last one alone", "                t += own", "                t.copy_(own)"),
        (
            "chunks: gradient of the first",
            "zip(Z.split(chunk, -2), grad.split(chunk, -1))",
            "zip(Z.split(chunk, -2), [grad[..., :z.shape[-2]] for z in Z.split(chunk, -2)])",
        ),
        ("keep: weights without the share", "/ (n * share.gather(-1, at)).to(grad.dtype)", "/ n"),
        ("keep: one start for all", "points = (start + ", "points = (0.5 + 0 * start + "),
        ("keep: drawn by the signed gradient", "grad.abs().double()", "grad.clamp_min(0).double()"),
        ("masks: a third of ones", "torch.randint(2, shape", "torch.randint(3, shape"),
        (
            "masks: one generator for all",
            "for g in generators]\n    return torch.stack(draws)",
            "for g in generators[:1] * len(generators)]\n    return torch.stack(draws)",
        ),
        ("singular: not looked for", "if eps == 0 and (", "if eps < 0 and ("),
    ],
    "regularizers": [
        ("insertion: sign", "return -path.inserted.mean(-1)", "return path.inserted.mean(-1)"),
        ("insertion: sum for mean", "return -path.inserted.mean(-1)", "return -path.inserted.sum(-1)"),
        ("Del-A: sign", "path.deleted.mean(-1) - path.whole", "path.whole - path.deleted.mean(-1)"),
        ("Del-A: f(x) constant", "path.deleted.mean(-1) - path.whole", "path.deleted.mean(-1) - path.whole.detach()"),
        (
            "Del-B: f(x) counts",
            'if form == "B":\n        return path.deleted.mean(-1)',
            'if form == "B":\n        return path.deleted.mean(-1) + path.whole',
        ),
        ("Del-C: f for 1 - f", "-(-path.deleted.clamp_max(-TINY).expm1())", "-(path.deleted.clamp_max(-TINY).exp())"),
        ("Del-C: log of the mean", ".expm1()).log().mean(-1)", ".expm1()).log().amax(-1)"),
        (
            "path: deletion for insertion",
            "[x.unsqueeze(2), masks.insert(x, b, r), masks.delete(x, b, r)]",
            "[x.unsqueeze(2), masks.delete(x, b, r), masks.insert(x, b, r)]",
        ),
        ("size: not squared", "phi.square().sum(-1)", "phi.abs().sum(-1)"),
        (
            "fidelity: sum for mean",
            "(k * (y_tilde - linear).square()).mean(-1)",
            "(k * (y_tilde - linear).square()).sum(-1)",
        ),
        ("fidelity: no kernel", "(k * (y_tilde - linear).square())", "(y_tilde - linear).square()"),
        ("fidelity: absolute", "(k * (y_tilde - linear).square())", "(k * (y_tilde - linear).abs())"),
        ("stability: f(x) left out", "(y_tilde - p[..., None])", "(y_tilde - 0 * p[..., None])"),
        ("stability: no kernel", "(k * (y_tilde - p[..., None]).square())", "(y_tilde - p[..., None]).square()"),
    ],
    "training/fewer": [
        ("step: variance for spread", "eps = settings.sigma * draws", "eps = settings.sigma**2 * draws"),
        ("step: rows with all gates open", "(Z > 0).flatten(2).any(2)", "(Z > 0).flatten(2).all(2)"),
        ("step: shut rows count as open", "(Z > 0).flatten(2)", "(Z >= 0).flatten(2)"),
        ("step: half-open rows left out", "(Z > 0).flatten(2)", "(Z > 0.5).flatten(2)"),
        ("step: padding counts", " * valid[..., None]", ""),
        (
            "step: labels of the first rows",
            "folds.y_train[fold[:, None], batch]",
            "folds.y_train[fold, : batch.shape[1]]",
        ),
        (
            "step: split by place in the stack",
            "x = folds.x_train[fold[:, None]",
            "x = folds.x_train[torch.arange(R)[:, None]",
        ),
        ("draws: one generator for all", "out[r].normal_(generator=g)", "out[r].normal_(generator=self.generators[0])"),
        ("draws: the same order every epoch", "torch.randperm(N, generator=g", "torch.arange(N"),
        ("start: W by its outputs", "stack_uniform((K, C), K", "stack_uniform((K, C), C"),
        ("start: S without its spread", "self.settings.S_start * Draws", "Draws"),
        ("Adam: steps forgotten at checks", 'float(state["epoch"] * math.ceil', "float(0 * math.ceil"),
        (
            "Adam: epochs for steps",
            'state["epoch"] * math.ceil(self.folds.x_train.shape[1] / settings.batch)',
            'state["epoch"]',
        ),
        ("Adam: moments swapped", '("exp_avg", "exp_avg_sq")', '("exp_avg_sq", "exp_avg")'),
        ("scores: U + 1 entries", "A * (place < U)", "A * (place <= U)"),
        ("scores: accuracy of h for all", "predicted = h if g is None else g", "predicted = h"),
        ("stopping: last U alone", "geometric_mean(*scores).mean(1, keepdim=True)", "geometric_mean(*scores)[:, -1:]"),
        ("stage 2: W of another split", 'stage1.bank["W"][at]', 'stage1.bank["W"][[0] * len(at)]'),
        (
            "step: draws summed before the loss",
            ".transpose(1, 2)  # (R, J, B, C)",
            ".transpose(1, 2).mean(1, keepdim=True)",
        ),
        ("step: bits of all rows from one run", "own_rows[r] * n_draws", "own_rows[0] * n_draws"),
        ("step: no dropout", "f(theta, x[:, :dropped], bits)", "f(theta, x[:, :dropped])"),
    ],
    "training/expo": [
        ("objective: no lambda on both", "lam[:, None] * both", "both"),
        (
            "objective: lambda on insertion alone",
            "regularizers.insertion(path) + regularizers.deletion(path",
            "regularizers.insertion(path) + 0 * regularizers.deletion(path",
        ),
        (
            "objective: paper's deletion always",
            "regularizers.deletion(path, settings.deletion)",
            "regularizers.deletion(path)",
        ),
        ("objective: lambda for lambda3", "lam3[:, None] * regularizers.size", "lam[:, None] * regularizers.size"),
        (
            "objective: phi constant in its masks",
            "masks.soft_mask(phi, masks.steps",
            "masks.soft_mask(phi.detach(), masks.steps",
        ),
        ("objective: own T always", "settings.S), settings.T)", "settings.S))"),
        ("objective: sign of the cross-entropy", "(-path.whole + lam", "(path.whole + lam"),
        ("objective: summed over the batch", "regularizers.size(phi)).mean(1)", "regularizers.size(phi)).sum(1)"),
        (
            "objective: LIME's kernel in ExpO",
            'settings.explainer if method == "ID-ExpO" else "cosine"',
            "settings.explainer",
        ),
        (
            "objective: ExpO-S for ExpO-F",
            "penalty = regularizers.fidelity(y_tilde, Z, phi, k)",
            "penalty = regularizers.stability(y_tilde, log_p.exp(), k)",
        ),
        ("objective: no strength on ExpO", "(-log_p + lam[:, None] * penalty)", "(-log_p + penalty)"),
        ("SGD: no Nesterov", "* (grad + mu * momentum[n])", "* momentum[n]"),
        ("SGD: momentum damped", "momentum[n].mul_(mu).add_(grad)", "momentum[n].mul_(mu).add_((1 - mu) * grad)"),
        ("SGD: weight decay's sign", "grad + weight_decay * theta[n]", "grad - weight_decay * theta[n]"),
        ("SGD: one rate for all runs", "lr.view(-1, *(1,)", "lr[:1].view(-1, *(1,)"),
        ("momentum forgotten at checks", "            moments[n][0][stack] = momentum[n]", "            pass"),
        (
            "step: batches in order",
            "torch.randperm(self.folds.x_train.shape[1], generator=g, device=g.device)",
            "torch.arange(self.folds.x_train.shape[1])",
        ),
        ("step: masks shared where fresh", "batch.shape[1] if settings.fresh else None", "None"),
        ("start: first split for all", "{n: t[at, 0] for n, t in start", "{n: t[[0] * len(at), 0] for n, t in start"),
        ("measure: label explained", "predicted = logits.argmax(-1)", "predicted = logits.argmin(-1)"),
        (
            "measure: S of the first criterion",
            "[found[e].areas(s) for e, s in self.criteria]",
            "[found[e].areas(self.criteria[0][1]) for e, s in self.criteria]",
        ),
        (
            "measure: test rows choose",
            "(self.folds.x_val, self.folds.y_val, self.masks)",
            "(self.folds.x_test, self.folds.y_test, self.masks)",
        ),
        (
            "measure: training masks differ by run",
            "_test_masks(folds, range(len(folds.split)), settings.M",
            "_test_masks(folds, [0] * len(folds.split), settings.M",
        ),
        ("measure: eta fixed", "*pair, self.settings.eta)", "*pair)"),
        (
            "report: first criterion's parameters",
            "{n: t[stack, v] for n, t in tuned.bank.items()}",
            "{n: t[stack, 0] for n, t in tuned.bank.items()}",
        ),
        ("checkpoint: start not compared", "self.kind += (given.hexdigest(),)", "pass"),
        ("areas: all of the curve", "c[..., :n].double()", "c.double()"),
        ("measure: curves to the smallest S", "explainer: max(s for e, s", "explainer: min(s for e, s"),
        (
            "measure: pretraining chosen on training rows",
            "return metrics.accuracy(self.f(bank, x), y)[:, None]",
            "return metrics.accuracy(self.f(bank, self.folds.x_train[self.fold[stack]]), "
            "self.folds.y_train[self.fold[stack]])[:, None]",
        ),
        (
            "masks: seeded by the place of a split",
            "10**12 * purpose + int(folds.split[fold])",
            "10**12 * purpose + int(fold)",
        ),
        (
            "report: masks turned round",
            "masked_accuracy(f, theta, x, y, b, Z)",
            "masked_accuracy(f, theta, x, y, b, 1 - Z)",
        ),
        ("report: three of sensitivity", "generators, min(4, Q - 1)", "generators, min(3, Q - 1)"),
        ("report: all but one of sensitivity", "generators, min(4, Q - 1)", "generators, Q - 1"),
        ("record: precision tells runs apart", '"deletion", "mixed")  # settings', '"deletion")  # settings'),
        ("weights: always scaled", "shapley_kernel(Z, self.scaled)", "shapley_kernel(Z)"),
        ("weights: always L2", "lime_kernel(Z, self.kernel, self.width)", 'lime_kernel(Z, "L2", self.width)'),
        ("weights: width fixed", "lime_kernel(Z, self.kernel, self.width)", "lime_kernel(Z, self.kernel)"),
    ],
    "study/claims_id": [
        (
            "claims: worst settings chosen",
            'sort_values("score", ascending=False',
            'sort_values("score", ascending=True',
        ),
        ("claims: test rows choose", 'frame[frame["part"] == "val"]', 'frame[frame["part"] == "test"]'),
        ("claims: eta fixed", '1 - val["1 − deletion"], eta)', '1 - val["1 − deletion"], 2.0)'),
        ("claims: deletion turned round", '1 - val["1 − deletion"], eta)', 'val["1 − deletion"], eta)'),
        ("claims: a start counts", 'frame[frame["best_epoch"] > 0]', "frame"),
        ("claims: any form is ours", 'method="ID-ExpO", deletion="A", **where', 'method="ID-ExpO", **where'),
        ("claims: worst rival", ".max(axis=1, skipna=False)", ".min(axis=1, skipna=False)"),
        ("claims: two rivals are enough", ".max(axis=1, skipna=False)", ".max(axis=1)"),
        ("claims: two forms are enough", 'transform("nunique") == 3', 'transform("nunique") >= 2'),
        ("claims: accuracy once in the balance", "np.array([2.0, 1.0, 1.0])", "np.array([1.0, 1.0, 1.0])"),
        ("claims: C6 at another eta", "all_forms(at(front, eta=2))", "all_forms(at(front, eta=3))"),
        ("claims: C8 at another eta", "three = at(cell, eta=3)", "three = at(cell, eta=2)"),
        ("claims: insertion twice in the balance", "np.array([2.0, 1.0, 1.0])", "np.array([2.0, 2.0, 1.0])"),
        ("claims: C8 without its margin", '">", -MARGIN)', '">", 0)'),
        ("claims: C9 with twice its margin", '"within", MARGIN)', '"within", 2 * MARGIN)'),
        ("claims: C10 at another eta", "eta=2)\n    for d, S in", "eta=3)\n    for d, S in"),
        ("claims: C11 at another eta", "eta=2)\n    for d, explainer, S in", "eta=3)\n    for d, explainer, S in"),
        ("claims: C8 at the best eta", "least = min(", "least = max("),
        ("claims: C9 at another eta", "three = at(front, eta=3, S=0.3", "three = at(front, eta=2, S=0.3"),
        ("claims: C9 at both S", "three = at(front, eta=3, S=0.3, ", "three = at(front, eta=3, "),
        ("claims: C9 a gain", '("KernelSHAP", "<", 0.0)', '("KernelSHAP", ">", 0.0)'),
        ("claims: C10 turned round", "np.log(both[0]) - np.log(both[1])", "np.log(both[1]) - np.log(both[0])"),
        ("claims: C11 against another rival", '"masked", method="CE-only"', '"masked", method="ExpO-S"'),
        ("load: deletion as it is", '1 - frame["value"])', 'frame["value"])'),
    ],
}

MUTATIONS = [Mutation(name, file, old, new) for file, some in CHANGES.items() for name, old, new in some]


def copy(folder: Path) -> None:
    """Everything that the tests of the core read, in a folder of its own."""
    for part in ("lib", "tests", "notebooks"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.ipynb"))


def run_tests(folder: Path, first: str) -> None:
    """In a process of its own: forget this checkout, then run the copy's tests, those of the changed file first."""
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1), os.dup2(log, 2)
    os.chdir(folder)
    sys.path[:] = [str(folder), *(p for p in sys.path if Path(p).resolve() != ROOT)]
    for name in [n for n in sys.modules if n.split(".")[0] in ("tests", "lib")]:
        del sys.modules[name]
    parts = [f"tests/test_{part}.py" for part in sorted(CHANGES, key=lambda part: part != first)]
    files = [part for part in parts if Path(part).exists()]
    options = ["-x", "-q", "--tb=no", "--no-header", "-p", "no:cacheprovider", "-p", "no:nbval"]
    os._exit(pytest.main([*options, "--deselect", "tests/test_training.py::test_every_mutation_still_applies", *files]))


def noticed(folder: Path, first: str) -> str | None:
    """The first test that fails there, or None."""
    child = os.fork()  # this process has imported what takes long
    if child == 0:
        run_tests(folder, first)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 0:
        return None
    log = (folder / "log").read_text()
    failed = re.search(r"^(?:FAILED|ERROR) (?:tests/)?([\w.:]+)", log, re.MULTILINE)
    if not failed:
        raise SystemExit(f"the tests did not run:\n{log[-3000:]}")
    return failed[1]


def main(words: list[str]) -> int:
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    sys.dont_write_bytecode = True
    for slow in ("torch", "scipy.stats", "sklearn.metrics", "pandas", "hypothesis", "jupytext", "torch._dynamo"):
        importlib.import_module(slow)
    chosen, missed = [m for m in MUTATIONS if not words or any(word in m.name for word in words)], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        copy(folder)
        if failed := noticed(folder, "gates"):
            print(f"the tests fail without any change: {failed}")
            return 1
        for m in chosen:
            path, started = folder / "lib" / f"{m.file}.py", time.monotonic()
            right = path.read_text()
            path.write_text(right.replace(m.old, m.new))
            failed = noticed(folder, m.file)
            path.write_text(right)
            missed += [] if failed else [m.name]
            seconds = f"({time.monotonic() - started:.0f} s)"
            print(f"caught  {m.name}: {failed} {seconds}" if failed else f"MISSED  {m.name} {seconds}", flush=True)
    print(f"{len(chosen) - len(missed)} of {len(chosen)} caught" + "".join(f"\n  missed: {name}" for name in missed))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
