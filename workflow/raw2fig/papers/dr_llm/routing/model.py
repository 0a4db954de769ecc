"""`RoutedModel`: a Hugging Face model whose layers are skipped, executed or repeated (Dr.LLM, arXiv 2510.12773).

What is changed while it is attached, all of it on the given model's own objects and undone by `detach`: the `forward`
of each layer, which runs 0, 1 or 2 times; that of the decoder around them, where a prompt begins and its route is kept;
and `generate`, where settings are refused that would not be exact. Modules, weights and their names stay.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import PreTrainedModel

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.routing import adapter, limits
from raw2fig.papers.dr_llm.routing.cache import RoutedCache
from raw2fig.papers.dr_llm.routing.control import EXECUTE, PLAIN, decide
from raw2fig.papers.dr_llm.routing.pooling import pool
from raw2fig.papers.dr_llm.routing.route import Route, as_actions, run_rows
from raw2fig.papers.dr_llm.routing.routers import Routers


class Call(NamedTuple):
    """A call of the decoder: the route of its rows, its cache, and the tokens that routers read (rows, tokens), where
    they have to decide."""

    route: Route
    cache: RoutedCache | None
    read: torch.Tensor | None


class RoutedModel:
    """`base` with a route for each row of a batch, chosen by `routers`, or given by `fixed_route`.

    Routers decide once, while the prompt is read, each from the states that the routed layers before it have made. The
    route then holds for all tokens that follow in the same cache or in the same call of `generate`. Without routers
    every layer is executed. `control`, from -1 to 1, is the paper's knob (appendix C): at -0.5 the routers alone
    decide, above it they need more confidence to leave the base's path, and from 0 to 0.75 they never do.

    `base` is routed from here on, whether it is called itself or through this object, until `detach` or the end of a
    `with` block. `layers` is the number of its layers.

    Raises `InputError` for a model that cannot be routed exactly (`raw2fig.papers.dr_llm.routing.limits`), and for
    routers of other sizes.
    """

    def __init__(self, base: PreTrainedModel, routers: Routers | None = None, control: float = PLAIN) -> None:
        self.base, self.routers, self.control = base, routers, control
        self.attached = False
        self._undo = ExitStack()
        self._call: Call | None = None
        self._latest: Route | None = None
        self._fixed: torch.Tensor | None = None
        self._lengths: torch.Tensor | None = None
        # that of the present call of `generate`, for steps without a cache
        self._kept: Route | None = None
        self._keeping = False
        self.attach()

    @classmethod
    def from_pretrained(cls, base: PreTrainedModel, folder: str | Path) -> RoutedModel:
        """`base` with the routers of a folder that `save_routers` wrote. Raises `InputError` for a folder that is none,
        and for routers of another model."""
        return cls(base, *adapter.load(Path(folder), base))

    def save_routers(
        self,
        folder: str | Path,
        label_counts: Sequence[int] | None = None,
        tree_policy: str | None = None,
        early_stop: str | None = None,
    ) -> None:
        """Write `routers.safetensors` and `router_config.json` into `folder`.

        What the routers were trained on is written down where it is known: how many labels said skip, execute and
        repeat, and how the search that found them chose and stopped. Raises `InputError` where there are no routers.
        """
        if self.routers is None:
            raise InputError("routers", "there are none", "a model with routers")
        origin = adapter.Origin(label_counts, tree_policy, early_stop)
        adapter.save(Path(folder), self.base, self.routers, self.control, origin)

    def attach(self) -> None:
        """Route `base`, which is so already unless it was detached."""
        if self.attached:
            return
        if "_routed" in vars(self.base):
            raise InputError(type(self.base).__name__, "is routed by another RoutedModel", "its `detach` before")
        self._decoder, layers = limits.decoder_of(self.base)
        self._check_routers(len(layers), self._decoder.config.hidden_size)
        base: Any = self.base
        self._replace(base, "_routed", True)
        self._replace(base, "generate", self._generating(base.generate))
        self._replace(base, "init_continuous_batching", limits.no_continuous_batching)
        self._replace(self._decoder, "forward", self._decoding(self._decoder.forward))
        for number, layer in enumerate(layers):
            self._replace(layer, "forward", self._layer(number, layer.forward))
        self.layers, self.attached = len(layers), True

    def detach(self) -> None:
        """Leave `base` as it was."""
        self._undo.close()
        self.attached = False

    def __enter__(self) -> RoutedModel:
        self.attach()
        return self

    def __exit__(self, *_: object) -> None:
        self.detach()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`base` on a batch. Without a cache each call is a prompt of its own."""
        base: Any = self._attached()
        return base(*args, **kwargs)

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        """`base.generate`, greedy or sampled. Raises `InputError` for beam search, several sequences of one prompt,
        assisted decoding, other caches than a dynamic one, and prompts in chunks."""
        base: Any = self._attached()
        return base.generate(*args, **kwargs)

    @property
    def actions(self) -> torch.Tensor:
        """How often each row of the latest batch applies each layer, (rows, layers), 0, 1 or 2."""
        if self._latest is None:
            raise InputError("actions", "no prompt has been read", "a call before")
        return self._latest.actions

    @contextmanager
    def fixed_route(self, actions: Any) -> Iterator[None]:
        """Within the block prompts take `actions`, 0, 1 or 2: (rows, layers), or (layers,) for all rows alike. Routers
        are not asked. Raises `InputError` for other values or sizes."""
        before, self._fixed = self._fixed, as_actions(actions, self.layers)
        try:
            yield
        finally:
            self._fixed = before

    @contextmanager
    def prompt_lengths(self, lengths: Sequence[int]) -> Iterator[None]:
        """Within the block routers read only the first tokens of each row, as many as `lengths` (rows,) says: a route
        that must not depend on the answer, where prompt and answer are read together."""
        before, self._lengths = self._lengths, torch.as_tensor(lengths)
        try:
            yield
        finally:
            self._lengths = before

    def _attached(self) -> PreTrainedModel:
        if not self.attached:
            raise InputError(type(self.base).__name__, "is detached", "`attach` before")
        return self.base

    def _check_routers(self, layers: int, width: int) -> None:
        if self.routers is not None and (self.routers.layers, self.routers.width) != (layers, width):
            found = f"are for {self.routers.layers} layers of width {self.routers.width}"
            raise InputError("routers", found, f"{layers} layers of width {width}")

    def _replace(self, thing: Any, name: str, value: Any) -> None:
        """Set an attribute of the object itself until `detach`; it may have had one, of accelerate for example."""
        own = vars(thing)
        if name in own:
            self._undo.callback(own.__setitem__, name, own[name])
        else:
            self._undo.callback(own.pop, name)
        own[name] = value

    def _generating(self, run: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(run)

        @wraps(run)
        def generate(*args: Any, **kwargs: Any) -> Any:
            given = signature.bind_partial(*args, **kwargs).arguments
            limits.check_generation({**given, **given.get("kwargs", {})}, self.base)
            self._keeping = True
            try:
                return run(*args, **kwargs)
            finally:
                self._keeping, self._kept = False, None

        return generate

    def _decoding(self, run: Callable[..., Any]) -> Callable[..., Any]:
        names = list(inspect.signature(run).parameters)

        @wraps(run)
        def forward(*args: Any, **kwargs: Any) -> Any:
            given = {**dict(zip(names, args, strict=False)), **kwargs}
            limits.check_call(given, self._decoder)
            inputs = given.get("input_ids")
            rows, tokens = (given["inputs_embeds"] if inputs is None else inputs).shape[:2]
            cache = given["past_key_values"] = limits.cache_of(given, self._decoder)
            route = self._route_of(rows, cache)
            deciding = not route.passes and self._fixed is None and self.routers is not None
            self._call = Call(route, cache, self._read(given, rows, tokens) if deciding else None)
            try:
                output = run(**given)
            finally:
                self._call = None
            if cache is not None:
                cache.seen += tokens
            return output

        return forward

    def _route_of(self, rows: int, cache: RoutedCache | None) -> Route:
        """The route that was taken before, or one that is still to be decided."""
        route = self._kept if cache is None else cache.route
        if route is None:
            route = Route(rows)
            if self._fixed is not None and len(self._fixed) not in (1, rows):
                raise InputError("actions", f"are for {len(self._fixed)} rows", f"{rows}, as the batch has, or 1")
        if route.rows != rows:
            raise InputError("batch", f"has {rows} rows", f"{route.rows}, as its prompts had")
        if cache is not None:
            cache.route = route
        if self._keeping:
            self._kept = route
        self._latest = route
        return route

    def _read(self, given: dict[str, Any], rows: int, tokens: int) -> torch.Tensor:
        """The tokens that routers read, (rows, tokens), bool."""
        mask = given.get("attention_mask")
        if mask is None:
            read = torch.ones(rows, tokens, dtype=torch.bool, device=self._decoder.device)
        elif isinstance(mask, torch.Tensor) and mask.shape == (rows, tokens):
            read = mask.bool()
        else:
            raise InputError("attention_mask", "does not say which tokens there are", f"({rows}, {tokens})")
        if self._lengths is None:
            return read
        if self._lengths.shape != (rows,):
            raise InputError("prompt_lengths", f"have the shape {tuple(self._lengths.shape)}", f"({rows},)")
        return read & (read.cumsum(1) <= self._lengths.to(read.device)[:, None])

    def _layer(self, number: int, run: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        @wraps(run)
        def forward(hidden: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
            if self._call is None:
                raise InputError(f"layer {number}", "was called outside of its decoder", "`detach` before")
            route, cache, read = self._call
            if number == len(route.passes):
                route.add(self._decide(number, hidden, read), hidden.device)
            for second, rows in enumerate(route.passes[number]):
                with cache.second_pass() if second and cache is not None else nullcontext():
                    hidden = run(hidden, *args, **kwargs) if rows is None else run_rows(rows, run, hidden, args, kwargs)
            return hidden

        return forward

    def _decide(self, number: int, hidden: torch.Tensor, read: torch.Tensor | None) -> list[int]:
        """Actions of layer `number` (rows,) for the states (rows, tokens, width) that go into it."""
        if self._fixed is not None:
            return self._fixed[:, number].expand(len(hidden)).tolist()
        if self.routers is None or read is None:
            return [EXECUTE] * len(hidden)
        with torch.no_grad():
            pooled = pool(hidden, read.to(hidden.device), self.routers.windows, self.routers.mode)
            return decide(self.routers.of_layer(number, pooled).cpu(), self.control).tolist()
