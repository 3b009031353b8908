"""What every method owes its users; a new method is covered by being found."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from baseline_nets import CLASSES, IMAGES, STUDENT, TEACHER, both, leaves, network, rearranged, seeded

from baselines import METHODS, build, total
from suite.train.optim import optimiser

START, END = 0.0, 0.99
"""Progress at which methods with stages are looked at; the others ignore it."""

# Sums over a few thousand float32 values in another order: a hundred roundings of 1.2e-7 each.
ROUNDING = 1e-5

every_method = pytest.mark.parametrize("name", METHODS)
every_moment = pytest.mark.parametrize("progress", [START, END])


def made(name, *, student=STUDENT, teacher=TEACHER, seed=0):
    return build(name, student=student, teacher=teacher, generator=seeded(seed))


def run(method, own, taught, labels, *, progress=START, seed=5):
    return method(own, taught, labels, generator=seeded(seed), progress=progress)


def gradients(name, progress):
    """The method and its inputs after one backward pass."""
    method = made(name)
    own, taught, labels = both(method.taps)
    loss = total(run(method, own, taught, labels, progress=progress))
    loss.backward()
    return method, own, taught, loss


def leaves_of_graph(tensor):
    """Every tensor that a backward pass from here leaves a gradient in."""
    pending, seen, found = [tensor.grad_fn], set(), []
    while pending:
        node = pending.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.append(node.variable)
        pending += [after for after, _ in node.next_functions]
    return found


@every_method
def test_says_what_it_is_and_where_it_comes_from(name):
    method = METHODS[name]
    assert method.name == name
    assert method.title
    assert method.paper
    assert 2014 < method.year < 2027
    for words in (method.source, method.aligns, method.licence, method.differs):
        assert words
        assert not words.endswith(".")
        assert "|" not in words, "it becomes a cell of a table"
    method.options_type(**method.published)


@every_method
@every_moment
def test_terms_are_finite_scalars_and_every_gradient_is_finite(name, progress):
    method = made(name)
    own, taught, labels = both(method.taps)
    terms = run(method, own, taught, labels, progress=progress)
    assert terms
    assert all(term.shape == () and term.isfinite() and term >= 0 for term in terms.values())
    total(terms).backward()
    received = [x.grad for x in (*leaves(own).values(), *method.parameters()) if x.grad is not None]
    assert received
    assert all(gradient.isfinite().all() for gradient in received)


@every_method
def test_reads_all_that_it_taps(name):
    """At one stage or another; a map nobody reads costs memory for nothing."""
    early, late = (leaves(gradients(name, progress)[1]) for progress in (START, END))
    for what in early:
        assert early[what].grad is not None or late[what].grad is not None, what


@every_method
@every_moment
def test_teacher_gets_no_gradient(name, progress):
    _, _, taught, _ = gradients(name, progress)
    assert all(x.grad is None for x in leaves(taught).values())


@every_method
@every_moment
def test_whatever_learns_is_a_parameter_once_and_in_the_checkpoint(name, progress):
    method, own, _, loss = gradients(name, progress)
    listed = [p for _, p in method.named_parameters(remove_duplicate=False)]
    assert len(listed) == len({id(p) for p in listed})
    saved = {x.data_ptr() for x in method.state_dict().values()}
    inputs = {id(x) for x in leaves(own).values()}
    for leaf in leaves_of_graph(loss):
        if id(leaf) in inputs:
            continue
        assert any(leaf is p for p in listed), "a tensor learns that no optimiser is given"
        assert leaf.requires_grad
        assert leaf.data_ptr() in saved, "what is learned is lost at a restart"


@every_method
def test_every_trainable_parameter_learns(name):
    """At one stage or another: what never gets a gradient should be frozen, or not be there."""
    early, late = (dict(gradients(name, progress)[0].named_parameters()) for progress in (START, END))
    for parameter in early:
        learns = early[parameter].grad is not None or late[parameter].grad is not None
        assert learns == early[parameter].requires_grad, parameter


@every_method
def test_a_checkpoint_restores_the_method(name):
    method, other = made(name, seed=0), made(name, seed=1)
    other.load_state_dict(method.state_dict())
    batch = both(method.taps)
    torch.testing.assert_close(run(method, *batch), run(other, *batch), rtol=0, atol=0)


@every_method
def test_same_generators_same_result_and_the_global_state_is_left_alone(name):
    before = torch.get_rng_state()
    first, second = made(name), made(name)
    batch = both(first.taps)
    torch.testing.assert_close(run(first, *batch), run(second, *batch), rtol=0, atol=0)
    assert torch.equal(before, torch.get_rng_state())


@every_method
def test_only_the_terms_declared_random_depend_on_the_draw(name):
    method = made(name)
    batch = both(method.taps, images=16)  # more tokens than any method samples
    first, second = run(method, *batch, seed=5), run(method, *batch, seed=6)
    differing = {term for term in first if not torch.equal(first[term], second[term])}
    assert differing == method.random_terms & set(first)


@every_method
@every_moment
def test_terms_do_not_depend_on_the_size_of_the_batch(name, progress):
    """Showing every image twice changes nothing, but for terms that depend on a draw."""
    method = made(name)
    own, taught, labels = both(method.taps)
    twice = torch.arange(IMAGES).repeat(2)
    once_terms = run(method, own, taught, labels, progress=progress)
    twice_terms = run(method, rearranged(own, twice), rearranged(taught, twice), labels[twice], progress=progress)
    for term in once_terms.keys() - method.random_terms:
        torch.testing.assert_close(once_terms[term], twice_terms[term], rtol=ROUNDING, atol=0, msg=term)


@every_method
@every_moment
def test_order_of_the_batch_does_not_matter(name, progress):
    method = made(name)
    own, taught, labels = both(method.taps)
    order = torch.randperm(IMAGES, generator=seeded(9))
    plain = run(method, own, taught, labels, progress=progress)
    moved = run(method, rearranged(own, order), rearranged(taught, order), labels[order], progress=progress)
    for term in plain.keys() - method.random_terms:
        torch.testing.assert_close(plain[term], moved[term], rtol=ROUNDING, atol=0, msg=term)


@every_method
@every_moment
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_outputs_give_float32_terms_even_under_autocast(name, progress, dtype):
    method = made(name)
    own, taught, labels = both(method.taps, dtype=dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = run(method, own, taught, labels, progress=progress)
    assert all(term.dtype == torch.float32 and term.isfinite() for term in terms.values())
    reference = run(method, own.for_loss(), taught.for_loss(), labels, progress=progress)
    torch.testing.assert_close(terms, reference, rtol=0, atol=0)
    total(terms).backward()
    assert all(x.grad.isfinite().all() for x in leaves(own).values() if x.grad is not None)


@every_method
@every_moment
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("right", [True, False])
def test_logits_and_scores_200_apart_leave_every_number_finite(name, progress, dtype, right):
    """A softmax saturates at a gap of 104 in float32: its logarithm would be infinite, and 0 times it NaN."""
    method = made(name)
    own, taught, _ = both(method.taps, dtype=dtype, gap=200.0)
    chosen = own.logits.argmax(-1) if right else own.logits.argmin(-1)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype != torch.float32):
        terms = run(method, own, taught, chosen, progress=progress)
    assert all(term.isfinite() for term in terms.values()), terms
    total(terms).backward()
    received = {what: x.grad for what, x in leaves(own).items()} | {n: p.grad for n, p in method.named_parameters()}
    assert all(gradient.isfinite().all() for gradient in received.values() if gradient is not None)


@every_method
def test_a_student_that_is_the_teacher_gets_finite_gradients(name):
    """Where distances vanish, norms and roots must not divide by zero; in float32."""
    method = made(name, student=TEACHER)
    own, taught, labels = both(method.taps, student=TEACHER)
    same = replace(
        taught,
        logits=own.logits,
        maps={**taught.maps, **own.maps},
        final=taught.final if own.final is None else own.final,
        pooled=taught.pooled if own.pooled is None else own.pooled,
        attention={**taught.attention, **own.attention},
    )
    terms = run(method, own, same, labels)
    total(terms).backward()
    assert all(x.grad.isfinite().all() for x in leaves(own).values() if x.grad is not None)


@every_method
def test_what_learns_is_in_one_group_of_the_optimiser_and_matrices_alone_decay(name):
    method = made(name)
    recipe = SimpleNamespace(rate=1e-3, weight_decay=0.05)
    adam = optimiser(torch.nn.ModuleDict({"student": torch.nn.Linear(2, 2), "method": method}), recipe)
    groups = {id(p): group["weight_decay"] for group in adam.param_groups for p in group["params"]}
    listed = [id(p) for group in adam.param_groups for p in group["params"]]
    assert len(listed) == len(set(listed))
    for label, parameter in method.named_parameters():
        if parameter.requires_grad:
            assert groups[id(parameter)] == (0.0 if parameter.ndim <= 1 else 0.05), label
        else:
            assert id(parameter) not in groups, label


@every_method
def test_after_a_step_the_method_still_works_and_is_the_same_when_nothing_moved(name):
    method = made(name)
    batch = both(method.taps)
    before = run(method, *batch)
    method.after_step()
    torch.testing.assert_close(run(method, *batch), before, rtol=ROUNDING, atol=ROUNDING)


@every_method
@every_moment
def test_mixed_labels_are_taken(name, progress):
    method = made(name)
    own, taught, labels = both(method.taps)
    one_hot = torch.nn.functional.one_hot(labels, CLASSES).float()
    mixed = run(method, own, taught, one_hot, progress=progress)
    hard = run(method, own, taught, labels, progress=progress)
    torch.testing.assert_close(mixed, hard, rtol=ROUNDING, atol=0)


MISFITS = {
    "another grid": network(depth=8, channels=12, width=5),
    "wider than the teacher": network(depth=8, channels=48),
    "other classes": replace(STUDENT, classes=CLASSES + 1),
    "too few layers": network(depth=1, channels=12),
}


@every_method
@pytest.mark.parametrize("misfit", MISFITS)
def test_what_does_not_fit_is_refused_with_advice_or_works(name, misfit):
    student = MISFITS[misfit]
    try:
        method = made(name, student=student)
    except ValueError as fault:
        refusal = str(fault)
    else:
        own, taught, labels = both(method.taps, student=student)
        total(run(method, own, taught, labels)).backward()
        return
    assert refusal.startswith(f"{name}: ")
    assert any(advice in refusal for advice in ("choose", "give", "pair"))


@every_method
def test_a_method_that_needs_a_teacher_says_so(name):
    if not METHODS[name].needs_teacher:
        method = made(name, teacher=None)
        own, _, labels = both(method.taps)
        assert run(method, own, None, labels)
        return
    with pytest.raises(ValueError, match="needs a teacher"):
        made(name, teacher=None)
    method = made(name)
    own, _, labels = both(method.taps)
    with pytest.raises(ValueError, match="needs a teacher"):
        run(method, own, None, labels)
