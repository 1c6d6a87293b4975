"""
The operators behind the decorators; `decorators/__init__.py` makes tasks with them. Their function is the decorated
one, and the function's arguments come from its call in the DAG file.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.bases.decorator import DecoratedOperator

from lithops_provider.decorators.context import (
    Given,
    check_names,
    given_to_reduce,
    with_names,
    with_values,
)
from lithops_provider.jobs.binding.function import bind_arguments, bind_function
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.operators import (
    LithopsCallAsyncOperator,
    LithopsMapOperator,
    LithopsMapReduceOperator,
)
from lithops_provider.task.bad_input import failing_on_bad_input
from lithops_provider.task.generators import freeze_generator

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

    from lithops_provider.jobs.binding.defaults import WithDefaults
    from lithops_provider.jobs.binding.function import Binding
    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.task.handover import Handover
    from lithops_provider.task.operator import LithopsBaseOperator
    from lithops_provider.task.phases import Phase

#: How many items at most are checked when the DAG is parsed, if they are known by then. When the task runs, all are.
_CHECKED_ITEMS = 100


def _fields(operator: type[LithopsBaseOperator], call_parameters: frozenset[str]) -> tuple[str, ...]:
    """Returns the templated fields of an operator whose function is decorated."""
    return ("op_args", "op_kwargs", *(name for name in operator.template_fields if name not in call_parameters))


class LithopsDecoratedOperator(DecoratedOperator):
    """
    What the decorated operators share. Their classes name it as a base before the operator that they decorate with.

    :param python_callable: the function
    :param op_args: positional arguments of its call; templated
    :param op_kwargs: keyword arguments of its call; templated
    :param kwargs: the operator's other parameters
    :raises InvalidInputError: the call doesn't fit the function
    """

    shallow_copy_attrs: Sequence[str] = (
        "python_callable",
        "func",
        "map_function",
        "reduce_function",
        "combine_function",
    )
    custom_operator_name: str = ""

    #: The operator's parameter that is the function, and those that the call gives.
    function_parameter: ClassVar[str] = ""
    call_parameters: ClassVar[frozenset[str]] = frozenset()
    #: Whether the function may be a generator function with some parameters of the decorator. Whether it may be with
    #: those that were given is checked along with them.
    may_yield: ClassVar[bool] = False

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        op_args = [freeze_generator(value) for value in op_args or ()]
        op_kwargs = {name: freeze_generator(value) for name, value in (op_kwargs or {}).items()}
        # Airflow sets this private mark on an operator that a mapped one makes when it runs (3.1 to 3.3), and has no
        # public name for it. Such an operator is checked as its function is bound, so not here too.
        if not getattr(self, "_BaseOperator__from_mapped", False):
            check_names(self.custom_operator_name, python_callable, self.given(python_callable, op_args, op_kwargs))
            self.check_call(with_names(python_callable), op_args, op_kwargs)
        # Airflow checks the arguments against the function that it gets here, as if that were called with them. For a
        # map they are the items. So Airflow gets a function that takes anything, and the real one is put in its place.
        super().__init__(
            python_callable=_anything,
            op_args=op_args,
            op_kwargs=op_kwargs,
            kwargs_to_upstream={self.function_parameter: python_callable},
            **kwargs,
        )
        self.python_callable = python_callable

    def _hook_apply_defaults(self, *args: Any, **kwargs: Any) -> Any:
        """
        Leaves the arguments as they are. Airflow's own method fills in the function's arguments from ``default_args``,
        but the names there are those of operators' parameters.
        """
        return args, kwargs

    @classmethod
    @functools.cache
    def decorator_parameters(cls) -> frozenset[str]:
        """Returns the names of all parameters that the decorator takes."""
        names = {"multiple_outputs", "on_failure_fail_dagrun"}
        for base in cls.__mro__[:-1]:
            if "__init__" in vars(base):
                names |= set(inspect.signature(base.__init__).parameters)  # type: ignore[misc]
        taken = {"self", "args", "kwargs", "kwargs_to_upstream", "python_callable", "op_args", "op_kwargs"}
        return frozenset(names - taken - cls.call_parameters - {cls.function_parameter})

    @classmethod
    def check_parameters(cls, function: str, given: Mapping[str, Any]) -> None:
        """
        Checks the names of a decorator's parameters.

        :param function: name of the decorated function
        :param given: the parameters
        :raises InvalidInputError: there is no such parameter
        """
        if given.get("multiple_outputs") and issubclass(cls, LithopsMapOperator) and len(cls.phases) == 1:
            raise InvalidInputError(f"{cls.custom_operator_name} returns a list, which has no multiple_outputs")
        allowed = cls.decorator_parameters()
        for name in sorted(set(given) - allowed):
            if name in cls.call_parameters or name == cls.function_parameter:
                raise InvalidInputError(
                    f"{cls.custom_operator_name} takes no parameter {name!r}: the function is the decorated one, and "
                    f"its arguments are given in the call: {cls.example(function)}"
                )
            raise InvalidInputError(f"{cls.custom_operator_name} takes no parameter {name!r}{_hint(name, allowed)}")

    @classmethod
    def example(cls, function: str) -> str:
        """Returns how a function is called."""
        raise NotImplementedError

    @classmethod
    def check_call(cls, function: WithDefaults, args: list[Any], kwargs: dict[str, Any]) -> None:
        """
        Checks a call's arguments, as far as they are known when the DAG is parsed.

        :raises InvalidInputError: they don't fit the function
        """
        raise NotImplementedError

    @classmethod
    def check_expand(cls, function: Callable[..., Any], given: Mapping[str, Any]) -> None:
        """
        Checks the arguments of partial() and expand() together.

        :raises InvalidInputError: one is missing that the task can't do without
        """

    @classmethod
    def given(cls, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Given:
        """Returns the arguments that a call and its items give the function, as far as they are known by now."""
        return Given(len(args), kwargs)

    def execute(self, context: Context) -> Any:
        """Runs the job. Returns and raises what the operator does."""
        self._take_arguments(context)
        return super().execute(context)

    def resume(self, context: Context, event: dict[str, Any]) -> Any:
        """Goes on after the trigger has seen the job's end. Returns and raises what the operator does."""
        self._take_arguments(context)
        return super().resume(context, event)  # type: ignore[misc]

    def get_openlineage_facets_on_start(self) -> Any:
        """Returns the operator's OpenLineage facets, for the arguments of the call."""
        self._take_arguments(None)
        return super().get_openlineage_facets_on_start()  # type: ignore[misc]

    def _take_arguments(self, context: Context | None) -> None:
        """
        Sets the operator's own attributes from the call's arguments, whose templates are rendered by now, and gives the
        function the variables of the context that it asks for.

        :param context: Airflow's context, or None if the function isn't to be called
        """
        function = getattr(self, self.function_parameter)
        if context is None:
            setattr(self, self.function_parameter, with_names(function))
            return
        with failing_on_bad_input():
            given = self.given(function, list(self.op_args), self.op_kwargs)
            check_names(self.custom_operator_name, function, given)  # of a mapped task, it is known only now
            setattr(self, self.function_parameter, with_values(function, context, given))


def _hint(name: str, allowed: Collection[str]) -> str:
    """Says which other decorator has a parameter, or which of this one's may have been meant."""
    for other in (LithopsMapDecoratedOperator, LithopsMapReduceDecoratedOperator):
        if name in other.decorator_parameters():
            return f"; {other.custom_operator_name} does"
    close = difflib.get_close_matches(name, allowed, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


class LithopsCallDecoratedOperator(LithopsDecoratedOperator, LithopsCallAsyncOperator):
    """Behind ``@task.lithops``."""

    custom_operator_name = "@task.lithops"
    function_parameter = "func"
    call_parameters = frozenset({"data", "data_from_task"})
    template_fields: Sequence[str] = _fields(LithopsCallAsyncOperator, call_parameters)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **LithopsCallAsyncOperator.template_fields_renderers,
        **DecoratedOperator.template_fields_renderers,
    }

    @classmethod
    def example(cls, function: str) -> str:
        """Returns how a function is called."""
        return f"{function}(1, y=2)"

    @classmethod
    def check_call(cls, function: WithDefaults, args: list[Any], kwargs: dict[str, Any]) -> None:
        """Checks that the function can be called with the arguments."""
        bind_arguments(function, args, kwargs, parameter=cls.custom_operator_name)

    def _take_arguments(self, context: Context | None) -> None:
        super()._take_arguments(context)
        self._arguments = tuple(in_full(list(self.op_args))), in_full(dict(self.op_kwargs))

    def _lineage_inputs(self) -> tuple[list[str], list[Mapping[str, Any]]]:
        from lithops_provider.jobs.inputs.objects import object_paths

        args, kwargs = self._arguments
        binding = bind_function(self.func, parameter=self.custom_operator_name).with_object()
        if not binding.takes_object:
            return [], []
        return object_paths(self.func, [binding.bind_by_name(args, kwargs, f"the call of {binding.name}")]), []

    def _bind(
        self, context: Context, client: LithopsClient, phase: Phase, handover: Handover
    ) -> tuple[Binding, Iterable[tuple[Any, ...]]]:
        from lithops_provider.jobs.inputs.objects import bind_object

        args, kwargs = self._arguments
        binding, items = bind_arguments(self.func, args, kwargs, parameter=self.custom_operator_name)
        if binding.takes_object:
            named = binding.with_object().bind_by_name(args, kwargs, f"the call of {binding.name}")
            return self._with_references(client, *bind_object(client, self.func, named))
        return self._with_references(client, binding, items)


class LithopsMapDecoratedOperator(LithopsDecoratedOperator, LithopsMapOperator):
    """Behind ``@task.lithops_map``."""

    custom_operator_name = "@task.lithops_map"
    function_parameter = "map_function"
    call_parameters = frozenset(
        {"map_iterdata", "iterdata_from_task", "iterdata_form_task", "extra_args", "extra_params"}
    )
    template_fields: Sequence[str] = _fields(LithopsMapOperator, call_parameters)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **LithopsMapOperator.template_fields_renderers,
        **DecoratedOperator.template_fields_renderers,
    }

    @classmethod
    def example(cls, function: str) -> str:
        """Returns how a function is called."""
        return f"{function}(items, factor=3), the items first, then what all of them share as keyword arguments"

    @classmethod
    def check_call(cls, function: WithDefaults, args: list[Any], kwargs: dict[str, Any]) -> None:
        """Checks that there are items, and that the function takes what is known of them and what they share."""
        binding = cls._bound(function)
        items, shared = cls.split_call(binding, args, kwargs)
        binding.check_shared(shared, f"the call of {binding.name}")
        if isinstance(items, (list, tuple, range)) and not binding.takes_object:
            shared_binding = cls._bound(function, shared)
            for index, item in enumerate(items[:_CHECKED_ITEMS]):
                if not _known_later(item):
                    shared_binding.check_item(item, index)

    @classmethod
    def _bound(cls, function: Callable[..., Any] | WithDefaults, shared: Any = None) -> Binding:
        return bind_function(function, shared, parameter=cls.custom_operator_name, may_yield=cls.may_yield)

    @classmethod
    def split_call(cls, binding: Binding, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """
        Returns the items of a call, and its other arguments.

        :raises InvalidInputError: it has no items, or more positional arguments
        """
        first = binding.items_parameter()
        if len(args) == 1:
            return args[0], kwargs
        if not args and first in kwargs:  # as in .expand(x=...), which takes no positional arguments
            return kwargs[first], {name: value for name, value in kwargs.items() if name != first}
        problem = "no items were given" if not args else f"{len(args)} positional arguments were given"
        raise InvalidInputError(f"{cls.custom_operator_name}: {problem}; write {cls.example(binding.name)}")

    @classmethod
    def check_expand(cls, function: Callable[..., Any], given: Mapping[str, Any]) -> None:
        """Checks that the items are among the arguments."""
        first = cls._bound(function).items_parameter()
        name = function.__name__
        if first is None:
            raise InvalidInputError(f"{name} has no first parameter by whose name expand() could be given the items")
        if first not in given:
            raise InvalidInputError(
                f"expand(): {name} is a map, and its items are not given. They have the name of its first parameter: "
                f"{name}.partial({first}=items).expand(...), or {name}.expand({first}=[items of one task, ...])"
            )

    @classmethod
    def given(cls, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Given:
        """Returns the arguments that the call and its first item give the function, as far as they are known by now."""
        items = args[0] if args else kwargs.get(cls._bound(function).items_parameter() or "")
        first = items[0] if isinstance(items, (list, tuple)) and items else None
        if isinstance(first, Mapping):
            return Given(0, {*kwargs, *first})
        return Given(len(first) if isinstance(first, tuple) else 1, kwargs)

    def _take_arguments(self, context: Context | None) -> None:
        super()._take_arguments(context)
        with failing_on_bad_input():
            binding = self._bound(self.map_function)
            items, shared = self.split_call(binding, list(self.op_args), dict(self.op_kwargs))
            if items is None:
                raise InvalidInputError(
                    f"the items of {binding.name} are None: the task whose output they are was skipped, returned None, "
                    "or pushes no XCom; have it return a list"
                )
        self.map_iterdata = in_full(items)
        self.extra_args = in_full(shared) or None


class LithopsMapReduceDecoratedOperator(LithopsMapDecoratedOperator, LithopsMapReduceOperator):
    """Behind ``@task.lithops_map_reduce``."""

    custom_operator_name = "@task.lithops_map_reduce"
    may_yield = True
    template_fields: Sequence[str] = _fields(LithopsMapReduceOperator, LithopsMapDecoratedOperator.call_parameters)

    def _take_arguments(self, context: Context | None) -> None:
        super()._take_arguments(context)
        if context is None:  # then nobody binds it
            return
        function: Any = self.reduce_function
        with failing_on_bad_input():
            given = given_to_reduce(self.extra_args_reduce, by_key=self.reduce_by_key)
            function = with_values(function, context, given)
        self.reduce_function = function


def _anything(*args: Any, **kwargs: Any) -> None:
    """Stands in for the function where Airflow checks a call: every call fits its signature."""


def _known_later(item: Any) -> bool:
    """Tells whether an item is another task's output or a template, so that its value is known only at run time."""
    return hasattr(item, "resolve") or (isinstance(item, str) and "{" in item)


def in_full(value: Any) -> Any:
    """
    Returns a value in which the outputs of mapped tasks are lists. Airflow gives them as sequences that ask its API
    server for each entry.

    :param value: anything; looks into lists, tuples and dicts
    """
    from airflow.sdk.execution_time.lazy_sequence import LazyXComSequence

    if isinstance(value, LazyXComSequence):
        return list(value)
    if type(value) in (list, tuple):
        return type(value)(in_full(entry) for entry in value)
    if type(value) is dict:
        return {key: in_full(entry) for key, entry in value.items()}
    return value
