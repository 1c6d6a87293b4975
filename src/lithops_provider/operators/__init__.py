"""Operators that run plain Python functions as serverless calls: a single call, a map, a map-reduce."""

from lithops_provider.operators.call import LithopsCallAsyncOperator
from lithops_provider.operators.map import LithopsMapOperator
from lithops_provider.operators.map_reduce import LithopsMapReduceOperator

__all__ = ["LithopsCallAsyncOperator", "LithopsMapOperator", "LithopsMapReduceOperator"]
