"""The default client, and the functions of the package that use it."""

from __future__ import annotations

from functools import cache, update_wrapper
from inspect import iscoroutinefunction, signature
from typing import Any

from llmgate._core.client import Client
from llmgate._core.prepare import hide_credentials
from llmgate.errors import RequestError


class _DefaultClient(Client):
    """The client that nobody has to close, so it does not warn about open connections."""

    _warns = False


@cache
def default_client() -> Client:
    """The client of :func:`acompletion` and :func:`completion`, which nobody has to close."""
    return _prepared.get("client") or _DefaultClient()


_prepared: dict[str, Client] = {}


def defaults(**settings: Any) -> None:
    """Configure the client behind the functions of this module, before any of them is called.

    Args:
        settings: What :class:`~llmgate.Client` takes: ``middleware``, ``hooks``, ``timeout``, …

    Raises:
        RequestError: when one of them was called already.
    """
    if default_client.cache_info().currsize:
        raise RequestError(
            "the default client is in use: call llmgate.defaults before the first completion, "
            "or make your own Client"
        )
    _prepared["client"] = _DefaultClient(**settings)


def _of_default_client(method: Any) -> Any:
    """A function with the signature of a client's method; it calls that method on the default
    client."""
    name = method.__name__

    async def await_method(*arguments: Any, **options: Any) -> Any:
        hide_credentials(options)
        return await getattr(default_client(), name)(*arguments, **options)

    def call_method(*arguments: Any, **options: Any) -> Any:
        hide_credentials(options)
        return getattr(default_client(), name)(*arguments, **options)

    function: Any = await_method if iscoroutinefunction(method) else call_method
    update_wrapper(function, method)
    function.__module__, function.__qualname__ = __name__, name
    function.__doc__ = (method.__doc__ or "").replace(":meth:", ":func:")  # none under -OO
    method_signature = signature(method)
    parameters = [*method_signature.parameters.values()][1:]
    function.__signature__ = method_signature.replace(parameters=parameters)
    return function


acompletion = _of_default_client(Client.acompletion)
completion = _of_default_client(Client.completion)
aembedding = _of_default_client(Client.aembedding)
embedding = _of_default_client(Client.embedding)
arerank = _of_default_client(Client.arerank)
rerank = _of_default_client(Client.rerank)
acount_tokens = _of_default_client(Client.acount_tokens)
count_tokens = _of_default_client(Client.count_tokens)
alist_models = _of_default_client(Client.alist_models)
list_models = _of_default_client(Client.list_models)
