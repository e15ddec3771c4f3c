from tonari.client import Client as Client
from tonari.contract.requests import ItemsRequest as ItemsRequest
from tonari.contract.requests import PredictRequest as PredictRequest
from tonari.contract.requests import SearchOptions as SearchOptions
from tonari.contract.requests import SearchRequest as SearchRequest
from tonari.embedded import Hit as Hit
from tonari.embedded import Index as Index
from tonari.embedded import Results as Results
from tonari.errors import *  # noqa: F403

__version__: str
