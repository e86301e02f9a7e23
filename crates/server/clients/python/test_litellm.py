"""LiteLLM, by which many programs and proxies ask."""

import asyncio

import litellm
import pytest


@pytest.fixture
def asked(server):
    return {
        "model": f"openai/{server.model}",
        "api_base": server.url + "/v1",
        "api_key": server.key,
        "messages": [{"role": "user", "content": "Who has seen the wind?"}],
        "max_tokens": 12,
        "temperature": 0,
    }


def test_a_stream_says_what_the_whole_answer_says(asked):
    whole = litellm.completion(**asked)
    assert whole.choices[0].message.content and whole.usage.completion_tokens > 0
    chunks = list(litellm.completion(**asked, stream=True, stream_options={"include_usage": True}))
    deltas = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(deltas) == whole.choices[0].message.content
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


async def test_many_ask_at_once(asked):
    answers = await asyncio.gather(*(litellm.acompletion(**asked) for _ in range(8)))
    assert len({answer.choices[0].message.content for answer in answers}) == 1


def test_tools(asked):
    parameters = {"type": "object", "properties": {"days": {"enum": [1, 2, 3]}}, "required": ["days"]}
    parameters["additionalProperties"] = False
    tool = {"type": "function", "function": {"name": "forecast", "parameters": parameters, "strict": True}}
    answer = litellm.completion(**asked | {"max_tokens": 200}, tools=[tool], tool_choice="required")
    call = answer.choices[0].message.tool_calls[0]
    assert call.function.name == "forecast" and '"days"' in call.function.arguments


def test_embeddings(asked):
    asked = {name: asked[name] for name in ("model", "api_base", "api_key")}
    two = litellm.embedding(**asked, input=["the wind", "the trees"])
    assert len(two.data) == 2 and len(two.data[0]["embedding"]) > 0


def test_errors_are_those_that_it_knows(asked):
    with pytest.raises(litellm.NotFoundError):
        litellm.completion(**asked | {"model": "openai/no-such-model"})
    with pytest.raises(litellm.BadRequestError):
        litellm.completion(**asked | {"temperature": 9})
    with pytest.raises(litellm.AuthenticationError):
        litellm.completion(**asked | {"api_key": "wrong"})
