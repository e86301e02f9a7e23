"""OpenAI's own client for Python."""

import base64
import enum
import json
import struct

import openai
import pytest
from pydantic import BaseModel, Field

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather at a place.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "maxLength": 8},
                "days": {"type": "integer", "minimum": 1, "maximum": 7},
                "unit": {"enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city", "days", "unit"],
            "additionalProperties": False,
        },
    },
}
HELLO = [{"role": "user", "content": "Who has seen the wind?"}]


@pytest.fixture
def client(server):
    return openai.OpenAI(base_url=server.url + "/v1", api_key=server.key, max_retries=0)


def test_chat_answers_and_counts(client, server):
    answer = client.chat.completions.create(model=server.model, messages=HELLO, max_completion_tokens=12, temperature=0)
    assert answer.object == "chat.completion" and answer.model == server.model and answer.id.startswith("chatcmpl-")
    choice = answer.choices[0]
    assert choice.message.role == "assistant" and choice.message.content
    assert choice.finish_reason in ("stop", "length")
    usage = answer.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert 0 < usage.completion_tokens <= 12
    assert usage.prompt_tokens_details.cached_tokens <= usage.prompt_tokens


def test_a_stream_says_what_the_whole_answer_says(client, server):
    asked = {"model": server.model, "messages": HELLO, "max_tokens": 20, "temperature": 0}
    whole = client.chat.completions.create(**asked).choices[0]
    chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole.message.content
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == whole.finish_reason
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0
    assert len({c.id for c in chunks}) == 1


def test_the_same_seed_says_the_same_and_n_answers_differ(client, server):
    asked = {"model": server.model, "messages": HELLO, "max_tokens": 16, "temperature": 1.5}
    first, second = (client.chat.completions.create(**asked, seed=7).choices[0].message.content for _ in range(2))
    assert first == second
    several = client.chat.completions.create(**asked, seed=7, n=4).choices
    assert [choice.index for choice in several] == [0, 1, 2, 3]
    assert len({choice.message.content for choice in several}) > 1


def test_log_probabilities(client, server):
    choice = client.chat.completions.create(
        model=server.model, messages=HELLO, max_tokens=5, temperature=0, logprobs=True, top_logprobs=3
    ).choices[0]
    for token in choice.logprobs.content:
        assert token.logprob <= 0 and len(token.top_logprobs) == 3
        assert token.top_logprobs[0].token == token.token, "greedy"
    assert b"".join(bytes(t.bytes) for t in choice.logprobs.content).decode() == choice.message.content


def test_stop_bias_and_penalties(client, server):
    asked = {"model": server.model, "messages": HELLO, "max_tokens": 24, "temperature": 0}
    text = client.chat.completions.create(**asked).choices[0].message.content
    word = text.split()[1]
    cut = client.chat.completions.create(**asked, stop=[word]).choices[0]
    assert cut.finish_reason == "stop" and cut.message.content == text[: text.index(word)]
    other = client.chat.completions.create(**asked, frequency_penalty=2, presence_penalty=2).choices[0]
    assert other.message.content


def test_completions(client, server):
    answer = client.completions.create(model=server.model, prompt="Who has", max_tokens=8, temperature=0, logprobs=2)
    assert answer.object == "text_completion" and answer.choices[0].text
    assert len(answer.choices[0].logprobs.tokens) == answer.usage.completion_tokens
    streamed = client.completions.create(model=server.model, prompt="Who has", max_tokens=8, temperature=0, stream=True)
    assert "".join(c.choices[0].text for c in streamed if c.choices) == answer.choices[0].text
    both = client.completions.create(model=server.model, prompt=["Who has", "Neither"], max_tokens=4)
    assert [choice.index for choice in both.choices] == [0, 1]


class Mood(enum.Enum):
    calm = "calm"
    wild = "wild"


class Wind(BaseModel):
    mood: Mood
    force: int = Field(ge=0, le=12)
    seen: bool


def test_parsed_structured_output(client, server):
    for seed in range(5):
        answer = client.chat.completions.parse(
            model=server.model, messages=HELLO, response_format=Wind, temperature=1.5, seed=seed, max_tokens=200
        )
        assert isinstance(answer.choices[0].message.parsed, Wind)


def test_json_object(client, server):
    text = client.chat.completions.create(
        model=server.model,
        messages=HELLO,
        response_format={"type": "json_object"},
        temperature=0,
        max_tokens=300,
    ).choices[0]
    if text.finish_reason == "stop":
        assert isinstance(json.loads(text.message.content), dict)


def fits(arguments: str):
    found = json.loads(arguments)
    assert set(found) == {"city", "days", "unit"} and len(found["city"]) <= 8
    assert 1 <= found["days"] <= 7 and found["unit"] in ("celsius", "fahrenheit")


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
def test_tools_that_must_be_called_are_called_and_fit(client, server, choice):
    answer = client.chat.completions.create(
        model=server.model,
        messages=HELLO,
        tools=[WEATHER],
        tool_choice=choice,
        parallel_tool_calls=False,
        temperature=1.5,
        seed=1,
        max_tokens=300,
    ).choices[0]
    assert answer.finish_reason == "tool_calls" and len(answer.message.tool_calls) == 1
    call = answer.message.tool_calls[0]
    assert call.type == "function" and call.id and call.function.name == "get_weather"
    fits(call.function.arguments)


def test_tool_calls_stream_as_deltas(client, server):
    name, arguments, reasons = "", "", []
    for chunk in client.chat.completions.create(
        model=server.model,
        messages=HELLO,
        tools=[WEATHER],
        tool_choice="required",
        parallel_tool_calls=False,
        temperature=0,
        max_tokens=300,
        stream=True,
    ):
        for choice in chunk.choices:
            reasons.append(choice.finish_reason)
            for call in choice.delta.tool_calls or []:
                assert call.index == 0
                name += call.function.name or ""
                arguments += call.function.arguments or ""
    assert name == "get_weather" and reasons[-1] == "tool_calls"
    fits(arguments)


def test_tools_that_may_not_be_called_are_not(client, server):
    answer = client.chat.completions.create(
        model=server.model, messages=HELLO, tools=[WEATHER], tool_choice="none", max_tokens=20
    ).choices[0]
    assert answer.message.tool_calls is None


def test_embeddings(client, server):
    # The client asks for base64 and decodes it.
    two = client.embeddings.create(model=server.model, input=["the wind", "the trees"]).data
    assert [item.index for item in two] == [0, 1] and two[0].embedding != two[1].embedding
    assert abs(sum(x * x for x in two[0].embedding) - 1) < 1e-3
    floats = client.embeddings.create(model=server.model, input="the wind", encoding_format="float").data[0].embedding
    assert floats == pytest.approx(two[0].embedding, abs=1e-6)
    raw = client.embeddings.with_raw_response.create(model=server.model, input="the wind", encoding_format="base64")
    packed = base64.b64decode(json.loads(raw.text)["data"][0]["embedding"])
    assert struct.unpack(f"<{len(packed) // 4}f", packed) == pytest.approx(floats, abs=1e-6)
    short = client.embeddings.create(model=server.model, input="the wind", dimensions=16).data[0].embedding
    assert len(short) == 16 and abs(sum(x * x for x in short) - 1) < 1e-3


def test_models(client, server):
    assert server.model in [model.id for model in client.models.list()]
    assert client.models.retrieve(server.model).id == server.model


def test_errors_are_those_the_client_knows(client, server):
    asked = {"model": server.model, "messages": HELLO, "max_tokens": 4}
    with pytest.raises(openai.NotFoundError) as error:
        client.chat.completions.create(**asked | {"model": "no-such-model"})
    assert error.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as error:
        client.chat.completions.create(**asked, temperature=9)
    assert error.value.param == "temperature"
    with pytest.raises(openai.BadRequestError) as error:
        client.chat.completions.create(**asked, extra_body={"best_off": 3})
    assert "best_off" in error.value.message
    with pytest.raises(openai.BadRequestError) as error:
        client.chat.completions.create(**asked | {"messages": [{"role": "user", "content": "wind " * 100_000}]})
    assert error.value.code == "context_length_exceeded"
    schema = {"name": "x", "schema": {"type": "no-such-type"}, "strict": True}
    with pytest.raises(openai.BadRequestError) as error:
        client.chat.completions.create(**asked, response_format={"type": "json_schema", "json_schema": schema})
    assert "no-such-type" in error.value.message
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=server.url + "/v1", api_key="wrong", max_retries=0).models.list()


def test_what_grammars_allow_is_all_that_comes(client, server):
    for extension, allowed in [
        (
            {"type": "grammar", "grammar": {"syntax": "lark", "definition": 'start: "yes" | "no"'}},
            {"yes", "no"},
        ),
        (
            {"type": "grammar", "grammar": {"syntax": "regex", "definition": "[ab]{3}"}},
            {a + b + c for a in "ab" for b in "ab" for c in "ab"},
        ),
        ({"type": "choice", "choices": ["north", "south"]}, {"north", "south"}),
    ]:
        for seed in range(5):
            text = client.chat.completions.create(
                model=server.model,
                messages=HELLO,
                max_tokens=20,
                temperature=1.5,
                seed=seed,
                extra_body={"response_format": extension},
            ).choices[0]
            assert text.message.content in allowed and text.finish_reason == "stop"
