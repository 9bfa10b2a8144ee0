"""A client's operations beside chat: embeddings, reranking, token counts, lists of models.

The modules that check and drive such a call are imported when one is made.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from llmgate._core.arguments import describe_options
from llmgate._core.base_client import BaseClient, run_blocking
from llmgate._core.media import FilesToRead
from llmgate._core.prepare import fit, hide_credentials, new_id, provider_of, resolve
from llmgate._core.registry import Target
from llmgate._core.views import innermost
from llmgate.errors import InvalidRequestError, MissingKeyError
from llmgate.options import CallOptions, EmbeddingOptions, ListOptions, RerankOptions
from llmgate.provider import TokenCounter
from llmgate.report import Report

if TYPE_CHECKING:
    from llmgate._core.listing import ListingCall
    from llmgate._core.tokens import Ratios
    from llmgate.embeddings import EmbeddingCall, EmbeddingInput, Embeddings
    from llmgate.messages import MessageLike
    from llmgate.models import Model, ModelList, TokenCount
    from llmgate.options import ChatCall
    from llmgate.reranking import RerankCall, RerankDocuments, Reranking


class Operations(BaseClient):
    """A client's operations beside chat."""

    _ratios: Ratios | None = None
    """The learned bytes per token; None until a count is first asked for."""

    # --- embeddings ---

    @describe_options(EmbeddingOptions)
    async def aembedding(
        self,
        model: str | Sequence[str],
        input: EmbeddingInput,
        **options: Unpack[EmbeddingOptions],
    ) -> Embeddings:
        """The embeddings of texts, in OpenAI's shape and in the order of the input.

        An argument that is None counts as absent.

        Raises:
            LLMGateError: one of the kinds in :mod:`llmgate.errors`, and nothing else; cancellation
                passes unchanged.
        """
        began = time.monotonic()
        try:
            call = self._parse_embedding(model, input, options)
        except InvalidRequestError as error:
            raise error.with_traceback(None)  # noqa: B904 - it is the same error, which says where
        return await self._embed_through(call, began)

    @describe_options(EmbeddingOptions)
    def embedding(
        self,
        model: str | Sequence[str],
        input: EmbeddingInput,
        **options: Unpack[EmbeddingOptions],
    ) -> Embeddings:
        """:meth:`aembedding` for code that is not async; it also works while a loop is running."""
        began = time.monotonic()
        try:
            call = self._parse_embedding(model, input, options)
        except InvalidRequestError as error:
            raise error.with_traceback(None)  # noqa: B904 - likewise
        return run_blocking(lambda: self._embed_through(call, began))

    def _parse_embedding(
        self, model: str | Sequence[str], given: EmbeddingInput, options: EmbeddingOptions
    ) -> EmbeddingCall:
        from llmgate._core.embed import parse_embedding  # noqa: PLC0415 - not paid for by chat

        hide_credentials(options)
        return parse_embedding(model, given, options, unsupported=self._unsupported)

    async def _embed_through(self, call: EmbeddingCall, began: float) -> Embeddings:
        """Ask the provider of a call's model, through the middleware."""
        middleware = self._middleware_of(call)
        if not middleware:
            return await self._embed(call, began)
        from llmgate.embeddings import Embeddings  # noqa: PLC0415 - not paid for by chat

        links = [each.embed for each in middleware]
        return await self._run_middleware(links, call, self._embed, Embeddings, began)

    async def _embed(self, call: EmbeddingCall, began: float) -> Embeddings:
        """Ask the provider of a call's model."""
        from llmgate._core.embed import embed_in_batches, fit_embedding  # noqa: PLC0415 - likewise

        await self._load_provider(call, began)
        target = resolve(call, self._registry)
        provider = provider_of(call, target, self._registry)
        fitted, abilities = fit_embedding(call, target, provider)
        state = await self._new_state(call, fitted, provider, began)
        try:
            return await embed_in_batches(state, abilities.max_batch)
        except MissingKeyError:  # the next call reads the environment again
            self._registry.forget(target.provider)
            raise

    # --- rerankings ---

    @describe_options(RerankOptions)
    async def arerank(
        self,
        model: str,
        query: str,
        documents: RerankDocuments,
        **options: Unpack[RerankOptions],
    ) -> Reranking:
        """Documents ordered by their relevance to a query, the most relevant first.

        An argument that is None counts as absent. All documents go in one request, since scores
        from different requests cannot be compared.

        Raises:
            UnsupportedError: when the provider does not rerank documents.
            LLMGateError: of one of the other kinds, as for every call.
        """
        began = time.monotonic()
        try:
            call = self._parse_rerank(model, query, documents, options)
        except InvalidRequestError as error:
            raise error.with_traceback(None)  # noqa: B904 - likewise
        return await self._rerank_through(call, began)

    @describe_options(RerankOptions)
    def rerank(
        self,
        model: str,
        query: str,
        documents: RerankDocuments,
        **options: Unpack[RerankOptions],
    ) -> Reranking:
        """:meth:`arerank` for code that is not async; it also works while a loop is running."""
        began = time.monotonic()
        try:
            call = self._parse_rerank(model, query, documents, options)
        except InvalidRequestError as error:
            raise error.with_traceback(None)  # noqa: B904 - likewise
        return run_blocking(lambda: self._rerank_through(call, began))

    def _parse_rerank(
        self, model: str, query: str, documents: RerankDocuments, options: RerankOptions
    ) -> RerankCall:
        from llmgate._core.rerank import parse_rerank  # noqa: PLC0415 - not paid for by chat

        hide_credentials(options)
        return parse_rerank(model, query, documents, options, unsupported=self._unsupported)

    async def _rerank_through(self, call: RerankCall, began: float) -> Reranking:
        """Ask the provider of a call's model, through the middleware."""
        if not self._middleware:
            return await self._rerank(call, began)
        from llmgate.reranking import Reranking  # noqa: PLC0415 - not paid for by chat

        links = [each.rerank for each in self._middleware]
        return await self._run_middleware(links, call, self._rerank, Reranking, began)

    async def _rerank(self, call: RerankCall, began: float) -> Reranking:
        """Ask the provider of a call's model."""
        from llmgate._core.rerank import fit_rerank, reranked  # noqa: PLC0415 - likewise

        await self._load_provider(call, began)
        target = resolve(call, self._registry)
        provider = provider_of(call, target, self._registry)
        state = await self._new_state(call, fit_rerank(call, target, provider), provider, began)
        try:
            return await reranked(state, call)
        except MissingKeyError:  # the next call reads the environment again
            self._registry.forget(target.provider)
            raise

    # --- tokens ---

    @describe_options(CallOptions)
    async def acount_tokens(
        self,
        model: str,
        messages: Iterable[MessageLike],
        **options: Unpack[CallOptions],
    ) -> TokenCount:
        """The number of tokens in the prompt of a call, tools included; no completion is made.

        The provider counts where it can. Elsewhere the result is marked as an estimate: from the
        bytes of the prompt, and from the usage of this client's calls since the first count.

        Raises:
            LLMGateError: one of the kinds in :mod:`llmgate.errors`, as for every call.
        """
        began = time.monotonic()
        try:
            try:
                call = self._parse(model, messages, False, options)
            except FilesToRead as found:
                read = await self._read_files(found, options, began)
                call = self._parse(model, read, False, options)
        except InvalidRequestError as error:
            raise error.with_traceback(None)  # noqa: B904 - likewise
        return await self._count(call, began)

    @describe_options(CallOptions)
    def count_tokens(
        self,
        model: str,
        messages: Iterable[MessageLike],
        **options: Unpack[CallOptions],
    ) -> TokenCount:
        """:meth:`acount_tokens` for code that is not async."""
        began = time.monotonic()
        try:
            call = self._parse_blocking(model, messages, False, options)
        except InvalidRequestError as error:
            raise error.with_traceback(None)  # noqa: B904 - likewise
        return run_blocking(lambda: self._count(call, began))

    async def _count(self, call: ChatCall, began: float) -> TokenCount:
        """Ask the provider of a call's model, or estimate."""
        from llmgate._core.tokens import Ratios, as_count, count_by_provider  # noqa: PLC0415 - as above

        ratios = self._ratios
        if ratios is None:
            ratios = self._ratios = Ratios()
            self._surround(ratios)
        await self._load_provider(call, began)
        target = resolve(call, self._registry)
        provider = provider_of(call, target, self._registry)
        if isinstance(innermost(provider), TokenCounter):
            fitted = as_count(fit(call, target, provider))
            found = await count_by_provider(await self._new_state(call, fitted, provider, began))
            if found is not None:
                return found
        return ratios.estimate(call, provider.name, target.model)

    # --- models ---

    @describe_options(ListOptions)
    async def alist_models(
        self, provider: str | None = None, **options: Unpack[ListOptions]
    ) -> ModelList:
        """The models that a provider lists, or those of every provider that has a key.

        An argument that is None counts as absent.

        Raises:
            UnsupportedError: when the provider does not list its models.
            LLMGateError: of one of the other kinds, as for every call.
        """
        from llmgate._core.listing import parse_listing  # noqa: PLC0415 - not paid for by chat
        from llmgate.models import ModelList  # noqa: PLC0415 - likewise

        hide_credentials(options)
        began = time.monotonic()
        call = parse_listing(provider, options)
        if provider is None:
            return await self._list_all(call, began)
        return ModelList(await self._list(provider, call, began))

    @describe_options(ListOptions)
    def list_models(self, provider: str | None = None, **options: Unpack[ListOptions]) -> ModelList:
        """:meth:`alist_models` for code that is not async."""
        hide_credentials(options)
        return run_blocking(lambda: self.alist_models(provider, **options))

    async def _list(
        self, name: str, call: ListingCall, began: float, *, is_named: bool = True
    ) -> list[Model]:
        from llmgate._core.listing import is_configured, list_models_of  # noqa: PLC0415 - not paid for by chat

        await self._load_provider(call, began)
        provider = provider_of(call, Target(name, ""), self._registry)
        if not (is_named or is_configured(provider)):
            return []
        state = await self._new_state(call, replace(call, model=""), provider, began)
        try:
            return await list_models_of(state, name, self._lists)
        except MissingKeyError:  # the next call reads the environment again
            self._registry.forget(name)
            raise

    async def _list_all(self, call: ListingCall, began: float) -> ModelList:
        from llmgate._core.listing import merge_lists  # noqa: PLC0415 - not paid for by chat

        names = self._registry.names()
        lists = [
            self._list(
                name,
                replace(call, model=f"{name}/", id=new_id(), report=Report()),
                began,
                is_named=False,
            )
            for name in names
        ]
        results = await asyncio.gather(*lists, return_exceptions=True)
        return merge_lists(names, results)
