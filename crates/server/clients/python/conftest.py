"""The server that the tests ask: `.ci/clients` starts it and says where it is."""

import os
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Server:
    url: str  # without /v1
    key: str
    model: str


SERVER = Server(*(os.environ[name] for name in ("WHIT_URL", "WHIT_KEY", "WHIT_MODEL")))

# What clients read that are told nothing. LiteLLM would otherwise fetch a table of prices.
os.environ["OPENAI_API_KEY"] = SERVER.key
os.environ["OPENAI_API_BASE"] = os.environ["OPENAI_BASE_URL"] = SERVER.url + "/v1"
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"


@pytest.fixture(scope="session")
def server() -> Server:
    return SERVER
