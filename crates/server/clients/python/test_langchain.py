"""LangChain's client, by LangChain's own standard tests.

The model knows a poem and nothing else. What asks for knowledge, or for the decision to call a tool, is expected to fail, by name and
with the reason; everything about the protocol is in.
"""

import httpx
import pytest
from conftest import SERVER
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests


def token_of(text: str) -> int:
    asked = {"model": SERVER.model, "prompt": text, "add_special_tokens": False}
    answer = httpx.post(f"{SERVER.url}/tokenize", json=asked, headers={"Authorization": f"Bearer {SERVER.key}"})
    return answer.json()["tokens"][-1]


# By itself the model writes its poem on and on, and ends no text and no object of JSON.
BIAS = {token_of('"'): 20, token_of("}"): 16}


def knows_too_little(what):
    return pytest.mark.xfail(reason=f"the repository's model knows too little: {what}", strict=False)


class TestChat(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict:
        return {
            "model": SERVER.model,
            "temperature": 0,
            "logit_bias": BIAS,
            "max_tokens": 200,
            "max_retries": 0,
            # The default asks OpenAI alone for the usage of a stream.
            "stream_usage": True,
        }

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return SERVER.model

    @property
    def supported_usage_metadata_details(self) -> dict:
        return {"invoke": ["cache_read_input"], "stream": ["cache_read_input"]}

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        model = ChatOpenAI(**self.chat_model_params)
        # Longer than a block of the cache, and asked before.
        question = "Who has seen the wind? Neither I nor you. " * 4
        model.invoke(question)
        if not stream:
            return model.invoke(question)
        whole = None
        for chunk in model.stream(question):
            whole = chunk if whole is None else whole + chunk
        return whole

    @knows_too_little("it must find the argument 3 in the question")
    def test_tool_calling(self, model: BaseChatModel) -> None:
        super().test_tool_calling(model)

    @knows_too_little("it must find the argument 3 in the question")
    async def test_tool_calling_async(self, model: BaseChatModel) -> None:
        await super().test_tool_calling_async(model)

    @knows_too_little("it must stop after one call, and parallel_tool_calls is not asked to be false")
    def test_tool_calling_with_no_arguments(self, model: BaseChatModel) -> None:
        super().test_tool_calling_with_no_arguments(model)

    @knows_too_little("it must fill in a text that is not empty")
    def test_bind_runnables_as_tools(self, model: BaseChatModel) -> None:
        super().test_bind_runnables_as_tools(model)

    @knows_too_little("it must decide to call a tool")
    def test_agent_loop(self, model: BaseChatModel) -> None:
        super().test_agent_loop(model)

    @knows_too_little("it must write a name in Chinese")
    def test_unicode_tool_call_integration(self, model: BaseChatModel) -> None:
        super().test_unicode_tool_call_integration(model)

    @knows_too_little("it must name the fields itself, as json_object says nothing of them")
    def test_json_mode(self, model: BaseChatModel) -> None:
        super().test_json_mode(model)


class TestEmbeddings(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[OpenAIEmbeddings]:
        return OpenAIEmbeddings

    @property
    def embedding_model_params(self) -> dict:
        # Texts as texts: else the client sends token ids of OpenAI's own tokenizer.
        return {"model": SERVER.model, "check_embedding_ctx_length": False}
