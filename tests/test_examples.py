"""The explanation model: h from examples, the six objectives term by term, and U examples chosen and read."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier
from torch.nn.functional import cross_entropy, kl_div, mse_loss

from lib import examples, gates, metrics
from lib.methods import FE as METHODS
from lib.methods import STARTS
from lib.methods import Examples as Method

PREDICTOR = STARTS["Predictor"]
few = settings(max_examples=25, derandomize=True)
shapes = st.fixed_dictionaries(
    {"R": st.integers(1, 3), "N": st.integers(1, 6), "B": st.integers(1, 5), "C": st.integers(1, 4)}
    | {"K": st.integers(1, 4), "seed": st.integers(0, 999)}
)


def double(seed, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def model(R=2, N=6, B=4, C=3, K=3, seed=0):
    """Random A (R, N, C), F_n (R, N, K), F (R, B, K)."""
    return double(seed, R, N, C), double(seed + 1, R, N, K), double(seed + 2, R, B, K)


# --- FE-2 to FE-5 ----------------------------------------------------------------------------------------------------


@few
@given(shapes)
def test_similarity_is_a_dot_product_of_features(shape):
    """k(x_n, x) = f(x_n)^T f(x), for every run, example and row (FE-3)."""
    _, F_n, F = model(**shape)
    by_hand = [[[float(a @ b) for b in F[r]] for a in F_n[r]] for r in range(len(F))]
    assert torch.allclose(examples.similarity(F_n, F), torch.tensor(by_hand, dtype=torch.float64))


@few
@given(shapes)
def test_h_is_a_sum_over_examples(shape):
    """(A^T F) f(x) = sum_n alpha_n k(x_n, x), an exact identity (FE-2)."""
    A, F_n, F = model(**shape)
    k = examples.similarity(F_n, F)
    by_examples = sum(A[:, n, None] * k[:, n, :, None] for n in range(A.shape[1]))  # (R, B, C)
    assert torch.allclose(examples.explain_logits(A, F_n, F), by_examples)


def test_both_ways_to_sum_h_have_the_same_gradients():
    """The identity holds for the gradients to alpha and to both features too (FE-2)."""
    leaves = [t.requires_grad_() for t in model()]
    A, F_n, F = leaves
    weight = double(9, 2, 4, 3)
    plain = torch.einsum("rnc,rnk,rbk->rbc", A, F_n, F)
    for a, b in zip(
        *(torch.autograd.grad((o * weight).sum(), leaves) for o in (examples.explain_logits(*leaves), plain))
    ):
        assert torch.allclose(a, b)


def test_faithful_means_the_same_largest_output():
    """Rows where argmax g = argmax h, and no others (FE-4, FE-5)."""
    g = torch.tensor([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    h = torch.tensor([[-9.0, 5.0, 4.9], [0.3, 0.5, 0.2], [-3.0, -2.0, -1.0]])
    assert examples.faithful(g, h).tolist() == [True, False, True]
    assert examples.faithful(g, g * 1e-3 - 5).all()  # only the order matters
    assert not examples.faithful(g, -g)[0]


def test_ties_and_nan_are_not_agreement():
    """An h whose largest outputs tie names no class, and neither does NaN (FE-4)."""
    g = torch.tensor([[0.7, 0.2, 0.1]])
    for h in ([1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [torch.nan, 0.0, 0.0], [1.0, torch.nan, 0.0]):
        assert examples.tied(torch.tensor([h])).all()
        assert not examples.faithful(g, torch.tensor([h])).any()
    assert not examples.faithful(g * torch.nan, g).any()
    assert not examples.tied(torch.tensor([[1.0, 0.0, 0.0]])).any()
    assert examples.faithful(g, torch.tensor([[1.0, 0.0, 0.0]])).all()


@few
@given(st.integers(1, 5), st.integers(0, 5), st.integers(2, 5), st.integers(0, 999))
def test_an_h_that_can_represent_g_is_faithful_everywhere(K, more, C, seed):
    """With K <= N examples in general position some A has W = F_n^T A, and then h = g (FE-1, FE-2, FE-4)."""
    N = K + more
    _, F_n, F = model(1, N, 20, C, K, seed)
    W = double(seed + 3, 1, K, C)
    A = torch.linalg.lstsq(F_n.mT, W, driver="gelsd").solution  # N unknowns, K equations
    g, h = F @ W, examples.explain_logits(A, F_n, F)
    assert torch.allclose(g, h, atol=1e-6 * float(A.abs().max() + 1))
    assert metrics.faithfulness(g, h).item() == 1


# --- FE-6 and FE-10 to FE-17 -----------------------------------------------------------------------------------------


def terms(R=2, N=5, B=4, C=3, J=3, seed=0, task="classification"):
    """Everything an objective is made of, random."""
    y = double(seed, R, B, C) if task == "regression" else torch.randint(C, (R, B), generator=torch.Generator())
    g, h, mu = double(seed + 1, R, B, C), double(seed + 2, R, J, B, C), double(seed + 3, R, N, C)
    lam, eta = (torch.linspace(a, 2 * a, R, dtype=torch.float64) for a in (0.7, 0.03))
    return SimpleNamespace(y=y, g=g, h=h, mu=mu, lam=lam, eta=eta, sigma=0.8)


def objective(method, t, **change):
    method = method if isinstance(method, Method) else METHODS[method]
    return examples.objective(method, **(vars(t) | change))


def by_hand(t, r):
    """The four terms of one run, with torch's own losses: l(y, g), l(g, h), l(y, h), the expected open gates."""
    p, log_h = t.g[r].softmax(1), t.h[r].log_softmax(2)
    agree = torch.stack([-(p * log_h_j).sum(1).mean() for log_h_j in log_h]).mean()
    explains = torch.stack([cross_entropy(h_j, t.y[r]) for h_j in t.h[r]]).mean()
    return cross_entropy(t.g[r], t.y[r]), agree, explains, charge(t, r)


def charge(t, r):
    return torch.distributions.Normal(0, t.sigma).cdf(t.mu[r]).sum()


@pytest.mark.parametrize(
    ("method", "combine"),
    [
        ("Ours", lambda fit, agree, explains, charge, lam, eta: fit + lam * agree + eta * charge),
        ("Joint", lambda fit, agree, explains, charge, lam, eta: fit + lam * agree),
        ("RPS", lambda fit, agree, explains, charge, lam, eta: explains),
        ("RPSR", lambda fit, agree, explains, charge, lam, eta: explains + eta * charge),
        ("Pretrain", lambda fit, agree, explains, charge, lam, eta: lam * agree),
        ("PretrainR", lambda fit, agree, explains, charge, lam, eta: lam * agree + eta * charge),
        (PREDICTOR, lambda fit, agree, explains, charge, lam, eta: fit),
    ],
    ids=[*METHODS, "Predictor"],
)
def test_each_objective_is_the_sum_of_its_terms(method, combine):
    """Value by value against torch's losses, for two runs of different lambda and eta (FE-6, FE-10 to FE-17)."""
    t = terms()
    expected = [combine(*by_hand(t, r), t.lam[r], t.eta[r]).item() for r in range(2)]
    assert objective(method, t).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("method", METHODS)
def test_gradients_of_each_objective_are_right(method):
    """Against finite differences, to everything it depends on (FE-10 to FE-17)."""
    t = terms(J=2)
    leaves = [leaf.requires_grad_() for leaf in (t.g, t.h, t.mu)]
    assert torch.autograd.gradcheck(lambda g, h, mu: objective(method, t, g=g, h=h, mu=mu).sum(), leaves)


def test_methods_meet_at_their_limits():
    """Without eta Ours is Joint and RPSR is RPS; without lambda too, Ours is stage 1 (FE-6, FE-12 to FE-15)."""
    t = terms()
    none = torch.zeros(2, dtype=torch.float64)
    for gated, plain in (("Ours", "Joint"), ("RPSR", "RPS"), ("PretrainR", "Pretrain")):
        assert torch.equal(objective(gated, t, eta=none), objective(plain, t))
    assert torch.equal(objective("Ours", t, eta=none, lam=none), objective(PREDICTOR, t))
    shut = torch.full_like(t.mu, -1e9)  # all gates shut are free
    assert torch.equal(objective("Ours", t, mu=shut), objective("Joint", t))


def test_the_expectation_over_gates_is_a_mean_over_draws():
    """J equal draws are one; J different ones are averaged, not their h (FE-11)."""
    t = terms(J=3)
    one = objective("Ours", t, h=t.h[:, :1])
    assert torch.allclose(objective("Ours", t, h=t.h[:, :1].expand(-1, 3, -1, -1)), one)
    singles = [objective("Ours", t, h=t.h[:, [j]]) for j in range(3)]
    assert torch.allclose(objective("Ours", t), torch.stack(singles).mean(0))
    assert not torch.allclose(objective("Ours", t), objective("Ours", t, h=t.h.mean(1, keepdim=True)))


def test_agreement_is_cheapest_where_h_equals_g():
    """l(g, h) = H(g) + KL(g || h): its gradient to h vanishes at h = g, and only there (FE-6)."""
    t = terms(J=1)
    p, h = t.g.softmax(-1), t.h[:, 0].clone().requires_grad_()
    entropy = torch.distributions.Categorical(probs=p).entropy().mean(1)
    kl = kl_div(h.log_softmax(-1), p, reduction="none").sum(-1).mean(1)
    assert torch.allclose(examples.loss(p, h, "classification"), entropy + kl)
    assert torch.autograd.grad(examples.loss(p, h, "classification").sum(), h)[0].abs().max() > 1e-2
    g = t.g.clone().requires_grad_()
    assert torch.autograd.grad(examples.loss(p, g, "classification").sum(), g)[0].abs().max() < 1e-12


def test_taking_g_as_a_constant_changes_its_gradient_alone():
    """through_g: whether l(g, h) pulls g towards h; the value is the same (FE-6)."""
    t = terms()
    t.g.requires_grad_(), t.h.requires_grad_()
    through, constant = (objective("Ours", t, through_g=flag) for flag in (True, False))
    assert torch.equal(through, constant)
    slopes = [
        torch.autograd.grad(o.sum(), (t.g, t.h)) for o in (through, constant, objective("Joint", t, lam=0 * t.lam))
    ]
    assert torch.equal(slopes[0][1], slopes[1][1])
    assert torch.allclose(slopes[1][0], slopes[2][0])  # of l(y, g) alone
    assert not torch.allclose(slopes[0][0], slopes[1][0])


@few
@given(st.integers(1, 3), st.integers(1, 5), st.integers(2, 5), st.integers(0, 999))
def test_the_loss_is_torchs_for_each_run(R, B, C, seed):
    """Cross entropy with labels and with probabilities; mean squared error for regression (FE-6)."""
    logits, values = double(seed, R, B, C), double(seed + 1, R, B, C)
    labels, p = values.argmax(-1), values.softmax(-1)
    for target, task, torchs in (
        (labels, "classification", cross_entropy),
        (p, "classification", cross_entropy),
        (values, "regression", mse_loss),
    ):
        expected = torch.stack([torchs(logits[r], target[r]) for r in range(R)])
        assert torch.allclose(examples.loss(target, logits, task), expected)


def test_regression_fits_g_to_y_and_h_to_g_by_squares():
    """E = MSE(y, g) + lambda MSE(g, h) + eta Omega (FE-6)."""
    t = terms(task="regression")
    got = objective("Ours", t, task="regression")
    for r in range(2):
        agree = ((t.g[r] - t.h[r]) ** 2).mean()
        expected = mse_loss(t.g[r], t.y[r]) + t.lam[r] * agree + t.eta[r] * charge(t, r)
        assert got[r].item() == pytest.approx(expected.item())
    assert objective("RPS", t, task="regression")[0].item() == pytest.approx(((t.y[0] - t.h[0]) ** 2).mean().item())


def test_runs_of_a_stack_do_not_mix():
    """Each run's objective is what it is alone, and its gradient stays at home (FE-11)."""
    t = terms(R=3)
    t.g.requires_grad_()
    together = objective("Ours", t)
    for r in range(3):
        alone = SimpleNamespace(**{n: v if n == "sigma" else v[[r]] for n, v in vars(t).items()})
        assert torch.allclose(together[r], objective("Ours", alone)[0])
    together[1].backward()
    assert t.g.grad[[0, 2]].abs().max() == 0


# --- FE-20 to FE-22 --------------------------------------------------------------------------------------------------


def test_expected_influence_carries_the_sign_and_size_of_s():
    """E[alpha] = s max(0, min(1, mu)), or s E[z]; S itself without gates (FE-20)."""
    S, mu = double(0, 2, 4, 3), double(1, 2, 4, 3)
    printed = examples.expected_influence(S, mu)
    for s, m, a in zip(S.flatten().tolist(), mu.flatten().tolist(), printed.flatten().tolist()):
        assert a == s * max(0.0, min(1.0, m))
    exact = examples.expected_influence(S, mu, exact_mean=True, sigma=0.3)
    assert torch.equal(exact, S * gates.exact_mean(mu, 0.3))
    assert examples.expected_influence(S, None) is S


@pytest.mark.parametrize("exact", [False, True])
def test_expected_influence_is_the_mean_of_drawn_influence(exact):
    """E[z s] by Monte Carlo; the printed form is off by at most 0.4 sigma |s| (FE-20)."""
    S, mu, sigma = double(0, 1, 2, 2), double(1, 1, 2, 2), 0.5
    eps = sigma * double(2, 100_000, 2, 2)
    drawn = gates.gated(gates.sample(mu, eps), S)
    error = (examples.expected_influence(S, mu, exact_mean=exact, sigma=sigma) - drawn.mean(0)).abs()
    assert torch.all(error < (0 if exact else 0.4 * sigma * S.abs()) + 5 * drawn.std(0) / 100_000**0.5)


@few
@given(shapes, st.data())
def test_exactly_u_entries_are_kept_and_they_are_the_largest(shape, data):
    """|alpha| of what is kept is at least that of what is not, in each run (FE-22)."""
    A = model(**shape)[0]
    U = data.draw(st.integers(1, A[0].numel()))
    kept = examples.keep_top(A, U)
    for a, k in zip(A, kept):
        chosen = k != 0
        assert chosen.sum() == U
        assert torch.equal(k[chosen], a[chosen])
        assert U == a.numel() or a[chosen].abs().min() >= a[~chosen].abs().max()


def test_keeping_every_entry_changes_nothing():
    """U = N x C is h itself, and U + 1 adds one entry to U (FE-21, FE-22)."""
    A, F_n, F = model()
    entries = A[0].numel()
    assert torch.equal(examples.keep_top(A, entries), A)
    h = examples.explain_logits(A, F_n, F)
    assert torch.equal(examples.explain_logits(examples.keep_top(A, entries), F_n, F), h)
    for U in range(1, entries):
        more, less = examples.keep_top(A, U + 1), examples.keep_top(A, U)
        added = (more != less).nonzero()
        assert len(added) == len(A)  # one entry a run
        assert torch.equal(more[less != 0], less[less != 0])


def test_h_of_u_entries_gives_each_output_its_own_column():
    """h_c is the sum over kept (n, c) of alpha_nc k(x_n, x): another output's entries do not enter it (FE-21)."""
    A, F_n, F = model(1, 5, 2, 3, 2)
    h = examples.explain_logits(examples.keep_top(A, 4), F_n, F)[0]
    k, largest = examples.similarity(F_n, F)[0], A.abs().flatten().topk(4).indices.tolist()
    expected = torch.zeros(2, 3, dtype=torch.float64)
    for entry in largest:
        n, c = divmod(entry, 3)
        expected[:, c] += A[0, n, c] * k[n]
    assert torch.allclose(h, expected)


def test_entries_of_equal_influence_are_taken_in_order():
    """Ties, closed gates above all, are broken by position, so that a choice can be repeated (FE-22)."""
    A = torch.tensor([[[0.0, 2.0], [-2.0, 0.0], [2.0, 0.0]]])
    assert examples.positions(A).tolist() == [[[3, 0], [1, 4], [2, 5]]]
    assert examples.keep_top(A, 2).tolist() == [[[0, 2], [-2, 0], [0, 0]]]
    many = torch.zeros(1, 100, 3)
    assert torch.equal(examples.positions(many).flatten(), torch.arange(300))


@few
@given(shapes)
def test_places_are_a_ranking(shape):
    """Each run's places are 0 .. N x C - 1, and sorting by them sorts by |alpha| (FE-22)."""
    A = model(**shape)[0]
    for a, place in zip(A, examples.positions(A)):
        order = place.flatten().argsort()
        assert place.flatten()[order].tolist() == list(range(a.numel()))
        assert torch.equal(a.abs().flatten()[order], a.abs().flatten().sort(descending=True).values)


def test_influence_can_be_ranked_in_other_ways():
    """By alpha with its sign, or by the gate's centre alone (FE-22)."""
    A, mu = torch.tensor([[[-3.0, 1.0, 0.5]]]), torch.tensor([[[0.2, 0.1, 0.9]]])
    assert examples.positions(A).tolist() == [[[0, 1, 2]]]
    assert examples.positions(A, mu=mu, rank="signed").tolist() == [[[2, 0, 1]]]
    assert examples.positions(A, mu=mu, rank="gate").tolist() == [[[1, 2, 0]]]
    assert examples.positions(A, mu=20 * mu, rank="gate").tolist() == [[[0, 1, 2]]]  # all open for good: a tie
    assert examples.positions(A, rank="gate").tolist() == [[[0, 1, 2]]]  # no gates: by magnitude
    assert examples.keep_top(A, 1, mu=mu, rank="gate").tolist() == [[[0, 0, 0.5]]]


# --- One explanation -------------------------------------------------------------------------------------------------


def test_an_explanation_lists_the_entries_that_make_h():
    """Rows, classes, influence and similarity, most influential first; they add up to h (FE-2, FE-3, FE-22)."""
    A, F_n, F = (t[0] for t in model(1, 5, 1, 3, 2))
    g = double(8, 3)
    got = examples.explain(A, F_n, F[0], g=g, U=4)
    assert (got.influence.abs().diff() <= 0).all()
    assert got.influence.abs().tolist() == A.abs().flatten().topk(4).values.tolist()
    assert torch.equal(got.influence, A[got.rows, got.classes])
    assert torch.allclose(got.similarity, torch.stack([F_n[n] @ F[0] for n in got.rows]))
    logits = torch.zeros(3, dtype=torch.float64).index_add_(0, got.classes, got.contribution)
    assert torch.allclose(got.h, logits.softmax(0))
    assert torch.allclose(got.g, g.softmax(0))
    assert got.faithful == (g.argmax() == logits.argmax()).item()


def test_where_h_predicts_it_explains_itself():
    """RPS and RPSR: g is h, so the explanation is faithful with any U (FE-4)."""
    A, F_n, F = (t[0] for t in model(1, 5, 1, 3, 2))
    for U in range(1, 16):
        got = examples.explain(A, F_n, F[0], g=None, U=U)
        assert got.faithful is True
        assert torch.equal(got.g, got.h)


def test_an_explanation_follows_the_ranking_asked_for():
    A, mu = torch.tensor([[-3.0, 1.0], [0.5, 2.0]]), torch.tensor([[0.1, 0.2], [0.9, 0.3]])
    got = examples.explain(A, torch.eye(2), torch.ones(2), g=torch.zeros(2), U=2, mu=mu, rank="gate")
    assert list(zip(got.rows.tolist(), got.classes.tolist())) == [(1, 0), (1, 1)]
    regression = examples.explain(A, torch.eye(2), torch.ones(2), g=torch.ones(2), U=4, task="regression")
    assert regression.g.tolist() == [1, 1]
    assert regression.h.tolist() == [-2.5, 3]
    assert regression.faithful is None  # values are compared, not their largest


@pytest.mark.parametrize("U", [0, -1, 19])
def test_u_beyond_the_entries_is_refused(U):
    for call in (
        lambda A, F_n, F: examples.keep_top(A, U),
        lambda A, F_n, F: examples.explain(A[0], F_n[0], F[0, 0], g=None, U=U),
    ):
        with pytest.raises(ValueError, match=f"U must be a whole number between 1 and N x C = 18, got {U}"):
            call(*model())


def test_an_unknown_rank_is_refused():
    with pytest.raises(ValueError, match="rank must be one of magnitude, signed, gate, got 'best'"):
        examples.positions(torch.zeros(1, 2, 2), rank="best")


def test_entries_belong_to_as_many_examples_as_have_one():
    place = torch.tensor([[0, 3], [1, 2], [4, 5]])
    assert [examples.distinct(place, U).item() for U in range(1, 7)] == [1, 2, 2, 2, 3, 3]


@pytest.mark.parametrize("k", [1, 4, 7, 100])
def test_neighbours_vote_as_a_classifier_by_neighbours_does(k):
    """scikit-learn's count of votes; of classes with as many, the one whose example is nearest (k = 2)."""
    random = torch.Generator().manual_seed(0)
    F_n, F = torch.randn(30, 3, generator=random), torch.randn(20, 3, generator=random)
    y_n = torch.arange(30) % 4
    votes = examples.neighbours(F_n, y_n, F, k=k, C=4)
    theirs = KNeighborsClassifier(min(k, 30)).fit(F_n, y_n).predict_proba(F) * min(k, 30)
    assert torch.equal(votes.floor(), torch.tensor(theirs).round())
    two = examples.neighbours(F_n, y_n, F, k=2, C=4)
    assert torch.equal(two.argmax(-1), examples.neighbours(F_n, y_n, F, k=1, C=4).argmax(-1))
