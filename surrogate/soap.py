"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al. 2024, arXiv 2409.11321)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

# A side longer than this stays as it is: its covariance would cost more than it brings.
LONGEST = 512
BETAS = (0.95, 0.95)
# Steps between two turns of the eigenbases, each one power iteration.
TURN_EVERY = 10
EPS = 1e-8
# Axes of a weight as a matrix: of what its covariance and its basis are in the state.
SIDES = ("rows", "columns")


class Soap(torch.optim.Optimizer):
    """Adam whose moments are taken in a slowly turning basis, in which the gradient's covariances
    over the rows and over the columns of a weight are nearly diagonal.

    A weight of more than two dimensions is a matrix of its first; one of a single dimension is a
    column. Where no side is turned this is Adam. As in the paper the first step only measures.

    Args:
        params: the parameters, or groups of them.
        lr: learning rate.
        betas: decay of the mean of the gradient, and of its squares and covariances.
        turn_every: steps between two turns of the bases.
        longest: longest side of a matrix that is turned.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        betas: tuple[float, float] = BETAS,
        turn_every: int = TURN_EVERY,
        longest: int = LONGEST,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas})
        self.turn_every, self.longest = turn_every, longest

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step by the gradients that are there; takes no closure."""
        assert closure is None
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    rows = len(weight) if weight.dim() else 1
                    given = weight.grad.reshape(rows, -1), self.state[weight]
                    weight.sub_(self._move(*given, group["lr"], *group["betas"]).view_as(weight))

    def _move(
        self, gradient: Tensor, state: dict[str, Any], rate: float, beta1: float, beta2: float
    ) -> Tensor:
        """What is taken from a weight, by its gradient as a matrix."""
        if not state:
            state.update(step=0, mean=torch.zeros_like(gradient), square=torch.zeros_like(gradient))
            for side, length in zip(SIDES, gradient.shape, strict=True):
                if 1 < length <= self.longest:
                    state[side] = gradient.new_zeros(length, length)
            self._measure(gradient, state, beta2)
            for side in SIDES:
                if side in state:
                    # In order of falling eigenvalues, as `_turn` keeps them.
                    state[f"{side}_basis"] = torch.linalg.eigh(state[side])[1].flip(1)
            return torch.zeros_like(gradient)
        state["step"] += 1
        mean, square, step = state["mean"], state["square"], state["step"]
        mean.lerp_(gradient, 1.0 - beta1)
        turned, turned_mean = self._project(torch.stack([gradient, mean]), state)
        square.lerp_(turned.square(), 1.0 - beta2)
        spread = (square / (1.0 - beta2**step)).sqrt_().add_(EPS)
        size = rate / (1.0 - beta1**step)
        move = self._project(size * turned_mean / spread, state, back=True)
        self._measure(gradient, state, beta2)
        if step % self.turn_every == 0:
            self._turn(state)
        return move

    def _measure(self, gradient: Tensor, state: dict[str, Any], beta2: float) -> None:
        """Add to the covariances over rows and columns."""
        for side, along in zip(SIDES, (gradient, gradient.T), strict=True):
            if side in state:
                state[side].lerp_(along @ along.T, 1.0 - beta2)

    def _project(self, matrix: Tensor, state: dict[str, Any], back: bool = False) -> Tensor:
        """A matrix, or several, in the bases; or back from there."""
        rows, columns = state.get("rows_basis"), state.get("columns_basis")
        if rows is not None:
            matrix = (rows if back else rows.T) @ matrix
        return matrix if columns is None else matrix @ (columns.T if back else columns)

    def _turn(self, state: dict[str, Any]) -> None:
        """One power iteration of each basis, its vectors in order of falling eigenvalues."""
        for axis, side in enumerate(SIDES):
            if side in state:
                basis = state[f"{side}_basis"]
                moved = state[side] @ basis
                order = (basis * moved).sum(0).argsort(descending=True, stable=True)
                state["square"] = state["square"].index_select(axis, order)
                state[f"{side}_basis"] = torch.linalg.qr(moved[:, order])[0]
